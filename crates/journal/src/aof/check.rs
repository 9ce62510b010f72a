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
//! (1) Any bytes are answered, and the memory for it does not grow with the file.
//! (2) `good` ends behind a whole command, note or transaction.
//!
//! # Limits
//!
//! A file without marks is somebody else's, or one of ours in which there are less than
//! [`SECTOR_BYTES`]: the writer forces its first mark to the disk before anything longer follows.
//! In somebody else's file only little is ever taken for torn.

use std::io;

use base::disk::File;

use super::marks::{CLOSED, Mark, SECTOR_BYTES, Sum};
use super::scan::{Item, Scan, Stop};

/// In a file without marks zeros are taken for a power cut's doing when so little is behind them.
const TORN_BYTES_MAX: u64 = 4096;
/// Ends of items are remembered over so much without a mark. Our writer leaves one before.
const TRACKED_BYTES_MAX: u64 = 64 << 20;

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

/// Whether a command is just this word.
pub(super) fn is_word(command: &[u8], word: &[u8]) -> bool {
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

/// What is known of a file so far.
struct Walk {
    good: u64,
    commands: u64,
    /// Where the transaction began that is not over.
    multi: Option<u64>,
    /// Of what stands since the last mark, which ends here.
    sum: Sum,
    sum_at: u64,
    /// Where what is good may end, since the last mark.
    ends: Vec<u64>,
    /// The first command since then that a power cut may have made.
    suspect: Option<u64>,
    /// Whether it is our writer that wrote here: it leaves marks.
    has_marks: bool,
}

impl Walk {
    fn new(at: u64) -> Walk {
        Walk {
            good: at,
            commands: 0,
            multi: None,
            sum: Sum::default(),
            sum_at: at,
            ends: Vec::new(),
            suspect: None,
            has_marks: false,
        }
    }

    fn command(&mut self, offset: u64, bytes: &[u8]) {
        self.commands += 1;
        self.sum.add(bytes);
        if self.suspect.is_none() && has_empty_sector(offset, bytes) {
            self.suspect = Some(self.multi.unwrap_or(offset));
        }
        if is_word(bytes, b"MULTI") {
            self.multi = Some(offset);
        } else if is_word(bytes, b"EXEC") {
            self.multi = None;
        }
    }

    /// Something ends here.
    fn item_ends(&mut self, offset: u64) {
        if self.multi.is_some() {
            return;
        }
        self.good = offset;
        if self.has_marks && self.sum.bytes() <= TRACKED_BYTES_MAX {
            self.ends.push(offset);
        }
    }

    fn since_mark(&mut self, offset: u64, has_marks: bool) {
        self.has_marks = has_marks;
        (self.sum, self.sum_at, self.suspect) = (Sum::default(), offset, None);
        self.ends.clear();
    }

    fn damaged(&self, good: u64, len: u64, damage: Option<Damage>) -> Checked {
        Checked { good, len, commands: self.commands, damage }
    }

    /// A mark at `offset` does not agree. All marks together know `synced`.
    fn disagrees(&self, offset: u64, synced: u64) -> (u64, Damage) {
        // What was on the disk before is no part of what was torn.
        let kept = self.ends.iter().rev().find(|end| **end <= synced);
        let damage = match synced >= offset {
            true => Damage::Bad(self.sum_at, "a checksum does not agree"),
            false => Damage::Torn,
        };
        (kept.copied().unwrap_or(self.sum_at), damage)
    }
}

/// What a note says to us.
enum Said {
    Mark(Mark),
    Closed,
    Nothing,
}

/// A check under way.
pub struct Check {
    scan: Scan,
    walk: Walk,
    len: u64,
}

/// Reads a file from `at` to its end, running nothing.
///
/// # Errors
/// The disk's.
pub fn check(file: Box<dyn File>, at: u64) -> io::Result<Checked> {
    let checked = Check::new(file, at)?.go_on(u64::MAX)?;
    Ok(checked.expect("no file is that long"))
}

impl Check {
    /// From `at` on, where `file` stands.
    ///
    /// # Errors
    /// The disk's.
    pub fn new(file: Box<dyn File>, at: u64) -> io::Result<Check> {
        Ok(Check { len: file.len()?, scan: Scan::new(file, at), walk: Walk::new(at) })
    }

    /// Goes on over about so many bytes. What is known of the file, at its end.
    ///
    /// # Errors
    /// The disk's.
    pub fn go_on(&mut self, bytes: u64) -> io::Result<Option<Checked>> {
        let until = self.scan.offset().saturating_add(bytes);
        while self.scan.offset() < until {
            let checked = next(&mut self.scan, &mut self.walk, self.len)?;
            if checked.is_some() {
                return Ok(checked);
            }
        }
        Ok(None)
    }
}

/// Walks over the next item. What is known of the file, at its end.
fn next(scan: &mut Scan, walk: &mut Walk, len: u64) -> io::Result<Option<Checked>> {
    let offset = scan.offset();
    let said = match scan.next_item() {
        Ok(Item::Command(bytes)) => {
            walk.command(offset, bytes);
            Said::Nothing
        }
        Ok(Item::Note(line)) => match Mark::parse(line) {
            Some(mark) => Said::Mark(mark),
            None if line.starts_with(CLOSED) => Said::Closed,
            None => {
                walk.sum.add(line);
                walk.sum.add(b"\r\n");
                Said::Nothing
            }
        },
        Err(stop) => return judge(walk, scan, stop, len).map(Some),
    };
    match said {
        Said::Mark(mark) if walk.sum.agrees(mark) == Some(false) => {
            let synced = mark.synced.max(scan.rest()?.0);
            let (good, damage) = walk.disagrees(offset, synced);
            return Ok(Some(walk.damaged(good, len, Some(damage))));
        }
        Said::Mark(_) => walk.since_mark(scan.offset(), true),
        Said::Closed if walk.suspect.is_none() => walk.since_mark(scan.offset(), false),
        Said::Closed | Said::Nothing => {}
    }
    walk.item_ends(scan.offset());
    Ok(None)
}

/// What the end of the walk means.
fn judge(walk: &Walk, scan: &mut Scan, stop: Stop, len: u64) -> io::Result<Checked> {
    let torn_at = walk.suspect.filter(|_| walk.has_marks);
    let good = walk.good;
    let damage = match stop {
        Stop::End if torn_at.is_some() => Some(Damage::Torn),
        Stop::End if walk.multi.is_some() => Some(Damage::CutOff),
        Stop::End => None,
        Stop::Io(error) => return Err(error),
        Stop::CutOff if scan.rest()?.0 > good => {
            Some(Damage::Bad(good, "a length goes beyond the end of the file"))
        }
        Stop::CutOff => Some(Damage::CutOff),
        Stop::Bad(at, what, is_zero) => {
            let few = len - good <= TORN_BYTES_MAX;
            let (synced, is_empty) = scan.rest()?;
            let is_torn = is_empty || (synced <= good && (walk.has_marks || (is_zero && few)));
            Some(if is_torn { Damage::Torn } else { Damage::Bad(at, what) })
        }
    };
    Ok(walk.damaged(good.min(torn_at.unwrap_or(good)), len, damage))
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
    use super::super::marks::closed;
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
            ["*0\r\n", "*x\r\n", "*1\r\n#3\r\n", "*1\r\n$1\r\nabc\r\n", "*1\r\n$99999999999999\r\n"]
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
    fn a_length_that_rotted_is_no_cut_off_end() {
        let (mut text, first) = marked(4000);
        let at = text.windows(5).position(|window| window == b"$3000").expect("a length") + 1;
        text.splice(at..at + 4, *b"9000000");
        assert!(matches!(checked(&text).1, Some(Damage::Bad(..))), "{first}");
    }

    #[test]
    fn what_another_server_appended_to_a_closed_file_is_no_torn_end() {
        let (mut text, _) = marked(0);
        let zeros = format!("*2\r\n$6\r\nSTRLEN\r\n$2000\r\n{}\r\n", "\0".repeat(2000));
        let torn = [&text, zeros.as_bytes()].concat();
        assert_eq!(checked(&torn), (text.len(), Some(Damage::Torn)));
        text.extend(closed(text.len() as u64));
        text.extend_from_slice(zeros.as_bytes());
        assert_eq!(checked(&text), (text.len(), None));
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
