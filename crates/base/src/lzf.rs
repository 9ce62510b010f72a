//! LZF: the compression of strings in RDB files, DUMP payloads and the middle nodes of lists.
//!
//! It is fast and simple rather than strong. The output is a row of instructions, each one byte
//! and what follows it:
//!
//! ```text
//!   000nnnnn  n+1 bytes                        these bytes as they are, 1 to 32 of them
//!   lllooooo  oooooooo                         l+2 bytes from o+1 back, 3 to 8 of them
//!   111ooooo  llllllll  oooooooo               l+9 bytes from o+1 back, 9 to 264 of them
//! ```
//!
//! What is copied from the back may overlap what is being written: one byte and the instruction
//! "254 bytes from 1 back" make a run.
//!
//! # How the compressor finds what repeats
//!
//! A table remembers, for a hash of each three bytes, where they were seen last. If the place is
//! near enough and the bytes agree, a reference goes out; else the byte joins the literals.
//! The table is as large as the input asks for, so that a short string does not clear 64 KiB.
//!
//! # Limits
//!
//! An instruction of three bytes yields 264 at most: a claim of more than 88 times the compressed
//! size is refused before anything is allocated.

/// The farthest a reference reaches back.
const DISTANCE_MAX: usize = 1 << 13;
/// The most bytes of one reference.
const MATCH_MAX: usize = 264;
/// The most bytes of one literal run.
const LITERALS_MAX: usize = 32;
/// The most bytes that one compressed byte can stand for.
const EXPANSION_MAX: usize = MATCH_MAX / 3;

/// Appends the compressed form of `input` to `out` and returns true, if that form is at most
/// `bytes_max` long; else leaves `out` as it was.
pub fn compress(input: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let table_bits = (input.len().next_power_of_two().trailing_zeros()).clamp(8, 14);
    // Positions plus one: zero is nowhere.
    let mut table = vec![0u32; 1 << table_bits];
    let mut literals_from = 0;
    let mut at = 0;
    while at + 2 < input.len() && at < u32::MAX as usize {
        let place = hash(&input[at..at + 3], table_bits);
        let seen = std::mem::replace(&mut table[place], at as u32 + 1) as usize;
        let Some(len) = seen.checked_sub(1).and_then(|seen| match_length(input, seen, at)) else {
            at += 1;
            continue;
        };
        put_literals(&input[literals_from..at], out);
        put_reference(at - seen, len, out);
        if out.len() - start > bytes_max {
            break;
        }
        // The bytes that were copied can be referred to as well; three of them are enough.
        let end = at + len;
        for skipped in (end.saturating_sub(2).max(at + 1)..end).filter(|i| i + 2 < input.len()) {
            table[hash(&input[skipped..skipped + 3], table_bits)] = skipped as u32 + 1;
        }
        (at, literals_from) = (end, end);
    }
    if out.len() - start <= bytes_max {
        put_literals(&input[literals_from..], out);
    }
    let fits = out.len() - start <= bytes_max;
    if !fits {
        out.truncate(start);
    }
    fits
}

fn hash(three: &[u8], bits: u32) -> usize {
    let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
    (word.wrapping_mul(0x9e37_79b1) >> (32 - bits)) as usize
}

/// How many bytes at `at` are those at `seen`; none if too few or too far away.
fn match_length(input: &[u8], seen: usize, at: usize) -> Option<usize> {
    if at - seen > DISTANCE_MAX || input[seen..seen + 3] != input[at..at + 3] {
        return None;
    }
    let (old, new) = (&input[seen..], &input[at..]);
    let max = new.len().min(MATCH_MAX);
    Some((3..max).find(|&i| old[i] != new[i]).unwrap_or(max))
}

fn put_literals(literals: &[u8], out: &mut Vec<u8>) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

/// `back` is the distance less one.
fn put_reference(back: usize, len: usize, out: &mut Vec<u8>) {
    let (high, low) = ((back >> 8) as u8, back as u8);
    match len - 2 {
        short @ ..7 => out.extend_from_slice(&[(short as u8) << 5 | high, low]),
        long => out.extend_from_slice(&[7 << 5 | high, (long - 7) as u8, low]),
    }
}

/// Appends the `len` bytes that `input` was compressed from to `out`. False, and `out` as it was,
/// if `input` is not the compressed form of exactly so many bytes.
pub fn decompress(input: &[u8], len: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    if len > input.len().saturating_mul(EXPANSION_MAX) {
        return false;
    }
    out.reserve_exact(len);
    let is_whole = expand(input, start, start + len, out) && out.len() == start + len;
    if !is_whole {
        out.truncate(start);
    }
    is_whole
}

fn expand(mut input: &[u8], start: usize, end: usize, out: &mut Vec<u8>) -> bool {
    while let Some((&control, rest)) = input.split_first() {
        if control < 1 << 5 {
            let run = usize::from(control) + 1;
            let Some((literals, rest)) = rest.split_at_checked(run) else { return false };
            if out.len() + run > end {
                return false;
            }
            out.extend_from_slice(literals);
            input = rest;
            continue;
        }
        let (len, low, rest) = match (control >> 5, rest) {
            (7, [more, low, rest @ ..]) => (usize::from(*more) + 9, *low, rest),
            (short @ ..7, [low, rest @ ..]) => (usize::from(short) + 2, *low, rest),
            _ => return false,
        };
        let back = (usize::from(control & 0x1f) << 8 | usize::from(low)) + 1;
        let Some(from) = out.len().checked_sub(back).filter(|&from| from >= start) else {
            return false;
        };
        if out.len() + len > end {
            return false;
        }
        if back >= len {
            out.extend_from_within(from..from + len);
        } else {
            // What is copied begins to exist while it is copied.
            for i in from..from + len {
                out.push(out[i]);
            }
        }
        input = rest;
    }
    true
}

/// Expands any bytes, and compresses and expands them again.
pub fn fuzz_lzf(data: &[u8]) {
    let mut out = vec![7; 3];
    let len = data.first().map_or(0, |&len| usize::from(len) * 3);
    let is_whole = decompress(data, len, &mut out);
    assert_eq!(out.len(), if is_whole { 3 + len } else { 3 });

    let mut packed = Vec::new();
    let most = data.len() + data.len().div_ceil(LITERALS_MAX);
    assert!(compress(data, most, &mut packed), "literals always fit");
    let mut again = Vec::new();
    assert!(decompress(&packed, data.len(), &mut again), "it was just compressed");
    assert_eq!(again, data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn packed(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(compress(input, usize::MAX, &mut out));
        out
    }

    #[test]
    fn a_run_is_one_byte_and_references_to_it() {
        assert_eq!(packed(&[b'a'; 20]), [0, b'a', 7 << 5, 19 - 9, 0]);
        assert_eq!(packed(b"abcabcabcabc"), [2, b'a', b'b', b'c', 7 << 5, 0, 2]);
        assert_eq!(packed(b"abc"), [2, b'a', b'b', b'c']);
        assert_eq!(packed(b""), b"");
    }

    #[test]
    fn what_redis_compressed_expands() {
        // DUMP of a string of 200 `x` on redis-server 8.0.6.
        let mut out = Vec::new();
        assert!(decompress(&[1, b'x', b'x', 0xe0, 0xbb, 0, 1, b'x', b'x'], 200, &mut out));
        assert_eq!(out, [b'x'; 200]);
    }

    #[test]
    fn compressing_is_undone_by_expanding() {
        let mut random = Random::from_seed(5);
        for round in 0..3000 {
            let (len, letters) = (random.below(2000) as usize, 1 + random.below(5));
            let input: Vec<u8> =
                (0..len).map(|_| b'a' + random.below(letters) as u8 * 17).collect();
            let mut out = b"before".to_vec();
            assert!(decompress(&packed(&input), len, &mut out), "round {round}");
            assert_eq!(out[6..], input, "round {round}");
            fuzz_lzf(&input);
        }
    }

    #[test]
    fn far_and_long_repeats_are_found() {
        let mut random = Random::from_seed(6);
        let mut noise = vec![0; 8000];
        random.fill(&mut noise);
        let input = [&noise[..], &noise[..]].concat();
        let small = packed(&input);
        assert!(small.len() < noise.len() + noise.len() / 20, "{}", small.len());
        let mut out = Vec::new();
        assert!(decompress(&small, input.len(), &mut out));
        assert_eq!(out, input);
    }

    #[test]
    fn what_does_not_shrink_leaves_no_trace() {
        let mut out = b"before".to_vec();
        assert!(!compress(b"no repeats", 9, &mut out));
        assert!(compress(b"no repeats", 11, &mut out));
        assert_eq!(out.len(), 6 + 11);
    }

    #[test]
    fn broken_input_is_refused_and_leaves_no_trace() {
        let whole = packed(&[b"hello hello hello ", &[b'x'; 300][..]].concat());
        let mut out = b"before".to_vec();
        for cut in 0..whole.len() {
            assert!(!decompress(&whole[..cut], 318, &mut out), "cut at {cut}");
            assert_eq!(out, b"before");
        }
        assert!(!decompress(&whole, 317, &mut out) && !decompress(&whole, 319, &mut out));
        assert!(!decompress(&[0x20, 0], 3, &mut out), "a reference to before the beginning");
        assert!(!decompress(&whole, usize::MAX, &mut out), "more than it could ever be");
    }
}
