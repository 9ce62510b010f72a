//! Tests on one thread against a plain `Vec`, and with many threads against the records themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::{Behind, Journal, Reader};

const SELECT_0: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";

fn read_all(reader: &mut Reader) -> Vec<u8> {
    let mut bytes = Vec::new();
    let count = reader.read(|chunk| bytes.extend_from_slice(chunk)).expect("not behind");
    assert_eq!(count, bytes.len());
    bytes
}

/// Numbers that look random; a failure prints the seed through the assertions' messages.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

#[test]
fn a_journal_without_readers_takes_nothing() {
    let journal = Journal::new(1, 1 << 20);
    assert!(!journal.is_on());
    assert_eq!(journal.append(0, 0, &[b"lost"]), 0);
    assert_eq!(journal.backlog().held_bytes, 0);
    assert!(!journal.backlog().is_active);
}

#[test]
fn the_last_reader_to_go_switches_it_off_and_frees_the_blocks() {
    let journal = Journal::new(1, 1 << 20);
    let (a, b) = (journal.reader(None).unwrap(), journal.reader(None).unwrap());
    let end = journal.append(0, 0, &[b"x"]);
    drop(a);
    assert!(journal.is_on());
    drop(b);
    assert!(!journal.is_on());
    assert_eq!(journal.backlog().held_bytes, 0);
    assert_eq!((journal.tail(), journal.backlog().first_offset), (end, end));
    // What was written meanwhile is missing, so the old offset is no place to go on from.
    assert!(journal.reader(Some(end)).is_err());
}

#[test]
fn select_is_said_once_per_change_of_database() {
    let journal = Journal::new(1, 1 << 20);
    let mut reader = journal.reader(None).unwrap();
    for (db, text) in [(0, "a"), (0, "b"), (15, "c"), (u32::MAX, "d"), (0, "e")] {
        journal.append(0, db, &[text.as_bytes()]);
    }
    let expected = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\nab*2\r\n$6\r\nSELECT\r\n$2\r\n15\r\nc\
        *2\r\n$6\r\nSELECT\r\n$10\r\n4294967295\r\nd*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\ne";
    assert_eq!(String::from_utf8(read_all(&mut reader)).unwrap(), expected);
}

#[test]
fn each_reader_at_the_tail_and_each_forgotten_db_forces_a_select() {
    let journal = Journal::new(1, 1 << 20);
    let _first = journal.reader(None).unwrap();
    journal.append(0, 0, &[b"a"]);
    let mut second = journal.reader(None).unwrap();
    journal.append_raw(0, &[b"PING"]);
    journal.append(0, 0, &[b"b"]);
    journal.forget_db();
    journal.append(0, 0, &[b"c"]);
    assert_eq!(read_all(&mut second), [b"PING", SELECT_0, b"b", SELECT_0, b"c"].concat());
}

#[test]
fn a_transaction_across_databases_leaves_the_stream_in_its_last() {
    let journal = Journal::new(1, 1 << 20);
    let mut reader = journal.reader(None).unwrap();
    journal.append_across_dbs(0, 0, 3, &[b"MULTI", b"SELECT 3", b"EXEC"]);
    journal.append(0, 3, &[b"x"]);
    assert_eq!(read_all(&mut reader), [SELECT_0, b"MULTISELECT 3EXECx"].concat());
}

#[test]
fn an_empty_append_is_nothing() {
    let journal = Journal::new(1, 1 << 20);
    let _reader = journal.reader(None).unwrap();
    assert_eq!(journal.append(0, 7, &[]), 0);
    assert_eq!(journal.append(0, 7, &[b"", b""]), 0);
}

#[test]
fn a_record_longer_than_many_blocks_comes_out_whole() {
    let journal = Journal::new(1, 1 << 16);
    let mut reader = journal.reader(None).unwrap();
    reader.allow_lag(u64::MAX);
    let huge: Vec<u8> = (0..5_000_000u32).map(|i| (i % 251) as u8).collect();
    journal.append_raw(0, &[b"head", &huge, b"tail"]);
    journal.append_raw(0, &[b"next"]);
    assert_eq!(read_all(&mut reader), [b"head", &huge[..], b"tailnext"].concat());
    journal.append_raw(0, &[&[0; 40_000]]);
    assert!(journal.backlog().held_bytes < 1 << 18, "a huge record does not stay");
}

#[test]
fn history_is_exactly_the_backlog_and_each_offset_in_it_can_be_read() {
    let journal = Journal::with_block_bytes_max(1, 100, 16);
    let _on = journal.reader(None).unwrap();
    let stream: Vec<u8> = (0..200).collect();
    stream.chunks(7).for_each(|part| _ = journal.append_raw(0, &[part]));
    let backlog = journal.backlog();
    assert_eq!((backlog.first_offset, backlog.history_bytes, backlog.size_bytes), (100, 100, 100));
    for offset in 0..=210 {
        match journal.reader(Some(offset)) {
            Ok(mut reader) => assert_eq!(read_all(&mut reader), stream[offset as usize..]),
            Err(behind) => {
                assert!(!(100..=200).contains(&offset));
                assert_eq!(behind, Behind { offset, first_offset: 100, tail: 200 });
            }
        }
    }
}

#[test]
fn a_reader_slower_than_the_backlog_is_told_so() {
    let journal = Journal::with_block_bytes_max(1, 64, 16);
    let mut slow = journal.reader(None).unwrap();
    for _ in 0..20 {
        journal.append_raw(0, &[b"0123456789"]);
    }
    let behind = slow.read(|_| panic!("there is a gap")).unwrap_err();
    assert_eq!((behind.offset, behind.first_offset, behind.tail), (0, 136, 200));
    assert!(slow.chunk().is_err());
    assert!(journal.is_on(), "it still counts as a reader");
}

#[test]
fn an_allowance_holds_blocks_until_the_reader_has_passed() {
    let journal = Journal::with_block_bytes_max(1, 64, 16);
    let mut slow = journal.reader(None).unwrap();
    slow.allow_lag(1000);
    for _ in 0..80 {
        journal.append_raw(0, &[b"0123456789"]);
    }
    assert_eq!(journal.backlog().first_offset, 0, "slow readers extend the history");
    assert_eq!(read_all(&mut slow).len(), 800);
    assert!(journal.backlog().held_bytes <= 64 + 3 * 16);
    for _ in 0..120 {
        journal.append_raw(0, &[b"0123456789"]);
    }
    assert!(slow.read(|_| ()).is_err(), "1200 is more than was allowed");
    assert!(journal.backlog().held_bytes <= 1000 + 3 * 16);
}

#[test]
fn a_smaller_backlog_frees_at_once() {
    let journal = Journal::with_block_bytes_max(1, 1 << 20, 1 << 10);
    let _on = journal.reader(None).unwrap();
    for _ in 0..1000 {
        journal.append_raw(0, &[&[1; 1000]]);
    }
    assert!(journal.backlog().held_bytes >= 1_000_000);
    journal.set_backlog_bytes(5000);
    let backlog = journal.backlog();
    assert_eq!((backlog.history_bytes, backlog.size_bytes), (5000, 5000));
    assert!(backlog.held_bytes <= 5000 + 3 * 1024);
}

#[test]
fn a_restart_goes_on_elsewhere_and_leaves_readers_behind() {
    let journal = Journal::with_block_bytes_max(1, 100, 16);
    let mut old = journal.reader(None).unwrap();
    old.allow_lag(u64::MAX);
    journal.append_raw(0, &[b"history"]);
    assert_eq!(old.chunk(), Ok(&b"history"[..]));
    journal.restart_at(5_000);
    let mut new = journal.reader(None).unwrap();
    assert_eq!((journal.tail(), new.offset()), (5_000, 5_000));
    assert_eq!(journal.append_raw(0, &[b"future"]), 5_006);
    assert!(old.chunk().is_err() && old.arm().is_err());
    assert_eq!(read_all(&mut new), b"future");
    journal.restart_at(0);
    assert_eq!(journal.append_raw(0, &[b"again"]), 5, "back is possible, too");
    assert!(new.chunk().is_err() && old.chunk().is_err());
    assert!(new.wait(Duration::MAX).is_err(), "nobody sleeps for a stream that ended");
}

#[test]
fn a_chunk_may_be_consumed_piece_by_piece() {
    let journal = Journal::new(1, 1 << 20);
    let mut reader = journal.reader(None).unwrap();
    journal.append_raw(0, &[b"abcdef"]);
    assert_eq!(reader.chunk(), Ok(&b"abcdef"[..]));
    reader.consume(2);
    assert_eq!(reader.offset(), 2);
    assert_eq!(reader.chunk(), Ok(&b"cdef"[..]));
    reader.consume(4);
    assert_eq!(reader.chunk(), Ok(&b""[..]));
}

#[test]
fn an_armed_reader_is_called_once_and_only_after_wake_readers() {
    let journal = Journal::new(1, 1 << 20);
    let reader = journal.reader(None).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    reader.on_progress(move || _ = count.fetch_add(1, Ordering::Relaxed));
    let calls = || calls.load(Ordering::Relaxed);
    journal.append_raw(0, &[b"a"]);
    journal.wake_readers();
    assert_eq!(calls(), 0, "it was not armed");
    assert_eq!(reader.arm(), Ok(false), "there is something to read");

    let mut reader = reader;
    read_all(&mut reader);
    assert_eq!(reader.arm(), Ok(true));
    journal.append_raw(0, &[b"b"]);
    assert_eq!(calls(), 0, "the worker still holds shards");
    journal.wake_readers();
    journal.append_raw(0, &[b"c"]);
    journal.wake_readers();
    assert_eq!(calls(), 1);
}

#[test]
fn waiting_ends_when_the_time_is_over() {
    let journal = Journal::new(1, 1 << 20);
    let reader = journal.reader(None).unwrap();
    assert_eq!(reader.wait(Duration::from_millis(1)), Ok(false));
    journal.append_raw(0, &[b"a"]);
    assert_eq!(reader.wait(Duration::MAX), Ok(true));
}

#[test]
fn random_use_by_one_thread_agrees_with_a_plain_vector() {
    for seed in 1..=60 {
        let mut dice = Dice(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let block_bytes = 1 + dice.roll(40) as usize;
        let journal = Journal::with_block_bytes_max(1, dice.roll(200) as usize, block_bytes);
        let keep = journal.reader(None).unwrap();
        let (mut stream, mut readers) = (Vec::<u8>::new(), Vec::<Reader>::new());
        for _ in 0..1500 {
            match dice.roll(12) {
                0 => readers.extend(journal.reader(None).ok()),
                1 => readers.extend(journal.reader(Some(dice.roll(journal.tail() + 1)))),
                2 if !readers.is_empty() => {
                    readers.swap_remove(dice.roll(readers.len() as u64) as usize);
                }
                3 => journal.set_backlog_bytes(dice.roll(200) as usize),
                4 if !readers.is_empty() => {
                    readers[dice.roll(readers.len() as u64) as usize].allow_lag(dice.roll(300));
                }
                5..=7 if !readers.is_empty() => {
                    let index = dice.roll(readers.len() as u64) as usize;
                    let reader = &mut readers[index];
                    let offset = reader.offset() as usize;
                    let Ok(chunk) = reader.chunk() else {
                        readers.swap_remove(index);
                        continue;
                    };
                    assert_eq!(chunk, &stream[offset..offset + chunk.len()], "seed {seed}");
                    let used = dice.roll(chunk.len() as u64 + 1) as usize;
                    reader.consume(used);
                }
                _ => {
                    let record: Vec<u8> =
                        (0..dice.roll(90)).map(|_| dice.roll(256) as u8).collect();
                    let (a, b) = record.split_at(record.len() / 3);
                    stream.extend_from_slice(&record);
                    assert_eq!(journal.append_raw(0, &[a, b]), stream.len() as u64, "seed {seed}");
                }
            }
            journal.state().check(journal.tail());
            assert_eq!(journal.watermark(), stream.len() as u64, "seed {seed}");
        }
        drop((keep, readers));
        journal.state().check(journal.tail());
    }
}

/// A record that says who wrote it, its number, and its own length: 16 bytes of header, then a
/// body all of whose bytes follow from these.
fn record(worker: usize, number: u32, body_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((worker as u32).to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend((body_bytes as u64).to_le_bytes());
    bytes.resize(16 + body_bytes, (worker as u32 * 31 + number) as u8);
    bytes
}

/// Takes the stream apart again; panics at a tear or a gap.
struct Parser {
    unparsed: Vec<u8>,
    numbers: Vec<u32>,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) {
        self.unparsed.extend_from_slice(bytes);
        let mut rest = &self.unparsed[..];
        while let Some((header, body)) = rest.split_first_chunk::<16>() {
            let word = |at: usize| u32::from_le_bytes(*header[at..].first_chunk().unwrap());
            let (worker, number, len) = (word(0) as usize, word(4), word(8) as usize);
            if body.len() < len {
                break;
            }
            assert_eq!(number, self.numbers[worker], "a worker's records keep their order");
            self.numbers[worker] += 1;
            let (body, after) = body.split_at(len);
            let expected = (worker as u32 * 31 + number) as u8;
            assert!(body.iter().all(|&byte| byte == expected), "a record is not torn");
            rest = after;
        }
        self.unparsed = rest.to_vec();
    }
}

#[test]
fn readers_of_many_writers_see_no_tear_no_gap_and_each_writers_order() {
    const WORKERS: usize = 3;
    const RECORDS: u32 = 4000;
    let journal = Journal::with_block_bytes_max(WORKERS, 20_000, 512);
    let read_to_the_end = |mut reader: Reader| {
        let mut parser = Parser { unparsed: Vec::new(), numbers: vec![0; WORKERS] };
        while parser.numbers != [RECORDS; WORKERS] {
            assert!(reader.wait(Duration::from_secs(60)).unwrap(), "a wake-up was lost");
            reader.read(|bytes| parser.feed(bytes)).unwrap();
        }
        assert!(parser.unparsed.is_empty());
    };
    let readers = [(); 2].map(|()| journal.reader(None).unwrap());
    thread::scope(|scope| {
        for reader in readers {
            reader.allow_lag(u64::MAX);
            scope.spawn(|| read_to_the_end(reader));
        }
        for worker in 0..WORKERS {
            let journal = &journal;
            scope.spawn(move || {
                let mut dice = Dice(worker as u64 + 77);
                for number in 0..RECORDS {
                    // Most records are small; some take several blocks.
                    let most = if number % 50 == 0 { 2000 } else { 80 };
                    let bytes = record(worker, number, dice.roll(most) as usize);
                    let (head, body) = bytes.split_at(16);
                    journal.append_raw(worker, &[head, body]);
                    journal.wake_readers();
                }
            });
        }
    });
    assert_eq!(journal.backlog().held_bytes, 0);
}

#[test]
fn readers_may_come_fall_behind_and_go_while_writers_write() {
    const WORKERS: usize = 2;
    let journal = Journal::with_block_bytes_max(WORKERS, 600, 64);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (journal, is_over) = (&journal, &is_over);
            scope.spawn(move || {
                // A stream whose every byte is 7: whatever stale or torn is read would show.
                let mut dice = Dice(worker as u64 + 5);
                while !is_over.load(Ordering::Relaxed) {
                    journal.append_raw(worker, &[&[7; 150][..dice.roll(150) as usize]]);
                    journal.wake_readers();
                }
            });
        }
        let mut dice = Dice(99);
        for _ in 0..300 {
            let mut reader = journal.reader(None).unwrap();
            reader.allow_lag(dice.roll(2000));
            for _ in 0..dice.roll(20) {
                reader.wait(Duration::from_secs(60)).unwrap();
                let is_behind =
                    reader.read(|bytes| assert!(bytes.iter().all(|&byte| byte == 7))).is_err();
                if is_behind {
                    break;
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(journal.backlog().held_bytes, 0);
}
