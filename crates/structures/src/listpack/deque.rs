//! A listpack that takes and gives entries at both ends in constant time.
//!
//! A list that is pushed to at its head would, as a plain listpack, move all its bytes for every
//! push. This one keeps room in front:
//!
//! ```text
//!   before   |  room            | header | a | b | 0xff | spare |
//!                               ^ start
//!   LPUSH z  |  room   | header | z | a | b | 0xff | spare |
//!                      ^ start
//! ```
//!
//! The new entry is written over the old header, the header before it. Taking the first entry
//! out goes the other way. At any moment the bytes from `start` on are a listpack as any other.
//!
//! When an end runs out of room, what is unused at the other end is moved there if it is an eighth
//! of the listpack or more, so that a queue stays where it is; else the buffer grows by an eighth.
//! Either way a byte is moved some ten times while a listpack of 8 KiB is filled.
//!
//! # Invariants
//!
//! [`Deque::check`] verifies them.
//!
//! (1) `buf[start..]` is a valid listpack.
//! (2) `len` is the number of its entries, also beyond 65535.

use super::entry::{encode, entry_end};
use super::{
    BYTES_MAX, COUNT_UNKNOWN, EMPTY_LEN, END, HEADER_LEN, LENGTH_LEN, Listpack, Value, validate,
};
use crate::packed;

/// See the module's essay.
pub struct Deque {
    buf: Vec<u8>,
    start: u32,
    len: u32,
}

impl Deque {
    pub fn new() -> Deque {
        Deque { buf: super::new(), start: 0, len: 0 }
    }

    /// Takes over a valid listpack.
    pub fn from_listpack(pack: Vec<u8>) -> Deque {
        let len = Listpack::new(&pack).len() as u32;
        Deque { buf: pack, start: 0, len }
    }

    /// The listpack alone, in the same memory.
    pub fn into_listpack(mut self) -> Vec<u8> {
        self.close_room();
        self.buf
    }

    #[inline]
    pub fn view(&self) -> Listpack<'_> {
        Listpack::new(&self.buf[self.start as usize..])
    }

    /// Entries, in O(1) however many.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// [`Listpack::byte_len`].
    #[inline]
    pub fn byte_len(&self) -> usize {
        LENGTH_LEN + self.held_len()
    }

    fn held_len(&self) -> usize {
        self.buf.len() - self.start as usize
    }

    /// Bytes of the allocation.
    pub fn allocated(&self) -> usize {
        packed::size_class(self.buf.capacity())
    }

    /// Puts a value behind the last entry.
    pub fn push_back(&mut self, value: Value<'_>) {
        let more = value.entry_len();
        if self.buf.capacity() - self.buf.len() < more {
            self.make_room_behind(more);
        }
        let at = self.buf.len() - 1;
        self.buf.resize(at + more + 1, END);
        encode(&mut self.buf[at..at + more], value);
        self.write_header(self.start as usize, self.len + 1);
    }

    /// Puts a value before the first entry.
    pub fn push_front(&mut self, value: Value<'_>) {
        let more = value.entry_len();
        if (self.start as usize) < more {
            self.make_room_before(more);
        }
        let start = self.start as usize - more;
        encode(&mut self.buf[start + HEADER_LEN..][..more], value);
        self.write_header(start, self.len + 1);
    }

    /// Takes up to `count` entries out at the front.
    pub fn drop_front(&mut self, count: usize) {
        if count >= self.len() {
            return self.clear();
        }
        let first = self.start as usize + HEADER_LEN;
        let at = (0..count).fold(first, |at, _| entry_end(&self.buf, at));
        self.write_header(at - HEADER_LEN, self.len - count as u32);
    }

    /// Takes up to `count` entries out at the back.
    pub fn drop_back(&mut self, count: usize) {
        if count >= self.len() {
            return self.clear();
        }
        let view = self.view();
        let at = (0..count).fold(view.end(), |at, _| view.before(at));
        self.buf.truncate(self.start as usize + at + 1);
        *self.buf.last_mut().expect("a header is left") = END;
        self.write_header(self.start as usize, self.len - count as u32);
    }

    pub fn clear(&mut self) {
        self.buf.clear();
        self.buf.extend_from_slice(Listpack::EMPTY.as_bytes());
        (self.start, self.len) = (0, 0);
    }

    /// Changes the listpack as the functions of [`super`] do; O(n).
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.close_room();
        let result = change(&mut self.buf);
        self.len = Listpack::new(&self.buf).len() as u32;
        result
    }

    /// Takes the entries from index `at` on out.
    pub fn split_off(&mut self, at: usize) -> Deque {
        let view = self.view();
        let position = view.at_index(at).unwrap_or(view.end());
        let len = self.len.saturating_sub(at as u32);
        let mut tail = Deque { buf: super::new(), start: 0, len };
        super::append_entries(&mut tail.buf, view.raw(position..view.end()), len as usize);
        self.drop_back(tail.len());
        tail
    }

    /// Puts all entries of another one behind the last entry.
    pub fn append(&mut self, other: &Deque) {
        let len = self.len + other.len;
        let view = other.view();
        let raw = view.raw(HEADER_LEN..view.end());
        if self.buf.capacity() - self.buf.len() < raw.len() {
            self.make_room_behind(raw.len());
        }
        self.buf.pop();
        self.buf.extend_from_slice(raw);
        self.buf.push(END);
        self.write_header(self.start as usize, len);
    }

    /// Gives all memory back that is not needed.
    pub fn fit(&mut self) {
        let class = packed::size_class(self.held_len());
        if class < packed::size_class(self.buf.capacity()) {
            self.close_room();
            self.buf.shrink_to(class);
        }
    }

    /// Panics if an invariant is broken.
    pub fn check(&self) {
        assert_eq!(validate(self.view().as_bytes()), Ok(self.len()));
    }

    /// Writes the header of a listpack that begins at `start` now.
    #[inline]
    fn write_header(&mut self, start: usize, len: u32) {
        assert!(self.buf.len() - start <= BYTES_MAX, "a listpack stays below a gibibyte");
        let count = u16::try_from(len).unwrap_or(COUNT_UNKNOWN);
        self.buf[start..start + HEADER_LEN].copy_from_slice(&count.to_le_bytes());
        (self.start, self.len) = (start as u32, len);
    }

    fn close_room(&mut self) {
        self.buf.drain(..self.start as usize);
        self.start = 0;
    }

    /// What moving to the other end must win, to be worth it.
    fn worthwhile(&self, more: usize) -> usize {
        more + self.held_len() / 8
    }

    #[cold]
    fn make_room_behind(&mut self, more: usize) {
        let worthwhile = self.worthwhile(more);
        if self.start as usize >= worthwhile {
            self.close_room();
        } else {
            // Without the eighth: the size class is step enough, and lists that grow at the tail
            // are the commonest.
            packed::reserve(&mut self.buf, more);
        }
    }

    #[cold]
    fn make_room_before(&mut self, more: usize) {
        let (start, end) = (self.start as usize, self.buf.len());
        let worthwhile = self.worthwhile(more);
        let room = if self.buf.capacity() - end >= worthwhile {
            worthwhile
        } else {
            let capacity = packed::size_class(self.held_len() + worthwhile);
            let mut buf = Vec::with_capacity(capacity);
            let room = capacity - self.held_len();
            buf.resize(room, 0);
            buf.extend_from_slice(&self.buf[start..]);
            self.buf = buf;
            self.start = room as u32;
            return;
        };
        self.buf.resize(end + room, 0);
        self.buf.copy_within(start..end, start + room);
        self.start = (start + room) as u32;
    }
}

impl Default for Deque {
    fn default() -> Deque {
        Deque::new()
    }
}

impl Clone for Deque {
    /// A copy without room.
    fn clone(&self) -> Deque {
        let mut buf = Vec::new();
        packed::reserve(&mut buf, self.held_len());
        buf.extend_from_slice(self.view().as_bytes());
        Deque { buf, start: 0, len: self.len }
    }
}

impl std::fmt::Debug for Deque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}

const _: () = assert!(size_of::<Deque>() == 32 && EMPTY_LEN == 3);

#[cfg(test)]
mod tests {
    use super::*;
    use base::random::Random;
    use std::collections::VecDeque;

    fn check_same(deque: &Deque, model: &VecDeque<Vec<u8>>) {
        deque.check();
        assert_eq!(deque.len(), model.len());
        assert!(deque.view().iter().map(Value::to_vec).eq(model.iter().cloned()));
    }

    #[test]
    fn random_edits_match_a_deque() {
        for seed in 0..20 {
            let mut random = Random::from_seed(seed);
            let (mut deque, mut model) = (Deque::new(), VecDeque::new());
            // Which of pushes at the front and at the back dominate changes from time to time.
            for step in 0..600 {
                let text = vec![b'a' + random.below(26) as u8; random.below(70) as usize];
                let front = random.below(8) < [1, 4, 7][step / 200];
                let count = random.below(3) as usize;
                match (random.below(16), front) {
                    (0..9, true) => {
                        deque.push_front(Value::of(&text));
                        model.push_front(text);
                    }
                    (0..9, false) => {
                        deque.push_back(Value::of(&text));
                        model.push_back(text);
                    }
                    (9..13, false) => {
                        deque.drop_front(count);
                        model.drain(..count.min(model.len()));
                    }
                    (9..13, true) => {
                        deque.drop_back(count);
                        model.truncate(model.len().saturating_sub(count));
                    }
                    (13, _) => {
                        let at = random.below(model.len() as u64 + 1) as usize;
                        let tail = deque.split_off(at);
                        check_same(&tail, &model.iter().skip(at).cloned().collect());
                        if front {
                            deque.append(&tail);
                        } else {
                            model.truncate(at);
                        }
                    }
                    (14, _) => deque.fit(),
                    _ => {
                        deque.edit(|pack| super::super::prepend(pack, &text));
                        model.push_front(text);
                    }
                }
                check_same(&deque, &model);
            }
        }
    }

    #[test]
    fn a_queue_stays_in_its_memory() {
        for from_front in [false, true] {
            let mut deque = Deque::new();
            let mut peak = 0;
            for n in 0..10_000 {
                if from_front {
                    deque.push_front(Value::Int(n));
                } else {
                    deque.push_back(Value::Int(n));
                }
                if n >= 100 && from_front {
                    deque.drop_back(1);
                } else if n >= 100 {
                    deque.drop_front(1);
                }
                peak = peak.max(deque.allocated());
            }
            assert!(peak <= 640, "{peak} bytes for 100 entries of 4");
        }
    }

    #[test]
    fn either_end_grows_in_small_steps() {
        let (mut front, mut back) = (Deque::new(), Deque::new());
        for n in 0..5000 {
            front.push_front(Value::Int(n));
            back.push_back(Value::Int(n));
            assert!(front.allocated() <= 64 + front.byte_len() * 3 / 2);
            assert!(back.allocated() <= 16 + back.byte_len() * 5 / 4);
        }
        front.fit();
        assert_eq!(front.allocated(), packed::size_class(front.held_len()));
    }

    #[test]
    fn more_entries_than_the_header_counts() {
        let mut deque = Deque::new();
        for n in 0..70_000 {
            deque.push_front(Value::Int(n % 100));
        }
        assert_eq!(deque.len(), 70_000);
        deque.check();
        deque.drop_back(10_000);
        assert_eq!((deque.len(), deque.view().len()), (60_000, 60_000));
        deque.check();
    }
}
