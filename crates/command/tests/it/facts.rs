//! COMMAND INFO, COMMAND DOCS and ACL categories against Redis 8.0.6.

use command::declare::{Category, Command, Flag, Group, Lock};
use command::docs::{Doc, docs, info};
use command::{CommandTable, categories};

use crate::declarations::{entry, id, table};

/// One line for a tree: `{set}`, `[list]`, `(field=value)`.
fn line(doc: &Doc) -> String {
    let all = |docs: &[Doc]| docs.iter().map(line).collect::<Vec<_>>().join(" ");
    match doc {
        Doc::Null => "nil".to_owned(),
        Doc::Int(n) => n.to_string(),
        Doc::Text(text) => text.to_string(),
        Doc::Status(text) => text.to_string(),
        Doc::List(docs) => format!("[{}]", all(docs)),
        Doc::Set(docs) => format!("{{{}}}", all(docs)),
        Doc::Map(fields) => {
            let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}={}", line(v))).collect();
            format!("({})", fields.join(" "))
        }
    }
}

fn field(doc: Doc, name: &str) -> Option<Doc> {
    let Doc::Map(fields) = doc else { panic!("a map") };
    fields.into_iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

#[test]
fn command_info_is_redis_s() {
    let table = table();
    for expected in include_str!("../../testdata/redis-8.0.6-info.txt").lines() {
        let name = expected[1..].split(' ').next().expect("a name");
        let Doc::List(mut fields) = info(&table, id(&table, name)) else { panic!("a list") };
        assert_eq!(fields.len(), 10, "{name}");
        fields.pop();
        assert_eq!(line(&Doc::List(fields)), expected);
    }
}

#[test]
fn documented_arguments_are_redis_s() {
    let table = table();
    for expected in include_str!("../../testdata/redis-8.0.6-arguments.txt").lines() {
        let (name, expected) = expected.split_once(' ').expect("a name and its arguments");
        let arguments = field(docs(&table, id(&table, name)), "arguments").expect("arguments");
        assert_eq!(line(&arguments), expected, "{name}");
    }
}

#[test]
fn docs_say_only_what_there_is_to_say_in_redis_s_order() {
    let table = table();
    assert_eq!(
        line(&docs(&table, id(&table, "object|encoding"))),
        "(summary=Returns how a value is stored. since=2.2.3 group=generic \
         arguments=[(name=key type=key display_text=key key_spec_index=0)])"
    );
    assert_eq!(
        line(&docs(&table, id(&table, "ping"))),
        "(group=connection doc_flags={deprecated} deprecated_since=99.0.0 replaced_by=nothing \
         arguments=[(name=message type=string display_text=message flags={optional})])"
    );
    let subcommands = field(docs(&table, id(&table, "object")), "subcommands").expect("two");
    assert!(line(&subcommands).starts_with("(object|encoding=(summary="));
}

#[test]
fn msetex_counts_pairs() {
    let table = table();
    let line = line(&info(&table, id(&table, "msetex")));
    assert!(line.starts_with("[msetex -4 {write denyoom movablekeys} 0 0 0 "), "{line}");
    assert!(line.contains("spec=(keynumidx=0 firstkey=1 keystep=2)"), "{line}");
}

#[test]
fn lock_classes_follow_from_keys_and_yield_to_a_word() {
    let table = table();
    let class = |name| entry(&table, name).lock;
    for name in ["get", "mset", "msetex", "bitop", "xread", "zunionstore", "object|encoding"] {
        assert_eq!(class(name), Lock::Keys, "{name}");
    }
    for name in ["sort", "migrate", "eval", "ssubscribe", "object"] {
        assert_eq!(class(name), Lock::World, "{name}");
    }
    assert_eq!(class("ping"), Lock::Local);
}

#[test]
fn acl_categories_of_every_command_are_redis_s() {
    let leak = |list: Vec<_>| -> &'static [_] { Box::leak(list.into_boxed_slice()) };
    let subcommands: &'static [Command<()>] =
        Box::leak(Box::new([Command { name: "SUB", ..Command::base(()) }]));
    let mut count = 0;
    for row in include_str!("../../testdata/redis-8.0.6-categories.tsv").lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, group, container, flags, declared, expected] = columns[..] else {
            panic!("six columns: {row:?}")
        };
        let flag = |word| Flag::ALL.into_iter().find(|f| f.word() == Some(word)).expect(word);
        let category = |word| Category::ALL.into_iter().find(|c| c.at_word() == word).expect(word);
        let words = |cell: &'static str| cell.split(' ').filter(|word| !word.is_empty());
        let command = Command {
            name: "X",
            group: GROUPS.into_iter().find(|g| g.word() == group).expect(group),
            flags: Box::leak(words(flags).map(flag).collect::<Vec<_>>().into_boxed_slice()),
            categories: leak(words(declared).map(category).collect()),
            subcommands: if container.is_empty() { &[] } else { subcommands },
            ..Command::base(())
        };
        let bits = categories::categories(&command);
        let got: Vec<_> = Category::ALL.into_iter().filter(|c| bits & c.bit() != 0).collect();
        let got: Vec<_> = got.iter().map(|category| category.at_word()).collect();
        assert_eq!(got.join(" "), expected, "{name}");
        count += 1;
    }
    assert_eq!(count, 382);
}

const GROUPS: [Group; 16] = [
    Group::Generic,
    Group::String,
    Group::Bitmap,
    Group::List,
    Group::Set,
    Group::SortedSet,
    Group::Hash,
    Group::Stream,
    Group::Geo,
    Group::HyperLogLog,
    Group::PubSub,
    Group::Transactions,
    Group::Scripting,
    Group::Connection,
    Group::Server,
    Group::Cluster,
];

#[test]
#[should_panic(expected = "GET is declared twice")]
fn a_table_refuses_two_commands_of_one_name() {
    const TWICE: &[Command<()>] = &[
        Command { name: "GET", ..Command::base(()) },
        Command { name: "GET", ..Command::base(()) },
    ];
    CommandTable::build(&[TWICE]);
}
