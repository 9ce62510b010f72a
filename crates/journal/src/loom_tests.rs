//! Every interleaving, up to a number of preemptions, of few threads on a journal with tiny blocks.
//!
//! `cargo x loom` runs them.

use std::time::Duration;

use loom::model::Builder;
use loom::thread;

use crate::{Journal, Reader};

/// With three preemptions loom finds nearly all bugs there are, and ends.
fn explore(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

fn read_into(reader: &mut Reader, bytes: &mut Vec<u8>) {
    reader.read(|chunk| bytes.extend_from_slice(chunk)).expect("not behind");
}

#[test]
fn two_writers_and_a_reader_agree_on_the_stream() {
    explore(|| {
        let journal = Journal::with_block_bytes_max(2, 2, 2);
        let mut reader = journal.reader(None).expect("the tail");
        reader.allow_lag(u64::MAX);
        let writers = [b"aaa", b"bbb"].into_iter().enumerate().map(|(worker, text)| {
            let journal = journal.clone();
            thread::spawn(move || {
                journal.append_raw(worker, &[text]);
            })
        });
        let writers: Vec<_> = writers.collect();
        let mut bytes = Vec::new();
        // In the middle: whatever is there is whole up to the watermark.
        thread::yield_now();
        read_into(&mut reader, &mut bytes);
        assert!(b"aaabbb".starts_with(&bytes) || b"bbbaaa".starts_with(&bytes));
        writers.into_iter().for_each(|writer| writer.join().expect("it ends"));
        read_into(&mut reader, &mut bytes);
        assert!(bytes == b"aaabbb" || bytes == b"bbbaaa");
        assert_eq!(reader.offset(), journal.tail());
    });
}

#[test]
fn a_sleeping_reader_is_always_woken() {
    explore(|| {
        let journal = Journal::with_block_bytes_max(2, 4, 4);
        let mut reader = journal.reader(None).expect("the tail");
        reader.allow_lag(u64::MAX);
        let writers: Vec<_> = (0..2)
            .map(|worker| {
                let journal = journal.clone();
                thread::spawn(move || {
                    journal.append_raw(worker, &[b"x"]);
                    journal.wake_readers();
                })
            })
            .collect();
        let mut bytes = Vec::new();
        while bytes.len() < 2 {
            // Under loom it never times out: a lost wake-up is a deadlock.
            assert_eq!(reader.wait(Duration::from_secs(1)), Ok(true));
            read_into(&mut reader, &mut bytes);
        }
        writers.into_iter().for_each(|writer| writer.join().expect("it ends"));
    });
}

#[test]
fn blocks_are_reused_only_when_no_writer_and_no_reader_is_in_them() {
    explore(|| {
        let journal = Journal::with_block_bytes_max(2, 0, 1);
        let mut reader = journal.reader(None).expect("the tail");
        let writers: Vec<_> = (0..2)
            .map(|worker| {
                let journal = journal.clone();
                thread::spawn(move || {
                    journal.append_raw(worker, &[b"xy"]);
                })
            })
            .collect();
        // Without an allowance it may fall behind; what it does see must be right.
        let _ = reader.read(|chunk| assert!(chunk.iter().all(|byte| b"xy".contains(byte))));
        writers.into_iter().for_each(|writer| writer.join().expect("it ends"));
    });
}

#[test]
fn switching_off_waits_for_writers_in_flight() {
    explore(|| {
        let journal = Journal::with_block_bytes_max(1, 4, 2);
        let reader = journal.reader(None).expect("the tail");
        let writer = {
            let journal = journal.clone();
            thread::spawn(move || {
                journal.append_raw(0, &[b"abc"]);
            })
        };
        drop(reader);
        let again = journal.reader(None).expect("the tail");
        writer.join().expect("it ends");
        assert_eq!(journal.watermark(), journal.tail());
        drop(again);
        assert_eq!(journal.backlog().held_bytes, 0);
    });
}
