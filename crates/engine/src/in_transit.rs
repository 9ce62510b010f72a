//! How much memory is taken by news on their way to the clients they are for.
//!
//! Telling clients that a key was evicted takes about as much memory as the key gave back, until
//! the workers of those clients have sent it. A worker that counted this as used would evict more
//! keys, of which clients must be told as well: everything would go because of one excess. So what
//! is in transit does not count against `maxmemory` (`eviction.rs`), up to a bound; nor does what a
//! worker gathers for its clients before it sends (`server/src/worker/mail.rs`). What a client
//! does not take from its socket is in transit no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::engine::Engine;

/// The sum over all news in transit, in bytes.
#[derive(Debug, Default)]
pub(crate) struct InTransit(Arc<AtomicUsize>);

impl InTransit {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Counts this many bytes until what is returned is dropped.
    pub(crate) fn carry(&self, bytes: usize) -> Weight {
        self.0.fetch_add(bytes, Relaxed);
        Weight { bytes, sum: self.0.clone() }
    }
}

/// Bytes that count as in transit while it lives.
#[derive(Debug)]
pub struct Weight {
    bytes: usize,
    sum: Arc<AtomicUsize>,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.sum.fetch_sub(self.bytes, Relaxed);
    }
}

impl Engine {
    /// Counts news that a worker holds for its clients until what is returned is dropped.
    pub fn in_transit(&self, bytes: usize) -> Weight {
        self.tracking.in_transit.carry(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_arrived_counts_no_more() {
        let in_transit = InTransit::default();
        let (one, other) = (in_transit.carry(100), in_transit.carry(20));
        assert_eq!(in_transit.bytes(), 120);
        drop(one);
        assert_eq!(in_transit.bytes(), 20);
        drop(other);
        assert_eq!(in_transit.bytes(), 0);
    }
}
