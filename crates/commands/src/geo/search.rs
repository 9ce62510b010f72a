//! GEOSEARCH, GEOSEARCHSTORE, and the GEORADIUS family that they replace.

use command::declare::Flag::{DenyOom, ReadOnly, Write};
use command::declare::KeyFlag::{Access, OW, RO, Update};
use command::declare::{
    Arg, Group, block, double, flag, integer, key, many, one_of, opt, text, token,
};
use engine::{CmdResult, Command, Cx};
use resp::Reply;
use store::value::sorted_set::Gathered;
use store::value::{SortedSet, SortedSetRef};
use structures::geohash::{self, Point, Search};
use structures::listpack::{TextBuffer, Value};

use super::options::{Call, Options, Order};
use super::{UNIT, reply_distance, reply_point};
use crate::sorted_set::range::store;
use crate::sorted_set::reply_member;

const KEY: Arg = key("key", &[RO, Access]);
const PLACE: Arg = block("fromlonlat", &[double("longitude"), double("latitude")]);
const FROM: Arg =
    one_of("from", &[token("FROMMEMBER", text("member")), token("FROMLONLAT", PLACE)]);
const BY: Arg = one_of(
    "by",
    &[
        block("circle", &[token("BYRADIUS", double("radius")), UNIT]),
        block("box", &[token("BYBOX", double("width")), double("height"), UNIT]),
    ],
);
const VERTEX: Arg = block("vertex", &[double("longitude"), double("latitude")]);
/// At least three.
const VERTICES: &[Arg] =
    &[token("BYPOLYGON", integer("num-vertices")), VERTEX, VERTEX, many(VERTEX)];
/// A polygon has no centre but its own.
const WHERE: Arg = one_of(
    "where",
    &[block("around", &[FROM, BY]), block("polygon", VERTICES).since("valkey 9.0.0")],
);
const ORDER: Arg = opt(one_of("order", &[flag("ASC"), flag("DESC")]));
const COUNT: Arg = opt(block("count-block", &[token("COUNT", integer("count")), opt(flag("ANY"))]));
const WITHCOORD: Arg = opt(flag("WITHCOORD"));
const WITHDIST: Arg = opt(flag("WITHDIST"));
const WITHHASH: Arg = opt(flag("WITHHASH"));
const STORE: Arg = opt(one_of(
    "store",
    &[
        token("STORE", key("storekey", &[OW, Update]).shown_as("key")),
        token("STOREDIST", key("storedistkey", &[OW, Update]).shown_as("key")),
    ],
));

const HISTORY: &[(&str, &str)] = &[
    ("7.0.0", "Added support for uppercase unit names."),
    ("valkey 9.0.0", "Added support for the BYPOLYGON option."),
];
const RADIUS_HISTORY: &[(&str, &str)] = &[
    ("6.2.0", "Added the `ANY` option for `COUNT`."),
    ("7.0.0", "Added support for uppercase unit names."),
];

pub(super) const GEOSEARCH: Command = Command {
    name: "GEOSEARCH",
    group: Group::Geo,
    since: "6.2.0",
    summary: "Returns the members whose places lie in a circle, a box or a polygon.",
    complexity: "O(N+log(M)) for N members in and around the shape, of M in the sorted set",
    flags: &[ReadOnly],
    args: &[KEY, WHERE, ORDER, COUNT, WITHCOORD, WITHDIST, WITHHASH],
    history: HISTORY,
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEOSEARCH towns FROMLONLAT 15 37 BYRADIUS 200 km ASC", "1) \"Catania\"\n2) \"Palermo\""),
        (
            "GEOSEARCH towns FROMMEMBER Palermo BYBOX 400 100 km WITHDIST",
            "1) 1) \"Palermo\"\n   2) \"0.0000\"",
        ),
        ("GEOSEARCH towns BYPOLYGON 3 15 36 16 36 15 39", "1) \"Catania\""),
        (
            "GEOSEARCH towns FROMMEMBER Rome BYRADIUS 1 km",
            "(error) ERR could not decode requested zset member",
        ),
    ],
    ..Command::base(|cx| search(cx, Call::Search))
};

pub(super) const GEOSEARCHSTORE: Command = Command {
    name: "GEOSEARCHSTORE",
    group: Group::Geo,
    since: "6.2.0",
    summary: "Stores the members whose places lie in a circle, a box or a polygon, with their \
              places or, if so asked, their distances from the centre.",
    complexity: "O(N+log(M)) for N members in and around the shape, of M in the sorted set",
    flags: &[Write, DenyOom],
    args: &[
        key("destination", &[OW, Update]),
        key("source", &[RO, Access]),
        WHERE,
        ORDER,
        COUNT,
        opt(flag("STOREDIST")),
    ],
    history: HISTORY,
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEOSEARCHSTORE near towns FROMLONLAT 15 37 BYRADIUS 100 km", "(integer) 1"),
        ("ZRANGE near 0 -1", "1) \"Catania\""),
        (
            "GEOSEARCHSTORE near towns FROMLONLAT 15 37 BYRADIUS 100 km WITHDIST",
            "(error) ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD \
             options",
        ),
    ],
    ..Command::base(|cx| search(cx, Call::SearchStore))
};

pub(super) const GEORADIUS: Command = Command {
    name: "GEORADIUS",
    flags: &[Write, DenyOom],
    args: &[
        KEY,
        double("longitude"),
        double("latitude"),
        double("radius"),
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT,
        ORDER,
        STORE,
    ],
    deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")),
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEORADIUS towns 15 37 100 km", "1) \"Catania\""),
        ("GEORADIUS towns 15 37 200 km STOREDIST near", "(integer) 2"),
        ("ZRANGE near 0 -1", "1) \"Catania\"\n2) \"Palermo\""),
        ("GEORADIUS towns 15 37 far km", "(error) ERR need numeric radius"),
    ],
    ..radius(|cx| search(cx, Call::Radius { may_store: true }))
};

pub(super) const GEORADIUS_RO: Command = Command {
    name: "GEORADIUS_RO",
    since: "3.2.10",
    flags: &[ReadOnly],
    args: &[
        KEY,
        double("longitude"),
        double("latitude"),
        double("radius"),
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT,
        ORDER,
    ],
    deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")),
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEORADIUS_RO towns 15 37 100 km WITHDIST", "1) 1) \"Catania\"\n   2) \"56.4413\""),
        ("GEORADIUS_RO towns 15 37 200 km STORE near", "(error) ERR syntax error"),
    ],
    ..radius(|cx| search(cx, Call::Radius { may_store: false }))
};

pub(super) const GEORADIUSBYMEMBER: Command = Command {
    name: "GEORADIUSBYMEMBER",
    flags: &[Write, DenyOom],
    args: &[
        KEY,
        text("member"),
        double("radius"),
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT,
        ORDER,
        STORE,
    ],
    deprecated: Some((
        "6.2.0",
        "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
    )),
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEORADIUSBYMEMBER towns Palermo 200 km DESC", "1) \"Catania\"\n2) \"Palermo\""),
        ("GEORADIUSBYMEMBER towns Palermo 10 km STORE near", "(integer) 1"),
        (
            "GEORADIUSBYMEMBER towns Rome 10 km",
            "(error) ERR could not decode requested zset member",
        ),
    ],
    ..radius(|cx| search(cx, Call::RadiusByMember { may_store: true }))
};

pub(super) const GEORADIUSBYMEMBER_RO: Command = Command {
    name: "GEORADIUSBYMEMBER_RO",
    since: "3.2.10",
    flags: &[ReadOnly],
    args: &[
        KEY,
        text("member"),
        double("radius"),
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT,
        ORDER,
    ],
    deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")),
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEORADIUSBYMEMBER_RO towns Palermo 200 km COUNT 1", "1) \"Palermo\""),
        (
            "GEORADIUSBYMEMBER_RO towns Palermo 10 yd",
            "(error) ERR unsupported unit provided. \
          please use M, KM, FT, MI",
        ),
    ],
    ..radius(|cx| search(cx, Call::RadiusByMember { may_store: false }))
};

/// What the GEORADIUS family has in common.
const fn radius(handler: engine::Handler) -> Command {
    Command {
        group: Group::Geo,
        since: "3.2.0",
        summary: "Returns, or stores, the members whose places lie in a circle.",
        complexity: "O(N+log(M)) for N members in and around the circle, of M in the sorted set",
        history: RADIUS_HISTORY,
        ..Command::base(handler)
    }
}

/// A member that was found.
struct Found<'a> {
    member: Value<'a>,
    score: f64,
    point: Point,
    distance_m: f64,
    /// How many were found before.
    index: usize,
}

fn search(cx: &mut Cx<'_>, call: Call) -> CmdResult {
    let source = cx.key(call.source());
    // The key is looked up before the arguments are read, and held while they are.
    cx.db.collection::<SortedSet>(source)?;
    let set = cx.db.held_collection::<SortedSet>(source);
    let mut options = Options::parse(cx, call, set)?;
    let search = options.search();
    let found = match (set, &search) {
        (Some(set), Some(search)) => find(set, search, &options),
        _ => Vec::new(),
    };
    match (options.store, search) {
        (None, Some(search)) => reply(&mut cx.reply, &options, &search, &found),
        (None, None) => cx.reply.array(0),
        (Some(to), search) => {
            let mut gathered = Gathered::new();
            let mut buffer = TextBuffer::new();
            for found in &found {
                let score = match &search {
                    Some(search) if options.store_distances => search.in_units(found.distance_m),
                    _ => found.score,
                };
                gathered.put(found.member.text(&mut buffer), |_| score);
            }
            let (count, limits) = (gathered.len() as u64, cx.db.limits());
            let result = (count > 0).then(|| SortedSet::of_result(gathered, &limits));
            let event = match call {
                Call::SearchStore | Call::Search => "geosearchstore",
                Call::Radius { .. } | Call::RadiusByMember { .. } => "georadiusstore",
            };
            store(cx, cx.key(to), result, event, count);
        }
    }
    Ok(())
}

/// The members in the shape: as many as are wanted, in the order that is wanted.
fn find<'a>(set: SortedSetRef<'a>, search: &Search, options: &Options) -> Vec<Found<'a>> {
    let limit = if options.any { options.count } else { usize::MAX };
    let mut found = Vec::new();
    'ranges: for range in search.ranges() {
        let end = range.end as f64;
        for pair in set.from_score(range.start as f64) {
            let score = pair.score();
            if score >= end {
                break;
            }
            let point = geohash::decode(score);
            let Some(distance_m) = search.distance_m(point) else { continue };
            let index = found.len();
            found.push(Found { member: pair.member, score, point, distance_m, index });
            if found.len() == limit {
                break 'ranges;
            }
        }
    }
    let count = if options.count == 0 { usize::MAX } else { options.count };
    // The nearest so many, unless any will do.
    let order = match options.order {
        None if options.count > 0 && !options.any => Some(Order::Ascending),
        order => order,
    };
    if let Some(order) = order {
        sort(&mut found, order, count);
    }
    found.truncate(count);
    found
}

/// Keeps the first `count`, in order.
fn sort(found: &mut Vec<Found<'_>>, order: Order, count: usize) {
    let compare = |a: &Found<'_>, b: &Found<'_>| {
        let by_distance = a.distance_m.total_cmp(&b.distance_m);
        let by_distance = match order {
            Order::Ascending => by_distance,
            Order::Descending => by_distance.reverse(),
        };
        by_distance.then(a.index.cmp(&b.index))
    };
    if count < found.len() {
        found.select_nth_unstable_by(count, compare);
        found.truncate(count);
    }
    found.sort_unstable_by(compare);
}

fn reply(reply: &mut Reply<'_>, options: &Options, search: &Search, found: &[Found<'_>]) {
    let with = [options.with_distance, options.with_hash, options.with_point];
    let parts = with.iter().filter(|with| **with).count();
    reply.array(found.len());
    for found in found {
        if parts > 0 {
            reply.array(1 + parts);
        }
        reply_member(reply, found.member);
        if options.with_distance {
            reply_distance(reply, search.in_units(found.distance_m));
        }
        if options.with_hash {
            reply.integer(found.score as i64);
        }
        if options.with_point {
            reply_point(reply, found.point);
        }
    }
}
