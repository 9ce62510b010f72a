//! Streams against a plain list of entries.

use base::random::Random;

use super::*;

type Plain = (StreamId, Vec<(Vec<u8>, Vec<u8>)>);

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn limits(entries_max: usize) -> Limits {
    Limits { stream_node_entries_max: entries_max, ..Limits::default() }
}

fn add(stream: &mut Stream, id: StreamId, words: &[&str], limits: &Limits) {
    stream.log.append(id, words.iter().map(|word| word.as_bytes()), limits);
}

fn plain(entry: Entry<'_>) -> Plain {
    (entry.id, entry.pairs().map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
}

fn ids(stream: &Stream) -> Vec<StreamId> {
    stream.log.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect()
}

#[test]
fn nodes_are_byte_for_byte_those_of_redis() {
    let mut stream = Stream::default();
    add(&mut stream, id(1000, 0), &["a", "1", "bc", "x"], &limits(100));
    add(&mut stream, id(1000, 1), &["a", "200", "bc", ""], &limits(100));
    add(&mut stream, id(1007, 0), &["z", "-1"], &limits(100));
    let node = stream.log.nodes().next().expect("there is one");
    // DUMP of the same stream in Redis 8.0.6, without RDB's own bytes.
    let expected = b"\x40\x00\x00\x00\x19\x00\x03\x01\x00\x01\x02\x01\x81a\x02\x82bc\x03\x00\x01\
        \x02\x01\x00\x01\x00\x01\x01\x01\x81x\x02\x05\x01\
        \x02\x01\x00\x01\x01\x01\xc0\xc8\x02\x80\x01\x05\x01\
        \x00\x01\x07\x01\x00\x01\x01\x01\x81z\x02\xdf\xff\x02\x06\x01\xff";
    assert_eq!(node.to_redis().escape_ascii().to_string(), expected.escape_ascii().to_string());
    assert_eq!(node.first(), id(1000, 0));
}

#[test]
fn random_changes_agree_with_a_plain_list() {
    for seed in 0..40 {
        let mut random = Random::from_seed(seed);
        let limits = Limits {
            stream_node_entries_max: [1, 3, 10, 0][seed as usize % 4],
            stream_node_bytes_max: [0, 60, 4096][seed as usize % 3],
            ..Limits::default()
        };
        let mut stream = Stream::default();
        let mut model: Vec<Plain> = Vec::new();
        for _ in 0..400 {
            let last = stream.log.last_id();
            match random.below(20) {
                0..=11 => {
                    let id = StreamId { ms: last.ms + random.below(3), seq: last.seq + 1 };
                    let fields = ["f", "12", "a longer name", "g"];
                    let count = 1 + random.below(3) as usize;
                    let words: Vec<String> = (0..count)
                        .flat_map(|n| [fields[n].to_owned(), random.below(1 << 20).to_string()])
                        .collect();
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    add(&mut stream, id, &words, &limits);
                    let bytes = |word: &&str| word.as_bytes().to_vec();
                    let pairs = words.chunks(2).map(|two| (bytes(&two[0]), bytes(&two[1])));
                    model.push((id, pairs.collect()));
                }
                12..=15 if !model.is_empty() => {
                    let at = random.below(model.len() as u64) as usize;
                    assert!(stream.log.delete(model[at].0));
                    assert!(!stream.log.delete(model[at].0));
                    model.remove(at);
                }
                16 if !model.is_empty() => {
                    let keep = random.below(model.len() as u64 + 1);
                    let gone = stream.log.trim(Bound::Len(keep), false, 0, None).entries;
                    assert_eq!(gone, model.len() as u64 - keep);
                    model.drain(..gone as usize);
                }
                17 if !model.is_empty() => {
                    let first = model[random.below(model.len() as u64) as usize].0;
                    let gone = stream.log.trim(Bound::Id(first), false, 0, None).entries;
                    assert!(model[gone as usize].0 == first, "{first}");
                    model.drain(..gone as usize);
                }
                18 => {
                    let keep = random.below(10);
                    let trimmed = stream.log.trim(Bound::Len(keep), true, random.below(5), None);
                    let gone = trimmed.entries;
                    assert!(gone == 0 || model.len() as u64 - gone >= keep);
                    model.drain(..gone as usize);
                }
                _ => {
                    let edge = |random: &mut Random| {
                        id(random.below(last.ms + 2), random.below(last.seq + 2))
                    };
                    let (from, to) = (edge(&mut random), edge(&mut random));
                    let inside = |entry: &&Plain| (from..=to).contains(&entry.0);
                    let range = stream.log.range(from, to).map(plain);
                    assert!(range.eq(model.iter().filter(inside).cloned()), "{from} {to}");
                    let range = stream.log.range_rev(from, to).map(plain);
                    assert!(range.eq(model.iter().rev().filter(inside).cloned()), "{from} {to}");
                    assert_eq!(
                        stream.log.entry(from).map(plain).as_ref(),
                        model.iter().find(|entry| entry.0 == from)
                    );
                }
            }
            stream.check();
            assert_eq!(stream.log.last_entry_id(), model.last().map(|entry| entry.0));
        }
        let mut copy = Stream::default();
        for node in stream.log.nodes() {
            copy.load_node(node.first(), node.to_redis()).expect("it is ours");
        }
        let history = History {
            len: stream.log.len(),
            last_id: stream.log.last_id(),
            max_deleted_id: Some(stream.log.max_deleted_id()),
            entries_added: Some(stream.log.entries_added()),
        };
        copy.load_history(&history).expect("it is ours");
        copy.check();
        let all = |stream: &Stream| -> Vec<Plain> {
            stream.log.range(StreamId::MIN, StreamId::MAX).map(plain).collect()
        };
        assert_eq!((all(&copy), copy.log.first_id()), (model, stream.log.first_id()));
    }
}

#[test]
fn random_changes_of_a_group_keep_its_invariants() {
    for seed in 0..20 {
        let mut random = Random::from_seed(seed);
        let mut stream = Stream::default();
        let group = stream.create_group(b"g", StreamId::MIN, None).expect("it is the first");
        for now_ms in 0..600 {
            let entry = id(1, random.below(40));
            let name = [b"ann", b"bob", b"cid"][random.below(3) as usize];
            let consumer = group.consumers.find(name);
            let consumer = consumer.or_else(|| group.consumers.create(name, now_ms));
            let consumer = consumer.expect("it was found or made");
            match random.below(12) {
                0..=3 => group.deliver(entry, consumer, now_ms),
                4 => _ = group.claim(entry, consumer, now_ms / 2, Deliveries::More, false),
                5 => _ = group.claim(entry, consumer, now_ms, Deliveries::Same, true),
                6 => _ = group.release(entry, Deliveries::Fewer, random.below(2) == 0),
                7 | 8 => _ = group.acknowledge(entry),
                9 if group.pending(entry).is_some_and(|p| p.owner.is_some()) => {
                    group.redeliver(entry, now_ms);
                }
                10 if random.below(10) == 0 => _ = group.remove_consumer(name),
                _ => {
                    let waiting: Vec<_> = group
                        .pending_since(now_ms)
                        .map(|p| (p.delivered_ms, p.owner.is_some()))
                        .collect();
                    assert!(waiting.is_sorted(), "the longest waiting come first");
                    assert_eq!(waiting.len(), group.pending_len());
                }
            }
            group.check();
        }
    }
}

#[test]
fn released_entries_wait_in_the_order_of_their_release() {
    let mut stream = Stream::default();
    let group = stream.create_group(b"g", StreamId::MIN, None).expect("it is the first");
    let ann = group.consumers.create(b"ann", 0).expect("it is the first");
    (1..=4).for_each(|seq| group.deliver(id(1, seq), ann, 10 * seq as i64));
    assert!(group.release(id(1, 3), Deliveries::Same, false));
    assert!(group.release(id(1, 2), Deliveries::Exactly(DELIVERIES_MAX), false));
    let waiting: Vec<_> = group.pending_since(40).map(|p| (p.id.seq, p.deliveries)).collect();
    assert_eq!(waiting, [(3, 1), (2, DELIVERIES_MAX), (1, 1), (4, 1)]);
    assert_eq!(group.released(), [id(1, 3), id(1, 2)]);
    assert!(group.claim(id(1, 2), ann, 50, Deliveries::More, false));
    assert_eq!(group.pending(id(1, 2)).map(|p| p.deliveries), Some(DELIVERIES_MAX));
    assert_eq!(group.released_len(), 1);
    group.check();
}

#[test]
fn a_group_is_loaded_as_it_was_saved() {
    let mut stream = Stream::default();
    let group = stream.load_group(b"g", id(1, 9), Some(Some(9))).expect("it is the first");
    (1..=4).for_each(|seq| group.load_pending(id(1, seq), 100, seq).expect("they ascend"));
    assert!(group.load_pending(id(1, 4), 100, 1).is_err());
    let ann = group.consumers.create(b"ann", 5).expect("it is the first");
    for seq in [1, 3] {
        group.load_owner(id(1, seq), ann).expect("it is pending");
    }
    assert!(group.load_owner(id(1, 3), ann).is_err());
    assert!(group.load_owner(id(2, 0), ann).is_err());
    assert!(group.check_loaded().is_err());
    assert!(group.load_released([id(1, 1)].into_iter()).is_err());
    group.load_released([id(1, 4), id(1, 2)].into_iter()).expect("nobody has them");
    group.check_loaded().expect("all is said");
    group.check();
    assert!(stream.load_group(b"g", id(1, 9), None).is_err());
    stream.check();
}

#[test]
fn a_smaller_last_id_forgets_what_was_deleted_behind_it() {
    let mut stream = Stream::default();
    for ms in 1..=7 {
        add(&mut stream, id(ms, 0), &["f", "v"], &limits(3));
    }
    for ms in 3..=7 {
        assert!(stream.log.delete(id(ms, 0)));
    }
    assert_eq!(stream.log.node_count(), 1);
    stream.log.set_history(None, Some(id(2, 0)));
    stream.log.set_last_id(id(2, 0));
    stream.check();
    add(&mut stream, id(2, 5), &["f", "v"], &limits(3));
    assert_eq!(ids(&stream), [id(1, 0), id(2, 0), id(2, 5)]);
    assert_eq!(stream.log.node_count(), 1);
    stream.check();
}

#[test]
fn the_ids_of_new_entries_ascend() {
    let mut stream = Stream::default();
    assert_eq!(stream.log.new_id(NewId::Exact(StreamId::MIN), 9), None);
    assert_eq!(stream.log.new_id(NewId::Within(0), 9), Some(id(0, 1)));
    assert_eq!(stream.log.new_id(NewId::Auto, 9), Some(id(9, 0)));
    stream.log.set_last_id(id(9, u64::MAX));
    assert_eq!(stream.log.new_id(NewId::Auto, 9), Some(id(10, 0)));
    assert_eq!(stream.log.new_id(NewId::Within(9), 9), None);
    assert_eq!(stream.log.new_id(NewId::Within(8), 9), None);
    assert_eq!(stream.log.new_id(NewId::Within(10), 9), Some(id(10, 0)));
    stream.log.set_last_id(StreamId::MAX);
    assert_eq!(stream.log.new_id(NewId::Auto, 9), None);
}

#[test]
fn mutated_nodes_are_refused_or_walked() {
    let mut stream = Stream::default();
    for ms in 0..20 {
        add(&mut stream, id(5 + ms, 5), &["f", "v", "g", "1"], &limits(100));
        add(&mut stream, id(5 + ms, 6), &["f", "v"], &limits(100));
    }
    stream.log.delete(id(7, 5));
    let bytes = stream.log.nodes().next().expect("there is one").to_redis();
    let mut random = Random::from_seed(1);
    for _ in 0..20_000 {
        let mut spoilt = bytes.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(spoilt.len() as u64) as usize;
            spoilt[at] = random.below(256) as u8;
        }
        fuzz_stream_node(&spoilt);
    }
}
