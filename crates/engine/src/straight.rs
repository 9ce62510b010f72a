//! The straight path: requests that need nothing but the shards of their keys.
//!
//! Nearly all requests of a busy server are of this kind, and a pipeline has many in a row. What
//! is the same for all of them is looked at once: the client is in no transaction, authenticated,
//! wants its replies; who its user is, if it may not do everything; the clock, the journal's state,
//! the selected database. One `Cx` serves them all, only its arguments change. A request of any
//! other kind, or one that the user may not make, ends the run and goes the general way, in
//! `call.rs`.
//!
//! # Invariants
//!
//! (1) A command of lock class Keys changes nothing that the run has looked at once, of its
//!     client or elsewhere; whoever does needs the world, and a worker that is wanted ends its run.
//! (2) With one worker its only shard is taken for the whole run; with several, each command takes
//!     and frees its own.
//! (3) No command runs here while memory is short: room is made, or the command refused, where no
//!     shard is held.
//! (4) Time is measured over commands of the same name in a row and shared among them. One that
//!     may take long is the last of its row: it is not declared brief, has many arguments, freed
//!     a large value, or its reply fills the turn (`attention.rs`).

use command::table::CommandId;
use resp::{Batch, Reply};
use store::access::Busy;
use store::eviction_clock::Usage;
use store::{Access, Inside};

use crate::attention::Seen;
use crate::batch::{Plan, Runner, TURN_REPLY_BYTES_MAX};
use crate::blocked;
use crate::call::{Ran, finish_effects, run_handler};
use crate::client::Client;
use crate::cx::{Cx, KeyHashes};
use crate::db::Db;
use crate::elements::fetch_elements;
use crate::engine::Engine;
use crate::permission;

/// With more arguments a command is timed by itself.
const BRIEF_ARGS_MAX: usize = 16;

impl Runner {
    /// Runs requests from number `from` on, as long as they are of the kind described above. The
    /// number of the first that was not run, and whether it waits for a shard.
    #[expect(clippy::too_many_arguments, reason = "the batch and everything it may touch")]
    pub(crate) fn run_straight(
        &mut self,
        engine: &Engine,
        inside: &Inside<'_>,
        client: &mut Client,
        batch: &Batch,
        input: &[u8],
        plans: &[Plan],
        hashes: &[u64],
        from: usize,
        out: &mut Vec<u8>,
    ) -> (usize, Ran) {
        let Some(first) = plans.get(from).and_then(|plan| plan.id) else {
            return (from, Ran::Done);
        };
        let keyspace = &engine.keyspace;
        let is_shared = keyspace.is_shared();
        let (worker, db) = (self.worker, client.db);
        let stats = &*engine.stats[worker];
        let silent = !engine.journal.is_on();
        let max_bytes = engine.settings.memory.max_bytes();
        self.effects.begin(silent, db);
        let access = if is_shared {
            Access::Nothing
        } else {
            Access::one(keyspace, 0).unwrap_or(Access::Nothing)
        };
        let (protocol, no_touch) = (client.protocol, client.no_touch);
        let restricted = client.lend_restricted_user();
        let mut cx = Cx {
            args: batch.args(from, input),
            db: Db {
                access,
                engine,
                keyspace,
                stats,
                effects: &mut self.effects,
                random: &mut self.random,
                index: db,
                usage: Usage::new(engine.settings.usage_clock(), self.now_ms),
                no_touch,
                worker,
                replays: self.replays,
                client_id: client.id,
                // A pause would have sent us the other way.
                keeps_expired: false,
            },
            reply: Reply::new(out, protocol),
            client: &mut *client,
            engine,
            world: None,
            entry: engine.table.get(first),
            worker,
            hashes: KeyHashes::default(),
            ready: None,
            may_block: false,
            wait: None,
        };
        if !is_shared {
            fetch_elements(&cx.db, engine, batch, input, plans, hashes, from);
        }
        let mut timer = Timer { id: first, calls: 0, since: self.last_ticks };
        let mut ran = Ran::Done;
        let mut at = from;
        let mut reply_at = cx.reply.len();
        while let Some(plan) = plans.get(at) {
            let Some(id) = plan.id else { break };
            let entry = engine.table.get(id);
            let args = batch.args(at, input);
            let reply_len = cx.reply.len();
            if !entry.is_straight
                || !entry.arity_allows(args.len())
                || inside.is_wanted()
                || reply_len > TURN_REPLY_BYTES_MAX
                || (max_bytes != 0 && engine.exceeds(max_bytes))
            {
                break;
            }
            if let Some(user) = &restricted
                && !permission::allows(user, entry, args, db)
            {
                break;
            }
            cx.hashes = plan.hashes(hashes);
            if is_shared {
                if !engine.take_keys(&mut cx.db.access, cx.hashes.hashes, worker) {
                    ran = Ran::Parked;
                    break;
                }
                if cx.db.access.has_strays() {
                    break;
                }
            }
            if id != timer.id {
                timer.stop(&cx);
                timer.id = id;
            }
            (cx.entry, cx.args, reply_at) = (entry, args, reply_len);
            run_handler(&mut cx);
            let mut ends_row = !entry.is_brief || args.len() > BRIEF_ARGS_MAX;
            if cx.db.effects.is_touched() {
                let request = batch.request(at);
                let raw = (!request.inline).then(|| &input[request.start..request.end]);
                finish_effects(engine, &mut cx, db, raw);
                if !cx.db.effects.ready.is_empty() {
                    blocked::serve_ready(&mut cx);
                }
                ends_row |= cx.db.effects.freed_large;
                cx.db.effects.begin(silent, db);
            }
            if is_shared {
                cx.db.access.release();
            }
            timer.calls += 1;
            at += 1;
            if ends_row {
                timer.stop(&cx);
            }
        }
        timer.stop(&cx);
        let reply_bytes = cx.reply.len() - reply_at;
        if reply_bytes >= TURN_REPLY_BYTES_MAX {
            engine.note_large(&Seen::of(cx.entry, cx.args, cx.client), 0, reply_bytes);
        }
        if at > from {
            let count = (at - from) as u64;
            cx.client.last_command = plans[at - 1].id;
            cx.client.commands += count;
            stats.commands.add(count);
        }
        drop(cx);
        client.give_back_user(restricted);
        self.last_ticks = timer.since;
        (at, ran)
    }
}

/// (4).
struct Timer {
    id: CommandId,
    calls: u64,
    since: u64,
}

impl Timer {
    /// Ends a row. What `cx` has is the last command of it.
    #[inline]
    fn stop(&mut self, cx: &Cx<'_>) {
        if self.calls == 0 {
            return;
        }
        let now = store::ticks::now();
        let ticks = now.wrapping_sub(self.since);
        if cx.engine.count_calls(cx.db.stats, self.id, self.calls, ticks) {
            cx.engine.note_slow(&Seen::of(cx.entry, cx.args, cx.client), ticks);
        }
        (self.since, self.calls) = (now, 0);
    }
}

impl Engine {
    /// [`Engine::lock_keys`] into an access that holds nothing; false if one is busy.
    #[inline(always)]
    fn take_keys<'e>(&'e self, access: &mut Access<'e>, hashes: &[u64], worker: usize) -> bool {
        if let [hash] = hashes
            && access.take_one(&self.keyspace, *hash).is_ok()
        {
            return true;
        }
        match self.lock_keys(hashes, worker) {
            Some(taken) => {
                *access = taken;
                true
            }
            None => false,
        }
    }

    /// The shards of these keys; none if one is busy and the worker will be woken when it is free.
    #[inline(never)]
    pub(crate) fn lock_keys(&self, hashes: &[u64], worker: usize) -> Option<Access<'_>> {
        let keyspace = &self.keyspace;
        loop {
            let access = match hashes {
                [] => return Some(Access::Nothing),
                [hash] => Access::one(keyspace, *hash),
                all => Access::many(keyspace, all.iter().copied()),
            };
            match access {
                Ok(access) => return Some(access),
                Err(Busy(shard)) => {
                    if keyspace.park(shard, worker) {
                        self.stats[worker].parked.add(1);
                        return None;
                    }
                }
            }
        }
    }
}
