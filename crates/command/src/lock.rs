//! What a command must hold while it runs (design §1).
//!
//! Declared keys that can all be told from the call: the shards of those keys. Anything else: the
//! world, which is always right and never fast. `Local` and `EachShard` do not follow from
//! anything; a declaration says them once they are proven.

use crate::declare::{Begin, Command, Find, Flag, KeyFlag, KeySpec, Lock};

/// The lock class, given the key specs that [`crate::keys::specs`] found.
pub fn lock<H>(command: &Command<H>, specs: &[KeySpec]) -> Lock {
    if let Some(declared) = command.lock {
        return declared;
    }
    let mut keys = specs.iter().filter(|spec| !spec.flags.contains(&KeyFlag::NotKey)).peekable();
    let has_keys = keys.peek().is_some();
    let all_can_be_told = keys.all(|spec| {
        spec.begin != Begin::Unknown
            && spec.find != Find::Unknown
            && !spec.flags.contains(&KeyFlag::Incomplete)
    });
    let strays = command.flags.contains(&Flag::TouchesArbitraryKeys);
    if has_keys && all_can_be_told && !strays { Lock::Keys } else { Lock::World }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::*;
    use crate::keys::specs;

    fn class(command: &Command<()>) -> Lock {
        lock(command, &specs(command, false).expect("grammar tells the keys"))
    }

    #[test]
    fn keys_give_shards_and_no_keys_give_the_world() {
        const GET: Command<()> =
            Command { args: &[key("key", &[KeyFlag::RO])], ..Command::base(()) };
        const FLUSHALL: Command<()> = Command::base(());
        const PING: Command<()> = Command { lock: Some(Lock::Local), ..Command::base(()) };
        assert_eq!(class(&GET), Lock::Keys);
        assert_eq!(class(&FLUSHALL), Lock::World);
        assert_eq!(class(&PING), Lock::Local);
    }

    #[test]
    fn keys_that_cannot_be_told_in_full_give_the_world() {
        const SORT: Command<()> = Command {
            args: &[key("key", &[KeyFlag::RO])],
            keys: Some(&[KeySpec {
                flags: &[KeyFlag::RO],
                begin: Begin::Unknown,
                find: Find::Unknown,
                notes: "",
            }]),
            ..Command::base(())
        };
        assert_eq!(class(&SORT), Lock::World);
    }

    #[test]
    fn a_word_that_leads_astray_gives_the_world() {
        const LOCK: Lock = Lock::KeysUnless(&["BY", "GET"]);
        let of_call = |words: &[&str]| LOCK.of_call(words.iter().map(|word| word.as_bytes()));
        assert_eq!(of_call(&["SORT", "k", "LIMIT", "0", "1"]), Lock::Keys);
        assert_eq!(of_call(&["SORT", "k", "by", "w*"]), Lock::World);
        assert_eq!(of_call(&["GET", "k"]), Lock::Keys, "the name is no argument");
        assert_eq!(Lock::Keys.of_call([]), Lock::Keys);
    }

    #[test]
    fn a_shard_channel_is_no_key_to_lock() {
        const SPUBLISH: Command<()> =
            Command { args: &[key("shardchannel", &[KeyFlag::NotKey])], ..Command::base(()) };
        assert_eq!(class(&SPUBLISH), Lock::World);
    }
}
