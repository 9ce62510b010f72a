//! Checksums: CRC16 for key slots, CRC64 for RDB files and DUMP payloads.
//!
//! Both must be bit for bit Redis's, since files and clients depend on them. All tables are
//! computed by the compiler.
//!
//! # CRC64, eight bytes at a step
//!
//! A table `T0` advances the checksum by one byte. `Tk[b]` is what byte `b` contributes after `k`
//! more zero bytes have passed. So eight bytes can be looked up independently, the first in `T7`
//! (seven bytes follow it) and the last in `T0`, and their contributions xored:
//!
//! ```text
//!   crc ^ input:   b0  b1  b2  b3  b4  b5  b6  b7
//!                  T7  T6  T5  T4  T3  T2  T1  T0   -> xor of all
//! ```
//!
//! The loads do not depend on each other, so the CPU overlaps them. The steps do; therefore long
//! input is cut into blocks of three lanes, whose checksums are computed side by side as if each began
//! a file, and joined: what is before a lane goes over as many zero bytes as the lane is long.
//!
//! # Parameters
//!
//! | | polynomial | reflected | initial | of `123456789` |
//! |---|---|---|---|---|
//! | CRC16 XMODEM | `1021` | no | 0 | `31c3` |
//! | CRC64 Jones | `ad93d23594c935a9` | yes | 0 | `e9c6d914c4b8d9ca` |

/// The number of slots a cluster shares out.
pub const SLOTS: u16 = 16384;

const CRC16_POLYNOMIAL: u16 = 0x1021;
/// Jones's polynomial with its bits in reverse, since the checksum shifts right.
const CRC64_POLYNOMIAL: u64 = 0xad93_d235_94c9_35a9_u64.reverse_bits();

static CRC16: [u16; 256] = crc16_table();
static CRC64: [[u64; 256]; 8] = crc64_tables();

const LANE_BYTES: usize = 1024;
/// What each byte of a checksum becomes over the zero bytes of a lane.
static OVER_LANE: [[u64; 256]; 8] = over_lane_tables();

const fn over_lane_tables() -> [[u64; 256]; 8] {
    let bytewise = crc64_tables();
    let mut columns = [0; 64];
    let mut bit = 0;
    while bit < 64 {
        let mut crc = 1_u64 << bit;
        let mut zeros = 0;
        while zeros < LANE_BYTES {
            crc = crc >> 8 ^ bytewise[0][(crc & 0xff) as usize];
            zeros += 1;
        }
        columns[bit] = crc;
        bit += 1;
    }
    let mut tables = [[0; 256]; 8];
    let mut at = 0;
    while at < 8 * 256 {
        let (place, byte) = (at / 256, at % 256);
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                tables[place][byte] ^= columns[8 * place + bit];
            }
            bit += 1;
        }
        at += 1;
    }
    tables
}

const fn crc16_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ CRC16_POLYNOMIAL } else { crc << 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

const fn crc64_tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 != 0 { crc >> 1 ^ CRC64_POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// CRC16 XMODEM of `bytes`.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| crc << 8 ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)])
}

/// The cluster slot of `key`, below [`SLOTS`]. If the key holds a non-empty `{tag}`, only the
/// first tag is hashed, so that related keys can be kept together.
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS
}

/// The part of `key` that decides its slot: what stands between the first `{` and the next `}`,
/// or the whole key if either is missing or nothing is between.
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let tag = memchr::memchr(b'{', key).and_then(|open| {
        let rest = &key[open + 1..];
        memchr::memchr(b'}', rest).map(|close| &rest[..close])
    });
    tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
}

/// Continues the CRC64 `crc` (0 at the start) over `bytes`.
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<{ 3 * LANE_BYTES }>();
    let crc = blocks.iter().fold(crc, crc64_block);
    let (words, tail) = rest.as_chunks::<8>();
    let crc = words.iter().fold(crc, crc64_word);
    tail.iter().fold(crc, |crc, &byte| crc >> 8 ^ CRC64[0][usize::from(crc as u8 ^ byte)])
}

#[inline]
fn crc64_word(crc: u64, word: &[u8; 8]) -> u64 {
    let x = (crc ^ u64::from_le_bytes(*word)).to_le_bytes();
    CRC64[7][usize::from(x[0])]
        ^ CRC64[6][usize::from(x[1])]
        ^ CRC64[5][usize::from(x[2])]
        ^ CRC64[4][usize::from(x[3])]
        ^ CRC64[3][usize::from(x[4])]
        ^ CRC64[2][usize::from(x[5])]
        ^ CRC64[1][usize::from(x[6])]
        ^ CRC64[0][usize::from(x[7])]
}

/// Three lanes side by side.
fn crc64_block(crc: u64, block: &[u8; 3 * LANE_BYTES]) -> u64 {
    let over_lane = |crc: u64| {
        let places = OVER_LANE.iter().zip(crc.to_le_bytes());
        places.fold(0, |sum, (table, byte)| sum ^ table[usize::from(byte)])
    };
    let (words, _) = block.as_chunks::<8>();
    let (first, others) = words.split_at(LANE_BYTES / 8);
    let (second, third) = others.split_at(LANE_BYTES / 8);
    let (mut a, mut b, mut c) = (crc, 0, 0);
    for ((x, y), z) in first.iter().zip(second).zip(third) {
        a = crc64_word(a, x);
        b = crc64_word(b, y);
        c = crc64_word(c, z);
    }
    over_lane(over_lane(a) ^ b) ^ c
}

/// The CRC64 `crc` continued over `count` zero bytes, in the time that `count` has bits.
///
/// A checksum that begins at 0 is linear: that of `a ^ b` is that of `a` xored with that of `b`. So
/// what bytes near a file's beginning contribute can be exchanged when its end is known.
pub fn crc64_over_zeros(crc: u64, mut count: u64) -> u64 {
    // Column i: what bit i becomes over one zero byte, then over two, four and so on.
    let one = |crc: u64| crc >> 8 ^ CRC64[0][usize::from(crc as u8)];
    let mut step: [u64; 64] = std::array::from_fn(|bit| one(1 << bit));
    let apply = |step: &[u64; 64], crc: u64| {
        let set = (0..64).filter(|bit| crc >> bit & 1 == 1);
        set.fold(0, |sum, bit| sum ^ step[bit])
    };
    let mut crc = crc;
    while count != 0 {
        if count & 1 == 1 {
            crc = apply(&step, crc);
        }
        step = step.map(|column| apply(&step, column));
        count >>= 1;
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_give_what_single_bytes_do() {
        let mut random = crate::random::Random::from_seed(64);
        let bytes: Vec<u8> = (0..20_000).map(|_| random.next_u64() as u8).collect();
        let slowly = |crc: u64, bytes: &[u8]| {
            bytes.iter().fold(crc, |crc, &byte| crc >> 8 ^ CRC64[0][usize::from(crc as u8 ^ byte)])
        };
        for _ in 0..200 {
            let from = random.below(10_000) as usize;
            let to = from + random.below(10_000) as usize;
            let crc = random.next_u64();
            assert_eq!(crc64(crc, &bytes[from..to]), slowly(crc, &bytes[from..to]), "{from}..{to}");
        }
    }

    #[test]
    fn zeros_can_be_passed_at_once() {
        for count in [0, 1, 2, 3, 8, 100, 1000] {
            let crc = crc64(0, b"123456789");
            assert_eq!(crc64_over_zeros(crc, count), crc64(crc, &vec![0; count as usize]));
        }
    }

    #[test]
    fn checksums_of_the_standard_text_are_the_published_ones() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn a_crc64_may_be_computed_in_pieces() {
        let bytes: Vec<u8> = (0..100u8).collect();
        let whole = crc64(0, &bytes);
        for cut in 0..bytes.len() {
            assert_eq!(crc64(crc64(0, &bytes[..cut]), &bytes[cut..]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn slots_are_those_of_cluster_keyslot() {
        for (key, slot) in SLOT_CASES {
            assert_eq!(key_slot(key), *slot, "{}", key.escape_ascii());
        }
    }

    /// From CLUSTER KEYSLOT of redis-server 8.0.6.
    const SLOT_CASES: &[(&[u8], u16)] = &[
        (b"", 0),
        (b"foo", 12182),
        (b"{user1000}.following", 3443),
        (b"{user1000}.followers", 3443),
        (b"foo{}{bar}", 8363),
        (b"foo{{bar}}zap", 4015),
        (b"foo{bar}{zap}", 5061),
        (b"{", 4092),
        (b"}{", 12793),
        (b"{}", 15257),
        (b"a{b", 13340),
        (b"123456789", 12739),
        (b"\xff\x00\x80", 7915),
    ];
}
