//! Making a difference small: calls are taken away as long as it stays.
//!
//! First all calls go that name no key the last call depends on, then halves, quarters and so on of
//! what is left, until no single call can go. A round costs some milliseconds, so the number of
//! attempts is bounded rather than clever.

use std::collections::HashSet;

use anyhow::Result;

use super::link::Call;
use super::pair::{Difference, Pair};
use super::words::all_keys;

const ATTEMPTS_MAX: usize = 600;

/// Fewer calls that still part the two servers in the same way.
pub(crate) fn shrink(
    pair: &mut Pair,
    calls: &[Call],
    difference: &Difference,
) -> Result<Vec<Call>> {
    let kind = difference.kind(calls);
    let mut attempts = 0;
    let mut still = |calls: &[Call]| -> Result<bool> {
        attempts += 1;
        Ok(attempts <= ATTEMPTS_MAX
            && pair.play(calls)?.is_some_and(|difference| {
                difference.index() + 1 == calls.len() && difference.kind(calls) == kind
            }))
    };
    let mut small = calls[..=difference.index()].to_vec();
    let related = related(&small);
    if still(&related)? {
        small = related;
    }
    // The first calls empty the servers, choose the protocol and set options, which would stay as the
    // last attempt has left them; the last one differs.
    let is_option = |call: &Call| call[0].eq_ignore_ascii_case(b"CONFIG");
    let kept = 2 + small[2..].iter().take_while(|call| is_option(call)).count();
    let mut size = (small.len() / 2).max(1);
    loop {
        let mut at = kept;
        while at < small.len() - 1 {
            let end = (at + size).min(small.len() - 1);
            let fewer = [&small[..at], &small[end..]].concat();
            if still(&fewer)? {
                small = fewer;
            } else {
                at = end;
            }
        }
        if size == 1 {
            return Ok(small);
        }
        size = size.div_ceil(2).max(1);
        if size == 2 && small.len() < 4 {
            size = 1;
        }
    }
}

/// The calls that name a key on which, through others, the last one depends.
fn related(calls: &[Call]) -> Vec<Call> {
    let names: HashSet<Vec<u8>> = all_keys().map(String::into_bytes).collect();
    let keys_of = |call: &Call| -> HashSet<Vec<u8>> {
        call.iter().filter(|word| names.contains(*word)).cloned().collect()
    };
    let (Some(last), Some(start)) = (calls.last(), calls.get(..2)) else { return calls.to_vec() };
    let mut wanted = keys_of(last);
    let mut kept = vec![last.clone()];
    for call in calls[2..calls.len() - 1].iter().rev() {
        let keys = keys_of(call);
        let is_option = call[0].eq_ignore_ascii_case(b"CONFIG");
        if is_option || keys.iter().any(|key| wanted.contains(key)) {
            wanted.extend(keys);
            kept.push(call.clone());
        }
    }
    kept.extend(start.iter().rev().cloned());
    kept.reverse();
    kept
}
