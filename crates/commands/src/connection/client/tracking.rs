//! CLIENT TRACKING, TRACKINGINFO, CACHING, GETREDIR: what the caller may hold in a cache of its
//! own. What is remembered and who is told is the engine's ([`engine::tracking`]).

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

pub(super) const CACHING: Command = Command {
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

pub(super) const GETREDIR: Command = Command {
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

pub(super) const TRACKINGINFO: Command = Command {
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

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::{Session, TestServer};

    /// What has been pushed to a client since: each as one line.
    fn pushed(server: &mut TestServer, session: &mut Session) -> Vec<String> {
        let bytes = server.news(session);
        let mut rest = &bytes[..];
        let mut lines = Vec::new();
        while !rest.is_empty() {
            let (value, used) = resp::decode(rest).expect("it is RESP").expect("it is whole");
            lines.push(line(&value));
            rest = &rest[used..];
        }
        lines
    }

    fn line(value: &Value) -> String {
        match value {
            Value::Push(parts) | Value::Array(parts) => {
                parts.iter().map(line).collect::<Vec<_>>().join(" ")
            }
            Value::Integer(n) => n.to_string(),
            Value::Null => "nil".to_owned(),
            other => other.text().expect("words").into_owned(),
        }
    }

    fn run(server: &mut TestServer, session: &mut Session, lines: &[&str]) {
        for line in lines {
            server.feed(session, format!("{line}\r\n").as_bytes());
        }
    }

    /// Ann, who tracks in RESP3, and Bob on the last worker.
    fn tracking(server: &mut TestServer, options: &str) -> (Session, Session) {
        let (mut ann, bob) = (server.connect(), server.connect_to(server.seats.len() - 1));
        run(server, &mut ann, &["HELLO 3", &format!("CLIENT TRACKING ON {options}")]);
        (ann, bob)
    }

    #[test]
    fn who_has_read_a_key_is_told_once_when_it_changes() {
        for workers in [1, 3] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = tracking(&mut server, "");
            run(&mut server, &mut ann, &["GET a", "MGET a b"]);
            run(&mut server, &mut bob, &["SET other 1"]);
            assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
            run(&mut server, &mut bob, &["SET a 1", "SET a 2", "LPUSH l x"]);
            assert_eq!(pushed(&mut server, &mut ann), ["invalidate a"]);
            run(&mut server, &mut ann, &["SET b 1"]);
            assert_eq!(pushed(&mut server, &mut ann), ["invalidate b"], "also of its own change");
            run(&mut server, &mut ann, &["GET a", "CLIENT TRACKING OFF"]);
            run(&mut server, &mut bob, &["SET a 1"]);
            assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
            assert_eq!(server.engine.tracking.clients(), 0);
        }
    }

    #[test]
    fn reads_in_a_transaction_count_and_noloop_spares_own_changes() {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob) = tracking(&mut server, "NOLOOP");
        run(&mut server, &mut ann, &["MULTI", "GET a", "GET b", "EXEC", "SET a 1"]);
        assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
        run(&mut server, &mut bob, &["SET a 2", "SET b 2"]);
        assert_eq!(pushed(&mut server, &mut ann), ["invalidate b"]);
    }

    #[test]
    fn optin_and_optout_ask_for_the_next_command() {
        for (mode, word, told) in [
            ("OPTIN", "YES", &["invalidate b", "invalidate c", "invalidate d"][..]),
            ("OPTOUT", "NO", &["invalidate a", "invalidate e"][..]),
        ] {
            let mut server = TestServer::new(1);
            let (mut ann, mut bob) = tracking(&mut server, mode);
            let caching = format!("CLIENT CACHING {word}");
            run(
                &mut server,
                &mut ann,
                &["GET a", &caching, "GET b", &caching, "MULTI", "GET c", "GET d", "EXEC", "GET e"],
            );
            run(&mut server, &mut bob, &["SET a 1", "SET b 1", "SET c 1", "SET d 1", "SET e 1"]);
            assert_eq!(pushed(&mut server, &mut ann), told, "{mode}");
        }
    }

    #[test]
    fn broadcasts_tell_of_prefixes_in_one_message_a_turn() {
        for workers in [1, 2] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = tracking(&mut server, "BCAST NOLOOP PREFIX x: PREFIX y:");
            server.feed(
                &mut bob,
                b"MULTI\r\nSET x:2 1\r\nSET x:1 1\r\nSET z 1\r\nSET y:1 1\r\nEXEC\r\n",
            );
            assert_eq!(pushed(&mut server, &mut ann), ["invalidate x:1 x:2", "invalidate y:1"]);
            run(&mut server, &mut ann, &["SET x:1 1", "CLIENT TRACKING ON BCAST NOLOOP PREFIX z"]);
            assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
            run(&mut server, &mut bob, &["SET z 1"]);
            assert_eq!(pushed(&mut server, &mut ann), ["invalidate z"]);
            assert_eq!(server.engine.tracking.prefixes(), 3);
            run(&mut server, &mut ann, &["RESET"]);
            assert_eq!(server.engine.tracking.prefixes(), 0);
        }
    }

    #[test]
    fn who_speaks_resp2_has_another_connection_listen() {
        let mut server = TestServer::new(2);
        let (mut ann, mut bob) = (server.connect_to(0), server.connect_to(1));
        // Tests' sessions are in no table; a redirect to oneself finds its target all the same.
        let own = format!("CLIENT TRACKING ON REDIRECT {}", ann.client.id);
        run(&mut server, &mut ann, &[&own, "GET a"]);
        run(&mut server, &mut bob, &["SET a 1"]);
        assert_eq!(pushed(&mut server, &mut ann), [""; 0], "it does not listen yet");
        run(&mut server, &mut ann, &["GET a", "SUBSCRIBE __redis__:invalidate"]);
        run(&mut server, &mut bob, &["SET a 1", "FLUSHALL"]);
        assert_eq!(
            pushed(&mut server, &mut ann),
            ["message __redis__:invalidate a", "message __redis__:invalidate nil"]
        );
    }

    #[test]
    fn a_redirect_that_has_gone_is_told_of() {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob) = tracking(&mut server, "");
        let own = format!("CLIENT TRACKING ON REDIRECT {}", ann.client.id);
        run(&mut server, &mut ann, &[&own, "GET a"]);
        run(&mut server, &mut bob, &["SET a 1"]);
        // As if the place in the table were empty.
        for mail in server.engine.mail.take(0) {
            mail.to.iter().for_each(|(_, id)| server.engine.receive(*id, None, &mail.news));
        }
        let broken = format!("tracking-redir-broken {}", ann.client.id);
        assert_eq!(pushed(&mut server, &mut ann), [broken]);
        let Value::Map(info) = server.reply(&mut ann, "CLIENT TRACKINGINFO") else { panic!() };
        let (_, Value::Set(flags)) = &info[0] else { panic!("{info:?}") };
        assert!(flags.contains(&Value::Bulk(b"broken_redirect".to_vec())), "{flags:?}");
    }

    #[test]
    fn a_flush_a_swap_and_expiry_invalidate_too() {
        for workers in [1, 2] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = tracking(&mut server, "");
            for line in ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1"] {
                run(&mut server, &mut ann, &["GET a"]);
                run(&mut server, &mut bob, &[line]);
                assert_eq!(pushed(&mut server, &mut ann), ["invalidate nil"], "{line}");
                assert_eq!(server.engine.tracking.keys(), 0);
            }
            // A reader that has stopped to track and begins again has read nothing.
            run(&mut server, &mut ann, &["GET a", "CLIENT TRACKING OFF"]);
            run(&mut server, &mut bob, &["FLUSHALL"]);
            run(&mut server, &mut ann, &["CLIENT TRACKING ON"]);
            run(&mut server, &mut bob, &["SET a 1"]);
            assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
            run(&mut server, &mut ann, &["GET a"]);
            {
                let keyspace = &server.engine.keyspace;
                let key = keyspace.key(b"a");
                let mut shard = keyspace.lock(keyspace.shard_of(key.hash));
                let slot = shard.dbs[0].find(key).expect("it was just set");
                shard.dbs[0].set_expire(slot, Some(1));
            }
            run(&mut server, &mut bob, &["EXISTS a"]);
            assert_eq!(pushed(&mut server, &mut ann), ["invalidate a"]);
        }
    }

    #[test]
    fn the_table_is_bounded_and_who_had_read_is_told() {
        for workers in [1, 2] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = tracking(&mut server, "");
            run(&mut server, &mut bob, &["CONFIG SET tracking-table-max-keys 100"]);
            for i in 0..250 {
                run(&mut server, &mut ann, &[&format!("GET k{i}")]);
                assert!(server.engine.tracking.keys() <= 100);
            }
            assert_eq!(pushed(&mut server, &mut ann).len(), 150);
            run(&mut server, &mut bob, &["CONFIG SET tracking-table-max-keys 1"]);
            assert_eq!(server.engine.tracking.keys(), 1);
            assert_eq!(pushed(&mut server, &mut ann).len(), 99);
            // What is left is freed when nobody tracks any more.
            run(&mut server, &mut ann, &["CLIENT TRACKING OFF"]);
            server.engine.tick(base::clock::unix_ms());
            assert_eq!(server.engine.tracking.keys(), 0);
        }
    }

    #[test]
    fn prefixes_that_overlap_are_refused() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        for (line, end) in [
            (
                "CLIENT TRACKING ON BCAST PREFIX FOOBAR PREFIX FOO",
                "'FOOBAR' overlaps with another provided prefix 'FOO'",
            ),
            (
                "CLIENT TRACKING ON BCAST PREFIX x PREFIX FOO PREFIX FOO",
                "'FOO' overlaps with another provided prefix 'FOO'",
            ),
        ] {
            let Value::Error(text) = server.reply(&mut ann, line) else { panic!("{line}") };
            assert!(String::from_utf8_lossy(&text).contains(end));
        }
        run(&mut server, &mut ann, &["CLIENT TRACKING ON BCAST PREFIX FOO"]);
        let refused = server.reply(&mut ann, "CLIENT TRACKING ON BCAST PREFIX FO");
        let Value::Error(text) = refused else { panic!("{refused:?}") };
        assert!(String::from_utf8_lossy(&text).contains("overlaps with an existing prefix 'FOO'"));
    }
}
