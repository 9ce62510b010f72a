//! A state: made once, sandboxed, then it runs one script after the other.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Instant;

use mlua::{ChunkMode, Function, Lua, MultiValue, Table, Value};
use resp::{ArgBuf, Protocol, Reply};

use crate::Caller;
use crate::enter::{Door, Kept, Run};
use crate::interrupt::{self, Running};
use crate::library::Registering;

/// What a state is made with.
#[derive(Clone, Copy, Debug)]
pub struct StateOptions<'a> {
    /// As `redis.REDIS_VERSION` says.
    pub redis_version: &'a str,
    /// `server.SERVER_NAME` and its version.
    pub server: (&'a str, &'a str),
    /// `lua-enable-deprecated-api`: getfenv, setfenv, newproxy.
    pub deprecated_api: bool,
    /// Bytes it may take.
    pub memory_max: usize,
}

/// Why a run ended with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whole, with its code and without `-`.
    pub text: Vec<u8>,
    /// No command that ran has counted it.
    pub is_new: bool,
}

/// What the functions of the state reach besides it.
#[derive(Default)]
pub(crate) struct Slot {
    caller: Cell<Option<NonNull<dyn Caller>>>,
    pub(crate) protocol: Cell<Protocol>,
    pub(crate) steps: Cell<u32>,
    is_ending: Cell<bool>,
    /// While a library loads: what it has registered, and when it must be done.
    pub(crate) loading: RefCell<Option<Registering>>,
    pub(crate) deadline: Cell<Option<Instant>>,
    pub(crate) reply: RefCell<Vec<u8>>,
    pub(crate) args: RefCell<ArgBuf>,
    pub(crate) random: Cell<u64>,
}

impl Slot {
    /// Runs `f` with the caller; none if no script runs, or the caller is in use (2).
    pub(crate) fn with_caller<R>(&self, f: impl FnOnce(&mut dyn Caller) -> R) -> Option<R> {
        let mut caller = self.caller.take()?;
        // SAFETY: (2) it was made of an exclusive reference that `State::run` still holds, and
        // while it is out of the slot nobody else reaches it.
        let result = f(unsafe { caller.as_mut() });
        self.caller.set(Some(caller));
        Some(result)
    }

    /// Why what runs shall end now, if so.
    pub(crate) fn must_end(&self) -> Option<&'static str> {
        if self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline) {
            return Some("FUNCTION LOAD timeout");
        }
        if !self.is_ending.get() {
            let ends = self.with_caller(|caller| caller.interrupt()).unwrap_or(false);
            self.is_ending.set(ends);
        }
        self.is_ending.get().then_some("Script killed by user with SCRIPT KILL...")
    }
}

/// A sandboxed state of the language.
pub struct State {
    lua: Lua,
    slot: Rc<Slot>,
    /// What scripts have as globals: read-only but while KEYS and ARGV are set.
    globals: Table,
    run: Function,
    door: Door,
    /// What makes the error of a whole run.
    handler: Kept,
    kept_globals: Kept,
    /// Of a state for libraries.
    scopes: Option<Scopes>,
}

/// What the globals of a state for libraries lead to: they hold nothing themselves.
struct Scopes {
    meta: Table,
    /// For functions.
    all: Table,
    /// For the code of a library, which may register functions and little else.
    loading: Table,
}

// SAFETY: (1) everything that counts references to the state's inside is in this value, and it is
// used by one thread at a time; the language itself has no memory of threads.
unsafe impl Send for State {}

/// A script or function that a state has compiled. It belongs to that state and moves with it.
pub(crate) type Compiled = Kept;

const PRELUDE: &str = include_str!("prelude.lua");
const FITS: &str = "the sandbox fits into the memory that a state has at first";

impl State {
    pub fn new(options: &StateOptions<'_>) -> State {
        Self::try_new(options, false).expect(FITS)
    }

    /// One for libraries of functions.
    pub(crate) fn for_libraries(options: &StateOptions<'_>) -> State {
        Self::try_new(options, true).expect(FITS)
    }

    fn try_new(options: &StateOptions<'_>, for_libraries: bool) -> mlua::Result<State> {
        let lua = Lua::new();
        let slot = Rc::new(Slot { random: Cell::new(SEED), ..Slot::default() });
        let raw = lua.create_table()?;
        crate::api::add(&lua, &raw, &slot, options)?;
        raw.raw_set("cjson", crate::cjson::library(&lua)?)?;
        raw.raw_set("cmsgpack", crate::cmsgpack::library(&lua)?)?;
        raw.raw_set("struct", crate::structs::library(&lua)?)?;
        raw.raw_set("bit", crate::bit::library(&lua)?)?;
        type Made = (Function, Function, Option<Table>, Option<Table>, Option<Table>);
        let (run, handler, meta, all, loading): Made = lua
            .load(PRELUDE)
            .set_name("=prelude")
            .call((raw, lua.globals(), options.deprecated_api, for_libraries))?;
        let scopes = meta.zip(all).zip(loading);
        let scopes = scopes.map(|((meta, all), loading)| Scopes { meta, all, loading });
        lua.sandbox(true)?;
        let globals = lua.globals();
        globals.set_readonly(true);
        // SAFETY: `install` is called by the state itself.
        unsafe { lua.create_c_function(interrupt::install)? }.call::<()>(())?;
        let door = Door::new(&lua)?;
        let (handler, kept_globals) = (door.keep(handler)?, door.keep(&globals)?);
        lua.gc_inc(GARBAGE_PERCENT, 0, 0);
        lua.set_memory_limit(options.memory_max)?;
        Ok(State { lua, slot, globals, run, door, handler, kept_globals, scopes })
    }

    /// Bytes that it takes.
    pub fn memory(&self) -> usize {
        self.door.memory()
    }

    /// Compiles a script.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(&self, source: &[u8], name: &str) -> Result<Script, String> {
        // What it refers to by name must not be bound to what these hold now.
        self.set_arguments(&Value::Nil, &Value::Nil);
        self.keep(compile(&self.lua, source, name)?).map(Script)
    }

    /// Keeps a function to be run later.
    pub(crate) fn keep(&self, function: Function) -> Result<Compiled, String> {
        self.door.keep(function).map_err(|error| error.to_string())
    }

    fn set_arguments(&self, keys: &Value, argv: &Value) {
        self.globals.set_readonly(false);
        // Only memory could be short, and then they stay what they were.
        let _ = self.globals.raw_set("KEYS", keys);
        let _ = self.globals.raw_set("ARGV", argv);
        // Having been written to they are no safe environment any more, and must not be one: the
        // language would call its own `tostring` where the prelude has put another.
        self.globals.set_readonly(true);
    }

    /// Runs a script of EVAL; its value becomes the reply.
    #[expect(clippy::too_many_arguments, reason = "a script, what it is given, and where to")]
    pub fn run_script<'a>(
        &self,
        script: &Script,
        name: &str,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        argv: impl ExactSizeIterator<Item = &'a [u8]>,
        caller: &mut dyn Caller,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let globals = Some(&self.kept_globals);
        self.run(&script.0, globals, name, keys, argv, caller, protocol, out)
    }

    /// Runs a function of a library.
    #[expect(clippy::too_many_arguments, reason = "a function, what it is given, and where to")]
    pub(crate) fn run_function<'a>(
        &self,
        function: &Compiled,
        name: &str,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        argv: impl ExactSizeIterator<Item = &'a [u8]>,
        caller: &mut dyn Caller,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.run(function, None, name, keys, argv, caller, protocol, out)
    }

    #[expect(clippy::too_many_arguments, reason = "what runs, what it is given, and where to")]
    fn run<'a>(
        &self,
        function: &Compiled,
        globals: Option<&Kept>,
        name: &str,
        mut keys: impl ExactSizeIterator<Item = &'a [u8]>,
        mut argv: impl ExactSizeIterator<Item = &'a [u8]>,
        caller: &mut dyn Caller,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let slot = &*self.slot;
        slot.protocol.set(Protocol::Resp2);
        slot.is_ending.set(false);
        let caller = NonNull::from(caller);
        // SAFETY: only the lifetime is another. The pointer is out of the slot again before this
        // function ends, which holds the exclusive reference until then (2).
        let caller = unsafe {
            std::mem::transmute::<NonNull<dyn Caller + '_>, NonNull<dyn Caller + 'static>>(caller)
        };
        slot.caller.set(Some(caller));
        let result = {
            let _running = Running::begin(slot);
            let run = Run {
                slot,
                function,
                handler: &self.handler,
                globals,
                keys: &mut keys,
                argv: &mut argv,
                name,
                reply: Reply::new(out, protocol),
                failure: None,
            };
            run.go(&self.door)
        };
        slot.caller.set(None);
        result
    }

    /// Runs the code of a library, which registers its functions.
    pub(crate) fn load(
        &self,
        code: &[u8],
        deadline: Option<Instant>,
    ) -> Result<Registering, String> {
        // No name is bound while the code is compiled, since functions find others than the code does;
        // nor later, as in `set_arguments`.
        self.globals.set_safeenv(false);
        let main = compile(&self.lua, code, "@user_function")
            .map_err(|error| format!("Error compiling function: {error}"))?;
        let slot = &*self.slot;
        *slot.loading.borrow_mut() = Some(Registering::default());
        slot.deadline.set(deadline);
        self.set_scope(|scopes| &scopes.loading);
        let result = {
            let _running = Running::begin(slot);
            self.run.call::<(bool, Value)>(main)
        };
        self.set_scope(|scopes| &scopes.all);
        slot.deadline.set(None);
        let registered = slot.loading.borrow_mut().take().unwrap_or_default();
        let why = match result {
            Ok((true, _)) => return Ok(registered),
            Ok((false, Value::Table(error))) => match error.raw_get::<Value>("err") {
                Ok(Value::String(text)) => text.to_string_lossy(),
                _ => "ERR unknown error".to_owned(),
            },
            Ok((false, _)) => "ERR unknown error".to_owned(),
            Err(error) => format!("ERR {error}"),
        };
        Err(format!("Error registering functions: {}", why.strip_prefix("ERR ").unwrap_or(&why)))
    }

    fn set_scope(&self, of: impl FnOnce(&Scopes) -> &Table) {
        let Some(scopes) = &self.scopes else { return };
        scopes.meta.set_readonly(false);
        // The field is there: no memory is needed.
        let _ = scopes.meta.raw_set("__index", of(scopes));
        scopes.meta.set_readonly(true);
    }

    /// Has it tidy up.
    #[cfg(test)]
    pub(crate) fn collect(&self) {
        // Once to find what is unused, once more for what that has held; and a stack that was deep
        // gets half as large each time.
        for _ in 0..10 {
            self.lua.gc_collect().expect("no finalizer fails");
        }
    }
}

/// A script of EVAL, compiled. It belongs to the state that compiled it.
pub struct Script(Compiled);

// SAFETY: as of `State`: whoever keeps scripts keeps them beside their state and moves them with it.
unsafe impl Send for Script {}

/// The collector aims at a state of so many percent of what is in use: a script makes little garbage,
/// and a walk over all that is there is dear beside it.
const GARBAGE_PERCENT: i32 = 400;

const SEED: u64 = 0x1234_abcd_330e;

pub(crate) fn compile(lua: &Lua, source: &[u8], name: &str) -> Result<Function, String> {
    // A chunk that begins with this is no text; nobody's bytecode is run.
    if source.first() == Some(&0x1b) {
        return Err(format!("{}: bad binary format", name.trim_start_matches(['@', '='])));
    }
    let name = name.replace('\0', " ");
    let chunk = lua.load(source).set_name(name).set_mode(ChunkMode::Text);
    chunk.into_function().map_err(|error| match error {
        mlua::Error::SyntaxError { message, .. } => message,
        other => other.to_string(),
    })
}

/// The values of a call, for functions that return none.
pub(crate) fn nothing() -> MultiValue {
    MultiValue::new()
}
