//! Transcripts: what a person at redis-cli types and sees, run in process.
//!
//! ```text
//! > SET k v EX 100          a command
//! OK                        what it prints, line by line, indentation aside
//! > TTL k
//! (integer) *               a line with a star in it is a pattern
//! @list l                   makes a list `l` in database 0
//! ```

use base::glob::glob_match;
use engine::Command;
use resp::Value;
use store::value::{End, List};
use store::{Access, CollectionType, Expire, Limits, NewValue, OwnedValue};

use crate::{Session, TestServer};

/// Runs a transcript on a fresh server of one worker. Panics at the first difference.
pub fn check(transcript: &str) {
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    check_on(&mut server, &mut session, transcript);
}

/// Goes on with a transcript on this server.
pub fn check_on(server: &mut TestServer, session: &mut Session, transcript: &str) {
    let mut lines = transcript.lines().map(str::trim_start).filter(|l| !l.is_empty()).peekable();
    while let Some(line) = lines.next() {
        if let Some(key) = line.strip_prefix("@list ") {
            make_list(server, key);
            continue;
        }
        let call = line.strip_prefix("> ").unwrap_or_else(|| panic!("{line} is no call"));
        let mut expected = Vec::new();
        while let Some(line) = lines.next_if(|l| !l.starts_with("> ") && !l.starts_with('@')) {
            expected.push(line);
        }
        let printed = printed(&server.reply(session, call));
        let printed: Vec<&str> = printed.lines().map(str::trim_start).collect();
        assert!(
            are_like(&expected, &printed),
            "{call}\n  expected {expected:?}\n  printed  {printed:?}"
        );
    }
}

/// Runs the command's examples in order on a fresh server.
pub fn check_examples(command: &Command) {
    let calls = command.examples.iter();
    let lines: Vec<_> = calls.map(|(call, prints)| format!("> {call}\n{prints}\n")).collect();
    check(&lines.concat());
}

/// Runs the calls on a fresh server; gives what replicas and the AOF shall repeat.
pub fn repeated(calls: &[&str]) -> Vec<String> {
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    repeated_on(&mut server, &mut session, calls)
}

/// Runs the calls on this server; gives what replicas and the AOF shall repeat of them.
pub fn repeated_on(server: &mut TestServer, session: &mut Session, calls: &[&str]) -> Vec<String> {
    let mut reader = server.engine.journal.reader(None).expect("a journal has its end");
    for call in calls {
        server.reply(session, call);
    }
    let mut bytes = Vec::new();
    reader.read(|chunk| bytes.extend_from_slice(chunk)).expect("nothing was trimmed");
    let mut commands = Vec::new();
    while let Some((value, used)) = resp::decode(&bytes).expect("the journal is RESP") {
        let Value::Array(words) = value else { panic!("the journal holds requests") };
        let words: Vec<_> = words.iter().map(|w| w.text().expect("words are text")).collect();
        commands.push(words.join(" "));
        bytes.drain(..used);
    }
    commands
}

/// As [`repeated`], against patterns, one for each command.
pub fn check_repeated(calls: &[&str], expected: &[&str]) {
    let commands = repeated(calls);
    let printed: Vec<&str> = commands.iter().map(String::as_str).collect();
    assert!(
        are_like(expected, &printed),
        "{calls:?}\n  expected {expected:?}\n  repeated {printed:?}"
    );
}

fn are_like(expected: &[&str], printed: &[&str]) -> bool {
    let is_like = |want: &str, got: &str| {
        want == got || want.contains('*') && glob_match(want.as_bytes(), got.as_bytes(), false)
    };
    expected.len() == printed.len()
        && expected.iter().zip(printed).all(|(want, got)| is_like(want, got))
}

/// A key that holds no string, for as long as a test wants one without the commands of lists.
pub fn make_list(server: &TestServer, key: &str) {
    let keyspace = &server.engine.keyspace;
    let key = keyspace.key(key.as_bytes());
    let mut list = List::empty(&Limits::default());
    list.push(End::Tail, b"element", &Limits::default());
    let value = NewValue::Owned(OwnedValue::of(list));
    let mut access = Access::one(keyspace, key.hash).expect("nobody else is there");
    let part = access.db(keyspace, 0, key.hash);
    let slot = part.find(key);
    let remains = part.set(slot, key, value, Expire::Clear, 0);
    drop(remains);
}

/// A reply as redis-cli prints it.
pub fn printed(value: &Value) -> String {
    let text = cli::format::print(value, cli::format::Style::Standard);
    String::from_utf8_lossy(text.strip_suffix(b"\n").unwrap_or(&text)).into_owned()
}
