//! Versions of the RDB format and the types of values they know.
//!
//! | version | first in | new types |
//! |--:|---|---|
//! | 1–5 | Redis 1.3–2.5 | 0–4 plain, 9–13 zipmap, ziplist, intset |
//! | 6 | Redis 2.6 | DUMP |
//! | 7 | Redis 3.2 | 14 quicklist of ziplists |
//! | 8 | Redis 4.0 | 5 sorted set with binary scores |
//! | 9 | Redis 5.0 | 15 stream |
//! | 10 | Redis 7.0 | 16–18 hash, sorted set and quicklist of listpacks, 19 stream |
//! | 11 | Redis 7.2, Valkey 7.2 | 20 set as listpack, 21 stream with active times |
//! | 12 | Redis 7.4 | 22–25 hash with expiring fields |
//! | 13 | Redis 8.6 | 26 stream with producers |
//! | 14 | Redis 8.8 | 27 stream with released entries |
//! | 80 | Valkey 9 | 22 hash with expiring fields, another form |
//!
//! From 12 on the two families went different ways. Valkey left 12 to 79 to others and counts from
//! 80. So a type's meaning depends on the version that comes with it, and that is asked in
//! [`Kind::of`] only.
//!
//! # Which version is written
//!
//! The lowest that can hold the value, so that the value can move to any server that can hold it
//! as well. Values in a compact form are copied as they are, where Redis 7.0 understands the form;
//! a set in a listpack, which it does not, is written member by member. What is older than 7.0 is
//! only written if `rdb-version` asks for it.

use crate::error::{Bad, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16);

impl Version {
    /// The highest of Redis that is understood.
    pub const REDIS_MAX: Version = Version(14);
    /// The first of Valkey's own, and the highest that is understood.
    pub const VALKEY: Version = Version(80);
    /// Below this nothing is written unless it is asked for: Redis 7.0's.
    pub const FLOOR: Version = Version(10);

    pub fn is_readable(self) -> bool {
        self <= Version::REDIS_MAX || self == Version::VALKEY
    }

    pub fn is_valkey(self) -> bool {
        self >= Version::VALKEY
    }
}

/// The forms of values. Their numbers stand before each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    String = 0,
    List = 1,
    Set = 2,
    ZSet = 3,
    Hash = 4,
    ZSet2 = 5,
    HashZipmap = 9,
    ListZiplist = 10,
    SetIntset = 11,
    ZSetZiplist = 12,
    HashZiplist = 13,
    ListQuicklist = 14,
    Stream = 15,
    HashListpack = 16,
    ZSetListpack = 17,
    ListQuicklist2 = 18,
    Stream2 = 19,
    SetListpack = 20,
    Stream3 = 21,
    /// Redis's, from before the release of 7.4.
    HashMetadataPreGa = 22,
    HashListpackExPreGa = 23,
    HashMetadata = 24,
    HashListpackEx = 25,
    Stream4 = 26,
    Stream5 = 27,
    /// Valkey's 22; the bit above the number tells them apart.
    HashExpiring = 22 | 0x80,
}

impl Kind {
    /// What the number means in this version.
    pub fn of(number: u8, version: Version) -> Result<Kind> {
        use Kind::*;
        const COMMON: &[Kind] = &[
            String,
            List,
            Set,
            ZSet,
            Hash,
            ZSet2,
            HashZipmap,
            ListZiplist,
            SetIntset,
            ZSetZiplist,
            HashZiplist,
            ListQuicklist,
            Stream,
            HashListpack,
            ZSetListpack,
            ListQuicklist2,
            Stream2,
            SetListpack,
            Stream3,
        ];
        const OF_REDIS: &[Kind] = &[
            HashMetadataPreGa,
            HashListpackExPreGa,
            HashMetadata,
            HashListpackEx,
            Stream4,
            Stream5,
        ];
        match number {
            6 | 7 => Err(Bad::Module),
            22 if version.is_valkey() => Ok(HashExpiring),
            _ => COMMON
                .iter()
                .chain(OF_REDIS.iter().filter(|_| !version.is_valkey()))
                .find(|kind| **kind as u8 == number)
                .copied()
                .ok_or(Bad::UnknownType(number)),
        }
    }

    /// What a complaint calls it.
    pub fn name(self) -> &'static str {
        use Kind::*;
        match self {
            String => "String",
            List => "List",
            Set => "Set",
            ZSet | ZSet2 => "Zset",
            Hash => "Hash",
            HashZipmap => "Zipmap",
            ListZiplist => "List ziplist",
            SetIntset => "Intset",
            ZSetZiplist => "Zset ziplist",
            HashZiplist => "Hash ziplist",
            ListQuicklist => "Quicklist ziplist",
            ListQuicklist2 => "Quicklist listpack",
            HashListpack => "Hash listpack",
            ZSetListpack => "Zset listpack",
            SetListpack => "Set listpack",
            HashMetadataPreGa | HashMetadata | HashExpiring => "Hash with expiring fields",
            HashListpackExPreGa | HashListpackEx => "Hash listpack with expiring fields",
            Stream | Stream2 | Stream3 | Stream4 | Stream5 => "Stream listpack",
        }
    }

    pub fn number(self) -> u8 {
        self as u8 & 0x7f
    }

    /// The first version with a DUMP that has this form.
    pub fn version(self) -> Version {
        use Kind::*;
        Version(match self {
            String | List | Set | ZSet | Hash => 6,
            HashZipmap | ListZiplist | SetIntset | ZSetZiplist | HashZiplist => 6,
            ListQuicklist => 7,
            ZSet2 => 8,
            Stream => 9,
            HashListpack | ZSetListpack | ListQuicklist2 | Stream2 => 10,
            SetListpack | Stream3 => 11,
            HashMetadataPreGa | HashListpackExPreGa | HashMetadata | HashListpackEx => 12,
            Stream4 => 13,
            Stream5 => 14,
            HashExpiring => 80,
        })
    }
}

/// What a node of a list says it is.
pub(crate) mod container {
    /// One element, as it is.
    pub(crate) const PLAIN: u64 = 1;
    pub(crate) const PACKED: u64 = 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_two_is_read_by_the_family() {
        assert_eq!(Kind::of(22, Version(12)), Ok(Kind::HashMetadataPreGa));
        assert_eq!(Kind::of(22, Version(80)), Ok(Kind::HashExpiring));
        assert_eq!(Kind::of(24, Version(80)), Err(Bad::UnknownType(24)));
        assert_eq!(Kind::HashExpiring.number(), 22);
    }

    #[test]
    fn numbers_are_those_of_their_kinds() {
        for number in 0..=255 {
            match Kind::of(number, Version::REDIS_MAX) {
                Ok(kind) => assert_eq!(kind.number(), number),
                Err(Bad::Module) => assert!(matches!(number, 6 | 7)),
                Err(error) => {
                    assert!(number == 8 || number > 27);
                    assert_eq!(error, Bad::UnknownType(number));
                }
            }
        }
    }

    #[test]
    fn versions_between_the_families_are_nobodys() {
        let readable: Vec<u16> = (0..200).filter(|v| Version(*v).is_readable()).collect();
        assert_eq!(readable, (0..=14).chain([80]).collect::<Vec<_>>());
    }
}
