//! SCAN: all keys, a few at a time, in the order of their hashes.
//!
//! ```text
//!   SCAN 0 ──► [ 2873…, keys ] ──► SCAN 2873… ──► [ 911…, keys ] … ──► [ 0, keys ]
//!              shard 0: bucket, bucket, bucket … shard 1: bucket …
//! ```
//!
//! A step takes one bucket's keys; steps follow until COUNT keys were met. Between two calls the
//! server remembers nothing: the cursor is where the walk stands ([`engine::scan_cursor`]). A key
//! that is there from beginning to end is returned exactly once, however the table grows or
//! shrinks meanwhile; Redis promises at least once.
//!
//! Keys that are met after their time are deleted and not returned.
//!
//! # Limits
//!
//! COUNT is a hint: a call returns up to a bucket more. One shard is held at a time, and for as
//! many steps as COUNT says; a huge COUNT is a KEYS.

use command::declare::{Flag::*, Group, Lock, integer, opt, pattern, text, token};
use engine::scan_cursor::{ElementCursor, ScanCursor};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::Type;

use super::keys::matcher;

const COUNT: usize = 10;
/// Steps that meet too few keys end after this many times COUNT: a sparse table must not make a
/// short call long.
const STEPS_PER_COUNT: usize = 10;

pub const SCAN: Command = Command {
    name: "SCAN",
    group: Group::Generic,
    since: "2.8.0",
    summary: "Walks over the names of all keys, some in each call.",
    complexity: "O(COUNT) for a call, O(N) for a walk over N keys",
    flags: &[ReadOnly],
    args: &[
        integer("cursor"),
        opt(token("MATCH", pattern("pattern"))),
        opt(token("COUNT", integer("count"))),
        opt(token("TYPE", text("type")).since("6.0.0")),
    ],
    lock: Some(Lock::EachShard),
    history: &[("6.0.0", "Added the `TYPE` subcommand.")],
    tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
    examples: &[
        ("SET hello 1", "OK"),
        ("SCAN 0 COUNT 1000", "1) \"0\"\n2) 1) \"hello\""),
        ("SCAN 0 MATCH w* COUNT 1000", "1) \"0\"\n2) (empty array)"),
        ("SCAN 0 COUNT 1000 TYPE string", "1) \"0\"\n2) 1) \"hello\""),
        ("SCAN here", "(error) ERR invalid cursor"),
        ("SCAN 0 COUNT 0", "(error) ERR syntax error"),
    ],
    ..Command::base(scan)
};

fn scan(cx: &mut Cx<'_>) -> CmdResult {
    let keyspace = &cx.engine.keyspace;
    let number = parse_cursor(cx.arg(1)).ok_or(CmdError::INVALID_CURSOR)?;
    let options = Options::parse(cx, 2, Walk::Keys)?;
    let matches = matcher(options.pattern);
    let clock = cx.db.expiry_clock();

    let mut names = Vec::new();
    let mut names_reply = Reply::new(&mut names, cx.reply.protocol());
    let (mut met, mut returned) = (0, 0);
    let mut due: Vec<Vec<u8>> = Vec::new();
    let mut steps_left = options.count.saturating_mul(STEPS_PER_COUNT);
    let mut cursor = ScanCursor::undisguise(keyspace, number);
    let (mut shard, mut position) = cursor.shard_and_position(keyspace);
    loop {
        let part = cx.db.shard(shard);
        // An empty shard costs nothing worth counting.
        steps_left -= usize::from(!part.is_empty());
        position = part.scan(position, |record| {
            met += 1;
            if !matches(record.key()) {
                return;
            }
            if clock.has_expired(record.expire_ms()) {
                due.push(record.key().to_vec());
            } else if options.kind.allows(record.value_type()) {
                names_reply.bulk(record.key());
                returned += 1;
            }
        });
        // Now, while the shard is held.
        for name in due.drain(..) {
            let key = cx.db.key(&name);
            cx.db.delete_if_due(key);
        }
        // Where the position is too exact to be said, the walk cannot stop.
        if let Some(here) = ScanCursor::new(keyspace, shard, position) {
            cursor = here;
            (shard, position) = cursor.shard_and_position(keyspace);
            if cursor == ScanCursor::START || met >= options.count || steps_left == 0 {
                break;
            }
        }
    }
    cx.reply.array(2);
    cx.reply.bulk_fmt(format_args!("{}", cursor.disguise(keyspace)));
    cx.reply.array(returned);
    cx.reply.raw(&names);
    Ok(())
}

/// Which of the walks: keys, or the elements of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    Keys,
    /// SSCAN.
    Elements,
    /// HSCAN.
    Fields,
    /// ZSCAN.
    Scores,
}

/// What follows the cursor of SCAN, HSCAN, SSCAN and ZSCAN.
pub(crate) struct Options<'a> {
    pub(crate) pattern: &'a [u8],
    pub(crate) count: usize,
    kind: Kind,
    /// NOVALUES of HSCAN, NOSCORES of ZSCAN.
    pub(crate) no_values: bool,
}

/// Walks on over the elements of a large value from a client's cursor, and gives the next one.
/// `step` takes a position and gives the next one and how many elements it met; it is called until
/// it has met `count`.
pub(crate) fn walk_elements(
    number: u64,
    count: usize,
    mut step: impl FnMut(u64) -> (u64, usize),
) -> u64 {
    let mut position = ElementCursor::undisguise(number).position();
    let (mut met, mut steps_left) = (0, count.saturating_mul(STEPS_PER_COUNT));
    loop {
        let (next, met_now) = step(position);
        (position, met) = (next, met + met_now);
        steps_left = steps_left.saturating_sub(1);
        if let Some(cursor) = ElementCursor::new(position)
            && (position == 0 || met >= count || steps_left == 0)
        {
            return cursor.disguise();
        }
    }
}

/// TYPE.
#[derive(Clone, Copy)]
enum Kind {
    Any,
    One(Type),
    /// A word that names no type: no key has it.
    Unknown,
}

impl Kind {
    fn named(word: &[u8]) -> Kind {
        const TYPES: [Type; 6] =
            [Type::String, Type::List, Type::Set, Type::SortedSet, Type::Hash, Type::Stream];
        let named = |t: &Type| word.eq_ignore_ascii_case(t.name().as_bytes());
        TYPES.into_iter().find(named).map_or(Kind::Unknown, Kind::One)
    }

    fn allows(self, value_type: Type) -> bool {
        match self {
            Kind::Any => true,
            Kind::One(wanted) => wanted == value_type,
            Kind::Unknown => false,
        }
    }
}

impl<'a> Options<'a> {
    /// The options from an argument on.
    pub(crate) fn parse(cx: &Cx<'a>, first: usize, walk: Walk) -> Result<Options<'a>, CmdError> {
        let mut options =
            Options { pattern: b"*", count: COUNT, kind: Kind::Any, no_values: false };
        let mut i = first;
        while i < cx.argc() {
            let has_value = i + 1 < cx.argc();
            if has_value && cx.is_word(i, "COUNT") {
                let count = usize::try_from(cx.int(i + 1)?).unwrap_or(0);
                options.count = if count == 0 { return Err(CmdError::SYNTAX) } else { count };
            } else if has_value && cx.is_word(i, "MATCH") {
                options.pattern = cx.arg(i + 1);
            } else if has_value && walk == Walk::Keys && cx.is_word(i, "TYPE") {
                options.kind = Kind::named(cx.arg(i + 1));
            } else if walk == Walk::Scores && cx.is_word(i, "NOSCORES") {
                options.no_values = true;
                i += 1;
                continue;
            } else if cx.is_word(i, "NOVALUES") {
                if walk != Walk::Fields {
                    return Err(CmdError::ONLY_HSCAN_NOVALUES);
                }
                options.no_values = true;
                i += 1;
                continue;
            } else {
                return Err(CmdError::SYNTAX);
            }
            i += 2;
        }
        Ok(options)
    }
}

/// A cursor as a client may write it: below 2^64, with spaces, zeros or a plus sign in front. A
/// negative number is refused, but for those that C's `strtoull` alone would read, such as -0.
pub(crate) fn parse_cursor(text: &[u8]) -> Option<u64> {
    if base::number::parse_i64(text).is_some_and(|number| number < 0) {
        return None;
    }
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', digits) => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use resp::Value;
    use testkit::transcript::check;
    use testkit::{Session, TestServer};

    use super::*;
    use crate::generic::tests::{make_due, texts};

    /// One call: the next cursor and the names.
    fn step(server: &mut TestServer, session: &mut Session, call: &str) -> (String, Vec<String>) {
        let Value::Array(parts) = server.reply(session, call) else { panic!("{call} fails") };
        let cursor = parts[0].text().expect("a cursor is text").into_owned();
        (cursor, texts(&parts[1]))
    }

    /// A whole walk: how often each name was returned. `meanwhile` runs between two calls.
    fn walk(
        server: &mut TestServer,
        session: &mut Session,
        options: &str,
        mut meanwhile: impl FnMut(&mut TestServer, &mut Session),
    ) -> HashMap<String, usize> {
        let mut seen = HashMap::new();
        let mut cursor = "0".to_owned();
        loop {
            let (next, names) = step(server, session, &format!("SCAN {cursor} {options}"));
            names.into_iter().for_each(|name| *seen.entry(name).or_default() += 1);
            if next == "0" {
                return seen;
            }
            cursor = next;
            meanwhile(server, session);
        }
    }

    fn populated(workers: usize, keys: usize) -> (TestServer, Session) {
        let mut server = TestServer::new(workers);
        let mut session = server.connect();
        (0..keys).for_each(|i| drop(server.reply(&mut session, &format!("SET key:{i} {i}"))));
        (server, session)
    }

    #[test]
    fn a_walk_returns_every_key_once() {
        for workers in [1, 4] {
            let (mut server, mut session) = populated(workers, 1000);
            for options in ["", "COUNT 1", "COUNT 100", "COUNT 9223372036854775807"] {
                let seen = walk(&mut server, &mut session, options, |_, _| ());
                assert_eq!(seen.len(), 1000, "{options}");
                assert!(seen.values().all(|times| *times == 1), "{options}");
            }
        }
    }

    #[test]
    fn keys_that_stay_are_returned_once_while_others_come_and_go() {
        for workers in [1, 4] {
            let (mut server, mut session) = populated(workers, 500);
            let mut round = 0;
            let seen = walk(&mut server, &mut session, "COUNT 5", |server, session| {
                // First the table grows tenfold, then it shrinks again.
                for i in 0..100 {
                    let call = match round < 50 {
                        true => format!("SET other:{round}:{i} 1"),
                        false => format!("DEL other:{}:{i}", round - 50),
                    };
                    server.reply(session, &call);
                }
                round += 1;
            });
            assert!(round > 50, "{round} rounds");
            for i in 0..500 {
                assert_eq!(seen.get(&format!("key:{i}")), Some(&1), "key:{i}");
            }
        }
    }

    #[test]
    fn count_is_about_how_many_keys_a_call_meets() {
        let (mut server, mut session) = populated(1, 10_000);
        for count in [1, 10, 1000] {
            let (_, names) = step(&mut server, &mut session, &format!("SCAN 0 COUNT {count}"));
            assert!((count..count + 30).contains(&names.len()), "{count}: {}", names.len());
        }
        let (_, names) = step(&mut server, &mut session, "SCAN 0");
        assert!((10..40).contains(&names.len()));
    }

    #[test]
    fn match_and_type_select_names() {
        let (mut server, mut session) = populated(4, 1000);
        testkit::transcript::make_list(&server, "l");
        let seen = walk(&mut server, &mut session, "MATCH key:1??", |_, _| ());
        assert_eq!(seen.len(), 100);
        let seen = walk(&mut server, &mut session, "TYPE List", |_, _| ());
        assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["l"]);
        let seen = walk(&mut server, &mut session, "COUNT 100 TYPE string", |_, _| ());
        assert_eq!(seen.len(), 1000);
        let seen = walk(&mut server, &mut session, "TYPE nosuchtype", |_, _| ());
        assert!(seen.is_empty());
    }

    #[test]
    fn expired_keys_are_deleted_on_the_way_and_repeated() {
        for workers in [1, 4] {
            let (mut server, mut session) = populated(workers, 200);
            for i in 0..20 {
                make_due(&mut server, &mut session, &format!("key:{i}"));
            }
            let mut reader = server.engine.journal.reader(None).expect("a journal has its end");
            let seen = walk(&mut server, &mut session, "TYPE list", |_, _| ());
            assert!(seen.is_empty());
            assert_eq!(server.engine.total(|s| s.expired_keys.get()), 20);
            let seen = walk(&mut server, &mut session, "", |_, _| ());
            assert_eq!(seen.len(), 180);
            let mut repeated = Vec::new();
            reader.read(|chunk| repeated.extend_from_slice(chunk)).expect("nothing was trimmed");
            let mut deletions = 0;
            while let Some((request, used)) = resp::decode(&repeated).expect("it is RESP") {
                deletions += usize::from(texts(&request)[0] == "DEL");
                repeated.drain(..used);
            }
            assert_eq!(deletions, 20);
        }
    }

    #[test]
    fn any_number_is_a_cursor() {
        let (mut server, mut session) = populated(4, 100);
        for cursor in ["1", "+5", "007", "9007199254740993", "18446744073709551615"] {
            step(&mut server, &mut session, &format!("SCAN {cursor}"));
        }
    }

    #[test]
    fn what_is_no_cursor_and_no_option_is_refused() {
        check(
            "> SCAN -1
             (error) ERR invalid cursor
             > SCAN \"\"
             (error) ERR invalid cursor
             > SCAN 18446744073709551616
             (error) ERR invalid cursor
             > SCAN 0 COUNT -5
             (error) ERR syntax error
             > SCAN 0 COUNT x
             (error) ERR value is not an integer or out of range
             > SCAN 0 MATCH
             (error) ERR syntax error
             > SCAN 0 NOVALUES
             (error) ERR NOVALUES option can only be used in HSCAN
             > SCAN 0 AB 1
             (error) ERR syntax error",
        );
    }

    #[test]
    fn a_cursor_is_read_as_strtoull_would() {
        assert_eq!(parse_cursor(b"0012"), Some(12));
        assert_eq!(parse_cursor(b"+12"), Some(12));
        assert_eq!(parse_cursor(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_cursor(b" \t1"), Some(1));
        assert_eq!(parse_cursor(b"-0"), Some(0));
        assert_eq!(parse_cursor(b"-01"), Some(u64::MAX));
        for text in [&b""[..], b"+", b"-", b"-1", b"1x", b"1 ", b"18446744073709551616"] {
            assert_eq!(parse_cursor(text), None);
        }
    }
}
