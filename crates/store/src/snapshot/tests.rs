//! Random writers between the steps of random sweeps.

use std::collections::BTreeMap;

use base::random::Random;

use super::*;
use crate::shard::{Expire, NewValue};
use crate::value::list::NodeRef;
use crate::value::stream::{self, NewId};
use crate::value::{
    CollectionType, End, FieldExpire, Hash, Limits, List, OwnedValue, Set, SortedSet, Stream,
};
use crate::{Key, StrRef, ValueRef, View};

/// What it has, in order if there is one, and when it expires.
type Entry = (Vec<String>, Option<i64>);
type Contents = BTreeMap<(usize, Vec<u8>), Entry>;

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn field_text(name: &[u8], value: &[u8], expire_ms: Option<i64>) -> String {
    format!("{}={} until {expire_ms:?}", string(name), string(value))
}

fn scored_text(member: &[u8], score: f64) -> String {
    format!("{}: {score}", string(member))
}

fn add_node(node: NodeRef<'_>, all: &mut Vec<String>) {
    match node {
        NodeRef::Packed(pack) => all.extend(pack.iter().map(|element| string(&element.to_vec()))),
        NodeRef::Plain(element) => all.push(string(element)),
    }
}

fn add_entries(node: stream::Node<'_>, all: &mut Vec<String>) {
    all.push(format!("{:?} {:?}", node.first(), node.to_redis()));
}

fn parts(record: &Record<'_>) -> Vec<String> {
    let mut all = Vec::new();
    match record.value() {
        ValueRef::String(StrRef::Int(n)) => all.push(n.to_string()),
        ValueRef::String(StrRef::Bytes(bytes)) => all.push(string(bytes)),
        ValueRef::Hash(hash) => {
            all.extend(hash.iter().map(|field| {
                field_text(&field.name.to_vec(), &field.value.to_vec(), field.expire_ms)
            }))
        }
        ValueRef::Set(set) => all.extend(set.iter().map(|member| string(&member.to_vec()))),
        ValueRef::SortedSet(set) => {
            all.extend(set.iter().map(|pair| scored_text(&pair.member.to_vec(), pair.score())));
        }
        ValueRef::List(list) => list.nodes().for_each(|node| add_node(node, &mut all)),
        ValueRef::Stream(stream) => stream.log.nodes().for_each(|node| add_entries(node, &mut all)),
    }
    if has_no_order(record) {
        all.sort_unstable();
    }
    all
}

fn has_no_order(record: &Record<'_>) -> bool {
    !matches!(record.value(), ValueRef::List(_) | ValueRef::Stream(_))
}

#[derive(Default)]
struct Taken {
    contents: Mutex<Contents>,
    /// The key of which pieces have come, and not the last.
    under_way: Mutex<Option<Vec<u8>>>,
    in_pieces: Mutex<usize>,
}

impl Taken {
    fn put(&self, db: usize, key: &[u8], entry: Entry) {
        let twice = self.contents.lock().unwrap().insert((db, key.to_vec()), entry);
        assert!(twice.is_none(), "a record was handed over twice");
    }
}

#[derive(Clone)]
struct Into(Arc<Taken>);

impl Sink for Into {
    fn take(&self, db: usize, record: Record<'_>) -> usize {
        self.0.put(db, record.key(), (parts(&record), record.expire_ms()));
        100
    }

    fn pieces_from_bytes(&self) -> usize {
        600
    }

    fn begin(&self, db: usize, record: Record<'_>) -> Box<dyn Pieces> {
        Box::new(InPieces {
            into: self.clone(),
            db,
            key: record.key().to_vec(),
            entry: (Vec::new(), record.expire_ms()),
            has_no_order: has_no_order(&record),
        })
    }
}

struct InPieces {
    into: Into,
    db: usize,
    key: Vec<u8>,
    entry: Entry,
    has_no_order: bool,
}

impl Pieces for InPieces {
    fn add(&mut self, part: Part<'_>) -> usize {
        let all = &mut self.entry.0;
        match part {
            Part::Member(member) => all.push(string(member)),
            Part::Field(field) => {
                all.push(field_text(field.member(), field.value(), field.expire_ms()));
            }
            Part::Scored(member, score) => all.push(scored_text(member, score)),
            Part::Node(node) => add_node(node, all),
            Part::Entries(node) => add_entries(node, all),
        }
        20
    }

    fn send(&mut self, is_last: bool) {
        let taken = &self.into.0;
        let mut under_way = taken.under_way.lock().unwrap();
        let before = under_way.replace(self.key.clone());
        assert!(before.is_none_or(|key| key == self.key), "(5) one value after the other");
        if is_last {
            *under_way = None;
            *taken.in_pieces.lock().unwrap() += 1;
            if self.has_no_order {
                self.entry.0.sort_unstable();
            }
            taken.put(self.db, &self.key, std::mem::take(&mut self.entry));
        }
    }
}

struct Nobody;

impl crate::keyspace::Wake for Nobody {
    fn wake(&self, _: usize) {}
}

const DBS: usize = 3;
const NOW_MS: i64 = 1_000_000;

fn contents(keyspace: &Keyspace) -> Contents {
    let mut all = Contents::new();
    for shard in 0..keyspace.shard_count() {
        for (db, part) in keyspace.lock(shard).dbs.iter().enumerate() {
            part.check();
            part.for_each(|record| {
                let entry = (parts(&record), record.expire_ms());
                all.insert((db, record.key().to_vec()), entry);
            });
        }
    }
    all
}

fn limits() -> Limits {
    Limits {
        hash_entries_max: 8,
        set_listpack_entries_max: 8,
        set_intset_entries_max: 8,
        zset_entries_max: 8,
        list_node_size: 4,
        stream_node_entries_max: 3,
        ..Limits::default()
    }
}

/// A few elements more or less, in a value of any type.
fn change_value(
    part: &mut DbShard,
    slot: structures::table::Slot,
    key: Key<'_>,
    random: &mut Random,
) {
    let limits = limits();
    let member = random.below(60).to_string().into_bytes();
    let (removes, score) = (random.below(3) == 0, random.below(5) as f64);
    match part.record(slot).value() {
        ValueRef::Hash(_) => {
            _ = part.edit::<Hash, _>(slot, key, |hash| match random.below(5) {
                0 | 1 => _ = hash.remove(&member),
                2 => _ = hash.set_expire_ms(&member, Some(NOW_MS - 20 + random.below(100) as i64)),
                _ => {
                    _ = hash.set(&limits, &member, score.to_string().as_bytes(), FieldExpire::Clear)
                }
            })
        }
        ValueRef::Set(_) => {
            _ = part.edit::<Set, _>(slot, key, |set| match random.below(9) {
                0 => {
                    let count = random.below(set.view().len() as u64) as usize;
                    set.pop(count, &limits, || random.next_u64(), |_| {});
                }
                1..4 => _ = set.remove(&member),
                _ => _ = set.add(&member, &limits),
            })
        }
        ValueRef::SortedSet(_) => {
            _ = part.edit::<SortedSet, _>(slot, key, |set| match removes {
                true => _ = set.remove(&member),
                false => _ = set.update(&member, &limits, |_| Some(score)),
            })
        }
        ValueRef::List(_) => {
            _ = part.edit::<List, _>(slot, key, |list| {
                let end = if random.below(2) == 0 { End::Head } else { End::Tail };
                let index = random.below(list.view().len() as u64) as usize;
                match random.below(6) {
                    0 => list.drop_end(end, index.min(5), &limits),
                    1 => _ = list.set(index, &member, &limits),
                    2 => _ = list.remove(&member, end, 2, &limits),
                    3 => _ = list.insert(&member, true, &member, &limits),
                    _ => list.push(end, &member, &limits),
                }
            })
        }
        ValueRef::Stream(_) => {
            _ = part.edit::<Stream, _>(slot, key, |stream| {
                let first = stream.log.first_id();
                match removes {
                    true => _ = stream.log.delete(first),
                    false => add_entry(stream, &member),
                }
            })
        }
        ValueRef::String(_) => {}
    }
}

fn add_entry(stream: &mut Stream, value: &[u8]) {
    let id = stream.log.new_id(NewId::Auto, 7).expect("there are more IDs");
    stream.log.append(id, [&b"field"[..], value].into_iter(), &limits());
}

/// A value of any type, small or large.
fn some_value(random: &mut Random) -> OwnedValue {
    let limits = limits();
    let most = if random.below(2) == 0 { 6 } else { 90 };
    let len = 1 + random.below(most);
    let texts = (0..len).map(|n| n.to_string().into_bytes());
    match random.below(5) {
        0 => {
            let mut hash = Hash::empty(&limits);
            texts.for_each(|text| _ = hash.set(&limits, &text, b"value", FieldExpire::Clear));
            OwnedValue::of(hash)
        }
        1 => {
            let mut set = Set::empty(&limits);
            texts.for_each(|text| _ = set.add(&text, &limits));
            OwnedValue::of(set)
        }
        2 => {
            let mut set = SortedSet::empty(&limits);
            texts.for_each(|text| _ = set.update(&text, &limits, |_| Some(text.len() as f64)));
            OwnedValue::of(set)
        }
        3 => {
            let mut list = List::empty(&limits);
            texts.for_each(|text| list.push(End::Tail, &text, &limits));
            OwnedValue::of(list)
        }
        _ => {
            let mut stream = Stream::empty(&limits);
            texts.for_each(|text| add_entry(&mut stream, &text));
            OwnedValue::of(stream)
        }
    }
}

fn write_something(keyspace: &Keyspace, random: &mut Random) {
    let name = random.below(800).to_string();
    let key: Key<'_> = keyspace.key(name.as_bytes());
    let shard = keyspace.shard_of(key.hash);
    let mut guard = keyspace.lock(shard);
    let part = &mut guard.dbs[random.below(DBS as u64) as usize];
    let slot = part.find(key);
    match (slot, random.below(9)) {
        (Some(slot), 0) => drop(part.remove(slot)),
        (Some(slot), 1) => {
            let (value, expire_ms, usage) = part.take(slot);
            let expire = expire_ms.map_or(Expire::Clear, Expire::At);
            let value = NewValue::Owned(value);
            // Elsewhere, as MOVE does.
            let part = &mut guard.dbs[random.below(DBS as u64) as usize];
            let slot = part.find(key);
            drop(part.set(slot, key, value, expire, usage));
        }
        (Some(slot), 2) => {
            let at = (random.below(3) > 0).then(|| NOW_MS - 50 + random.below(100) as i64);
            part.set_expire(slot, at);
        }
        (Some(slot), 3) if part.record(slot).string().is_some() => {
            part.string_resize(Some(slot), key, 10 + random.below(2000) as usize, 0).fill(b'r');
        }
        (Some(slot), 4..8) if part.record(slot).string().is_none() => {
            for _ in 0..1 + random.below(30) {
                if let Some(slot) = part.find(key) {
                    change_value(part, slot, key, random);
                }
            }
        }
        (slot, 6..9) => {
            let value = NewValue::Owned(some_value(random));
            drop(part.set(slot, key, value, Expire::Clear, 0));
        }
        (slot, _) => {
            let value = vec![b'v'; random.below(100) as usize];
            let expire = if random.below(3) == 0 { Expire::Keep } else { Expire::Clear };
            drop(part.set(slot, key, NewValue::Text(&value), expire, 0));
        }
    }
}

fn world_changes(keyspace: &Keyspace, random: &mut Random) {
    let (swaps, db) = (random.below(2) == 0, random.below(DBS as u64 - 1) as usize);
    for shard in 0..keyspace.shard_count() {
        let mut guard = keyspace.lock(shard);
        if swaps {
            let (head, tail) = guard.dbs.split_at_mut(db + 1);
            head[db].swap(&mut tail[0]);
        } else {
            drop(guard.dbs[db].detach(keyspace.shard_bits()));
        }
    }
}

fn expire_something(keyspace: &Keyspace, random: &mut Random) {
    let shard = random.below(keyspace.shard_count() as u64) as usize;
    let mut guard = keyspace.lock(shard);
    let part = &mut guard.dbs[random.below(DBS as u64) as usize];
    let (mut cursor, mut budget) = (0, 1000);
    part.expire_due(NOW_MS, &mut cursor, &mut budget, |gone| drop(gone));
}

/// Random writers between the steps of random sweeps; some are given up.
fn run(workers: usize, seed: u64) {
    let mut random = Random::from_seed(seed);
    let keyspace = Keyspace::new(workers, DBS, [3; 16], Box::new(Nobody));
    for _ in 0..1_500 {
        write_something(&keyspace, &mut random);
    }
    for round in 0..20 {
        let expected = contents(&keyspace);
        let taken = Arc::new(Taken::default());
        let snapshot = Snapshot::new(keyspace.shard_count(), Box::new(Into(Arc::clone(&taken))));
        for shard in 0..keyspace.shard_count() {
            snapshot.enter(shard, &mut keyspace.lock(shard));
        }
        let (every, cancels) = (1 + random.below(40), round % 7 == 6);
        while snapshot.sweep(&keyspace, random.below(20_000) as usize) != Sweep::Finished {
            for _ in 0..random.below(200) {
                write_something(&keyspace, &mut random);
            }
            expire_something(&keyspace, &mut random);
            if random.below(every) == 0 {
                world_changes(&keyspace, &mut random);
            }
            if cancels && random.below(10) == 0 {
                snapshot.cancel();
            }
        }
        contents(&keyspace);
        if !snapshot.is_cancelled() {
            let contents = taken.contents.lock().unwrap();
            assert!(*contents == expected, "seed {seed}, round {round}: not as at the cut");
            assert!(*taken.in_pieces.lock().unwrap() > 0, "some values are large");
        }
        assert_eq!(Arc::strong_count(&snapshot), 1, "nothing takes part any more");
    }
}

#[test]
fn what_is_taken_is_what_was_there_at_the_cut() {
    for seed in 0..2 {
        run(1, seed);
        run(4, 100 + seed);
    }
}

#[test]
fn a_snapshot_can_be_finished_while_the_gate_is_closed() {
    let mut random = Random::from_seed(5);
    let keyspace = Keyspace::new(2, DBS, [4; 16], Box::new(Nobody));
    for _ in 0..2_000 {
        write_something(&keyspace, &mut random);
    }
    let taken = Arc::new(Taken::default());
    let snapshot = Snapshot::new(keyspace.shard_count(), Box::new(Into(Arc::clone(&taken))));
    let expected = contents(&keyspace);
    for shard in 0..keyspace.shard_count() {
        snapshot.enter(shard, &mut keyspace.lock(shard));
    }
    snapshot.sweep(&keyspace, 10_000);
    world_changes(&keyspace, &mut random);
    snapshot.finish(|shard, sweep| sweep(&mut keyspace.lock(shard)));
    assert!(*taken.contents.lock().unwrap() == expected);
    assert_eq!(snapshot.sweep(&keyspace, 1), Sweep::Finished);
}
