//! Whom a certificate names: the common name of its subject, or its alternative names that are URIs.
//!
//! ```text
//!   Certificate { TBSCertificate { [0] version, serial, algorithm, issuer, validity,
//!                                  subject, key, …, [3] extensions }, … }
//! ```
//!
//! The certificate has been verified before anybody looks here, but it still is bytes from outside:
//! every length is checked, and what is not understood names nobody.

/// A value's tag, content, and the bytes behind it.
type Value<'a> = (u8, &'a [u8], &'a [u8]);

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Of a general name.
const URI: u8 = 0x86;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
/// Strings that hold ASCII or UTF-8: UTF8String, PrintableString, TeletexString, IA5String.
const STRINGS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// The first value in these bytes (DER).
fn first(bytes: &[u8]) -> Option<Value<'_>> {
    let (&[tag, short], rest) = bytes.split_first_chunk()?;
    // A tag of more than one byte is in nothing that is looked at.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// Values one after the other, up to the first that is none.
fn values(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, content, rest) = first(bytes)?;
        bytes = rest;
        Some((tag, content))
    })
}

/// What is in the first value, if that has this tag.
fn inside(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    first(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, _)| content)
}

fn to_be_signed(certificate: &[u8]) -> Option<&[u8]> {
    inside(inside(certificate, SEQUENCE)?, SEQUENCE)
}

/// The first common name of the subject.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let mut fields = values(to_be_signed(certificate)?).skip_while(|(tag, _)| *tag == VERSION);
    // Behind the serial number, the algorithm, the issuer and the validity.
    let (_, subject) = fields.nth(4).filter(|(tag, _)| *tag == SEQUENCE)?;
    let names = values(subject).filter(|(tag, _)| *tag == SET).flat_map(|(_, set)| values(set));
    names.filter(|(tag, _)| *tag == SEQUENCE).find_map(|(_, name)| {
        let (_, kind, rest) = first(name).filter(|(tag, ..)| *tag == OBJECT_ID)?;
        let (tag, text, _) = first(rest)?;
        let is_it = kind == COMMON_NAME && STRINGS.contains(&tag);
        is_it.then(|| String::from_utf8(text.to_vec()).ok()).flatten()
    })
}

/// Alternative names that are URIs, in their order.
pub(super) fn uris(certificate: &[u8]) -> Vec<String> {
    let Some(names) = alternative_names(certificate) else { return Vec::new() };
    let uris = values(names).filter(|(tag, _)| *tag == URI);
    uris.filter_map(|(_, text)| String::from_utf8(text.to_vec()).ok()).collect()
}

fn alternative_names(certificate: &[u8]) -> Option<&[u8]> {
    let mut fields = values(to_be_signed(certificate)?);
    let (_, extensions) = fields.find(|(tag, _)| *tag == EXTENSIONS)?;
    values(inside(extensions, SEQUENCE)?).find_map(|(_, extension)| {
        let kind = inside(extension, OBJECT_ID).filter(|kind| *kind == ALTERNATIVE_NAMES);
        kind?;
        // Whether it is critical may stand between.
        let (_, octets) = values(extension).find(|(tag, _)| *tag == OCTETS)?;
        inside(octets, SEQUENCE)
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate() -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["here.example".to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::OrganizationName, "cooks");
        params.distinguished_name.push(DnType::CommonName, "ann");
        for uri in ["spiffe://example/ann", "urn:other"] {
            params.subject_alt_names.push(SanType::URI(uri.try_into().expect("a URI")));
        }
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn names_are_found() {
        let der = certificate();
        assert_eq!(common_name(&der).as_deref(), Some("ann"));
        assert_eq!(uris(&der), ["spiffe://example/ann", "urn:other"]);
    }

    #[test]
    fn a_long_name_takes_a_long_length() {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        let name = "n".repeat(300);
        params.distinguished_name.push(DnType::CommonName, &*name);
        let key = KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("a certificate").der().to_vec();
        assert_eq!(common_name(&der), Some(name));
        assert!(uris(&der).is_empty());
    }

    #[test]
    fn damaged_bytes_name_nobody_or_somebody_but_never_panic() {
        let der = certificate();
        for len in 0..der.len() {
            common_name(&der[..len]);
            uris(&der[..len]);
        }
        for at in 0..der.len() {
            for byte in [0, 0x1f, 0x7f, 0x80, 0x84, 0xff] {
                let mut damaged = der.clone();
                damaged[at] = byte;
                common_name(&damaged);
                uris(&damaged);
            }
        }
    }
}
