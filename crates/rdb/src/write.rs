//! Writing the parts that every value is made of, each in its shortest form. What they look like
//! is told in [`crate::read`].

use crate::read::special;

/// Strings up to this length are worth a look whether they are integers.
const INTEGER_TEXT_BYTES_MAX: usize = 11;
/// Strings up to this length are not worth compressing.
const UNCOMPRESSED_BYTES_MAX: usize = 20;
/// What compression has to gain at least.
const GAIN_BYTES_MIN: usize = 4;

/// Grows by the bytes of values.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// Whether long strings are compressed, as `rdbcompression` says.
    compresses: bool,
    /// The compressed form of a string, until its length has gone out before it.
    packed: Vec<u8>,
    /// Strings to be compressed by somebody else, if that is wanted.
    later: Option<Vec<Later>>,
}

/// A long string that was written as it is: where its length stands, its text, and what follows.
#[derive(Clone, Copy, Debug)]
struct Later {
    start: usize,
    text: usize,
    end: usize,
}

/// What was written, with strings in it that are still to be compressed.
#[derive(Debug, Default)]
pub struct Uncompressed {
    out: Vec<u8>,
    later: Vec<Later>,
}

impl Uncompressed {
    pub fn len(&self) -> usize {
        self.out.len()
    }

    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// All of it, if there is nothing to be compressed.
    pub fn as_plain(&self) -> Option<&[u8]> {
        self.later.is_empty().then_some(&self.out)
    }

    /// Puts more behind it.
    pub fn append(&mut self, more: &Uncompressed) {
        let base = self.out.len();
        self.out.extend_from_slice(&more.out);
        self.later.extend(more.later.iter().map(|later| Later {
            start: base + later.start,
            text: base + later.text,
            end: base + later.end,
        }));
    }

    /// Appends what a compressing [`Writer`] would have written.
    pub fn compress(&self, writer: &mut Writer) {
        let mut at = 0;
        for later in &self.later {
            writer.raw(&self.out[at..later.start]);
            writer.string(&self.out[later.text..later.end]);
            at = later.end;
        }
        writer.raw(&self.out[at..]);
    }
}

impl Writer {
    pub fn new(compresses: bool) -> Writer {
        Writer { out: Vec::new(), compresses, packed: Vec::new(), later: None }
    }

    /// One that leaves the compressing to others: it costs more than all the rest.
    pub fn deferring(compresses: bool) -> Writer {
        Writer { later: compresses.then(Vec::new), ..Writer::new(false) }
    }

    /// Hands over what was written and goes on with nothing.
    pub fn take_uncompressed(&mut self) -> Uncompressed {
        let out = std::mem::take(&mut self.out);
        Uncompressed { out, later: self.later.as_mut().map(std::mem::take).unwrap_or_default() }
    }

    /// Empties it, and keeps its memory.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// What was written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub fn length(&mut self, n: u64) {
        match n {
            ..64 => self.byte(n as u8),
            64..16384 => self.raw(&(n as u16 | 1 << 14).to_be_bytes()),
            16384..=0xffff_ffff => {
                self.byte(0x80);
                self.raw(&(n as u32).to_be_bytes());
            }
            _ => {
                self.byte(0x81);
                self.raw(&n.to_be_bytes());
            }
        }
    }

    /// A string, as an integer or compressed if that is shorter.
    pub fn string(&mut self, text: &[u8]) {
        if text.len() <= INTEGER_TEXT_BYTES_MAX
            && let Some(n) = base::number::parse_i64(text)
            && self.small_integer(n)
        {
            return;
        }
        if self.compresses && text.len() > UNCOMPRESSED_BYTES_MAX && self.compressed(text) {
            return;
        }
        let start = self.out.len();
        self.length(text.len() as u64);
        if let Some(later) = &mut self.later
            && text.len() > UNCOMPRESSED_BYTES_MAX
        {
            let text_at = self.out.len();
            later.push(Later { start, text: text_at, end: text_at + text.len() });
        }
        self.raw(text);
    }

    /// The decimal text of `n`.
    pub fn integer(&mut self, n: i64) {
        if self.small_integer(n) {
            return;
        }
        let mut text = Vec::with_capacity(20);
        base::number::write_i64(&mut text, n);
        self.length(text.len() as u64);
        self.raw(&text);
    }

    /// False, and nothing written, if it takes more than four bytes.
    fn small_integer(&mut self, n: i64) -> bool {
        let form = |form| 0xc0 | form;
        if let Ok(n) = i8::try_from(n) {
            self.byte(form(special::INT8));
            self.raw(&n.to_le_bytes());
        } else if let Ok(n) = i16::try_from(n) {
            self.byte(form(special::INT16));
            self.raw(&n.to_le_bytes());
        } else if let Ok(n) = i32::try_from(n) {
            self.byte(form(special::INT32));
            self.raw(&n.to_le_bytes());
        } else {
            return false;
        }
        true
    }

    /// False, and nothing written, if it does not become shorter.
    fn compressed(&mut self, text: &[u8]) -> bool {
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        let shrinks = base::lzf::compress(text, text.len() - GAIN_BYTES_MIN, &mut packed);
        if shrinks {
            self.byte(0xc0 | special::LZF);
            self.length(packed.len() as u64);
            self.length(text.len() as u64);
            self.raw(&packed);
        }
        self.packed = packed;
        shrinks
    }

    /// A moment in unix milliseconds.
    pub fn moment_ms(&mut self, ms: i64) {
        self.raw(&ms.to_le_bytes());
    }

    pub fn double(&mut self, n: f64) {
        self.raw(&n.to_le_bytes());
    }

    /// A double as before RDB 8: text behind its length, or one of three lengths alone.
    pub fn double_text(&mut self, n: f64) {
        if n.is_nan() {
            return self.byte(253);
        }
        if n.is_infinite() {
            return self.byte(if n > 0.0 { 254 } else { 255 });
        }
        let mut text = Vec::with_capacity(24);
        base::number::write_f64_resp(&mut text, n);
        self.byte(text.len() as u8);
        self.raw(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Reader;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new(true);
        write(&mut writer);
        writer.into_bytes()
    }

    #[test]
    fn lengths_are_read_back_from_their_shortest_form() {
        let sizes = [(0, 1), (63, 1), (64, 2), (16383, 2), (16384, 5), (0xffff_ffff, 5)];
        for (n, size) in sizes.into_iter().chain([(1 << 32, 9), (u64::MAX, 9)]) {
            let bytes = written(|w| w.length(n));
            assert_eq!((Reader::new(&bytes).length(), bytes.len()), (Ok(n), size));
        }
    }

    #[test]
    fn strings_are_read_back_from_their_shortest_form() {
        let run = [b'x'; 200];
        let cases: &[(&[u8], usize)] = &[
            (b"", 1),
            (b"abc", 4),
            (b"127", 2),
            (b"-129", 3),
            (b"2147483647", 5),
            (b"2147483648", 11),
            (b"+1", 3),
            (b"01", 3),
            (b"-2147483648", 5),
            (b"no repeats at all, or so", 25),
            (&run, 9),
        ];
        for (text, size) in cases {
            let bytes = written(|w| w.string(text));
            assert_eq!(Reader::new(&bytes).string_owned().as_deref(), Ok(*text));
            assert_eq!(bytes.len(), *size, "{}", text.escape_ascii());
        }
        let mut plain = Writer::new(false);
        plain.string(&run);
        assert_eq!(plain.bytes().len(), 202);
    }

    #[test]
    fn integers_are_read_back() {
        for n in [0, -128, 128, i64::from(i32::MIN), i64::MAX, i64::MIN] {
            let bytes = written(|w| w.integer(n));
            let text = Reader::new(&bytes).string_owned().unwrap();
            assert_eq!(text, n.to_string().as_bytes());
        }
    }

    #[test]
    fn doubles_are_read_back_from_both_forms() {
        for n in [0.0, -0.0, 1.5, -1e300, 5e-324, 0.1, f64::INFINITY, f64::NEG_INFINITY] {
            let (old, new) = (written(|w| w.double_text(n)), written(|w| w.double(n)));
            assert_eq!(Reader::new(&old).double_text().map(f64::to_bits), Ok(n.to_bits()));
            assert_eq!(Reader::new(&new).double().map(f64::to_bits), Ok(n.to_bits()));
        }
        let nan = written(|w| w.double_text(f64::NAN));
        assert!(Reader::new(&nan).double_text().unwrap().is_nan());
    }
}
