//! What a data set is made of: structures that know bytes and hashes, not clients or commands.
//!
//! Read in this order: [`hash`] turns a key into 64 bits, [`table`] orders everything by them,
//! [`heap`] holds the records the table's slots point to, [`pages`] is the memory under both once
//! they are large. [`elements`] makes large sets and hashes of all three. [`btree`] is for what has
//! an order of its own; with elements it makes sorted sets ([`scored`]). Small collections are
//! packed into one buffer ([`packed`]): [`listpack`] and [`intset`].
//! [`hyperloglog`] and [`geohash`] stand alone: ways to read a string and a number.
//!
//! This crate is one of the few that may use `unsafe`; every block names the invariant it rests on.

pub mod btree;
pub mod elements;
pub mod geohash;
pub mod hash;
pub mod heap;
pub mod hyperloglog;
pub mod intset;
pub mod listpack;
mod mapping;
pub mod packed;
pub mod pages;
mod prefault;
mod prefetch;
pub mod scored;
pub mod table;
mod units;

pub use btree::CountedTree;
pub use elements::{Element, Elements};
pub use hash::HashKey;
pub use heap::Heap;
pub use intset::Intset;
pub use listpack::Listpack;
pub use prefetch::prefetch_for_write;
pub use scored::ScoredSet;
pub use table::{Entries, Entry, Peek, Reclaim, Slot, Table};
