//! What follows from declarations, beside what a real server says.
//!
//! The files in `testdata` hold facts asked from Redis 8.0.6: names, numbers and flags.

mod calls;
mod declarations;
mod facts;
mod names;
mod pages;
