//! `redis://[[user:]password@][host[:port]][/db]`: a server in one word; `rediss:` with TLS.

use crate::options::Options;

/// Sets what the URI says, leaving the rest. The error is a line for the user.
pub fn apply(options: &mut Options, uri: &str) -> Result<(), String> {
    let (scheme, rest) = uri.split_once("://").ok_or("Invalid URI scheme")?;
    if scheme.eq_ignore_ascii_case("rediss") {
        options.tls_options.wanted = true;
    } else if !scheme.eq_ignore_ascii_case("redis") {
        return Err("Invalid URI scheme".to_string());
    }
    let rest = match rest.split_once('@') {
        Some((user_info, rest)) => {
            let password = match user_info.split_once(':') {
                Some((user, password)) => {
                    // `:secret@` names no user, so AUTH takes the password alone.
                    options.user = Some(percent_decoded(user)?).filter(|user| !user.is_empty());
                    password
                }
                None => user_info,
            };
            options.password = Some(percent_decoded(password)?);
            options.password_on_command_line = true;
            rest
        }
        None => rest,
    };
    let (authority, db) = match rest.split_once('/') {
        Some((authority, db)) => (authority, Some(db)),
        None => (rest, None),
    };
    if !authority.is_empty() {
        set_host_and_port(options, authority)?;
    }
    if let Some(db) = db.filter(|db| !db.is_empty()) {
        options.db = db.parse().map_err(|_| "Invalid database number.".to_string())?;
    }
    Ok(())
}

fn set_host_and_port(options: &mut Options, authority: &str) -> Result<(), String> {
    // An IPv6 address stands in brackets: its colons are no port.
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    options.host = host.to_string();
    if let Some(port) = port {
        options.port = port.parse().map_err(|_| "Invalid server port.".to_string())?;
    }
    Ok(())
}

fn percent_decoded(text: &str) -> Result<String, String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else {
            return Err("Incomplete URI encoding".to_string());
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let (Some(high), Some(low)) = (digit(high), digit(low)) else {
            return Err("Illegal character in URI encoding".to_string());
        };
        out.push(high << 4 | low);
    }
    String::from_utf8(out).map_err(|_| "Illegal character in URI encoding".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(uri: &str) -> Options {
        let mut options = Options::default();
        apply(&mut options, uri).expect("a valid URI");
        options
    }

    #[test]
    fn a_full_uri_sets_user_password_host_port_and_db() {
        let o = parsed("redis://me:p%40ss@example.org:6380/3");
        assert_eq!((o.user.as_deref(), o.password.as_deref()), (Some("me"), Some("p@ss")));
        assert_eq!((o.host.as_str(), o.port, o.db), ("example.org", 6380, 3));
    }

    #[test]
    fn missing_parts_keep_their_defaults() {
        let o = parsed("redis://:secret@/2");
        assert_eq!((o.host.as_str(), o.port, o.db), ("127.0.0.1", 6379, 2));
        assert_eq!((o.user, o.password.as_deref()), (None, Some("secret")));
        assert_eq!(parsed("REDIS://box").host, "box");
    }

    #[test]
    fn rediss_is_tls() {
        assert!(!parsed("redis://box").tls_options.wanted);
        let o = parsed("rediss://box:6380");
        assert_eq!((o.tls_options.wanted, o.host.as_str(), o.port), (true, "box", 6380));
    }

    #[test]
    fn an_ipv6_host_stands_in_brackets() {
        let o = parsed("redis://[::1]:7000");
        assert_eq!((o.host.as_str(), o.port), ("::1", 7000));
        assert_eq!(parsed("redis://[fe80::1]/1").host, "fe80::1");
    }

    #[test]
    fn broken_uris_are_refused_with_a_reason() {
        for (uri, reason) in [
            ("http://x", "Invalid URI scheme"),
            ("redis://a%4@x", "Incomplete URI encoding"),
            ("redis://a%zz@x", "Illegal character in URI encoding"),
            ("redis://x:port", "Invalid server port."),
        ] {
            assert_eq!(apply(&mut Options::default(), uri).expect_err(uri), reason);
        }
    }
}
