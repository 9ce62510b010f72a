//! Random numbers: xoshiro256++, small and fast, not for secrets.
//!
//! One generator per worker serves RANDOMKEY, SRANDMEMBER, eviction sampling and jitter. It has
//! 256 bits of state, a period of 2^256 - 1, and costs about a nanosecond a number. What must not
//! be guessed (the seed of the keyed hash, ACL GENPASS) is read from the operating system by
//! [`os_random`] instead.
//!
//! A test seeds it by [`Random::from_seed`] and prints the seed when it fails.
//!
//! Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2019; `below` is
//! Lemire, "Fast random integer generation in an interval", 2019.

use std::fs::File;
use std::io::Read;

/// A generator; a clone continues with the same numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Seeded by the operating system: different in every process and call.
    pub fn from_os() -> Random {
        let mut seed = [0; 32];
        os_random(&mut seed);
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("chunks of eight bytes"));
        }
        // All zeros is the one state the generator never leaves.
        if state == [0; 4] { Random::from_seed(0) } else { Random { state } }
    }

    /// The same numbers for the same seed, on every machine and version.
    pub fn from_seed(seed: u64) -> Random {
        // SplitMix64 spreads a small seed over the state, as the authors advise.
        let mut z = seed;
        let state = std::array::from_fn(|_| {
            z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = z;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        });
        Random { state }
    }

    /// 64 uniform bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A uniform number in `0..n`, without bias. Panics if `n` is 0: there is no such number.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below zero");
        let mut wide = u128::from(self.next_u64()) * u128::from(n);
        if (wide as u64) < n {
            // The lowest 2^64 mod n values of the fraction occur once too often.
            let excess = n.wrapping_neg() % n;
            while (wide as u64) < excess {
                wide = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (wide >> 64) as u64
    }

    /// A uniform number in `[0, 1)`, of 53 bits.
    #[inline]
    pub fn unit_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Overwrites `bytes` with random ones.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// `digits` random lower-case hexadecimal digits; a run id has 40.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.next_u64()));
        }
        text.truncate(digits);
        text
    }
}

/// Fills `bytes` from the operating system's generator, fit for secrets. Panics where there is
/// no `/dev/urandom`: without unpredictable seeds a server must not start.
pub fn os_random(bytes: &mut [u8]) {
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(bytes))
        .expect("/dev/urandom is readable on every system we run on");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_published_numbers() {
        // From the authors' C code with the state 1, 2, 3, 4.
        let mut random = Random { state: [1, 2, 3, 4] };
        let first: [u64; 4] = std::array::from_fn(|_| random.next_u64());
        assert_eq!(first, [41943041, 58720359, 3588806011781223, 3591011842654386]);
    }

    #[test]
    fn numbers_below_a_bound_are_spread_evenly() {
        let mut random = Random::from_seed(1);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[random.below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|&n| (9_500..10_500).contains(&n)), "{counts:?}");
        assert_eq!(random.below(1), 0);
        assert!(random.below(u64::MAX) < u64::MAX);
        assert!((0.0..1.0).contains(&random.unit_f64()));
    }

    #[test]
    fn two_processes_do_not_share_a_run_id() {
        let mut a = Random::from_os();
        let mut b = Random::from_os();
        let (a, b) = (a.hex(40), b.hex(40));
        assert_ne!(a, b);
        assert_eq!(a.len(), 40);
        assert!(a.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')));
    }

    #[test]
    fn fill_reaches_the_last_byte() {
        let mut random = Random::from_seed(3);
        for len in 0..20 {
            let mut seen = vec![0u8; len];
            for _ in 0..64 {
                let mut bytes = vec![0; len];
                random.fill(&mut bytes);
                seen.iter_mut().zip(bytes).for_each(|(s, b)| *s |= b);
            }
            assert!(seen.iter().all(|&b| b != 0), "{seen:?}");
        }
    }
}
