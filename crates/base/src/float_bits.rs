//! Binary floating point by hand: rounding to any width, and hexadecimal text.
//!
//! `strtod` and `strtold` accept `0x1.8p-3`, which the standard library does not, and the
//! standard library has no 80-bit type at all. Both need one primitive: an exact integer, perhaps
//! with something smaller left over, times a power of two, rounded once to the nearest
//! representable number, ties to even.

/// The shape of a binary format. A finite number is `mantissa * 2^exponent`.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// Bits of a mantissa, the leading one included.
    pub(crate) bits: u32,
    /// The exponent of the smallest subnormal number.
    pub(crate) min_exponent: i32,
    /// The exponent of the largest number.
    pub(crate) max_exponent: i32,
}

impl Format {
    pub(crate) const DOUBLE: Format = Format { bits: 53, min_exponent: -1074, max_exponent: 971 };
    /// x87's extended format, C's `long double` on x86-64.
    pub(crate) const EXTENDED: Format =
        Format { bits: 64, min_exponent: -16445, max_exponent: 16320 };

    /// Rounds `mantissa * 2^exponent`, plus less than one unit of `mantissa` if `sticky`, to the
    /// nearest number of this format, ties to even. Returns mantissa and exponent, the mantissa
    /// with all its bits unless the number is subnormal or zero. `None` on overflow.
    pub(crate) fn round(self, mantissa: u128, sticky: bool, exponent: i64) -> Option<(u64, i32)> {
        let length = i64::from(128 - mantissa.leading_zeros());
        if length == 0 {
            return Some((0, self.min_exponent));
        }
        // Far under the smallest number nothing is left to round.
        if exponent + length < i64::from(self.min_exponent) {
            return Some((0, self.min_exponent));
        }
        let full = exponent + length - i64::from(self.bits);
        let target = full.max(i64::from(self.min_exponent));
        let drop = target - exponent;
        let (mut rounded, mut target) = if drop <= 0 {
            assert!(!sticky, "what is left over must lie below the last bit kept");
            (mantissa << -drop, target)
        } else if drop > 127 {
            // At most 128 bits, all below the last one kept: one half exactly, or more, or less.
            let half = 1u128 << 127;
            let up = drop == 128 && (mantissa > half || (mantissa == half && sticky));
            (u128::from(up), target)
        } else {
            let kept = mantissa >> drop;
            let rest = mantissa & ((1 << drop) - 1);
            let half = 1u128 << (drop - 1);
            let up = rest > half || (rest == half && (sticky || kept & 1 == 1));
            (kept + u128::from(up), target)
        };
        if rounded >> self.bits != 0 {
            // All ones rounded up to the next power of two: the bit shifted out is zero.
            rounded >>= 1;
            target += 1;
        }
        (target <= i64::from(self.max_exponent)).then_some((rounded as u64, target as i32))
    }
}

/// A hexadecimal number as written: `mantissa * 2^exponent`, and more below it if `sticky`.
pub(crate) struct HexFloat {
    pub(crate) mantissa: u128,
    pub(crate) sticky: bool,
    pub(crate) exponent: i64,
}

/// Parses what follows the sign: `0x`, hexadecimal digits with at most one point among or around
/// them, and maybe `p` with a decimal exponent. Nothing may follow.
pub(crate) fn parse_hex(text: &[u8]) -> Option<HexFloat> {
    let [b'0', b'x' | b'X', text @ ..] = text else { return None };
    let mut number = HexFloat { mantissa: 0, sticky: false, exponent: 0 };
    let mut digits = 0;
    let mut point = false;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        match (*byte as char).to_digit(16) {
            Some(digit) => {
                digits += 1;
                if number.mantissa >> 120 == 0 {
                    number.mantissa = number.mantissa << 4 | u128::from(digit);
                    number.exponent -= if point { 4 } else { 0 };
                } else {
                    number.sticky |= digit != 0;
                    number.exponent += if point { 0 } else { 4 };
                }
            }
            None if *byte == b'.' && !point => point = true,
            None => break,
        }
        rest = tail;
    }
    if digits == 0 {
        return None;
    }
    match rest {
        [] => {}
        [b'p' | b'P', exponent @ ..] => number.exponent += parse_exponent(exponent)?,
        _ => return None,
    }
    Some(number)
}

/// A decimal exponent with an optional sign, held to ±10^9: far beyond any format, and far from
/// overflowing what is added to it.
pub(crate) fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits
        .iter()
        .fold(0, |n: i64, &digit| (n * 10 + i64::from(digit - b'0')).min(1_000_000_000));
    Some(if negative { -size } else { size })
}

/// Splits an optional sign off: whether it is a minus, and the rest.
pub(crate) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_even_neighbour() {
        let double = |m, sticky, e| Format::DOUBLE.round(m, sticky, e);
        let one = 1u128 << 53;
        assert_eq!(double(one + 1, false, 0), Some((1 << 52, 1)));
        assert_eq!(double(one + 3, false, 0), Some(((1 << 52) + 2, 1)));
        assert_eq!(double(one + 1, true, 0), Some(((1 << 52) + 1, 1)));
        assert_eq!(double((1 << 54) - 1, false, 0), Some((1 << 52, 2)));
    }

    #[test]
    fn the_smallest_number_swallows_more_than_half_of_itself() {
        let double = |m, sticky, e| Format::DOUBLE.round(m, sticky, e);
        assert_eq!(double(1, false, -1074), Some((1, -1074)));
        assert_eq!(double(1, false, -1075), Some((0, -1074)));
        assert_eq!(double(3, false, -1076), Some((1, -1074)));
        assert_eq!(double(1 << 127, false, -1202), Some((0, -1074)));
        assert_eq!(double((1 << 127) + 1, false, -1202), Some((1, -1074)));
        assert_eq!(double(1 << 127, true, -1202), Some((1, -1074)));
        assert_eq!(double(1, false, 1024), None);
    }
}
