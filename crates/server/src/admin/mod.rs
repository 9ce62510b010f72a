//! The admin port: what operators and their tools ask beside the protocol, over HTTP.
//!
//! ```text
//!   admin-port ─► thread "admin" ─► one thread for each connection, eight at most
//!                                       │ /livez    this process lives
//!                                       │ /readyz   worker 0 turns, nothing is being loaded
//!                                       └ /metrics  worker 0 gathers INFO, this thread makes a page
//! ```
//!
//! Off by default, on the loopback interface by default, without passwords: who may connect may
//! read. Nothing here can change anything.
//!
//! # Invariants
//!
//! (1) No connection costs more than a small thread, [`http::HEAD_BYTES_MAX`] of input and
//!     [`CONNECTION_TIME`]; there are at most [`CONNECTIONS_MAX`].
//! (2) A worker is never waited for longer than [`WORKER_TIME`], and never waits for us.

mod http;
mod metrics;
mod names;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use engine::Engine;
use engine::command_log::LogKind;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SocketFlags, accept_with};

use self::http::{Parsed, Status};
use self::metrics::Extras;
use crate::inbox::{Inbox, Letter};
use crate::process::log;

const CONNECTIONS_MAX: usize = 8;
/// From the first byte to the last.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
const WORKER_TIME: Duration = Duration::from_secs(2);
/// A page's text is on the heap; this is for a few frames.
const STACK_BYTES: usize = 256 * 1024;

/// What worker 0 is asked; it answers when it comes to its letters, into a place that is free.
pub(crate) enum Question {
    /// Are you there?
    Turns(SyncSender<()>),
    /// INFO with all that it has.
    Info(SyncSender<String>),
}

struct Admin {
    engine: &'static Engine,
    inboxes: Arc<[Inbox]>,
    connections: AtomicUsize,
}

/// Serves these sockets until the process ends.
pub(crate) fn start(sockets: Vec<OwnedFd>, engine: &'static Engine, inboxes: Arc<[Inbox]>) {
    if sockets.is_empty() {
        return;
    }
    let admin = Arc::new(Admin { engine, inboxes, connections: AtomicUsize::new(0) });
    spawn("admin", move || {
        loop {
            let mut ready: Vec<_> =
                sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
            match poll(&mut ready, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return log::line('#', &format!("The admin port ends: {error}")),
            }
            let which = ready.iter().map(|fd| !fd.revents().is_empty());
            let which: Vec<bool> = which.collect();
            for (socket, _) in sockets.iter().zip(which).filter(|(_, is_ready)| *is_ready) {
                accept(&admin, socket);
            }
        }
    });
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    if let Err(error) = thread.spawn(run) {
        log::line('#', &format!("The admin port has no thread: {error}"));
    }
}

fn accept(admin: &Arc<Admin>, socket: &OwnedFd) {
    let Ok(fd) = accept_with(socket.as_fd(), SocketFlags::CLOEXEC) else { return };
    let seat = Seat::take(admin);
    let mut stream = TcpStream::from(fd);
    match seat {
        // Unasked, but it tells why; it may not arrive.
        None => drop(stream.write(&http::answer(Status::Unavailable, "too many at once\n", false))),
        Some(seat) => spawn("admin-http", move || {
            // A client that goes away early has all that it wants.
            let _ = serve(&seat.0, stream);
        }),
    }
}

/// One of the connections that there may be (1).
struct Seat(Arc<Admin>);

impl Seat {
    fn take(admin: &Arc<Admin>) -> Option<Seat> {
        let seat = Seat(admin.clone());
        (admin.connections.fetch_add(1, Relaxed) < CONNECTIONS_MAX).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

/// One request and its answer.
fn serve(admin: &Admin, mut stream: TcpStream) -> io::Result<()> {
    let deadline = Instant::now() + CONNECTION_TIME;
    let mut head = Vec::new();
    let (status, body, is_head) = loop {
        match http::parse(&head) {
            Parsed::Refused(status) => break (status, format!("{}\n", status.line()), false),
            Parsed::Request { path, is_head } => {
                let (status, body) = admin.answer(&path);
                break (status, body, is_head);
            }
            Parsed::NeedMore => {}
        }
        let mut buffer = [0; 1024];
        stream.set_read_timeout(Some(left_until(deadline)?))?;
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => head.extend_from_slice(&buffer[..n]),
        }
    };
    let answer = http::answer(status, &body, is_head);
    let mut rest = &answer[..];
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left_until(deadline)?))?;
        let written = stream.write(rest)?;
        rest = &rest[written..];
    }
    Ok(())
}

/// The time left; an error when there is none.
fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

impl Admin {
    fn answer(&self, path: &str) -> (Status, String) {
        match path {
            "/livez" => (Status::Ok, "ok\n".to_owned()),
            "/readyz" => match self.unready() {
                None => (Status::Ok, "ok\n".to_owned()),
                Some(why) => (Status::Unavailable, format!("{why}\n")),
            },
            "/metrics" => match self.ask(Question::Info) {
                Some(info) => (Status::Ok, metrics::page(&info, &self.extras())),
                None => (Status::Unavailable, "worker 0 is busy\n".to_owned()),
            },
            "/" => (Status::Ok, "/livez\n/readyz\n/metrics\n".to_owned()),
            _ => (Status::NotFound, "there are /livez, /readyz and /metrics\n".to_owned()),
        }
    }

    /// Why nobody should be sent here now.
    fn unready(&self) -> Option<&'static str> {
        if self.engine.shutting_down.load(Relaxed) {
            return Some("shutting down");
        }
        match self.ask(Question::Turns) {
            Some(()) => None,
            None => Some("worker 0 is busy"),
        }
    }

    /// Asks worker 0 and waits for a while (2).
    fn ask<A>(&self, question: impl FnOnce(SyncSender<A>) -> Question) -> Option<A> {
        // It has room for the answer: the worker does not wait even if we have gone.
        let (sender, receiver) = sync_channel(1);
        self.inboxes[0].send(Letter::Question(question(sender)));
        receiver.recv_timeout(WORKER_TIME).ok()
    }

    fn extras(&self) -> Extras {
        let logs = &self.engine.command_logs;
        let latest = logs.newest(LogKind::Slow, 1);
        let spikes = self.engine.latency.all().into_iter().map(|(event, series)| {
            let latest = series.latest();
            (event, latest.unix_s, latest.ms)
        });
        Extras {
            now_s: base::clock::unix_ms() / 1000,
            slow_commands: logs.len(LogKind::Slow),
            slow_latest: latest.first().map(|entry| (entry.id, entry.amount)),
            large_requests: logs.len(LogKind::LargeRequest),
            large_replies: logs.len(LogKind::LargeReply),
            spikes: spikes.collect(),
        }
    }
}
