//! A look at a request that waits for its turn, only to warm the cache.
//!
//! A pipeline hides its cache misses behind each other (`batch.rs`). A client that sends one request
//! and waits has nothing to hide them behind but the requests of other clients: so the worker reads
//! several sockets before it runs the first request, and while it is in the kernel, the buckets
//! and then the records of those already read come from memory.
//!
//! It is a guess: the first argument is taken for the key. Nothing but speed depends on it.

use resp::{Batch, Limits, Pending};

use crate::batch::Runner;
use crate::engine::Engine;

/// A request of more arguments is not looked at.
const ARGS_MAX: usize = 16;

/// A key that a request seems to name.
#[derive(Clone, Copy)]
pub struct Hint {
    db: usize,
    hash: u64,
}

impl Runner {
    /// Asks for the bucket of the key in the one request that `input` is. None of anything else, and
    /// of what may run a script: while that runs, no request of others shall wait half-way.
    pub fn look_ahead(&mut self, engine: &Engine, db: usize, input: &[u8]) -> Option<Hint> {
        if input.first() != Some(&b'*') {
            return None;
        }
        let batch: &mut Batch = &mut self.ahead;
        batch.clear();
        let limits = Limits { args_max: ARGS_MAX, ..Limits::default() };
        let (end, _) = batch.parse(input, 0, 1, &limits, &mut Pending::default());
        if batch.is_empty() || batch.request(0).argc() < 2 || end != input.len() {
            return None;
        }
        let name = batch.args(0, input).at(0);
        let begins =
            |word: &[u8; 4]| name.get(..4).is_some_and(|four| four.eq_ignore_ascii_case(word));
        // DEBUG LOADAOF runs what scripts a log has.
        if [b"eval", b"fcal", b"exec", b"debu"].into_iter().any(begins) {
            return None;
        }
        let hash = engine.keyspace.key(batch.args(0, input).at(1)).hash;
        engine.keyspace.prefetch_bucket(db, hash);
        Some(Hint { db, hash })
    }
}

impl Engine {
    /// Asks for the record, some time after its bucket was asked for.
    pub fn prefetch_record(&self, hint: Hint) {
        self.keyspace.prefetch_record(hint.db, hint.hash);
    }
}
