//! TLS: what the options say becomes a context, and a socket an encrypted one.
//!
//! ```text
//!   Options --> Tls (once, in main) --> Encrypted (each connection) --> socket
//! ```
//!
//! Whom we trust follows redis-cli. Authorities named by `--cacert` or `--cacertdir` vouch for
//! servers by whatever name: such authorities are private and their certificates often name nothing
//! ("Server-only"). Where the machine's authorities vouch, and so for half of the world, the
//! certificate must name the server, which redis-cli does not ask; `--sni` says which name.
//!
//! # Limits
//!
//! A certificate of X.509 version 1 is taken with `--insecure` only: rustls does not read it.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tls::NoSuite;

/// What the options say.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// `--tls`, or a URI of `rediss:`; without it the others mean nothing.
    pub wanted: bool,
    pub sni: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub ca_folder: Option<PathBuf>,
    pub insecure: bool,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Of TLS 1.2.
    pub ciphers: String,
    /// Of TLS 1.3.
    pub cipher_suites: String,
}

/// What every connection of the program begins with.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    sni: Option<String>,
}

/// There is one in a program.
impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Tls {
    /// Reads the files that the options name. The error is a line for the user.
    pub fn new(options: &TlsOptions) -> Result<Tls, String> {
        let suites = tls::suites(&options.cipher_suites, &options.ciphers);
        let cipher_suites = suites.map_err(|none| match none {
            NoSuite::New => "Error while setting cypher suites",
            NoSuite::Old => "Error while configuring ciphers",
        })?;
        let provider = Arc::new(CryptoProvider { cipher_suites, ..ring::default_provider() });
        let verifier =
            Verifier { trust: trust(options, &provider)?, provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("Error while configuring ciphers: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match identity(options, &provider)? {
            Some(identity) => builder.with_client_cert_resolver(identity),
            None => builder.with_no_client_auth(),
        };
        Ok(Tls { config: Arc::new(config), sni: options.sni.clone() })
    }
}

/// The certificate by which the server may know us. One without a key, or a key alone, is read and
/// not shown, as redis-cli has it.
fn identity(
    options: &TlsOptions,
    provider: &CryptoProvider,
) -> Result<Option<Arc<dyn ResolvesClientCert>>, String> {
    let bad_key = |reason: String| format!("Invalid private key: {reason}");
    let chain = options.certificate.as_deref().map(tls::certificates).transpose();
    let chain = chain.map_err(|reason| format!("Invalid client certificate: {reason}"))?;
    let key = options.key.as_deref().map(|file| tls::private_key(file, b"")).transpose();
    let (Some(chain), Some(key)) = (chain, key.map_err(bad_key)?) else {
        return Ok(None);
    };
    let certified =
        tls::certified(chain, key, provider).map_err(|error| bad_key(error.to_string()))?;
    Ok(Some(Arc::new(SingleCertAndKey::from(certified))))
}

/// Who may vouch for a server.
#[derive(Debug)]
enum Trust {
    Anybody,
    /// Private authorities; a server may also show one of these certificates as its own.
    Named {
        authorities: Arc<WebPkiServerVerifier>,
        certificates: Vec<CertificateDer<'static>>,
    },
    Machine(Arc<WebPkiServerVerifier>),
}

fn trust(options: &TlsOptions, provider: &Arc<CryptoProvider>) -> Result<Trust, String> {
    if options.insecure {
        return Ok(Trust::Anybody);
    }
    let invalid = |reason: &str| format!("Invalid CA Certificate File/Directory: {reason}");
    let verifier = |roots: RootCertStore| {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| invalid(&error.to_string()))
    };
    if options.ca_file.is_none() && options.ca_folder.is_none() {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("Failed to use default CA paths".to_string());
        }
        return Ok(Trust::Machine(verifier(roots)?));
    }
    let roots = tls::roots(options.ca_file.as_deref(), options.ca_folder.as_deref())
        .map_err(|reason| invalid(&reason))?;
    let certificates = match &options.ca_file {
        Some(file) => tls::certificates(file).map_err(|reason| invalid(&reason))?,
        None => Vec::new(),
    };
    Ok(Trust::Named { authorities: verifier(roots)?, certificates })
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judge = |authorities: &WebPkiServerVerifier| {
            authorities.verify_server_cert(certificate, chain, name, ocsp, now)
        };
        match &self.trust {
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
            Trust::Machine(authorities) => judge(authorities),
            Trust::Named { certificates, .. } if certificates.contains(certificate) => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::Named { authorities, .. } => match judge(authorities) {
                // The name is looked at last: all else is well.
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                )) => Ok(ServerCertVerified::assertion()),
                judged => judged,
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        match self.trust {
            Trust::Anybody => Ok(HandshakeSignatureValid::assertion()),
            _ => verify_tls12_signature(message, certificate, signed, known),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        match self.trust {
            Trust::Anybody => Ok(HandshakeSignatureValid::assertion()),
            _ => verify_tls13_signature(message, certificate, signed, known),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A socket whose bytes are encrypted.
pub struct Encrypted<S> {
    connection: ClientConnection,
    pub socket: S,
}

impl<S: Read + Write> Encrypted<S> {
    /// Agrees with the server at the other end of `socket`, whom we know as `host`, upon keys.
    pub fn new(tls: &Tls, host: &str, mut socket: S) -> io::Result<Encrypted<S>> {
        let name = tls.sni.as_deref().unwrap_or(host).to_string();
        let name =
            ServerName::try_from(name).map_err(|_| io::Error::other("Failed to configure SNI"))?;
        let mut connection =
            ClientConnection::new(Arc::clone(&tls.config), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(refused)?;
        }
        let mut encrypted = Encrypted { connection, socket };
        encrypted.push()?;
        Ok(encrypted)
    }

    /// Reads what is there, after one look at the socket at most. `WouldBlock`: what came was no
    /// data, but TLS talking to itself.
    pub fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.connection.reader().read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        self.connection.read_tls(&mut self.socket)?;
        let processed = self.connection.process_new_packets();
        // An answer that TLS itself gives, or an alert that says what was wrong.
        let pushed = self.push();
        processed.map_err(io::Error::other)?;
        pushed?;
        self.connection.reader().read(bytes)
    }

    /// Appends all else that has been decrypted, of which the socket will not tell.
    pub fn read_rest(&mut self, bytes: &mut Vec<u8>) {
        // It ends with an error always, if only that there is no more; the next read meets it.
        let _ = self.connection.reader().read_to_end(bytes);
    }

    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.connection.writer().write(bytes)?;
            bytes = &bytes[taken..];
            self.push()?;
        }
        Ok(())
    }

    /// Takes bytes and sends what the socket, which may be one that does not wait, takes of them. How
    /// many were taken; after them, see [`Encrypted::has_backlog`].
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.connection.writer().write(bytes)?;
        match self.push() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Bytes that were taken wait for the socket.
    pub fn has_backlog(&self) -> bool {
        self.connection.wants_write()
    }

    fn push(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

/// Why there is no connection, in OpenSSL's words where people search for them.
fn refused(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let text = match inner {
        Some(Error::InvalidCertificate(reason)) => {
            format!("SSL_connect failed: certificate verify failed: {reason}")
        }
        Some(error) => format!("SSL_connect failed: {error}"),
        None => format!("SSL_connect failed: {}", crate::connection::system_text(&error)),
    };
    io::Error::new(error.kind(), text)
}
