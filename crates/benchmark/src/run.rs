//! Threads that keep their clients busy until enough has been asked.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use base::random::Random;
use hdrhistogram::Histogram;
use rustix::event::{Timespec, epoll};

use crate::client::{Client, Failure};
use crate::options::Options;
use crate::workloads::Test;

/// How often the user hears of progress, and a thread of the failure of another.
pub const TICK: Duration = Duration::from_millis(250);

/// Longer latencies count as this one.
const LATENCY_US_MAX: u64 = 60_000_000;

/// Of what the histogram tells apart.
const DIGITS: u8 = 3;

const EVENTS_MAX: usize = 256;
const BUFFER_BYTES: usize = 64 * 1024;

/// What one test came to.
pub struct Outcome {
    /// In microseconds.
    pub latencies: Histogram<u64>,
    pub elapsed: Duration,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// How far all threads have come.
#[derive(Default)]
pub struct Shared {
    issued: AtomicU64,
    done: AtomicU64,
    latency_us: AtomicU64,
    has_failed: AtomicBool,
}

impl Shared {
    /// Requests that were answered, and the sum of their latencies.
    pub fn so_far(&self) -> (u64, u64) {
        (self.done.load(Relaxed), self.latency_us.load(Relaxed))
    }

    /// The right to send up to `depth` requests; 0 if all have been sent.
    fn take(&self, depth: usize, all: u64) -> usize {
        let more = |issued: u64| (issued < all).then(|| all.min(issued + depth as u64));
        match self.issued.fetch_update(Relaxed, Relaxed, more) {
            Ok(before) => (all - before).min(depth as u64) as usize,
            Err(_) => 0,
        }
    }
}

/// Runs one test. `tick` is called now and then meanwhile, with the time since the beginning.
pub fn run(
    options: &Options,
    test: &Test,
    mut tick: impl FnMut(&Shared, Duration),
) -> Result<Outcome, Failure> {
    let threads = options.threads.unwrap_or(1).min(options.clients);
    let shared = Arc::new(Shared::default());
    let start = Barrier::new(threads + 1);
    let (ended, ends) = channel();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|index| {
                // The first threads have a client more, if they do not come out even.
                let count =
                    options.clients / threads + usize::from(index < options.clients % threads);
                let (shared, start, ended) = (&*shared, &start, ended.clone());
                scope.spawn(move || {
                    let random = Random::from_seed(options.seed.wrapping_add(index as u64));
                    let load = Load::open(options, test, shared, random, count);
                    start.wait();
                    let outcome = load.and_then(Load::run);
                    shared.has_failed.fetch_or(outcome.is_err(), Relaxed);
                    // Nobody listens any more if another one has failed.
                    let _ = ended.send(());
                    outcome
                })
            })
            .collect();
        drop(ended);
        start.wait();
        let began = Instant::now();
        let mut running = threads;
        while running > 0 {
            match ends.recv_timeout(TICK) {
                Ok(()) => running -= 1,
                Err(RecvTimeoutError::Timeout) => tick(&shared, began.elapsed()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let elapsed = began.elapsed();
        let mut latencies = histogram();
        for handle in handles {
            let part = handle.join().expect("a thread of the load does not panic")?;
            latencies.add(part).expect("they have the same bounds");
        }
        Ok(Outcome { latencies, elapsed })
    })
}

/// Connects and waits, until the server says something or the process is killed.
pub fn idle(options: &Options) -> Result<(), Failure> {
    let nothing = Test {
        title: String::new(),
        request: crate::template::Template::of_bytes(Vec::new(), false),
    };
    let shared = Shared::default();
    let random = Random::from_seed(options.seed);
    let mut load = Load::open(options, &nothing, &shared, random, options.clients)?;
    loop {
        load.wait()?;
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS).expect("the bounds are sound")
}

/// What one thread does.
struct Load<'a> {
    options: &'a Options,
    test: &'a Test,
    shared: &'a Shared,
    random: Random,
    poll: std::os::fd::OwnedFd,
    clients: Vec<Client>,
    buffer: Vec<u8>,
    latencies: Histogram<u64>,
    /// Clients that wait for replies.
    busy: usize,
}

impl<'a> Load<'a> {
    fn open(
        options: &'a Options,
        test: &'a Test,
        shared: &'a Shared,
        random: Random,
        count: usize,
    ) -> Result<Load<'a>, Failure> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC);
        let poll = poll.map_err(|error| Failure::Lost(error.into()))?;
        let (clients, buffer) = (Vec::new(), vec![0; BUFFER_BYTES]);
        let latencies = histogram();
        let mut load =
            Load { options, test, shared, random, poll, clients, buffer, latencies, busy: 0 };
        for index in 0..count {
            let client = Client::open(options)?;
            load.watch(&client, index)?;
            load.clients.push(client);
            load.push(index)?;
        }
        Ok(load)
    }

    fn run(mut self) -> Result<Histogram<u64>, Failure> {
        for index in 0..self.clients.len() {
            self.busy += 1;
            self.begin(index)?;
        }
        while self.busy > 0 && !self.shared.has_failed.load(Relaxed) {
            self.wait()?;
        }
        Ok(self.latencies)
    }

    fn watch(&self, client: &Client, index: usize) -> Result<(), Failure> {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.poll, client, data, epoll::EventFlags::IN)
            .map_err(|error| Failure::Lost(error.into()))
    }

    /// Gives the client requests, if there are any left.
    fn begin(&mut self, index: usize) -> Result<(), Failure> {
        let count = self.shared.take(self.options.depth, self.options.requests);
        if count == 0 {
            self.busy -= 1;
            return Ok(());
        }
        let (request, random) = (&self.test.request, &mut self.random);
        let below = self.options.keyspace.unwrap_or_default();
        self.clients[index].begin(count, |out| {
            (0..count).for_each(|_| request.write(out, random, below));
        });
        self.push(index)
    }

    fn push(&mut self, index: usize) -> Result<(), Failure> {
        if self.clients[index].push()? {
            return Ok(());
        }
        self.ask_for(index, epoll::EventFlags::IN | epoll::EventFlags::OUT)
    }

    fn ask_for(&self, index: usize, interest: epoll::EventFlags) -> Result<(), Failure> {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::modify(&self.poll, &self.clients[index], data, interest)
            .map_err(|error| Failure::Lost(error.into()))
    }

    /// Waits for sockets and does what they allow.
    fn wait(&mut self) -> Result<(), Failure> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
        let mut room = [std::mem::MaybeUninit::<epoll::Event>::uninit(); EVENTS_MAX];
        let happened = match epoll::wait(&self.poll, &mut room, Some(&timeout)) {
            Ok((happened, _)) => happened,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(Failure::Lost(error.into())),
        };
        for event in happened.iter() {
            let (index, flags) = (event.data.u64() as usize, event.flags);
            if flags.contains(epoll::EventFlags::OUT) && self.clients[index].push()? {
                self.ask_for(index, epoll::EventFlags::IN)?;
            }
            if flags.intersects(!epoll::EventFlags::OUT) {
                self.pull(index)?;
            }
        }
        Ok(())
    }

    fn pull(&mut self, index: usize) -> Result<(), Failure> {
        let progress = self.clients[index].pull(&mut self.buffer)?;
        if progress.replies > 0 {
            let (replies, latency_us) = (progress.replies as u64, progress.latency_us.max(1));
            self.latencies.saturating_record_n(latency_us, replies);
            self.shared.done.fetch_add(replies, Relaxed);
            self.shared.latency_us.fetch_add(latency_us * replies, Relaxed);
        }
        if !progress.is_done {
            return Ok(());
        }
        if !self.options.keeps_alive {
            // Closing the old one ends its watch.
            self.clients[index] = Client::open(self.options)?;
            self.watch(&self.clients[index], index)?;
        }
        self.begin(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is() {
        let shared = Shared::default();
        let taken: Vec<usize> = (0..5).map(|_| shared.take(4, 10)).collect();
        assert_eq!(taken, [4, 4, 2, 0, 0]);
    }
}
