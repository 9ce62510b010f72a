//! HyperLogLogs as clients see them. Replies are those of Redis 8.0.6, save where the essay of the
//! folder says otherwise.

use resp::Value;
use testkit::transcript::{check, check_repeated};
use testkit::{Session, TestServer};

#[test]
fn a_new_one_is_a_short_string() {
    check(
        r#"
        > PFADD h
        (integer) 1
        > PFADD h
        (integer) 0
        > GET h
        "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        > PFCOUNT h
        (integer) 0
        > GET h
        "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff"
        > OBJECT ENCODING h
        "raw"
        > SET h "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        OK
        > OBJECT ENCODING h
        "embstr"
        > PFADD h
        (integer) 0
        > OBJECT ENCODING h
        "raw"
        > PFADD h ""
        (integer) 1
        > STRLEN h
        (integer) 21
        > EXPIRE h 100
        (integer) 1
        > PFADD h a b c
        (integer) 1
        > TTL h
        (integer) 100
        > PFMERGE h h
        OK
        > TTL h
        (integer) 100
        "#,
    );
}

#[test]
fn other_types_and_other_strings_are_refused() {
    let wrong = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
    let none = "(error) WRONGTYPE Key is not a valid HyperLogLog string value.";
    let mut transcript = String::from(
        "> RPUSH list x\n(integer) 1\n> SET int 5\nOK\n> SET text abc\nOK\n> PFADD good a\n\
         (integer) 1\n> SET dense HYLL\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\nOK\n",
    );
    for (key, error) in [("list", wrong), ("int", none), ("text", none), ("dense", none)] {
        for call in [
            "PFADD KEY a",
            "PFCOUNT KEY",
            "PFCOUNT good KEY",
            "PFMERGE KEY good",
            "PFMERGE new good KEY",
            "PFDEBUG ENCODING KEY",
        ] {
            transcript += &format!("> {}\n{error}\n", call.replace("KEY", key));
        }
    }
    check(&(transcript + "> EXISTS new\n(integer) 0\n"));
}

#[test]
fn corrupted_registers_are_found_and_left_as_they_are() {
    let corrupt = "(error) INVALIDOBJ Corrupted HLL object detected";
    check(&format!(
        r#"
        > PFADD good a
        (integer) 1
        > PFADD bad a b c
        (integer) 1
        > APPEND bad hello
        (integer) 32
        > PFCOUNT bad
        {corrupt}
        > PFCOUNT good bad
        {corrupt}
        > PFMERGE new good bad
        {corrupt}
        > PFMERGE bad good
        {corrupt}
        > PFDEBUG GETREG bad
        {corrupt}
        > PFDEBUG TODENSE bad
        {corrupt}
        > PFDEBUG DECODE bad
        {corrupt}
        > STRLEN bad
        (integer) 32
        > PFADD bad a
        (integer) 0
        "#
    ));
}

#[test]
fn pfdebug_looks_for_the_key_before_the_word() {
    check(
        r#"
        > PFDEBUG NEVER k
        (error) ERR The specified key does not exist
        > PFADD k a
        (integer) 1
        > PFDEBUG NEVER k
        (error) ERR Unknown PFDEBUG subcommand 'NEVER'
        > PFDEBUG encoding k
        sparse
        > PFDEBUG todense k
        (integer) 1
        > PFDEBUG todense k
        (integer) 0
        > PFDEBUG encoding k
        dense
        > STRLEN k
        (integer) 12304
        > PFDEBUG SIMD maybe
        (error) ERR Argument must be ON or OFF
        > PFDEBUG ENCODING
        (error) ERR wrong number of arguments for 'pfdebug' command
        "#,
    );
}

fn add(server: &mut TestServer, session: &mut Session, key: &str, elements: std::ops::Range<u32>) {
    for from in elements.clone().step_by(500) {
        let until = elements.end.min(from + 500);
        let words: Vec<String> = (from..until).map(|i| format!("element:{i}")).collect();
        server.reply(session, &format!("PFADD {key} {}", words.join(" ")));
    }
}

#[test]
fn sparse_and_dense_ones_merge_to_what_redis_has() {
    let mut server = TestServer::new(2);
    let mut ann = server.connect();
    add(&mut server, &mut ann, "small", 0..600);
    add(&mut server, &mut ann, "other", 300..1100);
    for (key, from) in [("a", 0), ("b", 5000), ("c", 7000), ("d", 9000), ("e", 20_000)] {
        add(&mut server, &mut ann, key, from..from + 10_000);
    }
    // What Redis answered to the same; the last numbers are CRC64 of the stored strings.
    for (call, count, crc) in [
        ("PFMERGE sparse small other", 1095, 0x3fb5_bb3b_a6bf_c47b),
        ("PFMERGE small other", 1095, 0x3fb5_bb3b_a6bf_c47b),
        ("PFMERGE dense small a b c d e", 28796, 0x04e1_f3fa_9b2d_f1e7),
        ("PFMERGE dense other nothing", 28796, 0x04e1_f3fa_9b2d_f1e7),
        ("PFMERGE other small a", 10017, 0xa56a_b964_bd7c_fcad),
    ] {
        assert_eq!(server.reply(&mut ann, call), Value::Simple("OK".into()), "{call}");
        let words: Vec<&str> = call.split(' ').collect();
        let union = server.reply(&mut ann, &format!("PFCOUNT {}", words[1..].join(" ")));
        let one = server.reply(&mut ann, &format!("PFCOUNT {}", words[1]));
        assert_eq!((&union, &one), (&one, &Value::Integer(count)), "{call}");
        let Value::Bulk(bytes) = server.reply(&mut ann, &format!("GET {}", words[1])) else {
            panic!("{call} stores a string");
        };
        assert_eq!(base::crc::crc64(0, &bytes), crc, "{call}");
    }
}

#[test]
fn a_lower_limit_makes_the_next_change_dense() {
    check(
        r#"
        > PFADD h a b c d e f g
        (integer) 1
        > PFDEBUG ENCODING h
        sparse
        > CONFIG SET hll-sparse-max-bytes 30
        OK
        > PFADD h a
        (integer) 0
        > PFDEBUG ENCODING h
        sparse
        > PFADD h z
        (integer) 1
        > PFDEBUG ENCODING h
        dense
        > PFCOUNT h
        (integer) 8
        "#,
    );
}

#[test]
fn a_count_that_had_to_be_computed_is_repeated() {
    check_repeated(
        &["PFADD h a", "PFADD h a", "PFCOUNT h", "PFCOUNT h", "PFCOUNT h h"],
        &["SELECT 0", "PFADD h a", "PFCOUNT h"],
    );
    check_repeated(
        &["PFADD h a", "PFDEBUG GETREG h", "PFDEBUG TODENSE h", "PFMERGE h"],
        &["SELECT 0", "PFADD h a", "PFDEBUG GETREG h", "PFMERGE h"],
    );
}

#[test]
fn changes_are_counted_by_registers() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    for (call, changes) in [
        ("PFADD h a b c a", 4),
        ("PFADD h c d", 1),
        ("PFADD h c d", 0),
        ("PFCOUNT h", 1),
        ("PFCOUNT h", 0),
        ("PFDEBUG TODENSE h", 1),
        ("PFADD h c d e f", 2),
        ("PFMERGE h", 1),
    ] {
        let before = server.engine.stats[0].dirty.get();
        server.reply(&mut ann, call);
        assert_eq!(server.engine.stats[0].dirty.get() - before, changes, "{call}");
    }
}
