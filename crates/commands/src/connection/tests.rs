//! Connections, against what Redis 8.0.6 answers, and Valkey 9.1.2 where only it has the word.

use engine::Client;
use engine::client::{Address, Closing};
use testkit::TestServer;
use testkit::transcript::{check, check_on};

/// Puts a connection that nobody speaks on into a worker's table.
fn add(server: &mut TestServer, worker: usize, change: impl FnOnce(&mut Client)) -> u64 {
    let mut client = Box::new(server.engine.new_client(base::clock::unix_ms()));
    change(&mut client);
    let id = client.id;
    let mut inside = server.engine.gate.enter(&mut server.seats[worker]);
    server.engine.clients.mine(&mut inside).insert(client);
    id
}

fn named(name: &str) -> impl FnOnce(&mut Client) {
    move |client| client.names_mut().name = name.into()
}

/// The names of a worker's clients that shall close at once.
fn closing(server: &mut TestServer, worker: usize) -> Vec<String> {
    let mut inside = server.engine.gate.enter(&mut server.seats[worker]);
    let clients = server.engine.clients.mine(&mut inside);
    let noticed = std::mem::take(&mut clients.attention);
    let names = noticed.iter().filter_map(|index| {
        let client = clients.get(*index)?;
        assert_eq!(client.closing, Closing::Now);
        Some(String::from_utf8_lossy(&client.names().name).into_owned())
    });
    names.collect()
}

/// The names in CLIENT LIST with these filters, in its order.
fn listed(server: &mut TestServer, filters: &str) -> Vec<String> {
    let mut me = server.connect();
    me.client.names_mut().name = b"me".to_vec();
    let reply = server.reply(&mut me, &format!("CLIENT LIST {filters}"));
    let text = reply.text().unwrap_or_else(|| panic!("{filters}: {reply:?}")).into_owned();
    let name = |line: &str| {
        let field = line.split(' ').find_map(|field| field.strip_prefix("name="));
        field.expect("each line has a name").to_owned()
    };
    text.lines().map(name).collect()
}

#[test]
fn a_line_has_the_fields_of_redis_in_their_order() {
    check(
        "> CLIENT LIST
         \"id=* addr=*:* laddr=*:* fd=* name= age=* idle=* flags=N db=* sub=0 psub=0 ssub=0 \
         multi=-1 watch=0 qbuf=26 qbuf-free=* argv-mem=10 multi-mem=0 rbs=* rbp=* obl=0 oll=0 \
         omem=0 tot-mem=* events=r cmd=client|list user=default redir=-1 resp=2 lib-name= lib-ver= \
         io-thread=0 tot-net-in=* tot-net-out=* tot-cmds=* capa=*\"",
    );
}

#[test]
fn list_shows_the_clients_of_all_workers_oldest_first() {
    let mut server = TestServer::new(3);
    for (worker, name) in [(2, "a"), (0, "b"), (1, "c")] {
        add(&mut server, worker, named(name));
    }
    assert_eq!(listed(&mut server, ""), ["a", "b", "c", "me"]);
    assert_eq!(listed(&mut server, "SKIPME yes"), ["a", "b", "c"]);
}

#[test]
fn list_of_ids_keeps_their_order() {
    let mut server = TestServer::new(1);
    let (a, b) = (add(&mut server, 0, named("a")), add(&mut server, 0, named("b")));
    assert_eq!(listed(&mut server, &format!("ID {b} 12345 {a}")), ["b", "a"]);
    assert_eq!(listed(&mut server, &format!("ID {b} {a} NAME a")), ["a"]);
    assert_eq!(listed(&mut server, &format!("NOT-ID {b} SKIPME yes")), ["a"]);
    assert!(listed(&mut server, "ID 0").is_empty());
}

#[test]
fn filters_let_through_what_they_say_and_not_what_they_say_with_not() {
    let mut server = TestServer::new(1);
    add(&mut server, 0, |client| {
        let names = client.names_mut();
        names.name = b"a".to_vec();
        names.lib_name = b"redis-py".to_vec();
        names.lib_ver = b"5".to_vec();
        client.address = Address::Tcp("192.0.2.1:5000".parse().expect("it is an address"));
        client.local_address = Address::Tcp("192.0.2.9:6379".parse().expect("it is an address"));
        client.no_evict = true;
        client.no_touch = true;
        client.capa_redirect = true;
        client.db = 3;
        client.created_ms -= 100_000;
        client.active_ms -= 50_000;
    });
    for filter in [
        "NAME a",
        "LIB-NAME redis-py",
        "LIB-VER 5",
        "ADDR 192.0.2.1:5000",
        "LADDR 192.0.2.9:6379",
        "IP 192.0.2.1",
        "FLAGS e",
        "FLAGS Te",
        "CAPA r",
        "DB 3",
    ] {
        assert_eq!(listed(&mut server, filter), ["a"], "{filter}");
        assert_eq!(listed(&mut server, &format!("NOT-{filter}")), ["me"], "NOT-{filter}");
    }
    assert_eq!(listed(&mut server, "MAXAGE 60"), ["a"]);
    assert_eq!(listed(&mut server, "IDLE 40"), ["a"]);
    assert!(listed(&mut server, "IDLE 60").is_empty());
    assert!(listed(&mut server, "FLAGS ex").is_empty());
    assert_eq!(listed(&mut server, "NOT-FLAGS ex"), ["a", "me"]);
    assert_eq!(listed(&mut server, "TYPE normal USER default"), ["a", "me"]);
    assert!(listed(&mut server, "NOT-TYPE normal").is_empty());
    assert!(listed(&mut server, "TYPE primary").is_empty());
}

#[test]
fn wrong_filters_are_refused_in_the_words_of_redis() {
    check(
        "> CLIENT LIST ID
         (error) ERR syntax error
         > CLIENT LIST ID x
         (error) ERR Invalid client ID
         > CLIENT LIST NOT-ID 0
         (error) ERR client-id should be greater than 0
         > CLIENT LIST NOT-ID x
         (error) ERR syntax error
         > CLIENT LIST TYPE foo
         (error) ERR Unknown client type 'foo'
         > CLIENT LIST USER nobody
         (error) ERR No such user 'nobody'
         > CLIENT LIST MAXAGE x
         (error) ERR maxage is not an integer or out of range
         > CLIENT LIST IDLE 0
         (error) ERR idle should be greater than 0
         > CLIENT LIST FLAGS Q
         (error) ERR Unknown flags found in the provided filter: Q
         > CLIENT LIST NOT-FLAGS Q
         (error) ERR Unknown flags found in the NOT-FLAGS filter: Q
         > CLIENT LIST CAPA R
         (error) ERR Unknown capa found in the provided filter: R
         > CLIENT LIST NOT-DB 99
         (error) ERR NOT-DB number should be between 0 and 15
         > CLIENT LIST DB x
         (error) ERR DB is not an integer or out of range
         > CLIENT LIST SKIPME perhaps
         (error) ERR syntax error
         > CLIENT LIST bad
         (error) ERR syntax error
         > CLIENT KILL
         (error) ERR wrong number of arguments for 'client|kill' command
         > CLIENT KILL ID
         (error) ERR No such client
         > CLIENT KILL ID str
         (error) ERR client-id should be greater than 0
         > CLIENT KILL ID 10 wrong_arg
         (error) ERR syntax error
         > CLIENT KILL MAXAGE -1
         (error) ERR maxage should be greater than 0
         > CLIENT KILL BAD x
         (error) ERR syntax error",
    );
}

#[test]
fn kill_tells_the_workers_of_its_victims() {
    let mut server = TestServer::new(2);
    for (worker, name) in [(0, "a"), (1, "b"), (1, "c")] {
        add(&mut server, worker, named(name));
    }
    let mut me = server.connect();
    check_on(&mut server, &mut me, "> CLIENT KILL NAME c\n(integer) 1");
    check_on(&mut server, &mut me, "> CLIENT KILL NAME c\n(integer) 0");
    assert_eq!(closing(&mut server, 1), ["c"]);
    assert!(closing(&mut server, 0).is_empty());
    check_on(&mut server, &mut me, "> CLIENT KILL TYPE normal\n(integer) 2\n> PING\nPONG");
    assert_eq!(
        (closing(&mut server, 0), closing(&mut server, 1)),
        (vec!["a".into()], vec!["b".into()])
    );
}

#[test]
fn killing_oneself_replies_first_and_runs_nothing_more() {
    for call in ["CLIENT KILL ?:0", "CLIENT KILL SKIPME no TYPE normal"] {
        let mut server = TestServer::new(1);
        let mut me = server.connect();
        let out = server.feed(&mut me, format!("{call}\r\nSET k v\r\n").as_bytes());
        assert!(out == b"+OK\r\n" || out == b":1\r\n", "{call}: {}", out.escape_ascii());
        assert_eq!(me.client.closing, Closing::AfterReplies);
        let mut other = server.connect();
        check_on(&mut server, &mut other, "> GET k\n(nil)");
    }
}

#[test]
fn quit_replies_and_runs_nothing_more() {
    let mut server = TestServer::new(1);
    let mut me = server.connect();
    assert_eq!(server.feed(&mut me, b"MULTI\r\nQUIT\r\nPING\r\n"), b"+OK\r\n+OK\r\n");
    assert_eq!(me.client.closing, Closing::AfterReplies);
}

#[test]
fn client_reply_decides_who_gets_a_reply() {
    for (input, output) in [
        ("CLIENT REPLY OFF|PING|NOPE|CLIENT REPLY ON|PING", "+OK\r\n+PONG\r\n"),
        ("CLIENT REPLY SKIP|PING a|PING", "+PONG\r\n"),
        ("CLIENT REPLY SKIP|NOPE|PING", "+PONG\r\n"),
        ("CLIENT REPLY SKIP|CLIENT REPLY SKIP|PING|PING", "+PONG\r\n"),
        ("CLIENT REPLY SKIP|CLIENT REPLY ON|PING", "+OK\r\n+PONG\r\n"),
        ("CLIENT REPLY OFF|CLIENT REPLY SKIP|PING|PING|CLIENT REPLY ON", "+OK\r\n"),
        ("CLIENT REPLY OFF|CLIENT REPLY BAD|PING|RESET|PING", "+RESET\r\n+PONG\r\n"),
        ("CLIENT REPLY ON|PING", "+OK\r\n+PONG\r\n"),
    ] {
        let mut server = TestServer::new(1);
        let mut me = server.connect();
        let pipeline = format!("{}\r\n", input.replace('|', "\r\n"));
        let out = server.feed(&mut me, pipeline.as_bytes());
        assert_eq!(String::from_utf8_lossy(&out), output, "{input}");
        // One request at a time is no different.
        let mut me = server.connect();
        let one = |call: &str| server.feed(&mut me, format!("{call}\r\n").as_bytes());
        let out: Vec<u8> = input.split('|').flat_map(one).collect();
        assert_eq!(String::from_utf8_lossy(&out), output, "{input}, one by one");
    }
}

#[test]
fn select_and_reset_change_what_the_connection_is() {
    check(
        "> SELECT 3
         OK
         > SET k v
         OK
         > CLIENT SETNAME ann
         OK
         > CLIENT SETINFO lib-name redis.py
         OK
         > CLIENT NO-TOUCH on
         OK
         > CLIENT CAPA redirect
         OK
         > HELLO 3
         *
         *
         *
         *
         *
         *
         *
         > MULTI
         OK
         > RESET
         RESET
         > EXEC
         (error) ERR EXEC without MULTI
         > GET k
         (nil)
         > CLIENT INFO
         \"* name= * flags=N db=0 * resp=2 lib-name=redis.py lib-ver= * capa=r*\"
         > SELECT x
         (error) ERR value is not an integer or out of range
         > SELECT -1
         (error) ERR DB index is out of range
         > SELECT 99999999999
         (error) ERR value is out of range, value must between -2147483648 and 2147483647",
    );
}

#[test]
fn names_and_attributes_must_leave_a_line_readable() {
    check(
        "> CLIENT SETNAME ann
         OK
         > CLIENT SETNAME \"an n\"
         (error) ERR Client names cannot contain spaces, newlines or special characters.
         > CLIENT SETNAME \"an\\nn\"
         (error) ERR Client names cannot contain spaces, newlines or special characters.
         > CLIENT GETNAME
         \"ann\"
         > CLIENT SETNAME \"\"
         OK
         > CLIENT GETNAME
         (nil)
         > CLIENT SETINFO lib-ver 1.2.3
         OK
         > CLIENT SETINFO lib-ver \"1 2\"
         (error) ERR lib-ver cannot contain spaces, newlines or special characters.
         > CLIENT SETINFO lib-ver
         (error) ERR wrong number of arguments for 'client|setinfo' command
         > CLIENT INFO
         \"* lib-name= lib-ver=1.2.3 *\"",
    );
}

#[test]
fn hello_that_fails_changes_nothing() {
    check(
        "> HELLO 3 SETNAME ann AUTH joe x
         (error) WRONGPASS invalid username-password pair or user is disabled.
         > HELLO 3 SETNAME ann NONSENSE
         (error) ERR Syntax error in HELLO option 'NONSENSE'
         > HELLO 3 AUTH default
         (error) ERR Syntax error in HELLO option 'AUTH'
         > HELLO 3 SETNAME \"a b\"
         (error) ERR Client names cannot contain spaces, newlines or special characters.
         > HELLO x
         (error) ERR Protocol version is not an integer or out of range
         > HELLO 1
         (error) NOPROTO unsupported protocol version
         > CLIENT INFO
         \"* name= * resp=2 *\"",
    );
}

#[test]
fn hello_inside_a_transaction_speaks_the_new_protocol_from_there_on() {
    let mut server = TestServer::new(1);
    let mut me = server.connect();
    let out = server.feed(&mut me, b"MULTI\r\nGET k\r\nHELLO 3\r\nGET k\r\nEXEC\r\n");
    let out = String::from_utf8_lossy(&out).into_owned();
    assert!(out.contains("*3\r\n$-1\r\n%7\r\n") && out.ends_with("\r\n_\r\n"), "{out}");
}

#[test]
fn a_password_is_asked_of_those_who_connect_later() {
    let mut server = TestServer::new(1);
    let mut early = server.connect();
    check_on(&mut server, &mut early, "> CONFIG SET requirepass foobar\nOK\n> PING\nPONG");
    let mut late = server.connect();
    check_on(
        &mut server,
        &mut late,
        "> SET foo bar
         (error) NOAUTH Authentication required.
         > HELLO 3
         (error) NOAUTH HELLO must be called with the client already authenticated, *
         > AUTH wrong!
         (error) WRONGPASS invalid username-password pair or user is disabled.
         > AUTH joe foobar
         (error) WRONGPASS invalid username-password pair or user is disabled.
         > AUTH a b c
         (error) ERR syntax error
         > AUTH foobar
         OK
         > PING
         PONG
         > AUTH wrong!
         (error) WRONGPASS invalid username-password pair or user is disabled.
         > PING
         PONG
         > RESET
         RESET
         > PING
         (error) NOAUTH Authentication required.
         > AUTH default foobar
         OK
         > SELECT 1
         OK",
    );
    let mut third = server.connect();
    let hello = server.reply(&mut third, "HELLO 3 AUTH default foobar SETNAME third");
    assert!(!hello.is_error(), "{hello:?}");
    check_on(&mut server, &mut third, "> CLIENT GETNAME\n\"third\"");
}

#[test]
fn a_password_may_hold_a_zero_byte() {
    let mut server = TestServer::new(1);
    let mut me = server.connect();
    check_on(
        &mut server,
        &mut me,
        r#"> CONFIG SET requirepass "abc\x00def"
           OK
           > AUTH abc
           (error) WRONGPASS invalid username-password pair or user is disabled.
           > AUTH "abc\x00def"
           OK"#,
    );
}
