//! The words Redis prints for our enums, and enums as bits of a `u64`.
//!
//! Order of a constant `ALL` is the order Redis prints in, which clients have come to compare.

use crate::declare::{Category, Flag, Group, KeyFlag, Kind};

impl Flag {
    /// In the order of COMMAND INFO.
    pub const ALL: [Flag; 25] = [
        Flag::Write,
        Flag::ReadOnly,
        Flag::DenyOom,
        Flag::Admin,
        Flag::PubSub,
        Flag::NoScript,
        Flag::Blocking,
        Flag::Loading,
        Flag::Stale,
        Flag::SkipMonitor,
        Flag::SkipSlowlog,
        Flag::Asking,
        Flag::Fast,
        Flag::NoAuth,
        Flag::NoMandatoryKeys,
        Flag::NoAsyncLoading,
        Flag::NoMulti,
        Flag::MovableKeys,
        Flag::AllowBusy,
        Flag::Random,
        Flag::MayReplicate,
        Flag::Sentinel,
        Flag::OnlySentinel,
        Flag::Protected,
        Flag::TouchesArbitraryKeys,
    ];

    /// This flag's bit in [`crate::table::Entry::flags`].
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Redis's word; `None` for those that COMMAND INFO hides.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Flag::Write => Some("write"),
            Flag::ReadOnly => Some("readonly"),
            Flag::DenyOom => Some("denyoom"),
            Flag::Admin => Some("admin"),
            Flag::PubSub => Some("pubsub"),
            Flag::NoScript => Some("noscript"),
            Flag::Blocking => Some("blocking"),
            Flag::Loading => Some("loading"),
            Flag::Stale => Some("stale"),
            Flag::SkipMonitor => Some("skip_monitor"),
            Flag::SkipSlowlog => Some("skip_slowlog"),
            Flag::Asking => Some("asking"),
            Flag::Fast => Some("fast"),
            Flag::NoAuth => Some("no_auth"),
            Flag::NoMandatoryKeys => Some("no_mandatory_keys"),
            Flag::NoAsyncLoading => Some("no_async_loading"),
            Flag::NoMulti => Some("no_multi"),
            Flag::MovableKeys => Some("movablekeys"),
            Flag::AllowBusy => Some("allow_busy"),
            Flag::Random
            | Flag::MayReplicate
            | Flag::Sentinel
            | Flag::OnlySentinel
            | Flag::Protected
            | Flag::TouchesArbitraryKeys => None,
        }
    }
}

/// The flags as a set of bits.
pub fn flag_bits(flags: &[Flag]) -> u64 {
    flags.iter().fold(0, |bits, flag| bits | flag.bit())
}

impl Category {
    /// In the order of ACL CAT and COMMAND INFO.
    pub const ALL: [Category; 21] = [
        Category::Keyspace,
        Category::Read,
        Category::Write,
        Category::Set,
        Category::SortedSet,
        Category::List,
        Category::Hash,
        Category::String,
        Category::Bitmap,
        Category::HyperLogLog,
        Category::Geo,
        Category::Stream,
        Category::PubSub,
        Category::Admin,
        Category::Fast,
        Category::Slow,
        Category::Blocking,
        Category::Dangerous,
        Category::Connection,
        Category::Transaction,
        Category::Scripting,
    ];

    /// This category's bit in [`crate::table::Entry::categories`].
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Redis's word, without the `@`.
    pub fn word(self) -> &'static str {
        &self.at_word()[1..]
    }

    /// Redis's word with the `@`, as COMMAND INFO prints it.
    pub fn at_word(self) -> &'static str {
        match self {
            Category::Keyspace => "@keyspace",
            Category::Read => "@read",
            Category::Write => "@write",
            Category::Set => "@set",
            Category::SortedSet => "@sortedset",
            Category::List => "@list",
            Category::Hash => "@hash",
            Category::String => "@string",
            Category::Bitmap => "@bitmap",
            Category::HyperLogLog => "@hyperloglog",
            Category::Geo => "@geo",
            Category::Stream => "@stream",
            Category::PubSub => "@pubsub",
            Category::Admin => "@admin",
            Category::Fast => "@fast",
            Category::Slow => "@slow",
            Category::Blocking => "@blocking",
            Category::Dangerous => "@dangerous",
            Category::Connection => "@connection",
            Category::Transaction => "@transaction",
            Category::Scripting => "@scripting",
        }
    }
}

impl Group {
    /// Redis's word in COMMAND DOCS.
    pub fn word(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::Stream => "stream",
            Group::Geo => "geo",
            Group::HyperLogLog => "hyperloglog",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Scripting => "scripting",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Cluster => "cluster",
            Group::Sentinel => "sentinel",
        }
    }
}

impl KeyFlag {
    /// In the order of COMMAND INFO.
    pub const ALL: [KeyFlag; 11] = [
        KeyFlag::RO,
        KeyFlag::RW,
        KeyFlag::OW,
        KeyFlag::RM,
        KeyFlag::Access,
        KeyFlag::Update,
        KeyFlag::Insert,
        KeyFlag::Delete,
        KeyFlag::NotKey,
        KeyFlag::Incomplete,
        KeyFlag::VariableFlags,
    ];

    /// Redis's word.
    pub fn word(self) -> &'static str {
        match self {
            KeyFlag::RO => "RO",
            KeyFlag::RW => "RW",
            KeyFlag::OW => "OW",
            KeyFlag::RM => "RM",
            KeyFlag::Access => "access",
            KeyFlag::Update => "update",
            KeyFlag::Insert => "insert",
            KeyFlag::Delete => "delete",
            KeyFlag::NotKey => "not_key",
            KeyFlag::Incomplete => "incomplete",
            KeyFlag::VariableFlags => "variable_flags",
        }
    }
}

impl Kind {
    /// Redis's word in COMMAND DOCS. What only hashes like a key is documented as a string.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::Key(flags) if flags.contains(&KeyFlag::NotKey) => "string",
            Kind::Key(_) => "key",
            Kind::Text => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf(_) => "oneof",
            Kind::Block(_) => "block",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_and_category_has_its_own_bit() {
        assert_eq!(Flag::ALL.iter().fold(0, |bits, f| bits + f.bit()), (1 << 25) - 1);
        assert_eq!(Category::ALL.iter().fold(0, |bits, c| bits + c.bit()), (1 << 21) - 1);
    }

    #[test]
    fn categories_are_printed_in_the_order_of_their_bits() {
        assert!(Category::ALL.windows(2).all(|pair| pair[0].bit() < pair[1].bit()));
    }
}
