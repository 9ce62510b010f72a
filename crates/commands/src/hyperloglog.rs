//! HyperLogLogs: counting different elements in a string of at most 12 KiB.
//!
//! What the string holds and how it is computed is in [`structures::hyperloglog`]; here is what
//! clients see of it. Clients may write such strings themselves, so each is looked at anew whenever
//! it is used: a string that is no HyperLogLog at all is of the wrong type, one that goes wrong
//! behind its header is corrupted, and neither is changed.
//!
//! # Where we differ
//!
//! (1) A PFADD that meets corrupted registers at one of several elements adds none of them; in
//!     Redis those before stay, uncounted.
//! (2) PFSELFTEST adds a million elements, not ten.

mod add;
mod count;
mod debug;
mod merge;
#[cfg(test)]
mod tests;

use engine::{CmdError, Command};
use store::StrRef;
use structures::hyperloglog::{HllError, HllRef};

pub const COMMANDS: &[Command] =
    &[add::PFADD, count::PFCOUNT, debug::PFDEBUG, merge::PFMERGE, debug::PFSELFTEST];

/// The string as a HyperLogLog.
fn hll<'a>(string: StrRef<'a>) -> Result<HllRef<'a>, CmdError> {
    match string {
        StrRef::Bytes(bytes) => HllRef::of(bytes).map_err(refused),
        StrRef::Int(_) => Err(CmdError::NOT_HLL),
    }
}

fn refused(error: HllError) -> CmdError {
    match error {
        HllError::NotHll => CmdError::NOT_HLL,
        HllError::Corrupt => CmdError::CORRUPT_HLL,
    }
}
