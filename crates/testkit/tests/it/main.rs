//! Tests of the whole engine, in process.

mod golden;
mod grammar;
mod soak;
