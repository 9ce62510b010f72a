//! Geohash: a place on Earth as one number, such that near places mostly have near numbers.
//!
//! Longitude and latitude are cut in halves again and again; one bit each says which half. The bits
//! of both, interleaved, are the hash. All places whose hashes begin alike fill a *cell*; a cell of
//! step s has 2 s bits. A place is known to step 26: 52 bits, which a double holds exactly, so that
//! it can be the score of a sorted set. There it is a cell of 0.6 m by 0.25 m at most, and decoding
//! gives its middle.
//!
//! ```text
//!    latitude  ^  01 11        bits of step 1, longitude first:
//!              |  00 10          0 west, 1 east · 0 south, 1 north
//!              +--------> longitude
//!
//!    the hash of a place  | x25 y25 | x24 y24 | … | x0 y0 |
//!    a cell of step s     | its 2 s bits |  anything      |   a range of hashes
//! ```
//!
//! # How it works
//!
//! A search ([`Search`]) has a shape: circle, box or polygon. It chooses a step at which a cell is
//! about as large as the shape, so that the cell of the centre and its eight neighbours cover it;
//! cuts these nine into smaller cells and leaves out those that cannot meet the shape (`cover.rs`);
//! what stays are ranges of hashes, to be walked in the sorted set. Places in them are looked at
//! one by one: first whether they lie in a frame around the shape, which costs two comparisons,
//! then by their distance (`search.rs`).
//!
//! Which nine cells, in which order, and every operation on coordinates are those of Redis: places
//! that are found come in its order and their numbers have its last digits.
//!
//! # Invariants
//!
//! (1) A place is in the ranges of a search if Redis would look at it and the shape holds it.
//! (2) The frame holds all of the shape: it is computed with a margin for rounding.
//!
//! # Limits
//!
//! Latitudes end at 85.05112878, where the square of a Mercator map ends. Earth is a sphere here:
//! distances are off by up to 0.5 %. Cells wrap around at 180 degrees of longitude; polygons and
//! boxes that Redis does not wrap around are not wrapped around here.
//!
//! From: Morton, "A computer oriented geodetic data base", 1966; Niemeyer's geohash.org, whose
//! text [`text`] prints, has latitudes from -90 to 90.

mod cover;
mod search;
#[cfg(test)]
mod tests;

pub use search::{Search, Shape};

/// Bits of each coordinate.
pub const STEP_MAX: u32 = 26;
pub const LONGITUDE_MAX: f64 = 180.0;
pub const LATITUDE_MAX: f64 = 85.05112878;

const EARTH_RADIUS_M: f64 = 6372797.560856;
const RADIANS: f64 = std::f64::consts::PI / 180.0;

/// Degrees; east and north are positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

impl Point {
    /// Whether it has a geohash. Not a number has none.
    pub fn is_valid(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// Meters along the sphere.
    pub fn distance_m(self, other: Point) -> f64 {
        let sine = ((other.longitude * RADIANS - self.longitude * RADIANS) / 2.0).sin();
        if sine == 0.0 {
            return self.latitude_distance_m(other);
        }
        arc_m(haversine(self, other, sine, (self.latitude * RADIANS).cos()))
    }

    /// Meters to the parallel of the other.
    fn latitude_distance_m(self, other: Point) -> f64 {
        EARTH_RADIUS_M * (other.latitude * RADIANS - self.latitude * RADIANS).abs()
    }
}

/// The haversine of the angle between two points: `sin²(angle / 2)`. What does not depend on
/// `to`'s latitude is given: the sine of half the difference of longitudes, and `from`'s cosine.
#[inline]
fn haversine(from: Point, to: Point, longitude_sine: f64, from_cosine: f64) -> f64 {
    let latitude = to.latitude * RADIANS;
    let latitude_sine = ((latitude - from.latitude * RADIANS) / 2.0).sin();
    latitude_sine * latitude_sine + from_cosine * latitude.cos() * longitude_sine * longitude_sine
}

#[inline]
fn arc_m(haversine: f64) -> f64 {
    2.0 * EARTH_RADIUS_M * haversine.sqrt().asin()
}

/// A cell: `2 * step` bits. At the upper ends of both coordinates there is one more column and
/// row, of those places that lie exactly there; their bits reach over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    bits: u64,
    step: u32,
}

/// What a coordinate is cut into halves of.
struct Extent {
    longitude_max: f64,
    latitude_max: f64,
}

const EARTH: Extent = Extent { longitude_max: LONGITUDE_MAX, latitude_max: LATITUDE_MAX };
const STANDARD: Extent = Extent { longitude_max: 180.0, latitude_max: 90.0 };

impl Cell {
    fn of(point: Point, step: u32, extent: &Extent) -> Cell {
        let cells = (1u64 << step) as f64;
        let index = |degrees: f64, max: f64| ((degrees + max) / (max + max) * cells) as u32;
        let x = index(point.longitude, extent.longitude_max);
        let y = index(point.latitude, extent.latitude_max);
        Cell { bits: spread(x) << 1 | spread(y), step }
    }

    /// West, south, east and north ends.
    fn bounds(self) -> Bounds {
        let (x, y) = (gather(self.bits >> 1), gather(self.bits));
        let cells = (1u64 << self.step) as f64;
        let degrees = |index: f64, max: f64| -max + index / cells * (max + max);
        Bounds {
            west: degrees(f64::from(x), LONGITUDE_MAX),
            east: degrees(f64::from(x.wrapping_add(1)), LONGITUDE_MAX),
            south: degrees(f64::from(y), LATITUDE_MAX),
            north: degrees(f64::from(y.wrapping_add(1)), LATITUDE_MAX),
        }
    }

    /// The smallest hash in it.
    fn first(self) -> u64 {
        self.bits << (2 * (STEP_MAX - self.step))
    }

    /// The smallest hash behind it.
    fn end(self) -> u64 {
        Cell { bits: self.bits + 1, ..self }.first()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

/// The hash of a valid point.
pub fn encode(point: Point) -> u64 {
    Cell::of(point, STEP_MAX, &EARTH).bits
}

/// The point of a score. Any score gives a valid point; one that is no hash gives what Redis
/// makes of it.
pub fn decode(score: f64) -> Point {
    let bounds = Cell { bits: score_bits(score), step: STEP_MAX }.bounds();
    Point {
        longitude: ((bounds.west + bounds.east) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
        latitude: ((bounds.south + bounds.north) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
    }
}

/// As a conversion of C does it on the machines that Redis runs on.
#[inline]
fn score_bits(score: f64) -> u64 {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if (-TWO_63..TWO_63).contains(&score) {
        score as i64 as u64
    } else if (TWO_63..2.0 * TWO_63).contains(&score) {
        score as u64
    } else if score > 0.0 {
        0
    } else {
        1 << 63
    }
}

/// The text of geohash.org. The eleventh letter stands for bits that we do not have.
pub fn text(point: Point) -> [u8; 11] {
    const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = Cell::of(point, STEP_MAX, &STANDARD).bits;
    let mut text = [LETTERS[0]; 11];
    for (i, letter) in text[..10].iter_mut().enumerate() {
        *letter = LETTERS[(bits >> (47 - 5 * i)) as usize & 31];
    }
    text
}

/// Puts a zero before each bit.
#[inline]
fn spread(x: u32) -> u64 {
    let mut x = u64::from(x);
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & 0x5555_5555_5555_5555
}

/// Takes every other bit, from the lowest on.
#[inline]
fn gather(x: u64) -> u32 {
    let mut x = x & 0x5555_5555_5555_5555;
    x = (x | x >> 1) & 0x3333_3333_3333_3333;
    x = (x | x >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x >> 4) & 0x00ff_00ff_00ff_00ff;
    x = (x | x >> 8) & 0x0000_ffff_0000_ffff;
    (x | x >> 16) as u32
}
