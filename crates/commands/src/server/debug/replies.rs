//! Replies that tests of clients ask for: one of each type, and errors.

use engine::{CmdError, CmdResult, Cx};
use resp::Protocol;

pub(super) fn error(cx: &mut Cx<'_>) -> CmdResult {
    // The client's own words: not an error of ours, so not counted as one.
    let text = cx.arg(2);
    cx.reply.error(text);
    Ok(())
}

pub(super) fn protocol(cx: &mut Cx<'_>) -> CmdResult {
    let name = cx.arg(2).to_ascii_lowercase();
    let is_resp3 = cx.reply.protocol() == Protocol::Resp3;
    let reply = &mut cx.reply;
    match name.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double_text(b"3.141"),
        b"bignum" => reply.big_number(b"1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"map" => {
            reply.map(3);
            for n in 0..3 {
                reply.integer(n);
                reply.boolean(n == 1);
            }
        }
        b"attrib" => {
            if reply.attribute(1) {
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            // An attribute belongs to a reply.
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" if !is_resp3 => {
            return Err(CmdError::text("ERR RESP2 is not supported by this command"));
        }
        b"push" => {
            // A push is no reply: who waits for one gets it too. Redis holds pushes back until the
            // command has replied.
            reply.bulk(b"Some real reply following the push reply");
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
        }
        b"verbatim" => reply.verbatim(b"txt", b"This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err(CmdError::text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::allowing;

    #[test]
    fn every_type_is_answered_in_both_protocols() {
        let (mut server, mut ann) = allowing();
        for (protocol, expected) in [
            (resp::Protocol::Resp2, "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n"),
            (resp::Protocol::Resp3, "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"),
        ] {
            ann.client.protocol = protocol;
            let out = server.feed(&mut ann, b"DEBUG PROTOCOL map\r\n");
            assert_eq!(out.escape_ascii().to_string(), expected.escape_default().to_string());
        }
        ann.client.protocol = resp::Protocol::Resp2;
        let out = server.feed(&mut ann, b"DEBUG PROTOCOL push\r\n");
        assert_eq!(out, b"-ERR RESP2 is not supported by this command\r\n");
    }

    #[test]
    fn a_push_comes_after_the_reply() {
        let (mut server, mut ann) = allowing();
        ann.client.protocol = resp::Protocol::Resp3;
        let out = server.feed(&mut ann, b"DEBUG PROTOCOL push\r\n");
        assert!(out.starts_with(b"$40\r\nSome real reply"), "{}", out.escape_ascii());
        assert!(out.ends_with(b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"));
    }

    #[test]
    fn error_answers_the_clients_own_words() {
        let (mut server, mut ann) = allowing();
        assert_eq!(server.feed(&mut ann, b"DEBUG ERROR \"MY fault\"\r\n"), b"-MY fault\r\n");
        assert_eq!(server.engine.errors.total(), 0);
    }
}
