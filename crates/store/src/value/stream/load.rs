//! Streams from outside: RESTORE, RDB files, full resynchronization.
//!
//! In this order: nodes ([`Stream::load_node`]), history ([`Stream::load_history`]), then groups, each
//! with its pending entries, consumers and owners (`Group::load_…`), and its `check_loaded`. Each
//! step verifies what it is given; what has passed them all is a stream like any other.

use structures::listpack;
use structures::packed::Invalid;

use super::id::StreamId;
use super::open::Open;
use super::{Group, Stream};

/// What a stream remembers besides its entries. What older formats do not have is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Entries that are not deleted.
    pub len: u64,
    pub last_id: StreamId,
    pub max_deleted_id: Option<StreamId>,
    pub entries_added: Option<u64>,
}

impl Stream {
    /// Adds a node behind all others: its ID and the bytes of its listpack.
    pub fn load_node(&mut self, first: StreamId, pack: Vec<u8>) -> Result<(), Invalid> {
        if self.log.greatest_id().is_some_and(|last| last >= first) {
            return Err(Invalid("nodes of a stream that do not ascend"));
        }
        self.log.push_node(Open::load(first, pack)?);
        Ok(())
    }

    /// What the stream remembers. All nodes are there.
    pub fn load_history(&mut self, history: &History) -> Result<(), Invalid> {
        let log = &mut self.log;
        if log.len() != history.len {
            return Err(Invalid("a stream's length is not that of its nodes"));
        }
        if log.last_entry_id().is_some_and(|last| last > history.last_id) {
            return Err(Invalid("a stream with an entry behind its last ID"));
        }
        log.set_last_id(history.last_id);
        log.max_deleted_id = history.max_deleted_id.unwrap_or_default();
        log.entries_added = history.entries_added.unwrap_or(history.len);
        Ok(())
    }

    /// Adds a group. Of formats that do not say how much it has read (`entries_read` none of
    /// none), this is guessed.
    pub fn load_group(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<Option<u64>>,
    ) -> Result<&mut Group, Invalid> {
        let read = entries_read.unwrap_or_else(|| self.log.entries_until(last_id));
        self.create_group(name, last_id, read).ok_or(Invalid("two groups of one name"))
    }
}

/// Any bytes are refused as a node, or are a node that can be walked, changed and saved.
pub fn fuzz_stream_node(data: &[u8]) {
    let mut bytes = data.to_vec();
    if bytes.len() >= listpack::LENGTH_LEN {
        // Most spoilt inputs fail at the first look: the length. This way they get further.
        bytes[..listpack::LENGTH_LEN].copy_from_slice(&(data.len() as u32).to_le_bytes());
    }
    let mut stream = Stream::default();
    if stream.load_node(StreamId::new(5, 5), bytes).is_err() {
        return;
    }
    let len = stream.log.len();
    let history = History { len, last_id: StreamId::MAX, ..History::default() };
    stream.load_history(&history).expect("nothing was said that could be wrong");
    stream.check();
    let all: Vec<_> =
        stream.log.range(StreamId::MIN, StreamId::MAX).map(|e| (e.id, e.pairs().count())).collect();
    let mut backward: Vec<_> = stream
        .log
        .range_rev(StreamId::MIN, StreamId::MAX)
        .map(|e| (e.id, e.pairs().count()))
        .collect();
    backward.reverse();
    assert_eq!(all, backward, "both ways give the same");
    for (id, _) in all.iter().step_by(2) {
        assert!(stream.log.delete(*id), "what is there can be deleted");
        stream.check();
    }
}
