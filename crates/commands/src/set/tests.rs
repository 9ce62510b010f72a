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
