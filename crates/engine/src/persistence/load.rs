//! Loading the data set from a file, a little at a time: clients are answered meanwhile.
//!
//! At the start worker 0 loads between its turns, and commands that need the data set are refused
//! (`LOADING`). DEBUG RELOAD owns the world and loads at once.
//!
//! # Invariants
//!
//! (1) Nothing of a file that cannot be read whole is served: whoever loads at the start ends the
//!     server if it fails.

use std::io::Read;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use config::id;
use rdb::load::{Entry, Item, LoadError, Loader, Terms};
use store::eviction_clock::{Usage, UsageClock};
use store::{Access, Expire, Inside, Key, Keyspace, NewValue};

use crate::aof::LogLoading;
use crate::batch::Runner;
use crate::engine::Engine;

/// Entries that are read, and then loaded, together.
const BATCH_ENTRIES: usize = 16;
/// Of the file: larger values come one by one.
const BATCH_BYTES: u64 = 64 << 10;

/// What becomes of a key that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// It contradicts the file.
    Refuse,
    /// The file's value replaces it.
    Replace,
}

/// Why a file was not loaded.
#[derive(Debug)]
pub enum LoadFailure {
    Unreadable(LoadError),
    /// It has a key twice.
    Duplicate {
        key: Vec<u8>,
        db: usize,
    },
    /// It has more databases than the server.
    Database(usize),
    /// A library of functions that is none.
    Library(String),
}

impl std::fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadFailure::Unreadable(error) => error.fmt(f),
            LoadFailure::Duplicate { key, db } => {
                write!(f, "RDB has duplicated key '{}' in DB {db}", key.escape_ascii())
            }
            LoadFailure::Database(db) => write!(
                f,
                "the file has a database {db}: the server was started with fewer (see 'databases')"
            ),
            LoadFailure::Library(why) => write!(f, "Failed creating the function library: {why}"),
        }
    }
}

impl std::error::Error for LoadFailure {}

/// A file that is being loaded.
pub struct Loading {
    loader: Loader<Box<dyn Read + Send>>,
    /// Read, and not yet loaded: entries with the hashes of their keys, and what follows them.
    batch: Vec<(u64, Item)>,
    db: usize,
    merge: Merge,
    key_delay_us: i64,
    began_us: u64,
    /// Keys whose time has passed are loaded too: what follows was written by their clock.
    keeps_expired: bool,
}

/// What is loaded at the start.
pub(crate) enum AtStart {
    Snapshot(Box<Loading>),
    Log(Box<LogLoading>),
}

impl Loading {
    /// The base of a log: keys that have expired are there until the log says otherwise.
    pub(crate) fn keep_expired(mut self) -> Loading {
        self.keeps_expired = true;
        self
    }

    /// Reads entries up to something else, or until they are many, or large; and asks for the
    /// memory where their keys go, so that the waits for it overlap.
    fn read_batch(&mut self, keyspace: &Keyspace) -> Result<(), LoadError> {
        let entries_max = if self.key_delay_us == 0 { BATCH_ENTRIES } else { 1 };
        let offset_max = self.loader.offset() + BATCH_BYTES;
        let (mut hashes, mut len) = ([0; BATCH_ENTRIES], 0);
        let read = loop {
            let item = match self.loader.item() {
                Ok(item) => item,
                Err(error) => break Err(error),
            };
            let Item::Entry(entry) = &item else {
                self.batch.push((0, item));
                break Ok(());
            };
            hashes[len] = keyspace.key(&entry.key).hash;
            self.batch.push((hashes[len], item));
            len += 1;
            if len == entries_max || self.loader.offset() >= offset_max {
                break Ok(());
            }
        };
        keyspace.prefetch_places(self.db, &hashes[..len]);
        read
    }

    /// Bytes of the file that have been read.
    pub(crate) fn offset(&self) -> u64 {
        self.loader.offset()
    }
}

impl Engine {
    fn load_terms(&self) -> Terms {
        Terms {
            limits: self.settings.limits(),
            checks_crc: self.config().flag(id::RDBCHECKSUM) && !self.skip_checksums.load(Relaxed),
            any_version: self.settings.rdb_any_version.load(Relaxed),
        }
    }

    /// Begins to load a file of so many bytes, which begins with the header that is read here.
    pub fn begin_load(
        &self,
        input: Box<dyn Read + Send>,
        total_bytes: u64,
        merge: Merge,
    ) -> Result<Loading, LoadFailure> {
        let persistence = &self.persistence;
        let loader = Loader::new(input, self.load_terms()).map_err(LoadFailure::Unreadable)?;
        for counter in [
            &persistence.loaded_keys,
            &persistence.expired_keys,
            &persistence.empty_keys,
            &persistence.load_bytes,
        ] {
            counter.store(0, Relaxed);
        }
        if merge == Merge::Refuse {
            drop(self.scripts.flush_libraries());
        }
        persistence.load_started_s.store(base::clock::unix_ms() / 1000, Relaxed);
        persistence.load_total_bytes.store(total_bytes, Relaxed);
        let key_delay_us = self.config().int(id::KEY_LOAD_DELAY);
        let began_us = base::clock::monotonic_us();
        Ok(Loading {
            loader,
            batch: Vec::new(),
            db: 0,
            merge,
            key_delay_us,
            began_us,
            keeps_expired: false,
        })
    }

    /// The same for the file of `dbfilename`; none if there is none.
    pub fn open_load(&self, merge: Merge) -> Result<Option<Loading>, String> {
        let name = self.config().text(id::DBFILENAME).into_owned();
        let Some((input, bytes)) = self.host.open_snapshot(&name)? else { return Ok(None) };
        let loading = self.begin_load(input, bytes, merge);
        loading.map(Some).map_err(|failure| failure.to_string())
    }

    /// Loads on until about `until_us` of the monotonic clock. True at the end of the file.
    pub fn load_some(
        &self,
        loading: &mut Loading,
        access: &mut Access<'_>,
        until_us: u64,
    ) -> Result<bool, LoadFailure> {
        const BATCHES_BETWEEN_LOOKS: usize = 4;
        loop {
            for _ in 0..BATCHES_BETWEEN_LOOKS {
                let read = loading.read_batch(&self.keyspace);
                let now_ms = base::clock::unix_ms();
                let mut batch = std::mem::take(&mut loading.batch);
                let is_part = matches!(batch.last(), Some((_, Item::Part)));
                let is_entry = matches!(batch.last(), Some((_, Item::Entry(_))));
                for (hash, item) in batch.drain(..) {
                    if !self.load_item(loading, access, hash, item, now_ms)? {
                        return Ok(true);
                    }
                }
                loading.batch = batch;
                read.map_err(LoadFailure::Unreadable)?;
                if is_part || is_entry && self.dawdle(loading) {
                    break;
                }
            }
            self.persistence.load_bytes.store(loading.loader.offset(), Relaxed);
            if base::clock::monotonic_us() >= until_us {
                return Ok(false);
            }
        }
    }

    /// `key-load-delay`, for tests. Whether it has waited.
    fn dawdle(&self, loading: &Loading) -> bool {
        let keys = self.persistence.loaded_keys.load(Relaxed);
        match loading.key_delay_us {
            0 => return false,
            us @ 1.. => std::thread::sleep(Duration::from_micros(us as u64)),
            every if keys.is_multiple_of(every.unsigned_abs()) => {
                std::thread::sleep(Duration::from_micros(1));
            }
            _ => return false,
        }
        true
    }

    /// False at the end.
    fn load_item(
        &self,
        loading: &mut Loading,
        access: &mut Access<'_>,
        hash: u64,
        item: Item,
        now_ms: i64,
    ) -> Result<bool, LoadFailure> {
        match item {
            Item::Select(db) if db >= self.keyspace.databases() => {
                return Err(LoadFailure::Database(db));
            }
            Item::Select(db) => loading.db = db,
            Item::Entry(entry) => self.load_entry(loading, access, hash, *entry, now_ms)?,
            Item::Aux { name, text } => self.load_aux(&name, &text, now_ms),
            Item::Sizes { keys, .. } => self.expect_keys(access, loading.db, keys),
            Item::Part => {}
            Item::Library(code) => self.load_library_of_file(&code, loading.merge)?,
            Item::Empty(key) => {
                self.persistence.empty_keys.fetch_add(1, Relaxed);
                let line = format!("Loading: skipping empty key: {}", key.escape_ascii());
                self.host.log('*', &line);
            }
            Item::OfModule { module, key } => {
                let what = match key {
                    Some(key) => format!("The key '{}'", key.escape_ascii()),
                    None => "Data beside the keys".to_owned(),
                };
                let line = format!("{what} belongs to the module '{module}' and is not loaded.");
                self.host.log('#', &line);
            }
            Item::End => {
                (0..self.keyspace.databases()).for_each(|db| self.expect_keys(access, db, 0));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells the tables of a database how many keys are to come.
    fn expect_keys(&self, access: &mut Access<'_>, db: usize, keys: u64) {
        let shards = self.keyspace.shard_count();
        let share = usize::try_from(keys).unwrap_or(usize::MAX).div_ceil(shards);
        (0..shards).for_each(|index| access.shard(index).dbs[db].expect(share));
    }

    fn load_library_of_file(&self, code: &[u8], merge: Merge) -> Result<(), LoadFailure> {
        let policy = match merge {
            Merge::Refuse => script::Policy::Append,
            Merge::Replace => script::Policy::Replace,
        };
        let restored = self.restore_libraries(&[code], policy);
        restored.map_err(|error| LoadFailure::Library(error.0.into_owned()))
    }

    fn load_aux(&self, name: &[u8], text: &[u8], now_ms: i64) {
        let shown = String::from_utf8_lossy(text);
        match name {
            b"redis-ver" => self.host.log('*', &format!("Loading RDB produced by version {shown}")),
            b"valkey-ver" => {
                self.host.log('*', &format!("Loading RDB produced by Valkey version {shown}"));
            }
            b"ctime" => {
                let age_s = base::number::parse_i64(text).map_or(0, |s| now_ms / 1000 - s);
                self.host.log('*', &format!("RDB age {} seconds", age_s.max(0)));
            }
            b"used-mem" => {
                let bytes = base::number::parse_i64(text).unwrap_or(0);
                self.persistence.load_used_memory.store(bytes.max(0) as u64, Relaxed);
                let mib = bytes as f64 / (1 << 20) as f64;
                self.host.log('*', &format!("RDB memory usage when created {mib:.2} Mb"));
            }
            _ => {}
        }
    }

    fn load_entry(
        &self,
        loading: &Loading,
        access: &mut Access<'_>,
        hash: u64,
        entry: Entry,
        now_ms: i64,
    ) -> Result<(), LoadFailure> {
        let persistence = &self.persistence;
        if !loading.keeps_expired && entry.expire_ms.is_some_and(|ms| ms < now_ms) {
            persistence.expired_keys.fetch_add(1, Relaxed);
            return Ok(());
        }
        let key = Key { bytes: &entry.key, hash };
        let part = access.db(&self.keyspace, loading.db, key.hash);
        let slot = part.find(key);
        if slot.is_some() && loading.merge == Merge::Refuse {
            return Err(LoadFailure::Duplicate { key: entry.key, db: loading.db });
        }
        let clock = Usage::new(self.settings.usage_clock(), now_ms);
        let usage = match (clock.clock, entry.frequency, entry.idle_s) {
            (UsageClock::Lfu { .. }, Some(frequency), _) => clock.with_frequency(frequency),
            (UsageClock::Lru | UsageClock::Lrm, _, Some(idle_s)) => clock.idle_for(idle_s),
            _ => clock.fresh(),
        };
        let expire = entry.expire_ms.map_or(Expire::Clear, Expire::At);
        let remains = part.set(slot, key, NewValue::Owned(entry.value), expire, usage);
        drop(remains);
        persistence.loaded_keys.fetch_add(1, Relaxed);
        Ok(())
    }

    /// From now on commands that need the data set are refused, until it has been loaded.
    pub fn set_loading(&self, loading: Option<Loading>) {
        self.set_at_start(loading.map(|loading| AtStart::Snapshot(Box::new(loading))));
    }

    pub(crate) fn set_at_start(&self, loading: Option<AtStart>) {
        self.persistence.is_loading.store(loading.is_some(), Relaxed);
        *self.persistence.load.lock().expect("nobody panics loading") = loading;
        self.note_refusing();
    }

    /// A part of the load at the start. None once it is done; then it says so in the log.
    ///
    /// # Errors
    /// A text for the log: nothing of what was loaded may be served.
    pub fn go_on_loading(
        &self,
        runner: &mut Runner,
        inside: &mut Inside<'_>,
        budget_us: u64,
    ) -> Option<Result<(), String>> {
        let mut held = self.persistence.load.lock().expect("nobody panics loading").take()?;
        let until_us = base::clock::monotonic_us() + budget_us;
        let is_done = match &mut held {
            AtStart::Snapshot(loading) => {
                let mut access = Access::each(&self.keyspace);
                let is_done = self.load_some(loading, &mut access, until_us);
                is_done.map_err(|failure| self.refusal_of_snapshot(&failure))
            }
            AtStart::Log(loading) => {
                runner.with_world(self, inside, |cx| loading.go_on_at_start(cx, until_us))
            }
        };
        match is_done {
            Ok(false) => {
                *self.persistence.load.lock().expect("nobody panics loading") = Some(held);
                Some(Ok(()))
            }
            Err(why) => Some(Err(why)),
            Ok(true) => {
                if let AtStart::Snapshot(loading) = &held {
                    self.log_loaded(loading.began_us);
                }
                self.set_at_start(None);
                None
            }
        }
    }

    /// What to do about a snapshot that cannot be loaded.
    pub fn refusal_of_snapshot(&self, why: &dyn std::fmt::Display) -> String {
        let name = self.config().text(id::DBFILENAME).into_owned();
        format!(
            "Fatal error loading the DB from {name}: {why}. Nothing was changed: repair the file, \
             or move it away. Exiting."
        )
    }

    fn log_loaded(&self, began_us: u64) {
        let persistence = &self.persistence;
        let (keys, expired) =
            (persistence.loaded_keys.load(Relaxed), persistence.expired_keys.load(Relaxed));
        let skipped = match persistence.empty_keys.load(Relaxed) {
            0 => String::new(),
            empty => format!(", empty keys skipped: {empty}"),
        };
        let line =
            format!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}{skipped}.");
        self.host.log('*', &line);
        let seconds = (base::clock::monotonic_us() - began_us) as f64 / 1e6;
        self.host.log('*', &format!("DB loaded from disk: {seconds:.3} seconds"));
    }

    /// Loads all of a file at once, for who owns the world.
    pub fn load_now(
        &self,
        access: &mut Access<'_>,
        mut loading: Loading,
    ) -> Result<(), LoadFailure> {
        while !self.load_some(&mut loading, access, u64::MAX)? {}
        Ok(())
    }
}
