//! ACL LOAD and SAVE: users from and to the file of the option `aclfile`.

use command::declare::{Group, Lock};
use config::id;
use engine::{CmdError, CmdResult, Command, Cx};

use super::FLAGS;

pub(super) const LOAD: Command = Command {
    name: "LOAD",
    group: Group::Server,
    since: "6.0.0",
    summary: "Replaces all users by those of the ACL file, or none if anything in it is wrong.",
    complexity: "O(N+M): N users, M clients that are connected",
    flags: FLAGS,
    examples: &[
        ("ACL LOAD", "(error) ERR This Redis instance is not configured to use an ACL *"),
        ("ACL LOAD x", "(error) ERR wrong number of arguments for 'acl|load' command"),
    ],
    ..Command::base(load)
};

fn load(cx: &mut Cx<'_>) -> CmdResult {
    has_file(cx)?;
    let refused = |why: String| CmdError::text(format!("ERR {why}"));
    let new = cx.engine.read_acl_file().map_err(refused)?;
    let replace = |users: &mut acl::Users| {
        *users = new;
        Ok(())
    };
    let world = cx.world.as_mut().expect("its lock class is the world");
    cx.engine.change_users(world, cx.client, replace).expect("replacing cannot fail");
    cx.reply.ok();
    Ok(())
}

pub(super) const SAVE: Command = Command {
    name: "SAVE",
    group: Group::Server,
    since: "6.0.0",
    summary: "Writes all users to the ACL file.",
    complexity: "O(N) with N users",
    flags: FLAGS,
    // Nobody else waits for the disk.
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("ACL SAVE", "(error) ERR This Redis instance is not configured to use an ACL *"),
        ("ACL SAVE x", "(error) ERR wrong number of arguments for 'acl|save' command"),
    ],
    ..Command::base(save)
};

fn save(cx: &mut Cx<'_>) -> CmdResult {
    let path = has_file(cx)?;
    let mut text = Vec::new();
    for line in cx.engine.acl.users().lines() {
        text.extend(line);
        text.push(b'\n');
    }
    cx.engine.host.replace_file(&path, &text).map_err(|why| {
        cx.engine.host.log('#', &format!("Writing ACL file for ACL SAVE: {why}"));
        CmdError::ACL_NOT_SAVED
    })?;
    cx.reply.ok();
    Ok(())
}

/// The file's name.
fn has_file(cx: &Cx<'_>) -> Result<String, CmdError> {
    let path = cx.engine.config().text(id::ACLFILE).into_owned();
    if path.is_empty() { Err(CmdError::NO_ACL_FILE) } else { Ok(path) }
}
