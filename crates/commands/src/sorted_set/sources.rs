//! What ZUNION, ZINTER and ZDIFF take: sorted sets, and sets, whose members all score 1.

use engine::{CmdError, Cx};
use store::value::{Set, SortedSetRef};
use store::{CollectionType, Key, ValueRef, View};
use structures::listpack::TextBuffer;

/// One of the inputs. A key that is not there is an empty one.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Absent,
    Set(<Set as CollectionType>::Ref<'a>),
    Sorted(SortedSetRef<'a>),
}

/// The score of each member of a set.
const SET_SCORE: f64 = 1.0;

/// Looks the keys up, in order, and refuses those of other types.
pub(super) fn look_up(cx: &mut Cx<'_>, keys: &[Key<'_>]) -> Result<(), CmdError> {
    for key in keys {
        if let Some(record) = cx.db.read(*key) {
            match record.value() {
                ValueRef::Set(_) | ValueRef::SortedSet(_) => {}
                _ => return Err(CmdError::WRONG_TYPE),
            }
        }
    }
    Ok(())
}

impl<'a> Source<'a> {
    /// What a key holds that was looked up before.
    pub(super) fn held(db: &'a engine::Db<'_>, key: Key<'_>) -> Source<'a> {
        match db.held(key).map(|record| record.value()) {
            Some(ValueRef::Set(set)) => Source::Set(set),
            Some(ValueRef::SortedSet(set)) => Source::Sorted(set),
            _ => Source::Absent,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Source::Absent => 0,
            Source::Set(set) => View::len(set),
            Source::Sorted(set) => set.len(),
        }
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Absent => None,
            Source::Set(set) => set.contains(member).then_some(SET_SCORE),
            Source::Sorted(set) => set.score(member),
        }
    }

    /// Hands members and scores to `f` until it says false.
    pub(super) fn for_each(&self, mut f: impl FnMut(&[u8], f64) -> bool) {
        match self {
            Source::Absent => {}
            Source::Set(set) => {
                let mut buffer = TextBuffer::new();
                let _ = set.iter().all(|member| f(member.text(&mut buffer), SET_SCORE));
            }
            Source::Sorted(set) => {
                let mut buffer = TextBuffer::new();
                let _ = set.iter().all(|pair| f(pair.member.text(&mut buffer), pair.score()));
            }
        }
    }
}
