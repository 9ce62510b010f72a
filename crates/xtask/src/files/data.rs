//! Data of every type and form, small and large, with and without expiry.

use anyhow::{Result, ensure};
use resp::Value;

use crate::crash::session::Session;

pub(super) const DATABASES: [&str; 3] = ["0", "3", "9"];
const LIBRARY: &str =
    "#!lua name=lib\nredis.register_function('f', function(keys, args) return 1 end)";

/// A call that must not fail.
fn call(session: &mut Session, words: &[&str]) -> Result<()> {
    let reply = session.ask(words)?;
    ensure!(!matches!(reply, Value::Error(_)), "{words:?} answers {reply:?}");
    Ok(())
}

/// The same, as one types it.
fn line(session: &mut Session, line: &str) -> Result<()> {
    call(session, &line.split(' ').collect::<Vec<_>>())
}

/// Redis 7.0 cannot hold when a consumer of ours was last active, and we lose nothing silently.
fn knows_consumers(ours: bool, peer: &str) -> bool {
    !(ours && peer.starts_with("redis 7.0"))
}

/// Puts it all in. What `peer` cannot read is left out if it is `ours` that writes.
pub(super) fn fill(session: &mut Session, ours: bool, peer: &str) -> Result<()> {
    let long = "abcdefghij".repeat(20_000);
    call(session, &["FUNCTION", "LOAD", LIBRARY])?;
    for db in DATABASES {
        call(session, &["SELECT", db])?;
        for text in ["SET int 12345", "SET negative -7", "SET float 3.25", "SET short value"] {
            line(session, text)?;
        }
        call(session, &["SET", "", "a key of no bytes"])?;
        call(session, &["SET", "odd \u{0}\r\n\u{ff}", "\u{0}\r\n$5\r\n"])?;
        call(session, &["SET", "long", &long])?;
        call(session, &["SET", "expires", "v", "PXAT", "4000000000123"])?;
        line(session, "SETBIT bits 4000 1")?;
        line(session, "PFADD hll a b c d e f")?;
        line(session, "GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania")?;
        for n in 0..600 {
            let (element, score) = (format!("element:{n}"), format!("{}.5", n % 50));
            let wide = format!("{element}:{}", "x".repeat(n % 90));
            line(session, &format!("RPUSH list:large {wide}"))?;
            line(session, &format!("SADD set:large {wide}"))?;
            line(session, &format!("SADD set:ints:large {}", n * 1_000_003))?;
            line(session, &format!("HSET hash:large {element} {wide}"))?;
            line(session, &format!("ZADD zset:large {score} {wide}"))?;
            line(session, &format!("XADD stream:large {}-{n} {element} {wide} b c", 1 + n / 7))?;
            if n < 20 {
                line(session, &format!("RPUSH list:small {element}"))?;
                line(session, &format!("SADD set:small {element}"))?;
                line(session, &format!("SADD set:ints {n}"))?;
                line(session, &format!("HSET hash:small {element} {n}"))?;
                line(session, &format!("ZADD zset:small {score} {element}"))?;
            }
        }
        call(session, &["RPUSH", "list:wide", "a", &long, "b"])?;
        // Scores that every version prints alike, as its digest does.
        line(session, "ZADD zset:odd -inf a inf b 0.5 c 1024.25 d -3 e")?;
        line(session, "PEXPIREAT zset:small 4000000000456")?;
        line(session, "XDEL stream:large 3-15 3-16")?;
        line(session, "XGROUP CREATE stream:large group 0")?;
        if knows_consumers(ours, peer) {
            line(session, "XREADGROUP GROUP group ann COUNT 20 STREAMS stream:large >")?;
            line(session, "XACK stream:large group 1-0 1-3")?;
            line(session, "XGROUP CREATECONSUMER stream:large group idle")?;
        }
        line(session, "XGROUP CREATE stream:empty group $ MKSTREAM")?;
        // Fields that expire: each family writes them in its own way, and reads no other's.
        // And only Redis's digest looks at them as ours does.
        if peer.starts_with("redis 8") {
            line(session, "HSET hash:fields a 1 b 2 c 3")?;
            line(session, "HPEXPIREAT hash:fields 4000000000789 FIELDS 2 a b")?;
            line(session, "HPEXPIREAT hash:large 4000000000789 FIELDS 2 element:1 element:2")?;
        }
    }
    Ok(())
}

/// What is changed after the base was made.
pub(super) fn change(session: &mut Session, ours: bool, peer: &str) -> Result<()> {
    for db in ["9", "0"] {
        call(session, &["SELECT", db])?;
        for text in [
            "INCRBY int 5",
            "INCRBYFLOAT float 0.1",
            "APPEND short more",
            "SET soon v EX 100000",
            "GETEX soon PERSIST",
            "SET gone v PX 1",
            "MULTI",
            "LPUSH list:small first",
            "LREM list:large 0 element:0:",
            "SPOP set:ints:large 5",
            "EXEC",
            "ZINCRBY zset:large 2 element:1:x",
            "XADD stream:large 9000-1 k v",
            "XTRIM stream:large MINID 5-0",
            "COPY hash:small hash:copy",
            "RENAME set:small set:renamed",
            "MOVE zset:odd 5",
            "EVAL return(redis.call('SET','by:script','v')) 0",
        ] {
            line(session, text)?;
        }
        if knows_consumers(ours, peer) {
            line(session, "XREADGROUP GROUP group bob COUNT 3 STREAMS stream:large >")?;
        }
    }
    // The log says that it expired when somebody looks.
    std::thread::sleep(std::time::Duration::from_millis(20));
    for db in ["9", "0"] {
        call(session, &["SELECT", db])?;
        line(session, "GET gone")?;
    }
    Ok(())
}
