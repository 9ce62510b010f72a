//! MODULE: Ochre loads no modules, and says so in Redis's words.

use command::declare::Flag::{Admin, Loading, NoAsyncLoading, NoScript, Stale};
use command::declare::{Group, Lock, many, opt, text};
use config::id;
use engine::{CmdError, CmdResult, Command, Cx};

pub(super) const MODULE: Command = Command {
    name: "MODULE",
    group: Group::Server,
    since: "4.0.0",
    summary: "Tells which modules are loaded: none, ever.",
    complexity: "Depends on the subcommand.",
    subcommands: &[HELP, LIST, LOAD, LOADEX, UNLOAD],
    examples: &[
        ("MODULE NOPE", "(error) ERR unknown subcommand 'NOPE'. Try MODULE HELP."),
        ("MODULE", "(error) ERR wrong number of arguments for 'module' command"),
    ],
    ..Command::base(super::container)
};

/// What an example prints where `enable-module-command` is off.
const NOT_ALLOWED: &str = "(error) ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";

const fn sub(handler: engine::Handler) -> Command {
    Command {
        group: Group::Server,
        since: "4.0.0",
        flags: &[Admin, NoScript, NoAsyncLoading],
        lock: Some(Lock::Local),
        ..Command::base(handler)
    }
}

const HELP: Command = Command {
    name: "HELP",
    since: "5.0.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    examples: &[(
        "MODULE HELP x",
        "(error) ERR wrong number of arguments for 'module|help' command",
    )],
    ..sub(super::help)
};

const LIST: Command = Command {
    name: "LIST",
    summary: "Lists the modules that are loaded.",
    complexity: "O(1)",
    flags: &[Admin, NoScript],
    tips: &["nondeterministic_output_order"],
    examples: &[
        ("MODULE LIST", "(empty array)"),
        ("MODULE LIST x", "(error) ERR wrong number of arguments for 'module|list' command"),
    ],
    ..sub(list)
};

fn list(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.array(0);
    Ok(())
}

const LOAD: Command = Command {
    name: "LOAD",
    summary: "Refuses to load a module.",
    complexity: "O(1)",
    args: &[text("path"), opt(many(text("arg")))],
    examples: &[
        ("MODULE LOAD /tmp/module.so", NOT_ALLOWED),
        ("MODULE LOAD", "(error) ERR wrong number of arguments for 'module|load' command"),
    ],
    ..sub(load)
};

const LOADEX: Command = Command {
    name: "LOADEX",
    since: "7.0.0",
    summary: "Refuses to load a module with options.",
    complexity: "O(1)",
    args: &[text("path"), opt(many(text("arg")))],
    examples: &[
        ("MODULE LOADEX /tmp/module.so CONFIG a b", NOT_ALLOWED),
        ("MODULE LOADEX", "(error) ERR wrong number of arguments for 'module|loadex' command"),
    ],
    ..sub(load)
};

/// `enable-module-command` says who may try; what they get is Redis's answer to a module that does
/// not load.
fn load(cx: &mut Cx<'_>) -> CmdResult {
    require_allowed(cx)?;
    let path = String::from_utf8_lossy(cx.arg(2)).into_owned();
    cx.engine.host.log('#', &format!("Module {path} failed to load: Ochre loads no modules"));
    Err(CmdError::MODULE_NOT_LOADED)
}

const UNLOAD: Command = Command {
    name: "UNLOAD",
    summary: "Finds no module to unload.",
    complexity: "O(1)",
    args: &[text("name")],
    examples: &[
        ("MODULE UNLOAD vectors", NOT_ALLOWED),
        ("MODULE UNLOAD", "(error) ERR wrong number of arguments for 'module|unload' command"),
    ],
    ..sub(unload)
};

fn unload(cx: &mut Cx<'_>) -> CmdResult {
    require_allowed(cx)?;
    Err(CmdError::NO_SUCH_MODULE)
}

fn require_allowed(cx: &Cx<'_>) -> CmdResult {
    match cx.engine.config().allows(id::ENABLE_MODULE_COMMAND, cx.client.is_local()) {
        true => Ok(()),
        false => Err(CmdError::MODULE_NOT_ALLOWED),
    }
}

#[cfg(test)]
mod tests {
    use config::{Config, id};
    use resp::Value;
    use testkit::TestServer;

    #[test]
    fn whoever_may_load_modules_is_told_that_none_is_loaded() {
        let mut config = Config::new(&config::Host { cores: 1, dir: "/".into() });
        config.record(id::ENABLE_MODULE_COMMAND, &[b"yes"]).expect("a choice of this option");
        let mut server = TestServer::with_config(1, config);
        let mut ann = server.connect();
        for (call, expected) in [
            (
                "MODULE LOAD /m.so 1",
                "ERR Error loading the extension. Please check the server logs.",
            ),
            (
                "MODULE LOADEX /m.so",
                "ERR Error loading the extension. Please check the server logs.",
            ),
            ("MODULE UNLOAD m", "ERR Error unloading module: no such module with that name"),
        ] {
            assert_eq!(server.reply(&mut ann, call), Value::Error(expected.into()), "{call}");
        }
    }
}
