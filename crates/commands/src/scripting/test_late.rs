//! What others are told while a script is late.

use std::sync::{Arc, Mutex};

use engine::Client;
use testkit::TestServer;

/// Runs `script` while `client` sends these lines, one in each round; what it was replied. The last
/// of them must have the script end.
fn meanwhile(server: &mut TestServer, script: &str, lines: &[&str]) -> (Vec<String>, String) {
    let mut ann = server.connect();
    server.reply(&mut ann, "CONFIG SET busy-reply-threshold 1");
    let mut bob: Client = server.connect().client;
    let mut waiting: Vec<String> = lines.iter().rev().map(|line| format!("{line}\r\n")).collect();
    let replies = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&replies);
    *server.host.late.lock().expect("a test's own") = Some(Box::new(move |late, world| {
        let Some(line) = waiting.pop() else { return };
        let mut out = Vec::new();
        assert_eq!(late.run(world, &mut bob, line.as_bytes(), &mut out), line.len());
        let text = String::from_utf8(out).expect("these replies are text");
        told.lock().expect("a test's own").push(text.trim_end().to_owned());
    }));
    let ended = server.reply(&mut ann, script);
    *server.host.late.lock().expect("a test's own") = None;
    let replies = replies.lock().expect("a test's own").clone();
    assert_eq!(replies.len(), lines.len(), "{ended:?}");
    (replies, as_text(&ended))
}

fn as_text(reply: &resp::Value) -> String {
    match reply {
        resp::Value::Error(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

const BUSY: &str =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const BUSY_FUNCTION: &str =
    "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

#[test]
fn others_are_told_that_a_script_is_late_and_may_end_it() {
    for workers in [1, 4] {
        let mut server = TestServer::new(workers);
        let (replies, ended) = meanwhile(
            &mut server,
            "EVAL \"while true do pcall(function() while true do end end) end\" 0",
            &[
                "PING",
                "GET k",
                "NOPE",
                "FUNCTION KILL",
                "SHUTDOWN",
                "FUNCTION STATS",
                "SCRIPT KILL",
            ],
        );
        assert_eq!(replies[0], BUSY);
        assert_eq!(replies[1], BUSY);
        assert!(replies[2].starts_with("-ERR unknown command 'NOPE'"), "{}", replies[2]);
        assert_eq!(replies[3..], [BUSY, BUSY, BUSY, "+OK"]);
        assert!(ended.contains("ERR Script killed by user with SCRIPT KILL..."), "{ended}");
        let mut ann = server.connect();
        assert_eq!(server.reply(&mut ann, "PING").text().as_deref(), Some("PONG"));
        let reply = as_text(&server.reply(&mut ann, "SCRIPT KILL"));
        assert!(reply.contains("NOTBUSY No scripts in execution right now."), "{reply}");
    }
}

#[test]
fn a_function_is_ended_and_told_of_in_its_own_words() {
    let mut server = TestServer::new(2);
    let mut ann = server.connect();
    server.reply(
        &mut ann,
        "FUNCTION LOAD \"#!lua name=lib\\nredis.register_function('loop', function() while true do end end)\"",
    );
    let lines = ["PING", "SCRIPT KILL", "FUNCTION STATS", "FUNCTION KILL"];
    let (replies, ended) = meanwhile(&mut server, "FCALL loop 1 k", &lines);
    assert_eq!(replies[..2], [BUSY_FUNCTION, BUSY_FUNCTION]);
    let stats = replies[2].replace("\r\n", " ");
    let begins = "*4 $14 running_script *6 $4 name $4 loop $7 command *4 $5 FCALL $4 loop $1 1 $1 k $11 duration_ms :";
    assert!(stats.starts_with(begins), "{stats}");
    assert!(stats.ends_with("libraries_count :1 $15 functions_count :1"), "{stats}");
    assert_eq!(replies[3], "+OK");
    assert!(ended.contains("killed by user"), "{ended}");
}

#[test]
fn one_that_has_written_ends_by_itself_or_by_a_shutdown() {
    let mut server = TestServer::new(1);
    let script = "EVAL \"redis.call('SET', 'k', 'v') while not redis.call('GET', 'end') do end\" 0";
    let engine = Arc::clone(&server.engine);
    let mut ann = server.connect();
    server.reply(&mut ann, "CONFIG SET busy-reply-threshold 1");
    let mut bob = server.connect().client;
    let told = Arc::new(Mutex::new(Vec::new()));
    let replies = Arc::clone(&told);
    *server.host.late.lock().expect("a test's own") = Some(Box::new(move |late, world| {
        let mut out = Vec::new();
        late.run(world, &mut bob, b"SCRIPT KILL\r\nSHUTDOWN NOSAVE\r\nPING\r\n", &mut out);
        // As the server's own host does.
        engine.shutting_down.store(true, std::sync::atomic::Ordering::Relaxed);
        replies.lock().expect("a test's own").extend(out);
    }));
    server.reply(&mut ann, script);
    let told = String::from_utf8(told.lock().expect("a test's own").clone()).expect("text");
    let unkillable = "-UNKILLABLE Sorry the script already executed write commands against the \
                      dataset. You can either wait the script termination or kill the server in \
                      a hard way using the SHUTDOWN NOSAVE command.\r\n";
    assert_eq!(told, unkillable, "SHUTDOWN has no reply, and what follows does not run");
    let how = server.host.shutdown.lock().expect("a test's own").expect("it was asked to end");
    assert_eq!(how.save, Some(false));
}

#[test]
fn transactions_and_sessions_go_on_while_a_script_is_late() {
    let mut server = TestServer::new(1);
    let lines = [
        "HELLO 2 SETNAME bob",
        "WATCH k",
        "MULTI",
        "DISCARD",
        "MULTI",
        "SET k v",
        "EXEC",
        "EXEC",
        "SCRIPT KILL",
    ];
    let (replies, _) =
        meanwhile(&mut server, "EVAL \"while redis.call('EXISTS', 'k') do end\" 0", &lines);
    assert!(replies[0].starts_with("*14\r\n$6\r\nserver"), "{}", replies[0]);
    assert_eq!(replies[1..5], ["+OK", "+OK", "+OK", "+OK"]);
    assert_eq!(replies[5], BUSY);
    let aborted = format!("-EXECABORT Transaction discarded because of: {}", &BUSY[1..]);
    assert_eq!(replies[6], aborted);
    assert_eq!(replies[7], aborted, "it is refused before it is seen that no transaction began");
}

#[test]
fn a_late_script_changes_what_others_watch_meanwhile() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    server.reply(&mut ann, "CONFIG SET busy-reply-threshold 1");
    let bob = Arc::new(Mutex::new(server.connect().client));
    let (watches, rounds) = (Arc::clone(&bob), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&rounds);
    let mut carol = server.connect();
    *server.host.late.lock().expect("a test's own") = Some(Box::new(move |late, world| {
        let mut rounds = counted.lock().expect("a test's own");
        *rounds += 1;
        if *rounds == 1 {
            let mut out = Vec::new();
            let client = &mut *watches.lock().expect("a test's own");
            late.run(world, client, b"WATCH k\r\nMULTI\r\n", &mut out);
            assert_eq!(out, b"+OK\r\n+OK\r\n");
        }
    }));
    let script = "EVAL \"redis.call('GET', 'k') local t = os.clock() \
                  repeat until os.clock() - t > 0.02 redis.call('SET', 'k', 1)\" 0";
    server.reply(&mut ann, script);
    assert!(*rounds.lock().expect("a test's own") > 0, "twenty milliseconds are more than one");
    std::mem::swap(&mut carol.client, &mut bob.lock().expect("a test's own"));
    server.reply(&mut carol, "GET k");
    assert_eq!(server.reply(&mut carol, "EXEC"), resp::Value::Null);
}

/// How long SCRIPT KILL takes is how far rounds are apart, but for what the machine does besides.
#[test]
fn rounds_are_not_far_apart() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    server.reply(&mut ann, "CONFIG SET busy-reply-threshold 1");
    let mut bob = server.connect().client;
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    *server.host.late.lock().expect("a test's own") = Some(Box::new(move |late, world| {
        let mut noted = noted.lock().expect("a test's own");
        noted.push(testkit::thread_cpu_time());
        if noted.len() == 200 {
            late.run(world, &mut bob, b"SCRIPT KILL\r\n", &mut Vec::new());
        }
    }));
    // Compiled to native code before it is late.
    let script =
        "EVAL \"local n = 0 for i = 1, 30000 do n = n + i end while ARGV[1] do n = n + 1 end\"";
    for _ in 0..4 {
        server.reply(&mut ann, &format!("{script} 0"));
    }
    let ended = as_text(&server.reply(&mut ann, &format!("{script} 0 x")));
    assert!(ended.contains("killed by user"), "{ended}");
    let times = times.lock().expect("a test's own");
    assert_eq!(times.len(), 200, "it ends in the round in which that is said");
    let mut apart: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    apart.sort();
    println!("rounds are {:?} apart, {:?} at most", apart[100], apart[198]);
    assert!(apart[198].as_millis() < 10, "{:?}", apart[198]);
}
