//! Last checks of single options, where their kind cannot say all. Refusals are Redis's words.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::value::{Refusal, Value};

type Checked = Result<(), Refusal>;

fn bytes(value: &Value) -> &[u8] {
    match value {
        Value::Text(text) => text.as_deref().unwrap_or_default(),
        _ => unreachable!("only options of kind text are checked here"),
    }
}

fn refuse_if(is_bad: bool, refusal: &'static str) -> Checked {
    if is_bad { Err(refusal.into()) } else { Ok(()) }
}

fn is_path(text: &[u8]) -> bool {
    text.contains(&b'/') || text.contains(&b'\\')
}

pub(crate) fn dbfilename(value: &Value) -> Checked {
    refuse_if(is_path(bytes(value)), "dbfilename can't be a path, just a filename")
}

pub(crate) fn appendfilename(value: &Value) -> Checked {
    refuse_if(bytes(value).is_empty(), "appendfilename can't be empty")?;
    refuse_if(is_path(bytes(value)), "appendfilename can't be a path, just a filename")
}

pub(crate) fn appenddirname(value: &Value) -> Checked {
    refuse_if(bytes(value).is_empty(), "appenddirname can't be empty")?;
    refuse_if(is_path(bytes(value)), "appenddirname can't be a path, just a dirname")
}

pub(crate) fn backupdirname(value: &Value) -> Checked {
    refuse_if(bytes(value).is_empty(), "backupdirname can't be empty")?;
    refuse_if(is_path(bytes(value)), "backupdirname can't be a path, just a dirname")
}

/// Bits of `shutdown-on-sigint` and `-sigterm`, in the order of their words.
pub(crate) fn shutdown_flags(value: &Value) -> Checked {
    const SAVE_AND_NOSAVE: u32 = 0b11;
    let Value::Flags(bits) = value else { unreachable!("shutdown options are flags") };
    let refusal = "shutdown options SAVE and NOSAVE can't be used simultaneously";
    refuse_if(bits & SAVE_AND_NOSAVE == SAVE_AND_NOSAVE, refusal)
}

pub(crate) fn announced_hostname(value: &Value) -> Checked {
    let host = bytes(value);
    refuse_if(host.len() >= 256, "Hostnames must be less than 256 characters")?;
    let is_allowed = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.');
    let refusal = "Hostnames may only contain alphanumeric characters, hyphens or dots";
    refuse_if(!host.iter().all(is_allowed), refusal)
}

/// Fields of nodes.conf are separated by these; none may occur inside one.
fn has_separator(text: &[u8]) -> bool {
    text.iter().any(|c| b"!#$%&()*+:;<>?@[]^{|}~".contains(c))
}

pub(crate) fn announced_nodename(value: &Value) -> Checked {
    let refusal = "Announced human node name contained invalid character";
    refuse_if(has_separator(bytes(value)), refusal)
}

pub(crate) fn ipv4(value: &Value) -> Checked {
    let text = String::from_utf8_lossy(bytes(value));
    let is_bad = !text.is_empty() && text.parse::<Ipv4Addr>().is_err();
    refuse_if(is_bad, "Invalid IPv4 address")
}

pub(crate) fn ipv6(value: &Value) -> Checked {
    let text = String::from_utf8_lossy(bytes(value));
    let is_bad = !text.is_empty() && text.parse::<Ipv6Addr>().is_err();
    refuse_if(is_bad, "Invalid IPv6 address")
}

/// Variables in braces, `{{` for a brace; every variable must be one we know.
pub(crate) fn proc_title_template(value: &Value) -> Checked {
    const VARIABLES: [&[u8]; 7] = [
        b"title",
        b"listen-addr",
        b"server-mode",
        b"port",
        b"tls-port",
        b"unixsocket",
        b"config-file",
    ];
    let is_good = |mut rest: &[u8]| {
        if rest.is_empty() {
            return false;
        }
        while let Some(start) = rest.iter().position(|c| *c == b'{') {
            rest = &rest[start + 1..];
            if let Some(after) = rest.strip_prefix(b"{") {
                rest = after;
                continue;
            }
            let Some(end) = rest.iter().position(|c| *c == b'}') else { return false };
            if !VARIABLES.contains(&&rest[..end]) {
                return false;
            }
            rest = &rest[end + 1..];
        }
        true
    };
    refuse_if(!is_good(bytes(value)), "template format is invalid or contains unknown variables")
}

pub(crate) fn power_of_two(value: &Value) -> Checked {
    let Value::Int(value) = value else { unreachable!("only integers are powers of two") };
    refuse_if(value.count_ones() != 1, "argument must be a power of two")
}
