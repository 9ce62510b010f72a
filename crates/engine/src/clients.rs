//! The clients of one worker.
//!
//! A client that runs a command is taken out of the table for that time and put back afterwards,
//! so that a command which owns the world can hold its own client and look at all others. A worker
//! that stands aside for such a command between two requests of a client lends that client to the
//! table meanwhile: every client but the owner's own is there.

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
    pub fn insert(&mut self, mut client: Box<Client>) -> ClientIndex {
        self.count += 1;
        let index = self.free.pop().unwrap_or(self.slots.len());
        client.index = Some(index);
        if index == self.slots.len() {
            self.slots.push(Some(client));
        } else {
            self.slots[index] = Some(client);
        }
        index
    }

    /// For the time of a command.
    pub fn take(&mut self, index: ClientIndex) -> Option<Box<Client>> {
        self.slots.get_mut(index)?.take()
    }

    pub fn put_back(&mut self, index: ClientIndex, client: Box<Client>) {
        assert!(self.slots[index].is_none(), "a client is put back where it was taken");
        self.slots[index] = Some(client);
    }

    /// Puts a client whose requests are running back into the table while its worker stands
    /// aside, so that whoever owns the world sees it. Until [`Clients::take_back`] the caller holds
    /// an empty one.
    pub fn lend(&mut self, client: &mut Client) {
        let Some(index) = client.index else { return };
        let mut lent = std::mem::replace(client, Client::new(client.id, client.created_ms));
        client.index = Some(index);
        lent.is_under_way = true;
        self.put_back(index, Box::new(lent));
    }

    /// Ends [`Clients::lend`]. The client may have been told to close meanwhile.
    pub fn take_back(&mut self, client: &mut Client) {
        let Some(index) = client.index else { return };
        *client = *self.take(index).expect("only its own worker removes a client");
        client.is_under_way = false;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Closing;

    #[test]
    fn a_lent_client_is_in_the_table_and_comes_back_as_others_left_it() {
        let mut clients = Clients::default();
        let index = clients.insert(Box::new(Client::new(7, 0)));
        let mut running = clients.take(index).expect("it was just put there");
        running.names_mut().name = b"ann".to_vec();
        assert_eq!(clients.iter_mut().count(), 0);

        clients.lend(&mut running);
        let (_, seen) = clients.iter_mut().next().expect("it is lent to the table");
        assert_eq!((seen.id, &*seen.names().name), (7, &b"ann"[..]));
        seen.closing = Closing::Now;

        clients.take_back(&mut running);
        assert_eq!((running.id, running.closing), (7, Closing::Now));
        assert_eq!(running.index, Some(index));
        assert_eq!(clients.iter_mut().count(), 0);
        clients.put_back(index, running);
    }

    #[test]
    fn a_client_in_no_table_is_not_lent() {
        let mut clients = Clients::default();
        let mut running = Client::new(7, 0);
        clients.lend(&mut running);
        clients.take_back(&mut running);
        assert_eq!((running.id, clients.len()), (7, 0));
    }
}
