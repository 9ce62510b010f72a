//! The certificates that the suite expects below `tests/tls` when it is run with `--tls`.
//!
//! By OpenSSL's program, which a test of `unit/tls` needs anyway: RSA keys, as that test re-writes
//! one with `openssl rsa`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// Names of files and what the certificates are for: any use, or one of them.
const IDENTITIES: &[(&str, &str)] =
    &[("redis", "serverAuth,clientAuth"), ("server", "serverAuth"), ("client", "clientAuth")];

/// Makes an authority, the identities it vouches for and parameters of Diffie-Hellman, unless they
/// are there.
pub(super) fn make(root: &Path) -> Result<()> {
    let dir = root.join("tests/tls");
    if dir.join("redis.dh").is_file() {
        return Ok(());
    }
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let openssl = |line: &str| {
        workspace::output(Command::new("openssl").args(line.split(' ')).current_dir(&dir))
    };
    const KEY: &str = "-newkey rsa:2048 -nodes";
    openssl(&format!("req -x509 {KEY} -subj /O=Ochre/CN=Authority -keyout ca.key -out ca.crt"))?;
    for (name, uses) in IDENTITIES {
        let extensions = format!("subjectAltName=DNS:localhost\nextendedKeyUsage={uses}\n");
        fs::write(dir.join("extensions"), extensions).context("write what a key is for")?;
        openssl(&format!(
            "req -new {KEY} -subj /O=Ochre/CN={name} -keyout {name}.key -out request"
        ))?;
        openssl(&format!(
            "x509 -req -in request -CA ca.crt -CAkey ca.key -CAcreateserial \
             -extfile extensions -out {name}.crt"
        ))?;
    }
    openssl("dhparam -dsaparam -out redis.dh 2048")?;
    Ok(())
}
