//! Snapshots and the append only file.

use crate::check;
use crate::option::Kind;
use crate::option::Opt;
use crate::option::declare::*;

const NO_CHILD: &str = "Ochre never forks";

pub(super) const OPTIONS: &[Opt] = &[
    of_kind(
        "save",
        Kind::Save,
        "3600 1 300 100 60 10000",
        "Save a snapshot after so many seconds if there were so many changes; several pairs, on \
         one line or on several. \"\" turns it off.",
    )
    .now(),
    text("dbfilename", "dump.rdb", "Name of the snapshot in 'dir'.")
        .protected()
        .checked(check::dbfilename)
        .now(),
    yes_no("rdbcompression", "yes", "Compress strings in snapshots.").now(),
    yes_no("rdbchecksum", "yes", "End snapshots with a checksum and test it when loading.")
        .at_start()
        .now(),
    choice(
        "rdb-version-check",
        &["strict", "relaxed"],
        "strict",
        "Whether to refuse snapshots of an unknown version, or to try.",
    )
    .now(),
    int(
        "rdb-version",
        0,
        80,
        "0",
        "Version of snapshots to write; 0 is the lowest that can hold the data, so that other \
         servers can read them.",
    )
    .now(),
    choice(
        "sanitize-dump-payload",
        &["no", "yes", "clients"],
        "no",
        "Whether RESTORE and loading check every byte of a value.",
    )
    .never("every byte is always checked"),
    yes_no("stop-writes-on-bgsave-error", "yes", "Refuse writes after a snapshot has failed.")
        .now(),
    yes_no(
        "rdb-del-sync-files",
        "no",
        "With persistence off, delete snapshots that were made for replication only.",
    )
    .later("replication"),
    yes_no("rdb-save-incremental-fsync", "yes", "Flush a snapshot to the disk piece by piece.")
        .never("it always is"),
    int("rdb-key-save-delay", INT_MIN, INT_MAX, "0", "For tests: microseconds to wait per key.")
        .hidden()
        .now(),
    int("key-load-delay", INT_MIN, INT_MAX, "0", "For tests: microseconds to wait per key.")
        .hidden()
        .now(),
    int(
        "loading-process-events-interval-bytes",
        1024,
        INT_MAX,
        "524288",
        "While loading, serve clients after so many bytes.",
    )
    .hidden(),
    choice(
        "bgsave-default-method",
        &["fork", "forkless"],
        "fork",
        "How BGSAVE makes its snapshot.",
    )
    .never(NO_CHILD),
    yes_no("forkless-infrastructure-enabled", "no", "Make room in each key for such snapshots.")
        .at_start()
        .hidden()
        .never(NO_CHILD),
    text_or_none("preload-file", "Load just this file at start: rdb:/path or aof:/manifest.")
        .at_start()
        .hidden(),
    text("backupdirname", "backupdir", "Directory of backups within 'dir'.")
        .at_start()
        .hidden()
        .checked(check::backupdirname),
    int("backup-sealed-ttl", 0, MAX, "0", "Seconds a finished backup is kept; 0 is for ever.")
        .now(),
    yes_no("appendonly", "no", "Log every write to the append only file.").now(),
    text("appendfilename", "appendonly.aof", "First part of its files' names.")
        .at_start()
        .checked(check::appendfilename),
    text("appenddirname", "appendonlydir", "Directory of its files within 'dir'.")
        .at_start()
        .checked(check::appenddirname),
    choice(
        "appendfsync",
        &["everysec", "always", "no"],
        "everysec",
        "When writes are forced to the disk: before each reply, once a second, or when the system \
         likes to.",
    )
    .now(),
    yes_no("no-appendfsync-on-rewrite", "no", "Force nothing to the disk while it is rewritten.")
        .now(),
    int(
        "auto-aof-rewrite-percentage",
        0,
        INT_MAX,
        "100",
        "Growth in percent since the last rewrite that starts the next; 0 is never.",
    )
    .now(),
    memory("auto-aof-rewrite-min-size", 0, MAX, "64mb", "Size below which none is started.").now(),
    yes_no("aof-load-truncated", "yes", "Load a file whose last command is cut off.").now(),
    memory(
        "aof-load-corrupt-tail-max-size",
        0,
        MAX,
        "0",
        "Garbage at the file's end that may be cut off when loading.",
    )
    .now(),
    yes_no("aof-use-rdb-preamble", "yes", "Rewrite to a snapshot rather than to commands.").now(),
    yes_no("aof-timestamp-enabled", "no", "Note the time in the file, to restore a moment.").now(),
    yes_no("aof-rewrite-incremental-fsync", "yes", "Flush a rewrite to the disk piece by piece."),
    yes_no("aof-disable-auto-gc", "no", "For tests: keep files that are no longer needed.")
        .hidden()
        .now(),
];
