//! Numbers and their text, as strict or lenient as Redis is in each place.
//!
//! *Integers* must be written the one way Redis would print them: no plus sign, no leading zero,
//! no `-0`, no blanks. That is what lets a string be stored as an integer and come back the same.
//!
//! *Doubles* are read as C's `strtod` reads them: `inf`, hexadecimal, a leading plus. What
//! overflows, or underflows to zero, is refused, and so is NaN.
//!
//! *Doubles* are printed with the fewest digits that read back as the same number, laid out as
//! Redis 8 and Valkey do:
//!
//! | | |
//! |---|---|
//! | an integer up to 2^62 | `4611686018427387904` |
//! | at most 7 zeros to append | `123456789012345680000` |
//! | a point within the digits, or at most 6 places before the first | `3.14`, `0.0000001` |
//! | else | `1e+20`, `1.5e-10` |
//!
//! # Limits
//!
//! Redis's own digits (Grisu2) are not the shortest for about three doubles in a thousand
//! (it prints 1e23 as `99999999999999990000000`); ours always are. Both read back as the same
//! double.

use crate::float_bits::{self, Format};

/// A canonical signed integer: `-?[1-9][0-9]*` or `0`, within range.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [digit @ b'0'..=b'9'] => Some(i64::from(digit - b'0')),
        [b'-', digits @ ..] => {
            let size = parse_u64(digits).filter(|&size| size != 0)?;
            0i64.checked_sub_unsigned(size)
        }
        digits => parse_u64(digits)?.try_into().ok(),
    }
}

/// A canonical unsigned integer: `[1-9][0-9]*` or `0`, within range.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    const MAX_DIGITS: usize = 20;
    match text {
        [digit @ b'0'..=b'9'] => return Some(u64::from(digit - b'0')),
        [b'1'..=b'9', ..] if text.len() <= MAX_DIGITS => {}
        _ => return None,
    }
    // 19 digits always fit; only a 20th can overflow.
    let (head, last) = text.split_at(text.len().min(MAX_DIGITS - 1));
    let mut value = 0u64;
    for &byte in head {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    match last {
        [] => Some(value),
        [digit @ b'0'..=b'9', ..] => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    }
}

/// A double as a score, an increment or an option may be written; see the top of this file.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, unsigned) = float_bits::split_sign(text);
    if let [b'0', b'x' | b'X', ..] = unsigned {
        let value = parse_hex_f64(unsigned)?;
        return Some(if negative { -value } else { value });
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let lossless = match value.classify() {
        std::num::FpCategory::Nan => false,
        std::num::FpCategory::Infinite => unsigned[0].is_ascii_alphabetic(),
        std::num::FpCategory::Zero => {
            let mut mantissa = unsigned.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
            !mantissa.any(|byte| matches!(byte, b'1'..=b'9'))
        }
        std::num::FpCategory::Subnormal | std::num::FpCategory::Normal => true,
    };
    lossless.then_some(value)
}

/// An unsigned hexadecimal number, correctly rounded; `None` also when it overflows or is lost.
fn parse_hex_f64(text: &[u8]) -> Option<f64> {
    let number = float_bits::parse_hex(text)?;
    let (mantissa, exponent) =
        Format::DOUBLE.round(number.mantissa, number.sticky, number.exponent)?;
    if mantissa == 0 && number.mantissa != 0 {
        return None;
    }
    const HIDDEN: u64 = 1 << 52;
    let bits = if mantissa & HIDDEN == 0 {
        mantissa
    } else {
        let biased = exponent - Format::DOUBLE.min_exponent + 1;
        (biased as u64) << 52 | (mantissa & (HIDDEN - 1))
    };
    Some(f64::from_bits(bits))
}

/// Appends `value` in decimal.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `value` in decimal.
#[inline]
pub fn write_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// How many bytes [`write_i64`] appends, the sign included.
#[inline]
pub fn i64_len(value: i64) -> usize {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    digits + usize::from(value < 0)
}

/// Appends `value` as RESP3 doubles and RESP2 bulk replies hold it; see the top of this file.
pub fn write_f64_resp(out: &mut Vec<u8>, value: f64) {
    /// Up to here every integral double prints as an integer.
    const MAX_INTEGER: f64 = (1u64 << 62) as f64;
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value < 0.0 { b"-inf" } else { b"inf" });
    } else if value == 0.0 {
        out.extend_from_slice(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() <= MAX_INTEGER && value.trunc() == value {
        write_i64(out, value as i64);
    } else {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value).as_bytes();
        if is_plain(text) {
            out.extend_from_slice(text);
            return;
        }
        if value < 0.0 {
            out.push(b'-');
        }
        Digits::parse(text).write(out);
    }
}

/// Appends `value` as C's `%.17g` prints it: ZSCAN's scores, and scores in the files of old versions.
pub fn write_f64_17g(out: &mut Vec<u8>, value: f64) {
    const DIGITS: i32 = 17;
    if !value.is_finite() || value == 0.0 {
        return write_f64_resp(out, value);
    }
    let text = format!("{value:.16e}");
    let (mantissa, exponent) = text.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = digits.trim_end_matches('0').as_bytes();
    if value < 0.0 {
        out.push(b'-');
    }
    if !(-4..DIGITS).contains(&exponent) {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            out.push(b'0');
        }
        return write_i64(out, i64::from(exponent.abs()));
    }
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent - 1) as usize, b'0');
        return out.extend_from_slice(digits);
    }
    let whole = exponent as usize + 1;
    out.extend_from_slice(&digits[..whole.min(digits.len())]);
    match digits.len().checked_sub(whole) {
        Some(0) => {}
        Some(_) => {
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
        None => out.resize(out.len() + whole - digits.len(), b'0'),
    }
}

/// Whether a printed double that is no integer already has Redis's layout, as most have: no
/// exponent, and few enough decimals.
fn is_plain(text: &[u8]) -> bool {
    let decimals = text.iter().rev().position(|&byte| byte == b'.');
    decimals.is_some_and(|decimals| decimals <= 6) && !text.contains(&b'e')
}

/// A positive number as `digits * 10^exponent`, neither first nor last digit zero.
struct Digits {
    digits: [u8; 17],
    count: usize,
    exponent: i32,
}

impl Digits {
    /// From the text of a finite double other than zero; its sign is passed over.
    fn parse(text: &[u8]) -> Digits {
        let (mantissa, exponent) = match text.iter().position(|&byte| byte == b'e') {
            Some(e) => (&text[..e], float_bits::parse_exponent(&text[e + 1..])),
            None => (text, Some(0)),
        };
        let exponent = exponent.expect("a number follows the e of a printed double") as i32;
        let mut number = Digits { digits: [0; 17], count: 0, exponent };
        let mut point = false;
        let mut zeros = 0; // Seen since the last other digit: written only if one more follows.
        for &byte in mantissa {
            match byte {
                b'-' => {}
                b'.' => point = true,
                b'0' if number.count == 0 => number.exponent -= i32::from(point),
                b'0' => {
                    zeros += 1;
                    number.exponent -= i32::from(point);
                }
                digit => {
                    number.digits[number.count..number.count + zeros].fill(b'0');
                    number.count += zeros;
                    zeros = 0;
                    number.digits[number.count] = digit;
                    number.count += 1;
                    number.exponent -= i32::from(point);
                }
            }
        }
        number.exponent += zeros as i32;
        number
    }

    fn write(&self, out: &mut Vec<u8>) {
        let digits = &self.digits[..self.count];
        let count = self.count as i32;
        // The exponent as scientific notation has it, for one digit before the point.
        let scientific = self.exponent + count - 1;
        if self.exponent >= 0 && scientific < count + 7 {
            out.extend_from_slice(digits);
            out.resize(out.len() + self.exponent as usize, b'0');
        } else if self.exponent < 0 && (self.exponent > -7 || scientific.abs() < 4) {
            let whole = count + self.exponent;
            if whole <= 0 {
                out.extend_from_slice(b"0.");
                out.resize(out.len() + -whole as usize, b'0');
                out.extend_from_slice(digits);
            } else {
                let (whole, fraction) = digits.split_at(whole as usize);
                out.extend_from_slice(whole);
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        } else {
            out.push(digits[0]);
            if count > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.extend_from_slice(if scientific < 0 { b"e-" } else { b"e+" });
            write_i64(out, i64::from(scientific.abs()));
        }
    }
}

/// A memory size of redis.conf in bytes: `100`, `64k` (1000), `64kb` (1024), up to `g` and `gb`,
/// in any case. No digits at all are zero, as in Redis; a sign or a fraction is refused, and so
/// is what does not fit (Redis wraps around).
pub fn parse_memory(text: &[u8]) -> Option<i64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let bytes_per_unit = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let count = digits.iter().try_fold(0i64, |value, digit| {
        value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
    })?;
    count.checked_mul(bytes_per_unit)
}

/// A percentage of redis.conf, `5%`: the number before the sign, not negative. The caller knows
/// the upper bound.
pub fn parse_percent(text: &[u8]) -> Option<i64> {
    parse_i64(text.strip_suffix(b"%")?).filter(|&percent| percent >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: f64) -> String {
        let mut out = Vec::new();
        write_f64_resp(&mut out, value);
        String::from_utf8(out).expect("numbers are ASCII")
    }

    #[test]
    fn seventeen_digits_are_those_of_c() {
        for (value, text) in [
            (0.1, "0.10000000000000001"),
            (-2.5, "-2.5"),
            (3.0, "3"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (1.1e-5, "1.1e-05"),
            (-1.5e300, "-1.5000000000000001e+300"),
            (0.0, "0"),
            (-0.0, "-0"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut out = Vec::new();
            write_f64_17g(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }

    #[test]
    fn integers_are_read_only_as_redis_would_print_them() {
        for value in [0, 1, -1, 9, 10, -10, 1234567890123, i64::MAX, i64::MIN, i64::MIN + 1] {
            assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
        for bad in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            "-01",
            " 1",
            "1 ",
            "1a",
            "a",
            "--1",
            "1.0",
            "1\0",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "100000000000000000000",
            "1000000000000000000a",
        ] {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"1844674407370955161x"), None);
        assert_eq!(parse_u64(b"-1"), None);
    }

    #[test]
    fn the_length_of_an_integer_is_that_of_its_text() {
        let powers = (0..19).map(|n| 10i64.pow(n)).flat_map(|p| [p - 1, p, -p, 1 - p]);
        for value in powers.chain([i64::MAX, i64::MIN]) {
            let mut out = Vec::new();
            write_i64(&mut out, value);
            assert_eq!(out, value.to_string().as_bytes());
            assert_eq!(i64_len(value), out.len(), "{value}");
        }
    }

    #[test]
    fn doubles_are_read_as_zadd_of_redis_reads_scores() {
        let inf = f64::INFINITY;
        for (text, value) in [
            ("inf", inf),
            ("+inf", inf),
            ("-INF", -inf),
            ("infinity", inf),
            ("Infinity", inf),
            ("0x10", 16.0),
            ("0X1P-2", 0.25),
            ("-0x1.8p1", -3.0),
            ("+0x10", 16.0),
            ("0x1.", 1.0),
            ("0x.1", 0.0625),
            ("0x0p99999999999", 0.0),
            ("+5", 5.0),
            ("5.", 5.0),
            (".5", 0.5),
            ("0e-999", 0.0),
            ("-0", 0.0),
            ("1e5", 1e5),
            ("0e99999999999999999999", 0.0),
            ("1e-320", 1e-320),
            ("0xffffffffffffffffffff", 1.2089258196146292e+24),
            ("0x1p-1074", 5e-324),
            ("0x1.fffffffffffff7p1023", f64::MAX),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
        for bad in [
            "nan",
            "-nan",
            "nan(1)",
            "NaN",
            "1e400",
            "-1e400",
            "+1e400",
            "1e-400",
            "0x",
            "0x1p",
            "0x.",
            "0x1p-2000",
            "0x1p1024",
            "0x1.fffffffffffff8p1023",
            "++5",
            ".",
            "5e",
            "5e+",
            "",
            " 5",
            "5 ",
            "infin",
            "infi",
            "INFINITYx",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "e5",
            "+",
            "-",
            "1,5",
            "1d5",
            "1\0",
            "0x1p+",
            "0x1 ",
        ] {
            assert_eq!(parse_f64(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn doubles_print_as_zscore_of_redis_prints_them() {
        for line in include_str!("../testdata/double.txt").lines().filter(|l| !l.starts_with('#')) {
            let (given, expected) = line.split_once(' ').expect("two words");
            let value = parse_f64(given.as_bytes()).expect("a double");
            assert_eq!(printed(value), expected, "{given}");
            assert_eq!(parse_f64(expected.as_bytes()), Some(value));
        }
        assert_eq!(printed(f64::NAN), "nan");
        assert_eq!(printed(-0.0), "-0");
        assert_eq!(printed(0.0), "0");
    }

    #[test]
    fn memory_sizes_know_both_thousands() {
        for (text, bytes) in [
            ("0", 0),
            ("100", 100),
            ("010", 10),
            ("1B", 1),
            ("64k", 64_000),
            ("64KB", 65_536),
            ("100mb", 104_857_600),
            ("3M", 3_000_000),
            ("1gb", 1 << 30),
            ("1g", 1_000_000_000),
            ("", 0),
            ("gb", 0),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(parse_memory(text.as_bytes()), Some(bytes), "{text}");
        }
        for bad in ["-1", "+1", "1 gb", "1.5gb", "1t", "9223372036854775808", "99999999999gb"] {
            assert_eq!(parse_memory(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_percentage_needs_its_sign() {
        assert_eq!(parse_percent(b"5%"), Some(5));
        assert_eq!(parse_percent(b"101%"), Some(101));
        for bad in ["%", "5", "-5%", "5%%", "1gb", "5.5%"] {
            assert_eq!(parse_percent(bad.as_bytes()), None, "{bad}");
        }
    }
}
