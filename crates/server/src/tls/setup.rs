//! From options and files to a context. Errors are lines for the log, in Redis's words where it
//! has some; what the files lack is said with the file's name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Config, id};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, InconsistentKeys, ProtocolVersion, RootCertStore, ServerConfig,
    SupportedCipherSuite, SupportedProtocolVersion,
};

/// Sessions remembered when the option says that there is no bound.
const SESSIONS_MAX: usize = 1 << 20;

/// The files that the options name.
pub(super) fn files(config: &Config) -> Vec<PathBuf> {
    let options = [id::TLS_CERT_FILE, id::TLS_KEY_FILE, id::TLS_CA_CERT_FILE, id::TLS_CA_CERT_DIR];
    options.into_iter().filter_map(|option| path(config, option)).collect()
}

fn path(config: &Config, option: config::OptId) -> Option<PathBuf> {
    let text = config.text(option);
    (!text.is_empty()).then(|| PathBuf::from(&*text))
}

/// A context as the options describe it.
pub(super) fn context(config: &Config) -> Result<Arc<ServerConfig>, String> {
    let cert_file = path(config, id::TLS_CERT_FILE).ok_or("No tls-cert-file configured!")?;
    let key_file = path(config, id::TLS_KEY_FILE).ok_or("No tls-key-file configured!")?;
    let provider =
        Arc::new(CryptoProvider { cipher_suites: suites(config)?, ..ring::default_provider() });
    let verifier = verifier(config, &provider)?;
    let chain = certificates(&cert_file)?;
    let key = private_key(&key_file, config.bytes(id::TLS_KEY_FILE_PASS))?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(config)?)
        .map_err(|error| format!("Failed to configure ciphers: {error}"))?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let key = certified(chain, key, builder.crypto_provider())
        .map_err(|error| format!("Failed to load private key: {}: {error}", key_file.display()))?;
    let mut context = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    context.ignore_client_order = config.flag(id::TLS_PREFER_SERVER_CIPHERS);
    if config.flag(id::TLS_SESSION_CACHING) {
        let size = match config.int(id::TLS_SESSION_CACHE_SIZE) as usize {
            0 => SESSIONS_MAX,
            size => size.min(SESSIONS_MAX),
        };
        context.session_storage = ServerSessionMemoryCache::new(size);
    } else {
        context.session_storage = Arc::new(NoServerSessionStorage {});
        context.send_tls13_tickets = 0;
    }
    Ok(Arc::new(context))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("Failed to load certificate: {}: {error}", file.display())
    };
    let read = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?;
    let list: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
    if list.is_empty() { Err(failed(&"no certificate in it")) } else { Ok(list) }
}

fn private_key(file: &Path, passphrase: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("Failed to load private key: {}: {error}", file.display())
    };
    if !passphrase.is_empty() {
        let pem = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
        let (label, document) = pkcs8::SecretDocument::from_pem(&pem).map_err(|e| failed(&e))?;
        if label == "ENCRYPTED PRIVATE KEY" {
            let encrypted = pkcs8::EncryptedPrivateKeyInfo::try_from(document.as_bytes())
                .map_err(|error| failed(&error))?;
            let plain = encrypted.decrypt(passphrase).map_err(|error| failed(&error))?;
            return Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()).into());
        }
    }
    PrivateKeyDer::from_pem_file(file).map_err(|error| failed(&error))
}

/// Certificate and key, if they belong together. Whether the certificate is a good one is for
/// clients to say: some in use are of X.509 version 1, which rustls itself would not take.
fn certified(
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

/// Who checks the certificates of clients; none if they need not show any.
fn verifier(
    config: &Config,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let whom = config.choice(id::TLS_AUTH_CLIENTS);
    if whom == "no" {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    let (file, dir) = (path(config, id::TLS_CA_CERT_FILE), path(config, id::TLS_CA_CERT_DIR));
    if file.is_none() && dir.is_none() {
        return Err("Either tls-ca-cert-file or tls-ca-cert-dir must be specified when \
                    tls-cluster, tls-replication or tls-auth-clients are enabled!"
            .to_owned());
    }
    if let Some(file) = file {
        for certificate in certificates(&file)? {
            roots.add(certificate).map_err(|error| {
                format!("Failed to load CA certificate(s): {}: {error}", file.display())
            })?;
        }
    }
    if let Some(dir) = dir {
        add_directory(&mut roots, &dir)?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if whom == "optional" { builder.allow_unauthenticated() } else { builder };
    let built = builder.build();
    built.map(Some).map_err(|error| format!("Failed to load CA certificate(s): {error}"))
}

/// Such a directory holds other things too: what is no certificate is passed over.
fn add_directory(roots: &mut RootCertStore, dir: &Path) -> Result<(), String> {
    let entries = std::fs::read_dir(dir)
        .map_err(|error| format!("Failed to load CA certificate(s): {}: {error}", dir.display()))?;
    for entry in entries.flatten() {
        if let Ok(list) = certificates(&entry.path()) {
            roots.add_parsable_certificates(list);
        }
    }
    Ok(())
}

fn versions(config: &Config) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let text = config.text(id::TLS_PROTOCOLS).to_ascii_lowercase();
    if text.is_empty() {
        return Ok(vec![&TLS13, &TLS12]);
    }
    let mut list = Vec::new();
    for word in text.split_ascii_whitespace() {
        match word {
            "tlsv1.3" => list.push(&TLS13),
            "tlsv1.2" => list.push(&TLS12),
            // Named beside newer ones by configurations that allow everything.
            "tlsv1" | "tlsv1.1" => {}
            _ => {
                let text = "Invalid tls-protocols specified. Use a combination of 'TLSv1', \
                            'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.";
                return Err(text.to_owned());
            }
        }
    }
    if list.is_empty() {
        return Err("No protocol of tls-protocols is safe enough to speak: TLSv1.2 and TLSv1.3 \
                    are."
            .to_owned());
    }
    Ok(list)
}

/// The ciphers that both options allow, strongest first or in the order they are named.
fn suites(config: &Config) -> Result<Vec<SupportedCipherSuite>, String> {
    let all = ring::default_provider().cipher_suites;
    let (new, old): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|suite| suite.version().version == ProtocolVersion::TLSv1_3);
    let mut chosen = choose(&config.text(id::TLS_CIPHERSUITES), &new);
    if chosen.is_empty() {
        return Err("Failed to configure ciphersuites".to_owned());
    }
    let old = choose(&config.text(id::TLS_CIPHERS), &old);
    if old.is_empty() {
        return Err("Failed to configure ciphers".to_owned());
    }
    chosen.extend(old);
    Ok(chosen)
}

/// OpenSSL's cipher list, as far as it means something here: names, words for all, and `!` or `-`
/// before what shall not be.
fn choose(text: &str, all: &[SupportedCipherSuite]) -> Vec<SupportedCipherSuite> {
    if text.is_empty() {
        return all.to_vec();
    }
    let mut chosen: Vec<SupportedCipherSuite> = Vec::new();
    for word in text.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
        match word.strip_prefix(['!', '-']) {
            Some(unwanted) => chosen.retain(|suite| !matches_word(*suite, unwanted)),
            None => {
                let word = word.strip_prefix('+').unwrap_or(word);
                for suite in all.iter().filter(|suite| matches_word(**suite, word)) {
                    if !chosen.contains(suite) {
                        chosen.push(*suite);
                    }
                }
            }
        }
    }
    chosen
}

/// `ECDHE-RSA-AES128-GCM-SHA256`, `TLS_AES_128_GCM_SHA256`, `DEFAULT`, or a part such as `AESGCM`.
fn matches_word(suite: SupportedCipherSuite, word: &str) -> bool {
    if matches!(word, "DEFAULT" | "ALL" | "HIGH" | "COMPLEMENTOFDEFAULT") {
        return true;
    }
    let name = openssl_name(suite.suite());
    let tidy = |text: &str| text.replace(['-', '_'], "").to_ascii_uppercase();
    let (name, word) = (tidy(name), tidy(word));
    let has = |part: &str| match part {
        "AESGCM" => name.contains("AES") && name.contains("GCM"),
        "EECDH" => name.starts_with("ECDHE"),
        _ => part.len() >= 3 && name.contains(part),
    };
    name == word || word.split('+').all(has)
}

fn openssl_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            "ECDHE-ECDSA-CHACHA20-POLY1305"
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let chosen = choose(text, &ring::default_provider().cipher_suites);
        chosen.into_iter().map(|suite| openssl_name(suite.suite())).collect()
    }

    #[test]
    fn every_suite_has_a_name() {
        assert!(names("").iter().all(|name| !name.is_empty()));
    }

    #[test]
    fn cipher_lists_are_read_as_openssl_reads_them() {
        assert_eq!(
            names("ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_256_GCM_SHA384"),
            ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_256_GCM_SHA384"]
        );
        assert_eq!(names("NOTHING-OF-THIS"), Vec::<&str>::new());
        let without = names("DEFAULT:!CHACHA20");
        assert_eq!(without.len(), 6);
        assert!(without.iter().all(|name| !name.contains("CHACHA20")));
        assert_eq!(
            names("EECDH+AESGCM:!ECDSA"),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
    }
}
