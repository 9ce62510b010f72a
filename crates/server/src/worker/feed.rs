//! Connections that follow the journal: each gets every change from where SYNC left it.
//!
//! ```text
//!   SYNC ─► client.follows ─► begin_feed: armed; whoever appends next rings our inbox
//!                                  │
//!   each turn of the loop ─► feed: journal ─► client.output ─► socket ─► armed again
//! ```
//!
//! # Invariants
//!
//! (1) A follower holds at most [`FEED_BYTES`] of changes that its socket did not take; the rest
//!     waits in the journal, whose backlog is bounded. Who falls behind it is closed.
//! (2) A follower that has sent all there is is armed, or `feed_unfinished` says to look again.

use std::sync::atomic::Ordering::Relaxed;

use engine::Client;
use engine::clients::ClientIndex;
use store::Inside;

use super::Worker;

/// Changes copied for one follower before its socket has taken some.
const FEED_BYTES: usize = 256 * 1024;

/// What a look at the journal came to.
enum Fed {
    /// All is sent; the next append wakes us.
    Armed,
    /// There is more, for when the socket has taken what it has.
    Full,
    /// Another worker is copying its change at this moment.
    Again,
    /// The journal no longer has what comes next.
    Behind,
}

impl Worker {
    /// A client has asked to follow: it is fed from now on.
    pub(super) fn begin_feed(&mut self, index: ClientIndex, client: &Client) {
        let Some(reader) = &client.follows else { return };
        if self.followers.contains(&index) {
            return;
        }
        let (inboxes, worker) = (self.inboxes.clone(), self.index);
        reader.on_progress(move || inboxes[worker].ring());
        self.followers.push(index);
        self.feed_unfinished = true;
    }

    /// Sends every follower what there is.
    pub(super) fn feed(&mut self, inside: &mut Inside<'_>) {
        if self.followers.is_empty() {
            return;
        }
        self.feed_unfinished = false;
        for index in std::mem::take(&mut self.followers) {
            if matches!(self.conns.get(index), Some(Some(_))) && self.feed_one(inside, index) {
                self.followers.push(index);
            }
        }
        self.count_followers(inside);
    }

    /// False if this connection is followed no more.
    fn feed_one(&mut self, inside: &mut Inside<'_>, index: ClientIndex) -> bool {
        let engine = self.engine;
        let Some(mut client) = engine.clients.mine(inside).take(index) else { return true };
        let Some(mut reader) = client.follows.take() else {
            engine.clients.mine(inside).put_back(index, client);
            return false;
        };
        let fed = loop {
            if client.output.len() >= FEED_BYTES {
                break Fed::Full;
            }
            let taken = match reader.chunk() {
                Err(_) => break Fed::Behind,
                Ok([]) => match reader.arm() {
                    Err(_) => break Fed::Behind,
                    Ok(true) => break Fed::Armed,
                    Ok(false) => break Fed::Again,
                },
                Ok(chunk) => {
                    let taken = chunk.len().min(FEED_BYTES);
                    client.output.push(&mut chunk[..taken].to_vec(), 0);
                    taken
                }
            };
            reader.consume(taken);
        };
        client.follows = Some(reader);
        self.feed_unfinished |= matches!(fed, Fed::Again);
        let mut is_lost = matches!(fed, Fed::Behind);
        if is_lost {
            engine.host.log(
                '#',
                &format!("Closing replica {}: it fell behind the backlog", client.address),
            );
        } else if !client.output.is_empty() {
            is_lost = self.flush_kept(index, &mut client);
        }
        engine.clients.mine(inside).put_back(index, client);
        if is_lost {
            self.close(inside, index);
        }
        !is_lost
    }

    /// Tells how much is held for followers: `maxmemory` leaves it out.
    fn count_followers(&mut self, inside: &mut Inside<'_>) {
        let clients = self.engine.clients.mine(inside);
        let held = |index: &ClientIndex| {
            clients.get(*index).map_or(0, |client| client.output.allocated_bytes())
        };
        let bytes: usize = self.followers.iter().map(held).sum();
        let total = &self.engine.replica_bytes;
        // Both together wrap to the difference, whichever is larger.
        total.fetch_add(bytes.wrapping_sub(self.follower_bytes), Relaxed);
        self.follower_bytes = bytes;
    }
}
