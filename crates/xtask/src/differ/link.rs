//! A connection that sends many calls at once and decodes every kind of reply.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use resp::value::{Value, decode};

/// A call: its words, the name first.
pub(crate) type Call = Vec<Vec<u8>>;

/// A reply that takes longer never comes.
const REPLY_LIMIT: Duration = Duration::from_secs(20);
const READ_BYTES: usize = 1 << 16;

pub(crate) struct Link {
    stream: TcpStream,
    /// What arrived, and up to where it was decoded.
    input: Vec<u8>,
    at: usize,
}

impl Link {
    pub(crate) fn open(port: u16) -> Result<Link> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("connect to the server")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_LIMIT))?;
        Ok(Link { stream, input: Vec::new(), at: 0 })
    }

    pub(crate) fn send(&mut self, calls: &[Call]) -> Result<()> {
        let mut requests = Vec::new();
        for call in calls {
            resp::encode::write_request(&mut requests, call.iter());
        }
        self.stream.write_all(&requests).context("send to the server")
    }

    pub(crate) fn reply(&mut self) -> Result<Value> {
        loop {
            if let Some((value, len)) = decode(&self.input[self.at..])? {
                self.at += len;
                if self.at == self.input.len() {
                    self.input.clear();
                    self.at = 0;
                }
                return Ok(value);
            }
            self.input.drain(..self.at);
            self.at = 0;
            let len = self.input.len();
            self.input.resize(len + READ_BYTES.max(len), 0);
            let count = self.stream.read(&mut self.input[len..]).context("wait for a reply")?;
            self.input.truncate(len + count);
            if count == 0 {
                bail!("the server closed the connection");
            }
        }
    }

    /// Sends one call and waits for its reply.
    pub(crate) fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Value> {
        self.send(&[words.iter().map(|word| word.as_ref().to_vec()).collect()])?;
        self.reply()
    }
}

/// A call as one types it.
pub(crate) fn shown(call: &[Vec<u8>]) -> String {
    let word = |word: &Vec<u8>| {
        let plain = !word.is_empty() && word.iter().all(|b| b.is_ascii_graphic() && *b != b'"');
        let text = word.escape_ascii().to_string();
        if plain { text } else { format!("\"{text}\"") }
    };
    call.iter().map(word).collect::<Vec<_>>().join(" ")
}
