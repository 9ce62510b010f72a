//! Servers that are reached over TLS, each with the same certificate.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::server::{Server, free_port};

/// How a server is reached over TLS.
pub(crate) struct Secure {
    pub(crate) port: u16,
    /// The file that says who vouches for the server.
    pub(crate) authority: String,
}

/// A certificate of 127.0.0.1 and its authority, in files that go when this is dropped.
pub(crate) struct Certificate {
    dir: PathBuf,
}

impl Certificate {
    pub(crate) fn make() -> Result<Certificate> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Another name than the server's, or OpenSSL takes that for its own authority.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        let server = server.signed_by(&key, &authority)?;

        let dir = std::env::temp_dir().join(format!("ochre-bench-{}-tls", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let certificate = Certificate { dir };
        fs::write(certificate.file("ca.crt"), authority.pem())?;
        fs::write(certificate.file("server.crt"), server.pem())?;
        fs::write(certificate.file("server.key"), key.serialize_pem())?;
        Ok(certificate)
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    /// Starts a server with one thread that listens for TLS, too.
    pub(crate) fn start(&self, program: &Path, core: Option<usize>) -> Result<Server> {
        let port = free_port()?;
        let authority = self.file("ca.crt");
        let (number, certificate, key) =
            (port.to_string(), self.file("server.crt"), self.file("server.key"));
        let options = [
            ["--tls-port", &number],
            ["--tls-cert-file", &certificate],
            ["--tls-key-file", &key],
            ["--tls-ca-cert-file", &authority],
            ["--tls-auth-clients", "no"],
        ];
        let mut server = Server::start_with(program, 1, core, options.as_flattened())?;
        server.secure = Some(Secure { port, authority });
        Ok(server)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
