//! Writing a whole file, from a [`Feed`] to wherever bytes go.
//!
//! ```text
//!   REDIS0010   aux: name, text …   libraries   sizes of databases
//!               { select db   { expiry? usage? kind key value } … } …   end   CRC-64
//! ```
//!
//! # Invariants
//!
//! (1) The version in the header is the lowest that knows every form in the file. That is known
//!     when all is written: so the header is written again then, and what it contributes to the
//!     checksum is exchanged ([`base::crc::crc64_over_zeros`]).
//! (2) A database is selected before each chunk of another one; a reader meets it more than once.

use std::io::{self, Seek, SeekFrom, Write};

use base::crc::{crc64, crc64_over_zeros};

use crate::feed::{Chunk, End, Feed};
use crate::opcode;
use crate::version::Version;
use crate::write::Writer;

/// What a file begins with.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Facts about the file.
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// The code of each library of functions.
    pub libraries: Vec<Vec<u8>>,
    /// Databases that have keys: number, keys, how many of them expire.
    pub sizes: Vec<(usize, usize, usize)>,
    pub has_checksum: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    pub keys: u64,
}

/// Why there is no file.
#[derive(Debug)]
pub enum SaveError {
    Cancelled,
    Io(io::Error),
}

impl From<io::Error> for SaveError {
    fn from(error: io::Error) -> SaveError {
        SaveError::Io(error)
    }
}

fn magic(version: Version) -> [u8; 9] {
    let text = match version.is_valkey() {
        true => format!("VALKEY{:03}", version.0),
        false => format!("REDIS{:04}", version.0),
    };
    text.as_bytes().try_into().expect("a version has three digits at most")
}

struct Summing<'w, W> {
    out: &'w mut W,
    crc: u64,
    bytes: u64,
}

impl<W: Write> Summing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = crc64(self.crc, bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// Writes the file to `out`, which stands where it begins, at 0. `at_chunk` hears after each chunk
/// how far it is.
pub fn save<W: Write + Seek>(
    out: &mut W,
    head: &Head,
    feed: &Feed,
    mut at_chunk: impl FnMut(Written, &mut W) -> io::Result<()>,
) -> Result<Written, SaveError> {
    let compresses = feed.style().compresses;
    let guess = magic(feed.version());
    let mut file = Summing { out, crc: 0, bytes: 0 };
    file.write(&guess)?;
    let mut writer = Writer::new(compresses);
    write_head(&mut writer, head);
    file.write(writer.bytes())?;
    let (mut db, mut keys) = (None, 0);
    loop {
        writer.clear();
        match feed.next() {
            Ok(chunk) => {
                if db != Some(chunk.db) {
                    writer.byte(opcode::SELECT_DB);
                    writer.length(chunk.db as u64);
                    db = Some(chunk.db);
                }
                match chunk.entries.as_plain() {
                    Some(plain) => {
                        file.write(writer.bytes())?;
                        file.write(plain)?;
                    }
                    None => {
                        chunk.entries.compress(&mut writer);
                        file.write(writer.bytes())?;
                    }
                }
                keys += chunk.keys as u64;
                at_chunk(Written { bytes: file.bytes, keys }, file.out)?;
            }
            Err(End::Complete) => break,
            Err(End::Cancelled) => return Err(SaveError::Cancelled),
        }
    }
    file.write(&[opcode::END])?;
    let magic = magic(feed.version());
    let difference: Vec<u8> = guess.iter().zip(&magic).map(|(a, b)| a ^ b).collect();
    let behind = file.bytes - magic.len() as u64;
    let crc = file.crc ^ crc64_over_zeros(crc64(0, &difference), behind);
    let crc = if head.has_checksum { crc } else { 0 };
    file.write(&crc.to_le_bytes())?;
    if magic != guess {
        file.out.seek(SeekFrom::Start(0))?;
        file.out.write_all(&magic)?;
        file.out.seek(SeekFrom::End(0))?;
    }
    file.out.flush()?;
    Ok(Written { bytes: file.bytes, keys })
}

/// A chunk as a file of its own, for whoever wants its entries one by one.
pub fn file_of_chunk(chunk: &Chunk, version: Version) -> Vec<u8> {
    let mut writer = Writer::new(false);
    writer.raw(&magic(version));
    chunk.entries.compress(&mut writer);
    writer.byte(opcode::END);
    writer.raw(&[0; 8]);
    writer.into_bytes()
}

fn write_head(writer: &mut Writer, head: &Head) {
    for (name, text) in &head.aux {
        writer.byte(opcode::AUX);
        writer.string(name);
        writer.string(text);
    }
    for code in &head.libraries {
        writer.byte(opcode::FUNCTION);
        writer.string(code);
    }
    for &(db, keys, expires) in &head.sizes {
        writer.byte(opcode::SELECT_DB);
        writer.length(db as u64);
        writer.byte(opcode::RESIZE_DB);
        writer.length(keys as u64);
        writer.length(expires as u64);
    }
}
