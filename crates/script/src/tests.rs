//! Scripts against a caller that only remembers.

use resp::{ArgBuf, Protocol};

use crate::{Caller, Registered, State, StateOptions};

#[derive(Default)]
pub(crate) struct Fake {
    calls: Vec<Vec<Vec<u8>>>,
    steps: usize,
}

impl Caller for Fake {
    fn call(&mut self, args: &ArgBuf, _: Protocol, out: &mut Vec<u8>) -> Result<(), String> {
        let args = args.as_args();
        self.calls.push(args.iter().map(<[u8]>::to_vec).collect());
        match args.at(0) {
            b"ping" => out.extend_from_slice(b"+PONG\r\n"),
            b"get" => out.extend_from_slice(b"$5\r\nhello\r\n"),
            b"nil" => out.extend_from_slice(b"$-1\r\n"),
            b"list" => out.extend_from_slice(b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n"),
            b"fail" => out.extend_from_slice(b"-WRONGTYPE not this\r\n"),
            _ => return Err("Unknown Redis command called from script".to_owned()),
        }
        Ok(())
    }
    fn may_run(&mut self, args: &ArgBuf) -> Option<bool> {
        (args.as_args().at(0) == b"get").then_some(true)
    }
    fn set_repl(&mut self, _: u8) {}
    fn log(&mut self, _: u8, _: &[u8]) {}
    fn interrupt(&mut self) -> bool {
        self.steps += 1;
        self.steps > 100
    }
}

pub(crate) const OPTIONS: StateOptions<'_> = StateOptions {
    redis_version: "8.0.6",
    server: ("ochre", "0.1.0"),
    deprecated_api: false,
    memory_max: 32 << 20,
    bell: None,
};

fn eval_in(state: &State, source: &str, protocol: Protocol) -> String {
    let mut out = Vec::new();
    let script = match state.compile(source.as_bytes(), "@user_script") {
        Ok(script) => script,
        Err(why) => return format!("compile: {why}"),
    };
    let keys: [&[u8]; 1] = [b"k1"];
    let argv: [&[u8]; 2] = [b"a1", b"a2"];
    let mut fake = Fake::default();
    let ran = state.run_script(
        &script,
        "sha",
        keys.into_iter(),
        argv.into_iter(),
        &mut fake,
        protocol,
        &mut out,
    );
    match ran {
        Ok(()) => String::from_utf8_lossy(&out).replace("\r\n", "|"),
        Err(failure) => format!("-{}", String::from_utf8_lossy(&failure.text)),
    }
}

fn eval(source: &str) -> String {
    eval_in(&State::new(&OPTIONS), source, Protocol::Resp2)
}

#[test]
fn values_become_replies() {
    for (source, reply) in [
        ("return 1", ":1|"),
        ("return 3.99", ":3|"),
        ("return -3.99", ":-3|"),
        ("return 'x'", "$1|x|"),
        ("return true", ":1|"),
        ("return false", "$-1|"),
        ("return nil", "$-1|"),
        ("return {1,2,{3,'a'},nil,4}", "*3|:1|:2|*2|:3|$1|a|"),
        ("return {ok='fine'}", "+fine|"),
        ("return {err='MY error'}", "-MY error"),
        ("return {err='x', 'y'}", "-x"),
        ("return KEYS[1]..ARGV[1]..ARGV[2]", "$6|k1a1a2|"),
        ("return redis.call('get','x')", "$5|hello|"),
        ("return redis.call('nil')", "$-1|"),
        ("return redis.call('list')[2][1]", "$1|a|"),
        ("return redis.call('ping')", "+PONG|"),
        ("return redis.pcall('fail').err", "$18|WRONGTYPE not this|"),
        ("return redis.sha1hex('')", "$40|da39a3ee5e6b4b0d3255bfef95601890afd80709|"),
        ("return {double=3.5}", "$3|3.5|"),
        ("return redis.error_reply('BAD it')", "-BAD it"),
        ("return redis.error_reply('bad')", "-ERR bad"),
        ("return redis.status_reply('yes')", "+yes|"),
        ("return tostring(redis.acl_check_cmd('get','x'))", "$4|true|"),
        ("return redis.REDIS_VERSION_NUM", ":524294|"),
        ("return server.SERVER_NAME", "$5|ochre|"),
        ("redis.setresp(3) return true", "#t|"),
    ] {
        let protocol = if source.contains("setresp") { Protocol::Resp3 } else { Protocol::Resp2 };
        assert_eq!(eval_in(&State::new(&OPTIONS), source, protocol), reply, "{source}");
    }
}

#[test]
fn errors_say_what_and_where() {
    for (source, error) in [
        (
            "return redis.call('nope')",
            "-ERR Unknown Redis command called from script script: sha, on @user_script:1.",
        ),
        ("return redis.call('fail')", "-WRONGTYPE not this script: sha, on @user_script:1."),
        (
            "\n\nreturn redis.call()",
            "-ERR Please specify at least one argument for this redis.call() call script: sha, on @user_script:3.",
        ),
        (
            "redis.call('set', {})",
            "-ERR Lua redis lib command arguments must be strings or integers script: sha, on @user_script:1.",
        ),
        (
            "x = 10",
            "-ERR user_script:1: Attempt to modify a readonly table script: sha, on @user_script:1.",
        ),
        (
            "return foo",
            "-ERR user_script:1: Script attempted to access nonexistent global variable 'foo' script: sha, on @user_script:1.",
        ),
        ("error('boo')", "-ERR user_script:1: boo script: sha, on @user_script:1."),
        ("error({err='MY boo'})", "-MY boo script: sha, on @user_script:1."),
        (
            "return cjson.decode('[')",
            "-ERR user_script:1: Expected value but found T_END at character 2 script: sha, on @user_script:1.",
        ),
        (
            "local t return t.x",
            "-ERR user_script:1: attempt to index a nil value script: sha, on @user_script:1.",
        ),
        (
            "return 1 + nil",
            "-ERR user_script:1: attempt to perform arithmetic on a nil value script: sha, on @user_script:1.",
        ),
        (
            "return {1} < 2",
            "-ERR user_script:1: attempt to compare table with number script: sha, on @user_script:1.",
        ),
    ] {
        assert_eq!(eval(source), error, "{source}");
    }
}

#[test]
fn scripts_find_lua_5_1() {
    for (source, reply) in [
        ("return unpack({7,8})", ":7|"),
        ("return loadstring('return 5')()", ":5|"),
        (
            "local n = 0 return load(function() n = n + 1 if n == 1 then return 'return 6' end end)()",
            ":6|",
        ),
        ("return {pcall(redis.call, 'fail')}", "*2|$-1|$18|WRONGTYPE not this|"),
        ("return tostring(1/3)", "$16|0.33333333333333|"),
        ("return tostring(1e15)", "$5|1e+15|"),
        ("return tostring(10)", "$2|10|"),
        ("return string.format('%d %s', 3.0, 'x')", "$3|3 x|"),
        ("return table.getn({1,2,3})", ":3|"),
        ("return math.mod(7, 4)", ":3|"),
        ("return _VERSION", "$7|Lua 5.1|"),
        ("return ('x'):rep(3)", "$3|xxx|"),
        ("return type(os.clock())", "$6|number|"),
        ("return #redis.call('list')", ":2|"),
        ("return select('#', pcall(error))", ":2|"),
        ("return bit.band(0xff, 0x0f)", ":15|"),
        ("return bit.tohex(-1)", "$8|ffffffff|"),
        ("return {struct.unpack('>I2c0', struct.pack('>I2c0', 5, 'hello'))}", "*2|$5|hello|:8|"),
        ("return cjson.encode({1,2,{a='x/y'}})", r#"$18|[1,2,{"a":"x\/y"}]|"#),
        ("return cjson.decode('{\"a\":[1,2.5,null,\"\\\\u00e9\"]}').a[4]", "$2|é|"),
        ("return cjson.encode(cjson.null)", "$4|null|"),
        ("return cjson.encode(1e20)", "$5|1e+20|"),
        (
            "local a = cmsgpack.unpack(cmsgpack.pack({1,{x=2.5},'s',-40000})) return {a[1], tostring(a[2].x), a[3], a[4]}",
            "*4|:1|$3|2.5|$1|s|:-40000|",
        ),
        ("return cmsgpack.pack(300)", "$3|\u{fffd}\u{1}\u{2c}|"),
    ] {
        assert_eq!(eval(source), reply, "{source}");
    }
}

#[test]
fn nothing_leads_out_of_the_sandbox() {
    for source in [
        "print('x')",
        "dofile('x')",
        "loadfile('x')",
        "require('x')",
        "return debug",
        "return io",
        "os.exit()",
        "return package",
        "getfenv()",
        "setfenv(1, {})",
        "newproxy()",
        "buffer.create(1)",
        "redis.call = 1",
        "string.x = 1",
        "math.random = nil",
        "_G.x = 1",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
        "getmetatable(_G).__index = nil",
        "getmetatable('').__index = nil",
        "getmetatable('').__add = 1",
        "rawset(redis, 'call', 1)",
        "table.insert(_G, 1)",
        "setmetatable(redis, {})",
        "assert(loadstring('\\27Lua'))",
        "assert(loadstring('\\27LJ'))",
        "for k in pairs(_G) do _G[k] = nil end",
        "KEYS = 1",
        "cjson.null.x = 1",
        "coroutine.close(1)",
        "collectgarbage('x')",
        "unpack({}, 1, 1e8)",
        "unpack({}, 0, 2147483647)",
        "return string.rep('x', 2^31 - 1)",
        "local t = {} t[1] = t return unpack(t, -2147483648, 2147483647)",
        "string.format('%99999d', 1)",
        "struct.pack('i99', 1)",
        "struct.pack('>I2147483648', 1)",
        "struct.unpack('>I3c0', '\\255\\255\\255')",
        "struct.unpack('i', 'abcd', -1)",
        "struct.unpack('!3i', 'abcd')",
        "cmsgpack.unpack('\\221\\255\\255\\255\\255')",
        "cmsgpack.unpack(string.rep('\\145', 100000))",
        "cmsgpack.unpack('\\219\\255\\255\\255\\255')",
        "cjson.decode(string.rep('[', 100000))",
        "cmsgpack.unpack('\\129\\192\\1')",
        "local t = {} for i = 1, 2000 do t = {t} end cjson.encode(t)",
        "local t = {} t.t = t cjson.encode(t)",
        "cjson.encode(redis.call)",
        "cjson.encode({[1]=1,[1000]=1})",
        "local function f() return f() + 1 end f()",
        "setmetatable({}, {__index = function(t, k) return t[k] end}).x()",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
        "string.gsub(string.rep('a', 200000), '.', string.rep('b', 100000))",
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "repeat until false",
        "local function f() pcall(f) f() end f()",
        "coroutine.wrap(function() while true do end end)()",
    ] {
        let reply = eval(source);
        let is_value = !reply.starts_with("-") && !reply.starts_with("compile");
        assert!(!is_value, "{source}: {reply}");
    }
}

#[test]
fn a_state_lives_on_after_any_error() {
    let state = State::new(&OPTIONS);
    for source in [
        "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
        "while true do end",
        "local function f() return f() + 1 end f()",
        "return redis.call('fail')",
    ] {
        eval_in(&state, source, Protocol::Resp2);
        assert_eq!(
            eval_in(&state, "return redis.call('get', KEYS[1])", Protocol::Resp2),
            "$5|hello|"
        );
    }
    state.collect();
}

#[test]
fn a_deep_reply_ends_somewhere() {
    let reply = eval("local t = {} for i = 1, 100000 do t = {t} end return t");
    assert!(reply.contains("-ERR reached lua stack limit"), "{}", &reply[..80]);
    let reply = eval("local t = {} t[1] = t return t");
    assert!(reply.contains("-ERR reached lua stack limit"));
}

#[test]
fn arguments_of_the_last_run_are_not_seen_by_the_next() {
    let state = State::new(&OPTIONS);
    let script = state.compile(b"return KEYS[1]", "@user_script").unwrap();
    for key in [&b"one"[..], b"two"] {
        let mut out = Vec::new();
        state
            .run_script(
                &script,
                "sha",
                [key].into_iter(),
                [].into_iter(),
                &mut Fake::default(),
                Protocol::Resp2,
                &mut out,
            )
            .unwrap();
        assert_eq!(out, [b"$3\r\n", key, b"\r\n"].concat());
    }
}

#[test]
fn libraries_register_run_and_fail_without_a_trace() {
    let mut libraries = Registered::default();
    let code = b"#!lua name=lib\nlocal n = 0\nredis.register_function('count', function(keys, args) n = n + 1 return {n, keys[1], args[1]} end)\nredis.register_function{function_name='ro', callback=function() return redis.call('ping') end, flags={'no-writes'}}";
    assert_eq!(libraries.load(code, false, None, &OPTIONS), Ok("lib".to_owned()));
    for (bad, why) in [
        (&code[..], "Library 'lib' already exists"),
        (b"return 1", "Missing library metadata"),
        (b"#!lua name=x\nreturn 1", "No functions registered"),
        (b"#!js name=x\nreturn 1", "Engine 'js' not found"),
        (
            b"#!lua name=b-d\nreturn 1",
            "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ),
        (
            b"#!lua name=y\nredis.register_function('count', function() end)",
            "Function count already exists",
        ),
        (
            b"#!lua name=y\nredis.register_function('f', 1)",
            "Error registering functions: second argument to redis.register_function must be a function",
        ),
        (
            b"#!lua name=y\nredis.call('ping')",
            "Error registering functions: user_function:2: Script attempted to access nonexistent global variable 'call'",
        ),
        (
            b"#!lua name=y\nfoo = 1",
            "Error registering functions: user_function:2: Attempt to modify a readonly table",
        ),
    ] {
        assert_eq!(libraries.load(bad, false, None, &OPTIONS), Err(why.to_owned()));
    }
    let run = |name: &str| {
        let mut out = Vec::new();
        let keys: [&[u8]; 1] = [b"k"];
        let argv: [&[u8]; 1] = [b"a"];
        libraries
            .run(
                name.as_bytes(),
                keys.into_iter(),
                argv.into_iter(),
                &mut Fake::default(),
                Protocol::Resp2,
                &mut out,
            )
            .map(|ran| ran.map(|()| String::from_utf8(out).unwrap().replace("\r\n", "|")))
    };
    assert_eq!(run("count"), Some(Ok("*3|:1|$1|k|$1|a|".to_owned())));
    assert_eq!(run("count"), Some(Ok("*3|:2|$1|k|$1|a|".to_owned())));
    assert_eq!(run("ro"), Some(Ok("+PONG|".to_owned())));
    assert_eq!(run("nope"), None);
}

#[test]
fn a_script_that_is_ended_says_so_and_where() {
    for source in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do redis.pcall('fail') end",
        "local f = function() return tostring(1.5) end while true do f() end",
        "while true do string.gsub('abc', 'b', 'x') end",
    ] {
        let error =
            "-ERR Script killed by user with SCRIPT KILL... script: sha, on @user_script:1.";
        assert_eq!(eval(source), error, "{source}");
    }
}

#[test]
fn functions_change_nothing_that_others_find() {
    for (body, why) in [
        ("redis.call = nil", "Attempt to modify a readonly table"),
        ("cjson.encode = nil", "Attempt to modify a readonly table"),
        ("string.format = nil", "Attempt to modify a readonly table"),
        ("x = 1", "Attempt to modify a readonly table"),
        ("_G.x = 1", "Attempt to modify a readonly table"),
        ("getmetatable(_G).__index = nil", "Attempt to modify a readonly table"),
        ("redis.register_function('g', next)", "attempt to call a nil value"),
    ] {
        let mut libraries = Registered::default();
        let code = format!("#!lua name=l\nredis.register_function('f', function() {body} end)");
        libraries.load(code.as_bytes(), false, None, &OPTIONS).expect("it registers a function");
        let (keys, argv): ([&[u8]; 0], [&[u8]; 0]) = ([], []);
        let (mut fake, mut out) = (Fake::default(), Vec::new());
        let (keys, argv) = (keys.into_iter(), argv.into_iter());
        let ran = libraries.run(b"F", keys, argv, &mut fake, Protocol::Resp2, &mut out);
        let failure = ran.expect("names have no case").expect_err(body);
        let text = String::from_utf8_lossy(&failure.text);
        assert!(text.contains(why), "{body}: {text}");
    }
    for code in
        ["math.random()", "redis.call('PING')", "redis.redis.call('PING')", "string.rep('x', 2)"]
    {
        let code = format!("#!lua name=l\n{code}");
        let why = Registered::default().load(code.as_bytes(), false, None, &OPTIONS);
        let why = why.expect_err("code that loads has nothing but what registers functions");
        assert!(why.contains("Script attempted to access nonexistent global variable"), "{why}");
    }
}

/// Under 5.1's names, nothing is what the language itself would do under that name.
#[test]
fn what_5_1_has_not_is_not_there_in_compiled_code_either() {
    for (source, error) in [
        ("return math.clamp(1, 2, 3)", "attempt to call"),
        ("return math.sign(1)", "attempt to call"),
        ("return math.round(1.5)", "attempt to call"),
        ("return math.lerp(1, 2, 3)", "attempt to call"),
        ("return math.isnan(1)", "attempt to call"),
        ("return math.isinf(1)", "attempt to call"),
        ("return math.isfinite(1)", "attempt to call"),
        ("return table.unpack({1})", "attempt to call"),
        ("return bit32.band(1, 2)", "nonexistent global variable 'bit32'"),
        ("return buffer.len(1)", "nonexistent global variable 'buffer'"),
        ("return vector.dot(1, 2)", "nonexistent global variable 'vector'"),
        ("return typeof(1)", "nonexistent global variable 'typeof'"),
        ("return rawlen({1})", "nonexistent global variable 'rawlen'"),
    ] {
        let answer = eval(source);
        assert!(answer.contains(error), "{source} answers {answer}");
    }
    assert_eq!(eval("return tostring(1/3)"), "$16|0.33333333333333|");
}

#[test]
fn a_script_that_loops_a_lot_is_compiled_and_stays_what_it_was() {
    let state = State::new(&OPTIONS);
    let source = "local n = 0 \
        for i = 1, 3000 do n = n + i % 7 + math.floor(i / 2) + #tostring(i) end \
        if ARGV[1] == 'fail' then return n .. nil end \
        if ARGV[1] == 'end' then while true do end end \
        return n + #KEYS[1]";
    let script = state.compile(source.as_bytes(), "@user_script").expect("it is right");
    let run = |argv: &[u8], ends: bool| {
        let (mut out, keys, argv) = (Vec::new(), [&b"key"[..]], [argv]);
        let mut caller = Ending(ends);
        let ran = state.run_script(
            &script,
            "sha",
            keys.into_iter(),
            argv.into_iter(),
            &mut caller,
            Protocol::Resp2,
            &mut out,
        );
        ran.map(|()| out).map_err(|failure| String::from_utf8_lossy(&failure.text).into_owned())
    };
    let before = [run(b"", false), run(b"fail", false), run(b"end", true)];
    for _ in 0..100 {
        assert_eq!(run(b"", false), before[0]);
    }
    assert!(state.native.bytes() > 0, "it was not compiled");
    for _ in 0..3 {
        assert_eq!([run(b"", false), run(b"fail", false), run(b"end", true)], before);
    }
    assert!(before[1].as_ref().is_err_and(|why| why.contains("user_script:1: attempt to")));
    assert!(before[2].as_ref().is_err_and(|why| why.contains("killed by user")));
}

/// Ends what loops, or not.
struct Ending(bool);

impl Caller for Ending {
    fn call(&mut self, _: &ArgBuf, _: Protocol, _: &mut Vec<u8>) -> Result<(), String> {
        Ok(())
    }
    fn may_run(&mut self, _: &ArgBuf) -> Option<bool> {
        None
    }
    fn set_repl(&mut self, _: u8) {}
    fn log(&mut self, _: u8, _: &[u8]) {}
    fn interrupt(&mut self) -> bool {
        self.0
    }
}
