//! Every command: its declaration, its handler and its tests, one file or folder for each group.
//!
//! A group's file lists its commands in `COMMANDS`; [`all`] lists the groups. That is all there is
//! to adding one: a `const`, an entry in its file's list.
#![forbid(unsafe_code)]

pub mod acl;
pub mod bitmap;
pub mod cluster;
pub mod command_docs;
pub mod connection;
mod container;
mod drawn;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod pubsub;
pub mod replication;
pub mod scripting;
pub mod server;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod string;
#[cfg(test)]
mod tests;
pub mod transactions;

use engine::Command;

/// The commands of all groups, in the order in which the documentation shows them.
pub fn all() -> &'static [&'static [Command]] {
    &[
        generic::COMMANDS,
        string::COMMANDS,
        bitmap::COMMANDS,
        hyperloglog::COMMANDS,
        list::COMMANDS,
        set::COMMANDS,
        sorted_set::COMMANDS,
        hash::COMMANDS,
        stream::COMMANDS,
        geo::COMMANDS,
        transactions::COMMANDS,
        pubsub::COMMANDS,
        replication::COMMANDS,
        cluster::COMMANDS,
        scripting::COMMANDS,
        connection::COMMANDS,
        command_docs::COMMANDS,
        acl::COMMANDS,
        server::COMMANDS,
    ]
}
