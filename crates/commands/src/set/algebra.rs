//! SINTER, SUNION and SDIFF, and what they are when stored (…STORE) or only counted (…CARD).

use command::declare::Flag::{self, DenyOom, ReadOnly, Write};
use command::declare::KeyFlag::{Access, OW, RO, Update};
use command::declare::{Arg, Group, flag, integer, key, many, opt, token};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::value::{Set, SetRef};
use store::{CollectionType, Expire, Key, NewValue, OwnedValue, View};
use structures::listpack::Value;

use super::{combine, write_member};

const RETURN_ARGS: &[Arg] = &[many(key("key", &[RO, Access]))];
const STORE_ARGS: &[Arg] = &[key("destination", &[OW, Update]), many(key("key", &[RO, Access]))];
const CARD_ARGS: &[Arg] =
    &[integer("numkeys"), many(key("key", &[RO, Access])), opt(token("LIMIT", integer("limit")))];
const STORE_FLAGS: &[Flag] = &[Write, DenyOom];
const UNORDERED: &[&str] = &["nondeterministic_output_order"];
const INTER_COST: &str = "O(N*M) for M sets of which the smallest has N members";
const SUM_COST: &str = "O(N) in the members of all sets together";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Inter,
    Union,
    Diff,
}

impl Operation {
    /// The event of storing its result.
    fn event(self) -> &'static str {
        match self {
            Operation::Inter => "sinterstore",
            Operation::Union => "sunionstore",
            Operation::Diff => "sdiffstore",
        }
    }

    /// Hands the members of the result to `f`, until it says false.
    fn run<'a>(self, sets: &Sets<'a>, f: impl FnMut(Value<'a>) -> bool) {
        let present = || sets.0.iter().flatten().copied().collect();
        match self {
            Operation::Inter => {
                // Whoever meets an empty set shares nothing.
                if let Some(all) = sets.0.iter().copied().collect() {
                    combine::inter(all, f);
                }
            }
            Operation::Union => combine::union(present(), f),
            Operation::Diff => {
                if let Some(first) = sets.0[0] {
                    combine::diff(first, sets.0[1..].iter().flatten().copied().collect(), f);
                }
            }
        }
    }
}

/// The sets under several keys; none where there is no key.
struct Sets<'a>(Vec<Option<SetRef<'a>>>);

/// The keys of `count` arguments from `first` on, each looked up.
fn look_up<'a>(cx: &mut Cx<'a>, first: usize, count: usize) -> Result<Vec<Key<'a>>, CmdError> {
    let keys: Vec<Key<'_>> = (first..first + count).map(|index| cx.key(index)).collect();
    for key in &keys {
        cx.db.collection::<Set>(*key)?;
    }
    Ok(keys)
}

fn sets<'c>(cx: &'c Cx<'_>, keys: &[Key<'_>]) -> Sets<'c> {
    Sets(keys.iter().map(|key| cx.db.held_collection::<Set>(*key)).collect())
}

pub(super) const SINTER: Command = Command {
    name: "SINTER",
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns the members that all of several sets have.",
    complexity: INTER_COST,
    flags: &[ReadOnly],
    args: RETURN_ARGS,
    tips: UNORDERED,
    examples: &[
        ("SADD a 1 2 3", "(integer) 3"),
        ("SADD b 2 3 4", "(integer) 3"),
        ("SINTER a b", "1) \"2\"\n2) \"3\""),
        ("SINTER a none", "(empty array)"),
        ("SINTER", "(error) ERR wrong number of arguments for 'sinter' command"),
    ],
    ..Command::base(|cx| combined(cx, Operation::Inter))
};

pub(super) const SUNION: Command = Command {
    name: "SUNION",
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns the members that any of several sets has.",
    complexity: SUM_COST,
    flags: &[ReadOnly],
    args: RETURN_ARGS,
    tips: UNORDERED,
    examples: &[
        ("SADD a 1 2", "(integer) 2"),
        ("SADD b 2", "(integer) 1"),
        ("SUNION a b none", "1) \"1\"\n2) \"2\""),
        ("SUNION", "(error) ERR wrong number of arguments for 'sunion' command"),
    ],
    ..Command::base(|cx| combined(cx, Operation::Union))
};

pub(super) const SDIFF: Command = Command {
    name: "SDIFF",
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns the members of a set that no other of several sets has.",
    complexity: SUM_COST,
    flags: &[ReadOnly],
    args: RETURN_ARGS,
    tips: UNORDERED,
    examples: &[
        ("SADD a 1 2 3", "(integer) 3"),
        ("SADD b 2", "(integer) 1"),
        ("SDIFF a b", "1) \"1\"\n2) \"3\""),
        ("SDIFF none a", "(empty array)"),
        ("SDIFF", "(error) ERR wrong number of arguments for 'sdiff' command"),
    ],
    ..Command::base(|cx| combined(cx, Operation::Diff))
};

fn combined(cx: &mut Cx<'_>, operation: Operation) -> CmdResult {
    let keys = look_up(cx, 1, cx.argc() - 1)?;
    let header = cx.reply.deferred_set();
    let mut count = 0;
    let sets = Sets(keys.iter().map(|key| cx.db.held_collection::<Set>(*key)).collect());
    operation.run(&sets, |member| {
        write_member(&mut cx.reply, member);
        count += 1;
        true
    });
    cx.reply.set_deferred(header, count);
    Ok(())
}

pub(super) const SINTERSTORE: Command = Command {
    name: "SINTERSTORE",
    group: Group::Set,
    since: "1.0.0",
    summary: "Stores the members that all of several sets have, and returns how many there are.",
    complexity: INTER_COST,
    flags: STORE_FLAGS,
    args: STORE_ARGS,
    examples: &[
        ("SADD a 1 2 3", "(integer) 3"),
        ("SADD b 2 3 4", "(integer) 3"),
        ("SINTERSTORE c a b", "(integer) 2"),
        ("SMEMBERS c", "1) \"2\"\n2) \"3\""),
        ("SINTERSTORE c a none", "(integer) 0"),
        ("EXISTS c", "(integer) 0"),
        ("SINTERSTORE c", "(error) ERR wrong number of arguments for 'sinterstore' command"),
    ],
    ..Command::base(|cx| stored(cx, Operation::Inter))
};

pub(super) const SUNIONSTORE: Command = Command {
    name: "SUNIONSTORE",
    group: Group::Set,
    since: "1.0.0",
    summary: "Stores the members that any of several sets has, and returns how many there are.",
    complexity: SUM_COST,
    flags: STORE_FLAGS,
    args: STORE_ARGS,
    examples: &[
        ("SADD a 1 2", "(integer) 2"),
        ("SUNIONSTORE c a none", "(integer) 2"),
        ("SMEMBERS c", "1) \"1\"\n2) \"2\""),
        ("SUNIONSTORE c", "(error) ERR wrong number of arguments for 'sunionstore' command"),
    ],
    ..Command::base(|cx| stored(cx, Operation::Union))
};

pub(super) const SDIFFSTORE: Command = Command {
    name: "SDIFFSTORE",
    group: Group::Set,
    since: "1.0.0",
    summary: "Stores the members of a set that no other of several sets has, and returns how many \
              there are.",
    complexity: SUM_COST,
    flags: STORE_FLAGS,
    args: STORE_ARGS,
    examples: &[
        ("SADD a 1 2 3", "(integer) 3"),
        ("SADD b 2", "(integer) 1"),
        ("SDIFFSTORE c a b", "(integer) 2"),
        ("SMEMBERS c", "1) \"1\"\n2) \"3\""),
        ("SDIFFSTORE c", "(error) ERR wrong number of arguments for 'sdiffstore' command"),
    ],
    ..Command::base(|cx| stored(cx, Operation::Diff))
};

fn stored(cx: &mut Cx<'_>, operation: Operation) -> CmdResult {
    let destination = cx.key(1);
    let keys = look_up(cx, 2, cx.argc() - 2)?;
    let result = result(cx, operation, &keys);
    let len = result.view().len();
    if len > 0 {
        cx.db.set(destination, NewValue::Owned(OwnedValue::of(result)), Expire::Clear);
        cx.db.changed(destination, Class::Set, operation.event(), 1);
    } else {
        let lazy = cx.db.displaces_lazily();
        if cx.db.delete(destination, lazy) {
            cx.db.changed(destination, Class::Generic, "del", 1);
        }
    }
    cx.reply.integer(len as i64);
    Ok(())
}

/// The result as a set of its own, in the form that Redis gives it.
fn result(cx: &Cx<'_>, operation: Operation, keys: &[Key<'_>]) -> Set {
    let limits = cx.db.limits();
    let sets = sets(cx, keys);
    let mut result = Set::default();
    match operation {
        // The form depends on the order in which members come.
        Operation::Union => {
            for member in sets.0.iter().flatten().flat_map(|set| set.iter()) {
                result.add_value(member, &limits);
            }
        }
        Operation::Diff => operation.run(&sets, |member| {
            result.add_value(member, &limits);
            true
        }),
        Operation::Inter => {
            let smallest = sets.0.iter().flatten().min_by_key(|set| set.len());
            if !matches!(smallest, Some(SetRef::Intset(_))) {
                result = Set::new_listpack();
            }
            operation.run(&sets, |member| {
                result.add_value(member, &limits);
                true
            });
            result.make_intset(&limits);
        }
    }
    result
}

pub(super) const SINTERCARD: Command = Command {
    name: "SINTERCARD",
    group: Group::Set,
    since: "7.0.0",
    summary: "Returns how many members all of several sets have, counting up to a limit.",
    complexity: INTER_COST,
    flags: &[ReadOnly],
    args: CARD_ARGS,
    examples: &[
        ("SADD a 1 2 3", "(integer) 3"),
        ("SADD b 2 3 4", "(integer) 3"),
        ("SINTERCARD 2 a b", "(integer) 2"),
        ("SINTERCARD 2 a b LIMIT 1", "(integer) 1"),
        ("SINTERCARD 0 a", "(error) ERR numkeys should be greater than 0"),
    ],
    ..Command::base(|cx| counted(cx, Operation::Inter))
};

pub(super) const SUNIONCARD: Command = Command {
    name: "SUNIONCARD",
    group: Group::Set,
    since: "8.10.0",
    summary: "Returns how many members any of several sets has, counting up to a limit.",
    complexity: SUM_COST,
    flags: &[ReadOnly],
    args: &[
        integer("numkeys"),
        many(key("key", &[RO, Access])),
        opt(flag("APPROX")),
        opt(token("LIMIT", integer("limit"))),
    ],
    examples: &[
        ("SADD a 1 2", "(integer) 2"),
        ("SADD b 2 3", "(integer) 2"),
        ("SUNIONCARD 2 a b", "(integer) 3"),
        ("SUNIONCARD 2 a b APPROX LIMIT 2", "(integer) 2"),
        ("SUNIONCARD 3 a b", "(error) ERR Number of keys can't be greater than number of args"),
    ],
    ..Command::base(|cx| counted(cx, Operation::Union))
};

pub(super) const SDIFFCARD: Command = Command {
    name: "SDIFFCARD",
    group: Group::Set,
    since: "8.10.0",
    summary: "Returns how many members a set has that no other of several sets has, counting up to \
              a limit.",
    complexity: SUM_COST,
    flags: &[ReadOnly],
    args: CARD_ARGS,
    examples: &[
        ("SADD a 1 2 3", "(integer) 3"),
        ("SADD b 2", "(integer) 1"),
        ("SDIFFCARD 2 a b", "(integer) 2"),
        ("SDIFFCARD 2 a b LIMIT 1", "(integer) 1"),
        ("SDIFFCARD 2 a b LIMIT -1", "(error) ERR LIMIT can't be negative"),
    ],
    ..Command::base(|cx| counted(cx, Operation::Diff))
};

/// APPROX allows an estimate. Counting exactly takes no more memory here, so it is what one gets.
fn counted(cx: &mut Cx<'_>, operation: Operation) -> CmdResult {
    let numkeys = cx.int(1).ok().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let numkeys = numkeys.ok_or(CmdError::NUMKEYS_NOT_POSITIVE)?;
    if numkeys > cx.argc() - 2 {
        return Err(CmdError::TOO_MANY_NUMKEYS);
    }
    let mut limit = 0;
    let mut i = 2 + numkeys;
    while i < cx.argc() {
        if cx.is_word(i, "LIMIT") && i + 1 < cx.argc() {
            let given = cx.int(i + 1).ok().and_then(|n| usize::try_from(n).ok());
            limit = given.ok_or(CmdError::LIMIT_NEGATIVE)?;
            i += 2;
        } else if operation == Operation::Union && cx.is_word(i, "APPROX") {
            i += 1;
        } else {
            return Err(CmdError::SYNTAX);
        }
    }
    let keys = look_up(cx, 2, numkeys)?;
    let mut count = 0;
    operation.run(&sets(cx, &keys), |_| {
        count += 1;
        count != limit
    });
    cx.reply.integer(count as i64);
    Ok(())
}
