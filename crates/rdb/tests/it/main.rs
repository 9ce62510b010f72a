//! Payloads of real servers, whole and spoilt, under an eye on memory.

mod mutations;
