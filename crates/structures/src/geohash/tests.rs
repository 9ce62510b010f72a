//! Against numbers of Redis 8.0.6, and searches against looking at every place.

use base::random::Random;

use super::*;

const PALERMO: Point = Point { longitude: 13.361389, latitude: 38.115556 };
const CATANIA: Point = Point { longitude: 15.087269, latitude: 37.502669 };

#[test]
fn hashes_coordinates_and_distances_are_those_of_redis() {
    assert_eq!(encode(PALERMO), 3479099956230698);
    assert_eq!(encode(CATANIA), 3479447370796909);
    let (palermo, catania) = (decode(3479099956230698.0), decode(3479447370796909.0));
    let known = Point { longitude: 13.361389338970184, latitude: 38.1155563954963 };
    assert_eq!(palermo, known);
    assert_eq!(format!("{:.4}", palermo.distance_m(catania)), "166274.1516");
    assert_eq!(&text(palermo), b"sqc8b49rny0");
    assert_eq!(&text(catania), b"sqdtr74hyu0");
}

#[test]
fn a_decoded_point_has_its_hash_and_is_near() {
    let mut random = Random::from_seed(1);
    for _ in 0..10_000 {
        let point = any_point(&mut random);
        let hash = encode(point);
        let decoded = decode(hash as f64);
        assert_eq!(encode(decoded), hash);
        assert!(decoded.distance_m(point) < 0.6, "{point:?}");
    }
}

#[test]
fn the_ends_of_the_earth_have_hashes_too() {
    for longitude in [-LONGITUDE_MAX, LONGITUDE_MAX] {
        for latitude in [-LATITUDE_MAX, LATITUDE_MAX] {
            let point = Point { longitude, latitude };
            assert!(point.is_valid());
            assert!(decode(encode(point) as f64).distance_m(point) < 1.0);
        }
    }
    for longitude in [180.0000001, f64::NAN, f64::INFINITY] {
        assert!(!Point { longitude, latitude: 0.0 }.is_valid());
    }
}

#[test]
fn any_score_gives_a_point() {
    for score in [-1.0, 0.5, 1e15, 1e17, 9.3e18, 1e19, -1e19, 1e300, f64::INFINITY, -1e300] {
        assert!(decode(score).is_valid(), "{score}");
    }
}

#[test]
fn neighbours_are_beside_each_other_around_the_earth() {
    let mut random = Random::from_seed(2);
    for _ in 0..1_000 {
        let step = 1 + random.below(26) as u32;
        let cell = Cell::of(any_point(&mut random), step, &EARTH);
        let (east, north) = (cell.moved(1, 0), cell.moved(0, 1));
        assert_eq!(east.moved(-1, 0), cell);
        assert_eq!(north.moved(0, -1), cell);
        assert_eq!(cell.moved(-1, 1), cell.moved(-1, 0).moved(0, 1));
        let (here, there) = (cell.bounds(), east.bounds());
        assert!(there.west == here.east || there.west == -LONGITUDE_MAX);
        assert_eq!((there.south, there.north), (here.south, here.north));
    }
}

fn any_point(random: &mut Random) -> Point {
    let mut within = |max: f64| (random.below(1 << 40) as f64 / (1u64 << 39) as f64 - 1.0) * max;
    Point { longitude: within(LONGITUDE_MAX), latitude: within(LATITUDE_MAX) }
}

fn near(random: &mut Random, center: Point, degrees: f64) -> Point {
    let other = any_point(random);
    let longitude = center.longitude + other.longitude / LONGITUDE_MAX * degrees;
    Point {
        // Around the Earth.
        longitude: (longitude + 540.0) % 360.0 - 180.0,
        latitude: (center.latitude + other.latitude / LATITUDE_MAX * degrees)
            .clamp(-LATITUDE_MAX, LATITUDE_MAX),
    }
}

fn any_shape(random: &mut Random, center: Point, degrees: f64) -> Shape {
    let meters = degrees * 111_000.0;
    let mut length = || random.below(1 << 30) as f64 / (1u64 << 30) as f64 * meters * 1.5;
    let (a, b) = (length(), length());
    match random.below(3) {
        0 => Shape::Circle { radius: a },
        1 => Shape::Box { width: a, height: b },
        _ => {
            let corners = 3 + random.below(5);
            Shape::Polygon((0..corners).map(|_| near(random, center, degrees)).collect())
        }
    }
}

/// As Redis looks at each place: no frame, no bound on haversines.
fn distance_by_definition(search: &Search, point: Point) -> Option<f64> {
    let center = search.center;
    let distance = center.distance_m(point);
    let is_inside = match &search.shape {
        Shape::Circle { radius } => distance <= *radius,
        Shape::Box { width, height } => {
            let beside = Point { longitude: center.longitude, ..point };
            point.latitude_distance_m(center) <= height / 2.0
                && point.distance_m(beside) <= width / 2.0
        }
        Shape::Polygon(corners) => {
            let edges = (0..corners.len()).map(|i| (corners[i], corners[(i + 1) % corners.len()]));
            let crossed = edges.filter(|(a, b)| {
                let (low, high) = if a.latitude < b.latitude { (a, b) } else { (b, a) };
                low.latitude <= point.latitude && point.latitude < high.latitude && {
                    let part = (point.latitude - low.latitude) / (high.latitude - low.latitude);
                    point.longitude < low.longitude + part * (high.longitude - low.longitude)
                }
            });
            crossed.count() % 2 == 1
        }
    };
    is_inside.then_some(distance)
}

#[test]
fn a_search_finds_what_lies_in_the_shape_and_no_more() {
    for seed in 0..400 {
        let mut random = Random::from_seed(seed);
        let center = match seed % 4 {
            0 => Point { longitude: 179.99, latitude: 10.0 },
            1 => Point { latitude: 80.0, ..any_point(&mut random) },
            _ => any_point(&mut random),
        };
        let degrees = 60.0 / (1u64 << random.below(20)) as f64;
        let shape = any_shape(&mut random, center, degrees);
        let search = Search::new(center, shape, 1.0);
        let ranges = search.ranges();
        assert!(ranges.len() < 80, "seed {seed}: {} ranges", ranges.len());
        for (i, a) in ranges.iter().enumerate() {
            assert!(a.start < a.end);
            let overlaps = |b: &&std::ops::Range<u64>| a.start < b.end && b.start < a.end;
            assert_eq!(ranges[i + 1..].iter().find(overlaps), None, "seed {seed}");
        }
        for _ in 0..300 {
            let point = decode(encode(near(&mut random, search.center, degrees)) as f64);
            let expected = distance_by_definition(&search, point);
            assert_eq!(search.distance_m(point), expected, "seed {seed} {point:?}");
            let hash = encode(point);
            let is_covered = ranges.iter().any(|range| range.contains(&hash));
            // Near the poles and the date line Redis does not look everywhere.
            let is_regular = center.latitude.abs() + degrees < 66.0
                && center.longitude.abs() + 4.0 * degrees < 180.0;
            assert!(is_covered || expected.is_none() || !is_regular, "seed {seed} {point:?}");
        }
    }
}

#[test]
fn cutting_cells_leaves_out_nothing_that_redis_would_find() {
    for seed in 0..400 {
        let mut random = Random::from_seed(seed);
        let center = any_point(&mut random);
        let degrees = 120.0 / (1u64 << random.below(20)) as f64;
        let shape = any_shape(&mut random, center, degrees);
        let search = Search::new(center, shape, 1.0);
        let (ranges, cells) = (search.ranges(), cover::cells(&search));
        let place = |hash: u64| {
            let cell = cells.iter().position(|cell| (cell.first()..cell.end()).contains(&hash));
            (cell.expect("a range lies in a cell"), hash)
        };
        assert!(ranges.is_sorted_by_key(|range| place(range.start)), "seed {seed}");
        for cell in &cells {
            for _ in 0..100 {
                let hash = cell.first() + random.below(cell.end() - cell.first());
                let is_found = search.distance_m(decode(hash as f64)).is_some();
                let is_covered = ranges.iter().any(|range| range.contains(&hash));
                assert!(is_covered || !is_found, "seed {seed}: {hash} is left out");
            }
        }
    }
}

#[test]
fn lengths_without_end_and_without_extent_are_searched_for() {
    let center = PALERMO;
    let here = decode(encode(center) as f64);
    for (length, expected) in [(f64::INFINITY, true), (1e300, true), (0.0, false)] {
        for shape in
            [Shape::Circle { radius: length }, Shape::Box { width: length, height: length }]
        {
            let search = Search::new(center, shape, 1.0);
            assert_eq!(search.distance_m(here).is_some(), expected);
            let hash = encode(center);
            assert!(search.ranges().iter().any(|range| range.contains(&hash)));
        }
    }
    let line = Shape::Polygon(vec![PALERMO, PALERMO, PALERMO]);
    assert_eq!(Search::new(PALERMO, line, 1.0).distance_m(here), None);
}
