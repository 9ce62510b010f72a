//! What a search is asked for: reading the arguments of all commands that search.
//!
//! Redis looks the key up first and reads the rest then, so that a key of another type is what it
//! complains of first, and a member that is not there at the moment it is met; so do we.

use engine::{CmdError, Cx};
use store::value::SortedSetRef;
use structures::geohash::{self, Point, Search, Shape};

use super::{float, point, unit_m};

/// Which of the commands it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// `key longitude latitude radius unit …`
    Radius { may_store: bool },
    /// `key member radius unit …`
    RadiusByMember { may_store: bool },
    /// `key …`
    Search,
    /// `destination source …`
    SearchStore,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

#[derive(Default)]
pub(super) struct Options {
    pub(super) with_distance: bool,
    pub(super) with_hash: bool,
    pub(super) with_point: bool,
    /// 0: all.
    pub(super) count: usize,
    /// The first so many that are found will do.
    pub(super) any: bool,
    pub(super) order: Option<Order>,
    /// Index of the key under which the result is stored.
    pub(super) store: Option<usize>,
    pub(super) store_distances: bool,
    center: Option<(Origin, Point)>,
    /// With the meters of its unit.
    shape: Option<(Shape, f64)>,
}

/// How the centre was given. Told twice in the same way, a search takes the last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Member,
    Place,
}

impl Call {
    pub(super) fn source(self) -> usize {
        if self == Call::SearchStore { 2 } else { 1 }
    }

    fn is_search(self) -> bool {
        matches!(self, Call::Search | Call::SearchStore)
    }

    fn may_store(self) -> bool {
        matches!(self, Call::Radius { may_store: true } | Call::RadiusByMember { may_store: true })
    }
}

impl Options {
    /// Reads all arguments. `set` is what the source holds.
    pub(super) fn parse(
        cx: &Cx<'_>,
        call: Call,
        set: Option<SortedSetRef<'_>>,
    ) -> Result<Options, CmdError> {
        let mut options = Options::default();
        let mut at = match call {
            Call::Radius { .. } => {
                options.center = Some((Origin::Place, point(cx, 2)?));
                options.circle(cx, 4)?;
                6
            }
            Call::RadiusByMember { .. } => {
                // Without a set Redis looks at none of the three.
                if set.is_some() {
                    options.center = Some((Origin::Member, place_of(cx, 2, set)?));
                    options.circle(cx, 3)?;
                }
                5
            }
            Call::Search => 2,
            Call::SearchStore => {
                options.store = Some(1);
                3
            }
        };
        while at < cx.argc() {
            at = options.word(cx, call, set, at)?;
        }
        options.check(cx, call)?;
        Ok(options)
    }

    /// What to search with; none if the source is not there, and nothing needs to be known.
    pub(super) fn search(&mut self) -> Option<Search> {
        let (shape, unit_m) = self.shape.take()?;
        // A polygon has a centre of its own.
        let center = self.center.map_or(NOWHERE, |(_, center)| center);
        Some(Search::new(center, shape, unit_m))
    }

    /// Reads the word at index `at` and what belongs to it; the index behind.
    fn word(
        &mut self,
        cx: &Cx<'_>,
        call: Call,
        set: Option<SortedSetRef<'_>>,
        at: usize,
    ) -> Result<usize, CmdError> {
        let follow = cx.argc() - at - 1;
        match cx.arg(at).to_ascii_lowercase().as_slice() {
            b"withdist" => self.with_distance = true,
            b"withhash" => self.with_hash = true,
            b"withcoord" => self.with_point = true,
            b"any" => self.any = true,
            b"asc" => self.order = Some(Order::Ascending),
            b"desc" => self.order = Some(Order::Descending),
            b"count" if follow >= 1 => {
                let count = cx.int(at + 1)?;
                if count <= 0 {
                    return Err(CmdError::GEO_COUNT_NOT_POSITIVE);
                }
                self.count = usize::try_from(count).unwrap_or(usize::MAX);
                return Ok(at + 2);
            }
            word @ (b"store" | b"storedist")
                if follow >= 1 && call.may_store() && self.store.is_none() =>
            {
                self.store = Some(at + 1);
                self.store_distances = word == b"storedist";
                return Ok(at + 2);
            }
            b"storedist" if call == Call::SearchStore => self.store_distances = true,
            b"frommember" if follow >= 1 && self.takes_center(call, Origin::Member) => {
                self.center = Some((Origin::Member, place_of(cx, at + 1, set)?));
                return Ok(at + 2);
            }
            b"fromlonlat" if follow >= 2 && self.takes_center(call, Origin::Place) => {
                self.center = Some((Origin::Place, point(cx, at + 1)?));
                return Ok(at + 3);
            }
            b"byradius" if follow >= 2 && self.takes_shape(call, is_circle) => {
                self.circle(cx, at + 1)?;
                return Ok(at + 3);
            }
            b"bybox" if follow >= 3 && self.takes_shape(call, is_box) => {
                self.rectangle(cx, at + 1)?;
                return Ok(at + 4);
            }
            b"bypolygon"
                if follow >= 2 && self.center.is_none() && self.takes_shape(call, is_polygon) =>
            {
                return self.polygon(cx, at + 1);
            }
            _ => return Err(CmdError::SYNTAX),
        }
        Ok(at + 1)
    }

    fn takes_center(&self, call: Call, origin: Origin) -> bool {
        call.is_search()
            && !self.is_polygon()
            && self.center.is_none_or(|(before, _)| before == origin)
    }

    fn takes_shape(&self, call: Call, is_alike: fn(&Shape) -> bool) -> bool {
        call.is_search() && self.shape.as_ref().is_none_or(|(before, _)| is_alike(before))
    }

    fn is_polygon(&self) -> bool {
        self.shape.as_ref().is_some_and(|(shape, _)| is_polygon(shape))
    }

    fn circle(&mut self, cx: &Cx<'_>, at: usize) -> Result<(), CmdError> {
        let radius = float(cx, at, CmdError::RADIUS_NOT_FLOAT)?;
        if radius < 0.0 {
            return Err(CmdError::RADIUS_NEGATIVE);
        }
        self.shape = Some((Shape::Circle { radius }, unit_m(cx, at + 1)?));
        Ok(())
    }

    fn rectangle(&mut self, cx: &Cx<'_>, at: usize) -> Result<(), CmdError> {
        let width = float(cx, at, CmdError::WIDTH_NOT_FLOAT)?;
        let height = float(cx, at + 1, CmdError::HEIGHT_NOT_FLOAT)?;
        if width < 0.0 || height < 0.0 {
            return Err(CmdError::BOX_NEGATIVE);
        }
        self.shape = Some((Shape::Box { width, height }, unit_m(cx, at + 2)?));
        Ok(())
    }

    /// The number of corners and then their coordinates; gives the index behind.
    fn polygon(&mut self, cx: &Cx<'_>, at: usize) -> Result<usize, CmdError> {
        let corners = cx.int(at).ok().and_then(|n| i32::try_from(n).ok());
        let corners = corners.ok_or(CmdError::VERTICES_NOT_INTEGER)?;
        let follow = cx.argc() - at - 1;
        let count = usize::try_from(corners).unwrap_or(0);
        if count < 3 || follow / 2 < count {
            return Err(CmdError::TOO_FEW_VERTICES);
        }
        let end = at + 1 + 2 * count;
        let points: Result<_, _> = (at + 1..end).step_by(2).map(|i| point(cx, i)).collect();
        self.shape = Some((Shape::Polygon(points?), 1.0));
        Ok(end)
    }

    fn check(&self, cx: &Cx<'_>, call: Call) -> Result<(), CmdError> {
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_point) {
            return Err(match call {
                Call::SearchStore => CmdError::GEOSEARCHSTORE_WITH,
                _ => CmdError::GEORADIUS_STORE_WITH,
            });
        }
        if call.is_search() && self.center.is_none() && !self.is_polygon() {
            return Err(CmdError::one_center(cx.arg(0)));
        }
        if call.is_search() && self.shape.is_none() {
            return Err(CmdError::one_shape(cx.arg(0)));
        }
        if self.any && self.count == 0 {
            return Err(CmdError::ANY_WITHOUT_COUNT);
        }
        Ok(())
    }
}

/// The place of the member that the argument names. Without a set any will do.
fn place_of(cx: &Cx<'_>, index: usize, set: Option<SortedSetRef<'_>>) -> Result<Point, CmdError> {
    let Some(set) = set else { return Ok(NOWHERE) };
    let score = set.score(cx.arg(index));
    score.map(geohash::decode).ok_or(CmdError::NO_SUCH_GEO_MEMBER)
}

const NOWHERE: Point = Point { longitude: 0.0, latitude: 0.0 };

fn is_circle(shape: &Shape) -> bool {
    matches!(shape, Shape::Circle { .. })
}

fn is_box(shape: &Shape) -> bool {
    matches!(shape, Shape::Box { .. })
}

fn is_polygon(shape: &Shape) -> bool {
    matches!(shape, Shape::Polygon(_))
}
