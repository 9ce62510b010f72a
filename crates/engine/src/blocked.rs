//! Clients that wait: BLPOP and its like, from the handler that finds nothing to the reply.
//!
//! ```text
//!   owner's worker                             whoever changes the key, its locks held
//!   ─────────────                              ───────────────────────────────────────
//!   handler: nothing there ─► Cx::block
//!   register: wait in every key's shard
//!        ·   (its further requests wait)       Db::notify: somebody waits ─► effects.ready
//!        ·                                     after the command, its journal entry written:
//!        ·                                     serve: runs the waiting command again, for this key
//!   take_served ◄──────── reply ◄───────────── it replied? over. Else it goes on waiting.
//!   finish: out of the other shards, reply, next request
//! ```
//!
//! A waiting command is served in the very hold of the locks that made its key ready, so nobody
//! can come between and take what it waits for; clients are served in the order in which they
//! came. The command runs again as it is, with a client made up for it, and sees only the key that
//! is ready ([`crate::Cx::considers`]). What serving changes may make further keys ready; they
//! are served before the locks are given back.
//!
//! # Invariants
//!
//! (1) A wait ends once: whoever turns its state from waiting to over replies. While it is being
//!     served nobody else may end it, and serving never waits for anything.
//! (2) A wait that needs more than the shard of the key it waits for (BLMOVE's destination) is
//!     counted in that shard as a stray. A write that finds strays runs in the world instead, so
//!     whoever serves holds all that serving touches.
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use acl::User;
use command::table::CommandId;
use resp::{ArgBuf, Protocol, Reply};
use store::eviction_clock::Usage;
use store::{Access, Type, World};

use crate::attention::Seen;
use crate::batch::Runner;
use crate::call::{finish_effects, run_handler};
use crate::client::{Address, Client};
use crate::clients::ClientIndex;
use crate::command_log::Caller;
use crate::cx::{Cx, KeyHashes};
use crate::db::Db;
use crate::engine::Engine;
use crate::error::CmdError;
use crate::permission::{Attempt, no_permission};
use crate::stats::WorkerStats;

const WAITING: u8 = 0;
const SERVING: u8 = 1;
const OVER: u8 = 2;

/// What a handler asked for with [`Cx::block`].
pub(crate) struct Wait {
    /// Arguments that are keys.
    keys: Range<usize>,
    deadline_ms: Option<i64>,
    /// What shall run again, if it is not the request as it came.
    args: Option<ArgBuf>,
    minds_absence: bool,
    timeout: Timeout,
    durable_at: Option<u64>,
}

/// What a client is told whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timeout {
    NullArray,
    /// So many replicas: WAIT.
    Integer(i64),
    /// Whether the log is on the disk up to here, and no replica's: WAITAOF.
    Durable(u64),
}

impl Timeout {
    fn reply(self, engine: &Engine, reply: &mut Reply<'_>) {
        match self {
            Timeout::Durable(offset) => {
                reply.array(2);
                reply.integer(i64::from(engine.is_in_log(offset)));
                reply.integer(0);
            }
            Timeout::NullArray => reply.null_array(),
            Timeout::Integer(n) => reply.integer(n),
        }
    }
}

/// One client's wait.
pub struct Blocked {
    pub id: u64,
    /// Unix milliseconds; none: for ever.
    pub deadline_ms: Option<i64>,
    state: AtomicU8,
    command: CommandId,
    args: ArgBuf,
    keys: Vec<Box<[u8]>>,
    is_stray: bool,
    minds_absence: bool,
    timeout: Timeout,
    /// It is over when the log is on the disk up to here.
    pub durable_at: Option<u64>,
    db: usize,
    protocol: Protocol,
    no_touch: bool,
    /// The client's user, if there are calls that it may not make.
    user: Mutex<Option<Arc<User>>>,
    client_id: u64,
    client: Option<ClientIndex>,
    worker: usize,
    /// Whose it is, for the slow log.
    address: Address,
    name: Box<[u8]>,
    /// Ticks that the command took so far.
    spent: AtomicU64,
}

impl Blocked {
    fn seen<'a>(&'a self, engine: &'a Engine) -> Seen<'a> {
        let caller = Caller { address: &self.address, name: &self.name };
        Seen { entry: engine.table.get(self.command), args: self.args.as_args(), caller }
    }

    fn change(&self, from: u8, to: u8) -> Result<u8, u8> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }

    /// Reserves it for being served; false if it is over.
    fn claim(&self) -> bool {
        loop {
            match self.change(WAITING, SERVING) {
                Ok(_) => return true,
                Err(OVER) => return false,
                // Another worker serves it for another key; it holds all it needs and is done soon.
                Err(_) => std::hint::spin_loop(),
            }
        }
    }

    fn release(&self, state: u8) {
        self.state.store(state, Ordering::Release);
    }

    fn user(&self) -> MutexGuard<'_, Option<Arc<User>>> {
        self.user.lock().expect("nobody panics holding a user")
    }

    /// The client's user, or what it may do, has changed.
    pub(crate) fn set_user(&self, user: Option<Arc<User>>) {
        *self.user() = user;
    }

    /// Ends it without serving it; false if it is over already.
    pub fn end(&self) -> bool {
        let claimed = self.claim();
        if claimed {
            self.release(OVER);
        }
        claimed
    }
}

/// A reply on its way to the worker whose client waits for it.
pub struct Served {
    pub client: Option<ClientIndex>,
    pub wait: u64,
    pub reply: Vec<u8>,
}

/// All waits.
pub struct Waits {
    next: AtomicU64,
    by_id: Mutex<HashMap<u64, Arc<Blocked>>>,
    /// For each worker.
    served: Box<[Mutex<Vec<Served>>]>,
}

impl Waits {
    pub(crate) fn new(workers: usize) -> Waits {
        Waits {
            next: AtomicU64::new(1),
            by_id: Mutex::default(),
            served: (0..workers).map(|_| Mutex::default()).collect(),
        }
    }

    fn by_id(&self) -> MutexGuard<'_, HashMap<u64, Arc<Blocked>>> {
        self.by_id.lock().expect("nobody panics holding the waits")
    }

    /// Clients that wait.
    pub fn len(&self) -> usize {
        self.by_id().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys of which somebody wants to hear that they are gone.
    pub fn keys_on_nokey(&self) -> usize {
        let waits = self.by_id();
        let minding = waits.values().filter(|blocked| blocked.minds_absence);
        let keys: HashSet<_> =
            minding.flat_map(|wait| wait.keys.iter().map(|key| (wait.db, key.clone()))).collect();
        keys.len()
    }

    /// Replies for clients of this worker.
    pub fn take_served(&self, worker: usize) -> Vec<Served> {
        std::mem::take(&mut *self.served[worker].lock().expect("nobody panics delivering"))
    }
}

impl Engine {
    /// Sends a wait's reply to the worker that has the client.
    fn deliver(&self, blocked: &Blocked, reply: Vec<u8>) {
        let served = Served { client: blocked.client, wait: blocked.id, reply };
        let letters = &self.waits.served[blocked.worker];
        letters.lock().expect("nobody panics delivering").push(served);
        self.host.wake(blocked.worker);
    }

    /// Counts a command that had waited and is over, at the worker that ends it.
    pub fn count_waited(&self, blocked: &Blocked, stats: &WorkerStats) {
        let ticks = blocked.spent.load(Ordering::Relaxed);
        stats.commands.add(1);
        if self.count_calls(stats, blocked.command, 1, ticks) {
            self.log_slow(&blocked.seen(self), store::ticks::to_us(ticks));
        }
    }

    /// CLIENT UNBLOCK: ends a wait with an error, or as if its time had come. False if it is over
    /// already. The caller owns the world: the error is counted at the client's worker.
    pub fn unblock(&self, blocked: &Blocked, error: Option<&[u8]>) -> bool {
        if !blocked.end() {
            return false;
        }
        let mut reply = Vec::new();
        match error {
            Some(error) => {
                Reply::new(&mut reply, blocked.protocol).error(error);
                let code = error.split(|byte| *byte == b' ').next().unwrap_or_default();
                self.errors.count(&String::from_utf8_lossy(code));
                let stats = &self.stats[blocked.worker];
                stats.per_command[blocked.command.index()].failed.add(1);
            }
            None => blocked.timeout.reply(self, &mut Reply::new(&mut reply, blocked.protocol)),
        }
        self.count_waited(blocked, &self.stats[blocked.worker]);
        self.deliver(blocked, reply);
        true
    }

    /// What a client is told whose time has come.
    pub fn timeout_reply(&self, blocked: &Blocked) -> Vec<u8> {
        let mut out = Vec::new();
        blocked.timeout.reply(self, &mut Reply::new(&mut out, blocked.protocol));
        out
    }

    /// Forgets a wait that is over, in every shard. To be called by its client's worker, which
    /// holds no shard.
    pub fn forget_wait(&self, blocked: &Blocked) {
        for key in &blocked.keys {
            let key = self.keyspace.key(key);
            let mut shard = self.keyspace.lock(self.keyspace.shard_of(key.hash));
            shard.dbs[blocked.db].waiting.remove(key.bytes, blocked.id);
            if blocked.is_stray {
                shard.strays -= 1;
            }
        }
        self.waits.by_id().remove(&blocked.id);
    }
}

impl Cx<'_> {
    /// Whether a command that waits for keys shall look at this one now: all of them at first,
    /// only the one that is ready when it is served.
    pub fn considers(&self, key: &[u8]) -> bool {
        self.ready.is_none_or(|ready| ready == key)
    }

    /// Whether this is a command that waited and runs again because a key is ready.
    pub fn is_served(&self) -> bool {
        self.ready.is_some()
    }

    /// The first of the key arguments under which there is a value of this type. A command that is
    /// served looks at the key that is ready only, and waits on if that holds something else.
    ///
    /// # Errors
    /// A value of another type comes first, and the command is not served.
    pub fn first_key_of(
        &mut self,
        value_type: Type,
        keys: Range<usize>,
    ) -> Result<Option<usize>, CmdError> {
        for index in keys {
            let key = self.key(index);
            if !self.considers(key.bytes) {
                continue;
            }
            match self.db.look(key).map(|record| record.value_type()) {
                None => {}
                Some(found) if found == value_type => return Ok(Some(index)),
                Some(_) if self.is_served() => {}
                Some(_) => return Err(CmdError::WRONG_TYPE),
            }
        }
        Ok(None)
    }

    /// There is nothing yet: the command shall run again when one of the keys among the arguments
    /// `keys` has changed, until the deadline. False inside a transaction, where there is no
    /// waiting: the handler replies as if its time had come.
    pub fn block(&mut self, keys: Range<usize>, deadline_ms: Option<i64>) -> bool {
        self.block_as(keys, deadline_ms, None)
    }

    /// The same for a command that means something else later: `args`, with as many words and the
    /// same keys, is what shall run again.
    pub fn block_as(
        &mut self,
        keys: Range<usize>,
        deadline_ms: Option<i64>,
        args: Option<ArgBuf>,
    ) -> bool {
        if self.may_block {
            let timeout = Timeout::NullArray;
            self.wait = Some(Wait {
                keys,
                deadline_ms,
                args,
                minds_absence: false,
                timeout,
                durable_at: None,
            });
        }
        self.may_block
    }

    /// Waits until the deadline for replicas, of which there are `count` by then. False inside a
    /// transaction.
    pub fn block_for_replicas(&mut self, count: i64, deadline_ms: Option<i64>) -> bool {
        if self.may_block {
            self.wait = Some(Wait {
                keys: 0..0,
                deadline_ms,
                args: None,
                minds_absence: false,
                timeout: Timeout::Integer(count),
                durable_at: None,
            });
        }
        self.may_block
    }

    /// Waits until the log is on the disk up to where this client has written, or until the
    /// deadline, if replicas are wanted too. False inside a transaction.
    pub fn block_for_log(&mut self, wants_replicas: bool, deadline_ms: Option<i64>) -> bool {
        if self.may_block {
            let offset = self.client.wrote_until;
            self.wait = Some(Wait {
                keys: 0..0,
                deadline_ms,
                args: None,
                minds_absence: false,
                timeout: Timeout::Durable(offset),
                durable_at: (!wants_replicas).then_some(offset),
            });
        }
        self.may_block
    }

    /// After [`Cx::block`]: the command fails when one of its keys is gone. All run again then;
    /// this is for INFO to tell.
    pub fn minds_absence(&mut self) {
        if let Some(wait) = &mut self.wait {
            wait.minds_absence = true;
        }
    }
}

/// Lets the client of a command that found nothing in `spent` ticks wait. The locks of its keys are
/// held.
pub(crate) fn register(cx: &mut Cx<'_>, wait: Wait, spent: u64) {
    let engine = cx.engine;
    let waited = wait.keys;
    let mut keys: Vec<Box<[u8]>> = Vec::with_capacity(waited.len());
    for index in waited.clone() {
        let key = cx.arg(index);
        if !keys.iter().any(|other| **other == *key) {
            keys.push(key.into());
        }
    }
    // (2): what is served takes from the key that is ready, and may put elsewhere.
    let shard_of = |key: &[u8]| engine.keyspace.shard_of(engine.keyspace.key(key).hash);
    let mut is_stray = false;
    cx.entry.for_each_key(
        cx.args.len(),
        |i| cx.args.at(i),
        |index| {
            let elsewhere = shard_of(cx.args.at(index));
            is_stray |= !waited.contains(&index) && keys.iter().any(|k| shard_of(k) != elsewhere);
        },
    );
    let blocked = Arc::new(Blocked {
        id: engine.waits.next.fetch_add(1, Ordering::Relaxed),
        deadline_ms: wait.deadline_ms,
        state: AtomicU8::new(WAITING),
        command: cx.entry.id,
        args: wait.args.unwrap_or_else(|| ArgBuf::from(cx.args)),
        keys,
        is_stray,
        minds_absence: wait.minds_absence,
        durable_at: wait.durable_at,
        timeout: wait.timeout,
        db: cx.db.index,
        protocol: cx.client.protocol,
        no_touch: cx.client.no_touch,
        user: Mutex::new(cx.client.restricted_user().cloned()),
        client_id: cx.client.id,
        client: cx.client.index,
        worker: cx.worker,
        address: cx.client.address.clone(),
        name: cx.client.names().name.as_slice().into(),
        spent: AtomicU64::new(spent),
    });
    engine.waits.by_id().insert(blocked.id, blocked.clone());
    for key in &blocked.keys {
        let key = cx.db.key(key);
        cx.db.wait_for(key, blocked.id, is_stray);
    }
    cx.client.blocked = Some(blocked);
}

/// Serves those who wait for keys that the command has changed, in the order in which the keys
/// became ready and the clients came.
pub(crate) fn serve_ready(cx: &mut Cx<'_>) {
    let mut ready = std::mem::take(&mut cx.db.effects.ready);
    while let Some((db, key)) = ready.pop_front() {
        let mut passed = 0;
        while let Some(id) = cx.db.within(db, |db| db.waiting_for(&key, passed)) {
            let blocked = cx.engine.waits.by_id().get(&id).cloned();
            let Some(blocked) = blocked.filter(|blocked| blocked.claim()) else {
                cx.db.within(db, |db| db.stop_waiting(&key, id));
                continue;
            };
            match serve(cx, &blocked, &key) {
                Some(reply) => {
                    cx.db.within(db, |db| db.stop_waiting(&key, id));
                    blocked.release(OVER);
                    cx.engine.deliver(&blocked, reply);
                }
                None => {
                    blocked.release(WAITING);
                    passed += 1;
                }
            }
            ready.append(&mut cx.db.effects.ready);
        }
    }
}

/// Serves those who wait for keys that have gone by time alone: they may want to hear of it. Of the
/// shard that `access` holds.
pub(crate) fn serve_expired(
    engine: &Engine,
    runner: &mut Runner,
    mut access: Access<'_>,
    index: usize,
    keys: Vec<Box<[u8]>>,
) {
    let (worker, now_ms) = (runner.worker, runner.now_ms);
    runner.effects.begin(!engine.journal.is_on(), index);
    runner.effects.ready.extend(keys.into_iter().map(|key| (index, key)));
    // As if a client without anything of its own had deleted them.
    let mut nobody = Client::new(0, now_ms);
    let mut nothing = Vec::new();
    let args = ArgBuf::default();
    let mut cx = Cx {
        args: args.as_args(),
        db: Db {
            access: access.lend(),
            engine,
            keyspace: &engine.keyspace,
            stats: &engine.stats[worker],
            effects: &mut runner.effects,
            random: &mut runner.random,
            index,
            usage: Usage::new(engine.settings.usage_clock(), now_ms),
            no_touch: true,
            replays: runner.replays,
            worker,
            client_id: 0,
            keeps_expired: false,
        },
        reply: Reply::new(&mut nothing, Protocol::Resp2),
        client: &mut nobody,
        engine,
        world: None,
        entry: engine.table.entries().next().expect("a server has commands"),
        worker,
        hashes: KeyHashes::default(),
        ready: None,
        may_block: false,
        wait: None,
    };
    serve_ready(&mut cx);
}

/// Runs a waiting command again for a key that is ready. Its reply; none if it goes on waiting.
fn serve(cx: &mut Cx<'_>, blocked: &Blocked, key: &[u8]) -> Option<Vec<u8>> {
    let engine = cx.engine;
    let started = store::ticks::now();
    let mut reply = Vec::new();
    let mut client = Client::new(blocked.client_id, cx.now_ms());
    client.db = blocked.db;
    client.protocol = blocked.protocol;
    client.worker = blocked.worker;
    client.set_user(blocked.user().clone());
    if let Some(error) = no_longer_permitted(cx, &mut client, blocked) {
        Reply::new(&mut reply, blocked.protocol).error(error.0.as_bytes());
        return Some(reply);
    }
    let silent = cx.db.effects.silent;
    cx.db.effects.begin(silent, blocked.db);
    let mut usage = cx.db.usage;
    usage.now_ms = cx.db.now_for_served();
    let mut served = Cx {
        args: blocked.args.as_args(),
        db: Db {
            access: cx.db.access.lend(),
            engine,
            keyspace: &engine.keyspace,
            stats: cx.db.stats,
            effects: &mut *cx.db.effects,
            random: &mut *cx.db.random,
            index: blocked.db,
            usage,
            no_touch: blocked.no_touch,
            replays: cx.db.replays,
            worker: cx.worker,
            client_id: blocked.client_id,
            keeps_expired: false,
        },
        reply: Reply::new(&mut reply, blocked.protocol),
        client: &mut client,
        engine,
        world: cx.world.as_mut().map(World::lend),
        entry: engine.table.get(blocked.command),
        worker: cx.worker,
        hashes: KeyHashes::default(),
        ready: Some(key),
        may_block: true,
        wait: None,
    };
    run_handler(&mut served);
    let still_waits = served.wait.is_some();
    finish_effects(engine, &mut served, blocked.db, None);
    drop(served);
    let ticks = store::ticks::now().wrapping_sub(started);
    blocked.spent.fetch_add(ticks, Ordering::Relaxed);
    if still_waits {
        return None;
    }
    engine.count_waited(blocked, cx.db.stats);
    if engine.settings.attention.is_slow(ticks) {
        engine.note_latency("command-unblocking", store::ticks::to_us(ticks));
    }
    Some(reply)
}

/// The error for a client that waited and may not do meanwhile what it waits for.
fn no_longer_permitted(cx: &Cx<'_>, client: &mut Client, blocked: &Blocked) -> Option<CmdError> {
    let engine = cx.engine;
    let attempt = Attempt {
        entry: engine.table.get(blocked.command),
        args: blocked.args.as_args(),
        db: blocked.db,
        context: acl::log::Context::TopLevel,
        worker: cx.worker,
        now_ms: cx.now_ms(),
    };
    let denied = engine.permit(client, &attempt).err()?;
    let user = client.restricted_user().expect("only who is restricted is refused");
    let error = no_permission(user, attempt.entry, denied);
    cx.db.stats.per_command[blocked.command.index()].rejected.add(1);
    engine.errors.count(error.code());
    Some(error)
}
