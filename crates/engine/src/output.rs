//! Replies that a socket did not take yet.
//!
//! ```text
//!   chunks:  [ sent | unsent ][ unsent ][ unsent … room ]   ◄── fresh replies
//!              ▲ `sent` bytes of the first
//! ```
//!
//! Most connections never have any: sockets take small replies at once. A large reply waits here
//! as the buffer it was written into, so nothing is copied, and nothing is moved forward when a
//! part of it has gone. Small replies fill chunks of a fixed size behind it. What is sent is freed
//! chunk by chunk, and when all is sent nothing is left but the struct. A large message that many
//! clients get is one chunk of all of them.
//!
//! # Invariants
//!
//! (1) No chunk is empty, and `sent` is less than the length of the first.
//! (2) `unsent` is the sum of the chunks' lengths less `sent`.

use std::collections::VecDeque;
use std::sync::Arc;

/// Small replies are gathered in chunks of this size.
const CHUNK_BYTES: usize = 16 * 1024;

/// Messages from this length on are shared, not copied.
const SHARED_BYTES_MIN: usize = 1024;

#[derive(Debug)]
enum Chunk {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Own(bytes) => bytes,
            Chunk::Shared(bytes) => bytes,
        }
    }

    fn allocated_bytes(&self) -> usize {
        match self {
            Chunk::Own(bytes) => bytes.capacity(),
            Chunk::Shared(bytes) => bytes.len(),
        }
    }
}

#[derive(Debug, Default)]
pub struct Output {
    chunks: VecDeque<Chunk>,
    sent: usize,
    unsent: usize,
}

impl Output {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.unsent
    }

    pub fn is_empty(&self) -> bool {
        self.unsent == 0
    }

    /// Buffers that wait, for CLIENT LIST.
    pub fn chunks(&self) -> usize {
        self.chunks.len()
    }

    pub fn allocated_bytes(&self) -> usize {
        self.chunks.iter().map(Chunk::allocated_bytes).sum::<usize>()
            + self.chunks.capacity() * size_of::<Chunk>()
    }

    /// Adds what `fresh` holds but for its first `from` bytes, which are sent already (0 unless
    /// nothing else waits). Takes the buffer itself when it is large and full, and leaves it empty.
    pub fn push(&mut self, fresh: &mut Vec<u8>, from: usize) {
        assert!(from == 0 || self.is_empty(), "replies are sent in their order");
        let len = fresh.len() - from;
        if len == 0 {
            fresh.clear();
            return;
        }
        self.unsent += len;
        // Unless it is mostly room: readers that are slow may be many.
        if len >= CHUNK_BYTES && fresh.capacity() / 2 <= len {
            self.sent += from;
            self.chunks.push_back(Chunk::Own(std::mem::take(fresh)));
            return;
        }
        self.copy(&fresh[from..]);
        fresh.clear();
    }

    /// Adds a message that others get too.
    pub fn push_shared(&mut self, message: &Arc<[u8]>) {
        self.unsent += message.len();
        if message.len() < SHARED_BYTES_MIN {
            self.copy(message);
        } else {
            self.chunks.push_back(Chunk::Shared(message.clone()));
        }
    }

    /// Copies what is not empty behind the rest. A chunk that begins small, as for a reader that is a
    /// little late, grows up to its fixed size.
    fn copy(&mut self, bytes: &[u8]) {
        match self.chunks.back_mut() {
            Some(Chunk::Own(last))
                if last.len() + bytes.len() <= last.capacity().max(CHUNK_BYTES) =>
            {
                last.extend_from_slice(bytes);
            }
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES.max(bytes.len()));
                chunk.extend_from_slice(bytes);
                self.chunks.push_back(Chunk::Own(chunk));
            }
            None => self.chunks.push_back(Chunk::Own(bytes.to_vec())),
        }
    }

    /// The next bytes to send: some if there are any.
    pub fn next(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| &chunk.bytes()[self.sent..])
    }

    /// `n` of the bytes that [`Output::next`] showed have been sent.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.next().len(), "no more is sent than was there");
        self.sent += n;
        self.unsent -= n;
        if self.chunks.front().is_some_and(|chunk| chunk.bytes().len() == self.sent) {
            self.chunks.pop_front();
            self.sent = 0;
        }
        if self.chunks.is_empty() {
            // A list that once was long is not kept.
            self.chunks = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(output: &mut Output, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !output.is_empty() {
            let n = output.next().len().min(step);
            all.extend_from_slice(&output.next()[..n]);
            output.advance(n);
        }
        all
    }

    #[test]
    fn replies_leave_in_the_order_they_came() {
        let mut output = Output::default();
        let mut expected = Vec::new();
        for i in 0..1000_usize {
            let mut fresh = vec![i as u8; i * 37 % 40_000];
            expected.extend_from_slice(&fresh);
            output.push(&mut fresh, 0);
            assert!(fresh.is_empty());
            assert_eq!(output.len(), expected.len());
        }
        assert_eq!(drain(&mut output, 7001), expected);
        assert_eq!(output.allocated_bytes(), 0);
    }

    #[test]
    fn a_large_reply_is_not_copied() {
        let mut fresh = vec![7; 100_000];
        let at = fresh.as_ptr();
        let mut output = Output::default();
        output.push(&mut fresh, 40_000);
        assert_eq!(output.next().as_ptr(), at.wrapping_add(40_000));
        assert_eq!((output.len(), output.chunks()), (60_000, 1));
        output.push(&mut vec![8], 0);
        let all = drain(&mut output, 50_000);
        assert_eq!(all, [&[7; 60_000][..], &[8]].concat());
    }

    #[test]
    fn a_large_message_is_shared() {
        let message: Arc<[u8]> = vec![7; 100_000].into();
        let mut outputs = [Output::default(), Output::default()];
        for output in &mut outputs {
            output.push(&mut vec![1], 0);
            output.push_shared(&message);
            output.push(&mut vec![2], 0);
        }
        assert_eq!(Arc::strong_count(&message), 3);
        for output in &mut outputs {
            let all = drain(output, 33_333);
            assert_eq!(all, [&[1][..], &message[..], &[2]].concat());
        }
        assert_eq!(Arc::strong_count(&message), 1);
    }

    #[test]
    fn the_rest_of_a_reply_does_not_keep_the_whole() {
        let mut output = Output::default();
        output.push(&mut vec![7; 1_000_000], 980_000);
        assert_eq!(output.len(), 20_000);
        assert!(output.allocated_bytes() < 21_000, "{}", output.allocated_bytes());
    }

    #[test]
    fn one_small_reply_costs_what_it_is_long() {
        let mut output = Output::default();
        output.push(&mut b"+OK\r\n+OK\r\n".to_vec(), 5);
        assert_eq!(output.next(), b"+OK\r\n");
        assert!(output.allocated_bytes() < 256, "{}", output.allocated_bytes());
    }
}
