//! Replies of commands as Lua values, numbers as text.

/// A number as Lua 5.1 writes it: `%.14g`.
pub(crate) fn number_text(n: f64) -> Vec<u8> {
    general(n, 14)
}

/// `%.{precision}g` of C.
pub(crate) fn general(n: f64, precision: usize) -> Vec<u8> {
    if n.is_nan() {
        return if n.is_sign_negative() { b"-nan".to_vec() } else { b"nan".to_vec() };
    }
    if n.is_infinite() {
        return if n < 0.0 { b"-inf".to_vec() } else { b"inf".to_vec() };
    }
    if n == 0.0 {
        return if n.is_sign_negative() { b"-0".to_vec() } else { b"0".to_vec() };
    }
    let precision = precision.max(1);
    let scientific = format!("{n:.*e}", precision - 1);
    let (digits, exponent) = scientific.split_once('e').expect("this format has an exponent");
    let exponent: i32 = exponent.parse().expect("this format's exponent is an integer");
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(digits), exponent.abs()).into_bytes();
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    trim(&format!("{n:.decimals$}")).into_bytes()
}

/// A number as an argument of a command: an integer if it is one, else so that it reads back the
/// same.
pub(crate) fn write_argument(out: &mut Vec<u8>, n: f64) {
    if n.trunc() == n && n.abs() < 9.2e18 {
        base::number::write_i64(out, n as i64);
    } else {
        base::number::write_f64_17g(out, n);
    }
}

/// What is left of a reply.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn line(&mut self) -> &'a [u8] {
        let end = memchr_crlf(self.0);
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.get(2..).unwrap_or(&[]);
        line
    }

    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest.get(2..).unwrap_or(&[]);
        taken
    }

    /// The number behind the kind of an aggregate; less than none: there is nothing.
    pub(crate) fn count(line: &[u8]) -> i64 {
        base::number::parse_i64(line).unwrap_or(-1)
    }
}

fn memchr_crlf(bytes: &[u8]) -> usize {
    // Lines are short, and a command writes no bare CR into one.
    bytes.iter().position(|byte| *byte == b'\r').unwrap_or(bytes.len())
}
