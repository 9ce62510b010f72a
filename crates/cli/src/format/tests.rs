//! What redis-cli 8.0.6 prints for the same replies.

use super::*;
use resp::value::decode;

fn reply(wire: &[u8]) -> Value {
    let (value, length) = decode(wire).expect("valid").expect("whole");
    assert_eq!(length, wire.len());
    value
}

fn check(wire: &[u8], style: Style, expected: &str) {
    let text = print(&reply(wire), style);
    assert_eq!(String::from_utf8_lossy(&text), expected, "{style:?} of {}", wire.escape_ascii());
}

#[test]
fn people_see_the_type_of_each_scalar() {
    for (wire, expected) in [
        (&b":-7\r\n"[..], "(integer) -7\n"),
        (b"+OK\r\n", "OK\n"),
        (b"-ERR no such key\r\n", "(error) ERR no such key\n"),
        (b"$-1\r\n", "(nil)\n"),
        (b"*-1\r\n", "(nil)\n"),
        (b"_\r\n", "(nil)\n"),
        (b"$0\r\n\r\n", "\"\"\n"),
        (b"$5\r\nhello\r\n", "\"hello\"\n"),
        (b"$6\r\na\"\\\n\x01\xff\r\n", "\"a\\\"\\\\\\n\\x01\\xff\"\n"),
        (b",1.5\r\n", "(double) 1.5\n"),
        (b",inf\r\n", "(double) inf\n"),
        (b"#t\r\n", "(true)\n"),
        (b"#f\r\n", "(false)\n"),
        (b"=8\r\ntxt:a\"bc\r\n", "a\"bc\n"),
        (b"(123456789012345678901\r\n", "(big number) 123456789012345678901\n"),
        (b"|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n", "\"v\"\n"),
    ] {
        check(wire, Style::Standard, expected);
    }
}

#[test]
fn empty_aggregates_have_names() {
    for (wire, expected) in [
        (&b"*0\r\n"[..], "(empty array)\n"),
        (b"~0\r\n", "(empty set)\n"),
        (b"%0\r\n", "(empty hash)\n"),
        (b">0\r\n", "(empty push)\n"),
    ] {
        check(wire, Style::Standard, expected);
    }
}

#[test]
fn nested_arrays_are_numbered_and_aligned() {
    check(
        b"*3\r\n:1\r\n*2\r\n:2\r\n*1\r\n$1\r\nx\r\n*0\r\n",
        Style::Standard,
        "1) (integer) 1\n2) 1) (integer) 2\n   2) 1) \"x\"\n3) (empty array)\n",
    );
}

#[test]
fn numbers_are_as_wide_as_the_last_one() {
    let mut wire = b"*10\r\n*2\r\n:1\r\n:2\r\n".to_vec();
    wire.extend(b":0\r\n".repeat(9));
    let text = String::from_utf8(print(&reply(&wire), Style::Standard)).expect("ASCII");
    assert!(
        text.starts_with(" 1) 1) (integer) 1\n    2) (integer) 2\n 2) (integer) 0\n"),
        "{text}"
    );
    assert!(text.ends_with("\n10) (integer) 0\n"), "{text}");
}

#[test]
fn maps_show_pairs_and_sets_a_tilde() {
    check(
        b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n~2\r\n:1\r\n:2\r\n",
        Style::Standard,
        "1# \"a\" => (integer) 1\n2# \"b\" => \n   1~ (integer) 1\n   2~ (integer) 2\n",
    );
    // A value of one line stays beside its key.
    check(b"%1\r\n+k\r\n*1\r\n:1\r\n", Style::Standard, "1# k => 1) (integer) 1\n");
}

#[test]
fn raw_is_the_bytes_and_the_delimiters() {
    for (wire, expected) in [
        (&b"$3\r\na\"b\r\n"[..], "a\"b\n"),
        (b"*2\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n", "1\nx\n\n"),
        (b"%2\r\n+a\r\n:1\r\n+b\r\n#t\r\n", "a 1\nb (true)\n"),
        (b"-ERR x\r\n", "ERR x\n\n"),
        (b"$-1\r\n", "\n"),
        (b",2.5\r\n", "2.5\n"),
    ] {
        check(wire, Style::RAW_LINES, expected);
    }
    let semicolons = Style::Raw { between_elements: b";", after_reply: b"|" };
    check(b"*2\r\n:1\r\n:2\r\n", semicolons, "1;2|");
    check(b"$4\r\na\r\nb\r\n", Style::VERBATIM, "a\r\nb");
}

#[test]
fn csv_flattens_everything() {
    for (wire, expected) in [
        (&b"*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n#t\r\n"[..], "1,\"a\",NULL,true\n"),
        (b"%1\r\n$1\r\nk\r\n,1.5\r\n", "\"k\",1.5\n"),
        (b"-ERR x\r\n", "ERROR,\"ERR x\"\n"),
        (b"+OK\r\n", "\"OK\"\n"),
        (b"*0\r\n", "\n"),
    ] {
        check(wire, Style::Csv, expected);
    }
}

#[test]
fn json_keeps_structure_and_utf8() {
    for (wire, expected) in [
        (&b"%2\r\n$1\r\na\r\n*2\r\n:1\r\n_\r\n:5\r\n#f\r\n"[..], "{\"a\":[1,null],\"5\":false}\n"),
        ("$8\r\né\"\\\n\t\x01\x7f\r\n".as_bytes(), "\"é\\\"\\\\\\n\\t\\u0001\x7f\"\n"),
        (b"~1\r\n,1.5\r\n", "[1.5]\n"),
        (b"-ERR x\r\n", "error:\"ERR x\"\n"),
        (b"*0\r\n", "[]\n"),
        (b"%0\r\n", "{}\n"),
    ] {
        check(wire, Style::Json, expected);
    }
}

#[test]
fn quoted_json_is_ascii_and_still_json() {
    check("$3\r\né\n\r\n".as_bytes(), Style::QuotedJson, "\"\\\\xc3\\\\xa9\\\\n\"\n");
    // redis-cli leaves the quote bare here, which no JSON parser accepts.
    check(b"$3\r\na\"b\r\n", Style::QuotedJson, "\"a\\\\\\\"b\"\n");
}

#[test]
fn invalidations_are_one_readable_line() {
    let push = reply(b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    assert_eq!(print_invalidation(&push).expect("one"), b"-> invalidate: 'a', 'b'\n");
    let flushed = reply(b">2\r\n$10\r\ninvalidate\r\n_\r\n");
    assert_eq!(print_invalidation(&flushed), None);
}
