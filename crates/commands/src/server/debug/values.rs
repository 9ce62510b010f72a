//! How values and indexes are held.

use engine::{CmdError, CmdResult, Cx};
use store::eviction_clock::Usage;
use store::value::list::NodeRef;
use store::value::{List, SetRef, SortedSetRef};
use store::{Record, StrRef, ValueRef, View};

pub(super) fn object(cx: &mut Cx<'_>) -> CmdResult {
    let usage: Usage = cx.db.usage;
    let record = cx.db.peek(cx.key(2)).ok_or(CmdError::NO_SUCH_KEY)?;
    let line = format!(
        "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        record.key().as_ptr(),
        record.encoding_name(),
        serialized_bytes(&record),
        record.usage(),
        usage.idle_ms(record.usage()) / 1000,
    );
    cx.reply.simple(line);
    Ok(())
}

/// Bytes of the value in an RDB file, were it not compressed.
fn serialized_bytes(record: &Record<'_>) -> usize {
    let length = |n: usize| match n {
        0..64 => 1,
        64..16384 => 2,
        _ => 5,
    };
    let text = |len: usize| length(len) + len;
    match record.value() {
        ValueRef::String(StrRef::Int(n)) if i8::try_from(n).is_ok() => 2,
        ValueRef::String(StrRef::Int(n)) if i16::try_from(n).is_ok() => 3,
        ValueRef::String(StrRef::Int(n)) if i32::try_from(n).is_ok() => 5,
        ValueRef::String(string) => text(string.len()),
        ValueRef::List(list) => {
            let nodes = list.nodes();
            let count = length(nodes.len());
            let node = |node: NodeRef<'_>| match node {
                NodeRef::Packed(pack) => 1 + text(pack.byte_len()),
                NodeRef::Plain(element) => 1 + text(element.len()),
            };
            count + nodes.map(node).sum::<usize>()
        }
        ValueRef::Set(set) => {
            length(set.len()) + set.iter().map(|e| text(e.text_len())).sum::<usize>()
        }
        ValueRef::Hash(hash) => match hash.packed() {
            Some((_, pack)) => text(pack.byte_len()),
            None => {
                let fields = hash.iter();
                let sizes = fields.map(|f| text(f.name.text_len()) + text(f.value.text_len()));
                length(hash.len()) + sizes.sum::<usize>()
            }
        },
        ValueRef::SortedSet(SortedSetRef::Listpack(pack)) => text(pack.byte_len()),
        ValueRef::SortedSet(set) => {
            const SCORE_BYTES: usize = 8;
            let sizes = set.iter().map(|pair| text(pair.member.text_len()) + SCORE_BYTES);
            length(set.len()) + sizes.sum::<usize>()
        }
        ValueRef::Stream(stream) => {
            let nodes = stream.log.nodes().map(|node| text(16) + text(node.to_redis().len()));
            length(stream.log.node_count()) + nodes.sum::<usize>()
        }
    }
}

pub(super) fn sdslen(cx: &mut Cx<'_>) -> CmdResult {
    let record = cx.db.peek(cx.key(2)).ok_or(CmdError::NO_SUCH_KEY)?;
    let Some(StrRef::Bytes(value)) = record.string() else {
        return Err(CmdError::text("ERR Not an sds encoded string."));
    };
    // One allocation holds key and value, so each has only its part of it.
    let line = format!(
        "key_sds_len:{0}, key_sds_avail:0, key_zmalloc: {0}, val_sds_len:{1}, val_sds_avail:0, \
         val_zmalloc: {1}",
        record.key().len(),
        value.len(),
    );
    cx.reply.simple(line);
    Ok(())
}

/// Says that it showed the listpack, as tests expect; there is nothing in one that DUMP hides.
pub(super) fn listpack(cx: &mut Cx<'_>) -> CmdResult {
    let record = cx.db.peek(cx.key(2)).ok_or(CmdError::NO_SUCH_KEY)?;
    if !record.encoding_name().starts_with("listpack") {
        return Err(CmdError::text("ERR Not a listpack encoded object."));
    }
    cx.reply.simple("Listpack structure printed on stdout");
    Ok(())
}

/// Logs what each node of a large list holds.
pub(super) fn quicklist(cx: &mut Cx<'_>) -> CmdResult {
    let record = cx.db.peek(cx.key(2)).ok_or(CmdError::NO_SUCH_KEY)?;
    let Some(list) = record.collection::<List>().filter(|list| list.encoding_name() == "quicklist")
    else {
        return Err(CmdError::text("ERR Not a quicklist encoded object."));
    };
    let lines: Vec<String> = list
        .nodes()
        .map(|node| match node {
            NodeRef::Packed(pack) => format!("{} bytes, {} entries", pack.byte_len(), pack.len()),
            NodeRef::Plain(element) => format!("{} bytes, plain", element.len()),
        })
        .collect();
    for (index, line) in lines.iter().enumerate() {
        cx.engine.host.log('*', &format!("quicklist node {index}: {line}"));
    }
    cx.reply.simple("Quicklist structure printed on stdout");
    Ok(())
}

pub(super) fn htstats(cx: &mut Cx<'_>) -> CmdResult {
    let index = usize::try_from(cx.int(2)?).ok().filter(|index| *index < cx.db.databases());
    let index = index.ok_or(CmdError::text("ERR Out of range database"))?;
    let full = cx.argc() > 3 && cx.is_word(3, "full");
    let text = cx.db.within(index, |db| {
        let (mut bytes, mut by_shard) = (0, String::new());
        for shard in 0..db.shard_count() {
            let part = db.shard(shard);
            bytes += part.table_bytes();
            if full && !part.is_empty() {
                by_shard.push_str(&format!(" shard {shard}: {:?}\n", part.stats()));
            }
        }
        format!(
            "[Dictionary HT]\nHash table 0 stats (main hash table):\n table bytes: {bytes}\n \
             number of elements: {}\n{by_shard}[Expires HT]\n number of elements: {}\n",
            db.len(),
            db.expires(),
        )
    });
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

pub(super) fn htstats_key(cx: &mut Cx<'_>) -> CmdResult {
    let record = cx.db.peek(cx.key(2)).ok_or(CmdError::NO_SUCH_KEY)?;
    match record.value() {
        ValueRef::SortedSet(SortedSetRef::Skiplist(set)) => {
            let text = format!(
                "Hash table 0 stats (main hash table):\n table bytes: {}\n number of elements: {}\n",
                set.elements().bytes(),
                set.len()
            );
            cx.reply.verbatim(b"txt", text.as_bytes());
            Ok(())
        }
        ValueRef::Set(SetRef::Table(table)) => {
            let stats = table.table_stats();
            let text = format!(
                "Hash table 0 stats (main hash table):\n table size: {}\n number of elements: {}\n",
                stats.slots, stats.entries,
            );
            cx.reply.verbatim(b"txt", text.as_bytes());
            Ok(())
        }
        _ => Err(CmdError::text(
            "ERR The value stored at the specified key is not represented using an hash table",
        )),
    }
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::transcript::printed;

    use super::super::tests::allowing;

    #[test]
    fn object_tells_encoding_and_size() {
        let (mut server, mut ann) = allowing();
        server.reply(&mut ann, "DEBUG POPULATE 1");
        let Value::Simple(line) = server.reply(&mut ann, "DEBUG OBJECT key:0") else {
            panic!("DEBUG OBJECT answers a line")
        };
        let line = String::from_utf8(line).expect("the line is text");
        assert!(line.starts_with("Value at:0x"), "{line}");
        assert!(line.contains(" refcount:1 encoding:embstr serializedlength:8 lru:"), "{line}");
    }

    #[test]
    fn htstats_counts_over_all_shards() {
        let (mut server, mut ann) = allowing();
        server.reply(&mut ann, "DEBUG POPULATE 1000");
        let reply = printed(&server.reply(&mut ann, "DEBUG HTSTATS 0 full"));
        assert!(reply.contains("number of elements: 1000"), "{reply}");
    }
}
