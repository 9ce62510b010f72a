//! Scripts and functions: what is cached, the states that run them, what runs now.
//!
//! ```text
//!   EVAL source ─► sha ─► known scripts: source, flags          (all workers; EVALSHA finds it here)
//!                            └─► state of EVAL: compiled ─► run
//!   FUNCTION LOAD ─► libraries and their state ─► FCALL: run
//! ```
//!
//! A script owns the world while it runs: its commands are plain nested calls, as in EXEC, with
//! nobody between them. One that keeps to its keys may run beside others ([`declared`]), so each
//! worker has a state for EVAL; there is one for functions. What happens when a script calls a
//! command is in [`crate::script_call`].
//!
//! # Invariants
//!
//! (1) A state is taken out of its place while it runs something: nothing that a script calls can
//!     reach it.
//! (2) A script that only EVAL has named is forgotten when 500 others ran after it; one that SCRIPT
//!     LOAD has named is kept until SCRIPT FLUSH: see [`cache`].
//! (3) Scripts come and go while the gate is closed. What a state has compiled is known to the cache.

mod cache;
pub(crate) mod declared;
mod sha;

use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, Once};
use std::time::Duration;

use command::table::CommandId;
use config::id;
use crossbeam_utils::CachePadded;
use script::{Bell, Flags, Policy, Registered, Script, State, StateOptions};

use self::cache::{Cache, Known};
use self::declared::{Keeping, Verdict};
use self::sha::BySha;
pub use self::sha::{Sha, sha_of};
use crate::cx::Cx;
use crate::engine::{Engine, OCHRE_VERSION, REDIS_VERSION};
use crate::error::{CmdError, CmdResult};
use crate::late::ScriptName;
use crate::script_call::{Rights, ScriptCaller};

/// Memory that each state may take.
const STATE_BYTES_MAX: usize = 1 << 30;
/// A library that takes longer to load is refused.
const LOAD_TIMEOUT: Duration = Duration::from_millis(500);
/// A reply larger than this is not kept for the next.
const KEEP_BYTES: usize = 64 * 1024;

/// A worker's state of EVAL and what it has compiled.
struct EvalState {
    compiled: BySha<Compiled>,
    state: State,
    /// Where replies are written first; kept from run to run.
    reply: Vec<u8>,
}

struct Compiled {
    /// As a text.
    name: Box<str>,
    script: Script,
    flags: Flags,
    verdict: Arc<Verdict>,
    /// In the cache.
    place: u32,
    /// It has run where the cache was not told.
    was_used: AtomicBool,
}

/// Where a worker's state lies while it runs nothing.
#[derive(Default)]
struct Place {
    state: Mutex<Option<Box<EvalState>>>,
    bytes: AtomicUsize,
}

impl Place {
    fn state(&self) -> MutexGuard<'_, Option<Box<EvalState>>> {
        self.state.lock().expect("nobody panics holding the state")
    }
}

/// All of the server's scripts and libraries.
pub struct Scripts {
    cache: Mutex<Cache>,
    eval: Box<[CachePadded<Place>]>,
    libraries: Mutex<Registered>,
    /// Reminds running scripts to look whether they shall end; its thread is begun with the first state.
    bell: Arc<Bell>,
    rings: Once,
    pub evicted: AtomicU64,
    /// Runs under the locks of their keys that were undone and run again.
    pub undone: AtomicU64,
    /// Figures for INFO, as they were when the state was last put back.
    pub function_state_bytes: AtomicUsize,
    pub library_bytes: AtomicUsize,
    pub library_count: AtomicUsize,
    pub function_count: AtomicUsize,
}

impl Scripts {
    pub(crate) fn new(workers: usize) -> Scripts {
        Scripts {
            cache: Mutex::default(),
            eval: (0..workers).map(|_| CachePadded::default()).collect(),
            libraries: Mutex::default(),
            bell: Arc::default(),
            rings: Once::new(),
            evicted: AtomicU64::new(0),
            undone: AtomicU64::new(0),
            function_state_bytes: AtomicUsize::new(0),
            library_bytes: AtomicUsize::new(0),
            library_count: AtomicUsize::new(0),
            function_count: AtomicUsize::new(0),
        }
    }

    /// Bytes of all states of EVAL.
    pub fn eval_states_bytes(&self) -> usize {
        self.eval.iter().map(|place| place.bytes.load(Relaxed)).sum()
    }

    /// Whether runs of this script are tried under the locks of their keys.
    fn is_declared(&self, worker: usize, sha: &Sha) -> bool {
        if let Some(state) = &*self.eval[worker].state()
            && let Some(compiled) = state.compiled.get(sha)
        {
            return compiled.verdict.is_declared();
        }
        self.cache().get(sha).is_some_and(|known| known.verdict.is_declared())
    }

    /// Whether a script has run where the cache was not told, since this was asked.
    fn was_used(&self, sha: &Sha) -> bool {
        let in_state = |place: &CachePadded<Place>| {
            let state = place.state();
            let compiled = state.as_ref().and_then(|state| state.compiled.get(sha));
            compiled.is_some_and(|compiled| compiled.was_used.swap(false, Relaxed))
        };
        self.eval.iter().fold(false, |used, place| in_state(place) | used)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().expect("nobody panics holding the scripts")
    }

    /// The libraries. To be asked for by commands that no script may call.
    pub fn libraries(&self) -> MutexGuard<'_, Registered> {
        self.libraries.lock().expect("nobody panics holding the libraries")
    }

    /// The code of each library, as files have it beside the keys.
    pub fn library_sources(&self) -> Vec<Vec<u8>> {
        self.libraries().iter().map(|(_, library)| library.code.to_vec()).collect()
    }

    /// Scripts that EVALSHA finds, and the bytes they take.
    pub fn cached(&self) -> (usize, usize) {
        let cache = self.cache();
        (cache.len(), cache.bytes())
    }

    pub fn exists(&self, sha: &[u8]) -> bool {
        Sha::try_from(sha).is_ok_and(|sha| self.cache().get(&sha).is_some())
    }

    pub fn source(&self, sha: &[u8]) -> Option<Arc<[u8]>> {
        let sha = Sha::try_from(sha.to_ascii_lowercase().as_slice()).ok()?;
        self.cache().get(&sha).map(|known| known.source.clone())
    }

    /// SCRIPT FLUSH: how many they were, and what may be dropped elsewhere.
    pub fn flush(&self) -> (usize, impl Sized + Send + use<>) {
        let empty = |place: &CachePadded<Place>| {
            place.bytes.store(0, Relaxed);
            place.state().take()
        };
        let states: Vec<_> = self.eval.iter().map(empty).collect();
        let cache = std::mem::take(&mut *self.cache());
        (cache.len(), (cache, states))
    }

    /// What a script with this name says of itself.
    pub fn flags_of(&self, sha: &[u8]) -> Option<Flags> {
        let sha = Sha::try_from(sha.to_ascii_lowercase().as_slice()).ok()?;
        self.cache().get(&sha).map(|known| known.flags)
    }

    fn note_libraries(&self, libraries: &Registered) {
        self.function_state_bytes.store(libraries.memory(), Relaxed);
        self.library_bytes.store(libraries.overhead(), Relaxed);
        self.library_count.store(libraries.len(), Relaxed);
        self.function_count.store(libraries.function_count(), Relaxed);
    }

    /// FUNCTION DELETE.
    pub fn delete_library(&self, name: &[u8]) -> bool {
        let mut libraries = self.libraries();
        let was_there = libraries.delete(name);
        self.note_libraries(&libraries);
        was_there
    }

    /// FUNCTION FLUSH.
    pub fn flush_libraries(&self) -> Registered {
        let mut libraries = self.libraries();
        let flushed = libraries.flush();
        self.note_libraries(&libraries);
        flushed
    }
}

impl Drop for Scripts {
    fn drop(&mut self) {
        self.bell.end();
    }
}

impl Engine {
    fn with_state_options<R>(&self, f: impl FnOnce(&StateOptions<'_>) -> R) -> R {
        let deprecated_api = self.config().flag(id::LUA_ENABLE_DEPRECATED_API);
        let bell = &self.scripts.bell;
        self.scripts.rings.call_once(|| {
            let bell = bell.clone();
            self.host.in_background("script-bell", Box::new(move || bell.ring_on()));
        });
        f(&StateOptions {
            redis_version: REDIS_VERSION,
            server: ("ochre", OCHRE_VERSION),
            deprecated_api,
            memory_max: STATE_BYTES_MAX,
            bell: Some(bell),
        })
    }

    /// FUNCTION LOAD; the library's name.
    pub fn load_library(&self, source: &[u8], replace: bool) -> Result<String, CmdError> {
        let mut libraries = self.scripts.libraries();
        let loaded = self.with_state_options(|options| {
            libraries.load(source, replace, Some(LOAD_TIMEOUT), options)
        });
        self.scripts.note_libraries(&libraries);
        loaded.map_err(|why| CmdError::script(&why))
    }

    /// FUNCTION RESTORE.
    pub fn restore_libraries(&self, sources: &[&[u8]], policy: Policy) -> CmdResult {
        let mut libraries = self.scripts.libraries();
        let restored =
            self.with_state_options(|options| libraries.restore(sources, policy, options));
        self.scripts.note_libraries(&libraries);
        restored.map_err(|why| CmdError::script(&why))
    }

    /// Compiles a script and remembers it. `by_eval`: it may be forgotten (2). The gate is closed.
    pub fn load_script(
        &self,
        source: &[u8],
        by_eval: bool,
        worker: usize,
    ) -> Result<Sha, CmdError> {
        let sha = sha_of(source);
        if self.scripts.cache().name_again(&sha, by_eval) {
            return Ok(sha);
        }
        let (flags, code_at) =
            script::script_flags(source).map_err(|why| CmdError::script(&why))?;
        let known = Known { source: source.into(), flags, code_at, verdict: Arc::default() };
        let script = self.with_eval_state(worker, |eval| compile(&eval.state, &known))?;
        let was_used = |sha: &Sha| self.scripts.was_used(sha);
        let (verdict, mut cache) = (known.verdict.clone(), self.scripts.cache());
        let evicted = cache.insert(sha, known, by_eval, was_used);
        let place = cache.place(&sha).expect("it was just put there");
        drop(cache);
        if let Some(sha) = evicted {
            self.scripts.evicted.fetch_add(1, Relaxed);
            for place in &self.scripts.eval {
                if let Some(state) = &mut *place.state() {
                    state.compiled.remove(&sha);
                }
            }
        }
        let was_used = AtomicBool::new(false);
        let compiled = Compiled { name: name_of(&sha), script, flags, verdict, place, was_used };
        self.with_eval_state(worker, |eval| drop(eval.compiled.insert(sha, compiled)));
        Ok(sha)
    }

    /// Takes a worker's state of EVAL out of its place and puts it back (1).
    fn with_eval_state<R>(&self, worker: usize, f: impl FnOnce(&mut EvalState) -> R) -> R {
        let place = &self.scripts.eval[worker];
        let taken = place.state().take();
        let mut eval = taken.unwrap_or_else(|| {
            let state = self.with_state_options(State::new);
            Box::new(EvalState { compiled: BySha::default(), state, reply: Vec::new() })
        });
        let result = f(&mut eval);
        place.bytes.store(eval.state.memory(), Relaxed);
        *place.state() = Some(eval);
        result
    }
}

fn name_of(sha: &Sha) -> Box<str> {
    String::from_utf8_lossy(sha).into()
}

fn compile(state: &State, known: &Known) -> Result<Script, CmdError> {
    state
        .compile(&known.source[known.code_at..], "@user_script")
        .map_err(|why| CmdError::script(&format!("Error compiling script (new function): {why}")))
}

/// The keys and the other arguments of a call.
fn split_keys(cx: &Cx<'_>, not_integer: CmdError) -> Result<usize, CmdError> {
    let count = base::number::parse_i64(cx.arg(2)).ok_or(not_integer)?;
    if count > (cx.argc() - 3) as i64 {
        return Err(CmdError::TOO_MANY_NUMKEYS);
    }
    usize::try_from(count).map_err(|_| CmdError::NEGATIVE_NUMKEYS)
}

/// Why a script with these flags must not run now.
fn rights(cx: &Cx<'_>, flags: Flags, read_only: bool) -> Result<Rights, CmdError> {
    let max_bytes = cx.engine.settings.memory.max_bytes();
    let out_of_memory = max_bytes != 0 && cx.engine.exceeds(max_bytes);
    let declares = !flags.has(Flags::COMPATIBLE);
    if declares && !flags.has(Flags::NO_WRITES) {
        if cx.engine.aof.is_broken() {
            return Err(CmdError::script_aof_broken(&cx.engine.aof.why_broken()));
        }
        if cx.engine.cannot_keep_changes().is_some() {
            return Err(CmdError::SCRIPT_MISCONF);
        }
    }
    if declares && read_only && !flags.has(Flags::NO_WRITES) {
        return Err(CmdError::SCRIPT_MAY_WRITE);
    }
    let takes_memory = !flags.has(Flags::ALLOW_OOM) && !flags.has(Flags::NO_WRITES);
    if declares && takes_memory && out_of_memory {
        return Err(CmdError::SCRIPT_OOM);
    }
    Ok(Rights {
        read_only: read_only || (declares && flags.has(Flags::NO_WRITES)),
        refuses_memory: out_of_memory && !(declares && flags.has(Flags::ALLOW_OOM)),
    })
}

/// The handler of EVAL and EVAL_RO.
pub fn eval(cx: &mut Cx<'_>, read_only: bool) -> CmdResult {
    let keys = split_keys(cx, CmdError::NOT_INTEGER)?;
    cx.feed_monitors_early();
    let sha = cx.engine.load_script(cx.arg(1), true, cx.worker)?;
    run_script(cx, &sha, keys, read_only)
}

/// The handler of EVALSHA and EVALSHA_RO.
pub fn evalsha(cx: &mut Cx<'_>, read_only: bool) -> CmdResult {
    cx.feed_monitors_early();
    let mut sha = Sha::try_from(cx.arg(1)).map_err(|_| CmdError::NO_SCRIPT)?;
    sha.make_ascii_lowercase();
    let keys = split_keys(cx, CmdError::NOT_INTEGER)?;
    run_script(cx, &sha, keys, read_only)
}

fn run_script(cx: &mut Cx<'_>, sha: &Sha, keys: usize, read_only: bool) -> CmdResult {
    let engine = cx.engine;
    let args = cx.args;
    engine.with_eval_state(cx.worker, |eval| {
        let EvalState { compiled, state, reply } = eval;
        let compiled = match compiled.entry(*sha) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(free) => {
                let (place, known) = {
                    let cache = engine.scripts.cache();
                    let place = cache.place(sha).ok_or(CmdError::NO_SCRIPT)?;
                    (place, cache.get(sha).cloned().ok_or(CmdError::NO_SCRIPT)?)
                };
                let script = compile(state, &known)?;
                let Known { flags, verdict, .. } = known;
                let was_used = AtomicBool::new(false);
                let name = name_of(sha);
                free.insert(Compiled { name, script, flags, verdict, place, was_used })
            }
        };
        let compiled = &*compiled;
        if cx.db.access.is_world() {
            engine.scripts.cache().use_now(compiled.place);
        } else {
            compiled.was_used.store(true, Relaxed);
        }
        let rights = rights(cx, compiled.flags, read_only)?;
        let (keys, argv) = (args.from_index(3).iter().take(keys), args.from_index(3 + keys).iter());
        let keeping = Keeping::begin(cx, &compiled.verdict, keys.clone());
        reply.clear();
        let name = ScriptName::Script(&compiled.name);
        let ran = run_as_caller(cx, name, rights, keeping, reply, |caller, protocol, out| {
            state.run_script(&compiled.script, name.text(), keys, argv, caller, protocol, out)
        });
        if reply.capacity() > KEEP_BYTES {
            *reply = Vec::new();
        }
        ran
    })
}

/// The handler of FCALL and FCALL_RO.
pub fn fcall(cx: &mut Cx<'_>, read_only: bool) -> CmdResult {
    cx.feed_monitors_early();
    let engine = cx.engine;
    let (flags, name) = {
        let libraries = engine.scripts.libraries();
        let function = libraries.function(cx.arg(1)).ok_or(CmdError::NO_FUNCTION)?;
        (function.flags, function.name.clone())
    };
    let keys = split_keys(cx, CmdError::BAD_NUMKEYS)?;
    let rights = rights(cx, flags, read_only)?;
    let args = cx.args;
    // (1).
    let libraries = std::mem::take(&mut *engine.scripts.libraries());
    let (keys, argv) = (args.from_index(3).iter().take(keys), args.from_index(3 + keys).iter());
    let called = ScriptName::Function(&name);
    let mut reply = Vec::new();
    let ran = run_as_caller(cx, called, rights, None, &mut reply, |caller, protocol, out| {
        libraries
            .run(name.as_bytes(), keys, argv, caller, protocol, out)
            .expect("the function was just found, and nobody can have deleted it")
    });
    engine.scripts.note_libraries(&libraries);
    *engine.scripts.libraries() = libraries;
    ran
}

/// Runs a script with the client's rights; its reply, or its error, becomes the command's.
fn run_as_caller(
    cx: &mut Cx<'_>,
    name: ScriptName<'_>,
    rights: Rights,
    keeping: Option<Keeping<'_>>,
    out: &mut Vec<u8>,
    run: impl FnOnce(
        &mut ScriptCaller<'_, '_>,
        resp::Protocol,
        &mut Vec<u8>,
    ) -> Result<(), script::Failure>,
) -> CmdResult {
    let protocol = cx.reply.protocol();
    let db = cx.client.db;
    let mut caller = ScriptCaller::new(cx, name, rights, keeping);
    let ran = run(&mut caller, protocol, out);
    let is_undone = caller.end();
    cx.client.db = db;
    // What its commands leave says what to repeat; the script itself adds nothing.
    cx.db.effects.propagate_nothing();
    match ran {
        _ if is_undone => Ok(()),
        Ok(()) => {
            cx.reply.raw(out);
            Ok(())
        }
        Err(failure) if failure.is_new => {
            Err(CmdError::text(String::from_utf8_lossy(&failure.text).into_owned()))
        }
        Err(failure) => {
            // The command that failed has counted it.
            cx.reply.error(&failure.text);
            cx.note_failed();
            Ok(())
        }
    }
}

/// What `id` runs as, once it is known what the script says of itself: whether it may write.
pub(crate) fn may_write(engine: &Engine, id: CommandId, args: resp::Args<'_>) -> Option<bool> {
    let name = &*engine.table.get(id).full_name;
    let flags = match (name, args.get(1)?) {
        ("eval", source) => script::script_flags(source).ok()?.0,
        ("evalsha", sha) => engine.scripts.flags_of(sha)?,
        ("fcall", function) => engine.scripts.libraries().function(function)?.flags,
        _ => return None,
    };
    (!flags.has(Flags::COMPATIBLE)).then(|| !flags.has(Flags::NO_WRITES))
}
