//! What the tests of this group share: transcripts, and what a command leaves in the journal.
//!
//! A transcript is what one sees in redis-cli, with one word more: `@list key` makes a key that
//! holds no string.

use base::glob::glob_match;
use resp::Value;
use store::{Access, Collection, Expire, NewValue, OwnedValue};
use testkit::TestServer;

/// Runs a transcript on fresh servers of one and of several workers: `> command` and below it what
/// it prints. An expected line with a `*` in it is a pattern.
pub(super) fn check(transcript: &str) {
    for workers in [1, 3] {
        check_with(workers, transcript);
    }
}

fn check_with(workers: usize, transcript: &str) {
    let mut server = TestServer::new(workers);
    let mut session = server.connect();
    let mut lines = transcript.lines().map(str::trim_start).filter(|l| !l.is_empty()).peekable();
    while let Some(line) = lines.next() {
        if let Some(key) = line.strip_prefix("@list ") {
            make_list(&server, key);
            continue;
        }
        let call = line.strip_prefix("> ").unwrap_or_else(|| panic!("{line} is no call"));
        let mut expected = Vec::new();
        while let Some(line) = lines.next_if(|l| !l.starts_with("> ") && !l.starts_with('@')) {
            expected.push(line);
        }
        let printed = printed(&server.reply(&mut session, call));
        let printed: Vec<&str> = printed.lines().map(str::trim_start).collect();
        let same = expected.len() == printed.len()
            && expected.iter().zip(&printed).all(|(want, got)| is_like(want, got));
        assert!(same, "{call}\n  expected {expected:?}\n  printed  {printed:?}");
    }
}

/// Runs the calls on a fresh server; gives what replicas and the AOF shall repeat.
pub(super) fn repeated(calls: &[&str]) -> Vec<String> {
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    let mut reader = server.engine.journal.reader(None).expect("a fresh journal has its tail");
    for call in calls {
        server.reply(&mut session, call);
    }
    let mut bytes = Vec::new();
    reader.read(|chunk| bytes.extend_from_slice(chunk)).expect("nothing was trimmed");
    let mut commands = Vec::new();
    while let Some((value, used)) = resp::decode(&bytes).expect("the journal is RESP") {
        let Value::Array(words) = value else { panic!("the journal holds requests") };
        let words: Vec<_> = words.iter().map(|w| w.text().expect("words are text")).collect();
        if words[0] != "SELECT" {
            commands.push(words.join(" "));
        }
        bytes.drain(..used);
    }
    commands
}

/// As [`repeated`], against patterns, one for each command.
pub(super) fn check_repeated(calls: &[&str], expected: &[&str]) {
    let commands = repeated(calls);
    let same = commands.len() == expected.len()
        && expected.iter().zip(&commands).all(|(want, got)| is_like(want, got));
    assert!(same, "{calls:?}\n  expected {expected:?}\n  repeated {commands:?}");
}

fn is_like(want: &str, got: &str) -> bool {
    want == got || want.contains('*') && glob_match(want.as_bytes(), got.as_bytes(), false)
}

/// A key that holds no string.
fn make_list(server: &TestServer, key: &str) {
    let keyspace = &server.engine.keyspace;
    let key = keyspace.key(key.as_bytes());
    let list = Collection::List([b"element"[..].into()].into());
    let value = NewValue::Owned(OwnedValue::Collection(Box::new(list)));
    let mut access = Access::one(keyspace, key.hash).expect("nobody else is there");
    let part = access.db(keyspace, 0, key.hash);
    let slot = part.find(key);
    let _none = part.set(slot, key, value, Expire::Clear, 0);
}

/// A reply as redis-cli prints it.
fn printed(value: &Value) -> String {
    let elements = |elements: &[Value]| {
        let lines = elements.iter().enumerate();
        let line = |(i, element): (usize, &Value)| format!("{}) {}", i + 1, printed(element));
        lines.map(line).collect::<Vec<_>>().join("\n")
    };
    match value {
        Value::Null => "(nil)".to_owned(),
        Value::Integer(n) => format!("(integer) {n}"),
        Value::Error(text) => format!("(error) {}", String::from_utf8_lossy(text)),
        Value::Bulk(text) => format!("\"{}\"", quoted(text)),
        Value::Simple(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Double { text, .. } => format!("(double) {}", text.escape_ascii()),
        Value::Array(all) if all.is_empty() => "(empty array)".to_owned(),
        Value::Array(all) => elements(all),
        Value::Map(pairs) => {
            let flat: Vec<Value> = pairs.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect();
            elements(&flat)
        }
        other => panic!("no string command replies {other:?}"),
    }
}

/// With escapes where redis-cli has them.
fn quoted(text: &[u8]) -> String {
    text.escape_ascii().to_string().replace("\\'", "'")
}

#[test]
fn every_example_prints_what_it_says() {
    for command in super::COMMANDS {
        assert!(command.examples.len() >= 2, "{} has too few examples", command.name);
        let mut transcript = String::new();
        for (call, reply) in command.examples {
            transcript.push_str(&format!("> {call}\n{reply}\n"));
        }
        check(&transcript);
    }
}
