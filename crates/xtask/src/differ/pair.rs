//! The two servers of a differential run, and what comes out when both play the same calls.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use resp::value::Value;

use super::Family;
use super::compare::agree;
use super::link::{Call, Link, shown};
use super::plan::Plan;
use super::words::all_keys;
use crate::bench::server::Server;

/// Calls sent before their replies are read.
const BATCH: usize = 250;

pub(crate) struct Pair {
    ours: Side,
    peer: Side,
    family: Family,
    programs: [PathBuf; 2],
    workers: usize,
}

pub(crate) struct Side {
    /// Ends with us.
    _server: Server,
    pub(crate) link: Link,
}

/// The first place at which two servers part.
#[derive(Debug)]
pub(crate) enum Difference {
    Reply {
        index: usize,
        ours: Value,
        theirs: Value,
    },
    /// One of the servers went away after this call or one soon before.
    Death {
        index: usize,
        what: String,
    },
}

impl Side {
    fn start(program: &Path, threads: usize) -> Result<Side> {
        let server = Server::start(program, threads, None)?;
        let link = Link::open(server.port())?;
        Ok(Side { _server: server, link })
    }
}

impl Pair {
    pub(crate) fn start(ours: &Path, peer: &Path, workers: usize) -> Result<Pair> {
        let programs = [ours.to_owned(), peer.to_owned()];
        let mut peer = Side::start(peer, 1)?;
        let info = peer.link.ask(&["INFO", "server"])?;
        let info = info.text().context("INFO answers no text")?.into_owned();
        let family =
            if info.contains("server_name:valkey") { Family::Valkey } else { Family::Redis };
        // It looks so often, in a second, at who has waited long enough.
        peer.link.ask(&["CONFIG", "SET", "hz", "500"])?;
        let ours = Side::start(ours, workers)?;
        Ok(Pair { ours, peer, family, programs, workers })
    }

    fn restart(&mut self) -> Result<()> {
        let [ours, peer] = &self.programs;
        *self = Pair::start(ours, peer, self.workers)?;
        Ok(())
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn peer_link(&mut self) -> &mut Link {
        &mut self.peer.link
    }

    pub(crate) fn our_link(&mut self) -> &mut Link {
        &mut self.ours.link
    }

    /// Plays the calls on both; the first difference, if there is any.
    pub(crate) fn play(&mut self, calls: &[Call]) -> Result<Option<Difference>> {
        for (batch, part) in calls.chunks(BATCH).enumerate() {
            let first = batch * BATCH;
            let mut parted = None;
            let end = first + part.len() - 1;
            if let Err(error) = self.play_batch(part, first, &mut parted) {
                self.restart()?;
                let what = format!("{error:#}");
                return Ok(Some(parted.unwrap_or(Difference::Death { index: end, what })));
            }
            if parted.is_some() {
                return Ok(parted);
            }
        }
        Ok(None)
    }

    fn play_batch(
        &mut self,
        part: &[Call],
        first: usize,
        parted: &mut Option<Difference>,
    ) -> Result<()> {
        self.ours.link.send(part).context("ours")?;
        self.peer.link.send(part).context("the peer")?;
        for (at, call) in part.iter().enumerate() {
            let ours = self.ours.link.reply().context("ours")?;
            let theirs = self.peer.link.reply().context("the peer")?;
            // HELLO tells who answers.
            if parted.is_none()
                && !call[0].eq_ignore_ascii_case(b"HELLO")
                && !agree(self.family, call, &ours, &theirs)
            {
                *parted = Some(Difference::Reply { index: first + at, ours, theirs });
            }
        }
        Ok(())
    }
}

impl Difference {
    pub(crate) fn index(&self) -> usize {
        match self {
            Difference::Reply { index, .. } | Difference::Death { index, .. } => *index,
        }
    }

    /// What differences with the same cause have in common.
    pub(crate) fn kind(&self, calls: &[Call]) -> String {
        match self {
            Difference::Reply { index, ours, theirs } => {
                let name = String::from_utf8_lossy(&calls[*index][0]).to_uppercase();
                format!("{name} {} for {}", gist(ours), gist(theirs))
            }
            Difference::Death { what, .. } => what.clone(),
        }
    }

    pub(crate) fn shown(&self, calls: &[Call]) -> String {
        match self {
            Difference::Reply { index, ours, theirs } => {
                let call = shown(&calls[*index]);
                format!("> {call}\n  ours: {}\n  peer: {}", printed(ours), printed(theirs))
            }
            Difference::Death { what, .. } => format!("  {what}"),
        }
    }
}

/// A reply as ochre-cli prints it, its beginning.
pub(crate) fn printed(value: &Value) -> String {
    const SHOWN_CHARS: usize = 600;
    let text = cli::format::print(value, cli::format::Style::Standard);
    let text = String::from_utf8_lossy(&text).trim_end().replace('\n', "\n        ");
    text.chars().take(SHOWN_CHARS).collect()
}

/// What kind of reply it is; of an error, its text.
fn gist(value: &Value) -> String {
    match value {
        Value::Error(text) => {
            // What stands in quotes is what was sent.
            let text = String::from_utf8_lossy(text);
            let parts = text.split('\'').step_by(2);
            format!("-{}", parts.collect::<Vec<_>>().join("'…'"))
        }
        Value::Null => "null".to_owned(),
        Value::Integer(_) => "integer".to_owned(),
        Value::Array(_) | Value::Set(_) | Value::Map(_) => "list".to_owned(),
        _ => "text".to_owned(),
    }
}

/// Calls that read everything there is under every name, as far as both servers have the command.
pub(crate) fn readings(plan: &Plan) -> Vec<Call> {
    const READINGS: &[&str] = &[
        "TYPE {}",
        "OBJECT ENCODING {}",
        "PEXPIRETIME {}",
        "GET {}",
        "LRANGE {} 0 -1",
        "SMEMBERS {}",
        "ZRANGE {} 0 -1 WITHSCORES",
        "HGETALL {}",
        "HPEXPIRETIME {} FIELDS 12 0 1 2 3 4 5 f0 f1 f2 f3 f4 f5",
        "XRANGE {} - +",
        "XINFO STREAM {} FULL COUNT 0",
        "XINFO GROUPS {}",
    ];
    let known: Vec<&str> = READINGS.iter().copied().filter(|text| plan.has(text)).collect();
    let of_key = |key: String| known.iter().map(move |text| text.replacen("{}", &key, 1));
    std::iter::once("KEYS *".to_owned())
        .chain(all_keys().flat_map(of_key))
        .map(|text| text.split(' ').map(|word| word.as_bytes().to_vec()).collect())
        .collect()
}
