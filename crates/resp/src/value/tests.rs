use super::*;
use crate::reply::{Protocol, Reply};
use crate::scan::Scan;
use crate::test_random::Random;

fn check(input: &[u8], expected: Value) {
    assert_eq!(decode(input), Ok(Some((expected, input.len()))), "input {}", input.escape_ascii());
    let mut scan = Scan::default();
    for len in 0..input.len() {
        assert_eq!(decode(&input[..len]), Ok(None), "first {len} of {}", input.escape_ascii());
        assert_eq!(scan.find_end(&input[..len]), Ok(None));
    }
    assert_eq!(scan.find_end(input), Ok(Some(input.len())));
}

fn check_error(input: &[u8], error: DecodeError) {
    assert_eq!(decode(input), Err(error), "input {}", input.escape_ascii());
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}

#[test]
fn every_type_is_decoded() {
    check(b"+OK\r\n", Value::Simple(b"OK".to_vec()));
    check(b"-ERR no\r\n", Value::Error(b"ERR no".to_vec()));
    check(b"!6\r\nERR \r\n\r\n", Value::Error(b"ERR \r\n".to_vec()));
    check(b":-12\r\n", Value::Integer(-12));
    check(b"$4\r\na\r\nb\r\n", bulk("a\r\nb"));
    check(b"$0\r\n\r\n", bulk(""));
    check(b"$-1\r\n", Value::Null);
    check(b"*-1\r\n", Value::Null);
    check(b"_\r\n", Value::Null);
    check(
        b"*2\r\n:1\r\n*1\r\n_\r\n",
        Value::Array(vec![Value::Integer(1), Value::Array(vec![Value::Null])]),
    );
    check(b"*0\r\n", Value::Array(vec![]));
    check(b"%1\r\n$1\r\na\r\n:1\r\n", Value::Map(vec![(bulk("a"), Value::Integer(1))]));
    check(b"~1\r\n$1\r\na\r\n", Value::Set(vec![bulk("a")]));
    check(b">1\r\n$1\r\na\r\n", Value::Push(vec![bulk("a")]));
    check(b",1e+20\r\n", Value::Double { value: 1e20, text: b"1e+20".to_vec() });
    check(b",-inf\r\n", Value::Double { value: f64::NEG_INFINITY, text: b"-inf".to_vec() });
    check(b"#t\r\n", Value::Boolean(true));
    check(b"#f\r\n", Value::Boolean(false));
    check(
        b"(-123456789012345678901234567890\r\n",
        Value::BigNumber(b"-123456789012345678901234567890".to_vec()),
    );
    check(b"=6\r\ntxt:hi\r\n", Value::Verbatim { format: *b"txt", text: b"hi".to_vec() });
    let attributes = vec![(bulk("a"), Value::Integer(1))];
    check(
        b"|1\r\n$1\r\na\r\n:1\r\n+OK\r\n",
        Value::Attribute { attributes, value: Box::new(Value::Simple(b"OK".to_vec())) },
    );
}

#[test]
fn what_is_no_reply_is_refused() {
    check_error(b"PONG\r\n", DecodeError::UnknownType(b'P'));
    check_error(b"+OK\n", DecodeError::MissingLineEnd);
    check_error(b"$1\r\naXX", DecodeError::MissingLineEnd);
    check_error(b"$-2\r\n", DecodeError::InvalidLength);
    check_error(b"%-1\r\n", DecodeError::InvalidLength);
    check_error(b"*x\r\n", DecodeError::InvalidLength);
    check_error(b":1x\r\n", DecodeError::InvalidNumber);
    check_error(b",\r\n", DecodeError::InvalidNumber);
    check_error(b"(12a\r\n", DecodeError::InvalidNumber);
    check_error(b"#x\r\n", DecodeError::InvalidBoolean);
    check_error(b"=2\r\ntx\r\n", DecodeError::InvalidVerbatim);
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
    assert!(decode(&nested(NESTING_MAX)).is_ok());
    check_error(&nested(NESTING_MAX + 1), DecodeError::TooDeep);
}

#[test]
fn a_declared_count_allocates_nothing() {
    assert_eq!(decode(b"*9223372036854775807\r\n"), Ok(None));
    assert_eq!(decode(b"$9223372036854775807\r\n"), Ok(None));
    let deep = b"*9223372036854775807\r\n".repeat(9);
    assert_eq!(decode(&deep), Ok(None));
    assert_eq!(Scan::default().find_end(&deep), Ok(None));
}

#[test]
fn a_scan_is_ready_for_the_next_reply() {
    let mut scan = Scan::default();
    assert_eq!(scan.find_end(b"*1\r\n:1\r\n+OK\r\n"), Ok(Some(8)));
    assert_eq!(scan.find_end(b"+OK\r\n"), Ok(Some(5)));
}

/// Writes a random reply of bounded depth.
fn write_random(random: &mut Random, reply: &mut Reply<'_>, depth: usize) {
    match random.below(if depth == 0 { 9 } else { 14 }) {
        0 => reply.ok(),
        1 => reply.error("ERR no"),
        2 => reply.integer(random.next() as i64),
        3 => reply.bulk(&vec![b'x'; random.below(120)]),
        4 => reply.null(),
        5 => reply.boolean(true),
        6 => reply.big_number(b"-99"),
        7 => reply.verbatim(b"txt", b"hi"),
        8 => reply.double_text(b"0.5"),
        aggregate => {
            let n = random.below(4);
            match aggregate {
                9 => reply.array(n),
                10 => reply.set(n),
                11 => reply.push(n),
                _ => reply.map(n),
            }
            for _ in
                0..if aggregate > 11 && reply.protocol() == Protocol::Resp3 { 2 * n } else { n }
            {
                write_random(random, reply, depth - 1);
            }
        }
    }
}

#[test]
fn decoding_and_scanning_agree_on_random_replies() {
    for seed in 0..20_000 {
        let mut random = Random::from_seed(seed);
        let mut out = Vec::new();
        let protocol = if random.below(2) == 0 { Protocol::Resp2 } else { Protocol::Resp3 };
        write_random(&mut random, &mut Reply::new(&mut out, protocol), 4);
        random.mutate(&mut out);
        out.insert(0, random.next() as u8);
        eprintln!("seed {seed}");
        fuzz_decode(&out);
    }
}
