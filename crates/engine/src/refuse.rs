//! The ordered list of reasons to refuse a command before it runs.
//!
//! The order is Redis's and clients can see it: an unknown command is reported before a missing
//! password, a missing password before anything about memory. Each reason is one small function;
//! the list is data. A command on the plain path skips the list: it is authenticated or needs no
//! password, may do anything, is in no transaction, and carries no flag that any reason looks at.

use std::sync::atomic::Ordering::Relaxed;

use command::declare::Flag;
use command::table::Entry;
use resp::{Args, Protocol};

use crate::client::Client;
use crate::cx::Handler;
use crate::engine::Engine;
use crate::error::CmdError;
use crate::permission::{Attempt, no_permission};

/// What a reason may look at.
pub(crate) struct Request<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) client: &'a mut Client,
    pub(crate) entry: &'a Entry<Handler>,
    pub(crate) args: Args<'a>,
    pub(crate) worker: usize,
    pub(crate) now_ms: i64,
    /// Memory is short and nothing is left to evict.
    pub(crate) out_of_memory: bool,
}

type Reason = fn(&mut Request<'_>) -> Option<CmdError>;

const REASONS: &[(&str, Reason)] = &[
    ("arity", arity),
    ("authentication", authentication),
    ("inside a transaction", no_multi),
    ("permission", permission),
    ("out of memory", out_of_memory),
    ("could not save", could_not_save),
    ("the log cannot be written", log_is_broken),
    ("only listens", only_listens),
    ("loading", loading),
    ("busy", busy),
];

pub(crate) fn refuse(request: &mut Request<'_>) -> Option<CmdError> {
    REASONS.iter().find_map(|(_, reason)| reason(request))
}

fn arity(r: &mut Request<'_>) -> Option<CmdError> {
    (!r.entry.arity_allows(r.args.len())).then(|| CmdError::wrong_arity(&r.entry.full_name))
}

fn authentication(r: &mut Request<'_>) -> Option<CmdError> {
    let needed = r.engine.settings.password_required.load(Relaxed)
        && !r.client.authenticated
        && !r.entry.has(Flag::NoAuth);
    needed.then_some(CmdError::NO_AUTH)
}

fn permission(r: &mut Request<'_>) -> Option<CmdError> {
    let context = if r.client.multi.is_some() {
        acl::log::Context::Multi
    } else {
        acl::log::Context::TopLevel
    };
    let attempt = Attempt {
        entry: r.entry,
        args: r.args,
        db: r.client.db,
        context,
        worker: r.worker,
        now_ms: r.now_ms,
    };
    let denied = r.engine.permit(r.client, &attempt).err()?;
    let user = r.client.restricted_user().expect("only who is restricted is refused");
    Some(no_permission(user, r.entry, denied))
}

/// What else may be said on a connection of RESP2 that has subscribed: it cannot tell replies from
/// messages.
fn only_listens(r: &mut Request<'_>) -> Option<CmdError> {
    const ALLOWED: &[&str] = &[
        "ping",
        "subscribe",
        "unsubscribe",
        "psubscribe",
        "punsubscribe",
        "ssubscribe",
        "sunsubscribe",
        "quit",
        "reset",
    ];
    let listens = r.client.protocol == Protocol::Resp2 && r.client.subscriptions.is_some();
    let refused = listens && !ALLOWED.contains(&&*r.entry.full_name);
    refused.then(|| CmdError::only_listens(&r.entry.full_name))
}

/// EXEC takes memory if one of its commands does.
fn out_of_memory(r: &mut Request<'_>) -> Option<CmdError> {
    let takes_memory = || {
        let multi = r.client.multi.as_ref().filter(|_| &*r.entry.full_name == "exec");
        r.entry.has(Flag::DenyOom) || multi.is_some_and(|multi| multi.takes_memory)
    };
    (r.out_of_memory && takes_memory()).then_some(CmdError::OOM)
}

/// Whether it is refused when changes cannot be kept. EXEC writes if one of its commands does.
fn writes(r: &Request<'_>) -> bool {
    let name = &*r.entry.full_name;
    match (&r.client.multi, name) {
        (Some(multi), "exec") => multi.writes,
        _ => r.entry.has(Flag::Write) || name == "ping",
    }
}

impl Engine {
    /// Why nothing may be changed now, if so: changes that the disk does not take would be lost.
    pub(crate) fn cannot_keep_changes(&self) -> Option<CmdError> {
        if self.aof.is_broken() {
            return Some(CmdError::aof_broken(&self.aof.why_broken()));
        }
        let may_refuse = self.settings.attention.has(crate::attention::Reason::Refusing);
        (may_refuse && self.refuses_writes()).then_some(CmdError::MISCONF)
    }
}

fn could_not_save(r: &mut Request<'_>) -> Option<CmdError> {
    (writes(r) && r.engine.refuses_writes()).then_some(CmdError::MISCONF)
}

/// Changes that the disk does not take would be lost. EXEC is refused as a whole, as when one of
/// its commands had been refused.
fn log_is_broken(r: &mut Request<'_>) -> Option<CmdError> {
    let is_refused = r.engine.aof.is_broken() && writes(r);
    is_refused.then(|| CmdError::aof_broken(&r.engine.aof.why_broken()))
}

fn loading(r: &mut Request<'_>) -> Option<CmdError> {
    let refused = r.engine.persistence.is_loading() && !r.entry.has(Flag::Loading);
    refused.then_some(CmdError::LOADING)
}

/// Asked of those only who are served while a script is late.
fn busy(r: &mut Request<'_>) -> Option<CmdError> {
    r.engine.late.error().filter(|_| !r.entry.has(Flag::AllowBusy))
}

fn no_multi(r: &mut Request<'_>) -> Option<CmdError> {
    (r.client.multi.is_some() && r.entry.has(Flag::NoMulti)).then_some(CmdError::NOT_IN_MULTI)
}
