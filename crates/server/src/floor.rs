//! What workers share of their sockets: so that whoever owns the world can serve them all.
//!
//! ```text
//!   worker:  outside the gate ─────┬─ enter ─┬─ its turn ─┬─ a request runs ─┬─ … ── leave
//!   conns:   lent to the floor     │         │ the worker's│ lent             │
//!                                  └─ take ──┘            └─ lend            └─ take
//! ```
//!
//! A worker has its connections for itself, and lends them out whenever somebody else may own the
//! world: while it is outside, stands aside, or runs requests. To lend is to exchange three words.
//! A script that is late finds them here ([`crate::late`]).
//!
//! # Invariants
//!
//! (1) What is lent is touched by its worker inside the gate, or by the owner of the world.
//! (2) While a worker has its connections, the place here is empty and says so: nothing is put there.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use engine::client::Address;
use engine::clients::Clients;
use engine::{CmdError, Engine};
use store::{Inside, PerWorker, World};

use crate::conn::Conn;
use crate::driver::{Driver, Epoll, Interest};
use crate::inbox::{Inbox, Letter};
use crate::listen::{Accepted, Listeners};

pub(crate) struct Floor {
    /// Each worker's own.
    pub(crate) drivers: Box<[Epoll]>,
    pub(crate) inboxes: Arc<[Inbox]>,
    pub(crate) listeners: Arc<Listeners>,
    lent: PerWorker<Lent>,
    /// The worker that gets the next connection.
    next_owner: AtomicUsize,
}

/// A worker's connections, by the places of their clients.
pub(crate) type Conns = Vec<Option<Conn>>;

#[derive(Default)]
struct Lent {
    conns: Conns,
    is_there: bool,
}

impl Floor {
    pub(crate) fn new(inboxes: Arc<[Inbox]>, listeners: Arc<Listeners>) -> std::io::Result<Floor> {
        let workers = inboxes.len();
        Ok(Floor {
            drivers: (0..workers).map(|_| Epoll::new()).collect::<Result<_, _>>()?,
            inboxes,
            listeners,
            lent: PerWorker::new(workers, |_| Lent { is_there: true, ..Lent::default() }),
            next_owner: AtomicUsize::new(0),
        })
    }

    /// Exchanges a worker's connections for what is in their place here: lends them, or takes them
    /// back.
    #[inline]
    pub(crate) fn exchange(&self, inside: &mut Inside<'_>, conns: &mut Conns) {
        let lent = self.lent.mine(inside);
        std::mem::swap(&mut lent.conns, conns);
        lent.is_there = !lent.is_there;
    }

    /// Calls `f` with a worker's connections, if it has lent them.
    pub(crate) fn with_lent<'w>(
        &self,
        world: &mut World<'w>,
        worker: usize,
        f: impl FnOnce(&mut World<'w>, &mut Conns),
    ) {
        let lent = self.lent.of(world, worker);
        if lent.is_there {
            let mut conns = std::mem::take(&mut lent.conns);
            f(world, &mut conns);
            self.lent.of(world, worker).conns = conns;
        }
    }

    /// Refuses a new connection, sends it to the worker that shall have it, or returns it to this
    /// one.
    pub(crate) fn welcome(
        &self,
        engine: &Engine,
        worker: usize,
        accepted: Accepted,
    ) -> Option<Accepted> {
        let stats = &engine.stats[worker];
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
            // It may not arrive; the connection is closed anyway. Over TLS it cannot: there was no
            // handshake yet.
            if accepted.tls.is_none() {
                let _ = rustix::io::write(&accepted.fd, line.as_bytes());
            }
            return None;
        }
        stats.connections_received.add(1);
        let owner = self.next_owner.fetch_add(1, Relaxed) % self.inboxes.len();
        if owner == worker {
            return Some(accepted);
        }
        self.inboxes[owner].send(Letter::Connection(accepted));
        None
    }

    /// Makes a connection one of this worker's.
    pub(crate) fn adopt(
        &self,
        engine: &Engine,
        worker: usize,
        clients: &mut Clients,
        conns: &mut Conns,
        accepted: Accepted,
    ) {
        let Accepted { fd, address, local, tls } = accepted;
        let mut client = Box::new(engine.new_client(base::clock::unix_ms()));
        let is_tcp = matches!(address, Address::Tcp(_));
        client.address = address;
        client.local_address = local;
        client.fd = fd.as_raw_fd();
        client.worker = worker;
        let index = clients.insert(client);
        let interest = Interest::READ;
        let conn = Conn {
            fd,
            client: index,
            tls,
            interest,
            is_queued: false,
            is_told: false,
            has_ended: false,
            gate: 0,
        };
        if is_tcp {
            // Without it small replies may wait; nothing else depends on it.
            let _ = conn.set_nodelay();
        }
        if let Err(error) = self.drivers[worker].add(conn.fd.as_fd(), index as u64, Interest::READ)
        {
            let text = format!("Error registering fd event for the new client: {error}");
            engine.host.log('#', &text);
            clients.remove(index);
            engine.forget_client();
            return;
        }
        if conns.len() <= index {
            conns.resize_with(index + 1, || None);
        }
        conns[index] = Some(conn);
    }
}

/// Protected mode: without a password only the machine itself may connect.
fn is_protected_from(engine: &Engine, address: &Address) -> bool {
    let is_remote = match address {
        Address::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        Address::Unix(_) | Address::Script | Address::None => false,
    };
    is_remote && engine.settings.protected_mode.load(Relaxed) && !engine.has_password()
}
