//! Tests of the whole engine, in process.

mod soak;
