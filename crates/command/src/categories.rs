//! ACL categories, from the group and the flags.
//!
//! ```text
//! Write      @write                  Admin     @admin @dangerous
//! ReadOnly   @read                   PubSub    @pubsub
//! Fast       @fast, else @slow       Blocking  @blocking
//! group      @string, @hash, …       (server, cluster and pubsub give none)
//! ```
//!
//! Three exceptions, all Redis's. A container has only its speed, and what its declaration adds.
//! A script that may only read is not `@read`: a user with `+@read` shall not run scripts. And a
//! generic command whose declaration names another home, such as SORT (`@list @set @sortedset`)
//! or WAIT (`@connection`), is not `@keyspace`.

use crate::declare::{Category, Command, Flag, Group};

/// The bits of all categories a command is in.
pub fn categories<H>(command: &Command<H>) -> u64 {
    let declared = command.categories.iter().fold(0, |bits, c| bits | c.bit());
    let speed = match command.flags.contains(&Flag::Fast) {
        true => Category::Fast.bit(),
        false => Category::Slow.bit(),
    };
    if !command.subcommands.is_empty() {
        return declared | speed;
    }
    let is_script = command.group == Group::Scripting;
    let from_flags = command.flags.iter().fold(0, |bits, flag| {
        bits | match flag {
            Flag::Write => Category::Write.bit(),
            Flag::ReadOnly if !is_script => Category::Read.bit(),
            Flag::Admin => Category::Admin.bit() | Category::Dangerous.bit(),
            Flag::PubSub => Category::PubSub.bit(),
            Flag::Blocking => Category::Blocking.bit(),
            _ => 0,
        }
    });
    let home = match home(command.group) {
        Some(Category::Keyspace) if declared & HOMES != 0 => 0,
        Some(category) => category.bit(),
        None => 0,
    };
    declared | speed | from_flags | home
}

/// Categories that say where a command belongs, as opposed to what it does.
const HOMES: u64 = Category::Set.bit()
    | Category::SortedSet.bit()
    | Category::List.bit()
    | Category::Hash.bit()
    | Category::String.bit()
    | Category::Bitmap.bit()
    | Category::HyperLogLog.bit()
    | Category::Geo.bit()
    | Category::Stream.bit()
    | Category::Connection.bit()
    | Category::Transaction.bit()
    | Category::Scripting.bit();

fn home(group: Group) -> Option<Category> {
    match group {
        Group::Generic => Some(Category::Keyspace),
        Group::String => Some(Category::String),
        Group::Bitmap => Some(Category::Bitmap),
        Group::List => Some(Category::List),
        Group::Set => Some(Category::Set),
        Group::SortedSet => Some(Category::SortedSet),
        Group::Hash => Some(Category::Hash),
        Group::Stream => Some(Category::Stream),
        Group::Geo => Some(Category::Geo),
        Group::HyperLogLog => Some(Category::HyperLogLog),
        Group::Transactions => Some(Category::Transaction),
        Group::Scripting => Some(Category::Scripting),
        Group::Connection => Some(Category::Connection),
        Group::PubSub | Group::Server | Group::Cluster | Group::Sentinel => None,
    }
}
