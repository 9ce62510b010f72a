//! A round in which everybody is served by the worker whose script is late.
//!
//! ```text
//!   for each worker:  letters with connections ─► ready sockets ─► accept, or read ─► Late::run ─► write
//! ```
//!
//! What the engine answers is in `engine/src/late.rs`. Here is the part of `worker/serve.rs` that
//! such a round needs: it holds nothing of a worker but its lent connections and its driver. A
//! connection that ends is shut down and left to its worker, which closes it when the script ends.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::Engine;
use engine::client::{Client, Closing};
use engine::clients::ClientIndex;
use engine::late::Late;
use store::World;

use crate::conn::{Conn, Moved};
use crate::driver::{Driver, Event, Interest};
use crate::floor::{Conns, Floor};
use crate::listen::Accepted;
use crate::worker::{ACCEPTS_MAX, TOKEN_INBOX, TOKEN_LISTENER, exceeds_query_limit};

/// Less room than this is not worth a read.
const ROOM_BYTES_MIN: usize = 16 * 1024;

/// Serves each worker's sockets once.
pub(crate) fn round(floor: &Floor, late: &mut Late<'_>, world: &mut World<'_>) {
    for worker in 0..floor.drivers.len() {
        floor.with_lent(world, worker, |world, conns| {
            Round { floor, worker, conns, late: &mut *late, world }.run();
        });
    }
}

/// One worker's part of it.
struct Round<'r, 'l, 'w> {
    floor: &'r Floor,
    worker: usize,
    conns: &'r mut Conns,
    late: &'r mut Late<'l>,
    world: &'r mut World<'w>,
}

impl Round<'_, '_, '_> {
    fn run(&mut self) {
        for accepted in self.floor.inboxes[self.worker].connections() {
            self.adopt(accepted);
        }
        if self.late.begins {
            // What they have sent has been read already, or what they were told waits for more.
            for index in 0..self.conns.len() {
                let waits = |conn: &Conn| conn.is_queued || conn.is_told;
                if self.conns[index].as_ref().is_some_and(waits) {
                    self.serve(index, None);
                }
            }
        }
        let mut events = Vec::new();
        if let Err(error) = self.floor.drivers[self.worker].wait(Some(Duration::ZERO), &mut events)
        {
            self.late.engine.host.log('#', &format!("Waiting for sockets: {error}"));
        }
        for event in events {
            if event.token < TOKEN_LISTENER {
                self.serve(event.token as ClientIndex, Some(event));
            } else if event.token != TOKEN_INBOX {
                self.accept((event.token - TOKEN_LISTENER) as usize);
            }
        }
    }

    fn accept(&mut self, listener: usize) {
        for _ in 0..ACCEPTS_MAX {
            match self.floor.listeners.accept(listener) {
                Ok(Some(accepted)) => {
                    let engine = self.late.engine;
                    if let Some(ours) = self.floor.welcome(engine, self.worker, accepted) {
                        self.adopt(ours);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    let text = format!("Accepting client connection: {error}");
                    return self.late.engine.host.log('#', &text);
                }
            }
        }
    }

    fn adopt(&mut self, accepted: Accepted) {
        let engine = self.late.engine;
        let clients = engine.clients.of(self.world, self.worker);
        self.floor.adopt(engine, self.worker, clients, self.conns, accepted);
    }

    /// Serves one connection: what its socket has, or, without an event, what was read before.
    fn serve(&mut self, index: ClientIndex, event: Option<Event>) {
        let engine = self.late.engine;
        let Some(Some(conn)) = self.conns.get_mut(index) else { return };
        let taken = engine.clients.of(self.world, self.worker).take(index);
        let Some(mut client) = taken else { return };
        let waits = client.is_under_way || client.blocked.is_some() || client.is_held;
        if !waits && client.closing != Closing::Now {
            let mut out = Vec::new();
            let mut is_lost = !exchange(engine, conn, &mut client, event)
                || exceeds_query_limit(engine, self.worker, &client);
            if !is_lost && client.closing == Closing::No {
                let mut input = std::mem::take(&mut client.input);
                let used = self.late.run(self.world, &mut client, &input, &mut out);
                input.drain(..used);
                client.input = input;
                is_lost = conn.flush(&mut client, &mut out) == Moved::Closed;
            }
            let is_over = client.closing != Closing::No && client.output.is_empty();
            if engine.shutting_down.load(Relaxed) {
                // The end of the process is the end of the connection: not before.
            } else if is_lost || is_over {
                client.close_now();
                conn.end();
                // Whoever is at the other end sees it now; the worker closes it later.
                let _ = rustix::net::shutdown(&conn.fd, rustix::net::Shutdown::Both);
                let _ = self.floor.drivers[self.worker].remove(conn.fd.as_fd());
                engine.clients.of(self.world, self.worker).attention.push(index);
                engine.host.wake(self.worker);
            } else {
                self.floor.watch(self.worker, conn, &client, index);
            }
        }
        engine.clients.of(self.world, self.worker).put_back(index, client);
    }
}

impl Floor {
    /// Has the driver report what is of interest now.
    fn watch(&self, worker: usize, conn: &mut Conn, client: &Client, index: ClientIndex) {
        let write = !client.output.is_empty() || conn.has_backlog();
        let interest = Interest { read: client.closing == Closing::No, write };
        if conn.interest != interest {
            conn.interest = interest;
            // Else it is reported as before: too often, or not before its worker looks.
            let _ = self.drivers[worker].change(conn.fd.as_fd(), index as u64, interest);
        }
    }
}

/// Writes what is kept and reads what has come. False if the connection is lost.
fn exchange(engine: &Engine, conn: &mut Conn, client: &mut Client, event: Option<Event>) -> bool {
    let Some(event) = event else { return true };
    if event.writable && conn.interest.write && conn.flush(client, &mut Vec::new()) == Moved::Closed
    {
        return false;
    }
    if !event.readable || conn.has_ended || client.closing != Closing::No {
        return true;
    }
    if client.input.capacity() == client.input.len() {
        client.input.reserve(ROOM_BYTES_MIN);
    }
    let moved = conn.read_more(&mut client.input);
    if let Some(names) = conn.take_names() {
        engine.log_in_by_certificate(client, &names);
    }
    !matches!(moved, Moved::End | Moved::Closed)
}
