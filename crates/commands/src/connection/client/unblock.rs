//! CLIENT UNBLOCK: ends another client's wait.

use command::declare::*;
use engine::{CmdError, CmdResult, Command, Cx};

use Flag::{Admin, Loading, NoScript, Stale};

pub(super) const UNBLOCK: Command = Command {
    name: "UNBLOCK",
    group: Group::Connection,
    since: "5.0.0",
    summary: "Ends the wait of a client in a blocking command, as if its time had come or with an \
              error.",
    complexity: "O(log N) with N clients",
    flags: &[Admin, NoScript, Loading, Stale],
    args: &[integer("client-id"), opt(one_of("unblock-type", &[flag("TIMEOUT"), flag("ERROR")]))],
    examples: &[
        ("CLIENT UNBLOCK 1000", "(integer) 0"),
        ("CLIENT UNBLOCK 1000 NOW", "(error) ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
    ],
    ..Command::base(unblock)
};

const UNBLOCKED: &[u8] = b"UNBLOCKED client unblocked via CLIENT UNBLOCK";

fn unblock(cx: &mut Cx<'_>) -> CmdResult {
    let error = match cx.argc() {
        3 => None,
        _ if cx.is_word(3, "TIMEOUT") => None,
        _ if cx.is_word(3, "ERROR") => Some(UNBLOCKED),
        _ => return Err(CmdError::UNBLOCK_REASON),
    };
    let id = cx.int(2)?;
    let world = cx.world.as_mut().expect("its lock class is the world");
    let blocked = cx
        .engine
        .clients
        .all(world)
        .flat_map(|clients| clients.iter_mut())
        .find(|(_, client)| client.id as i64 == id)
        .and_then(|(_, client)| client.blocked.clone());
    let ended = blocked.is_some_and(|blocked| cx.engine.unblock(&blocked, error));
    cx.reply.integer(ended.into());
    Ok(())
}
