//! CONFIG: the options, read and changed while the server runs.
//!
//! ```text
//!   SET ─► plan (all values checked) ─► commit ─► settings, then one effect after the other
//!            │ error: nothing changed               │ error: rollback, effects again, error
//! ```
//!
//! SET owns the world: a command sees all of a change or nothing of it.

use ::config::{Changed, Config, OptId, SetBy, SetError, id};
use command::declare::{Flag::*, Group, Lock, block, many, text};
use engine::{CmdError, CmdResult, Command, Cx, Engine};

pub(super) const CONFIG: Command = Command {
    name: "CONFIG",
    group: Group::Server,
    since: "2.0.0",
    summary: "Reads and changes the options of the running server.",
    complexity: "Depends on the subcommand.",
    subcommands: &[GET, HELP, RESETSTAT, REWRITE, SET],
    examples: &[
        ("CONFIG SET maxmemory 100mb", "OK"),
        ("CONFIG GET maxmemory", "1) \"maxmemory\"\n2) \"104857600\""),
        ("CONFIG NOPE", "(error) ERR unknown subcommand 'NOPE'. Try CONFIG HELP."),
        ("CONFIG", "(error) ERR wrong number of arguments for 'config' command"),
    ],
    ..Command::base(super::container)
};

const GET: Command = Command {
    name: "GET",
    group: Group::Server,
    since: "2.0.0",
    summary: "Returns options and their values, by name or pattern.",
    complexity: "O(N) for each pattern, N being the number of options",
    flags: &[Admin, NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    args: &[many(text("parameter"))],
    history: &[("7.0.0", "Takes several patterns.")],
    examples: &[
        ("CONFIG GET hz nope", "1) \"hz\"\n2) \"10\""),
        ("CONFIG GET repl-*-size", "1) \"repl-backlog-size\"\n2) \"1048576\""),
        ("CONFIG GET nope", "(empty array)"),
        ("CONFIG GET", "(error) ERR wrong number of arguments for 'config|get' command"),
    ],
    ..Command::base(get)
};

fn get(cx: &mut Cx<'_>) -> CmdResult {
    let patterns: Vec<&[u8]> = (2..cx.argc()).map(|i| cx.arg(i)).collect();
    let found = cx.engine.config().get(&patterns);
    cx.reply.map(found.len());
    for (name, value) in found {
        cx.reply.bulk(&name);
        cx.reply.bulk(&value);
    }
    Ok(())
}

const SET: Command = Command {
    name: "SET",
    group: Group::Server,
    since: "2.0.0",
    summary: "Sets options: all that are named, or none.",
    complexity: "O(N), N being the number of options given",
    flags: &[Admin, NoScript, Loading, Stale],
    args: &[many(block("data", &[text("parameter"), text("value")]))],
    history: &[("7.0.0", "Takes several options.")],
    secret: Some(is_secret),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("CONFIG SET hz 20 maxclients 500", "OK"),
        ("CONFIG GET hz", "1) \"hz\"\n2) \"20\""),
        (
            "CONFIG SET nope 1",
            "(error) ERR Unknown option or number of arguments for CONFIG SET - 'nope'",
        ),
        (
            "CONFIG SET hz 30 databases 3",
            "(error) ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config",
        ),
        ("CONFIG SET hz 30 maxclients", "(error) ERR syntax error"),
    ],
    ..Command::base(set)
};

/// Values of options that are passwords.
fn is_secret(words: &[&[u8]], index: usize) -> bool {
    let option =
        (index > 2 && index % 2 == 1).then(|| ::config::lookup(words[index - 1])).flatten();
    option.is_some_and(|(id, _)| id.opt().is_sensitive)
}

fn set(cx: &mut Cx<'_>) -> CmdResult {
    let pairs: Vec<(&[u8], &[u8])> =
        (2..cx.argc()).step_by(2).map(|i| (cx.arg(i), cx.args.get(i + 1).unwrap_or(b""))).collect();
    if !cx.argc().is_multiple_of(2) {
        return Err(CmdError::SYNTAX);
    }
    let is_loading = cx.engine.persistence.is_loading();
    let by = SetBy { is_local: cx.client.is_local(), is_loading };
    let mut config = cx.engine.config();
    let plan = config.plan_set(&pairs, by).map_err(refused)?;
    let changed = config.commit(plan);
    let sets_password = changed.contains(id::REQUIREPASS);
    let bounds_tracking = changed.contains(id::TRACKING_TABLE_MAX_KEYS);
    let switches_aof = changed.contains(id::APPENDONLY);
    let limits_clients = changed.contains(id::MAXMEMORY_CLIENTS) || changed.contains(id::MAXMEMORY);
    take_effect(cx.engine, &mut config, changed).map_err(refused)?;
    let password = sets_password.then(|| config.bytes(id::REQUIREPASS).to_vec());
    cx.engine.configure_aof(&config);
    drop(config);
    if switches_aof && let Err(error) = cx.follow_appendonly() {
        let mut config = cx.engine.config();
        let was = if cx.engine.aof.is_on() { &b"yes"[..] } else { b"no" };
        config.record(id::APPENDONLY, &[was]).expect("it is one of the two");
        return Err(error);
    }
    if bounds_tracking {
        cx.db.trim_tracked();
    }
    if let Some(password) = password {
        set_default_password(cx, &password);
    }
    if limits_clients {
        let world = cx.world.as_mut().expect("CONFIG SET owns the world");
        cx.engine.recount_clients(world, cx.client);
    }
    cx.reply.ok();
    Ok(())
}

/// Makes committed options true, or takes all of them back.
fn take_effect(engine: &Engine, config: &mut Config, changed: Changed) -> Result<(), SetError> {
    engine.settings.load(config, &*engine.host);
    let ids: Vec<OptId> = changed.ids().collect();
    for (i, option) in ids.iter().enumerate() {
        // One at a time, so that the error can name it.
        let Err(reason) = engine.host.apply(&[*option], config) else { continue };
        config.rollback(changed);
        engine.settings.load(config, &*engine.host);
        for undone in &ids[..=i] {
            if let Err(again) = engine.host.apply(&[*undone], config) {
                let name = undone.opt().name;
                engine.host.log('#', &format!("Failed to restore option '{name}': {again}"));
            }
        }
        return Err(SetError::failed(*option, reason));
    }
    if changed.contains(id::DIR)
        && let Some(absolute) = engine.host.working_dir()
    {
        // As it will be asked for and written down, whatever the client called it.
        config
            .record(id::DIR, &[&absolute])
            .map_err(|r| SetError::failed(id::DIR, r.to_string()))?;
    }
    if changed.contains(id::MAXMEMORY) {
        warn_of_small_maxmemory(engine);
    }
    Ok(())
}

fn warn_of_small_maxmemory(engine: &Engine) {
    let (max, used) = (engine.settings.memory.max_bytes(), engine.host.used_memory());
    if max != 0 && used > max {
        let text = format!(
            "maxmemory is now {max} bytes, less than the {used} in use. Keys will be evicted or \
             writes refused, as maxmemory-policy says."
        );
        engine.host.log('#', &text);
    }
}

/// Who is logged in stays logged in.
fn set_default_password(cx: &mut Cx<'_>, password: &[u8]) {
    let engine = cx.engine;
    let world = cx.world.as_mut().expect("CONFIG SET owns the world");
    let set = |users: &mut acl::Users| {
        users.set_default_password(password, &engine.table);
        Ok(())
    };
    engine.change_users(world, cx.client, set).expect("any text is a password");
}

fn refused(error: SetError) -> CmdError {
    match error {
        SetError::Loading => CmdError::LOADING,
        error => CmdError::text(format!("ERR {error}")),
    }
}

const RESETSTAT: Command = Command {
    name: "RESETSTAT",
    group: Group::Server,
    since: "2.0.0",
    summary: "Sets the counters of INFO back to zero.",
    complexity: "O(1)",
    flags: &[Admin, NoScript, Loading, Stale],
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("CONFIG RESETSTAT", "OK"),
        (
            "CONFIG RESETSTAT now",
            "(error) ERR wrong number of arguments for 'config|resetstat' command",
        ),
    ],
    ..Command::base(resetstat)
};

fn resetstat(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.reset_stats(cx.now_ms());
    cx.reply.ok();
    Ok(())
}

const REWRITE: Command = Command {
    name: "REWRITE",
    group: Group::Server,
    since: "2.8.0",
    summary: "Writes the options in force to the configuration file.",
    complexity: "O(1)",
    flags: &[Admin, NoScript, Loading, Stale],
    // The configuration has a lock of its own; nobody else waits for the disk.
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("CONFIG REWRITE", "(error) ERR The server is running without a config file"),
        (
            "CONFIG REWRITE all",
            "(error) ERR wrong number of arguments for 'config|rewrite' command",
        ),
    ],
    ..Command::base(rewrite)
};

fn rewrite(cx: &mut Cx<'_>) -> CmdResult {
    let written = cx.engine.host.rewrite_config(&cx.engine.config());
    written.map_err(|reason| {
        cx.engine.host.log('#', &format!("CONFIG REWRITE failed: {reason}"));
        CmdError::text(format!("ERR {reason}"))
    })?;
    cx.engine.host.log('*', "CONFIG REWRITE executed with success.");
    cx.reply.ok();
    Ok(())
}

const HELP: Command = Command {
    name: "HELP",
    group: Group::Server,
    since: "5.0.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "CONFIG HELP x",
        "(error) ERR wrong number of arguments for 'config|help' command",
    )],
    ..Command::base(super::help)
};

#[cfg(test)]
mod tests {
    use testkit::TestServer;
    use testkit::transcript::printed;

    #[test]
    fn an_option_given_twice_changes_nothing() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        let reply = printed(&server.reply(&mut ann, "CONFIG SET maxmemory 1mb maxmemory 2mb"));
        assert!(reply.ends_with("duplicate parameter"), "{reply}");
        assert_eq!(server.engine.config().int(::config::id::MAXMEMORY), 0);
    }

    #[test]
    fn an_effect_that_cannot_be_had_takes_all_options_back() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        *server.host.refuses.lock().expect("the test's own host") = Some(::config::id::PORT);
        let reply = printed(&server.reply(&mut ann, "CONFIG SET hz 50 port 7000 maxmemory 1gb"));
        assert!(reply.ends_with("(possibly related to argument 'port') - not today"), "{reply}");
        let config = server.engine.config();
        let values = [::config::id::HZ, ::config::id::PORT, ::config::id::MAXMEMORY];
        assert_eq!(values.map(|id| config.int(id)), [10, 6379, 0]);
        assert_eq!(server.engine.settings.hz.load(std::sync::atomic::Ordering::Relaxed), 10);
    }

    #[test]
    fn a_small_maxmemory_is_logged() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "CONFIG SET maxmemory 1");
        let log = server.host.log.lock().expect("the test's own log");
        assert!(log.iter().any(|line| line.starts_with("# maxmemory is now 1 bytes")), "{log:?}");
    }

    #[test]
    fn a_new_password_does_not_lock_out_who_is_connected() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "CONFIG SET requirepass secret");
        assert!(ann.client.authenticated);
        let mut bob = server.connect();
        let reply = printed(&server.reply(&mut bob, "CONFIG GET requirepass"));
        assert!(reply.starts_with("(error) NOAUTH"), "{reply}");
    }

    #[test]
    fn resetstat_forgets_errors_and_counts_itself() {
        let mut server = TestServer::new(2);
        let mut ann = server.connect();
        server.reply(&mut ann, "NOPE");
        assert_eq!(server.engine.errors.total(), 1);
        server.reply(&mut ann, "CONFIG RESETSTAT");
        assert_eq!(server.engine.errors.total(), 0);
        assert_eq!(server.engine.total(|w| w.commands.get()), 1);
    }
}
