//! Keys of calls, and calls from grammars.

use command::KeyError;
use command::declare::KeyFlag::{self, *};
use command::grammar::random_call;

use crate::declarations::{entry, table};

fn getkeys(call: &str) -> Result<Vec<(String, &'static [KeyFlag])>, KeyError> {
    // A lone `''` is the empty word.
    let words = call.split(' ').map(|word| if word == "''" { "" } else { word });
    let argv: Vec<&[u8]> = words.map(str::as_bytes).collect();
    let keys = table().getkeys(argv.len(), |index| argv[index])?;
    let word = |index: usize| String::from_utf8_lossy(argv[index]).into_owned();
    Ok(keys.into_iter().map(|(index, flags)| (word(index), flags)).collect())
}

fn check(call: &str, expected: &str) {
    let keys = match getkeys(call) {
        Ok(keys) => keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>().join(" "),
        Err(error) => error.text().to_owned(),
    };
    assert_eq!(keys, expected, "{call}");
}

#[test]
fn keys_stand_where_redis_says() {
    check("GET a", "a");
    check("mset a 1 b 2", "a b");
    check("MSETEX 2 a 1 b 2 NX", "a b");
    check("BITOP AND d a b", "d a b");
    check("EVAL s 2 a b c", "a b");
    check("EVAL s 0 x", "");
    check("XREAD COUNT 2 STREAMS a b 0 0", "a b");
    check("XREAD STREAMS a b 0", "a");
    check("LCS a b LEN", "a b");
    check("OBJECT ENCODING a", "a");
    check("BLPOP a b 0", "a b");
    check("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d a b");
}

#[test]
fn keys_that_specs_cannot_tell_follow_from_the_grammar() {
    check("SORT k BY STORE GET # STORE a STORE b", "k b");
    check("SORT k LIMIT 0 1 ALPHA", "k");
    check("MIGRATE h 1 k 0 9 COPY", "k");
    check("MIGRATE h 1 '' 0 9 COPY AUTH KEYS KEYS a b", "a b");
}

#[test]
fn calls_that_make_no_sense_are_refused_in_redis_s_words() {
    check("NOPE", "Invalid command specified");
    check("OBJECT NOPE", "Invalid command specified");
    check("PING", "The command has no key arguments");
    check("OBJECT", "The command has no key arguments");
    check("SSUBSCRIBE a", "The command has no key arguments");
    check("GET", "Invalid number of arguments specified for command");
    check("ZUNIONSTORE d 5 a", "Invalid arguments specified for command");
    check("ZUNIONSTORE d 0 a", "Invalid arguments specified for command");
    check("ZUNIONSTORE d -1 a", "Invalid arguments specified for command");
    check("ZUNIONSTORE d 99999999999999999999 a", "Invalid arguments specified for command");
    check("XREAD COUNT 1 2", "Invalid arguments specified for command");
    check("EVAL s 5 a", "");
}

#[test]
fn what_set_and_bitfield_do_with_their_key_depends_on_the_call() {
    let flags = |call| getkeys(call).expect("has a key")[0].1;
    assert_eq!(flags("SET k v EX 5"), &[OW, Update]);
    assert_eq!(flags("SET k v EX 5 get"), &[RW, Access, Update]);
    assert_eq!(flags("BITFIELD k GET u8 0 OVERFLOW SAT"), &[RO, Access]);
    assert_eq!(flags("BITFIELD k GET u8 0 SET u8 0 1"), &[RW, Access, Update]);
}

#[test]
fn the_fast_form_finds_the_same_keys_in_every_random_call() {
    let (table, mut rng) = (table(), xorshift());
    for entry in table.entries().filter(|entry| entry.subcommands.is_empty()) {
        let parent = entry.parent.map(|id| table.get(id).decl.name);
        for _ in 0..200 {
            let call = random_call(parent, entry.decl, &mut rng);
            assert!(entry.arity_allows(call.len()), "{}: {call:?}", entry.full_name);
            let mut fast = Vec::new();
            entry.for_each_key(call.len(), |index| &call[index], |index| fast.push(index));
            let slow = match entry.find_keys(call.len(), |index| &call[index]) {
                Ok(keys) => keys.into_iter().map(|(index, _)| index).collect(),
                Err(_) => Vec::new(),
            };
            // SORT and MIGRATE hide keys from specs; they own the world when they run.
            if !["SORT", "MIGRATE"].contains(&entry.decl.name) {
                assert_eq!(fast, slow, "{call:?}");
            }
        }
    }
}

#[test]
fn positions_stay_inside_any_call_whatever_it_says() {
    let (table, mut rng) = (table(), xorshift());
    const WORDS: [&str; 10] =
        ["a", "", "-1", "2", "999999999", "STREAMS", "KEYS", "STORE", "1", "00"];
    for entry in table.entries() {
        for _ in 0..500 {
            let argc = (rng() % 7) as usize;
            let argv: Vec<&str> = (0..argc).map(|_| WORDS[rng() as usize % 10]).collect();
            let arg = |index: usize| argv[index].as_bytes();
            entry.for_each_key(argc, arg, |index| assert!((1..argc).contains(&index), "{argv:?}"));
            for (index, _) in entry.find_keys(argc, arg).unwrap_or_default() {
                assert!((1..argc).contains(&index), "{} {argv:?}", entry.full_name);
            }
        }
    }
}

#[test]
fn counts_in_random_calls_are_true() {
    let (table, mut rng) = (table(), xorshift());
    let command = entry(&table, "zunionstore").decl;
    for _ in 0..200 {
        let call = random_call(None, command, &mut rng);
        let text = |index: usize| std::str::from_utf8(&call[index]).expect("text");
        let numkeys: usize = text(2).parse().expect("a count");
        let after = 3 + numkeys;
        assert!((3..after).all(|index| text(index).starts_with("key:")), "{call:?}");
        if after < call.len() && text(after) == "WEIGHTS" {
            let weights = (after + 1..call.len()).take_while(|&i| text(i) != "AGGREGATE").count();
            assert_eq!(weights, numkeys);
        }
    }
}

/// A fixed sequence, so that a failure comes again.
fn xorshift() -> impl FnMut() -> u64 {
    let mut x = 0x1234_5678_9abc_def1_u64;
    move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    }
}
