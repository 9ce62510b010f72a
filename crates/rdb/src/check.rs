//! What a check of a whole file finds out: counts, facts, and the error if there is one.

use std::io::Read;

use crate::load::{Item, LoadError, LoadErrorKind, Loader, Terms};
use crate::version::Version;
use store::{Collection, OwnedValue};

/// What is in a file, up to its end or its first error.
#[derive(Debug, Default)]
pub struct Report {
    pub version: Option<Version>,
    /// Facts, with the place each ends at.
    pub facts: Vec<(u64, String, String)>,
    /// Databases, in the order they are selected, without repetition.
    pub databases: Vec<usize>,
    pub keys: u64,
    pub expires: u64,
    pub already_expired: u64,
    pub libraries: u64,
    /// Keys of each type.
    pub types: [(&'static str, u64); 6],
    /// Things of modules, which are passed over.
    pub of_modules: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// The key that was read last.
    pub last_key: Vec<u8>,
    pub error: Option<LoadError>,
}

/// Checks all of a file. A wrong checksum is an error.
pub fn check(input: impl Read, terms: Terms, now_ms: i64) -> Report {
    let types = ["string", "list", "set", "zset", "hash", "stream"].map(|name| (name, 0));
    let mut report = Report { types, ..Report::default() };
    let mut loader = match Loader::new(input, terms) {
        Ok(loader) => loader,
        Err(error) => return Report { error: Some(error), ..report },
    };
    report.version = Some(loader.version());
    loop {
        let item = loader.item();
        report.bytes = loader.offset();
        match item {
            Ok(Item::End) => return report,
            Ok(item) => report.note(item, now_ms),
            Err(error) => return Report { error: Some(error), ..report },
        }
    }
}

impl Report {
    fn note(&mut self, item: Item, now_ms: i64) {
        match item {
            Item::Aux { name, text } => {
                let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                self.facts.push((self.bytes, text_of(&name), text_of(&text)));
            }
            Item::Library(_) => self.libraries += 1,
            Item::Select(db) => {
                if !self.databases.contains(&db) {
                    self.databases.push(db);
                }
            }
            Item::Sizes { .. } | Item::Part => {}
            Item::Entry(entry) => {
                self.keys += 1;
                self.expires += u64::from(entry.expire_ms.is_some());
                self.already_expired += u64::from(entry.expire_ms.is_some_and(|ms| ms < now_ms));
                self.types[type_index(&entry.value)].1 += 1;
                self.last_key = entry.key;
            }
            Item::Empty(key) => self.last_key = key,
            Item::OfModule { .. } => self.of_modules += 1,
            Item::End => {}
        }
    }

    /// What redis-check-rdb prints, and whether the file is right.
    pub fn text(&self, file: &str) -> String {
        let mut out = format!("[offset 0] Checking RDB file {file}\n");
        for (offset, name, text) in &self.facts {
            out.push_str(&format!("[offset {offset}] AUX FIELD {name} = '{text}'\n"));
        }
        for db in &self.databases {
            out.push_str(&format!("[info] database {db} is in the file\n"));
        }
        match &self.error {
            None => {
                out.push_str(&format!("[offset {}] Checksum OK\n", self.bytes));
                out.push_str(&format!("[offset {}] \\o/ RDB looks OK! \\o/\n", self.bytes));
            }
            Some(error) => {
                out.push_str("--- RDB ERROR DETECTED ---\n");
                out.push_str(&format!("[offset {}] {error}\n", error.offset));
                if !self.last_key.is_empty() {
                    let key = self.last_key.escape_ascii();
                    out.push_str(&format!("[additional info] Last key read whole: '{key}'\n"));
                }
            }
        }
        out.push_str(&format!("[info] {} keys read\n", self.keys));
        out.push_str(&format!("[info] {} expires\n", self.expires));
        out.push_str(&format!("[info] {} already expired\n", self.already_expired));
        for (name, keys) in self.types.iter().filter(|(_, keys)| *keys > 0) {
            out.push_str(&format!("[info] {keys} keys of type {name}\n"));
        }
        if self.libraries > 0 {
            out.push_str(&format!("[info] {} function libraries\n", self.libraries));
        }
        if self.of_modules > 0 {
            let line = format!("[info] {} things of modules passed over\n", self.of_modules);
            out.push_str(&line);
        }
        out
    }

    /// The same for programs: one object.
    pub fn json(&self, file: &str) -> String {
        let facts =
            self.facts.iter().map(|(_, name, text)| format!("{}:{}", quoted(name), quoted(text)));
        let types = self.types.iter().map(|(name, keys)| format!("\"{name}\":{keys}"));
        let error = self.error.as_ref().map_or_else(
            || "null".to_owned(),
            |error| {
                format!("{{\"offset\":{},\"text\":{}}}", error.offset, quoted(&error.to_string()))
            },
        );
        format!(
            "{{\"file\":{},\"ok\":{},\"version\":{},\"bytes\":{},\"keys\":{},\"expires\":{},\
             \"already_expired\":{},\"libraries\":{},\"of_modules\":{},\"databases\":{:?},\
             \"types\":{{{}}},\"aux\":{{{}}},\"error\":{error}}}\n",
            quoted(file),
            self.error.is_none(),
            self.version.map_or(0, |version| version.0),
            self.bytes,
            self.keys,
            self.expires,
            self.already_expired,
            self.libraries,
            self.of_modules,
            self.databases,
            types.collect::<Vec<_>>().join(","),
            facts.collect::<Vec<_>>().join(","),
        )
    }

    /// Whether the file is whole but for its checksum.
    pub fn is_only_checksum(&self) -> bool {
        let kind = self.error.as_ref().map(|error| &error.kind);
        matches!(kind, Some(LoadErrorKind::Checksum { .. }))
    }
}

fn type_index(value: &OwnedValue) -> usize {
    match value {
        OwnedValue::Int(_) | OwnedValue::Bytes(..) | OwnedValue::Big(_) => 0,
        OwnedValue::Collection(collection) => match &**collection {
            Collection::List(_) => 1,
            Collection::Set(_) => 2,
            Collection::SortedSet(_) => 3,
            Collection::Hash(_) => 4,
            Collection::Stream(_) => 5,
        },
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Limits;

    fn report(file: &[u8]) -> Report {
        let terms = Terms { limits: Limits::default(), checks_crc: true, any_version: false };
        check(file, terms, 1_000)
    }

    #[test]
    fn what_is_found_is_told_to_people_and_to_programs() {
        let mut file =
            b"REDIS0010\xfa\x09redis-ver\x057.0\"5\xfe\x03\xfc\x01\0\0\0\0\0\0\0\x00\x01k\x01v\xff"
                .to_vec();
        file.extend(base::crc::crc64(0, &file).to_le_bytes());
        let whole = report(&file);
        assert!(whole.error.is_none());
        assert_eq!((whole.keys, whole.expires, whole.already_expired), (1, 1, 1));
        assert!(whole.text("f").contains("\\o/ RDB looks OK! \\o/"), "{}", whole.text("f"));
        let json = whole.json("f");
        assert!(json.contains("\"redis-ver\":\"7.0\\\"5\"") && json.contains("\"databases\":[3]"));

        let end = file.len() - 1;
        file[end] ^= 1;
        let spoilt = report(&file);
        assert!(spoilt.is_only_checksum() && spoilt.text("f").contains("RDB ERROR DETECTED"));
        assert!(report(&file[..30]).json("f").contains("\"ok\":false"));
    }
}
