//! The table is sound.

use std::collections::HashSet;

use config::{Effect, Kind, OPTIONS, id, lookup, options};

use crate::{config, get, host, set};

#[test]
fn every_name_and_alias_is_unique_and_lower_case() {
    let mut seen = HashSet::new();
    for name in OPTIONS.iter().flat_map(|opt| opt.names()) {
        assert!(seen.insert(name), "{name} is in the table twice");
        assert_eq!(name, name.to_ascii_lowercase());
    }
    for directive in config::DIRECTIVES {
        assert!(seen.insert(directive.name), "{} is an option and a directive", directive.name);
    }
}

#[test]
fn every_default_is_of_its_kind_and_passes_its_check() {
    let mut config = config();
    for id in options::all() {
        let text = config.printed(id);
        let args: Vec<&[u8]> = match id.opt().kind {
            Kind::HostPort => vec![b"no", b"one"],
            _ if id.opt().kind.is_multi() => text.split(|c| *c == b' ').collect(),
            _ => vec![&text],
        };
        config.record(id, &args).unwrap_or_else(|e| panic!("{}: {e}", id.opt().name));
    }
}

#[test]
fn what_get_prints_can_be_set_and_changes_nothing() {
    let mut changed = config();
    let before: Vec<_> = options::all().map(|id| changed.printed(id)).collect();
    for id in options::all().filter(|id| id.opt().change == config::Change::Anytime) {
        let text = String::from_utf8(changed.printed(id)).expect("defaults are text");
        set(&mut changed, id.opt().name, &text).unwrap_or_else(|e| panic!("{e}"));
    }
    let after: Vec<_> = options::all().map(|id| changed.printed(id)).collect();
    assert_eq!(before, after);
}

#[test]
fn every_option_has_a_doc_that_is_a_sentence() {
    for opt in OPTIONS {
        assert!(opt.doc.ends_with(['.', '…', '?', '\'']), "{}: {}", opt.name, opt.doc);
        assert!(!opt.doc.contains("  "), "{}", opt.name);
        if let Effect::Later(missing) | Effect::Never(missing) = opt.effect {
            assert!(!missing.is_empty() && !missing.ends_with('.'), "{}", opt.name);
        }
    }
}

/// Names of reference/configs.tsv, Sentinel's lines and placeholders left out.
#[test]
fn every_option_of_redis_and_valkey_is_known() {
    for line in include_str!("../../testdata/names.txt").lines() {
        assert!(lookup(line.as_bytes()).is_some(), "{line}");
    }
}

#[test]
fn aliases_lead_to_the_same_value() {
    let mut config = config();
    set(&mut config, "slave-priority", "7").expect("an alias can be set");
    assert_eq!(get(&config, "replica-priority"), "7");
    assert_eq!(config.int(id::REPLICA_PRIORITY), 7);
}

#[test]
fn the_host_decides_the_number_of_workers_and_the_directory() {
    let mut host = host();
    host.cores = 12;
    let config = config::Config::new(&host);
    assert_eq!(config.int(id::IO_THREADS), 12);
    assert_eq!(config.text(id::DIR), "/srv");
}

#[test]
fn getters_are_typed() {
    let mut config = config();
    assert_eq!(config.int(id::MAXCLIENTS), 10000);
    assert_eq!(config.size(id::PROTO_MAX_BULK_LEN), 512 << 20);
    assert!(!config.flag(id::APPENDONLY));
    assert_eq!(config.choice(id::APPENDFSYNC), "everysec");
    assert_eq!(config.bytes(id::DBFILENAME), b"dump.rdb");
    assert_eq!(config.words(id::BIND).len(), 2);
    assert_eq!(config.host_port(id::REPLICAOF), None);
    assert_eq!(config.save_points()[1], config::SavePoint { seconds: 300, changes: 100 });
    assert_eq!(config.oom_scores(), [0, 200, 800]);
    assert_eq!(config.percentiles(), [50.0, 99.0, 99.9]);
    let limit = config.output_buffer_limit(config::ClientClass::Pubsub);
    assert_eq!((limit.hard_bytes, limit.soft_seconds), (32 << 20, 60));
    set(&mut config, "shutdown-on-sigterm", "nosave force").expect("two words");
    assert!(config.has_word(id::SHUTDOWN_ON_SIGTERM, "nosave"));
    assert!(!config.has_word(id::SHUTDOWN_ON_SIGTERM, "now"));
}
