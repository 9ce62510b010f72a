//! Files that are written while large values in them change.

use std::collections::BTreeMap;
use std::io::Cursor;

use base::random::Random;
use store::value::stream::NewId;
use store::value::{End as ListEnd, FieldExpire, Hash, List, Set, SortedSet, Stream};
use store::{
    CollectionType, DbShard, Expire, Key, Keyspace, Limits, NewValue, Snapshot, Sweep, ValueRef,
};

use super::*;
use crate::load::{Item, Loader, Terms};
use crate::save::{Head, SaveError, save};

struct Nobody;

impl store::keyspace::Wake for Nobody {
    fn wake(&self, _: usize) {}
}

const STYLE: Style = Style { version: None, compresses: true };
const ELEMENTS: u64 = 20_000;
const KEYS: [&[u8]; 5] = [b"hash", b"set", b"sorted set", b"list", b"stream"];

fn text(n: u64) -> Vec<u8> {
    format!("element {n}").into_bytes()
}

fn add(stream: &mut Stream, value: &[u8]) {
    let id = stream.log.new_id(NewId::Auto, 7).expect("there are more IDs");
    stream.log.append(id, [&b"field"[..], value].into_iter(), &Limits::default());
}

/// One large value of each type, and small ones in two databases.
fn filled() -> Keyspace {
    let keyspace = Keyspace::new(1, 2, [1; 16], Box::new(Nobody));
    let limits = Limits::default();
    let mut hash = Hash::empty(&limits);
    let mut set = Set::empty(&limits);
    let mut sorted = SortedSet::empty(&limits);
    let mut list = List::empty(&limits);
    let mut stream = Stream::empty(&limits);
    for n in 0..ELEMENTS {
        let text = text(n);
        hash.set(&limits, &text, &text, FieldExpire::Clear);
        if n.is_multiple_of(3) {
            hash.set_expire_ms(&text, Some(1 << 44 | n as i64));
        }
        set.add(&text, &limits);
        sorted.update(&text, &limits, |_| Some((n % 100) as f64));
        list.push(ListEnd::Tail, &text, &limits);
        add(&mut stream, &text);
    }
    stream.create_group(b"group", stream.log.last_id(), None);
    let mut guard = keyspace.lock(0);
    guard.dbs[0].insert(keyspace.key(KEYS[0]), hash, 0);
    guard.dbs[0].insert(keyspace.key(KEYS[1]), set, 0);
    guard.dbs[0].insert(keyspace.key(KEYS[2]), sorted, 0);
    guard.dbs[0].insert(keyspace.key(KEYS[3]), list, 0);
    guard.dbs[0].insert(keyspace.key(KEYS[4]), stream, 0);
    for n in 0..2_000 {
        let name = text(n);
        let value = NewValue::Text(&name);
        drop(guard.dbs[n as usize % 2].set(None, keyspace.key(&name), value, Expire::Clear, 0));
    }
    drop(guard);
    keyspace
}

/// A value as it is written whole, in order where it has none.
fn canonical(value: ValueRef<'_>) -> Vec<u8> {
    let mut texts: Vec<Vec<u8>> = match value {
        ValueRef::Hash(hash) => hash
            .iter()
            .map(|field| {
                let (name, value) = (field.name.to_vec(), field.value.to_vec());
                format!("{name:?} {value:?} {:?}", field.expire_ms).into_bytes()
            })
            .collect(),
        ValueRef::Set(set) => set.iter().map(|member| member.to_vec()).collect(),
        value => {
            let mut writer = Writer::new(false);
            encode::value(encode::kind(value, STYLE), value, &mut writer);
            return writer.into_bytes();
        }
    };
    texts.sort_unstable();
    texts.join(&b' ')
}

type Contents = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

fn contents(keyspace: &Keyspace) -> Contents {
    let (mut all, guard) = (Contents::new(), keyspace.lock(0));
    for (db, part) in guard.dbs.iter().enumerate() {
        part.check();
        part.for_each(|record| {
            all.insert((db, record.key().to_vec()), canonical(record.value()));
        });
    }
    all
}

fn change_large(part: &mut DbShard, key: Key<'_>, random: &mut Random) {
    let Some(slot) = part.find(key) else { return };
    let (limits, n) = (Limits::default(), random.below(2 * ELEMENTS));
    let (text, removes) = (text(n), random.below(2) == 0);
    match part.record(slot).value() {
        ValueRef::Hash(_) => {
            _ = part.edit::<Hash, _>(slot, key, |hash| match removes {
                true => hash.remove(&text),
                false => hash.set(&limits, &text, b"another value", FieldExpire::Clear),
            })
        }
        ValueRef::Set(_) => {
            _ = part.edit::<Set, _>(slot, key, |set| match removes {
                true => set.remove(&text),
                false => set.add(&text, &limits),
            })
        }
        ValueRef::SortedSet(_) => {
            _ = part.edit::<SortedSet, _>(slot, key, |set| match removes {
                true => _ = set.remove(&text),
                false => _ = set.update(&text, &limits, |_| Some(n as f64)),
            })
        }
        ValueRef::List(_) => {
            _ = part.edit::<List, _>(slot, key, |list| {
                list.set(n as usize / 4, b"another element", &limits);
                list.drop_end(ListEnd::Head, 20, &limits);
            })
        }
        ValueRef::Stream(_) => {
            _ = part.edit::<Stream, _>(slot, key, |stream| {
                stream.log.delete(stream.log.first_id());
                add(stream, &text);
            })
        }
        ValueRef::String(_) => {}
    }
}

fn loaded(file: &[u8]) -> Contents {
    let terms = Terms { limits: Limits::default(), checks_crc: true, any_version: false };
    let mut loader = Loader::new(file, terms).expect("it has a header");
    let scratch = Keyspace::new(1, 1, [2; 16], Box::new(Nobody));
    let (mut all, mut db) = (Contents::new(), 0);
    loop {
        match loader.item().expect("the file is whole") {
            Item::Select(number) => db = number,
            Item::Entry(entry) => {
                let key = scratch.key(&entry.key);
                let mut guard = scratch.lock(0);
                let value = NewValue::Owned(entry.value);
                drop(guard.dbs[0].set(None, key, value, Expire::Clear, 0));
                let slot = guard.dbs[0].find(key).expect("it was just stored");
                let value = canonical(guard.dbs[0].record(slot).value());
                let twice = all.insert((db, entry.key.clone()), value);
                assert!(twice.is_none(), "an entry stands in the file once");
                drop(guard.dbs[0].remove(slot));
            }
            Item::End => return all,
            _ => {}
        }
    }
}

/// Saves while `change` is called between the steps of the sweep.
fn saved(
    keyspace: &Keyspace,
    budget: usize,
    mut change: impl FnMut(&Keyspace, &Snapshot),
) -> Result<Vec<u8>, SaveError> {
    let feed = Arc::new(Feed::new(STYLE, None));
    let snapshot = Snapshot::new(1, Box::new(Arc::clone(&feed)));
    snapshot.enter(0, &mut keyspace.lock(0));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut out = Cursor::new(Vec::new());
            let head = Head { has_checksum: true, ..Head::default() };
            let written = save(&mut out, &head, &feed, |_, _| Ok(()))?;
            assert_eq!(written.bytes, out.get_ref().len() as u64);
            Ok(out.into_inner())
        });
        loop {
            match snapshot.sweep(keyspace, budget) {
                Sweep::Finished => break,
                Sweep::Waits => feed.wait_for_room(),
                Sweep::Unfinished => {}
            }
            change(keyspace, &snapshot);
        }
        snapshot.end();
        if snapshot.is_cancelled() {
            feed.end(End::Cancelled);
        }
        writer.join().expect("the thread that writes does not panic")
    })
}

#[test]
fn a_file_holds_large_values_as_they_were_at_the_cut() {
    for seed in 0..4 {
        let mut random = Random::from_seed(seed);
        let keyspace = filled();
        let expected = contents(&keyspace);
        let ends = random.below(2) == 0;
        let mut steps = 0;
        let file = saved(&keyspace, 2_000, |keyspace, _| {
            steps += 1;
            let mut guard = keyspace.lock(0);
            for _ in 0..20 {
                let key = keyspace.key(KEYS[random.below(5) as usize]);
                change_large(&mut guard.dbs[0], key, &mut random);
                let name = text(random.below(4_000));
                let (db, key) = (random.below(2) as usize, keyspace.key(&name));
                let slot = guard.dbs[db].find(key);
                drop(guard.dbs[db].set(slot, key, NewValue::Int(1), Expire::Clear, 0));
            }
            if ends && steps == 100 {
                for (n, key) in KEYS.iter().enumerate() {
                    let key = keyspace.key(key);
                    let Some(slot) = guard.dbs[0].find(key) else { continue };
                    match n % 2 {
                        0 => drop(guard.dbs[0].remove(slot)),
                        _ => {
                            let (value, _, _) = guard.dbs[0].take(slot);
                            let value = NewValue::Owned(value);
                            drop(guard.dbs[1].set(None, key, value, Expire::Clear, 0));
                        }
                    }
                }
            }
        });
        assert!(steps > 200, "large values are taken in pieces");
        let file = file.expect("a vector takes all");
        assert!(loaded(&file) == expected, "seed {seed}");
        contents(&keyspace);
    }
}

#[test]
fn a_save_that_is_cancelled_leaves_nothing_frozen() {
    let keyspace = filled();
    let mut random = Random::from_seed(7);
    let mut steps = 0;
    let outcome = saved(&keyspace, 2_000, |keyspace, snapshot| {
        steps += 1;
        let mut guard = keyspace.lock(0);
        for key in KEYS {
            change_large(&mut guard.dbs[0], keyspace.key(key), &mut random);
        }
        if steps == 60 {
            snapshot.cancel();
        }
    });
    assert!(matches!(outcome, Err(SaveError::Cancelled)));
    // The next one can be taken, and is whole.
    let expected = contents(&keyspace);
    let file = saved(&keyspace, 50_000, |_, _| {}).expect("a vector takes all");
    assert!(loaded(&file) == expected);
}
