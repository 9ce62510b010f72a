//! TLS: whom the program trusts, and that bytes come through whole.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::serving::{answer, run, text};

/// An authority, its files in a folder that goes with it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// `name` is the test's.
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names, so no bad ones");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let folder = std::env::temp_dir().join(format!("ochre-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let authority = Authority { issuer, folder };
        authority.write("ca.crt", &authority.issuer.pem());
        authority
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.join(name), content).expect("a file");
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("UTF-8").to_string()
    }

    fn identity(&self, name: &str) -> (CertificateDer<'static>, KeyPair) {
        let params = CertificateParams::new(vec![name.to_string()]).expect("a good name");
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        self.write(&format!("{name}.crt"), &signed.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
        (signed.der().clone(), key)
    }

    /// Serves one connection for each script, as somebody whose name is not that of the host.
    fn serve(&self, scripts: Vec<Vec<Vec<u8>>>, asks: bool) -> (u16, JoinHandle<Vec<String>>) {
        let (certificate, key) = self.identity("elsewhere");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a good certificate");
        let builder = ServerConfig::builder();
        let builder = if asks {
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let config =
            Arc::new(builder.with_single_cert(vec![certificate], key).expect("they match"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let served = std::thread::spawn(move || {
            let mut requests = Vec::new();
            for script in scripts {
                let (socket, _) = listener.accept().expect("a client");
                let session = ServerConnection::new(Arc::clone(&config)).expect("a good context");
                answer(StreamOwned::new(session, socket), &script, &mut requests);
            }
            requests
        });
        (port, served)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn pong() -> Vec<Vec<u8>> {
    vec![b"+PONG\r\n".to_vec()]
}

fn stdout_of(output: &Output) -> (&str, &str) {
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn an_authority_of_ours_vouches_by_whatever_name() {
    let authority = Authority::new("named");
    let (port, served) = authority.serve(vec![pong(), pong(), pong()], false);
    let folder = authority.folder.to_str().expect("UTF-8");
    let files = [("--cacert", authority.file("ca.crt")), ("--cacertdir", folder.to_string())];
    for (option, file) in &files {
        let output = run(port, &["--tls", option, file, "PING"], "");
        assert_eq!(stdout_of(&output), ("PONG\n", ""));
    }
    // The server's own certificate will do.
    let own = authority.file("elsewhere.crt");
    let output = run(port, &["--tls", "--cacert", &own, "--sni", "else.where", "PING"], "");
    assert_eq!(stdout_of(&output), ("PONG\n", ""));
    assert_eq!(served.join().expect("served"), ["PING"; 3]);
}

#[test]
fn a_stranger_is_refused_unless_we_do_not_care() {
    let (authority, other) = (Authority::new("ours"), Authority::new("theirs"));
    let (port, served) = other.serve(vec![pong(), pong()], false);
    let output = run(port, &["--tls", "--cacert", &authority.file("ca.crt"), "PING"], "");
    let told = format!(
        "Could not connect to Redis at 127.0.0.1:{port}: SSL_connect failed: certificate verify \
         failed: "
    );
    assert!(text(&output.stderr).starts_with(&told), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(1));
    let output = run(port, &["--tls", "--insecure", "PING"], "");
    assert_eq!(stdout_of(&output), ("PONG\n", ""));
    assert_eq!(served.join().expect("served"), ["PING"]);
}

#[test]
fn who_is_asked_shows_a_certificate() {
    let authority = Authority::new("asked");
    authority.identity("me");
    let (port, served) = authority.serve(vec![pong(), pong()], true);
    let ca = authority.file("ca.crt");
    let (certificate, key) = (authority.file("me.crt"), authority.file("me.key"));
    let options = ["--tls", "--cacert", &ca, "--cert", &certificate, "--key", &key];
    let output = run(port, &[&options[..], &["PING"]].concat(), "");
    assert_eq!(stdout_of(&output), ("PONG\n", ""));
    let output = run(port, &["--tls", "--cacert", &ca, "PING"], "");
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
    assert_eq!(served.join().expect("served"), ["PING"]);
}

#[test]
fn replies_larger_than_a_record_and_many_in_one_come_through() {
    let authority = Authority::new("large");
    let large = "x".repeat(300_000);
    let reply = format!("${}\r\n{large}\r\n", large.len()).into_bytes();
    let (port, served) = authority.serve(vec![vec![reply, b"+OK\r\n".to_vec()]], false);
    let output = run(port, &["--tls", "--cacert", &authority.file("ca.crt")], "GET a\nGET b\n");
    assert_eq!(stdout_of(&output), (format!("{large}\nOK\n").as_str(), ""));
    assert_eq!(served.join().expect("served"), ["GET a", "GET b"]);
}

#[test]
fn what_the_files_lack_is_said_before_anything_is_sent() {
    let authority = Authority::new("files");
    authority.write("bad.crt", "no certificate");
    authority.identity("me");
    authority.identity("you");
    let file = |name: &str| authority.file(name);
    for (options, begins) in [
        (vec!["--cacert", &file("none")], "Invalid CA Certificate File/Directory: "),
        (vec!["--cacert", &file("bad.crt")], "Invalid CA Certificate File/Directory: "),
        (
            vec!["--insecure", "--cert", &file("bad.crt"), "--key", &file("me.key")],
            "Invalid client certificate: ",
        ),
        (
            vec!["--insecure", "--cert", &file("me.crt"), "--key", &file("you.key")],
            "Invalid private key: ",
        ),
        (vec!["--insecure", "--key", &file("bad.crt")], "Invalid private key: "),
        (vec!["--insecure", "--tls-ciphers", "NOTHING"], "Error while configuring ciphers"),
        (vec!["--insecure", "--tls-ciphersuites", "NO"], "Error while setting cypher suites"),
    ] {
        let output = run(1, &[&["--tls"], &options[..], &["PING"]].concat(), "");
        let begins = format!("Could not negotiate a TLS connection: {begins}");
        assert!(text(&output.stderr).starts_with(&begins), "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(1));
    }
}
