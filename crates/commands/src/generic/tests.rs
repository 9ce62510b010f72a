//! What several files of this group have in common.

use resp::Value;
use store::Access;
use testkit::{Session, TestServer};

/// Lets the time of a key that is there come: nobody has to wait for it.
pub(super) fn make_due(server: &mut TestServer, session: &mut Session, name: &str) {
    let keyspace = &server.engine.keyspace;
    let key = keyspace.key(name.as_bytes());
    let mut access = Access::one(keyspace, key.hash).expect("nobody else is there");
    let part = access.db(keyspace, session.client.db, key.hash);
    let slot = part.find(key).expect("the test has made the key");
    part.set_expire(slot, Some(1));
}

/// The texts in an array.
pub(super) fn texts(reply: &Value) -> Vec<String> {
    let Value::Array(elements) = reply else { panic!("{reply:?} is no array") };
    elements.iter().map(|e| e.text().expect("it holds texts").into_owned()).collect()
}
