//! The clients of one worker.
//!
//! A client that runs a command is taken out of the table for that time and put back afterwards,
//! so that a command which owns the world can hold its own client and look at all others.

use crate::client::Client;

/// Where a client stands in its worker's table.
pub type ClientIndex = usize;

#[derive(Default)]
pub struct Clients {
    slots: Vec<Option<Box<Client>>>,
    free: Vec<ClientIndex>,
    count: usize,
    /// Clients that someone else wants closed or looked at: the event loop drains it.
    pub attention: Vec<ClientIndex>,
}

impl Clients {
    pub fn insert(&mut self, client: Box<Client>) -> ClientIndex {
        self.count += 1;
        match self.free.pop() {
            Some(index) => {
                self.slots[index] = Some(client);
                index
            }
            None => {
                self.slots.push(Some(client));
                self.slots.len() - 1
            }
        }
    }

    /// For the time of a command.
    pub fn take(&mut self, index: ClientIndex) -> Option<Box<Client>> {
        self.slots.get_mut(index)?.take()
    }

    pub fn put_back(&mut self, index: ClientIndex, client: Box<Client>) {
        assert!(self.slots[index].is_none(), "a client is put back where it was taken");
        self.slots[index] = Some(client);
    }

    pub fn get(&mut self, index: ClientIndex) -> Option<&mut Client> {
        self.slots.get_mut(index)?.as_deref_mut()
    }

    /// For good. The client may be in the table or taken out.
    pub fn remove(&mut self, index: ClientIndex) -> Option<Box<Client>> {
        self.count -= 1;
        self.free.push(index);
        self.slots[index].take()
    }

    /// Connected clients, one that was taken out included.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Those in the table.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ClientIndex, &mut Client)> {
        self.slots.iter_mut().enumerate().filter_map(|(i, c)| Some((i, c.as_deref_mut()?)))
    }
}
