//! SAVE, BGSAVE and LASTSAVE: the data set as a file.

use command::declare::{Category, Flag::*, Group, Lock, flag, one_of, opt};
use engine::persistence::Outcome;
use engine::{CmdError, CmdResult, Command, Cx};

pub(super) const SAVE: Command = Command {
    name: "SAVE",
    group: Group::Server,
    since: "1.0.0",
    summary: "Saves the data set to a file; nobody is served meanwhile.",
    complexity: "O(N), N being the number of keys in all databases",
    flags: &[Admin, NoScript, NoAsyncLoading, NoMulti],
    examples: &[
        ("SAVE", "OK"),
        ("SAVE now", "(error) ERR wrong number of arguments for 'save' command"),
    ],
    ..Command::base(save)
};

fn save(cx: &mut Cx<'_>) -> CmdResult {
    if cx.engine.persistence.is_saving() {
        return Err(CmdError::BACKGROUND_SAVE_RUNS);
    }
    match cx.save_now() {
        Outcome::Saved(_) => {
            cx.reply.ok();
            Ok(())
        }
        // Redis says no more either: the reason is in the log.
        Outcome::Cancelled | Outcome::Failed(_) => Err(CmdError::text("ERR")),
    }
}

pub(super) const BGSAVE: Command = Command {
    name: "BGSAVE",
    group: Group::Server,
    since: "1.0.0",
    summary: "Saves the data set, as it is now, to a file in the background.",
    complexity: "O(1); the save is O(N) with N keys, in small parts",
    flags: &[Admin, NoScript, NoAsyncLoading],
    args: &[opt(one_of(
        "operation",
        &[flag("SCHEDULE").since("3.2.2"), flag("CANCEL").since("valkey 8.1.0")],
    ))],
    arity: Some(-1),
    history: &[("3.2.2", "Takes `SCHEDULE`."), ("valkey 8.1.0", "Takes `CANCEL`.")],
    examples: &[
        (
            "BGSAVE CANCEL",
            "(error) ERR Background saving is currently not in progress or scheduled",
        ),
        ("BGSAVE", "Background saving started"),
        ("BGSAVE now", "(error) ERR syntax error"),
    ],
    ..Command::base(bgsave)
};

fn bgsave(cx: &mut Cx<'_>) -> CmdResult {
    let mut schedules = false;
    if cx.argc() > 1 {
        if cx.argc() == 2 && cx.is_word(1, "CANCEL") {
            return cancel(cx);
        }
        if cx.argc() != 2 || !cx.is_word(1, "SCHEDULE") {
            return Err(CmdError::SYNTAX);
        }
        schedules = true;
    }
    if schedules && (cx.engine.persistence.is_saving() || cx.engine.is_cut()) {
        cx.engine.schedule_save();
        cx.reply.simple("Background saving scheduled");
        return Ok(());
    }
    cx.begin_save()?;
    cx.reply.simple("Background saving started");
    Ok(())
}

fn cancel(cx: &mut Cx<'_>) -> CmdResult {
    if cx.engine.persistence.is_saving() {
        cx.engine.host.log('*', "Background saving will be aborted due to user request");
        cx.engine.kill_save();
        cx.reply.simple("Background saving cancelled");
    } else if cx.engine.unschedule_save() {
        cx.reply.simple("Scheduled background saving cancelled");
    } else {
        return Err(CmdError::NO_BACKGROUND_SAVE);
    }
    Ok(())
}

pub(super) const LASTSAVE: Command = Command {
    name: "LASTSAVE",
    group: Group::Server,
    since: "1.0.0",
    summary: "Tells the unix time of the last save; before the first, of the start.",
    complexity: "O(1)",
    flags: &[Loading, Stale, Fast],
    categories: &[Category::Admin, Category::Dangerous],
    lock: Some(Lock::Local),
    tips: &["nondeterministic_output"],
    examples: &[
        ("LASTSAVE", "(integer) 1*"),
        ("LASTSAVE now", "(error) ERR wrong number of arguments for 'lastsave' command"),
    ],
    ..Command::base(lastsave)
};

fn lastsave(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.integer(cx.engine.last_save_s());
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::TestServer;

    fn debuggable(workers: usize) -> TestServer {
        let server = TestServer::new(workers);
        let allowed = config::id::ENABLE_DEBUG_COMMAND;
        server.engine.config().record(allowed, &[b"yes"]).expect("a choice of this option");
        server
    }

    #[test]
    fn before_the_first_save_lastsave_is_the_start() {
        let mut server = debuggable(1);
        let mut ann = server.connect();
        let started_s = server.engine.started_ms / 1000;
        assert_eq!(server.reply(&mut ann, "LASTSAVE"), Value::Integer(started_s));
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        for workers in [1, 4] {
            let mut server = debuggable(workers);
            let mut ann = server.connect();
            for line in [
                "SET text some",
                "SET number 17",
                "RPUSH list a b c",
                "SADD set 1 2 x",
                "HSET hash f v",
                "HEXPIRE hash 1000 FIELDS 1 f",
                "ZADD zset 1.5 m",
                "XADD stream 1-1 f v",
                "XGROUP CREATE stream g 0",
                "PEXPIREAT text 33177117420123",
                "SELECT 9",
                "SET other 1",
            ] {
                let reply = server.reply(&mut ann, line);
                assert!(!matches!(reply, Value::Error(_)), "{line}: {reply:?}");
            }
            let digest = server.reply(&mut ann, "DEBUG DIGEST");
            assert_eq!(server.reply(&mut ann, "SAVE"), Value::Simple(b"OK".to_vec()));
            let reply = server.reply(&mut ann, "DEBUG RELOAD NOSAVE");
            assert_eq!(reply, Value::Simple(b"OK".to_vec()));
            assert_eq!(server.reply(&mut ann, "DEBUG DIGEST"), digest);
        }
    }

    #[test]
    fn a_background_save_has_what_was_there_when_it_began() {
        for workers in [1, 4] {
            let mut server = debuggable(workers);
            let mut ann = server.connect();
            for n in 0..500 {
                server.reply(&mut ann, &format!("SET key:{n} {n}"));
            }
            let digest = server.reply(&mut ann, "DEBUG DIGEST");
            server.reply(&mut ann, "BGSAVE");
            let reply = server.reply(&mut ann, "BGSAVE");
            assert!(matches!(reply, Value::Error(_)), "{reply:?}");
            server.reply(&mut ann, "SWAPDB 0 3");
            for n in 0..700 {
                server.reply(&mut ann, &format!("SET key:{n} changed"));
            }
            server.reply(&mut ann, "SWAPDB 0 3");
            server.reply(&mut ann, "DEL key:1 key:2");
            server.reply(&mut ann, "FLUSHDB");
            while server.engine.sweep(1_000_000) != store::Sweep::Finished {}
            server.engine.persistence.wait_for_save();
            server.reply(&mut ann, "DEBUG RELOAD NOSAVE");
            assert_eq!(server.reply(&mut ann, "DEBUG DIGEST"), digest, "{workers} workers");
        }
    }

    #[test]
    fn a_cancelled_save_leaves_no_file_and_another_may_follow() {
        let mut server = debuggable(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "SET k v");
        server.reply(&mut ann, "BGSAVE");
        let reply = server.reply(&mut ann, "BGSAVE SCHEDULE");
        assert_eq!(reply, Value::Simple(b"Background saving scheduled".to_vec()));
        let reply = server.reply(&mut ann, "BGSAVE CANCEL");
        assert_eq!(reply, Value::Simple(b"Background saving cancelled".to_vec()));
        assert!(server.host.files.lock().unwrap().is_empty());
        let reply = server.reply(&mut ann, "BGSAVE CANCEL");
        assert_eq!(reply, Value::Simple(b"Scheduled background saving cancelled".to_vec()));
        server.reply(&mut ann, "SET k w");
        let reply = server.reply(&mut ann, "BGSAVE");
        assert_eq!(reply, Value::Simple(b"Background saving started".to_vec()));
    }

    /// Files of real servers, of values of every type and form and a library of functions, and what
    /// DEBUG DIGEST of Redis 8.0.6 said when it had loaded them. (That of Valkey differs for hashes,
    /// and 8.0.6 does not read its file.)
    const GOLDEN: [(&[u8], Option<&str>); 3] = [
        (
            include_bytes!("../../../rdb/tests/golden/redis-7.0.15.rdb"),
            Some("c6e62ae6e658910435ac4be03a5438fc1b91db2a"),
        ),
        (
            include_bytes!("../../../rdb/tests/golden/redis-8.0.6.rdb"),
            Some("448ec32e4ede560bd3e08a5a6f3e49b75cb4082c"),
        ),
        (include_bytes!("../../../rdb/tests/golden/valkey-9.1.2.rdb"), None),
    ];

    #[test]
    fn files_of_real_servers_are_loaded() {
        for (file, digest) in GOLDEN {
            let mut server = debuggable(1);
            let mut ann = server.connect();
            server.host.files.lock().unwrap().insert("dump.rdb".to_owned(), file.to_vec());
            let reply = server.reply(&mut ann, "DEBUG RELOAD NOSAVE");
            assert_eq!(reply, Value::Simple(b"OK".to_vec()), "{:?}", server.host.log);
            let ours = server.reply(&mut ann, "DEBUG DIGEST");
            if let Some(digest) = digest {
                assert_eq!(ours, Value::Simple(digest.as_bytes().to_vec()));
            }
            // What is written is read again, libraries too.
            server.reply(&mut ann, "DEBUG RELOAD");
            assert_eq!(server.reply(&mut ann, "DEBUG DIGEST"), ours);
            assert_eq!(server.engine.scripts.libraries().len(), 1);
        }
    }

    #[test]
    fn functions_are_saved_and_can_be_called_when_loaded() {
        let mut server = debuggable(2);
        let mut ann = server.connect();
        let code = "#!lua name=lib\\nredis.register_function('f', function() return 7 end)";
        server.reply(&mut ann, &format!("FUNCTION LOAD \"{code}\""));
        assert_eq!(server.reply(&mut ann, "SAVE"), Value::Simple(b"OK".to_vec()));
        server.reply(&mut ann, "FUNCTION FLUSH");
        assert!(server.reply(&mut ann, "FCALL f 0").is_error());
        assert_eq!(server.reply(&mut ann, "DEBUG RELOAD NOSAVE"), Value::Simple(b"OK".to_vec()));
        assert_eq!(server.reply(&mut ann, "FCALL f 0"), Value::Integer(7));
    }
}
