//! The keyed 64-bit hash of keys, fields and members.
//!
//! Whoever does not know the seed can neither predict a hash nor make two keys collide. All bits
//! are good: tables order by the top ones, shards are picked by them.
//!
//! With AES instructions, `R` being one round of AES (which is a bijection):
//!
//! ```text
//!   state = k0 ^ (length * odd secrets)
//!   each full 16 bytes but the last      state = R(R(state ^ chunk, k1), k2)
//!   last 16 bytes, shorter keys padded   state = state ^ chunk
//!   finish                               state = R(R(R(R(state, k1), k2), k3), k0), low half
//! ```
//!
//! Short keys are read by two overlapping loads, not byte by byte; this is unambiguous because the
//! length is in the state as a secret. Two rounds between chunks leave a difference an attacker may
//! choose less than 2^-30 to be cancelled by the next chunk; four rounds at the end diffuse fully.
//!
//! Elsewhere SipHash-1-3 (Aumasson, Bernstein 2012), of which the round keys are made as well.
//! The construction follows aHash; the two differ in every hash, so a hash never leaves a process.

use std::sync::OnceLock;

/// A hash function: its seed, expanded. 96 bytes; keep one for the process, pass it by reference.
#[derive(Clone)]
pub struct HashKey {
    sip: [u64; 2],
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    round_keys: [[u64; 2]; 4],
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    length_secrets: [u64; 2],
    has_aes: bool,
}

impl HashKey {
    /// The same seed gives the same function on the same kind of machine.
    pub fn from_seed(seed: [u8; 16]) -> HashKey {
        let (low, high) = (read_u64(&seed, 0), read_u64(&seed, 8));
        let derive = |n: u64| siphash_1_3([low, high], &n.to_le_bytes());
        HashKey {
            sip: [low, high],
            round_keys: [0, 1, 2, 3].map(|n| [derive(2 * n), derive(2 * n + 1)]),
            length_secrets: [derive(8) | 1, derive(9) | 1],
            has_aes: has_aes(),
        }
    }

    /// The same seed without AES, as on machines that lack it.
    pub fn without_aes(self) -> HashKey {
        HashKey { has_aes: false, ..self }
    }

    /// Hash of a key of any length.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if self.has_aes {
            // SAFETY: the processor was asked.
            return unsafe { aes::hash(self, bytes) };
        }
        siphash_1_3(self.sip, bytes)
    }
}

static PROCESS_KEY: OnceLock<HashKey> = OnceLock::new();

/// The key by which the elements of all collections are hashed: one for the process, seeded by the
/// operating system unless [`fix_process_key`] came first.
///
/// One key for all tables means that going through one table in hash order probes, or fills,
/// another in the order of its memory.
#[inline]
pub fn process_key() -> &'static HashKey {
    PROCESS_KEY.get_or_init(|| {
        let mut seed = [0; 16];
        base::random::os_random(&mut seed);
        HashKey::from_seed(seed)
    })
}

/// Seeds [`process_key`], so that a run can be repeated. False if it was in use already.
pub fn fix_process_key(seed: [u8; 16]) -> bool {
    PROCESS_KEY.set(HashKey::from_seed(seed)).is_ok()
}

impl std::fmt::Debug for HashKey {
    /// Tells nothing: a seed in a log is a seed lost.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HashKey").field("has_aes", &self.has_aes).finish_non_exhaustive()
    }
}

fn has_aes() -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    return std::is_x86_feature_detected!("aes");
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    false
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod aes {
    use super::{HashKey, read_u64};
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "aes,sse2")]
    pub(super) fn hash(key: &HashKey, bytes: &[u8]) -> u64 {
        let [k0, k1, k2, k3] = key.round_keys.map(|k| vector(k[0], k[1]));
        let len = bytes.len() as u64;
        let [s0, s1] = key.length_secrets;
        let length = vector(len.wrapping_mul(s0), len.wrapping_mul(s1));
        let mut state = _mm_xor_si128(k0, length);
        let last = if bytes.len() <= 16 {
            let (low, high) = short_chunk(bytes);
            vector(low, high)
        } else {
            // Up to the last 16 bytes, which overlap the chunk before them.
            for at in (0..bytes.len() - 16).step_by(16) {
                state = _mm_aesenc_si128(_mm_xor_si128(state, chunk(bytes, at)), k1);
                state = _mm_aesenc_si128(state, k2);
            }
            chunk(bytes, bytes.len() - 16)
        };
        state = _mm_aesenc_si128(_mm_xor_si128(state, last), k1);
        state = _mm_aesenc_si128(state, k2);
        state = _mm_aesenc_si128(state, k3);
        _mm_cvtsi128_si64(_mm_aesenc_si128(state, k0)) as u64
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn vector(low: u64, high: u64) -> __m128i {
        _mm_set_epi64x(high as i64, low as i64)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn chunk(bytes: &[u8], at: usize) -> __m128i {
        vector(read_u64(bytes, at), read_u64(bytes, at + 8))
    }

    /// All of up to 16 bytes, in two halves.
    #[inline(always)]
    fn short_chunk(bytes: &[u8]) -> (u64, u64) {
        let len = bytes.len();
        let read_u32 = |at: usize| {
            u64::from(u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes are left")))
        };
        match len {
            8.. => (read_u64(bytes, 0), read_u64(bytes, len - 8)),
            4.. => (read_u32(0), read_u32(len - 4)),
            0 => (0, 0),
            // First, middle and last: all of one, two or three bytes.
            _ => (u64::from(bytes[0]) << 8 | u64::from(bytes[len / 2]), u64::from(bytes[len - 1])),
        }
    }
}

#[inline(always)]
fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes are left"))
}

/// SipHash with one round for each eight bytes and three to finish.
fn siphash_1_3(key: [u64; 2], bytes: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    for word in words.iter().chain([&last]).map(|bytes| u64::from_le_bytes(*bytes)) {
        v[3] ^= word;
        sip_round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    (0..3).for_each(|_| sip_round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[inline(always)]
fn sip_round(v: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *v;
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    *v = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const SIMILAR_KEYS: u64 = if cfg!(miri) { 1_000 } else { 1_000_000 };

    fn both() -> [HashKey; 2] {
        let key = HashKey::from_seed(*b"0123456789abcdef");
        [key.clone(), key.without_aes()]
    }

    #[test]
    fn siphash_agrees_with_the_reference_vector_of_an_empty_key() {
        // std's SipHasher13 is not public, but its DefaultHasher is this with a zero key.
        use std::hash::{DefaultHasher, Hasher};
        for len in 0..40u8 {
            let bytes: Vec<u8> = (0..len).collect();
            let mut std_hasher = DefaultHasher::new();
            std_hasher.write(&bytes);
            assert_eq!(siphash_1_3([0, 0], &bytes), std_hasher.finish());
        }
    }

    #[test]
    fn every_input_bit_changes_each_output_bit_half_of_the_time() {
        let samples = if cfg!(miri) { 4 } else { 2_000 };
        for key in both() {
            for len in [1, 3, 5, 8, 15, 16, 17, 31, 33, 64] {
                for bit in [0, len * 4, len * 8 - 1] {
                    let mut flips = [0u32; 64];
                    for sample in 0..samples {
                        let mut bytes = vec![0u8; len];
                        for (i, byte) in bytes.iter_mut().enumerate() {
                            *byte = key.hash(&[sample as u8, (sample >> 8) as u8, i as u8]) as u8;
                        }
                        let before = key.hash(&bytes);
                        bytes[bit / 8] ^= 1 << (bit % 8);
                        let changed = before ^ key.hash(&bytes);
                        (0..64).for_each(|i| flips[i] += (changed >> i) as u32 & 1);
                    }
                    let expected = samples..=3 * samples;
                    for flips in flips.iter().filter(|_| !cfg!(miri)) {
                        assert!(expected.contains(&(flips * 4)), "{len} bytes, bit {bit}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_million_similar_keys_do_not_collide() {
        for key in both() {
            let mut seen = HashSet::new();
            for i in 0..SIMILAR_KEYS {
                assert!(seen.insert(key.hash(format!("key:{i:012}").as_bytes())), "key {i}");
            }
            // Same bytes at other lengths, where the short reads overlap.
            for len in 0..200 {
                assert!(seen.insert(key.hash(&vec![0; len])), "{len} zeros");
                assert!(seen.insert(key.hash(&vec![b'a'; len])) || len == 0, "{len} letters");
            }
        }
    }

    #[test]
    fn the_top_bits_are_evenly_spread() {
        for key in both() {
            let mut counts = vec![0u32; 1 << 16];
            for i in 0..SIMILAR_KEYS {
                counts[(key.hash(format!("user:{i}").as_bytes()) >> 48) as usize] += 1;
            }
            let mean = SIMILAR_KEYS as f64 / 65_536.0;
            let chi2: f64 = counts.iter().map(|&n| (f64::from(n) - mean).powi(2) / mean).sum();
            // 65,535 degrees of freedom: mean 65,535, standard deviation 362.
            let spread = if cfg!(miri) { 1e9 } else { 5.0 * 362.0 };
            assert!((chi2 - 65_535.0).abs() < spread, "chi2 = {chi2}");
        }
    }

    #[test]
    fn another_seed_is_another_function() {
        let (a, b) = (HashKey::from_seed([1; 16]), HashKey::from_seed([2; 16]));
        assert_ne!(a.hash(b"key"), b.hash(b"key"));
        assert_eq!(a.hash(b"key"), HashKey::from_seed([1; 16]).hash(b"key"));
    }
}
