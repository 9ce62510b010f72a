//! Users as the running server has them: every client holds its own, a refusal is noted, a change
//! reaches all clients at once.
//!
//! ```text
//!   users (one mutex)          client ── Arc ──► User     what it may do, never changed
//!     name ──► Arc<User> ─────────────────────────┘
//!
//!   SETUSER, at a closed gate: a new User for the name ─► into the users ─► to each client that
//!   holds the old one; or, if that client listens to what it no longer may, it is closed
//! ```
//!
//! Commands that change users own the world, so no command of another client is under way: a client
//! runs each command by the rules that hold at that moment, and there is nothing to compare, count
//! or lock when it does.
//!
//! # What it costs
//!
//! Who may do anything, as the default user at first, is not asked ([`Client::is_restricted`]). For
//! others a command that runs whatever its arguments are costs one bit; only key patterns, channels,
//! first arguments and numbers of databases are looked at call by call.
//!
//! # Invariants
//!
//! (1) At a command's beginning a client holds the user that [`Users`] has under its name.
//! (2) The mutexes here are leaves: nothing else is locked, and no file is read, while one is held.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};

use acl::channels::{keeps_channels, may_listen};
use acl::log::{Context as LogContext, Log, Refusal};
use acl::password::Password;
use acl::{Call, Denied, User, Users};
use command::table::{CommandTable, Entry};
use config::{Config, id};
use resp::Args;
use store::World;

use crate::client::{Client, Closing};
use crate::client_line::Viewer;
use crate::cx::{Cx, Handler};
use crate::engine::Engine;
use crate::error::{CmdError, CmdResult};
use crate::pubsub::Topic;

/// Users and what was refused to them.
pub struct Acl {
    users: Mutex<Users>,
    log: Mutex<Log>,
}

impl Acl {
    pub(crate) fn new(users: Users) -> Acl {
        Acl { users: Mutex::new(users), log: Mutex::default() }
    }

    pub fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().expect("nobody panics holding the users")
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("nobody panics holding the log")
    }
}

/// What rules are read against.
pub fn rules<'t>(table: &'t CommandTable<Handler>, config: &Config) -> acl::Context<'t, Handler> {
    let all_channels = config.choice(id::ACL_PUBSUB_DEFAULT) == "allchannels";
    acl::Context { table, all_channels }
}

/// The users that the configuration declares, and the default user with its `requirepass`.
///
/// # Errors
/// The line that is wrong and why.
pub fn declared_users(
    table: &CommandTable<Handler>,
    config: &Config,
) -> Result<Users, (config::Collected, String)> {
    let mut users = Users::new(table);
    users.set_default_password(config.bytes(id::REQUIREPASS), table);
    let mut seen: Vec<&[u8]> = Vec::new();
    for line in config.collected.iter().filter(|line| line.directive == "user") {
        let words: Vec<&[u8]> = line.args.iter().map(Vec::as_slice).collect();
        let declared = match seen.contains(&words[0]) {
            true => Err(format!(
                "Error in user declaration '{}': Duplicate user found. A user can only be defined \
                 once in config files",
                String::from_utf8_lossy(words[0])
            )),
            false => users.declare(&words, rules(table, config)),
        };
        declared.map_err(|why| (line.clone(), why))?;
        seen.push(words[0]);
    }
    Ok(users)
}

/// A call that may be refused: everything that its refusal tells.
pub(crate) struct Attempt<'a> {
    pub(crate) entry: &'a Entry<Handler>,
    pub(crate) args: Args<'a>,
    pub(crate) db: usize,
    pub(crate) context: LogContext,
    pub(crate) worker: usize,
    pub(crate) now_ms: i64,
}

impl<'a> Attempt<'a> {
    fn call(&self) -> Call<impl Fn(usize) -> &'a [u8]> {
        call_of(self.args, self.db)
    }
}

fn call_of<'a>(args: Args<'a>, db: usize) -> Call<impl Fn(usize) -> &'a [u8]> {
    Call { argc: args.len(), arg: move |i| args.at(i), db }
}

/// Whether a user may run this, on the straight path.
#[inline]
pub(crate) fn allows(user: &User, entry: &Entry<Handler>, args: Args<'_>, db: usize) -> bool {
    user.free().contains(entry.id) || user.check(entry, &call_of(args, db)).is_ok()
}

/// The error that a refused command is answered.
pub(crate) fn no_permission(user: &User, entry: &Entry<Handler>, denied: Denied) -> CmdError {
    CmdError::text(format!("NOPERM {}", describe(user, entry, denied, None)))
}

/// Why a call is refused. With `object`, the word in question, it is named.
pub fn describe(
    user: &User,
    entry: &Entry<Handler>,
    denied: Denied,
    object: Option<&[u8]>,
) -> String {
    let name = String::from_utf8_lossy(user.name());
    let object = object.map(String::from_utf8_lossy);
    match (denied, object) {
        (Denied::Command, _) => {
            format!("User {name} has no permissions to run the '{}' command", entry.full_name)
        }
        (Denied::Key(_), Some(key)) => {
            format!("User {name} has no permissions to access the '{key}' key")
        }
        (Denied::Channel(_), Some(channel)) => {
            format!("User {name} has no permissions to access the '{channel}' channel")
        }
        (Denied::Database(_), Some(db)) => {
            format!("User {name} has no permissions to access database {db}")
        }
        (Denied::Key(_), None) => "No permissions to access a key".to_owned(),
        (Denied::Channel(_), None) => "No permissions to access a channel".to_owned(),
        (Denied::Database(_), None) => "No permissions to access database".to_owned(),
    }
}

impl Engine {
    /// What rules are read against now.
    pub fn rules(&self) -> acl::Context<'_, Handler> {
        rules(&self.table, &self.config())
    }

    /// The users of the file that the option `aclfile` names.
    ///
    /// # Errors
    /// One line that tells of all that is wrong.
    pub fn read_acl_file(&self) -> Result<Users, String> {
        let path = self.config().text(id::ACLFILE).into_owned();
        let text = self
            .host
            .read_file(&path)
            .map_err(|why| format!("Error loading ACLs, opening file '{path}': {why}"))?;
        Users::parse_file(&text, &path, self.rules())
    }

    /// To be called once before the first client, in the working directory: reads the ACL file, if
    /// one is configured.
    ///
    /// # Errors
    /// Why the server must not start.
    pub fn start_acl(&self) -> Result<(), String> {
        let declares_users = self.config().collected.iter().any(|line| line.directive == "user");
        if self.config().bytes(id::ACLFILE).is_empty() {
            if declares_users {
                self.warn_of_disabled();
            }
            return Ok(());
        }
        if declares_users {
            return Err(
                "Configuring Redis with users defined in redis.conf and at the same setting \
                        an ACL file path is invalid. This setup is very likely to lead to \
                        configuration errors and security holes, please define either an ACL file \
                        or declare users directly in your redis.conf, but not both."
                    .to_owned(),
            );
        }
        let users = self
            .read_acl_file()
            .map_err(|errors| format!("Aborting Redis startup because of ACL errors: {errors}"))?;
        self.note_default_user(&users);
        *self.acl.users() = users;
        Ok(())
    }

    fn warn_of_disabled(&self) {
        for user in self.acl.users().iter().filter(|user| !user.is_on()) {
            let name = String::from_utf8_lossy(user.name());
            let text = format!(
                "The user '{name}' is disabled (there is no 'on' modifier in the user \
                 description). Make sure this is not a configuration error."
            );
            self.host.log('*', &text);
        }
    }

    /// Whether the client may run this. A refusal is counted and noted in the log.
    pub(crate) fn permit(&self, client: &mut Client, attempt: &Attempt<'_>) -> Result<(), Denied> {
        let Some(user) = client.restricted_user() else { return Ok(()) };
        let user = user.clone();
        user.check(attempt.entry, &attempt.call()).inspect_err(|denied| {
            let stats = &self.stats[attempt.worker];
            match denied {
                Denied::Command => stats.acl_denied_commands.add(1),
                Denied::Key(_) => stats.acl_denied_keys.add(1),
                Denied::Channel(_) => stats.acl_denied_channels.add(1),
                Denied::Database(_) => stats.acl_denied_databases.add(1),
            }
            let object = match *denied {
                Denied::Command => attempt.entry.full_name.as_bytes(),
                Denied::Key(at) | Denied::Channel(at) | Denied::Database(at) => attempt.args.at(at),
            };
            let (reason, context) = (denied.word(), attempt.context);
            let now_ms = attempt.now_ms;
            self.note_refusal(client, attempt.args, |client| Refusal {
                reason,
                context,
                object,
                user: user.name(),
                client,
                now_ms,
            });
        })
    }

    /// Puts a refusal into the log; it is given the client's line.
    fn note_refusal<'r>(
        &self,
        client: &Client,
        args: Args<'_>,
        refusal: impl FnOnce(Vec<u8>) -> Refusal<'r>,
    ) {
        let mut line = Vec::new();
        let now_ms = base::clock::unix_ms();
        Viewer::new(self, now_ms, client.id, args).write_line(&mut line, client);
        // In the log it is a value, not a line.
        line.pop();
        let entries_max = self.settings.acl_log_entries_max.load(Relaxed);
        self.acl.log().add(refusal(line), entries_max);
    }

    /// The client begins as the default user, and has logged in if that takes no password.
    pub fn begin_as_default(&self, client: &mut Client) {
        let user = self.acl.users().default_user().clone();
        client.authenticated = user.is_on() && user.needs_no_password();
        client.set_user(Some(user));
    }

    /// The client has shown a certificate with these names: it becomes the first user there is of
    /// them, if that one is on. Else it stays who it was, and may still log in.
    pub fn log_in_by_certificate(&self, client: &mut Client, names: &[String]) {
        let user = {
            let users = self.acl.users();
            names.iter().find_map(|name| users.get(name.as_bytes()).cloned())
        };
        match user.filter(|user| user.is_on()) {
            Some(user) => {
                client.set_user(Some(user));
                client.authenticated = true;
            }
            None => {
                let (id, address) = (client.id, &client.address);
                let text = format!(
                    "Certificate names no user that may log in ({}). Client: id={id} addr={address}",
                    names.join(", ").escape_debug()
                );
                self.host.log('-', &text);
            }
        }
    }

    /// Whether the default user has a password.
    pub fn has_password(&self) -> bool {
        !self.acl.users().default_user().needs_no_password()
    }

    /// After a change of the users: whether a connection must log in.
    pub(crate) fn note_default_user(&self, users: &Users) {
        let user = users.default_user();
        let required = !(user.is_on() && user.needs_no_password());
        self.settings.password_required.store(required, Relaxed);
    }

    /// Changes the users and hands each client its own anew. The caller's client, `own`, is closed
    /// after its reply if it is among those to close. An error of `change` must have changed
    /// nothing.
    pub fn change_users(
        &self,
        world: &mut World<'_>,
        own: &mut Client,
        change: impl FnOnce(&mut Users) -> Result<(), String>,
    ) -> Result<(), String> {
        let users = &mut *self.acl.users();
        change(users)?;
        self.note_default_user(users);
        self.decide(own, users);
        if own.closing == Closing::Now {
            own.closing = Closing::AfterReplies;
        }
        for (worker, clients) in self.clients.all(world).enumerate() {
            let mut closed = Vec::new();
            for (index, client) in clients.iter_mut().filter(|(_, c)| c.closing != Closing::Now) {
                self.decide(client, users);
                if client.closing == Closing::Now {
                    closed.push(index);
                }
            }
            if !closed.is_empty() {
                clients.attention.extend(closed);
                self.host.wake(worker);
            }
        }
        Ok(())
    }

    /// Hands the client its user of now. It is to be closed if there is none of this name, or if it
    /// listens to what the user no longer may.
    fn decide(&self, client: &mut Client, users: &Users) {
        let Some(old) = client.user() else { return };
        let new = users.get(old.name());
        if new.is_some_and(|new| Arc::ptr_eq(old, new)) {
            return;
        }
        match new {
            Some(new) if keeps_channels(old, new) || listens_only_to_allowed(client, new) => {
                client.set_user(Some(new.clone()));
            }
            _ => {
                client.set_user(Some(users.default_user().clone()));
                client.authenticated = false;
                client.close_now();
            }
        }
    }
}

fn listens_only_to_allowed(client: &Client, user: &User) -> bool {
    let names = client.subscriptions.iter().flat_map(|mine| mine.iter());
    names.into_iter().all(|(topic, name)| may_listen(user, name, topic == Topic::Pattern))
}

impl Cx<'_> {
    /// Whether the client may run this command and read any key besides.
    pub fn may_read_any_key(&self) -> bool {
        let user = self.client.restricted_user();
        let call = call_of(self.args, self.db.index);
        user.is_none_or(|user| user.may_read_any_key(self.entry, &call))
    }

    /// The same call with another name and arguments, by this user: what ACL DRYRUN asks.
    pub fn try_as(
        &self,
        user: &User,
        entry: &Entry<Handler>,
        args: Args<'_>,
    ) -> Result<(), Denied> {
        user.check(entry, &call_of(args, self.db.index))
    }

    /// Makes the client this user.
    ///
    /// # Errors
    /// [`CmdError::WRONG_PASS`]; then the client stays who it was, and the log has it.
    pub fn authenticate(&mut self, name: &[u8], password: &[u8]) -> CmdResult {
        let user = self.engine.acl.users().get(name).cloned();
        // For nobody too: how long it takes tells nothing about who there is.
        let password = Password::of(password);
        if let Some(user) = user.filter(|user| user.admits(&password)) {
            self.client.set_user(Some(user));
            self.client.authenticated = true;
            return Ok(());
        }
        self.db.stats.acl_denied_logins.add(1);
        let (object, now_ms) = (self.arg(0), self.now_ms());
        let context = if self.is_queued() { LogContext::Multi } else { LogContext::TopLevel };
        self.engine.note_refusal(self.client, self.args, |client| Refusal {
            reason: "auth",
            context,
            object,
            user: name,
            client,
            now_ms,
        });
        Err(CmdError::WRONG_PASS)
    }
}
