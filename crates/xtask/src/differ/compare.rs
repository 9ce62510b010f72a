//! Whether two replies to the same call say the same.
//!
//! Most must be equal. Where the order or the moment is up to the server, [`Shape`] says what is
//! compared instead; where servers differ on purpose, [`EXPLAINED`] says why.

use resp::value::Value;

use super::Family;

/// What is up to the server in the reply of a command.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Shape {
    /// Nothing.
    Exact,
    /// The order of elements.
    Unordered,
    /// The order of pairs, which are flat in RESP2.
    UnorderedPairs,
    /// A cursor, and the order of the elements behind it.
    Scan { pairs: bool },
    /// Which elements; not how many.
    Chance,
    /// When it was asked.
    Moment,
    /// Idle times and the inner structure of a stream.
    StreamInfo,
    /// The third of each four: an idle time.
    Pending,
    /// The order of elements that are equal to what they are sorted by, where Redis does not go on
    /// to compare the elements: texts found by BY. Nothing orders the elements of a set if BY finds
    /// nothing. Each element is a group of as many values as there are GETs.
    Sorted { gets: usize, limited: bool },
    /// The order of points at the same distance, and which of them the last ones are.
    Points { limited: bool },
}

fn shape(call: &[Vec<u8>]) -> Shape {
    let name = call[0].to_ascii_lowercase();
    match &name[..] {
        b"smembers" | b"sinter" | b"sunion" | b"sdiff" | b"keys" | b"hkeys" | b"hvals"
        | b"spop" => Shape::Unordered,
        b"hgetall" => Shape::UnorderedPairs,
        b"scan" | b"sscan" => Shape::Scan { pairs: false },
        b"hscan" => Shape::Scan { pairs: !has_word(call, b"NOVALUES") },
        b"zscan" => Shape::Scan { pairs: !has_word(call, b"NOSCORES") },
        b"srandmember" | b"hrandfield" | b"zrandmember" => Shape::Chance,
        b"ttl" | b"pttl" | b"expiretime" | b"pexpiretime" | b"httl" | b"hpttl" | b"hexpiretime"
        | b"hpexpiretime" => Shape::Moment,
        b"sort" | b"sort_ro" => sorted_shape(call),
        b"geosearch"
        | b"georadius"
        | b"georadius_ro"
        | b"georadiusbymember"
        | b"georadiusbymember_ro" => Shape::Points { limited: has_word(call, b"COUNT") },
        b"xinfo" => Shape::StreamInfo,
        b"xpending" => Shape::Pending,
        _ => Shape::Exact,
    }
}

fn sorted_shape(call: &[Vec<u8>]) -> Shape {
    let by = call.iter().position(|arg| arg.eq_ignore_ascii_case(b"BY"));
    let Some(pattern) = by.and_then(|by| call.get(by + 1)) else { return Shape::Exact };
    if pattern.contains(&b'*') && !has_word(call, b"ALPHA") {
        return Shape::Exact;
    }
    let gets = call.iter().filter(|arg| arg.eq_ignore_ascii_case(b"GET")).count().max(1);
    Shape::Sorted { gets, limited: has_word(call, b"LIMIT") }
}

fn has_word(call: &[Vec<u8>], word: &[u8]) -> bool {
    call.iter().any(|arg| arg.eq_ignore_ascii_case(word))
}

/// A difference that is meant, and why.
struct Explained {
    peer: Option<Family>,
    /// The command's first word in small letters; `*` for all.
    command: &'static str,
    is_it: fn(&[Vec<u8>], &Value, &Value) -> bool,
}

/// Each with its reason before it.
const EXPLAINED: &[Explained] = &[
    // A cursor is what its server makes of it: only 0 means the same everywhere.
    Explained {
        peer: None,
        command: "*",
        is_it: |call, ours, _| {
            let cursor = if call[0].eq_ignore_ascii_case(b"SCAN") { 1 } else { 2 };
            matches!(shape(call), Shape::Scan { .. })
                && call.get(cursor).is_some_and(|cursor| cursor != b"0")
                && !ours.is_error()
        },
    },
    // Redis 8 prints some doubles with a digit more than it takes to tell them apart.
    Explained { peer: None, command: "*", is_it: |_, ours, theirs| same_doubles(ours, theirs) },
    // A small sorted set knows one zero only, a large one both. Which it was when the score came is
    // up to what SORT did to it (see below) and in which order ZRANGESTORE and its kin added.
    Explained {
        peer: None,
        command: "*",
        is_it: |call, ours, theirs| {
            let name = call[0].to_ascii_lowercase();
            (name.starts_with(b"z") || name.starts_with(b"bz"))
                && same(shape(call), &with_one_zero(ours), &with_one_zero(theirs))
        },
    },
    // SORT makes a small sorted set of Redis a large one; here it only looks. It sorts none of those
    // that have their usual names.
    Explained {
        peer: None,
        command: "object",
        is_it: |call, ours, theirs| {
            call.get(2).is_some_and(|key| !key.starts_with(b"z") && !key.starts_with(b"g"))
                && ours.text().as_deref() == Some("listpack")
                && theirs.text().as_deref() == Some("skiplist")
        },
    },
    // A PFADD that finds out too late that the sparse registers go on behind the last one is refused;
    // in Redis it has added by then what came before, and tells neither replicas nor the log.
    Explained {
        peer: None,
        command: "*",
        is_it: |_, ours, theirs| is_overlong_hll(ours) && is_overlong_hll(theirs),
    },
    // LIMIT with a negative offset: nothing, and in a large sorted set of Redis 7.2 and later what
    // lies as far from the end.
    Explained {
        peer: None,
        command: "*",
        is_it: |call, ours, theirs| {
            call[0].to_ascii_lowercase().starts_with(b"z")
                && call
                    .windows(2)
                    .any(|pair| pair[0].eq_ignore_ascii_case(b"LIMIT") && pair[1].starts_with(b"-"))
                && matches!(ours, Value::Array(elements) if elements.is_empty())
                && matches!(theirs, Value::Array(_))
        },
    },
    // Valkey names the member that a search begins at and that is not there.
    Explained {
        peer: Some(Family::Valkey),
        command: "*",
        is_it: |call, ours, theirs| {
            call[0].to_ascii_lowercase().starts_with(b"geo")
                && begins(ours, "ERR could not decode requested zset member")
                && begins(theirs, "ERR member ")
        },
    },
    // Valkey writes coordinates with more digits.
    Explained {
        peer: Some(Family::Valkey),
        command: "*",
        is_it: |call, ours, theirs| {
            call[0].to_ascii_lowercase().starts_with(b"geo") && same_numbers(ours, theirs)
        },
    },
    // Valkey made expiries of fields for itself: the same calls are wrong, with other words.
    Explained {
        peer: Some(Family::Valkey),
        command: "*",
        is_it: |call, ours, theirs| {
            FIELD_EXPIRY.iter().any(|name| call[0].eq_ignore_ascii_case(name.as_bytes()))
                && ours.is_error()
                && theirs.is_error()
        },
    },
    // Valkey has no listpack with expiries.
    Explained {
        peer: Some(Family::Valkey),
        command: "object",
        is_it: |_, ours, theirs| {
            ours.text().as_deref() == Some("listpackex")
                && matches!(theirs.text().as_deref(), Some("hashtable" | "listpack"))
        },
    },
    // Valkey counts what a group lags behind by all that was ever added, Redis 8 by what is left.
    Explained {
        peer: Some(Family::Valkey),
        command: "xinfo",
        is_it: |_, ours, theirs| {
            const LAG: &[&str] = &["lag"];
            let without = |value| without_fields(&without_fields(value, NEWER_FIELDS), LAG);
            info_agrees(&without(ours), &without(theirs))
        },
    },
    // Of a stream whose last entry was deleted, `+` is nothing for Valkey, the last that is left for Redis.
    Explained {
        peer: Some(Family::Valkey),
        command: "xread",
        is_it: |call, ours, theirs| {
            call.iter().any(|word| word == b"+") && !ours.is_error() && !theirs.is_error()
        },
    },
    // Valkey's XREAD has no `+`, which the error names.
    Explained {
        peer: Some(Family::Valkey),
        command: "xread",
        is_it: |_, ours, theirs| {
            begins(ours, "ERR Unbalanced 'xread' list")
                && begins(theirs, "ERR Unbalanced 'xread' list")
        },
    },
    // Valkey takes no empty text for a number, nor one with a zero byte, of which Redis reads what is
    // before it.
    Explained {
        peer: Some(Family::Valkey),
        command: "*",
        is_it: |call, ours, theirs| {
            call[0].to_ascii_lowercase().starts_with(b"sort")
                && !ours.is_error()
                && begins(theirs, "ERR One or more scores can't be converted")
        },
    },
    // Valkey makes a list that shrinks small again later than Redis.
    Explained {
        peer: Some(Family::Valkey),
        command: "object",
        is_it: |_, ours, theirs| {
            ours.text().as_deref() == Some("listpack")
                && theirs.text().as_deref() == Some("quicklist")
        },
    },
    // Valkey makes a sorted set large before it knows whether ZADD with XX adds the long member.
    Explained {
        peer: Some(Family::Valkey),
        command: "object",
        is_it: |_, ours, theirs| {
            ours.text().as_deref() == Some("listpack")
                && theirs.text().as_deref() == Some("skiplist")
        },
    },
    // Valkey refuses a type of values that it does not know; Redis finds none of it.
    Explained {
        peer: Some(Family::Valkey),
        command: "scan",
        is_it: |_, _, theirs| begins(theirs, "ERR unknown type name"),
    },
    // Valkey looks at the expiry before it looks for the key.
    Explained {
        peer: Some(Family::Valkey),
        command: "getex",
        is_it: |_, ours, theirs| {
            theirs.is_error() && (*ours == Value::Null || begins(ours, "WRONGTYPE"))
        },
    },
    // Valkey counts to the end if only a start is given; Redis and its tests want an error.
    Explained {
        peer: Some(Family::Valkey),
        command: "bitcount",
        is_it: |call, ours, _| call.len() == 3 && begins(ours, "ERR syntax error"),
    },
    // Two errors in one call, of which Valkey names the other.
    Explained {
        peer: Some(Family::Valkey),
        command: "msetex",
        is_it: |_, ours, theirs| ours.is_error() && theirs.is_error(),
    },
    // Valkey embeds longer strings.
    Explained {
        peer: Some(Family::Valkey),
        command: "object",
        is_it: |_, ours, theirs| {
            ours.text().as_deref() == Some("raw") && theirs.text().as_deref() == Some("embstr")
        },
    },
];

/// Commands with words for expiries of fields.
pub(crate) const FIELD_EXPIRY: &[&str] = &[
    "hexpire",
    "hpexpire",
    "hexpireat",
    "hpexpireat",
    "hexpiretime",
    "hpexpiretime",
    "httl",
    "hpttl",
    "hpersist",
    "hgetex",
    "hsetex",
    "hgetdel",
];

/// Whether it is a sparse HyperLogLog with bytes behind its last register. Source: the format of
/// Redis, a header of 16 bytes and runs of registers.
pub(crate) fn is_overlong_hll(value: &Value) -> bool {
    const REGISTERS: usize = 1 << 14;
    let Value::Bulk(bytes) = value else { return false };
    let Some(mut runs) = bytes.strip_prefix(b"HYLL\x01").and_then(|rest| rest.get(11..)) else {
        return false;
    };
    let mut registers = 0;
    while registers < REGISTERS {
        let (run, len) = match runs {
            [first @ 0x80..=0xff, ..] => (usize::from(first & 3) + 1, 1),
            [first @ 0x40..=0x7f, second, ..] => {
                (usize::from(first & 0x3f) << 8 | usize::from(*second), 2)
            }
            [first @ 0..=0x3f, ..] => (usize::from(*first) + 1, 1),
            _ => return false,
        };
        registers += run + usize::from(len == 2);
        runs = &runs[len..];
    }
    !runs.is_empty()
}

/// Fewer digits than this are the same double only if they are the same text.
const DIGITS_MIN: usize = 16;

/// Whether replies are the same but for the last of 16 or 17 digits of the same doubles.
fn same_doubles(ours: &Value, theirs: &Value) -> bool {
    let all = |a: &[Value], b: &[Value]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_doubles(a, b))
    };
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => all(a, b),
        _ if is_equal(ours, theirs) => true,
        _ => ours.text().zip(theirs.text()).is_some_and(|(a, b)| {
            let digits = b.bytes().filter(u8::is_ascii_digit).count();
            digits >= DIGITS_MIN
                && a.len() < b.len()
                && a.parse::<f64>().ok().is_some_and(|number| b.parse() == Ok(number))
        }),
    }
}

/// The reply with 0 for each -0.
fn with_one_zero(reply: &Value) -> Value {
    match reply {
        Value::Array(elements) => Value::Array(elements.iter().map(with_one_zero).collect()),
        Value::Bulk(text) if text == b"-0" => Value::Bulk(b"0".to_vec()),
        Value::Double { text, .. } if text == b"-0" => {
            Value::Double { value: 0.0, text: b"0".to_vec() }
        }
        _ => reply.clone(),
    }
}

/// Whether replies are the same but for how numbers are written: with 17 digits after the point.
fn same_numbers(ours: &Value, theirs: &Value) -> bool {
    const SLACK: f64 = 1e-17;
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_numbers(a, b))
        }
        _ if is_equal(ours, theirs) => true,
        _ => {
            let number = |value: &Value| value.text().and_then(|text| text.parse::<f64>().ok());
            number(ours).zip(number(theirs)).is_some_and(|(a, b)| (a - b).abs() <= SLACK)
        }
    }
}

fn begins(reply: &Value, text: &str) -> bool {
    matches!(reply, Value::Error(error) if error.starts_with(text.as_bytes()))
}

/// Whether the replies agree, or differ only as explained.
pub(crate) fn agree(family: Family, call: &[Vec<u8>], ours: &Value, theirs: &Value) -> bool {
    let name = String::from_utf8_lossy(&call[0]).to_ascii_lowercase();
    let is_explained = |explained: &Explained| {
        explained.peer.is_none_or(|peer| peer == family)
            && (explained.command == "*" || explained.command == name)
            && (explained.is_it)(call, ours, theirs)
    };
    same(shape(call), ours, theirs) || EXPLAINED.iter().any(is_explained)
}

fn same(shape: Shape, ours: &Value, theirs: &Value) -> bool {
    if is_equal(ours, theirs) {
        return true;
    }
    match shape {
        Shape::Exact => false,
        Shape::Unordered => match (ours, theirs) {
            (Value::Array(a), Value::Array(b)) | (Value::Set(a), Value::Set(b)) => {
                sorted(a, 1) == sorted(b, 1)
            }
            _ => false,
        },
        Shape::UnorderedPairs => match (ours, theirs) {
            (Value::Array(a), Value::Array(b)) => sorted(a, 2) == sorted(b, 2),
            (Value::Map(a), Value::Map(b)) => sorted_map(a) == sorted_map(b),
            _ => false,
        },
        Shape::Scan { pairs } => match (ours, theirs) {
            (Value::Array(a), Value::Array(b)) => match (&a[..], &b[..]) {
                ([cursor, Value::Array(a)], [same_cursor, Value::Array(b)]) => {
                    let size = if pairs { 2 } else { 1 };
                    cursor == same_cursor && sorted(&short(a), size) == sorted(&short(b), size)
                }
                _ => false,
            },
            _ => false,
        },
        Shape::Chance => match (ours, theirs) {
            (Value::Array(a), Value::Array(b)) => a.len() == b.len(),
            _ => !ours.is_error() && std::mem::discriminant(ours) == std::mem::discriminant(theirs),
        },
        Shape::Moment => close(ours, theirs),
        Shape::StreamInfo => {
            info_agrees(&without_fields(ours, NEWER_FIELDS), &without_fields(theirs, NEWER_FIELDS))
        }
        Shape::Pending => pending_agrees(ours, theirs),
        Shape::Sorted { gets, limited } => match (ours, theirs) {
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && (limited || sorted(a, gets) == sorted(b, gets))
            }
            _ => false,
        },
        Shape::Points { limited } => match (ours, theirs) {
            (Value::Array(a), Value::Array(b)) => points_agree(a, b, limited),
            _ => false,
        },
    }
}

/// Equal but for the text of a double that is the same number... which is a difference: clients
/// see the text. NaN equals NaN.
fn is_equal(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Double { text: a, .. }, Value::Double { text: b, .. }) => a == b,
        _ => ours == theirs,
    }
}

/// Groups of `size` elements, in an order of their own.
fn sorted(elements: &[Value], size: usize) -> Vec<String> {
    let mut groups: Vec<String> = elements.chunks(size).map(|group| format!("{group:?}")).collect();
    groups.sort();
    groups
}

/// Doubles of 17 digits as the shortest text of the same double, as Redis 8 and Valkey print
/// some scores of large sorted sets; and `1e+17` and `1e-7` in full, as they print it of a small one.
fn short(elements: &[Value]) -> Vec<Value> {
    let short = |element: &Value| {
        let text = element.text()?;
        let is_long =
            text.contains('.') && text.bytes().filter(u8::is_ascii_digit).count() >= DIGITS_MIN;
        let has_exponent = text.contains("e+") || text.contains("e-");
        let number: f64 = text.parse().ok().filter(|_| is_long || has_exponent)?;
        Some(Value::Bulk(number.to_string().into_bytes()))
    };
    elements.iter().map(|element| short(element).unwrap_or_else(|| element.clone())).collect()
}

fn sorted_map(pairs: &[(Value, Value)]) -> Vec<String> {
    let mut pairs: Vec<String> = pairs.iter().map(|pair| format!("{pair:?}")).collect();
    pairs.sort();
    pairs
}

/// Points in the order of their distances, which follow their names: equal runs of the same
/// distance, but for the last if the number is limited. Without distances, the same points; only as
/// many, if the number is limited.
fn points_agree(ours: &[Value], theirs: &[Value], limited: bool) -> bool {
    let distance = |point: &Value| match point {
        Value::Array(parts) => parts.get(1).map(|distance| format!("{distance:?}")),
        _ => None,
    };
    let distances = |points: &[Value]| points.iter().map(distance).collect::<Vec<_>>();
    let (a, b) = (distances(ours), distances(theirs));
    if a != b || a.contains(&None) {
        let is_blind = limited && a.iter().chain(&b).all(Option::is_none);
        return a.len() == b.len() && (is_blind || sorted(ours, 1) == sorted(theirs, 1));
    }
    let last = if limited { a.last() } else { None };
    let compared = a.iter().position(|distance| Some(distance) == last).unwrap_or(a.len());
    let runs = |points: &[Value]| {
        let mut points: Vec<String> = points[..compared].iter().map(|p| format!("{p:?}")).collect();
        let mut start = 0;
        for run in a[..compared].chunk_by(|a, b| a == b) {
            points[start..start + run.len()].sort();
            start += run.len();
        }
        points
    };
    runs(ours) == runs(theirs)
}

/// Numbers that say how long until or since a moment may differ by the time between the servers.
fn close(ours: &Value, theirs: &Value) -> bool {
    const SECONDS: i64 = 5;
    match (ours, theirs) {
        (Value::Integer(a), Value::Integer(b)) => {
            let slack = if a.unsigned_abs() > 3_000_000_000 || b.unsigned_abs() > 3_000_000_000 {
                SECONDS * 1000
            } else {
                // Seconds of the far future are larger; small milliseconds do not occur.
                SECONDS * 1000 * i64::from(a.unsigned_abs() > 1_000_000)
            };
            (a - b).abs() <= slack
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b))
        }
        _ => ours == theirs,
    }
}

/// Fields of XINFO that depend on the moment or on how a stream is built inside.
const STREAM_FIELDS: &[&str] = &[
    "radix-tree-keys",
    "radix-tree-nodes",
    "seen-time",
    "active-time",
    "idle",
    "inactive",
    "delivery-time",
];

/// Fields of Redis 8.6 and later, which a peer may not have.
const NEWER_STREAM_FIELDS: &[&str] = &[
    "idmp-duration",
    "idmp-maxsize",
    "pids-tracked",
    "iids-tracked",
    "iids-added",
    "iids-duplicates",
    "nacked-count",
    "nacked",
];

/// Without the fields that the other side does not have because it is older.
fn known_fields(ours: &Value, theirs: &Value) -> Value {
    let is_newer =
        |field: &Value| field.text().is_some_and(|name| NEWER_STREAM_FIELDS.contains(&&*name));
    match (ours, theirs) {
        (Value::Map(a), Value::Map(b)) if a.len() > b.len() => {
            Value::Map(a.iter().filter(|(field, _)| !is_newer(field)).cloned().collect())
        }
        (Value::Array(a), Value::Array(b)) if a.len() > b.len() && a.len() % 2 == 0 => {
            let pairs = a.chunks(2).filter(|pair| !is_newer(&pair[0]));
            Value::Array(pairs.flatten().cloned().collect())
        }
        _ => ours.clone(),
    }
}

fn info_agrees(ours: &Value, theirs: &Value) -> bool {
    let ours = &known_fields(ours, theirs);
    match (ours, theirs) {
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|((field, a), (same_field, b))| {
                    field == same_field && (is_inner(field) || info_agrees(a, b))
                })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut is_free = false;
            a.iter().zip(b).all(|(a, b)| {
                let agrees = is_free || info_agrees(a, b) || is_moment(a, b);
                is_free = is_inner(a);
                agrees
            })
        }
        _ => ours == theirs,
    }
}

/// Fields of XINFO that a peer may not have yet.
const NEWER_FIELDS: &[&str] = &[
    "idmp-duration",
    "idmp-maxsize",
    "pids-tracked",
    "iids-tracked",
    "iids-added",
    "iids-duplicates",
    "nacked-count",
];

fn without_fields(value: &Value, names: &[&str]) -> Value {
    let is_left_out = |field: &Value| field.text().is_some_and(|name| names.contains(&&*name));
    match value {
        Value::Map(pairs) => {
            let kept = pairs.iter().filter(|(field, _)| !is_left_out(field));
            Value::Map(
                kept.map(|(field, value)| (field.clone(), without_fields(value, names))).collect(),
            )
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            let mut items = items.iter();
            while let Some(item) = items.next() {
                if is_left_out(item) {
                    items.next();
                } else {
                    kept.push(without_fields(item, names));
                }
            }
            Value::Array(kept)
        }
        other => other.clone(),
    }
}

fn is_inner(field: &Value) -> bool {
    field.text().is_some_and(|name| STREAM_FIELDS.contains(&&*name))
}

/// Delivery times in a pending list: unix milliseconds of about now.
fn is_moment(ours: &Value, theirs: &Value) -> bool {
    matches!((ours, theirs), (Value::Integer(a), Value::Integer(b))
        if *a > 1_000_000_000_000 && (a - b).abs() < 60_000)
}

fn pending_agrees(ours: &Value, theirs: &Value) -> bool {
    let (Value::Array(a), Value::Array(b)) = (ours, theirs) else { return false };
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| match (a, b) {
            (Value::Array(a), Value::Array(b)) if a.len() == 4 && b.len() == 4 => {
                a[..2] == b[..2] && a[3] == b[3]
            }
            _ => a == b,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulks(words: &[&str]) -> Value {
        Value::Array(words.iter().map(|word| Value::Bulk(word.as_bytes().to_vec())).collect())
    }

    fn call(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn order_counts_unless_it_is_up_to_the_server() {
        let (ab, ba) = (bulks(&["a", "b"]), bulks(&["b", "a"]));
        assert!(!agree(Family::Redis, &call("LRANGE l 0 -1"), &ab, &ba));
        assert!(agree(Family::Redis, &call("SMEMBERS t"), &ab, &ba));
        assert!(!agree(Family::Redis, &call("HGETALL h"), &ab, &ba));
        let (one, two) = (bulks(&["a", "1", "b", "2"]), bulks(&["b", "2", "a", "1"]));
        assert!(agree(Family::Redis, &call("HGETALL h"), &one, &two));
    }

    #[test]
    fn a_hyperloglog_with_bytes_behind_it_is_known() {
        let hll = |runs: &[u8]| Value::Bulk([b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80", runs].concat());
        assert!(!is_overlong_hll(&hll(b"\x7f\xff")));
        assert!(is_overlong_hll(&hll(b"\x7f\xffv")));
        assert!(!is_overlong_hll(&hll(b"\x80\x3f\x7f\xbe")));
        assert!(is_overlong_hll(&hll(b"\x80\x3f\x7f\xbev")));
        assert!(!is_overlong_hll(&hll(b"\x7f")));
        assert!(!is_overlong_hll(&bulks(&["HYLL"])));
    }

    #[test]
    fn scores_are_the_same_however_long() {
        let scan = |score: &str| Value::Array(vec![bulks(&[]), bulks(&["m", score])]);
        let same = |a, b| agree(Family::Redis, &call("ZSCAN z 0"), &scan(a), &scan(b));
        assert!(same("100000000000000000", "1e+17"));
        assert!(same("8.1", "8.0999999999999996"));
        assert!(same("1e-7", "9.9999999999999995e-08"));
        assert!(same("-0", "0") && !same("-1", "1"));
        assert!(!agree(
            Family::Redis,
            &call("HGETALL h"),
            &bulks(&["a", "-0"]),
            &bulks(&["a", "0"])
        ));
        assert!(!same("8.1", "8.2"));
        assert!(!same("1000", "1e+17"));
    }

    #[test]
    fn moments_may_differ_a_little_and_errors_not() {
        let ttl = |ms| Value::Integer(ms);
        assert!(agree(Family::Redis, &call("PTTL s"), &ttl(2_000_000_000), &ttl(1_999_999_000)));
        assert!(!agree(Family::Redis, &call("PTTL s"), &ttl(-1), &ttl(-2)));
        let error = Value::Error(b"ERR a".to_vec());
        assert!(!agree(Family::Redis, &call("SRANDMEMBER t"), &error, &Value::Null));
    }
}
