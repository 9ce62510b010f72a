//! ACL LOG: what was refused lately.

use command::declare::{Group, Lock, flag, integer, one_of, opt};
use engine::{CmdResult, Command, Cx};

use super::FLAGS;

/// Entries that are shown unless a number is given.
const SHOWN: usize = 10;

pub(super) const LOG: Command = Command {
    name: "LOG",
    group: Group::Server,
    since: "6.0.0",
    summary: "Shows which logins, commands, keys and channels were refused lately, the newest \
              first; or forgets them.",
    complexity: "O(N) with N entries shown",
    flags: FLAGS,
    args: &[opt(one_of("operation", &[integer("count"), flag("RESET")]))],
    lock: Some(Lock::Local),
    history: &[("7.2.0", "Added entry ID, timestamp created, and timestamp last updated.")],
    examples: &[
        ("ACL LOG", "(empty array)"),
        ("AUTH joe wrong", "(error) WRONGPASS invalid username-password pair or user is disabled."),
        (
            "ACL LOG 1",
            "1)  1) \"count\"\n   2) (integer) 1\n   3) \"reason\"\n   4) \"auth\"\n\
             \x20  5) \"context\"\n   6) \"toplevel\"\n   7) \"object\"\n   8) \"AUTH\"\n\
             \x20  9) \"username\"\n   10) \"joe\"\n   11) \"age-seconds\"\n   12) \"*\"\n\
             \x20  13) \"client-info\"\n   14) \"id=*\"\n   15) \"entry-id\"\n   16) (integer) 0\n\
             \x20  17) \"timestamp-created\"\n   18) (integer) *\n\
             \x20  19) \"timestamp-last-updated\"\n   20) (integer) *",
        ),
        ("ACL LOG RESET", "OK"),
        ("ACL LOG many", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(log)
};

fn log(cx: &mut Cx<'_>) -> CmdResult {
    let shown = match cx.argc() {
        2 => SHOWN,
        _ if cx.is_word(2, "RESET") => {
            cx.engine.acl.log().clear();
            cx.reply.ok();
            return Ok(());
        }
        _ => usize::try_from(cx.int(2)?).unwrap_or(0),
    };
    let now_ms = cx.now_ms();
    let log = cx.engine.acl.log();
    cx.reply.array(shown.min(log.entries().len()));
    for entry in log.entries().take(shown) {
        cx.reply.map(10);
        cx.reply.bulk(b"count");
        cx.reply.integer(entry.count as i64);
        cx.reply.bulk(b"reason");
        cx.reply.bulk(entry.reason.as_bytes());
        cx.reply.bulk(b"context");
        cx.reply.bulk(entry.context.word().as_bytes());
        cx.reply.bulk(b"object");
        cx.reply.bulk(&entry.object);
        cx.reply.bulk(b"username");
        cx.reply.bulk(&entry.user);
        cx.reply.bulk(b"age-seconds");
        cx.reply.double((now_ms - entry.updated_ms) as f64 / 1000.0);
        cx.reply.bulk(b"client-info");
        cx.reply.bulk(&entry.client);
        cx.reply.bulk(b"entry-id");
        cx.reply.integer(entry.id as i64);
        cx.reply.bulk(b"timestamp-created");
        cx.reply.integer(entry.created_ms);
        cx.reply.bulk(b"timestamp-last-updated");
        cx.reply.integer(entry.updated_ms);
    }
    Ok(())
}
