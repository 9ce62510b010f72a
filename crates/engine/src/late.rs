//! A script that has run for too long: others are answered BUSY meanwhile, and may end it.
//!
//! ```text
//!   script ─► interrupt, or a command that took long ─► late?
//!                 ▲                                        │ once a millisecond
//!                 │                                        ▼
//!          shall it end? ◄─ SCRIPT KILL sets a flag ◄─ Host::serve_late: all sockets of all workers
//!                                                          └─► Late::run: refuse, or run what is
//!                                                              declared ALLOW_BUSY
//! ```
//!
//! A script owns the world, other workers' clients included. So it is the script's own thread that
//! serves everybody while it is late, between two steps of the script: nobody else is at work, and
//! no lock, flag or second thread is needed for that. The other workers wait at the gate.
//!
//! # Invariants
//!
//! (1) The script holds no shard while others are served: [`store::Access::let_go`].
//! (2) A client that is in no table, or is under way, is not served: what its worker has read of it
//!     comes before whatever it sends now.
//! (3) What is said here of the script that runs is true from its lateness to its end.
//! (4) Rounds are a millisecond of the script's own thread apart, and it ends in the one in which it is
//!     killed: they hang on no other thread ([`script::Caller::is_pressing`]).
//!
//! # Limits
//!
//! A client that waits for a key, or whose requests its worker has read and not run, waits until
//! the script ends. A script within one long command is not late before that has ended.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

use command::declare::Lock;
use resp::{Args, Parsed, Reply};
use store::{Access, World};

use crate::batch::{BATCH_MAX, Runner};
use crate::client::{Client, Closing};
use crate::cx::{Cx, KeyHashes};
use crate::engine::Engine;
use crate::error::{CmdError, CmdResult};
use crate::multi;
use crate::refuse;

/// Between two rounds in which others are served.
const ROUND_US: u64 = 1000;

/// The script that is late, if one is.
#[derive(Default)]
pub struct LateScript {
    is_late: AtomicBool,
    is_function: AtomicBool,
    has_written: AtomicBool,
    /// SCRIPT KILL or FUNCTION KILL has been said.
    is_killed: AtomicBool,
    running: Mutex<Option<Running>>,
}

/// What FUNCTION STATS tells of it.
#[derive(Clone, Debug)]
pub struct Running {
    pub name: String,
    pub command: Vec<Vec<u8>>,
    began_ticks: u64,
}

impl Running {
    pub fn duration_ms(&self) -> u64 {
        store::ticks::to_us(store::ticks::now().wrapping_sub(self.began_ticks)) / 1000
    }
}

impl LateScript {
    #[inline]
    pub fn is_late(&self) -> bool {
        self.is_late.load(Relaxed)
    }

    /// What others are told; none if no script is late.
    pub fn error(&self) -> Option<CmdError> {
        self.is_late().then(|| match self.is_function.load(Relaxed) {
            true => CmdError::BUSY_FUNCTION,
            false => CmdError::BUSY_SCRIPT,
        })
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().expect("nobody panics holding what runs")
    }

    /// The function that is late.
    ///
    /// # Errors
    /// It is a script of EVAL.
    pub fn function(&self) -> Result<Option<Running>, CmdError> {
        match self.error() {
            Some(error) if !self.is_function.load(Relaxed) => Err(error),
            _ => Ok(self.running().clone()),
        }
    }

    /// SCRIPT KILL, FUNCTION KILL.
    pub fn kill(&self, function: bool) -> CmdResult {
        let busy = self.error().ok_or(CmdError::NOT_BUSY)?;
        if self.has_written.load(Relaxed) {
            return Err(CmdError::UNKILLABLE);
        }
        if function != self.is_function.load(Relaxed) {
            return Err(busy);
        }
        self.is_killed.store(true, Relaxed);
        Ok(())
    }
}

/// What a script is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScriptName<'n> {
    /// By its SHA1.
    Script(&'n str),
    Function(&'n str),
}

impl<'n> ScriptName<'n> {
    pub(crate) fn text(self) -> &'n str {
        match self {
            ScriptName::Script(name) | ScriptName::Function(name) => name,
        }
    }

    pub(crate) fn is_function(self) -> bool {
        matches!(self, ScriptName::Function(_))
    }

    fn shown(self) -> String {
        match self {
            ScriptName::Script(sha) => format!("f_{sha}"),
            ScriptName::Function(name) => name.to_owned(),
        }
    }
}

/// The time that a script takes.
pub(crate) struct Lateness<'n> {
    name: ScriptName<'n>,
    began_ticks: u64,
    /// When others were served last; none before it is late.
    round_ticks: Option<u64>,
    runner: Option<Box<Runner>>,
}

impl<'n> Lateness<'n> {
    pub(crate) fn begin(name: ScriptName<'n>) -> Lateness<'n> {
        let began_ticks = store::ticks::now();
        Lateness { name, began_ticks, round_ticks: None, runner: None }
    }

    /// Serves others if the script is late. Whether it shall end.
    pub(crate) fn look(&mut self, cx: &mut Cx<'_>, has_written: bool) -> bool {
        let engine = cx.engine;
        let late = &engine.late;
        let now = store::ticks::now();
        let begins = self.round_ticks.is_none();
        let shall_end = || late.is_killed.load(Relaxed) || engine.shutting_down.load(Relaxed);
        if !begins && shall_end() {
            // It comes to its end; whoever asked for that is served when it has.
            return true;
        }
        if begins {
            let limit_ms = engine.settings.busy_reply_ms.load(Relaxed) as u64;
            let spent_ms = store::ticks::to_us(now.wrapping_sub(self.began_ticks)) / 1000;
            if limit_ms == 0 || spent_ms < limit_ms {
                return false;
            }
            self.announce(cx, spent_ms);
        }
        if self
            .round_ticks
            .is_none_or(|round| store::ticks::to_us(now.wrapping_sub(round)) >= ROUND_US)
        {
            self.round_ticks = Some(now);
            late.has_written.store(has_written, Relaxed);
            self.serve(cx, begins);
        }
        shall_end()
    }

    /// (3).
    #[cold]
    fn announce(&self, cx: &Cx<'_>, spent_ms: u64) {
        let (engine, late) = (cx.engine, &cx.engine.late);
        let kill = if self.name.is_function() { "FUNCTION KILL" } else { "SCRIPT KILL" };
        let text = format!(
            "Slow script detected: still in execution after {spent_ms} milliseconds. You can try \
             killing the script using the {kill} command. Script name is: {}.",
            self.name.shown()
        );
        engine.host.log('#', &text);
        *late.running() = Some(Running {
            name: self.name.shown(),
            command: cx.args.iter().map(<[u8]>::to_vec).collect(),
            began_ticks: self.began_ticks,
        });
        late.is_function.store(self.name.is_function(), Relaxed);
        late.is_killed.store(false, Relaxed);
        late.is_late.store(true, Relaxed);
    }

    fn serve(&mut self, cx: &mut Cx<'_>, begins: bool) {
        let (engine, worker) = (cx.engine, cx.worker);
        let Some(world) = &mut cx.world else { return };
        // (1).
        cx.db.access.let_go();
        let runner = self.runner.get_or_insert_with(|| Box::new(Runner::new(engine, worker)));
        engine.host.serve_late(&mut Late { begins, engine, runner }, &mut world.lend());
    }

    pub(crate) fn is_late(&self) -> bool {
        self.round_ticks.is_some()
    }

    pub(crate) fn end(&self, engine: &Engine) {
        if self.is_late() {
            engine.late.is_late.store(false, Relaxed);
            *engine.late.running() = None;
        }
    }
}

/// A round in which others are served.
pub struct Late<'l> {
    /// The first of this script.
    pub begins: bool,
    pub engine: &'l Engine,
    runner: &'l mut Runner,
}

impl Late<'_> {
    /// Answers the whole requests at the beginning of `input`; how many bytes they take.
    pub fn run(
        &mut self,
        world: &mut World<'_>,
        client: &mut Client,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> usize {
        let mut batch = std::mem::take(&mut self.runner.batch);
        let mut at = 0;
        'all: loop {
            batch.clear();
            let limits = self.engine.request_limits(client);
            let (end, parsed) = batch.parse(input, at, BATCH_MAX, &limits, &mut client.pending);
            self.runner.now_ms = base::clock::unix_ms();
            for request in 0..batch.len() {
                self.run_one(world, client, batch.args(request, input), out);
                if client.closing != Closing::No {
                    at = batch.request(request).end;
                    break 'all;
                }
            }
            at = end;
            match parsed {
                Parsed::Error(error) => {
                    self.engine.end_by_protocol_error(client, error, &input[at..], out);
                    break;
                }
                Parsed::NeedMore { .. } => break,
                Parsed::Requests if at == input.len() => break,
                Parsed::Requests => {}
            }
        }
        self.runner.batch = batch;
        client.active_ms = self.runner.now_ms;
        at
    }

    fn run_one(
        &mut self,
        world: &mut World<'_>,
        client: &mut Client,
        args: Args<'_>,
        out: &mut Vec<u8>,
    ) {
        let (engine, runner) = (self.engine, &mut *self.runner);
        let reply_at = out.len();
        let Some(id) = engine.table.lookup_call(args.len(), |i| args.at(i)) else {
            runner.refused(engine, client, &engine.unknown(args), out);
            runner.end_reply(client, reply_at, out);
            return;
        };
        let entry = engine.table.get(id);
        client.last_command = Some(id);
        let (worker, now_ms) = (runner.worker, runner.now_ms);
        let request =
            refuse::Request { engine, client, entry, args, worker, now_ms, out_of_memory: false };
        if runner.refuses(request, out) {
            // That was the reply.
        } else if multi::queues(client, entry) {
            multi::queue(client, entry, args);
            Reply::new(out, client.protocol).simple("QUEUED");
        } else {
            let (access, world) = match entry.lock {
                Lock::Local => (Access::Nothing, None),
                _ => (Access::world(&engine.keyspace), Some(world.lend())),
            };
            runner.last_ticks = store::ticks::now();
            let hashes = KeyHashes::default();
            runner.call(engine, client, entry, hashes, args, None, access, world, out);
        }
        runner.end_reply(client, reply_at, out);
    }
}
