//! `maxmemory-clients`: what all clients together may take, and who goes when it is more.
//!
//! While there is such a limit, each worker notes after a turn of a client what it takes now
//! ([`Client::memory`]) and keeps the sum for its own. Whoever finds the sum over all workers above
//! the limit closes the gate and has the largest clients close, one after the other, until it is
//! not: so the order is the same with many workers as with one. Without a limit nothing is noted;
//! when one is set, all are counted anew.
//!
//! Replicas are not counted, as in Redis. A client that said CLIENT NO-EVICT is counted and stays.
//!
//! # Invariants
//!
//! (1) While there is a limit, a worker's sum is what its clients' `counted_bytes` come to.
//! (2) A command that owns the world, and so could look at all clients, runs when the sum is below
//!     the limit again.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crossbeam_utils::CachePadded;
use store::World;

use crate::client::{Client, Closing};
use crate::clients::ClientIndex;
use crate::engine::Engine;

/// The sums of one worker, in bytes; it is their only writer, or whoever owns the world.
#[derive(Default)]
struct Sums {
    all: AtomicUsize,
    /// Of those that may be closed.
    evictable: AtomicUsize,
}

impl Sums {
    fn change(sum: &AtomicUsize, from: usize, to: usize) {
        sum.store(sum.load(Relaxed).wrapping_sub(from).wrapping_add(to), Relaxed);
    }
}

/// The sums of all workers.
pub struct ClientMemory {
    sums: Box<[CachePadded<Sums>]>,
    /// Of clients that were told to go, until their workers have closed them.
    leaving: AtomicUsize,
}

/// What a client was last counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    bytes: usize,
    evictable_bytes: usize,
    leaving_bytes: usize,
}

impl Counted {
    /// The sums it is part of begin anew.
    fn forget(&mut self) {
        (self.bytes, self.evictable_bytes) = (0, 0);
    }
}

impl ClientMemory {
    pub(crate) fn new(workers: usize) -> ClientMemory {
        let sums = (0..workers).map(|_| CachePadded::default()).collect();
        ClientMemory { sums, leaving: AtomicUsize::new(0) }
    }

    fn total(&self) -> usize {
        self.sums.iter().fold(0, |sum, own| sum.wrapping_add(own.all.load(Relaxed)))
    }

    fn evictable(&self) -> usize {
        self.sums.iter().fold(0, |sum, own| sum.wrapping_add(own.evictable.load(Relaxed)))
    }

    fn recount(&self, worker: usize, client: &mut Client, now: Counted) {
        let sums = &self.sums[worker];
        Sums::change(&sums.all, client.counted.bytes, now.bytes);
        Sums::change(&sums.evictable, client.counted.evictable_bytes, now.evictable_bytes);
        self.leaving
            .fetch_add(now.leaving_bytes.wrapping_sub(client.counted.leaving_bytes), Relaxed);
        client.counted = now;
    }

    /// Bytes that will be free as soon as workers have closed clients that were told to go.
    pub(crate) fn leaving(&self) -> usize {
        self.leaving.load(Relaxed)
    }
}

fn count(client: &Client) -> Counted {
    if client.follows.is_some() || client.closing == Closing::Now {
        return Counted { leaving_bytes: client.counted.leaving_bytes, ..Counted::default() };
    }
    let bytes = client.memory();
    let evictable_bytes = if client.no_evict { 0 } else { bytes };
    Counted { bytes, evictable_bytes, leaving_bytes: 0 }
}

impl Engine {
    /// Notes what a client takes now, if anybody wants to know.
    #[inline]
    pub fn count_client(&self, worker: usize, client: &mut Client) {
        if self.settings.clients_bytes_max() != 0 {
            self.client_memory.recount(worker, client, count(client));
        }
    }

    /// A client has gone.
    pub fn uncount_client(&self, worker: usize, client: &mut Client) {
        self.client_memory.recount(worker, client, Counted::default());
    }

    /// Whether clients take more than they may, and some could be closed.
    #[inline]
    pub fn clients_exceed(&self) -> bool {
        let max_bytes = self.settings.clients_bytes_max();
        max_bytes != 0
            && self.client_memory.total() > max_bytes
            && self.client_memory.evictable() != 0
    }

    /// The limit may have changed: counts all clients anew, `own` among them, which is in no table
    /// while its command runs, and closes those that are too much.
    pub fn recount_clients(&self, world: &mut World<'_>, own: &mut Client) {
        for sums in &self.client_memory.sums {
            sums.all.store(0, Relaxed);
            sums.evictable.store(0, Relaxed);
        }
        own.counted.forget();
        let worker = world.worker();
        self.count_client(worker, own);
        for (worker, clients) in self.clients.all(world).enumerate() {
            for (_, client) in clients.iter_mut() {
                client.counted.forget();
                self.count_client(worker, client);
            }
        }
        if self.clients_exceed() {
            self.evict_clients(world, Some(own));
        }
    }

    /// Has the largest clients close until the rest takes no more than it may. `own`, if there is
    /// one, is in no table.
    #[cold]
    pub fn evict_clients(&self, world: &mut World<'_>, mut own: Option<&mut Client>) {
        let this_worker = world.worker();
        // (bytes, worker, place); the one whose command runs has no place.
        let mut largest: Vec<(usize, usize, Option<ClientIndex>)> = Vec::new();
        for (worker, clients) in self.clients.all(world).enumerate() {
            let evictable = clients.iter_mut().filter(|(_, c)| c.counted.evictable_bytes != 0);
            largest.extend(evictable.map(|(i, c)| (c.counted.evictable_bytes, worker, Some(i))));
        }
        if let Some(own) = own.as_ref().filter(|own| own.counted.evictable_bytes != 0) {
            largest.push((own.counted.evictable_bytes, this_worker, None));
        }
        largest.sort_unstable_by_key(|(bytes, ..)| *bytes);
        while self.clients_exceed()
            && let Some((_, worker, place)) = largest.pop()
        {
            match place {
                None => {
                    let own = own.as_mut().expect("it was counted");
                    self.evict_client(worker, this_worker, own);
                }
                Some(index) => {
                    let clients = self.clients.of(world, worker);
                    let client = clients.get(index).expect("nobody is at work in the world");
                    self.evict_client(worker, this_worker, client);
                    clients.attention.push(index);
                    self.host.wake(worker);
                }
            }
        }
    }

    fn evict_client(&self, worker: usize, this_worker: usize, client: &mut Client) {
        let bytes = client.counted.bytes;
        self.host.log(
            '*',
            &format!("Evicting client: id={} addr={} tot-mem={bytes}", client.id, client.address),
        );
        client.close_now();
        let leaving = Counted { leaving_bytes: bytes, ..Counted::default() };
        self.client_memory.recount(worker, client, leaving);
        self.stats[this_worker].evicted_clients.add(1);
    }
}
