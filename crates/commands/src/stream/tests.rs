//! Streams as clients see them.

use resp::Value;
use testkit::TestServer;
use testkit::transcript::{check, check_on, check_repeated, repeated, repeated_on};

/// The reply in RESP3, as bytes.
fn in_resp3(calls: &[&str], last: &str) -> String {
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    server.reply(&mut session, "HELLO 3");
    for call in calls {
        server.reply(&mut session, call);
    }
    let reply = server.feed(&mut session, format!("{last}\r\n").as_bytes());
    String::from_utf8(reply).expect("it is text").replace("\r\n", " ")
}

#[test]
fn xadd_gives_ids_that_ascend_or_complains() {
    check(
        r#"
        > XADD s 0-0 a 1
        (error) ERR The ID specified in XADD must be greater than 0-0
        > XADD s 0 a 1
        (error) ERR The ID specified in XADD must be greater than 0-0
        > EXISTS s
        (integer) 0
        > XADD s 0-* a 1
        "0-1"
        > XADD s 5-18446744073709551614 a 1
        "5-18446744073709551614"
        > XADD s 5-* a 1
        "5-18446744073709551615"
        > XADD s 5-* a 1
        (error) ERR The ID specified in XADD is equal or smaller than the target stream top item
        > XADD s 4-* a 1
        (error) ERR The ID specified in XADD is equal or smaller than the target stream top item
        > XADD s 18446744073709551615-18446744073709551615 a 1
        "18446744073709551615-18446744073709551615"
        > XADD s * a 1
        (error) ERR The stream has exhausted the last possible ID, unable to add more items
        > XADD s 1-1 a 1
        (error) ERR The stream has exhausted the last possible ID, unable to add more items
        "#,
    );
}

#[test]
fn xadd_reads_its_options_before_it_looks() {
    check(
        r#"
        > SET t x
        OK
        > XADD t * a
        (error) ERR wrong number of arguments for 'xadd' command
        > XADD t MAXLEN -1 * a 1
        (error) ERR The MAXLEN argument must be >= 0.
        > XADD t MAXLEN 1 MINID 1 * a 1
        (error) ERR syntax error, MAXLEN and MINID options at the same time are not compatible
        > XADD t LIMIT 1 * a 1
        (error) ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
        > XADD t MAXLEN = 1 LIMIT 1 * a 1
        (error) ERR syntax error, LIMIT cannot be used without the special ~ option
        > XADD t MAXLEN ~ 1 LIMIT -1 * a 1
        (error) ERR The LIMIT argument must be >= 0.
        > XADD t KEEPREF ACKED * a 1
        (error) ERR Invalid stream ID specified as stream command argument
        > XADD t IDMP p i 1-1 a 1
        (error) ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs
        > XADD t IDMP p i IDMPAUTO p * a 1
        (error) ERR syntax error, IDMP/IDMPAUTO specified multiple times
        > XADD t IDMP "" i * a 1
        (error) ERR syntax error, IDMP requires a non-empty producer ID
        > XADD t IDMP p "" * a 1
        (error) ERR syntax error, IDMP requires a non-empty idempotent ID
        > XADD t * a 1
        (error) WRONGTYPE Operation against a key holding the wrong kind of value
        > XTRIM t MAXLEN 1 x
        (error) ERR syntax error
        > XTRIM t LIMIT 0
        (error) ERR syntax error, XTRIM must be called with a trimming strategy
        > XADD none NOMKSTREAM 0-1 a 1
        (nil)
        "#,
    );
}

#[test]
fn values_come_back_as_they_came() {
    check(
        r#"
        > XADD s 1-1 n -5 "" "" n 007 9223372036854775807 9223372036854775808
        "1-1"
        > XADD s 1-2 n 1 "" x n y 9223372036854775807 z
        "1-2"
        > XRANGE s 1-1 1-1
        1) 1) "1-1"
           2) 1) "n"
              2) "-5"
              3) ""
              4) ""
              5) "n"
              6) "007"
              7) "9223372036854775807"
              8) "9223372036854775808"
        > XREVRANGE s + (1-1
        1) 1) "1-2"
           2) 1) "n"
              2) "1"
              3) ""
              4) "x"
              5) "n"
              6) "y"
              7) "9223372036854775807"
              8) "z"
        "#,
    );
}

#[test]
fn the_edges_of_intervals_are_checked() {
    check(
        r#"
        > XRANGE s (18446744073709551615-18446744073709551615 +
        (error) ERR invalid start ID for the interval
        > XRANGE s - (0-0
        (error) ERR invalid end ID for the interval
        > XRANGE s (- +
        (error) ERR Invalid stream ID specified as stream command argument
        > XRANGE s - + COUNT
        (error) ERR syntax error
        > XRANGE s - + COUNT x
        (error) ERR value is not an integer or out of range
        > XRANGE s - + COUNT -1
        (empty array)
        > XADD s 1-1 a 1
        "1-1"
        > XRANGE s - + COUNT 0
        (nil)
        > XRANGE s - + COUNT -1
        (nil)
        > XRANGE s (1 +
        1) 1) "1-1"
           2) 1) "a"
              2) "1"
        > XRANGE s - (1
        1) 1) "1-1"
           2) 1) "a"
              2) "1"
        "#,
    );
}

#[test]
fn xadd_is_repeated_with_its_id_and_an_exact_cut() {
    check_repeated(
        &[
            "XADD s 1-1 a 1",
            "XADD s 1-* a 1",
            "XADD s MAXLEN ~ 1 LIMIT 0 3 a 1",
            "XADD s MINID ~ 2 5-* a 1",
            "XADD s NOMKSTREAM MAXLEN = 9 6 a 1",
            "XTRIM s MAXLEN ~ 2",
            "XTRIM s MAXLEN 2",
        ],
        &[
            "SELECT 0",
            "XADD s 1-1 a 1",
            "XADD s 1-2 a 1",
            "XADD s MAXLEN = 3 LIMIT 0 3 a 1",
            "XADD s MINID = 1-1 5-0 a 1",
            "XADD s NOMKSTREAM MAXLEN = 9 6 a 1",
            "XTRIM s MAXLEN 2",
        ],
    );
    let auto = repeated(&["XADD s * a 1"]);
    assert!(!auto[1].contains('*'), "{auto:?}");
}

#[test]
fn whole_nodes_go_where_about_is_enough() {
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    server.reply(&mut session, "CONFIG SET stream-node-max-entries 10");
    for n in 1..=35 {
        server.reply(&mut session, &format!("XADD s {n}-0 a 1"));
    }
    check_on(
        &mut server,
        &mut session,
        "> XTRIM s MAXLEN ~ 12
         (integer) 20
         > XTRIM s MINID ~ 30
         (integer) 0
         > XTRIM s MINID ~ 31
         (integer) 10
         > XTRIM s MAXLEN ~ 0 LIMIT 4
         (integer) 0
         > XTRIM s MAXLEN ~ 0 LIMIT 5
         (integer) 5
         > XLEN s
         (integer) 0
         > XADD s * a 1
         \"*-0\"",
    );
}

#[test]
fn references_decide_what_may_be_deleted() {
    check(
        r#"
        > XADD s 1-0 a 1
        "1-0"
        > XADD s 2-0 a 2
        "2-0"
        > XADD s 3-0 a 3
        "3-0"
        > XGROUP CREATE s g 2
        OK
        > XCLAIM s g ann 0 1-0 FORCE JUSTID
        1) "1-0"
        > XTRIM s ACKED MAXLEN 0
        (integer) 1
        > XTRIM s MAXLEN 0 ACKED
        (integer) 0
        > XRANGE s - + COUNT 1
        1) 1) "1-0"
           2) 1) "a"
              2) "1"
        > XDELEX s ACKED IDS 3 1-0 2-0 3-0
        1) (integer) 2
        2) (integer) -1
        3) (integer) 2
        > XDELEX s DELREF IDS 1 1-0
        1) (integer) 1
        > XPENDING s g
        1) (integer) 0
        2) (nil)
        3) (nil)
        4) (nil)
        > XDELEX s IDS 2 3-0
        (error) ERR The `numids` parameter must match the number of arguments
        > XDELEX s IDS 0 3-0
        (error) ERR Number of IDs must be a positive integer
        > XDELEX s IDS 1 x
        (error) ERR Invalid stream ID specified as stream command argument
        > XDELEX s KEEPREF ACKED IDS 1 3-0
        (error) ERR syntax error
        > XDELEX none IDS 2 x y
        1) (integer) -1
        2) (integer) -1
        "#,
    );
}

#[test]
fn xackdel_deletes_when_the_last_group_has_acknowledged() {
    check(
        r#"
        > XADD s 1-0 a 1
        "1-0"
        > XGROUP CREATE s g 1
        OK
        > XGROUP CREATE s h 1
        OK
        > XCLAIM s g ann 0 1-0 FORCE JUSTID
        1) "1-0"
        > XCLAIM s h ann 0 1-0 FORCE JUSTID
        1) "1-0"
        > XACKDEL s g ACKED IDS 1 1-0
        1) (integer) 2
        > XACKDEL s g ACKED IDS 1 1-0
        1) (integer) -1
        > XACKDEL s h ACKED IDS 1 1-0
        1) (integer) 1
        > XLEN s
        (integer) 0
        > XACKDEL s none IDS 1 1-0
        1) (integer) -1
        "#,
    );
}

#[test]
fn a_producer_that_repeats_itself_adds_nothing() {
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    let first = server.reply(&mut session, "XADD s IDMP ann 1 * a 1");
    assert_eq!(server.reply(&mut session, "XADD s IDMP ann 1 * b 2"), first);
    assert_ne!(server.reply(&mut session, "XADD s IDMP bob 1 * a 1"), first);
    let auto = server.reply(&mut session, "XADD s IDMPAUTO ann * a 1 b 2");
    assert_eq!(server.reply(&mut session, "XADD s IDMPAUTO ann * b 2 a 1"), auto);
    check_on(
        &mut server,
        &mut session,
        "> XLEN s
         (integer) 3
         > XCFGSET s IDMP-MAXSIZE 100
         OK
         > XADD s IDMP ann 1 * c 3
         \"*\"
         > XLEN s
         (integer) 3
         > XCFGSET s IDMP-MAXSIZE 1
         OK
         > XADD s IDMP ann 1 * c 3
         \"*\"
         > XLEN s
         (integer) 4
         > XCFGSET s IDMP-MAXSIZE 1 IDMP-MAXSIZE 2
         (error) ERR IDMP-MAXSIZE specified multiple times
         > XIDMPRECORD s ann 1 1-1
         (error) ERR No such message in stream",
    );
}

#[test]
fn what_a_producer_repeated_is_not_repeated_to_replicas() {
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    let calls = ["XADD s IDMP ann 1 * a 1", "XADD s IDMP ann 1 * a 1"];
    let repeated = repeated_on(&mut server, &mut session, &calls);
    assert_eq!(repeated.len(), 2, "{repeated:?}");
    let mut replica = TestServer::new(1).replays();
    let mut feed = replica.connect();
    for _ in 0..2 {
        // A stream that begins anew is taken as it is.
        assert!(matches!(replica.reply(&mut feed, &repeated[1]), Value::Bulk(_) | Value::Error(_)));
    }
    assert_eq!(replica.reply(&mut feed, "XLEN s"), Value::Integer(1));
}

#[test]
fn xread_bounds_each_stream_and_the_whole_reply() {
    check(
        r#"
        > XADD a 1-0 f 1
        "1-0"
        > XADD a 2-0 f 2
        "2-0"
        > XADD b 1-0 f 3
        "1-0"
        > XREAD MAXCOUNT 2 STREAMS a b 0 0
        1) 1) "a"
           2) 1) 1) "1-0"
                 2) 1) "f"
                    2) "1"
              2) 1) "2-0"
                 2) 1) "f"
                    2) "2"
        > XREAD COUNT 1 MAXCOUNT 2 STREAMS a b 0 0
        1) 1) "a"
           2) 1) 1) "1-0"
                 2) 1) "f"
                    2) "1"
        2) 1) "b"
           2) 1) 1) "1-0"
                 2) 1) "f"
                    2) "3"
        > XREAD MAXSIZE 1 STREAMS a b 0 0
        1) 1) "a"
           2) 1) 1) "1-0"
                 2) 1) "f"
                    2) "1"
        > XREAD COUNT 3 MAXCOUNT 2 STREAMS a 0
        (error) ERR MAXCOUNT must be greater than or equal to COUNT
        > XREAD MAXSIZE 0 STREAMS a 0
        (error) ERR MAXSIZE must be a positive integer
        > XREAD STREAMS b +
        1) 1) "b"
           2) 1) 1) "1-0"
                 2) 1) "f"
                    2) "3"
        > XREAD STREAMS b $
        (nil)
        > XREAD STREAMS b >
        (error) ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.
        > XREAD GROUP g ann STREAMS b 0
        (error) ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.
        > XREAD BLOCK -1 STREAMS b 0
        (error) ERR timeout is negative
        > XREAD COUNT 1 b 0
        (error) ERR syntax error
        "#,
    );
}

#[test]
fn xread_answers_a_map_in_resp3() {
    let calls = ["XADD a 1-0 f 1", "XGROUP CREATE a g 0"];
    let entry = "*1 *2 $3 1-0 *2 $1 f $1 1 ";
    assert_eq!(in_resp3(&calls, "XREAD STREAMS a 0"), format!("%1 $1 a {entry}"));
    assert_eq!(in_resp3(&calls, "XREADGROUP GROUP g ann STREAMS a >"), format!("%1 $1 a {entry}"));
    assert_eq!(in_resp3(&calls, "XREAD STREAMS a $"), "_ ");
    assert!(in_resp3(&calls, "XINFO STREAM a").starts_with("%10 "));
    assert!(in_resp3(&calls, "XINFO GROUPS a").starts_with("*1 %6 "));
}

#[test]
fn a_consumer_reads_news_and_its_own_history() {
    check(
        r#"
        > XADD s 1-0 f 1
        "1-0"
        > XADD s 2-0 f 2
        "2-0"
        > XGROUP CREATE s g 0
        OK
        > XREADGROUP GROUP g ann COUNT 1 STREAMS s >
        1) 1) "s"
           2) 1) 1) "1-0"
                 2) 1) "f"
                    2) "1"
        > XREADGROUP GROUP g bob NOACK STREAMS s >
        1) 1) "s"
           2) 1) 1) "2-0"
                 2) 1) "f"
                    2) "2"
        > XDEL s 1-0
        (integer) 1
        > XREADGROUP GROUP g ann STREAMS s 0
        1) 1) "s"
           2) 1) 1) "1-0"
                 2) (nil)
        > XREADGROUP GROUP g bob STREAMS s 0
        1) 1) "s"
           2) (empty array)
        > XREADGROUP GROUP g ann STREAMS s $
        (error) ERR The $ ID is meaningless in the context of XREADGROUP: *
        > XREADGROUP COUNT 1 STREAMS s s > >
        (error) ERR Missing GROUP option for XREADGROUP
        > XREADGROUP GROUP g ann STREAMS s
        (error) ERR wrong number of arguments for 'xreadgroup' command
        > XREADGROUP GROUP g ann STREAMS s none >
        (error) ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.
        > XREADGROUP GROUP g ann STREAMS none >
        (error) NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option
        > XREADGROUP GROUP STREAMS ann STREAMS s >
        (error) NOGROUP No such key 's' or consumer group 'STREAMS' in XREADGROUP with GROUP option
        > XREADGROUP COUNT 1 GROUP STREAMS ann STREAMS s >
        (error) ERR syntax error
        "#,
    );
}

#[test]
fn what_a_group_gives_out_is_repeated_as_claims_and_progress() {
    check_repeated(
        &[
            "XADD s 1-0 f 1",
            "XADD s 2-0 f 2",
            "XGROUP CREATE s g 0",
            "XREADGROUP GROUP g ann COUNT 1 STREAMS s >",
            "XREADGROUP GROUP g bob NOACK STREAMS s >",
            "XREADGROUP GROUP g cid STREAMS s >",
            "XCLAIM s g bob 0 1-0 JUSTID",
            "XDEL s 1-0",
            "XAUTOCLAIM s g ann 0 -",
            "XACK s g 1-0",
        ],
        &[
            "SELECT 0",
            "XADD s 1-0 f 1",
            "XADD s 2-0 f 2",
            "XGROUP CREATE s g 0",
            "MULTI",
            "XCLAIM s g ann 0 1-0 TIME * RETRYCOUNT 1 FORCE JUSTID LASTID 1-0",
            "XGROUP SETID s g 1-0 ENTRIESREAD 1",
            "EXEC",
            "MULTI",
            "XGROUP CREATECONSUMER s g bob",
            "XGROUP SETID s g 2-0 ENTRIESREAD 2",
            "EXEC",
            "XGROUP CREATECONSUMER s g cid",
            "XCLAIM s g bob 0 1-0 TIME * RETRYCOUNT 1 FORCE JUSTID LASTID 2-0",
            "XDEL s 1-0",
            "XCLAIM s g bob 0 1-0 TIME * RETRYCOUNT 1 FORCE JUSTID LASTID 2-0",
        ],
    );
}

#[test]
fn released_entries_go_to_whoever_claims_first() {
    check(
        r#"
        > XADD s 1-0 f 1
        "1-0"
        > XADD s 2-0 f 2
        "2-0"
        > XGROUP CREATE s g 2
        OK
        > XCLAIM s g ann 0 1-0 2-0 FORCE JUSTID
        1) "1-0"
        2) "2-0"
        > XNACK s g SILENT IDS 1 2-0
        (integer) 1
        > XNACK s g FATAL IDS 1 1-0 RETRYCOUNT 7
        (integer) 1
        > XPENDING s g IDLE 100000 - + 10
        1) 1) "1-0"
           2) ""
           3) (integer) -1
           4) (integer) 7
        2) 1) "2-0"
           2) ""
           3) (integer) -1
           4) (integer) 0
        > XREADGROUP GROUP g bob COUNT 1 CLAIM 100000 STREAMS s >
        1) 1) "s"
           2) 1) 1) "2-0"
                 2) 1) "f"
                    2) "2"
                 3) (integer) *
                 4) (integer) 0
        > XPENDING s g - + 10 bob
        1) 1) "2-0"
           2) "bob"
           3) (integer) *
           4) (integer) 1
        > XNACK s g FAIL IDS 1 9-0
        (integer) 0
        > XNACK s g FAIL IDS 2 9-0 1-0 FORCE
        (integer) 1
        > XNACK s none FAIL IDS 1 9-0
        (error) NOGROUP No such key 's' or consumer group 'none'
        > XNACK s g FAIL RETRYCOUNT 1 FORCE
        (error) ERR syntax error, expected IDS keyword
        > XNACK s g FAIL IDS 1 1-0 x
        (error) ERR Unrecognized XNACK option 'x'
        > XACK s g 1-0 2-0
        (integer) 2
        "#,
    );
}

#[test]
fn claims_ask_for_idle_time_and_may_be_forced() {
    check(
        r#"
        > XADD s 1-0 f 1
        "1-0"
        > XGROUP CREATE s g 0
        OK
        > XCLAIM s g ann 0 1-0
        (empty array)
        > XCLAIM s g ann 0 1-0 FORCE
        1) 1) "1-0"
           2) 1) "f"
              2) "1"
        > XPENDING s g - + 10
        1) 1) "1-0"
           2) "ann"
           3) (integer) *
           4) (integer) 2
        > XCLAIM s g bob 100000 1-0
        (empty array)
        > XCLAIM s g bob 0 1-0 IDLE 200000 RETRYCOUNT 9 JUSTID
        1) "1-0"
        > XCLAIM s g ann 100000 1-0 JUSTID
        1) "1-0"
        > XCLAIM s g ann x 1-0
        (error) ERR Invalid min-idle-time argument for XCLAIM
        > XCLAIM s g ann 0 1-0 IDLE x
        (error) ERR Invalid IDLE option argument for XCLAIM
        > XCLAIM s g ann 0 1-0 2-x
        (error) ERR Unrecognized XCLAIM option '2-x'
        > XCLAIM s none ann x 1-0
        (error) NOGROUP No such key 's' or consumer group 'none'
        > XAUTOCLAIM s none ann x -
        (error) ERR Invalid min-idle-time argument for XAUTOCLAIM
        > XAUTOCLAIM s g ann 0 (1-0 COUNT 1
        1) "0-0"
        2) (empty array)
        3) (empty array)
        "#,
    );
}

#[test]
fn groups_are_made_moved_and_removed() {
    check(
        r#"
        > XGROUP CREATE none g $
        (error) ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
        > XGROUP DESTROY none g
        (error) ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
        > XGROUP CREATE s g x MKSTREAM
        (error) ERR Invalid stream ID specified as stream command argument
        > EXISTS s
        (integer) 0
        > XGROUP CREATE s g 0 MKSTREAM NOPE
        (error) ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.
        > XGROUP CREATE s g 0 MKSTREAM
        OK
        > XLEN s
        (integer) 0
        > XGROUP SETID s g - ENTRIESREAD -1
        OK
        > XGROUP SETID s g 0 MKSTREAM
        (error) ERR unknown subcommand or wrong number of arguments for 'SETID'. Try XGROUP HELP.
        > XGROUP CREATECONSUMER s g ann
        (integer) 1
        > XGROUP DELCONSUMER s g bob
        (integer) 0
        > SET t x
        OK
        > XGROUP CREATE t g 0 MKSTREAM
        (error) WRONGTYPE Operation against a key holding the wrong kind of value
        > XINFO CONSUMERS s none
        (error) NOGROUP No such consumer group 'none' for key name 's'
        > XINFO STREAM s FULL 1
        (error) ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
        "#,
    );
}

#[test]
fn a_copy_has_entries_and_groups_of_its_own() {
    check(
        r#"
        > XADD s 1-0 f 1
        "1-0"
        > XGROUP CREATE s g 0
        OK
        > XCLAIM s g ann 0 1-0 FORCE JUSTID
        1) "1-0"
        > COPY s c
        (integer) 1
        > XDEL s 1-0
        (integer) 1
        > XACK s g 1-0
        (integer) 1
        > XPENDING c g
        1) (integer) 1
        2) "1-0"
        3) "1-0"
        4) 1) 1) "ann"
              2) "1"
        > XLEN c
        (integer) 1
        > TYPE c
        stream
        > OBJECT ENCODING c
        "stream"
        "#,
    );
}

mod waiting {
    use testkit::transcript::printed;
    use testkit::{Session, TestServer};

    fn served(server: &mut TestServer, session: &mut Session) -> String {
        printed(&server.served(session).expect("it is served"))
    }

    #[test]
    fn xread_waits_for_what_comes_behind_the_id_that_was_last_then() {
        for workers in [1, 3] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = (server.connect(), server.connect_to(workers - 1));
            server.reply(&mut bob, "XADD log 1-1 a 1");
            server.block(&mut ann, "XREAD BLOCK 0 STREAMS other log $ $");
            for call in ["MULTI", "XADD log 1-2 b 2", "XADD log 1-3 c 3", "EXEC"] {
                server.reply(&mut bob, call);
            }
            let reply = served(&mut server, &mut ann);
            assert!(reply.contains("1-2") && reply.contains("1-3"), "{reply}");
            assert!(!reply.contains("1-1") && !reply.contains("other"), "{reply}");
        }
    }

    #[test]
    fn one_of_a_group_gets_what_comes() {
        let mut server = TestServer::new(2);
        let (mut ann, mut bob, mut cal) =
            (server.connect(), server.connect_to(1), server.connect());
        server.reply(&mut cal, "XGROUP CREATE log readers $ MKSTREAM");
        server.block(&mut ann, "XREADGROUP GROUP readers ann BLOCK 0 STREAMS log >");
        server.block(&mut bob, "XREADGROUP GROUP readers bob BLOCK 0 STREAMS log >");
        server.reply(&mut cal, "XADD log 1-1 a 1");
        assert!(served(&mut server, &mut ann).contains("1-1"));
        assert!(server.served(&mut bob).is_none());
        server.reply(&mut cal, "XADD log 1-2 b 2");
        assert!(served(&mut server, &mut bob).contains("1-2"));
    }

    #[test]
    fn a_group_that_goes_is_told_of_and_a_stream_that_goes_is_waited_out() {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob, mut cal) = (server.connect(), server.connect(), server.connect());
        server.reply(&mut cal, "XGROUP CREATE log readers $ MKSTREAM");
        server.block(&mut ann, "XREADGROUP GROUP readers ann BLOCK 0 STREAMS log >");
        server.block(&mut bob, "XREAD BLOCK 0 STREAMS log $");
        server.reply(&mut cal, "FLUSHALL");
        assert!(served(&mut server, &mut ann).starts_with("(error) NOGROUP"));
        server.reply(&mut cal, "SET log text");
        assert!(server.served(&mut bob).is_none());
        server.reply(&mut cal, "DEL log");
        server.reply(&mut cal, "XADD log 1-1 a 1");
        assert!(served(&mut server, &mut bob).contains("1-1"));
    }
}
