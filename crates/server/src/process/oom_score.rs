//! `oom-score-adj`: whom the kernel kills first when memory runs out.
//!
//! Relative scores are added to the one the process had when the option was turned on, which is
//! therefore read then and restored when the option is turned off.

use std::sync::Mutex;

use config::{Config, id};

use super::log;

const PATH: &str = "/proc/self/oom_score_adj";
const SCORE_MAX: i64 = 1000;

/// What Redis answers to CONFIG SET.
pub(crate) const REFUSAL: &str = "Failed to set current oom_score_adj. Check server logs.";

/// The score from before the option was turned on, while it is.
static BEFORE: Mutex<Option<i64>> = Mutex::new(None);

/// Makes the options true. The error has been logged.
pub(crate) fn apply(config: &Config) -> Result<(), &'static str> {
    let mut before = BEFORE.lock().expect("nobody panics setting a score");
    let mode = config.choice(id::OOM_SCORE_ADJ);
    let base = match *before {
        Some(base) => base,
        None if mode == "no" => return Ok(()),
        None => current().unwrap_or(0),
    };
    *before = (mode != "no").then_some(base);
    let score = score(mode, config.oom_scores()[0], base);
    std::fs::write(PATH, score.to_string()).map_err(|error| {
        log::line('#', &format!("Unable to write oom_score_adj: {}", super::reason(&error)));
        REFUSAL
    })
}

fn current() -> Option<i64> {
    std::fs::read_to_string(PATH).ok()?.trim().parse().ok()
}

fn score(mode: &str, value: i64, base: i64) -> i64 {
    let score = match mode {
        "no" => base,
        "absolute" => value,
        _ => base + value,
    };
    score.clamp(-SCORE_MAX, SCORE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_scores_add_to_the_one_before_and_stay_in_range() {
        assert_eq!(score("no", 200, 5), 5);
        assert_eq!(score("absolute", 200, 5), 200);
        assert_eq!(score("relative", 200, 5), 205);
        assert_eq!(score("yes", 2000, 5), 1000);
    }
}
