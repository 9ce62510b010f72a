//! Messages that were published to our clients.

use std::sync::Arc;

use engine::clients::ClientIndex;
use store::Inside;

use super::Worker;

impl Worker {
    /// Hands out what is in the mailbox.
    pub(super) fn deliver_mail(&mut self, inside: &mut Inside<'_>) {
        for mail in self.engine.pubsub.take_mail(self.index) {
            for (index, id) in mail.to {
                if let Some(index) = index {
                    self.deliver(inside, index, id, &mail.frame);
                }
            }
        }
    }

    fn deliver(&mut self, inside: &mut Inside<'_>, index: ClientIndex, id: u64, frame: &Arc<[u8]>) {
        let engine = self.engine;
        let Some(mut client) = engine.clients.mine(inside).take(index) else { return };
        let mut is_lost = false;
        if client.id == id && client.subscriptions.is_some() {
            client.output.push_shared(frame);
            is_lost = self.flush_kept(index, &mut client) || self.exceeds_output_limit(&mut client);
        }
        engine.clients.mine(inside).put_back(index, client);
        if is_lost {
            self.close(inside, index);
        }
    }
}
