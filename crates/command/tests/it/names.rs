//! Lookup by name, and `rename-command`.

use command::CommandTable;
use command::table::RenameError;

use crate::declarations::table;

fn name_of(table: &CommandTable<()>, name: &str) -> Option<&'static str> {
    table.lookup(name.as_bytes()).map(|id| table.get(id).decl.name)
}

#[test]
fn names_are_found_in_any_case() {
    let table = table();
    for name in ["get", "GET", "gEt"] {
        assert_eq!(name_of(&table, name), Some("GET"));
    }
    assert_eq!(name_of(&table, "zunionstore"), Some("ZUNIONSTORE"));
    assert_eq!(name_of(&table, "encoding"), None, "a subcommand is no command");
    assert_eq!(name_of(&table, ""), None);
}

#[test]
fn subcommands_are_found_under_their_container_only() {
    let table = table();
    let object = table.lookup(b"object").expect("declared");
    let encoding = table.lookup_sub(object, b"encoding").expect("declared");
    assert_eq!(&*table.get(encoding).full_name, "object|encoding");
    assert_eq!(table.get(encoding).parent, Some(object));
    assert_eq!(table.lookup_full(b"OBJECT|Encoding"), Some(encoding));
    assert_eq!(table.lookup_sub(encoding, b"encoding"), None);
}

#[test]
fn a_renamed_command_answers_to_its_new_name_and_to_its_original_one_for_replicas() {
    let mut table = table();
    table.rename(b"get", b"b840fc02d524045429941cc15f59e41cb7be6c52").expect("free name");
    assert_eq!(name_of(&table, "GET"), None);
    assert_eq!(name_of(&table, "B840fc02d524045429941cc15f59e41cb7be6c52"), Some("GET"));
    assert!(table.lookup_original(b"GET").is_some());
    assert_eq!(table.rename(b"set", b"mset"), Err(RenameError::TargetExists));
    assert_eq!(name_of(&table, "set"), Some("SET"), "a failed renaming changes nothing");
    assert_eq!(table.rename(b"get", b"x"), Err(RenameError::NoSuchCommand));
    assert_eq!(table.rename(b"nope", b"x"), Err(RenameError::NoSuchCommand));
    assert_eq!(table.rename(b"REPLICAOF", b""), Ok(()), "other servers have it");
    assert_eq!(name_of(&table, "set"), Some("SET"));
}

#[test]
fn renaming_to_nothing_takes_a_command_away() {
    let mut table = table();
    let before = table.commands().count();
    table.rename(b"SORT", b"").expect("exists");
    assert_eq!(name_of(&table, "sort"), None);
    assert_eq!(table.commands().count(), before - 1);
}
