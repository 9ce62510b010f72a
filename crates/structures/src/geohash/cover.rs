//! From a shape to the ranges of hashes that hold it.
//!
//! ```text
//!    +----+----+----+      nine cells of a step at which the shape reaches over no more than the
//!    | NW | N  | NE |      eight around the centre's; those on a side that it does not reach are
//!    +----+----+----+      left out.
//!    | W  | C  | E  |
//!    +----+----+----+      +--+--+--+--+   Each is cut into 4, these into 4 and so on, in the order
//!    | SW | S  | SE |      |..|##|##|..|   of hashes. Parts that do not meet the frame are left
//!    +----+----+----+      +--+--+--+--+   out, neighbours joined into one range.
//! ```
//!
//! The nine cells hold five to twenty times the places of a circle; their parts at depth 2 about
//! twice as many. Cutting deeper costs more searches in the sorted set than it saves.

use std::ops::Range;

use super::search::Search;
use super::{Bounds, Cell, EARTH, STEP_MAX};

/// How often a cell is cut into quarters.
const DEPTH: u32 = 2;
/// Half the edge of a Mercator map, in meters.
const MERCATOR_MAX_M: f64 = 20037726.37;

const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;

pub(super) fn ranges(search: &Search) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    for cell in cells(search) {
        // One beyond the upper end of a coordinate has no parts.
        let depth = if cell.bits >> (2 * cell.step) == 0 { DEPTH } else { 0 };
        let from = ranges.len();
        cut(search, cell, depth.min(STEP_MAX - cell.step), &mut ranges, from);
    }
    ranges
}

/// Adds the parts of a cell that may meet the shape. Ranges from index `from` on are of the same
/// of the nine cells and may be joined with.
fn cut(search: &Search, cell: Cell, depth: u32, ranges: &mut Vec<Range<u64>>, from: usize) {
    if depth == 0 {
        match ranges[from..].last_mut() {
            Some(last) if last.end == cell.first() => last.end = cell.end(),
            _ => ranges.push(cell.first()..cell.end()),
        }
        return;
    }
    for quarter in 0..4 {
        let part = Cell { bits: cell.bits << 2 | quarter, step: cell.step + 1 };
        if search.frame.may_meet(&part.bounds()) {
            cut(search, part, depth - 1, ranges, from);
        }
    }
}

/// Cells to look at, in this order: the centre's, then those to the north, south, east, west,
/// north-east, north-west, south-east and south-west.
const AROUND: [(i32, i32); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

pub(super) fn cells(search: &Search) -> Vec<Cell> {
    let bounds = search.bounds();
    let mut step = first_step(search.reach_m(), search.center.latitude);
    let mut center = Cell::of(search.center, step, &EARTH);
    if step > 1 && !neighbours_reach(center, &bounds) {
        step -= 1;
        center = Cell::of(search.center, step, &EARTH);
    }
    let own = center.bounds();
    let needs = |(east, north): (i32, i32)| {
        step < 2
            || !(north < 0 && own.south < bounds.south
                || north > 0 && own.north > bounds.north
                || east < 0 && own.west < bounds.west
                || east > 0 && own.east > bounds.east)
    };
    let mut cells: Vec<Cell> = Vec::with_capacity(AROUND.len());
    for (east, north) in AROUND.into_iter().filter(|beside| needs(*beside)) {
        let cell = center.moved(east, north);
        // Where two cells go round the Earth, one has the same neighbour on both sides.
        if cells.len() < 2 || cells.last() != Some(&cell) {
            cells.push(cell);
        }
    }
    cells
}

/// A step at which a cell is about as large as the shape.
fn first_step(mut reach_m: f64, latitude: f64) -> u32 {
    if reach_m == 0.0 {
        return STEP_MAX;
    }
    let mut step = 1;
    while reach_m < MERCATOR_MAX_M {
        reach_m *= 2.0;
        step += 1;
    }
    // Nine cells shall be enough nearly always, and towards the poles they are narrower.
    step -= 2;
    step -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    step.clamp(1, STEP_MAX as i32) as u32
}

/// Whether the cells on the four sides reach as far as the shape.
fn neighbours_reach(center: Cell, bounds: &Bounds) -> bool {
    let beside = |east, north| center.moved(east, north).bounds();
    !(beside(0, 1).north < bounds.north
        || beside(0, -1).south > bounds.south
        || beside(1, 0).east < bounds.east
        || beside(-1, 0).west > bounds.west)
}

impl Cell {
    /// The cell so many to the east and north, around the Earth if need be.
    pub(super) fn moved(self, east: i32, north: i32) -> Cell {
        let mask = u64::MAX >> (64 - 2 * self.step);
        let longitude = shifted(self.bits, east, LONGITUDE_BITS, LATITUDE_BITS, mask);
        let bits = self.bits & LATITUDE_BITS | longitude;
        let latitude = shifted(bits, north, LATITUDE_BITS, LONGITUDE_BITS, mask);
        Cell { bits: bits & LONGITUDE_BITS | latitude, ..self }
    }
}

/// The bits of one coordinate, one up or down. The bits of the other, all set or all clear, let
/// the carry pass.
fn shifted(bits: u64, by: i32, own: u64, other: u64, mask: u64) -> u64 {
    let gaps = other & mask;
    match by {
        0 => bits & own,
        1.. => ((bits & own).wrapping_add(gaps + 1)) & own & mask,
        ..0 => ((bits & own | gaps).wrapping_sub(gaps + 1)) & own & mask,
    }
}
