//! `client-output-buffer-limit`: how much unread reply a client may pile up before it is dropped.
//!
//! A class has a hard limit, which closes the connection at once, and a soft one, which closes it
//! after so many seconds in a row above it. 0 means no limit. A directive names some classes and
//! leaves the others as they are.

use crate::value::{Refusal, parse_bytes, parse_decimal};

/// Which limits a client falls under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientClass {
    Normal = 0,
    Replica = 1,
    Pubsub = 2,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BufferLimit {
    pub hard_bytes: i64,
    pub soft_bytes: i64,
    pub soft_seconds: i64,
}

pub(crate) type BufferLimits = [BufferLimit; 3];

/// Prints the classes as CONFIG GET does: the old word for a replica, bytes without units.
pub(crate) fn print(limits: &BufferLimits) -> String {
    let class = |name, limit: &BufferLimit| {
        format!("{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
    };
    let [normal, replica, pubsub] = limits;
    [class("normal", normal), class("slave", replica), class("pubsub", pubsub)].join(" ")
}

/// `(class as CONFIG REWRITE writes it, limit)`.
pub(crate) fn rows(limits: &BufferLimits) -> impl Iterator<Item = (&'static str, &BufferLimit)> {
    ["normal", "replica", "pubsub"].into_iter().zip(limits)
}

/// Applies `class hard soft seconds` groups to `limits`.
pub(crate) fn parse(args: &[&[u8]], mut limits: BufferLimits) -> Result<BufferLimits, Refusal> {
    if !args.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for group in args.chunks_exact(4) {
        let class = class(group[0])
            .ok_or("Invalid client class specified in buffer limit configuration.")?;
        let limit = || {
            Some(BufferLimit {
                hard_bytes: parse_bytes(group[1])?,
                soft_bytes: parse_bytes(group[2])?,
                soft_seconds: parse_decimal(group[3]).filter(|seconds| *seconds >= 0)?,
            })
        };
        limits[class as usize] = limit()
            .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
    }
    Ok(limits)
}

fn class(word: &[u8]) -> Option<ClientClass> {
    match word.to_ascii_lowercase().as_slice() {
        b"normal" => Some(ClientClass::Normal),
        b"slave" | b"replica" => Some(ClientClass::Replica),
        b"pubsub" => Some(ClientClass::Pubsub),
        _ => None,
    }
}
