//! Random bytes for smoke runs: short, fixed by its seed, and no better than that.

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn from_seed(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
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
