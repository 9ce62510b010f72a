//! Putting it on the disk: the group, notes of ours, and forcing out what was written; and what
//! follows when the disk does not do it.

use std::io;
use std::sync::atomic::Ordering;

use base::disk::reason;

use super::{Appender, GROUP_BYTES_MAX};
use crate::aof::log::Fsync;
use crate::aof::marks::Mark;

const SYNC_EVERY_US: u64 = 1_000_000;
const RETRY_US: u64 = 1_000_000;

impl Appender {
    /// Writes the group. False if the disk did not take it (2).
    pub(super) fn write(&mut self, now_us: u64) -> bool {
        let opened = self.cut().and_then(|()| self.open_marks());
        let commands = self.group.len();
        if let Some(sum) = self.mark {
            // What is on the disk is asked now: a group that had to wait may have seen a sync.
            self.group.extend(sum.mark(self.synced_bytes).line());
        }
        let written = opened.and_then(|()| self.file.write_all(&self.group));
        match written {
            Ok(()) => {
                self.mark = None;
                self.file_bytes += self.group.len() as u64;
                self.aof
                    .figures()
                    .current_bytes
                    .fetch_add(self.group.len() as u64, Ordering::Relaxed);
                self.group.clear();
                self.group.shrink_to(GROUP_BYTES_MAX);
                self.wrote_us = now_us;
                self.aof.shared.written.store(self.gathered, Ordering::SeqCst);
                self.aof.shared.is_idle.store(false, Ordering::SeqCst);
                if !self.aof.gates() {
                    // Replies may wait for this much.
                    self.outside.advanced();
                }
                if !self.sync_failed {
                    self.mend("AOF write error looks solved. The server can write again.");
                }
                true
            }
            Err(error) => {
                self.group.truncate(commands);
                self.retry_at_us = now_us + RETRY_US;
                self.write_failed(&error);
                false
            }
        }
    }

    /// The file's first mark, if it is due, is on the disk before what it is for (5).
    fn open_marks(&mut self) -> io::Result<()> {
        if self.must_open {
            let opening = Mark { crc: 0, covers: 0, synced: self.synced_bytes };
            self.append(&opening.line())?;
            self.must_open = false;
            // Whether it failed has been told; the group is written all the same.
            self.sync();
        }
        Ok(())
    }

    /// Writes a note of ours.
    pub(super) fn append(&mut self, note: &[u8]) -> io::Result<()> {
        self.file.write_all(note)?;
        self.file_bytes += note.len() as u64;
        self.aof.figures().current_bytes.fetch_add(note.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn write_failed(&mut self, error: &io::Error) {
        let why = reason(error);
        self.outside.log('#', &format!("Error writing to the AOF file: {why}"));
        if self.fsync() == Fsync::Always {
            return self.give_up(
                "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...",
            );
        }
        self.break_down(&why);
        // Replies do not wait for a disk that does not take it.
        self.aof.shared.is_idle.store(false, Ordering::SeqCst);
        self.outside.advanced();
        self.needs_cut = true;
        if let Err(error) = self.cut() {
            let why = reason(&error);
            let text = format!(
                "Could not remove short write from the append-only file. The file may have to be \
                 repaired by redis-check-aof. ftruncate: {why}"
            );
            self.outside.log('#', &text);
        }
    }

    /// Removes what a failed write left (2).
    fn cut(&mut self) -> io::Result<()> {
        if self.needs_cut {
            self.file.truncate(self.file_bytes)?;
            self.file.seek(self.file_bytes)?;
            self.needs_cut = false;
        }
        Ok(())
    }

    fn fsync(&self) -> Fsync {
        Fsync::of(self.aof.shared.fsync.load(Ordering::Relaxed))
    }

    pub(super) fn sync_as_told(&mut self, now_us: u64) {
        if self.has_given_up || self.file_bytes == self.synced_bytes {
            // Nothing is in the file that is not on the disk; but more may have been gathered.
            return;
        }
        let is_due = match self.fsync() {
            Fsync::Always => true,
            Fsync::Everysec => {
                let rests =
                    self.aof.shared.rests.load(Ordering::Relaxed) && self.aof.is_rewriting();
                !rests && now_us >= self.last_sync_us + SYNC_EVERY_US
            }
            Fsync::No => false,
        };
        if is_due {
            self.last_sync_us = now_us;
            self.sync();
        }
    }

    /// Forces the file to the disk (1).
    pub(super) fn sync(&mut self) -> bool {
        if self.has_given_up {
            return false;
        }
        let synced = self.file.sync();
        self.aof.figures().fsyncs.fetch_add(1, Ordering::Relaxed);
        match synced {
            Ok(()) => {
                if !self.is_file_suspect {
                    self.synced_bytes = self.file_bytes;
                }
                self.sync_failed = false;
                self.mend("AOF fsync error looks solved. The server can write again.");
                let written = self.aof.written();
                if !self.waits_for_base && !self.aof.is_suspect() {
                    self.aof.shared.durable.store(written, Ordering::SeqCst);
                    self.outside.advanced();
                }
                true
            }
            Err(error) => {
                let why = reason(&error);
                if self.fsync() == Fsync::Always {
                    self.give_up(&format!(
                        "Can't persist AOF for fsync error when the AOF fsync policy is 'always': \
                         {why}. Exiting..."
                    ));
                } else {
                    self.sync_failed = true;
                    self.is_file_suspect = true;
                    self.aof.shared.is_suspect.store(true, Ordering::Relaxed);
                    self.outside.log('#', &format!("Fail to fsync the AOF file: {why}"));
                    self.break_down(&why);
                }
                false
            }
        }
    }

    fn break_down(&self, why: &str) {
        *self.aof.error() = why.to_owned();
        self.aof.shared.is_broken.store(true, Ordering::Relaxed);
    }

    fn mend(&self, text: &str) {
        if self.aof.shared.is_broken.swap(false, Ordering::Relaxed) {
            self.outside.log('#', text);
        }
    }

    fn give_up(&mut self, text: &str) {
        self.has_given_up = true;
        self.outside.give_up(text);
    }
}
