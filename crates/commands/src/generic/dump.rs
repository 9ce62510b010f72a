//! DUMP and RESTORE: a value as bytes, to be moved to another server or to be put away.
//!
//! The bytes are those of an RDB file; see the crate `rdb`. Nothing of what comes back is believed.

use std::sync::atomic::Ordering::Relaxed;

use command::declare::{
    Category, Flag::*, Group, KeyFlag::*, flag, integer, key, opt, text, token,
};
use engine::db::{Class, Detached};
use engine::{CmdError, CmdResult, Command, Cx};
use rdb::{Refused, Trust};
use store::eviction_clock::UsageClock;

pub const DUMP: Command = Command {
    name: "DUMP",
    group: Group::Generic,
    since: "2.6.0",
    summary: "Returns a value as bytes that RESTORE understands.",
    complexity: "O(N) with N the size of the value",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access])],
    tips: &["nondeterministic_output"],
    examples: &[
        ("SET k 10", "OK"),
        ("DUMP k", "\"\\x00\\xc0\\n\\x06\\x00\\xf8r?\\xc5\\xfb\\xfb_(\""),
        ("DUMP nokey", "(nil)"),
        ("DUMP", "(error) ERR wrong number of arguments for 'dump' command"),
    ],
    ..Command::base(dump)
};

fn dump(cx: &mut Cx<'_>) -> CmdResult {
    let style = cx.engine.rdb_style();
    match cx.db.read(cx.key(1)) {
        Some(record) => cx.reply.bulk(&rdb::dump(record.value(), style)),
        None => cx.reply.null(),
    }
    Ok(())
}

pub const RESTORE: Command = Command {
    name: "RESTORE",
    group: Group::Generic,
    since: "2.6.0",
    summary: "Creates a key from the bytes that DUMP gave.",
    complexity: "O(N) with N the size of the value; O(N*log(N)) for a sorted set",
    flags: &[Write, DenyOom],
    categories: &[Category::Dangerous],
    args: &[
        key("key", &[OW, Update]),
        integer("ttl"),
        text("serialized-value"),
        opt(flag("REPLACE")).since("3.0.0"),
        opt(flag("ABSTTL")).since("5.0.0"),
        opt(token("IDLETIME", integer("seconds"))).since("5.0.0"),
        opt(token("FREQ", integer("frequency"))).since("5.0.0"),
    ],
    history: &[("3.0.0", "Knows REPLACE."), ("5.0.0", "Knows ABSTTL, IDLETIME and FREQ.")],
    examples: &[
        ("RESTORE k 0 \"\\x00\\xc0\\n\\x06\\x00\\xf8r?\\xc5\\xfb\\xfb_(\"", "OK"),
        ("GET k", "\"10\""),
        ("RESTORE k 0 x", "(error) BUSYKEY Target key name already exists."),
        ("RESTORE k 0 x REPLACE", "(error) ERR DUMP payload version or checksum are wrong"),
    ],
    ..Command::base(restore)
};

/// What may stand behind the payload.
#[derive(Default)]
struct Options {
    replaces: bool,
    is_absolute: bool,
    idle_s: Option<u64>,
    frequency: Option<u8>,
}

fn restore(cx: &mut Cx<'_>) -> CmdResult {
    let options = options(cx)?;
    let key = cx.key(1);
    if !options.replaces && cx.db.look(key).is_some() {
        return Err(CmdError::BUSY_KEY);
    }
    let ttl_ms = cx.int(2)?;
    if ttl_ms < 0 {
        return Err(CmdError::INVALID_TTL);
    }
    let trust = Trust {
        checks_crc: !cx.engine.skip_checksums.load(Relaxed),
        any_version: cx.engine.settings.rdb_any_version.load(Relaxed),
    };
    let value = rdb::restore(cx.arg(3), trust, &cx.db.limits()).map_err(|refused| {
        if refused == Refused::Footer {
            return CmdError::DUMP_PAYLOAD;
        }
        cx.engine.host.log('#', &format!("RESTORE refuses a payload. {refused}"));
        CmdError::BAD_DATA
    })?;

    let expire_ms = match (ttl_ms, options.is_absolute) {
        (0, _) => None,
        (at_ms, true) => Some(at_ms),
        // What overflows never comes, as in Redis.
        (ttl_ms, false) => Some(cx.now_ms().saturating_add(ttl_ms)),
    };
    if expire_ms.is_some_and(|ms| cx.db.expiry_clock().is_due(ms)) {
        drop_old(cx);
        cx.reply.ok();
        return Ok(());
    }
    let usage = match (cx.db.usage.clock, options.frequency, options.idle_s) {
        (UsageClock::Lfu { .. }, Some(frequency), _) => cx.db.usage.with_frequency(frequency),
        (UsageClock::Lru | UsageClock::Lrm, _, Some(idle_s)) => cx.db.usage.idle_for(idle_s),
        _ => cx.db.usage.fresh(),
    };
    cx.db.put(key, Detached { value, expire_ms, usage });
    cx.db.changed(key, Class::Generic, "restore", 1);
    // Under LRM the change has just counted as a use.
    cx.db.set_usage(key, usage);
    if let (Some(ms), false) = (expire_ms, options.is_absolute) {
        repeat_with_moment(cx, ms);
    }
    cx.reply.ok();
    Ok(())
}

fn options(cx: &Cx<'_>) -> Result<Options, CmdError> {
    let mut options = Options::default();
    let mut i = 4;
    while i < cx.argc() {
        let has_value = i + 1 < cx.argc();
        if cx.is_word(i, "REPLACE") {
            options.replaces = true;
        } else if cx.is_word(i, "ABSTTL") {
            options.is_absolute = true;
        } else if cx.is_word(i, "IDLETIME") && has_value && options.frequency.is_none() {
            i += 1;
            let idle_s = u64::try_from(cx.int(i)?).map_err(|_| CmdError::INVALID_IDLE_TIME)?;
            options.idle_s = Some(idle_s);
        } else if cx.is_word(i, "FREQ") && has_value && options.idle_s.is_none() {
            i += 1;
            let frequency = u8::try_from(cx.int(i)?).map_err(|_| CmdError::INVALID_FREQUENCY)?;
            options.frequency = Some(frequency);
        } else {
            return Err(CmdError::SYNTAX);
        }
        i += 1;
    }
    Ok(options)
}

/// The key would expire at once: what it replaces goes, and that is what is repeated.
fn drop_old(cx: &mut Cx<'_>) {
    let key = cx.key(1);
    let lazy = cx.db.displaces_lazily();
    if cx.db.delete(key, lazy) {
        cx.db.changed(key, Class::Generic, "del", 1);
        cx.propagate(&[if lazy { b"UNLINK" } else { b"DEL" }, key.bytes]);
    }
}

/// Replicas restore later: they are told the moment instead of the time that is left.
fn repeat_with_moment(cx: &mut Cx<'_>, expire_ms: i64) {
    let moment = expire_ms.to_string();
    let mut args: Vec<&[u8]> = (0..cx.argc()).map(|i| cx.arg(i)).collect();
    args[2] = moment.as_bytes();
    args.push(b"ABSTTL");
    cx.propagate(&args);
}

#[cfg(test)]
mod tests {
    use config::{Config, id};
    use resp::Value;
    use testkit::transcript::{check, check_on, repeated_on};
    use testkit::{Session, TestServer};

    /// A call with bytes that no line could hold.
    fn ask(server: &mut TestServer, ann: &mut Session, call: &[&[u8]]) -> Value {
        let mut request = Vec::new();
        resp::encode::write_request(&mut request, call.iter());
        let reply = server.feed(ann, &request);
        resp::decode(&reply).expect("replies are RESP").expect("it is whole").0
    }

    fn dump(server: &mut TestServer, ann: &mut Session, key: &str) -> Vec<u8> {
        match ask(server, ann, &[b"DUMP", key.as_bytes()]) {
            Value::Bulk(payload) => payload,
            reply => panic!("DUMP {key} answers {reply:?}"),
        }
    }

    fn restore(server: &mut TestServer, ann: &mut Session, ttl: &str, more: &[&str]) -> Value {
        server.reply(ann, "SET source text");
        let payload = dump(server, ann, "source");
        let mut call: Vec<&[u8]> = vec![b"RESTORE", b"k", ttl.as_bytes(), &payload];
        call.extend(more.iter().map(|word| word.as_bytes()));
        ask(server, ann, &call)
    }

    fn ok() -> Value {
        Value::Simple(b"OK".to_vec())
    }

    #[test]
    fn words_and_ttl_are_read_before_the_payload() {
        check(
            "> RESTORE k 0 x NOPE
             (error) ERR syntax error
             > RESTORE k 0 x FREQ
             (error) ERR syntax error
             > RESTORE k 0 x FREQ 1 IDLETIME 1
             (error) ERR syntax error
             > RESTORE k 0 x FREQ 256
             (error) ERR Invalid FREQ value, must be >= 0 and <= 255
             > RESTORE k 0 x IDLETIME -1
             (error) ERR Invalid IDLETIME value, must be >= 0
             > RESTORE k 0 x IDLETIME x
             (error) ERR value is not an integer or out of range
             > RESTORE k -1 x
             (error) ERR Invalid TTL value, must be >= 0
             > RESTORE k t x
             (error) ERR value is not an integer or out of range
             > RESTORE k 0 x
             (error) ERR DUMP payload version or checksum are wrong
             > SET k v
             OK
             > RESTORE k t x
             (error) BUSYKEY Target key name already exists.
             > RESTORE k t x REPLACE
             (error) ERR value is not an integer or out of range
             > GET k
             \"v\"",
        );
    }

    #[test]
    fn a_ttl_is_relative_or_absolute() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        assert_eq!(restore(&mut server, &mut ann, "5000", &[]), ok());
        check_on(&mut server, &mut ann, "> PTTL k\n(integer) [45]*");
        let reply = restore(&mut server, &mut ann, "33177117420123", &["ABSTTL", "REPLACE"]);
        assert_eq!(reply, ok());
        check_on(&mut server, &mut ann, "> PEXPIRETIME k\n(integer) 33177117420123");
        assert_eq!(restore(&mut server, &mut ann, "0", &["replace"]), ok());
        check_on(&mut server, &mut ann, "> PTTL k\n(integer) -1");
        let last = i64::MAX.to_string();
        assert_eq!(restore(&mut server, &mut ann, &last, &["REPLACE"]), ok());
        assert_eq!(server.reply(&mut ann, "PEXPIRETIME k"), Value::Integer(i64::MAX));
    }

    #[test]
    fn a_moment_that_has_passed_leaves_nothing() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        assert_eq!(restore(&mut server, &mut ann, "1000", &["ABSTTL"]), ok());
        assert_eq!(server.reply(&mut ann, "EXISTS k"), Value::Integer(0));
        server.reply(&mut ann, "SET k old");
        assert_eq!(restore(&mut server, &mut ann, "1000", &["ABSTTL", "REPLACE"]), ok());
        assert_eq!(server.reply(&mut ann, "EXISTS k"), Value::Integer(0));
    }

    #[test]
    fn replicas_are_told_the_moment() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        let payload = r#""\x00\xc0\n\x06\x00\xf8r?\xc5\xfb\xfb_(""#;
        let relative = format!("RESTORE k 100000 {payload} REPLACE");
        let repeated = repeated_on(&mut server, &mut ann, &[&relative]);
        assert!(repeated[1].starts_with("RESTORE k 1"), "{repeated:?}");
        assert!(repeated[1].ends_with(" REPLACE ABSTTL"), "{repeated:?}");

        let absolute = format!("RESTORE k 33177117420123 {payload} ABSTTL REPLACE");
        let repeated = repeated_on(&mut server, &mut ann, &[&absolute]);
        assert!(repeated[1].ends_with(" ABSTTL REPLACE"), "{repeated:?}");

        let passed = format!("RESTORE k 5 {payload} ABSTTL REPLACE");
        let repeated = repeated_on(&mut server, &mut ann, &[&passed, &passed]);
        assert_eq!(repeated, ["SELECT 0", "DEL k"]);
    }

    #[test]
    fn a_key_is_as_idle_or_as_frequent_as_it_is_said_to_be() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        restore(&mut server, &mut ann, "0", &["IDLETIME", "1000"]);
        check_on(&mut server, &mut ann, "> OBJECT IDLETIME k\n(integer) 100*");
        server.reply(&mut ann, "CONFIG SET maxmemory-policy allkeys-lfu");
        restore(&mut server, &mut ann, "0", &["FREQ", "100", "REPLACE"]);
        check_on(&mut server, &mut ann, "> OBJECT FREQ k\n(integer) 100");
    }

    #[test]
    fn what_is_no_value_is_told_the_client_and_why_the_log() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        let payload = rdb::payload::seal(b"\x0b\x03abc".to_vec(), rdb::Version(9));
        let reply = ask(&mut server, &mut ann, &[b"RESTORE", b"k", b"0", &payload]);
        assert_eq!(reply, Value::Error(b"ERR Bad data format".to_vec()));
        let log = server.host.log.lock().unwrap();
        assert!(log[0].contains("Intset integrity check failed"), "{log:?}");
    }

    #[test]
    fn options_choose_version_and_compression() {
        let mut config = Config::new(&config::Host { cores: 1, dir: "/".into() });
        config.record(id::RDBCOMPRESSION, &[b"no"]).expect("a choice of this option");
        let mut server = TestServer::with_config(1, config);
        let mut ann = server.connect();
        server.reply(&mut ann, &format!("SADD k a {}", "x".repeat(50)));
        let version = |payload: &[u8]| payload[payload.len() - 10];
        let plain = dump(&mut server, &mut ann, "k");
        assert_eq!((plain[0], version(&plain)), (2, 6));
        server.reply(&mut ann, "CONFIG SET rdb-version 11");
        let packed = dump(&mut server, &mut ann, "k");
        assert_eq!((packed[0], version(&packed)), (20, 11));
        server.reply(&mut ann, "CONFIG SET rdbcompression yes");
        assert!(dump(&mut server, &mut ann, "k").len() < packed.len());
    }

    #[test]
    fn a_version_of_nobody_is_refused_unless_the_check_is_relaxed() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        let payload = rdb::payload::seal(b"\x00\x01v".to_vec(), rdb::Version(40));
        let call: &[&[u8]] = &[b"RESTORE", b"k", b"0", &payload];
        let refused = b"ERR DUMP payload version or checksum are wrong".to_vec();
        assert_eq!(ask(&mut server, &mut ann, call), Value::Error(refused));
        server.reply(&mut ann, "CONFIG SET rdb-version-check relaxed");
        assert_eq!(ask(&mut server, &mut ann, call), ok());
    }
}
