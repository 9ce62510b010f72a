//! CLIENT LIST: a line for each client, those that connected first before the others.

use command::declare::*;
use engine::client::Closing;
use engine::client_line::Viewer;
use engine::{Client, CmdResult, Command, Cx};

use Flag::{Admin, Loading, NoScript, Stale};

use super::filter::{Filter, Ids, Since, filters};

const TYPES: &[Arg] = &[
    flag("NORMAL"),
    flag("MASTER"),
    flag("PRIMARY").since("valkey 8.0.0"),
    flag("REPLICA"),
    flag("PUBSUB"),
];

const FILTERS: &[Arg] = &filters(
    TYPES,
    Since {
        kind: "5.0.0",
        id: "6.2.0",
        user: Some("valkey 8.1.0"),
        addr: Some("valkey 8.1.0"),
        laddr: Some("valkey 8.1.0"),
        skipme: Some("valkey 8.1.0"),
        maxage: Some("valkey 8.1.0"),
    },
);

pub(super) const LIST: Command = Command {
    name: "LIST",
    group: Group::Connection,
    since: "2.4.0",
    summary: "Lists open connections, one line each.",
    complexity: "O(N) where N is the number of client connections",
    flags: &[Admin, NoScript, Loading, Stale],
    args: FILTERS,
    lock: Some(Lock::World),
    history: &[
        ("2.8.12", "Added the `id` field."),
        ("5.0.0", "Added the filter `TYPE`."),
        ("6.0.0", "Added the `user` field."),
        ("6.2.0", "Added the fields `argv-mem`, `tot-mem`, `laddr`, `redir` and the filter `ID`."),
        ("7.0.0", "Added the fields `resp`, `multi-mem`, `rbs` and `rbp`."),
        ("7.0.3", "Added the `ssub` field."),
        ("7.2.0", "Added the fields `lib-name` and `lib-ver`."),
        ("7.4.0", "Added the `watch` field."),
        ("8.0.0", "Added the `io-thread` field."),
        ("valkey 8.0.0", "`TYPE` takes `primary` for `master`."),
        ("valkey 8.1.0", "Added the filters `USER`, `ADDR`, `LADDR`, `SKIPME` and `MAXAGE`."),
        (
            "valkey 9.0.0",
            "Added the filters `NAME`, `IDLE`, `FLAGS`, `LIB-NAME`, `LIB-VER`, `DB`, `CAPA`, `IP`, \
             and `NOT-` before most.",
        ),
    ],
    tips: &["nondeterministic_output"],
    examples: &[
        ("CLIENT SETNAME worker-7", "OK"),
        ("CLIENT LIST NAME worker-7", "\"id=* name=worker-7 * cmd=client|list *\\n\""),
        ("CLIENT LIST TYPE REPLICA", "\"\""),
        ("CLIENT LIST TYPE PIGEON", "(error) ERR Unknown client type 'PIGEON'"),
    ],
    ..Command::base(list)
};

fn list(cx: &mut Cx<'_>) -> CmdResult {
    let filter = Filter::parse(cx, false, Ids::Any)?;
    let viewer = Viewer::of(cx);
    let world = cx.world.as_mut().expect("its lock class is the world");
    let others = cx.engine.clients.all(world).flat_map(|clients| clients.iter_mut());
    let mut found: Vec<&Client> = others.map(|(_, client)| &*client).collect();
    found.push(cx.client);
    // To everybody else a client that goes at once is gone, though its worker has yet to notice.
    found.retain(|client| client.closing != Closing::Now && filter.matches(&viewer, client));
    found.sort_unstable_by_key(|client| client.id);
    if let Some(ids) = filter.ids() {
        // Redis lists clients in the order in which they were asked for.
        let find = |id: &i64| found.binary_search_by_key(id, |client| client.id as i64).ok();
        found = ids.iter().filter_map(find).map(|at| found[at]).collect();
    }
    let mut text = Vec::new();
    found.iter().for_each(|client| viewer.write_line(&mut text, client));
    cx.reply.verbatim(b"txt", &text);
    Ok(())
}
