//! One command: refusals, locks, handler, effects.
//!
//! ```text
//!   refuse? ──► queue in MULTI? ──► locks or gate ──► handler ──► journal ──► serve who waits
//!                                                               ──► unlock ──► count
//! ```
//!
//! # Invariants
//!
//! (1) What a command leaves in the journal is appended before its locks are released: commands
//!     that conflict are journaled in the order they ran.
//! (2) A command that answers an error has left the data set as it was; its half-written reply is
//!     taken back.

use command::declare::{Flag, Group, Lock};
use command::table::Entry;
use resp::{Args, Protocol, Reply};
use smallvec::SmallVec;
use store::eviction_clock::Usage;
use store::{Access, Inside, World};

use crate::attention::{Reason, Seen};
use crate::batch::{Plan, Runner};
use crate::blocked;
use crate::client::{Address, Client, Closing, ReplyMode};
use crate::cx::{Cx, Handler, KeyHashes};
use crate::db::Db;
use crate::engine::Engine;
use crate::error::CmdError;
use crate::eviction::Room;
use crate::multi;
use crate::refuse;

/// After a command that took longer, some tens of microseconds, the time is looked at again.
const LONG_TICKS: u64 = 1 << 17;

/// Whether a request was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    Done,
    /// A shard was busy. Nothing happened; the worker will be woken.
    Parked,
    /// A pause holds it. Nothing happened.
    Held,
    /// It needs more than it holds. Nothing happened.
    WantsWorld,
    /// It asks about clients that are about to run. Nothing happened; to be tried in the next turn.
    TooEarly,
}

impl Runner {
    #[expect(clippy::too_many_arguments, reason = "the request and everything it may touch")]
    #[inline]
    pub(crate) fn run_one(
        &mut self,
        engine: &Engine,
        inside: &mut Inside<'_>,
        client: &mut Client,
        plan: Plan,
        hashes: &[u64],
        args: Args<'_>,
        raw: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Ran {
        let ran = self.run_request(engine, inside, client, plan, hashes, args, raw, out);
        if ran == Ran::Done
            && client.multi.is_none()
            && let Some(tracking) = &mut client.tracking
        {
            // CLIENT CACHING is for the next command, or the transaction that begins there.
            let entry = plan.id.map(|id| engine.table.get(id));
            let parent = entry.and_then(|entry| entry.parent).map(|id| engine.table.get(id));
            tracking.caching &= parent.is_some_and(|parent| &*parent.full_name == "client");
        }
        ran
    }

    #[expect(clippy::too_many_arguments, reason = "the request and everything it may touch")]
    #[inline]
    fn run_request(
        &mut self,
        engine: &Engine,
        inside: &mut Inside<'_>,
        client: &mut Client,
        plan: Plan,
        hashes: &[u64],
        args: Args<'_>,
        raw: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Ran {
        let reply_at = out.len();
        let Some(id) = plan.id else {
            self.refused(engine, client, &engine.unknown(args), out);
            return self.end_reply(client, reply_at, out);
        };
        let entry = engine.table.get(id);
        let is_limited = engine.settings.memory.max_bytes() != 0;
        let out_of_memory = is_limited && self.make_room(engine) == Room::None;
        let plain = client.is_plain()
            && !client.is_restricted()
            && entry.arity_allows(args.len())
            && !engine.needs_password(client)
            && !out_of_memory
            && !engine.settings.attention.has(Reason::Refusing)
            && !engine.aof.is_broken();
        if !plain {
            // Refused or not, it is the last that the client called.
            client.last_command = Some(id);
            let (worker, now_ms) = (self.worker, self.now_ms);
            let request =
                refuse::Request { engine, client, entry, args, worker, now_ms, out_of_memory };
            if self.refuses(request, out) {
                return self.end_reply(client, reply_at, out);
            }
        }
        if engine.holds(self.now_ms, client, entry, args) {
            return Ran::Held;
        }
        if engine.comes_too_early(entry) {
            return Ran::TooEarly;
        }
        if multi::queues(client, entry) {
            multi::queue(client, entry, args);
            Reply::new(out, client.protocol).simple("QUEUED");
            return self.end_reply(client, reply_at, out);
        }
        let hashes = plan.hashes(hashes);
        let keyspace = &engine.keyspace;
        let mut lock = entry.lock.of_call(args.iter());
        let mut queued = SmallVec::new();
        let (mut wanted, mut writes) = (hashes.hashes, entry.has(Flag::Write));
        if lock == Lock::Queued {
            lock = multi::lock_of_queue(engine, client, &mut queued);
            (wanted, writes) = (&queued, true);
        }
        if lock == Lock::Script {
            let keeps_to_keys = plain && self.runs_declared(engine, client, args);
            // Whoever waits for more than these shards hold waits for a script's writes, too.
            (lock, writes) = (if keeps_to_keys { Lock::Keys } else { Lock::World }, true);
        }
        let mut keys = Access::Nothing;
        if lock == Lock::Keys {
            match engine.lock_keys(wanted, self.worker) {
                None => return Ran::Parked,
                Some(access) if access.has_strays() && writes => lock = Lock::World,
                Some(access) => keys = access,
            }
        }
        let mut ran = match lock {
            Lock::Keys => {
                let access = keys;
                self.call(engine, client, entry, hashes, args, raw, access, None, out)
            }
            Lock::Local => {
                self.call(engine, client, entry, hashes, args, raw, Access::Nothing, None, out)
            }
            Lock::EachShard => {
                let access = Access::each(keyspace);
                self.call(engine, client, entry, hashes, args, raw, access, None, out)
            }
            // `of_call`, `lock_of_queue` and `runs_declared` have decided the others.
            Lock::World | Lock::KeysUnless(_) | Lock::Queued | Lock::Script => Ran::WantsWorld,
        };
        if ran == Ran::WantsWorld {
            engine.stats[self.worker].world_commands.add(1);
            let mut world = engine.close_gate(inside, client);
            if engine.clients_exceed() {
                engine.evict_clients(&mut world, Some(client));
            }
            // That others had to come to a stop is not this command's time.
            let began = store::ticks::now();
            self.last_ticks = began;
            if client.closing != Closing::No {
                // Killed while another worker owned the world: this command never ran.
                return Ran::Done;
            }
            let access = Access::world(keyspace);
            ran = self.call(engine, client, entry, hashes, args, raw, access, Some(world), out);
            let spent = store::ticks::now().wrapping_sub(began);
            if spent > LONG_TICKS {
                self.now_ms = base::clock::unix_ms();
            }
        }
        debug_assert_eq!(ran, Ran::Done);
        if client.reply_mode != ReplyMode::On {
            return self.end_reply(client, reply_at, out);
        }
        ran
    }

    /// Runs through the reasons to refuse a request; true if there is one, which is the reply.
    pub(crate) fn refuses(&mut self, mut request: refuse::Request<'_>, out: &mut Vec<u8>) -> bool {
        let Some(error) = refuse::refuse(&mut request) else { return false };
        let refuse::Request { engine, client, entry, args, .. } = request;
        engine.stats[self.worker].per_command[entry.id.index()].rejected.add(1);
        let was_in_multi = client.multi.is_some();
        let error = multi::refused(client, entry, error);
        let is_over = was_in_multi && client.multi.is_none();
        if is_over && engine.settings.attention.has(Reason::Monitor) {
            engine.feed_monitors(entry, args, client.db, &client.address);
        }
        self.refused(engine, client, &error, out);
        true
    }

    /// Runs the handler and sees to what it leaves behind.
    #[expect(clippy::too_many_arguments, reason = "the request and everything it may touch")]
    #[inline]
    pub(crate) fn call<'a>(
        &'a mut self,
        engine: &'a Engine,
        client: &'a mut Client,
        entry: &'a Entry<Handler>,
        hashes: KeyHashes<'a>,
        args: Args<'a>,
        raw: Option<&[u8]>,
        access: Access<'a>,
        world: Option<World<'a>>,
        out: &'a mut Vec<u8>,
    ) -> Ran {
        let (worker, db) = (self.worker, client.db);
        let stats = &*engine.stats[worker];
        self.effects.begin(!engine.journal.is_on(), db);
        client.last_command = Some(entry.id);
        client.commands += 1;
        let protocol = client.protocol;
        let no_touch = client.no_touch;
        let mut cx = Cx {
            args,
            db: Db {
                access,
                engine,
                keyspace: &engine.keyspace,
                stats,
                effects: &mut self.effects,
                random: &mut self.random,
                index: db,
                usage: Usage::new(engine.settings.usage_clock(), self.now_ms),
                no_touch,
                replays: self.replays,
                worker,
                client_id: client.id,
                keeps_expired: engine.stands_still(self.now_ms) && !entry.has(Flag::Write),
            },
            reply: Reply::new(out, protocol),
            client,
            engine,
            world,
            entry,
            worker,
            hashes,
            ready: None,
            may_block: true,
            wait: None,
        };
        let reply_at = cx.reply.len();
        run_handler(&mut cx);
        finish_effects(engine, &mut cx, db, raw);
        if std::mem::take(&mut cx.db.effects.wants_world) {
            cx.client.commands -= 1;
            cx.reply.truncate(reply_at);
            return Ran::WantsWorld;
        }
        if cx.client.tracking.is_some() {
            remember_keys(&mut cx);
        }
        if engine.settings.attention.has(Reason::Monitor) {
            engine.feed_monitors(entry, args, db, &cx.client.address);
        }
        let wait = cx.wait.take();
        let has_ended = wait.is_none();
        if let Some(wait) = wait {
            let spent = store::ticks::now().wrapping_sub(self.last_ticks);
            blocked::register(&mut cx, wait, spent);
        }
        if !cx.db.effects.ready.is_empty() {
            blocked::serve_ready(&mut cx);
        }
        let Cx { db: Db { access, .. }, world, reply, client, .. } = cx;
        let reply_bytes = reply.len() - reply_at;
        drop(access);
        drop(world);
        let now = store::ticks::now();
        let ticks = now.wrapping_sub(self.last_ticks);
        self.last_ticks = now;
        // One that waits is counted when that is over.
        if has_ended {
            let seen = Seen::of(entry, args, client);
            if engine.count_calls(stats, entry.id, 1, ticks) {
                engine.note_slow(&seen, ticks);
            }
            let request_bytes = raw.map_or_else(|| args.bytes_len(), <[u8]>::len);
            if engine.settings.attention.is_large(request_bytes, reply_bytes) {
                engine.note_large(&seen, request_bytes, reply_bytes);
            }
            if engine.settings.attention.has(Reason::HotKeys) {
                let bytes = request_bytes + reply_bytes;
                engine.weigh_keys(entry, args, ticks, bytes);
            }
            stats.commands.add(1);
        }
        Ran::Done
    }

    #[cold]
    pub(crate) fn refused(
        &mut self,
        engine: &Engine,
        client: &mut Client,
        error: &CmdError,
        out: &mut Vec<u8>,
    ) {
        if let Some(multi) = &mut client.multi {
            multi.aborted = true;
        }
        engine.errors.count(error.code());
        Reply::new(out, client.protocol).error(error.0.as_bytes());
    }

    /// CLIENT REPLY: takes the reply back if there shall be none.
    pub(crate) fn end_reply(
        &mut self,
        client: &mut Client,
        reply_at: usize,
        out: &mut Vec<u8>,
    ) -> Ran {
        if client.reply_mode != ReplyMode::On && !client.confirms {
            out.truncate(reply_at);
        }
        client.confirms = false;
        client.reply_mode = match client.reply_mode {
            ReplyMode::SkipNext => ReplyMode::Skip,
            ReplyMode::Skip => ReplyMode::On,
            mode => mode,
        };
        Ran::Done
    }
}

/// Counts what the command changed and journals what shall be repeated of it. The locks that the
/// command ran under are still held (1).
pub(crate) fn finish_effects(engine: &Engine, cx: &mut Cx<'_>, db: usize, raw: Option<&[u8]>) {
    let (effects, args) = (&mut *cx.db.effects, cx.args);
    if effects.dirty > 0 {
        cx.db.stats.dirty.add(effects.dirty);
    }
    if effects.silent {
        return;
    }
    if let (true, true, Some(raw)) = (effects.is_verbatim(), effects.is_repeated(), raw) {
        cx.client.wrote_until = engine.journal.append(cx.worker, db as u32, &[raw]);
    } else {
        effects.end_command(db, 0, || raw.map_or_else(|| encode_args(args), <[u8]>::to_vec));
        if let Some(end) = append(engine, cx.worker, effects.dbs, &effects.commands) {
            cx.client.wrote_until = end;
        }
    }
}

/// What a client that tracks has read is remembered, if that is what it asked for.
#[cold]
fn remember_keys(cx: &mut Cx<'_>) {
    let tracking = cx.client.tracking.as_ref();
    // EVAL_RO reads nothing itself; what it calls is remembered.
    let reads = cx.entry.has(Flag::ReadOnly) && cx.entry.decl.group != Group::Scripting;
    if !reads || !tracking.is_some_and(|tracking| tracking.remembers()) {
        return;
    }
    let mut indexes: SmallVec<[usize; 16]> = SmallVec::new();
    cx.entry.for_each_key(cx.args.len(), |i| cx.args.at(i), |index| indexes.push(index));
    for index in indexes {
        let key = cx.key(index);
        cx.db.remember(key, cx.client.id);
    }
}

/// Runs the handler; an error replaces whatever it had replied (2).
#[inline]
pub(crate) fn run_handler(cx: &mut Cx<'_>) {
    let reply_at = cx.reply.len();
    if let Err(error) = (cx.entry.decl.handler)(cx) {
        fail(cx, reply_at, &error);
    }
}

#[cold]
fn fail(cx: &mut Cx<'_>, reply_at: usize, error: &CmdError) {
    cx.reply.truncate(reply_at);
    cx.reply.error(error.0.as_bytes());
    cx.engine.errors.count(error.code());
    cx.db.stats.per_command[cx.entry.id.index()].failed.add(1);
}

fn encode_args(args: Args<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    resp::encode::write_request(&mut out, args.iter());
    out
}

/// Appends what a command left, as a transaction if it is more than one command.
/// `dbs`: the database of the first, and the one the last leaves selected.
/// Where it ends in the stream, if there was anything.
fn append(
    engine: &Engine,
    worker: usize,
    dbs: (usize, usize),
    commands: &[Vec<u8>],
) -> Option<u64> {
    const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
    const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";
    let (first, last) = (dbs.0 as u32, dbs.1 as u32);
    match commands {
        [] => None,
        [one] => Some(engine.journal.append_across_dbs(worker, first, last, &[one])),
        many => {
            let mut parts: Vec<&[u8]> = Vec::with_capacity(many.len() + 2);
            parts.push(MULTI);
            parts.extend(many.iter().map(Vec::as_slice));
            parts.push(EXEC);
            Some(engine.journal.append_across_dbs(worker, first, last, &parts))
        }
    }
}

/// Runs a queued command inside EXEC, with what EXEC holds. A SELECT inside changes the
/// client's database for the commands behind it.
pub(crate) fn call_nested(cx: &mut Cx<'_>, id: command::table::CommandId, args: Args<'_>) {
    call_within(cx, id, args, None);
}

/// Runs a command within another one, with what that one holds; its reply goes to the client, or to
/// `elsewhere`. The ticks it took.
pub(crate) fn call_within(
    cx: &mut Cx<'_>,
    id: command::table::CommandId,
    args: Args<'_>,
    mut elsewhere: Option<(&mut Vec<u8>, Protocol)>,
) -> u64 {
    let engine = cx.engine;
    let db = cx.client.db;
    let dirty_before = cx.db.effects.dirty;
    let entry = engine.table.get(id);
    let started = store::ticks::now();
    let reply_at = elsewhere.as_ref().map_or(cx.reply.len(), |(out, _)| out.len());
    let client_id = cx.db.client_id;
    let in_script = elsewhere.is_some();
    let keeps_expired = engine.stands_still(cx.db.now_ms()) && !entry.has(Flag::Write);
    {
        let reply = match &mut elsewhere {
            Some((out, protocol)) => Reply::new(out, *protocol),
            None => {
                // A HELLO before it may have changed the protocol.
                let mut reply = cx.reply.lend();
                reply.set_protocol(cx.client.protocol);
                reply
            }
        };
        let mut nested = Cx {
            args,
            db: Db {
                access: cx.db.access.lend(),
                engine,
                keyspace: &engine.keyspace,
                stats: cx.db.stats,
                effects: &mut *cx.db.effects,
                random: &mut *cx.db.random,
                index: db,
                usage: cx.db.usage,
                no_touch: cx.db.no_touch,
                replays: cx.db.replays,
                worker: cx.worker,
                client_id,
                keeps_expired,
            },
            reply,
            client: &mut *cx.client,
            engine,
            world: cx.world.as_mut().map(World::lend),
            entry,
            worker: cx.worker,
            hashes: KeyHashes::default(),
            ready: None,
            may_block: false,
            wait: None,
        };
        run_handler(&mut nested);
        if nested.client.tracking.is_some() {
            remember_keys(&mut nested);
        }
        if engine.settings.attention.has(Reason::Monitor) {
            let address = if in_script { &Address::Script } else { &nested.client.address };
            engine.feed_monitors(entry, args, db, address);
        }
    }
    cx.db.effects.end_command(db, dirty_before, || encode_args(args));
    let ticks = store::ticks::now().wrapping_sub(started);
    let seen = Seen::of(entry, args, cx.client);
    if engine.count_calls(cx.db.stats, id, 1, ticks) {
        engine.note_slow(&seen, ticks);
    }
    let reply_len = elsewhere.as_ref().map_or(cx.reply.len(), |(out, _)| out.len());
    let (request_bytes, reply_bytes) = (args.bytes_len(), reply_len - reply_at);
    if engine.settings.attention.is_large(request_bytes, reply_bytes) {
        engine.note_large(&seen, request_bytes, reply_bytes);
    }
    if engine.settings.attention.has(Reason::HotKeys) {
        engine.weigh_keys(entry, args, ticks, request_bytes + reply_bytes);
    }
    cx.db.stats.commands.add(1);
    ticks
}
