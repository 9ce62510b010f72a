//! Bytes that Redis made, and random edits beside a vector of texts.

use super::*;
use base::random::Random;

fn pack_of(texts: &[&str]) -> Vec<u8> {
    let mut pack = new();
    extend(&mut pack, texts.iter().map(|text| Value::of(text.as_bytes())));
    Listpack::new(&pack).check();
    pack
}

fn texts(pack: &[u8]) -> Vec<String> {
    Listpack::new(pack)
        .iter()
        .map(|value| String::from_utf8(value.to_vec()).expect("tests write text"))
        .collect()
}

/// What was pushed to the list whose DUMP holds `testdata/redis-8.0.6.listpack`.
fn golden_texts() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = [
        "0 127 128 -1 -4096 4095 4096 -4097 32767 -32768 32768 -32769 8388607 -8388608 8388608",
        "-8388609 2147483647 -2147483648 2147483648 -2147483649 9223372036854775807",
        "-9223372036854775808 9223372036854775808 -0 01",
    ]
    .iter()
    .flat_map(|line| line.split(' '))
    .map(|text| text.as_bytes().to_vec())
    .collect();
    texts.extend([vec![], b"a".to_vec(), b"hello".to_vec()]);
    texts.extend([vec![b'x'; 63], vec![b'y'; 64], vec![b'z'; 126], vec![b'w'; 125]]);
    texts
}

#[test]
fn the_bytes_are_those_of_redis() {
    let golden = include_bytes!("../../testdata/redis-8.0.6.listpack");
    let texts = golden_texts();
    let (view, count) = Listpack::of_redis(golden).expect("Redis made it");
    assert_eq!(count, texts.len());
    assert_eq!(from_redis(golden.to_vec()), Ok((view.as_bytes().to_vec(), count)));
    assert_eq!((&*view.to_redis(), view.byte_len()), (&golden[..], golden.len()));
    let (mut appended, mut prepended) = (new(), new());
    for text in &texts {
        append(&mut appended, text);
    }
    for text in texts.iter().rev() {
        prepend(&mut prepended, text);
    }
    assert_eq!(appended, view.as_bytes());
    assert_eq!(prepended, view.as_bytes());
    for (value, text) in view.iter().zip(&texts) {
        assert!(value.is(text), "{value:?}");
        let mut buffer = TextBuffer::new();
        assert_eq!(value.text(&mut buffer), text);
        assert_eq!(value.text_len(), text.len());
        assert_eq!(Value::of(text), value);
    }
    fuzz_listpack(golden);
}

#[test]
fn long_entries_have_the_backlens_of_redis() {
    // Of the DUMP of a list with these lengths; what precedes the next header is the backlen.
    for (len, header, backlen) in [
        (4095, &b"\xef\xff"[..], &b"\x20\x81"[..]),
        (4096, b"\xf0\x00\x10\x00\x00", b"\x20\x85"),
        (16377, b"\xf0\xf9\x3f\x00\x00", b"\x7f\xfe"),
        (16378, b"\xf0\xfa\x3f\x00\x00", b"\x00\xff\xff"),
        (16379, b"\xf0\xfb\x3f\x00\x00", b"\x01\x80\x80"),
        (16380, b"\xf0\xfc\x3f\x00\x00", b"\x01\x80\x81"),
    ] {
        let text = vec![b'a'; len];
        let mut pack = new();
        append(&mut pack, &text);
        let entry = [header, &text, backlen].concat();
        assert_eq!(Listpack::new(&pack).raw(HEADER_LEN..pack.len() - 1), entry, "{len}");
        assert_eq!(Value::Bytes(&text).entry_len(), entry.len());
        assert_eq!(Listpack::new(&pack).last(), Some(HEADER_LEN));
        Listpack::new(&pack).check();
    }
}

#[test]
fn entries_are_found_from_both_ends() {
    let pack = pack_of(&["a", "1", "b", "-70000", "c"]);
    let pack = Listpack::new(&pack);
    let all: Vec<usize> = pack.entries().map(|(at, _)| at).collect();
    for (index, &at) in all.iter().enumerate() {
        let index = index as i64;
        assert_eq!((pack.nth(index), pack.nth(index - 5)), (Some(at), Some(at)));
    }
    for beyond in [5, -6, i64::MAX, i64::MIN] {
        assert_eq!(pack.nth(beyond), None);
    }
    assert_eq!((pack.first(), pack.last()), (Some(all[0]), Some(all[4])));
    assert_eq!((pack.next(all[4]), pack.previous(all[0])), (None, None));
    assert_eq!(Listpack::EMPTY.first(), None);
    assert_eq!(Listpack::EMPTY.last(), None);
    assert_eq!(Listpack::EMPTY.nth(0), None);
    let mut both = pack.iter();
    assert_eq!((both.next(), both.next_back()), (Some(b"a".into()), Some(b"c".into())));
    assert_eq!(both.next_back(), Some(Value::Int(-70_000)));
    assert_eq!(both.by_ref().count(), 2);
    assert_eq!(both.next_back(), None);
    assert_eq!(pack.pairs().next(), Some((b"a".into(), 1.into())));
    assert_eq!(pack.pairs().count(), 2);
}

#[test]
fn finding_can_leave_values_out() {
    let pack = pack_of(&["f", "g", "7", "f", "g", "7", "longer than eight", "x"]);
    let pack = Listpack::new(&pack);
    assert_eq!(pack.find(b"f", 1), pack.nth(0));
    assert_eq!(pack.find(b"g", 1), pack.nth(4));
    assert_eq!(pack.find(b"7", 1), pack.nth(2));
    assert_eq!(pack.find(b"7", 4), pack.nth(5));
    assert_eq!(pack.find(b"longer than eight", 2), pack.nth(6));
    for absent in [&b"x"[..], b"07", b"", b"longer than Eight", b"hh"] {
        assert_eq!(pack.find(absent, 1), None);
    }
    assert_eq!(pack.find_from(pack.nth(1).expect("is there"), b"f", 0), pack.nth(3));
    assert_eq!(pack.find_from(pack.end(), b"f", 0), None);
}

#[test]
fn a_string_that_is_an_integer_is_found_by_its_text() {
    // Redis never writes it, but its loader accepts it.
    let pack = b"\x0a\x00\x00\x00\x01\x00\x815\x02\xff";
    let (pack, count) = Listpack::of_redis(pack).expect("a listpack");
    assert_eq!(count, 1);
    assert!(pack.find(b"5", 0).is_some() && pack.get(HEADER_LEN).is(b"5"));
    assert_eq!(pack.get(HEADER_LEN).as_i64(), Some(5));
}

#[test]
fn edits_reach_every_place() {
    let mut pack = pack_of(&["b"]);
    prepend(&mut pack, b"a");
    let end = Listpack::new(&pack).end();
    insert(&mut pack, end, 300);
    let at = Listpack::new(&pack).nth(1).expect("is there");
    replace(&mut pack, at, b"a much longer text");
    assert_eq!(texts(&pack), ["a", "a much longer text", "300"]);
    replace(&mut pack, at, 1);
    assert_eq!(texts(&pack), ["a", "1", "300"]);
    delete(&mut pack, HEADER_LEN);
    assert_eq!(delete_range(&mut pack, -1, 9), 1);
    assert_eq!(delete_range(&mut pack, 1, 9), 0);
    assert_eq!(texts(&pack), ["1"]);
    delete(&mut pack, HEADER_LEN);
    assert_eq!(pack, Listpack::EMPTY.as_bytes());

    let mut pack = pack_of(&["a", "1", "b", "2", "c", "3", "d", "4"]);
    let view = Listpack::new(&pack);
    let doomed: Vec<usize> = [0, 2, 6].iter().map(|&n| view.nth(n).expect("is there")).collect();
    delete_groups(&mut pack, &doomed, 2);
    assert_eq!(texts(&pack), ["c", "3"]);
    delete_groups(&mut pack, &[], 2);
    let tail_at = Listpack::new(&pack).nth(1).expect("is there");
    let tail = split_off(&mut pack, tail_at);
    assert_eq!((texts(&pack), texts(&tail)), (vec!["c".into()], vec!["3".into()]));
    let tail = Listpack::new(&tail);
    append_entries(&mut pack, tail.raw(HEADER_LEN..tail.end()), 1);
    assert_eq!(texts(&pack), ["c", "3"]);
    Listpack::new(&pack).check();
}

#[test]
fn counts_beyond_the_header_are_counted() {
    let mut pack = new();
    for n in 0..65_534 {
        append(&mut pack, n % 100);
    }
    let three: &[u8] = &[1, 1, 2, 1, 3, 1];
    append_entries(&mut pack, three, 3);
    let view = Listpack::new(&pack);
    assert_eq!((view.len(), stored_count(&pack)), (65_537, COUNT_UNKNOWN));
    assert_eq!(view.nth(65_536), view.last());
    assert_eq!((view.nth(65_537), view.nth(-65_538)), (None, None));
    view.check();
    assert_eq!(delete_range(&mut pack, 0, 65_000), 65_000);
    assert_eq!((Listpack::new(&pack).len(), stored_count(&pack)), (537, COUNT_UNKNOWN));
    assert_eq!(delete_range(&mut pack, 0, 65_000), 537);
    assert_eq!(pack, Listpack::EMPTY.as_bytes());
}

#[test]
fn spoilt_bytes_are_refused() {
    let golden = include_bytes!("../../testdata/redis-8.0.6.listpack");
    for len in 0..golden.len() {
        assert!(Listpack::of_redis(&golden[..len]).is_err());
        // The same with a length that fits and an end.
        let len = len.max(LENGTH_LEN + EMPTY_LEN);
        let mut cut = golden[..len].to_vec();
        set(&mut cut, 0, &(len as u32).to_le_bytes());
        *cut.last_mut().expect("not empty") = END;
        assert!(Listpack::of_redis(&cut).is_err(), "cut at {len}");
    }
    assert!(Listpack::of_redis(&[golden.as_slice(), b"\xff"].concat()).is_err());
    let first = LENGTH_LEN + HEADER_LEN;
    for (at, bytes) in [
        (0, &[0xff, 0xff, 0xff, 0xff][..]),
        (4, &[0, 0]),
        (4, &[33, 0]),
        (first, &[END]),
        (first, &[0xf5]),
        (first, &[0xf0, 0xff, 0xff, 0xff, 0xff]),
        (first + 1, &[2]),
        (first + 1, &[0x81]),
        (golden.len() - 1, &[0]),
    ] {
        let mut spoilt = golden.to_vec();
        set(&mut spoilt, at, bytes);
        assert!(Listpack::of_redis(&spoilt).is_err(), "{bytes:?} at {at}");
    }
}

/// A backlen that goes on in what stands before it, up to the first byte of all.
#[test]
fn a_backlen_longer_than_all_before_it_is_refused() {
    for entry in [&b"\x80\xe0"[..], b"\x80\x80", b"\x81\xff\xff"] {
        let held = [b"\xff\xff", entry, b"\xff"].concat();
        let length = (LENGTH_LEN + held.len()) as u32;
        let bytes = [&length.to_le_bytes()[..], &held].concat();
        assert!(Listpack::of_redis(&bytes).is_err(), "{entry:?}");
    }
}

fn set(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}

#[test]
fn random_edits_match_a_vector() {
    for seed in 0..20 {
        let mut random = Random::from_seed(seed);
        let (mut pack, mut model) = (new(), Vec::<Vec<u8>>::new());
        for _ in 0..400 {
            step(&mut random, &mut pack, &mut model);
            let view = Listpack::new(&pack);
            view.check();
            assert!(view.iter().map(Value::to_vec).eq(model.iter().cloned()));
            let needle = some_text(&mut random);
            let found = model.iter().step_by(2).position(|text| *text == needle);
            let expected = found.and_then(|index| view.nth(2 * index as i64));
            assert_eq!(view.find(&needle, 1), expected);
        }
    }
}

/// One random edit of both.
fn step(random: &mut Random, pack: &mut Vec<u8>, model: &mut Vec<Vec<u8>>) {
    let len = model.len() as u64;
    let index = random.below(len + 1) as usize;
    let at = Listpack::new(pack).nth(index as i64).unwrap_or(pack.len() - 1);
    let text = some_text(random);
    match random.below(8) {
        0 | 1 => {
            append(pack, &text);
            model.push(text);
        }
        2 => {
            prepend(pack, &text);
            model.insert(0, text);
        }
        3 => {
            insert(pack, at, &text);
            model.insert(index, text);
        }
        4 if index < model.len() => {
            replace(pack, at, &text);
            model[index] = text;
        }
        5 => {
            let count = random.below(4) as usize;
            let doomed = index..model.len().min(index + count);
            assert_eq!(delete_many(pack, at, count), doomed.len());
            model.drain(doomed);
        }
        6 => {
            let tail = split_off(pack, at);
            let view = Listpack::new(&tail);
            view.check();
            append_entries(pack, view.raw(HEADER_LEN..view.end()), view.len());
        }
        _ => {
            let keep: Vec<bool> = model.iter().map(|_| random.below(4) > 0).collect();
            let view = Listpack::new(pack);
            let doomed: Vec<usize> =
                view.entries().zip(&keep).filter(|(_, keep)| !**keep).map(|(e, _)| e.0).collect();
            delete_groups(pack, &doomed, 1);
            let mut keep = keep.into_iter();
            model.retain(|_| keep.next().expect("one for each"));
        }
    }
}

/// Integers of every width and strings of every encoding, the short ones often.
fn some_text(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0..3 => vec![b'a'; random.below(3) as usize],
        3 => vec![b'b'; random.below(200) as usize],
        4 => vec![b'c'; 4090 + random.below(12) as usize],
        _ => {
            let bits = random.below(64);
            (random.next_u64() as i64 >> bits).to_string().into_bytes()
        }
    }
}
