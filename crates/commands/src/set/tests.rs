//! Sets as clients see them.

use std::collections::BTreeSet;

use resp::Value;
use testkit::transcript::{check, check_repeated};
use testkit::{Session, TestServer};

#[test]
fn removing_the_last_member_removes_the_key() {
    check(
        r#"
        > SADD s a b a
        (integer) 2
        > SREM s a b c
        (integer) 2
        > RPUSH s x
        (integer) 1
        "#,
    );
}

#[test]
fn a_key_of_another_type_is_refused_by_all() {
    let calls = [
        "SADD l a",
        "SREM l a",
        "SCARD l",
        "SISMEMBER l a",
        "SMEMBERS l",
        "SPOP l",
        "SPOP l 0",
        "SRANDMEMBER l",
        "SRANDMEMBER l 0",
        "SMISMEMBER l a",
        "SSCAN l 0",
        "SMOVE l s a",
        "SINTER none l",
        "SUNION none l",
        "SDIFF none l",
        "SINTERSTORE s none l",
        "SUNIONSTORE s none l",
        "SDIFFSTORE s none l",
        "SINTERCARD 2 none l",
        "SUNIONCARD 2 none l",
        "SDIFFCARD 2 none l",
    ];
    let wrong = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
    let transcript: String = calls.iter().map(|call| format!("> {call}\n{wrong}\n")).collect();
    check(&format!("> RPUSH l x\n(integer) 1\n{transcript}> LLEN l\n(integer) 1\n"));
}

#[test]
fn counts_that_make_no_sense_are_refused() {
    check(
        r#"
        > SPOP s x
        (error) ERR value is out of range, must be positive
        > SPOP s 1 2
        (error) ERR syntax error
        > SRANDMEMBER s 1 2
        (error) ERR syntax error
        > SRANDMEMBER s -9223372036854775808
        (error) ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        > SRANDMEMBER s
        (nil)
        > SRANDMEMBER s 2
        (empty array)
        "#,
    );
}

fn members(value: Value) -> Vec<Vec<u8>> {
    let (Value::Array(all) | Value::Set(all)) = value else { panic!("{value:?} has no members") };
    let text = |member| match member {
        Value::Bulk(text) => text,
        other => panic!("{other:?} is no member"),
    };
    all.into_iter().map(text).collect()
}

fn server_with_numbers(below: usize) -> (TestServer, Session) {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    let numbers: Vec<String> = (0..below).map(|n| n.to_string()).collect();
    server.reply(&mut ann, &format!("SADD s {}", numbers.join(" ")));
    (server, ann)
}

#[test]
fn srandmember_with_a_count_gives_different_members() {
    let (mut server, mut ann) = server_with_numbers(100);
    for count in [1, 2, 50, 99, 100, 500] {
        let all = members(server.reply(&mut ann, &format!("SRANDMEMBER s {count}")));
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), different.len()), (count.min(100), count.min(100)));
    }
}

#[test]
fn srandmember_with_a_negative_count_chooses_each_among_all() {
    let (mut server, mut ann) = server_with_numbers(3);
    let all = members(server.reply(&mut ann, "SRANDMEMBER s -300"));
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (300, 3));
}

#[test]
fn every_member_is_chosen_as_often() {
    const ROUNDS: usize = 4000;
    let (mut server, mut ann) = server_with_numbers(10);
    let mut times = [0usize; 10];
    for _ in 0..ROUNDS {
        for member in members(server.reply(&mut ann, "SRANDMEMBER s 4")) {
            times[usize::from(member[0] - b'0')] += 1;
        }
    }
    let expected = ROUNDS * 4 / 10;
    // Six standard deviations of a binomial with these figures are 186.
    assert!(times.iter().all(|n| n.abs_diff(expected) < 200), "{times:?}");
}

#[test]
fn spop_takes_away_what_it_returns() {
    let (mut server, mut ann) = server_with_numbers(10);
    let mut left: BTreeSet<_> = members(server.reply(&mut ann, "SMEMBERS s")).into_iter().collect();
    for member in members(server.reply(&mut ann, "SPOP s 4")) {
        assert!(left.remove(&member), "it was a member, and is returned once");
    }
    assert_eq!(left, members(server.reply(&mut ann, "SMEMBERS s")).into_iter().collect());
}

#[test]
fn sets_are_sets_in_resp3() {
    let (mut server, mut ann) = server_with_numbers(2);
    ann.client.protocol = resp::Protocol::Resp3;
    assert!(matches!(server.reply(&mut ann, "SMEMBERS s"), Value::Set(_)));
    assert!(matches!(server.reply(&mut ann, "SPOP s 1"), Value::Set(_)));
    assert!(matches!(server.reply(&mut ann, "SRANDMEMBER s 1"), Value::Array(_)));
    assert!(matches!(server.reply(&mut ann, "SPOP none 1"), Value::Set(_)));
}

#[test]
fn spop_is_repeated_by_name() {
    check_repeated(
        &["SADD s a", "SPOP s", "SADD s a", "SPOP s 1", "SPOP s"],
        &["SELECT 0", "SADD s a", "SREM s a", "SADD s a", "DEL s"],
    );
    check_repeated(&["SADD s a b c", "SPOP s 2"], &["SELECT 0", "SADD s a b c", "SREM s * *"]);
}

#[test]
fn smove_without_a_source_minds_nothing_and_onto_itself_does_nothing() {
    check(
        r#"
        > RPUSH l x
        (integer) 1
        > SMOVE none l a
        (integer) 0
        > SADD s a 1
        (integer) 2
        > SMOVE s l b
        (error) WRONGTYPE Operation against a key holding the wrong kind of value
        > SMOVE s s a
        (integer) 1
        > SMOVE s s b
        (integer) 0
        > SMOVE s t a
        (integer) 1
        > SMOVE s t 1
        (integer) 1
        > EXISTS s
        (integer) 0
        > SCARD t
        (integer) 2
        "#,
    );
}

#[test]
fn a_result_is_stored_over_anything_and_an_empty_one_removes_it() {
    check(
        r#"
        > SADD a 1 2 3
        (integer) 3
        > SADD b 2 3 x
        (integer) 3
        > SET c text EX 100
        OK
        > SINTERSTORE c a b
        (integer) 2
        > TTL c
        (integer) -1
        > OBJECT ENCODING c
        "intset"
        > SUNIONSTORE c a b
        (integer) 4
        > OBJECT ENCODING c
        "listpack"
        > SDIFFSTORE a a b
        (integer) 1
        > SMEMBERS a
        1) "1"
        > SDIFFSTORE a a a
        (integer) 0
        > EXISTS a
        (integer) 0
        > SUNIONSTORE c none
        (integer) 0
        > EXISTS c
        (integer) 0
        "#,
    );
}

#[test]
fn counts_of_combinations_read_all_their_arguments() {
    check(
        r#"
        > SINTERCARD x a
        (error) ERR numkeys should be greater than 0
        > SINTERCARD 2 a
        (error) ERR Number of keys can't be greater than number of args
        > SINTERCARD 1 a b
        (error) ERR syntax error
        > SINTERCARD 1 a LIMIT
        (error) ERR syntax error
        > SINTERCARD 1 a LIMIT x
        (error) ERR LIMIT can't be negative
        > SINTERCARD 1 a APPROX
        (error) ERR syntax error
        > SDIFFCARD 1 a APPROX
        (error) ERR syntax error
        > SUNIONCARD 1 a LIMIT 3 APPROX
        (integer) 0
        > SADD a 1 2 3 4
        (integer) 4
        > SADD b 3 4 5 6
        (integer) 4
        > SUNIONCARD 3 a b none LIMIT 0
        (integer) 6
        > SUNIONCARD 2 a b LIMIT 5
        (integer) 5
        > SDIFFCARD 3 a none b
        (integer) 2
        > SINTERCARD 2 a b LIMIT 10
        (integer) 2
        > SINTERCARD 2 a none
        (integer) 0
        "#,
    );
}

#[test]
fn sscan_reads_its_options_only_with_a_set() {
    check(
        r#"
        > SSCAN none x
        (error) ERR invalid cursor
        > SSCAN none 0 BAD
        1) "0"
        2) (empty array)
        > SADD s a 1
        (integer) 2
        > SSCAN s 0 BAD
        (error) ERR syntax error
        > SSCAN s 0 TYPE set
        (error) ERR syntax error
        > SSCAN s 0 NOVALUES
        (error) ERR NOVALUES option can only be used in HSCAN
        > SSCAN s 0 MATCH 1
        1) "0"
        2) 1) "1"
        > SSCAN s 17 COUNT 1
        1) "0"
        2) 1) "a"
           2) "1"
        "#,
    );
}

#[test]
fn sscan_returns_each_member_of_a_large_set_once() {
    let (mut server, mut ann) = server_with_numbers(3000);
    for options in ["", "COUNT 1", "COUNT 100", "COUNT 9223372036854775807"] {
        let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
        loop {
            let reply = server.reply(&mut ann, &format!("SSCAN s {cursor} {options}"));
            let Value::Array(parts) = reply else { panic!("SSCAN answers a pair") };
            cursor = parts[0].text().expect("a cursor is text").into_owned();
            seen.extend(members(parts[1].clone()));
            if cursor == "0" {
                break;
            }
        }
        let different: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), different.len()), (3000, 3000), "{options}");
    }
}

#[test]
fn a_large_spop_is_repeated_in_pieces() {
    let (mut server, mut ann) = server_with_numbers(3000);
    let mut reader = server.engine.journal.reader(None).expect("a journal has its end");
    let popped = members(server.reply(&mut ann, "SPOP s 2500"));
    assert_eq!(popped.len(), 2500);
    let mut repeated = Vec::new();
    reader.read(|chunk| repeated.extend_from_slice(chunk)).expect("nothing was trimmed");
    let (mut commands, mut named) = (Vec::new(), Vec::new());
    while let Some((request, used)) = resp::decode(&repeated).expect("it is RESP") {
        let words = members(request);
        commands.push(words[0].clone());
        named.extend(words.into_iter().skip(2).filter(|word| word.len() < 5));
        repeated.drain(..used);
    }
    assert_eq!(commands.iter().filter(|name| *name == b"SREM").count(), 3);
    assert!(popped.iter().all(|member| named.contains(member)));
    assert!(matches!(server.reply(&mut ann, "SCARD s"), Value::Integer(500)));
}
