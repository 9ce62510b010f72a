//! A state: made once, sandboxed, then it runs one script after the other.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use mlua::ffi::lua_Callbacks;
use mlua::{ChunkMode, Compiler, Function, Lua, MultiValue, Table, Value};
use resp::{ArgBuf, Protocol, Reply};

use crate::Caller;
use crate::arguments::Arguments;
use crate::bell::{Bell, Place};
use crate::enter::{Door, Kept, Run};
use crate::interrupt::Running;
use crate::library::Registering;
use crate::native::{Heat, NativeCode};

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
    /// What reminds its scripts to look at the world; without, their loops and calls are counted.
    pub bell: Option<&'a Arc<Bell>>,
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
pub(crate) struct Slot {
    caller: Cell<Option<NonNull<dyn Caller>>>,
    pub(crate) protocol: Cell<Protocol>,
    /// Loops and calls left to be counted, and how many were given.
    pub(crate) steps: Cell<u32>,
    pub(crate) steps_given: Cell<u64>,
    pub(crate) bell: Option<Arc<Bell>>,
    pub(crate) place: Arc<Place>,
    /// What the state calls of us. Set once it is made.
    pub(crate) callbacks: Cell<*mut lua_Callbacks>,
    is_pressed: Cell<bool>,
    /// Why what runs is to end.
    ending: Cell<Option<&'static str>>,
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

    /// Forgets how the last run ended.
    fn begin(&self) {
        self.ending.set(None);
        self.is_pressed.set(false);
    }

    fn new(bell: Option<&Arc<Bell>>) -> Slot {
        let place = Arc::new(Place::default());
        if let Some(bell) = bell {
            bell.add(&place);
        }
        Slot {
            caller: Cell::default(),
            protocol: Cell::default(),
            steps: Cell::default(),
            steps_given: Cell::default(),
            bell: bell.cloned(),
            place,
            callbacks: Cell::new(std::ptr::null_mut()),
            is_pressed: Cell::default(),
            ending: Cell::default(),
            loading: RefCell::default(),
            deadline: Cell::default(),
            reply: RefCell::default(),
            args: RefCell::default(),
            random: Cell::new(SEED),
        }
    }

    /// Whether the caller is asked after so many loops and calls, too.
    pub(crate) fn counts_on(&self) -> bool {
        self.bell.is_none() || self.is_pressed.get()
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.get().is_some()
    }

    /// Why what runs shall end now, if so.
    pub(crate) fn must_end(&self) -> Option<&'static str> {
        if !self.is_ending() {
            if self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline) {
                self.ending.set(Some("FUNCTION LOAD timeout"));
            } else if let Some((ends, is_pressing)) =
                self.with_caller(|caller| (caller.interrupt(), caller.is_pressing()))
            {
                self.is_pressed.set(is_pressing);
                if ends {
                    self.ending.set(Some("Script killed by user with SCRIPT KILL..."));
                }
            }
        }
        self.ending.get()
    }

    /// Loops and calls that were counted in the run that has ended.
    fn steps_taken(&self) -> u64 {
        self.steps_given.get() - u64::from(self.steps.get())
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
    pub(crate) native: NativeCode,
    /// A state that is larger than this after a run is tidied up at once.
    collect_at_bytes_min: usize,
    collect_at_bytes: Cell<usize>,
    /// What makes the error of a whole run.
    handler: Kept,
    arguments: Arguments,
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
pub(crate) struct Compiled {
    code: Kept,
    heat: Heat,
}

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
        lua.set_compiler(compiler());
        let slot = Rc::new(Slot::new(options.bell));
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
        let globals = lua.globals();
        globals.set_readonly(true);
        // What is in them never changes but for KEYS and ARGV, so the language may bind names when it
        // compiles, and do what its own functions do without calling them: see `compiler`.
        globals.set_safeenv(!for_libraries);
        let door = Door::new(&lua)?;
        slot.callbacks.set(door.callbacks());
        let handler = door.keep(handler)?;
        let arguments = Arguments::new(&door, &globals)?;
        lua.gc_inc(GARBAGE_PERCENT, 0, 0);
        lua.set_memory_limit(options.memory_max)?;
        let native = NativeCode::default();
        let collect_at_bytes_min = COLLECT_AT_BYTES_MIN.min(options.memory_max / 4);
        let collect_at_bytes = Cell::new(collect_at_bytes_min);
        Ok(State {
            lua,
            slot,
            globals,
            run,
            door,
            native,
            collect_at_bytes_min,
            collect_at_bytes,
            handler,
            arguments,
            scopes,
        })
    }

    /// Bytes that it takes.
    pub fn memory(&self) -> usize {
        self.door.memory() + self.native.bytes()
    }

    /// Compiles a script.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(&self, source: &[u8], name: &str) -> Result<Script, String> {
        // What it refers to by name must not be bound to what these hold now.
        self.set_arguments(&Value::Nil);
        let compiled = compile(&self.lua, source, name);
        // Were they nil, the collector would take away their places.
        self.set_arguments(&Value::Boolean(false));
        self.keep_code(compiled?, source.len()).map(Script)
    }

    fn set_arguments(&self, value: &Value) {
        self.globals.set_readonly(false);
        // Only memory could be short, and then they stay what they were.
        let _ = self.globals.raw_set("KEYS", value);
        let _ = self.globals.raw_set("ARGV", value);
        self.arguments.spoil();
        self.globals.set_readonly(true);
        // A script that has asked for its environment, or the change just now, has taken this back.
        self.globals.set_safeenv(true);
    }

    /// Keeps the function that all of a source was compiled to.
    fn keep_code(&self, function: Function, source_bytes: usize) -> Result<Compiled, String> {
        Ok(Compiled { code: self.keep(function)?, heat: Heat::new(source_bytes) })
    }

    /// Keeps a function to be run later.
    pub(crate) fn keep(&self, function: Function) -> Result<Kept, String> {
        self.door.keep(function).map_err(|error| error.to_string())
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
        let arguments = Some(&self.arguments);
        let (code, counted) = (&script.0.code, script.0.heat.counted());
        let result = self.run(code, counted, arguments, name, keys, argv, caller, protocol, out);
        self.warm(&script.0);
        result
    }

    /// Runs a function of a library.
    #[expect(clippy::too_many_arguments, reason = "a function, what it is given, and where to")]
    pub(crate) fn run_function<'a>(
        &self,
        library: &Compiled,
        function: &Kept,
        name: &str,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        argv: impl ExactSizeIterator<Item = &'a [u8]>,
        caller: &mut dyn Caller,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let counted = library.heat.counted();
        let result = self.run(function, counted, None, name, keys, argv, caller, protocol, out);
        self.warm(library);
        result
    }

    /// A run has ended: what has run for long enough is compiled to the processor's own code.
    fn warm(&self, what: &Compiled) {
        if what.heat.add(self.slot.steps_taken()) {
            self.native.compile(&self.door, &what.code, &what.heat);
        }
    }

    /// Compiles a script to the processor's own code at once.
    pub(crate) fn compile_natively(&self, script: &Script) {
        self.native.compile(&self.door, &script.0.code, &script.0.heat);
    }

    #[expect(clippy::too_many_arguments, reason = "what runs, what it is given, and where to")]
    fn run<'a>(
        &self,
        function: &Kept,
        counted: u32,
        arguments: Option<&Arguments>,
        name: &str,
        mut keys: impl ExactSizeIterator<Item = &'a [u8]>,
        mut argv: impl ExactSizeIterator<Item = &'a [u8]>,
        caller: &mut dyn Caller,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let slot = &*self.slot;
        slot.protocol.set(Protocol::Resp2);
        slot.begin();
        let caller = NonNull::from(caller);
        // SAFETY: only the lifetime is another. The pointer is out of the slot again before this
        // function ends, which holds the exclusive reference until then (2).
        let caller = unsafe {
            std::mem::transmute::<NonNull<dyn Caller + '_>, NonNull<dyn Caller + 'static>>(caller)
        };
        slot.caller.set(Some(caller));
        let result = {
            let _running = Running::begin(slot, counted);
            let run = Run {
                slot,
                function,
                handler: &self.handler,
                arguments,
                keys: &mut keys,
                argv: &mut argv,
                name,
                reply: Reply::new(out, protocol),
                failure: None,
            };
            run.go(&self.door)
        };
        slot.caller.set(None);
        if self.door.memory() > self.collect_at_bytes.get() {
            self.tidy_up();
        }
        result
    }

    /// What a run leaves must not be what the next one lacks: the language does not tidy up because
    /// memory is short.
    #[cold]
    fn tidy_up(&self) {
        // No script can give a value a finalizer, so none fails.
        let _ = self.lua.gc_collect();
        self.collect_at_bytes.set((self.door.memory() * 2).max(self.collect_at_bytes_min));
    }

    /// Runs the code of a library, which registers its functions.
    pub(crate) fn load(
        &self,
        code: &[u8],
        deadline: Option<Instant>,
    ) -> Result<(Registering, Compiled), String> {
        // Neither are names bound while the code is compiled, since functions find others than the code
        // does, nor does the language take it that they are its own while the code runs.
        self.globals.set_safeenv(false);
        let loaded = self.load_unsafe(code, deadline);
        self.globals.set_safeenv(true);
        loaded
    }

    fn load_unsafe(
        &self,
        code: &[u8],
        deadline: Option<Instant>,
    ) -> Result<(Registering, Compiled), String> {
        let main = compile(&self.lua, code, "@user_function")
            .map_err(|error| format!("Error compiling function: {error}"))?;
        let slot = &*self.slot;
        *slot.loading.borrow_mut() = Some(Registering::default());
        slot.deadline.set(deadline);
        slot.begin();
        self.set_scope(|scopes| &scopes.loading);
        let result = {
            let _running = Running::begin(slot, 0);
            self.run.call::<(bool, Value)>(&main)
        };
        self.set_scope(|scopes| &scopes.all);
        slot.deadline.set(None);
        let registered = slot.loading.borrow_mut().take().unwrap_or_default();
        let why = match result {
            Ok((true, _)) => return Ok((registered, self.keep_code(main, code.len())?)),
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

/// The collector aims at a state of so many percent of what is in use: a walk over all that is there
/// is dear beside the little garbage that a script makes, and so are the cache misses of a large heap.
const GARBAGE_PERCENT: i32 = 250;

/// A state that has less is not collected when a script ends, unless a quarter of what it may have
/// is less still.
const COLLECT_AT_BYTES_MIN: usize = 64 << 20;

const SEED: u64 = 0x1234_abcd_330e;

/// How sources are compiled. What the language does itself when it finds the name of a function of its
/// own is switched off where scripts find another function under that name, or none.
fn compiler() -> Compiler {
    const MUTABLE: [&str; 3] = ["bit32", "buffer", "vector"];
    const NOT_ITS_OWN: [&str; 11] = [
        "tostring",
        "typeof",
        "rawlen",
        "table.unpack",
        "math.clamp",
        "math.sign",
        "math.round",
        "math.lerp",
        "math.isnan",
        "math.isinf",
        "math.isfinite",
    ];
    Compiler::new().set_mutable_globals(MUTABLE).set_disabled_builtins(NOT_ITS_OWN)
}

pub(crate) fn compile(lua: &Lua, source: &[u8], name: &str) -> Result<Function, String> {
    // A chunk that begins with this is no text; nobody's bytecode is run.
    if source.first() == Some(&0x1b) {
        return Err(format!("{}: bad binary format", name.trim_start_matches(['@', '='])));
    }
    let name = name.replace('\0', " ");
    if source.first().is_some_and(|&first| first < b'\t') {
        let name = name.trim_start_matches(['@', '=']);
        return Err(format!("{name}:1: unexpected symbol near '{}'", source[..1].escape_ascii()));
    }
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
