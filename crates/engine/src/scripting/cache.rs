//! The scripts that EVALSHA finds.
//!
//! ```text
//!   by_name: sha ─► place        entries: [ script, before, after ]   those of EVAL in a ring,
//!                                          the longest unused first behind the ring's own place 0
//! ```
//!
//! # Invariants
//!
//! (1) The ring holds those scripts that only EVAL has named, at most [`EVAL_SCRIPTS_MAX`].

use std::sync::Arc;

use script::Flags;

use super::Sha;
use super::declared::Verdict;
use super::sha::BySha;

/// Scripts of EVAL that are remembered.
const EVAL_SCRIPTS_MAX: usize = 500;

#[derive(Clone)]
pub(super) struct Known {
    pub(super) source: Arc<[u8]>,
    pub(super) flags: Flags,
    /// Where its code begins.
    pub(super) code_at: usize,
    pub(super) verdict: Arc<Verdict>,
}

struct Entry {
    sha: Sha,
    /// None of place 0, and of those that are free.
    known: Option<Known>,
    /// Neighbours in the ring; itself if it is in none.
    before: u32,
    after: u32,
}

pub(super) struct Cache {
    by_name: BySha<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    evals: usize,
    source_bytes: usize,
}

impl Default for Cache {
    fn default() -> Cache {
        let ring = Entry { sha: [0; 40], known: None, before: 0, after: 0 };
        Cache {
            by_name: BySha::default(),
            entries: vec![ring],
            free: Vec::new(),
            evals: 0,
            source_bytes: 0,
        }
    }
}

impl Cache {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.source_bytes + self.len() * (size_of::<Entry>() + size_of::<(Sha, u32)>())
    }

    pub(super) fn get(&self, sha: &Sha) -> Option<&Known> {
        self.entries[*self.by_name.get(sha)? as usize].known.as_ref()
    }

    /// Where a script is.
    pub(super) fn place(&self, sha: &Sha) -> Option<u32> {
        self.by_name.get(sha).copied()
    }

    /// The script there counts as used.
    pub(super) fn use_now(&mut self, place: u32) {
        if self.is_in_ring(place) {
            self.unlink(place);
            self.link(place);
        }
    }

    /// Whether there is such a script. Unless EVAL names it, it is kept from now on.
    pub(super) fn name_again(&mut self, sha: &Sha, by_eval: bool) -> bool {
        let Some(&place) = self.by_name.get(sha) else { return false };
        if !by_eval && self.is_in_ring(place) {
            self.unlink(place);
            self.evals -= 1;
        }
        true
    }

    /// Remembers a script that is not there yet; the one that is forgotten for it.
    /// `was_used`: whether one that seems long unused was run since somebody asked.
    pub(super) fn insert(
        &mut self,
        sha: Sha,
        known: Known,
        by_eval: bool,
        was_used: impl Fn(&Sha) -> bool,
    ) -> Option<Sha> {
        let is_full = by_eval && self.evals == EVAL_SCRIPTS_MAX;
        let evicted = is_full.then(|| self.forget_oldest(was_used));
        self.source_bytes += known.source.len();
        let place = self.free.pop().unwrap_or(self.entries.len() as u32);
        let entry = Entry { sha, known: Some(known), before: place, after: place };
        if place as usize == self.entries.len() {
            self.entries.push(entry);
        } else {
            self.entries[place as usize] = entry;
        }
        self.by_name.insert(sha, place);
        if by_eval {
            self.link(place);
            self.evals += 1;
        }
        evicted
    }

    fn forget_oldest(&mut self, was_used: impl Fn(&Sha) -> bool) -> Sha {
        let mut place = self.entries[0].after;
        while was_used(&self.entries[place as usize].sha) {
            self.unlink(place);
            self.link(place);
            place = self.entries[0].after;
        }
        self.unlink(place);
        self.evals -= 1;
        self.free.push(place);
        let entry = &mut self.entries[place as usize];
        let known = entry.known.take().expect("what is in the ring is a script");
        self.source_bytes -= known.source.len();
        let sha = entry.sha;
        self.by_name.remove(&sha);
        sha
    }

    fn is_in_ring(&self, place: u32) -> bool {
        self.entries[place as usize].after != place
    }

    /// Puts it where the last used one is.
    fn link(&mut self, place: u32) {
        let last = self.entries[0].before;
        let entry = &mut self.entries[place as usize];
        (entry.before, entry.after) = (last, 0);
        self.entries[last as usize].after = place;
        self.entries[0].before = place;
    }

    fn unlink(&mut self, place: u32) {
        let Entry { before, after, .. } = self.entries[place as usize];
        self.entries[before as usize].after = after;
        self.entries[after as usize].before = before;
        let entry = &mut self.entries[place as usize];
        (entry.before, entry.after) = (place, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(n: usize) -> Sha {
        super::super::sha_of(n.to_string().as_bytes())
    }

    fn known(n: usize) -> Known {
        Known {
            source: vec![b'x'; n].into(),
            flags: Flags::COMPATIBLE,
            code_at: 0,
            verdict: Arc::default(),
        }
    }

    #[test]
    fn the_longest_unused_of_eval_goes_and_what_was_loaded_stays() {
        let mut cache = Cache::default();
        assert_eq!(cache.insert(sha(0), known(0), false, |_| false), None);
        for n in 1..=EVAL_SCRIPTS_MAX {
            assert_eq!(cache.insert(sha(n), known(n), true, |_| false), None);
        }
        // 1 is used, 2 is loaded by name: 3 is the oldest.
        cache.use_now(cache.place(&sha(1)).expect("it is there"));
        assert!(cache.name_again(&sha(2), false));
        assert_eq!(cache.insert(sha(1000), known(7), true, |_| false), None, "2 made room for it");
        assert_eq!(cache.insert(sha(1001), known(7), true, |_| false), Some(sha(3)));
        assert_eq!(cache.insert(sha(1002), known(7), true, |_| false), Some(sha(4)));
        assert!(cache.get(&sha(3)).is_none() && !cache.name_again(&sha(4), true));
        for kept in [0, 1, 2, 5, 1000, 1001, 1002] {
            assert!(cache.get(&sha(kept)).is_some(), "{kept}");
        }
        assert_eq!(cache.len(), EVAL_SCRIPTS_MAX + 2);
        let bytes: usize = (0..=EVAL_SCRIPTS_MAX).sum::<usize>() - 3 - 4 + 3 * 7;
        assert_eq!(cache.source_bytes, bytes);
    }
}
