//! Random bytes for smoke runs: short, fixed by its seed, and no better than that.

/// Tells its seed when the test that uses it fails.
pub(crate) struct Random {
    state: u64,
    seed: u64,
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was Random::from_seed({})", self.seed);
        }
    }
}

impl Random {
    pub(crate) fn from_seed(seed: u64) -> Random {
        Random { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Overwrites, inserts or removes a byte here and there; half of the time leaves all as it is.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        if self.below(2) == 0 {
            return;
        }
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            let likely = b"*$\r\n0123456789-+\"'\\x~%|>_,#(!=tf\0\xff";
            let byte = likely[self.below(likely.len())];
            match self.below(3) {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
    }
}
