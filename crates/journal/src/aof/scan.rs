//! How far a file can be trusted, and its commands.
//!
//! ```text
//!   *2 $6 SELECT …  *3 $3 SET …  #TS:…  *1 $5 MULTI  *3 $3 SET …  *1 $4 EX
//!   └────────────── good ─────────────┘ └ a transaction without its end ┘
//! ```
//!
//! [`check`] reads a file once without running anything. What it finds damaged is one of three:
//!
//! - *cut off*: the file ends within a command or a transaction, as when the process was killed;
//! - *torn*: where bytes should be are zeros, or a mark does not agree, and nothing says that
//!   these bytes had been on the disk: a power cut did this;
//! - *bad*: anything else. Nobody but a human may decide what to drop.
//!
//! # Invariants
//!
//! (1) Any bytes are answered, with memory for the largest command that is there, not for one that
//!     is announced.
//! (2) `good` ends behind a whole command, note or transaction.

use std::io;

use base::disk::File;

use super::marks::{Mark, SECTOR_BYTES, Sum};

const CHUNK_BYTES: usize = 256 * 1024;
/// As Redis: a note is no longer.
const NOTE_BYTES_MAX: usize = 128;
/// A count or a length.
const HEAD_BYTES_MAX: usize = 32;
const ARGS_MAX: u64 = 1024 * 1024;
const ARG_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// In a file without marks zeros are taken for a power cut's doing when so little is behind them.
const TORN_BYTES_MAX: u64 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file ends in the middle of something.
    CutOff,
    /// A power cut took what was not on the disk yet.
    Torn,
    /// No request, at this place.
    Bad(u64, &'static str),
}

/// What [`check`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Up to here the file can be used.
    pub good: u64,
    pub len: u64,
    pub commands: u64,
    pub damage: Option<Damage>,
}

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
    fn rest(mut self) -> io::Result<(u64, bool)> {
        let (mut synced, mut is_zero) = (0, true);
        loop {
            let bytes = &self.buffer[self.next..];
            is_zero &= bytes.iter().all(|byte| *byte == 0);
            let mut from = 0;
            while let Some(at) = find(&bytes[from..], b"\n#CRC:") {
                let line = &bytes[from + at + 1..];
                let line = &line[..line.len().min(NOTE_BYTES_MAX)];
                let line = line.split(|byte| *byte == b'\r').next().unwrap_or_default();
                synced = Mark::parse(line).map_or(synced, |mark| synced.max(mark.synced));
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

/// Whether a command is just this word.
fn is_word(command: &[u8], word: &[u8]) -> bool {
    let head = format!("*1\r\n${}\r\n", word.len());
    command.strip_prefix(head.as_bytes()).is_some_and(|rest| {
        rest.len() == word.len() + 2 && rest[..word.len()].eq_ignore_ascii_case(word)
    })
}

/// Whether a whole sector of these bytes, which begin at `offset`, is zeros.
fn has_empty_sector(offset: u64, bytes: &[u8]) -> bool {
    let skip = (SECTOR_BYTES - offset % SECTOR_BYTES) % SECTOR_BYTES;
    let rest = bytes.get(skip as usize..).unwrap_or_default();
    let sectors = rest.chunks_exact(SECTOR_BYTES as usize);
    sectors.into_iter().any(|sector| sector[0] == 0 && sector.iter().all(|byte| *byte == 0))
}

/// Reads a file from `at` to its end, running nothing.
///
/// # Errors
/// The disk's.
pub fn check(file: Box<dyn File>, at: u64) -> io::Result<Checked> {
    let len = file.len()?;
    let mut scan = Scan::new(file, at);
    let mut good = at;
    let mut commands = 0;
    let (mut multi, mut sum, mut sum_at) = (None, Sum::default(), at);
    let (mut has_marks, mut suspect) = (false, None);
    // Where what is good may end, since the last mark.
    let mut ends = Vec::new();
    let stop = loop {
        let offset = scan.offset();
        match scan.next_item() {
            Ok(Item::Command(bytes)) => {
                commands += 1;
                sum.add(bytes);
                if suspect.is_none() && has_empty_sector(offset, bytes) {
                    suspect = Some(multi.unwrap_or(offset));
                }
                if is_word(bytes, b"MULTI") {
                    multi = Some(offset);
                } else if is_word(bytes, b"EXEC") {
                    multi = None;
                }
            }
            Ok(Item::Note(line)) => match Mark::parse(line) {
                Some(mark) => {
                    has_marks = true;
                    if sum.agrees(mark) == Some(false) {
                        let synced = mark.synced.max(scan.rest()?.0);
                        // What was on the disk before is no part of what was torn.
                        let kept = ends.iter().rev().find(|end| **end <= synced);
                        let good = kept.copied().unwrap_or(sum_at);
                        let damage = if synced >= offset {
                            Damage::Bad(sum_at, "a checksum does not agree")
                        } else {
                            Damage::Torn
                        };
                        return Ok(Checked { good, len, commands, damage: Some(damage) });
                    }
                    (sum, sum_at, suspect) = (Sum::default(), scan.offset(), None);
                    ends.clear();
                }
                None => {
                    let mut whole = line.to_vec();
                    whole.extend_from_slice(b"\r\n");
                    sum.add(&whole);
                }
            },
            Err(stop) => break stop,
        }
        if multi.is_none() {
            good = scan.offset();
            ends.push(good);
        }
    };
    let torn_at = suspect.filter(|_| has_marks);
    let damage = match stop {
        Stop::End if torn_at.is_some() => Some(Damage::Torn),
        Stop::End if multi.is_some() => Some(Damage::CutOff),
        Stop::End => None,
        Stop::CutOff => Some(Damage::CutOff),
        Stop::Io(error) => return Err(error),
        Stop::Bad(at, what, is_zero) => {
            let few = len - good <= TORN_BYTES_MAX;
            let (synced, is_empty) = scan.rest()?;
            let is_torn = is_empty || (synced <= good && (has_marks || (is_zero && few)));
            Some(if is_torn { Damage::Torn } else { Damage::Bad(at, what) })
        }
    };
    Ok(Checked { good: good.min(torn_at.unwrap_or(good)), len, commands, damage })
}

/// Any bytes: they are walked over to an end, and `good` of them are good on their own.
pub fn fuzz_scan(bytes: &[u8]) {
    let checked = check(Box::new(Bytes::new(bytes)), 0).expect("memory can be read");
    let good = &bytes[..checked.good as usize];
    let again = check(Box::new(Bytes::new(good)), 0).expect("memory can be read");
    assert!(again.damage.is_none() && again.good == checked.good, "(2)");
}

/// Bytes as a file, to be read.
pub struct Bytes {
    bytes: Vec<u8>,
    at: usize,
}

impl Bytes {
    pub fn new(bytes: &[u8]) -> Bytes {
        Bytes { bytes: bytes.to_vec(), at: 0 }
    }
}

impl File for Bytes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }

    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.at = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    const MULTI: &str = "*1\r\n$5\r\nmulti\r\n";
    const EXEC: &str = "*1\r\n$4\r\nEXEC\r\n";

    fn checked(bytes: &[u8]) -> (usize, Option<Damage>) {
        let checked = check(Box::new(Bytes::new(bytes)), 0).expect("memory can be read");
        (checked.good as usize, checked.damage)
    }

    #[test]
    fn a_file_cut_anywhere_is_good_up_to_its_last_whole_command() {
        let text = format!("#TS:1\r\n{SET}{MULTI}{SET}{SET}{EXEC}{SET}");
        let first = "#TS:1\r\n".len();
        let block = MULTI.len() + 2 * SET.len() + EXEC.len();
        let ends = [0, first, first + SET.len(), first + SET.len() + block, text.len()];
        for cut in 0..=text.len() {
            let (good, damage) = checked(&text.as_bytes()[..cut]);
            let expected = *ends.iter().filter(|end| **end <= cut).max().expect("0 is one");
            assert_eq!(good, expected, "cut at {cut}");
            assert_eq!(damage, (cut != expected).then_some(Damage::CutOff), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_command_is_bad_with_its_place() {
        let (good, damage) = checked(format!("{SET}!!!{SET}").as_bytes());
        assert_eq!(good, SET.len());
        assert_eq!(damage, Some(Damage::Bad(SET.len() as u64, "a command begins with '*'")));
        for bad in
            ["*0\r\n", "*x\r\n", "*1\r\n#3\r\n", "*1\r\n$1\r\nabc\r\n", "*1\r\n$9999999999\r\n"]
        {
            assert!(matches!(checked(bad.as_bytes()).1, Some(Damage::Bad(..))), "{bad:?}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_torn() {
        let text = [SET.as_bytes(), &[0; 10_000]].concat();
        assert_eq!(checked(&text), (SET.len(), Some(Damage::Torn)));
        let text = [SET.as_bytes(), &[0; 100], SET.as_bytes()].concat();
        assert_eq!(checked(&text), (SET.len(), Some(Damage::Torn)));
    }

    /// A command, a mark, another command and its mark.
    fn marked(synced: u64) -> (Vec<u8>, usize) {
        let mut text = Mark { crc: 0, covers: 0, synced: 0 }.line();
        let mut first_len = 0;
        for i in 0..2 {
            let mut sum = Sum::default();
            let value = "x".repeat(3000);
            let command = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3000\r\n{value}\r\n");
            sum.add(command.as_bytes());
            text.extend_from_slice(command.as_bytes());
            text.extend(sum.mark(synced).line());
            if i == 0 {
                first_len = text.len();
            }
        }
        (text, first_len)
    }

    #[test]
    fn a_hole_in_a_value_is_found_by_its_mark() {
        let (mut text, first) = marked(0);
        assert_eq!(checked(&text), (text.len(), None));
        let sector = (first / 512 + 1) * 512;
        text[sector..sector + 512].fill(0);
        assert_eq!(checked(&text), (first, Some(Damage::Torn)));
        // Its mark is lost too.
        text.truncate(text.len() - 20);
        assert_eq!(checked(&text).0, first);
    }

    #[test]
    fn damage_in_what_was_on_the_disk_is_rot() {
        let (mut text, first) = marked(4000);
        text[100] ^= 1;
        let opening = text.iter().position(|byte| *byte == b'\n').expect("the first mark ends") + 1;
        let rot = Damage::Bad(opening as u64, "a checksum does not agree");
        assert_eq!(checked(&text).1, Some(rot));
        assert!(first < 4000, "the first value was on the disk");
    }

    #[test]
    fn any_bytes_are_answered() {
        let mut random = base::random::Random::from_seed(11);
        let (seed, _) = marked(100);
        for _ in 0..300 {
            let mut text =
                [seed.as_slice(), MULTI.as_bytes(), SET.as_bytes(), EXEC.as_bytes()].concat();
            for _ in 0..random.below(4) {
                let at = random.below(text.len() as u64) as usize;
                text[at] = random.next_u64() as u8;
            }
            text.truncate(random.below(text.len() as u64 + 1) as usize);
            fuzz_scan(&text);
        }
    }
}
