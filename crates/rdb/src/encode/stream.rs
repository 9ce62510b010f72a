//! Streams; what they look like is told in [`crate::decode`]. Each form has what the ones before
//! have, so the first one is taken that has all that this stream has.

use store::value::stream::{Consumer, Group, Node, Stream, StreamId};

use super::Style;
use crate::decode::UNKNOWN_READ;
use crate::version::Kind;
use crate::write::Writer;

pub(super) fn kind(stream: &Stream, style: Style) -> Kind {
    let consumers = || stream.groups().flat_map(|group| group.consumers.iter());
    if stream.groups().any(|group| group.released_len() > 0) {
        return Kind::Stream5;
    }
    if stream.producers().is_some_and(|producers| !producers.is_empty()) {
        return Kind::Stream4;
    }
    let is_active_when_seen = |consumer: &Consumer| consumer.active_ms == Some(consumer.seen_ms);
    if style.allows(Kind::Stream3) || !consumers().all(is_active_when_seen) {
        return Kind::Stream3;
    }
    let log = &stream.log;
    let is_as_if_new = log.max_deleted_id() == StreamId::default()
        && log.entries_added() == log.len()
        && stream
            .groups()
            .all(|group| group.entries_read == stream.log.entries_until(group.last_id));
    if style.allows(Kind::Stream2) || !is_as_if_new { Kind::Stream2 } else { Kind::Stream }
}

pub(super) fn write(kind: Kind, stream: &Stream, writer: &mut Writer) {
    writer.length(stream.log.node_count() as u64);
    for one in stream.log.nodes() {
        node(one, writer);
    }
    write_behind(kind, stream, writer);
}

pub(super) fn node(node: Node<'_>, writer: &mut Writer) {
    writer.string(&id_bytes(node.first()));
    writer.string(&node.to_redis());
}

/// What comes behind the nodes.
pub(super) fn write_behind(kind: Kind, stream: &Stream, writer: &mut Writer) {
    let has = |since: Kind| kind as u8 >= since as u8;
    let log = &stream.log;
    writer.length(log.len());
    id(log.last_id(), writer);
    if has(Kind::Stream2) {
        id(log.first_id(), writer);
        id(log.max_deleted_id(), writer);
        writer.length(log.entries_added());
    }
    writer.length(stream.groups().len() as u64);
    for one in stream.groups() {
        group(kind, one, writer);
    }
    if has(Kind::Stream4) {
        producers(stream, writer);
    }
}

fn group(kind: Kind, group: &Group, writer: &mut Writer) {
    let has = |since: Kind| kind as u8 >= since as u8;
    writer.string(group.name());
    id(group.last_id, writer);
    if has(Kind::Stream2) {
        writer.length(group.entries_read.unwrap_or(UNKNOWN_READ));
    }
    writer.length(group.pending_len() as u64);
    for pending in group.pending_range(StreamId::MIN..=StreamId::MAX) {
        writer.raw(&id_bytes(pending.id));
        writer.moment_ms(pending.delivered_ms);
        writer.length(pending.deliveries);
    }
    writer.length(group.consumers.len() as u64);
    for consumer in group.consumers.iter() {
        writer.string(consumer.name());
        writer.moment_ms(consumer.seen_ms);
        if has(Kind::Stream3) {
            writer.moment_ms(consumer.active_ms.unwrap_or(-1));
        }
        writer.length(consumer.pending_len() as u64);
        for id in consumer.pending_from(StreamId::MIN) {
            writer.raw(&id_bytes(id));
        }
    }
    if has(Kind::Stream5) {
        let released = group.released();
        writer.length(released.len() as u64);
        for id in released {
            writer.raw(&id_bytes(id));
        }
    }
}

fn producers(stream: &Stream, writer: &mut Writer) {
    let Some(producers) = stream.producers() else {
        // As a stream that never had any: nothing remembered, for the default time.
        for number in [100, 100, 0, 0, 0] {
            writer.length(number);
        }
        return;
    };
    writer.length(producers.memory.duration_s);
    writer.length(producers.memory.ids_max);
    writer.length(producers.len() as u64);
    let all: Vec<_> = producers.iter().collect();
    for of_one in all.chunk_by(|a, b| a.0 == b.0) {
        writer.string(of_one[0].0);
        writer.length(of_one.len() as u64);
        for (_, text, entry) in of_one {
            writer.string(text);
            id(*entry, writer);
        }
    }
    writer.length(producers.added);
    writer.length(producers.duplicates);
}

fn id(id: StreamId, writer: &mut Writer) {
    writer.length(id.ms);
    writer.length(id.seq);
}

fn id_bytes(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}
