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
//! (4) Whenever another may own the world, our connections are lent to the floor (`floor.rs`), but
//!     for moments in which nobody waits for an answer.
//!
//! Its parts: this file (the loop, connections that come and go), [`serve`] (read, run, write),
//! [`ahead`] (several small requests together), [`feed`] (connections that follow the journal),
//! [`durable`] (replies that wait for the disk), [`waits`] (clients that wait for a key), [`held`] (commands that a pause holds), [`mail`] (news
//! that others have for our clients), [`limits`] (what a client
//! may cost), [`persist`] (its part of saving and loading).

mod ahead;
mod durable;
mod feed;
mod held;
mod limits;
mod mail;
mod persist;
mod serve;
mod waits;

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::Engine;
use engine::batch::Runner;
use engine::client::Closing;
use engine::clients::ClientIndex;
use engine::eviction::Room;
use engine::expire_cycle::ExpireWalk;
use engine::info::Wanted;
use store::{Inside, Seat, Sweep};

use self::ahead::Ahead;
pub(crate) use self::limits::exceeds_query_limit;

use crate::admin::Question;
use crate::alloc;
use crate::driver::{Driver, Epoll, Event, Interest};
use crate::floor::{Conns, Floor};
use crate::inbox::{Inbox, Letter};
use crate::listen::{Accepted, Listeners};
use crate::process::signals;

/// Read at once at most, into the receive buffer that all connections of a worker share.
const RECEIVE_BYTES: usize = 64 * 1024;
/// Connections taken from a listener before others get their turn.
pub(crate) const ACCEPTS_MAX: usize = 1000;
/// Removing expired keys while there are more: at most this long between batches of events.
const EXPIRE_SLICE_US: u64 = 500;

pub(crate) const TOKEN_INBOX: u64 = u64::MAX;
pub(crate) const TOKEN_LISTENER: u64 = 1 << 32;

pub(crate) struct Worker {
    index: usize,
    engine: &'static Engine,
    inboxes: Arc<[Inbox]>,
    floor: &'static Floor,
    driver: &'static Epoll,
    runner: Runner,
    /// Ours while they are not lent to the floor.
    conns: Conns,
    /// On worker 0.
    listeners: Option<Arc<Listeners>>,
    /// Connections that have requests left after their turn.
    queue: VecDeque<ClientIndex>,
    /// Connections that wait for a shard; whoever frees it rings our inbox.
    parked: Vec<ClientIndex>,
    /// Clients whose next command a pause holds, with their ids.
    held: Vec<(ClientIndex, u64)>,
    /// Connections that follow the journal.
    followers: Vec<ClientIndex>,
    feed_unfinished: bool,
    /// Connections whose replies wait for the disk, by what must be on it.
    gated: VecDeque<(u64, ClientIndex)>,
    /// Clients that wait for the disk, with what must be on it and their wait.
    awaiting_log: Vec<(u64, u64, ClientIndex)>,
    /// What is held for them.
    follower_bytes: usize,
    /// When clients have waited long enough, by moment and wait.
    deadlines: BTreeMap<(i64, u64), ClientIndex>,
    receive: Box<[u8]>,
    ahead: Ahead,
    out: Vec<u8>,
    told: mail::Told,
    expire: ExpireWalk,
    expire_unfinished: bool,
    /// More is used than `maxmemory` allows, and there is more to evict.
    evicts: bool,
    next_cron_us: u64,
    idle_cursor: usize,
    /// How long its turns may wait because of a snapshot.
    sweep: Sweep,
    /// How long it last swept because there was nothing else to do.
    idle_sweep_us: u64,
    /// What to do when the data set has been loaded. Worker 0 has it.
    when_loaded: Option<Box<dyn FnOnce() + Send>>,
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        engine: &'static Engine,
        floor: &'static Floor,
    ) -> std::io::Result<Worker> {
        let (driver, inboxes) = (&floor.drivers[index], floor.inboxes.clone());
        driver.add(inboxes[index].fd(), TOKEN_INBOX, Interest::READ)?;
        let listeners = (index == 0).then(|| floor.listeners.clone());
        if let Some(listeners) = &listeners {
            watch(driver, listeners)?;
        }
        Ok(Worker {
            index,
            runner: Runner::new(engine, index),
            engine,
            inboxes,
            floor,
            driver,
            conns: Conns::new(),
            listeners,
            queue: VecDeque::new(),
            parked: Vec::new(),
            held: Vec::new(),
            followers: Vec::new(),
            feed_unfinished: false,
            gated: VecDeque::new(),
            awaiting_log: Vec::new(),
            follower_bytes: 0,
            deadlines: BTreeMap::new(),
            receive: vec![0; RECEIVE_BYTES + ahead::WAITING_BYTES_MAX].into(),
            ahead: Ahead::default(),
            out: Vec::new(),
            told: mail::Told::default(),
            expire: ExpireWalk::default(),
            expire_unfinished: false,
            evicts: false,
            next_cron_us: 0,
            idle_cursor: 0,
            sweep: Sweep::Finished,
            idle_sweep_us: 0,
            when_loaded: None,
        })
    }

    /// Serves until the engine shuts down.
    pub(crate) fn run(&mut self, mut seat: Seat) -> std::io::Result<()> {
        let engine = self.engine;
        let mut events = Vec::new();
        while !engine.shutting_down.load(Relaxed) {
            let timeout = self.wait_time();
            self.driver.wait(Some(timeout), &mut events)?;
            let began = store::ticks::now();
            let commands_before = engine.stats[self.index].commands.get();
            let dirty_before = engine.stats[self.index].dirty.get();
            let mut inside = engine.gate.enter(&mut seat);
            self.floor.exchange(&mut inside, &mut self.conns);
            if engine.mail.has_mail(self.index) {
                // Before the requests that what it tells of may have caused.
                self.deliver_mail(&mut inside);
            }
            self.send_told_if_due(&mut inside, !events.is_empty());
            self.ahead.is_worth_it = events.len() > 1;
            for &event in &events {
                self.on_event(&mut inside, event);
            }
            self.run_ahead(&mut inside);
            self.run_queue(&mut inside);
            self.time_out(&mut inside);
            self.resume_held(&mut inside);
            if engine.mail.has_mail(self.index) {
                self.deliver_mail(&mut inside);
            }
            self.feed(&mut inside);
            self.release_durable(&mut inside);
            self.cron(&mut inside);
            self.make_room();
            if engine.persistence.has_sweep() {
                self.sweep(began, events.is_empty());
            }
            if self.when_loaded.is_some() {
                self.load(&mut inside)?;
            }
            self.floor.exchange(&mut inside, &mut self.conns);
            drop(inside);
            engine.journal.wake_readers();
            if engine.wake_mailboxes() {
                self.let_others_deliver();
            }
            if engine.persistence.has_sweep()
                && engine.stats[self.index].dirty.get() != dirty_before
            {
                self.slow_down_for_snapshot(&mut seat);
            }
            let stats = &engine.stats[self.index];
            stats.turns.add(1);
            let ticks = store::ticks::now().wrapping_sub(began);
            stats.turn_ticks.add(ticks);
            stats.turn_ticks_max.raise(ticks);
            stats.turn_commands_max.raise(stats.commands.get().saturating_sub(commands_before));
        }
        Ok(())
    }

    fn wait_time(&self) -> Duration {
        let has_more = self.expire_unfinished || self.feed_unfinished || self.evicts;
        if !self.queue.is_empty() || has_more || self.has_told() {
            return Duration::ZERO;
        }
        if let Some(wait) = self.persistence_wait() {
            return wait;
        }
        let now_us = base::clock::monotonic_us();
        let until_cron = Duration::from_micros(self.next_cron_us.saturating_sub(now_us));
        let until_cron = until_cron.min(self.until_pause_ends());
        match self.deadlines.first_key_value() {
            None => until_cron,
            Some(((deadline_ms, _), _)) => {
                let left_ms = (deadline_ms - base::clock::unix_ms()).max(0) as u64;
                until_cron.min(Duration::from_millis(left_ms))
            }
        }
    }

    /// Lets whoever wants the world through, before anything else is read or run.
    #[inline]
    pub(super) fn step_aside(&mut self, inside: &mut Inside<'_>) {
        if inside.is_wanted() {
            self.floor.exchange(inside, &mut self.conns);
            inside.checkpoint();
            self.floor.exchange(inside, &mut self.conns);
        }
    }

    fn on_event(&mut self, inside: &mut Inside<'_>, event: Event) {
        if inside.is_wanted() {
            self.run_ahead(inside);
            self.step_aside(inside);
        }
        if event.token < TOKEN_LISTENER {
            self.on_socket(inside, event.token as ClientIndex, event);
            return self.run_ahead_if_full(inside);
        }
        self.run_ahead(inside);
        match event.token {
            TOKEN_INBOX => self.open_letters(inside),
            listener => self.accept(inside, (listener - TOKEN_LISTENER) as usize),
        }
    }

    // ---- connections come ------------------------------------------------------------------

    fn accept(&mut self, inside: &mut Inside<'_>, listener: usize) {
        for _ in 0..ACCEPTS_MAX {
            let Some(listeners) = &self.listeners else { return };
            match listeners.accept(listener) {
                Ok(Some(accepted)) => {
                    if let Some(ours) = self.floor.welcome(self.engine, self.index, accepted) {
                        self.adopt(inside, ours);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    self.engine.host.log('#', &format!("Accepting client connection: {error}"));
                    return;
                }
            }
        }
    }

    fn open_letters(&mut self, inside: &mut Inside<'_>) {
        for letter in self.inboxes[self.index].answer() {
            match letter {
                Letter::Connection(accepted) => self.adopt(inside, accepted),
                Letter::Rebound => self.watch_listeners(),
                Letter::Question(question) => self.answer(inside, question),
            }
        }
        if self.index == 0 {
            signals::obey(self.engine, inside);
        }
        self.queue.extend(self.parked.drain(..));
        self.deliver_mail(inside);
        self.close_noticed(inside);
    }

    /// Answers the admin port. Whoever asked may have gone: there is nobody to tell then.
    fn answer(&mut self, inside: &mut Inside<'_>, question: Question) {
        match question {
            Question::Turns(to) => drop(to.try_send(())),
            Question::Info(to) => {
                let info = self.runner.info(self.engine, inside, &Wanted::all());
                drop(to.try_send(info));
            }
        }
    }

    /// Closes those of our clients that others, or we ourselves, told to go.
    fn close_noticed(&mut self, inside: &mut Inside<'_>) {
        let noticed = std::mem::take(&mut self.engine.clients.mine(inside).attention);
        for index in noticed {
            let engine = self.engine;
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
        if let Err(error) = watch(self.driver, listeners) {
            self.engine.host.log('#', &format!("Watching the listening sockets: {error}"));
        }
    }

    fn adopt(&mut self, inside: &mut Inside<'_>, accepted: Accepted) {
        let engine = self.engine;
        let clients = engine.clients.mine(inside);
        self.floor.adopt(engine, self.index, clients, &mut self.conns, accepted);
    }

    pub(super) fn close(&mut self, inside: &mut Inside<'_>, index: ClientIndex) {
        let Some(mut conn) = self.conns.get_mut(index).and_then(Option::take) else { return };
        conn.end();
        // Closing the descriptor would remove it too; this also covers one that was duplicated.
        let _ = self.driver.remove(conn.fd.as_fd());
        if let Some(mut client) = self.engine.clients.mine(inside).remove(conn.client) {
            self.engine.uncount_client(self.index, &mut client);
            if client.follows.is_some() {
                self.engine.followers.fetch_sub(1, Relaxed);
            }
            self.abandon_wait(&mut client);
            self.engine.unsubscribe_from_everything(&mut client);
            self.engine.untrack(&mut client);
            self.engine.unmonitor(&mut client);
            self.engine.end_hold(&mut client);
        }
        self.engine.forget_client();
    }

    // ---- time ------------------------------------------------------------------------------

    /// Memory may be short because of what came since the last command, and without any command:
    /// messages, replies that nobody reads, another `maxmemory`.
    fn make_room(&mut self) {
        if self.engine.settings.memory.max_bytes() != 0 {
            alloc::settle();
        }
        self.evicts = self.runner.make_room(self.engine) == Room::Soon;
    }

    /// What must be done now and then: expiry, idle clients.
    fn cron(&mut self, inside: &mut Inside<'_>) {
        let engine = self.engine;
        let now_us = base::clock::monotonic_us();
        let is_due = now_us >= self.next_cron_us;
        if is_due {
            let hz = u64::from(engine.settings.hz.load(Relaxed).max(1));
            self.next_cron_us = now_us + 1_000_000 / hz;
        }
        if engine.cron_paused.load(Relaxed) {
            return;
        }
        let began = store::ticks::now();
        if is_due || self.expire_unfinished {
            let runner = &mut self.runner;
            self.expire_unfinished = !self.expire.run(engine, inside, runner, EXPIRE_SLICE_US);
        }
        if is_due {
            alloc::settle();
            self.look_after_clients(inside);
            if self.index == 0 {
                // One that came while this was paused.
                signals::obey(engine, inside);
                engine.tick(self.runner.now_ms);
                self.renew_certificates();
                self.save_if_due(inside);
                self.rewrite_aof_if_due(inside);
                self.begin_backup_if_due(inside);
            }
            let ticks = store::ticks::now().wrapping_sub(began);
            engine.stats[self.index].cron_ticks.add(ticks);
        }
    }

    fn renew_certificates(&self) {
        let Some(listeners) = &self.listeners else { return };
        match listeners.tls.reload_if_due(&self.engine.config()) {
            None => {}
            Some(Ok(())) => self.engine.host.log('*', "TLS certificates have been read anew"),
            Some(Err(why)) => {
                self.engine.host.log('#', &format!("{why} The certificates before serve on."));
            }
        }
    }
}

/// Watches every listening socket; those that closed are forgotten by themselves.
fn watch(driver: &Epoll, listeners: &Listeners) -> std::io::Result<()> {
    listeners.each(|i, fd| match driver.add(fd, TOKEN_LISTENER + i as u64, Interest::READ) {
        // The unix socket stays when the others change.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        added => added,
    })
}
