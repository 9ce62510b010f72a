//! Where does this reply end? Answered without building the reply, and going on where it left off.
//!
//! A tool that waits for a large reply would decode its beginning again with every piece that arrives; one that
//! only counts replies does not want them decoded at all. Both keep a [`Scan`]: a position and the number of
//! elements still owed. Nesting needs no stack, since an aggregate only adds its elements to the debt.
//!
//! ```text
//!   *2 \r\n :1 \r\n *1 \r\n :2 \r\n
//!   1→2     2→1     1→1     1→0    owed elements, after each header
//! ```

use crate::value::{DecodeError, Kind, header};

/// How far a reply has been walked.
#[derive(Clone, Debug)]
pub struct Scan {
    at: usize,
    owed: u64,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan { at: 0, owed: 1 }
    }
}

impl Scan {
    /// Gives the length of the reply once it is whole, and is then ready for the next. `input` begins with the
    /// reply's first byte, each time. Does not look at the texts of numbers, nor at the depth of nesting.
    pub fn find_end(&mut self, input: &[u8]) -> Result<Option<usize>, DecodeError> {
        while self.owed > 0 {
            let Some((header, next)) = header(input, self.at)? else { return Ok(None) };
            let more = match header.kind {
                Kind::Line | Kind::Null => 0,
                Kind::Body => {
                    // No overflow: a length is at most i64::MAX and a position less.
                    if next + header.n + 2 > input.len() {
                        return Ok(None);
                    }
                    self.at = next + header.n + 2;
                    self.owed -= 1;
                    continue;
                }
                Kind::Elements => header.n as u64,
                Kind::Entries => 2 * header.n as u64,
                Kind::Attributes => 2 * header.n as u64 + 1,
            };
            self.at = next;
            // So large a debt is never paid: whether it is exact makes no difference.
            self.owed = (self.owed - 1).saturating_add(more);
        }
        let end = self.at;
        *self = Scan::default();
        Ok(Some(end))
    }
}
