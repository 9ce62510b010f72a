//! What all containers share: CONFIG, CLIENT, COMMAND and whatever else has subcommands.

use engine::{CmdError, CmdResult, Cx};

/// The handler of a container. The table finds subcommands; only a call without one, which its
/// arity refuses, could get here.
pub(crate) fn container(cx: &mut Cx<'_>) -> CmdResult {
    Err(CmdError::wrong_arity(cx.name()))
}

/// The handler of HELP, of whatever container it stands in.
pub(crate) fn help(cx: &mut Cx<'_>) -> CmdResult {
    let container = cx.entry.parent.expect("HELP is a subcommand");
    let lines = command::help::help_lines(cx.engine.table.get(container).decl);
    cx.reply.array(lines.len());
    lines.iter().for_each(|line| cx.reply.simple(line));
    Ok(())
}
