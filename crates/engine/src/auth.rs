//! Who a client is: name and password against the users there are.
//!
//! There is one user, `default`, and `requirepass` is its password; without it any password is
//! good. Digests are compared, not passwords, and all bytes of them: how long it takes tells
//! nothing about the password, not even its length.

use std::sync::atomic::Ordering::Relaxed;

use config::id;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::client::Client;
use crate::engine::Engine;
use crate::error::{CmdError, CmdResult};

/// The user that every connection begins as.
pub const DEFAULT_USER: &[u8] = b"default";

impl Engine {
    /// Makes the client this user. Errors: [`CmdError::WRONG_PASS`]; then the client stays who it
    /// was.
    pub fn authenticate(&self, client: &mut Client, user: &[u8], password: &[u8]) -> CmdResult {
        if !(self.is_password(password) & self.is_user(user)) {
            return Err(CmdError::WRONG_PASS);
        }
        client.user = None;
        client.authenticated = true;
        Ok(())
    }

    /// Whether the default user has a password.
    pub fn has_password(&self) -> bool {
        self.settings.password_required.load(Relaxed)
    }

    /// Whether there is a user of this name.
    pub fn is_user(&self, name: &[u8]) -> bool {
        name == DEFAULT_USER
    }

    fn is_password(&self, password: &[u8]) -> bool {
        let given = Sha256::digest(password);
        let config = self.config();
        let wanted = config.bytes(id::REQUIREPASS);
        wanted.is_empty() || bool::from(Sha256::digest(wanted).ct_eq(&given))
    }
}
