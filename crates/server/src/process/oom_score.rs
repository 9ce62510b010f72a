//! `oom-score-adj`: whom the kernel kills first when memory runs out.
//!
//! Relative scores are added to the one the process was started with, which is therefore read
//! before the first change and restored when the option is turned off.

use std::sync::OnceLock;

use config::{Config, id};

use super::log;

const PATH: &str = "/proc/self/oom_score_adj";
const SCORE_MAX: i64 = 1000;

/// What Redis answers to CONFIG SET.
pub(crate) const REFUSAL: &str = "Failed to set current oom_score_adj. Check server logs.";

static AT_START: OnceLock<Option<i64>> = OnceLock::new();
static WAS_CHANGED: OnceLock<()> = OnceLock::new();

/// Makes the options true. The error has been logged.
pub(crate) fn apply(config: &Config) -> Result<(), &'static str> {
    let at_start = *AT_START.get_or_init(|| {
        std::fs::read_to_string(PATH).ok().and_then(|text| text.trim().parse().ok())
    });
    let mode = config.choice(id::OOM_SCORE_ADJ);
    if mode == "no" && WAS_CHANGED.get().is_none() {
        return Ok(());
    }
    let score = score(mode, config.oom_scores()[0], at_start.unwrap_or(0));
    WAS_CHANGED.get_or_init(|| ());
    std::fs::write(PATH, score.to_string()).map_err(|error| {
        log::line('#', &format!("Unable to write oom_score_adj: {}", super::reason(&error)));
        REFUSAL
    })
}

fn score(mode: &str, value: i64, at_start: i64) -> i64 {
    let score = match mode {
        "no" => at_start,
        "absolute" => value,
        _ => at_start + value,
    };
    score.clamp(-SCORE_MAX, SCORE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_scores_add_to_the_first_and_stay_in_range() {
        assert_eq!(score("no", 200, 5), 5);
        assert_eq!(score("absolute", 200, 5), 200);
        assert_eq!(score("relative", 200, 5), 205);
        assert_eq!(score("yes", 2000, 5), 1000);
    }
}
