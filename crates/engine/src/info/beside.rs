//! INFO for who asks beside the protocol: no client, no command, the same text.

use store::eviction_clock::Usage;
use store::{Access, Inside};

use super::{Seen, Wanted};
use crate::batch::Runner;
use crate::client::Client;
use crate::db::Db;
use crate::engine::Engine;

impl Runner {
    /// The text of INFO with these sections. Closes the gate; the worker holds no client meanwhile.
    pub fn info(&mut self, engine: &Engine, inside: &mut Inside<'_>, wanted: &Wanted) -> String {
        self.now_ms = base::clock::unix_ms();
        let mut world = inside.close();
        // As if a client asked that has nothing of its own.
        let nobody = Client::new(0, self.now_ms);
        let mut db = Db {
            access: Access::world(&engine.keyspace),
            engine,
            keyspace: &engine.keyspace,
            stats: &engine.stats[self.worker],
            effects: &mut self.effects,
            random: &mut self.random,
            index: 0,
            usage: Usage::new(engine.settings.usage_clock(), self.now_ms),
            no_touch: true,
            replays: self.replays,
            worker: self.worker,
            client_id: 0,
            keeps_expired: true,
        };
        super::text(&Seen::look(engine, &mut db, &mut world, &nobody), wanted)
    }
}
