//! EVAL, EVALSHA, FCALL and their forms that only read.

use command::declare::Flag::{
    MayReplicate, NoMandatoryKeys, NoScript, ReadOnly, SkipMonitor, Stale,
};
use command::declare::KeyFlag::{Access, RO, RW, Update};
use command::declare::{
    Arg, Begin, Find, Group, KeyFlag, KeySpec, Lock, integer, key, many, opt, text,
};
use engine::{Command, Cx, scripting};

const fn keys(flags: &'static [KeyFlag], notes: &'static str) -> KeySpec {
    KeySpec {
        flags,
        begin: Begin::Index(2),
        find: Find::KeyNum { count: 0, first: 1, step: 1 },
        notes,
    }
}

const WRITES: &[KeyFlag] = &[RW, Access, Update];
const READS: &[KeyFlag] = &[RO, Access];
const WRITTEN: &[KeySpec] = &[keys(
    WRITES,
    "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE",
)];
const READ: &[KeySpec] = &[keys(
    READS,
    "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS",
)];

const fn args(first: Arg, flags: &'static [KeyFlag]) -> [Arg; 4] {
    [first, integer("numkeys"), opt(many(key("key", flags))), opt(many(text("arg")))]
}

const EVAL_ARGS: &[Arg] = &args(text("script"), WRITES);
const EVAL_RO_ARGS: &[Arg] = &args(text("script"), READS);
const EVALSHA_ARGS: &[Arg] = &args(text("sha1"), WRITES);
const EVALSHA_RO_ARGS: &[Arg] = &args(text("sha1"), READS);
const FCALL_ARGS: &[Arg] = &args(text("function"), WRITES);
const FCALL_RO_ARGS: &[Arg] = &args(text("function"), READS);

pub(super) const EVAL: Command = Command {
    name: "EVAL",
    group: Group::Scripting,
    since: "2.6.0",
    summary: "Runs a script in Lua, with nothing of another client's in between.",
    complexity: "That of the script",
    flags: &[NoScript, SkipMonitor, MayReplicate, NoMandatoryKeys, Stale],
    args: EVAL_ARGS,
    arity: Some(-3),
    keys: Some(WRITTEN),
    lock: Some(Lock::Script),
    examples: &[
        ("EVAL \"return ARGV[1]\" 0 hello", "\"hello\""),
        ("EVAL \"return redis.call('SET', KEYS[1], ARGV[1])\" 1 k v", "OK"),
        ("EVAL \"return 1\" -1", "(error) ERR Number of keys can't be negative"),
    ],
    ..Command::base(|cx: &mut Cx<'_>| scripting::eval(cx, false))
};

pub(super) const EVAL_RO: Command = Command {
    name: "EVAL_RO",
    since: "7.0.0",
    summary: "Runs a script that writes nothing.",
    flags: &[NoScript, SkipMonitor, NoMandatoryKeys, Stale, ReadOnly],
    args: EVAL_RO_ARGS,
    keys: Some(READ),
    examples: &[
        ("EVAL_RO \"return redis.call('EXISTS', KEYS[1])\" 1 k", "(integer) 0"),
        ("EVAL_RO \"return KEYS\" 1 k", "1) \"k\""),
        (
            "EVAL_RO \"return 1\" 1",
            "(error) ERR Number of keys can't be greater than number of args",
        ),
    ],
    handler: |cx| scripting::eval(cx, true),
    ..EVAL
};

pub(super) const EVALSHA: Command = Command {
    name: "EVALSHA",
    summary: "Runs a script that was loaded or run before, named by its SHA1.",
    args: EVALSHA_ARGS,
    examples: &[
        ("SCRIPT LOAD \"return 1\"", "\"e0e1f9fabfc9d4800c877a703b823ac0578ff8db\""),
        ("EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "(integer) 1"),
        ("EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0", "(integer) 1"),
        ("EVALSHA nothing 0", "(error) NOSCRIPT No matching script. Please use EVAL."),
    ],
    handler: |cx| scripting::evalsha(cx, false),
    ..EVAL
};

pub(super) const EVALSHA_RO: Command = Command {
    name: "EVALSHA_RO",
    since: "7.0.0",
    summary: "Runs a script that writes nothing, named by its SHA1.",
    flags: EVAL_RO.flags,
    args: EVALSHA_RO_ARGS,
    keys: Some(READ),
    examples: &[
        ("SCRIPT LOAD \"return 1\"", "\"e0e1f9fabfc9d4800c877a703b823ac0578ff8db\""),
        ("EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "(integer) 1"),
        ("EVALSHA_RO E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0", "(integer) 1"),
        ("EVALSHA_RO nothing 0", "(error) NOSCRIPT No matching script. Please use EVAL."),
    ],
    handler: |cx| scripting::evalsha(cx, true),
    ..EVAL
};

pub(super) const FCALL: Command = Command {
    name: "FCALL",
    since: "7.0.0",
    summary: "Runs a function of a library, with nothing of another client's in between.",
    complexity: "That of the function",
    args: FCALL_ARGS,
    lock: Some(Lock::World),
    examples: &[
        (
            "FUNCTION LOAD \"#!lua name=mine\\nredis.register_function('echo', function(keys, args) return args[1] end)\"",
            "\"mine\"",
        ),
        ("FCALL echo 0 hello", "\"hello\""),
        ("FCALL echo 1 key there", "\"there\""),
        ("FCALL nothing 0", "(error) ERR Function not found"),
    ],
    handler: |cx| scripting::fcall(cx, false),
    ..EVAL
};

pub(super) const FCALL_RO: Command = Command {
    name: "FCALL_RO",
    summary: "Runs a function that writes nothing.",
    flags: EVAL_RO.flags,
    args: FCALL_RO_ARGS,
    keys: Some(READ),
    examples: &[
        (
            "FUNCTION LOAD \"#!lua name=mine\\nredis.register_function{function_name='one', callback=function(keys) return #keys end, flags={'no-writes'}}\"",
            "\"mine\"",
        ),
        ("FCALL_RO one 0", "(integer) 0"),
        ("FCALL_RO one 1 key", "(integer) 1"),
        ("FCALL_RO nothing 0", "(error) ERR Function not found"),
    ],
    handler: |cx| scripting::fcall(cx, true),
    ..FCALL
};
