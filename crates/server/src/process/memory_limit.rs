//! The memory this process is granted: by its cgroup, or else all the machine has.
//!
//! `maxmemory 75%` is a share of this. A container's limit is the least of those of its cgroup and
//! of all above it that can be seen:
//!
//! ```text
//!   /proc/self/cgroup      0::/a/b           v2     /sys/fs/cgroup/a/b/memory.max, a/memory.max, …
//!                          9:memory:/a/b     v1     /sys/fs/cgroup/memory/a/b/memory.limit_in_bytes, …
//! ```
//!
//! Inside a container the path often is as the host sees it, and the files are not there; those at
//! the top are then the container's own.

use std::path::{Path, PathBuf};

use super::machine;

/// Bytes. Read anew each time: a limit may change while we run.
pub(crate) fn granted_bytes() -> u64 {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups).into_iter().filter_map(|file| read_limit(&file));
    limits.min().unwrap_or(u64::MAX).min(machine::memory_bytes())
}

fn read_limit(file: &Path) -> Option<u64> {
    // `max`, and in v1 a number near 2^63, is no limit.
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The files that may hold a limit, by the text of /proc/self/cgroup.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) =
            (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (top, name) = if number == "0" && controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let group = Path::new(path.trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| Path::new(top).join(group).join(name)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(groups: &str, expected: &[&str]) {
        let files = limit_files(groups);
        let files: Vec<&str> = files.iter().filter_map(|file| file.to_str()).collect();
        assert_eq!(files, expected, "{groups}");
    }

    #[test]
    fn limits_are_looked_for_in_the_group_and_all_above_it() {
        check(
            "0::/pods/ochre",
            &[
                "/sys/fs/cgroup/pods/ochre/memory.max",
                "/sys/fs/cgroup/pods/memory.max",
                "/sys/fs/cgroup/memory.max",
            ],
        );
        check(
            "9:memory:/docker\n1:cpu,cpuacct:/docker\n0::/",
            &[
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory.max",
            ],
        );
        check("", &[]);
        check("garbage", &[]);
    }

    #[test]
    fn no_more_is_granted_than_there_is() {
        assert!((1..=machine::memory_bytes()).contains(&granted_bytes()));
    }
}
