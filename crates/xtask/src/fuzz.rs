//! `cargo x fuzz NAME`: random and mutated bytes against whatever reads bytes from outside.
//!
//! Each crate keeps a `pub fn fuzz_…(&[u8])` beside the code it attacks: it must return for every
//! input, quickly, and asserts what must hold. Here is only the list of them and a runner that
//! needs nothing but stable Rust. It is blind (no coverage feedback), so it leans on seeds: inputs
//! that already reach deep, mutated a little or much.
//!
//! A panic, or an input that takes over a second, ends the run: the input is kept in
//! `target/fuzz/` and the line that replays it is printed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base::random::Random;

use crate::workspace;

/// One thing to attack.
struct Target {
    name: &'static str,
    attack: fn(&[u8]),
    /// Well-formed inputs, to be spoilt.
    seeds: &'static [&'static [u8]],
}

/// Every `fuzz_` function of the workspace.
const TARGETS: &[Target] = &[
    Target {
        name: "glob",
        attack: base::glob::fuzz_glob,
        seeds: &[b"\x05h*llohello", b"\x08h[^a-e]?ohallo", b"\x06\\[a-z]*[b"],
    },
    Target {
        name: "split_args",
        attack: base::split_args::fuzz_split_args,
        seeds: &[b"set key \"a \\x0f\\n\" 'it\\'s'", b"save 900 1"],
    },
    Target {
        name: "acl_rules",
        attack: acl::fuzz::fuzz_rules,
        seeds: &[
            b"on\n>secret\n~a*\n%R~b\n&news\n+@read\n-get\n+config|get\n+select|0\ndb=1,2",
            b"(+@all ~x %W~y)\n(-@write &c)\nreset\nallkeys\n#00",
        ],
    },
    Target {
        // The first byte, times three, is the length that is claimed.
        name: "lzf",
        attack: base::lzf::fuzz_lzf,
        seeds: &[
            b"\x01xx\xe0\xbb\x00\x01xx",
            b"\x03abcd\xe0\x01\x02\x20\x03",
            b"hello hello hello, and again",
        ],
    },
    Target {
        // A golden payload, limits and version, and edits of four bytes each.
        name: "restore",
        attack: rdb::fuzz::fuzz_restore,
        seeds: &[
            b"\x05\x00\x00\x03\x00\x00\x07",
            b"\x30\x00\x13\x20\x00\x01\x02\x08\x00\x02\x00",
            b"\x60\x00\x07\x10\x00\x04\xff\x30\x00\x05\x00\x31\x00\x00\x80",
        ],
    },
    Target {
        name: "script",
        attack: script::fuzz::fuzz_source,
        seeds: &[
            b"local t = {} for i = 1, 9 do t[i] = redis.call('x')[1] end return t",
            b"return {pcall(string.rep, KEYS[1], 3), tostring(1/3), #ARGV, {ok = 'x'}}",
            b"local f = function(...) return select('#', ...) end return f(unpack({1, 2, nil, 4}))",
            b"return setmetatable({}, {__index = function(t, k) return k end}).x",
            b"return (('%d'):format(3.0)):gsub('(%d)', [==[%1]==])",
        ],
    },
    Target {
        name: "script_libraries",
        attack: script::fuzz::fuzz_libraries,
        seeds: &[
            b"\x07>i4c0s{\"a\":[1,2.5e3,null,true,\"\\u00e9\"]}",
            b"\x04<dB\x93\x01\x82\xa1a\xcb\x40\x09\x21\xfb\x54\x44\x2d\x18\xa1b\xc0\xda\x00\x02xy",
            b"\x05!8hl[[[{}]],-0x1f,nan]",
        ],
    },
    Target {
        name: "request",
        attack: resp::request::fuzz_request,
        seeds: &[
            b"\x03\x00*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*1\r\n$4\r\nPING\r\n",
            b"\x01\x04*3\r\n$3\r\nSET\r\n$12\r\nkey:00000001\r\n$5\r\nvalue\r\n",
            b"\x07\x03PING\r\nSET k \"a b\"\r\n*0\r\n*-1\r\n",
        ],
    },
    Target {
        name: "decode",
        attack: resp::value::fuzz_decode,
        seeds: &[
            b"\x00*3\r\n:1\r\n$3\r\nabc\r\n$-1\r\n",
            b"\x02%1\r\n+k\r\n~2\r\n#t\r\n,1.5\r\n",
            b"\x05|1\r\n+k\r\n:1\r\n=7\r\ntxt:abc\r\n",
            b"\x01>2\r\n+pubsub\r\n(12345678901234567890\r\n_\r\n-ERR x\r\n",
        ],
    },
    Target {
        name: "listpack",
        attack: structures::listpack::fuzz_listpack,
        seeds: &[
            b"\x1b\x00\x00\x00\x05\x00\x81x\x02\xf2p\x11\x01\x04\x83one\x04\x83two\x04\x03\x01\xff",
            b"\x19\x00\x00\x00\x04\x00\xc0\x80\x02\xe0\x02ab\x04\xf0\x01\x00\x00\x00c\x06\xf1\x00\x10\x03\xff",
        ],
    },
    Target {
        // Its first four bytes are overwritten.
        name: "stream_node",
        attack: store::value::stream::fuzz_stream_node,
        seeds: &[
            b"\0\0\0\0\x11\0\x02\x01\0\x01\x01\x01\x81f\x02\0\x01\x02\x01\0\x01\0\x01\x81v\x02\x04\x01\
              \0\x01\x01\x01\0\x01\x01\x01\x81g\x02\x81w\x02\x06\x01\xff",
        ],
    },
    Target {
        name: "aof",
        attack: journal::aof::check::fuzz_scan,
        seeds: &[
            b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
            b"#TS:1700000000\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n",
        ],
    },
    Target {
        name: "intset",
        attack: structures::intset::fuzz_intset,
        seeds: &[
            b"\x02\x00\x00\x00\x03\x00\x00\x00\xfd\xff\x01\x00\x05\x00",
            b"\x08\x00\x00\x00\x01\x00\x00\x00\x00\x0e\xfa\xd5\xfe\xff\xff\xff",
        ],
    },
    Target {
        // Three bytes for each operation: what to do, and where.
        name: "btree",
        attack: structures::btree::fuzz_btree,
        seeds: &[
            b"\x10\x01\x00\x20\x02\x00\x30\x03\x00\x0f\x00\x00\x0a\x02\x00\x01\x01\x00",
            b"\x10\x05\x00\x24\x05\x00\x17\x03\x00\x0b\x00\x00\x0c\x06\x00\x09\x01\x00",
        ],
    },
    Target {
        name: "hyperloglog",
        attack: structures::hyperloglog::fuzz_hyperloglog,
        seeds: &[
            b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff",
            b"HYLL\x01\0\0\0\x03\0\0\0\0\0\0\0`\xf3\x80P\xb1\x84K\xfb\x80BZ",
            b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x3f\x81\x83\x87\x3e\x00\xff\x7f\x70",
        ],
    },
    Target {
        // Skew of the hashes, then two bytes for each operation: what to do, to which key.
        name: "table",
        attack: structures::table::fuzz_table,
        seeds: &[
            b"\x00\x20\x01\x20\x02\x21\x03\x03\x01\x02\x02\x06\xff\x07\x00",
            b"\x05\xa8\x01\xb0\x02\xb8\x03\x26\x40\x2b\x01\x07\x00",
            b"\x03\x20\x01\x20\x02\x20\x03\x20\x04\x20\x05\x20\x06\x20\x07\x07\x00",
        ],
    },
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target; without one, all are listed.
    name: Option<String>,
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Where the random inputs begin; a run with the same seed tries the same inputs.
    #[arg(long)]
    seed: Option<u64>,
    /// Run this one input instead.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

/// An input may not take longer, of the processor: the machine may be busy with other things.
const INPUT_LIMIT: Duration = Duration::from_secs(1);
const INPUT_BYTES: usize = 4096;

pub(crate) fn run(args: &Args) -> Result<()> {
    let Some(name) = &args.name else {
        for target in TARGETS {
            println!("{}", target.name);
        }
        return Ok(());
    };
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .with_context(|| format!("no target {name}; `cargo x fuzz` lists them"))?;
    if let Some(file) = &args.replay {
        let input = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        (target.attack)(&input);
        println!("{name} withstood {} bytes", input.len());
        return Ok(());
    }
    let seed = args.seed.unwrap_or_else(|| Random::from_os().next_u64());
    println!("{name}: {} s, seed {seed}", args.seconds);
    let (deadline, mut random) =
        (Instant::now() + Duration::from_secs(args.seconds), Random::from_seed(seed));
    let mut inputs = 0u64;
    while Instant::now() < deadline {
        let input = input(&mut random, target.seeds);
        if let Err(why) = withstands(target, &input) {
            let file = workspace::root().join(format!("target/fuzz/{name}-{seed}-{inputs}"));
            std::fs::create_dir_all(file.parent().expect("a file in a folder"))?;
            std::fs::write(&file, &input)?;
            let file = file.display();
            bail!(
                "{name} {why} on {:?}\nreplay: cargo x fuzz {name} --replay {file}",
                input.escape_ascii().to_string()
            );
        }
        inputs += 1;
    }
    println!("{name} withstood {inputs} inputs");
    Ok(())
}

fn thread_time() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

fn withstands(target: &Target, input: &[u8]) -> std::result::Result<(), &'static str> {
    let start = thread_time();
    // The target is a plain function without state that a panic could leave half done.
    catch_unwind(AssertUnwindSafe(|| (target.attack)(input))).map_err(|_| "panics")?;
    if thread_time() - start > INPUT_LIMIT { Err("takes too long") } else { Ok(()) }
}

fn below(random: &mut Random, limit: usize) -> usize {
    random.below(limit as u64) as usize
}

/// A seed with a few changes, or, one time in eight, plain noise.
fn input(random: &mut Random, seeds: &[&[u8]]) -> Vec<u8> {
    if seeds.is_empty() || below(random, 8) == 0 {
        let length = below(random, 64);
        return (0..length).map(|_| random.next_u64() as u8).collect();
    }
    let mut input = seeds[below(random, seeds.len())].to_vec();
    for _ in 0..1 + below(random, 6) {
        mutate(&mut input, random, seeds);
    }
    input.truncate(INPUT_BYTES);
    input
}

fn mutate(input: &mut Vec<u8>, random: &mut Random, seeds: &[&[u8]]) {
    /// Bytes and texts at which parsers turn.
    const EDGES: &[&[u8]] = &[
        b"\r\n",
        b"\0",
        b"\xff",
        b"-1",
        b"0",
        b"*",
        b"$",
        b"\"",
        b"'",
        b"\\x",
        b"[",
        b"]",
        b"^",
        b"4294967296",
        b"9223372036854775807",
        b"9223372036854775808",
        b"-9223372036854775808",
    ];
    let at = below(random, input.len() + 1);
    match below(random, 7) {
        0 if at < input.len() => input[at] ^= 1 << below(random, 8),
        1 if at < input.len() => input[at] = random.next_u64() as u8,
        2 => input.truncate(at),
        3 if at < input.len() => {
            input.remove(at);
        }
        4 => {
            let edge = EDGES[below(random, EDGES.len())];
            input.splice(at..at, edge.iter().copied());
        }
        5 => {
            // A piece of this input, once more elsewhere.
            let from = below(random, input.len() + 1);
            let piece = input[from..input.len().min(from + 32)].to_vec();
            input.splice(at..at, piece);
        }
        6 => {
            let other = seeds[below(random, seeds.len())];
            input.truncate(at);
            input.extend_from_slice(&other[below(random, other.len() + 1)..]);
        }
        _ => input.push(random.next_u64() as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_follow_from_the_seed_and_stay_bounded() {
        let seeds: &[&[u8]] = &[b"*1\r\n$4\r\nPING\r\n", &[7; INPUT_BYTES]];
        let inputs = |seed| -> Vec<Vec<u8>> {
            let mut random = Random::from_seed(seed);
            (0..500).map(|_| input(&mut random, seeds)).collect()
        };
        assert_eq!(inputs(3), inputs(3));
        assert!(inputs(4).iter().all(|input| input.len() <= INPUT_BYTES));
    }

    #[test]
    fn a_panic_is_caught() {
        let target = Target { name: "t", attack: |data| assert!(data.is_empty()), seeds: &[] };
        assert_eq!(withstands(&target, b"x"), Err("panics"));
        assert_eq!(withstands(&target, b""), Ok(()));
    }

    #[test]
    fn every_target_withstands_a_short_run() {
        for target in TARGETS {
            let mut random = Random::from_seed(1);
            for _ in 0..500 {
                let input = input(&mut random, target.seeds);
                assert_eq!(withstands(target, &input), Ok(()), "{}: {input:?}", target.name);
            }
        }
    }
}
