//! As much of HTTP/1.1 as a scraper and a prober need: one GET or HEAD, one answer, the end.
//!
//! ```text
//!   bytes ─► parse ─► NeedMore | Request { path, is_head } | Refused(status)
//! ```
//!
//! Whoever asks may send anything: a head is at most [`HEAD_BYTES_MAX`] long, only its first line
//! is looked at, and every answer closes the connection.

/// A request line and its headers.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    NeedMore,
    /// The path without its query.
    Request {
        path: String,
        is_head: bool,
    },
    Refused(Status),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    HeadTooLarge,
    Unavailable,
    VersionNotSupported,
}

impl Status {
    pub(super) fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// Reads the head of a request; its headers change nothing.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let is_whole = ends.iter().any(|end| bytes.windows(end.len()).any(|window| window == *end));
    if !is_whole {
        return match bytes.len() < HEAD_BYTES_MAX {
            true => Parsed::NeedMore,
            false => Parsed::Refused(Status::HeadTooLarge),
        };
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return Parsed::Refused(Status::BadRequest) };
    let words: Vec<&str> = line.trim_end_matches('\r').split(' ').collect();
    let [method, target, version] = words[..] else { return Parsed::Refused(Status::BadRequest) };
    if !version.starts_with("HTTP/") || !target.starts_with('/') {
        return Parsed::Refused(Status::BadRequest);
    }
    if !version.starts_with("HTTP/1.") {
        return Parsed::Refused(Status::VersionNotSupported);
    }
    if method != "GET" && method != "HEAD" {
        return Parsed::Refused(Status::MethodNotAllowed);
    }
    let path = target.split('?').next().unwrap_or_default().to_owned();
    Parsed::Request { path, is_head: method == "HEAD" }
}

/// The bytes of an answer. A HEAD is told how long the body would be.
pub(super) fn answer(status: Status, body: &str, is_head: bool) -> Vec<u8> {
    let allow = if status == Status::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\n{allow}Connection: close\r\n\r\n",
        status.line(),
        body.len(),
    );
    let body = if is_head { "" } else { body };
    [head.as_bytes(), body.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Parsed {
        Parsed::Request { path: path.to_owned(), is_head: false }
    }

    #[test]
    fn a_request_is_its_first_line() {
        assert_eq!(parse(b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"), get("/metrics"));
        assert_eq!(parse(b"GET /livez?verbose=1 HTTP/1.0\r\n\r\n"), get("/livez"));
        assert_eq!(parse(b"GET / HTTP/1.1\n\n"), get("/"));
        let head = Parsed::Request { path: "/".to_owned(), is_head: true };
        assert_eq!(parse(b"HEAD / HTTP/1.1\r\n\r\nbehind it"), head);
    }

    #[test]
    fn every_beginning_of_a_request_needs_more() {
        let whole = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]), Parsed::NeedMore, "{len}");
        }
    }

    #[test]
    fn what_is_no_get_is_refused() {
        let refused = |bytes: &[u8]| match parse(bytes) {
            Parsed::Refused(status) => status,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(b"POST / HTTP/1.1\r\n\r\n"), Status::MethodNotAllowed);
        assert_eq!(refused(b"GET / HTTP/2.0\r\n\r\n"), Status::VersionNotSupported);
        for bytes in [&b"\r\n\r\n"[..], b"GET\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n", b"\xff\n\n"] {
            assert_eq!(refused(bytes), Status::BadRequest, "{bytes:?}");
        }
        assert_eq!(refused(b"GET metrics HTTP/1.1\r\n\r\n"), Status::BadRequest);
        assert_eq!(refused(&[b'a'; HEAD_BYTES_MAX]), Status::HeadTooLarge);
    }

    #[test]
    fn an_answer_tells_its_length_and_that_it_is_the_last() {
        let text = String::from_utf8(answer(Status::Ok, "hello\n", false)).expect("it is text");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.contains("\r\nContent-Length: 6\r\n"), "{text}");
        assert!(text.ends_with("\r\nConnection: close\r\n\r\nhello\n"), "{text}");
        let head = String::from_utf8(answer(Status::MethodNotAllowed, "no", true)).expect("text");
        assert!(head.contains("\r\nContent-Length: 2\r\nAllow: GET, HEAD\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
    }
}
