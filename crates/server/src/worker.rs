//! A worker: one thread, one event loop, some of the connections.
//!
//! ```text
//!   wait ─► enter the gate ─► letters ─► for each ready socket: read, run, write
//!    ▲                                                                │
//!    └─ leave the gate ◄─ cron if due ◄─ connections with more to run ┘
//! ```
//!
//! A connection is served from its first byte to its last reply by the worker that owns it. All
//! connections share the worker's receive and reply buffers; only a request that is not whole yet
//! and replies that the socket refuses are kept with the client, so an idle connection holds no
//! buffer at all.
//!
//! # Invariants
//!
//! (1) Inside the gate nothing waits: sockets do not block, and shards are only tried.
//! (2) Replies leave in the order of their requests: fresh ones go behind `client.output`.
//! (3) A client's unread input begins at its first unfinished request.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::batch::{Runner, Stop};
use engine::client::{Address, Client, Closing};
use engine::clients::ClientIndex;
use engine::expire_cycle::ExpireWalk;
use engine::{CmdError, Engine};
use store::{Inside, Seat};

use crate::conn::{Conn, Moved};
use crate::driver::{Driver, Epoll, Event, Interest};
use crate::inbox::{Inbox, Letter};
use crate::listen::{Accepted, Listeners};
use crate::process::signals;

/// The receive buffer that all connections of a worker share.
const RECEIVE_BYTES: usize = 64 * 1024;
/// A reply buffer that grew beyond this is given back.
const REPLY_KEEP_BYTES: usize = 1 << 20;
/// What a request is known to need is reserved at most this far ahead of what has arrived.
const RESERVE_AHEAD_BYTES: usize = 1 << 20;
/// Connections taken from a listener before others get their turn.
const ACCEPTS_MAX: usize = 1000;
/// Removing expired keys while there are more: at most this long between batches of events.
const EXPIRE_SLICE_US: u64 = 500;

const TOKEN_INBOX: u64 = u64::MAX;
const TOKEN_LISTENER: u64 = 1 << 32;

pub(crate) struct Worker {
    index: usize,
    engine: Arc<Engine>,
    inboxes: Arc<[Inbox]>,
    driver: Epoll,
    runner: Runner,
    conns: Vec<Option<Conn>>,
    /// On worker 0.
    listeners: Option<Arc<Listeners>>,
    /// Connections that have requests left after their turn.
    queue: VecDeque<ClientIndex>,
    /// Connections that wait for a shard; whoever frees it rings our inbox.
    parked: Vec<ClientIndex>,
    receive: Box<[u8]>,
    out: Vec<u8>,
    expire: ExpireWalk,
    expire_unfinished: bool,
    next_cron_us: u64,
    idle_cursor: usize,
    /// The worker that gets the next connection.
    next_owner: usize,
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        engine: Arc<Engine>,
        inboxes: Arc<[Inbox]>,
        listeners: Option<Arc<Listeners>>,
    ) -> std::io::Result<Worker> {
        let mut driver = Epoll::new()?;
        driver.add(inboxes[index].fd(), TOKEN_INBOX, Interest::Read)?;
        if let Some(listeners) = &listeners {
            watch(&mut driver, listeners)?;
        }
        Ok(Worker {
            index,
            runner: Runner::new(&engine, index),
            engine,
            inboxes,
            driver,
            conns: Vec::new(),
            listeners,
            queue: VecDeque::new(),
            parked: Vec::new(),
            receive: vec![0; RECEIVE_BYTES].into(),
            out: Vec::new(),
            expire: ExpireWalk::default(),
            expire_unfinished: false,
            next_cron_us: 0,
            idle_cursor: 0,
            next_owner: 0,
        })
    }

    /// Serves until the engine shuts down.
    pub(crate) fn run(&mut self, mut seat: Seat) -> std::io::Result<()> {
        let engine = self.engine.clone();
        let mut events = Vec::new();
        while !engine.shutting_down.load(Relaxed) {
            let timeout = self.wait_time();
            self.driver.wait(Some(timeout), &mut events)?;
            let mut inside = engine.gate.enter(&mut seat);
            for &event in &events {
                self.on_event(&mut inside, event);
            }
            self.run_queue(&mut inside);
            self.cron(&mut inside);
            drop(inside);
            engine.journal.wake_readers();
        }
        Ok(())
    }

    fn wait_time(&self) -> Duration {
        if !self.queue.is_empty() || self.expire_unfinished {
            return Duration::ZERO;
        }
        let now_us = base::clock::monotonic_us();
        Duration::from_micros(self.next_cron_us.saturating_sub(now_us))
    }

    fn on_event(&mut self, inside: &mut Inside<'_>, event: Event) {
        match event.token {
            TOKEN_INBOX => self.open_letters(inside),
            token if token >= TOKEN_LISTENER => {
                self.accept(inside, (token - TOKEN_LISTENER) as usize);
            }
            token => self.on_socket(inside, token as ClientIndex, event),
        }
    }

    // ---- connections come ------------------------------------------------------------------

    fn accept(&mut self, inside: &mut Inside<'_>, listener: usize) {
        for _ in 0..ACCEPTS_MAX {
            let Some(listeners) = &self.listeners else { return };
            match listeners.accept(listener) {
                Ok(Some(accepted)) => self.welcome(inside, accepted),
                Ok(None) => return,
                Err(error) => {
                    self.engine.host.log('#', &format!("Accepting client connection: {error}"));
                    return;
                }
            }
        }
    }

    /// Refuses the connection or gives it to a worker.
    fn welcome(&mut self, inside: &mut Inside<'_>, accepted: Accepted) {
        let engine = &self.engine;
        let stats = &engine.stats[self.index];
        let refusal = if !engine.admit_client() {
            stats.connections_rejected.add(1);
            Some(CmdError::MAX_CLIENTS)
        } else if is_protected_from(engine, &accepted.address) {
            engine.forget_client();
            stats.connections_rejected.add(1);
            Some(CmdError::PROTECTED_MODE)
        } else {
            None
        };
        if let Some(error) = refusal {
            let line = format!("-{}\r\n", error.0);
            // It may not arrive; the connection is closed anyway.
            let _ = rustix::io::write(&accepted.fd, line.as_bytes());
            return;
        }
        stats.connections_received.add(1);
        let owner = self.next_owner;
        self.next_owner = (self.next_owner + 1) % self.inboxes.len();
        let Accepted { fd, address, local } = accepted;
        if owner == self.index {
            self.adopt(inside, Accepted { fd, address, local });
        } else {
            self.inboxes[owner].send(Letter::Connection { fd, address, local });
        }
    }

    fn open_letters(&mut self, inside: &mut Inside<'_>) {
        for letter in self.inboxes[self.index].answer() {
            match letter {
                Letter::Connection { fd, address, local } => {
                    self.adopt(inside, Accepted { fd, address, local });
                }
                Letter::Rebound => self.watch_listeners(),
            }
        }
        if self.index == 0 {
            signals::obey(&self.engine);
        }
        self.queue.extend(self.parked.drain(..));
        let noticed = std::mem::take(&mut self.engine.clients.mine(inside).attention);
        for index in noticed {
            let engine = self.engine.clone();
            let closing = engine.clients.mine(inside).get(index).map(|c| c.closing);
            match closing {
                Some(Closing::Now) => self.close(inside, index),
                Some(Closing::AfterReplies) => self.write_more(inside, index),
                _ => {}
            }
        }
    }

    fn watch_listeners(&mut self) {
        let Some(listeners) = &self.listeners else { return };
        if let Err(error) = watch(&mut self.driver, listeners) {
            self.engine.host.log('#', &format!("Watching the listening sockets: {error}"));
        }
    }

    fn adopt(&mut self, inside: &mut Inside<'_>, accepted: Accepted) {
        let Accepted { fd, address, local } = accepted;
        let engine = &self.engine;
        let mut client = Box::new(engine.new_client(base::clock::unix_ms()));
        let is_tcp = matches!(address, Address::Tcp(_));
        client.address = address;
        client.local_address = local;
        client.fd = fd.as_raw_fd();
        let index = engine.clients.mine(inside).insert(client);
        let conn = Conn { fd, client: index, wants_write: false, is_queued: false };
        if is_tcp {
            // Without it small replies may wait; nothing else depends on it.
            let _ = conn.set_nodelay();
        }
        if let Err(error) = self.driver.add(conn.fd.as_fd(), index as u64, Interest::Read) {
            engine
                .host
                .log('#', &format!("Error registering fd event for the new client: {error}"));
            engine.clients.mine(inside).remove(index);
            engine.forget_client();
            return;
        }
        if self.conns.len() <= index {
            self.conns.resize_with(index + 1, || None);
        }
        self.conns[index] = Some(conn);
    }

    // ---- connections are served ------------------------------------------------------------

    fn on_socket(&mut self, inside: &mut Inside<'_>, index: ClientIndex, event: Event) {
        if event.writable
            && self.conns.get(index).is_some_and(|c| c.as_ref().is_some_and(|c| c.wants_write))
        {
            self.write_more(inside, index);
        }
        if event.readable {
            self.read(inside, index);
        }
    }

    /// Reads once and runs what has arrived.
    fn read(&mut self, inside: &mut Inside<'_>, index: ClientIndex) {
        let engine = self.engine.clone();
        let Some(Some(conn)) = self.conns.get(index) else { return };
        let Some(mut client) = engine.clients.mine(inside).take(index) else { return };
        let moved = if client.input.is_empty() {
            conn.read(&mut self.receive)
        } else {
            conn.read_more(reserve(&mut client.input))
        };
        let stats = &engine.stats[self.index];
        match moved {
            Moved::Closed => {
                engine.clients.mine(inside).put_back(index, client);
                self.close(inside, index);
            }
            Moved::Nothing => engine.clients.mine(inside).put_back(index, client),
            Moved::Bytes(n) => {
                stats.reads.add(1);
                stats.net_input_bytes.add(n as u64);
                client.input_bytes += n as u64;
                if client.closing != Closing::No {
                    // What comes after QUIT or a protocol error is not looked at.
                    client.input.clear();
                    engine.clients.mine(inside).put_back(index, client);
                    return;
                }
                if client.input.is_empty() {
                    self.run_received(inside, index, client, n);
                } else {
                    self.run_kept(inside, index, client);
                }
            }
        }
    }

    /// Runs requests straight from the receive buffer and keeps what is not whole.
    fn run_received(
        &mut self,
        inside: &mut Inside<'_>,
        index: ClientIndex,
        mut client: Box<Client>,
        n: usize,
    ) {
        let engine = self.engine.clone();
        let input = &self.receive[..n];
        let turn = self.runner.run(&engine, inside, &mut client, input, &mut self.out);
        let rest = &input[turn.consumed..];
        if !rest.is_empty() && client.closing == Closing::No {
            client.input.reserve_exact(wanted(rest.len(), turn.stop));
            client.input.extend_from_slice(rest);
        }
        self.finish_turn(inside, index, client, turn.stop);
    }

    /// Runs requests from the client's own input.
    fn run_kept(&mut self, inside: &mut Inside<'_>, index: ClientIndex, mut client: Box<Client>) {
        let engine = self.engine.clone();
        let mut input = std::mem::take(&mut client.input);
        let turn = self.runner.run(&engine, inside, &mut client, &input, &mut self.out);
        if turn.consumed == input.len() {
            input = Vec::new();
        } else {
            input.drain(..turn.consumed);
            input.reserve_exact(wanted(input.len(), turn.stop) - input.len());
        }
        client.input = input;
        if client.input.len() > engine.settings.query_buffer_bytes_max() {
            engine.host.log(
                '#',
                &format!(
                    "Closing client that reached max query buffer length: id={} addr={} qbuf={}",
                    client.id,
                    client.address,
                    client.input.len()
                ),
            );
            engine.stats[self.index].query_buffer_limit_closed.add(1);
            client.closing = Closing::Now;
        }
        self.finish_turn(inside, index, client, turn.stop);
    }

    /// Sends the replies of a turn and puts the client back.
    fn finish_turn(
        &mut self,
        inside: &mut Inside<'_>,
        index: ClientIndex,
        mut client: Box<Client>,
        stop: Stop,
    ) {
        let engine = self.engine.clone();
        client.active_ms = self.runner.now_ms;
        let conn = self.conns[index].as_mut().expect("a client that runs has a connection");
        if matches!(stop, Stop::Turn | Stop::Parked) && !conn.is_queued {
            conn.is_queued = true;
            if stop == Stop::Turn {
                self.queue.push_back(index);
            } else {
                self.parked.push(index);
            }
        }
        let is_lost = self.send_out(index, &mut client);
        let done = client.closing == Closing::Now
            || (client.closing == Closing::AfterReplies && client.output.is_empty());
        engine.clients.mine(inside).put_back(index, client);
        if is_lost || done {
            self.close(inside, index);
        }
    }

    /// Sends `self.out`. True if the connection is lost.
    fn send_out(&mut self, index: ClientIndex, client: &mut Client) -> bool {
        if self.out.is_empty() {
            return false;
        }
        let stats = &self.engine.stats[self.index];
        let conn = self.conns[index].as_mut().expect("a client that replies has a connection");
        let moved = conn.flush(client, &self.out);
        self.out.clear();
        if self.out.capacity() > REPLY_KEEP_BYTES {
            self.out = Vec::new();
        }
        let Moved::Bytes(n) = moved else { return true };
        stats.writes.add(1);
        stats.net_output_bytes.add(n as u64);
        client.output_bytes += n as u64;
        self.watch_writability(index, !client.output.is_empty());
        self.exceeds_output_limit(client)
    }

    fn watch_writability(&mut self, index: ClientIndex, wanted: bool) {
        let Some(Some(conn)) = self.conns.get_mut(index) else { return };
        if conn.wants_write != wanted {
            conn.wants_write = wanted;
            let interest = if wanted { Interest::ReadWrite } else { Interest::Read };
            if let Err(error) = self.driver.change(conn.fd.as_fd(), index as u64, interest) {
                self.engine.host.log('#', &format!("Changing a socket's interest: {error}"));
            }
        }
    }

    /// The socket takes bytes again.
    fn write_more(&mut self, inside: &mut Inside<'_>, index: ClientIndex) {
        let engine = self.engine.clone();
        let Some(mut client) = engine.clients.mine(inside).take(index) else { return };
        let Some(Some(conn)) = self.conns.get(index) else { return };
        let moved = conn.flush(&mut client, &[]);
        if let Moved::Bytes(n) = moved {
            engine.stats[self.index].net_output_bytes.add(n as u64);
            client.output_bytes += n as u64;
        }
        let is_drained = client.output.is_empty();
        let done = moved == Moved::Closed || (client.closing != Closing::No && is_drained);
        engine.clients.mine(inside).put_back(index, client);
        if done {
            self.close(inside, index);
        } else {
            self.watch_writability(index, !is_drained);
        }
    }

    /// `client-output-buffer-limit`. True if the client must go.
    fn exceeds_output_limit(&self, client: &mut Client) -> bool {
        let limit = &self.engine.settings.output_limit;
        let bytes = client.output.len();
        let (hard, soft) = (limit.hard_bytes.load(Relaxed), limit.soft_bytes.load(Relaxed));
        let over_soft_for_long = if soft > 0 && bytes > soft {
            let since_ms = *client.output_over_since_ms.get_or_insert(self.runner.now_ms);
            self.runner.now_ms - since_ms > limit.soft_s.load(Relaxed) * 1000
        } else {
            client.output_over_since_ms = None;
            false
        };
        let exceeds = (hard > 0 && bytes > hard) || over_soft_for_long;
        if exceeds {
            self.engine.stats[self.index].output_buffer_limit_closed.add(1);
            self.engine.host.log(
                '#',
                &format!(
                    "Client id={} addr={} closed for overcoming of output buffer limits.",
                    client.id, client.address
                ),
            );
        }
        exceeds
    }

    /// Connections whose turn ended early get the next one.
    fn run_queue(&mut self, inside: &mut Inside<'_>) {
        for _ in 0..self.queue.len() {
            let Some(index) = self.queue.pop_front() else { return };
            let Some(Some(conn)) = self.conns.get_mut(index) else { continue };
            if !std::mem::take(&mut conn.is_queued) {
                continue;
            }
            let engine = self.engine.clone();
            let Some(client) = engine.clients.mine(inside).take(index) else { continue };
            self.run_kept(inside, index, client);
        }
    }

    fn close(&mut self, inside: &mut Inside<'_>, index: ClientIndex) {
        let Some(conn) = self.conns.get_mut(index).and_then(Option::take) else { return };
        // Closing the descriptor would remove it too; this also covers one that was duplicated.
        let _ = self.driver.remove(conn.fd.as_fd());
        self.engine.clients.mine(inside).remove(conn.client);
        self.engine.forget_client();
    }

    // ---- time ------------------------------------------------------------------------------

    /// What must be done now and then: expiry, idle clients.
    fn cron(&mut self, inside: &mut Inside<'_>) {
        let engine = self.engine.clone();
        let now_us = base::clock::monotonic_us();
        let is_due = now_us >= self.next_cron_us;
        if is_due {
            let hz = u64::from(engine.settings.hz.load(Relaxed).max(1));
            self.next_cron_us = now_us + 1_000_000 / hz;
        }
        if engine.cron_paused.load(Relaxed) {
            return;
        }
        if is_due || self.expire_unfinished {
            let runner = &mut self.runner;
            self.expire_unfinished = !self.expire.run(&engine, inside, runner, EXPIRE_SLICE_US);
        }
        if is_due {
            self.close_idle_clients(inside);
            if self.index == 0 {
                engine.tick(self.runner.now_ms);
            }
        }
    }

    /// `timeout`: looks at some clients each time, at all of them about once a second.
    fn close_idle_clients(&mut self, inside: &mut Inside<'_>) {
        let timeout_s = self.engine.settings.idle_timeout_s.load(Relaxed);
        if timeout_s <= 0 || self.conns.is_empty() {
            return;
        }
        let now_ms = base::clock::unix_ms();
        let engine = self.engine.clone();
        let count = (self.conns.len() / 10).max(50).min(self.conns.len());
        for _ in 0..count {
            self.idle_cursor = (self.idle_cursor + 1) % self.conns.len();
            let index = self.idle_cursor;
            let idle_ms =
                engine.clients.mine(inside).get(index).map(|client| now_ms - client.active_ms);
            if idle_ms.is_some_and(|ms| ms > timeout_s * 1000) {
                engine.host.log('-', "Closing idle client");
                self.close(inside, index);
            }
        }
    }
}

/// Watches every listening socket; those that closed are forgotten by themselves.
fn watch(driver: &mut Epoll, listeners: &Listeners) -> std::io::Result<()> {
    listeners.each(|i, fd| match driver.add(fd, TOKEN_LISTENER + i as u64, Interest::Read) {
        // The unix socket stays when the others change.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        added => added,
    })
}

/// How much room input of `len` bytes should have, given why its turn ended.
fn wanted(len: usize, stop: Stop) -> usize {
    match stop {
        Stop::Drained { needs } if needs > len => needs.min(len + RESERVE_AHEAD_BYTES.max(len)),
        _ => len,
    }
}

/// Makes room to read into.
fn reserve(input: &mut Vec<u8>) -> &mut Vec<u8> {
    const ROOM_BYTES_MIN: usize = 16 * 1024;
    if input.capacity() == input.len() {
        input.reserve(ROOM_BYTES_MIN);
    }
    input
}

/// Protected mode: without a password only the machine itself may connect.
fn is_protected_from(engine: &Engine, address: &Address) -> bool {
    let is_remote = match address {
        Address::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        Address::Unix(_) | Address::None => false,
    };
    is_remote
        && engine.settings.protected_mode.load(Relaxed)
        && !engine.settings.password_required.load(Relaxed)
}
