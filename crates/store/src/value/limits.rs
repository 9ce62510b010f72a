//! Up to where a collection stays in its compact form: the thresholds of the configuration.

/// The options `*-max-listpack-*`, `set-max-intset-entries` and `stream-node-*`, read once for a
/// command. Sizes in bytes, counts in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub hash_entries_max: usize,
    pub hash_value_bytes_max: usize,
    pub set_intset_entries_max: usize,
    pub set_listpack_entries_max: usize,
    pub set_listpack_value_bytes_max: usize,
    pub zset_entries_max: usize,
    pub zset_value_bytes_max: usize,
    /// `list-max-listpack-size`: elements, or from -1 to -5 a size from 4 to 64 KiB.
    pub list_node_size: i64,
    /// Elements of a large list from this length on are not packed (DEBUG QUICKLIST-PACKED-THRESHOLD);
    /// 0: those that are longer than a node may be.
    pub list_plain_bytes_min: usize,
    /// 0: no limit.
    pub stream_node_bytes_max: usize,
    /// 0: no limit.
    pub stream_node_entries_max: usize,
}

impl Default for Limits {
    /// Redis's defaults.
    fn default() -> Limits {
        Limits {
            hash_entries_max: 512,
            hash_value_bytes_max: 64,
            set_intset_entries_max: 512,
            set_listpack_entries_max: 128,
            set_listpack_value_bytes_max: 64,
            zset_entries_max: 128,
            zset_value_bytes_max: 64,
            list_node_size: -2,
            list_plain_bytes_min: 0,
            stream_node_bytes_max: 4096,
            stream_node_entries_max: 100,
        }
    }
}
