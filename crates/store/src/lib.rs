//! The keyspace: records, shards, their locks, and the gate.
//!
//! Read in this order: [`record`] (what one key costs), [`shard`] (where records live and the one
//! door through which they change), [`lock`] and [`gate`] (who may be inside), [`keyspace`] (all
//! shards together) and [`access`] (the proof of access that a command is handed), [`watch`],
//! [`waiting`] and [`tracked`] (who is told of changes), [`eviction`] (which keys go when memory is
//! short).
//!
//! Nothing here knows a client, a command or a protocol.

pub mod access;
pub mod eviction;
pub mod eviction_clock;
pub mod gate;
pub mod keyspace;
pub mod lazyfree;
pub mod lock;
pub mod record;
pub mod shard;
pub mod snapshot;
mod sync;
pub mod ticks;
pub mod tracked;
pub mod value;
pub mod waiting;
pub mod watch;

pub use access::Access;
pub use gate::{Gate, Inside, PerWorker, Seat, World};
pub use keyspace::{Key, Keyspace};
pub use record::{Encoding, Expiries, Record, StrRef, Type};
pub use shard::{DbShard, Expire, Fate, Gone, NewValue, ShardData};
pub use snapshot::{Snapshot, Sweep};
pub use value::{Collection, CollectionType, Limits, OwnedValue, Part, ValueRef, View};
