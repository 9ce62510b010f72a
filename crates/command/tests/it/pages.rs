//! Synopsis, HELP and pages.

use command::help::{help_lines, syntax};
use command::markdown::docs_markdown;

use crate::declarations::{entry, id, table};

#[test]
fn a_synopsis_is_redis_cli_s() {
    let table = table();
    let check = |name: &str, expected: &str| {
        let entry = entry(&table, name);
        let parent = entry.parent.map(|id| table.get(id).decl.name);
        assert_eq!(syntax(entry.decl, parent), expected);
    };
    check("mset", "MSET key value [key value ...]");
    check(
        "sort",
        "SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC|DESC] \
         [ALPHA] [STORE destination]",
    );
    check("eval", "EVAL script numkeys [key [key ...]] [arg [arg ...]]");
    check("xread", "XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]");
    check("object|encoding", "OBJECT ENCODING key");
    check(
        "migrate",
        "MIGRATE host port key|\"\" destination-db timeout [COPY] [AUTH password] \
         [KEYS key [key ...]]",
    );
    check(
        "zunionstore",
        "ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] \
         [AGGREGATE SUM|MIN|MAX]",
    );
}

#[test]
fn help_lists_subcommands_and_ends_with_itself() {
    let lines = help_lines(entry(&table(), "object").decl);
    assert_eq!(
        lines,
        [
            "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "ENCODING <key>",
            "    Returns how a value is stored.",
            "HELP",
            "    Print this help.",
        ]
    );
}

#[test]
fn a_page_says_everything_and_shows_the_subcommands() {
    let table = table();
    let page = docs_markdown(&table, id(&table, "get"));
    assert!(page.starts_with("# GET\n\nReturns the string value of a key.\n\n```\nGET key\n```\n"));
    for part in ["| Since | 1.0.0 |", "| Flags | readonly, fast |", "- *key*: key\n", "> GET k\n"] {
        assert!(page.contains(part), "{part:?} in:\n{page}");
    }
    let page = docs_markdown(&table, id(&table, "object"));
    assert!(page.contains("\n## OBJECT ENCODING\n"), "{page}");
    assert!(page.contains("| ACL categories | @keyspace, @read, @slow |"), "{page}");
}
