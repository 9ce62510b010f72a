//! LATENCY GRAPH: samples as a drawing of letters.
//!
//! ```text
//!   command - high 500 ms, low 300 ms (all time high 500 ms)
//!   --------------------------------------------------------------------------------
//!     #
//!    o|
//!    ||
//!   _||
//!
//!   842        how long ago, read downwards: 8m 4s 2s
//!   mss
//! ```
//!
//! A column is a sample. Its height has three steps in each of four rows (`_`, `o`, `#`), between
//! the lowest sample and the highest; below its top a column is filled with `|`.

use engine::latency::Series;

const COLUMNS: usize = 80;
const ROWS: usize = 4;
const TOPS: [char; 3] = ['_', 'o', '#'];

/// The drawing of an event's samples.
pub(super) fn draw(event: &str, series: &Series, now_s: i64) -> String {
    let samples: Vec<_> = series.samples().collect();
    let low = samples.iter().map(|sample| sample.ms).min().unwrap_or(0);
    let high = samples.iter().map(|sample| sample.ms).max().unwrap_or(0);
    let worst = series.worst_ms;
    let mut out = format!(
        "{event} - high {high} ms, low {low} ms (all time high {worst} ms)\n{}\n",
        "-".repeat(COLUMNS)
    );
    for (i, chunk) in samples.chunks(COLUMNS).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let steps: Vec<usize> =
            chunk.iter().map(|sample| step(sample.ms - low, (high - low).max(1))).collect();
        let labels: Vec<String> = chunk.iter().map(|sample| age(now_s - sample.unix_s)).collect();
        for row in (0..ROWS).rev() {
            line(&mut out, steps.iter().map(|step| mark(*step, row * TOPS.len())));
        }
        line(&mut out, steps.iter().map(|_| ' '));
        let longest = labels.iter().map(String::len).max().unwrap_or(0);
        for at in 0..longest {
            line(&mut out, labels.iter().map(|label| label.chars().nth(at).unwrap_or(' ')));
        }
    }
    out
}

fn line(out: &mut String, letters: impl Iterator<Item = char>) {
    out.extend(letters);
    out.push('\n');
}

/// The step that a sample reaches, counted from the bottom.
fn step(above_low: u64, range: u64) -> usize {
    let steps = ROWS * TOPS.len();
    (above_low as usize * steps / range as usize).min(steps - 1)
}

/// The letter of a column in the row that begins with the step `first`.
fn mark(step: usize, first: usize) -> char {
    match step.checked_sub(first) {
        None => ' ',
        Some(within) => TOPS.get(within).copied().unwrap_or('|'),
    }
}

/// How long ago, in the largest unit that fits.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fill_rows_from_the_bottom() {
        assert_eq!([0, 50, 100].map(|ms| step(ms, 100)), [0, 6, 11]);
        let column = |step| (0..ROWS).rev().map(|row| mark(step, row * 3)).collect::<String>();
        assert_eq!(column(0), "   _");
        assert_eq!(column(6), " _||");
        assert_eq!(column(11), "#|||");
    }

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        assert_eq!([59, 60, 3599, 3600, 90_000].map(age), ["59s", "1m", "59m", "1h", "1d"]);
    }
}
