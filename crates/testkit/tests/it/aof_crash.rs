//! The power is cut at any call of the disk: nothing that was acknowledged is lost, and every start
//! reads what it finds.
//!
//! One run: a log is written under `always`, group by group, with rewrites; a write is acknowledged
//! when the log says it is durable. Then the power is cut, the disk keeps what it likes of all that
//! was not forced out, and the log is read as a start would. What it has must be a first part of
//! what was written, at least up to the last acknowledged write.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base::disk::{Disk, Open};
use base::random::Random;
use journal::Journal;
use journal::aof::check::{Damage, check};
use journal::aof::scan::Item;
use journal::aof::{Aof, Appender, Files, Fsync, Manifest, Outside, Scan};
use testkit::disk::{EIO, SimDisk};

#[derive(Default)]
struct Told {
    log: Mutex<Vec<String>>,
    has_given_up: AtomicBool,
}

impl Outside for Told {
    fn log(&self, level: char, text: &str) {
        self.log.lock().expect("nobody panics logging").push(format!("{level} {text}"));
    }

    fn give_up(&self, text: &str) {
        self.log('#', text);
        self.has_given_up.store(true, Ordering::Relaxed);
    }

    fn advanced(&self) {}
}

fn files(disk: &SimDisk) -> Files {
    Files {
        disk: Arc::new(disk.clone()),
        above: PathBuf::from("."),
        dir_name: "appendonlydir".to_owned(),
        name: "appendonly.aof".to_owned(),
    }
}

/// Write number `n`: its number, and bytes that follow from it.
fn write_number(n: u64, random: &mut Random) -> Vec<u8> {
    let len = if random.below(8) == 0 { 200 + random.below(6000) } else { random.below(60) };
    let value: Vec<u8> = (0..len).map(|i| b'a' + ((n + i) % 26) as u8).collect();
    let mut out = Vec::new();
    resp::encode::write_request(&mut out, [&b"SET"[..], n.to_string().as_bytes(), &value].iter());
    out
}

struct World {
    disk: SimDisk,
    aof: Aof,
    told: Arc<Told>,
    journal: Journal,
    appender: Appender,
    random: Random,
    /// Everything written, in order, and the offset where it ends.
    writes: Vec<(u64, Vec<u8>)>,
    /// As the base has it.
    in_base: usize,
    now_us: u64,
}

impl World {
    fn new(seed: u64, fsync: Fsync) -> World {
        let disk = SimDisk::new();
        let (aof, told) = (Aof::new(), Arc::new(Told::default()));
        let journal = Journal::with_block_bytes_max(1, 1 << 20, 4096);
        let files = files(&disk);
        files.make_dir().expect("the power is on");
        let base = files.path("appendonly.aof.1.base.aof");
        disk.open(&base, Open::Create).and_then(|mut file| file.sync()).expect("the power is on");
        let mut manifest = Manifest::default();
        manifest.new_base("appendonly.aof", "aof");
        let reader = journal.reader(None).expect("a journal has its end");
        aof.configure(fsync, false, false, false);
        let appender = Appender::resume(&aof, told.clone(), files, manifest, reader);
        let appender = appender.expect("the power is on");
        World {
            disk,
            aof,
            told,
            journal,
            appender,
            random: Random::from_seed(seed),
            writes: Vec::new(),
            in_base: 0,
            now_us: 0,
        }
    }

    fn write(&mut self) {
        let write = write_number(self.writes.len() as u64, &mut self.random);
        let end = self.journal.append(0, 0, &[&write]);
        self.writes.push((end, write));
    }

    fn step(&mut self) {
        // Under everysec about four groups share a sync.
        self.now_us += 300_000;
        while self.appender.step(self.now_us, 1) {}
    }

    /// Writes that were acknowledged.
    fn acknowledged(&self) -> usize {
        let durable = self.aof.durable();
        self.writes.iter().take_while(|(end, _)| *end <= durable).count()
    }

    /// A base of everything so far, as a snapshot would make it.
    fn rewrite(&mut self) {
        self.aof.rotate(self.journal.tail());
        let path = Path::new("temp-rewriteaof-bg-1.aof");
        let bytes: Vec<u8> = self.writes.iter().flat_map(|(_, write)| write.clone()).collect();
        let taken = self.writes.len();
        if self.random.below(2) == 0 {
            // Others write meanwhile.
            self.write();
            self.step();
        }
        let written = self.disk.open(path, Open::Create).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync()
        });
        let base = written.map(|()| (path.to_owned(), "aof")).map_err(|error| error.to_string());
        self.aof.install(self.aof.epoch(), base);
        self.step();
        self.in_base = taken;
    }
}

/// The writes that a start finds, or why it refuses.
fn load(disk: &SimDisk) -> Result<Vec<Vec<u8>>, String> {
    let files = files(disk);
    let manifest = files.load().map_err(|error| error.to_string())?.ok_or("no manifest")?;
    let parts: Vec<_> = manifest.parts().cloned().collect();
    let mut writes = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let open = || disk.open(&files.path(&part.name), Open::Read).map_err(|e| e.to_string());
        let checked = check(open()?, 0).map_err(|error| error.to_string())?;
        match checked.damage {
            None => {}
            Some(Damage::CutOff | Damage::Torn) if i + 1 == parts.len() => {}
            damage => return Err(format!("{} of {} parts: {damage:?}", part.name, parts.len())),
        }
        let mut scan = Scan::new(open()?, 0);
        while scan.offset() < checked.good {
            match scan.next_item() {
                Ok(Item::Command(bytes)) if !bytes.starts_with(b"*2\r\n$6\r\nSELECT") => {
                    writes.push(bytes.to_vec());
                }
                Ok(_) => {}
                Err(stop) => return Err(format!("{stop:?}")),
            }
        }
    }
    Ok(writes)
}

/// How far a run got: writes that were acknowledged, and those that had not been forced out.
struct Got {
    acknowledged: u64,
    unsynced: u64,
}

/// One run of a seed, its power cut at one call: how many violations each survivor shows is 0.
fn crash(seed: u64, fsync: Fsync, survivors: u64) -> Got {
    let mut world = World::new(seed, fsync);
    world.disk.cut_power_at(world.disk.calls() + 1 + seed % 120);
    while world.disk.has_power() && world.writes.len() < 400 {
        for _ in 0..=world.random.below(4) {
            world.write();
        }
        world.step();
        if world.random.below(9) == 0 {
            world.rewrite();
        }
    }
    let acknowledged = world.acknowledged();
    for survivor in 0..survivors {
        let disk = world.disk.after_power_cut(seed ^ (survivor << 32));
        let found = load(&disk).unwrap_or_else(|why| panic!("seed {seed}/{survivor}: {why}"));
        assert!(
            found.len() >= acknowledged,
            "seed {seed}/{survivor}: {acknowledged} writes were acknowledged, {} are left",
            found.len()
        );
        assert!(found.len() <= world.writes.len(), "seed {seed}/{survivor}");
        let other = found.iter().zip(&world.writes).position(|(found, (_, write))| found != write);
        assert_eq!(other, None, "seed {seed}/{survivor}: read otherwise than it was written");
    }
    let unsynced = (world.writes.len() - acknowledged) as u64;
    Got { acknowledged: acknowledged as u64, unsynced }
}

/// How many runs: many more with `RUN_SLOW_TESTS=1`.
fn runs() -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { 20_000 } else { 400 }
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let acknowledged: u64 =
        (0..runs()).map(|seed| crash(seed, Fsync::Always, 6).acknowledged).sum();
    assert!(acknowledged > 10 * runs(), "the runs got somewhere: {acknowledged}");
}

#[test]
fn without_a_sync_for_each_group_a_first_part_is_left() {
    // Under `always` it is never more than the writes of one step.
    let several_groups = |seed: &u64| crash(*seed, Fsync::Everysec, 6).unsynced > 5;
    let deep = (0..runs()).filter(several_groups).count() as u64;
    assert!(deep > runs() / 50, "there was something to lose: {deep}");
}

#[test]
fn a_failed_sync_under_always_acknowledges_nothing_and_ends_it() {
    let mut world = World::new(1, Fsync::Always);
    world.write();
    world.step();
    let before = world.acknowledged();
    assert_eq!(before, 1);
    world.disk.fail_syncs(Some(EIO));
    world.write();
    world.step();
    assert_eq!(world.acknowledged(), before);
    assert!(world.told.has_given_up.load(Ordering::Relaxed));
    let log = world.told.log.lock().expect("nobody panics logging");
    let last = log.last().expect("it was told");
    assert!(last.contains("for fsync error") && last.contains("Input/output error"), "{last}");
}

#[test]
fn a_full_disk_under_everysec_refuses_writes_until_there_is_room() {
    let mut world = World::new(1, Fsync::Everysec);
    world.write();
    world.step();
    world.disk.set_room(10);
    world.write();
    world.step();
    assert!(world.aof.is_broken());
    assert_eq!(world.aof.why_broken(), "No space left on device");
    world.disk.set_room(u64::MAX);
    for _ in 0..4 {
        // It is tried again each second.
        world.step();
    }
    assert!(!world.aof.is_broken());
    world.write();
    world.step();
    let found = load(&world.disk).expect("it can be read");
    let written: Vec<_> = world.writes.iter().map(|(_, write)| write.clone()).collect();
    assert_eq!(found, written, "what did not fit was cut off and written again");
}

#[test]
fn a_rewrite_leaves_one_base_and_one_increment() {
    let mut world = World::new(3, Fsync::Always);
    for _ in 0..3 {
        world.write();
        world.step();
        world.rewrite();
    }
    let files = files(&world.disk);
    let manifest = files.load().expect("it is one").expect("it is there");
    let names: Vec<_> = manifest.parts().map(|part| part.name.clone()).collect();
    assert_eq!(names, ["appendonly.aof.4.base.aof", "appendonly.aof.4.incr.aof"]);
    let mut there = world.disk.list(&files.dir()).expect("it can be listed");
    there.sort();
    let expected = [&names[0], &names[1], "appendonly.aof.manifest"];
    assert_eq!(there, expected);
    let found = load(&world.disk).expect("it can be read");
    assert_eq!(found.len(), world.writes.len());
}
