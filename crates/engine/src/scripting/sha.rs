//! The names of scripts.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use sha1::{Digest, Sha1};
use structures::hash::process_key;

/// The name of a script: its SHA1 in hexadecimal digits.
pub type Sha = [u8; 40];

/// The name of a script.
pub fn sha_of(source: &[u8]) -> Sha {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut sha = [0; 40];
    for (pair, byte) in sha.chunks_exact_mut(2).zip(Sha1::digest(source)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    sha
}

/// What is found by the name of a script. Every call looks for one, so names are hashed as keys are,
/// under the process's secret: the standard way took 290 instructions of a call.
pub(super) type BySha<T> = HashMap<Sha, T, BuildHasherDefault<ShaHasher>>;

/// Hashes one name.
#[derive(Default)]
pub(super) struct ShaHasher(u64);

impl Hasher for ShaHasher {
    fn write(&mut self, sha: &[u8]) {
        self.0 = process_key().hash(sha);
    }

    /// All names have one length.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
