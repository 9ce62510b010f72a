//! Geo as clients see it. Replies are those of Redis 8.0.6, of polygons those of Valkey 9.1.2, save
//! where the essay of the folder says otherwise: 100,000 random calls agreed byte for byte.

use testkit::TestServer;
use testkit::transcript::{check, check_on, check_repeated};

const TOWNS: &str = "
    > GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    (integer) 2
    > GEOADD towns 12.758489 38.788135 edge1 17.241510 38.788135 edge2
    (integer) 2
";

fn check_towns(transcript: &str) {
    check(&format!("{TOWNS}{transcript}"));
}

#[test]
fn conditions_are_those_of_zadd() {
    check_towns(
        r#"
        > GEOADD towns NX CH 1 1 Palermo
        (integer) 0
        > GEOADD towns XX 1 1 Rome
        (integer) 0
        > GEOADD towns XX CH 1 1 Palermo 2 2 Catania
        (integer) 2
        > GEOADD towns NX XX 1 1 Palermo
        (error) ERR syntax error
        > GEOADD towns GT 1 1 Palermo
        (error) ERR syntax error
        > GEOADD towns CH 1 1 a b
        (error) ERR syntax error
        > GEOADD towns NX CH CH
        (error) ERR syntax error
        > GEOADD towns 1 one Palermo
        (error) ERR value is not a valid float
        > GEOADD towns 1 86 Palermo
        (error) ERR invalid longitude,latitude pair 1.000000,86.000000
        > SET string x
        OK
        > GEOADD string 1 86 Palermo
        (error) ERR invalid longitude,latitude pair 1.000000,86.000000
        > GEOADD string 1 1 Palermo
        (error) WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn geoadd_is_repeated_as_zadd() {
    check_repeated(
        &["GEOADD g NX CH 13.361389 38.115556 a 0 0 b", "GEOADD g NX 1 1 a", "GEOADD g XX 1 1 c"],
        &["SELECT 0", "ZADD g NX CH 3479099956230698 a 3377699720527872 b"],
    );
}

#[test]
fn members_that_are_not_there_are_nothing() {
    check_towns(
        r#"
        > GEOPOS towns Rome
        1) (nil)
        > GEOPOS towns
        (empty array)
        > GEOPOS nokey a b
        1) (nil)
        2) (nil)
        > GEOHASH nokey a
        1) (nil)
        > GEODIST nokey a b
        (nil)
        > GEODIST towns Palermo Palermo
        "0.0000"
        > GEODIST towns Palermo Catania KM extra
        (error) ERR syntax error
        > GEODIST nokey a b yd
        (error) ERR unsupported unit provided. please use M, KM, FT, MI
        > GEODIST towns Palermo Catania FT
        "545518.8700"
        > GEODIST towns Palermo Catania mi
        "103.3182"
        "#,
    );
}

#[test]
fn any_score_is_a_place() {
    check(
        r#"
        > ZADD z 1.5 half -3 below inf most 9007199254740992 beyond
        (integer) 4
        > GEOPOS z half
        1) 1) "-179.99999731779099"
           2) "-85.05112497791825"
        > GEOHASH z below most beyond
        1) "bp05b5048p0"
        2) "00bh0hbj200"
        3) "00bh0hbj200"
        "#,
    );
}

#[test]
fn a_search_replies_what_it_is_asked_for() {
    check_towns(
        r#"
        > GEOSEARCH towns FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHDIST WITHHASH WITHCOORD COUNT 1
        1) 1) "Catania"
           2) "56.4413"
           3) (integer) 3479447370796909
           4) 1) "15.087267458438873"
              2) "37.50266842333162"
        > GEOSEARCH towns FROMLONLAT 15 37 BYBOX 400 400 km DESC
        1) "edge1"
        2) "edge2"
        3) "Palermo"
        4) "Catania"
        > GEOSEARCH towns FROMMEMBER Catania BYRADIUS 0 m
        1) "Catania"
        > GEOSEARCH towns FROMLONLAT 15 37 BYRADIUS 300 km COUNT 2
        1) "Catania"
        2) "Palermo"
        > GEOSEARCH towns FROMLONLAT 15 37 BYRADIUS 300 km COUNT 2 ANY
        1) "Palermo"
        2) "edge1"
        > GEOSEARCH towns FROMLONLAT 100 0 BYRADIUS 1 km
        (empty array)
        > GEOSEARCH nokey FROMMEMBER nobody BYRADIUS 1 km WITHDIST
        (empty array)
        > GEOSEARCH towns FROMLONLAT 0 0 BYRADIUS 1e300 km COUNT 99 DESC
        1) "edge2"
        2) "edge1"
        3) "Palermo"
        4) "Catania"
        "#,
    );
}

#[test]
fn a_polygon_brings_its_own_centre() {
    check_towns(
        r#"
        > GEOSEARCH towns BYPOLYGON 4 12 37 16 37 16 39 12 39 WITHDIST ASC
        1) 1) "Palermo"
           2) "56987.4933"
        2) 1) "Catania"
           2) "111411.0839"
        3) 1) "edge1"
           2) "138085.5878"
        > GEOSEARCH towns BYPOLYGON 3 12 37 16 37 16
        (error) ERR GEOSEARCH BYPOLYGON must have at least 3 vertices
        > GEOSEARCH towns BYPOLYGON x 12 37 16 37 16
        (error) ERR invalid number of vertices
        > GEOSEARCH towns BYPOLYGON 3 12 37 16 37 16 99
        (error) ERR invalid longitude,latitude pair 16.000000,99.000000
        > GEOSEARCH towns BYPOLYGON 3 1 1 2 2 3 3 FROMLONLAT 1 1
        (error) ERR syntax error
        > GEOSEARCH towns FROMLONLAT 1 1 BYPOLYGON 3 1 1 2 2 3 3
        (error) ERR syntax error
        > GEOSEARCH towns BYPOLYGON 3 1 1 2 2 3 3 BYBOX 1 1 m
        (error) ERR syntax error
        > GEOSEARCHSTORE d towns BYPOLYGON 4 12 37 16 37 16 38 12 38 STOREDIST
        (integer) 1
        > ZRANGE d 0 -1
        1) "Catania"
        "#,
    );
}

#[test]
fn searches_complain_in_the_order_of_redis() {
    let cases = [
        (
            "GEOSEARCH string FROMLONLAT 1 1 BYRADIUS x q",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("GEOSEARCH towns FROMLONLAT 1 1 FROMMEMBER Palermo BYRADIUS 1 m", "ERR syntax error"),
        (
            "GEOSEARCH towns FROMMEMBER Rome BYRADIUS 1 m nonsense",
            "ERR could not decode requested zset member",
        ),
        (
            "GEOSEARCH towns BYBOX 1 1 m WITHDIST WITHHASH",
            "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
        ),
        (
            "geosearch towns FROMLONLAT 1 1 WITHDIST WITHHASH",
            "ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch",
        ),
        (
            "GEOSEARCH towns FROMLONLAT 1 1 BYRADIUS 1 m ANY",
            "ERR the ANY argument requires COUNT argument",
        ),
        ("GEOSEARCH towns FROMLONLAT 1 1 BYRADIUS 1 m COUNT 0", "ERR COUNT must be > 0"),
        (
            "GEOSEARCH towns FROMLONLAT 1 1 BYRADIUS 1 m COUNT x",
            "ERR value is not an integer or out of range",
        ),
        ("GEOSEARCH towns FROMLONLAT 1 1 BYRADIUS -1 m COUNT 0", "ERR radius cannot be negative"),
        ("GEOSEARCH towns FROMLONLAT 1 1 BYRADIUS x q", "ERR need numeric radius"),
        ("GEOSEARCH towns FROMLONLAT 1 1 BYBOX x y q", "ERR need numeric width"),
        ("GEOSEARCH towns FROMLONLAT 1 1 BYBOX 1 y q", "ERR need numeric height"),
        ("GEOSEARCH towns FROMLONLAT 1 1 BYBOX -1 1 q", "ERR height or width cannot be negative"),
        ("GEOSEARCH towns FROMLONLAT 1 1 BYRADIUS 1 m STOREDIST", "ERR syntax error"),
        (
            "GEOSEARCHSTORE d towns FROMLONLAT 1 1 BYRADIUS 1 m WITHCOORD",
            "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        (
            "GEORADIUS towns 1 1 1 m WITHDIST STORE d",
            "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        ("GEORADIUS towns 1 1 1 m STORE d STORE e", "ERR syntax error"),
        ("GEORADIUS towns 1 1 1 m STORE", "ERR syntax error"),
        ("GEORADIUS towns 1 91 x m", "ERR invalid longitude,latitude pair 1.000000,91.000000"),
        ("GEORADIUSBYMEMBER towns Rome x m", "ERR could not decode requested zset member"),
        ("GEORADIUSBYMEMBER_RO towns Palermo 1 m STORE d", "ERR syntax error"),
    ];
    let shown = cases.map(|(call, error)| format!("> {call}\n(error) {error}\n"));
    check_towns(&format!("> SET string x\nOK\n{}", shown.concat()));
}

#[test]
fn without_a_source_the_destination_goes() {
    check_towns(
        r#"
        > GEOSEARCHSTORE d towns FROMMEMBER Palermo BYRADIUS 1 km
        (integer) 1
        > EXPIRE d 100
        (integer) 1
        > GEOSEARCHSTORE d towns FROMMEMBER Palermo BYRADIUS 1 km
        (integer) 1
        > TTL d
        (integer) -1
        > GEORADIUS nokey 1 1 1 m STORE d
        (integer) 0
        > EXISTS d
        (integer) 0
        > GEORADIUSBYMEMBER nokey nobody many yards
        (empty array)
        > GEORADIUS towns 15 37 300 km STORE towns
        (integer) 4
        > GEORADIUSBYMEMBER towns Palermo 100 km STOREDIST towns
        (integer) 2
        > ZRANGE towns 0 -1 WITHSCORES
        1) "Palermo"
        2) "0"
        3) "edge1"
        4) "91.40065860581427"
        "#,
    );
}

#[test]
fn a_large_set_is_searched_like_a_small_one() {
    let (mut small, mut large) = (TestServer::new(1), TestServer::new(1));
    let (mut ann, mut bob) = (small.connect(), large.connect());
    check_on(&mut large, &mut bob, "> CONFIG SET zset-max-listpack-entries 0\nOK");
    let mut random = base::random::Random::from_seed(3);
    for i in 0..100 {
        let mut degrees = |max: f64| (random.below(20_001) as f64 / 10_000.0 - 1.0) * max;
        let add = format!("GEOADD g {} {} place:{i}", degrees(180.0), degrees(85.0));
        small.reply(&mut ann, &add);
        large.reply(&mut bob, &add);
    }
    for i in 0..100 {
        for shape in ["BYRADIUS 3000 km", "BYBOX 9000 5000 km"] {
            let call = format!("GEOSEARCH g FROMMEMBER place:{i} {shape} WITHDIST WITHCOORD");
            assert_eq!(small.reply(&mut ann, &call), large.reply(&mut bob, &call), "{call}");
        }
    }
}
