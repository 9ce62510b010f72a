//! Running commands that have run before: the append only file, read again.
//!
//! Whoever replays owns the world. Commands run one after the other as inside EXEC: nothing is
//! refused, nothing blocks, nothing expires by the clock, and nothing is journaled.

use resp::{ArgBuf, Batch, Limits, Parsed, Pending, Reply};
use store::eviction_clock::Usage;
use store::{Access, Inside};

use crate::batch::Runner;
use crate::call::call_nested;
use crate::client::Client;
use crate::cx::{Cx, KeyHashes};
use crate::db::Db;
use crate::engine::Engine;

/// Why a command cannot be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRun {
    /// Nobody declared it.
    Unknown(Vec<u8>),
    /// It is no request.
    Malformed,
}

impl Runner {
    /// Closes the gate and does something with everything.
    pub fn with_world<R>(
        &mut self,
        engine: &Engine,
        inside: &mut Inside<'_>,
        f: impl FnOnce(&mut Cx<'_>) -> R,
    ) -> R {
        let mut client = engine.new_client(base::clock::unix_ms());
        let world = engine.close_gate(inside, &mut client);
        self.now_ms = base::clock::unix_ms();
        let (args, mut out) = (ArgBuf::new(), Vec::new());
        self.effects.begin(true, 0);
        let worker = self.worker;
        let client: &mut Client = &mut client;
        let protocol = client.protocol;
        let client_id = client.id;
        let mut cx = Cx {
            args: args.as_args(),
            db: Db {
                access: Access::world(&engine.keyspace),
                engine,
                keyspace: &engine.keyspace,
                stats: &engine.stats[worker],
                effects: &mut self.effects,
                random: &mut self.random,
                index: 0,
                usage: Usage::new(engine.settings.usage_clock(), self.now_ms),
                no_touch: false,
                replays: self.replays,
                worker,
                client_id,
                keeps_expired: false,
            },
            reply: Reply::new(&mut out, protocol),
            client,
            engine,
            world: Some(world),
            entry: engine.table.entries().next().expect("there are commands"),
            worker,
            hashes: KeyHashes::default(),
            ready: None,
            may_block: false,
            wait: None,
        };
        f(&mut cx)
    }
}

impl Cx<'_> {
    /// Runs everything in `f` as a replay: see the essay of this file.
    pub fn replaying<R>(&mut self, f: impl FnOnce(&mut Cx<'_>) -> R) -> R {
        let (replays, silent, db) = (self.db.replays, self.db.effects.silent, self.client.db);
        self.db.replays = true;
        self.db.effects.silent = true;
        self.client.db = 0;
        let result = f(self);
        self.db.replays = replays;
        self.db.effects.silent = silent;
        self.db.effects.dirty = 0;
        self.client.db = db;
        result
    }

    /// Runs whole requests again, in the client's database and those they select. What a command
    /// answers goes to `answered` if it is an error.
    ///
    /// # Errors
    /// The first that cannot be run; those before it have been.
    pub fn replay(
        &mut self,
        input: &[u8],
        answered: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), NotRun> {
        const BATCH: usize = 64;
        let limits = Limits { bulk_bytes_max: usize::MAX, ..Limits::default() };
        let (mut batch, mut pending, mut at) = (Batch::new(), Pending::default(), 0);
        while at < input.len() {
            batch.clear();
            let (end, parsed) = batch.parse(input, at, BATCH, &limits, &mut pending);
            if !matches!(parsed, Parsed::Requests) {
                return Err(NotRun::Malformed);
            }
            at = end;
            for i in 0..batch.len() {
                let args = batch.args(i, input);
                let name = args.at(0);
                let Some(id) = self.engine.table.lookup_call(args.len(), |i| args.at(i)) else {
                    return Err(NotRun::Unknown(name.to_vec()));
                };
                // All of it is one piece anyway.
                let entry = self.engine.table.get(id);
                if matches!(entry.decl.name, "MULTI" | "EXEC") {
                    continue;
                }
                if !entry.arity_allows(args.len()) {
                    answered(name, b"ERR wrong number of arguments");
                    continue;
                }
                let reply_at = self.reply.len();
                call_nested(self, id, args);
                let reply = self.reply.written_since(reply_at);
                if reply.first() == Some(&b'-') {
                    answered(name, reply.trim_ascii_end());
                }
                self.reply.truncate(reply_at);
                self.db.effects.ready.clear();
            }
        }
        Ok(())
    }
}
