//! Bitmaps as clients see them. Replies are those of Redis 8.0.6 (600,000 random calls agreed byte
//! for byte), save where the essay of the folder says otherwise.

use resp::Value;
use testkit::transcript::{check, check_repeated};
use testkit::{Session, TestServer};

#[test]
fn setbit_says_the_bit_before_and_grows_the_string() {
    check(
        r#"
        > SETBIT b 1 1
        (integer) 0
        > GET b
        "@"
        > SETBIT b 33 1
        (integer) 0
        > GET b
        "@\x00\x00\x00@"
        > SETBIT b 1 0
        (integer) 1
        > SET n 1
        OK
        > SETBIT n 6 1
        (integer) 0
        > GET n
        "3"
        "#,
    );
}

#[test]
fn offsets_end_where_the_longest_string_ends() {
    check(
        r#"
        > SETBIT b 4294967296 1
        (error) ERR bit offset is not an integer or out of range
        > GETBIT b 4294967296
        (error) ERR bit offset is not an integer or out of range
        > SETBIT b 01 1
        (error) ERR bit offset is not an integer or out of range
        > SETBIT b #1 1
        (error) ERR bit offset is not an integer or out of range
        > BITFIELD b SET u8 #536870912 1
        (error) ERR bit offset is not an integer or out of range
        > BITFIELD b SET u8 #9223372036854775807 1
        (error) ERR bit offset is not an integer or out of range
        > GETBIT b 4294967295
        (integer) 0
        "#,
    );
}

#[test]
fn a_key_of_another_type_is_refused_by_all() {
    let calls = [
        "SETBIT l 0 1",
        "GETBIT l 0",
        "BITCOUNT l",
        "BITPOS l 1",
        "BITFIELD l GET u8 0",
        "BITFIELD l SET u8 0 1",
        "BITFIELD_RO l GET u8 0",
        "BITOP OR d l",
    ];
    let wrong = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
    let transcript: String = calls.iter().map(|call| format!("> {call}\n{wrong}\n")).collect();
    check(&format!("> RPUSH l a\n(integer) 1\n{transcript}> LLEN l\n(integer) 1\n"));
}

#[test]
fn counting_takes_ranges_in_bytes_and_bits() {
    check(
        r#"
        > BITCOUNT none 0 1000 BIT
        (integer) 0
        > SET s foobar
        OK
        > BITCOUNT s 1 -2
        (integer) 18
        > BITCOUNT s -2 1
        (integer) 0
        > BITCOUNT s -7 -8
        (integer) 0
        > BITCOUNT s -7 -7
        (integer) 4
        > BITCOUNT s 10 14 bit
        (integer) 4
        > BITCOUNT s 3 -19 BIT
        (integer) 16
        > BITCOUNT s 0 9223372036854775807
        (integer) 26
        > BITCOUNT s -9223372036854775808 -1 BYTE
        (integer) 26
        > BITCOUNT s 4
        (error) ERR syntax error
        > BITCOUNT s 0 1 BIT BIT
        (error) ERR syntax error
        > BITCOUNT s a 1
        (error) ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn clear_bits_follow_the_end_of_a_string_unless_the_range_has_an_end() {
    check(
        r#"
        > BITPOS none 0 5 9
        (integer) 0
        > BITPOS none 1
        (integer) -1
        > SET s "\xff\xff\xff"
        OK
        > BITPOS s 0
        (integer) 24
        > BITPOS s 0 1
        (integer) 24
        > BITPOS s 0 3
        (integer) -1
        > BITPOS s 0 0 -1
        (integer) -1
        > BITPOS s 0 0 -1 BIT
        (integer) -1
        > BITPOS s 1 -7 -8
        (integer) 0
        > SET s ""
        OK
        > BITPOS s 0
        (integer) -1
        > SET s "\x00\xff\x00"
        OK
        > BITPOS s 1 2 200
        (integer) -1
        > BITPOS s 0 8 -1 BIT
        (integer) 16
        > BITPOS s 1 9 8 BIT
        (integer) -1
        > BITPOS s 1 9 9 BIT
        (integer) 9
        > BITPOS s 1 0 1 x
        (error) ERR syntax error
        > BITPOS s one
        (error) ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn bitop_pads_shorter_sources_with_zeros() {
    check(
        r#"
        > SET a "\x01\x02\xff\xff"
        OK
        > SET b "\x01\x02\xff"
        OK
        > BITOP AND d a b
        (integer) 4
        > GET d
        "\x01\x02\xff\x00"
        > BITOP AND d none a
        (integer) 4
        > GET d
        "\x00\x00\x00\x00"
        > BITOP XOR d a b
        (integer) 4
        > GET d
        "\x00\x00\x00\xff"
        > BITOP NOT a a
        (integer) 4
        > GET a
        "\xfe\xfd\x00\x00"
        > BITOP NAND d a
        (error) ERR syntax error
        > BITOP ANDOR d a
        (error) ERR BITOP ANDOR must be called with at least two source keys.
        "#,
    );
}

#[test]
fn bitop_takes_the_text_of_integers() {
    check(
        r#"
        > SET a 1
        OK
        > SET b 2
        OK
        > BITOP XOR d a b a
        (integer) 1
        > GET d
        "2"
        "#,
    );
}

#[test]
fn bitop_of_nothing_removes_the_destination() {
    check(
        r#"
        > SET d x
        OK
        > BITOP OR d none
        (integer) 0
        > GET d
        (nil)
        > RPUSH d x
        (integer) 1
        > BITOP NOT d none
        (integer) 0
        > LLEN d
        (integer) 0
        "#,
    );
}

/// Bit by bit, from the table in the essay of `bitop`.
fn by_definition(operation: &str, sources: &[bool]) -> bool {
    let (x, any_y) = (sources[0], sources[1..].contains(&true));
    let ones = sources.iter().filter(|bit| **bit).count();
    match operation {
        "AND" => ones == sources.len(),
        "OR" => ones > 0,
        "XOR" => ones % 2 == 1,
        "DIFF" => x && !any_y,
        "DIFF1" => any_y && !x,
        "ANDOR" => x && any_y,
        "ONE" => ones == 1,
        other => panic!("{other} is not tested here"),
    }
}

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::Bulk(bytes) => bytes,
        other => panic!("{other:?} is no string"),
    }
}

#[test]
fn bitop_agrees_with_its_definition_across_blocks() {
    let mut server = TestServer::new(2);
    let mut ann = server.connect();
    let mut random = base::random::Random::from_seed(7);
    for operation in ["AND", "OR", "XOR", "DIFF", "DIFF1", "ANDOR", "ONE"] {
        let mut request: Vec<Vec<u8>> = vec![b"BITOP".into(), operation.into(), b"d".into()];
        let mut sources = Vec::new();
        for i in 0..2 + random.below(3) {
            let mut source = vec![0; random.below(40_000) as usize];
            random.fill(&mut source);
            let key = format!("source{i}").into_bytes();
            server.call(&mut ann, &[b"SET", &key, &source]);
            request.push(key);
            sources.push(source);
        }
        let request: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
        server.call(&mut ann, &request);
        let result = bytes(server.reply(&mut ann, "GET d"));
        assert_eq!(result.len(), sources.iter().map(Vec::len).max().unwrap());
        for at in 0..result.len() as u64 * 8 {
            let bits: Vec<bool> = sources.iter().map(|s| base::bits::get(s, at)).collect();
            let expected = by_definition(operation, &bits);
            assert_eq!(base::bits::get(&result, at), expected, "{operation} at bit {at}");
        }
    }
}

#[test]
fn fields_wrap_saturate_or_fail() {
    check(
        r##"
        > BITFIELD b
        (empty array)
        > BITFIELD b SET i8 0 255 SET i8 0 100 GET i8 0
        1) (integer) 0
        2) (integer) -1
        3) (integer) 100
        > BITFIELD b OVERFLOW SAT INCRBY i8 0 257 INCRBY i8 0 -1000
        1) (integer) 127
        2) (integer) -128
        > BITFIELD b OVERFLOW FAIL INCRBY u8 0 200 OVERFLOW WRAP INCRBY u8 0 200
        1) (nil)
        2) (integer) 72
        > BITFIELD b SET u8 #1 65 SET u8 #2 66
        1) (integer) 0
        2) (integer) 0
        > GET b
        "HAB"
        > BITFIELD b OVERFLOW SAT SET u8 0 -1 GET u8 0
        1) (integer) 72
        2) (integer) 255
        > BITFIELD b SET i64 0 9223372036854775807 INCRBY i64 0 1
        1) (integer) -53689152784302080
        2) (integer) -9223372036854775808
        > BITFIELD b OVERFLOW SAT INCRBY i64 0 -1 INCRBY u63 0 -1
        1) (integer) -9223372036854775808
        2) (integer) 4611686018427387903
        > BITFIELD b OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0
        1) (integer) 127
        2) (integer) -128
        "##,
    );
}

#[test]
fn bitfield_reads_all_arguments_before_it_writes() {
    check(
        r#"
        > BITFIELD b SET u8 0 1 GET u8
        (error) ERR syntax error
        > BITFIELD b SET u8 0 1 OVERFLOW NEVER
        (error) ERR Invalid OVERFLOW type specified
        > BITFIELD b SET u8 0 1 SET u8 0 x
        (error) ERR value is not an integer or out of range
        > BITFIELD b SET i65 0 1
        (error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
        > BITFIELD b SET u08 0 1
        (error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
        > GET b
        (nil)
        "#,
    );
}

#[test]
fn only_changes_are_repeated() {
    check_repeated(&["SETBIT b 0 0", "SETBIT b 0 0"], &["SELECT 0", "SETBIT b 0 0"]);
    check_repeated(
        &["BITFIELD b SET i5 0 0", "BITFIELD b SET i5 0 0", "BITFIELD b GET i5 0"],
        &["SELECT 0", "BITFIELD b SET i5 0 0"],
    );
    check_repeated(&["BITOP OR d none", "GETBIT d 0"], &[]);
}

/// How many changes a command made.
fn dirty(server: &mut TestServer, session: &mut Session, call: &str) -> u64 {
    let before = server.engine.stats[0].dirty.get();
    server.reply(session, call);
    server.engine.stats[0].dirty.get() - before
}

#[test]
fn changes_are_counted_by_what_changed() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    for (call, changes) in [
        ("SETBIT b 0 0", 1),
        ("SETBIT b 0 0", 0),
        ("SETBIT b 90 0", 1),
        ("BITFIELD f SET i5 0 0", 1),
        ("BITFIELD f SET i5 0 0", 0),
        ("BITFIELD f SET i5 0 1 INCRBY i5 0 0 INCRBY i5 0 1", 2),
        ("BITFIELD f SET i5 90 0 SET i5 0 2", 2),
        ("BITFIELD g OVERFLOW FAIL SET u8 0 256", 1),
    ] {
        assert_eq!(dirty(&mut server, &mut ann, call), changes, "{call}");
    }
}
