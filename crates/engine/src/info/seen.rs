//! What the fields of INFO may look at: gathered once, so that they agree with each other.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering::Relaxed;

use config::Config;
use store::World;

use crate::client::{Client, Closing};
use crate::cx::Cx;
use crate::db::Db;
use crate::engine::Engine;
use crate::info::key_sizes::KeySizes;
use crate::pause::Held;
use crate::stats::WorkerStats;

/// Keys looked at for the average TTL of a database: some tens of microseconds.
const TTL_DRAWS: usize = 64;

pub struct Seen<'a> {
    pub engine: &'a Engine,
    pub now_ms: i64,
    pub config: MutexGuard<'a, Config>,
    /// Section, field, value, from the host.
    pub facts: Vec<(&'static str, &'static str, String)>,
    pub memory: MemorySeen,
    pub clients: ClientsSeen,
    /// By number; empty ones included.
    pub dbs: Vec<DbSeen>,
    /// Pairs of tracked key and client.
    pub tracked_items: u64,
    /// Of every database, if they were measured.
    pub key_sizes: Vec<KeySizes>,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemorySeen {
    /// What the allocator has handed out.
    pub used: u64,
    pub peak: u64,
    /// `used` when the server had started.
    pub startup: u64,
    /// The tables that find the records.
    pub index: u64,
}

#[derive(Clone, Debug, Default)]
pub struct ClientsSeen {
    /// Connections of each worker.
    pub of_worker: Vec<usize>,
    pub bytes: u64,
    /// Those of them held for clients that follow the journal.
    pub replica_bytes: u64,
    pub input_bytes_max: u64,
    pub output_bytes_max: u64,
    /// Clients that follow the journal.
    pub replicas: u64,
    /// That subscribed to something.
    pub subscribers: u64,
    /// That watch keys.
    pub watching: u64,
    /// That wait until a moment.
    pub with_deadline: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct DbSeen {
    pub keys: u64,
    pub expires: u64,
    /// Keys with fields that expire.
    pub subexpires: u64,
    /// An estimate; 0 if no key with an expiry was met.
    pub avg_ttl_ms: u64,
    pub index_bytes: u64,
    /// Keys that someone waits for.
    pub waited_keys: u64,
    /// Keys that someone watches.
    pub watched_keys: u64,
}

impl<'a> Seen<'a> {
    /// Looks at everything once. The command must hold the world.
    pub fn gather(cx: &mut Cx<'a>) -> Seen<'a> {
        let world = cx.world.as_mut().expect("commands that look at all clients hold the world");
        Seen::look(cx.engine, &mut cx.db, world, cx.client)
    }

    /// The same for whoever holds the world; `own` is the client that is out of its table.
    pub(super) fn look(
        engine: &'a Engine,
        db: &mut Db<'_>,
        world: &mut World<'_>,
        own: &Client,
    ) -> Seen<'a> {
        let now_ms = base::clock::unix_ms();
        let clients = see_clients(engine, world, own);
        let dbs: Vec<DbSeen> = (0..db.databases()).map(|index| see_db(db, index)).collect();
        let tracked_items = db.tracked_items() as u64;
        let used = engine.host.used_memory() as u64;
        let memory = MemorySeen {
            used,
            peak: engine.peak_memory.fetch_max(used, Relaxed).max(used),
            startup: engine.startup_memory,
            index: dbs.iter().map(|db| db.index_bytes).sum(),
        };
        // The host may look at the configuration, so it is asked before that is held.
        let facts = engine.host.facts();
        let config = engine.config();
        Seen {
            engine,
            now_ms,
            config,
            facts,
            memory,
            clients,
            dbs,
            tracked_items,
            key_sizes: Vec::new(),
        }
    }

    /// The same, with the sizes of all keys.
    pub fn gather_with_key_sizes(cx: &mut Cx<'a>) -> Seen<'a> {
        let measure = |index| cx.db.within(index, |db| KeySizes::measure(db));
        let key_sizes = (0..cx.engine.keyspace.databases()).map(measure).collect();
        Seen { key_sizes, ..Seen::gather(cx) }
    }

    /// What the host says of a field.
    pub fn fact(&self, field: &str) -> Option<&str> {
        self.facts.iter().find(|(_, name, _)| *name == field).map(|(.., value)| value.as_str())
    }

    /// A fact that is a number; 0 if the host does not know it.
    pub fn fact_number(&self, field: &str) -> u64 {
        self.fact(field).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub fn total(&self, counter: impl Fn(&WorkerStats) -> u64) -> u64 {
        self.engine.total(counter)
    }

    /// The greatest of the workers'.
    pub fn most(&self, counter: impl Fn(&WorkerStats) -> u64) -> u64 {
        self.engine.stats.iter().map(|stats| counter(stats)).max().unwrap_or(0)
    }

    /// What is paused at this moment, and until when.
    pub fn pause(&self) -> Option<(Held, i64)> {
        self.engine.pause.at(self.now_ms)
    }

    pub fn keys(&self) -> u64 {
        self.dbs.iter().map(|db| db.keys).sum()
    }

    pub fn uptime_s(&self) -> u64 {
        ((self.now_ms - self.engine.started_ms) / 1000).max(0) as u64
    }

    /// Bytes that are not data: the server itself, the index, the clients' buffers.
    pub fn overhead(&self) -> u64 {
        self.memory.startup + self.memory.index + self.clients.bytes
    }

    pub fn dataset(&self) -> u64 {
        self.memory.used.saturating_sub(self.overhead())
    }

    /// Percent of what was allocated since the start that is data.
    pub fn dataset_percent(&self) -> f64 {
        let since_start = self.memory.used.saturating_sub(self.memory.startup);
        100.0 * quotient(self.dataset(), since_start).min(1.0)
    }

    pub fn peak_percent(&self) -> f64 {
        100.0 * quotient(self.memory.used, self.memory.peak)
    }
}

/// `a / b`; 0 where there is nothing to compare with.
pub(super) fn quotient(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

fn see_clients(engine: &Engine, world: &mut World<'_>, own: &Client) -> ClientsSeen {
    // The own client is out of its table while it runs a command.
    let mut seen = ClientsSeen {
        bytes: own.memory() as u64,
        replica_bytes: 0,
        input_bytes_max: own.input.capacity() as u64,
        output_bytes_max: own.output.len() as u64,
        subscribers: own.subscriptions.is_some().into(),
        watching: own.watch.is_some().into(),
        ..ClientsSeen::default()
    };
    for clients in engine.clients.all(world) {
        let mut connected = clients.len();
        for (_, client) in clients.iter_mut() {
            // Killed, though its worker has not closed it yet.
            connected -= usize::from(client.closing == Closing::Now);
            seen.bytes += client.memory() as u64;
            if client.follows.is_some() {
                seen.replica_bytes += client.memory() as u64;
            }
            seen.input_bytes_max = seen.input_bytes_max.max(client.input.capacity() as u64);
            seen.output_bytes_max = seen.output_bytes_max.max(client.output.len() as u64);
            seen.replicas += u64::from(client.follows.is_some());
            seen.subscribers += u64::from(client.subscriptions.is_some());
            seen.watching += u64::from(client.watch.is_some());
            let deadline = client.blocked.as_ref().and_then(|blocked| blocked.deadline_ms);
            seen.with_deadline += u64::from(deadline.is_some());
        }
        seen.of_worker.push(connected);
    }
    seen
}

fn see_db(db: &mut Db<'_>, index: usize) -> DbSeen {
    db.within(index, |db| {
        let keys = db.len() as u64;
        let waited_keys = (0..db.shard_count()).map(|s| db.shard(s).waiting.len() as u64).sum();
        let watched_keys =
            (0..db.shard_count()).map(|s| db.shard(s).watched.live_keys() as u64).sum();
        if keys == 0 {
            return DbSeen { waited_keys, watched_keys, ..DbSeen::default() };
        }
        let (expires, subexpires) = (db.expires() as u64, db.element_expires() as u64);
        let index_bytes = (0..db.shard_count()).map(|s| db.shard(s).table_bytes() as u64).sum();
        let (mut met, mut sum_ms) = (0, 0);
        let draws = if expires == 0 { 0 } else { TTL_DRAWS };
        for _ in 0..draws {
            if let Some((_, Some(at_ms))) = db.random_key() {
                met += 1;
                sum_ms += (at_ms - db.now_ms()).max(0) as u64;
            }
        }
        let avg_ttl_ms = sum_ms.checked_div(met).unwrap_or(0);
        DbSeen { keys, expires, subexpires, avg_ttl_ms, index_bytes, waited_keys, watched_keys }
    })
}
