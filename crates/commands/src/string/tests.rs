//! What the tests of this group share beside [`testkit::transcript`].

use testkit::TestServer;
use testkit::transcript::{self, check_on};

/// Runs a transcript on fresh servers of one and of several workers.
pub(super) fn check(transcript: &str) {
    for workers in [1, 3] {
        let mut server = TestServer::new(workers);
        let mut session = server.connect();
        check_on(&mut server, &mut session, transcript);
    }
}

/// Compares what the calls leave in the journal; all of it belongs to database 0.
pub(super) fn check_repeated(calls: &[&str], expected: &[&str]) {
    transcript::check_repeated(calls, &[&["SELECT 0"], expected].concat());
}

/// The expiry after each step: set, kept, moved, taken away, given only where there is none.
#[test]
fn expiries_are_set_kept_and_removed() {
    check(
        "> SET k 1 EX 100
        OK
        > SET k 2 KEEPTTL
        OK
        > TTL k
        (integer) 100
        > INCR k
        (integer) 3
        > APPEND k 0
        (integer) 2
        > INCRBYFLOAT k 0.5
        \"30.5\"
        > SETRANGE k 0 1
        (integer) 4
        > TTL k
        (integer) 100
        > GETEX k PX 200000
        \"10.5\"
        > TTL k
        (integer) 200
        > INCREX k BYFLOAT 1 EX 300 ENX
        1) \"11.5\"
        2) \"1\"
        > TTL k
        (integer) 200
        > INCREX k BYFLOAT 1 PERSIST
        1) \"12.5\"
        2) \"1\"
        > TTL k
        (integer) -1
        > INCREX k BYFLOAT 1 EX 300 ENX
        1) \"13.5\"
        2) \"1\"
        > TTL k
        (integer) 300
        > MSETEX 2 k 1 m 2 KEEPTTL
        (integer) 1
        > TTL k
        (integer) 300
        > TTL m
        (integer) -1
        > GETSET k v
        \"1\"
        > TTL k
        (integer) -1",
    );
}

#[test]
fn encodings_are_those_redis_prints() {
    check(
        "> SET k 12
        OK
        > OBJECT ENCODING k
        \"int\"
        > APPEND k 3
        (integer) 3
        > OBJECT ENCODING k
        \"raw\"
        > INCR k
        (integer) 124
        > OBJECT ENCODING k
        \"int\"
        > INCRBYFLOAT k 1
        \"125\"
        > OBJECT ENCODING k
        \"embstr\"
        > SETRANGE n 0 1
        (integer) 1
        > OBJECT ENCODING n
        \"raw\"
        > APPEND new 5
        (integer) 1
        > OBJECT ENCODING new
        \"int\"",
    );
}
