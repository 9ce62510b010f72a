//! Whole databases: emptied, exchanged, counted.

use std::sync::atomic::Ordering::Relaxed;

use command::declare::{Arg, Category, Flag::*, Group, Lock, flag, integer, one_of, opt};
use engine::{CmdError, CmdResult, Command, Cx};

const HOW: &[Arg] =
    &[opt(one_of("flush-type", &[flag("ASYNC").since("4.0.0"), flag("SYNC").since("6.2.0")]))];

const HISTORY: &[(&str, &str)] = &[("4.0.0", "Takes `ASYNC`."), ("6.2.0", "Takes `SYNC`.")];

pub(super) const FLUSHALL: Command = Command {
    name: "FLUSHALL",
    group: Group::Server,
    since: "1.0.0",
    summary: "Removes all keys of all databases.",
    complexity: "O(N), N being the number of keys in all databases",
    flags: &[Write],
    categories: &[Category::Keyspace, Category::Dangerous],
    args: HOW,
    history: HISTORY,
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    examples: &[
        ("SET k v", "OK"),
        ("FLUSHALL", "OK"),
        ("DBSIZE", "(integer) 0"),
        ("FLUSHALL ASYNC", "OK"),
        ("FLUSHALL now", "(error) ERR syntax error"),
    ],
    ..Command::base(flushall)
};

fn flushall(cx: &mut Cx<'_>) -> CmdResult {
    let lazy = is_lazy(cx)?;
    // What it would save is what goes.
    cx.engine.kill_save();
    let databases = cx.db.databases();
    let removed = (0..databases).map(|i| cx.db.within(i, |db| db.flush(lazy))).sum();
    flushed(cx, removed);
    if cx.engine.has_save_points() && !cx.engine.persistence.is_loading() {
        // A file that has what is gone would bring it back.
        cx.save_now();
    }
    Ok(())
}

pub(super) const FLUSHDB: Command = Command {
    name: "FLUSHDB",
    summary: "Removes all keys of the selected database.",
    complexity: "O(N), N being the number of keys in the database",
    examples: &[
        ("SET k v", "OK"),
        ("FLUSHDB SYNC", "OK"),
        ("DBSIZE", "(integer) 0"),
        ("FLUSHDB SYNC ASYNC", "(error) ERR syntax error"),
    ],
    handler: flushdb,
    ..FLUSHALL
};

fn flushdb(cx: &mut Cx<'_>) -> CmdResult {
    let lazy = is_lazy(cx)?;
    let removed = cx.db.flush(lazy);
    flushed(cx, removed);
    Ok(())
}

fn is_lazy(cx: &Cx<'_>) -> Result<bool, CmdError> {
    match cx.argc() {
        1 => Ok(cx.engine.settings.lazy_user_flush.load(Relaxed)),
        2 if cx.is_word(1, "ASYNC") => Ok(true),
        2 if cx.is_word(1, "SYNC") => Ok(false),
        _ => Err(CmdError::SYNTAX),
    }
}

/// An empty database is flushed on replicas too: what they hold may differ.
fn flushed(cx: &mut Cx<'_>, removed: usize) {
    cx.db.invalidate_everything();
    cx.db.effects.dirty += removed.max(1) as u64;
    cx.reply.ok();
}

pub(super) const SWAPDB: Command = Command {
    name: "SWAPDB",
    group: Group::Server,
    since: "4.0.0",
    summary: "Exchanges two databases: who has one selected sees the other's keys.",
    complexity: "O(N), N being the number of shards",
    flags: &[Write, Fast],
    categories: &[Category::Keyspace, Category::Dangerous],
    args: &[integer("index1"), integer("index2")],
    examples: &[
        ("SET k v", "OK"),
        ("SWAPDB 0 1", "OK"),
        ("DBSIZE", "(integer) 0"),
        ("SWAPDB zero 1", "(error) ERR invalid first DB index"),
        ("SWAPDB 0 99", "(error) ERR DB index is out of range"),
    ],
    ..Command::base(swapdb)
};

fn swapdb(cx: &mut Cx<'_>) -> CmdResult {
    let first = cx.int(1).map_err(|_| CmdError::INVALID_FIRST_DB)?;
    let second = cx.int(2).map_err(|_| CmdError::INVALID_SECOND_DB)?;
    let index = |n: i64| {
        let index = usize::try_from(n).ok().filter(|index| *index < cx.db.databases());
        index.ok_or(CmdError::DB_OUT_OF_RANGE)
    };
    let (first, second) = (index(first)?, index(second)?);
    cx.db.swap(first, second);
    cx.db.invalidate_everything();
    cx.db.effects.dirty += 1;
    cx.reply.ok();
    Ok(())
}

pub(super) const DBSIZE: Command = Command {
    name: "DBSIZE",
    group: Group::Server,
    since: "1.0.0",
    summary: "Counts the keys of the selected database.",
    complexity: "O(N), N being the number of shards",
    flags: &[ReadOnly, Fast],
    categories: &[Category::Keyspace],
    lock: Some(Lock::EachShard),
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    examples: &[
        ("DBSIZE", "(integer) 0"),
        ("SET k v", "OK"),
        ("DBSIZE", "(integer) 1"),
        ("DBSIZE 1", "(error) ERR wrong number of arguments for 'dbsize' command"),
    ],
    ..Command::base(dbsize)
};

fn dbsize(cx: &mut Cx<'_>) -> CmdResult {
    let keys = cx.db.len();
    cx.reply.integer(keys as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::TestServer;

    #[test]
    fn flushall_empties_the_databases_that_are_not_selected() {
        let mut server = TestServer::new(2);
        let mut ann = server.connect();
        ann.client.db = 3;
        server.engine.config().record(::config::id::ENABLE_DEBUG_COMMAND, &[b"yes"]).unwrap();
        server.reply(&mut ann, "DEBUG POPULATE 100");
        assert_eq!(server.reply(&mut ann, "DBSIZE"), Value::Integer(100));
        ann.client.db = 0;
        server.reply(&mut ann, "FLUSHALL ASYNC");
        ann.client.db = 3;
        assert_eq!(server.reply(&mut ann, "DBSIZE"), Value::Integer(0));
    }

    #[test]
    fn what_a_flush_frees_is_counted_either_way() {
        let mut server = TestServer::new(2);
        let mut ann = server.connect();
        for i in 0..10 {
            server.reply(&mut ann, &format!("SET {i} v"));
        }
        server.reply(&mut ann, "FLUSHALL SYNC");
        assert_eq!(server.engine.lazyfree.freed(), 10);
    }

    #[test]
    fn an_empty_database_is_flushed_on_replicas_too() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "FLUSHDB");
        assert_eq!(server.engine.total(|w| w.dirty.get()), 1);
    }
}
