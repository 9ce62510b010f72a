//! What tests share: a whole server in process, without sockets, threads or a clock to wait for.
#![forbid(unsafe_code)]

pub mod crash;
pub mod disk;
pub mod golden;
pub mod history;
pub mod server;
pub mod soak;
pub mod transcript;

pub use server::{Session, TestServer};

/// The time that this thread has had a core.
pub fn thread_cpu_time() -> std::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
