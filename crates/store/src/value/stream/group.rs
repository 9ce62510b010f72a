//! A consumer group: how far it has read, and what it was given and has not acknowledged.
//!
//! ```text
//!   pending     ID ─► delivered when, how often, to whom        CountedTree, ordered by ID
//!   consumers   each with the IDs that are pending at it        CountedTree of IDs
//!   by_time     when, ID                                        made when it is first needed
//! ```
//!
//! An entry that was *released* (XNACK) is pending at nobody and waits for whoever claims first.
//! Released entries come before all others, in the order in which they were released: in the place
//! of a time of delivery they have the number of their turn, below all times.
//!
//! # Invariants
//!
//! (1) An entry that is pending at a consumer is among that consumer's IDs, and the other way
//!     round.
//! (2) `released` counts the entries that are pending at nobody; only their times are turns.
//! (3) If it exists, `by_time` has the time and ID of each pending entry.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use structures::btree::{CountedTree, Item, Position};
use structures::packed::Invalid;

use super::consumers::{Consumer, ConsumerNumber, Consumers};
use super::id::StreamId;

/// No consumer has this number.
const NOBODY: u32 = u32::MAX;
/// Deliveries are not counted beyond this.
pub const DELIVERIES_MAX: u64 = i64::MAX as u64;

#[derive(Clone)]
pub struct Group {
    name: Box<[u8]>,
    /// The last ID that was delivered to a consumer.
    pub last_id: StreamId,
    /// Entries read, as far as this is known.
    pub entries_read: Option<u64>,
    pub consumers: Consumers,
    pending: CountedTree<Pending>,
    by_time: Option<BTreeSet<(i64, StreamId)>>,
    released: u64,
    next_turn: i64,
}

#[derive(Clone, Copy)]
struct Pending {
    id: StreamId,
    /// Unix milliseconds, or the turn of a released entry.
    time: i64,
    deliveries: u64,
    owner: u32,
}

impl Item for Pending {
    type Key = StreamId;
    const UNIT: bool = true;

    fn key(&self) -> StreamId {
        self.id
    }
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy)]
pub struct PendingRef<'a> {
    pub id: StreamId,
    /// When it was last delivered, in Unix milliseconds; 0 if it was released since.
    pub delivered_ms: i64,
    pub deliveries: u64,
    /// To whom; nobody if it was released since.
    pub owner: Option<&'a Consumer>,
}

impl PendingRef<'_> {
    /// Milliseconds since it was delivered.
    pub fn idle_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.delivered_ms)
    }

    /// Whether a claim that asks for this idle time gets it. Released entries go to anyone.
    pub fn is_idle(&self, min_idle_ms: i64, now_ms: i64) -> bool {
        self.owner.is_none() || min_idle_ms == 0 || self.idle_ms(now_ms) >= min_idle_ms
    }
}

/// What a claim or a release does to the number of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deliveries {
    Same,
    More,
    Fewer,
    Exactly(u64),
}

impl Deliveries {
    fn of(self, before: u64) -> u64 {
        match self {
            Deliveries::Same => before,
            Deliveries::More if before >= DELIVERIES_MAX => before,
            Deliveries::More => before + 1,
            Deliveries::Fewer => before.saturating_sub(1),
            Deliveries::Exactly(count) => count,
        }
    }
}

impl Group {
    pub(super) fn new(name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> Group {
        Group {
            name: name.into(),
            last_id,
            entries_read,
            consumers: Consumers::default(),
            pending: CountedTree::new(),
            by_time: None,
            released: 0,
            next_turn: i64::MIN,
        }
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Entries that were delivered and not acknowledged.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Those of them that were released.
    pub fn released_len(&self) -> u64 {
        self.released
    }

    pub fn pending(&self, id: StreamId) -> Option<PendingRef<'_>> {
        let position = self.find(id)?;
        self.pending.at(position).map(|pending| self.show(pending))
    }

    /// Pending entries in the order of their IDs.
    pub fn pending_range(
        &self,
        ids: RangeInclusive<StreamId>,
    ) -> impl DoubleEndedIterator<Item = PendingRef<'_>> {
        let (from, to) = ids.into_inner();
        let start = self.pending.partition_point(|id| id < from);
        let end = self.pending.partition_point(|id| id <= to);
        self.pending.range(start, end).map(|pending| self.show(pending))
    }

    /// Pending entries that were delivered up to a moment, those first that have waited longest.
    pub fn pending_since(&mut self, until_ms: i64) -> impl Iterator<Item = PendingRef<'_>> {
        if self.by_time.is_none() {
            self.by_time = Some(self.pending.iter().map(|p| (p.time, p.id)).collect());
        }
        let this = &*self;
        let by_time = this.by_time.as_ref().expect("it was just made");
        by_time.range(..=(until_ms, StreamId::MAX)).filter_map(|&(_, id)| this.pending(id))
    }

    fn show(&self, pending: &Pending) -> PendingRef<'_> {
        let owner =
            (pending.owner != NOBODY).then(|| self.consumers.get(ConsumerNumber(pending.owner)));
        PendingRef {
            id: pending.id,
            delivered_ms: if owner.is_some() { pending.time } else { 0 },
            deliveries: pending.deliveries,
            owner,
        }
    }

    /// Gives an entry to a consumer for the first time, or anew after the group was set back.
    pub fn deliver(&mut self, id: StreamId, to: ConsumerNumber, now_ms: i64) {
        let owner = to.0;
        match self.pending.search(|other| other.cmp(&id)) {
            Ok(position) => {
                self.reassign(position, owner, now_ms, Deliveries::Exactly(1));
            }
            Err(gap) => self.add(gap, Pending { id, time: now_ms, deliveries: 1, owner }),
        }
        self.consumers.get_mut(to).active_ms = Some(now_ms);
    }

    /// Gives an entry that is pending, or with `force` any, to a consumer; false if it is not.
    pub fn claim(
        &mut self,
        id: StreamId,
        to: ConsumerNumber,
        at_ms: i64,
        deliveries: Deliveries,
        force: bool,
    ) -> bool {
        match self.pending.search(|other| other.cmp(&id)) {
            Ok(position) => self.reassign(position, to.0, at_ms, deliveries),
            Err(gap) if force => {
                let deliveries = deliveries.of(1);
                self.add(gap, Pending { id, time: at_ms, deliveries, owner: to.0 });
            }
            Err(_) => return false,
        }
        true
    }

    /// Shows a consumer an entry of its own again.
    pub fn redeliver(&mut self, id: StreamId, now_ms: i64) {
        if let Some(position) = self.find(id) {
            let owner = self.pending.at(position).expect("it was found").owner;
            assert!(owner != NOBODY, "it is the consumer's own");
            self.reassign(position, owner, now_ms, Deliveries::More);
        }
    }

    /// Releases a pending entry: it waits for another consumer. With `force` an entry that is not
    /// pending becomes so. False if it is neither.
    pub fn release(&mut self, id: StreamId, deliveries: Deliveries, force: bool) -> bool {
        let turn = self.next_turn;
        match self.pending.search(|other| other.cmp(&id)) {
            Ok(position) => self.reassign(position, NOBODY, turn, deliveries),
            Err(gap) if force => {
                let deliveries = deliveries.of(0);
                self.add(gap, Pending { id, time: turn, deliveries, owner: NOBODY });
            }
            Err(_) => return false,
        }
        self.next_turn += 1;
        true
    }

    /// Forgets that an entry is pending; false if it is not.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(position) = self.find(id) else { return false };
        let pending = self.pending.remove(position);
        self.leave(&pending);
        true
    }

    /// Removes a consumer, and forgets that entries are pending at it; gives how many.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let number = self.consumers.find(name)?;
        let gone = self.consumers.remove(number);
        for id in gone.pending.iter() {
            let position = self.find(*id).expect("(1)");
            let pending = self.pending.remove(position);
            if let Some(by_time) = &mut self.by_time {
                by_time.remove(&(pending.time, pending.id));
            }
        }
        Some(gone.pending.len())
    }

    // ---- keeping the three together --------------------------------------------------------

    fn find(&self, id: StreamId) -> Option<Position> {
        self.pending.search(|other| other.cmp(&id)).ok()
    }

    fn add(&mut self, gap: Position, pending: Pending) {
        self.pending.insert(gap, pending);
        self.join(&pending);
    }

    fn reassign(&mut self, position: Position, owner: u32, time: i64, deliveries: Deliveries) {
        let (before, after) = self.pending.update(position, |pending| {
            let before = *pending;
            pending.owner = owner;
            pending.time = time;
            pending.deliveries = deliveries.of(before.deliveries);
            (before, *pending)
        });
        if before.owner == owner && self.by_time.is_none() && owner != NOBODY {
            return;
        }
        self.leave(&before);
        self.join(&after);
    }

    /// Enters an entry into all but `pending`.
    fn join(&mut self, pending: &Pending) {
        match pending.owner {
            NOBODY => self.released += 1,
            owner => self.consumers.get_mut(ConsumerNumber(owner)).owns(pending.id),
        }
        if let Some(by_time) = &mut self.by_time {
            by_time.insert((pending.time, pending.id));
        }
    }

    /// Takes an entry out of all but `pending`.
    fn leave(&mut self, pending: &Pending) {
        match pending.owner {
            NOBODY => self.released -= 1,
            owner => self.consumers.get_mut(ConsumerNumber(owner)).disowns(pending.id),
        }
        if let Some(by_time) = &mut self.by_time {
            by_time.remove(&(pending.time, pending.id));
        }
    }

    // ---- groups from outside ---------------------------------------------------------------

    /// Adds a pending entry behind all others. It is pending at nobody until [`Group::load_owner`]
    /// says at whom.
    pub fn load_pending(
        &mut self,
        id: StreamId,
        delivered_ms: i64,
        deliveries: u64,
    ) -> Result<(), Invalid> {
        if self.pending.last().is_some_and(|last| last.id >= id) {
            return Err(Invalid("pending entries that do not ascend"));
        }
        self.released += 1;
        // A time below zero would be a turn.
        let time = delivered_ms.max(0);
        self.pending.push_back(Pending { id, time, deliveries, owner: NOBODY });
        Ok(())
    }

    /// Says at whom an entry is pending. IDs of a consumer ascend.
    pub fn load_owner(&mut self, id: StreamId, owner: ConsumerNumber) -> Result<(), Invalid> {
        let position =
            self.find(id).ok_or(Invalid("a consumer with an entry that is not pending"))?;
        if self.pending.at(position).expect("it was found").owner != NOBODY {
            return Err(Invalid("an entry that is pending at two consumers"));
        }
        self.pending.update(position, |pending| pending.owner = owner.0);
        self.consumers.get_mut(owner).owns(id);
        self.released -= 1;
        Ok(())
    }

    /// Releases, in the order of their turns, entries that are pending at nobody.
    pub fn load_released(&mut self, ids: impl Iterator<Item = StreamId>) -> Result<(), Invalid> {
        for id in ids {
            let known = self.pending(id).is_some_and(|pending| pending.owner.is_none());
            if !known || !self.release(id, Deliveries::Same, false) {
                return Err(Invalid("a released entry that is not pending at nobody"));
            }
        }
        Ok(())
    }

    /// Whether everything that is pending at nobody was released: the end of loading.
    pub fn check_loaded(&self) -> Result<(), Invalid> {
        let turns = self.pending.iter().filter(|p| p.owner == NOBODY && p.time < 0).count();
        if self.released == turns as u64 {
            return Ok(());
        }
        Err(Invalid("an entry that is pending at nobody"))
    }

    /// IDs of released entries in the order of their turns.
    pub fn released(&self) -> Vec<StreamId> {
        let mut turns: Vec<_> = self.pending.iter().filter(|p| p.owner == NOBODY).collect();
        turns.sort_unstable_by_key(|pending| pending.time);
        turns.iter().map(|pending| pending.id).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        let by_time = self.by_time.as_ref().map_or(0, |set| set.len() * 32);
        size_of::<Group>()
            + self.name.len()
            + self.pending.bytes()
            + self.consumers.bytes()
            + by_time
    }

    /// Panics if an invariant is broken.
    pub fn check(&self) {
        self.pending.check(|a, b| a.id < b.id);
        let mut owned = 0;
        for consumer in self.consumers.iter() {
            consumer.pending.check(|a, b| a < b);
            owned += consumer.pending.len();
            for id in consumer.pending.iter() {
                let owner = self.pending(*id).and_then(|pending| pending.owner);
                assert!(owner.is_some_and(|owner| owner.name() == consumer.name()), "(1)");
            }
        }
        let released = self.pending.iter().filter(|p| p.owner == NOBODY).count();
        assert_eq!((owned + released, released as u64), (self.pending.len(), self.released), "(2)");
        assert!(self.pending.iter().all(|p| (p.owner == NOBODY) == (p.time < 0)), "(2)");
        if let Some(by_time) = &self.by_time {
            let times = self.pending.iter().all(|p| by_time.contains(&(p.time, p.id)));
            assert!(times && by_time.len() == self.pending.len(), "(3)");
        }
    }
}
