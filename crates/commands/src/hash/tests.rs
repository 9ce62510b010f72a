//! Hashes as clients see them.

use std::collections::BTreeSet;

use resp::{Protocol, Value};
use testkit::transcript::{check, check_on, check_repeated, repeated_on};
use testkit::{Session, TestServer};

/// Lets fields of a hash of the test's server expire in the past, without any of them going.
fn make_due(server: &mut TestServer, ann: &mut Session, key: &str, fields: &str) {
    let count = fields.split(' ').count();
    server.engine.active_expire.store(false, std::sync::atomic::Ordering::Relaxed);
    let at_ms = base::clock::unix_ms() + 2;
    server.reply(ann, &format!("HPEXPIREAT {key} {at_ms} FIELDS {count} {fields}"));
    while base::clock::unix_ms() <= at_ms + 1 {
        std::hint::spin_loop();
    }
}

fn server_with(call: &str) -> (TestServer, Session) {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    server.reply(&mut ann, call);
    (server, ann)
}

#[test]
fn the_last_field_takes_the_hash_with_it() {
    check(
        "> HSET h a 1 b 2
         (integer) 2
         > HDEL h a b c
         (integer) 2
         > EXISTS h
         (integer) 0
         > HSET h a 1
         (integer) 1
         > HGETDEL h FIELDS 2 a a
         1) \"1\"
         2) (nil)
         > EXISTS h
         (integer) 0
         > HSET h a 1
         (integer) 1
         > HEXPIRE h 0 FIELDS 2 a a
         1) (integer) 2
         2) (integer) -2
         > EXISTS h
         (integer) 0",
    );
}

#[test]
fn a_key_of_another_type_is_refused_by_all() {
    let calls = [
        "HSET l a 1",
        "HMSET l a 1",
        "HSETNX l a 1",
        "HGET l a",
        "HMGET l a",
        "HEXISTS l a",
        "HSTRLEN l a",
        "HLEN l",
        "HGETALL l",
        "HKEYS l",
        "HVALS l",
        "HDEL l a",
        "HINCRBY l a 1",
        "HINCRBYFLOAT l a 1",
        "HRANDFIELD l",
        "HRANDFIELD l 2",
        "HSCAN l 0",
        "HSCAN l 0 AB",
        "HEXPIRE l 10 FIELDS 1 a",
        "HEXPIRE l x FIELDS 1 a",
        "HPERSIST l FIELDS 1 a",
        "HPERSIST l AB 1 a",
        "HTTL l FIELDS 1 a",
        "HTTL l FIELDS 9 a",
        "HGETEX l FIELDS 1 a",
        "HGETEX l EX x FIELDS 1 a",
        "HGETDEL l FIELDS 1 a",
        "HGETDEL l FIELDS 2 a",
        "HSETEX l FIELDS 1 a 1",
    ];
    let wrong = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
    let transcript: String = calls.iter().map(|call| format!("> {call}\n{wrong}\n")).collect();
    check(&format!(
        "@list l\n{transcript}> HSETEX l AB FIELDS 1 a 1\n(error) ERR unknown argument: AB\n"
    ));
}

#[test]
fn encodings_change_when_redis_changes_them() {
    check(
        "> CONFIG SET hash-max-listpack-entries 3 hash-max-listpack-value 5
         OK
         > HSET h a 1 b 2 c 3
         (integer) 3
         > OBJECT ENCODING h
         \"listpack\"
         > HSET h a 1 a 2 a 3 a 4
         (integer) 0
         > OBJECT ENCODING h
         \"hashtable\"
         > HDEL h a b
         (integer) 2
         > OBJECT ENCODING h
         \"hashtable\"
         > HSET i a 12345
         (integer) 1
         > OBJECT ENCODING i
         \"listpack\"
         > HINCRBY i a 100000
         (integer) 112345
         > OBJECT ENCODING i
         \"hashtable\"
         > HSET j a 1
         (integer) 1
         > HEXPIRE j 10 FIELDS 1 b
         1) (integer) -2
         > OBJECT ENCODING j
         \"listpackex\"
         > HTTL j FIELDS 1 a
         1) (integer) -1
         > HSET k a 1
         (integer) 1
         > HSETEX k EXAT 1 FIELDS 1 b 2
         (integer) 1
         > OBJECT ENCODING k
         \"listpackex\"
         > HGETALL k
         1) \"a\"
         2) \"1\"
         > HSETEX k EXAT 1 FIELDS 1 b 0123456789012345678901234567890123456789012345678901234567890123456789
         (integer) 1
         > OBJECT ENCODING k
         \"hashtable\"
         > HLEN k
         (integer) 1",
    );
}

#[test]
fn integers_are_counted_and_floats_added_as_redis_does() {
    check(
        "> HSET h n 9223372036854775807 f 1.5 s \" 1\" e 5.0e3
         (integer) 4
         > HINCRBY h n 1
         (error) ERR increment or decrement would overflow
         > HINCRBY h s 1
         (error) ERR hash value is not an integer
         > HINCRBY h f 1
         (error) ERR hash value is not an integer
         > HINCRBYFLOAT h s 1
         (error) ERR hash value is not a float
         > HINCRBYFLOAT h f 0.25
         \"1.75\"
         > HINCRBYFLOAT h e 2.0e2
         \"5200\"
         > HINCRBYFLOAT h n 1
         \"9223372036854775808\"
         > HINCRBYFLOAT h new -0.1
         \"-0.1\"
         > HINCRBYFLOAT h f inf
         (error) ERR value is NaN or Infinity
         > HINCRBYFLOAT h f nan
         (error) ERR value is not a valid float
         > HINCRBY nokey a 1x
         (error) ERR value is not an integer or out of range
         > HINCRBYFLOAT nokey a x
         (error) ERR value is not a valid float
         > EXISTS nokey
         (integer) 0
         > HLEN h
         (integer) 5",
    );
}

#[test]
fn arguments_of_hgetex_and_hsetex_are_read_in_the_order_of_redis() {
    check(
        "> HGETEX h FIELDS 0 a
         (error) ERR Number of fields must be a positive integer
         > HGETEX h FIELDS 2 a
         (error) ERR The `numfields` parameter must match the number of arguments
         > HGETEX h XFIELDX 1 a
         (error) ERR Mandatory argument FIELDS is missing or not at the right position
         > HGETEX h PERSIST 1 FIELDS 1 a
         (error) ERR Mandatory argument FIELDS is missing or not at the right position
         > HGETEX h PXAT 1 1
         (error) ERR wrong number of arguments for 'hgetex' command
         > HGETEX h EX x FIELDS 1 a
         (error) ERR value is not an integer or out of range
         > HGETEX h PXAT 70368744177664 FIELDS 1 a
         (error) ERR invalid expire time in 'hgetex' command
         > HGETEX h FIELDS 2 a b
         1) (nil)
         2) (nil)
         > HSETEX h FXX FNX FIELDS 1 a 1
         (error) ERR Only one of FXX or FNX arguments can be specified
         > HSETEX h EX 10 KEEPTTL FIELDS 1 a 1
         (error) ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
         > HSETEX h EX FIELDS 1 a 1
         (error) ERR value is not an integer or out of range
         > HSETEX h PX -1 FIELDS 1 a 1
         (error) ERR invalid expire time, must be >= 0
         > HSETEX h FXX KEEPTTL FNX EX
         (error) ERR Only one of FXX or FNX arguments can be specified
         > HSETEX h FXX KEEPTTL a b
         (error) ERR unknown argument: a
         > HSETEX h FIELDS x a 1
         (error) ERR invalid number of fields
         > HSETEX h FIELDS 2 a 1
         (error) ERR wrong number of arguments for 'hsetex' command
         > HSETEX h KEEPTTL FXX FIELDS 1
         (error) ERR wrong number of arguments for 'hsetex' command
         > HSETEX h FXX FIELDS 1 a 1
         (integer) 0
         > EXISTS h
         (integer) 0",
    );
}

#[test]
fn a_moment_that_has_come_deletes_the_field() {
    check(
        "> HSET h a 1 b 2 c 3
         (integer) 3
         > HPEXPIREAT h 1 FIELDS 2 a x
         1) (integer) 2
         2) (integer) -2
         > HGETEX h PXAT 1 FIELDS 2 b a
         1) \"2\"
         2) (nil)
         > HSETEX h PXAT 1 FIELDS 2 c 4 d 5
         (integer) 1
         > EXISTS h
         (integer) 0
         > HSETEX h PXAT 1 FIELDS 1 a 1
         (integer) 1
         > EXISTS h
         (integer) 0
         > DBSIZE
         (integer) 0",
    );
}

#[test]
fn due_fields_go_one_by_one_as_they_are_met() {
    let (mut server, mut ann) = server_with("HSET h a 1 b 2 c 3 d 4 e 5 f 6 g 7 z 9");
    make_due(&mut server, &mut ann, "h", "a b c d e f g");
    check_on(
        &mut server,
        &mut ann,
        "> HLEN h
         (integer) 8
         > HGETALL h
         1) \"z\"
         2) \"9\"
         > HKEYS h
         1) \"z\"
         > HSCAN h 0
         1) \"0\"
         2) 1) \"z\"
            2) \"9\"
         > HTTL h FIELDS 2 a z
         1) (integer) -2
         2) (integer) -1
         > HPERSIST h FIELDS 1 a
         1) (integer) -2
         > HLEN h
         (integer) 8
         > HGET h a
         (nil)
         > HEXISTS h b
         (integer) 0
         > HSTRLEN h c
         (integer) 0
         > HLEN h
         (integer) 5
         > HMGET h d z
         1) (nil)
         2) \"9\"
         > HINCRBY h e 2
         (integer) 2
         > HSETNX h f new
         (integer) 1
         > HGETDEL h FIELDS 2 g z
         1) (nil)
         2) \"9\"
         > HGETALL h
         1) \"e\"
         2) \"2\"
         3) \"f\"
         4) \"new\"
         > HTTL h FIELDS 2 e f
         1) (integer) -1
         2) (integer) -1",
    );
    assert_eq!(server.engine.total(|stats| stats.expired_subkeys.get()), 7);
}

#[test]
fn hrandfield_removes_all_that_is_due_first() {
    let (mut server, mut ann) = server_with("HSET h a 1 b 2 c 3");
    make_due(&mut server, &mut ann, "h", "a b");
    check_on(
        &mut server,
        &mut ann,
        "> HRANDFIELD h 5
         1) \"c\"
         > HLEN h
         (integer) 1",
    );
    make_due(&mut server, &mut ann, "h", "c");
    check_on(&mut server, &mut ann, "> HRANDFIELD h\n(nil)\n> EXISTS h\n(integer) 0");
}

#[test]
fn a_lookup_purges_what_is_due_unless_active_expiry_is_off() {
    let (mut server, mut ann) = server_with("HSET h a 1 b 2 c 3");
    make_due(&mut server, &mut ann, "h", "a b");
    check_on(&mut server, &mut ann, "> HLEN h\n(integer) 3");
    server.engine.active_expire.store(true, std::sync::atomic::Ordering::Relaxed);
    let repeated = repeated_on(&mut server, &mut ann, &["HLEN h"]);
    assert_eq!(repeated, ["SELECT 0", "MULTI", "HDEL h b", "HDEL h a", "EXEC"]);
    check_on(&mut server, &mut ann, "> HLEN h\n(integer) 1");
}

#[test]
fn random_fields_are_different_unless_the_count_is_negative() {
    let fields: Vec<String> = (0..100).map(|i| format!("f{i} {i}")).collect();
    for limit in [0, 512] {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, &format!("CONFIG SET hash-max-listpack-entries {limit}"));
        server.reply(&mut ann, &format!("HSET h {}", fields.join(" ")));
        let names = |server: &mut TestServer, ann: &mut Session, count: i64| {
            let call = format!("HRANDFIELD h {count}");
            let Value::Array(all) = server.reply(ann, &call) else { panic!("{call} fails") };
            all.iter().map(|name| name.text().unwrap().into_owned()).collect::<Vec<_>>()
        };
        for count in [0, 1, 40, 100, 1000] {
            let all = names(&mut server, &mut ann, count);
            let different: BTreeSet<_> = all.iter().collect();
            let expected = (count as usize).min(100);
            assert_eq!((all.len(), different.len()), (expected, expected));
            let all = names(&mut server, &mut ann, -count);
            assert_eq!(all.len(), count as usize);
        }
    }
}

#[test]
fn pairs_nest_in_resp3() {
    let (mut server, mut ann) = server_with("HSET h a 1");
    check_on(
        &mut server,
        &mut ann,
        "> HRANDFIELD h 1 WITHVALUES
         1) \"a\"
         2) \"1\"
         > HRANDFIELD h -2 withvalues
         1) \"a\"
         2) \"1\"
         3) \"a\"
         4) \"1\"",
    );
    ann.client.protocol = Protocol::Resp3;
    let Value::Array(pairs) = server.reply(&mut ann, "HRANDFIELD h -2 WITHVALUES") else {
        panic!("it is an array")
    };
    assert!(pairs.len() == 2 && pairs.iter().all(|pair| matches!(pair, Value::Array(_))));
    assert!(matches!(server.reply(&mut ann, "HGETALL h"), Value::Map(_)));
    assert!(matches!(server.reply(&mut ann, "HKEYS h"), Value::Array(_)));
}

#[test]
fn counts_of_hrandfield_are_checked() {
    check(
        "> HRANDFIELD h -9223372036854775808
         (error) ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
         > HRANDFIELD h -9223372036854775807
         (empty array)
         > HRANDFIELD h 4611686018427387904 WITHVALUES
         (error) ERR value is out of range
         > HRANDFIELD h 1 AB
         (error) ERR syntax error
         > HRANDFIELD h 1 WITHVALUES 1
         (error) ERR syntax error
         > HRANDFIELD h x WITHVALUES 1
         (error) ERR value is not an integer or out of range",
    );
}

#[test]
fn a_scan_returns_every_field_once() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    for i in 0..1000 {
        server.reply(&mut ann, &format!("HSET h f{i} v{i}"));
    }
    let mut seen = BTreeSet::new();
    let mut cursor = "0".to_owned();
    let mut calls = 0;
    loop {
        let reply = server.reply(&mut ann, &format!("HSCAN h {cursor} COUNT 50 NOVALUES"));
        let Value::Array(parts) = reply else { panic!("HSCAN fails") };
        let Value::Array(names) = &parts[1] else { panic!("it has no fields") };
        for name in names {
            assert!(seen.insert(name.text().unwrap().into_owned()), "{name:?} comes twice");
        }
        cursor = parts[0].text().unwrap().into_owned();
        calls += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 1000);
    assert!((10..=25).contains(&calls), "{calls} calls");
}

#[test]
fn moments_are_repeated_in_absolute_time_and_what_has_come_as_hdel() {
    check_repeated(
        &[
            "HSET h a 1 b 2 c 3",
            "HEXPIRE h 100 FIELDS 2 a x",
            "HPEXPIRE h 200000 NX FIELDS 2 a b",
            "HEXPIRE h 5 XX FIELDS 1 c",
            "HPEXPIREAT h 1 FIELDS 2 c x",
            "HEXPIREAT h 33177117420 FIELDS 1 b",
        ],
        &[
            "SELECT 0",
            "HSET h a 1 b 2 c 3",
            "HPEXPIREAT h ??* FIELDS 1 a",
            "HPEXPIREAT h ??* NX FIELDS 1 b",
            "HDEL h c",
            "HPEXPIREAT h 33177117420000 FIELDS 1 b",
        ],
    );
    check_repeated(
        &[
            "HSETEX h EX 100 FIELDS 2 a 1 b 2",
            "HSETEX h FXX PXAT 33177117420000 FIELDS 1 a 1",
            "HSETEX h FNX FIELDS 1 a 1",
            "HSETEX h KEEPTTL FIELDS 1 a 2",
            "HGETEX h FIELDS 1 a",
            "HGETEX h PX 100000 FIELDS 2 a x",
            "HGETEX h PERSIST FIELDS 1 a",
            "HGETEX h PERSIST FIELDS 1 a",
            "HSETEX h PX 0 FIELDS 2 a 1 new 2",
            "HGETDEL h FIELDS 2 b x",
            "HGETDEL h FIELDS 1 x",
        ],
        &[
            "SELECT 0",
            "HSETEX h PXAT ??* FIELDS 2 a 1 b 2",
            "HSETEX h FXX PXAT 33177117420000 FIELDS 1 a 1",
            "HSETEX h KEEPTTL FIELDS 1 a 2",
            "HPEXPIREAT h ??* FIELDS 2 a x",
            "HPERSIST h FIELDS 1 a",
            "MULTI",
            "HDEL h a",
            "HDEL h new",
            "EXEC",
            "HDEL h b x",
        ],
    );
}

#[test]
fn a_float_is_repeated_as_what_it_became() {
    check_repeated(
        &["HINCRBY h n 2", "HINCRBYFLOAT h f 1.5", "HSETNX h f 1", "HDEL h x"],
        &["SELECT 0", "HINCRBY h n 2", "HSETEX h KEEPTTL FIELDS 1 f 1.5"],
    );
}

#[test]
fn a_field_that_expired_is_deleted_before_the_command_that_met_it() {
    let (mut server, mut ann) = server_with("HSET h a 1 b 2");
    make_due(&mut server, &mut ann, "h", "a b");
    let calls = ["HINCRBY h a 5", "HGET h b", "HGETALL h"];
    let repeated = repeated_on(&mut server, &mut ann, &calls);
    let expected = ["SELECT 0", "MULTI", "HDEL h a", "HINCRBY h a 5", "EXEC", "HDEL h b"];
    assert_eq!(repeated, expected);
}

#[test]
fn himport_replaces_a_hash_and_nothing_else() {
    check(
        "> HIMPORT PREPARE p name age
         OK
         > HIMPORT PREPARE p name city
         OK
         > HSETEX h EX 100 FIELDS 1 old 1
         (integer) 1
         > EXPIRE h 100
         (integer) 1
         > HIMPORT SET h p Ann Bern
         OK
         > HGETALL h
         1) \"name\"
         2) \"Ann\"
         3) \"city\"
         4) \"Bern\"
         > TTL h
         (integer) -1
         > SET s 1
         OK
         > HIMPORT SET s p Ann Bern
         (error) WRONGTYPE Operation against a key holding the wrong kind of value
         > RESET
         RESET
         > HIMPORT SET h p Ann Bern
         (error) ERR no such fieldset
         > HIMPORT DISCARDALL
         (integer) 0",
    );
    check_repeated(
        &["HIMPORT PREPARE p a b", "HIMPORT SET h p 1 2", "HIMPORT SET h p 3 4"],
        &["SELECT 0", "HSET h a 1 b 2", "MULTI", "DEL h", "HSET h a 3 b 4", "EXEC"],
    );
}

#[test]
fn hashes_with_expiring_fields_are_counted_by_info() {
    let (mut server, mut ann) = server_with("HSETEX h EX 100 FIELDS 1 a 1");
    let counts = |server: &mut TestServer, ann: &mut Session| {
        let reply = server.reply(ann, "INFO keyspace");
        let line = reply.text().expect("INFO is text").lines().nth(1).unwrap_or("").to_owned();
        line.split(',').filter(|part| !part.starts_with("avg_ttl")).collect::<Vec<_>>().join(" ")
    };
    server.reply(&mut ann, "HSET i a 1");
    server.reply(&mut ann, "EXPIRE h 100");
    assert_eq!(counts(&mut server, &mut ann), "db0:keys=2 expires=1 subexpiry=1");
    server.reply(&mut ann, "PERSIST h");
    assert_eq!(counts(&mut server, &mut ann), "db0:keys=2 expires=0 subexpiry=1");
    server.reply(&mut ann, "HDEL h a");
    assert_eq!(counts(&mut server, &mut ann), "db0:keys=1 expires=0 subexpiry=0");
}

#[test]
fn expiries_of_fields_follow_their_hash() {
    check(
        "> HSETEX h PXAT 33177117420000 FIELDS 2 a 1 b 2
         (integer) 1
         > COPY h copy
         (integer) 1
         > RENAME h other
         OK
         > MOVE other 1
         (integer) 1
         > HPEXPIRETIME copy FIELDS 2 a b
         1) (integer) 33177117420000
         2) (integer) 33177117420000
         > SELECT 1
         OK
         > HPEXPIRETIME other FIELDS 1 a
         1) (integer) 33177117420000
         > HSET other a 2
         (integer) 0
         > HPEXPIRETIME other FIELDS 2 a b
         1) (integer) -1
         2) (integer) 33177117420000
         > HINCRBY other b 1
         (integer) 3
         > HPEXPIRETIME other FIELDS 1 b
         1) (integer) 33177117420000",
    );
}
