//! The options that running commands look at: one relaxed load each.
//!
//! The configuration itself is behind a mutex, because it is text, lists and rules. Whatever a
//! command or the event loop needs on its way is copied here whenever the configuration changes,
//! which happens at a closed gate: a command sees either all of a CONFIG SET or nothing of it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering::Relaxed};

use crate::attention::Attention;
use crate::notify::Wanted;
use config::{ClientClass, Config, id};
use store::Limits;
use store::eviction_clock::UsageClock;

#[derive(Default)]
pub struct Settings {
    lfu: AtomicBool,
    lfu_log_factor: AtomicU32,
    lfu_decay_minutes: AtomicU32,
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
    /// Payloads of unknown versions are tried.
    pub rdb_any_version: AtomicBool,
    limits: LimitOptions,
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
    pub fn load(&self, config: &Config) {
        let policy = config.choice(id::MAXMEMORY_POLICY);
        self.lfu.store(policy.ends_with("lfu"), Relaxed);
        self.lfu_log_factor.store(config.int(id::LFU_LOG_FACTOR) as u32, Relaxed);
        self.lfu_decay_minutes.store(config.int(id::LFU_DECAY_TIME) as u32, Relaxed);
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
        let any_version = config.choice(id::RDB_VERSION_CHECK) == "relaxed";
        self.rdb_any_version.store(any_version, Relaxed);
        self.limits.load(config);
        self.acl_log_entries_max.store(config.size(id::ACLLOG_MAX_LEN), Relaxed);
    }

    #[inline]
    pub fn usage_clock(&self) -> UsageClock {
        if self.lfu.load(Relaxed) {
            UsageClock::Lfu {
                log_factor: self.lfu_log_factor.load(Relaxed),
                decay_minutes: self.lfu_decay_minutes.load(Relaxed),
            }
        } else {
            UsageClock::Lru
        }
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
