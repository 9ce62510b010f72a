//! CLIENT CACHING, GETREDIR and TRACKINGINFO: what a connection that tracks says of its next
//! command, and how its keys are tracked.

use command::declare::*;
use engine::tracking::{ClientTracking, Mode};
use engine::{CmdError, CmdResult, Command, Cx};

use Flag::{Loading, NoScript, Stale};

pub(in super::super) const CACHING: Command = Command {
    name: "CACHING",
    group: Group::Connection,
    since: "6.0.0",
    summary: "Tells whether what the next command reads will be held in a cache.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    args: &[one_of("mode", &[flag("YES"), flag("NO")])],
    lock: Some(Lock::Local),
    examples: &[
        ("CLIENT TRACKING ON OPTIN", "OK"),
        ("CLIENT CACHING YES", "OK"),
        (
            "CLIENT CACHING NO",
            "(error) ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ),
    ],
    ..Command::base(caching)
};

fn caching(cx: &mut Cx<'_>) -> CmdResult {
    let (is_yes, is_no) = (cx.is_word(2, "YES"), cx.is_word(2, "NO"));
    let tracking = cx.client.tracking.as_mut().ok_or(CmdError::NOT_TRACKING)?;
    match tracking.mode {
        Mode::OptIn if is_yes => tracking.caching = true,
        Mode::OptOut if is_no => tracking.caching = true,
        _ if is_yes => return Err(CmdError::CACHING_YES),
        _ if is_no => return Err(CmdError::CACHING_NO),
        _ => return Err(CmdError::SYNTAX),
    }
    cx.reply.ok();
    Ok(())
}

/// As GETREDIR and TRACKINGINFO tell it: -1 without tracking, 0 for the connection itself.
fn redirect(tracking: Option<&ClientTracking>) -> i64 {
    tracking.map_or(-1, |tracking| tracking.redirect.map_or(0, |to| to.id as i64))
}

pub(in super::super) const GETREDIR: Command = Command {
    name: "GETREDIR",
    group: Group::Connection,
    since: "6.0.0",
    summary: "Returns the id of the client that is told of the caller's keys; 0: itself, -1: none.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[
        ("CLIENT GETREDIR", "(integer) -1"),
        ("CLIENT TRACKING ON", "OK"),
        ("CLIENT GETREDIR", "(integer) 0"),
        (
            "CLIENT GETREDIR x",
            "(error) ERR wrong number of arguments for 'client|getredir' command",
        ),
    ],
    ..Command::base(getredir)
};

fn getredir(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.integer(redirect(cx.client.tracking.as_deref()));
    Ok(())
}

pub(in super::super) const TRACKINGINFO: Command = Command {
    name: "TRACKINGINFO",
    group: Group::Connection,
    since: "6.2.0",
    summary: "Tells how the connection's keys are tracked.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[
        ("CLIENT TRACKING ON NOLOOP", "OK"),
        (
            "CLIENT TRACKINGINFO",
            "1) \"flags\"\n2) 1) \"on\"\n   2) \"noloop\"\n3) \"redirect\"\n4) (integer) 0\n\
             5) \"prefixes\"\n6) (empty array)",
        ),
        (
            "CLIENT TRACKINGINFO x",
            "(error) ERR wrong number of arguments for 'client|trackinginfo' command",
        ),
    ],
    ..Command::base(trackinginfo)
};

fn trackinginfo(cx: &mut Cx<'_>) -> CmdResult {
    let tracking = cx.client.tracking.as_deref();
    let mut words: Vec<&[u8]> = Vec::new();
    match tracking {
        None => words.push(b"off"),
        Some(tracking) => {
            words.push(b"on");
            match tracking.mode {
                Mode::Default => {}
                Mode::Broadcast => words.push(b"bcast"),
                Mode::OptIn => words.push(b"optin"),
                Mode::OptOut => words.push(b"optout"),
            }
            if tracking.caching {
                let is_optin = tracking.mode == Mode::OptIn;
                words.push(if is_optin { b"caching-yes" } else { b"caching-no" });
            }
            if tracking.no_loop {
                words.push(b"noloop");
            }
            if tracking.is_redirect_broken {
                words.push(b"broken_redirect");
            }
        }
    }
    cx.reply.map(3);
    cx.reply.bulk(b"flags");
    cx.reply.set(words.len());
    words.iter().for_each(|word| cx.reply.bulk(word));
    cx.reply.bulk(b"redirect");
    cx.reply.integer(redirect(tracking));
    cx.reply.bulk(b"prefixes");
    let prefixes = tracking.map(|tracking| &tracking.prefixes);
    cx.reply.array(prefixes.map_or(0, |prefixes| prefixes.len()));
    prefixes.into_iter().flatten().for_each(|prefix| cx.reply.bulk(prefix));
    Ok(())
}
