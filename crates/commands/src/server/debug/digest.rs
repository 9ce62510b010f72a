//! Fingerprints of values and data sets, by Redis's algorithm: servers that hold the same answer
//! the same.
//!
//! ```text
//!   mix  d, x    d = SHA1(d xor SHA1(x))     order matters: keys, strings, lists
//!   add  d, x    d = d xor SHA1(x)           it does not: sets, databases
//! ```

use engine::{CmdResult, Cx};
use sha1::{Digest as _, Sha1};
use store::value::stream::StreamId;
use store::{Record, Type, ValueRef};
use structures::listpack::TextBuffer;

struct Digest([u8; 20]);

impl Digest {
    const ZERO: Digest = Digest([0; 20]);

    /// Order does not matter.
    fn add(&mut self, bytes: &[u8]) {
        let sha: [u8; 20] = Sha1::digest(bytes).into();
        self.0.iter_mut().zip(sha).for_each(|(d, s)| *d ^= s);
    }

    /// Order matters.
    fn mix(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Mixes in a value and whether it expires.
fn mix_value(digest: &mut Digest, record: &Record<'_>) {
    // Redis's numbers of the types.
    let kind: u32 = match record.value_type() {
        Type::String => 0,
        Type::List => 1,
        Type::Set => 2,
        Type::SortedSet => 3,
        Type::Hash => 4,
        Type::Stream => 6,
    };
    digest.mix(&kind.to_be_bytes());
    match record.value() {
        ValueRef::String(string) => digest.mix(&string.to_vec()),
        ValueRef::List(list) => {
            let mut buffer = TextBuffer::new();
            list.iter().for_each(|element| digest.mix(element.text(&mut buffer)));
        }
        ValueRef::Set(set) => set.iter().for_each(|member| digest.add(&member.to_vec())),
        ValueRef::Hash(hash) => {
            for field in hash.iter() {
                let mut one = Digest::ZERO;
                one.mix(&field.name.to_vec());
                one.mix(&field.value.to_vec());
                if field.expire_ms.is_some() {
                    one.add(b"!!hexpire!!");
                }
                digest.add(&one.0);
            }
        }
        ValueRef::SortedSet(set) => {
            let mut text = Vec::new();
            for pair in set.iter() {
                let mut element = Digest::ZERO;
                element.mix(&pair.member.to_vec());
                text.clear();
                base::number::write_f64_resp(&mut text, pair.score());
                element.mix(&text);
                digest.add(&element.0);
            }
        }
        ValueRef::Stream(stream) => {
            for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
                digest.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                for (field, value) in entry.pairs() {
                    digest.mix(&field.to_vec());
                    digest.mix(&value.to_vec());
                }
            }
        }
    }
    if record.has_expire() {
        digest.add(b"!!expire!!");
    }
}

pub(super) fn digest(cx: &mut Cx<'_>) -> CmdResult {
    let mut all = Digest::ZERO;
    for index in 0..cx.db.databases() {
        cx.db.within(index, |db| {
            if db.is_empty() {
                return;
            }
            all.mix(&(index as u32).to_be_bytes());
            for shard in 0..db.shard_count() {
                db.shard(shard).for_each(|record| {
                    let mut entry = Digest::ZERO;
                    entry.mix(record.key());
                    mix_value(&mut entry, &record);
                    all.add(&entry.0);
                });
            }
        });
    }
    cx.reply.simple(all.hex());
    Ok(())
}

pub(super) fn digest_value(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.array(cx.argc() - 2);
    for i in 2..cx.argc() {
        let mut digest = Digest::ZERO;
        // An expired key counts until it is removed.
        if let Some(record) = cx.db.peek(cx.key(i)) {
            mix_value(&mut digest, &record);
        }
        cx.reply.simple(digest.hex());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use store::{Expire, NewValue};
    use testkit::transcript::printed;

    use super::super::tests::allowing;

    /// What Redis 8.0.6 answered for the same data.
    #[test]
    fn equal_data_gives_the_digest_that_redis_gives() {
        let (mut server, mut ann) = allowing();
        let reply = printed(&server.reply(&mut ann, "DEBUG DIGEST"));
        assert!(reply.contains(&"0".repeat(40)), "{reply}");
        let keyspace = &server.engine.keyspace;
        let set = |name: &[u8], value: NewValue<'_>, expire| {
            let key = keyspace.key(name);
            let mut shard = keyspace.lock(keyspace.shard_of(key.hash));
            shard.dbs[0].set(None, key, value, expire, 0);
        };
        set(b"s", NewValue::Text(b"hello"), Expire::Clear);
        set(b"n", NewValue::Int(12345), Expire::At(i64::MAX));
        let reply = printed(&server.reply(&mut ann, "DEBUG DIGEST-VALUE s n nokey"));
        assert!(reply.contains("36b23a1456b2dce2c3ed252c456761301dba8060"), "{reply}");
        assert!(reply.contains("074a6e8892a0b0b4fcf085794cb69322c36c9d00"), "{reply}");
        let reply = printed(&server.reply(&mut ann, "DEBUG DIGEST"));
        assert!(reply.contains("f1e96a120320601cf1a1355c736cbd8d396487ac"), "{reply}");
    }
}
