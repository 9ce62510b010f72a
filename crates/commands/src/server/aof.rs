//! BGREWRITEAOF: the append only file, written anew.

use command::declare::Flag::{Admin, NoAsyncLoading, NoScript};
use command::declare::Group;
use engine::aof::Began;
use engine::{CmdResult, Command, Cx};

pub(super) const BGREWRITEAOF: Command = Command {
    name: "BGREWRITEAOF",
    group: Group::Server,
    since: "1.0.0",
    summary: "Writes the append only file anew, as short as it can be.",
    complexity: "O(1); the rewrite is O(N) with N keys, in small parts",
    flags: &[Admin, NoScript, NoAsyncLoading],
    examples: &[
        ("BGREWRITEAOF", "Background append only file rewriting started"),
        ("BGREWRITEAOF now", "(error) ERR wrong number of arguments for 'bgrewriteaof' command"),
    ],
    ..Command::base(bgrewriteaof)
};

fn bgrewriteaof(cx: &mut Cx<'_>) -> CmdResult {
    let began = cx.begin_rewrite()?;
    cx.reply.simple(match began {
        Began::Now => "Background append only file rewriting started",
        Began::Later => "Background append only file rewriting scheduled",
    });
    Ok(())
}
