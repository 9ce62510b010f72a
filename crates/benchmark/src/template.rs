//! A request with places for numbers that differ each time it is sent.

use base::random::Random;
use resp::encode::write_request;

/// What is replaced, if random keys are wanted.
const PLACE: &[u8] = b"__rand_int__";

/// The bytes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    bytes: Vec<u8>,
    /// Where a number of twelve digits stands.
    places: Vec<usize>,
}

impl Template {
    /// Of a request in RESP. With `has_places` each `__rand_int__` is one.
    pub fn of_words<W: AsRef<[u8]>>(words: &[W], has_places: bool) -> Template {
        let mut bytes = Vec::new();
        write_request(&mut bytes, words.iter());
        Template::of_bytes(bytes, has_places)
    }

    /// Of a request as it stands.
    pub fn of_bytes(bytes: Vec<u8>, has_places: bool) -> Template {
        let starts_here = |at: &usize| bytes[*at..].starts_with(PLACE);
        let places =
            if has_places { (0..bytes.len()).filter(starts_here).collect() } else { vec![] };
        Template { bytes, places }
    }

    /// Appends the request with numbers below `below` in its places.
    pub fn write(&self, out: &mut Vec<u8>, random: &mut Random, below: u64) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for place in &self.places {
            let digits = format!("{:012}", random.below(below.max(1)));
            // A number of more digits would not fit; it keeps its last ones.
            let digits = &digits.as_bytes()[digits.len() - PLACE.len()..];
            out[start + place..][..PLACE.len()].copy_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_their_places() {
        let template = Template::of_words(&["GET", "key:__rand_int__"], true);
        let mut random = Random::from_seed(1);
        let mut out = b"before".to_vec();
        (0..50).for_each(|_| template.write(&mut out, &mut random, 10));
        let text = String::from_utf8(out).expect("it is ASCII");
        let keys: Vec<&str> = text.lines().filter(|line| line.starts_with("key:")).collect();
        assert_eq!(keys.len(), 50);
        assert!(keys.iter().all(|key| key.len() == 16 && key.starts_with("key:00000000000")));
        assert!(keys.iter().any(|key| *key != keys[0]));
    }

    #[test]
    fn without_places_the_word_stays() {
        let template = Template::of_words(&["GET", "__rand_int__"], false);
        let mut out = Vec::new();
        template.write(&mut out, &mut Random::from_seed(1), 10);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$12\r\n__rand_int__\r\n");
    }
}
