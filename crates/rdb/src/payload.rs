//! What DUMP gives and RESTORE takes: one value with its type before it and a footer behind.
//!
//! ```text
//!   +------+---------------------+---------------------+-----------------------+
//!   | type | value               | version, low first  | CRC64 of all before   |
//!   +------+---------------------+---------------------+-----------------------+
//!     1 B                          2 B                   8 B, low first
//! ```
//!
//! The version is that of the RDB format in which the value is written. Redis refuses what is
//! higher than its own, Valkey also what lies between its two families; so the version that is
//! written is the lowest that has a form for this value (see [`crate::version`]).

use base::crc::crc64;
use store::{Limits, OwnedValue, ValueRef};

use crate::encode::Style;
use crate::error::Bad;
use crate::read::Reader;
use crate::version::{Kind, Version};
use crate::write::Writer;
use crate::{decode, encode};

const VERSION_BYTES: usize = 2;
const CRC_BYTES: usize = 8;
const FOOTER_BYTES: usize = VERSION_BYTES + CRC_BYTES;

/// An unsealed payload: the type and the value, and the version they are to be read as. None if
/// the payload is too short, its version is not readable or its checksum is wrong. `any_version`
/// leaves it to the type to be known.
pub fn open(payload: &[u8], checks_crc: bool, any_version: bool) -> Option<(&[u8], Version)> {
    let (body, footer) = payload.split_at_checked(payload.len().checked_sub(FOOTER_BYTES)?)?;
    let (version, crc) = footer.split_first_chunk::<VERSION_BYTES>()?;
    let version = Version(u16::from_le_bytes(*version));
    if !version.is_readable() && !any_version {
        return None;
    }
    let known = crc64(0, &payload[..body.len() + VERSION_BYTES]).to_le_bytes();
    (!checks_crc || crc == known).then_some((body, version))
}

/// Puts the footer behind a type and a value.
pub fn seal(mut body: Vec<u8>, version: Version) -> Vec<u8> {
    body.extend_from_slice(&version.0.to_le_bytes());
    let crc = crc64(0, &body);
    body.extend_from_slice(&crc.to_le_bytes());
    body
}

/// The payload of a value, as DUMP answers it.
pub fn dump(value: ValueRef<'_>, style: Style) -> Vec<u8> {
    let kind = encode::kind(value, style);
    let mut writer = Writer::new(style.compresses);
    writer.byte(kind.number());
    encode::value(kind, value, &mut writer);
    // A reader takes 22 for what its family means by it: the version has to say which.
    seal(writer.into_bytes(), kind.version())
}

/// Why a payload is not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another version, or spoilt on its way.
    Footer,
    /// The value is not what it says it is. The text is for the log.
    Value(Option<Kind>, Bad),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Footer => f.write_str("DUMP payload version or checksum are wrong"),
            Refused::Value(Some(kind), bad) => {
                write!(f, "{} integrity check failed: {bad}", kind.name())
            }
            Refused::Value(None, bad) => bad.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

/// How much of a payload is believed.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    pub checks_crc: bool,
    /// `rdb-version-check relaxed`.
    pub any_version: bool,
}

/// The value of a payload, as RESTORE takes it. Bytes behind the value are passed over, as Redis
/// passes over them.
pub fn restore(payload: &[u8], trust: Trust, limits: &Limits) -> Result<OwnedValue, Refused> {
    let (body, version) =
        open(payload, trust.checks_crc, trust.any_version).ok_or(Refused::Footer)?;
    let mut reader = Reader::new(body);
    let kind = reader.byte().and_then(|number| Kind::of(number, version));
    let kind = kind.map_err(|bad| Refused::Value(None, bad))?;
    decode::value(kind, &mut reader, limits).map_err(|bad| Refused::Value(Some(kind), bad))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens() {
        let payload = seal(b"\x00\x03abc".to_vec(), Version(9));
        assert_eq!(payload.len(), 5 + FOOTER_BYTES);
        assert_eq!(open(&payload, true, false), Some((&b"\x00\x03abc"[..], Version(9))));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let payload = seal(b"\x00\x03abc".to_vec(), Version(9));
        for i in 0..payload.len() {
            let mut spoilt = payload.clone();
            spoilt[i] ^= 1;
            assert_eq!(open(&spoilt, true, true), None, "byte {i}");
        }
        for len in 0..payload.len() {
            assert_eq!(open(&payload[..len], true, false), None, "cut at {len}");
        }
    }

    #[test]
    fn an_unchecked_payload_needs_only_a_version() {
        let mut payload = seal(b"\x00\x03abc".to_vec(), Version(9));
        payload[0] = 1;
        assert_eq!(open(&payload, false, false), Some((&b"\x01\x03abc"[..], Version(9))));
        let foreign = seal(b"\x00\x03abc".to_vec(), Version(79));
        assert_eq!(open(&foreign, true, false), None);
        assert_eq!(open(&foreign, true, true), Some((&b"\x00\x03abc"[..], Version(79))));
    }
}
