//! PFCOUNT.

use command::declare::Flag::{MayReplicate, ReadOnly};
use command::declare::KeyFlag::{Access, RW};
use command::declare::{Group, key, many};
use engine::{CmdResult, Command, Cx};
use structures::hyperloglog::cache_cardinality;

use super::merge::merged;
use super::{hll, refused};

pub(super) const PFCOUNT: Command = Command {
    name: "PFCOUNT",
    group: Group::HyperLogLog,
    since: "2.8.9",
    summary: "Returns how many different elements were added to a HyperLogLog, or to any of \
              several, give or take one in a hundred.",
    complexity: "O(1) for one key that did not change since the last time; else O(N) in the keys",
    flags: &[ReadOnly, MayReplicate],
    args: &[many(key("key", &[RW, Access]))],
    examples: &[
        ("PFADD today ann bob", "(integer) 1"),
        ("PFADD yesterday bob carl", "(integer) 1"),
        ("PFCOUNT today", "(integer) 2"),
        ("PFCOUNT today yesterday never", "(integer) 3"),
        ("SET name ann", "OK"),
        ("PFCOUNT name", "(error) WRONGTYPE Key is not a valid HyperLogLog string value."),
    ],
    ..Command::base(pfcount)
};

fn pfcount(cx: &mut Cx<'_>) -> CmdResult {
    let cardinality = if cx.argc() == 2 { count_one(cx)? } else { merged(cx)?.0.cardinality() };
    cx.reply.integer(cardinality as i64);
    Ok(())
}

/// The cardinality of the only key, which is computed once after each change and kept in the
/// string. So a command that reads writes: who repeats our changes hears of it.
fn count_one(cx: &mut Cx<'_>) -> Result<u64, engine::CmdError> {
    let key = cx.key(1);
    let Some(string) = cx.db.string(key)? else { return Ok(0) };
    let hll = hll(string)?;
    if let Some(cardinality) = hll.cached_cardinality() {
        return Ok(cardinality);
    }
    let cardinality = hll.cardinality().map_err(refused)?;
    let len = hll.as_bytes().len();
    cache_cardinality(cx.db.resize_string(key, len), cardinality);
    cx.db.changed_silently(key, 1);
    Ok(cardinality)
}
