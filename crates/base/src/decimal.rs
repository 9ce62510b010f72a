//! The arithmetic of INCRBYFLOAT and HINCRBYFLOAT: C's `long double`, in software.
//!
//! On x86-64 Redis reads both operands into 80-bit floating point, adds, and prints 17 decimals
//! without trailing zeros. The 64-bit mantissa is why `0.1` plus `0.2` is `0.3` there and not
//! `0.30000000000000004`. No other type gives the same texts, and Rust has no such type, so here
//! it is: three operations, each rounded exactly once, to nearest, ties to even.
//!
//! ```text
//!   value = ± mantissa × 2^exponent       mantissa < 2^64,  -16445 <= exponent <= 16320
//! ```
//!
//! # How it works
//!
//! *Reading.* Up to 19 digits and a power of ten up to 10^27 (nearly all that is ever sent) fit
//! 128-bit integers: one multiplication, or one division. All else goes through [`Natural`], an
//! integer of any length.
//!
//! *Adding.* The larger exponent is aligned to the top of 128 bits, with 63 bits to spare below.
//! What the smaller operand loses further down is remembered as one sticky bit.
//!
//! *Printing.* With a negative exponent, `mantissa × 10^17` is below 2^121, so one shift gives all
//! decimals. Otherwise it is an integer, of up to 4932 digits.
//!
//! # Invariants
//!
//! (1) The top bit of the mantissa is set, unless the exponent is the least one.
//! (2) Text outside Redis's limit of 5119 bytes is refused, so work and memory are bounded.
//!
//! # Limits
//!
//! INCRBYFLOAT's two readings, one sum and one text take about 0.2 µs where 128 bits do, and a
//! quarter of a millisecond for numbers near 10^4932.
//!
//! Source: the x87 extended format, Intel SDM volume 1, section 4.2; the table in
//! `testdata/incrbyfloat.txt` came from a real server.

use std::cmp::Ordering;

use crate::float_bits::{self, Format};

/// Redis reads at most this many bytes of a number.
const MAX_TEXT: usize = 5 * 1024 - 1;
const MIN_EXPONENT: i32 = Format::EXTENDED.min_exponent;
/// Decimals printed.
const DECIMALS: u32 = 17;
/// The largest power of five below 2^63.
const MAX_FIVES: u32 = 27;

/// An 80-bit floating point number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Finite { mantissa: u64, exponent: i32 },
    Infinite,
    Nan,
}

impl LongDouble {
    /// Reads a number as INCRBYFLOAT does: decimal or hexadecimal, `inf` and `infinity` in any
    /// case. `None` for NaN, for what overflows or vanishes, and for anything before or after.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let (negative, unsigned) = float_bits::split_sign(text);
        let (mantissa, exponent) = match unsigned {
            [b'i' | b'I', ..] => {
                let infinite = unsigned.eq_ignore_ascii_case(b"inf")
                    || unsigned.eq_ignore_ascii_case(b"infinity");
                return infinite.then_some(LongDouble { negative, size: Size::Infinite });
            }
            [b'0', b'x' | b'X', ..] => parse_hex(unsigned)?,
            _ => Decimal::scan(unsigned)?.round()?,
        };
        Some(LongDouble { negative, size: Size::Finite { mantissa, exponent } })
    }

    /// Every `i64` is represented exactly.
    pub fn from_i64(value: i64) -> LongDouble {
        let (mantissa, exponent) = round(u128::from(value.unsigned_abs()), false, 0)
            .expect("64 bits are far from overflow");
        LongDouble { negative: value < 0, size: Size::Finite { mantissa, exponent } }
    }

    pub fn is_nan(&self) -> bool {
        self.size == Size::Nan
    }

    pub fn is_infinite(&self) -> bool {
        self.size == Size::Infinite
    }

    /// The sum, rounded once. Infinite on overflow, NaN for the sum of opposite infinities.
    // The name is the operation's; an operator would hide that it rounds.
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, other: LongDouble) -> LongDouble {
        let (a, b) = match (self.size, other.size) {
            (
                Size::Finite { mantissa: m, exponent: e },
                Size::Finite { mantissa: n, exponent: f },
            ) => {
                let (a, b) = ((self.negative, m, e), (other.negative, n, f));
                if e >= f { (a, b) } else { (b, a) }
            }
            (Size::Nan, _) | (Size::Infinite, Size::Finite { .. }) => return self,
            (_, Size::Nan) | (Size::Finite { .. }, Size::Infinite) => return other,
            (Size::Infinite, Size::Infinite) if self.negative == other.negative => return self,
            (Size::Infinite, Size::Infinite) => {
                return LongDouble { negative: false, size: Size::Nan };
            }
        };
        add_finite(a, b)
    }

    /// The exact value to 17 decimals, without trailing zeros: `3`, `0.1`, `-1.5`. Never `-0`,
    /// never an exponent. Infinities are `inf` and `-inf`, else `nan`.
    pub fn to_text(&self) -> String {
        let text = match self.size {
            Size::Nan => return "nan".into(),
            Size::Infinite => "inf".into(),
            Size::Finite { mantissa, exponent } if exponent < 0 => {
                fraction_text(mantissa, exponent.unsigned_abs())
            }
            Size::Finite { mantissa, exponent } => integer_text(mantissa, exponent.unsigned_abs()),
        };
        if self.negative && text != "0" { format!("-{text}") } else { text }
    }

    pub const ZERO: LongDouble =
        LongDouble { negative: false, size: Size::Finite { mantissa: 0, exponent: MIN_EXPONENT } };

    /// The largest finite number, C's `LDBL_MAX`.
    pub const MAX: LongDouble =
        LongDouble { negative: false, size: Size::Finite { mantissa: u64::MAX, exponent: 16320 } };

    /// The number with its sign changed.
    pub const fn negated(self) -> LongDouble {
        LongDouble { negative: !self.negative, size: self.size }
    }

    /// Whether it is less than `other`; false if either is NaN.
    pub fn is_less_than(self, other: LongDouble) -> bool {
        let difference = self.add(other.negated());
        let is_zero = matches!(difference.size, Size::Finite { mantissa: 0, .. });
        difference.negative && !is_zero && !difference.is_nan()
    }
}

/// Rounds to the nearest number of this format; `None` on overflow.
fn round(mantissa: u128, sticky: bool, exponent: i64) -> Option<(u64, i32)> {
    Format::EXTENDED.round(mantissa, sticky, exponent)
}

/// Sign, mantissa, exponent.
type Signed = (bool, u64, i32);

/// Adds two finite numbers, `a` with the larger exponent.
fn add_finite(a: Signed, b: Signed) -> LongDouble {
    const SPARE: u32 = 63;
    let distance = (a.2 - b.2).unsigned_abs();
    let large = u128::from(a.1) << SPARE;
    let small = u128::from(b.1) << SPARE;
    // A bit is lost only at a distance above 63. By invariant (1) `a` then fills its 64 bits, the
    // sum has over 120, and its last bit can only tell "exact" from "a little beside".
    let aligned = small.checked_shr(distance).unwrap_or(0);
    let lost = aligned.checked_shl(distance).unwrap_or(0) != small;
    let small = aligned | u128::from(lost);

    let (negative, sum) = if a.0 == b.0 {
        (a.0, large + small)
    } else {
        match large.cmp(&small) {
            Ordering::Greater => (a.0, large - small),
            Ordering::Less => (b.0, small - large),
            Ordering::Equal => (false, 0),
        }
    };
    match round(sum, false, i64::from(a.2) - i64::from(SPARE)) {
        Some((mantissa, exponent)) => {
            LongDouble { negative, size: Size::Finite { mantissa, exponent } }
        }
        None => LongDouble { negative, size: Size::Infinite },
    }
}

fn parse_hex(text: &[u8]) -> Option<(u64, i32)> {
    let number = float_bits::parse_hex(text)?;
    let rounded = round(number.mantissa, number.sticky, number.exponent)?;
    (rounded.0 != 0 || number.mantissa == 0).then_some(rounded)
}

/// A decimal number as written: its digits times `10^exponent`.
struct Decimal<'a> {
    /// Digits with at most one point among or around them, from the first that is not zero.
    text: &'a [u8],
    /// How many digits `text` has.
    digits: usize,
    /// The digits as an integer, if there are at most 19.
    value: u64,
    exponent: i64,
}

impl Decimal<'_> {
    const MAX_SHORT: usize = 19;

    /// Reads an unsigned number that ends with the text.
    fn scan(text: &[u8]) -> Option<Decimal<'_>> {
        let mut number = Decimal { text: &[], digits: 0, value: 0, exponent: 0 };
        let mut start = None;
        let mut point = false;
        let mut any = false;
        let mut end = 0;
        for &byte in text {
            match byte {
                b'0'..=b'9' => {
                    any = true;
                    number.exponent -= i64::from(point);
                    if byte != b'0' || start.is_some() {
                        start.get_or_insert(end);
                        number.digits += 1;
                        if number.digits <= Self::MAX_SHORT {
                            number.value = number.value * 10 + u64::from(byte - b'0');
                        }
                    }
                }
                b'.' if !point => point = true,
                _ => break,
            }
            end += 1;
        }
        if !any {
            return None;
        }
        number.text = &text[start.unwrap_or(end)..end];
        match &text[end..] {
            [] => {}
            [b'e' | b'E', exponent @ ..] => {
                number.exponent += float_bits::parse_exponent(exponent)?;
            }
            _ => return None,
        }
        Some(number)
    }

    /// The nearest number, or `None` if it overflows, or vanishes without being zero.
    fn round(&self) -> Option<(u64, i32)> {
        if self.digits == 0 {
            return Some((0, MIN_EXPONENT));
        }
        // The value is below 10^magnitude, and at least a tenth of it.
        let magnitude = self.exponent + self.digits as i64;
        if !(-4951..=4933).contains(&magnitude) {
            return None;
        }
        let exponent = self.exponent as i32;
        let rounded = if self.digits > Self::MAX_SHORT || exponent.unsigned_abs() > MAX_FIVES {
            self.round_long()
        } else {
            let fives = u128::from(5u64.pow(exponent.unsigned_abs()));
            let value = u128::from(self.value);
            if exponent >= 0 {
                round(value * fives, false, self.exponent)
            } else {
                // At least 128 - 63 bits remain of the quotient: more than are kept.
                let shift = value.leading_zeros();
                let value = value << shift;
                let scale = self.exponent - i64::from(shift);
                round(value / fives, !value.is_multiple_of(fives), scale)
            }
        };
        rounded.filter(|&(mantissa, _)| mantissa != 0)
    }

    /// The same for any number of digits and any exponent.
    fn round_long(&self) -> Option<(u64, i32)> {
        let mut value = Natural::from_digits(self.text);
        let fives = self.exponent.unsigned_abs() as u32;
        if self.exponent >= 0 {
            value.multiply_by_power_of_five(fives);
            let (top, lost, shift) = value.top();
            round(top, lost, i64::from(shift) + self.exponent)
        } else {
            let mut divisor = Natural::from_u64(1);
            divisor.multiply_by_power_of_five(fives);
            let (quotient, remains, shift) = value.divide(divisor);
            round(quotient, remains, shift + self.exponent)
        }
    }
}

/// The text of `mantissa / 2^shift`.
fn fraction_text(mantissa: u64, shift: u32) -> String {
    const ONE: u64 = 10u64.pow(DECIMALS);
    let scaled = u128::from(mantissa) * u128::from(ONE);
    let rounded = if shift > 122 {
        0 // The product is below 2^121: less than half.
    } else {
        let kept = scaled >> shift;
        let rest = scaled & ((1 << shift) - 1);
        let half = 1 << (shift - 1);
        kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
    };
    let (whole, fraction) = (rounded / u128::from(ONE), rounded % u128::from(ONE));
    if fraction == 0 {
        return whole.to_string();
    }
    let mut text = format!("{whole}.{fraction:0width$}", width = DECIMALS as usize);
    text.truncate(text.trim_end_matches('0').len());
    text
}

/// The text of `mantissa * 2^shift`.
fn integer_text(mantissa: u64, shift: u32) -> String {
    if shift <= 64 {
        return (u128::from(mantissa) << shift).to_string();
    }
    let mut value = Natural::from_u64(mantissa);
    value.shift_left(shift);
    value.into_text()
}

/// An integer of any length: limbs of 64 bits, the lowest first, the last not zero.
struct Natural {
    limbs: Vec<u64>,
}

impl Natural {
    fn from_u64(value: u64) -> Natural {
        let mut natural = Natural { limbs: vec![value] };
        natural.trim();
        natural
    }

    /// From decimal digits; a point among them is passed over.
    fn from_digits(text: &[u8]) -> Natural {
        let mut natural = Natural { limbs: Vec::with_capacity(text.len() / 19 + 1) };
        let (mut chunk, mut power) = (0, 1);
        for digit in text.iter().filter(|&&byte| byte != b'.').map(|byte| byte - b'0') {
            chunk = chunk * 10 + u64::from(digit);
            power *= 10;
            if power == 10u64.pow(19) {
                natural.multiply_add(power, chunk);
                (chunk, power) = (0, 1);
            }
        }
        natural.multiply_add(power, chunk);
        natural
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    fn bits(&self) -> u32 {
        match self.limbs.last() {
            Some(last) => self.limbs.len() as u32 * 64 - last.leading_zeros(),
            None => 0,
        }
    }

    fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = addend;
        for limb in &mut self.limbs {
            let product = u128::from(*limb) * u128::from(factor) + u128::from(carry);
            *limb = product as u64;
            carry = (product >> 64) as u64;
        }
        if carry != 0 {
            self.limbs.push(carry);
        }
    }

    fn multiply_by_power_of_five(&mut self, mut power: u32) {
        while power > 0 {
            let step = power.min(MAX_FIVES);
            self.multiply_add(5u64.pow(step), 0);
            power -= step;
        }
    }

    fn shift_left(&mut self, bits: u32) {
        let (limbs, bits) = ((bits / 64) as usize, bits % 64);
        if bits > 0 {
            let mut carry = 0;
            for limb in &mut self.limbs {
                let shifted = *limb << bits | carry;
                carry = *limb >> (64 - bits);
                *limb = shifted;
            }
            if carry != 0 {
                self.limbs.push(carry);
            }
        }
        self.limbs.splice(0..0, std::iter::repeat_n(0, limbs));
        self.trim();
    }

    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        for (i, limb) in self.limbs.iter_mut().enumerate() {
            let subtrahend = other.limbs.get(i).copied().unwrap_or(0);
            (*limb, borrow) = limb.borrowing_sub(subtrahend, borrow);
        }
        assert!(!borrow, "only a smaller number is subtracted");
        self.trim();
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let lengths = self.limbs.len().cmp(&other.limbs.len());
        lengths.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }

    /// The highest bits: `(top, whether any bit below is set, how many bits are below)`.
    fn top(&self) -> (u128, bool, u32) {
        let below = self.limbs.len().saturating_sub(2);
        let (lost, top) = self.limbs.split_at(below);
        let value = top.iter().rev().fold(0, |value, limb| value << 64 | u128::from(*limb));
        (value, lost.iter().any(|&limb| limb != 0), below as u32 * 64)
    }

    /// Divides bit by bit: `(quotient, whether anything remains, shift)`, the result being
    /// `quotient * 2^shift`. The quotient has 67 or 68 bits, more than a mantissa.
    fn divide(mut self, mut divisor: Natural) -> (u128, bool, i64) {
        const STEPS: u32 = 68;
        let (mine, theirs) = (self.bits(), divisor.bits());
        self.shift_left(theirs.saturating_sub(mine));
        divisor.shift_left(mine.saturating_sub(theirs));
        let mut quotient = 0;
        for _ in 0..STEPS {
            quotient <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                quotient |= 1;
            }
            self.shift_left(1);
        }
        let shift = i64::from(mine) - i64::from(theirs) - i64::from(STEPS - 1);
        (quotient, !self.limbs.is_empty(), shift)
    }

    fn into_text(mut self) -> String {
        const CHUNK: u128 = 10u128.pow(19);
        let mut chunks = Vec::with_capacity(self.limbs.len() * 64 / 63 + 1);
        while !self.limbs.is_empty() {
            let mut remainder = 0;
            for limb in self.limbs.iter_mut().rev() {
                let value = remainder << 64 | u128::from(*limb);
                *limb = (value / CHUNK) as u64;
                remainder = value % CHUNK;
            }
            self.trim();
            chunks.push(remainder);
        }
        let mut text = chunks.pop().unwrap_or(0).to_string();
        for chunk in chunks.iter().rev() {
            text.push_str(&format!("{chunk:019}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split_args::split_args;

    /// What INCRBYFLOAT replies.
    fn sum(a: &[u8], b: &[u8]) -> String {
        let (Some(a), Some(b)) = (LongDouble::parse(a), LongDouble::parse(b)) else {
            return "-ERR value is not a valid float".into();
        };
        let sum = a.add(b);
        if sum.is_nan() || sum.is_infinite() {
            return "-ERR increment would produce NaN or Infinity".into();
        }
        sum.to_text()
    }

    #[test]
    fn sums_are_those_of_incrbyfloat_of_redis() {
        let data = include_str!("../testdata/incrbyfloat.txt");
        for line in data.lines().filter(|l| !l.starts_with('#')) {
            let words = split_args(line.as_bytes()).expect("the test data is quoted well");
            let [a, b, expected] = &words[..] else { panic!("three words: {line}") };
            assert_eq!(sum(a, b).as_bytes(), expected, "{line}");
            assert_eq!(sum(b, a).as_bytes(), expected, "the other way round: {line}");
        }
    }

    #[test]
    fn integers_are_exact() {
        for value in [0, 1, -1, 42, i64::MAX, i64::MIN, i64::MIN + 1] {
            let exact = LongDouble::from_i64(value);
            assert_eq!(exact.to_text(), value.to_string());
            assert_eq!(LongDouble::parse(value.to_string().as_bytes()), Some(exact));
        }
    }

    #[test]
    fn infinities_cancel_to_nan() {
        let inf = LongDouble::parse(b"inf").expect("a number");
        let minus = LongDouble::parse(b"-Infinity").expect("a number");
        let one = LongDouble::from_i64(1);
        assert!(inf.is_infinite() && !inf.is_nan());
        assert!(inf.add(minus).is_nan());
        assert!(inf.add(minus).add(one).is_nan());
        assert_eq!(one.add(minus).to_text(), "-inf");
        assert_eq!(inf.add(inf).to_text(), "inf");
        assert_eq!(inf.add(minus).to_text(), "nan");
    }

    #[test]
    fn short_and_long_ways_of_reading_agree() {
        // A trailing zero or two push the same value past what 128 bits are trusted with.
        for text in ["0.1", "123456789012345678", "1e27", "1e-27", "9.99999999999999999e-10"] {
            let short = Decimal::scan(text.as_bytes()).expect("a number");
            assert_eq!(short.round(), short.round_long(), "{text}");
        }
    }

    #[test]
    fn numbers_are_ordered_by_their_difference() {
        let number = |text: &str| LongDouble::parse(text.as_bytes()).expect("a number");
        let ascending =
            ["-inf", "-1e4932", "-1", "-1e-4900", "0", "1e-4900", "0.1", "1e4932", "inf"];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(number(a).is_less_than(number(b)), i < j, "{a} {b}");
            }
        }
        assert!(!number("-0").is_less_than(number("0")));
        assert!(!number("0").is_less_than(number("-0")));
        assert!(LongDouble::MAX.is_less_than(number("inf")));
        assert!(LongDouble::MAX.add(LongDouble::MAX).is_infinite());
        assert_eq!(LongDouble::MAX, number("1.18973149535723176502e+4932"));
        assert!(number("-inf").is_less_than(LongDouble::MAX.negated()));
    }
}
