//! MEMORY: where the bytes are.

use command::declare::{Flag::*, Group, KeyFlag::RO, Lock, integer, key, opt, token};
use engine::info::Seen;
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;

pub(super) const MEMORY: Command = Command {
    name: "MEMORY",
    group: Group::Server,
    since: "4.0.0",
    summary: "Tells where memory goes, and gives some back.",
    complexity: "Depends on the subcommand.",
    subcommands: &[DOCTOR, HELP, MALLOC_STATS, PURGE, STATS, USAGE],
    examples: &[
        ("MEMORY USAGE nokey", "(nil)"),
        ("MEMORY NOPE", "(error) ERR unknown subcommand 'NOPE'. Try MEMORY HELP."),
        ("MEMORY", "(error) ERR wrong number of arguments for 'memory' command"),
    ],
    ..Command::base(super::container)
};

const fn sub(handler: engine::Handler) -> Command {
    Command { group: Group::Server, since: "4.0.0", ..Command::base(handler) }
}

const USAGE: Command = Command {
    name: "USAGE",
    summary: "Estimates the bytes of a key with its value and its place in the index.",
    complexity: "O(N), N being the number of elements looked at",
    flags: &[ReadOnly],
    args: &[key("key", &[RO]), opt(token("SAMPLES", integer("count")))],
    examples: &[
        ("MEMORY USAGE nokey", "(nil)"),
        ("MEMORY USAGE nokey SAMPLES -1", "(error) ERR syntax error"),
        ("MEMORY USAGE nokey SAMPLES few", "(error) ERR value is not an integer or out of range"),
    ],
    ..sub(usage)
};

/// Elements of a collection that USAGE looks at unless told.
const SAMPLES_DEFAULT: usize = 5;

fn usage(cx: &mut Cx<'_>) -> CmdResult {
    let mut samples = SAMPLES_DEFAULT;
    let mut i = 3;
    while i < cx.argc() {
        if !cx.is_word(i, "SAMPLES") || i + 1 == cx.argc() {
            return Err(CmdError::SYNTAX);
        }
        samples = usize::try_from(cx.int(i + 1)?).map_err(|_| CmdError::SYNTAX)?;
        i += 2;
    }
    match cx.db.memory_usage(cx.key(2), samples) {
        Some(bytes) => cx.reply.integer(bytes as i64),
        None => cx.reply.null(),
    }
    Ok(())
}

const STATS: Command = Command {
    name: "STATS",
    summary: "Lists what memory is used for.",
    complexity: "O(N), N being the number of clients and of shards",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    examples: &[(
        "MEMORY STATS all",
        "(error) ERR wrong number of arguments for 'memory|stats' command",
    )],
    ..sub(stats)
};

enum Stat {
    Bytes(i64),
    Ratio(f64),
}

fn bytes(n: u64) -> Stat {
    Stat::Bytes(n as i64)
}

fn stats(cx: &mut Cx<'_>) -> CmdResult {
    use Stat::{Bytes, Ratio};
    let seen = Seen::gather(cx);
    let keys = seen.keys();
    let per_key = seen.dataset().checked_div(keys).unwrap_or(0);
    let (fragmentation, rss) = (seen.allocator_fragmentation(), seen.allocator_rss());
    let (overhead, total) = (seen.rss_overhead(), seen.fragmentation());
    let before_dbs = [
        ("peak.allocated", bytes(seen.memory.peak)),
        ("total.allocated", bytes(seen.memory.used)),
        ("startup.allocated", bytes(seen.memory.startup)),
        ("replication.backlog", Bytes(0)),
        ("replica.fullsync.buffer", Bytes(0)),
        ("clients.slaves", Bytes(0)),
        ("clients.normal", bytes(seen.clients.bytes)),
        ("cluster.links", Bytes(0)),
        ("aof.buffer", Bytes(0)),
        ("lua.caches", Bytes(0)),
        ("functions.caches", Bytes(0)),
        ("script.VMs", Bytes(0)),
    ];
    let after_dbs = [
        ("overhead.db.hashtable.lut", bytes(seen.memory.index)),
        ("overhead.db.hashtable.rehashing", Bytes(0)),
        ("overhead.total", bytes(seen.overhead())),
        ("db.dict.rehashing.count", Bytes(0)),
        ("keys.count", bytes(keys)),
        ("keys.bytes-per-key", bytes(per_key)),
        ("dataset.bytes", bytes(seen.dataset())),
        ("dataset.percentage", Ratio(seen.dataset_percent())),
        ("peak.percentage", Ratio(seen.peak_percent())),
        ("allocator.allocated", bytes(seen.fact_number("allocator_allocated"))),
        ("allocator.active", bytes(seen.fact_number("allocator_active"))),
        ("allocator.resident", bytes(seen.fact_number("allocator_resident"))),
        ("allocator.muzzy", bytes(seen.fact_number("allocator_muzzy"))),
        ("allocator-fragmentation.ratio", Ratio(fragmentation.0)),
        ("allocator-fragmentation.bytes", Bytes(fragmentation.1)),
        ("allocator-rss.ratio", Ratio(rss.0)),
        ("allocator-rss.bytes", Bytes(rss.1)),
        ("rss-overhead.ratio", Ratio(overhead.0)),
        ("rss-overhead.bytes", Bytes(overhead.1)),
        ("fragmentation", Ratio(total.0)),
        ("fragmentation.bytes", Bytes(total.1)),
    ];
    let dbs: Vec<_> = seen.dbs.iter().enumerate().filter(|(_, db)| db.keys > 0).collect();
    cx.reply.map(before_dbs.len() + dbs.len() + after_dbs.len());
    before_dbs.iter().for_each(|stat| write_stat(&mut cx.reply, stat));
    for (i, db) in dbs {
        cx.reply.bulk_fmt(format_args!("db.{i}"));
        cx.reply.map(2);
        cx.reply.bulk(b"overhead.hashtable.main");
        cx.reply.integer(db.index_bytes as i64);
        // Expiries live in the records: there is no second table.
        cx.reply.bulk(b"overhead.hashtable.expires");
        cx.reply.integer(0);
    }
    after_dbs.iter().for_each(|stat| write_stat(&mut cx.reply, stat));
    Ok(())
}

fn write_stat(reply: &mut Reply<'_>, (name, stat): &(&str, Stat)) {
    reply.bulk(name.as_bytes());
    match stat {
        Stat::Bytes(n) => reply.integer(*n),
        Stat::Ratio(n) => reply.double(*n),
    }
}

const DOCTOR: Command = Command {
    name: "DOCTOR",
    summary: "Reports what is unusual about the use of memory.",
    complexity: "O(N), N being the number of clients and of shards",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    examples: &[
        ("MEMORY DOCTOR", "*memory*"),
        ("MEMORY DOCTOR now", "(error) ERR wrong number of arguments for 'memory|doctor' command"),
    ],
    ..sub(doctor)
};

fn doctor(cx: &mut Cx<'_>) -> CmdResult {
    let seen = Seen::gather(cx);
    let report = diagnose(&Symptoms {
        used: seen.memory.used,
        peak: seen.memory.peak,
        fragmentation: seen.fragmentation(),
        allocator_fragmentation: seen.allocator_fragmentation(),
        allocator_rss: seen.allocator_rss(),
        rss_overhead: seen.rss_overhead(),
        bytes_per_client: seen.clients.bytes
            / seen.clients.of_worker.iter().sum::<usize>().max(1) as u64,
    });
    drop(seen);
    cx.reply.verbatim(b"txt", report.as_bytes());
    Ok(())
}

/// What the doctor looks at: bytes, and pairs of ratio and difference in bytes.
struct Symptoms {
    used: u64,
    peak: u64,
    fragmentation: (f64, i64),
    allocator_fragmentation: (f64, i64),
    allocator_rss: (f64, i64),
    rss_overhead: (f64, i64),
    bytes_per_client: u64,
}

/// Below this nothing can be said: the server itself is larger than the data.
const BYTES_MIN: u64 = 5 << 20;
/// Less than this is not worth a word.
const WASTE_BYTES_MIN: i64 = 10 << 20;
const CLIENT_BYTES_MAX: u64 = 200 << 10;

fn diagnose(symptoms: &Symptoms) -> String {
    if symptoms.used < BYTES_MIN {
        return "Too little memory is in use to say anything about it.\n".into();
    }
    let wastes = |(ratio, bytes): (f64, i64), limit: f64| ratio > limit && bytes > WASTE_BYTES_MIN;
    let findings = [
        (
            symptoms.peak as f64 / symptoms.used as f64 > 1.5,
            "Peak: the server once used more than 1.5 times what it uses now. The allocator may \
             hold pages of that time; MEMORY PURGE gives them back.",
        ),
        (
            wastes(symptoms.fragmentation, 1.4),
            "Fragmentation: resident memory is more than 1.4 times what is in use. The findings \
             below, if any, say where.",
        ),
        (
            wastes(symptoms.allocator_fragmentation, 1.1),
            "Allocator, fragmentation: many pages are partly empty, as after deleting values of \
             one size. Writing values of that size fills them; a restart re-lays them.",
        ),
        (
            wastes(symptoms.allocator_rss, 1.1),
            "Allocator, unused pages: it holds pages that nothing uses. MEMORY PURGE gives them \
             back.",
        ),
        (
            wastes(symptoms.rss_overhead, 1.1),
            "Process: much resident memory is not the allocator's. Look at what else is loaded \
             into the process, and at transparent huge pages.",
        ),
        (
            symptoms.bytes_per_client > CLIENT_BYTES_MAX,
            "Clients: they hold more than 200 KiB each. Look in CLIENT LIST for some that read \
             too slowly (omem) or send very large commands (qbuf).",
        ),
    ];
    let found: Vec<_> =
        findings.iter().filter(|(is_so, _)| *is_so).map(|(_, text)| *text).collect();
    match found.as_slice() {
        [] => "Nothing is unusual about the use of memory.\n".into(),
        found => found.iter().map(|text| format!(" * {text}\n")).collect(),
    }
}

const MALLOC_STATS: Command = Command {
    name: "MALLOC-STATS",
    summary: "Prints the allocator's own report.",
    complexity: "Depends on how much memory is allocated, could be slow",
    lock: Some(Lock::Local),
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    examples: &[
        ("MEMORY MALLOC-STATS", "*"),
        (
            "MEMORY MALLOC-STATS all",
            "(error) ERR wrong number of arguments for 'memory|malloc-stats' command",
        ),
    ],
    ..sub(malloc_stats)
};

fn malloc_stats(cx: &mut Cx<'_>) -> CmdResult {
    let report = cx.engine.host.allocator("malloc-stats");
    let report = report.map_err(|why| CmdError::text(format!("ERR {why}")))?;
    cx.reply.verbatim(b"txt", report.as_bytes());
    Ok(())
}

const PURGE: Command = Command {
    name: "PURGE",
    summary: "Has the allocator return unused pages to the operating system.",
    complexity: "Depends on how much memory is allocated, could be slow",
    lock: Some(Lock::Local),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    examples: &[
        ("MEMORY PURGE", "OK"),
        ("MEMORY PURGE now", "(error) ERR wrong number of arguments for 'memory|purge' command"),
    ],
    ..sub(purge)
};

fn purge(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.host.allocator("purge").map_err(|why| {
        cx.engine.host.log('#', &format!("MEMORY PURGE failed: {why}"));
        CmdError::text("ERR Error purging dirty pages")
    })?;
    cx.reply.ok();
    Ok(())
}

const HELP: Command = Command {
    name: "HELP",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "MEMORY HELP x",
        "(error) ERR wrong number of arguments for 'memory|help' command",
    )],
    ..sub(super::help)
};

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Symptoms = Symptoms {
        used: 100 << 20,
        peak: 110 << 20,
        fragmentation: (1.05, 5 << 20),
        allocator_fragmentation: (1.02, 2 << 20),
        allocator_rss: (1.02, 2 << 20),
        rss_overhead: (1.01, 1 << 20),
        bytes_per_client: 1000,
    };

    #[test]
    fn the_doctor_names_each_finding_and_nothing_else() {
        assert!(diagnose(&WELL).starts_with("Nothing"));
        assert!(diagnose(&Symptoms { used: 1 << 20, ..WELL }).starts_with("Too little"));
        let ill = Symptoms { peak: 200 << 20, bytes_per_client: 1 << 20, ..WELL };
        let report = diagnose(&ill);
        assert_eq!(report.lines().count(), 2, "{report}");
        assert!(report.contains("Peak:") && report.contains("Clients:"), "{report}");
    }

    #[test]
    fn a_large_ratio_of_few_bytes_is_no_finding() {
        let small = Symptoms { fragmentation: (9.0, 1 << 20), ..WELL };
        assert!(diagnose(&small).starts_with("Nothing"));
    }
}
