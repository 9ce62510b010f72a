//! Several small requests are read before the first of them runs, so that their keys come from
//! memory while the worker is in the kernel for the next socket (`engine/src/ahead.rs`).
//!
//! ```text
//!   receive   | request of A | of B | of C |  room for a whole read ...
//!               read A, ask for its bucket; read B, ask; read C, ask
//!               ask for the records of A, B, C; run and answer A, B, C
//! ```
//!
//! A read that brings more than [`REQUEST_BYTES_MAX`] is a pipeline or a large value: it runs at
//! once, behind what waits; so does what may be a script, since others are served while one is late
//! (`late.rs`), but not those who wait here. Of few sockets ready at a time there is little to gain and nothing to lose; more than
//! [`REQUESTS_MAX`] would make the first client wait for the last.
//!
//! # Invariants
//!
//! (1) While a client's request waits here, nothing else happens to the worker's connections but
//!     reading: whoever accepts, closes or wakes them runs what waits first.

use std::ops::Range;

use engine::ahead::Hint;
use engine::client::{Client, Closing};
use engine::clients::ClientIndex;
use store::Inside;

use super::Worker;

const REQUESTS_MAX: usize = 8;
const REQUEST_BYTES_MAX: usize = 512;
/// What waiting requests take up of the receive buffer at most.
pub(super) const WAITING_BYTES_MAX: usize = REQUESTS_MAX * REQUEST_BYTES_MAX;

/// Requests that were read and wait to run.
#[derive(Default)]
pub(super) struct Ahead {
    waiting: Vec<Waiting>,
    /// More than one socket was ready.
    pub(super) is_worth_it: bool,
}

struct Waiting {
    index: ClientIndex,
    received: Range<usize>,
    hint: Hint,
}

impl Ahead {
    /// Bytes of the receive buffer that wait.
    pub(super) fn received(&self) -> usize {
        self.waiting.last().map_or(0, |last| last.received.end)
    }
}

impl Worker {
    /// Lets what a client sent wait for others, and has its key fetched. False if it shall run now.
    pub(super) fn waits_ahead(
        &mut self,
        index: ClientIndex,
        client: &Client,
        received: Range<usize>,
    ) -> bool {
        if !self.ahead.is_worth_it || received.len() > REQUEST_BYTES_MAX {
            return false;
        }
        let input = &self.receive[received.clone()];
        let Some(hint) = self.runner.look_ahead(self.engine, client.db, input) else {
            return false;
        };
        self.ahead.waiting.push(Waiting { index, received, hint });
        true
    }

    /// Runs what was received, behind what waits.
    pub(super) fn run_behind(
        &mut self,
        inside: &mut Inside<'_>,
        index: ClientIndex,
        mut client: Box<Client>,
        received: Range<usize>,
    ) {
        if self.ahead.waiting.is_empty() {
            return self.run_received(inside, index, client, received);
        }
        let engine = self.engine;
        client.input.extend_from_slice(&self.receive[received]);
        engine.clients.mine(inside).put_back(index, client);
        self.run_ahead(inside);
        // Those who came before may have had it closed.
        let client = engine.clients.mine(inside).take(index);
        match client {
            Some(client) if client.closing == Closing::No => self.run_kept(inside, index, client),
            Some(client) => engine.clients.mine(inside).put_back(index, client),
            None => {}
        }
    }

    pub(super) fn run_ahead_if_full(&mut self, inside: &mut Inside<'_>) {
        if self.ahead.waiting.len() == REQUESTS_MAX {
            self.run_ahead(inside);
        }
    }

    /// Runs what waits.
    pub(super) fn run_ahead(&mut self, inside: &mut Inside<'_>) {
        let engine = self.engine;
        let mut waiting = std::mem::take(&mut self.ahead.waiting);
        for waiting in &waiting {
            engine.prefetch_record(waiting.hint);
        }
        for Waiting { index, received, .. } in waiting.drain(..) {
            let client = engine.clients.mine(inside).take(index);
            let mut client = client.expect("(1) it is still there");
            client.is_under_way = false;
            if inside.is_wanted() && client.closing == Closing::No {
                // Whoever wants the world may serve it while we wait, from where input is kept.
                client.input.extend_from_slice(&self.receive[received]);
                engine.clients.mine(inside).put_back(index, client);
                self.enqueue(index);
            } else if client.closing == Closing::No {
                self.run_received(inside, index, client, received);
            } else {
                // Another client had it closed meanwhile.
                client.input = Vec::new();
                engine.clients.mine(inside).put_back(index, client);
            }
        }
        self.ahead.waiting = waiting;
    }
}
