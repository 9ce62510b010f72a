//! What a client may cost: the memory of its requests and replies, and a connection left idle.
//!
//! | limit | looked at |
//! |---|---|
//! | `client-query-buffer-limit` | after each turn; 1 MB before a client has authenticated |
//! | `client-output-buffer-limit`, hard | after each turn; 1 KiB before it has authenticated |
//! | the same, soft | after each turn, and about once a second |
//! | `timeout` | about once a second |
//! | `maxmemory-clients`, of all together | after each turn (`engine::client_memory`) |
//! | room kept for a request that does not go on | about once a second |
//!
//! What a connection holds that follows the journal is limited where it is fed (`feed.rs`).
//!
//! Replies count as far as the socket did not take them: a client that reads is never closed for
//! the size of one reply. (Redis counts them before it tries to send.)

use std::sync::atomic::Ordering::Relaxed;

use engine::Engine;
use engine::client::Client;
use engine::clients::ClientIndex;
use store::Inside;

use super::Worker;

/// What one may cost who has not said a password yet, as in Redis.
const UNAUTHENTICATED_QUERY_BYTES_MAX: usize = 1 << 20;
const UNAUTHENTICATED_OUTPUT_BYTES_MAX: usize = 1024;
/// After so long without a request, room that was made for one is given back.
const ROOM_KEEP_MS: i64 = 2000;
/// Connections looked after at least, each time.
const LOOK_AFTER_MIN: usize = 50;

/// `client-query-buffer-limit`. True if the client must go.
pub(crate) fn exceeds_query_limit(engine: &Engine, worker: usize, client: &Client) -> bool {
    let bytes = client.query_bytes();
    let is_unknown = bytes > UNAUTHENTICATED_QUERY_BYTES_MAX && engine.needs_password(client);
    if bytes <= engine.settings.query_buffer_bytes_max() && !is_unknown {
        return false;
    }
    engine.host.log(
        '#',
        &format!(
            "Closing client that reached max query buffer length: id={} addr={} qbuf={bytes}",
            client.id, client.address,
        ),
    );
    engine.stats[worker].query_buffer_limit_closed.add(1);
    true
}

impl Worker {
    pub(super) fn exceeds_query_limit(&self, client: &Client) -> bool {
        exceeds_query_limit(self.engine, self.index, client)
    }

    /// `client-output-buffer-limit`. True if the client must go.
    #[inline]
    pub(super) fn exceeds_output_limit(&self, client: &mut Client) -> bool {
        if client.output.is_empty() || client.follows.is_some() {
            client.output_over_since_ms = None;
            return false;
        }
        self.exceeds_output_limit_now(client)
    }

    #[cold]
    fn exceeds_output_limit_now(&self, client: &mut Client) -> bool {
        let engine = &self.engine;
        let limit = match client.subscriptions {
            Some(_) => &engine.settings.pubsub_output_limit,
            None => &engine.settings.output_limit,
        };
        let bytes = client.output.len();
        let (hard, soft) = (limit.hard_bytes.load(Relaxed), limit.soft_bytes.load(Relaxed));
        let is_soft_over = if soft > 0 && bytes > soft {
            let now_ms = base::clock::unix_ms();
            let since_ms = *client.output_over_since_ms.get_or_insert(now_ms);
            now_ms - since_ms > limit.soft_s.load(Relaxed) * 1000
        } else {
            client.output_over_since_ms = None;
            false
        };
        let is_unknown = bytes > UNAUTHENTICATED_OUTPUT_BYTES_MAX && engine.needs_password(client);
        let exceeds = (hard > 0 && bytes > hard) || is_soft_over || is_unknown;
        if exceeds {
            engine.stats[self.index].output_buffer_limit_closed.add(1);
            engine.host.log(
                '#',
                &format!(
                    "Client id={} addr={} omem={bytes} closed for overcoming of output buffer \
                     limits.",
                    client.id, client.address
                ),
            );
        }
        exceeds
    }

    /// Looks at some clients each time, at all of them about once a second.
    pub(super) fn look_after_clients(&mut self, inside: &mut Inside<'_>) {
        let engine = self.engine;
        let now_ms = base::clock::unix_ms();
        let timeout_ms = engine.settings.idle_timeout_s.load(Relaxed).saturating_mul(1000);
        let hz = engine.settings.hz.load(Relaxed).max(1) as usize;
        let len = self.conns.len();
        for _ in 0..(len / hz).max(LOOK_AFTER_MIN).min(len) {
            self.idle_cursor = (self.idle_cursor + 1) % len;
            if self.must_go(inside, self.idle_cursor, now_ms, timeout_ms) {
                self.close(inside, self.idle_cursor);
            }
        }
        self.evict_clients(inside);
    }

    /// `maxmemory-clients`. No client is taken out of its table.
    #[inline]
    pub(super) fn evict_clients(&mut self, inside: &mut Inside<'_>) {
        if self.engine.clients_exceed() {
            self.engine.evict_clients(&mut inside.close(), None);
            self.close_noticed(inside);
        }
    }

    fn must_go(
        &self,
        inside: &mut Inside<'_>,
        index: ClientIndex,
        now_ms: i64,
        timeout_ms: i64,
    ) -> bool {
        let engine = &self.engine;
        let Some(client) = engine.clients.mine(inside).get(index) else { return false };
        let idle_ms = now_ms - client.active_ms;
        if timeout_ms > 0 && idle_ms > timeout_ms && !client.waits_patiently() {
            engine.host.log('-', "Closing idle client");
            return true;
        }
        if idle_ms > ROOM_KEEP_MS {
            client.input.shrink_to_fit();
        }
        engine.count_client(self.index, client);
        self.exceeds_output_limit(client)
    }
}
