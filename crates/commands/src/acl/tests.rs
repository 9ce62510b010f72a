//! Users as clients see them, against what Redis 8.0.6 answers, and Valkey 9.1.2 of databases.

use config::Config;
use engine::Client;
use engine::client::Closing;
use resp::Value;
use testkit::transcript::{check, check_on, printed};
use testkit::{Session, TestServer};

/// Lets others act while the client stands in its worker's table, as connections do that send
/// nothing.
fn meanwhile(server: &mut TestServer, session: &mut Session, act: impl FnOnce(&mut TestServer)) {
    let waiting = std::mem::replace(&mut session.client, Client::new(0, 0));
    let worker = session.worker;
    let mut inside = server.engine.gate.enter(&mut server.seats[worker]);
    let index = server.engine.clients.mine(&mut inside).insert(Box::new(waiting));
    drop(inside);
    act(server);
    let mut inside = server.engine.gate.enter(&mut server.seats[worker]);
    let clients = server.engine.clients.mine(&mut inside);
    session.client = *clients.remove(index).expect("it was put there");
    session.client.index = None;
    clients.attention.clear();
}

fn ask(server: &mut TestServer, session: &mut Session, line: &str) -> String {
    printed(&server.reply(session, line))
}

/// A client of worker 1 that has logged in as ann, who has these rules; and one on worker 0.
fn ann_and_root(rules: &str) -> (TestServer, Session, Session) {
    let mut server = TestServer::new(2);
    let mut root = server.connect();
    assert_eq!(ask(&mut server, &mut root, &format!("ACL SETUSER ann on nopass {rules}")), "OK");
    let mut ann = server.connect_to(1);
    assert_eq!(ask(&mut server, &mut ann, "AUTH ann x"), "OK");
    (server, ann, root)
}

#[test]
fn a_change_reaches_connected_clients_of_all_workers_at_once() {
    let (mut server, mut ann, mut root) = ann_and_root("+get ~a*");
    check_on(
        &mut server,
        &mut ann,
        "> GET a\n(nil)\n> SET a x\n(error) NOPERM User ann has no permissions to run the 'set' command",
    );
    meanwhile(&mut server, &mut ann, |server| {
        check_on(server, &mut root, "> ACL SETUSER ann +set -get ~b*\nOK");
    });
    check_on(
        &mut server,
        &mut ann,
        "> SET b x\nOK\n> SET c x\n(error) NOPERM No permissions to access a key
         > GET a\n(error) NOPERM User ann has no permissions to run the 'get' command",
    );
}

#[test]
fn requests_of_a_pipeline_run_by_the_rules_of_their_moment() {
    let (mut server, mut ann, _) = ann_and_root("+get +set +mget ~a*");
    let pipeline = b"SET a1 x\r\nGET a1\r\nGET b\r\nMGET a1 b\r\nGET a1\r\nAUTH default x\r\nGET b\r\nPING\r\n";
    let out = server.feed(&mut ann, pipeline);
    let refused = "-NOPERM No permissions to access a key\r\n";
    let expected =
        format!("+OK\r\n$1\r\nx\r\n{refused}{refused}$1\r\nx\r\n+OK\r\n$-1\r\n+PONG\r\n");
    assert_eq!(out.escape_ascii().to_string(), expected.escape_default().to_string());
    assert_eq!(server.engine.total(|w| w.acl_denied_keys.get()), 2);
}

#[test]
fn clients_of_a_deleted_user_are_closed() {
    let (mut server, mut ann, mut root) = ann_and_root("+acl");
    meanwhile(&mut server, &mut ann, |server| {
        check_on(server, &mut root, "> ACL DELUSER ann bob\n(integer) 1\n> PING\nPONG");
    });
    assert_eq!(ann.client.closing, Closing::Now);
    let (mut server, mut ann, _) = ann_and_root("+acl +ping");
    assert_eq!(server.feed(&mut ann, b"ACL DELUSER ann\r\nPING\r\n"), b":1\r\n");
    assert_eq!(ann.client.closing, Closing::AfterReplies);
}

#[test]
fn who_listens_to_what_it_may_no_longer_is_closed() {
    for (subscribe, rules, is_closed) in [
        ("SUBSCRIBE a:1", "resetchannels", true),
        ("SUBSCRIBE a:1", "resetchannels &a:1", false),
        ("SUBSCRIBE a:1", "resetchannels &a:2", true),
        ("PSUBSCRIBE b", "resetchannels &a:* &b*", true),
        ("PSUBSCRIBE a:*", "&c", false),
        ("SSUBSCRIBE a:1", "allchannels", false),
        ("PING", "resetchannels", false),
    ] {
        let (mut server, mut ann, mut root) = ann_and_root("+@all &a:* &b");
        server.feed(&mut ann, format!("{subscribe}\r\n").as_bytes());
        meanwhile(&mut server, &mut ann, |server| {
            assert_eq!(ask(server, &mut root, &format!("ACL SETUSER ann {rules}")), "OK");
        });
        let expected = if is_closed { Closing::Now } else { Closing::No };
        assert_eq!(ann.client.closing, expected, "{subscribe}, then {rules}");
    }
}

#[test]
fn a_transaction_is_asked_when_it_is_queued_and_when_it_runs() {
    let (mut server, mut ann, mut root) = ann_and_root("+multi +exec +get +incr ~a");
    check_on(
        &mut server,
        &mut ann,
        "> MULTI\nOK\n> SET a x\n(error) NOPERM User ann has no permissions to run the 'set' command
         > EXEC\n(error) EXECABORT Transaction discarded because of previous errors.
         > MULTI\nOK\n> INCR a\nQUEUED\n> GET a\nQUEUED",
    );
    meanwhile(&mut server, &mut ann, |server| {
        check_on(server, &mut root, "> ACL SETUSER ann -incr\nOK");
    });
    check_on(
        &mut server,
        &mut ann,
        "> EXEC\n1) (error) NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to execute the command or subcommand\n2) (nil)",
    );
    let log = server.reply(&mut root, "ACL LOG 1");
    let text = printed(&log);
    for part in ["\"multi\"", "\"incr\"", "cmd=exec", "user=ann"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn who_waits_and_may_no_longer_is_refused_when_its_turn_comes() {
    let (mut server, mut ann, mut root) = ann_and_root("+@all ~*");
    server.block(&mut ann, "BLPOP list 0");
    meanwhile(&mut server, &mut ann, |server| {
        check_on(server, &mut root, "> ACL SETUSER ann resetkeys\nOK\n> RPUSH list a\n(integer) 1");
    });
    let reply = server.served(&mut ann).expect("its turn has come");
    assert_eq!(printed(&reply), "(error) NOPERM No permissions to access a key");
    check_on(&mut server, &mut root, "> LLEN list\n(integer) 1");
}

#[test]
fn a_password_for_the_default_user_is_asked_of_new_connections() {
    let mut server = TestServer::new(1);
    let mut root = server.connect();
    check_on(&mut server, &mut root, "> ACL SETUSER default >secret\nOK\n> PING\nPONG");
    let mut bob = server.connect();
    check_on(
        &mut server,
        &mut bob,
        "> PING\n(error) NOAUTH Authentication required.
         > AUTH nope\n(error) WRONGPASS invalid username-password pair or user is disabled.
         > AUTH secret\nOK\n> PING\nPONG
         > CONFIG GET requirepass\n1) \"requirepass\"\n2) \"\"
         > RESET\nRESET\n> PING\n(error) NOAUTH Authentication required.
         > AUTH secret\nOK\n> CONFIG SET requirepass other\nOK\n> RESET\nRESET
         > AUTH default secret\n(error) WRONGPASS invalid username-password pair or user is disabled.
         > AUTH default other\nOK\n> ACL SETUSER default off\nOK\n> PING\nPONG\n> RESET\nRESET
         > AUTH other\n(error) WRONGPASS invalid username-password pair or user is disabled.",
    );
}

#[test]
fn an_acl_file_replaces_all_users_or_none() {
    let mut config = Config::new(&config::Host { cores: 1, dir: "/".into() });
    config.record(config::id::ACLFILE, &[b"users.acl"]).expect("a name");
    let mut server = TestServer::with_config(2, config);
    let write = |server: &TestServer, text: &str| {
        let mut files = server.host.files.lock().expect("the test's own files");
        files.insert("users.acl".to_owned(), text.as_bytes().to_vec());
    };
    let refused = server.engine.start_acl().expect_err("there is no such file");
    assert_eq!(
        refused,
        "Aborting Redis startup because of ACL errors: Error loading ACLs, opening file 'users.acl': No such file or directory"
    );
    write(&server, "user ann on nopass +@all ~*\nuser bob on nopass (+get ~b*)\n");
    server.engine.start_acl().expect("now there is");
    let (mut ann, mut bob) = (server.connect_to(1), server.connect_to(1));
    let mut root = server.connect();
    check_on(&mut server, &mut ann, "> AUTH ann x\nOK");
    check_on(&mut server, &mut bob, "> AUTH bob x\nOK\n> GET b\n(nil)");
    check_on(&mut server, &mut root, "> ACL USERS\n1) \"ann\"\n2) \"bob\"\n3) \"default\"");
    write(&server, "user bob on nopass +get ~c*\nuser bob\n");
    let reply = ask(&mut server, &mut root, "ACL LOAD");
    assert!(
        reply.starts_with("(error) ERR WARNING: Duplicate user 'bob' found on line 2. "),
        "{reply}"
    );
    write(&server, "user bob on nopass +get ~c*\n");
    meanwhile(&mut server, &mut ann, |server| {
        meanwhile(server, &mut bob, |server| check_on(server, &mut root, "> ACL LOAD\nOK"));
    });
    assert_eq!((ann.client.closing, bob.client.closing), (Closing::Now, Closing::No));
    check_on(
        &mut server,
        &mut bob,
        "> GET c\n(nil)\n> GET b\n(error) NOPERM No permissions to access a key",
    );
    check_on(&mut server, &mut root, "> ACL SETUSER eve\nOK\n> ACL SAVE\nOK");
    let files = server.host.files.lock().expect("the test's own files");
    assert_eq!(
        String::from_utf8_lossy(&files["users.acl"]),
        "user bob on nopass sanitize-payload ~c* resetchannels -@all +get\n\
         user default on nopass sanitize-payload ~* &* +@all\n\
         user eve off sanitize-payload resetchannels -@all\n"
    );
}

#[test]
fn users_of_the_configuration_file_are_there_from_the_start() {
    let mut config = Config::new(&config::Host { cores: 1, dir: "/".into() });
    config.record(config::id::REQUIREPASS, &[b"secret"]).expect("a password");
    let words = ["--user", "ann", "on", ">x", "(+get", "~a*", ")"];
    let arguments = words.map(|word| word.as_bytes().to_vec());
    let line = config::CommandLine::parse(&arguments);
    config::Load::new(&config::Disk, false).run(&mut config, &line, b"").expect("it is right");
    let mut server = TestServer::with_config(1, config);
    let mut ann = server.connect();
    check_on(
        &mut server,
        &mut ann,
        "> GET a\n(error) NOAUTH Authentication required.
         > AUTH ann x\nOK\n> GET a\n(nil)
         > GET b\n(error) NOPERM No permissions to access a key",
    );
}

#[test]
fn refusals_are_counted_by_kind_and_logged() {
    let (mut server, mut ann, mut root) = ann_and_root("+get +publish +select ~a db=0");
    check_on(
        &mut server,
        &mut ann,
        "> GET b\n(error) NOPERM No permissions to access a key
         > GET b\n(error) NOPERM No permissions to access a key
         > PUBLISH news x\n(error) NOPERM No permissions to access a channel
         > SELECT 1\n(error) NOPERM No permissions to access database
         > HELLO 3 AUTH ann2 x\n(error) WRONGPASS invalid username-password pair or user is disabled.",
    );
    let Value::Array(entries) = server.reply(&mut root, "ACL LOG") else { panic!("a list") };
    let shown: Vec<String> = entries.iter().map(printed).collect();
    for (entry, parts) in shown.iter().zip([
        ["\"auth\"", "\"HELLO\"", "\"ann2\"", "(integer) 1"],
        ["\"database\"", "\"1\"", "\"ann\"", "(integer) 1"],
        ["\"channel\"", "\"news\"", "\"ann\"", "cmd=publish"],
        ["\"key\"", "\"b\"", "\"toplevel\"", "(integer) 2"],
    ]) {
        parts.iter().for_each(|part| assert!(entry.contains(part), "{part} in {entry}"));
    }
    assert_eq!(shown.len(), 4);
    let info = ask(&mut server, &mut root, "INFO stats");
    for field in ["auth:1", "cmd:0", "key:2", "channel:1", "db:1"] {
        assert!(info.contains(&format!("acl_access_denied_{field}")), "{field}");
    }
    let stats = ask(&mut server, &mut root, "INFO commandstats");
    assert!(stats.contains("cmdstat_get:") && stats.contains("rejected_calls=2"), "{stats}");
}

#[test]
fn sort_follows_patterns_only_for_who_may_read_every_key() {
    check(
        "> RPUSH list 1
         (integer) 1
         > ACL SETUSER ann on nopass (+sort ~list)
         OK
         > AUTH ann x
         OK
         > SORT list
         1) \"1\"
         > SORT list BY v*
         (error) ERR BY option of SORT denied due to insufficient ACL permissions.
         > SORT list BY nosort
         1) \"1\"
         > SORT list GET #
         (error) ERR GET option of SORT denied due to insufficient ACL permissions.
         > AUTH default x
         OK
         > ACL SETUSER ann (+sort ~list %W~*)
         OK
         > AUTH ann x
         OK
         > SORT list BY v*
         (error) ERR BY option of SORT denied due to insufficient ACL permissions.
         > AUTH default x
         OK
         > ACL SETUSER ann (+sort ~list %R~*)
         OK
         > AUTH ann x
         OK
         > SORT list BY v* GET #
         1) \"1\"",
    );
}

#[test]
fn each_command_asks_for_the_access_that_it_has() {
    let mut server = TestServer::new(1);
    let mut root = server.connect();
    ask(
        &mut server,
        &mut root,
        "ACL SETUSER ann +@all %R~read* %W~write* %RW~rw* resetchannels &ch",
    );
    for (call, refused) in [
        ("SORT read STORE write", ""),
        ("SORT read STORE read", "'read' key"),
        ("SORT write STORE write", "'write' key"),
        ("GEORADIUS read 1 1 1 M STOREDIST write", ""),
        ("GEORADIUS read1 1 1 1 M STORE read2", "'read2' key"),
        ("GEORADIUS write1 1 1 1 M STOREDIST write2", "'write1' key"),
        ("HEXISTS read f", ""),
        ("HSTRLEN write f", ""),
        ("SISMEMBER nothing f", "'nothing' key"),
        ("SINTERCARD 2 write read", "'write' key"),
        ("ZCOUNT write 0 1", "'write' key"),
        ("PFCOUNT read read", ""),
        ("TOUCH write", ""),
        ("MEMORY USAGE nothing", "'nothing' key"),
        ("STRLEN write", ""),
        ("SET write x", ""),
        ("SET write x GET", "'write' key"),
        ("BITFIELD read GET u4 0", ""),
        ("BITFIELD read GET u4 0 SET u4 0 1", "'read' key"),
        ("BITFIELD write SET u4 0 1", "'write' key"),
        ("XREAD STREAMS read write 0 0", "'write' key"),
        ("LMPOP 2 rw read LEFT", "'read' key"),
        ("SUNSUBSCRIBE other", ""),
        ("SPUBLISH other x", "'other' channel"),
        ("SSUBSCRIBE ch other", "'other' channel"),
    ] {
        let reply = ask(&mut server, &mut root, &format!("ACL DRYRUN ann {call}"));
        let expected = match refused {
            "" => "OK".to_owned(),
            what => format!("\"User ann has no permissions to access the {what}\""),
        };
        assert_eq!(reply, expected, "{call}");
    }
}

#[test]
fn databases_are_asked_for_by_name_and_by_selection() {
    let mut server = TestServer::new(1);
    let mut root = server.connect();
    check_on(
        &mut server,
        &mut root,
        "> ACL SETUSER ann on nopass +@all ~* db=0,1
         OK
         > ACL DRYRUN ann SWAPDB 0 2
         \"User ann has no permissions to access database 2\"
         > ACL DRYRUN ann MOVE a 2
         \"User ann has no permissions to access database 2\"
         > ACL DRYRUN ann FLUSHALL
         \"User ann has no permissions to access database FLUSHALL\"
         > SELECT 2
         OK
         > ACL DRYRUN ann DBSIZE
         \"User ann has no permissions to access database DBSIZE\"
         > ACL DRYRUN ann INFO
         OK
         > AUTH ann x
         OK
         > GET a
         (error) NOPERM No permissions to access database
         > SELECT 1
         OK
         > COPY a b DB 2
         (error) NOPERM No permissions to access database
         > ACL GETUSER ann
         1) \"flags\"
         2) 1) \"on\"
            2) \"nopass\"
            3) \"sanitize-payload\"
         3) \"passwords\"
         4) (empty array)
         5) \"commands\"
         6) \"+@all\"
         7) \"keys\"
         8) \"~*\"
         9) \"channels\"
         10) \"\"
         11) \"databases\"
         12) \"db=0,1\"
         13) \"selectors\"
         14) (empty array)",
    );
}
