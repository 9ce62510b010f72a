//! The journal: every change of the data set, as one stream of bytes with offsets.
//!
//! The stream is RESP, as Redis replicates it. It is at once the replication stream, the
//! replication backlog and the source of the AOF, so these three can never disagree.
//!
//! ```text
//!            first_offset             watermark      tail
//!                 |                       |            |
//!     ··· trimmed | history, still held   | being      | nothing yet
//!                 v                       v copied     v
//!     +-----------+-----------+-----------+-----+------+------+
//!     |  block    |  block    |  block    |  block     '      |      blocks of 16 KiB to 1 MiB
//!     +-----------+-----------+-----------+-----+------+------+
//!          ^             ^                 ^    ^
//!          |             |                 |    +-- worker 2: in flight from here
//!       replica 1    AOF writer            +------- worker 0: in flight from here
//!       (a Reader)   (a Reader)                     worker 1: idle
//! ```
//!
//! # How it works
//!
//! A worker that executes a write still holds the locks of the command's shards and appends:
//!
//! 1. *Reserve.* Under one short spin lock: write a SELECT first if the stream stands in another
//!    database, note the start in the worker's own in-flight word, move the tail.
//! 2. *Copy* the bytes into the blocks, many workers at once, outside the lock.
//! 3. *Publish*: set the in-flight word back to idle.
//!
//! The watermark is the smaller of the tail and all in-flight words. Everything below it is fully
//! copied, and this is what readers may see. There is no sequence of finished records and nobody
//! waits for anybody's copy.
//!
//! While no [`Reader`] exists the journal is off: [`Journal::is_on`] is one relaxed load, the tail
//! stands still and nothing is held. The first reader switches it on, which is right only while no
//! write is under way, that is at a closed gate; the last reader to go switches it off.
//!
//! A reader that has read everything [arms](Reader::arm) itself under the spin lock, and only if the
//! tail equals its offset. So the very next record begins at its offset, the writer of that record
//! sees the arming without any fence, and when it has published, there *is* something to read: no
//! wake-up is lost. The wake itself may be a system call, and a worker that appends holds
//! shards; therefore append only notes that one is due, and the worker makes it good with
//! [`Journal::wake_readers`] when it has let go.
//!
//! # Invariants
//!
//! (1) Conflicting commands stand in execution order: the range is reserved while the shard locks
//!     are held. What one call appends is contiguous.
//! (2) A reserved range belongs to one worker until it publishes; no other thread reads or writes it.
//! (3) A worker has at most one append in flight, and its word is set before the tail covers it.
//! (4) Bytes below the watermark never change and are all initialised.
//! (5) Blocks are contiguous and ascending; a block leaves the list only when it ends at or below
//!     the watermark, so a writer may use it without counting a reference. A reader counts one.
//! (6) A block leaves the list only when it is older than the backlog and each reader has passed
//!     it or lags more than it is allowed to. So memory is bounded by the backlog, or by the
//!     largest allowance given with [`Reader::allow_lag`], plus a block for each reader.
//! (7) The journal is on exactly while a reader is registered.
//! (8) At the offset where a reader without history begins, the stream says SELECT before it says
//!     anything that needs a database.
//! (9) While moments are kept, each record belongs to the last moment noted at or below its start: a
//!     millisecond between the change and the earliest reply to it. Moments never go back.
//!
//! # Limits
//!
//! All workers meet at one lock. Its body is some ten instructions; at saturation the cost is the
//! hand-off of its cache line. Should that ever show, reserve once for several pipelined commands.
//!
//! Offsets survive a restart of the process only if somebody stores them; see
//! [`Journal::restart_at`].
//!
//! The shape, concurrent reservation and parallel copy under a contiguous watermark, is that of
//! the redo log of MySQL 8; blocks shared by backlog and replicas are Redis 7's.

#[cfg(not(loom))]
pub mod aof;
mod block;
mod journal;
mod moments;
mod reader;
mod retain;
mod spin;
mod sync;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

pub use journal::{Backlog, Journal};
pub use moments::Moment;
pub use reader::{Behind, Reader};
