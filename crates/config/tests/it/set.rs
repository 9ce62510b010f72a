//! CONFIG SET. The texts were asked of Redis 8.0.6.

use config::{Change, SetBy, SetError, id, options};

use crate::{config, get, set, set_all};

/// Sets `value` and expects Redis's refusal; nothing may have changed.
fn check_refused(name: &str, value: &str, refusal: &str) {
    let mut config = config();
    let before = get(&config, name);
    let text = format!("CONFIG SET failed (possibly related to argument '{name}') - {refusal}");
    assert_eq!(set(&mut config, name, value), Err(text), "{name} {value}");
    assert_eq!(get(&config, name), before);
}

#[test]
fn values_out_of_kind_are_refused_in_rediss_words() {
    check_refused("appendonly", "maybe", "argument must be 'yes' or 'no'");
    check_refused("maxclients", "0", "argument must be between 1 and 4294967295 inclusive");
    check_refused("maxclients", "x", "argument couldn't be parsed into an integer");
    check_refused("timeout", "", "argument couldn't be parsed into an integer");
    check_refused("repl-backlog-size", "5x", "argument must be a memory value");
    check_refused("repl-backlog-size", "-5", "argument must be a memory value");
    check_refused("repl-backlog-size", "99999999999999999gb", "argument must be a memory value");
    check_refused("maxmemory", "5x", "argument must be a memory or percent value");
    let bounds = "argument must be between 1048576 and 9223372036854775807 inclusive";
    check_refused("proto-max-bulk-len", "5", bounds);
    let percent = "argument must be a memory or percent value";
    check_refused("maxmemory-clients", "-5", percent);
    check_refused("maxmemory-clients", "010%", percent);
    let percent = "percentage argument must be less or equal to 100";
    check_refused("maxmemory-clients", "101%", percent);
    let words = "argument(s) must be one of the following: everysec, always, no";
    check_refused("appendfsync", "no no", words);
}

#[test]
fn structured_values_are_refused_in_rediss_words() {
    check_refused("save", "3600", "Invalid save parameters");
    check_refused("save", "0 1", "Invalid save parameters");
    check_refused("save", "1 1  2 2", "Invalid save parameters");
    check_refused(
        "bind",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
        "Too many bind addresses specified.",
    );
    let events = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    check_refused("notify-keyspace-events", "KZ", events);
    let limits = "client-output-buffer-limit";
    check_refused(limits, "foo", "Wrong number of arguments in buffer limit configuration.");
    let class = "Invalid client class specified in buffer limit configuration.";
    check_refused(limits, "master 1mb 2 3", class);
    let limit = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    check_refused(limits, "slave 1mb -2 3", limit);
    check_refused("oom-score-adj-values", "1 2", "wrong number of arguments");
    let scores = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
    check_refused("oom-score-adj-values", "1 2 30000", scores);
    let percentiles = "Invalid latency-tracking-info-percentiles parameters";
    check_refused("latency-tracking-info-percentiles", "x", percentiles);
    let bounds = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
    check_refused("latency-tracking-info-percentiles", "50 101", bounds);
    let both = "shutdown options SAVE and NOSAVE can't be used simultaneously";
    check_refused("shutdown-on-sigint", "save nosave", both);
    let host = "Hostnames may only contain alphanumeric characters, hyphens or dots";
    check_refused("cluster-announce-hostname", "a b", host);
    let template = "template format is invalid or contains unknown variables";
    check_refused("proc-title-template", "{foo}", template);
    check_refused("proc-title-template", "{title", template);
    check_refused("proc-title-template", "", template);
}

#[test]
fn immutable_and_protected_options_are_refused() {
    check_refused("daemonize", "yes", "can't set immutable config");
    check_refused("dir", "/tmp", "can't set protected config");
    for id in options::all().filter(|id| id.opt().change == Change::AtStart) {
        check_refused(id.opt().name, "1", "can't set immutable config");
    }
}

#[test]
fn protected_options_follow_enable_protected_configs() {
    let mut config = config();
    let pairs: &[(&[u8], &[u8])] = &[(b"dbfilename", b"x.rdb")];
    let local = SetBy { is_local: true, ..SetBy::default() };
    assert!(config.plan_set(pairs, local).is_err());
    config.record(id::ENABLE_PROTECTED_CONFIGS, &[b"local"]).expect("a known word");
    assert!(config.plan_set(pairs, local).is_ok());
    assert!(config.plan_set(pairs, SetBy::default()).is_err());
    config.record(id::ENABLE_PROTECTED_CONFIGS, &[b"yes"]).expect("a known word");
    assert!(config.plan_set(pairs, SetBy::default()).is_ok());
    let path = "CONFIG SET failed (possibly related to argument 'dbfilename') - dbfilename can't be \
                a path, just a filename";
    assert_eq!(set(&mut config, "dbfilename", "a/b"), Err(path.to_owned()));
}

#[test]
fn the_first_wrong_name_decides() {
    let unknown = "Unknown option or number of arguments for CONFIG SET - 'nosuch'";
    let mut config = config();
    let refused = set_all(&mut config, &[("port", "x"), ("nosuch", "1")]);
    assert_eq!(refused, Err(unknown.to_owned()));
    let twice =
        "CONFIG SET failed (possibly related to argument 'maxmemory') - duplicate parameter";
    let refused = set_all(&mut config, &[("MAXMEMORY", "1"), ("maxmemory", "2")]);
    assert_eq!(refused, Err(twice.to_owned()));
}

#[test]
fn an_alias_is_named_in_the_error_as_it_was_used() {
    check_refused("slave-priority", "x", "argument couldn't be parsed into an integer");
}

#[test]
fn one_wrong_value_keeps_all_options_as_they_were() {
    let mut config = config();
    assert!(set_all(&mut config, &[("hz", "50"), ("timeout", "x")]).is_err());
    assert_eq!(get(&config, "hz"), "10");
    assert_eq!(set_all(&mut config, &[("hz", "50"), ("timeout", "3")]), Ok(()));
    assert_eq!((config.int(id::HZ), config.int(id::TIMEOUT)), (50, 3));
}

#[test]
fn a_commit_tells_what_changed_and_can_be_undone() {
    let mut config = config();
    let pairs: &[(&[u8], &[u8])] = &[(b"hz", b"10"), (b"port", b"1"), (b"tls-cert-file", b"")];
    let plan = config.plan_set(pairs, SetBy::default()).expect("all three are right");
    let changed = config.commit(plan);
    // hz had that value; a certificate may have changed behind its name.
    assert_eq!(changed.ids().collect::<Vec<_>>(), [id::PORT, id::TLS_CERT_FILE]);
    assert!(changed.contains(id::PORT));
    config.rollback(changed);
    assert_eq!(config.int(id::PORT), 6379);
    let text = SetError::failed(id::PORT, "Unable to listen on this port. Check server logs.");
    let expected = "CONFIG SET failed (possibly related to argument 'port') - Unable to listen on \
                    this port. Check server logs.";
    assert_eq!(text.to_string(), expected);
}

#[test]
fn some_options_wait_until_a_data_set_is_loaded() {
    let by = SetBy { is_loading: true, ..SetBy::default() };
    let plan = config().plan_set(&[(b"repl-diskless-load", b"swapdb")], by);
    assert_eq!(plan.err(), Some(SetError::Loading));
}

#[test]
fn values_read_back_as_redis_prints_them() {
    let mut config = config();
    for (name, value, printed) in [
        ("notify-keyspace-events", "KEA", "AKE"),
        ("notify-keyspace-events", "EKlg", "glKE"),
        ("notify-keyspace-events", "AKEmn", "AnKEm"),
        ("latency-tracking-info-percentiles", "1 0.5 99.99990", "1 0.5 99.9999"),
        ("latency-tracking-info-percentiles", "1e1 0x10 0.00000001", "10 16 0"),
        ("latency-tracking-info-percentiles", "", ""),
        ("save", "", ""),
        ("save", "3600 1 60 0", "3600 1 60 0"),
        ("bind", "", ""),
        ("bind", "127.0.0.1 -::1", "127.0.0.1 -::1"),
        ("shutdown-on-sigterm", "nosave now FORCE", "nosave now force"),
        ("shutdown-on-sigterm", "default", "default"),
        ("oom-score-adj", "yes", "yes"),
        ("maxmemory-clients", "10%", "10%"),
        ("maxmemory", "1g", "1000000000"),
        ("maxmemory", "1GB", "1073741824"),
        ("maxmemory", "", "0"),
        ("hz", "1000", "500"),
        ("hz", "0", "1"),
        ("appendfsync", "ALWAYS", "always"),
        (
            "client-output-buffer-limit",
            "replica 1mb 2 3",
            "normal 0 0 0 slave 1048576 2 3 pubsub 33554432 8388608 60",
        ),
    ] {
        assert_eq!(set(&mut config, name, value), Ok(()), "{name} {value}");
        assert_eq!(get(&config, name), printed, "{name} {value}");
    }
}

/// Bytes from clients may be anything.
#[test]
fn no_value_of_any_option_panics() {
    let values = ["", " ", "-", "%", "\u{0}", "1 2 3 4 5 6 7 8", "{", "{{", "}{", "0x", "\\", "é"];
    let mut config = config();
    for id in options::all() {
        for value in values {
            let _ = set(&mut config, id.opt().name, value);
            let _ = config.record(id, &[value.as_bytes(), b"\xff", &[0; 300]]);
            let _ = config.record(id, &[]);
        }
        config.printed(id);
    }
}
