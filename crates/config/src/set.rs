//! CONFIG SET: several options or none.
//!
//! ```text
//!   pairs ──► plan_set ──► Plan ──► commit ──► Changed ──► the server makes it true
//!               │                                │
//!               └─► SetError: nothing changed    └─► rollback, if it cannot
//! ```
//!
//! Everything that can be known to be wrong is refused while planning, so `commit` cannot fail.
//! What only the world can refuse (a port in use, a directory that is not there) the server finds
//! out after `commit`; it then gives the `Changed` back to `rollback` and answers
//! [`SetError::Failed`].

use std::fmt;

use crate::id;
use crate::option::{Change, OptId};
use crate::options;
use crate::value::{Refusal, Value};
use crate::values::Config;

/// Who sets, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetBy {
    /// The client is on this machine (`enable-protected-configs local`).
    pub is_local: bool,
    /// A data set is being loaded.
    pub is_loading: bool,
}

/// Why nothing was set. Its text is Redis's, without the code `ERR`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetError {
    /// No such option.
    Unknown {
        name: Vec<u8>,
    },
    /// An option that cannot change while a data set is loaded: answer with `-LOADING`.
    Loading,
    Failed {
        name: Vec<u8>,
        refusal: Refusal,
    },
}

impl SetError {
    /// What the server answers when an effect could not be had; `refusal` says why.
    pub fn failed(id: OptId, refusal: impl Into<Refusal>) -> SetError {
        SetError::Failed { name: id.opt().name.into(), refusal: refusal.into() }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        match self {
            SetError::Unknown { name } => {
                write!(f, "Unknown option or number of arguments for CONFIG SET - '{}'", text(name))
            }
            SetError::Loading => f.write_str("Redis is loading the dataset in memory"),
            SetError::Failed { name, refusal } => write!(
                f,
                "CONFIG SET failed (possibly related to argument '{}') - {refusal}",
                text(name)
            ),
        }
    }
}

impl std::error::Error for SetError {}

/// New values, checked, not yet in force.
#[derive(Debug)]
pub struct Plan {
    values: Vec<(OptId, Value)>,
}

/// What a commit changed, and what it takes to undo it.
#[derive(Debug)]
pub struct Changed {
    old: Vec<(OptId, Value)>,
}

impl Changed {
    /// Options whose effect must be brought about, in the order the client named them. An option
    /// set to the value it had is not among them, unless it is volatile.
    pub fn ids(&self) -> impl Iterator<Item = OptId> + '_ {
        self.old.iter().map(|(id, _)| *id)
    }

    pub fn contains(&self, id: OptId) -> bool {
        self.ids().any(|changed| changed == id)
    }
}

impl Config {
    /// Checks `name, value` pairs. Errors come in Redis's order: of the names, the first that is
    /// wrong in any way; then, of the values, the first.
    pub fn plan_set(&self, pairs: &[(&[u8], &[u8])], by: SetBy) -> Result<Plan, SetError> {
        let mut named: Vec<(OptId, &'static str, &[u8])> = Vec::with_capacity(pairs.len());
        for (name, text) in pairs {
            let Some((id, spelling)) = options::lookup(name) else {
                return Err(SetError::Unknown { name: name.to_vec() });
            };
            self.may_set(id, name, by)?;
            if named.iter().any(|(other, ..)| *other == id) {
                return Err(refused(name, "duplicate parameter"));
            }
            named.push((id, spelling, text));
        }
        let mut values = Vec::with_capacity(named.len());
        for (id, spelling, text) in named {
            let args: Vec<&[u8]> = match id.opt().kind.is_multi() {
                true => text.split(|c| *c == b' ').collect(),
                false => vec![text],
            };
            let value = self
                .parse(id, &args)
                .map_err(|refusal| SetError::Failed { name: spelling.into(), refusal })?;
            values.push((id, value));
        }
        Ok(Plan { values })
    }

    fn may_set(&self, id: OptId, name: &[u8], by: SetBy) -> Result<(), SetError> {
        let opt = id.opt();
        match opt.change {
            Change::AtStart => return Err(refused(name, "can't set immutable config")),
            Change::Protected if !self.allows(id::ENABLE_PROTECTED_CONFIGS, by.is_local) => {
                return Err(refused(name, "can't set protected config"));
            }
            Change::Anytime | Change::Protected => {}
        }
        if by.is_loading && opt.denies_loading { Err(SetError::Loading) } else { Ok(()) }
    }

    /// Does an option of `no`, `yes` and `local` allow something to a client that `is_local`?
    /// Serves `enable-protected-configs`, `enable-debug-command` and `enable-module-command`.
    pub fn allows(&self, id: OptId, is_local: bool) -> bool {
        match self.choice(id) {
            "yes" => true,
            "local" => is_local,
            _ => false,
        }
    }

    /// Puts a plan in force.
    pub fn commit(&mut self, plan: Plan) -> Changed {
        let mut old = Vec::new();
        for (id, value) in plan.values {
            let before = std::mem::replace(&mut self.values[id.index()], value);
            if before != self.values[id.index()] || id.opt().is_volatile {
                old.push((id, before));
            }
        }
        Changed { old }
    }

    /// Undoes a commit. The caller brings about the effects of the same options again.
    pub fn rollback(&mut self, changed: Changed) {
        for (id, before) in changed.old {
            self.values[id.index()] = before;
        }
    }
}

fn refused(name: &[u8], refusal: &'static str) -> SetError {
    SetError::Failed { name: name.to_vec(), refusal: refusal.into() }
}
