//! Lists as clients see them.

use testkit::TestServer;
use testkit::transcript::{check, check_repeated};

#[test]
fn popping_the_last_element_removes_the_key() {
    check(
        r#"
        > RPUSH l a b c
        (integer) 3
        > RPOP l 0
        (empty array)
        > LPOP l 3
        1) "a"
        2) "b"
        3) "c"
        > LPUSHX l x
        (integer) 0
        > SADD l x
        (integer) 1
        "#,
    );
}

#[test]
fn pop_takes_one_argument_at_most_and_it_is_a_count() {
    check(
        r#"
        > LPOP none 2
        (nil)
        > LPOP none 0
        (nil)
        > RPOP none x
        (error) ERR value is out of range, must be positive
        > LPOP none 1 2
        (error) ERR wrong number of arguments for 'lpop' command
        "#,
    );
}

#[test]
fn pop_with_a_count_answers_a_missing_key_with_a_null_array() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    assert_eq!(server.feed(&mut ann, b"LPOP none 2\r\n"), b"*-1\r\n");
    assert_eq!(server.feed(&mut ann, b"LPOP none\r\n"), b"$-1\r\n");
}

#[test]
fn lindex_looks_at_the_key_before_the_index() {
    check(
        r#"
        > LINDEX none x
        (nil)
        > SET s x
        OK
        > LINDEX s x
        (error) WRONGTYPE Operation against a key holding the wrong kind of value
        > LRANGE none 0 x
        (error) ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn ranges_reach_no_farther_than_the_list() {
    check(
        r#"
        > RPUSH l a b c
        (integer) 3
        > LRANGE l -9223372036854775808 9223372036854775807
        1) "a"
        2) "b"
        3) "c"
        > LRANGE l 0 -4
        (empty array)
        > LRANGE l 3 5
        (empty array)
        > LINDEX l -9223372036854775808
        (nil)
        > LINDEX l -3
        "a"
        "#,
    );
}

#[test]
fn a_key_of_another_type_is_refused_by_all() {
    let calls = [
        "LPUSH s a",
        "RPUSH s a",
        "LPUSHX s a",
        "RPUSHX s a",
        "LPOP s",
        "RPOP s 2",
        "LLEN s",
        "LRANGE s 0 1",
        "LINDEX s 0",
    ];
    let wrong = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
    let transcript: String = calls.iter().map(|call| format!("> {call}\n{wrong}\n")).collect();
    check(&format!("> SADD s x\n(integer) 1\n{transcript}> SCARD s\n(integer) 1\n"));
    check(&format!("> SET s x\nOK\n{transcript}> GET s\n\"x\"\n"));
}

#[test]
fn what_changes_nothing_is_not_repeated() {
    check_repeated(
        &["LPUSHX l a", "LPOP l", "RPUSH l a", "LPOP l 0", "LPOP l 5"],
        &["SELECT 0", "RPUSH l a", "LPOP l 5"],
    );
}
