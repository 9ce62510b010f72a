use super::*;

fn check(write: impl Fn(&mut Reply<'_>), resp2: &[u8], resp3: &[u8]) {
    for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
        let mut out = b"+before\r\n".to_vec();
        write(&mut Reply::new(&mut out, protocol));
        let written = &out[9..];
        assert_eq!(
            written.escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{protocol:?}"
        );
    }
}

fn check_both(write: impl Fn(&mut Reply<'_>), expected: &[u8]) {
    check(write, expected, expected);
}

#[test]
fn what_both_protocols_have_is_written_alike() {
    check_both(|r| r.ok(), b"+OK\r\n");
    check_both(|r| r.simple("PONG"), b"+PONG\r\n");
    check_both(|r| r.error("ERR syntax error"), b"-ERR syntax error\r\n");
    check_both(|r| r.bulk(b""), b"$0\r\n\r\n");
    check_both(|r| r.bulk(b"a\r\nb"), b"$4\r\na\r\nb\r\n");
    check_both(|r| r.bulk_integer(-17), b"$3\r\n-17\r\n");
    check_both(|r| r.array(0), b"*0\r\n");
    check_both(|r| r.array(1234), b"*1234\r\n");
    check_both(|r| r.raw(b":1\r\n"), b":1\r\n");
}

#[test]
fn integers_of_every_size_are_written() {
    for n in [0, 1, 9, 10, 99, 100, 101, -1, -9, -10, 123_456_789, i64::MAX, i64::MIN] {
        check_both(|r| r.integer(n), format!(":{n}\r\n").as_bytes());
    }
}

#[test]
fn bulk_strings_of_every_length_are_written() {
    for len in [1, 9, 10, 11, 99, 100, 101, 999, 1000, 65536] {
        let text = "x".repeat(len);
        check_both(|r| r.bulk(text.as_bytes()), format!("${len}\r\n{text}\r\n").as_bytes());
        check_both(
            |r| r.bulk_fmt(format_args!("{text}")),
            format!("${len}\r\n{text}\r\n").as_bytes(),
        );
    }
    check_both(|r| r.bulk_fmt(format_args!("plain")), b"$5\r\nplain\r\n");
}

#[test]
fn resp2_gets_the_nearest_thing_it_has() {
    check(|r| r.null(), b"$-1\r\n", b"_\r\n");
    check(|r| r.null_array(), b"*-1\r\n", b"_\r\n");
    check(|r| r.map(2), b"*4\r\n", b"%2\r\n");
    check(|r| r.map(7), b"*14\r\n", b"%7\r\n");
    check(|r| r.set(2), b"*2\r\n", b"~2\r\n");
    check(|r| r.push(3), b"*3\r\n", b">3\r\n");
    check(|r| r.boolean(true), b":1\r\n", b"#t\r\n");
    check(|r| r.boolean(false), b":0\r\n", b"#f\r\n");
    check(|r| r.double(1.5), b"$3\r\n1.5\r\n", b",1.5\r\n");
    check(
        |r| r.double(-0.3333333333333333),
        b"$19\r\n-0.3333333333333333\r\n",
        b",-0.3333333333333333\r\n",
    );
    check(|r| r.double(f64::INFINITY), b"$3\r\ninf\r\n", b",inf\r\n");
    check(|r| r.double_text(b"2.50"), b"$4\r\n2.50\r\n", b",2.50\r\n");
    check(|r| r.big_number(b"-123"), b"$4\r\n-123\r\n", b"(-123\r\n");
    check(|r| r.verbatim(b"txt", b"hello"), b"$5\r\nhello\r\n", b"=9\r\ntxt:hello\r\n");
}

#[test]
fn attributes_are_left_out_of_resp2() {
    let write = |r: &mut Reply<'_>| {
        if r.attribute(1) {
            r.bulk(b"ttl");
            r.integer(3);
        }
        r.ok();
    };
    check(write, b"+OK\r\n", b"|1\r\n$3\r\nttl\r\n:3\r\n+OK\r\n");
}

#[test]
fn an_error_stays_in_its_line() {
    check_both(|r| r.error("ERR a\r\nb\n"), b"-ERR a  b\r\n");
    check_both(|r| r.error(b"\r\n"), b"-\r\n");
    check_both(|r| r.error(b"ERR \xff"), b"-ERR \xff\r\n");
    check_both(|r| r.simple("a\nb"), b"+a b\r\n");
}

#[test]
fn a_deferred_count_of_every_size_is_set() {
    for n in [0, 1, 9, 10, 99, 100, 12_345] {
        let write = |r: &mut Reply<'_>| {
            let header = r.deferred_array();
            for _ in 0..n {
                r.null();
            }
            r.set_deferred(header, n);
            r.ok();
        };
        let expected = |null: &str| format!("*{n}\r\n{}+OK\r\n", null.repeat(n)).into_bytes();
        check(write, &expected("$-1\r\n"), &expected("_\r\n"));
    }
}

#[test]
fn deferred_headers_nest() {
    let write = |r: &mut Reply<'_>| {
        let outer = r.deferred_map();
        for i in 0..6 {
            r.integer(i);
            let inner = r.deferred_set();
            for _ in 0..i * 5 {
                r.integer(1);
            }
            r.set_deferred(inner, i as usize * 5);
        }
        r.set_deferred(outer, 6);
        let push = r.deferred_push();
        r.set_deferred(push, 0);
    };
    let expected = |map: &str, set: &str, push: &str| {
        let entries =
            (0..6).map(|i| format!(":{i}\r\n{set}{}\r\n{}", i * 5, ":1\r\n".repeat(i * 5)));
        format!("{map}\r\n{}{push}0\r\n", entries.collect::<String>()).into_bytes()
    };
    check(write, &expected("*12", "*", "*"), &expected("%6", "~", ">"));
}

#[test]
fn a_reply_can_be_taken_back() {
    let write = |r: &mut Reply<'_>| {
        let mark = r.len();
        r.array(2);
        assert_eq!(r.written_since(mark), b"*2\r\n");
        r.truncate(mark);
        r.error("ERR no");
    };
    check_both(write, b"-ERR no\r\n");
}
