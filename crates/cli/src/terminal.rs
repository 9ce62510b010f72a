//! The terminal, where it is more than a stream of bytes.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, BufRead, IsTerminal, Read, Write};

/// Is standard output a person? Redis's test suite says so by FAKETTY.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal() || std::env::var_os("FAKETTY").is_some()
}

/// Colours are for terminals that call themselves an xterm, as in redis-cli.
pub fn has_colours() -> bool {
    std::env::var("TERM").is_ok_and(|name| name.contains("xterm"))
}

/// The terminal's modes are changed while this lives.
pub struct Changed {
    before: Termios,
}

impl Drop for Changed {
    fn drop(&mut self) {
        // Nothing better can be done for a terminal that went away.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Each key is readable at once and none is shown. None if standard input is no terminal.
pub fn any_key_mode() -> Option<Changed> {
    without(LocalModes::ICANON | LocalModes::ECHO)
}

fn without(modes: LocalModes) -> Option<Changed> {
    let before = tcgetattr(io::stdin()).ok()?;
    let mut changed = before.clone();
    changed.local_modes.remove(modes);
    tcsetattr(io::stdin(), OptionalActions::Now, &changed).ok()?;
    Some(Changed { before })
}

/// Asks for a line that is not shown.
pub fn read_password(prompt: &str) -> io::Result<String> {
    let mut err = io::stderr();
    err.write_all(prompt.as_bytes())?;
    let hidden = without(LocalModes::ECHO);
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    drop(hidden);
    err.write_all(b"\n")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_string())
}

/// Lines of standard input when it is a pipe or file, binary safe.
///
/// The buffer is ours, not std's, so that we know whether the next line is here already: then
/// waiting for the descriptor to become readable would wait for ever.
#[derive(Default)]
pub struct Lines {
    input: Vec<u8>,
    ended: bool,
}

impl Lines {
    /// Can `next_line` answer without waiting?
    pub fn is_ready(&self) -> bool {
        self.ended || self.input.contains(&b'\n')
    }

    /// The next line without its end; None at the end of input.
    pub fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.input[searched..].iter().position(|&byte| byte == b'\n') {
                let line = self.input.drain(..=searched + end);
                return Ok(Some(line.as_slice()[..searched + end].to_vec()));
            }
            if self.ended {
                let rest = std::mem::take(&mut self.input);
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            searched = self.input.len();
            let mut bytes = [0; 16 * 1024];
            // Past std's buffer: `File::read` on the descriptor itself.
            let read = rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut bytes))?;
            self.ended = read == 0;
            self.input.extend_from_slice(&bytes[..read]);
        }
    }
}

/// All of standard input, for `-x` and `-X`.
pub fn read_all() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}
