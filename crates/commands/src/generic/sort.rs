//! SORT and SORT_RO: the elements of a list, set or sorted set in order, or what they lead to.
//!
//! ```text
//!   SORT cart BY price:* GET # GET item:*->name
//!
//!   elements   7 3 …      copied out of the value                         [`load`]
//!   weights    price:7 …  of BY's pattern, or of the element itself       [`weigh`]
//!   order      indices, by weight, then by text                           `order.rs`
//!   output     element and item:7's field name, for each                  [`write`]
//! ```
//!
//! Numbers are compared as doubles, and elements of equal weight by their text, so the order is
//! always the same. With ALPHA weights are texts, compared as the locale says, or byte by byte if
//! the result is stored: replicas may have another locale.
//!
//! # Limits
//!
//! Keys made of patterns are not declared, so a call with BY or GET owns the world, as does one
//! with STORE, which may stand anywhere. Only without them are the key's shards enough.

mod order;
mod pattern;

use command::declare::Flag::{self, DenyOom, ReadOnly, Write};
use command::declare::KeyFlag::{Access, OW, RO, Update};
use command::declare::{
    Arg, Begin, Category, Find, Group, KeySpec, Lock, block, flag, integer, key, many, one_of, opt,
    pattern as pattern_arg, token,
};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::value::{End, List};
use store::{CollectionType, Expire, Limits, NewValue, OwnedValue, ValueRef, View};
use structures::listpack::Value;

use order::{Kind, Order, Texts};
use pattern::follow;

const CATEGORIES: &[Category] =
    &[Category::Set, Category::SortedSet, Category::List, Category::Dangerous];
const COST: &str = "O(N+M*log(M)) for N elements of which M are returned; O(N) if none is compared";
/// With one of these words a call may touch keys that it does not declare.
const LOCK: Lock = Lock::KeysUnless(&["BY", "GET", "STORE"]);

const SORTED: KeySpec = KeySpec {
    flags: &[RO, Access],
    begin: Begin::Index(1),
    find: Find::Range { last: 0, step: 1, limit: 0 },
    notes: "",
};
const FOLLOWED: KeySpec = KeySpec {
    flags: &[RO, Access],
    begin: Begin::Unknown,
    find: Find::Unknown,
    notes: "Of BY and GET: names made of the elements, which nobody knows before.",
};
const STORED: KeySpec = KeySpec {
    flags: &[OW, Update],
    begin: Begin::Unknown,
    find: Find::Unknown,
    notes: "Of STORE, which may stand anywhere among the arguments.",
};

/// The arguments of both; SORT has one more.
macro_rules! args {
    ($($more:expr)?) => {
        &[
            key("key", &[RO, Access]),
            opt(token("BY", pattern_arg("by-pattern"))).shown_as("pattern"),
            opt(token("LIMIT", block("limit", &[integer("offset"), integer("count")]))),
            opt(many(token("GET", pattern_arg("get-pattern")))).repeat_token().shown_as("pattern"),
            opt(one_of("order", &[flag("ASC"), flag("DESC")])),
            opt(flag("ALPHA")),
            $($more)?
        ]
    };
}

const SORT_ARGS: &[Arg] = args!(opt(token("STORE", key("destination", &[OW, Update]))));
const SORT_RO_ARGS: &[Arg] = args!();
const SORT_FLAGS: &[Flag] = &[Write, DenyOom];

pub const SORT: Command = Command {
    name: "SORT",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Returns or stores the elements of a list, set or sorted set in order.",
    complexity: COST,
    flags: SORT_FLAGS,
    categories: CATEGORIES,
    args: SORT_ARGS,
    keys: Some(&[SORTED, FOLLOWED, STORED]),
    lock: Some(LOCK),
    examples: &[
        ("RPUSH numbers 10 9 2", "(integer) 3"),
        ("SORT numbers", "1) \"2\"\n2) \"9\"\n3) \"10\""),
        ("SORT numbers ALPHA DESC LIMIT 0 2", "1) \"9\"\n2) \"2\""),
        ("MSET w_10 1 w_9 2 w_2 3", "OK"),
        ("SORT numbers BY w_* GET # GET w_* LIMIT 0 1", "1) \"10\"\n2) \"1\""),
        ("SORT numbers STORE sorted", "(integer) 3"),
        ("LINDEX sorted 0", "\"2\""),
        ("SORT numbers BY", "(error) ERR syntax error"),
    ],
    ..Command::base(|cx| sort(cx, true))
};

pub const SORT_RO: Command = Command {
    name: "SORT_RO",
    group: Group::Generic,
    since: "7.0.0",
    summary: "Returns the elements of a list, set or sorted set in order.",
    complexity: COST,
    flags: &[ReadOnly],
    categories: CATEGORIES,
    args: SORT_RO_ARGS,
    keys: Some(&[SORTED, FOLLOWED]),
    lock: Some(LOCK),
    examples: &[
        ("RPUSH numbers 10 9 2", "(integer) 3"),
        ("SORT_RO numbers", "1) \"2\"\n2) \"9\"\n3) \"10\""),
        ("SORT_RO numbers STORE sorted", "(error) ERR syntax error"),
    ],
    ..Command::base(|cx| sort(cx, false))
};

#[derive(Default)]
struct Options<'a> {
    is_descending: bool,
    is_alpha: bool,
    offset: i64,
    /// Negative: all.
    count: i64,
    by: Option<&'a [u8]>,
    gets: Vec<&'a [u8]>,
    /// The argument that names the destination.
    store: Option<usize>,
}

impl<'a> Options<'a> {
    fn parse(cx: &Cx<'a>, may_store: bool) -> Result<Options<'a>, CmdError> {
        let mut options = Options { count: -1, ..Options::default() };
        // Whoever may not read every key must not get at one by a pattern.
        let may_follow = cx.may_read_any_key();
        let mut i = 2;
        while i < cx.argc() {
            let left = cx.argc() - i - 1;
            if cx.is_word(i, "ASC") {
                options.is_descending = false;
            } else if cx.is_word(i, "DESC") {
                options.is_descending = true;
            } else if cx.is_word(i, "ALPHA") {
                options.is_alpha = true;
            } else if cx.is_word(i, "LIMIT") && left >= 2 {
                (options.offset, options.count) = (cx.int(i + 1)?, cx.int(i + 2)?);
                i += 2;
            } else if may_store && cx.is_word(i, "STORE") && left >= 1 {
                options.store = Some(i + 1);
                i += 1;
            } else if cx.is_word(i, "BY") && left >= 1 {
                options.by = Some(cx.arg(i + 1));
                if !may_follow && !options.keeps_order() {
                    return Err(CmdError::SORT_BY_DENIED);
                }
                i += 1;
            } else if cx.is_word(i, "GET") && left >= 1 {
                if !may_follow {
                    return Err(CmdError::SORT_GET_DENIED);
                }
                options.gets.push(cx.arg(i + 1));
                i += 1;
            } else {
                return Err(CmdError::SYNTAX);
            }
            i += 1;
        }
        Ok(options)
    }

    /// BY without an asterisk: the elements stay in the order in which they are.
    fn keeps_order(&self) -> bool {
        self.by.is_some_and(|pattern| !pattern.contains(&b'*'))
    }

    /// Of so many elements, in their order, those that are returned.
    fn range(&self, len: usize) -> std::ops::Range<usize> {
        let start = usize::try_from(self.offset).unwrap_or(0).min(len);
        match usize::try_from(self.count) {
            Ok(count) => start..len.min(start.saturating_add(count)),
            Err(_) => start..len,
        }
    }
}

fn sort(cx: &mut Cx<'_>, may_store: bool) -> CmdResult {
    let mut options = Options::parse(cx, may_store)?;
    let (texts, is_set) = load(cx, &options)?;
    if options.keeps_order() && is_set && (options.store.is_some() || cx.is_in_script()) {
        // A set has no order of its own that a replica, or the next run of a script, would agree on.
        (options.is_alpha, options.by) = (true, None);
    }
    let range = options.range(texts.len());
    let order: Vec<u32> = if options.keeps_order() {
        (0..texts.len() as u32).collect()
    } else {
        weigh(cx, &options, &texts)?.sorted(&texts, range.clone())
    };
    let chosen = &order[range];
    match options.store {
        Some(index) => store(cx, &options, &texts, chosen, index),
        None => write(cx, &options, &texts, chosen),
    }
    Ok(())
}

/// The elements, and whether they are a set's. If they are to stay in order, those of a list or a
/// sorted set come in the direction asked for.
fn load(cx: &mut Cx<'_>, options: &Options<'_>) -> Result<(Texts, bool), CmdError> {
    let key = cx.key(1);
    let mut texts = Texts::default();
    let Some(record) = cx.db.read(key) else { return Ok((texts, false)) };
    let is_reversed = options.keeps_order() && options.is_descending;
    let mut push = |value: Value<'_>| texts.push(value);
    let is_set = match record.value() {
        ValueRef::List(list) if is_reversed => {
            list.iter().rev().for_each(push);
            false
        }
        ValueRef::List(list) => {
            list.iter().for_each(push);
            false
        }
        ValueRef::Set(set) => {
            set.iter().for_each(&mut push);
            true
        }
        ValueRef::SortedSet(set) if is_reversed => {
            set.iter().rev().for_each(|pair| push(pair.member));
            false
        }
        ValueRef::SortedSet(set) => {
            set.iter().for_each(|pair| push(pair.member));
            false
        }
        _ => return Err(CmdError::WRONG_TYPE),
    };
    Ok((texts, is_set))
}

/// What the elements are to be compared by.
fn weigh(cx: &mut Cx<'_>, options: &Options<'_>, texts: &Texts) -> Result<Order, CmdError> {
    let collate = engine::collate::get().filter(|_| options.store.is_none());
    let kind = match collate {
        _ if !options.is_alpha => Kind::Numbers,
        Some(collate) => Kind::Collated(collate),
        None => Kind::Bytes,
    };
    let mut order = Order::new(kind, options.by.is_some(), options.is_descending);
    let mut is_fine = true;
    for element in texts.iter() {
        // All of them are looked up, even if one is no number: looking up removes what expired.
        is_fine &= match options.by {
            Some(pattern) => order.push(follow(cx, pattern, element).as_deref()),
            None => order.push(Some(element)),
        };
    }
    if is_fine { Ok(order) } else { Err(CmdError::SORT_NOT_NUMBERS) }
}

fn write(cx: &mut Cx<'_>, options: &Options<'_>, texts: &Texts, chosen: &[u32]) {
    cx.reply.array(chosen.len() * options.gets.len().max(1));
    for &index in chosen {
        let element = texts.get(index);
        if options.gets.is_empty() {
            cx.reply.bulk(element);
        }
        for pattern in &options.gets {
            match follow(cx, pattern, element) {
                Some(text) => cx.reply.bulk(&text),
                None => cx.reply.null(),
            }
        }
    }
}

/// Stores the result as a list, in which what was not found is empty.
fn store(
    cx: &mut Cx<'_>,
    options: &Options<'_>,
    texts: &Texts,
    chosen: &[u32],
    destination: usize,
) {
    let destination = cx.key(destination);
    let limits: Limits = cx.db.limits();
    let mut list = List::empty(&limits);
    for &index in chosen {
        let element = texts.get(index);
        if options.gets.is_empty() {
            list.push(End::Tail, element, &limits);
        }
        for pattern in &options.gets {
            let found = follow(cx, pattern, element).unwrap_or_default();
            list.push(End::Tail, &found, &limits);
        }
    }
    let len = list.view().len();
    if len > 0 {
        cx.db.set(destination, NewValue::Owned(OwnedValue::of(list)), Expire::Clear);
        cx.db.changed(destination, Class::List, "sortstore", len as u64);
    } else {
        let lazy = cx.db.displaces_lazily();
        if cx.db.delete(destination, lazy) {
            cx.db.changed(destination, Class::Generic, "del", 1);
        }
    }
    cx.reply.integer(len as i64);
}

#[cfg(test)]
mod tests {
    use testkit::transcript::{check, check_repeated};

    #[test]
    fn numbers_are_what_redis_takes_for_numbers() {
        for (text, is_number) in [
            ("\"\"", true),
            ("inf", true),
            ("1e400", true),
            ("+5", true),
            (".5", true),
            ("5.", true),
            ("\" 1\"", false),
            ("0x10", false),
            ("nan", false),
            ("-", false),
            ("1e", false),
        ] {
            let reply = match is_number {
                true => format!("1) \"{}\"", text.trim_matches('"')),
                false => "(error) ERR One or more scores can't be converted into double".into(),
            };
            check(&format!("> RPUSH l {text}\n(integer) 1\n> SORT l\n{reply}\n"));
        }
    }

    #[test]
    fn a_number_ends_at_a_zero_byte() {
        check(
            r#"
            > RPUSH l a b
            (integer) 2
            > SETRANGE w:a 0 5
            (integer) 1
            > SETRANGE w:a 2 x
            (integer) 3
            > SETRANGE w:b 3 x
            (integer) 4
            > SORT l BY w:*
            1) "b"
            2) "a"
            "#,
        );
    }

    #[test]
    fn equal_weights_are_ordered_by_text_and_missing_ones_come_first() {
        check(
            r#"
            > RPUSH l b a 1 c
            (integer) 4
            > MSET w:a 1.0 w:b 1 w:c -1
            OK
            > SORT l BY w:*
            1) "c"
            2) "1"
            3) "a"
            4) "b"
            > SORT l BY w:* DESC
            1) "b"
            2) "a"
            3) "1"
            4) "c"
            > SORT l BY w:* ALPHA
            1) "1"
            2) "c"
            3) "b"
            4) "a"
            > SORT l BY w:* ALPHA DESC LIMIT 1 2
            1) "b"
            2) "c"
            > SET w:a x
            OK
            > SORT l BY w:*
            (error) ERR One or more scores can't be converted into double
            "#,
        );
    }

    #[test]
    fn patterns_lead_to_strings_and_fields_and_nowhere() {
        check(
            r#"
            > RPUSH l 1
            (integer) 1
            > MSET s_1_s string w_1-> arrow
            OK
            > HSET h_1 f field
            (integer) 1
            > SORT l GET s_*_s GET h_*->f GET h_*->none GET s_*_s->f GET h_* GET # GET w_*-> GET fixed
            1) "string"
            2) "field"
            3) (nil)
            4) (nil)
            5) (nil)
            6) "1"
            7) "arrow"
            8) (nil)
            > SORT l GET s_*_s GET h_*->none STORE d
            (integer) 2
            > LRANGE d 0 -1
            1) "string"
            2) ""
            "#,
        );
    }

    #[test]
    fn by_a_constant_keeps_the_order() {
        check(
            r#"
            > RPUSH l 3 1 2
            (integer) 3
            > SORT l BY nosort DESC LIMIT 0 2
            1) "2"
            2) "1"
            > SORT l BY nosort LIMIT 1 -1
            1) "1"
            2) "2"
            > SADD s c a b
            (integer) 3
            > SORT s BY nosort DESC STORE l
            (integer) 3
            > LRANGE l 0 -1
            1) "c"
            2) "b"
            3) "a"
            "#,
        );
    }

    #[test]
    fn limits_beyond_the_ends_give_what_there_is() {
        check(
            r#"
            > RPUSH l 3 1 2
            (integer) 3
            > SORT l LIMIT -1 2
            1) "1"
            2) "2"
            > SORT l LIMIT 5 2
            (empty array)
            > SORT l LIMIT 0 0
            (empty array)
            > SORT l LIMIT 1 9223372036854775807
            1) "2"
            2) "3"
            > SORT l LIMIT x 1
            (error) ERR value is not an integer or out of range
            > SORT l LIMIT 1
            (error) ERR syntax error
            > SET text x
            OK
            > SORT text
            (error) WRONGTYPE Operation against a key holding the wrong kind of value
            > SORT none STORE l
            (integer) 0
            > EXISTS l
            (integer) 0
            "#,
        );
    }

    #[test]
    fn a_partial_order_is_the_beginning_of_the_whole_one() {
        let mut server = testkit::TestServer::new(4);
        let mut ann = server.connect();
        let numbers: Vec<String> = (0..1000).map(|n| (n * 7919 % 1009 % 300).to_string()).collect();
        server.reply(&mut ann, &format!("RPUSH l {}", numbers.join(" ")));
        for options in ["", "DESC", "ALPHA", "ALPHA DESC", "BY none*", "BY none* ALPHA"] {
            let resp::Value::Array(all) = server.reply(&mut ann, &format!("SORT l {options}"))
            else {
                panic!("SORT answers an array")
            };
            for (start, count) in [(0, 10), (500, 3), (990, 20)] {
                let call = format!("SORT l {options} LIMIT {start} {count}");
                let end = all.len().min(start + count);
                let expected = resp::Value::Array(all[start..end].to_vec());
                assert_eq!(server.reply(&mut ann, &call), expected, "{call}");
            }
        }
    }

    #[test]
    fn only_what_is_stored_is_repeated() {
        check_repeated(
            &["RPUSH l 2 1", "SORT l", "SORT l STORE m", "SORT none STORE none"],
            &["SELECT 0", "RPUSH l 2 1", "SORT l STORE m"],
        );
    }
}
