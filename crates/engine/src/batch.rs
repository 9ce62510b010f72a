//! Requests of one connection: parsed together, prefetched together, run one by one, in order.
//!
//! ```text
//!   input ── parse ≤ 32 requests ── look up, hash their keys ──┬─ prefetch buckets
//!                                                              ├─ prefetch records
//!                                                              └─ run: 1, 2, 3 …   replies ──► out
//! ```
//!
//! A key is two cache misses away: its bucket, then its record. One command after the other pays
//! both each time; a batch of a pipeline has them all under way at once.
//!
//! # Invariants
//!
//! (1) Requests run in the order they came, and each runs as if it were alone: the batch only
//!     decides what is in the cache.
//! (2) When a request cannot run now (its shard is busy), nothing of it has happened: it and all
//!     behind it stay in the input.
//! (3) Who wants the world is let through between turns only. What was not run by then lies with its
//!     client, where a script that runs for too long can answer it (`late.rs`).

use std::sync::atomic::Ordering::Relaxed;

use base::random::Random;
use command::table::CommandId;
use resp::{Batch, Limits, Parsed, Pending, ProtocolError};
use store::{Inside, World};

use crate::attention::RUN_BYTES_MAX;
use crate::call::Ran;
use crate::client::{Client, Closing};
use crate::cx::KeyHashes;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::error::CmdError;
use crate::eviction::Evictor;

/// Requests parsed and prefetched together. More gains nothing: the processor has some dozen
/// cache misses under way at most.
pub(crate) const BATCH_MAX: usize = 32;
/// Requests of one connection before others get their turn.
const TURN_MAX: usize = 1024;
/// Replies of one connection before they are sent and others get their turn.
pub(crate) const TURN_REPLY_BYTES_MAX: usize = 1 << 20;
/// As Redis: a request of more arguments is refused.
const ARGS_MAX: usize = 1024 * 1024;

/// Why a connection's turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The input is used up but for an unfinished request, which needs at least so many bytes
    /// (0: nothing is left).
    Drained { needs: usize },
    /// There is more to run; others first.
    Turn,
    /// The request at `consumed` waits for a shard; the worker will be woken when it is free.
    Parked,
    /// The client waits for a key: see `Client::blocked`.
    Blocked,
    /// A pause holds the request at `consumed`.
    Held,
    /// The client is to be closed: see `Client::closing`.
    Closing,
}

/// What one turn used of the input and why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub consumed: usize,
    pub stop: Stop,
}

/// A worker's tools for running requests, reused from batch to batch.
pub struct Runner {
    pub worker: usize,
    pub now_ms: i64,
    pub random: Random,
    /// What runs here is a stream of effects: an AOF, a primary, a test's journal. Nothing expires
    /// by the clock then, only by the DEL in the stream: whoever wrote it decided by their clock.
    pub replays: bool,
    pub(crate) effects: Effects,
    pub(crate) last_ticks: u64,
    pub(crate) evictor: Evictor,
    pub(crate) batch: Batch,
    pub(crate) ahead: Batch,
    plans: Vec<Plan>,
    hashes: Vec<u64>,
}

/// What is known of a request before it runs.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) id: Option<CommandId>,
    hashes_at: u32,
    hashes: u32,
    first: u32,
    step: u32,
}

impl Plan {
    pub(crate) fn hashes<'h>(&self, all: &'h [u64]) -> KeyHashes<'h> {
        let at = self.hashes_at as usize;
        KeyHashes {
            hashes: &all[at..at + self.hashes as usize],
            first: self.first as usize,
            step: self.step as usize,
        }
    }
}

impl Runner {
    pub fn new(engine: &Engine, worker: usize) -> Runner {
        Runner {
            worker,
            now_ms: 0,
            random: engine.new_random(),
            replays: false,
            effects: Effects::default(),
            last_ticks: 0,
            evictor: Evictor::default(),
            batch: Batch::new(),
            ahead: Batch::new(),
            plans: Vec::with_capacity(BATCH_MAX),
            hashes: Vec::with_capacity(BATCH_MAX),
        }
    }

    /// Runs the whole requests at the beginning of `input`. Replies are appended to `out`.
    pub fn run(
        &mut self,
        engine: &Engine,
        inside: &mut Inside<'_>,
        client: &mut Client,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Turn {
        let (mut at, mut ran) = (0, 0);
        let mut batch = std::mem::take(&mut self.batch);
        let stop = loop {
            batch.clear();
            let limits = engine.request_limits(client);
            let (end, parsed) = batch.parse(input, at, BATCH_MAX, &limits, &mut client.pending);
            self.now_ms = base::clock::unix_ms();
            match self.run_batch(engine, inside, client, &batch, input, out) {
                Some((request, stop)) => {
                    // The parser's notes are about the end of the input, not about this request.
                    client.pending = Pending::default();
                    at = request;
                    break stop;
                }
                None => at = end,
            }
            ran += batch.len();
            match parsed {
                Parsed::Error(error) => {
                    engine.end_by_protocol_error(client, error, &input[at..], out);
                    break Stop::Closing;
                }
                Parsed::NeedMore { hint } => break Stop::Drained { needs: hint },
                Parsed::Requests if at == input.len() => break Stop::Drained { needs: 0 },
                Parsed::Requests if ran >= TURN_MAX => break Stop::Turn,
                Parsed::Requests => {}
            }
        };
        self.batch = batch;
        if !self.effects.broadcast.is_empty() {
            engine.broadcast(&mut self.effects.broadcast);
        }
        Turn { consumed: at, stop }
    }

    /// Runs a parsed batch. If it ends early: where the input continues, and why.
    fn run_batch(
        &mut self,
        engine: &Engine,
        inside: &mut Inside<'_>,
        client: &mut Client,
        batch: &Batch,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<(usize, Stop)> {
        if batch.is_empty() {
            return None;
        }
        let plans = std::mem::take(&mut self.plans);
        let hashes = std::mem::take(&mut self.hashes);
        let (plans, hashes) = plan(engine, client.db, batch, input, plans, hashes);
        self.last_ticks = store::ticks::now();
        let is_large = batch.request(batch.len() - 1).end - batch.request(0).start >= RUN_BYTES_MAX;
        let mut early = None;
        let mut i = 0;
        while i < plans.len() {
            if inside.is_wanted() {
                // (3).
                early = Some((batch.request(i).start, Stop::Turn));
                break;
            }
            if client.closing != Closing::No {
                early = Some((batch.request(i).start, Stop::Closing));
                break;
            }
            let is_close =
                is_large || engine.settings.attention.is_close() || engine.aof.is_broken();
            let is_straight = plans[i].id.is_some_and(|id| engine.table.get(id).is_straight);
            if is_straight && !is_close && client.is_plain() && !engine.needs_password(client) {
                let ran;
                (i, ran) = self
                    .run_straight(engine, inside, client, batch, input, &plans, &hashes, i, out);
                if ran == Ran::Parked {
                    early = Some((batch.request(i).start, Stop::Parked));
                    break;
                }
                if i == plans.len() {
                    break;
                }
                if out.len() > TURN_REPLY_BYTES_MAX {
                    early = Some((batch.request(i).start, Stop::Turn));
                    break;
                }
                if inside.is_wanted() {
                    continue;
                }
            }
            let request = batch.request(i);
            let raw = (!request.inline).then(|| &input[request.start..request.end]);
            let args = batch.args(i, input);
            let ran = self.run_one(engine, inside, client, plans[i], &hashes, args, raw, out);
            if ran != Ran::Done {
                let stop = match ran {
                    Ran::Parked => Stop::Parked,
                    Ran::TooEarly => Stop::Turn,
                    Ran::Held | Ran::WantsWorld | Ran::Done => Stop::Held,
                };
                early = Some((request.start, stop));
                break;
            }
            if client.closing != Closing::No {
                early = Some((request.end, Stop::Closing));
                break;
            }
            if client.blocked.is_some() {
                early = Some((request.end, Stop::Blocked));
                break;
            }
            i += 1;
            if out.len() > TURN_REPLY_BYTES_MAX {
                early = Some((request.end, Stop::Turn));
                break;
            }
        }
        (self.plans, self.hashes) = (plans, hashes);
        early
    }
}

/// Looks up every request, hashes its keys, and has their buckets and records fetched.
fn plan(
    engine: &Engine,
    db: usize,
    batch: &Batch,
    input: &[u8],
    mut plans: Vec<Plan>,
    mut hashes: Vec<u64>,
) -> (Vec<Plan>, Vec<u64>) {
    use command::keys::KeyLayout;
    plans.clear();
    hashes.clear();
    let keyspace = &engine.keyspace;
    // A pipeline often says the same word again: then it need not be looked up again.
    let mut before: (&[u8], Option<CommandId>) = (b"", None);
    for i in 0..batch.len() {
        let args = batch.args(i, input);
        let id = if before.1.is_some() && args.at(0) == before.0 {
            before.1
        } else {
            let id = engine.table.lookup_call(args.len(), |i| args.at(i));
            let is_simple = id.is_some_and(|id| {
                let entry = engine.table.get(id);
                entry.parent.is_none() && entry.subcommands.is_empty()
            });
            before = (args.at(0), if is_simple { id } else { None });
            id
        };
        let mut plan = Plan { id, hashes_at: hashes.len() as u32, hashes: 0, first: 0, step: 0 };
        if let Some(id) = id {
            let entry = engine.table.get(id);
            (plan.first, plan.step) = match entry.layout {
                KeyLayout::None => (0, 0),
                KeyLayout::One(index) => (u32::from(index), 0),
                KeyLayout::Range { first, step, .. } => (u32::from(first), u32::from(step)),
                // No key is at this index, so their hashes serve the locks only.
                KeyLayout::Other => (u32::MAX, 0),
            };
            entry.for_each_key(
                args.len(),
                |i| args.at(i),
                |index| hashes.push(keyspace.key(args.at(index)).hash),
            );
            plan.hashes = hashes.len() as u32 - plan.hashes_at;
        }
        plans.push(plan);
    }
    if hashes.len() > 1 {
        keyspace.prefetch(db, &hashes);
    }
    (plans, hashes)
}

impl Engine {
    /// Closes the gate for a command of this client. Others may own the world before, see the
    /// client and tell it to close.
    pub(crate) fn close_gate<'i>(
        &self,
        inside: &'i mut Inside<'_>,
        client: &mut Client,
    ) -> World<'i> {
        if inside.is_only_worker() {
            return inside.close();
        }
        self.clients.mine(inside).lend(client);
        let mut world = inside.close();
        let worker = world.worker();
        self.clients.of(&mut world, worker).take_back(client);
        world
    }

    /// Whether this client must authenticate before anything else.
    #[inline]
    pub fn needs_password(&self, client: &Client) -> bool {
        !client.authenticated && self.settings.password_required.load(Relaxed)
    }

    /// How long a request of this client may be.
    pub(crate) fn request_limits(&self, client: &Client) -> Limits {
        Limits {
            bulk_bytes_max: self.settings.bulk_bytes_max(),
            args_max: ARGS_MAX,
            unauthenticated: self.needs_password(client),
            ..Limits::default()
        }
    }

    /// Tells a client why what it sent is no request, which is the end of it.
    pub(crate) fn end_by_protocol_error(
        &self,
        client: &mut Client,
        error: ProtocolError,
        input: &[u8],
        out: &mut Vec<u8>,
    ) {
        self.errors.count("ERR");
        self.log_protocol_error(client, error.log_text(), input);
        error.reply(&mut resp::Reply::new(out, client.protocol));
        client.closing = Closing::AfterReplies;
    }

    fn log_protocol_error(&self, client: &Client, text: &str, input: &[u8]) {
        const SHOWN_BYTES: usize = 128;
        let shown = input[..input.len().min(SHOWN_BYTES)].escape_ascii();
        self.host.log(
            '-',
            &format!(
                "Protocol error ({text}) from client: id={} addr={}. \
                 Query buffer during protocol error: '{shown}'",
                client.id, client.address
            ),
        );
    }

    /// The reply to a request whose command nobody declared.
    pub(crate) fn unknown(&self, args: resp::Args<'_>) -> CmdError {
        match self.table.lookup(args.at(0)) {
            Some(container) => {
                CmdError::unknown_subcommand(&self.table.get(container).full_name, args.at(1))
            }
            None => CmdError::unknown_command(args.at(0), args.iter().skip(1)),
        }
    }
}
