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
        "LSET s x y",
        "LINSERT s BEFORE a b",
        "LREM s 0 a",
        "LTRIM s 0 1",
        "LPOS s a",
        "LPOS s a COUNT 1",
        "LMOVE s none LEFT LEFT",
        "LMOVEM s none LEFT LEFT",
        "RPOPLPUSH s none",
        "LMPOP 2 none s LEFT",
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

#[test]
fn lset_looks_at_the_key_before_the_index() {
    check(
        r#"
        > LSET none x y
        (error) ERR no such key
        > RPUSH l a b
        (integer) 2
        > LSET l x y
        (error) ERR value is not an integer or out of range
        > LSET l 2 y
        (error) ERR index out of range
        > LSET l -3 y
        (error) ERR index out of range
        > LSET l -9223372036854775808 y
        (error) ERR index out of range
        > LSET l -2 10
        OK
        > LRANGE l 0 -1
        1) "10"
        2) "b"
        "#,
    );
}

#[test]
fn lpos_reads_options_before_the_key() {
    check(
        r#"
        > LPOS none a RANK 0
        (error) ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list
        > LPOS none a RANK -9223372036854775808
        (error) ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        > LPOS none a RANK x
        (error) ERR value is not an integer or out of range
        > LPOS none a MAXLEN -1
        (error) ERR MAXLEN can't be negative
        > LPOS none a COUNT x
        (error) ERR COUNT can't be negative
        > LPOS none a RANK
        (error) ERR syntax error
        > LPOS none a RANK 1 FIRST 2
        (error) ERR syntax error
        > LPOS none a
        (nil)
        > LPOS none a COUNT 1
        (empty array)
        "#,
    );
}

#[test]
fn lpos_counts_ranks_and_lengths_from_where_it_begins() {
    check(
        r#"
        > RPUSH l a b c 1 2 3 c c
        (integer) 8
        > LPOS l c RANK 2
        (integer) 6
        > LPOS l c RANK -1
        (integer) 7
        > LPOS l c RANK -3
        (integer) 2
        > LPOS l c RANK 4
        (nil)
        > LPOS l c COUNT 2 RANK 2
        1) (integer) 6
        2) (integer) 7
        > LPOS l c COUNT 0 RANK -2
        1) (integer) 6
        2) (integer) 2
        > LPOS l c COUNT 0 MAXLEN 7
        1) (integer) 2
        2) (integer) 6
        > LPOS l c COUNT 0 RANK -1 MAXLEN 2
        1) (integer) 7
        2) (integer) 6
        > LPOS l 3 MAXLEN 5
        (nil)
        > LPOS l 3 MAXLEN 0 RANK 9223372036854775807
        (nil)
        "#,
    );
}

#[test]
fn lmpop_answers_the_first_wrong_argument() {
    check(
        r#"
        > LMPOP 0 l LEFT
        (error) ERR numkeys should be greater than 0
        > LMPOP x l LEFT
        (error) ERR numkeys should be greater than 0
        > LMPOP 9223372036854775807 l LEFT
        (error) ERR syntax error
        > LMPOP 2 l LEFT
        (error) ERR syntax error
        > LMPOP 1 l UP
        (error) ERR syntax error
        > LMPOP 1 l LEFT COUNT
        (error) ERR syntax error
        > LMPOP 1 l LEFT COUNT 0 more
        (error) ERR count should be greater than 0
        > LMPOP 1 l LEFT COUNT 1 COUNT 2
        (error) ERR syntax error
        > LMPOP 1 l LEFT
        (nil)
        "#,
    );
}

#[test]
fn moving_within_a_list_turns_it_and_keeps_its_expiry() {
    check(
        r#"
        > RPUSH l a
        (integer) 1
        > EXPIRE l 1000
        (integer) 1
        > LMOVE l l LEFT RIGHT
        "a"
        > TTL l
        (integer) 1000
        > RPUSH l b c d
        (integer) 4
        > RPOPLPUSH l l
        "d"
        > LMOVE l l LEFT LEFT
        "d"
        > LMOVEM l l LEFT RIGHT COUNT 2 BULK
        1) "d"
        2) "a"
        > LMOVEM l l LEFT LEFT COUNT 2 OBO
        1) "c"
        2) "b"
        > LMOVEM l l LEFT LEFT COUNT 9 BULK
        1) "c"
        2) "b"
        3) "d"
        4) "a"
        > LRANGE l 0 -1
        1) "c"
        2) "b"
        3) "d"
        4) "a"
        > TTL l
        (integer) 1000
        "#,
    );
}

#[test]
fn a_move_that_cannot_end_does_not_begin() {
    check(
        r#"
        > RPUSH l a
        (integer) 1
        > SET s x
        OK
        > LMOVE l s LEFT LEFT
        (error) WRONGTYPE Operation against a key holding the wrong kind of value
        > LMOVEM l s LEFT LEFT COUNT 2 BULK
        (error) WRONGTYPE Operation against a key holding the wrong kind of value
        > LMOVEM l s LEFT LEFT EXACTLY 2 BULK
        (nil)
        > LMOVE none s LEFT LEFT
        (nil)
        > LMOVEM none s LEFT LEFT
        (nil)
        > LRANGE l 0 -1
        1) "a"
        > LMOVEM l s UP LEFT COUNT 2 BULK
        (error) ERR syntax error
        > LMOVEM l s LEFT LEFT COUNT 2 BULK OBO
        (error) ERR syntax error
        > LMOVEM l s LEFT LEFT SOME 2 BULK
        (error) ERR syntax error
        > LMOVEM l s LEFT LEFT COUNT x BULK
        (error) ERR count should be greater than 0
        > LMOVEM l s LEFT LEFT COUNT 2 ALL
        (error) ERR syntax error
        "#,
    );
}

#[test]
fn a_multiple_move_keeps_or_turns_the_order() {
    let moved = |call: &str, reply: &str, source: &str, destination: &str| {
        let lines = |all: &str| {
            let line = |(n, word)| format!("{}) \"{word}\"\n", n + 1);
            all.split(' ').enumerate().map(line).collect::<String>()
        };
        check(&format!(
            "> RPUSH s a b c d\n(integer) 4\n> RPUSH d x y\n(integer) 2\n> {call}\n{}\
             > LRANGE s 0 -1\n{}> LRANGE d 0 -1\n{}",
            lines(reply),
            lines(source),
            lines(destination)
        ));
    };
    moved("LMOVEM s d LEFT LEFT COUNT 2 OBO", "b a", "c d", "b a x y");
    moved("LMOVEM s d LEFT LEFT COUNT 2 BULK", "a b", "c d", "a b x y");
    moved("LMOVEM s d LEFT RIGHT COUNT 2 OBO", "a b", "c d", "x y a b");
    moved("LMOVEM s d LEFT RIGHT EXACTLY 2 BULK", "a b", "c d", "x y a b");
    moved("LMOVEM s d RIGHT LEFT COUNT 2 OBO", "c d", "a b", "c d x y");
    moved("LMOVEM s d RIGHT LEFT COUNT 2 BULK", "c d", "a b", "c d x y");
    moved("LMOVEM s d RIGHT RIGHT EXACTLY 2 OBO", "d c", "a b", "x y d c");
    moved("LMOVEM s d RIGHT RIGHT COUNT 2 BULK", "c d", "a b", "x y c d");
    moved("LMOVEM s d RIGHT RIGHT", "d", "a b c", "x y d");
}

#[test]
fn changes_are_repeated_as_they_came_or_without_their_search() {
    check_repeated(
        &[
            "RPUSH l a b c d e f",
            "LSET l 0 z",
            "LINSERT l AFTER x y",
            "LINSERT none AFTER x y",
            "LINSERT l AFTER z y",
            "LREM l 0 nothing",
            "LREM l 1 y",
            "LTRIM l 0 -1",
            "LTRIM l 0 -2",
            "LMPOP 2 none l RIGHT COUNT 2",
            "LMOVE l m LEFT RIGHT",
            "LMOVEM l m LEFT RIGHT COUNT 9 BULK",
            "LMOVEM l m LEFT RIGHT COUNT 9 BULK",
            "RPOPLPUSH m m",
        ],
        &[
            "SELECT 0",
            "RPUSH l a b c d e f",
            "LSET l 0 z",
            "LINSERT l AFTER z y",
            "LREM l 1 y",
            "LTRIM l 0 -2",
            "RPOP l 2",
            "LMOVE l m LEFT RIGHT",
            "LMOVEM l m LEFT RIGHT COUNT 9 BULK",
            "RPOPLPUSH m m",
        ],
    );
}
