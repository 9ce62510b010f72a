//! Geo: places on Earth as members of a sorted set.
//!
//! There is no geo type. GEOADD turns coordinates into a hash of 52 bits ([`structures::geohash`])
//! and adds it as the member's score; the commands of sorted sets see, change and remove it. So
//! any sorted set can be asked for places, and any score is some place.
//!
//! A search walks the parts of the set whose scores are near to the hash of its centre; all eight
//! commands that search are one function over what they were asked for ([`options`], [`search`]).
//!
//! # Where we differ
//!
//! (1) GEORADIUS and its sibling take STORE or STOREDIST once; where Redis is told twice it takes
//!     the last.
//! (2) Places at equal distances keep the order in which they were found also with COUNT, where
//!     Redis leaves it open.

mod add;
mod options;
mod read;
mod search;
#[cfg(test)]
mod tests;

use command::declare::{Arg, flag, one_of};
use engine::{CmdError, Command, Cx};
use resp::Reply;
use structures::geohash::Point;

pub const COMMANDS: &[Command] = &[
    add::GEOADD,
    read::GEODIST,
    read::GEOHASH,
    read::GEOPOS,
    search::GEORADIUS,
    search::GEORADIUSBYMEMBER,
    search::GEORADIUSBYMEMBER_RO,
    search::GEORADIUS_RO,
    search::GEOSEARCH,
    search::GEOSEARCHSTORE,
];

/// The grammar of a unit.
const UNIT: Arg = one_of("unit", &[flag("m"), flag("km"), flag("ft"), flag("mi")]);

/// Meters of the unit that the argument names.
fn unit_m(cx: &Cx<'_>, index: usize) -> Result<f64, CmdError> {
    match cx.arg(index).to_ascii_lowercase().as_slice() {
        b"m" => Ok(1.0),
        b"km" => Ok(1000.0),
        b"ft" => Ok(0.3048),
        b"mi" => Ok(1609.34),
        _ => Err(CmdError::GEO_UNIT),
    }
}

/// The argument as a number.
fn float(cx: &Cx<'_>, index: usize, or: CmdError) -> Result<f64, CmdError> {
    base::number::parse_f64(cx.arg(index)).ok_or(or)
}

/// Two arguments as coordinates.
fn point(cx: &Cx<'_>, index: usize) -> Result<Point, CmdError> {
    let longitude = float(cx, index, CmdError::NOT_FLOAT)?;
    let latitude = float(cx, index + 1, CmdError::NOT_FLOAT)?;
    let point = Point { longitude, latitude };
    if point.is_valid() { Ok(point) } else { Err(CmdError::no_such_place(longitude, latitude)) }
}

/// A distance has four digits behind the point, whatever the protocol.
fn reply_distance(reply: &mut Reply<'_>, distance: f64) {
    const SCALE: u64 = 10_000;
    let scaled = (distance * SCALE as f64).round_ties_even();
    // No distance is infinite, and one between opposite ends of the Earth may be no number.
    let scaled = if scaled.is_finite() { scaled as i64 } else { i64::MIN };
    let (sign, digits) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    reply.bulk_fmt(format_args!("{sign}{}.{:04}", digits / SCALE, digits % SCALE));
}

fn reply_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    reply.double(point.longitude);
    reply.double(point.latitude);
}
