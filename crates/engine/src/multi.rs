//! MULTI, EXEC and DISCARD: commands queued on the client and run in one piece.
//!
//! EXEC owns the world while it runs (its lock class says so), so nothing comes in between. What
//! its commands leave enters the journal as one range, inside MULTI and EXEC.

use command::declare::Flag;
use command::table::{CommandId, Entry};
use resp::{ArgBuf, Args};

use crate::call::call_nested;
use crate::client::Client;
use crate::cx::{Cx, Handler};
use crate::error::{CmdError, CmdResult};

/// A transaction under way.
#[derive(Default)]
pub struct Multi {
    commands: Vec<(CommandId, ArgBuf)>,
    args_bytes: usize,
    /// A command was refused while queueing: EXEC will run nothing.
    pub(crate) aborted: bool,
}

impl Multi {
    /// Bytes held by the queue.
    pub fn bytes(&self) -> usize {
        size_of::<Multi>()
            + self.commands.len() * size_of::<(CommandId, ArgBuf)>()
            + self.args_bytes
    }

    pub fn len(&self) -> usize {
        self.commands.len()
    }

    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

/// Whether the client is in a transaction and this command does not act on it.
pub(crate) fn queues(client: &Client, entry: &Entry<Handler>) -> bool {
    const AT_ONCE: &[&str] = &["exec", "discard", "multi", "watch", "quit", "reset"];
    client.multi.is_some() && !AT_ONCE.contains(&&*entry.full_name)
}

pub(crate) fn queue(client: &mut Client, id: CommandId, args: Args<'_>) {
    let multi = client.multi.as_mut().expect("callers checked that a transaction is under way");
    if !multi.aborted {
        let args = ArgBuf::from(args);
        multi.args_bytes += args.allocated_bytes();
        multi.commands.push((id, args));
    }
}

/// An EXEC that is refused ends the transaction, and says so whatever the reason was.
pub(crate) fn refused(client: &mut Client, entry: &Entry<Handler>, error: CmdError) -> CmdError {
    if &*entry.full_name != "exec" {
        return error;
    }
    client.multi = None;
    CmdError::exec_refused(&error)
}

/// The handler of MULTI.
pub fn multi(cx: &mut Cx<'_>) -> CmdResult {
    if cx.client.multi.is_some() {
        return Err(CmdError::NESTED_MULTI);
    }
    cx.client.multi = Some(Box::default());
    cx.reply.ok();
    Ok(())
}

/// The handler of DISCARD.
pub fn discard(cx: &mut Cx<'_>) -> CmdResult {
    cx.client.multi.take().ok_or(CmdError::DISCARD_WITHOUT_MULTI)?;
    cx.reply.ok();
    Ok(())
}

/// The handler of EXEC.
pub fn exec(cx: &mut Cx<'_>) -> CmdResult {
    let multi = cx.client.multi.take().ok_or(CmdError::EXEC_WITHOUT_MULTI)?;
    if multi.aborted {
        return Err(CmdError::EXEC_ABORT);
    }
    cx.reply.array(multi.commands.len());
    for (id, args) in &multi.commands {
        if cx.engine.table.get(*id).has(Flag::NoMulti) {
            // Refused while queueing; a renamed command could still slip through.
            cx.reply.error(CmdError::NOT_IN_MULTI.0.as_bytes());
            continue;
        }
        call_nested(cx, *id, args.as_args());
    }
    // The queued commands have said what to repeat; EXEC itself adds nothing.
    cx.db.effects.propagate_nothing();
    Ok(())
}
