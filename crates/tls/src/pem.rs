//! Certificates, keys and authorities from PEM files.

use std::fmt::Display;
use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

fn failed(file: &Path, reason: impl Display) -> String {
    format!("{}: {reason}", file.display())
}

/// All certificates of a file; one at least.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| failed(file, error))?;
    let list: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| failed(file, error))?;
    if list.is_empty() { Err(failed(file, "no certificate in it")) } else { Ok(list) }
}

/// The private key of a file. An empty passphrase is none.
pub fn private_key(file: &Path, passphrase: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    if !passphrase.is_empty() {
        let pem = std::fs::read_to_string(file).map_err(|error| failed(file, error))?;
        let (label, document) =
            pkcs8::SecretDocument::from_pem(&pem).map_err(|error| failed(file, error))?;
        if label == "ENCRYPTED PRIVATE KEY" {
            let encrypted = pkcs8::EncryptedPrivateKeyInfo::try_from(document.as_bytes())
                .map_err(|error| failed(file, error))?;
            let plain = encrypted.decrypt(passphrase).map_err(|error| failed(file, error))?;
            return Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()).into());
        }
    }
    PrivateKeyDer::from_pem_file(file).map_err(|error| failed(file, error))
}

/// Certificate and key, if they belong together. Whether the certificate is a good one is for the
/// other side to say: some in use are of X.509 version 1, which rustls itself would not take.
pub fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, rustls::Error> {
    let certified = CertifiedKey::new(chain, provider.key_provider.load_private_key(key)?);
    match certified.keys_match() {
        Err(error @ rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(error),
        _ => Ok(certified),
    }
}

/// Whom to trust: the certificates of a file, all of which must be good, and those in a folder.
pub fn roots(file: Option<&Path>, folder: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = file {
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| failed(file, error))?;
        }
    }
    if let Some(folder) = folder {
        let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, error))?;
        // Such a folder holds other things too: what is no certificate is passed over.
        for entry in entries.flatten() {
            if let Ok(list) = certificates(&entry.path()) {
                roots.add_parsable_certificates(list);
            }
        }
    }
    Ok(roots)
}
