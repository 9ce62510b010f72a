//! A large file that is written once, from its beginning to its end, past the page cache.
//!
//! Nobody reads a snapshot soon after it was written. In the page cache it would take the room of what
//! is read, and be copied there page by page: where fresh pages are dear, as in a virtual machine, that
//! alone costs more than all the rest of a save. So whole blocks go from a buffer of ours to the disk
//! (`O_DIRECT`).
//!
//! ```text
//!   write ──► | buffer, aligned: blocks | ──full──► direct
//!                                   └ tail, at sync or seek ──► plain
//! ```
//!
//! What is no whole block goes through a second, plain handle of the same file. It stays in the buffer
//! too, so the block is written again when it is whole. A disk that knows no direct writes, or refuses
//! them, gets plain ones.
//!
//! # Invariants
//!
//! (1) The buffer's first byte belongs at `start`, a multiple of [`BLOCK`], and so does its address.
//! (2) Behind a seek everything is written plainly.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::File;

/// A multiple of what disks read and write at once.
const BLOCK: usize = 4096;
const BUFFER_BYTES: usize = 1 << 20;

/// See the module's essay.
pub struct BulkFile {
    plain: fs::File,
    direct: Option<fs::File>,
    memory: Vec<u8>,
    /// Where in `memory` the buffer begins.
    offset: usize,
    filled: usize,
    start: u64,
    /// So much of the buffer has been written plainly.
    flushed: usize,
    /// Set by a seek: where the next byte goes (2).
    at: Option<u64>,
}

impl BulkFile {
    /// An empty file; what was there is lost.
    pub fn create(path: &Path) -> io::Result<BulkFile> {
        let plain = fs::File::create(path)?;
        let flag = rustix::fs::OFlags::DIRECT.bits() as i32;
        let direct = fs::OpenOptions::new().write(true).custom_flags(flag).open(path).ok();
        let memory = vec![0; BUFFER_BYTES + BLOCK];
        let offset = memory.as_ptr().align_offset(BLOCK);
        Ok(BulkFile { plain, direct, memory, offset, filled: 0, start: 0, flushed: 0, at: None })
    }

    fn buffer(&self, range: Range<usize>) -> &[u8] {
        &self.memory[self.offset + range.start..self.offset + range.end]
    }

    /// Writes a full buffer.
    fn write_blocks(&mut self) -> io::Result<()> {
        if let Some(direct) = &self.direct {
            match direct.write_all_at(self.buffer(0..BUFFER_BYTES), self.start) {
                // It could be opened, and cannot be used.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.direct = None,
                written => written?,
            }
        }
        if self.direct.is_none() {
            self.flush()?;
        }
        self.start += BUFFER_BYTES as u64;
        (self.filled, self.flushed) = (0, 0);
        Ok(())
    }

    /// Writes what is in the buffer plainly, and keeps it there.
    fn flush(&mut self) -> io::Result<()> {
        let at = self.start + self.flushed as u64;
        self.plain.write_all_at(self.buffer(self.flushed..self.filled), at)?;
        self.flushed = self.filled;
        Ok(())
    }
}

impl File for BulkFile {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(at) = self.at {
            let written = self.plain.write_at(bytes, at)?;
            self.at = Some(at + written as u64);
            return Ok(written);
        }
        let count = bytes.len().min(BUFFER_BYTES - self.filled);
        let from = self.offset + self.filled;
        self.memory[from..from + count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        if self.filled == BUFFER_BYTES {
            self.write_blocks()?;
        }
        Ok(count)
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        if self.at.is_none() {
            self.flush()?;
        }
        self.at = Some(offset);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.at.is_none() {
            self.flush()?;
        }
        self.plain.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.seek(len)?;
        self.plain.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        match self.at {
            Some(_) => Ok(self.plain.metadata()?.len()),
            None => Ok(self.start + self.filled as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_file_is_what_was_written() {
        let dir = std::env::temp_dir().join(format!("ochre-bulk-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("there is a place for temporary files");
        for seed in 0..12 {
            let mut random = Random::from_seed(seed);
            let path = dir.join(seed.to_string());
            let mut file = BulkFile::create(&path).expect("it is made");
            if seed % 2 == 0 {
                file.direct = None;
            }
            let mut expected = Vec::new();
            for _ in 0..random.below(60) {
                let most = if random.below(4) == 0 { 2 * BUFFER_BYTES as u64 } else { 9_000 };
                let mut bytes = vec![0; random.below(most) as usize];
                random.fill(&mut bytes);
                file.write_all(&bytes).expect("it is written");
                expected.extend_from_slice(&bytes);
                assert_eq!(file.len().expect("it has a length"), expected.len() as u64);
                if random.below(5) == 0 {
                    file.sync().expect("it is forced to the disk");
                    assert!(fs::read(&path).expect("it can be read") == expected);
                }
            }
            if !expected.is_empty() {
                let (at, end) = (random.below(expected.len() as u64), expected.len() as u64);
                file.seek(at).expect("it can be written anywhere");
                file.write_all(b"!").expect("it is written");
                expected[at as usize] = b'!';
                file.seek(end).expect("it can be written anywhere");
                file.write_all(b"the end").expect("it is written");
                expected.extend_from_slice(b"the end");
            }
            file.sync().expect("it is forced to the disk");
            assert_eq!(file.len().expect("it has a length"), expected.len() as u64);
            drop(file);
            assert!(fs::read(&path).expect("it can be read") == expected, "seed {seed}");
        }
        fs::remove_dir_all(dir).expect("it can be removed");
    }
}
