//! Sorted sets as clients see them.

use resp::Value;
use testkit::transcript::{check, check_on, check_repeated};
use testkit::{Session, TestServer};

/// Runs the transcript on listpacks and on skiplists.
fn check_both(transcript: &str) {
    for limit in ["128", "0"] {
        let mut server = TestServer::new(1);
        let mut session = server.connect();
        let setting = format!("CONFIG SET zset-max-listpack-entries {limit}");
        server.reply(&mut session, &setting);
        check_on(&mut server, &mut session, transcript);
    }
}

#[test]
fn a_key_of_another_type_is_refused_by_all() {
    let calls = [
        "ZADD l 1 a",
        "ZADD l XX 1 a",
        "ZINCRBY l 1 a",
        "ZCARD l",
        "ZCOUNT l 0 1",
        "ZLEXCOUNT l - +",
        "ZDIFF 2 nokey l",
        "ZDIFFSTORE d 1 l",
        "ZINTER 2 nokey l",
        "ZINTERCARD 1 l",
        "ZINTERSTORE d 1 l",
        "ZMPOP 2 nokey l MIN",
        "ZMSCORE l a",
        "ZPOPMAX l",
        "ZPOPMIN l 0",
        "ZRANDMEMBER l",
        "ZRANDMEMBER l 0",
        "ZRANGE l 0 -1",
        "ZRANGEBYLEX l - +",
        "ZRANGEBYSCORE l 0 1",
        "ZRANGESTORE d l 0 -1",
        "ZRANK l a",
        "ZREM l a",
        "ZREMRANGEBYLEX l - +",
        "ZREMRANGEBYRANK l 0 -1",
        "ZREMRANGEBYSCORE l 0 1",
        "ZREVRANGE l 0 -1",
        "ZREVRANK l a",
        "ZSCAN l 0",
        "ZSCORE l a",
        "ZUNION 1 l",
        "ZUNIONSTORE d 1 l",
    ];
    let wrong = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
    let transcript: String = calls.iter().map(|call| format!("> {call}\n{wrong}\n")).collect();
    check(&format!("> RPUSH l x\n(integer) 1\n{transcript}> LLEN l\n(integer) 1\n"));
}

#[test]
fn conditions_decide_who_gets_a_score() {
    check_both(
        r#"
        > ZADD z 10 a 20 b
        (integer) 2
        > ZADD z NX 1 a 30 c
        (integer) 1
        > ZADD z GT CH 5 a 25 b 1 d
        (integer) 2
        > ZADD z LT XX CH 5 a 99 b 1 nobody
        (integer) 1
        > ZRANGE z 0 -1 WITHSCORES
        1) "d"
        2) "1"
        3) "a"
        4) "5"
        5) "b"
        6) "25"
        7) "c"
        8) "30"
        > ZADD z GT INCR -1 a
        (nil)
        > ZADD z INCR 2.5 a
        "7.5"
        > ZADD z INCR 1 a 2 b
        (error) ERR INCR option supports a single increment-element pair
        > ZADD z GT LT 1 a
        (error) ERR GT, LT, and/or NX options at the same time are not compatible
        > ZADD z 1 a 2
        (error) ERR syntax error
        > ZADD z 1 a x b
        (error) ERR value is not a valid float
        > ZADD z XX 1
        (error) ERR syntax error
        > ZINCRBY z nx b
        (error) ERR syntax error
        "#,
    );
}

#[test]
fn infinities_and_zeros_are_those_of_redis() {
    check_both(
        r#"
        > ZADD z inf a -inf b 0 c
        (integer) 3
        > ZINCRBY z -inf a
        (error) ERR resulting score is not a number (NaN)
        > ZSCORE z a
        "inf"
        > ZADD z nan d
        (error) ERR value is not a valid float
        > ZADD z CH -0 c
        (integer) 0
        > ZINCRBY z -0 e
        "-0"
        > ZADD z 0x1p3 d
        (integer) 1
        > ZSCORE z d
        "8"
        > ZADD y -inf a 1 f
        (integer) 2
        > ZUNION 2 z y WITHSCORES
        1) "b"
        2) "-inf"
        3) "a"
        4) "0"
        5) "c"
        6) "0"
        7) "e"
        8) "*0"
        9) "f"
        10) "1"
        11) "d"
        12) "8"
        > ZADD w 0 a
        (integer) 1
        > ZINTER 1 w WEIGHTS -5 WITHSCORES
        1) "a"
        2) "-0"
        > ZUNION 1 w WEIGHTS -5 WITHSCORES
        1) "a"
        2) "-0"
        > ZADD v inf a 1 b
        (integer) 2
        > ZINTER 2 v v WEIGHTS 5 0 WITHSCORES
        1) "a"
        2) "0"
        3) "b"
        4) "5"
        > ZINTER 2 v v WEIGHTS 5 0 AGGREGATE MIN WITHSCORES
        1) "b"
        2) "0"
        3) "a"
        4) "inf"
        > ZUNION 2 v v WEIGHTS 5 0 WITHSCORES
        1) "b"
        2) "5"
        3) "a"
        4) "inf"
        > ZINTER 1 z WEIGHTS 0 WITHSCORES
        *
        *
        *
        *
        *
        *
        *
        *
        *
        *
        "#,
    );
}

#[test]
fn bounds_are_read_as_redis_reads_them() {
    check_both(
        r#"
        > ZADD z 1 a 2 b 3 c
        (integer) 3
        > ZRANGEBYSCORE z "" 1
        1) "a"
        > ZRANGEBYSCORE z (1 1e400
        1) "b"
        2) "c"
        > ZRANGEBYSCORE z 2 1
        (empty array)
        > ZRANGEBYSCORE z (1 (2
        (empty array)
        > ZRANGEBYSCORE z nan 2
        (error) ERR min or max is not a float
        > ZRANGEBYSCORE z 0x1 2
        (error) ERR min or max is not a float
        > ZCOUNT z (0x1 2
        (error) ERR min or max is not a float
        > ZREVRANGEBYSCORE z +inf -inf LIMIT 1 1
        1) "b"
        > ZRANGEBYSCORE z -inf +inf LIMIT 1 -1
        1) "b"
        2) "c"
        > ZRANGEBYSCORE z -inf +inf LIMIT -1 2
        (empty array)
        > ZRANGE z 5 -1
        (empty array)
        > ZRANGE z -100 100 REV
        1) "c"
        2) "b"
        3) "a"
        > ZREVRANGE z 0 0
        1) "c"
        > ZRANGE z 0 -1 LIMIT 1 -1
        1) "a"
        2) "b"
        3) "c"
        > ZRANGE z 0 -1 LIMIT 0 -1
        1) "a"
        2) "b"
        3) "c"
        > ZRANGE z 0 -1 BYLEX WITHSCORES
        (error) ERR syntax error, WITHSCORES not supported in combination with BYLEX
        > ZRANGE z 0 -1 REV REV
        (error) ERR syntax error
        > ZRANGEBYLEX z [ +
        1) "a"
        2) "b"
        3) "c"
        > ZRANGEBYLEX z + -
        (empty array)
        > ZREMRANGEBYLEX z - -
        (integer) 0
        "#,
    );
}

#[test]
fn resp3_nests_elements_with_scores() {
    check_both(
        r#"
        > HELLO 3
        *
        *
        *
        *
        *
        *
        *
        > ZADD z 1 a 2 b 3 c 4 d
        (integer) 4
        > ZRANGE z 0 1 WITHSCORES
        1) 1) "a"
           2) (double) 1
        2) 1) "b"
           2) (double) 2
        > ZPOPMIN z
        1) "a"
        2) (double) 1
        > ZPOPMAX z 1
        1) 1) "d"
           2) (double) 4
        > ZMPOP 1 z MIN
        1) "z"
        2) 1) 1) "b"
              2) (double) 2
        > ZRANDMEMBER z -1 WITHSCORES
        1) 1) "c"
           2) (double) 3
        > ZUNION 1 z WITHSCORES
        1) 1) "c"
           2) (double) 3
        > ZSCORE z c
        (double) 3
        > ZRANK z nobody WITHSCORE
        (nil)
        "#,
    );
}

#[test]
fn the_last_element_takes_the_key_with_it() {
    check_both(
        r#"
        > ZADD z 1 a 2 b
        (integer) 2
        > ZREM z a b c
        (integer) 2
        > EXISTS z
        (integer) 0
        > ZADD z 1 a 2 b
        (integer) 2
        > ZREMRANGEBYRANK z 0 -1
        (integer) 2
        > EXISTS z
        (integer) 0
        > ZADD z 1 a
        (integer) 1
        > ZPOPMAX z 0
        (empty array)
        > ZPOPMAX z
        1) "a"
        2) "1"
        > EXISTS z
        (integer) 0
        > SET d text
        OK
        > ZINTERSTORE d 2 nokey other
        (integer) 0
        > EXISTS d
        (integer) 0
        > ZRANGESTORE d nokey 0 -1
        (integer) 0
        "#,
    );
}

#[test]
fn a_destination_may_be_a_source() {
    check_both(
        r#"
        > ZADD z 1 a 2 b
        (integer) 2
        > SADD s b c
        (integer) 2
        > ZUNIONSTORE z 3 z z s WEIGHTS 1 2 3
        (integer) 3
        > ZRANGE z 0 -1 WITHSCORES
        1) "a"
        2) "3"
        3) "c"
        4) "3"
        5) "b"
        6) "9"
        > ZDIFFSTORE z 2 z s
        (integer) 1
        > ZINTER 2 z z AGGREGATE COUNT WITHSCORES
        1) "a"
        2) "2"
        > ZDIFF 2 z z
        (empty array)
        "#,
    );
}

#[test]
fn results_have_the_encoding_that_redis_gives_them() {
    check(
        r#"
        > CONFIG SET zset-max-listpack-entries 2 zset-max-listpack-value 4
        OK
        > ZADD z 1 a 2 b
        (integer) 2
        > OBJECT ENCODING z
        "listpack"
        > ZADD y 1 c 2 c 3 c
        (integer) 1
        > OBJECT ENCODING y
        "skiplist"
        > ZADD x 1 long!
        (integer) 1
        > OBJECT ENCODING x
        "skiplist"
        > ZUNIONSTORE d 1 y
        (integer) 1
        > OBJECT ENCODING d
        "listpack"
        > ZUNIONSTORE d 2 y z
        (integer) 3
        > OBJECT ENCODING d
        "skiplist"
        > ZRANGESTORE d x 0 -1
        (integer) 1
        > OBJECT ENCODING d
        "skiplist"
        > ZRANGESTORE d y 0 -1
        (integer) 1
        > OBJECT ENCODING d
        "listpack"
        "#,
    );
}

#[test]
fn what_is_popped_from_one_of_several_is_repeated_by_its_key() {
    check_repeated(
        &["ZADD z 1 a 2 b 3 c", "ZMPOP 2 nokey z MAX COUNT 9", "ZMPOP 1 z MIN", "ZPOPMIN nokey 3"],
        &["SELECT 0", "ZADD z 1 a 2 b 3 c", "ZPOPMAX z 3"],
    );
    check_repeated(
        &["ZADD z XX 1 a", "ZADD z 1 a", "ZADD z 1 a", "ZINCRBY z 0 a", "ZREM z b"],
        &["SELECT 0", "ZADD z 1 a"],
    );
}

fn server_with(elements: usize) -> (TestServer, Session) {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    let pairs: Vec<String> = (0..elements).map(|n| format!("{n}.5 m{n}")).collect();
    server.reply(&mut ann, &format!("ZADD z {}", pairs.join(" ")));
    (server, ann)
}

fn texts(value: Value) -> Vec<String> {
    let Value::Array(all) = value else { panic!("{value:?} is no array") };
    all.iter().map(|text| text.text().expect("it is text").into_owned()).collect()
}

#[test]
fn a_walk_meets_every_element_once() {
    for elements in [50, 3000] {
        let (mut server, mut ann) = server_with(elements);
        let (mut seen, mut cursor, mut calls) = (Vec::new(), "0".to_owned(), 0);
        loop {
            let Value::Array(parts) = server.reply(&mut ann, &format!("ZSCAN z {cursor}")) else {
                panic!("ZSCAN answers an array")
            };
            cursor = parts[0].text().expect("a cursor is text").into_owned();
            seen.extend(texts(parts[1].clone()).chunks(2).map(|pair| pair.to_vec()));
            calls += 1;
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(calls == 1, elements == 50, "a listpack comes at once");
        seen.sort();
        let mut expected: Vec<Vec<String>> =
            (0..elements).map(|n| vec![format!("m{n}"), format!("{n}.5")]).collect();
        expected.sort();
        assert_eq!(seen, expected);
    }
}

#[test]
fn random_members_are_different_or_chosen_each_among_all() {
    for elements in [60, 600] {
        let (mut server, mut ann) = server_with(elements);
        for count in [1, 7, elements / 2, elements - 1, elements, 2 * elements] {
            let mut all = texts(server.reply(&mut ann, &format!("ZRANDMEMBER z {count}")));
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count.min(elements));
        }
        let all = texts(server.reply(&mut ann, "ZRANDMEMBER z -9000 WITHSCORES"));
        let mut members: Vec<&str> = all.iter().step_by(2).map(String::as_str).collect();
        assert_eq!(members.len(), 9000);
        members.sort();
        members.dedup();
        assert!(members.len() > elements * 9 / 10);
    }
}

#[test]
fn large_sets_answer_as_their_members_say() {
    let (mut server, mut ann) = server_with(2000);
    check_on(
        &mut server,
        &mut ann,
        r#"
        > OBJECT ENCODING z
        "skiplist"
        > ZRANK z m1500 WITHSCORE
        1) (integer) 1500
        2) "1500.5"
        > ZREVRANK z m1500
        (integer) 499
        > ZCOUNT z (10.5 1000
        (integer) 989
        > ZRANGE z 1998 -1
        1) "m1998"
        2) "m1999"
        > ZREMRANGEBYSCORE z 5 (1995.5
        (integer) 1990
        > ZRANGE z 0 -1 REV WITHSCORES BYSCORE LIMIT 0 1
        (empty array)
        > ZRANGE z +inf -inf REV WITHSCORES BYSCORE LIMIT 4 2
        1) "m1995"
        2) "1995.5"
        3) "m4"
        4) "4.5"
        "#,
    );
}
