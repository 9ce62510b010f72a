//! The gate: many workers inside at once, or one that owns the world.
//!
//! Most commands lock the shards of their keys. The rest (FLUSHALL, CONFIG SET, CLIENT KILL, …)
//! must see nobody else at work: they close the gate, wait until every other worker stands at a
//! command boundary outside, and then own everything, the other workers' clients included. So the
//! fallback for any subtlety is Redis's single-threaded semantics.
//!
//! ```text
//!   worker:   enter ── commands ── checkpoint ── commands ── leave ── (sleeps in epoll)
//!                                     │ closed?
//!                                     └─ leave, wait until open, enter again
//!   closer:   closed = true; wait until all other seats are OUT; run; closed = false
//! ```
//!
//! A worker enters once per batch of events, never per command; between commands it loads one
//! flag that is almost always in its cache.
//!
//! # Invariants
//!
//! (1) While a `World` exists, every other seat is OUT and stays so: `enter` writes IN before it
//!     reads `closed`, the closer writes `closed` before it reads the seats (a full fence between
//!     the two in both, so at least one sees the other), and a worker that sees `closed` goes OUT
//!     again. Leaving and waiting for that are ordered by the same fences.
//! (2) At most one `World` exists: only the worker that turned `closed` from false to true has it.
//! (3) A worker that wants to close while another does steps OUT, so two closers never wait for
//!     each other.
//! (4) Nobody holds a shard lock while entering, leaving or waiting here.

use std::cell::UnsafeCell;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicBool, AtomicU32, Condvar, Mutex, Ordering, fence};

const OUT: u32 = 0;
const IN: u32 = 1;

pub struct Gate {
    closed: AtomicBool,
    seats: Box<[CachePadded<AtomicU32>]>,
    /// Those who wait for an open gate and the one who waits for empty seats sleep here.
    lock: Mutex<()>,
    changed: Condvar,
}

/// A worker's right to enter. There is exactly one for each worker.
pub struct Seat {
    index: usize,
}

impl Seat {
    pub fn index(&self) -> usize {
        self.index
    }
}

impl Gate {
    pub fn new(workers: usize) -> (Gate, Vec<Seat>) {
        let gate = Gate {
            closed: AtomicBool::new(false),
            seats: (0..workers).map(|_| CachePadded::new(AtomicU32::new(OUT))).collect(),
            lock: Mutex::new(()),
            changed: Condvar::new(),
        };
        (gate, (0..workers).map(|index| Seat { index }).collect())
    }

    pub fn workers(&self) -> usize {
        self.seats.len()
    }

    fn alone(&self) -> bool {
        self.seats.len() == 1
    }

    /// Enters, waiting while the gate is closed.
    pub fn enter<'g>(&'g self, seat: &'g mut Seat) -> Inside<'g> {
        if !self.alone() {
            self.sit(seat.index);
        }
        Inside { gate: self, seat: seat.index }
    }

    fn sit(&self, seat: usize) {
        loop {
            self.seats[seat].store(IN, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if !self.closed.load(Ordering::Acquire) {
                return;
            }
            self.stand(seat);
            let mut held = self.lock.lock().expect("nobody panics holding the gate's mutex");
            while self.closed.load(Ordering::Acquire) {
                held = self.changed.wait(held).expect("nobody panics holding the gate's mutex");
            }
        }
    }

    fn stand(&self, seat: usize) {
        self.seats[seat].store(OUT, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Relaxed) {
            self.announce();
        }
    }

    /// Wakes everyone who waits. Taking the mutex makes sure that none of them is between its
    /// last look and its sleep.
    fn announce(&self) {
        drop(self.lock.lock().expect("nobody panics holding the gate's mutex"));
        self.changed.notify_all();
    }

    fn others_are_out(&self, seat: usize) -> bool {
        (0..self.seats.len()).all(|i| i == seat || self.seats[i].load(Ordering::Acquire) == OUT)
    }
}

/// A worker between `enter` and leaving, which is dropping this.
pub struct Inside<'g> {
    gate: &'g Gate,
    seat: usize,
}

impl Inside<'_> {
    pub fn worker(&self) -> usize {
        self.seat
    }

    /// To be called between commands: lets a closer through.
    #[inline]
    pub fn checkpoint(&mut self) {
        if self.gate.closed.load(Ordering::Relaxed) {
            self.step_aside();
        }
    }

    /// Whether [`Inside::checkpoint`] would step aside now.
    #[inline]
    pub fn is_wanted(&self) -> bool {
        self.gate.closed.load(Ordering::Relaxed)
    }

    /// Whether there is nobody else whom a closed gate could keep out.
    pub fn is_only_worker(&self) -> bool {
        self.gate.alone()
    }

    #[cold]
    fn step_aside(&mut self) {
        self.gate.stand(self.seat);
        self.gate.sit(self.seat);
    }

    /// Closes the gate and waits until nobody else is inside.
    pub fn close(&mut self) -> World<'_> {
        let gate = self.gate;
        if !gate.alone() {
            while gate
                .closed
                .compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed)
                .is_err()
            {
                self.step_aside();
            }
            fence(Ordering::SeqCst);
            if !gate.others_are_out(self.seat) {
                let mut held = gate.lock.lock().expect("nobody panics holding the gate's mutex");
                while !gate.others_are_out(self.seat) {
                    held = gate.changed.wait(held).expect("nobody panics holding the gate's mutex");
                }
            }
        }
        World { gate, seat: self.seat, opens: true }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if !self.gate.alone() {
            self.gate.stand(self.seat);
        }
    }
}

/// The closed gate: as long as this lives, its holder is the only worker inside.
pub struct World<'i> {
    gate: &'i Gate,
    seat: usize,
    /// The one that `close` made opens the gate again; those lent from it do not.
    opens: bool,
}

impl World<'_> {
    /// Lends the world for a shorter time: to a command inside a transaction.
    pub fn lend(&mut self) -> World<'_> {
        World { gate: self.gate, seat: self.seat, opens: false }
    }

    pub fn worker(&self) -> usize {
        self.seat
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        if self.opens && !self.gate.alone() {
            self.gate.closed.store(false, Ordering::Release);
            self.gate.announce();
        }
    }
}

/// One `T` for each worker: its own through [`Inside`], everybody's through [`World`].
pub struct PerWorker<T> {
    cells: Box<[CachePadded<UnsafeCell<T>>]>,
}

// SAFETY: a cell is reached only by the worker of its index while inside, or by the holder of the
// World while, by gate invariant (1), no such worker is inside. Values move between threads.
unsafe impl<T: Send> Sync for PerWorker<T> {}

impl<T> PerWorker<T> {
    pub fn new(workers: usize, mut make: impl FnMut(usize) -> T) -> PerWorker<T> {
        PerWorker {
            cells: (0..workers).map(|i| CachePadded::new(UnsafeCell::new(make(i)))).collect(),
        }
    }

    /// This worker's own value.
    pub fn mine<'i>(&'i self, inside: &'i mut Inside<'_>) -> &'i mut T {
        // SAFETY: there is one seat per worker and the borrow of its `Inside` is exclusive, so no
        // second reference to this cell exists on this thread; others come by World only.
        unsafe { &mut *self.cells[inside.seat].get() }
    }

    /// Everybody's values, in order of workers.
    pub fn all<'w>(&'w self, world: &'w mut World<'_>) -> impl Iterator<Item = &'w mut T> {
        let _ = world;
        // SAFETY: (1) nobody else is inside, and the exclusive borrow of the World keeps this
        // thread from reaching the cells another way; each cell is visited once.
        self.cells.iter().map(|cell| unsafe { &mut *cell.get() })
    }

    /// One worker's value.
    pub fn of<'w>(&'w self, world: &'w mut World<'_>, worker: usize) -> &'w mut T {
        let _ = world;
        // SAFETY: as in `all`.
        unsafe { &mut *self.cells[worker].get() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_closed_gate_has_one_worker_inside() {
        let (gate, seats) = Gate::new(4);
        let plain = PerWorker::new(4, |_| 0u64);
        let inside_now = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for mut seat in seats {
                let (gate, plain, inside_now) = (&gate, &plain, &inside_now);
                scope.spawn(move || {
                    for round in 0..2000 {
                        let mut inside = gate.enter(&mut seat);
                        inside_now.fetch_add(1, Ordering::SeqCst);
                        *plain.mine(&mut inside) += 1;
                        inside_now.fetch_sub(1, Ordering::SeqCst);
                        inside.checkpoint();
                        if round % 50 == 0 {
                            let mut world = inside.close();
                            assert_eq!(inside_now.load(Ordering::SeqCst), 0);
                            for n in plain.all(&mut world) {
                                *n += 1;
                            }
                        }
                    }
                });
            }
        });
        let (gate, mut seats) = Gate::new(4);
        let mut inside = gate.enter(&mut seats[0]);
        let total: u64 = plain.all(&mut inside.close()).map(|n| *n).sum();
        assert_eq!(total, 4 * 2000 + 4 * 40 * 4);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell as Watched;
    use loom::sync::Arc;
    use loom::thread;

    /// With three preemptions loom finds nearly all bugs there are, and ends.
    fn explore(test: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(test);
    }

    #[test]
    fn the_world_is_exclusive_in_every_interleaving() {
        explore(|| {
            let (gate, seats) = Gate::new(2);
            let shared = Arc::new((gate, Watched::new(0u32)));
            let run = |shared: &(Gate, Watched<u32>), seat: &mut Seat, closes: bool| {
                let mut inside = shared.0.enter(seat);
                if closes {
                    let world = inside.close();
                    shared.1.with_mut(|n| unsafe { *n += 1 });
                    drop(world);
                } else {
                    shared.1.with(|n| unsafe { *n });
                    inside.checkpoint();
                    shared.1.with(|n| unsafe { *n });
                }
            };
            let mut seats = seats.into_iter();
            let (mut a, mut b) = (seats.next().unwrap(), seats.next().unwrap());
            let other = shared.clone();
            let t = thread::spawn(move || run(&other, &mut b, true));
            run(&shared, &mut a, false);
            t.join().unwrap();
        });
    }

    #[test]
    fn two_closers_do_not_wait_for_each_other() {
        explore(|| {
            let (gate, seats) = Gate::new(2);
            let gate = Arc::new(gate);
            let mut seats = seats.into_iter();
            let (mut a, mut b) = (seats.next().unwrap(), seats.next().unwrap());
            let other = gate.clone();
            let t = thread::spawn(move || drop(other.enter(&mut b).close()));
            drop(gate.enter(&mut a).close());
            t.join().unwrap();
        });
    }
}
