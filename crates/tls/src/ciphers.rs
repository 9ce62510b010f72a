//! Cipher lists as OpenSSL writes them.

use rustls::crypto::ring;
use rustls::{CipherSuite, ProtocolVersion, SupportedCipherSuite};

/// Which of the two lists allows none of the suites we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSuite {
    /// Of TLS 1.3.
    New,
    /// Of TLS 1.2.
    Old,
}

/// The suites that both lists allow, strongest first or in the order they are named. An empty list
/// allows all.
pub fn suites(new: &str, old: &str) -> Result<Vec<SupportedCipherSuite>, NoSuite> {
    let all = ring::default_provider().cipher_suites;
    let (all_new, all_old): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|suite| suite.version().version == ProtocolVersion::TLSv1_3);
    let mut chosen = choose(new, &all_new);
    if chosen.is_empty() {
        return Err(NoSuite::New);
    }
    let old = choose(old, &all_old);
    if old.is_empty() {
        return Err(NoSuite::Old);
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
