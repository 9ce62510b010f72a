//! Everything about being a process: log, signals, files that others look at.

pub(crate) mod log;
