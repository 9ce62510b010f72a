//! The power is cut at any call of the disk, the disk fills up and fails: nothing that was
//! acknowledged is lost, and every start reads what it finds. `cargo x crash --simulated` does the
//! same for many more seeds.

use journal::aof::Fsync;
use testkit::crash::{Tally, World, run, start};
use testkit::disk::{EIO, SimDisk};

fn world(seed: u64, fsync: Fsync) -> World {
    World::new(&SimDisk::new(), seed, fsync)
}

#[test]
fn no_crash_loses_what_was_acknowledged() {
    let seeds = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 2000 } else { 20 };
    let mut tally = Tally::default();
    for seed in 0..seeds {
        tally.add(&run(seed).unwrap_or_else(|violation| panic!("{violation}")));
    }
    assert!(tally.crashes > 40 * seeds, "there were some: {tally:?}");
    assert!(tally.acknowledged > 50 * seeds, "the lives got somewhere: {tally:?}");
    assert!(tally.more > 0 && tally.repaired > 0, "there was something to lose: {tally:?}");
}

#[test]
fn a_failed_sync_under_always_acknowledges_nothing_and_ends_it() {
    let mut world = world(1, Fsync::Always);
    world.write();
    world.step();
    let before = world.acknowledged();
    assert_eq!(before, 1);
    world.disk.fail_syncs(Some(EIO));
    world.write();
    world.step();
    assert_eq!(world.acknowledged(), before);
    assert!(world.has_given_up());
    let log = world.told.log.lock().expect("nobody panics logging");
    let last = log.last().expect("it was told");
    assert!(last.contains("for fsync error") && last.contains("Input/output error"), "{last}");
}

#[test]
fn a_full_disk_under_everysec_refuses_writes_until_there_is_room() {
    let mut world = world(1, Fsync::Everysec);
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
    let found = start(&world.disk, &world.writes).expect("it can be read");
    assert_eq!(found.writes, 3, "what did not fit was cut off and written again");
}

#[test]
fn a_rewrite_leaves_one_base_and_one_increment() {
    use base::disk::Disk;
    let mut world = world(3, Fsync::Always);
    for _ in 0..3 {
        world.write();
        world.step();
        world.rewrite();
    }
    let files = testkit::crash::files(&world.disk);
    let manifest = files.load().expect("it is one").expect("it is there");
    let names: Vec<_> = manifest.parts().map(|part| part.name.clone()).collect();
    assert_eq!(names, ["appendonly.aof.4.base.aof", "appendonly.aof.4.incr.aof"]);
    let mut there = world.disk.list(&files.dir()).expect("it can be listed");
    there.sort();
    let expected = [&names[0], &names[1], "appendonly.aof.manifest"];
    assert_eq!(there, expected);
    let found = start(&world.disk, &world.writes).expect("it can be read");
    assert_eq!(found.writes, world.writes.len());
}
