//! GEODIST, GEOHASH and GEOPOS: places of named members.

use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, key, many, opt, text};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::value::SortedSet;
use structures::geohash::{self, Point};

use super::{UNIT, reply_distance, reply_point, unit_m};

pub(super) const GEODIST: Command = Command {
    name: "GEODIST",
    group: Group::Geo,
    since: "3.2.0",
    summary: "Returns the distance between two members, in meters or another unit.",
    complexity: "O(1)",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), text("member1"), text("member2"), opt(UNIT)],
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEODIST towns Palermo Catania", "\"166274.1516\""),
        ("GEODIST towns Palermo Catania km", "\"166.2742\""),
        ("GEODIST towns Palermo Rome", "(nil)"),
        (
            "GEODIST towns Palermo Catania yd",
            "(error) ERR unsupported unit provided. please use M, KM, FT, MI",
        ),
    ],
    ..Command::base(geodist)
};

fn geodist(cx: &mut Cx<'_>) -> CmdResult {
    let unit_m = match cx.argc() {
        4 => 1.0,
        5 => unit_m(cx, 4)?,
        _ => return Err(CmdError::SYNTAX),
    };
    let set = cx.db.collection::<SortedSet>(cx.key(1))?;
    let point = |index| set?.score(cx.args.at(index)).map(geohash::decode);
    match (point(2), point(3)) {
        (Some(a), Some(b)) => reply_distance(&mut cx.reply, a.distance_m(b) / unit_m),
        _ => cx.reply.null(),
    }
    Ok(())
}

pub(super) const GEOHASH: Command = Command {
    name: "GEOHASH",
    group: Group::Geo,
    since: "3.2.0",
    summary: "Returns the places of members as geohash.org writes them, in eleven letters.",
    complexity: "O(1) for each member",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), opt(many(text("member")))],
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEOHASH towns Palermo Rome", "1) \"sqc8b49rny0\"\n2) (nil)"),
        ("SET name Rome", "OK"),
        (
            "GEOHASH name Rome",
            "(error) WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ],
    ..Command::base(geohash)
};

fn geohash(cx: &mut Cx<'_>) -> CmdResult {
    reply_places(cx, |reply, point| match point {
        Some(point) => reply.bulk(&geohash::text(point)),
        None => reply.null(),
    })
}

pub(super) const GEOPOS: Command = Command {
    name: "GEOPOS",
    group: Group::Geo,
    since: "3.2.0",
    summary: "Returns longitude and latitude of members.",
    complexity: "O(1) for each member",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), opt(many(text("member")))],
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        (
            "GEOPOS towns Palermo Rome",
            "1) 1) \"13.361389338970184\"\n   2) \"38.1155563954963\"\n2) (nil)",
        ),
        ("SET name Rome", "OK"),
        (
            "GEOPOS name Rome",
            "(error) WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ],
    ..Command::base(geopos)
};

fn geopos(cx: &mut Cx<'_>) -> CmdResult {
    reply_places(cx, |reply, point| match point {
        Some(point) => reply_point(reply, point),
        None => reply.null_array(),
    })
}

/// An entry for each member that is asked for.
fn reply_places(cx: &mut Cx<'_>, entry: fn(&mut Reply<'_>, Option<Point>)) -> CmdResult {
    let set = cx.db.collection::<SortedSet>(cx.key(1))?;
    let members = cx.args.from_index(2);
    cx.reply.array(members.len());
    for member in members {
        let score = set.and_then(|set| set.score(member));
        entry(&mut cx.reply, score.map(geohash::decode));
    }
    Ok(())
}
