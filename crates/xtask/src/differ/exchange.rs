//! Values go from one server to the other by DUMP and RESTORE, and must arrive as they were.
//!
//! At the end of a round both servers hold the same. Each key is dumped on one side and restored
//! under another name on the other, where it is compared with the value already there: digests and
//! encodings.

use anyhow::Result;
use resp::value::Value;

use super::Family;
use super::compare::is_overlong_hll;
use super::link::Link;
use super::pair::{Pair, printed};
use super::words::all_keys;

const RESTORED: &str = "restored";

/// How many values were exchanged, and what went wrong, each line beginning with its kind.
pub(crate) fn exchange(pair: &mut Pair) -> Result<(usize, Vec<String>)> {
    let (mut count, mut wrong) = (0, Vec::new());
    for key in all_keys() {
        // A digest covers the key's expiry, which a payload does not carry.
        pair.our_link().ask(&["PERSIST", &key])?;
        pair.peer_link().ask(&["PERSIST", &key])?;
        let ours = pair.our_link().ask(&["DUMP", &key])?;
        let theirs = pair.peer_link().ask(&["DUMP", &key])?;
        if let Value::Bulk(payload) = &ours
            && !is_foreign(pair.family(), payload)
        {
            count += 1;
            wrong.extend(arrives("ours at the peer", pair.peer_link(), &key, payload)?);
        }
        if let Value::Bulk(payload) = &theirs {
            count += 1;
            wrong.extend(arrives("the peer's at ours", pair.our_link(), &key, payload)?);
        }
    }
    Ok((count, wrong))
}

/// Whether the peer has no such form: hashes with expiries as Redis writes them, which Valkey has in
/// a form of its own.
fn is_foreign(family: Family, payload: &[u8]) -> bool {
    const HASHES_WITH_EXPIRIES: &[u8] = &[24, 25];
    family == Family::Valkey
        && payload.first().is_some_and(|form| HASHES_WITH_EXPIRIES.contains(form))
}

/// What is wrong with the payload of `key` once it is restored at the other side.
fn arrives(way: &str, link: &mut Link, key: &str, payload: &[u8]) -> Result<Option<String>> {
    let restored =
        link.ask(&[b"RESTORE".as_slice(), RESTORED.as_bytes(), b"0", payload, b"REPLACE"])?;
    if restored != Value::Simple(b"OK".to_vec()) {
        let restored = printed(&restored);
        return Ok(Some(format!("RESTORE of {way}: {restored} for {key} {}", hex(payload))));
    }
    for question in [&["OBJECT", "ENCODING"][..], &["DEBUG", "DIGEST-VALUE"], &["TYPE"]] {
        let before = link.ask(&[question, &[key]].concat())?;
        let after = link.ask(&[question, &[RESTORED]].concat())?;
        if before != after
            && !is_excused(&before, &after)
            && !(question[0] == "DEBUG"
                && (has_minus_zero(link, key)? || may_have_more_registers(link, key)?))
        {
            let name = question.join(" ");
            let (before, after) = (printed(&before), printed(&after));
            return Ok(Some(format!(
                "{name} of {way}: {after} for {before}, {key} {}",
                hex(payload)
            )));
        }
    }
    link.ask(&["DEL", RESTORED])?;
    Ok(None)
}

/// Whether a sorted set has a score of -0, which is 0 in the small form that it may arrive in.
fn has_minus_zero(link: &mut Link, key: &str) -> Result<bool> {
    let zeros = link.ask(&["ZRANGE", key, "0", "0", "BYSCORE", "WITHSCORES"])?;
    Ok(printed(&zeros).contains("-0"))
}

/// Whether a PFADD that was refused may have added something to the key at one of the servers.
fn may_have_more_registers(link: &mut Link, key: &str) -> Result<bool> {
    let kind = link.ask(&["TYPE", key])?;
    if kind != Value::Simple(b"string".to_vec()) {
        return Ok(false);
    }
    let (before, after) = (link.ask(&["GET", key])?, link.ask(&["GET", RESTORED])?);
    Ok(is_overlong_hll(&before) && is_overlong_hll(&after))
}

/// Whether an encoding may become another on its way.
fn is_excused(before: &Value, after: &Value) -> bool {
    match (before.text().as_deref(), after.text().as_deref()) {
        // Restored, a short string was never modified, and an integer was not made from a float.
        (Some("raw"), Some("embstr" | "int")) | (Some("embstr"), Some("int")) => true,
        // A set in a listpack travels member by member; when it comes so, Redis asks the limit of
        // intsets first, or finds that only integers are left.
        (Some("listpack"), Some("hashtable" | "intset")) => true,
        // A large form stays when elements go; what arrives is as small as it can be.
        (Some("hashtable"), Some("listpack" | "intset" | "listpackex")) => true,
        (Some("skiplist" | "quicklist"), Some("listpack")) => true,
        // Ours travels as what it is once no field expires any more.
        (Some("listpackex"), Some("listpack")) => true,
        _ => false,
    }
}

fn hex(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 4000;
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
    shown.iter().map(|byte| format!("{byte:02x}")).collect()
}
