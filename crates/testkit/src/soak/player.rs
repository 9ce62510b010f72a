//! One worker's thread: pipelines of random commands, and what their replies must look like.

use std::collections::HashSet;
use std::sync::Arc;

use base::random::Random;
use engine::batch::{Runner, Stop};
use engine::expire_cycle::ExpireWalk;
use engine::{Client, Engine};
use resp::Value;
use store::Seat;

const COUNTERS: u64 = 8;
const PERMANENT_KEYS: u64 = 100;
/// Commands sent together, as a pipeline, roughly.
const PIPELINE_MAX: u64 = 12;
/// Microseconds of active expiry between two pipelines.
const EXPIRY_US: u64 = 50;

/// Commands that may run in any database, inside transactions too. `$s`, `$l` and `$t` are keys
/// that often hold a string, a list, a set, `$h`, `$z` and `$x` a hash, a sorted set, a stream; `$k`
/// is any of them (XREADGROUP of what is pending counts a delivery that it journals as little as Redis
/// does, and is left out); `$n` is a small number, `$r` a random one, `$d` a database that may be emptied.
const CALLS: &[&str] = &[
    "SET $s $r",
    "SET $s v PX $n",
    "SET $s v GET",
    "SETEX $s 100 w",
    "GET $s",
    "GETSET $s $n",
    "GETDEL $s",
    "GETEX $s PX $n",
    "GETEX $s PERSIST",
    "APPEND $s x",
    "SETRANGE $s $n abc",
    "SETBIT $s $n 1",
    "BITOP XOR $s $s $s",
    "BITFIELD $s INCRBY u8 $n 1",
    "INCRBYFLOAT $s 0.5",
    "DECR $s",
    "MSET $s 1 $k 2",
    "MSETNX $s 1 $k $n",
    "LPUSH $l a $n",
    "RPUSH $l b c",
    "LPOP $l",
    "RPOP $l 2",
    "LRANGE $l 0 -1",
    "SADD $t a b $n",
    "SREM $t a $n",
    "SPOP $t",
    "SPOP $t 3",
    "SMEMBERS $t",
    "SMOVE $t $t a",
    "SINTERSTORE $t $t $t",
    "SUNIONSTORE $t $t $t",
    "SDIFFSTORE $t $t $t",
    "HSET $h a $r b $n",
    "HSETNX $h c $n",
    "HINCRBY $h n 1",
    "HINCRBYFLOAT $h n 0.5",
    "HDEL $h a c",
    "HGETALL $h",
    "HPEXPIRE $h $n FIELDS 2 a b",
    "HEXPIRE $h 100 FIELDS 1 a",
    "HPEXPIREAT $h 1 FIELDS 1 b",
    "HPERSIST $h FIELDS 1 a",
    "HGETDEL $h FIELDS 1 b",
    "HGETEX $h PX $n FIELDS 2 a n",
    "HSETEX $h PX $n FIELDS 2 a 1 d $n",
    "HPTTL $h FIELDS 1 a",
    "ZADD $z $n a 1 b",
    "ZADD $z GT CH $n c",
    "ZINCRBY $z 1.5 a",
    "ZREM $z a d",
    "ZPOPMIN $z",
    "ZPOPMAX $z 2",
    "ZRANGE $z 0 -1 WITHSCORES",
    "ZRANGESTORE $z $z 0 1",
    "ZUNIONSTORE $z 2 $z $z",
    "ZINTERSTORE $z 2 $z $t",
    "ZDIFFSTORE $z 2 $z $t",
    "ZREMRANGEBYSCORE $z $n 3",
    "XADD $x * a $n",
    "XADD $x MAXLEN ~ 5 * b $r",
    "XTRIM $x MAXLEN $n",
    "XGROUP CREATE $x g 0 MKSTREAM",
    "XGROUP DESTROY $x g",
    "XGROUP SETID $x g 0",
    "XREADGROUP GROUP g c$n COUNT 2 STREAMS $x >",
    "XREADGROUP GROUP g c$n NOACK COUNT 1 STREAMS $x >",
    "XAUTOCLAIM $x g c$n 0 0 COUNT 2",
    "XGROUP DELCONSUMER $x g c$n",
    "XRANGE $x - +",
    "XLEN $x",
    "RENAME $k $k",
    "RENAMENX $k $k",
    "COPY $k $k REPLACE",
    "COPY $k $k DB $d",
    "MOVE $k $d",
    "DEL $k $k",
    "UNLINK $k",
    "EXPIRE $k 100",
    "PEXPIRE $k $n",
    "PEXPIREAT $k 1 LT",
    "PERSIST $k",
    "TTL $k",
    "TYPE $k",
    "EXISTS $k $k",
    "OBJECT ENCODING $k",
    "DBSIZE",
    "RANDOMKEY",
];

/// Commands that see or change more than keys: most of them own the world.
const WIDE_CALLS: &[&str] = &[
    "SWAPDB 1 2",
    "CLIENT LIST",
    "CLIENT SETNAME player",
    "INFO",
    "CONFIG SET lazyfree-lazy-user-del yes",
    "CONFIG SET lazyfree-lazy-user-del no",
    "CONFIG SET lazyfree-lazy-expire yes lazyfree-lazy-server-del yes",
    "CONFIG SET lazyfree-lazy-expire no lazyfree-lazy-server-del no",
    "COMMAND COUNT",
    "PING",
    "NOSUCHCOMMAND $k",
    "GET",
];

/// Keeps to its keys, a counter, the pair and a list, but for what it is told to do besides: it may touch
/// another key before its first write, between two, or after all, and fail. Once it has done so it runs
/// exclusively, so each round has another script of this kind, which becomes declared in it.
const SCRIPT: &str = "\
    local what, n, stray = ARGV[1], ARGV[2], 'key:' .. ARGV[3]
    if what == 'early' then redis.call('SET', stray, n) end
    redis.call('SET', KEYS[2], n)
    pcall(redis.call, 'RPUSH', KEYS[4], n)
    pcall(redis.call, 'LTRIM', KEYS[4], -9, -1)
    if what == 'between' then redis.call('SET', stray, n) end
    if what == 'caught' then pcall(redis.call, 'SET', stray, n) end
    redis.call('SET', KEYS[3], n)
    local count = redis.call('INCR', KEYS[1])
    if what == 'after' then redis.call('DEL', stray) end
    if what == 'fail' then error('as told') end
    return count";
const STRAYS: [&str; 4] = ["early", "between", "caught", "after"];

pub(super) fn permanent_keys() -> impl Iterator<Item = String> {
    (0..PERMANENT_KEYS).map(|n| format!("permanent:{n}"))
}

pub(super) struct Player {
    engine: Arc<Engine>,
    seat: Seat,
    runner: Runner,
    expiry: ExpireWalk,
    client: Option<Box<Client>>,
    random: Random,
    seed: u64,
    /// The name of the round's script.
    script: String,
    round: u64,
    pub(super) sent: u64,
    pub(super) increments: u64,
    pub(super) walks: u64,
}

/// What a reply must look like.
enum Expect {
    Anything,
    Fine,
    Queued,
    Error(&'static str),
    Increment,
    /// An error, but it has counted.
    FailedIncrement,
    EqualPair,
    EveryPermanentKey,
    /// EXEC: one reply for each command of the transaction.
    Each(Vec<Expect>),
}

/// Requests sent together.
#[derive(Default)]
struct Pipeline {
    lines: Vec<String>,
    expected: Vec<Expect>,
}

impl Pipeline {
    fn push(&mut self, line: &str, expect: Expect) {
        self.lines.push(line.to_owned());
        self.expected.push(expect);
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in &self.lines {
            let words: Vec<&str> = line.split(' ').collect();
            resp::encode::write_request(&mut bytes, words.iter());
        }
        bytes
    }
}

impl Player {
    pub(super) fn new(engine: &Arc<Engine>, mut seat: Seat, seed: u64) -> Player {
        let worker = seat.index();
        let client = Client::new(engine.next_client_id(), base::clock::unix_ms());
        let mut inside = engine.gate.enter(&mut seat);
        let clients = engine.clients.mine(&mut inside);
        let index = clients.insert(Box::new(client));
        let client = clients.take(index);
        drop(inside);
        Player {
            engine: engine.clone(),
            seat,
            runner: Runner::new(engine, worker),
            expiry: ExpireWalk::default(),
            client,
            random: Random::from_seed(seed.wrapping_mul(31).wrapping_add(worker as u64)),
            seed,
            script: String::new(),
            round: 0,
            sent: 0,
            increments: 0,
            walks: 0,
        }
    }

    pub(super) fn play(&mut self, commands: u64) {
        let end = self.sent + commands;
        self.load_script();
        while self.sent < end {
            match self.random.below(100) {
                0 => self.walk(),
                1..=10 => self.visit_other_db(),
                11..=25 => self.transaction(),
                _ => {
                    let mut pipeline = Pipeline::default();
                    for _ in 0..=self.random.below(PIPELINE_MAX) {
                        self.simple(&mut pipeline);
                    }
                    self.run(pipeline);
                }
            }
            self.expire();
        }
    }

    fn load_script(&mut self) {
        self.round += 1;
        let source = format!("{SCRIPT} -- {}", self.round);
        let mut input = Vec::new();
        resp::encode::write_request(&mut input, ["SCRIPT", "LOAD", &source].iter());
        let out = self.send(&input);
        let (name, _) = resp::decode(&out).expect("it is well formed").expect("there is a reply");
        self.script = name.text().expect("a script has a name").into_owned();
    }

    fn script(&mut self, pipeline: &mut Pipeline) {
        let (what, expect) = match self.below(150) {
            0 => (STRAYS[self.below(4) as usize], Expect::Increment),
            1..=15 => ("fail", Expect::FailedIncrement),
            _ => ("-", Expect::Increment),
        };
        let (sha, counter, n) = (&self.script, self.random.below(COUNTERS), self.random.next_u64());
        let call = format!("EVALSHA {sha} 4 counter:{counter} pair:a pair:b $l {what} {n} $r");
        let call = call.replace("$r", &self.random.below(40).to_string());
        pipeline.push(&self.filled(&call), expect);
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    /// A call with its `$` filled in.
    fn filled(&mut self, call: &str) -> String {
        let mut line = String::new();
        let mut parts = call.split('$');
        line.push_str(parts.next().expect("split gives at least one part"));
        for part in parts {
            let (kind, rest) = part.split_at(1);
            line.push_str(&match kind {
                "s" => format!("key:{}", self.below(12)),
                "l" => format!("key:{}", 8 + self.below(10)),
                "t" => format!("key:{}", 14 + self.below(10)),
                "h" => format!("key:{}", 22 + self.below(8)),
                "z" => format!("key:{}", 28 + self.below(8)),
                "x" => format!("key:{}", 34 + self.below(6)),
                "k" => format!("key:{}", self.below(40)),
                "n" => (1 + self.below(4)).to_string(),
                "r" => self.random.next_u64().to_string(),
                "d" => (1 + self.below(2)).to_string(),
                other => panic!("${other} in {call}"),
            });
            line.push_str(rest);
        }
        line
    }

    fn call_of(&mut self, calls: &[&str]) -> String {
        let nth = self.below(calls.len() as u64) as usize;
        self.filled(calls[nth])
    }

    /// One command, in database 0.
    fn simple(&mut self, pipeline: &mut Pipeline) {
        match self.below(40) {
            0..=9 => {
                pipeline.push(&format!("INCR counter:{}", self.below(COUNTERS)), Expect::Increment);
            }
            10..=12 => {
                let n = self.random.next_u64();
                pipeline.push(&format!("MSET pair:a {n} pair:b {n}"), Expect::Fine);
            }
            13..=16 => pipeline.push("MGET pair:a pair:b", Expect::EqualPair),
            17 => pipeline.push("KEYS permanent:*", Expect::EveryPermanentKey),
            18 => {
                let call = self.call_of(WIDE_CALLS);
                pipeline.push(&call, Expect::Anything);
            }
            19..=22 => self.script(pipeline),
            _ => {
                let call = self.call_of(CALLS);
                pipeline.push(&call, Expect::Anything);
            }
        }
    }

    /// Some commands in a database that others swap and empty.
    fn visit_other_db(&mut self) {
        let mut pipeline = Pipeline::default();
        pipeline.push(&self.filled("SELECT $d"), Expect::Fine);
        for _ in 0..=self.below(PIPELINE_MAX) {
            let call = self.call_of(CALLS);
            pipeline.push(&call, Expect::Anything);
        }
        match self.below(12) {
            0 => pipeline.push("FLUSHDB", Expect::Fine),
            1 => pipeline.push("FLUSHDB ASYNC", Expect::Fine),
            2 => pipeline.push("SWAPDB 1 2", Expect::Fine),
            _ => {}
        }
        pipeline.push("SELECT 0", Expect::Fine);
        self.run(pipeline);
    }

    /// A transaction, which may be refused or given up.
    fn transaction(&mut self) {
        let mut body = Pipeline::default();
        for _ in 0..=self.below(5) {
            match self.below(8) {
                0 => {
                    let n = self.random.next_u64();
                    body.push(&format!("SET pair:a {n}"), Expect::Fine);
                    let call = self.call_of(CALLS);
                    body.push(&call, Expect::Anything);
                    body.push(&format!("SET pair:b {n}"), Expect::Fine);
                }
                1 => {
                    body.push(&self.filled("SELECT $d"), Expect::Fine);
                    let call = self.call_of(CALLS);
                    body.push(&call, Expect::Anything);
                    body.push("SELECT 0", Expect::Fine);
                }
                _ => self.simple(&mut body),
            }
        }
        // A request that is refused when it is queued ends all.
        let refused = |line: &String| line == "GET" || line.starts_with("NOSUCHCOMMAND");
        let aborted = body.lines.iter().any(refused);
        let mut pipeline = Pipeline::default();
        pipeline.push("MULTI", Expect::Fine);
        for line in &body.lines {
            let expect = if refused(line) { Expect::Error("ERR") } else { Expect::Queued };
            pipeline.push(line, expect);
        }
        if self.below(8) == 0 {
            pipeline.push("DISCARD", Expect::Fine);
        } else if aborted {
            pipeline.push("EXEC", Expect::Error("EXECABORT"));
        } else {
            pipeline.push("EXEC", Expect::Each(body.expected));
        }
        self.run(pipeline);
    }

    /// A whole SCAN of database 0, in steps, while others go on.
    fn walk(&mut self) {
        let count = 1 + self.below(30);
        let (mut cursor, mut seen) = (b"0".to_vec(), HashSet::new());
        loop {
            let cursor_text = std::str::from_utf8(&cursor).expect("a cursor is digits").to_owned();
            let mut step = Pipeline::default();
            step.push(&format!("SCAN {cursor_text} COUNT {count}"), Expect::Anything);
            let out = self.send(&step.encoded());
            self.sent += 1;
            let Ok(Some((Value::Array(mut parts), _))) = resp::decode(&out) else {
                panic!("seed {}: SCAN gave {}", self.seed, out.escape_ascii());
            };
            let (Some(Value::Array(names)), Some(Value::Bulk(next))) = (parts.pop(), parts.pop())
            else {
                panic!("seed {}: SCAN gave {}", self.seed, out.escape_ascii());
            };
            for name in names {
                let Value::Bulk(name) = name else { panic!("a name is text: {name:?}") };
                let shown = name.escape_ascii().to_string();
                assert!(seen.insert(name), "seed {}: SCAN returned {shown} twice", self.seed);
            }
            if next == b"0" {
                break;
            }
            cursor = next;
        }
        for key in permanent_keys() {
            assert!(seen.contains(key.as_bytes()), "seed {}: SCAN left out {key}", self.seed);
        }
        self.walks += 1;
    }

    fn expire(&mut self) {
        let inside = self.engine.gate.enter(&mut self.seat);
        self.expiry.run(&self.engine, &inside, &mut self.runner, EXPIRY_US);
        drop(inside);
        self.engine.journal.wake_readers();
    }

    fn run(&mut self, pipeline: Pipeline) {
        self.sent += pipeline.expected.len() as u64;
        let out = self.send(&pipeline.encoded());
        let mut at = 0;
        for expect in &pipeline.expected {
            let (value, used) = resp::decode(&out[at..])
                .expect("replies are well formed")
                .expect("there is a reply for each command");
            at += used;
            self.check(&value, expect);
        }
        assert_eq!(at, out.len(), "seed {}: more replies than commands", self.seed);
    }

    fn send(&mut self, input: &[u8]) -> Vec<u8> {
        let mut client = self.client.take().expect("the client is here between two sendings");
        let (mut out, mut at) = (Vec::new(), 0);
        while at < input.len() {
            let mut inside = self.engine.gate.enter(&mut self.seat);
            let runner = &mut self.runner;
            let turn = runner.run(&self.engine, &mut inside, &mut client, &input[at..], &mut out);
            at += turn.consumed;
            drop(inside);
            self.engine.journal.wake_readers();
            if turn.stop == Stop::Parked {
                std::thread::yield_now();
            }
        }
        self.client = Some(client);
        out
    }

    fn check(&mut self, value: &Value, expect: &Expect) {
        let seed = self.seed;
        match expect {
            Expect::Anything => {}
            Expect::Fine => {
                assert!(matches!(value, Value::Simple(t) if t == b"OK"), "seed {seed}: {value:?}");
            }
            Expect::Queued => {
                let queued = matches!(value, Value::Simple(t) if t == b"QUEUED");
                assert!(queued, "seed {seed}: {value:?}");
            }
            Expect::Error(code) => {
                let refused =
                    matches!(value, Value::Error(text) if text.starts_with(code.as_bytes()));
                assert!(refused, "seed {seed}: {value:?} where {code} was due");
            }
            Expect::Increment => {
                assert!(matches!(value, Value::Integer(_)), "seed {seed}: INCR: {value:?}");
                self.increments += 1;
            }
            Expect::FailedIncrement => {
                let failed =
                    matches!(value, Value::Error(text) if text.ends_with(b"on @user_script:11."));
                assert!(failed, "seed {seed}: {value:?}");
                self.increments += 1;
            }
            Expect::EqualPair => {
                let Value::Array(pair) = value else { panic!("seed {seed}: {value:?}") };
                assert_eq!(pair[0], pair[1], "seed {seed}: half of a pair was seen");
            }
            Expect::EveryPermanentKey => {
                let Value::Array(names) = value else { panic!("seed {seed}: {value:?}") };
                let names: HashSet<&[u8]> = names.iter().filter_map(bulk).collect();
                assert_eq!(names.len() as u64, PERMANENT_KEYS, "seed {seed}: KEYS: {value:?}");
            }
            Expect::Each(expected) => {
                let Value::Array(values) = value else { panic!("seed {seed}: {value:?}") };
                assert_eq!(values.len(), expected.len(), "seed {seed}: replies of a transaction");
                for (value, expect) in values.iter().zip(expected) {
                    self.check(value, expect);
                }
            }
        }
    }
}

fn bulk(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Bulk(text) => Some(text),
        _ => None,
    }
}
