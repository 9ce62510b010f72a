//! SCAN's cursor: a position in hash order, disguised.
//!
//! All keys of a database lie in one order, that of their hashes: the shard is the hash's first
//! bits, the position inside the shard the bits behind them. So a walk over everything is at one
//! number, and 0 is its beginning and its end.
//!
//! ```text
//!   position   | shard | position in the shard, first bits first          |  64 bits
//!              |<------------- 52 bits ------------->|<---- all zero ---->|
//!   cursor     disguise(first 52 bits), printed in decimal
//! ```
//!
//! # Why 52 bits
//!
//! Redis's cursors are small, and clients have come to rely on it: those written in JavaScript
//! keep them in a double, which is exact to 53 bits. The table's positions end where a bucket
//! ends, which takes as many bits as it takes to tell the bucket: shard, directory and 16 more.
//! 52 bits are enough for 2^36 segments of the index, terabytes of it. Should a position have
//! more, it cannot be said, and the walk goes on to one that can ([`ScanCursor::new`]).
//!
//! # Why a disguise
//!
//! The hash is keyed so that nobody can find keys that collide. A walk shows keys in hash order;
//! with bare positions between them it would tell the first bits of every key's hash, and who
//! knows these can pick keys that all fall into one bucket. So the number is permuted by a
//! Feistel network of four rounds whose round function is the table's own keyed hash: it needs no
//! secret of its own, and telling it from a random permutation means breaking the hash itself.
//!
//! ```text
//!   left 26 | right 26      4 times:  left, right = right, left ^ hash("scan", round, right)
//! ```
//!
//! A permutation moves 0 somewhere; what 0 became is xored onto every cursor, and 0 is 0 again.
//!
//! The cursors of HSCAN, SSCAN and ZSCAN are the same ([`ElementCursor`]): positions in one large
//! value's table, which has no shards, disguised by the hash of elements.
//!
//! # Limits
//!
//! A cursor means nothing to another process, nor to this server after a restart. A number that
//! no SCAN gave is some position: the walk goes on from there, as Redis's does.

use store::Keyspace;
use structures::hash::process_key;

const BITS: u32 = 52;
const HALF_BITS: u32 = BITS / 2;
const HALF_MASK: u64 = (1 << HALF_BITS) - 1;
const ROUNDS: u8 = 4;

/// Where a walk over all keys of a database stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanCursor(u64);

impl ScanCursor {
    /// Before the first key, and behind the last.
    pub const START: ScanCursor = ScanCursor(0);

    /// At a position that the shard's part of the database gave; 0 there is behind its last key.
    /// None if the position is too exact to be said: take the next.
    pub fn new(keyspace: &Keyspace, shard: usize, position: u64) -> Option<ScanCursor> {
        assert!(shard < keyspace.shard_count(), "a walk stands in one of the shards");
        let shard_bits = keyspace.shard_bits();
        let (shard, position) = if position == 0 { (shard + 1, 0) } else { (shard, position) };
        if position & ((1 << (64 - BITS + shard_bits)) - 1) != 0 {
            return None;
        }
        if shard == keyspace.shard_count() {
            return Some(ScanCursor::START);
        }
        // A shift by 64 is not defined, and one shard has no bits.
        let shard = ((shard as u64) << 1) << (63 - shard_bits);
        Some(ScanCursor((shard | position >> shard_bits) >> (64 - BITS)))
    }

    /// The shard, and the position in it.
    pub fn shard_and_position(self, keyspace: &Keyspace) -> (usize, u64) {
        let whole = self.0 << (64 - BITS);
        (keyspace.shard_of(whole), whole << keyspace.shard_bits())
    }

    /// The number a client gets.
    pub fn disguise(self, keyspace: &Keyspace) -> u64 {
        disguise(self.0, |input| keyspace.key(input).hash)
    }

    /// The position behind a number that a client sent; bits beyond a cursor's are ignored.
    pub fn undisguise(keyspace: &Keyspace, number: u64) -> ScanCursor {
        ScanCursor(undisguise(number, |input| keyspace.key(input).hash))
    }
}

/// Where a walk over the elements of one large value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementCursor(u64);

impl ElementCursor {
    /// At a position that [`scan`](structures::elements::Elements::scan) gave. None if it is too
    /// exact to be said: take the next.
    pub fn new(position: u64) -> Option<ElementCursor> {
        position.is_multiple_of(1 << (64 - BITS)).then_some(ElementCursor(position >> (64 - BITS)))
    }

    pub fn position(self) -> u64 {
        self.0 << (64 - BITS)
    }

    /// The number a client gets.
    pub fn disguise(self) -> u64 {
        disguise(self.0, |input| process_key().hash(input))
    }

    /// The position behind a number that a client sent; bits beyond a cursor's are ignored.
    pub fn undisguise(number: u64) -> ElementCursor {
        ElementCursor(undisguise(number, |input| process_key().hash(input)))
    }
}

fn disguise(cursor: u64, hash: impl Fn(&[u8]) -> u64) -> u64 {
    permute(&hash, cursor) ^ permute(&hash, 0)
}

fn undisguise(number: u64, hash: impl Fn(&[u8]) -> u64) -> u64 {
    let number = number & ((1 << BITS) - 1);
    unpermute(&hash, number ^ permute(&hash, 0))
}

fn permute(hash: &impl Fn(&[u8]) -> u64, number: u64) -> u64 {
    let (mut left, mut right) = (number >> HALF_BITS, number & HALF_MASK);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ round_function(hash, round, right));
    }
    left << HALF_BITS | right
}

fn unpermute(hash: &impl Fn(&[u8]) -> u64, number: u64) -> u64 {
    let (mut left, mut right) = (number >> HALF_BITS, number & HALF_MASK);
    for round in (0..ROUNDS).rev() {
        (left, right) = (right ^ round_function(hash, round, left), left);
    }
    left << HALF_BITS | right
}

fn round_function(hash: &impl Fn(&[u8]) -> u64, round: u8, half: u64) -> u64 {
    let mut input = *b"scan\0\0\0\0\0";
    input[4] = round;
    input[5..].copy_from_slice(&(half as u32).to_le_bytes());
    hash(&input) & HALF_MASK
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::random::Random;

    struct NoWake;

    impl store::keyspace::Wake for NoWake {
        fn wake(&self, _worker: usize) {}
    }

    fn keyspace(workers: usize) -> Keyspace {
        Keyspace::new(workers, 1, [7; 16], Box::new(NoWake))
    }

    #[test]
    fn a_disguised_cursor_leads_back_to_its_position() {
        let mut random = Random::from_seed(52);
        for workers in [1, 2, 3, 64] {
            let keyspace = keyspace(workers);
            for _ in 0..2000 {
                let shard = random.below(keyspace.shard_count() as u64) as usize;
                let depth = random.below(36 - u64::from(keyspace.shard_bits())) as u32;
                let position = (random.next_u64() | 1) << (64 - 16 - depth);
                let cursor = ScanCursor::new(&keyspace, shard, position).expect("16 + depth bits");
                let number = cursor.disguise(&keyspace);
                assert!(number != 0 && number < 1 << 53, "a double holds {number}");
                let back = ScanCursor::undisguise(&keyspace, number);
                assert_eq!(back.shard_and_position(&keyspace), (shard, position));
            }
        }
    }

    #[test]
    fn zero_is_the_beginning_and_the_end() {
        for workers in [1, 4] {
            let keyspace = keyspace(workers);
            let last = keyspace.shard_count() - 1;
            assert_eq!(ScanCursor::undisguise(&keyspace, 0), ScanCursor::START);
            assert_eq!(ScanCursor::START.shard_and_position(&keyspace), (0, 0));
            let end = ScanCursor::new(&keyspace, last, 0).expect("a shard's end can be said");
            assert_eq!(end.disguise(&keyspace), 0);
            if last > 0 {
                let next = ScanCursor::new(&keyspace, 0, 0).expect("a shard's end can be said");
                assert_eq!(next.shard_and_position(&keyspace), (1, 0));
            }
        }
    }

    #[test]
    fn a_position_beyond_52_bits_is_not_said() {
        assert_eq!(ScanCursor::new(&keyspace(1), 0, 1 << 11), None);
        assert!(ScanCursor::new(&keyspace(1), 0, 1 << 12).is_some());
        assert_eq!(ScanCursor::new(&keyspace(4), 0, 1 << 17), None);
        assert!(ScanCursor::new(&keyspace(4), 0, 1 << 18).is_some());
    }

    #[test]
    fn cursors_of_elements_lead_back_too() {
        for position in [0, 1 << 63, 1 << 12, u64::MAX << 12] {
            let cursor = ElementCursor::new(position).expect("52 bits can be said");
            assert_eq!(ElementCursor::undisguise(cursor.disguise()).position(), position);
        }
        assert_eq!(ElementCursor::new(0).map(ElementCursor::disguise), Some(0));
        assert_eq!(ElementCursor::new(1 << 11), None);
    }

    #[test]
    fn neighbours_do_not_show_in_their_cursors() {
        let keyspace = keyspace(1);
        let numbers: Vec<u64> =
            (0..1000).map(|i| ScanCursor(i << 36).disguise(&keyspace)).collect();
        let ascending = numbers.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((350..650).contains(&ascending), "{ascending} of 999 steps go up");
    }
}
