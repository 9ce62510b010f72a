//! A line to its words and back: inline commands, redis.conf, ACL files, the prompt of the CLI.
//!
//! Words are separated by blanks. Within a word a quoted part may begin, and ends the word:
//!
//! | | |
//! |---|---|
//! | `"..."` | `\n \r \t \b \a`, `\xHH` for any byte, `\` and another byte for that byte |
//! | `'...'` | only `\'` means something |
//!
//! # Invariants
//!
//! (1) A closing quote is followed by a blank or the end; else the whole line is refused.
//! (2) A NUL byte ends the line, as it does for C; `"\x00"` is how to write one.
//! (3) `split_args(quote(x)) == [x]` for every `x`. `fuzz_split_args` checks it.
//!
//! # What surprises
//!
//! Vertical tab and form feed separate words only where a word has not begun: `a\vb` is one word.

/// The words of `line`, unquoted; `None` if a quote is not closed or is closed inside a word.
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let end = memchr::memchr(0, line).unwrap_or(line.len());
    let mut rest = &line[..end];
    let mut words = Vec::new();
    loop {
        let blanks = rest.iter().take_while(|&&byte| is_space(byte)).count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        rest = read_word(rest, &mut word)?;
        words.push(word);
    }
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Reads one word, which may end in a quoted part, and returns what follows it.
fn read_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => return Some(rest),
            [b'"', tail @ ..] => return read_double_quoted(tail, word),
            [b'\'', tail @ ..] => return read_single_quoted(tail, word),
            [byte, tail @ ..] => (*byte, tail),
        };
        word.push(byte);
        rest = tail;
    }
}

fn read_double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [] => return None,
            [b'"', tail @ ..] => return after_closing_quote(tail),
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex_value(*high) << 4 | hex_value(*low), tail)
            }
            [b'\\', byte, tail @ ..] => (unescape(*byte), tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        word.push(byte);
        rest = tail;
    }
}

fn read_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [] => return None,
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [b'\'', tail @ ..] => return after_closing_quote(tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        word.push(byte);
        rest = tail;
    }
}

fn after_closing_quote(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(|&byte| is_space(byte)).then_some(rest)
}

fn hex_value(digit: u8) -> u8 {
    (digit as char).to_digit(16).expect("the caller saw a hexadecimal digit") as u8
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// `text` in double quotes, readable by [`split_args`]: as MONITOR and CONFIG REWRITE print it.
pub fn quote(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_quoted(&mut out, text);
    out
}

/// Appends [`quote`] of `text` to `out`.
pub fn write_quoted(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                out.extend([b'\\', b'x', high, low]);
            }
        }
    }
    out.push(b'"');
}

/// Fuzz entry: whatever a line's words are, quoting them gives them back.
pub fn fuzz_split_args(data: &[u8]) {
    assert_eq!(split_args(&quote(data)), Some(vec![data.to_vec()]));
    let Some(words) = split_args(data) else { return };
    let quoted: Vec<Vec<u8>> = words.iter().map(|word| quote(word)).collect();
    assert_eq!(split_args(&quoted.join(&b' ')), Some(words));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn lines_split_as_inline_commands_of_redis_do() {
        let data = include_str!("../testdata/split_args.txt");
        for line in data.lines().filter(|l| !l.starts_with('#')) {
            let words = split_args(line.as_bytes()).expect("the test data is quoted well");
            let actual = split_args(&words[0]);
            match &words[1][..] {
                b"none" => assert_eq!(actual, None, "{line}"),
                _ => assert_eq!(actual.as_deref(), Some(&words[2..]), "{line}"),
            }
        }
    }

    #[test]
    fn a_nul_ends_the_line() {
        assert_eq!(split_args(b"a b\0c \"d"), Some(vec![b"a".to_vec(), b"b".to_vec()]));
        assert_eq!(split_args(b"\"a\0\""), None);
        assert_eq!(split_args(b""), Some(vec![]));
    }

    #[test]
    fn quoting_names_every_byte_that_does_not_print() {
        assert_eq!(
            quote(b"a\"b\\\n\r\t\x07\x08\0\x7f\xff ~"),
            br#""a\"b\\\n\r\t\a\b\x00\x7f\xff ~""#
        );
    }

    #[test]
    fn fuzz_smoke() {
        let mut random = Random::from_seed(5);
        for _ in 0..20_000 {
            let length = random.below(20) as usize;
            let data: Vec<u8> = (0..length)
                .map(|_| b"a4fnx \\\\\"\"''\t\x0b\0\xff"[random.below(16) as usize])
                .collect();
            fuzz_split_args(&data);
        }
    }
}
