//! SET.
//!
//! ```text
//!   options ──► moment of expiry ──► look up, if anything depends on it ──► set ──► reply
//! ```
//!
//! A plain SET looks nothing up: whatever the key held, expired or not, is overwritten. The key is
//! looked up first only for a condition, for GET, and for KEEPTTL (an expired key's moment shall
//! not be kept).
//!
//! # What is repeated
//!
//! The request, unless it would give another result later or elsewhere: a moment of expiry is said
//! in absolute milliseconds, GET is left out, and a comparison that was met becomes a plain SET.

use command::declare::*;
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::Expire;

use Flag::{DenyOom, Write};
use KeyFlag::{Access, RW, Update, VariableFlags};

use super::condition::{Condition, IFDEQ, IFDNE, IFEQ, IFNE};
use super::expire::{EX, EXAT, PX, PXAT, Ttl, Unit};
use super::get::bulk;

pub(super) const SET: Command = Command {
    name: "SET",
    group: Group::String,
    since: "1.0.0",
    summary: "Stores a string under a key, whatever the key held before.",
    complexity: "O(1)",
    flags: &[Write, DenyOom],
    args: &[
        key("key", &[RW, Access, Update, VariableFlags]),
        text("value"),
        opt(one_of(
            "condition",
            &[
                flag("NX"),
                flag("XX"),
                IFEQ.since("8.4.0"),
                IFNE.since("8.4.0"),
                IFDEQ.since("8.4.0"),
                IFDNE.since("8.4.0"),
            ],
        ))
        .since("2.6.12"),
        opt(flag("GET")).since("6.2.0"),
        opt(one_of(
            "expiration",
            &[
                EX.since("2.6.12"),
                PX.since("2.6.12"),
                EXAT.since("6.2.0"),
                PXAT.since("6.2.0"),
                flag("KEEPTTL").since("6.0.0"),
            ],
        )),
    ],
    history: &[
        ("2.6.12", "Takes EX, PX, NX and XX."),
        ("6.0.0", "Takes KEEPTTL."),
        ("6.2.0", "Takes GET, EXAT and PXAT."),
        ("7.0.0", "NX and GET may be said together."),
        ("8.4.0", "Takes IFEQ, IFNE, IFDEQ and IFDNE."),
    ],
    examples: &[
        ("SET name ann", "OK"),
        ("SET name bob NX", "(nil)"),
        ("SET name bob GET", "\"ann\""),
        ("SET name eve IFEQ bob EX 60", "OK"),
        ("SET name zoe KEEPTTL", "OK"),
        ("SET name ann EX 0", "(error) ERR invalid expire time in 'set' command"),
        ("SET name ann NX XX", "(error) ERR syntax error"),
    ],
    ..Command::base(set)
};

fn set(cx: &mut Cx<'_>) -> CmdResult {
    let options = if cx.argc() == 3 { SetOptions::NONE } else { SetOptions::read(cx)? };
    let moment_ms = options.ttl.moment_ms(cx)?;
    let (key, value) = (cx.key(1), cx.arg(2));
    if !options.is_met(cx)? {
        if !options.get {
            cx.reply.null();
        }
        return Ok(());
    }
    let expire = match (options.ttl, moment_ms) {
        (_, Some(ms)) => Expire::At(ms),
        (Ttl::ByWord, None) => Expire::Keep,
        _ => Expire::Clear,
    };
    cx.db.set(key, cx.value(2), expire);
    cx.db.changed(key, Class::String, "set", 1);
    if let Some(ms) = moment_ms {
        cx.db.notify(Class::Generic, "expire", key);
        if !options.repeats_verbatim() {
            propagate_moment(cx, ms, value);
        }
    } else if !options.repeats_verbatim() {
        let mut plain: Vec<&[u8]> = vec![b"SET", key.bytes, value];
        plain.extend(options.condition.and_then(Condition::word).map(str::as_bytes));
        if expire == Expire::Keep {
            plain.push(b"KEEPTTL");
        }
        cx.propagate(&plain);
    }
    if !options.get {
        cx.reply.ok();
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct SetOptions<'a> {
    condition: Option<Condition<'a>>,
    get: bool,
    ttl: Ttl<'a>,
}

impl<'a> SetOptions<'a> {
    const NONE: SetOptions<'static> = SetOptions { condition: None, get: false, ttl: Ttl::Unsaid };

    fn read(cx: &Cx<'a>) -> Result<SetOptions<'a>, CmdError> {
        let mut options = SetOptions::NONE;
        let mut i = 3;
        while i < cx.argc() {
            if cx.is_word(i, "GET") {
                options.get = true;
                i += 1;
                continue;
            }
            let words = Condition::read_any(&mut options.condition, cx.args, i)?
                .or_else(|| options.ttl.read(cx.args, i, "KEEPTTL"));
            i += words.ok_or(CmdError::SYNTAX)?;
        }
        Ok(options)
    }

    /// Looks the key up where anything depends on it, and answers GET.
    fn is_met(&self, cx: &mut Cx<'_>) -> Result<bool, CmdError> {
        let key = cx.key(1);
        if self.get {
            // Counted as GET is: a hit or a miss.
            let old = cx.db.string(key)?;
            match old {
                Some(old) => bulk(&mut cx.reply, old),
                None => cx.reply.null(),
            }
            return Ok(self.condition.is_none_or(|condition| condition.is_met_by(old)));
        }
        match self.condition {
            Some(condition) => condition.is_met(&mut cx.db, key),
            None => {
                if self.ttl == Ttl::ByWord {
                    // Meets, and so deletes, an expired key whose moment shall not be kept.
                    cx.db.look(key);
                }
                Ok(true)
            }
        }
    }

    /// Whether the request as it came gives the same result at any time.
    fn repeats_verbatim(&self) -> bool {
        let fixed = match self.ttl {
            Ttl::Unsaid | Ttl::ByWord => true,
            Ttl::Moment { unit, .. } => unit == Unit::PxAt,
        };
        fixed && !self.get && self.condition.is_none_or(|c| c.word().is_some())
    }
}

/// Repeats a SET of the first argument with its moment in absolute milliseconds.
pub(super) fn propagate_moment(cx: &mut Cx<'_>, moment_ms: i64, value: &[u8]) {
    let moment_ms = moment_ms.to_string();
    cx.propagate(&[b"SET", cx.arg(1), value, b"PXAT", moment_ms.as_bytes()]);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_repeated};

    #[test]
    fn set_overwrites_whatever_was_there() {
        check(
            "@list k
            > SET k v
            OK
            > GET k
            \"v\"
            > SET k 12
            OK
            > GET k
            \"12\"",
        );
    }

    #[test]
    fn options_that_contradict_each_other_are_a_syntax_error() {
        for options in [
            "NX XX",
            "XX NX",
            "EX 1 PX 1",
            "EX 1 KEEPTTL",
            "KEEPTTL PX 1",
            "EXAT 1 PXAT 1",
            "EX",
            "IFEQ",
            "IFEQ a IFEQ a",
            "NX IFEQ a",
            "IFNE a XX",
            "PERSIST",
            "NX foo",
            "IFDEQ",
        ] {
            check(&format!("> SET k v {options}\n(error) ERR syntax error\n> GET k\n(nil)"));
        }
    }

    #[test]
    fn options_may_be_said_twice_and_in_any_case() {
        check(
            "> SET k v nx Nx get GET ex 5 eX 6
            (nil)
            > SET k w xx keepttl KeepTTL
            OK
            > GET k
            \"w\"",
        );
    }

    #[test]
    fn a_bad_number_comes_after_a_syntax_error() {
        check(
            "> SET k v EX x
            (error) ERR value is not an integer or out of range
            > SET k v EX x foo
            (error) ERR syntax error
            > SET k v EX 9223372036854775807
            (error) ERR invalid expire time in 'set' command
            > SET k v PX 9223372036854775807
            (error) ERR invalid expire time in 'set' command
            > SET k v PXAT 9223372036854775807
            OK
            > SET k v EX -1
            (error) ERR invalid expire time in 'set' command",
        );
    }

    #[test]
    fn get_answers_the_old_value_whether_or_not_the_key_is_set() {
        check(
            "> SET k 1 XX GET
            (nil)
            > GET k
            (nil)
            > SET k 1 NX GET
            (nil)
            > SET k 2 NX GET
            \"1\"
            > SET k 3 GET
            \"1\"
            > SET k 4 IFEQ 9 GET
            \"3\"
            > GET k
            \"3\"
            @list l
            > SET l 1 GET
            (error) WRONGTYPE Operation against a key holding the wrong kind of value
            > SET l 1 NX
            (nil)
            > SET l 1 XX
            OK",
        );
    }

    #[test]
    fn a_comparison_decides_whether_the_key_is_set() {
        check(
            "> SET k v IFEQ v
            (nil)
            > SET k v IFDEQ 0123456789abcdef
            (nil)
            > SET k v IFNE w
            OK
            > SET k w IFEQ v
            OK
            > SET k x IFNE w
            (nil)
            > SET n 10 IFDNE 0123456789abcdef
            OK
            > SET n 11 IFEQ 010
            (nil)
            > SET n 11 IFEQ 10
            OK
            > SET n 1 IFDEQ 123
            (error) ERR must be exactly 16 hexadecimal characters
            @list l
            > SET l v IFEQ v
            (error) WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn a_moment_in_the_past_is_taken_and_the_key_is_gone() {
        check(
            "> SET k v
            OK
            > SET k v PXAT 1
            OK
            > GET k
            (nil)
            > SET k v PXAT 1
            OK
            > SET k w KEEPTTL
            OK
            > GET k
            \"w\"",
        );
    }

    #[test]
    fn a_request_that_means_the_same_at_any_time_is_repeated_as_it_came() {
        check_repeated(
            &["set k v", "SET k w XX", "SET k x KEEPTTL", "SET k y PXAT 9999999999999"],
            &["set k v", "SET k w XX", "SET k x KEEPTTL", "SET k y PXAT 9999999999999"],
        );
    }

    #[test]
    fn moments_are_repeated_in_absolute_milliseconds() {
        check_repeated(
            &["SET k v EX 10 NX", "SET k v GET PX 5", "SET k v EXAT 99999999999"],
            &["SET k v PXAT *", "SET k v PXAT *", "SET k v PXAT 99999999999000"],
        );
    }

    #[test]
    fn get_and_comparisons_are_not_repeated() {
        check_repeated(
            &["SET k v GET NX", "SET k w IFEQ v", "SET k x KEEPTTL GET", "SET k y NX"],
            &["SET k v NX", "SET k w", "SET k x KEEPTTL"],
        );
    }
}
