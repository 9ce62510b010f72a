//! DEBUG: for tests of the server and of clients. Nothing here is for production, and by default
//! nothing here is allowed (`enable-debug-command`).
//!
//! To COMMAND it is one command without arguments, as in Redis; its subcommands are the table
//! below, which HELP prints:
//!
//! ```text
//!   values      OBJECT SDSLEN LISTPACK QUICKLIST HTSTATS HTSTATS-KEY
//!   digest      DIGEST DIGEST-VALUE                what two servers must agree on
//!   replies     PROTOCOL ERROR
//!   switches    SET-ACTIVE-EXPIRE PAUSE-CRON …     some only accepted: they tune what is not here
//!   process     SLEEP LOG POPULATE SEGFAULT RESTART MALLCTL RELOAD …
//! ```
//!
//! It owns the world, so SLEEP stops everybody, as it does in a server of one thread.

mod digest;
mod process;
mod replies;
mod switches;
mod values;

use command::declare::{Flag::*, Group};
use config::id;
use engine::{CmdError, CmdResult, Command, Cx, Handler};

pub(super) const DEBUG: Command = Command {
    name: "DEBUG",
    group: Group::Server,
    since: "1.0.0",
    summary: "A container for what tests of the server need.",
    complexity: "Depends on the subcommand.",
    flags: &[Admin, NoScript, Loading, Stale, Protected],
    arity: Some(-2),
    examples: &[
        (
            "DEBUG SLEEP 0",
            "(error) ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        ),
        ("DEBUG", "(error) ERR wrong number of arguments for 'debug' command"),
    ],
    ..Command::base(debug)
};

/// A subcommand: how it is called, words of a call with both names, what it is for.
struct Sub {
    name: &'static str,
    usage: &'static str,
    argc_min: usize,
    argc_max: usize,
    doc: &'static str,
    run: Handler,
}

const fn sub(
    name: &'static str,
    usage: &'static str,
    (argc_min, argc_max): (usize, usize),
    doc: &'static str,
    run: Handler,
) -> Sub {
    Sub { name, usage, argc_min, argc_max, doc, run }
}

const ANY: usize = usize::MAX;

const SUBCOMMANDS: &[Sub] = &[
    sub(
        "AOF-FLUSH-SLEEP",
        "<microseconds>",
        (3, 3),
        "Has the append only file wait before each write.",
        process::aof_flush_sleep,
    ),
    sub("ASSERT", "", (2, ANY), "Ends the server by a broken assertion.", process::crash),
    sub("CHANGE-REPL-ID", "", (2, 2), "Begins a new history of changes.", switches::change_repl_id),
    sub("CLIENT-EVICTION", "", (2, 2), "Shows who would be evicted.", switches::client_eviction),
    sub(
        "CONFIG-REWRITE-FORCE-ALL",
        "",
        (2, 2),
        "Rewrites the configuration file with every option in it.",
        process::config_rewrite_force_all,
    ),
    sub(
        "CRASH-AND-RECOVER",
        "[<milliseconds>]",
        (2, ANY),
        "Ends the server as a crash would and starts it again.",
        process::restart,
    ),
    sub("DICT-RESIZING", "<0|1>", (3, 3), "Accepted: tables never resize.", switches::accept),
    sub("DIGEST", "", (2, 2), "A fingerprint of all databases.", digest::digest),
    sub(
        "DIGEST-VALUE",
        "<key> [<key> ...]",
        (2, ANY),
        "Fingerprints of the values of keys.",
        digest::digest_value,
    ),
    sub("ERROR", "<text>", (3, 3), "Answers this error.", replies::error),
    sub("HTSTATS", "<db> [full]", (3, ANY), "Figures of a database's index.", values::htstats),
    sub(
        "HTSTATS-KEY",
        "<key> [full]",
        (3, ANY),
        "Figures of a value's hash table.",
        values::htstats_key,
    ),
    sub("LEAK", "<text>", (3, 3), "Forgets a copy of this text.", process::leak),
    sub("LISTPACK", "<key>", (3, 3), "Shows a listpack.", values::listpack),
    sub("LOADAOF", "", (2, ANY), "Loads the append only file again.", process::load_aof),
    sub("LOG", "<text>", (3, 3), "Writes this to the log.", process::log),
    sub("MALLCTL", "<name> [<value>]", (3, 4), "A number of the allocator.", process::mallctl),
    sub(
        "MALLCTL-STR",
        "<name> [<value>]",
        (3, 4),
        "A text of the allocator.",
        process::mallctl_str,
    ),
    sub("OBJECT", "<key> [fast]", (3, 4), "How a value is held.", values::object),
    sub("OOM", "", (2, ANY), "Ends the server as if memory ran out.", process::crash),
    sub("PANIC", "", (2, ANY), "Ends the server by a panic.", process::crash),
    sub("PAUSE-CRON", "<0|1>", (3, 3), "Stops housekeeping.", switches::pause_cron),
    sub(
        "POPULATE",
        "<count> [<prefix>] [<bytes>]",
        (3, 5),
        "Creates strings key:0, key:1 and so on, here but not on replicas.",
        process::populate,
    ),
    sub(
        "PROTOCOL",
        "<type>",
        (3, 3),
        "Answers a value of a type: string, integer, double, bignum, null, array, set, map, \
         attrib, push, verbatim, true, false.",
        replies::protocol,
    ),
    sub("QUICKLIST", "<key> [<0|1>]", (3, 4), "Shows a quicklist.", values::quicklist),
    sub(
        "QUICKLIST-PACKED-THRESHOLD",
        "<bytes>",
        (3, 3),
        "Accepted: elements of any size are held alike.",
        switches::quicklist_packed_threshold,
    ),
    sub(
        "RELOAD",
        "[MERGE] [NOFLUSH] [NOSAVE]",
        (2, ANY),
        "Writes every value as a file would hold it and reads it again, in memory.",
        process::reload,
    ),
    sub(
        "REPLYBUFFER",
        "PEAK-RESET-TIME <never|reset|milliseconds> | RESIZING <0|1>",
        (4, 4),
        "Accepted: reply buffers have no housekeeping.",
        switches::replybuffer,
    ),
    sub(
        "RESTART",
        "[<milliseconds>]",
        (2, ANY),
        "Saves the configuration and starts the server again.",
        process::restart,
    ),
    sub("SDSLEN", "<key>", (3, 3), "Lengths of a key and its string.", values::sdslen),
    sub("SEGFAULT", "", (2, ANY), "Ends the server by a wrong access.", process::crash),
    sub(
        "SET-ACTIVE-EXPIRE",
        "<0|1>",
        (3, 3),
        "Whether keys expire although nobody asks for them.",
        switches::set_active_expire,
    ),
    sub(
        "SET-DISABLE-DENY-SCRIPTS",
        "<0|1>",
        (3, 3),
        "Whether scripts may call whatever command they like.",
        switches::set_scripts_call_all,
    ),
    sub(
        "SET-SKIP-CHECKSUM-VALIDATION",
        "<0|1>",
        (3, 3),
        "Whether payloads are taken whatever their checksum.",
        switches::set_skip_checksum_validation,
    ),
    sub("SLEEP", "<seconds>", (3, 3), "Stops everything for a while.", process::sleep),
    sub("STRINGMATCH-TEST", "", (2, 2), "Attacks the glob matcher.", process::stringmatch_test),
    sub("STRUCTSIZE", "", (2, 2), "Sizes of what is allocated most.", process::structsize),
];

fn debug(cx: &mut Cx<'_>) -> CmdResult {
    if !cx.engine.config().allows(id::ENABLE_DEBUG_COMMAND, cx.client.is_local()) {
        return Err(CmdError::DEBUG_NOT_ALLOWED);
    }
    if cx.is_word(1, "HELP") && cx.argc() == 2 {
        return help(cx);
    }
    let found = SUBCOMMANDS.iter().find(|sub| cx.is_word(1, sub.name));
    match found.filter(|sub| (sub.argc_min..=sub.argc_max).contains(&cx.argc())) {
        Some(sub) => (sub.run)(cx),
        None => Err(subcommand_syntax(cx)),
    }
}

fn subcommand_syntax(cx: &Cx<'_>) -> CmdError {
    CmdError::subcommand_syntax("debug", cx.arg(1))
}

fn help(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.array(3 + 2 * SUBCOMMANDS.len());
    cx.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for sub in SUBCOMMANDS {
        cx.reply.simple(format!("{} {}", sub.name, sub.usage).trim_end());
        cx.reply.simple(format!("    {}", sub.doc));
    }
    cx.reply.simple("HELP");
    cx.reply.simple("    Print this help.");
    Ok(())
}

/// The argument as Redis's switches read it: a number that is not zero.
fn is_on(cx: &Cx<'_>, index: usize) -> bool {
    cx.int(index).is_ok_and(|n| n != 0)
}

#[cfg(test)]
pub(super) mod tests {
    use config::Config;
    use resp::Value;
    use testkit::{Session, TestServer};

    use super::*;

    /// A server that allows DEBUG, and a client.
    pub(in crate::server) fn allowing() -> (TestServer, Session) {
        let mut config = Config::new(&config::Host { cores: 1, dir: "/".into() });
        config.record(id::ENABLE_DEBUG_COMMAND, &[b"local"]).expect("a choice of this option");
        let mut server = TestServer::with_config(2, config);
        let session = server.connect();
        (server, session)
    }

    #[test]
    fn local_allows_only_clients_of_this_machine() {
        let (mut server, mut ann) = allowing();
        assert_eq!(server.reply(&mut ann, "DEBUG SLEEP 0"), Value::Simple(b"OK".to_vec()));
        let far = "192.0.2.1:5000".parse().expect("an address");
        ann.client.address = engine::client::Address::Tcp(far);
        let reply = server.reply(&mut ann, "DEBUG HELP");
        assert!(matches!(&reply, Value::Error(e) if e.starts_with(b"ERR DEBUG command not")));
    }

    #[test]
    fn unknown_subcommands_and_wrong_counts_read_alike() {
        let (mut server, mut ann) = allowing();
        for line in ["DEBUG foo", "DEBUG sleep", "DEBUG sleep 1 2"] {
            let Value::Error(error) = server.reply(&mut ann, line) else { panic!("{line}") };
            let error = String::from_utf8(error).expect("errors are text");
            assert!(error.starts_with("ERR unknown subcommand or wrong number"), "{error}");
            assert!(error.ends_with("Try DEBUG HELP."), "{error}");
        }
    }

    #[test]
    fn subcommands_are_sorted_and_documented() {
        assert!(SUBCOMMANDS.is_sorted_by_key(|sub| sub.name));
        assert!(SUBCOMMANDS.iter().all(|sub| sub.doc.ends_with('.')));
    }
}
