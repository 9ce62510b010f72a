//! What a connection's requests go through: read, run, write.
//!
//! ```text
//!   nothing kept:  socket ─► shared receive buffer ─► run ─► replies ─► socket
//!                            │     └ rest ─► client.input
//!                            └ a small request first waits for others: `ahead.rs`
//!   kept:          socket ─► client.input ─► run ─┬ rest stays
//!                                                 └ a value that fills it is stored as it lies there
//! ```
//!
//! # Invariants
//!
//! (1) Input is read only when no whole request waits: a sender that is faster than we are waits.
//! (2) The room made for a request is at most [`RESERVE_FACTOR`] times what has arrived of it, and
//!     none of it is touched before it is read into: a client that announces a large argument and
//!     sends no more costs memory for what it sent.
//!
//! # Limits
//!
//! As in Redis, requests run whether or not the client reads its replies: many clients send a
//! whole pipeline before they read. What that may cost is limited by `client-output-buffer-limit`.

use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;

use engine::batch::Stop;
use engine::client::{Client, Closing};
use engine::clients::ClientIndex;
use engine::cx::LARGE_BYTES;
use store::Inside;

use super::Worker;
use crate::conn::{Conn, Moved};
use crate::driver::{Driver, Event, Interest};

/// A reply buffer that grew beyond this is given back.
const REPLY_KEEP_BYTES: usize = 1 << 20;
/// What a request is known to need is reserved at most so many times what has arrived: (2).
const RESERVE_FACTOR: usize = 128;
/// Less room than this is not worth a read.
const ROOM_BYTES_MIN: usize = 16 * 1024;

impl Worker {
    pub(super) fn on_socket(&mut self, inside: &mut Inside<'_>, index: ClientIndex, event: Event) {
        let Some(Some(conn)) = self.conns.get(index) else { return };
        if event.writable && conn.interest.write {
            self.write_more(inside, index);
        }
        if event.readable {
            self.read(inside, index);
        }
    }

    /// Reads once and runs what has arrived.
    fn read(&mut self, inside: &mut Inside<'_>, index: ClientIndex) {
        let engine = self.engine;
        let Some(Some(conn)) = self.conns.get_mut(index) else { return };
        if conn.is_queued || conn.has_ended {
            let interest = Interest { read: false, ..conn.interest };
            self.watch(index, interest);
            return;
        }
        let Some(mut client) = engine.clients.mine(inside).take(index) else { return };
        let start = self.ahead.received();
        let moved = if client.input.is_empty() {
            conn.read(&mut self.receive[start..])
        } else {
            if client.input.capacity() == client.input.len() {
                client.input.reserve(ROOM_BYTES_MIN);
            }
            conn.read_more(&mut client.input)
        };
        if let Some(names) = conn.take_names() {
            engine.log_in_by_certificate(&mut client, &names);
        }
        if conn.has_backlog() {
            let interest = Interest { write: true, ..conn.interest };
            self.watch(index, interest);
        }
        match moved {
            Moved::End
                if !client.output.is_empty() && client.blocked.is_none() && !client.is_held =>
            {
                self.end_input(inside, index, client)
            }
            Moved::End | Moved::Closed => {
                engine.clients.mine(inside).put_back(index, client);
                self.close(inside, index);
            }
            Moved::Nothing => engine.clients.mine(inside).put_back(index, client),
            Moved::Bytes(n) => {
                let stats = &engine.stats[self.index];
                stats.reads.add(1);
                stats.net_input_bytes.add(n as u64);
                client.input_bytes += n as u64;
                if client.blocked.is_some() || client.is_held {
                    // It runs when the client waits no more.
                    if client.input.is_empty() {
                        client.input.extend_from_slice(&self.receive[start..start + n]);
                    }
                    let is_lost = self.exceeds_query_limit(&client);
                    engine.count_client(self.index, &mut client);
                    engine.clients.mine(inside).put_back(index, client);
                    if is_lost {
                        self.close(inside, index);
                    }
                    self.evict_clients(inside);
                } else if client.closing != Closing::No {
                    // What comes after QUIT or a protocol error is not looked at.
                    client.input = Vec::new();
                    engine.clients.mine(inside).put_back(index, client);
                } else if client.input.is_empty() {
                    let received = start..start + n;
                    if self.waits_ahead(index, &client, received.clone()) {
                        client.is_under_way = true;
                        engine.clients.mine(inside).put_back(index, client);
                    } else {
                        self.run_behind(inside, index, client, received);
                    }
                } else {
                    self.run_kept(inside, index, client);
                }
            }
        }
    }

    /// The client will send no more but still reads what it asked for (`nc -N`).
    fn end_input(&mut self, inside: &mut Inside<'_>, index: ClientIndex, mut client: Box<Client>) {
        client.input = Vec::new();
        client.closing = Closing::AfterReplies;
        self.engine.clients.mine(inside).put_back(index, client);
        self.conns[index].as_mut().expect("it was just read from").has_ended = true;
        self.watch(index, Interest { read: false, write: true });
    }

    /// Runs requests straight from the receive buffer and keeps what is not whole.
    pub(super) fn run_received(
        &mut self,
        inside: &mut Inside<'_>,
        index: ClientIndex,
        mut client: Box<Client>,
        received: Range<usize>,
    ) {
        let engine = self.engine;
        let input = &self.receive[received];
        self.floor.exchange(inside, &mut self.conns);
        let turn = self.runner.run(engine, inside, &mut client, input, &mut self.out);
        self.floor.exchange(inside, &mut self.conns);
        let rest = &input[turn.consumed..];
        if !rest.is_empty() && client.closing == Closing::No {
            make_room(&mut client.input, rest.len(), turn.stop);
            client.input.extend_from_slice(rest);
        }
        self.finish_turn(inside, index, client, turn.stop);
    }

    /// Runs requests from the client's own input.
    pub(super) fn run_kept(
        &mut self,
        inside: &mut Inside<'_>,
        index: ClientIndex,
        mut client: Box<Client>,
    ) {
        let engine = self.engine;
        let mut input = std::mem::take(&mut client.input);
        self.floor.exchange(inside, &mut self.conns);
        let turn = if input.len() < LARGE_BYTES {
            let turn = self.runner.run(engine, inside, &mut client, &input, &mut self.out);
            input.drain(..turn.consumed);
            turn
        } else {
            let shared = Arc::new(input);
            client.large_input = Some(shared.clone());
            let turn = self.runner.run(engine, inside, &mut client, &shared, &mut self.out);
            client.large_input = None;
            input = match Arc::try_unwrap(shared) {
                Ok(mut input) => {
                    input.drain(..turn.consumed);
                    input
                }
                // It holds a value now.
                Err(shared) => shared[turn.consumed..].to_vec(),
            };
            turn
        };
        self.floor.exchange(inside, &mut self.conns);
        if input.is_empty() || client.closing != Closing::No {
            input = Vec::new();
        } else {
            if turn.consumed > 0 {
                input.shrink_to(ROOM_BYTES_MIN);
            }
            let len = input.len();
            make_room(&mut input, len, turn.stop);
        }
        client.input = input;
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
        self.begin_feed(index, &client);
        self.begin_wait(index, &client);
        self.begin_hold(index, &mut client, stop);
        let is_lost = self.send_out(index, &mut client)
            || self.exceeds_query_limit(&client)
            || self.exceeds_output_limit(&mut client);
        self.engine.count_client(self.index, &mut client);
        let done = client.closing == Closing::Now
            || (client.closing == Closing::AfterReplies && self.has_sent_all(index, &client));
        self.engine.clients.mine(inside).put_back(index, client);
        if is_lost || done {
            self.close(inside, index);
        } else {
            self.take_leave(inside, index);
        }
        self.evict_clients(inside);
    }

    /// Over TLS the goodbye may have come with the last requests, which have run now.
    fn take_leave(&mut self, inside: &mut Inside<'_>, index: ClientIndex) {
        let conn = self.conns[index].as_ref();
        let leaves = |conn: &Conn| conn.has_said_goodbye() && !conn.is_queued && !conn.has_ended;
        if conn.is_some_and(leaves) {
            self.read(inside, index);
        }
    }

    /// Sends `self.out`. True if the connection is lost.
    fn send_out(&mut self, index: ClientIndex, client: &mut Client) -> bool {
        if self.out.is_empty() {
            return false;
        }
        if self.waits_for_disk(index) {
            client.output.push(&mut self.out, 0);
            return false;
        }
        let conn = self.conns[index].as_mut().expect("a client that replies has a connection");
        let moved = conn.flush(client, &mut self.out);
        self.out.clear();
        if self.out.capacity() > REPLY_KEEP_BYTES {
            self.out = Vec::new();
        }
        !self.was_sent(index, client, moved)
    }

    /// Counts what was sent and has the rest sent when the socket takes it. False if the
    /// connection is lost.
    fn was_sent(&mut self, index: ClientIndex, client: &mut Client, moved: Moved) -> bool {
        let Moved::Bytes(n) = moved else { return false };
        let stats = &self.engine.stats[self.index];
        stats.writes.add(1);
        stats.net_output_bytes.add(n as u64);
        client.output_bytes += n as u64;
        let conn = self.conns[index].as_ref().expect("a client that replies has a connection");
        let write = !client.output.is_empty() || conn.has_backlog();
        let interest = Interest { write, ..conn.interest };
        self.watch(index, interest);
        true
    }

    fn has_sent_all(&self, index: ClientIndex, client: &Client) -> bool {
        client.output.is_empty() && !self.conns[index].as_ref().is_some_and(Conn::has_backlog)
    }

    pub(super) fn watch(&mut self, index: ClientIndex, wanted: Interest) {
        let conn = self.conns[index].as_mut().expect("callers have the connection");
        if conn.interest == wanted {
            return;
        }
        conn.interest = wanted;
        if let Err(error) = self.driver.change(conn.fd.as_fd(), index as u64, wanted) {
            self.engine.host.log('#', &format!("Changing a socket's interest: {error}"));
        }
    }

    /// The socket takes bytes again.
    pub(super) fn write_more(&mut self, inside: &mut Inside<'_>, index: ClientIndex) {
        let engine = self.engine;
        let Some(mut client) = engine.clients.mine(inside).take(index) else { return };
        let is_lost = self.flush_kept(index, &mut client);
        let is_over =
            is_lost || (client.closing != Closing::No && self.has_sent_all(index, &client));
        engine.count_client(self.index, &mut client);
        engine.clients.mine(inside).put_back(index, client);
        if is_over {
            self.close(inside, index);
        }
    }

    /// Sends what is kept for the client. True if the connection is lost.
    pub(super) fn flush_kept(&mut self, index: ClientIndex, client: &mut Client) -> bool {
        let Some(Some(conn)) = self.conns.get_mut(index) else { return true };
        if conn.gate != 0 {
            return false;
        }
        let moved = conn.flush(client, &mut Vec::new());
        !self.was_sent(index, client, moved)
    }

    /// What the client has sent is run in its next turn.
    pub(super) fn enqueue(&mut self, index: ClientIndex) {
        if let Some(Some(conn)) = self.conns.get_mut(index)
            && !conn.is_queued
        {
            conn.is_queued = true;
            self.queue.push_back(index);
        }
    }

    /// Connections whose turn ended early get the next one.
    pub(super) fn run_queue(&mut self, inside: &mut Inside<'_>) {
        for _ in 0..self.queue.len() {
            self.step_aside(inside);
            let Some(index) = self.queue.pop_front() else { return };
            let Some(Some(conn)) = self.conns.get_mut(index) else { continue };
            if !std::mem::take(&mut conn.is_queued) {
                continue;
            }
            let engine = self.engine;
            let Some(client) = engine.clients.mine(inside).take(index) else { continue };
            if client.blocked.is_some() || client.is_held {
                engine.clients.mine(inside).put_back(index, client);
                continue;
            }
            self.run_kept(inside, index, client);
            if let Some(Some(conn)) = self.conns.get(index)
                && !conn.is_queued
                && !conn.has_ended
            {
                self.watch(index, Interest { read: true, ..conn.interest });
            }
        }
    }
}

/// Makes room in `input` for the rest of a request of which `arrived` bytes have arrived.
fn make_room(input: &mut Vec<u8>, arrived: usize, stop: Stop) {
    let needs = match stop {
        Stop::Drained { needs } => needs.min(arrived.saturating_mul(RESERVE_FACTOR)),
        Stop::Turn | Stop::Parked | Stop::Blocked | Stop::Held | Stop::Closing => 0,
    };
    let wanted = needs.max(arrived);
    let room = input.capacity() - arrived.min(input.capacity());
    if input.capacity() < wanted && (room < ROOM_BYTES_MIN || input.is_empty()) {
        // Where so much is not to be had, it grows as bytes arrive.
        let _ = input.try_reserve_exact(wanted - input.len());
    }
}
