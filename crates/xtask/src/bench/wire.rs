//! A small pipelining client: enough RESP2 to fill a server and to ask it a few things.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

/// Requests sent before their replies are read. Their replies fit the socket's buffers.
const BATCH: usize = 500;

pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
    requests: Vec<u8>,
}

/// The replies the benchmarks ask for: no aggregates.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Status(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
}

impl Connection {
    pub(crate) fn open(port: u16) -> Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("connect to the server")?;
        stream.set_nodelay(true)?;
        let reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        Ok(Connection { reader, stream, requests: Vec::new() })
    }

    /// Sends one request and waits for its reply; an error reply is an error.
    pub(crate) fn call(&mut self, words: &[&[u8]]) -> Result<Reply> {
        self.add(words);
        self.send()?;
        self.reply()
    }

    /// Sends what was added, which is `count` requests whose replies fit the socket's buffers.
    pub(crate) fn answers(&mut self, count: usize) -> Result<Vec<Reply>> {
        self.send()?;
        (0..count).map(|_| self.reply()).collect()
    }

    /// Sends all requests, many at a time. `write` gives the `n`th to its argument.
    pub(crate) fn pipeline(
        &mut self,
        count: usize,
        mut write: impl FnMut(usize, &mut Connection),
    ) -> Result<()> {
        for start in (0..count).step_by(BATCH) {
            let end = count.min(start + BATCH);
            for n in start..end {
                write(n, self);
            }
            self.send()?;
            for _ in start..end {
                self.reply()?;
            }
        }
        Ok(())
    }

    /// Appends a request that the next `send` takes along.
    pub(crate) fn add(&mut self, words: &[&[u8]]) {
        self.requests.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            self.requests.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.requests.extend_from_slice(word);
            self.requests.extend_from_slice(b"\r\n");
        }
    }

    pub(crate) fn send(&mut self) -> Result<()> {
        self.stream.write_all(&self.requests).context("send to the server")?;
        self.requests.clear();
        Ok(())
    }

    pub(crate) fn reply(&mut self) -> Result<Reply> {
        let mut line = String::new();
        self.reader.read_line(&mut line).context("read from the server")?;
        let line = line.strip_suffix("\r\n").context("the server closed the connection")?;
        let (kind, text) = line.split_at_checked(1).context("an empty reply")?;
        match kind {
            "+" => Ok(Reply::Status(text.to_owned())),
            ":" => Ok(Reply::Integer(text.parse().context("an integer reply")?)),
            "-" => bail!("the server answers: {text}"),
            "$" if text == "-1" => Ok(Reply::Bulk(None)),
            "$" => {
                let length: usize = text.parse().context("the length of a reply")?;
                ensure!(length <= 64 << 20, "a reply of {length} bytes");
                let mut value = vec![0; length + 2];
                self.reader.read_exact(&mut value).context("read from the server")?;
                value.truncate(length);
                Ok(Reply::Bulk(Some(value)))
            }
            _ => bail!("a reply of an unexpected kind: {line}"),
        }
    }

    /// The number behind `field:` in INFO's `section`.
    pub(crate) fn info(&mut self, section: &str, field: &str) -> Result<u64> {
        let reply = self.call(&[b"INFO", section.as_bytes()])?;
        let Reply::Bulk(Some(text)) = reply else { bail!("INFO answers {reply:?}") };
        let text = String::from_utf8_lossy(&text);
        text.lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .with_context(|| format!("INFO {section} has no {field}"))?
            .trim()
            .parse()
            .with_context(|| format!("INFO's {field}"))
    }
}
