//! Notes of time: when what follows was done, on lines that other servers skip.
//!
//! ```text
//!   #TS:1795342530\r\n  #AT:1795342530120\r\n  *3 SET …  *2 DEL …  #AT:1795342530123\r\n  *3 SET …
//!   └ Redis's, each second  └ ours, each millisecond in which there was something
//! ```
//!
//! A command was done at the moment noted last before it, or if that is Redis's note, within its
//! second. The moments are those of the [stream](crate::Moment), taken between the change and its
//! reply. `#AT:?` says that from here on it is not known: `aof-timestamp-enabled` was switched off.
//! What stands before any note is of an unknown moment too, but not later than what is noted next.

use crate::moments::Moment;
use crate::reader::Reader;

const UNKNOWN: &[u8] = b"#AT:?\r\n";

/// What a note says of what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Done within `[from_ms, until_ms)`.
    Within {
        from_ms: i64,
        until_ms: i64,
    },
    Unknown,
}

/// None if it is some other line. `line` has no end.
pub fn parse(line: &[u8]) -> Option<Said> {
    let text = std::str::from_utf8(line).ok()?;
    let (from_ms, span_ms) = match text.strip_prefix("#AT:") {
        Some("?") => return Some(Said::Unknown),
        Some(ms) => (ms.parse::<i64>().ok()?, 1),
        None => (text.strip_prefix("#TS:")?.parse::<i64>().ok()?.checked_mul(1000)?, 1000),
    };
    Some(Said::Within { from_ms, until_ms: from_ms.checked_add(span_ms)? })
}

/// The lines that say so; the second too if it is another than `noted_s`.
pub fn lines(ms: i64, noted_s: Option<i64>) -> Vec<u8> {
    let s = ms.div_euclid(1000);
    let second = if noted_s == Some(s) { String::new() } else { format!("#TS:{s}\r\n") };
    format!("{second}#AT:{ms}\r\n").into_bytes()
}

/// What a file says of the time at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noted {
    Nothing,
    /// It was there before us.
    Perhaps,
    At(i64),
    Unknown,
}

/// The notes of a file that is being written.
pub(super) struct Times {
    is_on: bool,
    noted: Noted,
    /// Of the last record that was noted.
    last_ms: Option<i64>,
    taken: Vec<Moment>,
}

impl Times {
    /// `has_bytes`: the file is not empty.
    pub(super) fn new(has_bytes: bool) -> Times {
        let noted = if has_bytes { Noted::Perhaps } else { Noted::Nothing };
        Times { is_on: false, noted, last_ms: None, taken: Vec::new() }
    }

    /// Another file begins.
    pub(super) fn begin_file(&mut self) {
        self.noted = Noted::Nothing;
    }

    /// `aof-timestamp-enabled`. What is read from here on is what it is about.
    pub(super) fn follow(&mut self, is_wanted: bool, reader: &Reader) {
        if is_wanted != self.is_on {
            reader.keep_moments(is_wanted);
            (self.is_on, self.last_ms) = (is_wanted, None);
        }
    }

    /// Puts notes into a group that begins at `begins_at` of the stream, and where a record does if
    /// it `begins_whole`.
    pub(super) fn note(
        &mut self,
        group: &mut Vec<u8>,
        begins_at: u64,
        begins_whole: bool,
        reader: &Reader,
    ) {
        let mut taken = std::mem::take(&mut self.taken);
        if self.is_on {
            reader.take_moments(&mut taken);
        }
        let mut noted = Vec::new();
        if begins_whole && taken.first().is_none_or(|moment| moment.offset > begins_at) {
            noted.extend(self.head());
        }
        if !(taken.is_empty() && noted.is_empty()) {
            noted.reserve(group.len() + 48 * taken.len());
            let mut at = 0;
            for moment in taken.drain(..) {
                let here = (moment.offset - begins_at) as usize;
                noted.extend_from_slice(&group[at..here]);
                noted.extend(self.say(moment.ms));
                at = here;
            }
            noted.extend_from_slice(&group[at..]);
            *group = noted;
        }
        self.taken = taken;
    }

    /// What must be said before a record of no new moment.
    fn head(&mut self) -> Vec<u8> {
        match (self.last_ms, self.noted) {
            // The first one of a file.
            (Some(ms), Noted::Nothing) => self.say(ms),
            // What was noted before is not about this one.
            (None, Noted::At(_) | Noted::Perhaps) => {
                self.noted = Noted::Unknown;
                UNKNOWN.to_vec()
            }
            _ => Vec::new(),
        }
    }

    fn say(&mut self, ms: i64) -> Vec<u8> {
        let noted_s = match self.noted {
            Noted::At(ms) => Some(ms.div_euclid(1000)),
            _ => None,
        };
        (self.noted, self.last_ms) = (Noted::At(ms), Some(ms));
        lines(ms, noted_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Journal;

    #[test]
    fn notes_are_read_back() {
        assert_eq!(lines(1_795_342_530_123, None), b"#TS:1795342530\r\n#AT:1795342530123\r\n");
        assert_eq!(lines(1999, Some(1)), b"#AT:1999\r\n");
        let within = |from_ms, until_ms| Some(Said::Within { from_ms, until_ms });
        assert_eq!(parse(b"#AT:1999"), within(1999, 2000));
        assert_eq!(parse(b"#TS:2"), within(2000, 3000));
        assert_eq!(parse(b"#AT:?"), Some(Said::Unknown));
        for other in ["#AT:", "#AT:x", "#TS:?", "#CRC:1:2:3", "#TS:9223372036854775807"] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn each_record_stands_behind_its_moment() {
        let journal = Journal::new(1, 1 << 20);
        let mut reader = journal.reader(None).expect("a journal has its end");
        let mut times = Times::new(true);
        let mut begins_at = reader.offset();
        times.follow(true, &reader);
        let mut group = |times: &mut Times, is_on: bool| {
            times.follow(is_on, &reader);
            let mut group = Vec::new();
            reader.read(|bytes| group.extend_from_slice(bytes)).expect("it is not behind");
            times.note(&mut group, begins_at, true, &reader);
            begins_at = reader.offset();
            String::from_utf8(group).expect("it is text").replace("\r\n", " ")
        };
        let put = |ms: u64, text: &str| {
            journal.set_clock_ms(ms);
            journal.append_raw(0, &[text.as_bytes()]);
        };
        put(1200, "a ");
        put(1200, "b ");
        put(1201, "c ");
        put(2000, "d ");
        let expected = "#TS:1 #AT:1200 a b #AT:1201 c #TS:2 #AT:2000 d ";
        assert_eq!(group(&mut times, true), expected);
        put(2000, "e ");
        assert_eq!(group(&mut times, true), "e ");
        times.begin_file();
        put(2000, "f ");
        put(2003, "g ");
        assert_eq!(group(&mut times, true), "#TS:2 #AT:2000 f #AT:2003 g ");
        journal.append_raw(0, &[b"h "]);
        assert_eq!(group(&mut times, false), "#AT:? h ");
        journal.append_raw(0, &[b"i "]);
        assert_eq!(group(&mut times, false), "i ");
    }
}
