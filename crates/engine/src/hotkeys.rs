//! HOTKEYS: which keys take the most time and the most bytes, while somebody wants to know.
//!
//! ```text
//!   command ran ─► session on? ── no ──► nothing
//!                     │ yes: commands run one by one (attention.rs)
//!                     ▼
//!   drawn, one in SAMPLE? ─► each of its keys gets its share ─► by time  ┐ Heaviest: the keys
//!                            of the microseconds and the bytes  by bytes ┘ that weigh most
//! ```
//!
//! [`Heaviest`] is a summary of fixed size (Space-Saving): a key that is not known takes the place
//! of the lightest, and inherits its weight as its error. What is told of a key is its weight less
//! its error, so never too much; while there are fewer keys than places it is exact.
//!
//! # Invariants
//!
//! (1) Without a session the reason [`Reason::HotKeys`] is not set, and commands look no further.
//! (2) A summary holds at most [`KEYS_MAX`] keys, none longer than [`KEY_BYTES_MAX`].
//! (3) `by_weight` has exactly the keys of `known`, each at its present weight.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use base::random::Random;
use command::table::Entry;
use resp::Args;
use smallvec::SmallVec;

use crate::attention::Reason;
use crate::cx::Handler;
use crate::engine::Engine;

/// Keys that a summary holds: far more than are ever told of, for accuracy.
const KEYS_MAX: usize = 1024;
/// Longer keys count in the totals only.
const KEY_BYTES_MAX: usize = 64 * 1024;

/// What HOTKEYS START asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    pub by_time: bool,
    pub by_bytes: bool,
    /// Keys to tell of.
    pub count: usize,
    /// None: until it is stopped.
    pub duration_ms: Option<i64>,
    /// One command in so many is looked at.
    pub sample: u64,
}

/// Microseconds of the process, in its code and in the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    pub user_us: u64,
    pub system_us: u64,
}

/// A session, under way or stopped.
pub struct Session {
    pub wish: Wish,
    pub started_ms: i64,
    stopped: Option<(i64, CpuTime)>,
    cpu_at_start: CpuTime,
    /// Of all commands with keys.
    all_ticks: u64,
    pub all_bytes: u64,
    by_time: Heaviest,
    by_bytes: Heaviest,
    /// Draws the commands that are looked at.
    random: Random,
}

/// A key and what it weighs.
pub type Weighed = (Arc<[u8]>, u64);

impl Session {
    pub fn begin(wish: Wish, now_ms: i64, cpu: CpuTime, random: Random) -> Session {
        Session {
            wish,
            started_ms: now_ms,
            stopped: None,
            cpu_at_start: cpu,
            all_ticks: 0,
            all_bytes: 0,
            by_time: Heaviest::default(),
            by_bytes: Heaviest::default(),
            random,
        }
    }

    pub fn is_active(&self) -> bool {
        self.stopped.is_none()
    }

    /// Whether its time has passed while it was under way.
    fn is_due(&self, now_ms: i64) -> bool {
        let ends_ms = self.wish.duration_ms.map(|ms| self.started_ms.saturating_add(ms));
        self.is_active() && ends_ms.is_some_and(|ends_ms| now_ms >= ends_ms)
    }

    fn stop(&mut self, now_ms: i64, cpu: CpuTime) {
        self.stopped.get_or_insert((now_ms, cpu));
    }

    /// A command ran. Every key of it gets an equal share.
    fn add(&mut self, keys: &[&[u8]], ticks: u64, bytes: u64, is_drawn: bool) {
        self.all_ticks += ticks;
        self.all_bytes += bytes;
        let count = keys.len() as u64;
        for key in keys.iter().filter(|key| is_drawn && key.len() <= KEY_BYTES_MAX) {
            if self.wish.by_time {
                self.by_time.add(key, ticks / count);
            }
            if self.wish.by_bytes {
                self.by_bytes.add(key, bytes / count);
            }
        }
    }

    pub fn duration_ms(&self, now_ms: i64) -> i64 {
        self.stopped.map_or(now_ms, |(at_ms, _)| at_ms) - self.started_ms
    }

    /// What the process used since the start; `now` if it is under way.
    pub fn cpu(&self, now: CpuTime) -> CpuTime {
        let end = self.stopped.map_or(now, |(_, cpu)| cpu);
        CpuTime {
            user_us: end.user_us.saturating_sub(self.cpu_at_start.user_us),
            system_us: end.system_us.saturating_sub(self.cpu_at_start.system_us),
        }
    }

    pub fn all_us(&self) -> u64 {
        store::ticks::to_us(self.all_ticks)
    }

    /// Keys and their microseconds, the most first.
    pub fn by_time(&self) -> Vec<Weighed> {
        let mut list = self.by_time.list(self.wish.count);
        list.iter_mut().for_each(|(_, weight)| *weight = store::ticks::to_us(*weight));
        list
    }

    /// Keys and their bytes, the most first.
    pub fn by_bytes(&self) -> Vec<Weighed> {
        self.by_bytes.list(self.wish.count)
    }
}

/// A key's place in a summary.
#[derive(Clone, Copy, Debug)]
struct Place {
    weight: u64,
    /// What it may have inherited.
    error: u64,
    /// Makes equal weights differ.
    number: u64,
}

/// The keys that weigh most.
#[derive(Default)]
struct Heaviest {
    known: HashMap<Arc<[u8]>, Place>,
    /// The lightest first (3).
    by_weight: BTreeMap<(u64, u64), Arc<[u8]>>,
    next_number: u64,
}

impl Heaviest {
    fn add(&mut self, key: &[u8], weight: u64) {
        if let Some(place) = self.known.get_mut(key) {
            let name = self.by_weight.remove(&(place.weight, place.number));
            place.weight += weight;
            let name = name.expect("a known key stands at its weight");
            self.by_weight.insert((place.weight, place.number), name);
            return;
        }
        let mut error = 0;
        if self.known.len() == KEYS_MAX {
            let ((lightest, _), name) = self.by_weight.pop_first().expect("it is full");
            self.known.remove(&name);
            error = lightest;
        }
        let place = Place { weight: error + weight, error, number: self.next_number };
        self.next_number += 1;
        let name: Arc<[u8]> = key.into();
        self.by_weight.insert((place.weight, place.number), name.clone());
        self.known.insert(name, place);
    }

    fn list(&self, count: usize) -> Vec<Weighed> {
        let sure = |place: &Place| place.weight - place.error;
        let mut list: Vec<Weighed> =
            self.known.iter().map(|(key, place)| (key.clone(), sure(place))).collect();
        list.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        list.truncate(count);
        list
    }
}

/// The session, if one was started and not forgotten.
#[derive(Default)]
pub struct HotKeys(Mutex<Option<Session>>);

impl HotKeys {
    pub fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.0.lock().expect("nobody panics holding the hot keys")
    }
}

impl Engine {
    /// Begins a session in place of any that was stopped.
    pub fn start_hot_keys(&self, wish: Wish, now_ms: i64) {
        let session = Session::begin(wish, now_ms, self.cpu_time(), self.new_random());
        *self.hot_keys.session() = Some(session);
        self.settings.attention.set(Reason::HotKeys, true);
    }

    /// Ends the session under way; false if there is none.
    pub fn stop_hot_keys(&self, now_ms: i64) -> bool {
        let mut session = self.hot_keys.session();
        let Some(session) = session.as_mut().filter(|session| session.is_active()) else {
            return false;
        };
        session.stop(now_ms, self.cpu_time());
        self.settings.attention.set(Reason::HotKeys, false);
        true
    }

    /// Ends it if its time has passed.
    pub fn end_hot_keys_in_time(&self, now_ms: i64) {
        if self.settings.attention.has(Reason::HotKeys) {
            let is_due = self.hot_keys.session().as_ref().is_some_and(|s| s.is_due(now_ms));
            if is_due {
                self.stop_hot_keys(now_ms);
            }
        }
    }

    /// A command ran that took so many ticks and bytes.
    #[cold]
    pub(crate) fn weigh_keys(
        &self,
        entry: &Entry<Handler>,
        args: Args<'_>,
        ticks: u64,
        bytes: usize,
    ) {
        let mut keys: SmallVec<[&[u8]; 16]> = SmallVec::new();
        entry.for_each_key(args.len(), |i| args.at(i), |index| keys.push(args.at(index)));
        if keys.is_empty() {
            return;
        }
        let mut session = self.hot_keys.session();
        let Some(session) = session.as_mut().filter(|session| session.is_active()) else { return };
        let is_drawn = session.random.below(session.wish.sample) == 0;
        session.add(&keys, ticks, bytes as u64, is_drawn);
    }

    /// As the host tells it.
    pub fn cpu_time(&self) -> CpuTime {
        let facts = self.host.facts();
        let us = |field: &str| {
            let fact = facts.iter().find(|(_, name, _)| *name == field);
            let seconds: f64 = fact.and_then(|(.., text)| text.parse().ok()).unwrap_or(0.0);
            (seconds * 1e6) as u64
        };
        CpuTime { user_us: us("used_cpu_user"), system_us: us("used_cpu_sys") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(heaviest: &Heaviest) {
        assert!(heaviest.known.len() <= KEYS_MAX);
        assert_eq!(heaviest.known.len(), heaviest.by_weight.len());
        for (key, place) in &heaviest.known {
            assert_eq!(heaviest.by_weight.get(&(place.weight, place.number)), Some(key));
            assert!(place.error <= place.weight);
        }
    }

    fn names(list: &[Weighed]) -> Vec<String> {
        list.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
    }

    #[test]
    fn few_keys_are_weighed_exactly() {
        let mut heaviest = Heaviest::default();
        for (key, weight) in [("a", 5), ("b", 7), ("a", 3), ("c", 0), ("b", 2)] {
            heaviest.add(key.as_bytes(), weight);
            check(&heaviest);
        }
        let list = heaviest.list(10);
        assert_eq!(names(&list), ["b", "a", "c"]);
        assert_eq!(list.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(), [9, 8, 0]);
        assert_eq!(names(&heaviest.list(1)), ["b"]);
    }

    #[test]
    fn among_many_keys_the_hot_ones_are_found_and_never_overstated() {
        let mut heaviest = Heaviest::default();
        let mut random = Random::from_seed(17);
        let mut truth: HashMap<Vec<u8>, u64> = HashMap::new();
        for _ in 0..200_000 {
            // Ten keys take half of all, a hundred thousand share the rest.
            let key = match random.below(2) {
                0 => format!("hot{}", random.below(10)),
                _ => format!("cold{}", random.below(100_000)),
            };
            heaviest.add(key.as_bytes(), 3);
            *truth.entry(key.into_bytes()).or_default() += 3;
        }
        check(&heaviest);
        let list = heaviest.list(10);
        assert!(names(&list).iter().all(|name| name.starts_with("hot")), "{list:?}");
        for (key, weight) in &list {
            let truth = truth[&key[..]];
            assert!(*weight <= truth && *weight * 10 > truth * 9, "{weight} of {truth}");
        }
    }

    #[test]
    fn a_session_shares_among_keys_and_keeps_to_its_time() {
        let wish =
            Wish { by_time: false, by_bytes: true, count: 10, duration_ms: Some(1000), sample: 1 };
        let begun = CpuTime { user_us: 50, system_us: 5 };
        let mut session = Session::begin(wish, 10_000, begun, Random::from_seed(1));
        session.add(&[b"a", b"b"], 100, 64, true);
        session.add(&[b"a"], 100, 10, true);
        session.add(&[b"c"], 100, 1000, false);
        session.add(&[&[b'x'; KEY_BYTES_MAX + 1]], 100, 1, true);
        assert_eq!(names(&session.by_bytes()), ["a", "b"]);
        assert_eq!(session.by_bytes()[0].1, 42);
        assert_eq!(session.all_bytes, 64 + 10 + 1000 + 1);
        assert!(session.by_time().is_empty());
        assert!(!session.is_due(10_999) && session.is_due(11_000));
        session.stop(11_000, CpuTime { user_us: 70, system_us: 6 });
        session.stop(20_000, CpuTime::default());
        assert!(!session.is_active() && !session.is_due(30_000));
        assert_eq!(session.duration_ms(30_000), 1000);
        assert_eq!(session.cpu(CpuTime::default()), CpuTime { user_us: 20, system_us: 1 });
    }
}
