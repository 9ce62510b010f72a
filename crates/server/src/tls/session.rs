//! One TLS connection: records of the socket on one side, plain bytes on the other.

use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::{InvalidMessage, IoState, ServerConfig, ServerConnection};

use super::NamedIn;
use crate::conn::Moved;

/// Bytes that a session holds for a socket that takes none.
pub(super) const BACKLOG_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct Session {
    tls: ServerConnection,
    /// Who is to be asked for once the handshake is over.
    named_in: NamedIn,
    /// The other side has said that it will send no more.
    has_ended: bool,
    /// The other side speaks something else and would take an alert for a reply.
    is_silent: bool,
}

/// A socket as rustls reads and writes it.
struct Socket<'a>(BorrowedFd<'a>);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(recv(self.0, buffer, RecvFlags::empty())?.0)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn must_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// What came is no record of TLS at all. As with OpenSSL, such a connection ends without a word.
fn is_no_tls(processed: &Result<IoState, rustls::Error>) -> bool {
    let no_record = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
    processed.as_ref().is_err_and(|error| *error == no_record)
}

impl Session {
    pub(super) fn new(
        context: Arc<ServerConfig>,
        named_in: NamedIn,
    ) -> Result<Session, rustls::Error> {
        let mut tls = ServerConnection::new(context)?;
        tls.set_buffer_limit(Some(BACKLOG_BYTES_MAX));
        Ok(Session { tls, named_in, has_ended: false, is_silent: false })
    }

    /// Reads plain bytes into `buffer`, which has room for a record (16 KiB) at least: so nothing
    /// stays behind that the socket would not tell of again.
    pub(crate) fn read(&mut self, socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Moved {
        match self.receive(socket) {
            Some(moved) => moved,
            None => self.moved(|reader| reader.read(buffer)),
        }
    }

    /// Reads plain bytes behind those in `buffer`, which grows as needed.
    pub(crate) fn read_more(&mut self, socket: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> Moved {
        if let Some(moved) = self.receive(socket) {
            return moved;
        }
        let old_len = buffer.len();
        self.moved(|reader| match reader.read_to_end(buffer) {
            // That it would block says that all there was has been read.
            Err(error) if buffer.len() == old_len => Err(error),
            _ => Ok(buffer.len() - old_len),
        })
    }

    fn moved(&mut self, read: impl FnOnce(&mut rustls::Reader<'_>) -> io::Result<usize>) -> Moved {
        match read(&mut self.tls.reader()) {
            Ok(0) => Moved::End,
            Ok(n) => Moved::Bytes(n),
            Err(error) if must_wait(&error) => Moved::Nothing,
            Err(_) => Moved::Closed,
        }
    }

    /// Takes what the socket has, as far as one read goes. None if the session is well: then there
    /// may be plain bytes.
    fn receive(&mut self, socket: BorrowedFd<'_>) -> Option<Moved> {
        if self.has_ended {
            return Some(Moved::End);
        }
        match self.tls.read_tls(&mut Socket(socket)) {
            // Without a goodbye, nothing more can be said either.
            Ok(0) if !self.tls.is_handshaking() => return Some(Moved::End),
            Ok(0) => return Some(Moved::Closed),
            Ok(_) => {}
            Err(error) if must_wait(&error) => return Some(Moved::Nothing),
            Err(_) => return Some(Moved::Closed),
        }
        let processed = self.tls.process_new_packets();
        if is_no_tls(&processed) {
            self.is_silent = true;
            return Some(Moved::Closed);
        }
        self.has_ended = processed.as_ref().is_ok_and(|state| state.peer_has_closed());
        // Answers of the handshake, or an alert that says what was wrong.
        let pushed = self.push(socket);
        (processed.is_err() || pushed.is_none()).then_some(Moved::Closed)
    }

    /// Encrypts and sends. How many bytes were taken: fewer than given once the socket refuses.
    /// None if the connection is lost.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>, bytes: &[u8]) -> Option<usize> {
        let taken = self.tls.writer().write(bytes).ok()?;
        self.push(socket)?;
        Some(taken)
    }

    /// Sends records that wait, as many as the socket takes. None if the connection is lost.
    pub(crate) fn push(&mut self, socket: BorrowedFd<'_>) -> Option<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Socket(socket)) {
                Ok(_) => {}
                Err(error) if must_wait(&error) => break,
                Err(_) => return None,
            }
        }
        Some(())
    }

    /// The goodbye has come, perhaps together with the last requests: of it the socket will not
    /// tell again, the next read does.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whom the client's certificate names: once, after the handshake, if anybody wants to know.
    pub(crate) fn take_names(&mut self) -> Option<Vec<String>> {
        if self.named_in == NamedIn::Nothing || self.tls.is_handshaking() {
            return None;
        }
        let named_in = std::mem::take(&mut self.named_in);
        let certificate = self.tls.peer_certificates()?.first()?;
        Some(named_in.names(certificate))
    }

    /// Records wait for the socket.
    pub(crate) fn has_backlog(&self) -> bool {
        self.tls.wants_write()
    }

    /// Tells the other side that nothing more will come. It may not arrive.
    pub(crate) fn end(&mut self, socket: BorrowedFd<'_>) {
        if self.is_silent {
            return;
        }
        self.tls.send_close_notify();
        let _ = self.push(socket);
    }
}
