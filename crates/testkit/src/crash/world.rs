//! One life of a log: its writer, step by step, without a thread.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use base::disk::{Disk, Open};
use base::random::Random;
use journal::Journal;
use journal::aof::{Aof, Appender, Files, Fsync, Manifest, Outside};

use crate::disk::SimDisk;

/// What the writer says.
#[derive(Default)]
pub struct Told {
    pub log: Mutex<Vec<String>>,
    has_given_up: AtomicBool,
}

impl Outside for Told {
    fn log(&self, level: char, text: &str) {
        self.log.lock().expect("nobody panics logging").push(format!("{level} {text}"));
    }

    fn give_up(&self, text: &str) {
        self.log('#', text);
        self.has_given_up.store(true, Relaxed);
    }

    fn advanced(&self) {}
}

pub fn files(disk: &SimDisk) -> Files {
    Files {
        disk: Arc::new(disk.clone()),
        above: PathBuf::from("."),
        dir_name: "appendonlydir".to_owned(),
        name: "appendonly.aof".to_owned(),
    }
}

/// A log and what was written to it.
pub struct World {
    pub disk: SimDisk,
    pub aof: Aof,
    pub told: Arc<Told>,
    journal: Journal,
    /// None before the log is switched on.
    appender: Option<Appender>,
    random: Random,
    fsync: Fsync,
    /// The value of each write.
    pub writes: Vec<Vec<u8>>,
    /// Where in the stream those of this life end; those before were found at its start.
    ends: Vec<u64>,
    found: usize,
    now_us: u64,
    pub had_failed_sync: bool,
}

fn request(n: usize, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    resp::encode::write_request(&mut out, [&b"SET"[..], n.to_string().as_bytes(), value].iter());
    out
}

impl World {
    /// With a log of nothing.
    pub fn new(disk: &SimDisk, seed: u64, fsync: Fsync) -> World {
        let files = files(disk);
        files.make_dir().expect("the power is on");
        let base = files.path("appendonly.aof.1.base.aof");
        disk.open(&base, Open::Create).and_then(|mut file| file.sync()).expect("the power is on");
        let mut manifest = Manifest::default();
        manifest.new_base("appendonly.aof", "aof");
        let mut world = World::before_a_log(disk, seed, fsync);
        world.resume(manifest);
        world
    }

    /// Without a log; [`World::begin_log`] begins one.
    pub fn before_a_log(disk: &SimDisk, seed: u64, fsync: Fsync) -> World {
        let aof = Aof::new();
        aof.configure(fsync, false, false, false);
        let journal = Journal::with_block_bytes_max(1, 1 << 20, 4096);
        World {
            disk: disk.clone(),
            aof,
            told: Arc::default(),
            journal,
            appender: None,
            random: Random::from_seed(seed),
            fsync,
            writes: Vec::new(),
            ends: Vec::new(),
            found: 0,
            now_us: 0,
            had_failed_sync: false,
        }
    }

    /// The next life: a start has found the first so many writes on `disk`.
    pub fn reborn(self, disk: SimDisk, found: usize, seed: u64) -> World {
        let mut world = World::before_a_log(&disk, seed, self.fsync);
        world.writes = self.writes;
        world.writes.truncate(found);
        world.found = found;
        let manifest = files(&disk).load().expect("a start could read it").expect("it is there");
        world.resume(manifest);
        world
    }

    fn resume(&mut self, manifest: Manifest) {
        let reader = self.journal.reader(None).expect("a journal has its end");
        let files = files(&self.disk);
        let appender = Appender::resume(&self.aof, self.told.clone(), files, manifest, reader);
        self.appender = Some(appender.expect("the power is on"));
    }

    pub fn has_log(&self) -> bool {
        self.appender.is_some()
    }

    pub fn has_given_up(&self) -> bool {
        self.told.has_given_up.load(Relaxed)
    }

    /// Keeps what the disk is before one of `every` calls.
    pub fn keep_moments(&self, every: u64) {
        let aof = self.aof.clone();
        self.disk.keep_moments(every, move || acknowledged_offset(&aof));
    }

    /// Writes that were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged_at(acknowledged_offset(&self.aof))
    }

    /// Those that were when the stream was so far on the disk.
    pub fn acknowledged_at(&self, offset: u64) -> usize {
        // What was written before there was a log has no place in the stream.
        let is_promised = |end: &u64| offset > 0 && *end <= offset;
        self.found + self.ends.partition_point(is_promised)
    }

    pub fn write(&mut self) {
        if self.aof.is_broken() {
            // Clients are refused.
            return;
        }
        let n = self.writes.len() as u64;
        let len = match self.random.below(8) {
            0 => 200 + self.random.below(6000),
            _ => self.random.below(60),
        };
        let value: Vec<u8> = (0..len).map(|i| b'a' + ((n + i) % 26) as u8).collect();
        let end = self.journal.append(0, 0, &[&request(self.writes.len(), &value)]);
        self.writes.push(value);
        self.ends.push(end);
    }

    pub fn write_some(&mut self) {
        for _ in 0..=self.random.below(4) {
            self.write();
        }
    }

    pub fn step(&mut self) {
        // Under everysec about four groups share a sync.
        self.now_us += 300_000;
        let Some(appender) = &mut self.appender else { return };
        while appender.step(self.now_us) {}
    }

    /// A base of everything so far, as a snapshot would make it.
    pub fn rewrite(&mut self) {
        if self.appender.is_none() || self.has_given_up() {
            return;
        }
        self.aof.rotate(self.journal.tail());
        self.take_base();
    }

    /// `appendonly` is switched on.
    pub fn begin_log(&mut self) {
        let reader = self.journal.reader(None).expect("a journal has its end");
        let files = files(&self.disk);
        let manifest = Manifest::default();
        let begun = Appender::begin(&self.aof, self.told.clone(), files, manifest, reader);
        self.appender = begun.ok();
        self.take_base();
    }

    fn take_base(&mut self) {
        // As the engine does it, where it will be.
        let path = files(&self.disk).temp_base();
        let writes = self.writes.iter().enumerate();
        let bytes: Vec<u8> = writes.flat_map(|(n, value)| request(n, value)).collect();
        if self.random.below(2) == 0 {
            // Others write meanwhile.
            self.write();
            self.step();
        }
        let written = self.disk.open(&path, Open::Create).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync()
        });
        let base = written.map(|()| (path, "aof")).map_err(|error| error.to_string());
        self.aof.install(self.aof.epoch(), base);
        self.step();
    }
}

/// How far replies may go. Without a base nothing is promised.
fn acknowledged_offset(aof: &Aof) -> u64 {
    if !aof.is_on() || aof.is_waiting_for_base() { 0 } else { aof.durable() }
}
