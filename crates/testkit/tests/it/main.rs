//! Tests of the whole engine, in process.

mod aof_crash;
mod eviction;
mod golden;
mod grammar;
mod history;
mod soak;
