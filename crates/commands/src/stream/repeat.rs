//! What replicas and the AOF hear of what a group did: see the essay of the parent module.
//!
//! `XCLAIM key group consumer 0 id TIME ms RETRYCOUNT n FORCE JUSTID LASTID id` says all about one
//! pending entry, and may be said twice.

use engine::Cx;
use store::value::stream::{Group, StreamId};

/// The group whose doings are repeated.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) key: &'a [u8],
    pub(super) group: &'a [u8],
}

/// One thing to repeat.
pub(super) enum Repeat {
    /// An entry is pending at a consumer.
    Claim { id: StreamId, consumer: Vec<u8>, delivered_ms: i64, deliveries: u64 },
    /// An entry is no longer pending.
    Acknowledge(StreamId),
    /// A consumer was made.
    Consumer(Vec<u8>),
    /// How far the group has come.
    Progress,
}

impl Repeat {
    /// What is pending under this ID.
    pub(super) fn pending(group: &Group, id: StreamId) -> Repeat {
        let pending = group.pending(id).expect("it is pending");
        match pending.owner {
            Some(owner) => Repeat::Claim {
                id,
                consumer: owner.name().to_vec(),
                delivered_ms: pending.delivered_ms,
                deliveries: pending.deliveries,
            },
            None => Repeat::Acknowledge(id),
        }
    }
}

/// Repeats all this of a group, whose progress is given, instead of the request.
pub(super) fn repeat_all(
    cx: &mut Cx<'_>,
    source: Source<'_>,
    progress: (StreamId, Option<u64>),
    repeats: &[Repeat],
) {
    let Source { key, group } = source;
    let last_id = progress.0.to_text();
    for repeat in repeats {
        match repeat {
            Repeat::Claim { id, consumer, delivered_ms, deliveries } => {
                let (id, time) = (id.to_text(), delivered_ms.to_string());
                let count = deliveries.to_string();
                cx.propagate(&[
                    b"XCLAIM",
                    key,
                    group,
                    consumer,
                    b"0",
                    &id,
                    b"TIME",
                    time.as_bytes(),
                    b"RETRYCOUNT",
                    count.as_bytes(),
                    b"FORCE",
                    b"JUSTID",
                    b"LASTID",
                    &last_id,
                ]);
            }
            Repeat::Acknowledge(id) => cx.propagate(&[b"XACK", key, group, &id.to_text()]),
            Repeat::Consumer(name) => {
                cx.propagate(&[b"XGROUP", b"CREATECONSUMER", key, group, name]);
            }
            Repeat::Progress => {
                let read = progress.1.map_or("-1".to_owned(), |read| read.to_string());
                cx.propagate(&[
                    b"XGROUP",
                    b"SETID",
                    key,
                    group,
                    &last_id,
                    b"ENTRIESREAD",
                    read.as_bytes(),
                ]);
            }
        }
    }
}
