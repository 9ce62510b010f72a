//! Moments in the local time zone, for the log.

/// Redis's form: `23 Nov 2026 03:15:48.221`.
pub(crate) fn legacy(unix_ms: i64) -> String {
    let (tm, ms) = split(unix_ms);
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    format!(
        "{:02} {} {} {:02}:{:02}:{:02}.{ms:03}",
        tm.tm_mday,
        MONTHS[tm.tm_mon.rem_euclid(12) as usize],
        1900 + tm.tm_year,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec
    )
}

/// `2026-11-23T03:15:48.221+00:00`.
pub(crate) fn iso8601(unix_ms: i64) -> String {
    let (tm, ms) = split(unix_ms);
    let offset_minutes = tm.tm_gmtoff / 60;
    format!(
        "{}-{:02}-{:02}T{:02}:{:02}:{:02}.{ms:03}{}{:02}:{:02}",
        1900 + tm.tm_year,
        tm.tm_mon + 1,
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        if offset_minutes < 0 { '-' } else { '+' },
        offset_minutes.abs() / 60,
        offset_minutes.abs() % 60
    )
}

/// Local calendar fields and the milliseconds of the second.
fn split(unix_ms: i64) -> (libc::tm, i64) {
    let seconds: libc::time_t = unix_ms.div_euclid(1000);
    // SAFETY: all zero is a valid `tm`: numbers and a null zone name.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both point to live values of the right types; on failure `tm` stays as it is.
    unsafe { libc::localtime_r(&seconds, &mut tm) };
    (tm, unix_ms.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_two_digits_for_each_field_and_three_for_milliseconds() {
        let text = legacy(1_795_403_748_021);
        assert!(text.ends_with(":48.021") && text.len() == 24, "{text}");
        let text = iso8601(1_795_403_748_021);
        assert!(text.contains(":48.021") && text.len() == 29, "{text}");
    }
}
