//! PFDEBUG and PFSELFTEST: looking inside.

use base::random::Random;
use command::declare::Flag::{Admin, DenyOom, Write};
use command::declare::KeyFlag::{Access, RW};
use command::declare::{Group, Lock, key, text};
use engine::{CmdError, CmdResult, Command, Cx};
use store::Key;
use structures::hyperloglog::{Form, HllRef, Registers, Run, is_simd_used, self_test, use_simd};

use super::{hll, refused};

pub(super) const PFDEBUG: Command = Command {
    name: "PFDEBUG",
    group: Group::HyperLogLog,
    since: "2.8.9",
    summary: "Shows the registers (GETREG), runs (DECODE) or form (ENCODING) of a HyperLogLog, \
              makes it dense (TODENSE), or turns vector instructions on and off (SIMD).",
    complexity: "O(1): the registers are always as many",
    flags: &[Write, DenyOom, Admin],
    args: &[text("subcommand"), key("key", &[RW, Access])],
    examples: &[
        ("PFADD k a b c", "(integer) 1"),
        ("PFDEBUG ENCODING k", "sparse"),
        ("PFDEBUG DECODE k", "\"Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603\""),
        ("PFDEBUG TODENSE k", "(integer) 1"),
        ("PFDEBUG DECODE k", "(error) ERR HLL encoding is not sparse"),
    ],
    ..Command::base(pfdebug)
};

fn pfdebug(cx: &mut Cx<'_>) -> CmdResult {
    let word = cx.arg(1).to_ascii_lowercase();
    if word == b"simd" {
        return simd(cx);
    }
    let key = cx.key(2);
    let string = cx.db.look_string(key)?.ok_or(CmdError::HLL_NO_KEY)?;
    let hll = hll(string)?;
    match word.as_slice() {
        b"getreg" => return getreg(cx, key),
        b"decode" => {
            let text = decode(hll)?;
            cx.reply.bulk(text.as_bytes());
        }
        b"encoding" => {
            let name = if hll.form() == Form::Dense { "dense" } else { "sparse" };
            cx.reply.simple(name);
        }
        b"todense" => {
            let converts = to_dense(cx, key)?;
            cx.reply.integer(i64::from(converts));
        }
        _ => return Err(CmdError::unknown_pfdebug(cx.arg(1))),
    }
    Ok(())
}

fn simd(cx: &mut Cx<'_>) -> CmdResult {
    match cx.arg(2).to_ascii_lowercase().as_slice() {
        b"on" => use_simd(true),
        b"off" => use_simd(false),
        _ => return Err(CmdError::NOT_ON_OR_OFF),
    }
    cx.reply.simple(if is_simd_used() { "enabled" } else { "disabled" });
    Ok(())
}

/// All registers, for which it turns dense.
fn getreg(cx: &mut Cx<'_>, key: Key<'_>) -> CmdResult {
    to_dense(cx, key)?;
    let string = cx.db.held(key).and_then(|record| record.string()).ok_or(CmdError::HLL_NO_KEY)?;
    let mut registers = Registers::new();
    registers.merge(hll(string)?).map_err(refused)?;
    cx.reply.array(registers.ranks().len());
    registers.ranks().iter().for_each(|rank| cx.reply.integer(i64::from(*rank)));
    Ok(())
}

/// Whether it had to be converted.
fn to_dense(cx: &mut Cx<'_>, key: Key<'_>) -> Result<bool, CmdError> {
    let string = cx.db.held(key).and_then(|record| record.string()).ok_or(CmdError::HLL_NO_KEY)?;
    let hll = hll(string)?;
    if hll.form() == Form::Dense {
        return Ok(false);
    }
    let dense = hll.to_dense().map_err(refused)?;
    cx.db.resize_string(key, dense.len()).copy_from_slice(&dense);
    cx.db.changed_silently(key, 1);
    Ok(true)
}

/// `Z:` and `z:` are long and short runs of zeros, `v:` a rank and for how many registers.
fn decode(hll: HllRef<'_>) -> Result<String, CmdError> {
    let show = |run: Run| match run {
        Run { is_xzero: true, len, .. } => format!("Z:{len}"),
        Run { rank: 0, len, .. } => format!("z:{len}"),
        Run { rank, len, .. } => format!("v:{rank},{len}"),
    };
    let runs = hll.runs().ok_or(CmdError::HLL_NOT_SPARSE)?;
    let shown: Result<Vec<String>, CmdError> =
        runs.map(|run| run.map(show).map_err(refused)).collect();
    Ok(shown?.join(" "))
}

pub(super) const PFSELFTEST: Command = Command {
    name: "PFSELFTEST",
    group: Group::HyperLogLog,
    since: "2.8.9",
    summary: "Checks that HyperLogLogs keep their registers and count well.",
    complexity: "O(1), about a tenth of a second",
    flags: &[Admin],
    lock: Some(Lock::Local),
    examples: &[
        ("PFSELFTEST", "OK"),
        ("COMMAND GETKEYS PFSELFTEST", "(error) ERR The command has no key arguments"),
    ],
    ..Command::base(pfselftest)
};

fn pfselftest(cx: &mut Cx<'_>) -> CmdResult {
    let mut random = Random::from_seed(cx.db.random.next_u64());
    self_test(&mut random).map_err(|what| CmdError::text(format!("ERR TESTFAILED {what}")))?;
    cx.reply.simple("OK");
    Ok(())
}
