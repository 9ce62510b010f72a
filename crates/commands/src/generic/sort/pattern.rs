//! Where the patterns of BY and GET lead.
//!
//! ```text
//!   #                 the element itself
//!   weight:*          the string under the key with the element in place of the asterisk
//!   item:*->price     the field of the hash under that key
//! ```

use std::borrow::Cow;

use engine::Cx;
use store::ValueRef;

/// What the pattern leads to from an element, if to anything.
pub(super) fn follow<'e>(
    cx: &mut Cx<'_>,
    pattern: &[u8],
    element: &'e [u8],
) -> Option<Cow<'e, [u8]>> {
    if pattern == b"#" {
        return Some(Cow::Borrowed(element));
    }
    let asterisk = pattern.iter().position(|byte| *byte == b'*')?;
    let (before, after) = (&pattern[..asterisk], &pattern[asterisk + 1..]);
    let (after, field) = split_field(after);
    let name = [before, element, after].concat();
    let now_ms = cx.now_ms();
    let key = cx.db.key(&name);
    let value = cx.db.read(key)?.value();
    match (value, field) {
        (ValueRef::String(string), None) => Some(Cow::Owned(string.to_vec())),
        (ValueRef::Hash(hash), Some(field)) => {
            let held = hash.get(field).filter(|held| !held.is_due(now_ms))?;
            Some(Cow::Owned(held.value.to_vec()))
        }
        _ => None,
    }
}

/// What stands before an arrow, and the field after it. An arrow with nothing after it is none.
fn split_field(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.windows(2).position(|pair| pair == b"->") {
        Some(arrow) if arrow + 2 < text.len() => (&text[..arrow], Some(&text[arrow + 2..])),
        _ => (text, None),
    }
}
