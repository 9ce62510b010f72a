//! The base of the log: what a snapshot's feed hands over becomes a file, on a thread of its own.
//!
//! As an RDB file it is written like any snapshot. As commands, each entry becomes a RESTORE, which
//! makes a value of any type; the feed's entries are read back for it, so that workers encode once
//! and in one way.

use std::io::{self, Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;

use ::base::disk::{AsStd, File, Open};
use journal::aof::Files;
use rdb::feed::{Chunk, End, Feed};
use rdb::file::FileWriter;
use rdb::load::{Entry, Item, LoadError, Loader, Terms};
use rdb::save::{SaveError, file_of_chunk, save};
use rdb::{Style, dump};
use resp::encode::write_request;
use store::{Access, Limits};

use crate::engine::{Engine, REDIS_VERSION};
use crate::persistence::SaveJob;

/// It is forced to the disk piece by piece, so that the log's own syncs stay short.
const SYNC_BYTES: u64 = 32 << 20;

type Out = AsStd<Box<dyn File>>;

/// What a base is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Snapshot,
    Commands { notes_time: bool },
}

impl Form {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Form::Snapshot => "rdb",
            Form::Commands { .. } => "aof",
        }
    }
}

/// A base on its way to the disk.
pub(super) struct Base {
    pub(super) job: Arc<SaveJob>,
    pub(super) form: Form,
    pub(super) files: Files,
    /// `aof-rewrite-incremental-fsync`.
    pub(super) syncs: bool,
    pub(super) limits: Limits,
}

impl Engine {
    /// The job of a base: its feed, and what its file begins with.
    pub(super) fn new_base_job(&self, access: &mut Access<'_>, now_ms: i64, form: Form) -> SaveJob {
        let mut job = self.new_job(access, now_ms, true);
        for (name, text) in &mut job.head.aux {
            if name == b"aof-base" {
                *text = b"1".to_vec();
            }
        }
        if form != Form::Snapshot {
            // The entries are read again.
            let style = Style { compresses: false, ..self.rdb_style() };
            job.feed = Arc::new(Feed::new(style, job.feed.usage()));
        }
        job
    }

    /// The base of an empty data set.
    pub(super) fn empty_base(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Commands { .. } => Vec::new(),
            Form::Snapshot => {
                let mut file = FileWriter::new(self.rdb_style());
                file.aux(b"redis-ver", REDIS_VERSION.as_bytes());
                file.aux(b"redis-bits", usize::BITS.to_string().as_bytes());
                let now_ms = ::base::clock::unix_ms();
                file.aux(b"ctime", (now_ms / 1000).to_string().as_bytes());
                file.aux(b"ctime-ms", now_ms.to_string().as_bytes());
                file.aux(b"aof-base", b"1");
                file.finish()
            }
        }
    }
}

impl Base {
    /// Writes all that is handed over, beside the log, and forces it to the disk.
    ///
    /// # Errors
    /// The disk's, or that it was cancelled. There is no file then, and no more is taken.
    pub(super) fn write(&self) -> io::Result<PathBuf> {
        let path = self.files.temp_base();
        let written = self.files.make_dir().and_then(|()| self.write_to(&path));
        if written.is_err() {
            self.job.feed.end(End::Cancelled);
            // That it is not there may be why.
            let _ = self.files.disk.remove(&path);
        }
        written.map(|()| path)
    }

    fn write_to(&self, path: &std::path::Path) -> io::Result<()> {
        let mut out = AsStd(self.files.disk.open(path, Open::CreateBulk)?);
        match self.form {
            Form::Snapshot => self.write_snapshot(&mut out)?,
            Form::Commands { notes_time } => self.write_commands(&mut out, notes_time)?,
        }
        out.0.sync()
    }

    /// Forces what was written to the disk, if that is much.
    fn sync_some(&self, out: &mut Out, synced: &mut u64, bytes: u64) -> io::Result<()> {
        if self.syncs && bytes - *synced >= SYNC_BYTES {
            *synced = bytes;
            out.0.sync()?;
        }
        Ok(())
    }

    fn write_snapshot(&self, out: &mut Out) -> io::Result<()> {
        let (mut synced, mut keys) = (0, 0);
        let saved = save(out, &self.job.head, &self.job.feed, |written, out| {
            self.job.note_progress(written);
            self.job.dawdle(keys, written.keys);
            keys = written.keys;
            self.sync_some(out, &mut synced, written.bytes)
        });
        match saved {
            Ok(_) => Ok(()),
            Err(SaveError::Cancelled) => Err(cancelled()),
            Err(SaveError::Io(error)) => Err(error),
        }
    }

    fn write_commands(&self, out: &mut Out, notes_time: bool) -> io::Result<()> {
        let (mut bytes, mut synced, mut db) = (0, 0, None);
        let mut text = Vec::new();
        if notes_time {
            text = journal::aof::times::lines(self.job.cut_ms, None);
        }
        for code in &self.job.head.libraries {
            write_request(&mut text, [&b"FUNCTION"[..], b"LOAD", code].iter());
        }
        loop {
            out.write_all(&text)?;
            bytes += text.len() as u64;
            self.sync_some(out, &mut synced, bytes)?;
            text.clear();
            match self.job.feed.next_whole() {
                Ok(chunk) => {
                    if db.replace(chunk.db) != Some(chunk.db) {
                        let number = chunk.db.to_string();
                        write_request(&mut text, [&b"SELECT"[..], number.as_bytes()].iter());
                    }
                    self.job.dawdle(0, chunk.keys as u64);
                    self.write_entries(&chunk, &mut text).map_err(io::Error::other)?;
                }
                Err(End::Complete) => return Ok(()),
                Err(End::Cancelled) => return Err(cancelled()),
            }
        }
    }

    fn write_entries(&self, chunk: &Chunk, out: &mut Vec<u8>) -> Result<(), LoadError> {
        let file = file_of_chunk(chunk, self.job.feed.version());
        let terms = Terms { limits: self.limits, checks_crc: false, any_version: true };
        let mut loader = Loader::new(Cursor::new(file), terms)?;
        loop {
            match loader.item()? {
                Item::End => return Ok(()),
                Item::Entry(entry) => self.write_entry(&entry, out),
                _ => {}
            }
        }
    }

    fn write_entry(&self, entry: &Entry, out: &mut Vec<u8>) {
        let payload = dump(entry.value.view(), self.job.feed.style());
        let expire = entry.expire_ms.unwrap_or(0).to_string();
        let idle = entry.idle_s.map(|s| s.to_string());
        let frequency = entry.frequency.map(|n| n.to_string());
        let mut words = vec![&b"RESTORE"[..], &entry.key, expire.as_bytes(), &payload];
        if entry.expire_ms.is_some() {
            words.push(b"ABSTTL");
        }
        if let Some(idle) = &idle {
            words.extend([&b"IDLETIME"[..], idle.as_bytes()]);
        }
        if let Some(frequency) = &frequency {
            words.extend([&b"FREQ"[..], frequency.as_bytes()]);
        }
        write_request(out, words.iter());
    }
}

fn cancelled() -> io::Error {
    io::Error::other("terminated by signal 10")
}
