//! The sections of INFO, in the order they are printed, and the lines that are not fields.

use config::id;

use super::activity::{CLUSTER, DEBUG, PERSISTENCE, REPLICATION, STATS, loading};
use super::key_sizes;
use super::memory::MEMORY;
use super::process::{CLIENTS, CPU, SERVER};
use super::seen::{Seen, quotient};
use super::{Field, Section};
use crate::stats::CommandStats;

pub const SECTIONS: &[Section] = &[
    of_fields("server", "Server", SERVER),
    of_fields("clients", "Clients", CLIENTS),
    of_fields("memory", "Memory", MEMORY),
    Section { lines: Some(loading), ..of_fields("persistence", "Persistence", PERSISTENCE) },
    of_lines("threads", "Threads", threads),
    of_fields("stats", "Stats", STATS),
    of_fields("replication", "Replication", REPLICATION),
    of_fields("cpu", "CPU", CPU),
    of_fields("modules", "Modules", &[]),
    Section { is_default: false, ..of_lines("commandstats", "Commandstats", command_stats) },
    of_lines("errorstats", "Errorstats", error_stats),
    Section { is_default: false, ..of_lines("latencystats", "Latencystats", latency_stats) },
    of_fields("cluster", "Cluster", CLUSTER),
    of_lines("keyspace", "Keyspace", keyspace),
    Section {
        is_default: false,
        is_hidden: true,
        ..of_lines("keysizes", "Keysizes", key_sizes::lines)
    },
    Section { is_default: false, is_hidden: true, ..of_fields("debug", "Debug", DEBUG) },
];

const fn of_fields(name: &'static str, title: &'static str, fields: &'static [Field]) -> Section {
    Section { name, title, is_default: true, is_hidden: false, fields, lines: None }
}

const fn of_lines(
    name: &'static str,
    title: &'static str,
    lines: fn(&Seen<'_>, &mut String),
) -> Section {
    Section { name, title, is_default: true, is_hidden: false, fields: &[], lines: Some(lines) }
}

/// One line for each worker, under Redis's name for a thread that serves connections.
fn threads(seen: &Seen<'_>, out: &mut String) {
    for (i, stats) in seen.engine.stats.iter().enumerate() {
        let clients = seen.clients.of_worker.get(i).copied().unwrap_or(0);
        out.push_str(&format!(
            "io_thread_{i}:clients={clients},reads={},writes={},commands={},parked={},world={}\r\n",
            stats.reads.get(),
            stats.writes.get(),
            stats.commands.get(),
            stats.parked.get(),
            stats.world_commands.get(),
        ));
    }
}

/// Commands that were called, or refused, since the last reset.
fn command_stats(seen: &Seen<'_>, out: &mut String) {
    for entry in seen.engine.table.entries() {
        let sum = |of: fn(&CommandStats) -> u64| {
            seen.total(|worker| of(&worker.per_command[entry.id.index()]))
        };
        let (calls, rejected) = (sum(|c| c.calls.get()), sum(|c| c.rejected.get()));
        let failed = sum(|c| c.failed.get());
        if calls + rejected + failed == 0 {
            continue;
        }
        let us = store::ticks::to_us(sum(|c| c.ticks.get()));
        out.push_str(&format!(
            "cmdstat_{}:calls={calls},usec={us},usec_per_call={:.2},\
             rejected_calls={rejected},failed_calls={failed}\r\n",
            entry.full_name,
            quotient(us, calls),
        ));
    }
}

/// How long calls took, of every command that ran while `latency-tracking` was on.
fn latency_stats(seen: &Seen<'_>, out: &mut String) {
    if !seen.config.flag(id::LATENCY_TRACKING) {
        return;
    }
    for entry in seen.engine.table.entries() {
        let durations = seen.engine.durations(entry.id);
        if durations.calls == 0 {
            continue;
        }
        let told = seen.config.percentiles().iter().map(|percent| {
            format!("p{percent}={:.3}", durations.percentile(*percent) as f64 / 1000.0)
        });
        let told: Vec<String> = told.collect();
        out.push_str(&format!(
            "latency_percentiles_usec_{}:{}\r\n",
            entry.full_name,
            told.join(",")
        ));
    }
}

fn error_stats(seen: &Seen<'_>, out: &mut String) {
    for (code, count) in seen.engine.errors.list() {
        // A code is a client's word in EVAL or DEBUG ERROR: nothing in it may end the field.
        let code = code.replace([':', '#', '\r', '\n', '='], "_");
        out.push_str(&format!("errorstat_{code}:count={count}\r\n"));
    }
}

fn keyspace(seen: &Seen<'_>, out: &mut String) {
    for (i, db) in seen.dbs.iter().enumerate().filter(|(_, db)| db.keys > 0) {
        out.push_str(&format!(
            "db{i}:keys={},expires={},avg_ttl={},subexpiry={}\r\n",
            db.keys, db.expires, db.avg_ttl_ms, db.subexpires
        ));
    }
}
