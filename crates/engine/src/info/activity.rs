//! INFO persistence, stats, replication and cluster.

use std::sync::atomic::Ordering::Relaxed;

use config::id;
use store::ticks::to_us;

use super::seen::Seen;
use super::{Field, fixed, number, ratio, text_of};
use crate::pubsub::Topic;
use crate::sampler::Rate;
use crate::stats::WorkerStats;

pub(super) const PERSISTENCE: &[Field] =
    &[
        number("loading", "Whether a data set is being loaded.", |s| {
            u64::from(s.engine.persistence.is_loading())
        }),
        fixed("async_loading", "Whether one is loaded while the old one is served.", "0"),
        fixed("current_cow_peak", "Most bytes copied for the save under way.", "0"),
        fixed("current_cow_size", "Bytes copied for the save under way.", "0"),
        fixed("current_cow_size_age", "Age of that figure in seconds.", "0"),
        ratio("current_fork_perc", "Percent done of the save under way.", |s| {
            let seen = s.engine.saves_seen();
            100.0 * seen.keys_done as f64 / seen.keys_total.max(1) as f64
        }),
        number("current_save_keys_processed", "Keys done of the save under way.", |s| {
            s.engine.saves_seen().keys_done
        }),
        number("current_save_keys_total", "Keys of the save under way.", |s| {
            s.engine.saves_seen().keys_total
        }),
        number("rdb_changes_since_last_save", "Changes since the last save.", |s| {
            s.engine.changes_since_save()
        }),
        number("rdb_bgsave_in_progress", "Whether a background save is under way.", |s| {
            u64::from(s.engine.saves_seen().is_saving)
        }),
        number("rdb_last_save_time", "Unix time of the last save, or of the start.", |s| {
            s.engine.last_save_s() as u64
        }),
        text_of("rdb_last_bgsave_status", "How the last background save ended.", |s| {
            if s.engine.saves_seen().has_failed { "err" } else { "ok" }.to_owned()
        }),
        text_of("rdb_last_bgsave_time_sec", "Seconds the last one took; -1: none yet.", |s| {
            s.engine.saves_seen().last_duration_s.to_string()
        }),
        text_of("rdb_current_bgsave_time_sec", "Seconds the present one takes; -1: none.", |s| {
            s.engine.saves_seen().duration_s.to_string()
        }),
        number("rdb_saves", "Saves since the start.", |s| s.engine.saves_seen().saves),
        fixed("rdb_last_cow_size", "Bytes copied for the last save.", "0"),
        number("rdb_last_load_keys_expired", "Keys left out at the last load: expired.", |s| {
            s.engine.persistence.expired_keys()
        }),
        number("rdb_last_load_keys_loaded", "Keys read at the last load.", |s| {
            s.engine.persistence.loaded_keys()
        }),
        number("aof_enabled", "Whether the append only file is written.", |s| {
            u64::from(s.engine.aof.is_on())
        }),
        number("aof_rewrite_in_progress", "Whether a rewrite is under way.", |s| {
            u64::from(s.engine.aof.is_rewriting())
        }),
        number("aof_rewrite_scheduled", "Whether a rewrite waits for a save to end.", |s| {
            u64::from(s.engine.is_rewrite_scheduled())
        }),
        text_of("aof_last_rewrite_time_sec", "Seconds the last rewrite took; -1: none yet.", |s| {
            s.engine.aof.figures().last_rewrite_s.load(Relaxed).to_string()
        }),
        text_of("aof_current_rewrite_time_sec", "Seconds the present one takes; -1: none.", |s| {
            match s.engine.aof.figures().rewrite_began_s.load(Relaxed) {
                0 => "-1".to_owned(),
                began_s => (s.now_ms / 1000 - began_s).to_string(),
            }
        }),
        text_of("aof_last_bgrewrite_status", "How the last rewrite ended.", |s| {
            status(s.engine.aof.figures().last_rewrite_failed.load(Relaxed))
        }),
        number("aof_rewrites", "Rewrites since the start.", |s| {
            s.engine.aof.figures().rewrites.load(Relaxed)
        }),
        number("aof_rewrites_consecutive_failures", "Rewrites that failed in a row.", |s| {
            s.engine.aof.figures().failures_in_a_row.load(Relaxed)
        }),
        text_of("aof_last_write_status", "How the last write to the file ended.", |s| {
            status(s.engine.aof.is_broken())
        }),
        number("aof_current_size", "Bytes of the append only file.", |s| {
            s.engine.aof.figures().current_bytes.load(Relaxed)
        }),
        number("aof_base_size", "Bytes it had after the last rewrite, or at the start.", |s| {
            s.engine.aof.figures().base_bytes.load(Relaxed)
        }),
        fixed("aof_pending_rewrite", "Whether a rewrite waits for a save to end.", "0"),
        number("aof_buffer_length", "Bytes not yet handed to the file.", |s| {
            if s.engine.aof.is_on() {
                s.engine.journal.tail().saturating_sub(s.engine.aof.written())
            } else {
                0
            }
        }),
        number("aof_pending_bio_fsync", "Syncs of the file that wait for a thread.", |s| {
            u64::from(s.engine.aof.is_on() && s.engine.aof.durable() < s.engine.aof.written())
        }),
        number("aof_delayed_fsync", "Syncs that came later than they should have.", |s| {
            s.engine.aof.figures().delayed_fsyncs.load(Relaxed)
        }),
        fixed("aof_last_cow_size", "Bytes copied for the last rewrite.", "0"),
        fixed("module_fork_in_progress", "Whether a module forked.", "0"),
        fixed("module_fork_last_cow_size", "Bytes copied for a module's fork.", "0"),
    ];

fn status(has_failed: bool) -> String {
    if has_failed { "err" } else { "ok" }.to_owned()
}

/// How far a load has got, while there is one.
pub(super) fn loading(seen: &Seen<'_>, out: &mut String) {
    let persistence = &seen.engine.persistence;
    if !persistence.is_loading() {
        return;
    }
    let total = persistence.load_total_bytes.load(Relaxed);
    let loaded = persistence.load_bytes.load(Relaxed);
    let started_s = persistence.load_started_s.load(Relaxed);
    let elapsed_s = (base::clock::unix_ms() / 1000 - started_s).max(0) as u64;
    let eta_s = match loaded {
        0 => 1,
        _ => elapsed_s * total.saturating_sub(loaded) / loaded,
    };
    let percent = 100.0 * loaded as f64 / total.max(1) as f64;
    out.push_str(&format!(
        "loading_start_time:{started_s}\r\nloading_total_bytes:{total}\r\n\
         loading_rdb_used_mem:{}\r\nloading_loaded_bytes:{loaded}\r\n\
         loading_loaded_perc:{percent:.2}\r\nloading_eta_seconds:{eta_s}\r\n",
        persistence.load_used_memory.load(Relaxed),
    ));
}

/// Kilobytes in a second.
fn kbps(seen: &Seen<'_>, rate: Rate) -> f64 {
    seen.engine.rate(rate) as f64 / 1024.0
}

pub(super) const STATS: &[Field] = &[
    number("total_connections_received", "Connections accepted.", |s| {
        s.total(|w| w.connections_received.get())
    }),
    number("total_commands_processed", "Commands run.", |s| s.total(|w| w.commands.get())),
    number("instantaneous_ops_per_sec", "Commands in a second, now.", |s| {
        s.engine.rate(Rate::Commands)
    }),
    number("total_net_input_bytes", "Bytes read from clients.", |s| {
        s.total(|w| w.net_input_bytes.get())
    }),
    number("total_net_output_bytes", "Bytes written to clients.", |s| {
        s.total(|w| w.net_output_bytes.get())
    }),
    fixed("total_net_repl_input_bytes", "Bytes read from the primary.", "0"),
    fixed("total_net_repl_output_bytes", "Bytes written to replicas.", "0"),
    ratio("instantaneous_input_kbps", "Kilobytes read in a second, now.", |s| {
        kbps(s, Rate::InputBytes)
    }),
    ratio("instantaneous_output_kbps", "Kilobytes written in a second, now.", |s| {
        kbps(s, Rate::OutputBytes)
    }),
    fixed("instantaneous_input_repl_kbps", "Kilobytes from the primary in a second.", "0.00"),
    fixed("instantaneous_output_repl_kbps", "Kilobytes to replicas in a second.", "0.00"),
    number("rejected_connections", "Connections refused because of `maxclients`.", |s| {
        s.total(|w| w.connections_rejected.get())
    }),
    fixed("sync_full", "Full syncs given to replicas.", "0"),
    fixed("sync_partial_ok", "Partial syncs given.", "0"),
    fixed("sync_partial_err", "Partial syncs refused.", "0"),
    number("expired_subkeys", "Fields of hashes that expired.", |s| {
        s.total(|w| w.expired_subkeys.get())
    }),
    number("expired_keys", "Keys that expired.", |s| s.total(|w| w.expired_keys.get())),
    fixed("expired_stale_perc", "Keys estimated due but present; none stay.", "0.00"),
    fixed("expired_time_cap_reached_count", "Expire cycles that ran out of time.", "0"),
    fixed("expire_cycle_cpu_milliseconds", "Time spent in expire cycles.", "0"),
    number("evicted_keys", "Keys evicted because of `maxmemory`.", |s| {
        s.total(|w| w.evicted_keys.get())
    }),
    number("evicted_clients", "Clients closed because of `maxmemory-clients`.", |s| {
        s.total(|w| w.evicted_clients.get())
    }),
    number("evicted_scripts", "Scripts evicted from the cache.", |s| {
        s.engine.scripts.evicted.load(Relaxed)
    }),
    number("total_eviction_exceeded_time", "Milliseconds above `maxmemory`.", |s| {
        s.engine.exceeded_time.total_ms()
    }),
    number("current_eviction_exceeded_time", "Milliseconds above it now.", |s| {
        s.engine.exceeded_time.current_ms()
    }),
    number("keyspace_hits", "Lookups that found their key.", |s| {
        s.total(|w| w.keyspace_hits.get())
    }),
    number("keyspace_misses", "Lookups that did not.", |s| s.total(|w| w.keyspace_misses.get())),
    number("pubsub_channels", "Channels with a subscriber.", |s| {
        s.engine.pubsub.count(Topic::Channel) as u64
    }),
    number("pubsub_patterns", "Patterns with a subscriber.", |s| {
        s.engine.pubsub.count(Topic::Pattern) as u64
    }),
    number("pubsubshard_channels", "Shard channels with a subscriber.", |s| {
        s.engine.pubsub.count(Topic::Shard) as u64
    }),
    fixed("latest_fork_usec", "Duration of the last fork; there are none.", "0"),
    fixed("total_forks", "Forks; there are none.", "0"),
    fixed("migrate_cached_sockets", "Sockets kept open for MIGRATE.", "0"),
    fixed("slave_expires_tracked_keys", "Keys with an expiry written on a replica.", "0"),
    fixed("active_defrag_hits", "Values moved by defragmentation.", "0"),
    fixed("active_defrag_misses", "Values it looked at and left.", "0"),
    fixed("active_defrag_key_hits", "Keys moved by defragmentation.", "0"),
    fixed("active_defrag_key_misses", "Keys it looked at and left.", "0"),
    fixed("total_active_defrag_time", "Milliseconds of defragmentation.", "0"),
    fixed("current_active_defrag_time", "Milliseconds of the present round.", "0"),
    number("tracking_total_keys", "Keys that are tracked.", |s| s.engine.tracking.keys() as u64),
    number("tracking_total_items", "Pairs of tracked key and client.", |s| s.tracked_items),
    number("tracking_total_prefixes", "Prefixes that are tracked.", |s| {
        s.engine.tracking.prefixes() as u64
    }),
    fixed("unexpected_error_replies", "Errors answered to a primary.", "0"),
    number("total_error_replies", "Errors answered.", |s| s.engine.errors.total()),
    fixed("dump_payload_sanitizations", "Payloads validated in depth: all, uncounted.", "0"),
    number("total_reads_processed", "Reads from sockets.", |s| s.total(|w| w.reads.get())),
    number("total_writes_processed", "Writes to sockets.", |s| s.total(|w| w.writes.get())),
    fixed("io_threaded_reads_processed", "Reads by helper threads; workers read.", "0"),
    fixed("io_threaded_writes_processed", "Writes by helper threads; workers write.", "0"),
    number("client_query_buffer_limit_disconnections", "Clients closed for their input.", |s| {
        s.total(|w| w.query_buffer_limit_closed.get())
    }),
    number("client_output_buffer_limit_disconnections", "Clients closed for their output.", |s| {
        s.total(|w| w.output_buffer_limit_closed.get())
    }),
    fixed("reply_buffer_shrinks", "Reply buffers made smaller; uncounted.", "0"),
    fixed("reply_buffer_expands", "Reply buffers made larger; uncounted.", "0"),
    number("eventloop_cycles", "Turns of the event loops.", |s| s.total(|w| w.turns.get())),
    number("eventloop_duration_sum", "Microseconds of those turns.", |s| {
        to_us(s.total(|w| w.turn_ticks.get()))
    }),
    number("eventloop_duration_cmd_sum", "Microseconds of commands in them.", |s| {
        to_us(s.total(WorkerStats::command_ticks))
    }),
    number("instantaneous_eventloop_cycles_per_sec", "Turns of a worker in a second, now.", |s| {
        s.engine.rate(Rate::Turns).div_ceil(s.engine.workers() as u64)
    }),
    number("instantaneous_eventloop_duration_usec", "Microseconds of a turn, now.", |s| {
        s.engine.rate(Rate::TurnTime) / s.engine.rate(Rate::Turns).max(1)
    }),
    number("acl_access_denied_auth", "Logins refused.", |s| s.total(|w| w.acl_denied_logins.get())),
    number("acl_access_denied_cmd", "Commands refused by ACL.", |s| {
        s.total(|w| w.acl_denied_commands.get())
    }),
    number("acl_access_denied_key", "Keys refused by ACL.", |s| {
        s.total(|w| w.acl_denied_keys.get())
    }),
    number("acl_access_denied_channel", "Channels refused by ACL.", |s| {
        s.total(|w| w.acl_denied_channels.get())
    }),
    number("acl_access_denied_db", "Databases refused by ACL.", |s| {
        s.total(|w| w.acl_denied_databases.get())
    }),
];

pub(super) const REPLICATION: &[Field] = &[
    fixed("role", "Master, or slave of another server.", "master"),
    number("connected_slaves", "Replicas connected.", |s| s.clients.replicas),
    fixed("master_failover_state", "What FAILOVER is doing.", "no-failover"),
    text_of("master_replid", "Name of this history of changes.", |s| s.engine.replication_id()),
    fixed(
        "master_replid2",
        "Name of the history before a failover.",
        "0000000000000000000000000000000000000000",
    ),
    number("master_repl_offset", "Bytes of that history.", |s| s.engine.journal.tail()),
    fixed("second_repl_offset", "Where the history before ended.", "-1"),
    number("repl_backlog_active", "Whether a backlog is kept.", |s| {
        u64::from(s.engine.journal.backlog().is_active)
    }),
    text_of("repl_backlog_size", "Option `repl-backlog-size`, in bytes.", |s| {
        s.config.int(id::REPL_BACKLOG_SIZE).to_string()
    }),
    number("repl_backlog_first_byte_offset", "Where the backlog begins.", |s| {
        s.engine.journal.backlog().first_offset
    }),
    number("repl_backlog_histlen", "Bytes in the backlog.", |s| {
        s.engine.journal.backlog().history_bytes
    }),
];

pub(super) const CLUSTER: &[Field] =
    &[fixed("cluster_enabled", "Whether this is a node of a cluster.", "0")];

pub(super) const DEBUG: &[Field] = &[
    fixed("eventloop_duration_aof_sum", "Microseconds of writing the append only file.", "0"),
    number("eventloop_duration_cron_sum", "Microseconds of housekeeping.", |s| {
        to_us(s.total(|w| w.cron_ticks.get()))
    }),
    number("eventloop_duration_max", "Microseconds of the longest turn of an event loop.", |s| {
        to_us(s.most(|w| w.turn_ticks_max.get()))
    }),
    number("eventloop_cmd_per_cycle_max", "Most commands in one turn.", |s| {
        s.most(|w| w.turn_commands_max.get())
    }),
];
