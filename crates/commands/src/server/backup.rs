//! BACKUP: the data set and its changes as files of a directory, while the server serves on.

use command::declare::{Flag::*, Group, Lock};
use engine::{CmdResult, Command, Cx};

use crate::container::{container, help};

pub(super) const BACKUP: Command = Command {
    name: "BACKUP",
    group: Group::Server,
    since: "8.10.0",
    summary: "Copies the data set to a directory while it is served.",
    complexity: "Depends on the subcommand.",
    subcommands: &[ABORT, CLEANUP, HELP, LIST, SEAL, START, STATUS],
    examples: &[
        ("BACKUP NOPE", "(error) ERR unknown subcommand 'NOPE'. Try BACKUP HELP."),
        ("BACKUP", "(error) ERR wrong number of arguments for 'backup' command"),
    ],
    ..Command::base(container)
};

const ABORT: Command = Command {
    name: "ABORT",
    group: Group::Server,
    since: "8.10.0",
    summary: "Gives up a backup that is not sealed yet, and removes its files.",
    complexity: "O(1)",
    flags: &[Admin, NoScript],
    lock: Some(Lock::Local),
    examples: &[
        ("BACKUP ABORT", "(error) ERR No backup is open: its state is idle"),
        ("BACKUP ABORT x", "(error) ERR wrong number of arguments for 'backup|abort' command"),
    ],
    ..Command::base(abort)
};

fn abort(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.abort_backup()?;
    cx.reply.ok();
    Ok(())
}

const CLEANUP: Command = Command {
    name: "CLEANUP",
    group: Group::Server,
    since: "8.10.0",
    summary: "Removes the files of a backup that is sealed, or failed.",
    complexity: "O(1)",
    flags: &[Admin, NoScript],
    lock: Some(Lock::Local),
    examples: &[
        ("BACKUP CLEANUP", "(error) ERR No backup is sealed: its state is idle"),
        ("BACKUP CLEANUP x", "(error) ERR wrong number of arguments for 'backup|cleanup' command"),
    ],
    ..Command::base(clean_up)
};

fn clean_up(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.clean_up_backup()?;
    cx.reply.ok();
    Ok(())
}

const HELP: Command = Command {
    name: "HELP",
    group: Group::Server,
    since: "8.10.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "BACKUP HELP x",
        "(error) ERR wrong number of arguments for 'backup|help' command",
    )],
    ..Command::base(help)
};

const LIST: Command = Command {
    name: "LIST",
    group: Group::Server,
    since: "8.10.0",
    summary: "Returns the paths of the backup's files that do not change any more.",
    complexity: "O(1)",
    flags: &[Admin, Stale],
    lock: Some(Lock::Local),
    examples: &[
        ("BACKUP LIST", "(empty array)"),
        ("BACKUP LIST x", "(error) ERR wrong number of arguments for 'backup|list' command"),
    ],
    ..Command::base(list)
};

fn list(cx: &mut Cx<'_>) -> CmdResult {
    use std::os::unix::ffi::OsStrExt;
    let paths = cx.engine.backup_list();
    cx.reply.array(paths.len());
    for path in paths {
        cx.reply.bulk(path.as_os_str().as_bytes());
    }
    Ok(())
}

const SEAL: Command = Command {
    name: "SEAL",
    group: Group::Server,
    since: "8.10.0",
    summary: "Ends the backup: its files hold all that was acknowledged, and change no more.",
    complexity: "O(1)",
    flags: &[Admin, NoScript],
    lock: Some(Lock::Local),
    examples: &[
        ("BACKUP SEAL", "(error) ERR No backup is open: its state is idle"),
        ("BACKUP SEAL x", "(error) ERR wrong number of arguments for 'backup|seal' command"),
    ],
    ..Command::base(seal)
};

fn seal(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.seal_backup()?;
    cx.reply.ok();
    Ok(())
}

const START: Command = Command {
    name: "START",
    group: Group::Server,
    since: "8.10.0",
    summary: "Begins a backup: the data set as it is now, and then every change.",
    complexity: "O(1); the snapshot is O(N) with N keys, in small parts",
    flags: &[Admin, NoScript],
    examples: &[
        ("BACKUP START", "OK"),
        ("BACKUP START now", "(error) ERR wrong number of arguments for 'backup|start' command"),
    ],
    ..Command::base(start)
};

fn start(cx: &mut Cx<'_>) -> CmdResult {
    cx.begin_backup()?;
    cx.reply.ok();
    Ok(())
}

const STATUS: Command = Command {
    name: "STATUS",
    group: Group::Server,
    since: "8.10.0",
    summary: "Tells how far the backup is.",
    complexity: "O(1)",
    flags: &[Admin, Stale],
    lock: Some(Lock::Local),
    examples: &[
        (
            "BACKUP STATUS",
            "1) \"state\"\n2) \"idle\"\n3) \"error\"\n4) \"\"\n5) \"start_time\"\n6) \"0\"\n\
             7) \"end_time\"\n8) \"0\"",
        ),
        ("BACKUP STATUS x", "(error) ERR wrong number of arguments for 'backup|status' command"),
    ],
    ..Command::base(status)
};

fn status(cx: &mut Cx<'_>) -> CmdResult {
    let seen = cx.engine.backup_seen();
    cx.reply.map(4);
    cx.reply.bulk(b"state");
    cx.reply.bulk(seen.stage.name().as_bytes());
    cx.reply.bulk(b"error");
    cx.reply.bulk(seen.error.as_bytes());
    cx.reply.bulk(b"start_time");
    cx.reply.bulk_integer(seen.started_s);
    cx.reply.bulk(b"end_time");
    cx.reply.bulk_integer(seen.ended_s);
    Ok(())
}
