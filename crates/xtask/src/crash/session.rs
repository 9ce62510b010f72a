//! A client that asks and waits.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use resp::Value;

/// Longer than any reply takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection over a Unix socket.
pub(crate) struct Session {
    pub(crate) stream: UnixStream,
    input: Vec<u8>,
}

impl Session {
    pub(crate) fn connect(socket: &Path) -> Result<Session> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Session { stream, input: Vec::new() })
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<Value> {
        let mut request = Vec::new();
        resp::encode::write_request(&mut request, words.iter());
        self.stream.write_all(&request)?;
        self.value()
    }

    pub(crate) fn value(&mut self) -> Result<Value> {
        let mut buffer = [0; 4096];
        loop {
            if let Some((value, used)) = resp::decode(&self.input).ok().flatten() {
                self.input.drain(..used);
                return Ok(value);
            }
            match self.stream.read(&mut buffer)? {
                0 => bail!("the server closed the connection"),
                n => self.input.extend_from_slice(&buffer[..n]),
            }
        }
    }
}
