//! Simulated crashes: a log is written on the disk that lies, the power is cut at any call, and
//! a real engine starts from what is left.
//!
//! ```text
//!   life 1: writes, rewrites, faults ─► cut, or kill ─► start (repairs) ─► life 2 … ─► life 3
//!              │ before some of the calls
//!              └─► moment ─► what a power cut leaves of it, twice ─► start ─► all there?
//! ```
//!
//! Write number `n` sets key `n`. Whatever a start finds must be the first so many writes, each as
//! it was written, and no fewer than were acknowledged: under `always` those whose replies could
//! leave, else those that WAITAOF answers for.
//!
//! | fault | what happens |
//! |---|---|
//! | none | the power is cut, with `always` or `everysec` |
//! | full | the disk takes no more after some bytes, for a while |
//! | error | calls fail with EIO |
//! | fsync | syncs fail for a while, and what they should have brought out may be lost for ever |
//! | begin | the log is switched on in the middle of it all |
//!
//! Who is killed after a sync had failed is followed by a power cut: what the system still shows
//! of the file need not be on the disk, and the next process cannot know.
//!
//! A start may be refused only after a sync had failed: what is left then may have a hole in what
//! was believed to be on the disk, and a human has to decide. Such refusals are counted.

mod start;
mod world;

use base::disk::{Disk, Open};
use base::random::Random;
use journal::aof::Fsync;

use crate::disk::{EIO, SimDisk};
pub use start::{Found, start};
pub use world::{World, files};

/// What was tried, and what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub crashes: u64,
    /// Writes that were acknowledged, over all lives.
    pub acknowledged: u64,
    /// Starts that found more than was acknowledged.
    pub more: u64,
    /// Starts that dropped bytes of the last file.
    pub repaired: u64,
    /// Starts that were refused after a sync had failed.
    pub refused: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.crashes += other.crashes;
        self.acknowledged += other.acknowledged;
        self.more += other.more;
        self.repaired += other.repaired;
        self.refused += other.refused;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    Full,
    Error,
    Fsync,
    Begin,
}

const FAULTS: [Fault; 5] = [Fault::None, Fault::Full, Fault::Error, Fault::Fsync, Fault::Begin];
const LIVES: u64 = 3;
const STEPS: u64 = 30;
/// Of one moment, so many outcomes are looked at.
const OUTCOMES: u64 = 2;

/// One seed's lives.
///
/// # Errors
/// What was violated, and where.
pub fn run(seed: u64) -> Result<Tally, String> {
    let mut random = Random::from_seed(seed);
    let fault = FAULTS[(seed % FAULTS.len() as u64) as usize];
    let fsync = if (seed / 5).is_multiple_of(2) { Fsync::Always } else { Fsync::Everysec };
    let mut tally = Tally::default();
    let disk = SimDisk::new();
    disk.seed(seed);
    let mut world = match fault {
        Fault::Begin => World::before_a_log(&disk, random.next_u64(), fsync),
        _ => World::new(&disk, random.next_u64(), fsync),
    };
    for life in 0..LIVES {
        let place =
            |what: String| format!("seed {seed} ({fault:?}, {fsync:?}), life {life}: {what}");
        live(&mut world, fault, &mut random, &mut tally).map_err(&place)?;
        tally.acknowledged += world.acknowledged() as u64;
        // After a sync that failed the system may show what is not on the disk. Only a reboot tells.
        let is_cut = world.had_failed_sync || random.below(2) == 0;
        let disk = match is_cut {
            true => world.disk.after_power_cut(random.next_u64()),
            // The process is killed: what the system has stays.
            false => world.disk.clone(),
        };
        disk.heal();
        disk.seed(random.next_u64());
        world = match next_life(world, disk, is_cut, &mut random, &mut tally).map_err(&place)? {
            Some(world) => world,
            None => break,
        };
    }
    Ok(tally)
}

/// Writes until the life is over, and looks at what cuts on the way would have left.
fn live(
    world: &mut World,
    fault: Fault,
    random: &mut Random,
    tally: &mut Tally,
) -> Result<(), String> {
    world.keep_moments(3 + random.below(4));
    let (bad_from, bad_for) = (random.below(STEPS), 1 + random.below(8));
    for step in 0..STEPS {
        if step == bad_from {
            match fault {
                Fault::Full => world.disk.set_room(random.below(4000)),
                Fault::Fsync => {
                    world.disk.fail_syncs(Some(EIO));
                    world.had_failed_sync = true;
                }
                Fault::Begin if !world.has_log() => world.begin_log(),
                _ => {}
            }
        }
        if step == bad_from + bad_for {
            world.disk.heal();
        }
        if fault == Fault::Error && random.below(8) == 0 {
            world.disk.fail_call(world.disk.calls() + 1 + random.below(12), EIO);
            // It may be a sync.
            world.had_failed_sync = true;
        }
        world.write_some();
        world.step();
        if random.below(9) == 0 {
            world.rewrite();
        }
        for moment in world.disk.take_moments() {
            for _ in 0..OUTCOMES {
                let disk = moment.after_power_cut(random.next_u64());
                tally.crashes += 1;
                verify(world, &disk, world.acknowledged_at(moment.known), tally)?;
            }
        }
        if world.has_given_up() {
            break;
        }
    }
    Ok(())
}

/// A start must find a first part of all writes, and no less than was acknowledged.
fn verify(
    world: &World,
    disk: &SimDisk,
    acknowledged: usize,
    tally: &mut Tally,
) -> Result<Option<Found>, String> {
    let found = match start(disk, &world.writes) {
        Ok(found) => found,
        Err(_) if world.had_failed_sync => {
            tally.refused += 1;
            return Ok(None);
        }
        Err(why) => return Err(format!("it does not start: {why}")),
    };
    if found.writes < acknowledged {
        return Err(format!("{acknowledged} writes were acknowledged, {} are left", found.writes));
    }
    tally.more += u64::from(found.writes > acknowledged);
    tally.repaired += u64::from(found.has_repaired);
    Ok(Some(found))
}

/// The next start, which may be cut too. None: it is refused.
fn next_life(
    world: World,
    disk: SimDisk,
    is_cut: bool,
    random: &mut Random,
    tally: &mut Tally,
) -> Result<Option<World>, String> {
    let acknowledged = world.acknowledged();
    tally.crashes += u64::from(is_cut);
    let disk = if random.below(2) == 0 {
        // The start is cut as well, while it repairs.
        disk.cut_power_at(disk.calls() + 1 + random.below(40));
        // What it says is of no interest.
        let _ = start(&disk, &world.writes);
        tally.crashes += 1;
        let disk = disk.after_power_cut(random.next_u64());
        disk.seed(random.next_u64());
        disk
    } else {
        disk
    };
    let Some(found) = verify(&world, &disk, acknowledged, tally)? else { return Ok(None) };
    // Nothing of a log may be there yet.
    let has_manifest = disk.open(&world::files(&disk).manifest_path(), Open::Read).is_ok();
    Ok(has_manifest.then(|| world.reborn(disk, found.writes, random.next_u64())))
}
