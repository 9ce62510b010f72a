//! Walking over a file: its commands, and lines that begin with `#`.
//!
//! # Invariants
//!
//! (1) Any bytes are answered, with memory for the largest command that is there, not for one that
//!     is announced.

use std::io;

use base::disk::File;

use super::marks::Mark;

const CHUNK_BYTES: usize = 256 * 1024;
/// As Redis: a note is no longer.
const NOTE_BYTES_MAX: usize = 128;
/// A count or a length.
const HEAD_BYTES_MAX: usize = 32;
const ARGS_MAX: u64 = 1024 * 1024;
/// A dumped value may be longer than what a client may send.
const ARG_BYTES_MAX: u64 = 1 << 40;

/// What stands in a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    Command(&'a [u8]),
    /// A line that begins with `#`, without its end.
    Note(&'a [u8]),
}

/// Why there is no next item.
#[derive(Debug)]
pub enum Stop {
    End,
    CutOff,
    /// At this place, and whether a zero was found there.
    Bad(u64, &'static str, bool),
    Io(io::Error),
}

/// Walks over a file item by item.
pub struct Scan {
    file: Box<dyn File>,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins, and where in the buffer the next item does.
    buffer_at: u64,
    next: usize,
    is_read: bool,
}

impl Scan {
    /// From `at` on, where `file` stands.
    pub fn new(file: Box<dyn File>, at: u64) -> Scan {
        Scan { file, buffer: Vec::new(), buffer_at: at, next: 0, is_read: false }
    }

    /// Where the next item begins.
    pub fn offset(&self) -> u64 {
        self.buffer_at + self.next as u64
    }

    /// The next item.
    ///
    /// # Errors
    /// There is none; the scan stays where it is.
    pub fn next_item(&mut self) -> Result<Item<'_>, Stop> {
        let len = loop {
            match frame(&self.buffer[self.next..]) {
                Framed::Whole(len) => break len,
                Framed::Bad(at, what) => {
                    let at = self.next + at;
                    let is_zero = self.buffer.get(at) == Some(&0);
                    return Err(Stop::Bad(self.buffer_at + at as u64, what, is_zero));
                }
                Framed::Short if self.is_read && self.next == self.buffer.len() => {
                    return Err(Stop::End);
                }
                Framed::Short if self.is_read => return Err(Stop::CutOff),
                Framed::Short => self.fill().map_err(Stop::Io)?,
            }
        };
        let item = &self.buffer[self.next..self.next + len];
        self.next += len;
        Ok(match item[0] {
            b'#' => Item::Note(item.trim_ascii_end()),
            _ => Item::Command(item),
        })
    }

    /// Reads more; twice as much each time an item does not fit (1).
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.next);
        self.buffer_at += self.next as u64;
        self.next = 0;
        let held = self.buffer.len();
        self.buffer.resize(held + held.max(CHUNK_BYTES), 0);
        let read = self.file.read_full(&mut self.buffer[held..])?;
        self.buffer.truncate(held + read);
        self.is_read = read == 0;
        Ok(())
    }

    /// What all marks from here on know to have been on the disk, and whether all is zeros.
    pub(super) fn rest(&mut self) -> io::Result<(u64, bool)> {
        let (mut synced, mut is_zero) = (0, true);
        loop {
            let bytes = &self.buffer[self.next..];
            is_zero &= bytes.iter().all(|byte| *byte == 0);
            let mut from = 0;
            while let Some(at) = find(&bytes[from..], b"\n#CRC:") {
                let line = &bytes[from + at + 1..];
                let line = &line[..line.len().min(NOTE_BYTES_MAX)];
                let line = line.split(|byte| *byte == b'\r').next().unwrap_or_default();
                let mark_at = self.buffer_at + (self.next + from + at) as u64;
                // One that knows more than there was is text in somebody's value.
                let mark = Mark::parse(line).filter(|mark| mark.synced <= mark_at);
                synced = mark.map_or(synced, |mark| synced.max(mark.synced));
                from += at + 1;
            }
            // A mark may lie across the end.
            self.next = self.buffer.len().saturating_sub(NOTE_BYTES_MAX).max(self.next + from);
            let end = self.buffer_at + self.buffer.len() as u64;
            self.fill()?;
            if self.buffer_at + self.buffer.len() as u64 == end {
                return Ok((synced, is_zero));
            }
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

enum Framed {
    Whole(usize),
    Short,
    Bad(usize, &'static str),
}

/// The length of the item that begins here.
fn frame(bytes: &[u8]) -> Framed {
    match bytes.first() {
        None => Framed::Short,
        Some(b'#') => match bytes.iter().take(NOTE_BYTES_MAX).position(|byte| *byte == b'\n') {
            Some(end) => Framed::Whole(end + 1),
            None if bytes.len() < NOTE_BYTES_MAX => Framed::Short,
            None => Framed::Bad(0, "a note without an end"),
        },
        Some(b'*') => frame_command(bytes).unwrap_or_else(|framed| framed),
        Some(_) => Framed::Bad(0, "a command begins with '*'"),
    }
}

fn frame_command(bytes: &[u8]) -> Result<Framed, Framed> {
    let (count, mut at) = number(bytes, 1)?;
    if count == 0 || count > ARGS_MAX {
        return Err(Framed::Bad(1, "a command has at least one word"));
    }
    for _ in 0..count {
        match bytes.get(at) {
            None => return Err(Framed::Short),
            Some(b'$') => {}
            Some(_) => return Err(Framed::Bad(at, "a word begins with '$'")),
        }
        let (len, body) = number(bytes, at + 1)?;
        if len > ARG_BYTES_MAX {
            return Err(Framed::Bad(at, "a word is that long"));
        }
        let end = body + len as usize;
        for (i, expected) in b"\r\n".iter().enumerate() {
            match bytes.get(end + i) {
                None => return Err(Framed::Short),
                Some(byte) if byte == expected => {}
                Some(_) => return Err(Framed::Bad(end + i, "a word ends with its line")),
            }
        }
        at = end + 2;
    }
    Ok(Framed::Whole(at))
}

/// The number at `at`, and what is behind its line.
fn number(bytes: &[u8], at: usize) -> Result<(u64, usize), Framed> {
    let line = &bytes[at..bytes.len().min(at + HEAD_BYTES_MAX)];
    let mut value: u64 = 0;
    for (i, byte) in line.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value.saturating_mul(10).saturating_add(u64::from(byte - b'0')),
            b'\r' if i > 0 => match line.get(i + 1) {
                Some(b'\n') => return Ok((value, at + i + 2)),
                Some(_) => return Err(Framed::Bad(at + i + 1, "a line ends with CR and LF")),
                None => break,
            },
            _ => return Err(Framed::Bad(at + i, "a number has digits only")),
        }
    }
    if line.len() == HEAD_BYTES_MAX {
        return Err(Framed::Bad(at, "a number is that long"));
    }
    Err(Framed::Short)
}
