//! One connection, as the engine knows it. The socket itself is the server's.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use acl::User;
use journal::Reader;
use resp::{Pending, Protocol};

use crate::blocked::Blocked;
use crate::client_memory::Counted;
use crate::clients::ClientIndex;
use crate::multi::{Multi, Watch};
use crate::output::Output;
use crate::pubsub::Subscriptions;
use crate::tracking::ClientTracking;

/// Where a client connects from, or to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    /// The path of the server's socket.
    Unix(Arc<str>),
    /// A script that calls a command, to those who monitor.
    Script,
    /// No socket: tests and internal calls.
    None,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(a) => write!(f, "{a}"),
            Address::Unix(path) => write!(f, "{path}:0"),
            Address::Script => f.write_str("lua"),
            Address::None => f.write_str("?:0"),
        }
    }
}

/// What happens to the connection after the current command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    No,
    /// After its replies are written.
    AfterReplies,
    /// At once.
    Now,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    On,
    Off,
    /// Said by SKIP: the command after this one gets no reply.
    SkipNext,
    Skip,
}

/// Facts that few connections have: allocated when the first of them is set.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub name: Vec<u8>,
    pub lib_name: Vec<u8>,
    pub lib_ver: Vec<u8>,
}

/// The names of fields, in the order of their values.
pub type Fieldset = Box<[Box<[u8]>]>;

/// What HIMPORT PREPARE said, by name.
#[derive(Clone, Debug, Default)]
pub struct Fieldsets {
    by_name: HashMap<Box<[u8]>, Fieldset>,
    bytes: usize,
}

impl Fieldsets {
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub fn get(&self, name: &[u8]) -> Option<&Fieldset> {
        self.by_name.get(name)
    }

    pub fn insert(&mut self, name: Box<[u8]>, fieldset: Fieldset) {
        self.remove(&name);
        self.bytes += Self::bytes_of(&name, &fieldset);
        self.by_name.insert(name, fieldset);
    }

    pub fn remove(&mut self, name: &[u8]) -> Option<Fieldset> {
        let fieldset = self.by_name.remove(name)?;
        self.bytes -= Self::bytes_of(name, &fieldset);
        Some(fieldset)
    }

    fn bytes_of(name: &[u8], fieldset: &Fieldset) -> usize {
        let fields = fieldset.iter().map(|field| size_of::<Box<[u8]>>() + field.len());
        name.len() + size_of::<Fieldset>() + fields.sum::<usize>()
    }
}

pub struct Client {
    /// Unique for the life of the server, ascending.
    pub id: u64,
    /// Its place in its worker's table; none for clients that are in no table.
    pub index: Option<ClientIndex>,
    pub db: usize,
    /// Where the last of its writes ends in the journal.
    pub wrote_until: u64,
    pub protocol: Protocol,
    pub authenticated: bool,
    pub closing: Closing,
    pub reply_mode: ReplyMode,
    pub no_evict: bool,
    pub no_touch: bool,
    /// Whose permissions it has; none: all, for clients that are no connections.
    user: Option<Arc<User>>,
    /// Whether there are calls that the user may not make.
    is_restricted: bool,
    /// CLIENT CAPA redirect.
    pub capa_redirect: bool,
    pub multi: Option<Box<Multi>>,
    /// What WATCH has said since the last EXEC, DISCARD or UNWATCH.
    pub watch: Option<Box<Watch>>,
    pub names: Option<Box<Names>>,
    pub fieldsets: Option<Box<Fieldsets>>,
    pub address: Address,
    pub local_address: Address,
    /// The file descriptor's number, for CLIENT LIST.
    pub fd: i32,
    /// Which worker serves it, for CLIENT LIST.
    pub worker: usize,
    pub created_ms: i64,
    pub active_ms: i64,
    /// Id of the command that ran last, as the table counts.
    pub last_command: Option<command::table::CommandId>,
    /// Input that is not a whole request yet.
    pub input: Vec<u8>,
    /// While requests run that were kept and are large: all of that input. A value that makes up
    /// most of it is stored as a part of it: see [`crate::Cx::value`].
    pub large_input: Option<Arc<Vec<u8>>>,
    /// The parser's notes on `input`.
    pub pending: Pending,
    /// Replies that the socket did not take yet.
    pub output: Output,
    /// When the output first exceeded its soft limit.
    pub output_over_since_ms: Option<i64>,
    /// The running command confirms a subscription, which is told even to a client that wants no
    /// replies.
    pub confirms: bool,
    /// It is told of every command that runs.
    pub is_monitor: bool,
    /// A pause holds its next command.
    pub is_held: bool,
    /// A pause held its next command, which has not been tried again yet.
    pub(crate) is_resuming: bool,
    /// Its worker has read requests of it that are not in `input`: nobody else may run what comes
    /// after them.
    pub is_under_way: bool,
    /// CLIENT TRACKING.
    pub tracking: Option<Box<ClientTracking>>,
    /// What it listens to.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// What it waits for; its further requests wait meanwhile.
    pub blocked: Option<Arc<Blocked>>,
    /// Its place in the journal, if it asked with SYNC for every change from now on.
    pub follows: Option<Box<Reader>>,
    pub input_bytes: u64,
    pub output_bytes: u64,
    pub commands: u64,
    /// See [`crate::client_memory`].
    pub counted: Counted,
}

impl Client {
    pub fn new(id: u64, now_ms: i64) -> Client {
        Client {
            id,
            index: None,
            db: 0,
            wrote_until: 0,
            protocol: Protocol::Resp2,
            authenticated: false,
            closing: Closing::No,
            reply_mode: ReplyMode::On,
            no_evict: false,
            no_touch: false,
            user: None,
            is_restricted: false,
            capa_redirect: false,
            multi: None,
            watch: None,
            names: None,
            fieldsets: None,
            address: Address::None,
            local_address: Address::None,
            fd: -1,
            worker: 0,
            created_ms: now_ms,
            active_ms: now_ms,
            last_command: None,
            input: Vec::new(),
            large_input: None,
            pending: Default::default(),
            output: Output::default(),
            output_over_since_ms: None,
            confirms: false,
            is_monitor: false,
            is_held: false,
            is_resuming: false,
            is_under_way: false,
            tracking: None,
            subscriptions: None,
            blocked: None,
            follows: None,
            input_bytes: 0,
            output_bytes: 0,
            commands: 0,
            counted: Counted::default(),
        }
    }

    pub fn names(&self) -> &Names {
        static NONE: Names = Names { name: Vec::new(), lib_name: Vec::new(), lib_ver: Vec::new() };
        self.names.as_deref().unwrap_or(&NONE)
    }

    pub fn names_mut(&mut self) -> &mut Names {
        self.names.get_or_insert_default()
    }

    pub fn fieldsets(&self) -> Option<&Fieldsets> {
        self.fieldsets.as_deref()
    }

    pub fn fieldsets_mut(&mut self) -> &mut Fieldsets {
        self.fieldsets.get_or_insert_default()
    }

    pub fn user(&self) -> Option<&Arc<User>> {
        self.user.as_ref()
    }

    /// As CLIENT LIST and ACL WHOAMI print it.
    pub fn user_name(&self) -> &[u8] {
        self.user.as_ref().map_or(b"(superuser)", |user| user.name())
    }

    /// It goes on with the permissions of this user.
    pub fn set_user(&mut self, user: Option<Arc<User>>) {
        self.is_restricted = user.as_ref().is_some_and(|user| !user.is_unrestricted());
        self.user = user;
        if let Some(blocked) = &self.blocked {
            blocked.set_user(self.restricted_user().cloned());
        }
    }

    /// Whether there are calls that it may not make.
    #[inline]
    pub fn is_restricted(&self) -> bool {
        self.is_restricted
    }

    /// The user, if there are calls that it may not make.
    pub fn restricted_user(&self) -> Option<&Arc<User>> {
        self.user.as_ref().filter(|_| self.is_restricted)
    }

    /// Lends the user out, to be given back by [`Client::give_back_user`]: there is none meanwhile.
    pub(crate) fn lend_restricted_user(&mut self) -> Option<Arc<User>> {
        if self.is_restricted { self.user.take() } else { None }
    }

    pub(crate) fn give_back_user(&mut self, lent: Option<Arc<User>>) {
        if lent.is_some() {
            self.user = lent;
        }
    }

    /// Whether nothing but the plain path applies: in no transaction, replies on, not closing, not
    /// listening, nothing to be remembered of what it reads.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.multi.is_none()
            && self.reply_mode == ReplyMode::On
            && self.closing == Closing::No
            && self.subscriptions.is_none()
            && self.tracking.is_none()
    }

    /// It is to be closed at once. Nobody serves it from here on: what it waits for is for others.
    pub fn close_now(&mut self) {
        self.closing = Closing::Now;
        if let Some(blocked) = &self.blocked {
            blocked.end();
        }
    }

    /// Whether it is no sign of neglect when it says nothing: it follows, waits, listens or watches.
    pub fn waits_patiently(&self) -> bool {
        self.follows.is_some()
            || self.blocked.is_some()
            || self.subscriptions.is_some()
            || self.is_monitor
            || self.is_held
    }

    /// RESET: everything but the connection itself and its user is as new.
    pub fn reset(&mut self) {
        self.db = 0;
        self.protocol = Protocol::Resp2;
        self.reply_mode = ReplyMode::On;
        self.no_evict = false;
        self.no_touch = false;
        self.multi = None;
        self.watch = None;
        self.fieldsets = None;
        if let Some(names) = &mut self.names {
            names.name.clear();
        }
    }

    /// Whether it is on this machine, for options that say `local`.
    pub fn is_local(&self) -> bool {
        match &self.address {
            Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Address::Unix(_) | Address::Script | Address::None => true,
        }
    }

    /// Bytes of requests that did not run yet: what `client-query-buffer-limit` is about. Those
    /// queued by MULTI are among them.
    pub fn query_bytes(&self) -> usize {
        self.input.len() + self.multi.as_ref().map_or(0, |m| m.bytes())
    }

    /// Bytes held on behalf of this client.
    pub fn memory(&self) -> usize {
        size_of::<Client>()
            + self.input.capacity()
            + self.output.allocated_bytes()
            + self.pending.allocated_bytes()
            + self.multi.as_ref().map_or(0, |m| m.bytes())
            + self.watch.as_ref().map_or(0, |w| w.bytes())
            + self.subscriptions.as_ref().map_or(0, |s| s.bytes())
            + self.tracking.as_ref().map_or(0, |t| t.bytes())
            + self.fieldsets.as_ref().map_or(0, |sets| sets.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Client>() <= 512, "{}", size_of::<Client>());
        assert_eq!(Client::new(1, 0).memory(), size_of::<Client>());
    }
}
