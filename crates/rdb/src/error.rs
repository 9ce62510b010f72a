//! Why bytes are no value.

use std::fmt;

/// What is wrong with the form of a value. Whose fault it is does not matter to the reader of the
/// value: a client is told `Bad data format`, a file that is being loaded has a place to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// The bytes end in the middle of something.
    Truncated,
    /// A type that does not exist, or not in this version.
    UnknownType(u8),
    /// A value of a module: nothing here knows how to read it.
    Module,
    /// A collection without elements: such a key cannot exist.
    Empty,
    /// What was read contradicts the format; the text says what.
    Corrupt(&'static str),
}

pub type Result<T> = std::result::Result<T, Bad>;

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Truncated => f.write_str("the value ends too early"),
            Bad::UnknownType(byte) => write!(f, "unknown value type {byte}"),
            Bad::Module => f.write_str("a value of a module that is not here"),
            Bad::Empty => f.write_str("a collection without elements"),
            Bad::Corrupt(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Bad {}
