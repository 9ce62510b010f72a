//! The file: a data set from header to checksum. A full sync sends the same bytes.
//!
//! ```text
//!   REDIS0010   aux: name, text …   select db, sizes   expiry? kind key value …   end   CRC-64
//! ```
//!
//! # Invariants
//!
//! (1) The version in the header is the lowest that knows every form in the file. It is known when
//!     all is written; so the header is set last.
//!
//! # Limits
//!
//! The whole file is made in memory.

use base::crc::crc64;
use store::ValueRef;

use crate::encode::{self, Style};
use crate::version::Version;
use crate::write::Writer;

/// What stands before an entry or instead of one.
mod opcode {
    pub(super) const AUX: u8 = 250;
    pub(super) const RESIZE_DB: u8 = 251;
    pub(super) const EXPIRE_MS: u8 = 252;
    pub(super) const SELECT_DB: u8 = 254;
    pub(super) const END: u8 = 255;
}

const MAGIC_BYTES: usize = 5;
const VERSION_BYTES: usize = 4;

/// Writes a file, part by part.
pub struct FileWriter {
    writer: Writer,
    style: Style,
    version: Version,
}

impl FileWriter {
    pub fn new(style: Style) -> FileWriter {
        let mut writer = Writer::new(style.compresses);
        writer.raw(b"REDIS0000");
        FileWriter { writer, style, version: style.version.unwrap_or(Version::FLOOR) }
    }

    /// A fact about the file.
    pub fn aux(&mut self, name: &[u8], text: &[u8]) {
        self.writer.byte(opcode::AUX);
        self.writer.string(name);
        self.writer.string(text);
    }

    /// The entries behind it are of this database, which has so many.
    pub fn select(&mut self, db: usize, keys: usize, expires: usize) {
        self.writer.byte(opcode::SELECT_DB);
        self.writer.length(db as u64);
        self.writer.byte(opcode::RESIZE_DB);
        self.writer.length(keys as u64);
        self.writer.length(expires as u64);
    }

    pub fn entry(&mut self, key: &[u8], expire_ms: Option<i64>, value: ValueRef<'_>) {
        if let Some(ms) = expire_ms {
            self.writer.byte(opcode::EXPIRE_MS);
            self.writer.moment_ms(ms);
        }
        let kind = encode::kind(value, self.style);
        self.version = self.version.max(kind.version());
        self.writer.byte(kind.number());
        self.writer.string(key);
        encode::value(kind, value, &mut self.writer);
    }

    /// Ends the file and hands it over.
    pub fn finish(mut self) -> Vec<u8> {
        self.writer.byte(opcode::END);
        let mut file = self.writer.into_bytes();
        let version = format!("{:04}", self.version.0);
        file[MAGIC_BYTES..MAGIC_BYTES + VERSION_BYTES].copy_from_slice(version.as_bytes());
        let crc = crc64(0, &file);
        file.extend_from_slice(&crc.to_le_bytes());
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::StrRef;

    #[test]
    fn the_version_is_the_lowest_that_can_hold_the_data() {
        let mut file = FileWriter::new(Style { version: None, compresses: true });
        file.select(0, 1, 1);
        file.entry(b"k", Some(1), ValueRef::String(StrRef::Bytes(b"v")));
        let file = file.finish();
        let expected =
            b"REDIS0010\xfe\x00\xfb\x01\x01\xfc\x01\0\0\0\0\0\0\0\x00\x01k\x01v\xff".to_vec();
        let crc = crc64(0, &expected).to_le_bytes();
        assert_eq!(file, [expected, crc.to_vec()].concat());
    }
}
