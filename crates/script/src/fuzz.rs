//! Entries for `cargo x fuzz`: sources of scripts, and input of the libraries that read bytes.

use resp::{ArgBuf, Protocol};

use crate::{Caller, State, StateOptions};

/// Answers every command with nothing and ends what runs long.
struct Nobody {
    looks: u32,
}

/// Looks at the world that a fuzzed script gets.
const LOOKS_MAX: u32 = 50;
const MEMORY_MAX: usize = 16 << 20;

impl Caller for Nobody {
    fn call(&mut self, _: &ArgBuf, _: Protocol, out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(b"*3\r\n:1\r\n$2\r\nab\r\n$-1\r\n");
        Ok(())
    }
    fn may_run(&mut self, _: &ArgBuf) -> Option<bool> {
        None
    }
    fn set_repl(&mut self, _: u8) {}
    fn log(&mut self, _: u8, _: &[u8]) {}
    fn interrupt(&mut self) -> bool {
        self.looks += 1;
        self.looks > LOOKS_MAX
    }
}

fn run(state: &State, source: &[u8], argv: &[&[u8]]) {
    let Ok(script) = state.compile(source, "@user_script") else { return };
    let once = || {
        let (mut out, mut nobody) = (Vec::new(), Nobody { looks: 0 });
        let keys: [&[u8]; 1] = [b"key"];
        // Any answer is fine, so long as there is one.
        let _ = state.run_script(
            &script,
            "fuzz",
            keys.into_iter(),
            argv.iter().copied(),
            &mut nobody,
            Protocol::Resp3,
            &mut out,
        );
    };
    once();
    state.compile_natively(&script);
    once();
}

fn state() -> State {
    State::new(&StateOptions {
        redis_version: "8.0.6",
        server: ("ochre", "0.1.0"),
        deprecated_api: false,
        memory_max: MEMORY_MAX,
        bell: None,
    })
}

/// The input is a script. Afterwards the state runs another as ever.
pub fn fuzz_source(data: &[u8]) {
    let state = state();
    run(&state, data, &[]);
    let script = state.compile(b"return redis.call('x')[2]", "@user_script").expect("it is right");
    let mut out = Vec::new();
    let none = || [].into_iter();
    let ran = state.run_script(
        &script,
        "after",
        none(),
        none(),
        &mut Nobody { looks: 0 },
        Protocol::Resp2,
        &mut out,
    );
    assert_eq!((ran, out.as_slice()), (Ok(()), &b"$2\r\nab\r\n"[..]));
}

/// The input is what cjson, cmsgpack and struct read; what they have read is written again. The
/// first byte is the length of a format for struct.
pub fn fuzz_libraries(data: &[u8]) {
    const SCRIPT: &[u8] = b"
        local function try(f, ...) return select(2, pcall(f, ...)) end
        local json = try(cjson.decode, ARGV[2])
        try(cjson.encode, json)
        local values = {pcall(cmsgpack.unpack, ARGV[2])}
        try(cmsgpack.pack, unpack(values, 1, 100))
        try(cmsgpack.unpack_limit, ARGV[2], 2, #ARGV[1])
        try(struct.unpack, ARGV[1], ARGV[2])
        try(struct.pack, ARGV[1], ARGV[2], 1, 2, 3)
        try(struct.size, ARGV[1])
        return json";
    let len = data.first().map_or(0, |len| usize::from(*len)).min(data.len());
    let (format, rest) = data.split_at(len);
    run(&state(), SCRIPT, &[format.get(1..).unwrap_or(&[]), rest]);
}
