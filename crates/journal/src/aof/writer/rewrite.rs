//! Rewriting: where the data set was taken a file ends and the next begins; when the data set is on
//! the disk, it becomes the base and what came before it history.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use base::disk::{Open, reason};

use super::Appender;
use crate::aof::log::NewBase;
use crate::aof::marks::Sum;

impl Appender {
    /// The data set was taken here: the next increment begins.
    pub(super) fn begin_next(&mut self) {
        if let Err(error) = self.try_begin_next() {
            let text = format!("Can't open the next INCR AOF: {}", reason(&error));
            self.outside.log('#', &text);
            self.kept = usize::MAX;
        }
    }

    fn try_begin_next(&mut self) -> io::Result<()> {
        if self.waits_for_base {
            // Another attempt at a base: what came before it is in the data set.
            self.file = self.files.disk.open(&self.files.temp_incr(), Open::Create)?;
            self.begin_file(0);
            return Ok(());
        }
        if !self.sync() {
            return Err(io::Error::other("the last one could not be forced to the disk"));
        }
        let mut manifest = self.manifest.clone();
        let part = manifest.new_incr(&self.files.name);
        let mut file = self.files.disk.open(&self.files.path(&part.name), Open::Create)?;
        file.sync()?;
        self.files.disk.sync_dir(&self.files.dir())?;
        self.files.save(&manifest)?;
        self.outside
            .log('*', &format!("Creating AOF incr file {} on background rewrite", part.name));
        (self.manifest, self.file, self.kept) = (manifest, file, 1);
        self.begin_file(0);
        Ok(())
    }

    fn begin_file(&mut self, bytes: u64) {
        (self.file_bytes, self.synced_bytes) = (bytes, bytes);
        (self.sum, self.has_opened) = (Sum::default(), false);
        self.times.begin_file();
        (self.must_open, self.is_group_whole, self.is_file_suspect) = (false, true, false);
    }

    pub(super) fn install(&mut self, base: NewBase) {
        let installed = base.and_then(|(path, extension)| {
            let done = self.try_install(&path, extension);
            done.map_err(|error| {
                // Whoever reads the log wants to know of the first error.
                let _ = self.files.disk.remove(&path);
                reason(&error)
            })
        });
        self.aof.figures().end_rewrite(installed.is_ok());
        match installed {
            Ok(()) => self.outside.log('*', "Background AOF rewrite finished successfully"),
            Err(why) => {
                self.outside.log('#', &format!("Background AOF rewrite failed: {why}"));
                if self.waits_for_base {
                    let text = "Removing the temp incr aof file: the next attempt makes another";
                    self.outside.log('*', text);
                }
            }
        }
    }

    fn try_install(&mut self, temp: &Path, extension: &str) -> io::Result<()> {
        if self.kept == usize::MAX {
            return Err(io::Error::other("the increment behind it could not be begun"));
        }
        if self.waits_for_base && self.is_file_suspect {
            return Err(io::Error::other(
                "the increment behind it could not be forced to the disk",
            ));
        }
        let mut manifest = self.manifest.clone();
        let disk = self.files.disk.clone();
        let base = manifest.new_base(&self.files.name, extension);
        if self.waits_for_base {
            manifest.retire_incrs(0);
            // Numbers go on: what has become history is still there.
            let incr = manifest.new_incr(&self.files.name);
            // What it has must be there when the manifest names it.
            self.file.sync()?;
            self.files.announce(&manifest)?;
            disk.rename(temp, &self.files.path(&base.name))?;
            disk.rename(&self.files.temp_incr(), &self.files.path(&incr.name))?;
        } else {
            manifest.retire_incrs(self.kept);
            disk.rename(temp, &self.files.path(&base.name))?;
        }
        disk.sync_dir(&self.files.dir())?;
        disk.sync_dir(&self.files.above)?;
        match self.waits_for_base {
            true => self.files.save_announced(&manifest)?,
            false => self.files.save(&manifest)?,
        }
        self.manifest = manifest;
        self.waits_for_base = false;
        self.aof.shared.waits_for_base.store(false, Ordering::Relaxed);
        self.aof.shared.is_suspect.store(self.is_file_suspect, Ordering::Relaxed);
        self.tidy_up();
        let bytes = self.files.bytes(&self.manifest).unwrap_or(0);
        self.aof.figures().current_bytes.store(bytes, Ordering::Relaxed);
        self.aof.figures().base_bytes.store(bytes, Ordering::Relaxed);
        // A sync will say what of the new increment is durable.
        self.last_sync_us = 0;
        self.sync();
        self.aof.decide_gates();
        Ok(())
    }

    fn tidy_up(&mut self) {
        if self.aof.shared.keeps_history.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.files.forget_history(&mut self.manifest) {
            let text = format!("Removing old AOF files: {}", reason(&error));
            self.outside.log('#', &text);
        }
    }
}
