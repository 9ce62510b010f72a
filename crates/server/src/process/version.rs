//! Which server this is, in words for people and for scripts.

pub(crate) use engine::engine::{OCHRE_VERSION as OCHRE, REDIS_VERSION as REDIS};

/// The allocator, as `mem_allocator` names it.
pub(crate) const ALLOCATOR: &str = "jemalloc-5.3.1";

/// Tells builds apart, as in `--version` and `redis_build_id`.
pub(crate) fn build_id() -> String {
    let what = concat!(env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_NAME"));
    format!("{:016x}", base::crc::crc64(0, what.as_bytes()))
}

/// The line of `--version`. Scripts cut `v=` out of it, so it begins as Redis's does.
pub(crate) fn line() -> String {
    format!(
        "Redis server v={REDIS} sha=00000000:0 malloc={ALLOCATOR} bits={} build={} ochre={OCHRE}",
        usize::BITS,
        build_id()
    )
}
