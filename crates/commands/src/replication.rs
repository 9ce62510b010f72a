//! Replication: SYNC, which turns a connection into a follower of every change.
//!
//! ```text
//!   SYNC ─► $LENGTH, the data set as an RDB file ─► every write from then on, as it is propagated
//! ```
//!
//! # Limits
//!
//! The file is made at the closed gate, in one piece and in memory: all other clients wait for it.
//! Snapshots will make it without stopping anyone.

use command::declare::Flag::{Admin, NoAsyncLoading, NoMulti, NoScript};
use command::declare::Group;
use engine::{CmdResult, Command, Cx, Db};
use rdb::file::FileWriter;

pub const COMMANDS: &[Command] = &[SYNC];

const SYNC: Command = Command {
    name: "SYNC",
    group: Group::Server,
    since: "1.0.0",
    summary: "Sends the data set and then every change of it.",
    complexity: "O(N) with N keys",
    flags: &[Admin, NoScript, NoAsyncLoading, NoMulti],
    examples: &[
        ("SYNC now", "(error) ERR wrong number of arguments for 'sync' command"),
        ("MULTI", "OK"),
        ("SYNC", "(error) ERR Command not allowed inside a transaction"),
    ],
    ..Command::base(sync)
};

fn sync(cx: &mut Cx<'_>) -> CmdResult {
    if cx.client.follows.is_some() {
        // As Redis: a second SYNC on the same connection is not heard.
        return Ok(());
    }
    let file = data_set(cx);
    cx.follow();
    cx.reply.raw(format!("${}\r\n", file.len()).as_bytes());
    cx.reply.raw(&file);
    Ok(())
}

/// All databases as an RDB file.
fn data_set(cx: &mut Cx<'_>) -> Vec<u8> {
    let mut file = FileWriter::new(cx.engine.rdb_style());
    file.aux(b"redis-ver", engine::engine::REDIS_VERSION.as_bytes());
    file.aux(b"redis-bits", usize::BITS.to_string().as_bytes());
    file.aux(b"ctime", (cx.now_ms() / 1000).to_string().as_bytes());
    file.aux(b"repl-stream-db", b"0");
    file.aux(b"repl-id", cx.engine.replication_id().as_bytes());
    file.aux(b"repl-offset", cx.replication_offset().to_string().as_bytes());
    for index in 0..cx.db.databases() {
        cx.db.within(index, |db| write_db(&mut file, index, db));
    }
    file.finish()
}

fn write_db(file: &mut FileWriter, index: usize, db: &mut Db<'_>) {
    if db.is_empty() {
        return;
    }
    let (keys, expires) = (db.len(), db.expires());
    file.select(index, keys, expires);
    for shard in 0..db.shard_count() {
        db.shard(shard).for_each(|record| {
            file.entry(record.key(), record.expire_ms(), record.value());
        });
    }
}
