//! Golden payloads: DUMPs of real servers, and the commands that made their values.
//!
//! `cargo x golden` plays each case on a real server and writes what DUMP answers; the files are
//! kept for ever. Here the same commands are played on ours, and what the payload restores must be
//! what they make.
//!
//! A command is words between blanks, with two abbreviations, so that a large value is a short line:
//!
//! ```text
//!   x*300               300 times the letter
//!   [1..9]f#,v#         f1 v1 f2 v2 … f9 v9
//!   [1..9] XADD k #-1 … the whole command, nine times
//! ```

/// A value under the key `k`.
pub struct Case {
    pub name: &'static str,
    pub commands: &'static [&'static str],
}

const fn case(name: &'static str, commands: &'static [&'static str]) -> Case {
    Case { name, commands }
}

pub const CASES: &[Case] = &[
    case("string-int8", &["SET k -12"]),
    case("string-int16", &["SET k 12345"]),
    case("string-int32", &["SET k -1234567890"]),
    case("string-int64", &["SET k 1234567890123"]),
    case("string-short", &["SET k hello"]),
    case("string-empty", &["SET k ''"]),
    case("string-compressed", &["SET k x*1000"]),
    case("string-plain", &["SET k No-part-of-this-comes-again,so-it-stays:0123456789"]),
    case("string-bits", &["SETBIT k 77 1", "SETBIT k 5 1"]),
    case("string-hll", &["PFADD k [1..200]element#"]),
    case("list-listpack", &["RPUSH k a 1 -5 300 70000 5000000000 x*70 ''"]),
    case("list-quicklist", &["RPUSH k [1..700]element-#,#"]),
    case("list-plain-node", &["RPUSH k before x*9000 after"]),
    case("list-large-listpack-entry", &["RPUSH k x*5000 y*100"]),
    case("set-intset16", &["SADD k 1 2 3 -300"]),
    case("set-intset32", &["SADD k 1 70000"]),
    case("set-intset64", &["SADD k 1 5000000000 -5000000000"]),
    case("set-listpack", &["SADD k a b 3 -400 x*40"]),
    case("set-table-of-many", &["SADD k [1..150]member#"]),
    case("set-table-of-integers", &["SADD k [1..600]#"]),
    case("set-table-of-long", &["SADD k a x*65"]),
    case("zset-listpack", &["ZADD k 1 a 2.5 b -inf low inf high 1e30 big 0.1 c -7 12"]),
    case("zset-skiplist-of-many", &["ZADD k [1..150]#.5,member#"]),
    case("zset-skiplist-of-long", &["ZADD k 1 a -0.25 x*65 inf c -inf d"]),
    case("zset-geo", &["GEOADD k 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"]),
    case("hash-listpack", &["HSET k f v number 12 '' '' x*60 y*64"]),
    case("hash-table-of-many", &["HSET k [1..520]f#,#"]),
    case("hash-table-of-long", &["HSET k f v long x*65 number 12"]),
    case(
        "hash-expiring-listpack",
        &["HSET k a 1 b 2 c 3", "HPEXPIREAT k 9000000000000 FIELDS 1 b"],
    ),
    case(
        "hash-expiring-listpack-all",
        &[
            "HSET k a 1 b 2",
            "HPEXPIREAT k 9000000000500 FIELDS 1 a",
            "HPEXPIREAT k 9000000000000 FIELDS 1 b",
        ],
    ),
    case(
        "hash-expiring-table",
        &[
            "HSET k a x*65 b 2 c 3",
            "HPEXPIREAT k 9000000000000 FIELDS 1 b",
            "HPEXPIREAT k 9000000070000 FIELDS 1 a",
        ],
    ),
    case(
        "hash-expiring-table-of-many",
        &["HSET k [1..520]f#,#", "HPEXPIREAT k 9000000000000 FIELDS 2 f7 f300"],
    ),
    case(
        "hash-no-longer-expiring",
        &["HSET k a 1 b 2", "HPEXPIREAT k 9000000000000 FIELDS 1 b", "HPERSIST k FIELDS 1 b"],
    ),
    case("stream-small", &["XADD k 1-1 f v g w", "XADD k 1-2 f v2 g w2", "XADD k 5-0 other x"]),
    case("stream-nodes", &["[1..230] XADD k #-1 field value-# n #"]),
    case(
        "stream-deleted",
        &["[1..20] XADD k #-0 f #", "XDEL k 3-0 20-0", "XTRIM k MINID 2", "XADD k 21-5 f last"],
    ),
    case("stream-empty", &["XADD k 7-7 f v", "XDEL k 7-7"]),
    case(
        "stream-groups",
        &[
            "[1..9] XADD k #-1 f #",
            "XGROUP CREATE k first 0",
            "XGROUP CREATE k second 5-1 ENTRIESREAD 5",
            "XGROUP CREATE k third $",
            "XREADGROUP GROUP first ann COUNT 3 STREAMS k >",
            "XREADGROUP GROUP first bob COUNT 2 STREAMS k >",
            "XREADGROUP GROUP second ann STREAMS k >",
            "XACK k first 2-1",
            "XGROUP CREATECONSUMER k third idle",
            "XCLAIM k second bob 0 6-1 RETRYCOUNT 7",
        ],
    ),
    case("stream-history", &["XADD k 3-3 f v", "XSETID k 9-9 ENTRIESADDED 50 MAXDELETEDID 2-2"]),
    case("stream-group-of-nothing", &["XGROUP CREATE k g $ MKSTREAM"]),
];

/// The calls a command stands for.
pub fn expand(command: &str) -> Vec<Vec<Vec<u8>>> {
    let (repeat, rest) = match command.split_once(' ') {
        Some((first, rest)) if first.starts_with('[') && first.ends_with(']') => {
            (range(first), rest)
        }
        _ => (1..=1, command),
    };
    let is_repeated = repeat.clone().count() > 1;
    let calls = repeat.map(|n| {
        let line = if is_repeated { rest.replace('#', &n.to_string()) } else { rest.to_owned() };
        line.split(' ').flat_map(words).collect()
    });
    calls.collect()
}

/// `[1..9]`.
fn range(text: &str) -> std::ops::RangeInclusive<u32> {
    let bounds = text.trim_matches(['[', ']']).split_once("..").expect("a range has two ends");
    let number = |text: &str| text.parse().expect("the ends of a range are numbers");
    number(bounds.0)..=number(bounds.1)
}

fn words(word: &str) -> Vec<Vec<u8>> {
    if word == "''" {
        return vec![Vec::new()];
    }
    if let Some((range_text, pattern)) = word.split_once(']').filter(|_| word.starts_with('[')) {
        let each = |n: u32| pattern.replace('#', &n.to_string());
        let all = range(range_text).flat_map(|n| {
            each(n).split(',').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>()
        });
        return all.collect();
    }
    match word.split_once('*') {
        Some((letter, count)) if letter.len() == 1 && count.parse::<usize>().is_ok() => {
            vec![letter.repeat(count.parse().unwrap_or(0)).into_bytes()]
        }
        _ => vec![word.as_bytes().to_vec()],
    }
}

/// Names and payloads of a golden file: a line each, the payload in hexadecimal.
pub fn parse(file: &str) -> Vec<(&str, Vec<u8>)> {
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, hex) = line.split_once(' ').expect("a name and a payload");
            (name, from_hex(hex))
        })
        .collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits are ASCII");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    };
    digits.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_become_words() {
        let calls = |command| {
            let text = |call: Vec<Vec<u8>>| String::from_utf8(call.join(&b' ')).unwrap();
            expand(command).into_iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(calls("SET k x*5"), ["SET k xxxxx"]);
        assert_eq!(calls("HSET k [1..2]f#,v#"), ["HSET k f1 v1 f2 v2"]);
        assert_eq!(calls("[8..9] XADD k #-1 f #"), ["XADD k 8-1 f 8", "XADD k 9-1 f 9"]);
        assert_eq!(calls("SET k ''"), ["SET k "]);
    }
}
