//! Moments as people write them: `2026-11-22T10:15:30.250Z`, to and from milliseconds of Unix time.
//!
//! Only UTC, and the Gregorian calendar before its time too. Years begin in March here, so that the
//! day that is not always there is the last one.

use std::fmt;

const DAY_MS: i64 = 86_400_000;
/// Of four hundred years, after which all repeats.
const ERA_DAYS: i64 = 146_097;
/// From 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: i64 = 719_468;

/// Milliseconds of Unix time that show themselves as a date and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc(pub i64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.0.div_euclid(DAY_MS));
        let ms = self.0.rem_euclid(DAY_MS);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        let ms = ms % 1000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// Days since 1970.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day)
}

/// So many digits, and nothing else.
fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Reads a moment: `2026-11-22T10:15:30Z`, with up to three digits of a second's fraction, a blank for
/// the `T`, and with or without the `Z`. None if there is no such moment.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-');
    let mut part = |count| digits(date.next()?, count);
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':');
    let mut part = || digits(time.next()?, 2);
    let (hour, minute, second) = (part()?, part()?, part()?);
    let fraction = digits(fraction, fraction.len().clamp(1, 3))
        .map(|n| n * 10_i64.pow(3 - fraction.len() as u32))?;
    let days = days_of(year, month, day);
    // A day that there is not would be another one.
    let is_valid = date_of(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
    is_valid.then(|| days * DAY_MS + (hour * 3600 + minute * 60 + second) * 1000 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2026-11-22T10:15:30Z"), Some(1_795_342_530_000));
        assert_eq!(parse("2026-11-22 10:15:30"), Some(1_795_342_530_000));
        assert_eq!(parse("2024-02-29T23:59:59.25Z"), Some(1_709_251_199_250));
        for bad in [
            "",
            "yesterday",
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:15Z",
            "2026-11-22T10:15:30.Z",
            "2026-11-22T10:15:30.1234Z",
            "2026-11-22T10:15:30+01:00",
            "2026-11-22T1\u{663}:15:30Z",
            "26-11-22T10:15:30Z",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        let mut random = crate::random::Random::from_seed(3);
        for _ in 0..10_000 {
            let ms = random.below(253_402_300_800_000) as i64;
            assert_eq!(parse(&Utc(ms).to_string()), Some(ms), "{}", Utc(ms));
        }
    }
}
