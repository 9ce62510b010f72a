use resp::Value;
use testkit::TestServer;

fn text(server: &mut TestServer, line: &str) -> String {
    let mut ann = server.connect();
    let reply = server.reply(&mut ann, line);
    match reply {
        Value::Error(text) => format!("-{}", String::from_utf8_lossy(&text)),
        other => other.text().map_or_else(|| format!("{other:?}"), |text| text.into_owned()),
    }
}

#[test]
fn a_script_reads_and_writes_in_one_piece() {
    for workers in [1, 4] {
        let mut server = TestServer::new(workers);
        let mut ann = server.connect();
        server.reply(
            &mut ann,
            "EVAL \"for i = 1, 10 do redis.call('INCRBY', KEYS[i], ARGV[i]) end\" 10 a b c d e f g h i j 1 2 3 4 5 6 7 8 9 10",
        );
        assert_eq!(text(&mut server, "GET j"), "10");
    }
}

#[test]
fn select_in_a_script_is_not_the_client_s() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    server.reply(&mut ann, "EVAL \"redis.call('SELECT', 3) redis.call('SET', 'k', 'v')\" 0");
    assert_eq!(server.reply(&mut ann, "EXISTS k"), Value::Integer(0));
    server.reply(&mut ann, "SELECT 3");
    assert_eq!(server.reply(&mut ann, "EXISTS k"), Value::Integer(1));
}

#[test]
fn what_a_script_must_not_do_is_told() {
    let mut server = TestServer::new(1);
    for (line, error) in [
        (
            "EVAL_RO \"return redis.call('SET', 'k', 'v')\" 0",
            "-ERR Write commands are not allowed from read-only scripts. script: ",
        ),
        (
            "EVAL \"#!lua flags=no-writes\\nreturn redis.call('SET', 'k', 'v')\" 0",
            "-ERR Write commands are not allowed from read-only scripts. script: ",
        ),
        (
            "EVAL_RO \"#!lua\\nreturn 1\" 0",
            "-ERR Can not execute a script with write flag using *_ro command.",
        ),
        (
            "EVAL \"return redis.call('EVAL', 'return 1', 0)\" 0",
            "-ERR This Redis command is not allowed from script script: ",
        ),
        ("EVAL \"return redis.call('NOPE')\" 0", "-ERR Unknown Redis command called from script"),
        ("EVAL \"#!js\\nreturn 1\" 0", "-ERR Unexpected engine in script shebang: #!js"),
        ("EVAL \"return (\" 0", "-ERR Error compiling script (new function): user_script:1: "),
        ("EVAL \"return 1\" 1", "-ERR Number of keys can't be greater than number of args"),
    ] {
        let reply = text(&mut server, line);
        assert!(reply.starts_with(error), "{line}: {reply}");
    }
}

#[test]
fn a_blocking_command_does_not_block_a_script() {
    let mut server = TestServer::new(1);
    assert_eq!(text(&mut server, "EVAL \"return type(redis.call('BLPOP', 'k', 0))\" 0"), "boolean");
}

#[test]
fn libraries_are_dumped_and_restored() {
    let mut server = TestServer::new(2);
    let code = "#!lua name=lib\\nredis.register_function('f', function() return 7 end)";
    assert_eq!(text(&mut server, &format!("FUNCTION LOAD \"{code}\"")), "lib");
    let mut ann = server.connect();
    let Value::Bulk(dump) = server.reply(&mut ann, "FUNCTION DUMP") else { panic!("a payload") };
    server.reply(&mut ann, "FUNCTION FLUSH");
    assert_eq!(text(&mut server, "FCALL f 0"), "-ERR Function not found");
    let escaped: String = dump.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    assert_eq!(text(&mut server, &format!("FUNCTION RESTORE \"{escaped}\"")), "OK");
    assert_eq!(server.reply(&mut ann, "FCALL f 0"), Value::Integer(7));
}

#[test]
fn what_a_script_changed_is_journaled_in_one_piece() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    server.reply(&mut ann, "EVAL \"redis.call('SET', 'a', 1) redis.call('INCR', 'a') redis.set_repl(redis.REPL_NONE) redis.call('SET', 'b', 1)\" 0");
    let mut ann = server.connect();
    assert_eq!(server.reply(&mut ann, "GET a"), Value::Bulk(b"2".to_vec()));
}
