//! Replies that wait for the disk: while `appendfsync` is `always`, or the disk does not keep up.
//!
//! ```text
//!   a turn's replies ─► is everything so far on the disk? ── yes ──► socket
//!                                                        └─ no ───► client.output, conn.gate
//!   the log got further, our inbox rings ─► release_durable: the oldest gates first
//! ```
//!
//! No worker waits: it goes on with other connections, and what they write shares the next sync.
//! Replies of reads wait too, since they may show what is not on the disk yet.
//!
//! # Invariants
//!
//! (1) Nothing leaves a connection while its gate is closed; gates of a connection only rise.

use base::clock::unix_ms;
use engine::clients::ClientIndex;
use store::{Access, Inside};

use super::Worker;
use crate::driver::Interest;

impl Worker {
    /// Closes the connection's gate if what was done so far is not on the disk. True if it is
    /// closed.
    pub(super) fn waits_for_disk(&mut self, index: ClientIndex) -> bool {
        let engine = self.engine;
        let Some(Some(conn)) = self.conns.get_mut(index) else { return false };
        if let Some(gate) = engine.reply_gate() {
            conn.gate = gate;
            self.gated.push_back((gate, index));
            if engine.log_lags() {
                let interest = Interest { read: false, ..conn.interest };
                self.watch(index, interest);
                return true;
            }
        }
        conn.gate != 0
    }

    /// Sends what waited for what is on the disk by now.
    pub(super) fn release_durable(&mut self, inside: &mut Inside<'_>) {
        self.end_waits_for_log(inside);
        while let Some((gate, index)) = self.gated.front().copied() {
            if !self.engine.is_open(gate, self.index) {
                return;
            }
            self.gated.pop_front();
            let Some(Some(conn)) = self.conns.get_mut(index) else { continue };
            // Else it has written more, or is another connection: a later entry opens it.
            if conn.gate == gate {
                conn.gate = 0;
                if !conn.is_queued && !conn.has_ended && !conn.interest.read {
                    let interest = Interest { read: true, ..conn.interest };
                    self.watch(index, interest);
                }
                self.write_more(inside, index);
            }
        }
    }

    /// Begins a rewrite of the log if one was put off, or it has grown enough.
    pub(super) fn rewrite_aof_if_due(&mut self, inside: &mut Inside<'_>) {
        if !self.engine.is_rewrite_due() {
            return;
        }
        let began = self.runner.with_world(self.engine, inside, |cx| cx.begin_rewrite());
        self.runner.now_ms = unix_ms();
        if let Err(why) = began {
            self.engine.host.log('#', &why.0);
        }
    }

    /// Looks after the backup; one that had to wait begins.
    pub(super) fn begin_backup_if_due(&mut self, inside: &mut Inside<'_>) {
        if self.engine.is_backup_due() {
            let _world = inside.close();
            let mut access = Access::world(&self.engine.keyspace);
            self.engine.begin_pending_backup(&mut access, unix_ms());
        }
    }

    /// The data set is there; `appendonly` may have been changed meanwhile.
    pub(super) fn follow_appendonly(&mut self, inside: &mut Inside<'_>) {
        let followed = self.runner.with_world(self.engine, inside, |cx| cx.follow_appendonly());
        if let Err(why) = followed {
            self.engine.host.log('#', &why.0);
        }
    }
}
