//! Facts about the process for INFO: resident memory, processor time, the allocator, names.
//!
//! Each is `(section, field, value)`, the field as INFO spells it. Nothing here takes the lock of
//! the configuration: INFO holds it.

use std::time::Duration;

use tikv_jemalloc_ctl::{epoch, raw, stats};

use super::{machine, version};

type Fact = (&'static str, &'static str, String);

/// What does not change while the process runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// Absolute path of the configuration file, if there is one.
    pub(crate) config_file: Option<String>,
    /// As `process_supervised` names it.
    pub(crate) supervisor: &'static str,
}

/// All facts, now. Takes some ten microseconds: it reads from /proc.
pub(crate) fn all(identity: &Identity) -> Vec<Fact> {
    let mut facts = server(identity);
    facts.extend(memory());
    facts.extend(processor());
    facts
}

fn server(identity: &Identity) -> Vec<Fact> {
    let uname = rustix::system::uname();
    let text = |c: &std::ffi::CStr| c.to_string_lossy().into_owned();
    let os = [text(uname.sysname()), text(uname.release()), text(uname.machine())].join(" ");
    let executable =
        std::env::current_exe().map_or_else(|_| String::new(), |p| p.display().to_string());
    [
        ("redis_build_id", version::build_id()),
        ("os", os),
        ("monotonic_clock", "POSIX clock_gettime".to_owned()),
        ("multiplexing_api", "epoll".to_owned()),
        ("process_id", std::process::id().to_string()),
        ("process_supervised", identity.supervisor.to_owned()),
        ("executable", executable),
        ("config_file", identity.config_file.clone().unwrap_or_default()),
    ]
    .map(|(field, value)| ("server", field, value))
    .into()
}

fn memory() -> Vec<Fact> {
    // The allocator's figures are a snapshot that this renews; old ones are not wrong.
    let _ = epoch::advance();
    let size = |read: Result<usize, _>| read.map_or(0, |bytes| bytes as u64);
    let page_bytes = rustix::param::page_size() as u64;
    // SAFETY: the name ends with a zero and stands for a `size_t`; 4096 is MALLCTL_ARENAS_ALL.
    let muzzy: Result<usize, _> = unsafe { raw::read(b"stats.arenas.4096.pmuzzy\0") };
    [
        ("used_memory_rss", resident_bytes()),
        ("allocator_allocated", size(stats::allocated::read())),
        ("allocator_active", size(stats::active::read())),
        ("allocator_resident", size(stats::resident::read())),
        ("allocator_muzzy", size(muzzy) * page_bytes),
        ("total_system_memory", machine::memory_bytes()),
    ]
    .map(|(field, bytes)| ("memory", field, bytes.to_string()))
    .into_iter()
    .chain([("memory", "mem_allocator", version::ALLOCATOR.to_owned())])
    .collect()
}

/// Pages in memory, the second field of /proc/self/statm.
pub(crate) fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

fn processor() -> Vec<Fact> {
    let (user, system) = usage(libc::RUSAGE_SELF);
    let (user_children, system_children) = usage(libc::RUSAGE_CHILDREN);
    let (user_main, system_main) = main_thread_usage().unwrap_or_default();
    [
        ("used_cpu_sys", system),
        ("used_cpu_user", user),
        ("used_cpu_sys_children", system_children),
        ("used_cpu_user_children", user_children),
        ("used_cpu_sys_main_thread", system_main),
        ("used_cpu_user_main_thread", user_main),
    ]
    .map(|(field, time)| ("cpu", field, format!("{:.6}", time.as_secs_f64())))
    .into()
}

/// Time in our code and in the kernel.
fn usage(who: libc::c_int) -> (Duration, Duration) {
    // SAFETY: all zero is a valid `rusage`: only numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` lives through the call; on failure it stays zero.
    unsafe { libc::getrusage(who, &mut usage) };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    (time(usage.ru_utime), time(usage.ru_stime))
}

/// The first thread's share, whichever thread asks: fields 14 and 15 of its stat, in clock ticks.
fn main_thread_usage() -> Option<(Duration, Duration)> {
    let pid = std::process::id();
    let stat = std::fs::read_to_string(format!("/proc/self/task/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    let mut times = fields.split(' ').skip(14 - 3).map_while(|field| {
        let ticks: u64 = field.parse().ok()?;
        Some(Duration::from_micros(ticks * 1_000_000 / ticks_per_second))
    });
    Some((times.next()?, times.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_has_a_value_and_is_told_once() {
        let facts = all(&Identity { config_file: Some("/a".into()), supervisor: "no" });
        for (section, field, value) in &facts {
            assert!(!value.is_empty(), "{section} {field}");
            assert_eq!(facts.iter().filter(|(_, other, _)| other == field).count(), 1, "{field}");
        }
    }

    #[test]
    fn a_running_process_is_resident_and_uses_its_processor() {
        assert!(resident_bytes() > 0);
        assert!(main_thread_usage().is_some());
    }
}
