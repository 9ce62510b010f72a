//! Requests to bytes: what a client sends, what the journal and the replication stream carry.

/// Appends a request as an array of bulk strings: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`.
pub fn write_request(out: &mut Vec<u8>, args: impl ExactSizeIterator<Item: AsRef<[u8]>>) {
    write_header(out, b'*', args.len());
    for arg in args {
        write_bulk(out, arg.as_ref());
    }
}

/// The exact number of bytes [`write_request`] appends, for who must reserve before writing.
pub fn request_len(args: impl ExactSizeIterator<Item: AsRef<[u8]>>) -> usize {
    let bulk_len = |len: usize| header_len(len) + len + 2;
    header_len(args.len()) + args.map(|arg| bulk_len(arg.as_ref().len())).sum::<usize>()
}

/// Appends `$3\r\nGET\r\n`.
#[inline]
pub fn write_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    // One growth at most, whatever the three appends below find.
    out.reserve(bytes.len() + HEADER_BYTES_MAX + 2);
    write_header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// A type byte, up to 20 digits, CR and LF.
pub(crate) const HEADER_BYTES_MAX: usize = 23;

/// Appends a type byte, a count and the end of the line.
#[inline]
pub(crate) fn write_header(out: &mut Vec<u8>, kind: u8, n: usize) {
    // Almost every count has one digit, almost every length one or two: these are single stores.
    if n < 10 {
        out.extend_from_slice(&[kind, digit(n), b'\r', b'\n']);
    } else if n < 100 {
        out.extend_from_slice(&[kind, digit(n / 10), digit(n % 10), b'\r', b'\n']);
    } else {
        write_long_header(out, kind, n);
    }
}

fn write_long_header(out: &mut Vec<u8>, kind: u8, n: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn digit(n: usize) -> u8 {
    b'0' + n as u8
}

fn header_len(n: usize) -> usize {
    3 + n.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_an_array_of_bulk_strings() {
        let mut out = Vec::new();
        write_request(&mut out, [&b"SET"[..], b"key", b""].into_iter());
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n");
    }

    #[test]
    fn the_length_of_a_request_is_known_before_it_is_written() {
        for len in [0, 1, 9, 10, 99, 100, 999, 1000, 12345, 100_000] {
            let arg = vec![b'x'; len];
            let args = vec![&arg[..]; len % 13 + 1];
            let mut out = Vec::new();
            write_request(&mut out, args.iter().copied());
            assert_eq!(request_len(args.iter().copied()), out.len(), "argument of {len} bytes");
        }
    }
}
