//! News that others have for our clients: published messages, commands for monitors, invalidated
//! keys.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::client::{Client, Closing};
use engine::clients::ClientIndex;
use engine::in_transit::Weight;
use engine::mail::News;
use store::Inside;

use super::Worker;
use crate::alloc;

/// So long at most a worker waits for others to hand out mail, after a turn that posted some.
const DELIVERY_US_MAX: u64 = 10_000;
const DELIVERY_STEP: Duration = Duration::from_micros(50);

/// What was put into outputs is sent when it is so much, or so old.
const TOLD_BYTES_MAX: usize = 1 << 20;
/// The same while there is a `maxmemory`: no more than what does not count there.
const TOLD_BYTES_MAX_LIMITED: usize = 128 * 1024;
const TOLD_US_MAX: u64 = 500;

/// Clients that were told something that is not on its way to them yet: while requests are waiting,
/// they may be publishing more. Sending is what telling costs, however little is sent.
#[derive(Default)]
pub(super) struct Told {
    clients: Vec<ClientIndex>,
    bytes: usize,
    /// When the first of them was told; monotonic.
    since_us: u64,
    /// It does not count against `maxmemory`: it goes soon.
    weights: Vec<Weight>,
}

impl Worker {
    /// Hands out what is in the mailbox; replies of commands that waited come first, since what is
    /// told may be of their doing. However many messages a client gets, they are sent together, and
    /// before any reply that is made from now on.
    pub(super) fn deliver_mail(&mut self, inside: &mut Inside<'_>) {
        self.take_served(inside);
        let engine = self.engine;
        if self.told.clients.is_empty() {
            self.told.since_us = base::clock::monotonic_us();
        }
        let has_limit = engine.settings.memory.max_bytes() != 0;
        let bytes_max = if has_limit { TOLD_BYTES_MAX_LIMITED } else { TOLD_BYTES_MAX };
        for mail in engine.mail.take(self.index) {
            let bytes = mail.bytes();
            let told_before = self.told.bytes;
            for &(index, id) in &mail.to {
                if let Some(index) = index {
                    self.deliver(inside, index, id, &mail.news);
                }
            }
            if has_limit {
                self.told.weights.push(engine.in_transit(self.told.bytes - told_before));
            }
            // An eviction tells of itself: what that takes must not be what the next one is for.
            let is_pressing = has_limit && matches!(mail.news, News::Invalidated(_));
            drop(mail);
            engine.mail.note_delivered(self.index, bytes);
            // Who does not read goes before anybody sees clients take more than they may together.
            let is_pressing = is_pressing || engine.clients_exceed();
            if is_pressing || self.told.bytes > bytes_max {
                self.send_told(inside);
            }
        }
    }

    /// Whether somebody was told something that is not sent.
    pub(super) fn has_told(&self) -> bool {
        !self.told.clients.is_empty()
    }

    /// Sends to whom was told, unless `is_busy` and it can wait for more.
    pub(super) fn send_told_if_due(&mut self, inside: &mut Inside<'_>, is_busy: bool) {
        if self.has_told()
            && (!is_busy || base::clock::monotonic_us() >= self.told.since_us + TOLD_US_MAX)
        {
            self.send_told(inside);
        }
    }

    /// Sends to whom was told.
    fn send_told(&mut self, inside: &mut Inside<'_>) {
        let engine = self.engine;
        let mut clients = std::mem::take(&mut self.told.clients);
        for index in clients.drain(..) {
            let Some(Some(conn)) = self.conns.get_mut(index) else { continue };
            conn.is_told = false;
            let Some(mut client) = engine.clients.mine(inside).take(index) else { continue };
            let is_lost = client.closing == Closing::No && {
                self.waits_for_disk(index);
                self.flush_kept(index, &mut client)
                    || self.exceeds_output_limit(&mut client)
                    || self.is_deaf_monitor(&client)
            };
            engine.count_client(self.index, &mut client);
            engine.clients.mine(inside).put_back(index, client);
            if is_lost {
                self.close(inside, index);
            }
        }
        self.told.clients = clients;
        self.told.bytes = 0;
        self.told.weights.clear();
        if engine.settings.memory.max_bytes() != 0 {
            // It is not in transit any more, so its memory must not count either.
            alloc::settle();
        }
        self.evict_clients(inside);
    }

    /// Waits while another worker has too much mail to hand out; outside the gate.
    pub(super) fn let_others_deliver(&self) {
        let mail = &self.engine.mail;
        let until_us = base::clock::monotonic_us() + DELIVERY_US_MAX;
        while mail.is_overfull(self.index)
            && !mail.has_mail(self.index)
            && base::clock::monotonic_us() < until_us
        {
            std::thread::sleep(DELIVERY_STEP);
        }
    }

    /// Ordinary clients may have no limit, but a monitor that does not read is closed like a
    /// subscriber that does not: nothing else bounds what it is sent.
    fn is_deaf_monitor(&self, client: &Client) -> bool {
        let max = self.engine.settings.pubsub_output_limit.hard_bytes.load(Relaxed);
        let is_deaf = client.is_monitor && max > 0 && client.output.len() > max;
        if is_deaf {
            self.engine.stats[self.index].output_buffer_limit_closed.add(1);
            let text = format!(
                "Client id={} addr={} closed: a monitor that does not read.",
                client.id, client.address
            );
            self.engine.host.log('#', &text);
        }
        is_deaf
    }

    fn deliver(&mut self, inside: &mut Inside<'_>, index: ClientIndex, id: u64, news: &News) {
        let engine = self.engine;
        let Some(mut client) = engine.clients.mine(inside).take(index) else {
            engine.receive(id, None, news);
            return;
        };
        if client.closing != Closing::No {
            // Somebody else ended it after it was written to; to whom that is gone, it is gone.
            engine.clients.mine(inside).put_back(index, client);
            engine.receive(id, None, news);
            return;
        }
        let before = client.output.len();
        engine.receive(id, Some(&mut client), news);
        let told = client.output.len() - before;
        engine.count_client(self.index, &mut client);
        engine.clients.mine(inside).put_back(index, client);
        if let Some(Some(conn)) = self.conns.get_mut(index)
            && told > 0
        {
            self.told.bytes += told;
            if !std::mem::replace(&mut conn.is_told, true) {
                self.told.clients.push(index);
            }
        }
    }
}
