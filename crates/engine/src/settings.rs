//! The options that running commands look at: one relaxed load each.
//!
//! The configuration itself is behind a mutex, because it is text, lists and rules. Whatever a
//! command or the event loop needs on its way is copied here whenever the configuration changes,
//! which happens at a closed gate: a command sees either all of a CONFIG SET or nothing of it.

use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed,
};

use crate::attention::Attention;
use crate::engine::Host;
use crate::notify::Wanted;
use config::{ClientClass, Config, id};
use store::Limits;
use store::eviction::{Order, Policy};
use store::eviction_clock::UsageClock;

#[derive(Default)]
pub struct Settings {
    pub memory: MemoryLimit,
    clients_bytes_max: AtomicUsize,
    bulk_bytes_max: AtomicUsize,
    query_buffer_bytes_max: AtomicUsize,
    hll_sparse_bytes_max: AtomicUsize,
    pub hz: AtomicU32,
    pub clients_max: AtomicUsize,
    pub idle_timeout_s: AtomicI64,
    pub active_expire: AtomicBool,
    pub active_expire_effort: AtomicU32,
    pub lazy_expire: AtomicBool,
    pub lazy_server_del: AtomicBool,
    pub lazy_user_del: AtomicBool,
    pub lazy_user_flush: AtomicBool,
    pub protected_mode: AtomicBool,
    /// Whether a new connection must log in. It follows from the default user, not from the
    /// configuration: see [`crate::permission`].
    pub password_required: AtomicBool,
    pub acl_log_entries_max: AtomicUsize,
    pub output_limit: OutputLimit,
    pub pubsub_output_limit: OutputLimit,
    pub events: Wanted,
    pub attention: Attention,
    /// 0: no bound.
    pub tracked_keys_max: AtomicUsize,
    /// Whether durations of commands are counted.
    pub latency_tracking: AtomicBool,
    pub rdb_compression: AtomicBool,
    /// 0: the lowest that can hold a value.
    pub rdb_version: AtomicU32,
    pub stops_writes_on_save_error: AtomicBool,
    /// After so many milliseconds a script is late; 0: never.
    pub busy_reply_ms: AtomicI64,
    /// Payloads of unknown versions are tried.
    pub rdb_any_version: AtomicBool,
    limits: LimitOptions,
}

/// `maxmemory` and what belongs to it.
#[derive(Default)]
pub struct MemoryLimit {
    max_bytes: AtomicUsize,
    /// One of `ORDERS`, or no eviction.
    order: AtomicU8,
    is_volatile: AtomicBool,
    clock: AtomicU8,
    samples: AtomicUsize,
    tenacity: AtomicU32,
    frees_lazily: AtomicBool,
    lfu_log_factor: AtomicU32,
    lfu_decay_minutes: AtomicU32,
}

const ORDERS: &[Order] = &[Order::Usage, Order::Ttl, Order::Random];
const NO_EVICTION: u8 = u8::MAX;

const CLOCK_LRU: u8 = 0;
const CLOCK_LRM: u8 = 1;
const CLOCK_LFU: u8 = 2;

impl MemoryLimit {
    fn load(&self, config: &Config, host: &dyn Host) {
        let max = config.int(id::MAXMEMORY);
        self.max_bytes.store(share(max, || host.granted_memory() as usize), Relaxed);
        let name = config.choice(id::MAXMEMORY_POLICY);
        let policy = Policy::named(name);
        let order = policy.and_then(|policy| ORDERS.iter().position(|o| *o == policy.order));
        self.order.store(order.map_or(NO_EVICTION, |order| order as u8), Relaxed);
        self.is_volatile.store(policy.is_some_and(|policy| policy.is_volatile), Relaxed);
        let clock = match name.rsplit('-').next() {
            Some("lfu") => CLOCK_LFU,
            Some("lrm") => CLOCK_LRM,
            _ => CLOCK_LRU,
        };
        self.clock.store(clock, Relaxed);
        self.samples.store(config.int(id::MAXMEMORY_SAMPLES) as usize, Relaxed);
        self.tenacity.store(config.int(id::MAXMEMORY_EVICTION_TENACITY) as u32, Relaxed);
        self.frees_lazily.store(config.flag(id::LAZYFREE_LAZY_EVICTION), Relaxed);
        self.lfu_log_factor.store(config.int(id::LFU_LOG_FACTOR) as u32, Relaxed);
        self.lfu_decay_minutes.store(config.int(id::LFU_DECAY_TIME) as u32, Relaxed);
    }

    /// 0: no limit.
    #[inline]
    pub fn max_bytes(&self) -> usize {
        self.max_bytes.load(Relaxed)
    }

    /// None: nothing is evicted.
    pub fn policy(&self) -> Option<Policy> {
        let order = *ORDERS.get(usize::from(self.order.load(Relaxed)))?;
        Some(Policy { order, is_volatile: self.is_volatile.load(Relaxed) })
    }

    pub fn samples(&self) -> usize {
        self.samples.load(Relaxed)
    }

    pub fn tenacity(&self) -> u32 {
        self.tenacity.load(Relaxed)
    }

    /// `lazyfree-lazy-eviction`.
    pub fn frees_lazily(&self) -> bool {
        self.frees_lazily.load(Relaxed)
    }

    #[inline]
    fn usage_clock(&self) -> UsageClock {
        match self.clock.load(Relaxed) {
            CLOCK_LRU => UsageClock::Lru,
            CLOCK_LRM => UsageClock::Lrm,
            _ => UsageClock::Lfu {
                log_factor: self.lfu_log_factor.load(Relaxed),
                decay_minutes: self.lfu_decay_minutes.load(Relaxed),
            },
        }
    }
}

/// A number of bytes, or, if it is negative, so many percent of something.
fn share(number: i64, of: impl FnOnce() -> usize) -> usize {
    usize::try_from(number).unwrap_or_else(|_| of() / 100 * number.unsigned_abs() as usize)
}

/// Hard and soft limit of a client's output buffer, and the seconds of the soft one.
#[derive(Default)]
pub struct OutputLimit {
    pub hard_bytes: AtomicUsize,
    pub soft_bytes: AtomicUsize,
    pub soft_s: AtomicI64,
}

/// The options behind [`Limits`], each as the configuration has it.
#[derive(Default)]
struct LimitOptions {
    hash_entries: AtomicUsize,
    hash_value: AtomicUsize,
    set_intset_entries: AtomicUsize,
    set_listpack_entries: AtomicUsize,
    set_listpack_value: AtomicUsize,
    zset_entries: AtomicUsize,
    zset_value: AtomicUsize,
    list_node_size: AtomicI64,
    list_plain_bytes_min: AtomicUsize,
    stream_node_bytes: AtomicUsize,
    stream_node_entries: AtomicUsize,
}

impl LimitOptions {
    fn load(&self, config: &Config) {
        for (limit, option) in [
            (&self.hash_entries, id::HASH_MAX_LISTPACK_ENTRIES),
            (&self.hash_value, id::HASH_MAX_LISTPACK_VALUE),
            (&self.set_intset_entries, id::SET_MAX_INTSET_ENTRIES),
            (&self.set_listpack_entries, id::SET_MAX_LISTPACK_ENTRIES),
            (&self.set_listpack_value, id::SET_MAX_LISTPACK_VALUE),
            (&self.zset_entries, id::ZSET_MAX_LISTPACK_ENTRIES),
            (&self.zset_value, id::ZSET_MAX_LISTPACK_VALUE),
            (&self.stream_node_bytes, id::STREAM_NODE_MAX_BYTES),
            (&self.stream_node_entries, id::STREAM_NODE_MAX_ENTRIES),
        ] {
            limit.store(config.int(option).max(0) as usize, Relaxed);
        }
        self.list_node_size.store(config.int(id::LIST_MAX_LISTPACK_SIZE), Relaxed);
    }
}

impl OutputLimit {
    fn load(&self, config: &Config, class: ClientClass) {
        let limit = config.output_buffer_limit(class);
        self.hard_bytes.store(limit.hard_bytes as usize, Relaxed);
        self.soft_bytes.store(limit.soft_bytes as usize, Relaxed);
        self.soft_s.store(limit.soft_seconds, Relaxed);
    }
}

impl Settings {
    /// Takes over what the configuration says.
    pub fn load(&self, config: &Config, host: &dyn Host) {
        self.memory.load(config, host);
        let clients_max = config.int(id::MAXMEMORY_CLIENTS);
        let clients_bytes_max = share(clients_max, || self.memory.max_bytes());
        self.clients_bytes_max.store(clients_bytes_max, Relaxed);
        self.bulk_bytes_max.store(config.int(id::PROTO_MAX_BULK_LEN) as usize, Relaxed);
        let query_bytes = config.int(id::CLIENT_QUERY_BUFFER_LIMIT) as usize;
        self.query_buffer_bytes_max.store(query_bytes, Relaxed);
        let sparse_bytes = config.int(id::HLL_SPARSE_MAX_BYTES) as usize;
        self.hll_sparse_bytes_max.store(sparse_bytes, Relaxed);
        self.hz.store(config.int(id::HZ) as u32, Relaxed);
        self.clients_max.store(config.int(id::MAXCLIENTS) as usize, Relaxed);
        self.idle_timeout_s.store(config.int(id::TIMEOUT), Relaxed);
        self.active_expire_effort.store(config.int(id::ACTIVE_EXPIRE_EFFORT) as u32, Relaxed);
        self.lazy_expire.store(config.flag(id::LAZYFREE_LAZY_EXPIRE), Relaxed);
        self.lazy_server_del.store(config.flag(id::LAZYFREE_LAZY_SERVER_DEL), Relaxed);
        self.lazy_user_del.store(config.flag(id::LAZYFREE_LAZY_USER_DEL), Relaxed);
        self.lazy_user_flush.store(config.flag(id::LAZYFREE_LAZY_USER_FLUSH), Relaxed);
        self.protected_mode.store(config.flag(id::PROTECTED_MODE), Relaxed);
        self.output_limit.load(config, ClientClass::Normal);
        self.pubsub_output_limit.load(config, ClientClass::Pubsub);
        self.events.load(config);
        self.attention.load(config);
        let tracked_max = config.int(id::TRACKING_TABLE_MAX_KEYS) as usize;
        self.tracked_keys_max.store(tracked_max, Relaxed);
        self.latency_tracking.store(config.flag(id::LATENCY_TRACKING), Relaxed);
        self.rdb_compression.store(config.flag(id::RDBCOMPRESSION), Relaxed);
        self.rdb_version.store(config.int(id::RDB_VERSION) as u32, Relaxed);
        let stops_writes = config.flag(id::STOP_WRITES_ON_BGSAVE_ERROR);
        self.stops_writes_on_save_error.store(stops_writes, Relaxed);
        let any_version = config.choice(id::RDB_VERSION_CHECK) == "relaxed";
        self.rdb_any_version.store(any_version, Relaxed);
        self.busy_reply_ms.store(config.int(id::BUSY_REPLY_THRESHOLD), Relaxed);
        self.limits.load(config);
        self.acl_log_entries_max.store(config.size(id::ACLLOG_MAX_LEN), Relaxed);
    }

    #[inline]
    pub fn usage_clock(&self) -> UsageClock {
        self.memory.usage_clock()
    }

    /// Up to where collections stay in their compact forms.
    pub fn limits(&self) -> Limits {
        let options = &self.limits;
        Limits {
            hash_entries_max: options.hash_entries.load(Relaxed),
            hash_value_bytes_max: options.hash_value.load(Relaxed),
            set_intset_entries_max: options.set_intset_entries.load(Relaxed),
            set_listpack_entries_max: options.set_listpack_entries.load(Relaxed),
            set_listpack_value_bytes_max: options.set_listpack_value.load(Relaxed),
            zset_entries_max: options.zset_entries.load(Relaxed),
            zset_value_bytes_max: options.zset_value.load(Relaxed),
            list_node_size: options.list_node_size.load(Relaxed),
            list_plain_bytes_min: options.list_plain_bytes_min.load(Relaxed),
            stream_node_bytes_max: options.stream_node_bytes.load(Relaxed),
            stream_node_entries_max: options.stream_node_entries.load(Relaxed),
        }
    }

    /// DEBUG QUICKLIST-PACKED-THRESHOLD: no option of the configuration.
    pub fn set_list_plain_bytes_min(&self, bytes: usize) {
        self.limits.list_plain_bytes_min.store(bytes, Relaxed);
    }

    /// What all clients together may take; 0: no limit.
    #[inline]
    pub fn clients_bytes_max(&self) -> usize {
        self.clients_bytes_max.load(Relaxed)
    }

    pub fn bulk_bytes_max(&self) -> usize {
        self.bulk_bytes_max.load(Relaxed)
    }

    pub fn hll_sparse_bytes_max(&self) -> usize {
        self.hll_sparse_bytes_max.load(Relaxed)
    }

    pub fn query_buffer_bytes_max(&self) -> usize {
        self.query_buffer_bytes_max.load(Relaxed)
    }
}
