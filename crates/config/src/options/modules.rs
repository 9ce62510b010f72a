//! Options of what Redis 8 brings as modules: search, time series, Bloom and cuckoo filters.
//!
//! They are hidden from patterns until their groups exist: a client that asks for all options wants
//! to know this server, not a list of what it cannot do yet.

use crate::option::Opt;
use crate::option::declare::*;

const SEARCH: &str = "search";
const SERIES: &str = "time series";
const FILTERS: &str = "probabilistic types";

const fn search(opt: Opt) -> Opt {
    opt.hidden().later(SEARCH)
}

const fn series(opt: Opt) -> Opt {
    opt.hidden().later(SERIES)
}

const fn filter(opt: Opt) -> Opt {
    opt.hidden().later(FILTERS)
}

pub(super) const OPTIONS: &[Opt] = &[
    search(int("search-default-dialect", 1, 4, "1", "Query dialect where none is named.")),
    search(text("search-default-scorer", "BM25STD", "How results are ranked.")),
    search(int("search-bm25std-tanh-factor", 1, 10_000, "4", "Factor of the scorer BM25STD.TANH.")),
    search(int("search-timeout", 0, MAX, "500", "Milliseconds a query may take; 0 is no bound.")),
    search(choice(
        "search-on-timeout",
        &["return", "fail", "return_strict"],
        "return",
        "What a query that takes longer does.",
    )),
    search(choice(
        "search-on-oom",
        &["ignore", "fail", "return"],
        "return",
        "What a query does when memory is short.",
    )),
    search(int("search-max-search-results", 0, MAX, "1000000", "Results of FT.SEARCH.")),
    search(int("search-max-aggregate-results", 0, MAX, "2147483648", "Results of FT.AGGREGATE.")),
    search(int("search-max-aggregate-groups", 1, MAX, "1000000", "Groups of GROUPBY.")),
    search(int("search-max-prefix-expansions", 1, MAX, "200", "Terms that a prefix stands for.")),
    search(int("search-max-doctablesize", 1, MAX, "1000000", "Size of the table of documents.")),
    search(int("search-min-prefix", 1, MAX, "2", "Shortest prefix that may be searched for.")),
    search(int("search-min-stem-len", 2, MAX, "4", "Shortest word that is reduced to its stem.")),
    search(int("search-min-phonetic-term-len", 1, MAX, "3", "Shortest word matched by its sound.")),
    search(int("search-multi-text-slop", 1, MAX, "100", "Distance between texts of one field.")),
    search(int("search-cursor-max-idle", 0, MAX, "300000", "Milliseconds a cursor may rest.")),
    search(int("search-index-cursor-limit", 0, MAX, "128", "Open cursors of one index.")),
    search(int(
        "search-union-iterator-heap",
        1,
        MAX,
        "20",
        "Parts from which a union uses a heap.",
    )),
    search(int(
        "search-tiered-hnsw-buffer-limit",
        0,
        MAX,
        "1024",
        "Vectors waiting to be indexed.",
    )),
    search(int("search-vss-max-resize", 0, MAX, "0", "Bytes a vector index may grow by; 0 any.")),
    search(int("search-workers", 0, 8192, "0", "Threads for queries.")),
    search(int("search-min-operation-workers", 0, 8192, "4", "Threads while indexing.")),
    search(int(
        "search-workers-priority-bias-threshold",
        0,
        MAX,
        "1",
        "Urgent jobs that go first.",
    )),
    search(int("search-threads", 1, MAX, "20", "Threads that ask other shards.").at_start()),
    search(
        int("search-io-threads", 1, MAX, "20", "Threads that speak to other shards.").at_start(),
    ),
    search(int(
        "search-topology-validation-timeout",
        0,
        MAX,
        "30000",
        "Milliseconds to wait for a \
         complete cluster.",
    )),
    search(int("search-bg-index-sleep-gap", 1, MAX, "100", "Documents indexed between pauses.")),
    search(int("search-indexer-yield-every-ops", 1, MAX, "1000", "The same while loading.")),
    search(int("search-gc-scan-size", 1, MAX, "100", "Documents looked at in one cleaning.")),
    search(int(
        "search-fork-gc-clean-threshold",
        1,
        MAX,
        "100",
        "Deleted documents that start one.",
    )),
    search(int("search-fork-gc-retry-interval", 1, MAX, "5", "Seconds until one is tried again.")),
    search(int("search-fork-gc-run-interval", 1, MAX, "30", "Seconds between cleanings.")),
    search(int("search-fork-gc-sleep-before-exit", 0, MAX, "0", "Seconds to wait after one.")),
    search(yes_no("search-no-gc", "no", "Never clean.").at_start()),
    search(yes_no("search-no-mem-pools", "no", "Allocate one by one.").at_start()),
    search(yes_no("search-partial-indexed-docs", "no", "Skip updates of other fields.").at_start()),
    search(yes_no("search-raw-docid-encoding", "no", "Store document ids unpacked.").at_start()),
    search(yes_no("search-monitor-expiration", "yes", "Follow documents that expire.")),
    search(text("search-ext-load", "", "Extension to load.").at_start()),
    search(text("search-friso-ini", "", "Dictionary for Chinese words.").at_start()),
    search(int("search-_numeric-ranges-parents", 0, 2, "0", "Inner ranges kept of numeric trees.")),
    search(int(
        "search-_max-foreground-timeout-limit",
        0,
        MAX,
        "60000",
        "Milliseconds of a query \
         in the main thread.",
    )),
    search(yes_no("search-_free-resource-on-thread", "yes", "Free results in another thread.")),
    search(yes_no("search-_numeric-compress", "no", "Pack numbers.")),
    search(yes_no("search-_print-profile-clock", "yes", "Show times in FT.PROFILE.")),
    search(yes_no(
        "search-_prioritize-intersect-union-children",
        "no",
        "Sort parts of a query by \
         their size.",
    )),
    series(int("ts-num-threads", 1, 16, "3", "Threads for queries over many series.").at_start()),
    series(text("ts-compaction-policy", "", "Rules given to new series.")),
    series(choice(
        "ts-encoding",
        &["COMPRESSED", "UNCOMPRESSED"],
        "COMPRESSED",
        "How new series store their samples.",
    )),
    series(int("ts-retention-policy", 0, MAX, "0", "Milliseconds samples are kept; 0 for ever.")),
    series(choice(
        "ts-duplicate-policy",
        &["BLOCK", "FIRST", "LAST", "MIN", "MAX", "SUM"],
        "BLOCK",
        "What a second sample of the same time does.",
    )),
    series(int("ts-chunk-size-bytes", 48, 1 << 20, "4096", "Size of a series' chunk.")),
    series(int("ts-ignore-max-time-diff", 0, MAX, "0", "Milliseconds within which a sample …")),
    series(real(
        "ts-ignore-max-val-diff",
        0.0,
        f64::MAX,
        "0",
        "… that differs this little is \
         left out.",
    )),
    series(
        choice("ts-libmr-protocol", &["INTERNAL", "EXTERNAL"], "INTERNAL", "How shards talk.")
            .at_start(),
    ),
    series(yes_no("ts-topology-events", "yes", "Follow changes of the cluster.").at_start()),
    filter(real("bf-error-rate", 0.0, 1.0, "0.01", "False positives of a new Bloom filter.")),
    filter(int("bf-initial-size", 1, 1 << 30, "100", "Items a new Bloom filter is made for.")),
    filter(int("bf-expansion-factor", 0, 32768, "2", "How much larger its next layer is.")),
    filter(int("cf-initial-size", 1, 1 << 30, "1024", "Items a new cuckoo filter is made for.")),
    filter(int("cf-bucket-size", 1, 255, "2", "Items in one of its buckets.")),
    filter(int("cf-max-iterations", 1, 65535, "20", "Moves tried to make room.")),
    filter(int("cf-expansion-factor", 0, 32768, "1", "How much larger its next layer is.")),
    filter(int("cf-max-expansions", 1, 65535, "32", "Layers it may have.")),
];
