//! News that others have for our clients: published messages, commands for monitors, invalidated
//! keys.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::client::{Client, Closing};
use engine::clients::ClientIndex;
use engine::mail::News;
use store::Inside;

use super::Worker;
use crate::alloc;

/// So long at most a worker waits for others to hand out mail, after a turn that posted some.
const DELIVERY_US_MAX: u64 = 10_000;
const DELIVERY_STEP: Duration = Duration::from_micros(50);

impl Worker {
    /// Hands out what is in the mailbox; replies of commands that waited come first, since what is
    /// told may be of their doing.
    pub(super) fn deliver_mail(&mut self, inside: &mut Inside<'_>) {
        self.take_served(inside);
        let has_limit = self.engine.settings.memory.max_bytes() != 0;
        for mail in self.engine.mail.take(self.index) {
            let bytes = mail.bytes();
            for (index, id) in mail.to {
                if let Some(index) = index {
                    self.deliver(inside, index, id, &mail.news);
                }
            }
            drop(mail.news);
            self.engine.mail.note_delivered(self.index, bytes);
            if has_limit {
                // It is not in transit any more, so its memory must not count either.
                alloc::settle();
            }
            self.evict_clients(inside);
        }
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
        let is_lost = client.output.len() != before
            && {
                self.waits_for_disk(index);
                true
            }
            && (self.flush_kept(index, &mut client)
                || self.exceeds_output_limit(&mut client)
                || self.is_deaf_monitor(&client));
        engine.count_client(self.index, &mut client);
        engine.clients.mine(inside).put_back(index, client);
        if is_lost {
            self.close(inside, index);
        }
    }
}
