//! Libraries of functions: loaded, listed, replaced, all in one state that they share.
//!
//! # Invariants
//!
//! (1) A function's name is unique among all libraries.
//! (2) What fails to load leaves the libraries as they were.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use mlua::Function as LuaFunction;
use resp::Protocol;

use crate::Caller;
use crate::enter::Kept;
use crate::shebang::{Flags, library_metadata};
use crate::state::{Compiled, Failure, State, StateOptions};

/// What a library says of one of its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub description: Option<Vec<u8>>,
    pub flags: Flags,
}

/// What a library that loads has registered so far.
#[derive(Default)]
pub(crate) struct Registering {
    pub(crate) functions: Vec<(Function, LuaFunction)>,
}

impl Registering {
    pub(crate) fn add(&mut self, function: Function, callback: LuaFunction) -> Result<(), String> {
        if !is_name(&function.name) {
            return Err("Library names can only contain letters, numbers, or underscores(_) and \
                        must be at least one character long"
                .to_owned());
        }
        if self.functions.iter().any(|(known, _)| known.name.eq_ignore_ascii_case(&function.name)) {
            return Err("Function already exists in the library".to_owned());
        }
        self.functions.push((function, callback));
        Ok(())
    }
}

/// Letters, digits and underscores, one at least.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A library as it is listed.
pub struct Library {
    pub code: Vec<u8>,
    pub functions: Vec<Function>,
    main: Compiled,
    callbacks: Vec<Kept>,
}

/// All libraries.
#[derive(Default)]
pub struct Registered {
    /// Made for the first library.
    state: Option<State>,
    libraries: BTreeMap<String, Library>,
    /// By names in lower case, which is how they are compared.
    by_function: HashMap<String, (String, usize)>,
}

// SAFETY: callbacks belong to the state beside them and move with it, as `State` says.
unsafe impl Send for Registered {}

/// What FUNCTION RESTORE does with the libraries there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Append,
    Replace,
    Flush,
}

impl Registered {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Library)> {
        self.libraries.iter().map(|(name, library)| (name.as_str(), library))
    }

    pub fn len(&self) -> usize {
        self.libraries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.libraries.is_empty()
    }

    pub fn function_count(&self) -> usize {
        self.by_function.len()
    }

    /// Bytes the state takes.
    pub fn memory(&self) -> usize {
        self.state.as_ref().map_or(0, State::memory)
    }

    /// Bytes the libraries take besides.
    pub fn overhead(&self) -> usize {
        let of = |(name, library): (&String, &Library)| {
            let functions = library.functions.iter().map(|f| size_of::<Function>() + f.name.len());
            name.len() + library.code.len() + size_of::<Library>() + functions.sum::<usize>()
        };
        size_of::<Registered>() + self.libraries.iter().map(of).sum::<usize>()
    }

    pub fn function(&self, name: &[u8]) -> Option<&Function> {
        let (library, index) = self.place(name)?;
        Some(&self.libraries[library].functions[index])
    }

    fn place(&self, name: &[u8]) -> Option<(&str, usize)> {
        let name = std::str::from_utf8(name).ok()?;
        // Most are named as they are kept.
        let place = self.by_function.get(name);
        let place = place.or_else(|| self.by_function.get(&name.to_ascii_lowercase()))?;
        Some((&place.0, place.1))
    }

    /// The library that a function of this name belongs to.
    fn owner(&self, function: &str) -> Option<&str> {
        self.place(function.as_bytes()).map(|(library, _)| library)
    }

    /// Loads a library; its name.
    ///
    /// # Errors
    /// Why not, without a code.
    pub fn load(
        &mut self,
        source: &[u8],
        replace: bool,
        timeout: Option<Duration>,
        options: &StateOptions<'_>,
    ) -> Result<String, String> {
        let (name, library) = self.prepare(source, timeout, options)?;
        let replaced = self.libraries.get(&name);
        if replaced.is_some() && !replace {
            return Err(format!("Library '{name}' already exists"));
        }
        for function in &library.functions {
            if self.owner(&function.name).is_some_and(|owner| owner != name) {
                return Err(format!("Function {} already exists", function.name));
            }
        }
        self.unlink(&name);
        self.link(name.clone(), library);
        Ok(name)
    }

    /// Runs a library's code and keeps what it registered.
    fn prepare(
        &mut self,
        source: &[u8],
        timeout: Option<Duration>,
        options: &StateOptions<'_>,
    ) -> Result<(String, Library), String> {
        let metadata = library_metadata(source)?;
        if !metadata.engine.eq_ignore_ascii_case("lua") {
            return Err(format!("Engine '{}' not found", metadata.engine));
        }
        let state = self.state.get_or_insert_with(|| State::for_libraries(options));
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let (registered, main) = state.load(&source[metadata.code_at..], deadline)?;
        if registered.functions.is_empty() {
            return Err("No functions registered".to_owned());
        }
        let (mut functions, mut callbacks) = (Vec::new(), Vec::new());
        for (function, callback) in registered.functions {
            functions.push(function);
            callbacks.push(state.keep(callback)?);
        }
        Ok((metadata.name, Library { code: source.to_vec(), functions, main, callbacks }))
    }

    fn link(&mut self, name: String, library: Library) {
        for (index, function) in library.functions.iter().enumerate() {
            let key = function.name.to_ascii_lowercase();
            self.by_function.insert(key, (name.clone(), index));
        }
        self.libraries.insert(name, library);
    }

    fn unlink(&mut self, name: &str) -> Option<Library> {
        let library = self.libraries.remove(name)?;
        for function in &library.functions {
            self.by_function.remove(&function.name.to_ascii_lowercase());
        }
        Some(library)
    }

    /// Whether there was such a library.
    pub fn delete(&mut self, name: &[u8]) -> bool {
        let name = String::from_utf8_lossy(name);
        self.unlink(&name).is_some()
    }

    /// Forgets all; what is returned may be dropped elsewhere.
    pub fn flush(&mut self) -> Registered {
        std::mem::take(self)
    }

    /// Loads the libraries of a dump.
    ///
    /// # Errors
    /// Why not; then nothing has changed.
    pub fn restore(
        &mut self,
        sources: &[&[u8]],
        policy: Policy,
        options: &StateOptions<'_>,
    ) -> Result<(), String> {
        let mut restored: Vec<(String, Library)> = Vec::new();
        for source in sources {
            let (name, library) = self.prepare(source, None, options)?;
            if restored.iter().any(|(known, _)| *known == name) {
                return Err(format!("Library '{name}' already exists"));
            }
            restored.push((name, library));
        }
        let names: Vec<&str> = restored.iter().map(|(name, _)| name.as_str()).collect();
        if policy == Policy::Append
            && let Some(name) = names.iter().find(|name| self.libraries.contains_key(**name))
        {
            return Err(format!("Library {name} already exists"));
        }
        let mut seen: Vec<String> = Vec::new();
        for function in restored.iter().flat_map(|(_, library)| &library.functions) {
            let owner = self.owner(&function.name);
            let is_taken =
                policy != Policy::Flush && owner.is_some_and(|owner| !names.contains(&owner));
            let key = function.name.to_ascii_lowercase();
            if is_taken || seen.contains(&key) {
                return Err(format!("Function {} already exists", function.name));
            }
            seen.push(key);
        }
        if policy == Policy::Flush {
            self.libraries.clear();
            self.by_function.clear();
        }
        for (name, library) in restored {
            self.unlink(&name);
            self.link(name, library);
        }
        Ok(())
    }

    /// Runs a function; none: there is no such function.
    pub fn run<'a>(
        &self,
        name: &[u8],
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        argv: impl ExactSizeIterator<Item = &'a [u8]>,
        caller: &mut dyn Caller,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Option<Result<(), Failure>> {
        let (library, index) = self.place(name)?;
        let library = &self.libraries[library];
        let (name, callback) = (&library.functions[index].name, &library.callbacks[index]);
        let state = self.state.as_ref()?;
        Some(state.run_function(&library.main, callback, name, keys, argv, caller, protocol, out))
    }
}
