use super::*;
use crate::encode::write_request;
use crate::test_random::Random;

/// The requests in `input`, words joined by `|` and requests by spaces, then what the parser said
/// at the end.
fn check(input: &[u8], requests: &str, end: Parsed) {
    check_with(&Limits::default(), input, requests, end);
}

fn check_with(limits: &Limits, input: &[u8], requests: &str, end: Parsed) {
    let (mut batch, mut pending, mut from) = (Batch::new(), Pending::default(), 0);
    let mut found = Vec::new();
    let said = loop {
        batch.clear();
        let (next, said) = batch.parse(input, from, 100, limits, &mut pending);
        for i in 0..batch.len() {
            let args: Vec<_> = batch.args(i, input).iter().map(String::from_utf8_lossy).collect();
            found.push(args.join("|"));
        }
        from = next;
        if said != Parsed::Requests || from == input.len() {
            break said;
        }
    };
    assert_eq!((found.join(" ").as_str(), said), (requests, end), "input {}", input.escape_ascii());
}

fn check_error(input: &[u8], error: ProtocolError) {
    check(input, "", Parsed::Error(error));
}

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

#[test]
fn a_pipeline_is_one_batch() {
    check(
        b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\nhello\r\nworld\r\n*1\r\n$4\r\nPING\r\n",
        "GET|a SET||hello\r\nworld PING",
        Parsed::Requests,
    );
}

#[test]
fn no_more_requests_are_parsed_than_asked_for() {
    let input = PING.repeat(5);
    let (mut batch, mut pending) = (Batch::new(), Pending::default());
    let (next, said) = batch.parse(&input, 0, 2, &Limits::default(), &mut pending);
    assert_eq!((batch.len(), next, said), (2, 2 * PING.len(), Parsed::Requests));
    let (next, said) = batch.parse(&input, next, 9, &Limits::default(), &mut pending);
    assert_eq!((batch.len(), next, said), (5, input.len(), Parsed::Requests));
    assert_eq!((batch.request(4).start, batch.request(4).end), (4 * PING.len(), 5 * PING.len()));
    assert!(!batch.request(4).inline);
}

#[test]
fn empty_requests_leave_no_trace() {
    for empty in ["\r\n", "\n", "*0\r\n", "*-10\r\n", "  \r\n"] {
        check(&[empty.as_bytes(), PING, empty.as_bytes()].concat(), "PING", Parsed::Requests);
    }
}

#[test]
fn lengths_of_every_number_of_digits_are_read() {
    for len in [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 9999, 10_000, 70_000, 1_234_567] {
        let value = "v".repeat(len);
        let mut input = Vec::new();
        write_request(&mut input, ["SET", "k", &value].into_iter());
        check(&input, &format!("SET|k|{value}"), Parsed::Requests);
    }
}

#[test]
fn counts_of_every_number_of_digits_are_read() {
    for argc in [1, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, 12_345] {
        let args = vec![&b"x"[..]; argc];
        let mut input = Vec::new();
        write_request(&mut input, args.into_iter());
        check(&input, &vec!["x"; argc].join("|"), Parsed::Requests);
    }
}

#[test]
fn counts_are_as_strict_as_in_redis() {
    for count in
        ["", "+1", "01", "-0", "1 ", "0x1", "3000000000", "2147483648", "99999999999999999999"]
    {
        check_error(format!("*{count}\r\n").as_bytes(), ProtocolError::InvalidMultibulkLength);
    }
    check(b"*2147483647\r\n", "", Parsed::NeedMore { hint: 14 });
    check_error(b"*1\n$4\r\nPING\r\n", ProtocolError::InvalidMultibulkLength);
}

#[test]
fn lengths_are_as_strict_as_in_redis() {
    for len in ["", "-1", "+4", "04", "4 ", "blabla", "536870913", "9223372036854775807"] {
        check_error(
            format!("*1\r\n${len}\r\nPING\r\n").as_bytes(),
            ProtocolError::InvalidBulkLength,
        );
    }
    check(b"*1\r\n$536870912\r\n", "", Parsed::NeedMore { hint: 4 + 12 + 536_870_914 });
    let primary = Limits { bulk_bytes_max: usize::MAX, ..Limits::default() };
    let hint = 4 + 22 + i64::MAX as usize + 2;
    check_with(&primary, b"*1\r\n$9223372036854775807\r\n", "", Parsed::NeedMore { hint });
}

#[test]
fn an_argument_begins_with_a_dollar() {
    check_error(b"*1\r\nfoo\r\n", ProtocolError::ExpectedDollar(b'f'));
    check_error(b"*1\r\n*4\r\nPING\r\n", ProtocolError::ExpectedDollar(b'*'));
    check_error(b"*1\r\n\r\n", ProtocolError::ExpectedDollar(b'\r'));
    check_error(b"*1\r\n\0\r\n", ProtocolError::ExpectedDollar(0));
    check_error(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", ProtocolError::ExpectedDollar(b'f'));
    // Before its line is whole nothing is said about it, as in Redis.
    check(b"*1\r\nfoo", "", Parsed::NeedMore { hint: 8 });
}

#[test]
fn line_ends_are_skipped_unseen() {
    check(&[b"*1\rX$4\rYPINGZZ", PING].concat(), "PING PING", Parsed::Requests);
}

#[test]
fn lines_have_a_greatest_length() {
    let long = "1".repeat(65 * 1024);
    check_error(format!("*{long}").as_bytes(), ProtocolError::MultibulkCountTooLong);
    check_error(format!("*1\r\n${long}").as_bytes(), ProtocolError::BulkCountTooLong);
    check_error(long.as_bytes(), ProtocolError::InlineTooBig);
    check(&long.as_bytes()[..65536], "", Parsed::NeedMore { hint: 65537 });
    check_error(&long.as_bytes()[..65537], ProtocolError::InlineTooBig);
}

#[test]
fn requests_before_an_error_come_first() {
    check(
        &[PING, PING, b"*x\r\n"].concat(),
        "PING PING",
        Parsed::Error(ProtocolError::InvalidMultibulkLength),
    );
}

#[test]
fn inline_requests_are_words() {
    check(b"PING\r\n", "PING", Parsed::Requests);
    check(b"PING\n", "PING", Parsed::Requests);
    check(b"  SET  a\tb  \r\nGET a\n", "SET|a|b GET|a", Parsed::Requests);
    check(b"QUI\r\nT\r\n", "QUI T", Parsed::Requests);
    check(b"\rPING\r\n", "PING", Parsed::Requests);
    check(b"PIN", "", Parsed::NeedMore { hint: 4 });
}

#[test]
fn inline_requests_have_quotes_and_escapes() {
    check(b"SET k \"\\x41\\n\\\"\" ''\r\n", "SET|k|A\n\"|", Parsed::Requests);
    check_error(b"PING 'a\r\n", ProtocolError::UnbalancedQuotes);
    check_error(b"PING \"a\"b\r\n", ProtocolError::UnbalancedQuotes);
    check_error(b"set \"\"\"test-key\"\"\" test-value\r\n", ProtocolError::UnbalancedQuotes);
}

#[test]
fn inline_and_multibulk_requests_mix() {
    check(
        &[b"PING 1\r\n", PING, b"ECHO \"x y\"\r\n"].concat(),
        "PING|1 PING ECHO|x y",
        Parsed::Requests,
    );
}

#[test]
fn before_authentication_requests_are_small_and_one_at_a_time() {
    let limits = Limits { unauthenticated: true, ..Limits::default() };
    check_with(&limits, b"*10\r\n", "", Parsed::NeedMore { hint: 6 });
    check_with(
        &limits,
        b"*11\r\n",
        "",
        Parsed::Error(ProtocolError::UnauthenticatedMultibulkLength),
    );
    check_with(&limits, b"*1\r\n$16384\r\n", "", Parsed::NeedMore { hint: 12 + 16386 });
    check_with(
        &limits,
        b"*1\r\n$16385\r\n",
        "",
        Parsed::Error(ProtocolError::UnauthenticatedBulkLength),
    );
    let mut batch = Batch::new();
    let input = PING.repeat(2);
    assert_eq!(
        batch.parse(&input, 0, 100, &limits, &mut Pending::default()),
        (PING.len(), Parsed::Requests)
    );
}

#[test]
fn a_large_argument_is_announced_once() {
    let mut batch = Batch::new();
    let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nxxx";
    let said = batch.parse(input, 0, 100, &Limits::default(), &mut Pending::default());
    assert_eq!(said, (0, Parsed::NeedMore { hint: 29 + 100_000 + 2 }));
    assert!(batch.is_empty());
}

#[test]
fn a_request_of_many_arguments_is_not_read_again_from_its_beginning() {
    let mut input = PING.to_vec();
    write_request(&mut input, vec![&b"0123456789"[..]; 100_000].into_iter());
    input.extend_from_slice(PING);

    let limits = Limits::default();
    let (mut batch, mut pending) = (Batch::new(), Pending::default());
    let half = input.len() / 2;
    let (next, said) = batch.parse(&input[..half], 0, 100, &limits, &mut pending);
    assert_eq!((batch.len(), next), (1, PING.len()));
    assert!(matches!(said, Parsed::NeedMore { .. }));
    assert!(pending.allocated_bytes() > 40_000 * size_of::<Span>());

    // What was read is never looked at again: it could be anything.
    let mut rest = input[PING.len()..].to_vec();
    rest[..half - PING.len() - 20].fill(b'?');
    batch.clear();
    let (next, said) = batch.parse(&rest, 0, 100, &limits, &mut pending);
    assert_eq!((batch.len(), next, said), (2, rest.len(), Parsed::Requests));
    assert_eq!(
        (batch.args(0, &rest).len(), &batch.args(0, &rest)[99_999]),
        (100_000, &b"0123456789"[..])
    );
    assert_eq!(&batch.args(1, &rest)[0], b"PING");
    assert_eq!(pending.allocated_bytes(), 0);
}

#[test]
fn a_giant_request_does_not_keep_its_memory() {
    let mut input = Vec::new();
    write_request(&mut input, vec![&b"x"[..]; 100_000].into_iter());
    let mut batch = Batch::new();
    batch.parse(&input, 0, 1, &Limits::default(), &mut Pending::default());
    assert_eq!(batch.args(0, &input).len(), 100_000);
    batch.clear();
    assert!(batch.spans.capacity() <= KEEP_MAX);
}

#[test]
fn pieces_give_the_same_requests_as_the_whole() {
    for seed in 0..20_000 {
        let mut random = Random::from_seed(seed);
        let mut data = vec![random.next() as u8, random.next() as u8 & 7];
        for _ in 0..random.below(5) {
            if random.below(4) == 0 {
                data.extend_from_slice(
                    ["PING\r\n", "SET a 'b c'\n", "\r\n", "*0\r\n"][random.below(4)].as_bytes(),
                );
                continue;
            }
            let argc = [1, 2, 3, 12, 200][random.below(5)];
            let args: Vec<Vec<u8>> =
                (0..argc).map(|_| vec![b'a'; [0, 1, 8, 30, 150][random.below(5)]]).collect();
            write_request(&mut data, args.iter().map(Vec::as_slice));
        }
        let mut input = data.split_off(2);
        random.mutate(&mut input);
        data.extend_from_slice(&input);
        fuzz_request(&data);
    }
}

#[test]
fn progress_is_what_lies_before_the_argument_on_its_way() {
    let many = [&b"*30\r\n"[..], &b"$3\r\nabc\r\n".repeat(25), b"$10\r\nxyz"].concat();
    for (input, read, arguments) in [
        (&b""[..], 0, 0),
        (b"GET k", 0, 0),
        (b"*2", 0, 0),
        (b"*2\r\n", 4, 0),
        (b"*2\r\n$3\r", 4, 0),
        (b"*2\r\n$3\r\nGE", 8, 0),
        (b"*2\r\n$3\r\nGET\r\n", 13, 3),
        (b"*2\r\n$3\r\nGET\r\n$90000\r\nvalue", 21, 3),
        (&many, many.len() - 3, 75),
    ] {
        let (mut batch, mut pending) = (Batch::new(), Pending::default());
        batch.parse(input, 0, 100, &Limits::default(), &mut pending);
        let shown = input.escape_ascii();
        assert_eq!(pending.progress(input), (read, arguments), "{shown}");
    }
}
