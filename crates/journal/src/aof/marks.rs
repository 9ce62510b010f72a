//! Marks: checksums between commands, on lines that other servers skip.
//!
//! ```text
//!   … *3 SET … *2 DEL …  #CRC:00d1c9…:1834:90112\r\n  *3 SET …
//!     └─ 1834 bytes ───┘      │        │     └ so much of the file was on the disk by then
//!     (since the last mark)   CRC-64   covers
//! ```
//!
//! A device writes sectors, and after a power cut any of those that were not forced out may hold
//! zeros. The framing of commands shows that, unless the sector lies inside of one long argument:
//! this takes more than [`SECTOR_BYTES`] written since the last mark, and then there is a mark.
//! Thus small writes go without, and a torn value is never taken for a good one.
//!
//! The last number tells a torn tail from rot: damage below what some later mark knows to have
//! been on the disk is no power cut's doing.
//!
//! The first mark of a file, or of a writer that goes on with one, covers nothing. It is forced to
//! the disk before what follows it is written: so whoever finds a file torn knows whose it is.

use base::crc::crc64;

pub const SECTOR_BYTES: u64 = 512;

/// A log that ended in good order ends with such a note. What stands behind it may be another
/// server's, which leaves no marks.
pub const CLOSED: &[u8] = b"#CLOSED:";

pub fn closed(offset: u64) -> Vec<u8> {
    format!("#CLOSED:{offset}\r\n").into_bytes()
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub crc: u64,
    pub covers: u64,
    /// Bytes of the file known to be on the disk when it was written.
    pub synced: u64,
}

impl Mark {
    pub fn line(&self) -> Vec<u8> {
        format!("#CRC:{:016x}:{}:{}\r\n", self.crc, self.covers, self.synced).into_bytes()
    }

    /// None if it is some other line. `line` has no end.
    pub fn parse(line: &[u8]) -> Option<Mark> {
        let text = std::str::from_utf8(line.strip_prefix(b"#CRC:")?).ok()?;
        let mut parts = text.split(':');
        let crc = u64::from_str_radix(parts.next()?, 16).ok()?;
        let covers = parts.next()?.parse().ok()?;
        let synced = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Mark { crc, covers, synced })
    }
}

/// The checksum since the last mark.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    crc: u64,
    bytes: u64,
}

impl Sum {
    pub fn add(&mut self, bytes: &[u8]) {
        self.crc = crc64(self.crc, bytes);
        self.bytes += bytes.len() as u64;
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn mark(&self, synced: u64) -> Mark {
        Mark { crc: self.crc, covers: self.bytes, synced }
    }

    /// None if this mark is about other bytes than these: the file was cut or joined by hand.
    pub fn agrees(&self, mark: Mark) -> Option<bool> {
        (mark.covers == self.bytes).then_some(mark.crc == self.crc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back() {
        let mut sum = Sum::default();
        sum.add(b"bytes");
        let mark = sum.mark(90112);
        let line = mark.line();
        assert_eq!(Mark::parse(line.trim_ascii_end()), Some(mark));
        assert_eq!(sum.agrees(mark), Some(true));
        assert_eq!(sum.agrees(Mark { crc: mark.crc ^ 1, ..mark }), Some(false));
        assert_eq!(sum.agrees(Mark { covers: 4, ..mark }), None);
        for other in ["#TS:1", "#CRC:", "#CRC:1:2", "#CRC:1:2:3:4", "#CRC:x:2:3"] {
            assert_eq!(Mark::parse(other.as_bytes()), None, "{other}");
        }
    }
}
