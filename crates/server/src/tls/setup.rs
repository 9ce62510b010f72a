//! From options and files to a context. Errors are lines for the log, in Redis's words where it
//! has some; what the files lack is said with the file's name.

use std::path::PathBuf;
use std::sync::Arc;

use config::{Config, id};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use tls::NoSuite;

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
    let chain = tls::certificates(&cert_file)
        .map_err(|reason| format!("Failed to load certificate: {reason}"))?;
    let key = tls::private_key(&key_file, config.bytes(id::TLS_KEY_FILE_PASS))
        .map_err(|reason| format!("Failed to load private key: {reason}"))?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(config)?)
        .map_err(|error| format!("Failed to configure ciphers: {error}"))?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let key = tls::certified(chain, key, builder.crypto_provider())
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

/// Who checks the certificates of clients; none if they need not show any.
fn verifier(
    config: &Config,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let whom = config.choice(id::TLS_AUTH_CLIENTS);
    if whom == "no" {
        return Ok(None);
    }
    let (file, dir) = (path(config, id::TLS_CA_CERT_FILE), path(config, id::TLS_CA_CERT_DIR));
    if file.is_none() && dir.is_none() {
        return Err("Either tls-ca-cert-file or tls-ca-cert-dir must be specified when \
                    tls-cluster, tls-replication or tls-auth-clients are enabled!"
            .to_owned());
    }
    let roots = tls::roots(file.as_deref(), dir.as_deref())
        .map_err(|reason| format!("Failed to load CA certificate(s): {reason}"))?;
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if whom == "optional" { builder.allow_unauthenticated() } else { builder };
    let built = builder.build();
    built.map(Some).map_err(|error| format!("Failed to load CA certificate(s): {error}"))
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

/// The ciphers that both options allow.
fn suites(config: &Config) -> Result<Vec<SupportedCipherSuite>, String> {
    let chosen = tls::suites(&config.text(id::TLS_CIPHERSUITES), &config.text(id::TLS_CIPHERS));
    chosen.map_err(|none| match none {
        NoSuite::New => "Failed to configure ciphersuites".to_owned(),
        NoSuite::Old => "Failed to configure ciphers".to_owned(),
    })
}
