//! The log as it was at an instant, or at a place of it, as files of another directory.
//!
//! ```text
//!   from: base, incr 5, incr 6                 to: base, incr 5, incr 6'
//!                         └─ #AT:… not before the instant ─ cut here ──┘
//! ```
//!
//! The notes of time ([`super::times`]) say when commands were done. What was done before the instant
//! is taken over, to the byte; whatever the log does not know for sure is refused.
//!
//! # Invariants
//!
//! (1) `from` is only read. A server may be appending to it, or rewriting it: then another attempt is
//!     made with the log as it is by then.
//! (2) `to` is new: nothing in it is overwritten. Its manifest is written last, when all that it names
//!     is on the disk.
//! (3) Nothing is guessed: a command of which the log does not say on which side of the instant it was
//!     done is an error, and so is damage before the cut.

use std::fmt;
use std::io;
use std::path::PathBuf;

use base::calendar::Utc;
use base::disk::{File, Open, reason};

use super::check::{Damage, check, is_word};
use super::files::{Files, ManifestError};
use super::manifest::{Manifest, Part, Role};
use super::scan::{Item, Scan, Stop};
use super::times::{Said, parse};

const COPY_BYTES: usize = 1 << 20;
/// As often as it is read while a server removes files of it.
const ATTEMPTS_MAX: u32 = 5;

/// Up to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// What was done before this, in milliseconds of Unix time.
    Instant(i64),
    /// What stands before this byte of this file, and all files before it.
    Place { file: String, offset: u64 },
}

/// What is known of a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfBase {
    /// Its data set is of a moment before this one. None: it does not say so.
    pub before_ms: Option<i64>,
    /// Where its snapshot ends and commands begin, if any.
    pub commands_at: u64,
}

/// What there is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub commands: u64,
    pub bytes: u64,
    /// Nothing stood behind it: the log ends before the instant.
    pub is_all: bool,
    /// Bytes of a torn end that were left out: they were no whole command.
    pub torn_bytes: u64,
}

/// Why there is nothing.
#[derive(Debug)]
pub enum RestoreError {
    Manifest(ManifestError),
    /// There is no log, or none with anything in it.
    NoLog(PathBuf),
    NotEmpty(PathBuf),
    Read(PathBuf, io::Error),
    Write(PathBuf, io::Error),
    /// A base that cannot be used.
    Base(PathBuf, String),
    Damaged(PathBuf, u64, String),
    /// The data set is of this moment or later.
    BeforeBase(i64),
    /// At this place nothing says when it was done.
    Unknown(PathBuf, u64),
    /// Only its second is known.
    Seconds(PathBuf, u64),
    /// No such file of the log.
    NoFile(String),
    /// A command begins before this place and ends behind it.
    Amid(PathBuf, u64),
}

impl std::error::Error for RestoreError {}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use RestoreError::*;
        match self {
            Manifest(error) => error.fmt(f),
            NoLog(dir) => write!(
                f,
                "{} holds no append only file: a snapshot alone is of one moment only",
                dir.display()
            ),
            NotEmpty(dir) => {
                write!(f, "{} is there already, and is not empty", dir.display())
            }
            Read(path, error) => write!(f, "Can't read {}: {}", path.display(), reason(error)),
            Write(path, error) => write!(f, "Can't write {}: {}", path.display(), reason(error)),
            Base(path, why) => write!(f, "The base {} can't be used: {why}", path.display()),
            Damaged(path, at, why) => write!(
                f,
                "{} is damaged at byte {at}: {why}. ochre-check-aof tells more",
                path.display()
            ),
            BeforeBase(ms) => write!(
                f,
                "The log begins with the data set of {}, and knows nothing of what was before",
                Utc(*ms)
            ),
            Unknown(path, at) => write!(
                f,
                "Nothing says when the command at byte {at} of {} was done: \
                 aof-timestamp-enabled was off",
                path.display()
            ),
            Seconds(path, at) => write!(
                f,
                "Of the command at byte {at} of {} only the second is known: restore at a whole \
                 second",
                path.display()
            ),
            NoFile(name) => write!(f, "The log has no file {name}"),
            Amid(path, at) => {
                write!(f, "Byte {at} of {} is amid a command or a transaction", path.display())
            }
        }
    }
}

/// Makes the log of `to` what that of `from` was. `of_base` looks at the file of a base.
///
/// # Errors
/// Why it cannot be had; there is no manifest in `to` then.
pub fn restore(
    from: &Files,
    to: &Files,
    until: &Until,
    mut of_base: impl FnMut(&mut dyn File) -> Result<OfBase, String>,
) -> Result<Restored, RestoreError> {
    let mut attempts = 0;
    let (manifest, plan) = loop {
        let manifest = from.load().map_err(RestoreError::Manifest)?;
        let manifest = manifest.ok_or_else(|| RestoreError::NoLog(from.dir()))?;
        attempts += 1;
        let planned = Plan::open(from, &manifest).and_then(|plan| plan.cut(until, &mut of_base));
        let is_gone = matches!(&planned, Err(RestoreError::Read(_, error))
            if error.kind() == io::ErrorKind::NotFound);
        if is_gone && attempts < ATTEMPTS_MAX {
            // (1)
            continue;
        }
        break (manifest, planned?);
    };
    plan.copy(&manifest, to)
}

/// A file of the log, open, and how much of it is taken.
struct Taken {
    part: Part,
    path: PathBuf,
    file: Box<dyn File>,
    bytes: u64,
}

struct Plan<'a> {
    from: &'a Files,
    files: Vec<Taken>,
    restored: Restored,
}

impl<'a> Plan<'a> {
    /// All files are open before anything is read: one that is removed meanwhile stays readable.
    fn open(from: &'a Files, manifest: &Manifest) -> Result<Plan<'a>, RestoreError> {
        let mut files = Vec::new();
        for part in manifest.parts() {
            let path = from.path(&part.name);
            let told = |error| RestoreError::Read(path.clone(), error);
            let file = from.disk.open(&path, Open::Read).map_err(told)?;
            // What is appended from now on is not looked at.
            let bytes = file.len().map_err(told)?;
            files.push(Taken { part: part.clone(), path, file, bytes });
        }
        let restored = Restored { commands: 0, bytes: 0, is_all: true, torn_bytes: 0 };
        Ok(Plan { from, files, restored })
    }

    /// Finds where it ends.
    fn cut(
        mut self,
        until: &Until,
        of_base: &mut dyn FnMut(&mut dyn File) -> Result<OfBase, String>,
    ) -> Result<Plan<'a>, RestoreError> {
        let mut walk = Walk::new(until);
        let count = self.files.len();
        for i in 0..count {
            let is_last = i + 1 == count;
            let taken = &mut self.files[i];
            let mut from = 0;
            if taken.part.role == Role::Base {
                let base = of_base(&mut *taken.file)
                    .map_err(|why| RestoreError::Base(taken.path.clone(), why))?;
                from = base.commands_at;
                if let (&Until::Instant(ms), Some(before_ms)) = (until, base.before_ms)
                    && ms < before_ms
                {
                    return Err(RestoreError::BeforeBase(before_ms));
                }
            }
            let bytes = walk.file(self.from, taken, from, is_last)?;
            if !walk.is_over {
                self.restored.torn_bytes = taken.bytes - bytes;
            }
            taken.bytes = bytes;
            if walk.is_over {
                self.files.truncate(i + 1);
                break;
            }
        }
        walk.end()?;
        self.restored.is_all = !walk.is_over;
        self.restored.commands = walk.commands;
        Ok(self)
    }

    /// Writes it all down (2).
    fn copy(mut self, manifest: &Manifest, to: &Files) -> Result<Restored, RestoreError> {
        let told = |error| RestoreError::Write(to.dir(), error);
        to.make_dir().map_err(told)?;
        let mut restored = manifest.clone();
        restored.history.clear();
        restored.incrs.retain(|part| self.files.iter().any(|taken| taken.part.name == part.name));
        for taken in &mut self.files {
            let target = to.path(&taken.part.name);
            copy(&mut *taken.file, taken.bytes, to, &target).map_err(|(is_read, error)| {
                match is_read {
                    true => RestoreError::Read(taken.path.clone(), error),
                    false => RestoreError::Write(target.clone(), error),
                }
            })?;
            self.restored.bytes += taken.bytes;
        }
        to.disk.sync_dir(&to.dir()).map_err(told)?;
        to.save(&restored).map_err(told)?;
        to.disk.sync_dir(&to.above).map_err(told)?;
        Ok(self.restored)
    }
}

/// The first so many bytes of a file as another, forced to the disk. An error says whether reading
/// failed.
fn copy(
    source: &mut dyn File,
    mut bytes: u64,
    to: &Files,
    target: &std::path::Path,
) -> Result<(), (bool, io::Error)> {
    let of_write = |error| (false, error);
    let mut file = to.disk.open(target, Open::CreateNew).map_err(of_write)?;
    source.seek(0).map_err(|error| (true, error))?;
    let mut buffer = vec![0; COPY_BYTES];
    while bytes > 0 {
        let most = buffer.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        let read = source.read_full(&mut buffer[..most]).map_err(|error| (true, error))?;
        if read == 0 {
            return Err((true, io::ErrorKind::UnexpectedEof.into()));
        }
        file.write_all(&buffer[..read]).map_err(of_write)?;
        bytes -= read as u64;
    }
    file.sync().map_err(of_write)
}

/// Goes over the log in order, until what is behind is wanted no more.
struct Walk<'a> {
    until: &'a Until,
    said: Said,
    /// The first command since the last note of which it is not known when it was done, if nothing
    /// follows that was done before the instant.
    doubt: Option<(PathBuf, u64)>,
    commands: u64,
    is_over: bool,
}

impl<'a> Walk<'a> {
    fn new(until: &'a Until) -> Walk<'a> {
        Walk { until, said: Said::Unknown, doubt: None, commands: 0, is_over: false }
    }

    /// How much of this file is wanted, which begins with no commands up to `from`.
    fn file(
        &mut self,
        files: &Files,
        taken: &mut Taken,
        from: u64,
        is_last: bool,
    ) -> Result<u64, RestoreError> {
        // Who notes moments does so at the beginning of each file.
        self.said = Said::Unknown;
        let before = self.commands;
        let told = |error| RestoreError::Read(taken.path.clone(), error);
        let open = || -> io::Result<Box<dyn File>> {
            let mut file = files.disk.open(&taken.path, Open::Read)?;
            file.seek(from)?;
            Ok(Box::new(Begin { file, left: taken.bytes - from, len: taken.bytes }))
        };
        let checked = open().and_then(|file| check(file, from)).map_err(told)?;
        let cut = self.cut(Scan::new(open().map_err(told)?, from), &taken.path, checked.good)?;
        if let Until::Place { file, .. } = self.until
            && *file == taken.part.name
            && cut.is_none()
        {
            return Err(RestoreError::Amid(taken.path.clone(), checked.good));
        }
        if let Some(at) = cut {
            let of_ms = match self.said {
                Said::Within { from_ms, .. } => from_ms,
                Said::Unknown => 0,
            };
            let has_nothing = taken.part.role == Role::Base && from == 0 && self.commands == before;
            if has_nothing && matches!(self.until, Until::Instant(_)) {
                return Err(RestoreError::BeforeBase(of_ms));
            }
            self.is_over = true;
            return Ok(at);
        }
        match checked.damage {
            None => Ok(taken.bytes),
            Some(Damage::CutOff | Damage::Torn) if is_last => Ok(checked.good),
            Some(Damage::Bad(at, why)) => {
                Err(RestoreError::Damaged(taken.path.clone(), at, why.to_owned()))
            }
            Some(_) => {
                let why = "it ends there, and more follows in the next file".to_owned();
                Err(RestoreError::Damaged(taken.path.clone(), checked.good, why))
            }
        }
    }

    /// Where in a file it ends, if it does there. Nothing from `good` on is looked at.
    fn cut(
        &mut self,
        mut scan: Scan,
        path: &std::path::Path,
        good: u64,
    ) -> Result<Option<u64>, RestoreError> {
        let place = match self.until {
            Until::Place { file, offset } => {
                path.file_name().is_some_and(|name| name == &file[..]).then_some(*offset)
            }
            Until::Instant(_) => None,
        };
        let mut multi = None;
        loop {
            let at = scan.offset();
            if let Some(place) = place
                && at >= place
            {
                return match at == place && multi.is_none() {
                    true => Ok(Some(at)),
                    false => Err(RestoreError::Amid(path.to_owned(), place)),
                };
            }
            if at >= good {
                return Ok(None);
            }
            match scan.next_item() {
                Ok(Item::Note(line)) => {
                    if let Some(said) = parse(line) {
                        self.note(said);
                    }
                }
                Ok(Item::Command(bytes)) => {
                    if is_word(bytes, b"MULTI") {
                        multi = Some(at);
                    }
                    if multi.is_none_or(|from| from == at) && self.ends_before(path, at)? {
                        return Ok(Some(at));
                    }
                    if is_word(bytes, b"EXEC") {
                        multi = None;
                    }
                    self.commands += 1;
                }
                Err(Stop::Io(error)) => return Err(RestoreError::Read(path.to_owned(), error)),
                Err(Stop::End | Stop::CutOff | Stop::Bad(..)) => return Ok(None),
            }
        }
    }

    fn note(&mut self, said: Said) {
        self.said = said;
        if let (Said::Within { from_ms, .. }, &Until::Instant(ms)) = (said, self.until)
            && from_ms < ms
        {
            // What came before was done before the instant too.
            self.doubt = None;
        }
    }

    /// Whether the command at `at` is no longer wanted.
    fn ends_before(&mut self, path: &std::path::Path, at: u64) -> Result<bool, RestoreError> {
        let &Until::Instant(ms) = self.until else { return Ok(false) };
        match self.said {
            Said::Within { from_ms, .. } if from_ms >= ms => {
                // (3)
                self.end()?;
                Ok(true)
            }
            Said::Within { until_ms, .. } if until_ms > ms => {
                Err(RestoreError::Seconds(path.to_owned(), at))
            }
            Said::Within { .. } => Ok(false),
            Said::Unknown => {
                self.doubt.get_or_insert_with(|| (path.to_owned(), at));
                Ok(false)
            }
        }
    }

    /// Nothing more is wanted (3).
    fn end(&mut self) -> Result<(), RestoreError> {
        if let Until::Place { file, .. } = self.until
            && !self.is_over
        {
            return Err(RestoreError::NoFile(file.clone()));
        }
        match self.doubt.take() {
            Some((path, at)) => Err(RestoreError::Unknown(path, at)),
            None => Ok(()),
        }
    }
}

/// The first bytes of a file, as long as it was: more may come.
struct Begin {
    file: Box<dyn File>,
    left: u64,
    len: u64,
}

impl File for Begin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut into[..most])?;
        self.left -= read as u64;
        Ok(read)
    }

    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn seek(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }
}
