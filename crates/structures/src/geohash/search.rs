//! A search: which places lie in a shape, and how far from its centre.

use std::ops::Range;

use super::{Bounds, EARTH_RADIUS_M, Point, RADIANS, arc_m, cover, haversine};

/// Room for rounding, relative. What lies between a bound and this much more is looked at closely.
const MARGIN: f64 = 1e-9;

/// Lengths are in the unit of the search.
#[derive(Clone, Debug)]
pub enum Shape {
    Circle {
        radius: f64,
    },
    /// Along a meridian and a parallel.
    Box {
        width: f64,
        height: f64,
    },
    /// At least three corners. Edges are straight in degrees.
    Polygon(Vec<Point>),
}

/// A shape around a centre.
pub struct Search {
    pub(super) center: Point,
    pub(super) shape: Shape,
    /// Meters of a unit.
    unit_m: f64,
    pub(super) frame: Frame,
    center_cosine: f64,
    /// Of a circle: no haversine of a place inside is above.
    haversine_max: f64,
}

impl Search {
    /// `center` is valid; a polygon brings its own. Lengths are not negative.
    pub fn new(center: Point, shape: Shape, unit_m: f64) -> Search {
        let center = match &shape {
            Shape::Polygon(corners) => centroid(corners),
            Shape::Circle { .. } | Shape::Box { .. } => center,
        };
        let frame = Frame::around(center, &shape, unit_m);
        let haversine_max = match shape {
            Shape::Circle { radius } => {
                let half = radius * unit_m / EARTH_RADIUS_M / 2.0;
                half.min(std::f64::consts::FRAC_PI_2).sin().powi(2) * (1.0 + MARGIN)
            }
            Shape::Box { .. } | Shape::Polygon(_) => 1.0,
        };
        let center_cosine = (center.latitude * RADIANS).cos();
        Search { center, shape, unit_m, frame, center_cosine, haversine_max }
    }

    /// The hashes to look at, in this order. Ranges do not overlap.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        cover::ranges(self)
    }

    /// The distance of a place from the centre, in meters, if it lies in the shape.
    #[inline]
    pub fn distance_m(&self, point: Point) -> Option<f64> {
        if !self.frame.may_hold(point) {
            return None;
        }
        match &self.shape {
            Shape::Circle { radius } => self.distance_in_circle(point, *radius),
            Shape::Box { width, height } => self.distance_in_box(point, *width, *height),
            Shape::Polygon(corners) => holds(corners, point).then(|| self.center.distance_m(point)),
        }
    }

    /// The distance in the unit of the search.
    pub fn in_units(&self, distance_m: f64) -> f64 {
        distance_m / self.unit_m
    }

    #[inline]
    fn distance_in_circle(&self, point: Point, radius: f64) -> Option<f64> {
        let center = self.center;
        let sine = ((point.longitude * RADIANS - center.longitude * RADIANS) / 2.0).sin();
        let distance = if sine == 0.0 {
            center.latitude_distance_m(point)
        } else {
            let haversine = haversine(center, point, sine, self.center_cosine);
            if haversine > self.haversine_max {
                return None;
            }
            arc_m(haversine)
        };
        // The distance to the other end of the Earth may be no number; it is not above.
        if distance > radius * self.unit_m { None } else { Some(distance) }
    }

    fn distance_in_box(&self, point: Point, width: f64, height: f64) -> Option<f64> {
        let center = self.center;
        if point.latitude_distance_m(center) > height * self.unit_m / 2.0 {
            return None;
        }
        let beside = Point { longitude: center.longitude, ..point };
        if point.distance_m(beside) > width * self.unit_m / 2.0 {
            return None;
        }
        Some(center.distance_m(point))
    }

    /// The largest distance from the centre that decides on the size of cells.
    pub(super) fn reach_m(&self) -> f64 {
        match &self.shape {
            Shape::Circle { radius } => *radius * self.unit_m,
            Shape::Box { width, height } => {
                let (x, y) = (width / 2.0, height / 2.0);
                (x * x + y * y).sqrt() * self.unit_m
            }
            Shape::Polygon(_) => {
                let Bounds { west, south, east, north } = self.bounds();
                let corner =
                    |longitude, latitude| self.center.distance_m(Point { longitude, latitude });
                let others = [corner(east, north), corner(west, south), corner(east, south)];
                others.into_iter().fold(corner(west, north), |a, b| if b > a { b } else { a })
            }
        }
    }

    /// What decides on which cells are looked at: nearly, but not quite, around the shape.
    pub(super) fn bounds(&self) -> Bounds {
        let (width, height) = match &self.shape {
            Shape::Circle { radius } => (self.unit_m * radius, self.unit_m * radius),
            Shape::Box { width, height } => {
                (self.unit_m * (width / 2.0), self.unit_m * (height / 2.0))
            }
            Shape::Polygon(corners) => return bounds_of(corners),
        };
        let Point { longitude, latitude } = self.center;
        let latitude_delta = height / EARTH_RADIUS_M / RADIANS;
        // The edge that is nearer to a pole spans more degrees. South of the equator it is the
        // lower one.
        let edge =
            if latitude < 0.0 { latitude - latitude_delta } else { latitude + latitude_delta };
        let longitude_delta = width / EARTH_RADIUS_M / (edge * RADIANS).cos() / RADIANS;
        Bounds {
            west: longitude - longitude_delta,
            east: longitude + longitude_delta,
            south: latitude - latitude_delta,
            north: latitude + latitude_delta,
        }
    }
}

/// The mean of the corners, on the sphere.
fn centroid(corners: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for corner in corners {
        let (longitude, latitude) = (corner.longitude * RADIANS, corner.latitude * RADIANS);
        x += EARTH_RADIUS_M * latitude.cos() * longitude.cos();
        y += EARTH_RADIUS_M * latitude.cos() * longitude.sin();
        z += EARTH_RADIUS_M * latitude.sin();
    }
    let count = corners.len() as f64;
    let (x, y, z) = (x / count, y / count, z / count);
    Point { longitude: y.atan2(x) / RADIANS, latitude: z.atan2((x * x + y * y).sqrt()) / RADIANS }
}

fn bounds_of(corners: &[Point]) -> Bounds {
    let first = corners[0];
    let mut bounds = Bounds {
        west: first.longitude,
        east: first.longitude,
        south: first.latitude,
        north: first.latitude,
    };
    for corner in &corners[1..] {
        bounds.west = bounds.west.min(corner.longitude);
        bounds.east = bounds.east.max(corner.longitude);
        bounds.south = bounds.south.min(corner.latitude);
        bounds.north = bounds.north.max(corner.latitude);
    }
    bounds
}

/// Whether a ray from the point to the east crosses an odd number of edges.
fn holds(corners: &[Point], point: Point) -> bool {
    let mut inside = false;
    let mut b = corners[corners.len() - 1];
    for &a in corners {
        let crosses = (a.latitude > point.latitude) != (b.latitude > point.latitude)
            && point.longitude
                < (b.longitude - a.longitude) * (point.latitude - a.latitude)
                    / (b.latitude - a.latitude)
                    + a.longitude;
        inside ^= crosses;
        b = a;
    }
    inside
}

/// Degrees that hold all of a shape: between two latitudes, and so far to either side of a
/// longitude. Not a number on any side holds everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    south: f64,
    north: f64,
    longitude: f64,
    longitude_delta: f64,
}

impl Frame {
    fn around(center: Point, shape: &Shape, unit_m: f64) -> Frame {
        let (height, longitude_delta) = match shape {
            Shape::Circle { radius } => {
                let angle = radius * unit_m / EARTH_RADIUS_M;
                (angle, longitudes_of_circle(center.latitude * RADIANS, angle))
            }
            Shape::Box { width, height } => {
                let height = height * unit_m / EARTH_RADIUS_M / 2.0;
                let width = width * unit_m / EARTH_RADIUS_M / 2.0;
                (height, longitudes_of_box(center.latitude.abs() * RADIANS + height, width))
            }
            Shape::Polygon(corners) => {
                let Bounds { west, south, east, north } = bounds_of(corners);
                let (longitude, longitude_delta) = ((west + east) / 2.0, (east - west) / 2.0);
                let frame = Frame { south, north, longitude, longitude_delta };
                return frame.widened();
            }
        };
        let latitude_delta = height / RADIANS;
        let frame = Frame {
            south: center.latitude - latitude_delta,
            north: center.latitude + latitude_delta,
            longitude: center.longitude,
            longitude_delta: longitude_delta / RADIANS,
        };
        frame.widened()
    }

    fn widened(mut self) -> Frame {
        // A hundred degrees and more are to be told apart to a part in 10^9 as well.
        let margin = 180.0 * MARGIN;
        self.south -= margin;
        self.north += margin;
        self.longitude_delta += self.longitude_delta * MARGIN + margin;
        self
    }

    #[inline]
    fn may_hold(&self, point: Point) -> bool {
        let outside = (point.latitude < self.south)
            | (point.latitude > self.north)
            | (apart(point.longitude, self.longitude) > self.longitude_delta);
        !outside
    }

    /// Whether a cell with these bounds may hold a place that the frame holds.
    pub(super) fn may_meet(&self, cell: &Bounds) -> bool {
        let half = (cell.east - cell.west) / 2.0;
        let beside = apart(cell.west + half, self.longitude) - half > self.longitude_delta;
        !(cell.north < self.south || cell.south > self.north || beside)
    }
}

/// Degrees between two longitudes, the shorter way round.
#[inline]
fn apart(a: f64, b: f64) -> f64 {
    let degrees = (a - b).abs();
    degrees.min((360.0 - degrees).abs())
}

/// How far a circle reaches to the east, in radians: all around if a pole is in it.
fn longitudes_of_circle(latitude: f64, angle: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, PI};
    // Near the pole the quotient below loses its digits.
    if latitude.abs() + angle > FRAC_PI_2 - 1e-6 {
        return PI;
    }
    (angle.sin() / latitude.cos()).min(1.0).asin()
}

/// How far to the east places of a box lie whose distance along their parallel is at most `width`:
/// furthest at the latitude nearest to a pole.
fn longitudes_of_box(latitude_max: f64, width: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, PI};
    if latitude_max > FRAC_PI_2 - 1e-6 || width > PI {
        return PI;
    }
    2.0 * ((width / 2.0).sin() / latitude_max.cos()).min(1.0).asin()
}
