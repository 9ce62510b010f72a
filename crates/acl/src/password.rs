//! Passwords, of which only digests are kept.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::RuleError;

/// The SHA-256 of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Password([u8; 32]);

impl Password {
    /// Of a password in the clear.
    pub fn of(clear: &[u8]) -> Password {
        Password(Sha256::digest(clear).into())
    }

    /// Of a digest written as 64 small hexadecimal digits.
    pub fn from_hex(hex: &[u8]) -> Result<Password, RuleError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(RuleError::BadHash),
        };
        let mut digest = [0; 32];
        if hex.len() != 2 * digest.len() {
            return Err(RuleError::BadHash);
        }
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Password(digest))
    }

    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether it is one of these. All are compared, and all bytes of them: how long it takes tells
    /// nothing of them but their number.
    pub fn is_among(&self, passwords: &[Password]) -> bool {
        let found =
            passwords.iter().fold(Choice::from(0), |found, other| found | other.0.ct_eq(&self.0));
        found.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `echo -n secret | sha256sum`
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn a_digest_is_written_as_sha256sum_writes_it() {
        assert_eq!(Password::of(b"secret").hex(), SECRET);
        assert_eq!(Password::from_hex(SECRET.as_bytes()), Ok(Password::of(b"secret")));
    }

    #[test]
    fn only_64_small_hexadecimal_digits_are_a_digest() {
        for wrong in [&SECRET[1..], &SECRET.to_uppercase(), &SECRET.replace('2', "g"), ""] {
            assert_eq!(Password::from_hex(wrong.as_bytes()), Err(RuleError::BadHash), "{wrong}");
        }
    }

    #[test]
    fn one_of_several_passwords_is_enough() {
        let passwords = [Password::of(b"one"), Password::of(b"two")];
        assert!(Password::of(b"two").is_among(&passwords));
        assert!(!Password::of(b"three").is_among(&passwords));
        assert!(!Password::of(b"").is_among(&[]));
    }
}
