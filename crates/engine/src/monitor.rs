//! MONITOR: clients that are told of every command that runs.
//!
//! ```text
//!   +1700000000.123456 [0 127.0.0.1:51002] "SET" "a" "1"
//! ```
//!
//! While there is a monitor, commands run one by one ([`crate::attention`]), and each is told of
//! before its locks are given back: commands that conflict are told of in the order they ran. With
//! none, nothing is looked at. Commands of administration are not shown, and secrets in the others
//! are replaced. A line goes to monitors through the mailboxes; one that does not read is closed
//! like a subscriber that does not.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};

use command::declare::Flag;
use command::table::Entry;
use resp::Args;

use crate::attention::Reason;
use crate::client::{Address, Client};
use crate::command_log::shown_args;
use crate::cx::Handler;
use crate::engine::Engine;
use crate::mail::{Addressee, Mail, News};

/// Who monitors.
#[derive(Default)]
pub struct Monitors(Mutex<Vec<Addressee>>);

impl Monitors {
    fn all(&self) -> MutexGuard<'_, Vec<Addressee>> {
        self.0.lock().expect("nobody panics holding the monitors")
    }
}

impl Engine {
    /// From now on the client is told of every command.
    pub fn monitor(&self, client: &mut Client, worker: usize) {
        if !std::mem::replace(&mut client.is_monitor, true) {
            let mut monitors = self.monitors.all();
            monitors.push(Addressee { worker, client: client.index, id: client.id });
            self.settings.attention.set(Reason::Monitor, true);
        }
    }

    /// RESET, or the client closes.
    pub fn unmonitor(&self, client: &mut Client) {
        if std::mem::take(&mut client.is_monitor) {
            let mut monitors = self.monitors.all();
            monitors.retain(|monitor| monitor.id != client.id);
            self.settings.attention.set(Reason::Monitor, !monitors.is_empty());
        }
    }

    /// Tells monitors of a command that ran in a database.
    #[cold]
    pub(crate) fn feed_monitors(
        &self,
        entry: &Entry<Handler>,
        args: Args<'_>,
        db: usize,
        address: &Address,
    ) {
        if entry.has(Flag::SkipMonitor) || entry.has(Flag::Admin) {
            return;
        }
        self.feed_monitor_of_script(entry, args, db, address);
    }

    /// The same for a script, which is told of before its commands.
    #[cold]
    pub(crate) fn feed_monitor_of_script(
        &self,
        entry: &Entry<Handler>,
        args: Args<'_>,
        db: usize,
        address: &Address,
    ) {
        let line: Arc<[u8]> = line(entry, args, db, address).into();
        let monitors = self.monitors.all();
        for worker in 0..self.workers() {
            let mine = monitors.iter().filter(|monitor| monitor.worker == worker);
            let to: Vec<_> = mine.map(|monitor| (monitor.client, monitor.id)).collect();
            if !to.is_empty() {
                self.mail.post(worker, Mail { to, news: News::Command(line.clone()) });
            }
        }
    }
}

fn line(entry: &Entry<Handler>, args: Args<'_>, db: usize, address: &Address) -> Vec<u8> {
    let now_us = base::clock::unix_us();
    let mut out = Vec::new();
    let (seconds, rest_us) = (now_us / 1_000_000, now_us % 1_000_000);
    let whence = match address {
        Address::Unix(path) => format!("unix:{path}"),
        address => address.to_string(),
    };
    write!(out, "+{seconds}.{rest_us:06} [{db} {whence}]").expect("a Vec takes all");
    for arg in shown_args(entry, args) {
        out.push(b' ');
        out.extend_from_slice(&base::split_args::quote(arg));
    }
    out.extend_from_slice(b"\r\n");
    out
}
