//! A session: a connection and what the client must remember about it.
//!
//! The server forgets everything when a connection ends, so the session remembers what to say
//! again: credentials, database, protocol.
//!
//! ```text
//!   Connected --> Subscribed --+         call: one command, `repeat` times
//!     ^   |           |        |         follow_messages: until a key, Ctrl-C or the end
//!     |   v           v        |
//!   Disconnected <-------------+
//!
//!   Disconnected -> Connected     [Session::connect]   AUTH, SELECT, HELLO are said again
//!   Connected -> Subscribed       [Session::note]      a subscription was confirmed
//!   Subscribed -> Connected       [Session::note]      RESET
//!   Subscribed -> Connected       [Session::leave]     Ctrl-C: a new connection
//!   any -> Disconnected           [Session::call]      an error of the connection
//! ```
//!
//! # Invariants
//!
//! (1) `db` is what the server has selected; `wanted_db` what the user asked for. They differ
//!     only while disconnected, or when the server refused the SELECT.
//! (2) A command is never sent again by itself after its connection was lost: it may have been
//!     executed.

use crate::connection::{Connection, Endpoint, Interrupts, Lost, Prefer, Ready, system_text};
use crate::format::{Style, print, print_invalidation};
use crate::options::{Options, Protocol};
use crate::special::Words;
use crate::terminal;
use crate::tls::Tls;
use resp::value::Value;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Redirections that one command follows before we call it a loop.
const REDIRECTIONS_MAX: usize = 16;

/// What a question beside the session may take.
const ASIDE_PATIENCE: Duration = Duration::from_secs(1);

/// Why a command could not be finished.
#[derive(Debug)]
pub enum Trouble {
    Unreachable {
        endpoint: Endpoint,
        reason: String,
    },
    Lost(Lost),
    /// The reply was this error, and `-e` makes it the end.
    Refused(String),
    /// Nobody reads our output any more.
    Output(io::Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Trouble::Unreachable { endpoint, reason } => {
                write!(f, "Could not connect to Redis at {endpoint}: {reason}")
            }
            Trouble::Lost(lost) => write!(f, "Error: {lost}"),
            Trouble::Refused(error) => f.write_str(error),
            Trouble::Output(error) => write!(f, "Error: {error}"),
        }
    }
}

impl From<Lost> for Trouble {
    fn from(lost: Lost) -> Trouble {
        Trouble::Lost(lost)
    }
}

#[derive(Clone, PartialEq)]
struct Credentials {
    user: Option<String>,
    password: String,
}

/// A way to ask the session's server on a connection of its own, so that neither MULTI nor
/// subscriptions are in the way.
#[derive(Clone, PartialEq)]
pub struct Aside {
    endpoint: Endpoint,
    tls: Option<Tls>,
    credentials: Option<Credentials>,
}

impl Aside {
    /// Connects, asks and disconnects; gives up rather than let a person at the prompt wait.
    pub fn ask(&self, question: &[&str]) -> Result<Value, Trouble> {
        let tls = self.tls.as_ref();
        let opened = Connection::open(&self.endpoint, tls, ASIDE_PATIENCE, Prefer::AsResolved);
        let mut connection = opened.map_err(|error| unreachable(&self.endpoint, &error))?;
        connection.set_patience(ASIDE_PATIENCE);
        if let Some(credentials) = &self.credentials {
            connection.ask(&auth(credentials))?;
        }
        Ok(connection.ask(question)?)
    }
}

pub struct Session<'a> {
    options: &'a Options,
    style: Style<'a>,
    show_pushes: bool,
    endpoint: Endpoint,
    connection: Option<Connection>,
    credentials: Option<Credentials>,
    db: i64,
    wanted_db: i64,
    resp3: bool,
    /// Inside MULTI: the database to return to if it does not come to pass.
    db_before_multi: Option<i64>,
    subscribed: bool,
    /// Commands come from the prompt or a pipe, one after the other: an error is not the end.
    interactive: bool,
    /// Present when a person is at the prompt.
    interrupts: Option<Interrupts>,
}

impl<'a> Session<'a> {
    /// A session that is not connected yet.
    pub fn new(options: &'a Options) -> Session<'a> {
        let terminal = terminal::stdout_is_terminal();
        Session {
            options,
            style: options.style(terminal),
            show_pushes: options.show_pushes.unwrap_or(terminal),
            endpoint: options.endpoint(),
            connection: None,
            credentials: options
                .password
                .clone()
                .map(|password| Credentials { user: options.user.clone(), password }),
            db: 0,
            wanted_db: options.db,
            resp3: false,
            db_before_multi: None,
            subscribed: false,
            interactive: false,
            interrupts: None,
        }
    }

    /// From now on error replies never end the program, nor does Ctrl-C if it is caught here.
    pub fn become_interactive(&mut self, interrupts: Option<Interrupts>) {
        self.interactive = true;
        self.interrupts = interrupts;
    }

    pub fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    pub fn style(&self) -> Style<'a> {
        self.style
    }

    /// Another server, as `connect host port` says at the prompt.
    pub fn move_to(&mut self, host: &str, port: u16) -> Result<(), Trouble> {
        self.endpoint = Endpoint::Tcp { host: host.to_string(), port };
        self.connect()
    }

    /// `127.0.0.1:6379[2](TX)> `
    pub fn prompt(&self) -> String {
        if self.connection.is_none() {
            return "not connected> ".to_string();
        }
        let mut prompt = match &self.endpoint {
            Endpoint::Unix { path } => format!("redis {path}"),
            Endpoint::Tcp { .. } => self.endpoint.to_string(),
        };
        if self.db != 0 {
            prompt.push_str(&format!("[{}]", self.db));
        }
        if self.db_before_multi.is_some() {
            prompt.push_str("(TX)");
        }
        if self.subscribed {
            prompt.push_str("(subscribed mode)");
        }
        prompt + "> "
    }

    /// The connection, for those who need no session any more.
    pub fn into_connection(self) -> Connection {
        self.connection.expect("connected before")
    }

    /// Whom to ask what does not concern the session.
    pub fn aside(&self) -> Aside {
        Aside {
            endpoint: self.endpoint.clone(),
            tls: self.options.tls.clone(),
            credentials: self.credentials.clone(),
        }
    }

    /// Connects, or connects anew, and says again who we are and what we want.
    ///
    /// What the server refuses is told, not fatal: the next reply shows what is missing.
    pub fn connect(&mut self) -> Result<(), Trouble> {
        self.connection = None;
        self.db = 0;
        self.resp3 = false;
        self.db_before_multi = None;
        self.subscribed = false;
        let options = self.options;
        let (tls, timeout) = (options.tls.as_ref(), options.connect_timeout);
        let opened = Connection::open(&self.endpoint, tls, timeout, options.prefer);
        let mut connection = opened.map_err(|error| unreachable(&self.endpoint, &error))?;
        let greeted = self.greet(&mut connection);
        self.connection = Some(connection);
        Ok(greeted?)
    }

    fn greet(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        if let Some(credentials) = &self.credentials
            && let Value::Error(error) = connection.ask(&auth(credentials))?
        {
            eprintln!("AUTH failed: {}", lossy(&error));
            return Ok(());
        }
        if self.wanted_db != 0 {
            let db = self.wanted_db.to_string();
            if let Value::Error(error) = connection.ask(&["SELECT", &db])? {
                eprintln!("SELECT {db} failed: {}", lossy(&error));
                return Ok(());
            }
            self.db = self.wanted_db;
        }
        if matches!(self.options.protocol, Protocol::Resp3 | Protocol::TryResp3) {
            match connection.ask(&["HELLO", "3"])? {
                Value::Error(error) => eprintln!("HELLO 3 failed: {}", lossy(&error)),
                _ => self.resp3 = true,
            }
        }
        Ok(())
    }

    /// Sends a command and prints its reply, `repeat` times (negative: for ever). Connects first
    /// if need be.
    pub fn call(&mut self, arguments: &[Vec<u8>], repeat: i64) -> Result<(), Trouble> {
        if self.connection.is_none() {
            self.connect()?;
        }
        if let Some(interrupts) = &self.interrupts {
            interrupts.clear();
        }
        match self.call_repeatedly(Words(arguments), repeat) {
            Err(Trouble::Lost(Lost::Interrupted)) => self.connect(),
            // It ends the connection by ending the server.
            Err(Trouble::Lost(_)) if Words(arguments).is("shutdown") => {
                self.connection = None;
                Ok(())
            }
            Err(trouble @ Trouble::Lost(_)) => {
                self.connection = None;
                self.subscribed = false;
                Err(trouble)
            }
            other => other,
        }
    }

    fn call_repeatedly(&mut self, words: Words, repeat: i64) -> Result<(), Trouble> {
        let mut left = repeat;
        while left != 0 {
            left -= i64::from(left > 0);
            let reply = self.call_once(words)?;
            self.note(words, &reply)?;
            if !self.options.interval.is_zero() {
                std::thread::sleep(self.options.interval);
            }
        }
        Ok(())
    }

    /// One command to its final reply, redirections followed.
    fn call_once(&mut self, words: Words) -> Result<Value, Trouble> {
        for _ in 0..REDIRECTIONS_MAX {
            self.connected().send(words.0)?;
            let reply = self.read_reply(words)?;
            match redirection(&reply).filter(|_| self.options.cluster) {
                Some(to) => self.follow(&to)?,
                None => return Ok(reply),
            }
        }
        Err(Trouble::Refused(format!("Redirected {REDIRECTIONS_MAX} times, giving up")))
    }

    fn follow(&mut self, to: &Redirection) -> Result<(), Trouble> {
        if let Endpoint::Tcp { host, port } = &mut self.endpoint {
            // An empty host means: the one you asked.
            if !to.host.is_empty() {
                *host = to.host.to_string();
            }
            *port = to.port;
        }
        if self.interactive {
            let line =
                format!("-> Redirected to slot [{}] located at {}\n", to.slot, self.endpoint);
            write_out(line.as_bytes())?;
        }
        self.connect()?;
        if to.ask {
            self.connected().ask(&["ASKING"])?;
        }
        Ok(())
    }

    /// Prints replies until the one that ends the command, and returns it.
    fn read_reply(&mut self, words: Words) -> Result<Value, Trouble> {
        let confirms = words.subscribes() || words.unsubscribes();
        let mut confirmations = if confirms { words.len().saturating_sub(1).max(1) } else { 0 };
        let style = if words.answers_with_a_page() { Style::VERBATIM } else { self.style };
        loop {
            let reply = self.connected_receive()?;
            let is_push = matches!(reply, Value::Push(_));
            if is_push && !confirms && !self.subscribed {
                self.print_push(&reply)?;
                continue;
            }
            self.print_reply(&reply, style)?;
            if words.is("monitor") && !matches!(reply, Value::Error(_)) {
                continue;
            }
            if !confirms && !self.subscribed {
                return Ok(reply);
            }
            match self.pubsub_kind(&reply) {
                Some(kind) if confirmations > 0 && words.0[0].eq_ignore_ascii_case(kind) => {
                    self.subscribed |= words.subscribes();
                    confirmations -= 1;
                    if confirmations == 0 {
                        return Ok(reply);
                    }
                }
                Some(_) => {}
                None if is_push => {}
                None => return Ok(reply),
            }
        }
    }

    /// The first word of a Pub/Sub message: `message`, `psubscribe`, … None if it is none.
    fn pubsub_kind<'v>(&self, reply: &'v Value) -> Option<&'v [u8]> {
        let elements = match reply {
            Value::Push(elements) if self.resp3 => elements,
            Value::Array(elements) if !self.resp3 => elements,
            _ => return None,
        };
        match elements.as_slice() {
            [Value::Bulk(kind), _, _, ..]
                if kind.ends_with(b"message") || kind.ends_with(b"subscribe") =>
            {
                Some(kind)
            }
            _ => None,
        }
    }

    /// Remembers what a command changed about the session.
    fn note(&mut self, words: Words, reply: &Value) -> Result<(), Trouble> {
        let failed = matches!(reply, Value::Error(_));
        let text = |i: usize| words.0.get(i).map(|word| lossy(word));
        if words.is("hello") {
            match reply {
                Value::Map(_) => self.resp3 = true,
                Value::Array(_) => self.resp3 = false,
                _ => {}
            }
        } else if words.is("auth") && matches!(words.len(), 2 | 3) && !failed {
            let user = text(1).filter(|_| words.len() == 3);
            let password = text(words.len() - 1).expect("AUTH has two or three words");
            self.credentials = Some(Credentials { user, password });
            // Without permission the SELECT at the start was refused.
            self.select_wanted()?;
        } else if words.is("select") && words.len() == 2 && !failed {
            if let Some(db) = text(1).and_then(|db| db.parse().ok()) {
                (self.db, self.wanted_db) = (db, db);
            }
        } else if words.is("multi") && words.len() == 1 && !failed {
            self.db_before_multi = Some(self.db);
        } else if words.is("exec") || (words.is("discard") && !failed) {
            let aborted = failed || matches!(reply, Value::Null) || words.is("discard");
            if let Some(before) = self.db_before_multi.take()
                && aborted
            {
                (self.db, self.wanted_db) = (before, before);
            }
        } else if words.is("reset") && !failed {
            self.db_before_multi = None;
            (self.db, self.wanted_db) = (0, 0);
            self.resp3 = false;
            self.subscribed = false;
        }
        Ok(())
    }

    fn select_wanted(&mut self) -> Result<(), Trouble> {
        if self.wanted_db == self.db {
            return Ok(());
        }
        let db = self.wanted_db.to_string();
        match self.connected().ask(&["SELECT", &db])? {
            Value::Error(error) => eprintln!("SELECT {db} failed: {}", lossy(&error)),
            _ => self.db = self.wanted_db,
        }
        Ok(())
    }

    /// Prints messages until the connection ends: what a one-shot SUBSCRIBE does.
    pub fn print_messages(&mut self) -> Result<(), Trouble> {
        while self.subscribed {
            let reply = self.connected_receive()?;
            self.print_reply(&reply, self.style)?;
        }
        Ok(())
    }

    /// Prints messages until `input` is readable or Ctrl-C leaves the subscribed mode.
    pub fn follow_messages(&mut self, input: BorrowedFd) -> Result<(), Trouble> {
        let says_so = self.style == Style::Standard && terminal::stdout_is_terminal();
        let (colour, no_colour) =
            if terminal::has_colours() { ("\x1b[1;90m", "\x1b[0m") } else { ("", "") };
        let _keys = terminal::any_key_mode();
        loop {
            while let Some(reply) = self.connected().received()? {
                self.print_reply(&reply, self.style)?;
            }
            if says_so {
                let text = "Reading messages... (press Ctrl-C to quit or any key to type command)";
                write_out(format!("{colour}{text}\r{no_colour}").as_bytes())?;
            }
            let patience = Some(Duration::from_secs(5));
            let interrupts = self.interrupts.as_ref();
            let connection = self.connection.as_ref().expect("subscribed means connected");
            let ready = connection.wait(Some(input), interrupts, patience)?;
            if says_so {
                write_out(b"\x1b[K")?;
            }
            match ready {
                Ready::Server => self.connected().read_ready()?,
                Ready::Other => return Ok(()),
                Ready::Interrupt => return self.leave(),
                Ready::Timeout => {}
            }
        }
    }

    /// Ends the subscribed mode the way that always works: on a new connection.
    pub fn leave(&mut self) -> Result<(), Trouble> {
        if let Some(interrupts) = &self.interrupts {
            interrupts.clear();
        }
        self.connect()
    }

    /// The connection that the caller made sure is there.
    fn connected(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("connected before")
    }

    fn connected_receive(&mut self) -> Result<Value, Lost> {
        let connection = self.connection.as_mut().expect("connected before");
        connection.receive(self.interrupts.as_ref())
    }

    fn print_reply(&self, reply: &Value, style: Style) -> Result<(), Trouble> {
        if self.options.cluster && redirection(reply).is_some() {
            return Ok(());
        }
        if let Value::Error(error) = reply
            && self.options.exit_on_error
            && !self.interactive
        {
            return Err(Trouble::Refused(lossy(error)));
        }
        write_out(&print(reply, style))
    }

    fn print_push(&self, push: &Value) -> Result<(), Trouble> {
        if !self.show_pushes {
            return Ok(());
        }
        let readable = print_invalidation(push).filter(|_| self.style == Style::Standard);
        write_out(&readable.unwrap_or_else(|| print(push, self.style)))
    }
}

fn unreachable(endpoint: &Endpoint, error: &io::Error) -> Trouble {
    Trouble::Unreachable { endpoint: endpoint.clone(), reason: system_text(error) }
}

fn auth(credentials: &Credentials) -> Vec<&str> {
    let mut words = vec!["AUTH"];
    words.extend(credentials.user.as_deref());
    words.push(&credentials.password);
    words
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

struct Redirection {
    slot: String,
    host: String,
    port: u16,
    ask: bool,
}

/// `MOVED 3999 127.0.0.1:6381` or `ASK …`.
fn redirection(reply: &Value) -> Option<Redirection> {
    let Value::Error(error) = reply else { return None };
    let error = std::str::from_utf8(error).ok()?;
    let mut words = error.split(' ');
    let ask = match words.next()? {
        "MOVED" => false,
        "ASK" => true,
        _ => return None,
    };
    let slot = words.next()?.to_string();
    let (host, port) = words.next()?.rsplit_once(':')?;
    Some(Redirection { slot, host: host.to_string(), port: port.parse().ok()?, ask })
}

/// To standard output, at once: a person waits for it, or `grep` does.
pub fn write_out(bytes: &[u8]) -> Result<(), Trouble> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Trouble::Output)
}
