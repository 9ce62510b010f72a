//! What concerns the process: time, log, memory, the ways to die; and filling the keyspace.

use std::time::Duration;

use engine::persistence::{Merge, Outcome};
use engine::{CmdError, CmdResult, Cx};
use store::{Expire, NewValue};

use super::switches::accept;

/// Holds the gate closed: nobody runs meanwhile.
pub(super) fn sleep(cx: &mut Cx<'_>) -> CmdResult {
    // What is no number is no time, as in Redis.
    let seconds = base::number::parse_f64(cx.arg(2)).unwrap_or(0.0);
    std::thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    accept(cx)
}

pub(super) fn log(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.host.log('#', &format!("DEBUG LOG: {}", String::from_utf8_lossy(cx.arg(2))));
    accept(cx)
}

pub(super) fn leak(cx: &mut Cx<'_>) -> CmdResult {
    std::mem::forget(cx.arg(2).to_vec());
    accept(cx)
}

/// SEGFAULT, PANIC, ASSERT, OOM.
pub(super) fn crash(cx: &mut Cx<'_>) -> CmdResult {
    let how = String::from_utf8_lossy(cx.arg(1)).to_ascii_lowercase();
    cx.engine.host.crash(&how);
    Err(CmdError::text(format!("ERR the server survived DEBUG {how}")))
}

/// RESTART, CRASH-AND-RECOVER.
pub(super) fn restart(cx: &mut Cx<'_>) -> CmdResult {
    let how = String::from_utf8_lossy(cx.arg(1)).to_ascii_lowercase();
    let delay_ms = if cx.argc() > 2 { cx.int(2)?.max(0) } else { 0 };
    cx.engine.host.crash(&format!("{how} {delay_ms}"));
    Err(CmdError::text("ERR failed to restart the server. Check server logs."))
}

/// What is loaded only in part is neither saved nor loaded again: that would be the end of the rest.
fn require_loaded(cx: &Cx<'_>) -> CmdResult {
    match cx.engine.persistence.is_loading() {
        true => Err(CmdError::LOADING),
        false => Ok(()),
    }
}

/// RELOAD: the data set goes through the snapshot file.
pub(super) fn reload(cx: &mut Cx<'_>) -> CmdResult {
    let has = |cx: &Cx<'_>, option| (2..cx.argc()).any(|i| cx.is_word(i, option));
    let is_option =
        |i: usize| ["MERGE", "NOFLUSH", "NOSAVE"].iter().any(|option| cx.is_word(i, option));
    if !(2..cx.argc()).all(is_option) {
        return Err(CmdError::text(
            "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
        ));
    }
    require_loaded(cx)?;
    if !has(cx, "NOSAVE") {
        cx.engine.kill_save();
        if !matches!(cx.save_now(), Outcome::Saved(_)) {
            return Err(CmdError::text("ERR Failed saving the DB, check the log"));
        }
    }
    if !has(cx, "NOFLUSH") {
        for index in 0..cx.db.databases() {
            cx.db.within(index, |db| db.flush(false));
        }
    }
    let merge = if has(cx, "MERGE") { Merge::Replace } else { Merge::Refuse };
    match cx.load_snapshot(merge) {
        Ok(true) => {
            cx.engine.note_nothing_changed();
            cx.engine.host.log('#', "DB reloaded by DEBUG RELOAD");
            accept(cx)
        }
        Ok(false) => Err(CmdError::text("ERR Error trying to load the RDB dump, no such file")),
        Err(why) => {
            cx.engine.host.log('#', &format!("Error loading the snapshot: {why}"));
            Err(CmdError::text("ERR Error trying to load the RDB dump, check server logs"))
        }
    }
}

/// AOF-FLUSH-SLEEP.
pub(super) fn aof_flush_sleep(cx: &mut Cx<'_>) -> CmdResult {
    let us = cx.int(2).unwrap_or(0);
    cx.engine.aof.dawdle(u64::try_from(us).unwrap_or(0));
    accept(cx)
}

/// LOADAOF.
pub(super) fn load_aof(cx: &mut Cx<'_>) -> CmdResult {
    require_loaded(cx)?;
    if !cx.engine.aof.settle(cx.engine.journal.tail()) {
        return Err(CmdError::AOF_OFF);
    }
    for index in 0..cx.db.databases() {
        cx.db.within(index, |db| db.flush(false));
    }
    drop(cx.engine.scripts.flush_libraries());
    match cx.load_log() {
        Ok(true) => accept(cx),
        Ok(false) => Err(CmdError::AOF_OFF),
        Err(why) => {
            cx.engine.host.log('#', &why);
            Err(CmdError::text("ERR Error trying to load the AOF files, check server logs."))
        }
    }
}

pub(super) fn config_rewrite_force_all(cx: &mut Cx<'_>) -> CmdResult {
    let written = cx.engine.host.rewrite_config_in_full(&cx.engine.config());
    written.map_err(|why| CmdError::text(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {why}")))?;
    accept(cx)
}

/// The words of `mallctl` and its arguments, as the host takes them.
fn ask_allocator(cx: &Cx<'_>) -> Result<String, CmdError> {
    let mut request = String::from_utf8_lossy(cx.arg(1)).to_ascii_lowercase();
    for arg in cx.args.iter().skip(2) {
        request.push(' ');
        request.push_str(&String::from_utf8_lossy(arg));
    }
    let answer = cx.engine.host.allocator(&request);
    answer.map_err(|why| CmdError::text(format!("ERR {why}")))
}

pub(super) fn mallctl(cx: &mut Cx<'_>) -> CmdResult {
    let answer = ask_allocator(cx)?;
    match base::number::parse_i64(answer.as_bytes()) {
        Some(n) => cx.reply.integer(n),
        None => cx.reply.null(),
    }
    Ok(())
}

pub(super) fn mallctl_str(cx: &mut Cx<'_>) -> CmdResult {
    let answer = ask_allocator(cx)?;
    cx.reply.bulk(answer.as_bytes());
    Ok(())
}

/// Matches random patterns against random texts: none may panic or take for ever.
pub(super) fn stringmatch_test(cx: &mut Cx<'_>) -> CmdResult {
    for _ in 0..10_000 {
        let mut data = [0; 64];
        cx.db.random.fill(&mut data);
        base::glob::fuzz_glob(&data);
    }
    cx.reply.simple("Apparently Redis did not crash: test passed");
    Ok(())
}

pub(super) fn structsize(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.bulk_fmt(format_args!(
        "bits:{} slot:8 client:{} collection:{} ",
        usize::BITS,
        size_of::<engine::Client>(),
        size_of::<store::Collection>(),
    ));
    Ok(())
}

/// A number that may not be negative.
fn count(cx: &Cx<'_>, index: usize) -> Result<usize, CmdError> {
    usize::try_from(cx.int(index)?).map_err(|_| CmdError::NOT_POSITIVE)
}

pub(super) fn populate(cx: &mut Cx<'_>) -> CmdResult {
    let keys = base::number::parse_i64(cx.arg(2)).ok_or(CmdError::NOT_POSITIVE)?;
    let keys = usize::try_from(keys).map_err(|_| CmdError::NOT_POSITIVE)?;
    let prefix = cx.args.get(3).unwrap_or(b"key");
    let bytes = if cx.argc() > 4 { count(cx, 4)? } else { 0 };
    if bytes > cx.engine.settings.bulk_bytes_max() {
        return Err(CmdError::STRING_TOO_LONG);
    }
    let (mut name, mut value) = (Vec::new(), Vec::new());
    for i in 0..keys {
        name.clear();
        name.extend_from_slice(prefix);
        name.extend_from_slice(format!(":{i}").as_bytes());
        let key = cx.db.key(&name);
        if cx.db.peek(key).is_some() {
            continue;
        }
        value.clear();
        value.extend_from_slice(format!("value:{i}").as_bytes());
        if bytes > 0 {
            value.resize(bytes, 0);
        }
        cx.db.set(key, NewValue::Text(&value), Expire::Clear);
    }
    accept(cx)
}

#[cfg(test)]
mod tests {
    use resp::Value;

    use super::super::tests::allowing;

    #[test]
    fn populate_leaves_keys_that_are_there_and_pads_values() {
        let (mut server, mut ann) = allowing();
        server.reply(&mut ann, "DEBUG POPULATE 3 k 20");
        server.reply(&mut ann, "DEBUG POPULATE 5 k");
        assert_eq!(server.reply(&mut ann, "DBSIZE"), Value::Integer(5));
        let keyspace = &server.engine.keyspace;
        for (name, len) in [(&b"k:0"[..], 20), (b"k:4", 7)] {
            let key = keyspace.key(name);
            let shard = keyspace.lock(keyspace.shard_of(key.hash));
            let db = &shard.dbs[0];
            let record = db.record(db.find(key).expect("it was just made"));
            assert_eq!(record.string().expect("a string").len(), len);
        }
    }

    #[test]
    fn populate_changes_nothing_that_replicas_should_repeat() {
        let (mut server, mut ann) = allowing();
        server.reply(&mut ann, "DEBUG POPULATE 3");
        assert_eq!(server.engine.total(|w| w.dirty.get()), 0);
    }
}
