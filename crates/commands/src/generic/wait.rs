//! WAIT and WAITAOF: until replicas have what the caller wrote, and until it is on the disk.
//!
//! # Limits
//!
//! There are no replicas yet that acknowledge: the answer is always 0, at once to who wants none
//! and when the time is over to who wants some, as from a Redis that has none.

use command::declare::{Flag::Blocking, Group, Lock, integer};
use engine::{CmdError, CmdResult, Command, Cx};

pub(super) const WAIT: Command = Command {
    name: "WAIT",
    group: Group::Connection,
    since: "3.0.0",
    summary: "Waits until so many replicas have all that the connection wrote; returns how many do.",
    complexity: "O(1)",
    flags: &[Blocking],
    args: &[integer("numreplicas"), integer("timeout")],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    examples: &[
        ("WAIT 0 0", "(integer) 0"),
        ("WAIT -1 0", "(integer) 0"),
        ("WAIT 1 -1", "(error) ERR timeout is negative"),
        ("WAIT x 1", "(error) ERR value is not an integer or out of range"),
        ("WAIT 1 x", "(error) ERR timeout is not an integer or out of range"),
    ],
    ..Command::base(wait)
};

/// Replicas that have acknowledged everything.
const ACKNOWLEDGED: i64 = 0;

fn wait(cx: &mut Cx<'_>) -> CmdResult {
    let wanted = cx.int(1)?;
    let deadline_ms = cx.deadline_ms(2)?;
    if wanted <= ACKNOWLEDGED || !cx.block_for_replicas(ACKNOWLEDGED, deadline_ms) {
        cx.reply.integer(ACKNOWLEDGED);
    }
    Ok(())
}

pub(super) const WAITAOF: Command = Command {
    name: "WAITAOF",
    group: Group::Connection,
    since: "7.2.0",
    summary: "Waits until what the connection wrote is on the disk, here and at so many replicas.",
    complexity: "O(1)",
    flags: &[Blocking],
    args: &[integer("numlocal"), integer("numreplicas"), integer("timeout")],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    examples: &[
        ("WAITAOF 0 0 0", "1) (integer) 0\n2) (integer) 0"),
        (
            "WAITAOF 1 0 0",
            "(error) ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ),
        ("WAITAOF 2 0 0", "(error) ERR value is out of range, value must between 0 and 1"),
        ("WAITAOF 0 -1 0", "(error) ERR value is out of range, must be positive"),
        ("WAITAOF 0 0 -1", "(error) ERR timeout is negative"),
    ],
    ..Command::base(waitaof)
};

fn waitaof(cx: &mut Cx<'_>) -> CmdResult {
    let local = cx.int(1)?;
    if !(0..=1).contains(&local) {
        return Err(CmdError::NUMLOCAL);
    }
    let replicas = cx.int(2)?;
    if replicas < 0 {
        return Err(CmdError::NOT_POSITIVE);
    }
    let deadline_ms = cx.deadline_ms(3)?;
    let engine = cx.engine;
    if local > 0 && !engine.aof.is_on() {
        return Err(CmdError::WAITAOF_OFF);
    }
    let is_durable = engine.is_in_log(cx.client.wrote_until);
    let is_enough = replicas <= ACKNOWLEDGED && (local == 0 || is_durable);
    if is_enough || !cx.block_for_log(replicas > ACKNOWLEDGED, deadline_ms) {
        cx.reply.array(2);
        cx.reply.integer(i64::from(is_durable));
        cx.reply.integer(ACKNOWLEDGED);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::TestServer;

    #[test]
    fn who_wants_replicas_waits_and_who_wants_them_in_a_transaction_does_not() {
        let mut server = TestServer::new(2);
        let (mut ann, mut bob) = (server.connect(), server.connect_to(1));
        assert_eq!(
            server.feed(&mut ann, b"MULTI\r\nWAIT 1 0\r\nEXEC\r\n"),
            b"+OK\r\n+QUEUED\r\n*1\r\n:0\r\n"
        );
        assert_eq!(server.feed(&mut ann, b"WAIT 1 0\r\n"), b"");
        let blocked = ann.client.blocked.clone().expect("it waits");
        assert_eq!(blocked.deadline_ms, None);
        assert_eq!(server.engine.timeout_reply(&blocked), b":0\r\n");
        let unblock = format!("CLIENT UNBLOCK {}", ann.client.id);
        // A session that the test holds is in no table: only its own worker can end the wait.
        assert_eq!(server.reply(&mut bob, &unblock), Value::Integer(0));
        assert_eq!(server.reply(&mut bob, "WAIT 0 100"), Value::Integer(0));
    }
}
