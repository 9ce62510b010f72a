//! Commands that a pause holds: their clients wait, and try again when it is over.
//!
//! What a pause holds is the engine's (`engine/src/pause.rs`). As with clients that wait for a key,
//! the worker reads on meanwhile, so that it notices when one goes away.

use std::time::Duration;

use engine::batch::Stop;
use engine::client::Client;
use engine::clients::ClientIndex;
use store::Inside;

use super::Worker;

impl Worker {
    /// Notes after a turn whether the client is held: again, or at all.
    pub(super) fn begin_hold(&mut self, index: ClientIndex, client: &mut Client, stop: Stop) {
        if stop != Stop::Parked {
            // It has run, or waits for something else than the end of a pause.
            self.engine.end_hold(client);
        }
        if stop == Stop::Held {
            self.engine.begin_hold(client);
            self.held.push((index, client.id));
        }
    }

    /// How long to wait for the end of a pause at most.
    pub(super) fn until_pause_ends(&self) -> Duration {
        if self.held.is_empty() {
            return Duration::MAX;
        }
        let now_ms = base::clock::unix_ms();
        let left_ms = self.engine.pause.at(now_ms).map_or(0, |(_, until_ms)| until_ms - now_ms);
        Duration::from_millis(left_ms.max(0) as u64)
    }

    /// Once the pause is over, lets the held go on.
    pub(super) fn resume_held(&mut self, inside: &mut Inside<'_>) {
        let engine = self.engine;
        if self.held.is_empty() {
            return;
        }
        let now_ms = base::clock::unix_ms();
        engine.end_pause_in_time(now_ms);
        if engine.pause.at(now_ms).is_some() {
            return;
        }
        for (index, id) in std::mem::take(&mut self.held) {
            let Some(client) = engine.clients.mine(inside).get(index) else { continue };
            if client.id != id {
                continue;
            }
            engine.resume(client);
            self.enqueue(index);
        }
    }
}
