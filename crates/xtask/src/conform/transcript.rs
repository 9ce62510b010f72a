//! What the suite prints, read into counts and messages.
//!
//! The suite answers line by line, with colours:
//!
//! ```text
//! [ok]: SETNX target key missing (1 ms)
//! [err]: SET and GET an item in tests/unit/type/string.tcl
//! Expected 'x' to be equal to 'y' (context: …)      more lines of the same message
//! [skip]: a test named by --skiptest
//! [ignore]: large memory flag not provided          a tag was refused
//! [exception]: Executing test client: …             the file stops here
//! [1/1 done]: unit/type/string (9 seconds)
//!                    The End                        a summary of the same failures follows
//! ```

/// The outcome of one file of the suite, filled line by line.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) passed: usize,
    /// Names of the tests that were left out on our word.
    pub(crate) excluded: Vec<String>,
    /// Tests that a tag kept from running, such as those that need large memory.
    pub(crate) ignored: usize,
    /// The message of each failed test.
    pub(crate) failures: Vec<String>,
    /// Why the file did not come to its end, if it did not.
    pub(crate) aborted: Option<String>,
    pub(crate) is_done: bool,
    message: Option<Message>,
    last_lines: Vec<String>,
    has_ended: bool,
}

#[derive(Debug)]
enum Message {
    Failure,
    Abort,
}

/// A message longer than this is cut; the suite appends whole server logs at times.
const MESSAGE_LINES: usize = 12;

impl Transcript {
    pub(crate) fn line(&mut self, raw: &str) {
        let line = without_colours(raw);
        let line = line.trim_end();
        if self.has_ended || line.is_empty() {
            return;
        }
        self.remember(line);
        match tag(line) {
            Some(("ok", _)) => self.passed += 1,
            Some(("err", text)) => {
                self.failures.push(text.to_owned());
                self.message = Some(Message::Failure);
                return;
            }
            Some(("skip", name)) => self.excluded.push(name.to_owned()),
            Some(("ignore", _)) => self.ignored += 1,
            Some(("exception" | "TIMEOUT", text)) => {
                self.abort(text);
                self.message = Some(Message::Abort);
                return;
            }
            Some((tag, _)) if tag.ends_with(" done") => self.is_done = true,
            Some(_) => (),
            None if line.trim() == "The End" => self.has_ended = true,
            None => return self.continue_message(line),
        }
        self.message = None;
    }

    /// The file did not come to its end; the first reason given stands.
    pub(crate) fn abort(&mut self, why: &str) {
        self.aborted.get_or_insert_with(|| why.to_owned());
    }

    /// The suite's process is gone: a file that neither finished nor said why is aborted.
    pub(crate) fn finish(&mut self) {
        if !self.is_done {
            let last = self.last_lines.join("\n");
            self.abort(&format!("the suite stopped without a word; its last lines:\n{last}"));
        }
    }

    pub(crate) fn failed(&self) -> usize {
        self.failures.len() + usize::from(self.aborted.is_some())
    }

    fn continue_message(&mut self, line: &str) {
        let text = match self.message {
            Some(Message::Failure) => self.failures.last_mut(),
            Some(Message::Abort) => self.aborted.as_mut(),
            None => None,
        };
        if let Some(text) = text
            && text.lines().count() < MESSAGE_LINES
        {
            text.push('\n');
            text.push_str(line);
        }
    }

    fn remember(&mut self, line: &str) {
        if self.last_lines.len() == MESSAGE_LINES {
            self.last_lines.remove(0);
        }
        self.last_lines.push(line.to_owned());
    }
}

/// Splits `[tag]: text`.
fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, text) = line.strip_prefix('[')?.split_once("]:")?;
    Some((tag, text.trim_start()))
}

/// Drops terminal sequences such as `ESC [ 1 ; 31 m`.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            plain.push(c);
            continue;
        }
        // The sequence is over at its first letter.
        let _ = chars.find(char::is_ascii_alphabetic);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Transcript {
        let mut transcript = Transcript::default();
        text.lines().for_each(|line| transcript.line(line));
        transcript.finish();
        transcript
    }

    #[test]
    fn a_file_that_ends_is_counted() {
        let t = read(
            "\x1b[1;37mTesting unit/a\x1b[0m\n[ready]: 1\n[testing]: x\n\
             [\x1b[0;32mok\x1b[0m]: x (1 ms)\n[\x1b[31merr\x1b[0m]: y in tests/unit/a.tcl\n\
             Expected 1\n[skip]: z\n[ignore]: large\n[1/1 \x1b[33mdone\x1b[0m]: unit/a (0 seconds)\n\
             \n                   The End\n\n*** [err]: y in tests/unit/a.tcl\n",
        );
        assert_eq!((t.passed, t.failed(), t.ignored), (1, 1, 1));
        assert_eq!(t.excluded, ["z"]);
        assert_eq!(t.failures, ["y in tests/unit/a.tcl\nExpected 1"]);
        assert!(t.is_done && t.aborted.is_none());
    }

    #[test]
    fn an_exception_aborts_the_file() {
        let t = read("[ok]: x (1 ms)\n[exception]: Executing test client: ERR unknown\nmore");
        assert_eq!((t.passed, t.failed()), (1, 1));
        assert_eq!(t.aborted.unwrap(), "Executing test client: ERR unknown\nmore");
    }

    #[test]
    fn a_suite_that_vanishes_is_a_failure() {
        assert_eq!(read("Starting test server at port 21079").failed(), 1);
    }
}
