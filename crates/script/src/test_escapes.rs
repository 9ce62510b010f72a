//! What has broken out of Redis's sandbox, or brought it down, over the years: here each is an error
//! or harmless, and the state runs the next script.

use resp::{ArgBuf, Protocol};

use crate::{Caller, State, StateOptions};

/// Ends what runs for too long.
#[derive(Default)]
struct Warden {
    looks: usize,
}

impl Caller for Warden {
    fn call(&mut self, _: &ArgBuf, _: Protocol, out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(b"+OK\r\n");
        Ok(())
    }
    fn may_run(&mut self, _: &ArgBuf) -> Option<bool> {
        Some(true)
    }
    fn set_repl(&mut self, _: u8) {}
    fn log(&mut self, _: u8, _: &[u8]) {}
    fn interrupt(&mut self) -> bool {
        self.looks += 1;
        self.looks > 2000
    }
}

const OPTIONS: StateOptions<'_> = StateOptions {
    redis_version: "8.0.6",
    server: ("ochre", "0.1.0"),
    deprecated_api: true,
    memory_max: 24 << 20,
    bell: None,
};

fn run(state: &State, source: &[u8]) -> Result<Vec<u8>, String> {
    let script = state.compile(source, "@user_script")?;
    let (keys, argv): ([&[u8]; 0], [&[u8]; 0]) = ([], []);
    let (mut warden, mut out) = (Warden::default(), Vec::new());
    let ran = state.run_script(
        &script,
        "sha",
        keys.into_iter(),
        argv.into_iter(),
        &mut warden,
        Protocol::Resp2,
        &mut out,
    );
    ran.map_err(|failure| String::from_utf8_lossy(&failure.text).into_owned())?;
    Ok(out)
}

/// Each must be an error.
const REFUSED: &[&str] = &[
    // Doors to the machine.
    "return os.execute('id')",
    "return io.open('/etc/passwd')",
    "return require('os')",
    "return package.loadlib('x', 'y')",
    "return debug.getregistry()",
    "return dofile('/etc/passwd')",
    "return loadfile('/etc/passwd')()",
    "return module('x')",
    // Bytecode: string.dump, load, and what binary chunks were edited into.
    "return loadstring(string.dump(function() end))()",
    "return loadstring('\\27Lua\\81\\0\\1\\4\\8\\4\\8\\0')()",
    "return load(function() return '\\27Lua' end)()",
    // Globals, metatables and libraries that later scripts would find changed.
    "redis.call = nil",
    "cjson.decode = function() end",
    "string.format = nil",
    "_G.pcall = nil",
    "rawset(_G, 'x', 1)",
    "rawset(redis, 'call', 1)",
    "rawset(getmetatable(_G), '__index', nil)",
    "setmetatable(_G, nil)",
    "setmetatable(redis, {})",
    "getmetatable('').__index = function() end",
    "getmetatable('').__gc = function() end",
    "setfenv(1, setmetatable({}, {__index = error})) return x()",
    "table.insert(redis, 1)",
    "table.sort({3, 2, 1, 5, 4}, function() error('x') end)",
    "for name in pairs(_G) do _G[name] = nil end",
    // unpack and its like beyond all ranges (CVE-2025-46817).
    "return unpack({}, -2^31, 2^31 - 1)",
    "return {unpack({}, 0, 1e8)}",
    "return select(-5, 1)",
    // Recursion of the parser, of patterns, of C and of ours.
    "local function f() return 1 + f() end return f()",
    "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x.y",
    "return string.rep('(', 300):len() and loadstring(string.rep('(', 100000))()",
    "return loadstring('return ' .. string.rep('{', 100000))()",
    "return string.find(string.rep('a', 300000), string.rep('a?', 300000) .. 'b')()",
    "return cjson.decode(string.rep('[', 100000))",
    "local t = {} for i = 1, 2000 do t = {t} end return cjson.encode(t)",
    "return cmsgpack.unpack(string.rep('\\145', 100000))",
    "local t = {} t.t = t return cjson.encode(t)",
    "local f f = function() return pcall(f) and error('x') end return f() and nil .. 1",
    // Lengths that lie (cmsgpack, struct).
    "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
    "return cmsgpack.unpack('\\219\\255\\255\\255\\255x')",
    "return cmsgpack.unpack_limit('\\1', 1, -5)",
    "return struct.unpack('I4', 'x')",
    "return struct.pack('I2147483648', 1)",
    "return struct.pack('!999999999999i', 1)",
    "return struct.unpack('c4294967295', 'x')",
    "return struct.unpack('>I2c0', '\\255\\255')",
    "return struct.unpack('I1', 'x', 2^53)",
    "return struct.unpack('s', 'no end')",
    "return bit.tohex({})",
    "return string.format('%s', setmetatable({}, {__tostring = function() return 'x' end}))",
    // More memory than there is.
    "local t = {} while true do t[#t + 1] = string.rep('x', 65536) .. #t end",
    "local s = 'x' while true do s = s .. s end",
    "return string.rep('x', 2^30)",
    "return table.concat({string.rep('x', 2^24), string.rep('y', 2^24)}) .. cjson.encode(string.rep('\\1', 2^24))",
    "local t = {} for i = 1, 1e9 do t[i] = i end",
    "return ('x'):rep(1e6):gsub('x', ('y'):rep(1e6))",
    "return string.format('%099999999d', 1)",
    // No end.
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "repeat until false",
    "local c = coroutine.wrap(function() while true do end end) c()",
    "local function f() return f() end return f()",
    "for i = 1, math.huge do end",
    "string.gsub(string.rep('x', 1e5), '.', function() while true do end end)",
    "table.sort({1, 2, 3, 4, 5, 6, 7, 8, 9}, function(a, b) while true do end end)",
    "setmetatable({}, {__index = function() while true do end end}).x()",
];

/// Each is harmless: whatever it answers.
const HARMLESS: &[&str] = &[
    // These numbers do not fit and are less then, as in 5.1.
    "return unpack({}, 1, 2^31)",
    "return table.concat({}, 'x', 1, 2^53)",
    "return tostring(newproxy(true))",
    "getmetatable(newproxy(true)).__gc = function() redis.call('SET', 'x', 1) end",
    "local t = {} t[1] = t return tostring(t)",
    "return redis.sha1hex(string.rep('x', 1e6))",
    "return cjson.encode({[1] = 1, [3] = 2})",
    "return cmsgpack.pack(string.rep('x', 70000)):len()",
    "return string.rep('', 2^31)",
    "return string.rep('x', -1)",
    "return {pcall(error)}",
    "return loadstring('--' .. string.rep('\\n', 1e5)) and 1",
    "return #string.rep('x', 1e6)",
    "collectgarbage() collectgarbage('step') return 1",
    "return [====[ ]] ]=] ]===] ]====]",
    "local c = coroutine.create(function() coroutine.yield(1) end) coroutine.resume(c) return coroutine.status(c)",
    "return pcall(coroutine.wrap(function() error({}) end)) and 1 or 0",
    "return tostring(0/0) .. tostring(1/0) .. -0",
    "return bit.lshift(1, -1) + bit.rshift(-1, 4294967296)",
    "return struct.size('>I2I4')",
    "local t = {} for i = 1, 300 do t = {t} end return cmsgpack.pack(t):len()",
];

#[test]
fn nothing_of_the_corpus_breaks_out_or_stays() {
    let state = State::new(&OPTIONS);
    assert_eq!(run(&state, b"return 1").expect("it runs"), b":1\r\n");
    let at_first = state.memory();
    let mut wrong = Vec::new();
    for source in REFUSED.iter().chain(HARMLESS) {
        match run(&state, source.as_bytes()) {
            Ok(reply) if REFUSED.contains(source) => {
                wrong.push(format!("{source}\n  answers {}", reply.escape_ascii()));
            }
            Err(why) if why.contains("prelude") || HARMLESS.contains(source) => {
                wrong.push(format!("{source}\n  is an error: {why}"));
            }
            _ => {}
        }
        let next = "return {redis.call('PING').ok, string.format('%d', 7), #cjson.encode({1})}";
        let next = run(&state, next.as_bytes());
        assert_eq!(
            next.as_deref(),
            Ok(&b"*3\r\n$2\r\nOK\r\n$1\r\n7\r\n:3\r\n"[..]),
            "after {source}"
        );
        state.collect();
        assert!(state.memory() < at_first * 3, "{source} left {} bytes", state.memory());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_text_is_no_script() {
    let state = State::new(&OPTIONS);
    for source in
        [&b"\x1bLua"[..], b"\x1b", b"\0\0\0", b"return \xff\xfe", b"return '\\", b"--[==["]
    {
        assert!(run(&state, source).is_err(), "{}", source.escape_ascii());
    }
    assert!(run(&state, b"return 1").is_ok());
}
