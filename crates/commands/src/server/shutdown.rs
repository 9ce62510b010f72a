//! SHUTDOWN: the server ends. Who asked gets no reply, only the end of the connection.

use command::declare::{Flag::*, Group, block, flag, one_of, opt};
use engine::client::Closing;
use engine::engine::Shutdown;
use engine::{CmdError, CmdResult, Command, Cx};

pub(super) const SHUTDOWN: Command = Command {
    name: "SHUTDOWN",
    group: Group::Server,
    since: "1.0.0",
    summary: "Saves the data set, if there are save points, and ends the server.",
    complexity: "O(N) when saving, N being the number of keys in all databases; else O(1)",
    flags: &[Admin, NoScript, Loading, Stale, NoMulti, AllowBusy],
    args: &[opt(one_of(
        "abort-selector",
        &[
            block(
                "save-selector-block",
                &[
                    opt(one_of("save-selector", &[flag("NOSAVE"), flag("SAVE")])),
                    opt(flag("NOW")).since("7.0.0"),
                    opt(flag("FORCE")).since("7.0.0"),
                    opt(flag("SAFE")).since("valkey 9.0.0"),
                    opt(flag("FAILOVER")).since("valkey 9.0.0"),
                ],
            ),
            flag("ABORT").since("7.0.0"),
        ],
    ))],
    arity: Some(-1),
    history: &[
        ("7.0.0", "Takes `NOW`, `FORCE` and `ABORT`."),
        ("valkey 9.0.0", "Takes `SAFE` and `FAILOVER`."),
    ],
    examples: &[
        ("SHUTDOWN ABORT", "(error) ERR No shutdown in progress."),
        ("SHUTDOWN SAVE NOSAVE", "(error) ERR syntax error"),
        ("SHUTDOWN ABORT NOW", "(error) ERR syntax error"),
    ],
    ..Command::base(shutdown)
};

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Abort,
    End(Shutdown),
}

fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<Asked, CmdError> {
    let (mut how, mut abort, mut count) = (Shutdown::default(), false, 0);
    for word in words {
        count += 1;
        match word.to_ascii_uppercase().as_slice() {
            b"SAVE" if how.save.is_none() => how.save = Some(true),
            b"NOSAVE" if how.save.is_none() => how.save = Some(false),
            b"NOW" => how.now = true,
            b"FORCE" => how.force = true,
            b"ABORT" => abort = true,
            // Both look at a cluster's slots and replicas; who serves none has nothing to lose.
            b"SAFE" | b"FAILOVER" => {}
            _ => return Err(CmdError::SYNTAX),
        }
    }
    match abort {
        true if count > 1 => Err(CmdError::SYNTAX),
        true => Ok(Asked::Abort),
        false => Ok(Asked::End(how)),
    }
}

fn shutdown(cx: &mut Cx<'_>) -> CmdResult {
    match parse(cx.args.iter().skip(1))? {
        Asked::Abort => {
            if !cx.engine.host.abort_shutdown() {
                return Err(CmdError::NO_SHUTDOWN);
            }
            cx.engine.host.log('*', "Shutdown manually aborted.");
            cx.reply.ok();
            Ok(())
        }
        Asked::End(how) => {
            if how.save != Some(false)
                && let Some(busy) = cx.engine.late.error()
            {
                return Err(busy);
            }
            cx.engine.host.log('*', "User requested shutdown...");
            if !cx.save_finally(how) {
                cx.engine.log_failed_shutdown();
                return Err(CmdError::SHUTDOWN_FAILED);
            }
            // What this client sent behind it shall not run.
            cx.client.closing = Closing::Now;
            cx.engine.host.shut_down(how);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::TestServer;

    use super::*;

    #[test]
    fn save_and_nosave_exclude_each_other_and_abort_stands_alone() {
        let parsed = |line: &str| parse(line.split(' ').map(str::as_bytes));
        assert_eq!(parsed("SAVE NOSAVE"), Err(CmdError::SYNTAX));
        assert_eq!(parsed("now abort"), Err(CmdError::SYNTAX));
        assert_eq!(parsed("abort"), Ok(Asked::Abort));
        let how = Shutdown { save: Some(false), now: true, force: true };
        assert_eq!(parsed("nosave safe NOW force"), Ok(Asked::End(how)));
    }

    #[test]
    fn the_host_is_told_and_what_follows_does_not_run() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        let out = server.feed(&mut ann, b"SHUTDOWN NOSAVE\r\nDBSIZE\r\n");
        assert!(out.is_empty(), "{}", out.escape_ascii());
        let how = *server.host.shutdown.lock().expect("the test's own host");
        assert_eq!(how, Some(Shutdown { save: Some(false), ..Shutdown::default() }));
    }
}
