//! Connections that subscribe and read what they are told, on the core of the load.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use anyhow::{Context, Result};

use super::server::on_core;
use super::workload::CHANNEL;

/// They end when this is dropped.
pub(crate) struct Subscribers(Vec<TcpStream>);

impl Subscribers {
    pub(crate) fn open(port: u16, count: usize, core: Option<usize>) -> Result<Subscribers> {
        let mut subscribers = Subscribers(Vec::with_capacity(count));
        for _ in 0..count {
            let stream = TcpStream::connect(("127.0.0.1", port)).context("subscribe")?;
            let mut reader = stream.try_clone()?;
            subscribers.0.push(stream);
            reader.write_all(format!("SUBSCRIBE {CHANNEL}\r\n").as_bytes())?;
            let read = move || {
                let mut received = [0; 16 * 1024];
                // Its end is the end of the connection, however that comes.
                while reader.read(&mut received).is_ok_and(|n| n > 0) {}
            };
            on_core(core, || std::thread::Builder::new().stack_size(64 * 1024).spawn(read))?
                .context("start a subscriber")?;
        }
        Ok(subscribers)
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        for stream in &self.0 {
            // What is closed already needs no end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
