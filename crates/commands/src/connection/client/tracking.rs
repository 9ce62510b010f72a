//! CLIENT TRACKING: from when, and of what, the caller is told that it may hold in a cache of its
//! own. What is remembered and who is told is the engine's ([`engine::tracking`]). What the caller
//! says and asks once it tracks is in [`told`].

#[cfg(test)]
mod tests;
pub(super) mod told;

use command::declare::*;
use engine::mail::Addressee;
use engine::tracking::{ClientTracking, Mode, check_prefixes};
use engine::{Client, CmdError, CmdResult, Command, Cx};

use Flag::{Loading, NoScript, Stale};

pub(super) const TRACKING: Command = Command {
    name: "TRACKING",
    group: Group::Connection,
    since: "6.0.0",
    summary: "Tells the connection, or another one, when keys have changed that it may hold in a \
              cache.",
    complexity: "O(1), and O(N) for N prefixes",
    flags: &[NoScript, Loading, Stale],
    args: &[
        one_of("status", &[flag("ON"), flag("OFF")]),
        opt(token("REDIRECT", integer("client-id"))),
        opt(many(token("PREFIX", text("prefix")).repeat_token())),
        opt(flag("BCAST")),
        opt(flag("OPTIN")),
        opt(flag("OPTOUT")),
        opt(flag("NOLOOP")),
    ],
    // Only whoever names another client has to look for it.
    lock: Some(Lock::KeysUnless(&["REDIRECT"])),
    examples: &[
        ("CLIENT TRACKING ON BCAST PREFIX user:", "OK"),
        ("CLIENT TRACKING OFF", "OK"),
        (
            "CLIENT TRACKING ON REDIRECT 1000",
            "(error) ERR The client ID you want redirect to does not exist",
        ),
        (
            "CLIENT TRACKING ON PREFIX user:",
            "(error) ERR PREFIX option requires BCAST mode to be enabled",
        ),
    ],
    ..Command::base(tracking)
};

/// The options of TRACKING ON.
#[derive(Default)]
struct Wish<'a> {
    redirect: Option<Addressee>,
    prefixes: Vec<&'a [u8]>,
    bcast: bool,
    optin: bool,
    optout: bool,
    no_loop: bool,
}

fn tracking(cx: &mut Cx<'_>) -> CmdResult {
    let wish = parse(cx)?;
    if cx.is_word(2, "ON") {
        let mode = wish.mode(cx.client.tracking.as_deref())?;
        if mode == Mode::Broadcast {
            check_prefixes(cx.client.tracking.as_deref(), &wish.prefixes)?;
        }
        let Wish { redirect, prefixes, no_loop, .. } = wish;
        cx.engine.track(cx.client, cx.worker, mode, no_loop, redirect, &prefixes);
    } else if cx.is_word(2, "OFF") {
        cx.engine.untrack(cx.client);
    } else {
        return Err(CmdError::SYNTAX);
    }
    cx.reply.ok();
    Ok(())
}

fn parse<'a>(cx: &mut Cx<'a>) -> Result<Wish<'a>, CmdError> {
    let mut wish = Wish::default();
    let mut at = 3;
    while at < cx.argc() {
        let has_more = at + 1 < cx.argc();
        if cx.is_word(at, "REDIRECT") && has_more {
            if wish.redirect.is_some() {
                return Err(CmdError::REDIRECT_TWICE);
            }
            let id = cx.int(at + 1)?;
            wish.redirect = Some(find(cx, id).ok_or(CmdError::NO_REDIRECT_TARGET)?);
            at += 1;
        } else if cx.is_word(at, "PREFIX") && has_more {
            wish.prefixes.push(cx.arg(at + 1));
            at += 1;
        } else if cx.is_word(at, "BCAST") {
            wish.bcast = true;
        } else if cx.is_word(at, "OPTIN") {
            wish.optin = true;
        } else if cx.is_word(at, "OPTOUT") {
            wish.optout = true;
        } else if cx.is_word(at, "NOLOOP") {
            wish.no_loop = true;
        } else {
            return Err(CmdError::SYNTAX);
        }
        at += 1;
    }
    Ok(wish)
}

/// The client with this id, on whatever worker.
fn find(cx: &mut Cx<'_>, id: i64) -> Option<Addressee> {
    let id = u64::try_from(id).ok()?;
    let is_it = |client: &Client| client.id == id;
    if is_it(cx.client) {
        return Some(Addressee { worker: cx.worker, client: cx.client.index, id });
    }
    let world = cx.world.as_mut().expect("with REDIRECT, its lock class is the world");
    let all = cx.engine.clients.all(world).enumerate();
    all.flat_map(|(worker, clients)| clients.iter_mut().map(move |(_, client)| (worker, client)))
        .find(|(_, client)| is_it(client))
        .map(|(worker, client)| Addressee { worker, client: client.index, id })
}

impl Wish<'_> {
    /// The mode that the words ask for, if they go together and with what the client has.
    fn mode(&self, now: Option<&ClientTracking>) -> Result<Mode, CmdError> {
        let is_now = |mode| now.is_some_and(|now| now.mode == mode);
        if !self.bcast && !self.prefixes.is_empty() {
            return Err(CmdError::PREFIX_WITHOUT_BCAST);
        }
        if now.is_some() && is_now(Mode::Broadcast) != self.bcast {
            return Err(CmdError::BCAST_SWITCHED);
        }
        if self.bcast && (self.optin || self.optout) {
            return Err(CmdError::BCAST_AND_OPT);
        }
        if self.optin && self.optout {
            return Err(CmdError::OPTIN_AND_OPTOUT);
        }
        if self.optin && is_now(Mode::OptOut) || self.optout && is_now(Mode::OptIn) {
            return Err(CmdError::OPT_SWITCHED);
        }
        Ok(match (self.bcast, self.optin, self.optout) {
            (true, ..) => Mode::Broadcast,
            (_, true, _) => Mode::OptIn,
            (_, _, true) => Mode::OptOut,
            _ => Mode::Default,
        })
    }
}
