//! The manifest: which files make up the log, one a line.
//!
//! ```text
//!   file appendonly.aof.2.base.rdb seq 2 type b      at most one base
//!   file appendonly.aof.1.base.rdb seq 1 type h      history: to be removed
//!   file appendonly.aof.2.incr.aof seq 2 type i      in ascending order
//! ```
//!
//! Words that another server adds to a line are skipped in pairs, as Redis does.
//!
//! # Invariants
//!
//! (1) What is written is read back as the same manifest, by Redis and Valkey too.
//! (2) Sequence numbers of increments ascend; a number is not used again while the manifest lasts.

use std::fmt;

/// A longer line is no manifest of anybody's.
const LINE_BYTES_MAX: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Base,
    Incr,
    History,
}

impl Role {
    fn letter(self) -> char {
        match self {
            Role::Base => 'b',
            Role::Incr => 'i',
            Role::History => 'h',
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub seq: u64,
    pub role: Role,
}

/// See the essay of this file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub base: Option<Part>,
    /// The newest first, as Redis lists them.
    pub history: Vec<Part>,
    pub incrs: Vec<Part>,
    base_seq: u64,
    incr_seq: u64,
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadManifest {
    pub what: &'static str,
    /// From 1; 0 if it is no line's fault.
    pub line: usize,
    pub text: String,
}

impl fmt::Display for BadManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(self.what),
            line => write!(f, "{} (line {line}: '{}')", self.what, self.text),
        }
    }
}

impl std::error::Error for BadManifest {}

impl Manifest {
    /// # Errors
    /// In Redis's words.
    pub fn parse(text: &[u8]) -> Result<Manifest, BadManifest> {
        let mut manifest = Manifest::default();
        let mut lines = text.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
        if lines.peek().is_none() {
            let what = "Found an empty AOF manifest";
            return Err(BadManifest { what, line: 0, text: String::new() });
        }
        for (index, line) in lines {
            let shown = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
            let bad = |what| BadManifest {
                what,
                line: index + 1,
                text: shown.chars().take(200).collect(),
            };
            if line.len() >= LINE_BYTES_MAX || !line.ends_with(b"\n") {
                return Err(bad("The AOF manifest file contains too long line"));
            }
            if line[0] == b'#' {
                continue;
            }
            manifest.read_line(line.trim_ascii()).map_err(bad)?;
        }
        Ok(manifest)
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const FORMAT: &str = "Invalid AOF manifest file format";
        let words = base::split_args::split_args(line).ok_or(FORMAT)?;
        if words.len() < 6 || words.len() % 2 != 0 {
            return Err(FORMAT);
        }
        let (mut name, mut seq, mut role) = (None, 0, None);
        for pair in words.chunks_exact(2) {
            let value = String::from_utf8_lossy(&pair[1]);
            match &pair[0].to_ascii_lowercase()[..] {
                b"file" if value.contains('/') => {
                    return Err("File can't be a path, just a filename");
                }
                b"file" => name = Some(value.into_owned()),
                b"seq" => seq = value.parse().unwrap_or(0),
                b"type" => {
                    role = Some(match pair[1].first() {
                        Some(b'b') => Role::Base,
                        Some(b'i') => Role::Incr,
                        Some(b'h') => Role::History,
                        _ => return Err("Unknown AOF file type"),
                    });
                }
                _ => {}
            }
        }
        let (Some(name), 1.., Some(role)) = (name, seq, role) else { return Err(FORMAT) };
        let part = Part { name, seq, role };
        match role {
            Role::Base if self.base.is_some() => {
                return Err("Found duplicate base file information");
            }
            Role::Base => {
                self.base_seq = seq;
                self.base = Some(part);
            }
            Role::Incr if seq <= self.incr_seq => {
                return Err("Found a non-monotonic sequence number");
            }
            Role::Incr => {
                self.incr_seq = seq;
                self.incrs.push(part);
            }
            Role::History => self.history.push(part),
        }
        Ok(())
    }

    pub fn format(&self) -> Vec<u8> {
        let parts = self.base.iter().chain(&self.history).chain(&self.incrs);
        let mut text = Vec::new();
        for part in parts {
            text.extend_from_slice(b"file ");
            text.extend_from_slice(&written(&part.name));
            text.extend_from_slice(
                format!(" seq {} type {}\n", part.seq, part.role.letter()).as_bytes(),
            );
        }
        text
    }

    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.incrs.is_empty()
    }

    /// The files with data, in the order they are read.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.incrs)
    }

    /// The next base becomes the base, what it replaces history. `extension`: `rdb` or `aof`.
    pub fn new_base(&mut self, file: &str, extension: &str) -> Part {
        if let Some(old) = self.base.take() {
            self.history.insert(0, Part { role: Role::History, ..old });
        }
        self.base_seq += 1;
        let name = format!("{file}.{}.base.{extension}", self.base_seq);
        let part = Part { name, seq: self.base_seq, role: Role::Base };
        self.base = Some(part.clone());
        part
    }

    /// A base that was there before there was a manifest.
    pub fn adopt_base(&mut self, name: &str) {
        self.base_seq = 1;
        self.base = Some(Part { name: name.to_owned(), seq: 1, role: Role::Base });
    }

    pub fn new_incr(&mut self, file: &str) -> Part {
        self.incr_seq += 1;
        let name = format!("{file}.{}.incr.aof", self.incr_seq);
        let part = Part { name, seq: self.incr_seq, role: Role::Incr };
        self.incrs.push(part.clone());
        part
    }

    /// All increments but the last `kept` become history.
    pub fn retire_incrs(&mut self, kept: usize) {
        let retired = self.incrs.len().saturating_sub(kept);
        for part in self.incrs.drain(..retired) {
            self.history.insert(0, Part { role: Role::History, ..part });
        }
    }

    /// The log is off and its base all there is: increments are numbered from 1 when it is on again.
    pub fn retire_all_incrs(&mut self) {
        self.retire_incrs(0);
        self.incr_seq = 0;
    }
}

/// A name as a word of the manifest.
fn written(name: &str) -> Vec<u8> {
    let needs_quotes =
        name.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\'' | b'\\'));
    if needs_quotes { base::split_args::quote(name.as_bytes()) } else { name.as_bytes().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> &'static str {
        Manifest::parse(text.as_bytes()).expect_err("it is refused").what
    }

    #[test]
    fn a_rewrite_makes_history() {
        let mut manifest = Manifest::default();
        manifest.new_base("a", "rdb");
        manifest.new_incr("a");
        manifest.new_incr("a");
        manifest.new_base("a", "rdb");
        manifest.retire_incrs(1);
        let text = "file a.2.base.rdb seq 2 type b\nfile a.1.incr.aof seq 1 type h\n\
                    file a.1.base.rdb seq 1 type h\nfile a.2.incr.aof seq 2 type i\n";
        assert_eq!(String::from_utf8(manifest.format()).expect("it is text"), text);
        assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest), "(1)");
    }

    #[test]
    fn what_others_add_is_skipped_and_names_are_quoted() {
        let text = b"# made by hand\nfile \"a b.1.base.aof\" seq 1 type b new value\n";
        let manifest = Manifest::parse(text).expect("it is one");
        assert_eq!(manifest.base.as_ref().expect("there is one").name, "a b.1.base.aof");
        assert_eq!(Manifest::parse(&manifest.format()), Ok(manifest));
    }

    #[test]
    fn refusals_are_in_redis_words() {
        let format = "Invalid AOF manifest file format";
        for (text, expected) in [
            ("", "Found an empty AOF manifest"),
            ("\n", format),
            ("file a seq 1\n", format),
            ("filx a seq 1 type b\n", format),
            ("file a seq 1 type b more\n", format),
            ("file a seq 0 type b\n", format),
            ("file a seq 1 type x\n", "Unknown AOF file type"),
            ("file d/a seq 1 type b\n", "File can't be a path, just a filename"),
            ("file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information"),
            ("file a seq 2 type i\nfile b seq 1 type i\n", "Found a non-monotonic sequence number"),
            ("file a seq 1 type b", "The AOF manifest file contains too long line"),
        ] {
            assert_eq!(refusal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn any_bytes_are_a_manifest_or_refused() {
        let mut random = base::random::Random::from_seed(7);
        let good = b"file a.1.base.rdb seq 1 type b\nfile \"a\\x00\" seq 2 type i\n";
        for _ in 0..5000 {
            let mut text = good.to_vec();
            for _ in 0..random.below(4) {
                let at = random.below(text.len() as u64) as usize;
                text[at] = random.next_u64() as u8;
            }
            if let Ok(manifest) = Manifest::parse(&text) {
                let again = Manifest::parse(&manifest.format());
                assert!(
                    manifest.is_empty() || again.is_ok(),
                    "{:?}",
                    text.escape_ascii().to_string()
                );
            }
        }
    }
}
