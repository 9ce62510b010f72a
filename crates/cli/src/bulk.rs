//! Much at once: `--pipe` feeds a file of requests, `--scan` lists the keys.

use crate::connection::{Connection, Lost, Ready};
use crate::format::Style;
use crate::options::Options;
use crate::session::{Session, Trouble, write_out};
use base::random::Random;
use base::split_args::quote;
use resp::value::Value;
use std::io::{self, Read};
use std::time::Instant;

/// Bytes read from standard input at a time; small enough that replies are taken in between, or
/// both sides would wait for the other with full buffers.
const PIECE_BYTES: usize = 16 * 1024;

/// Sends standard input to the server as it is and counts the replies. Returns the number of
/// errors among them.
pub fn pipe(options: &Options) -> Result<u64, Trouble> {
    let mut session = Session::new(options);
    session.connect()?;
    let mut connection = session.into_connection();
    let mut counted = Counted::default();
    let mut input = io::stdin().lock();
    let mut piece = [0; PIECE_BYTES];
    loop {
        let length = input.read(&mut piece).map_err(Trouble::Output)?;
        if length == 0 {
            break;
        }
        connection.send_bytes(&piece[..length])?;
        if connection.wait(None, None, Some(std::time::Duration::ZERO))? == Ready::Server {
            connection.read_ready()?;
            counted.take(&mut connection, None)?;
        }
    }
    // The reply to this one is known, so its arrival says that all others have arrived. The
    // empty line ends what an unfinished inline command may have left.
    let magic = Random::from_os().hex(20).into_bytes();
    connection.send_bytes(b"\r\n")?;
    connection.send(&[b"ECHO".to_vec(), magic.clone()])?;
    write_out(b"All data transferred. Waiting for the last reply...\n")?;
    let patience = options.pipe_timeout;
    let mut last_read = Instant::now();
    while !counted.take(&mut connection, Some(&magic))? {
        let limit = (!patience.is_zero()).then(|| patience.saturating_sub(last_read.elapsed()));
        match connection.wait(None, None, limit)? {
            Ready::Server => {
                connection.read_ready()?;
                last_read = Instant::now();
            }
            Ready::Timeout if limit.is_some_and(|limit| limit.is_zero()) => {
                eprintln!("No replies for {} seconds: exiting.", patience.as_secs());
                counted.errors += 1;
                break;
            }
            Ready::Timeout | Ready::Other | Ready::Interrupt => {}
        }
    }
    let Counted { errors, replies } = counted;
    write_out(format!("errors: {errors}, replies: {replies}\n").as_bytes())?;
    Ok(errors)
}

#[derive(Default)]
struct Counted {
    errors: u64,
    replies: u64,
}

impl Counted {
    /// Counts the replies that are here; true if the last one, known by its text, is among them.
    fn take(&mut self, connection: &mut Connection, magic: Option<&[u8]>) -> Result<bool, Lost> {
        while let Some(reply) = connection.received()? {
            match &reply {
                Value::Error(error) => {
                    eprintln!("{}", String::from_utf8_lossy(error));
                    self.errors += 1;
                }
                Value::Bulk(text) if Some(text.as_slice()) == magic => {
                    println!("Last reply received from server.");
                    return Ok(true);
                }
                _ => {}
            }
            self.replies += 1;
        }
        Ok(false)
    }
}

/// Prints every key, one a line.
pub fn scan(options: &Options) -> Result<(), Trouble> {
    let mut session = Session::new(options);
    session.connect()?;
    let quoted = session.style() == Style::Standard;
    let mut connection = session.into_connection();
    let mut cursor = b"0".to_vec();
    loop {
        let mut request = vec![b"SCAN".to_vec(), cursor];
        if let Some(pattern) = &options.pattern {
            request.extend([b"MATCH".to_vec(), pattern.clone()]);
        }
        request.extend([b"COUNT".to_vec(), options.count.to_string().into_bytes()]);
        connection.send(&request)?;
        let reply = connection.receive(None)?;
        let Page { next, keys } = scan_page(reply)?;
        let mut lines = Vec::new();
        for key in keys {
            let Value::Bulk(key) = key else { continue };
            lines.extend_from_slice(&if quoted { quote(&key) } else { key });
            lines.push(b'\n');
        }
        write_out(&lines)?;
        if next == b"0" {
            return Ok(());
        }
        cursor = next;
        std::thread::sleep(options.interval);
    }
}

/// A reply to SCAN.
struct Page {
    next: Vec<u8>,
    keys: Vec<Value>,
}

fn scan_page(reply: Value) -> Result<Page, Trouble> {
    let strange = || Trouble::Refused("Non ARRAY response from SCAN!".to_string());
    match reply {
        Value::Error(error) => {
            let error = String::from_utf8_lossy(&error);
            Err(Trouble::Refused(format!("SCAN error: {error}")))
        }
        Value::Array(elements) => match <[Value; 2]>::try_from(elements) {
            Ok([Value::Bulk(next), Value::Array(keys)]) => Ok(Page { next, keys }),
            _ => Err(strange()),
        },
        _ => Err(strange()),
    }
}
