//! MULTI, EXEC, DISCARD and WATCH: commands queued on the client and run in one piece, if nobody
//! changed what they rest on.
//!
//! EXEC holds, from before its first command to after its last, the shards of all their keys and of
//! those that are watched; if one of them needs the world, it owns the world. So nothing comes in
//! between. What its commands leave enters the journal as one range, inside MULTI and EXEC.

use std::collections::HashSet;
use std::sync::Arc;

use command::declare::{Flag, Lock};
use command::table::{CommandId, Entry};
use resp::{ArgBuf, Args};
use smallvec::SmallVec;
use store::watch::Watcher;

use crate::call::call_nested;
use crate::client::Client;
use crate::cx::{Cx, Handler};
use crate::engine::Engine;
use crate::error::{CmdError, CmdResult};
use crate::permission::Attempt;

/// A transaction under way.
#[derive(Default)]
pub struct Multi {
    commands: Vec<(CommandId, ArgBuf)>,
    args_bytes: usize,
    /// A command was refused while queueing: EXEC will run nothing.
    pub(crate) aborted: bool,
    /// A command that is refused when memory is short is among them.
    pub(crate) takes_memory: bool,
    /// One of them writes.
    pub(crate) writes: bool,
}

impl Multi {
    /// Bytes held by the queue.
    pub fn bytes(&self) -> usize {
        size_of::<Multi>()
            + self.commands.len() * size_of::<(CommandId, ArgBuf)>()
            + self.args_bytes
    }

    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// The commands in the queue, with their arguments.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (CommandId, Args<'_>)> {
        self.commands.iter().map(|(id, args)| (*id, args.as_args()))
    }

    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

/// The keys a client watches.
#[derive(Default)]
pub struct Watch {
    watcher: Arc<Watcher>,
    /// A set: there may be very many, and some named again.
    keys: HashSet<WatchedKey>,
    /// Of all keys, added up as they come: it is asked for in every turn.
    bytes: usize,
}

#[derive(PartialEq, Eq, Hash)]
struct WatchedKey {
    db: usize,
    key: Box<[u8]>,
}

impl Watch {
    /// Keys in it.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether one of its keys has changed.
    pub fn has_changed(&self) -> bool {
        self.watcher.has_changed()
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes + size_of::<Watch>()
    }
}

/// Whether the client is in a transaction and this command does not act on it.
pub(crate) fn queues(client: &Client, entry: &Entry<Handler>) -> bool {
    const AT_ONCE: &[&str] = &["exec", "discard", "multi", "watch", "quit", "reset"];
    client.multi.is_some() && !AT_ONCE.contains(&&*entry.full_name)
}

pub(crate) fn queue(client: &mut Client, entry: &Entry<Handler>, args: Args<'_>) {
    let multi = client.multi.as_mut().expect("callers checked that a transaction is under way");
    if !multi.aborted {
        let args = ArgBuf::from(args);
        multi.args_bytes += args.allocated_bytes();
        multi.commands.push((entry.id, args));
        multi.takes_memory |= entry.has(Flag::DenyOom);
        multi.writes |= entry.has(Flag::Write);
    }
}

/// What EXEC of this client's queue must hold; the hashes of the keys go to `hashes`.
pub(crate) fn lock_of_queue(
    engine: &Engine,
    client: &Client,
    hashes: &mut SmallVec<[u64; 16]>,
) -> Lock {
    let Some(multi) = client.multi.as_ref().filter(|multi| !multi.aborted) else {
        return Lock::Local;
    };
    let keyspace = &engine.keyspace;
    for (id, args) in &multi.commands {
        let (entry, args) = (engine.table.get(*id), args.as_args());
        match entry.lock.of_call(args.iter()) {
            Lock::Local => {}
            Lock::Keys => entry.for_each_key(
                args.len(),
                |i| args.at(i),
                |index| hashes.push(keyspace.key(args.at(index)).hash),
            ),
            Lock::KeysUnless(_) | Lock::EachShard | Lock::Queued | Lock::Script | Lock::World => {
                return Lock::World;
            }
        }
    }
    let watched = client.watch.iter().flat_map(|watch| &watch.keys);
    hashes.extend(watched.map(|known| keyspace.key(&known.key).hash));
    if hashes.is_empty() { Lock::Local } else { Lock::Keys }
}

/// An EXEC that is refused ends the transaction, and says so whatever the reason was.
pub(crate) fn refused(client: &mut Client, entry: &Entry<Handler>, error: CmdError) -> CmdError {
    if &*entry.full_name != "exec" {
        return error;
    }
    client.multi = None;
    CmdError::exec_refused(&error)
}

/// The handler of MULTI.
pub fn multi(cx: &mut Cx<'_>) -> CmdResult {
    if cx.client.multi.is_some() {
        return Err(CmdError::NESTED_MULTI);
    }
    cx.client.multi = Some(Box::default());
    cx.reply.ok();
    Ok(())
}

/// The handler of DISCARD.
pub fn discard(cx: &mut Cx<'_>) -> CmdResult {
    cx.client.multi.take().ok_or(CmdError::DISCARD_WITHOUT_MULTI)?;
    cx.client.watch = None;
    cx.reply.ok();
    Ok(())
}

/// The handler of WATCH.
pub fn watch(cx: &mut Cx<'_>) -> CmdResult {
    if cx.client.multi.is_some() {
        return Err(CmdError::WATCH_IN_MULTI);
    }
    let watch = cx.client.watch.get_or_insert_default();
    // Once one has changed, no other matters.
    if !watch.has_changed() {
        for index in 1..cx.args.len() {
            let (db, bytes) = (cx.db.index, cx.args.at(index));
            if watch.keys.insert(WatchedKey { db, key: bytes.into() }) {
                watch.bytes += size_of::<WatchedKey>() + bytes.len();
                cx.db.watch(cx.db.key(bytes), &watch.watcher);
            }
        }
    }
    cx.reply.ok();
    Ok(())
}

/// The handler of UNWATCH.
pub fn unwatch(cx: &mut Cx<'_>) -> CmdResult {
    cx.client.watch = None;
    cx.reply.ok();
    Ok(())
}

/// Whether a watched key has changed, or has expired though nobody has removed it.
fn has_changed(cx: &mut Cx<'_>, watch: &Watch) -> bool {
    let has_expired = |known: &WatchedKey| {
        cx.db.within(known.db, |db| {
            let key = db.key(&known.key);
            db.has_expired_since(key, &watch.watcher)
        })
    };
    watch.has_changed() || watch.keys.iter().any(has_expired)
}

/// The handler of EXEC.
pub fn exec(cx: &mut Cx<'_>) -> CmdResult {
    let multi = cx.client.multi.take().ok_or(CmdError::EXEC_WITHOUT_MULTI)?;
    let watch = cx.client.watch.take();
    if multi.aborted {
        return Err(CmdError::EXEC_ABORT);
    }
    if watch.is_some_and(|watch| has_changed(cx, &watch)) {
        cx.reply.null_array();
        return Ok(());
    }
    cx.reply.array(multi.commands.len());
    for (id, args) in &multi.commands {
        if cx.engine.table.get(*id).has(Flag::NoMulti) {
            // Refused while queueing; a renamed command could still slip through.
            cx.reply.error(CmdError::NOT_IN_MULTI.0.as_bytes());
            continue;
        }
        let (entry, args) = (cx.engine.table.get(*id), args.as_args());
        let (db, worker, now_ms) = (cx.client.db, cx.worker, cx.now_ms());
        let context = acl::log::Context::Multi;
        let attempt = Attempt { entry, args, db, context, worker, now_ms };
        if let Err(denied) = cx.engine.permit(cx.client, &attempt) {
            let error = CmdError::no_longer_permitted(denied);
            cx.engine.errors.count(error.code());
            cx.reply.error(error.0.as_bytes());
            continue;
        }
        call_nested(cx, *id, args);
    }
    // The queued commands have said what to repeat; EXEC itself adds nothing.
    cx.db.effects.propagate_nothing();
    Ok(())
}
