//! CLIENT KILL: closes connections.
//!
//! A client of another worker cannot be closed from here: it is told to close, and its worker is
//! woken. No command of it runs any more, since its worker looks at `closing` before each. The
//! caller itself closes when its reply is sent.

use command::declare::*;
use engine::client::Closing;
use engine::client_line::Viewer;
use engine::{CmdError, CmdResult, Command, Cx};

use Flag::{Admin, Loading, NoScript, Stale};

use super::filter::{Filter, Ids, Since, filters};

const TYPES: &[Arg] = &[
    flag("NORMAL"),
    flag("MASTER").since("3.2.0"),
    flag("PRIMARY").since("valkey 8.0.0"),
    flag("SLAVE"),
    flag("REPLICA").since("5.0.0"),
    flag("PUBSUB"),
];

const FILTERS: &[Arg] = &filters(
    TYPES,
    Since {
        kind: "2.8.12",
        id: "2.8.12",
        user: None,
        addr: None,
        laddr: Some("6.2.0"),
        skipme: None,
        maxage: Some("7.4.0"),
    },
);

pub(super) const KILL: Command = Command {
    name: "KILL",
    group: Group::Connection,
    since: "2.4.0",
    summary: "Closes connections.",
    complexity: "O(N) where N is the number of client connections",
    flags: &[Admin, NoScript, Loading, Stale],
    args: &[one_of(
        "filter",
        &[
            text("old-format").shown_as("ip:port").deprecated_since("2.8.12"),
            many(one_of("new-format", FILTERS)),
        ],
    )],
    arity: Some(-3),
    lock: Some(Lock::World),
    history: &[
        ("2.8.12", "Added the format with filters."),
        ("2.8.12", "Added the filter `ID`."),
        ("3.2.0", "`TYPE` takes `master`."),
        ("5.0.0", "`TYPE` takes `replica` for `slave`."),
        ("6.2.0", "Added the filter `LADDR`."),
        ("7.4.0", "Added the filter `MAXAGE`."),
        ("valkey 8.0.0", "`TYPE` takes `primary` for `master`."),
        ("valkey 8.1.0", "`ID` takes several numbers."),
        (
            "valkey 9.0.0",
            "Added the filters `NAME`, `IDLE`, `FLAGS`, `LIB-NAME`, `LIB-VER`, `DB`, `CAPA`, `IP`, \
             and `NOT-` before most.",
        ),
    ],
    examples: &[
        ("CLIENT KILL 192.0.2.1:6379", "(error) ERR No such client"),
        ("CLIENT KILL TYPE normal MAXAGE 3600", "(integer) 0"),
        ("CLIENT KILL ID 0", "(error) ERR client-id should be greater than 0"),
    ],
    ..Command::base(kill)
};

fn kill(cx: &mut Cx<'_>) -> CmdResult {
    let is_old_form = cx.argc() == 3;
    let filter = match is_old_form {
        true => Filter::of_address(cx.arg(2)),
        false => Filter::parse(cx, true, Ids::AboveZero)?,
    };
    let killed = kill_others(cx, &filter);
    let kills_itself = filter.matches(&Viewer::of(cx), cx.client);
    if kills_itself {
        cx.client.closing = Closing::AfterReplies;
    }
    match killed + usize::from(kills_itself) {
        0 if is_old_form => return Err(CmdError::NO_SUCH_CLIENT),
        _ if is_old_form => cx.reply.ok(),
        killed => cx.reply.integer(killed as i64),
    }
    Ok(())
}

/// Tells the clients to close; gives how many.
fn kill_others(cx: &mut Cx<'_>, filter: &Filter<'_>) -> usize {
    let viewer = Viewer::of(cx);
    let world = cx.world.as_mut().expect("its lock class is the world");
    let mut killed = 0;
    for (worker, clients) in cx.engine.clients.all(world).enumerate() {
        let mut indexes = Vec::new();
        for (index, client) in clients.iter_mut() {
            if client.closing != Closing::Now && filter.matches(&viewer, client) {
                client.close_now();
                indexes.push(index);
            }
        }
        if !indexes.is_empty() {
            killed += indexes.len();
            clients.attention.extend(indexes);
            cx.engine.host.wake(worker);
        }
    }
    killed
}
