//! A command that a script calls: looked up, refused or run as a nested call, with what the script
//! holds.

use std::sync::atomic::Ordering::Relaxed;

use acl::log::Context;
use command::declare::Flag;
use resp::{ArgBuf, Protocol};
use script::Caller;

use crate::call::call_within;
use crate::cx::Cx;
use crate::error::CmdError;
use crate::late::{Lateness, ScriptName};
use crate::permission::{Attempt, describe};
use crate::scripting::declared::Keeping;

/// What a script may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rights {
    pub(crate) read_only: bool,
    /// Memory is short: commands that take some are refused, until the first that writes.
    pub(crate) refuses_memory: bool,
}

/// Whoever runs a script, to the script.
pub(crate) struct ScriptCaller<'c, 'a> {
    cx: &'c mut Cx<'a>,
    rights: Rights,
    has_written: bool,
    lateness: Lateness<'c>,
    keeping: Option<Keeping<'c>>,
    /// `redis.set_repl`; 0: what it does is not repeated.
    targets: u8,
}

const ALL_TARGETS: u8 = 3;
/// A command that takes longer, some tens of microseconds, is followed by a look at the clock.
const LONG_TICKS: u64 = 1 << 17;

impl<'c, 'a> ScriptCaller<'c, 'a> {
    pub(crate) fn new(
        cx: &'c mut Cx<'a>,
        name: ScriptName<'c>,
        rights: Rights,
        keeping: Option<Keeping<'c>>,
    ) -> ScriptCaller<'c, 'a> {
        let lateness = Lateness::begin(name);
        cx.db.effects.script_us = Some(0);
        ScriptCaller { cx, rights, has_written: false, lateness, keeping, targets: ALL_TARGETS }
    }

    /// The script has ended. Whether all of it was undone, and it is to run again.
    pub(crate) fn end(self) -> bool {
        self.cx.db.effects.script_us = None;
        self.lateness.end(self.cx.engine);
        if self.cx.engine.shutting_down.load(Relaxed) && self.lateness.is_late() {
            // SHUTDOWN NOSAVE has ended it halfway: nothing of it shall stay.
            self.cx.db.effects.forget();
        }
        self.keeping.is_some_and(|keeping| keeping.end(self.cx))
    }

    /// Whether it shall end, once others have been served if it is late.
    fn look(&mut self) -> bool {
        if let Some(keeping) = self.keeping.as_mut().filter(|keeping| keeping.is_declared()) {
            return keeping.shall_end();
        }
        self.lateness.look(self.cx, self.has_written)
            || (!self.has_written && self.cx.engine.host.shall_end())
    }

    /// Why the command is not run; counted.
    fn refuse(&self, id: Option<command::table::CommandId>, why: &str) -> String {
        let code = match why.strip_prefix('-') {
            Some(coded) => coded.split(' ').next().unwrap_or("ERR"),
            None => "ERR",
        };
        self.cx.engine.errors.count(code);
        if let Some(id) = id {
            self.cx.db.stats.per_command[id.index()].rejected.add(1);
        }
        why.to_owned()
    }
}

impl Caller for ScriptCaller<'_, '_> {
    fn call(
        &mut self,
        words: &ArgBuf,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let engine = self.cx.engine;
        let args = words.as_args();
        let Some(id) = engine.table.lookup_call(args.len(), |i| args.at(i)) else {
            return Err(self.refuse(None, "Unknown Redis command called from script"));
        };
        let entry = engine.table.get(id);
        if !entry.arity_allows(args.len()) {
            let why = "Wrong number of args calling Redis command from script";
            return Err(self.refuse(Some(id), why));
        }
        if entry.has(Flag::NoScript) && !engine.scripts_call_all.load(Relaxed) {
            let why = "This Redis command is not allowed from script";
            return Err(self.refuse(Some(id), why));
        }
        if self.cx.client.is_restricted() {
            let attempt = Attempt {
                entry,
                args,
                db: self.cx.client.db,
                context: Context::Script,
                worker: self.cx.worker,
                now_ms: self.cx.now_ms(),
            };
            if let Err(denied) = engine.permit(self.cx.client, &attempt) {
                let user = self.cx.client.restricted_user().expect("only they are refused");
                let why = describe(user, entry, denied, None);
                return Err(self.refuse(Some(id), &format!("-NOPERM ACL failure in script: {why}")));
            }
        }
        let writes = entry.has(Flag::Write);
        if self.rights.read_only && (writes || entry.has(Flag::MayReplicate)) {
            let why = "Write commands are not allowed from read-only scripts.";
            return Err(self.refuse(Some(id), why));
        }
        if writes
            && !self.has_written
            && let Some(why) = engine.cannot_keep_changes()
        {
            return Err(self.refuse(Some(id), &format!("-{}", why.0)));
        }
        if self.rights.refuses_memory && !self.has_written && entry.has(Flag::DenyOom) {
            return Err(self.refuse(Some(id), &format!("-{}", CmdError::OOM.0)));
        }
        if let Some(keeping) = &mut self.keeping
            && !keeping.may_call(self.cx, entry, args)
        {
            return Err("The script is run again".to_owned());
        }
        self.has_written |= writes;
        let before = self.cx.db.effects.count();
        let mark = self.cx.db.effects.mark();
        let ticks = call_within(self.cx, id, args, Some((out, protocol)));
        if self.targets == 0 {
            self.cx.db.effects.take_back(mark);
        }
        if writes && let Some(keeping) = &mut self.keeping {
            keeping.wrote(self.cx, before);
        }
        if ticks > LONG_TICKS {
            // Many of these may come before the script is interrupted.
            self.look();
        }
        Ok(())
    }

    fn may_run(&mut self, words: &ArgBuf) -> Option<bool> {
        let engine = self.cx.engine;
        let args = words.as_args();
        let id = engine.table.lookup_call(args.len(), |i| args.at(i))?;
        let entry = engine.table.get(id);
        let Some(user) = self.cx.client.restricted_user() else { return Some(true) };
        Some(self.cx.try_as(user, entry, args).is_ok())
    }

    fn set_repl(&mut self, targets: u8) {
        self.keeping.as_mut().map(Keeping::breaks);
        self.targets = targets;
    }

    fn log(&mut self, level: u8, text: &[u8]) {
        if self.keeping.as_mut().is_some_and(Keeping::breaks) {
            return;
        }
        let level = ['.', '-', '*', '#'][usize::from(level.min(3))];
        self.cx.engine.host.log(level, &String::from_utf8_lossy(text));
    }

    fn interrupt(&mut self) -> bool {
        self.look()
    }

    fn is_pressing(&self) -> bool {
        // Others wait for its rounds: they must not depend on when a thread gets a core.
        self.lateness.is_late()
    }
}
