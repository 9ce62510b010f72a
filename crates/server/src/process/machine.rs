//! What the machine is like, and what of it a server should not be run with.
//!
//! Cores are asked of the standard library: it counts what the scheduler and the cgroup's quota
//! (v1 and v2) grant this process.

use config::{Config, id};

use super::log;

/// Cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Bytes of memory in the machine.
pub(crate) fn memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram as u64 * u64::from(info.mem_unit)
}

/// Warnings about what the operator could do better.
pub(crate) fn warn(config: &Config) {
    let backlog = config.int(id::TCP_BACKLOG);
    if let Some(max) = somaxconn().filter(|max| *max < backlog) {
        log::line(
            '#',
            &format!(
                "WARNING: The TCP backlog setting of {backlog} cannot be enforced because \
                 /proc/sys/net/core/somaxconn is set to the lower value of {max}."
            ),
        );
    }
    if overcommit_is_forbidden() {
        log::line('#', &format!("WARNING {OVERCOMMIT}"));
    }
}

/// Redis needs `vm.overcommit_memory = 1` to fork. Ochre never forks, so only the mode that counts
/// what is merely reserved can hurt it.
const OVERCOMMIT: &str = "Memory overcommit is forbidden (vm.overcommit_memory = 2): allocations \
    may fail while memory is free, since the allocator reserves more than it uses. To fix this, \
    run 'sysctl vm.overcommit_memory=0'.";
const HUGE_PAGES: &str = "WARNING Transparent huge pages are always on and could not be turned \
    off for this process: memory use will be higher than need be. To fix this, run 'echo madvise \
    > /sys/kernel/mm/transparent_hugepage/enabled' as root, now and at each boot.";
const CLOCK: &str = "The clock source is slow, so that each look at the time is a system call. To \
    fix this, run 'echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource' \
    as root.";
const BACKLOG: &str = "The kernel queues fewer than 511 new connections (net.core.somaxconn).";

/// `--check-system`: prints each check. True if all is well.
pub(crate) fn check() -> bool {
    let clock = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let slow = clock.is_some_and(|name| {
        !matches!(
            name.as_str(),
            "tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page"
        )
    });
    let checks = [
        ("slow-clocksource", slow, CLOCK),
        ("overcommit", overcommit_is_forbidden(), OVERCOMMIT),
        ("THP", huge_pages_are_forced(), HUGE_PAGES),
        ("somaxconn", somaxconn().is_some_and(|max| max < 511), BACKLOG),
    ];
    for (name, is_bad, text) in checks {
        match is_bad {
            true => println!("[{name}]...WARNING:\n{text}"),
            false => println!("[{name}]...OK"),
        }
    }
    checks.iter().all(|(_, is_bad, _)| !is_bad)
}

/// `--test-memory`: writes patterns to so much memory and reads them back. True if all came back.
pub(crate) fn test_memory(megabytes: usize) -> bool {
    const PATTERNS: [u64; 4] = [0, u64::MAX, 0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa];
    let mut words: Vec<u64> = Vec::new();
    if words.try_reserve_exact(megabytes * (1 << 20) / 8).is_err() {
        println!("Unable to allocate {megabytes} megabytes");
        return false;
    }
    words.resize(words.capacity(), 0);
    let mut errors = 0;
    for pattern in PATTERNS {
        for (i, word) in words.iter_mut().enumerate() {
            // Each word differs, so that two addresses of one cell are found too.
            *word = std::hint::black_box(pattern ^ i as u64);
        }
        let wrong = words
            .iter()
            .enumerate()
            .filter(|(i, word)| std::hint::black_box(**word) != pattern ^ *i as u64);
        errors += wrong.count();
    }
    match errors {
        0 => println!("Your memory passed this test. It is a short one: memtest86 tests better."),
        errors => println!("*** MEMORY ERRORS: {errors} words did not keep what was written."),
    }
    errors == 0
}

fn read(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}

fn somaxconn() -> Option<i64> {
    read("/proc/sys/net/core/somaxconn")?.parse().ok()
}

fn overcommit_is_forbidden() -> bool {
    read("/proc/sys/vm/overcommit_memory").is_some_and(|mode| mode == "2")
}

fn huge_pages_are_forced() -> bool {
    read("/sys/kernel/mm/transparent_hugepage/enabled")
        .is_some_and(|text| text.contains("[always]"))
}
