//! HELLO and AUTH: protocol and password.

use acl::users::DEFAULT_USER;
use command::declare::*;
use config::id;
use engine::engine::REDIS_VERSION;
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Protocol;

use Flag::{AllowBusy, Fast, Loading, NoAuth, NoScript, Stale};

use super::client::names::check_name;

pub(super) const AUTH: Command = Command {
    name: "AUTH",
    group: Group::Connection,
    since: "1.0.0",
    summary: "Authenticates the connection by a password, or as a user by name and password.",
    complexity: "O(N) where N is the number of passwords defined for the user",
    flags: &[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy],
    args: &[opt(text("username")).since("6.0.0"), text("password")],
    lock: Some(Lock::Local),
    history: &[("6.0.0", "Added the form with a username.")],
    secret: Some(|_, index| index <= 2),
    examples: &[
        ("AUTH default secret", "OK"),
        (
            "AUTH joe secret",
            "(error) WRONGPASS invalid username-password pair or user is disabled.",
        ),
        (
            "AUTH secret",
            "(error) ERR AUTH <password> called without any password configured for the default \
             user. Are you sure your configuration is correct?",
        ),
    ],
    ..Command::base(auth)
};

fn auth(cx: &mut Cx<'_>) -> CmdResult {
    let (user, password) = match cx.argc() {
        2 if !cx.engine.has_password() => return Err(CmdError::NO_PASSWORD_SET),
        2 => (DEFAULT_USER, cx.arg(1)),
        3 => (cx.arg(1), cx.arg(2)),
        _ => return Err(CmdError::SYNTAX),
    };
    cx.authenticate(user, password)?;
    cx.reply.ok();
    Ok(())
}

pub(super) const HELLO: Command = Command {
    name: "HELLO",
    group: Group::Connection,
    since: "6.0.0",
    summary: "Agrees on the protocol and tells about the server; may authenticate and name the \
              connection on the way.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy],
    args: &[opt(block(
        "arguments",
        &[
            integer("protover"),
            opt(token("AUTH", block("auth", &[text("username"), text("password")]))),
            opt(token("SETNAME", text("clientname"))),
        ],
    ))],
    lock: Some(Lock::Local),
    secret: Some(is_secret),
    history: &[
        ("6.2.0", "`protover` became optional: without it the reply tells the state of things."),
        ("valkey 8.1.0", "The reply has `availability_zone` if that option is set."),
    ],
    examples: &[
        (
            "HELLO 2 SETNAME worker-7",
            "1) \"server\"\n2) \"redis\"\n3) \"version\"\n4) \"*\"\n5) \"proto\"\n\
             6) (integer) 2\n7) \"id\"\n8) (integer) *\n9) \"mode\"\n10) \"standalone\"\n\
             11) \"role\"\n12) \"master\"\n13) \"modules\"\n14) (empty array)",
        ),
        ("HELLO 4", "(error) NOPROTO unsupported protocol version"),
        ("HELLO 3 HELLO", "(error) ERR Syntax error in HELLO option 'HELLO'"),
    ],
    ..Command::base(hello)
};

/// The two words after AUTH.
fn is_secret(words: &[&[u8]], index: usize) -> bool {
    let is_auth = |at: usize| at > 1 && words[at].eq_ignore_ascii_case(b"auth");
    is_auth(index - 1) || is_auth(index.saturating_sub(2))
}

/// What the words of HELLO ask for.
struct Wish<'a> {
    protocol: Option<Protocol>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

fn hello(cx: &mut Cx<'_>) -> CmdResult {
    let wish = parse_hello(cx)?;
    if let Some((user, password)) = wish.credentials {
        cx.authenticate(user, password)?;
    }
    if cx.engine.needs_password(cx.client) {
        return Err(CmdError::HELLO_NO_AUTH);
    }
    if let Some(name) = wish.name {
        cx.client.names_mut().name = name.to_vec();
    }
    if let Some(protocol) = wish.protocol {
        cx.client.protocol = protocol;
        cx.engine.resubscribe(cx.client, cx.worker);
        cx.reply.set_protocol(protocol);
    }
    reply_hello(cx);
    Ok(())
}

fn parse_hello<'a>(cx: &Cx<'a>) -> Result<Wish<'a>, CmdError> {
    let mut wish = Wish { protocol: None, credentials: None, name: None };
    if cx.argc() == 1 {
        return Ok(wish);
    }
    wish.protocol = match cx.int(1).map_err(|_| CmdError::PROTOCOL_NOT_INTEGER)? {
        2 => Some(Protocol::Resp2),
        3 => Some(Protocol::Resp3),
        _ => return Err(CmdError::NO_PROTO),
    };
    let mut at = 2;
    while at < cx.argc() {
        let more = cx.argc() - at - 1;
        if cx.is_word(at, "AUTH") && more >= 2 {
            wish.credentials = Some((cx.arg(at + 1), cx.arg(at + 2)));
            at += 3;
        } else if cx.is_word(at, "SETNAME") && more >= 1 {
            wish.name = Some(check_name(cx.arg(at + 1))?);
            at += 2;
        } else {
            return Err(CmdError::hello_option(cx.arg(at)));
        }
    }
    Ok(wish)
}

fn reply_hello(cx: &mut Cx<'_>) {
    let config = cx.engine.config();
    let zone = config.bytes(id::AVAILABILITY_ZONE);
    let number = match cx.client.protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    cx.reply.map(7 + usize::from(!zone.is_empty()));
    cx.reply.bulk(b"server");
    // Not our own name: clients choose dialects by it.
    cx.reply.bulk(b"redis");
    cx.reply.bulk(b"version");
    cx.reply.bulk(REDIS_VERSION.as_bytes());
    cx.reply.bulk(b"proto");
    cx.reply.integer(number);
    cx.reply.bulk(b"id");
    cx.reply.integer(cx.client.id as i64);
    cx.reply.bulk(b"mode");
    cx.reply.bulk(b"standalone");
    cx.reply.bulk(b"role");
    cx.reply.bulk(b"master");
    cx.reply.bulk(b"modules");
    cx.reply.array(0);
    if !zone.is_empty() {
        cx.reply.bulk(b"availability_zone");
        cx.reply.bulk(zone);
    }
}
