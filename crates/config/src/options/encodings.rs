//! Up to which size a value stays in its compact encoding.

use crate::check;
use crate::option::Opt;
use crate::option::declare::*;

const ARRAYS: &str = "arrays";
const TEMPLATES: &str = "hash templates";

pub(super) const OPTIONS: &[Opt] = &[
    int("hash-max-listpack-entries", 0, MAX, "512", "Fields a hash may have as a listpack.")
        .alias(&["hash-max-ziplist-entries"])
        .now(),
    memory("hash-max-listpack-value", 0, MAX, "64", "Longest field or value in such a hash.")
        .alias(&["hash-max-ziplist-value"])
        .now(),
    int(
        "list-max-listpack-size",
        INT_MIN,
        INT_MAX,
        "-2",
        "Size of a list's node: elements if positive; -1 to -5 are 4, 8, 16, 32 and 64 kb.",
    )
    .alias(&["list-max-ziplist-size"])
    .now(),
    int(
        "list-compress-depth",
        0,
        INT_MAX,
        "0",
        "Nodes at each end of a list that stay uncompressed; 0 compresses none.",
    )
    .later("compressed nodes"),
    int("set-max-intset-entries", 0, MAX, "512", "Integers a set may have as an intset.").now(),
    int("set-max-listpack-entries", 0, MAX, "128", "Members a set may have as a listpack.").now(),
    int("set-max-listpack-value", 0, MAX, "64", "Longest member in such a set.").now(),
    int("zset-max-listpack-entries", 0, MAX, "128", "Members a sorted set may have as a listpack.")
        .alias(&["zset-max-ziplist-entries"])
        .now(),
    memory("zset-max-listpack-value", 0, MAX, "64", "Longest member in such a sorted set.")
        .alias(&["zset-max-ziplist-value"])
        .now(),
    memory("hll-sparse-max-bytes", 0, MAX, "3000", "Bytes up to which a HyperLogLog stays sparse.")
        .now(),
    memory("stream-node-max-bytes", 0, MAX, "4096", "Bytes in a node of a stream; 0 is no bound.")
        .now(),
    int("stream-node-max-entries", 0, MAX, "100", "Entries in such a node; 0 is no bound.").now(),
    int("stream-idmp-duration", 1, 86_400, "100", "Seconds a producer's ids are remembered.")
        .later("idempotent producers"),
    int("stream-idmp-maxsize", 1, 10_000, "100", "Ids remembered of each producer.")
        .later("idempotent producers"),
    int(
        "array-slice-size",
        1,
        INT_MAX,
        "4096",
        "Elements of one slice of an array, a power of two.",
    )
    .checked(check::power_of_two)
    .later(ARRAYS),
    int("array-sparse-kmax", 0, INT_MAX, "10", "Elements above which a slice becomes dense.")
        .later(ARRAYS),
    int("array-sparse-kmin", 0, INT_MAX, "5", "Elements below which a slice becomes sparse.")
        .later(ARRAYS),
    int("hash-min-template-entries", 0, MAX, "0", "Fields from which hashes share their names.")
        .later(TEMPLATES),
    int("hash-max-template-entries", 0, MAX, "0", "Fields up to which hashes share their names.")
        .later(TEMPLATES),
    int("hash-rdb-load-min-template-entries", 0, MAX, "0", "The lower bound while loading.")
        .later(TEMPLATES),
    int("hash-rdb-load-max-template-entries", 0, MAX, "0", "The upper bound while loading.")
        .later(TEMPLATES),
    int(
        "hash-rdb-load-template-disassembly-threshold",
        0,
        MAX,
        "0",
        "Templates with fewer hashes than this are undone after loading.",
    )
    .later(TEMPLATES),
    yes_no(
        "vset-force-single-threaded-execution",
        "no",
        "Search vector sets in the worker that asks, not in the background.",
    )
    .later("vector sets"),
];
