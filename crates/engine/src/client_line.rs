//! The line that CLIENT LIST, CLIENT INFO and ACL LOG print of a client.
//!
//! ```text
//!   id=7 addr=127.0.0.1:51002 laddr=127.0.0.1:6379 fd=9 name=worker-7 age=12 idle=0 flags=N db=0 …
//! ```
//!
//! Fields and their order are those of Redis 8.0; what newer Redis and Valkey added stands at the
//! end, where a pattern made for 8.0 still fits: `tot-net-in tot-net-out tot-cmds capa`.
//!
//! Sizes are what this client holds here: a connection has no reply buffer of its own unless the
//! socket refused something, so `rbs`, `rbp` and `omem` are mostly 0.

use std::io::Write;

use resp::{Args, Protocol};

use crate::client::{Address, Client, Closing};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::pubsub::Topic;
use crate::tracking::Mode;

/// Every letter that `flags` may show.
pub const FLAG_LETTERS: &[u8] = b"AbBcCdeEiIMNOPrRStTuUx";

/// Who looks at clients, and when.
pub struct Viewer<'a> {
    engine: &'a Engine,
    now_ms: i64,
    /// The client that asks, and what it asked.
    own_id: u64,
    request: Args<'a>,
}

impl<'a> Viewer<'a> {
    pub fn of(cx: &Cx<'a>) -> Viewer<'a> {
        Viewer::new(cx.engine, cx.now_ms(), cx.client.id, cx.args)
    }

    /// The client with this id asks: `request`.
    pub fn new(engine: &'a Engine, now_ms: i64, own_id: u64, request: Args<'a>) -> Viewer<'a> {
        Viewer { engine, now_ms, own_id, request }
    }

    pub fn is_own(&self, client: &Client) -> bool {
        client.id == self.own_id
    }

    /// Seconds since the client connected.
    pub fn age_s(&self, client: &Client) -> i64 {
        (self.now_ms - client.created_ms).max(0) / 1000
    }

    /// Seconds since the client was last served.
    pub fn idle_s(&self, client: &Client) -> i64 {
        if self.is_own(client) { 0 } else { (self.now_ms - client.active_ms).max(0) / 1000 }
    }

    /// Appends the client's line and a line end.
    pub fn write_line(&self, out: &mut Vec<u8>, client: &Client) {
        let names = client.names();
        let (request_bytes, argv_bytes) = self.request_bytes(client);
        let (read_bytes, read_argv_bytes) = client.pending.progress(&client.input);
        let mut field = |name: &str, value: &dyn std::fmt::Display| {
            write!(out, "{name}={value} ").expect("a Vec takes all");
        };
        field("id", &client.id);
        field("addr", &client.address);
        field("laddr", &client.local_address);
        field("fd", &client.fd);
        field("name", &names.name.escape_ascii());
        field("age", &self.age_s(client));
        field("idle", &self.idle_s(client));
        field("flags", &flags(client));
        field("db", &client.db);
        for (name, topic) in
            [("sub", Topic::Channel), ("psub", Topic::Pattern), ("ssub", Topic::Shard)]
        {
            let subscriptions = client.subscriptions.as_ref();
            field(name, &subscriptions.map_or(0, |all| all.count(topic)));
        }
        field("multi", &client.multi.as_ref().map_or(-1, |multi| multi.len() as i64));
        field("watch", &client.watch.as_ref().map_or(0, |watch| watch.len()));
        field("qbuf", &(client.input.len() - read_bytes + request_bytes));
        field("qbuf-free", &(client.input.capacity() - client.input.len()));
        field("argv-mem", &(argv_bytes + read_argv_bytes));
        field("multi-mem", &client.multi.as_ref().map_or(0, |multi| multi.bytes()));
        field("rbs", &client.output.allocated_bytes());
        field("rbp", &client.output.allocated_bytes());
        field("obl", &0);
        field("oll", &client.output.chunks());
        field("omem", &client.output.allocated_bytes());
        field("tot-mem", &(client.memory() + argv_bytes));
        field("events", &if client.output.is_empty() { "r" } else { "rw" });
        let last = client.last_command.map(|id| &*self.engine.table.get(id).full_name);
        field("cmd", &last.unwrap_or("NULL"));
        field("user", &client.user_name().escape_ascii());
        let redirect = client.tracking.as_ref().map(|tracking| tracking.redirect);
        field("redir", &redirect.map_or(-1, |to| to.map_or(0, |to| to.id as i64)));
        field("resp", &(if client.protocol == Protocol::Resp2 { 2 } else { 3 }));
        field("lib-name", &names.lib_name.escape_ascii());
        field("lib-ver", &names.lib_ver.escape_ascii());
        field("io-thread", &client.worker);
        field("tot-net-in", &client.input_bytes);
        field("tot-net-out", &client.output_bytes);
        field("tot-cmds", &client.commands);
        writeln!(out, "capa={}", capa(client)).expect("a Vec takes all");
    }

    /// Bytes of the request under way, as it came and as arguments. Redis counts the former unless
    /// I/O threads read for it, and its own tests tell these cases apart by `io-threads`.
    fn request_bytes(&self, client: &Client) -> (usize, usize) {
        if !self.is_own(client) {
            return (0, 0);
        }
        let mut request = Vec::new();
        if self.engine.workers() == 1 {
            resp::encode::write_request(&mut request, self.request.iter());
        }
        (request.len(), self.request.iter().map(<[u8]>::len).sum())
    }
}

/// The letters of the client's state; `N` if there are none.
pub fn flags(client: &Client) -> String {
    let states = [
        (client.follows.is_some(), 'S'),
        (client.is_monitor, 'O'),
        (client.subscriptions.is_some(), 'P'),
        (client.multi.is_some(), 'x'),
        (client.blocked.is_some() || client.is_held, 'b'),
        (client.tracking.is_some(), 't'),
        (client.tracking.as_ref().is_some_and(|t| t.is_redirect_broken), 'R'),
        (client.tracking.as_ref().is_some_and(|t| t.mode == Mode::Broadcast), 'B'),
        (client.watch.as_ref().is_some_and(|watch| watch.has_changed()), 'd'),
        (client.closing == Closing::AfterReplies, 'c'),
        (client.closing == Closing::Now, 'A'),
        (matches!(client.address, Address::Unix(_)), 'U'),
        (client.no_evict, 'e'),
        (client.no_touch, 'T'),
    ];
    let letters: String = states.iter().filter(|(is_on, _)| *is_on).map(|(_, l)| l).collect();
    if letters.is_empty() { "N".to_owned() } else { letters }
}

/// The letters of what the client said in CLIENT CAPA.
pub fn capa(client: &Client) -> &'static str {
    if client.capa_redirect { "r" } else { "" }
}
