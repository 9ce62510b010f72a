//! Tests of the whole engine, in process.

mod eviction;
mod golden;
mod grammar;
mod soak;
