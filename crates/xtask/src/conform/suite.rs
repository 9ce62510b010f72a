//! The suites we run: of which Redis, where Debian has the source, and which list says what runs.
//!
//! The newer one knows the newer commands; the older one is written against a server without
//! them, and what both say the same is said twice. Each has a list of its own, so that a line
//! means one test.

use anyhow::{Context, Result};

pub(crate) struct Suite {
    pub(crate) version: &'static str,
    /// Releases of Debian that have had it. One that moves on may no longer.
    pub(super) releases: &'static [&'static str],
    /// Of the archive of the source.
    pub(super) sha256: &'static str,
    /// In the root of the repository.
    pub(crate) list: &'static str,
}

pub(crate) const SUITES: &[Suite] = &[
    Suite {
        version: "7.0.15",
        releases: &["bookworm"],
        sha256: "4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982",
        list: "conform.list",
    },
    Suite {
        version: "8.0.6",
        releases: &["sid", "forky"],
        sha256: "763bf3005bcbf77c1d8145016a9627e45219665f99cf5a736bc73ec70faf0c8e",
        list: "conform-8.0.6.list",
    },
];

/// The suite of this version of Redis.
pub(super) fn named(version: &str) -> Result<&'static Suite> {
    let versions: Vec<&str> = SUITES.iter().map(|suite| suite.version).collect();
    let found = SUITES.iter().find(|suite| suite.version == version);
    found.with_context(|| format!("there is no suite of {version}, only {}", versions.join(", ")))
}
