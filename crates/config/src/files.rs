//! The only sight this crate has of a file system.

use std::io;

/// Reads configuration files. Tests implement it over a map.
pub trait Files {
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// Paths that match a shell pattern, in alphabetical order. None is no error: an empty
    /// conf.d is allowed.
    fn matching(&self, pattern: &str) -> Vec<String>;
}

/// The real file system; relative paths start at the working directory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn matching(&self, pattern: &str) -> Vec<String> {
        let paths = glob::glob(pattern).into_iter().flatten().flatten();
        paths.map(|path| path.to_string_lossy().into_owned()).collect()
    }
}
