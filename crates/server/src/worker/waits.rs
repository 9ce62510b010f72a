//! Clients that wait for a key: replies that others made for them, and time that runs out.
//!
//! What waiting is, and who ends it, is the engine's (`engine/src/blocked.rs`). The worker keeps
//! the moments at which its own clients have waited long enough, and reads on meanwhile, so that it
//! notices when one goes away.

use std::sync::Arc;

use engine::CmdError;
use engine::blocked::Blocked;
use engine::client::{Client, Closing, ReplyMode};
use engine::clients::ClientIndex;
use store::Inside;

use super::Worker;

impl Worker {
    /// Notes until when the client waits, if it does.
    pub(super) fn begin_wait(&mut self, index: ClientIndex, client: &Client) {
        let Some(blocked) = &client.blocked else { return };
        if let Some(deadline_ms) = blocked.deadline_ms {
            self.deadlines.insert((deadline_ms, blocked.id), index);
        }
        if let Some(offset) = blocked.durable_at {
            self.awaiting_log.push((offset, blocked.id, index));
        }
    }

    /// Hands over the replies that others made for our waiting clients.
    pub(super) fn take_served(&mut self, inside: &mut Inside<'_>) {
        for served in self.engine.waits.take_served(self.index) {
            let Some(index) = served.client else { continue };
            self.end_wait(inside, index, served.wait, served.reply);
        }
    }

    /// Ends the waits whose time has come. Milliseconds until the next one's.
    pub(super) fn time_out(&mut self, inside: &mut Inside<'_>) {
        if self.deadlines.is_empty() {
            return;
        }
        let now_ms = base::clock::unix_ms();
        while let Some(entry) = self.deadlines.first_entry()
            && entry.key().0 <= now_ms
        {
            let ((_, wait), index) = entry.remove_entry();
            let engine = self.engine;
            let blocked = engine.clients.mine(inside).get(index).and_then(|c| c.blocked.clone());
            // Else it is over, and what ended it is on its way.
            if let Some(blocked) = blocked.filter(|blocked| blocked.id == wait && blocked.end()) {
                engine.count_waited(&blocked, &engine.stats[self.index]);
                self.end_wait(inside, index, wait, engine.timeout_reply(&blocked));
            }
        }
    }

    /// Ends the waits for the log that got far enough, or was switched off.
    pub(super) fn end_waits_for_log(&mut self, inside: &mut Inside<'_>) {
        if self.awaiting_log.is_empty() {
            return;
        }
        let engine = self.engine;
        for (offset, wait, index) in std::mem::take(&mut self.awaiting_log) {
            let blocked = engine.clients.mine(inside).get(index).and_then(|c| c.blocked.clone());
            let Some(blocked) = blocked.filter(|blocked| blocked.id == wait) else { continue };
            if engine.aof.is_on() && engine.awaits_log(offset, self.index) {
                self.awaiting_log.push((offset, wait, index));
            } else if blocked.end() {
                engine.count_waited(&blocked, &engine.stats[self.index]);
                let reply = match engine.aof.is_on() {
                    true => engine.timeout_reply(&blocked),
                    false => format!("-{}\r\n", CmdError::WAITAOF_OFF.0).into_bytes(),
                };
                self.end_wait(inside, index, wait, reply);
            }
        }
    }

    fn end_wait(
        &mut self,
        inside: &mut Inside<'_>,
        index: ClientIndex,
        wait: u64,
        mut reply: Vec<u8>,
    ) {
        let engine = self.engine;
        let Some(mut client) = engine.clients.mine(inside).take(index) else { return };
        let Some(blocked) = client.blocked.take_if(|blocked| blocked.id == wait) else {
            engine.clients.mine(inside).put_back(index, client);
            return;
        };
        self.forget_wait(&blocked);
        client.active_ms = base::clock::unix_ms();
        let mut is_over = false;
        match client.reply_mode {
            ReplyMode::On => {
                client.output.push(&mut reply, 0);
                self.waits_for_disk(index);
                is_over = self.flush_kept(index, &mut client);
            }
            ReplyMode::Off => {}
            ReplyMode::SkipNext => client.reply_mode = ReplyMode::Skip,
            ReplyMode::Skip => client.reply_mode = ReplyMode::On,
        }
        is_over |= client.closing != Closing::No && client.output.is_empty();
        let has_more = !client.input.is_empty();
        engine.clients.mine(inside).put_back(index, client);
        if is_over {
            self.close(inside, index);
        } else if let Some(Some(conn)) = self.conns.get_mut(index)
            && has_more
            && !conn.is_queued
        {
            conn.is_queued = true;
            self.queue.push_back(index);
        }
    }

    /// A client that waits is closed: nobody shall serve it.
    pub(super) fn abandon_wait(&mut self, client: &mut Client) {
        if let Some(blocked) = client.blocked.take() {
            // It may have been served at this very moment: then its reply is lost, like any reply
            // on its way to a connection that closes.
            blocked.end();
            self.forget_wait(&blocked);
        }
    }

    fn forget_wait(&mut self, blocked: &Arc<Blocked>) {
        if let Some(deadline_ms) = blocked.deadline_ms {
            self.deadlines.remove(&(deadline_ms, blocked.id));
        }
        self.engine.forget_wait(blocked);
    }
}
