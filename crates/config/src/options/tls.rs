//! TLS for clients, replication and the cluster bus. Certificates are read anew by CONFIG SET even
//! if their path stays the same: that is how they are renewed without a restart.

use crate::option::Opt;
use crate::option::declare::*;

pub(super) const OPTIONS: &[Opt] = &[
    int("tls-port", 0, PORT_MAX, "0", "TCP port that speaks TLS; 0 is none.").now(),
    text_or_none("tls-cert-file", "The server's certificate (PEM).").volatile().now(),
    text_or_none("tls-key-file", "Private key of the server's certificate (PEM).").volatile().now(),
    text_or_none("tls-key-file-pass", "Passphrase of that key.").sensitive().now(),
    text_or_none(
        "tls-client-cert-file",
        "Certificate to show where we are the client: to a primary, on the cluster bus. The \
         server's one if not set.",
    )
    .volatile()
    .later("replication"),
    text_or_none("tls-client-key-file", "Private key of that certificate.")
        .volatile()
        .later("replication"),
    text_or_none("tls-client-key-file-pass", "Passphrase of that key.")
        .sensitive()
        .later("replication"),
    text_or_none("tls-dh-params-file", "Diffie-Hellman parameters, for very old clients.")
        .volatile()
        .never("key exchange is over elliptic curves only"),
    text_or_none("tls-ca-cert-file", "Certificates of authorities whose signature we trust.")
        .volatile()
        .now(),
    text_or_none("tls-ca-cert-dir", "Directory of such certificates.").volatile().now(),
    choice(
        "tls-auth-clients",
        &["no", "yes", "optional"],
        "yes",
        "Must a client show a certificate? 'optional' checks one if it is shown.",
    )
    .now(),
    choice(
        "tls-auth-clients-user",
        &["CN", "URI", "off"],
        "off",
        "Log a client in as the user its certificate names in this field.",
    )
    .now(),
    text_or_none(
        "tls-expected-peer-name",
        "Name that the certificate of another server must carry.",
    )
    .later("replication"),
    int(
        "tls-auto-reload-interval",
        0,
        INT_MAX,
        "0",
        "Seconds between looks at the certificate files for newer ones; 0 never looks.",
    )
    .now(),
    yes_no("tls-replication", "no", "Speak TLS to the primary.").later("replication"),
    yes_no("tls-cluster", "no", "Speak TLS on the cluster bus.").later("cluster"),
    text_or_none("tls-protocols", "Allowed versions, such as \"TLSv1.2 TLSv1.3\".").now(),
    text_or_none("tls-ciphers", "Allowed ciphers up to TLS 1.2.").now(),
    text_or_none("tls-ciphersuites", "Allowed ciphers of TLS 1.3.").now(),
    yes_no("tls-prefer-server-ciphers", "no", "Choose by our order of ciphers, not the client's.")
        .now(),
    yes_no("tls-session-caching", "yes", "Let clients resume a session.").now(),
    int("tls-session-cache-size", 0, INT_MAX, "20480", "Sessions to remember; 0 is no bound.")
        .now(),
    int("tls-session-cache-timeout", 0, INT_MAX, "300", "Seconds a session is remembered.")
        .never("a session is forgotten when others need its place"),
    int(
        "max-new-tls-connections-per-cycle",
        1,
        1000,
        "1",
        "TLS connections a worker accepts before it turns to its other clients.",
    )
    .never("a handshake is served in turns, like any request"),
];
