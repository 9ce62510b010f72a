//! Payloads of real servers restore to what the same commands make here, and ours go back and
//! forth.

use config::{Config, id};
use resp::Value;
use testkit::golden::{CASES, expand, parse};
use testkit::{Session, TestServer};

const FILES: &[(&str, &str)] = &[
    ("redis-7.0.15", include_str!("../../../rdb/tests/golden/redis-7.0.15.txt")),
    ("redis-8.0.6", include_str!("../../../rdb/tests/golden/redis-8.0.6.txt")),
    ("valkey-9.1.2", include_str!("../../../rdb/tests/golden/valkey-9.1.2.txt")),
];

fn server() -> (TestServer, Session) {
    let mut config = Config::new(&config::Host { cores: 1, dir: "/".into() });
    config.record(id::ENABLE_DEBUG_COMMAND, &[b"yes"]).expect("a choice of this option");
    let mut server = TestServer::with_config(1, config);
    let session = server.connect();
    (server, session)
}

fn ask<W: AsRef<[u8]>>(server: &mut TestServer, session: &mut Session, call: &[W]) -> Value {
    let mut request = Vec::new();
    resp::encode::write_request(&mut request, call.iter());
    let reply = server.feed(session, &request);
    resp::decode(&reply).expect("replies are RESP").expect("it is whole").0
}

/// Everything that two values of the same contents answer alike.
fn portrait(server: &mut TestServer, session: &mut Session, key: &str) -> Vec<Value> {
    [
        &["DEBUG", "DIGEST-VALUE", key][..],
        &["TYPE", key],
        &["OBJECT", "ENCODING", key],
        &["XRANGE", key, "-", "+"],
        &["XINFO", "GROUPS", key],
        &["XPENDING", key, "first"],
        &["XPENDING", key, "second"],
        &["HPEXPIRETIME", key, "FIELDS", "4", "a", "b", "f7", "f8"],
    ]
    .iter()
    .map(|question| match ask(server, session, question) {
        // It may name the key.
        Value::Error(text) => {
            Value::Error(text.split(|&b| b == b' ').next().unwrap_or_default().to_vec())
        }
        reply => reply,
    })
    .collect()
}

#[test]
fn payloads_of_real_servers_restore_to_what_their_commands_make() {
    for (file, text) in FILES {
        for (name, payload) in parse(text) {
            let case = CASES.iter().find(|case| case.name == name).expect("a known case");
            let (mut server, mut ann) = server();
            for call in case.commands.iter().flat_map(|command| expand(command)) {
                let reply = ask(&mut server, &mut ann, &call);
                assert!(!reply.is_error(), "{name}: {reply:?}");
            }
            let restore = [b"RESTORE".as_slice(), b"r", b"0", &payload];
            let reply = ask(&mut server, &mut ann, &restore);
            assert_eq!(reply, Value::Simple(b"OK".to_vec()), "{file} {name}");
            let (mut made, mut restored) =
                (portrait(&mut server, &mut ann, "k"), portrait(&mut server, &mut ann, "r"));
            if is_restored_otherwise(file, name) {
                made.remove(2);
                restored.remove(2);
            }
            assert_eq!(made, restored, "{file} {name}");

            let Value::Bulk(again) = ask(&mut server, &mut ann, &["DUMP", "r"]) else {
                panic!("{file} {name} is not dumped")
            };
            let restore = [b"RESTORE".as_slice(), b"k", b"0", &again, b"REPLACE"];
            assert_eq!(ask(&mut server, &mut ann, &restore), Value::Simple(b"OK".to_vec()));
            let [mut restored, mut again] =
                ["r", "k"].map(|key| portrait(&mut server, &mut ann, key));
            if name == NO_LONGER_EXPIRING {
                restored.remove(2);
                again.remove(2);
            }
            assert_eq!(restored, again, "{file} {name}, dumped again");
        }
    }
}

/// A hash that is a `listpackex` though no field expires is written as one that never had any, which
/// older servers can read.
const NO_LONGER_EXPIRING: &str = "hash-no-longer-expiring";

/// Cases whose encoding is another after RESTORE than after the commands.
fn is_restored_otherwise(file: &str, name: &str) -> bool {
    // A string that was changed in place is raw.
    name == "string-bits" || (file.starts_with("valkey") && name == NO_LONGER_EXPIRING)
}
