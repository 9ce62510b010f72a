//! ACL SETUSER and DELUSER.
//!
//! Clients of a user that is deleted are closed, and those that listen to channels which their user
//! may no longer use; a caller that is among them gets its reply first.

use acl::users::DEFAULT_USER;
use command::declare::{Group, many, opt, text};
use engine::{CmdError, CmdResult, Command, Cx};

use super::FLAGS;

pub(super) const SETUSER: Command = Command {
    name: "SETUSER",
    group: Group::Server,
    since: "6.0.0",
    summary: "Creates a user or changes what it may do, by rules: all of them, or none if one is \
              wrong.",
    complexity: "O(N+M): N rules, M clients that are connected",
    flags: FLAGS,
    args: &[text("username"), opt(many(text("rule")))],
    history: &[
        ("6.2.0", "Added Pub/Sub channel patterns."),
        ("7.0.0", "Added selectors and key based permissions."),
        ("valkey 9.1.0", "Added database permission rules."),
    ],
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    secret: Some(|_, index| index >= 2),
    examples: &[
        ("ACL SETUSER alice on >secret ~cache:* +@read", "OK"),
        ("AUTH alice secret", "OK"),
        ("GET cache:7", "(nil)"),
        ("GET other", "(error) NOPERM No permissions to access a key"),
        ("SET cache:7 x", "(error) NOPERM User alice has no permissions to run the 'set' command"),
        ("AUTH default x", "OK"),
        (
            "ACL SETUSER alice +nope",
            "(error) ERR Error in ACL SETUSER modifier '+nope': Unknown command or category name in \
             ACL",
        ),
    ],
    ..Command::base(setuser)
};

fn setuser(cx: &mut Cx<'_>) -> CmdResult {
    let (name, rules) = (cx.arg(2), cx.args.from_index(3).iter().collect::<Vec<_>>());
    let context = cx.engine.rules();
    let world = cx.world.as_mut().expect("its lock class is the world");
    let set = |users: &mut acl::Users| users.set(name, &rules, context);
    cx.engine
        .change_users(world, cx.client, set)
        .map_err(|why| CmdError::text(format!("ERR {why}")))?;
    cx.reply.ok();
    Ok(())
}

pub(super) const DELUSER: Command = Command {
    name: "DELUSER",
    group: Group::Server,
    since: "6.0.0",
    summary: "Deletes users and closes their connections; returns how many there were.",
    complexity: "O(N+M): N users, M clients that are connected",
    flags: FLAGS,
    args: &[many(text("username"))],
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    secret: Some(|_, index| index >= 2),
    examples: &[
        ("ACL SETUSER alice", "OK"),
        ("ACL DELUSER alice bob", "(integer) 1"),
        ("ACL DELUSER default", "(error) ERR The 'default' user cannot be removed"),
    ],
    ..Command::base(deluser)
};

fn deluser(cx: &mut Cx<'_>) -> CmdResult {
    let names = cx.args.from_index(2);
    if names.iter().any(|name| name == DEFAULT_USER) {
        return Err(CmdError::DEFAULT_USER_STAYS);
    }
    let mut deleted = 0;
    let delete = |users: &mut acl::Users| {
        deleted = names.iter().filter_map(|name| users.remove(name)).count();
        Ok(())
    };
    let world = cx.world.as_mut().expect("its lock class is the world");
    cx.engine.change_users(world, cx.client, delete).expect("deleting cannot fail");
    cx.reply.integer(deleted as i64);
    Ok(())
}
