//! A start: a real engine loads what is on the disk.

use std::sync::atomic::Ordering::Relaxed;

use config::{Config, Host, id};

use crate::TestServer;
use crate::disk::SimDisk;

/// Longer than any load takes.
const BUDGET_US: u64 = 1 << 40;

/// What a start found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The first so many.
    pub writes: usize,
    pub has_repaired: bool,
}

/// Starts from the disk and compares with what was written.
///
/// # Errors
/// Why it does not start, or what differs.
pub fn start(disk: &SimDisk, writes: &[Vec<u8>]) -> Result<Found, String> {
    // Not switched on: the log is loaded, and nothing is begun behind it.
    let mut config = Config::new(&Host { cores: 1, dir: "/".into() });
    config.record(id::MAXMEMORY, &[b"0"]).map_err(|refusal| refusal.to_string())?;
    let mut server = TestServer::on_disk(1, config, disk.clone());
    server.load_log(BUDGET_US)?;
    let mut session = server.connect();
    let resp::Value::Integer(keys) = server.reply(&mut session, "DBSIZE") else {
        return Err("no size".to_owned());
    };
    let found = keys as usize;
    if found > writes.len() {
        return Err(format!("{found} writes are there, {} were made", writes.len()));
    }
    let mut input = Vec::new();
    for n in 0..found {
        resp::encode::write_request(&mut input, [&b"GET"[..], n.to_string().as_bytes()].iter());
    }
    let out = server.feed(&mut session, &input);
    let mut at = 0;
    for (n, write) in writes[..found].iter().enumerate() {
        let (value, used) = resp::decode(&out[at..]).ok().flatten().ok_or("no whole reply")?;
        at += used;
        if value != resp::Value::Bulk(write.clone()) {
            return Err(format!("write {n} of {found} is there otherwise than it was made"));
        }
    }
    let log = server.host.log.lock().expect("tests do not panic while logging");
    let has_repaired = log.iter().any(|line| line.contains("Truncating the AOF"));
    debug_assert!(server.engine.persistence.load_started_s.load(Relaxed) > 0);
    Ok(Found { writes: found, has_repaired })
}
