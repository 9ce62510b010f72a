//! Reading a whole file, item by item.
//!
//! ```text
//!   input ─► buffer ─► one item: fact, library, database, or entry ─► the caller
//!             │          ▲
//!             │   growing: a collection that is longer than the buffer
//!             └ grows while a string or packed value is not whole in it
//! ```
//!
//! An item is read from the buffer as if it were whole. If it turns out not to be, the buffer is
//! filled further and the item read again. Only a collection that is written element by element is
//! kept as it is then, and goes on with the next bytes: so nothing large is read twice, and the
//! caller can do something else meanwhile ([`Item::Part`]).
//!
//! # Invariants
//!
//! (1) `buffer[at..]` begins with an item, or with the next elements of what is growing; `offset` is
//!     its place in the file.
//! (2) The buffer is never larger than twice the largest item, or element of what grows, nor than
//!     the file.
//! (3) `crc` is the checksum of what was read up to `buffer[summed]`.

use std::fmt;
use std::io::{self, Read};

use base::crc::crc64;
use store::{Limits, OwnedValue};

use crate::decode::{self, Begun, Parts};
use crate::error::Bad;
use crate::opcode;
use crate::read::Reader;
use crate::version::{Kind, Version};

const BUFFER_BYTES: usize = 256 << 10;
const HEADER_BYTES: usize = 9;
/// From this version on files end with a checksum.
const CHECKSUM_SINCE: Version = Version(5);

/// A key and all that the file says of it.
#[derive(Debug)]
pub struct Entry {
    pub key: Vec<u8>,
    pub expire_ms: Option<i64>,
    pub idle_s: Option<u64>,
    pub frequency: Option<u8>,
    pub value: OwnedValue,
}

/// What a file is made of.
#[derive(Debug)]
pub enum Item {
    Aux {
        name: Vec<u8>,
        text: Vec<u8>,
    },
    /// The code of a library of functions.
    Library(Vec<u8>),
    /// What follows is in this database.
    Select(usize),
    /// How many keys it has, and how many of them expire.
    Sizes {
        keys: u64,
        expires: u64,
    },
    Entry(Box<Entry>),
    /// Some more of a large collection, which comes as an entry in the end.
    Part,
    /// A key whose value is a collection without elements, as old servers could write it.
    Empty(Vec<u8>),
    /// Something of a module that is not here. It was passed over.
    OfModule {
        module: String,
        key: Option<Vec<u8>>,
    },
    /// The end of the file, if its checksum is right.
    End,
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum LoadErrorKind {
    Io(io::Error),
    NotRdb,
    Version(Version),
    Bad(Bad),
    Checksum {
        expected: u64,
        computed: u64,
    },
    /// Functions of a release candidate.
    OldFunctions,
    UnknownOpcode(u8),
}

/// Why a file cannot be read, and where.
#[derive(Debug)]
pub struct LoadError {
    pub offset: u64,
    pub kind: LoadErrorKind,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match &self.kind {
            LoadErrorKind::Io(error) => write!(f, "reading failed at byte {at}: {error}"),
            LoadErrorKind::NotRdb => write!(f, "Wrong signature trying to load DB from file"),
            LoadErrorKind::Version(version) => {
                write!(f, "Can't handle RDB format version {}", version.0)
            }
            LoadErrorKind::Bad(Bad::Truncated) => {
                write!(f, "Short read: the file ends within the item at byte {at}")
            }
            LoadErrorKind::Bad(bad) => write!(f, "{bad}, in the item at byte {at}"),
            LoadErrorKind::Checksum { expected, computed } => write!(
                f,
                "Wrong RDB checksum expected: ({computed:x}) but got ({expected:x}): RDB CRC error"
            ),
            LoadErrorKind::OldFunctions => {
                write!(f, "a function as release candidates of Redis 7.0 wrote it, at byte {at}")
            }
            LoadErrorKind::UnknownOpcode(byte) => {
                write!(f, "Unknown RDB encoding type {byte} at byte {at}")
            }
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            LoadErrorKind::Io(error) => Some(error),
            LoadErrorKind::Bad(bad) => Some(bad),
            _ => None,
        }
    }
}

/// How a file is read.
#[derive(Clone, Debug)]
pub struct Terms {
    pub limits: Limits,
    /// `rdbchecksum`.
    pub checks_crc: bool,
    /// `rdb-version-check relaxed`.
    pub any_version: bool,
}

/// What is known of a key whose value has not come yet.
#[derive(Default)]
struct Head {
    key: Vec<u8>,
    expire_ms: Option<i64>,
    idle_s: Option<u64>,
    frequency: Option<u8>,
}

/// An entry of which the value is not whole yet.
struct Growing {
    head: Head,
    /// Where the item begins.
    offset: u64,
    parts: Parts,
}

impl Head {
    fn entry(self, value: OwnedValue) -> Item {
        let Head { key, expire_ms, idle_s, frequency } = self;
        Item::Entry(Box::new(Entry { key, expire_ms, idle_s, frequency, value }))
    }
}

impl Growing {
    fn go_on(
        mut self: Box<Self>,
        reader: &mut Reader<'_>,
        limits: &Limits,
    ) -> Result<Step, LoadErrorKind> {
        match self.parts.go_on(reader, limits) {
            Ok(()) => {}
            Err(Bad::Truncated) => return Ok(Step::Growing(self)),
            Err(bad) => return Err(bad.into()),
        }
        match self.parts.finish(limits) {
            Ok(value) => Ok(Step::Item(self.head.entry(value))),
            Err(Bad::Empty) => Ok(Step::Item(Item::Empty(self.head.key))),
            Err(bad) => Err(bad.into()),
        }
    }
}

/// What reading on has come to.
enum Step {
    Item(Item),
    Growing(Box<Growing>),
}

/// Reads a file, item by item.
pub struct Loader<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    offset: u64,
    crc: u64,
    summed: usize,
    growing: Option<Box<Growing>>,
    version: Version,
    terms: Terms,
    is_at_end: bool,
}

impl<R: Read> Loader<R> {
    /// Reads the header.
    pub fn new(input: R, terms: Terms) -> Result<Loader<R>, LoadError> {
        let mut loader = Loader {
            input,
            buffer: Vec::new(),
            at: 0,
            offset: 0,
            crc: 0,
            summed: 0,
            growing: None,
            version: Version(0),
            terms,
            is_at_end: false,
        };
        while loader.buffer.len() < HEADER_BYTES && !loader.is_at_end {
            loader.fill()?;
        }
        let header = loader.buffer.get(..HEADER_BYTES);
        let header = header.ok_or_else(|| {
            match loader.buffer.iter().zip(b"REDIS").all(|(a, b)| a == b) {
                true => loader.error(LoadErrorKind::Bad(Bad::Truncated)),
                false => loader.error(LoadErrorKind::NotRdb),
            }
        })?;
        let digits = header.strip_prefix(b"REDIS").or(header.strip_prefix(b"VALKEY"));
        let digits = digits.ok_or_else(|| loader.error(LoadErrorKind::NotRdb))?;
        let version = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let version = Version(version.ok_or_else(|| loader.error(LoadErrorKind::NotRdb))?);
        if version < Version(1) || !version.is_readable() && !loader.terms.any_version {
            return Err(loader.error(LoadErrorKind::Version(version)));
        }
        loader.version = version;
        loader.consume(HEADER_BYTES);
        Ok(loader)
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// Bytes of the file that have been read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What follows the file's end in the input: bytes that are here already, then the rest.
    pub fn into_rest(self) -> (Vec<u8>, R) {
        (self.buffer[self.at..].to_vec(), self.input)
    }

    /// An error in the item that is being read.
    fn error(&self, kind: LoadErrorKind) -> LoadError {
        LoadError { offset: self.offset, kind }
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        self.offset += bytes as u64;
    }

    /// Brings the checksum up to where we are: many items at once, which is faster.
    fn sum_up(&mut self) {
        self.crc = crc64(self.crc, &self.buffer[self.summed..self.at]);
        self.summed = self.at;
    }

    /// Makes the buffer hold more, unless the input has ended.
    fn fill(&mut self) -> Result<(), LoadError> {
        self.sum_up();
        self.buffer.drain(..self.at);
        (self.at, self.summed) = (0, 0);
        let want = self.buffer.len().max(BUFFER_BYTES) as u64;
        let read = (&mut self.input).take(want).read_to_end(&mut self.buffer);
        let read = read.map_err(|error| LoadError {
            offset: self.offset + self.buffer.len() as u64,
            kind: LoadErrorKind::Io(error),
        })?;
        self.is_at_end = (read as u64) < want;
        Ok(())
    }

    /// The next item. After the end, or an error, there is none.
    pub fn item(&mut self) -> Result<Item, LoadError> {
        loop {
            let mut reader = Reader::new(&self.buffer[self.at..]);
            let limits = &self.terms.limits;
            let item_offset = self.growing.as_ref().map_or(self.offset, |growing| growing.offset);
            let read = match self.growing.take() {
                None => item(&mut reader, self.offset, self.version, limits),
                Some(growing) => growing.go_on(&mut reader, limits),
            };
            let used = self.buffer.len() - self.at - reader.rest().len();
            match read {
                Ok(Step::Item(Item::End)) => {
                    self.consume(used);
                    return self.check_sum().map(|()| Item::End);
                }
                Ok(Step::Item(item)) => {
                    self.consume(used);
                    return Ok(item);
                }
                Ok(Step::Growing(growing)) if !self.is_at_end => {
                    self.consume(used);
                    self.growing = Some(growing);
                    self.fill()?;
                    return Ok(Item::Part);
                }
                Err(LoadErrorKind::Bad(Bad::Truncated)) if !self.is_at_end => self.fill()?,
                Ok(Step::Growing(_)) => {
                    let kind = LoadErrorKind::Bad(Bad::Truncated);
                    return Err(LoadError { offset: item_offset, kind });
                }
                Err(kind) => return Err(LoadError { offset: item_offset, kind }),
            }
        }
    }

    fn check_sum(&mut self) -> Result<(), LoadError> {
        if self.version < CHECKSUM_SINCE {
            return Ok(());
        }
        while self.buffer.len() - self.at < 8 && !self.is_at_end {
            self.fill()?;
        }
        self.sum_up();
        let computed = self.crc;
        let expected = self.buffer[self.at..].first_chunk::<8>();
        let expected = expected.ok_or_else(|| self.error(LoadErrorKind::Bad(Bad::Truncated)))?;
        let expected = u64::from_le_bytes(*expected);
        // 0: it was written without.
        if expected != 0 && expected != computed && self.terms.checks_crc {
            return Err(self.error(LoadErrorKind::Checksum { expected, computed }));
        }
        self.consume(8);
        Ok(())
    }
}

impl From<Bad> for LoadErrorKind {
    fn from(bad: Bad) -> LoadErrorKind {
        LoadErrorKind::Bad(bad)
    }
}

/// The item at this offset, or an entry that is not whole.
fn item(
    reader: &mut Reader<'_>,
    offset: u64,
    version: Version,
    limits: &Limits,
) -> Result<Step, LoadErrorKind> {
    let mut head = Head::default();
    let item = loop {
        let byte = reader.byte()?;
        match byte {
            opcode::EXPIRE_MS => head.expire_ms = Some(reader.moment_ms()?),
            opcode::EXPIRE_S => {
                head.expire_ms = Some(i64::from(i32::from_le_bytes(reader.array()?)) * 1000);
            }
            opcode::IDLE => head.idle_s = Some(reader.length()?),
            opcode::FREQUENCY => head.frequency = Some(reader.byte()?),
            opcode::AUX => {
                break Item::Aux { name: reader.string_owned()?, text: reader.string_owned()? };
            }
            opcode::SELECT_DB => {
                let db = usize::try_from(reader.length()?);
                let db = db.map_err(|_| Bad::Corrupt("a database without end"))?;
                break Item::Select(db);
            }
            opcode::RESIZE_DB => {
                break Item::Sizes { keys: reader.length()?, expires: reader.length()? };
            }
            opcode::SLOT_INFO => {
                // Slot, keys, how many of them expire: what it is good for is making room.
                for _ in 0..3 {
                    reader.length()?;
                }
            }
            opcode::FUNCTION => break Item::Library(reader.string_owned()?),
            opcode::FUNCTION_PRE_GA => return Err(LoadErrorKind::OldFunctions),
            opcode::MODULE_AUX => {
                let module = module_name(reader.length()?);
                skip_of_module(reader)?;
                break Item::OfModule { module, key: None };
            }
            opcode::END => break Item::End,
            6 | 7 => {
                let key = reader.string_owned()?;
                let module = module_name(reader.length()?);
                if byte == 6 {
                    // What a module wrote before Redis 4.0.1 has no form that others know.
                    return Err(Bad::Module.into());
                }
                skip_of_module(reader)?;
                break Item::OfModule { module, key: Some(key) };
            }
            _ => {
                let kind =
                    Kind::of(byte, version).map_err(|_| LoadErrorKind::UnknownOpcode(byte))?;
                head.key = reader.string_owned()?;
                return match decode::begin(kind, reader, limits) {
                    Ok(Begun::Whole(value)) => Ok(Step::Item(head.entry(value))),
                    Ok(Begun::Parts(parts)) => {
                        Box::new(Growing { head, offset, parts }).go_on(reader, limits)
                    }
                    Err(Bad::Empty) => Ok(Step::Item(Item::Empty(head.key))),
                    Err(bad) => Err(bad.into()),
                };
            }
        }
    };
    Ok(Step::Item(item))
}

/// A module's name: nine characters of six bits, above ten bits of a version.
fn module_name(id: u64) -> String {
    const CHARACTERS: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (1..=9).map(|n| char::from(CHARACTERS[(id >> (64 - 6 * n) & 63) as usize])).collect()
}

/// Passes over what a module wrote: parts that say what they are, up to one that ends it.
fn skip_of_module(reader: &mut Reader<'_>) -> Result<(), Bad> {
    loop {
        match reader.length()? {
            0 => return Ok(()),
            1 | 2 => _ = reader.length()?,
            3 => _ = reader.array::<4>()?,
            4 => _ = reader.array::<8>()?,
            5 => reader.skip_string()?,
            _ => return Err(Bad::Corrupt("an unknown part of a module's value")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::encode::Style;
    use crate::feed::{End, Feed};
    use crate::save::{Head, save};
    use store::snapshot::Sink;
    use store::{Expire, NewValue};

    fn terms() -> Terms {
        Terms { limits: Limits::default(), checks_crc: true, any_version: false }
    }

    struct Nobody;

    impl store::keyspace::Wake for Nobody {
        fn wake(&self, _: usize) {}
    }

    /// Larger than the buffer, unless compressed.
    fn large(style: Style) -> usize {
        if style.compresses { 40_000 } else { 1 << 20 }
    }

    /// A file with strings of some lengths, in two databases.
    fn file(style: Style) -> Vec<u8> {
        let keyspace = store::Keyspace::new(1, 2, [1; 16], Box::new(Nobody));
        let feed = Feed::new(style, None);
        for (db, len) in [(0, 3), (1, 400), (0, large(style))] {
            let name = len.to_string();
            let key = keyspace.key(name.as_bytes());
            let mut guard = keyspace.lock(0);
            let value = NewValue::Owned(OwnedValue::Bytes(vec![b'x'; len], false));
            let expire = if db == 1 { Expire::At(5_000) } else { Expire::Clear };
            drop(guard.dbs[db].set(None, key, value, expire, 0));
            let slot = guard.dbs[db].find(key).expect("it was stored");
            feed.take(db, guard.dbs[db].record(slot));
        }
        feed.end(End::Complete);
        let head = Head {
            aux: vec![(b"redis-ver".to_vec(), b"8.0.6".to_vec())],
            libraries: vec![b"#!lua name=l".to_vec()],
            sizes: vec![(0, 2, 0), (1, 1, 1)],
            has_checksum: true,
        };
        let mut out = Cursor::new(Vec::new());
        let written = save(&mut out, &head, &feed, |_, _| Ok(())).expect("a vector takes all");
        assert_eq!((written.keys, written.bytes), (3, out.get_ref().len() as u64));
        out.into_inner()
    }

    fn items(file: &[u8]) -> Result<Vec<Item>, LoadError> {
        let mut loader = Loader::new(file, terms())?;
        let mut items = Vec::new();
        loop {
            match loader.item()? {
                Item::End => return Ok(items),
                item => items.push(item),
            }
        }
    }

    /// A file of one key and its value.
    fn file_of(value: &OwnedValue) -> Vec<u8> {
        let style = Style { version: None, compresses: false };
        let payload = crate::dump(value.view(), style);
        let (body, version) = crate::payload::open(&payload, true, false).expect("a payload");
        let mut file = format!("REDIS{:04}", version.0).into_bytes();
        file.push(opcode::FREQUENCY);
        file.extend([7, body[0], 3]);
        file.extend(b"key");
        file.extend(&body[1..]);
        file.push(opcode::END);
        let crc = crc64(0, &file);
        file.extend(crc.to_le_bytes());
        file
    }

    /// Collections of which each is longer than the buffer.
    fn large_collections() -> [OwnedValue; 4] {
        use store::CollectionType;
        use store::value::sorted_set::SortedSet;
        use store::value::{hash::Hash, list, list::List, set::Set, sorted_set::Arriving};
        let limits = Limits::default();
        let texts: Vec<String> = (0..40_000).map(|n| format!("element {n}")).collect();
        let texts = texts.iter().map(|text| text.as_bytes());
        let (mut hash, mut set) = (Hash::empty(&limits), Set::empty(&limits));
        let (mut list, mut arriving) = (List::empty(&limits), Arriving::default());
        for (n, text) in texts.enumerate() {
            let expire_ms = n.is_multiple_of(5).then_some(1 << 40);
            assert!(hash.add_all(&limits, &[(text, b"value", expire_ms)]));
            assert!(set.add_all(&[text], &limits));
            assert!(arriving.add_all(&[(text, (n % 9_000) as f64)]));
            list.push(list::End::Tail, text, &limits);
        }
        let sorted_set = SortedSet::of_arrived(arriving, &limits);
        [
            OwnedValue::of(hash),
            OwnedValue::of(set),
            OwnedValue::of(list),
            OwnedValue::of(sorted_set),
        ]
    }

    #[test]
    fn a_large_collection_comes_in_parts_and_is_whole_in_the_end() {
        for value in large_collections() {
            let file = file_of(&value);
            assert!(file.len() > BUFFER_BYTES);
            let items = items(&file).expect("the file is right");
            let Some((Item::Entry(entry), parts)) = items.split_last() else { panic!("an entry") };
            assert_eq!(parts.len(), file.len() / BUFFER_BYTES, "as often as the buffer was filled");
            assert!(parts.iter().all(|item| matches!(item, Item::Part)));
            assert_eq!((&entry.key[..], entry.frequency), (&b"key"[..], Some(7)));
            let of = |value: &OwnedValue| file_of(value).len();
            assert_eq!(of(&entry.value), of(&value));
            crate::fuzz::check(&entry.value);
        }
    }

    #[test]
    fn an_error_within_a_large_collection_says_where_its_item_begins() {
        for value in large_collections() {
            let file = file_of(&value);
            for cut in [BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, file.len() - 10] {
                let error = items(&file[..cut]).expect_err("it is cut");
                assert_eq!(error.offset, HEADER_BYTES as u64);
                assert!(matches!(error.kind, LoadErrorKind::Bad(Bad::Truncated)), "{error}");
            }
            let mut spoilt = file.clone();
            spoilt[BUFFER_BYTES + 1000] ^= 1;
            items(&spoilt).expect_err("a bit is wrong");
        }
    }

    fn entries(file: &[u8]) -> Vec<(usize, Vec<u8>, Option<i64>, usize)> {
        let (mut db, mut entries) = (0, Vec::new());
        for item in items(file).expect("the file is right") {
            match item {
                Item::Select(index) => db = index,
                Item::Entry(entry) => {
                    let OwnedValue::Bytes(bytes, _) = &entry.value else { panic!("a string") };
                    entries.push((db, entry.key, entry.expire_ms, bytes.len()));
                }
                _ => {}
            }
        }
        entries
    }

    #[test]
    fn what_was_saved_is_loaded() {
        for compresses in [true, false] {
            let style = Style { version: None, compresses };
            let (file, large) = (file(style), large(style));
            assert!(file.starts_with(b"REDIS0010"));
            assert_eq!(file.len() < 2_000, compresses);
            let expected = [
                (0, b"3".to_vec(), None, 3),
                (1, b"400".to_vec(), Some(5_000), 400),
                (0, large.to_string().into_bytes(), None, large),
            ];
            assert_eq!(entries(&file), expected);
        }
    }

    #[test]
    fn a_file_that_was_cut_or_spoilt_says_where() {
        let file = file(Style { version: None, compresses: true });
        for cut in 0..file.len() {
            let error = items(&file[..cut]).expect_err("it is cut");
            assert!(error.offset <= cut as u64, "{error}");
        }
        for at in 0..file.len() - 8 {
            let mut spoilt = file.clone();
            spoilt[at] ^= 0x10;
            items(&spoilt).expect_err("a bit is wrong");
        }
    }

    #[test]
    fn the_header_tells_the_lowest_version_and_the_checksum_holds() {
        let feed = Feed::new(Style { version: Some(Version(6)), compresses: true }, None);
        let keyspace = store::Keyspace::new(1, 1, [1; 16], Box::new(Nobody));
        let key = keyspace.key(b"list");
        let mut guard = keyspace.lock(0);
        let mut hash = <store::value::Hash as store::CollectionType>::empty(&Limits::default());
        let expire = store::value::FieldExpire::Clear;
        hash.set(&Limits::default(), b"field", b"value", expire);
        hash.set_expire_ms(b"field", Some(99));
        guard.dbs[0].insert(key, hash, 0);
        guard.dbs[0].for_each(|record| _ = feed.take(0, record));
        feed.end(End::Complete);
        let mut out = Cursor::new(Vec::new());
        let head = Head { has_checksum: true, ..Head::default() };
        save(&mut out, &head, &feed, |_, _| Ok(())).expect("a vector takes all");
        let file = out.into_inner();
        assert!(file.starts_with(b"REDIS0012"), "{}", file.escape_ascii());
        assert_eq!(items(&file).expect("its checksum is right").len(), 2);
    }

    #[test]
    fn a_modules_things_are_passed_over() {
        let mut file = b"REDIS0009\xf7\x81".to_vec();
        file.extend(0x4d2f_b5c6_2e1a_0c01_u64.to_be_bytes());
        file.extend(b"\x02\x02\x05\x03abc\x00\xff");
        let crc = crc64(0, &file);
        file.extend(crc.to_le_bytes());
        let items = items(&file).expect("it is whole");
        assert!(matches!(&items[..], [Item::OfModule { key: None, .. }]), "{items:?}");
    }

    #[test]
    fn what_is_no_rdb_file_is_told_apart_from_a_cut_one() {
        let error = |bytes: &[u8]| items(bytes).expect_err("it is none").kind;
        assert!(matches!(error(b"*2\r\n$6\r\nSELECT\r\n"), LoadErrorKind::NotRdb));
        assert!(matches!(error(b"REDIS0099"), LoadErrorKind::Version(Version(99))));
        assert!(matches!(error(b"REDIS00"), LoadErrorKind::Bad(Bad::Truncated)));
    }
}
