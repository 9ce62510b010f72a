//! `server-cpulist` and `bio-cpulist`: cores that threads may run on.
//!
//! A list such as `0,2-5,8-14:2`: single cores, ranges, ranges with a step. Threads inherit the
//! cores of the thread that starts them, so setting them before starting threads is enough.

use rustix::thread::{CpuSet, sched_setaffinity};

use super::log;

/// Pins this thread, and those it starts from now on. An empty list changes nothing.
pub(crate) fn pin(list: &str) {
    if list.is_empty() {
        return;
    }
    let Some(cores) = parse(list) else {
        log::line('#', &format!("Not a list of cores: '{list}'"));
        return;
    };
    let mut set = CpuSet::new();
    for core in cores {
        set.set(core);
    }
    if let Err(error) = sched_setaffinity(None, &set) {
        log::line('#', &format!("Running on cores {list}: {}", super::reason(&error.into())));
    }
}

/// The cores of a list; none if it is malformed or names a core beyond any machine.
fn parse(list: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in list.split(',').map(str::trim) {
        let (range, step) = part.split_once(':').unwrap_or((part, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        let step: usize = step.parse().ok()?;
        if step == 0 || first > last || last >= CpuSet::MAX_CPU {
            return None;
        }
        cores.extend((first..=last).step_by(step));
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_cores_ranges_and_steps() {
        assert_eq!(parse("0,2-4,8-12:2"), Some(vec![0, 2, 3, 4, 8, 10, 12]));
    }

    #[test]
    fn a_malformed_list_is_refused_whole() {
        for list in ["", "a", "3-1", "1-4:0", "0-99999999", "1,,2"] {
            assert_eq!(parse(list), None, "{list}");
        }
    }
}
