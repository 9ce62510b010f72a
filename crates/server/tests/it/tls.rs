//! The TLS port, with certificates made for each test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::running::{Folder, Server, free_port, run, until};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// An authority, and files of a server that it vouches for.
struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
}

struct Identity {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
}

impl Certificates {
    fn new() -> Certificates {
        let mut params = CertificateParams::new(Vec::new()).expect("no names, so no bad ones");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        Certificates { authority }
    }

    fn identity(&self, name: &str) -> Identity {
        self.identity_with(name, &[])
    }

    /// Its common name is the name; the URIs are alternatives.
    fn identity_with(&self, name: &str, uris: &[&str]) -> Identity {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a good name");
        params.distinguished_name.push(DnType::CommonName, name);
        for uri in uris {
            params.subject_alt_names.push(SanType::URI((*uri).try_into().expect("a URI")));
        }
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.authority).expect("a certificate");
        Identity { certificate: signed.der().clone(), certificate_pem: signed.pem(), key }
    }

    /// Writes what the server needs, under names that begin with `server`.
    fn write_server(&self, folder: &Folder) {
        let server = self.identity("localhost");
        folder.write("server.crt", &server.certificate_pem);
        folder.write("server.key", &server.key.serialize_pem());
        folder.write("ca.crt", &self.authority.pem());
    }

    /// A connection that trusts this authority and shows `identity`, if any.
    fn connect(&self, port: u16, identity: Option<&Identity>) -> Stream {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).expect("a good certificate");
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let key = PrivateKeyDer::try_from(identity.key.serialize_der());
                let chain = vec![identity.certificate.clone()];
                builder.with_client_auth_cert(chain, key.expect("a key")).expect("they match")
            }
        };
        let name = ServerName::try_from("localhost").expect("a good name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a good context");
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket takes a timeout");
        StreamOwned::new(session, stream)
    }
}

fn ask(stream: &mut Stream, request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut reply = [0; 512];
    let n = stream.read(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply[..n]).into_owned())
}

fn start(folder: Folder, port: u16, auth: &str) -> Server {
    let port = port.to_string();
    let args = ["--bind", "127.0.0.1", "--tls-port", &port, "--tls-cert-file", "server.crt"];
    let more = ["--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt"];
    let args = [&args[..], &more[..], &["--tls-auth-clients", auth, "--io-threads", "2"]].concat();
    Server::start_in(folder, &args, |_| {})
}

#[test]
fn commands_of_any_size_and_number_come_and_go_encrypted() {
    let (folder, certificates, port) = (Folder::new(), Certificates::new(), free_port());
    certificates.write_server(&folder);
    let server = start(folder, port, "no");
    let mut stream = certificates.connect(port, None);
    assert_eq!(ask(&mut stream, "SET a 1\r\n").expect("a reply"), "+OK\r\n");
    assert_eq!(server.ask("GET a"), "1");

    let value: Vec<u8> = (0..3_000_000u32).map(|n| (n * 7) as u8).collect();
    let mut request = format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${}\r\n", value.len()).into_bytes();
    request.extend_from_slice(&value);
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).expect("the server reads");
    let mut ok = [0; 5];
    stream.read_exact(&mut ok).expect("a reply");
    assert_eq!(&ok, b"+OK\r\n");

    // More replies than socket and session hold, before the first is read.
    let times = 4;
    stream.write_all(&b"GET big\r\n".repeat(times)).expect("the server reads");
    let mut reply = format!("${}\r\n", value.len()).into_bytes();
    reply.extend_from_slice(&value);
    reply.extend_from_slice(b"\r\n");
    for _ in 0..times {
        let mut got = vec![0; reply.len()];
        stream.read_exact(&mut got).expect("a reply");
        assert!(got == reply);
    }
    let pings = 20_000;
    stream.write_all(&b"PING\r\n".repeat(pings)).expect("the server reads");
    let mut got = vec![0; pings * 7];
    stream.read_exact(&mut got).expect("replies");
    assert!(got == b"+PONG\r\n".repeat(pings));
}

#[test]
fn who_must_show_a_certificate_shows_one_of_our_authority() {
    let (folder, certificates, port) = (Folder::new(), Certificates::new(), free_port());
    certificates.write_server(&folder);
    let server = start(folder, port, "yes");
    let friend = certificates.identity("friend");
    let stranger = Certificates::new().identity("friend");

    assert!(ask(&mut certificates.connect(port, None), "PING\r\n").is_err());
    assert!(ask(&mut certificates.connect(port, Some(&stranger)), "PING\r\n").is_err());
    let mut known = certificates.connect(port, Some(&friend));
    assert_eq!(ask(&mut known, "PING\r\n").expect("a reply"), "+PONG\r\n");

    assert_eq!(server.ask("CONFIG SET tls-auth-clients optional"), "OK");
    assert!(ask(&mut certificates.connect(port, Some(&stranger)), "PING\r\n").is_err());
    let mut unknown = certificates.connect(port, None);
    assert_eq!(ask(&mut unknown, "PING\r\n").expect("a reply"), "+PONG\r\n");
    assert_eq!(ask(&mut known, "PING\r\n").expect("it lives on"), "+PONG\r\n");
}

#[test]
fn what_is_no_handshake_ends_the_connection_and_nothing_else() {
    let (folder, certificates, port) = (Folder::new(), Certificates::new(), free_port());
    certificates.write_server(&folder);
    let server = start(folder, port, "no");
    let mut good = certificates.connect(port, None);
    assert_eq!(ask(&mut good, "PING\r\n").expect("a reply"), "+PONG\r\n");
    let stalled = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    const RECORD: u8 = 22;
    let garbage =
        [&b"PING\r\n"[..], &[0; 70_000], &[RECORD, 3, 1, 255, 255, 1, 2, 3], &[255; 5000]];
    for garbage in garbage {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        // It may be closed before all is written.
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || garbage[0] == RECORD, "no alert for who would not know it");
        assert!(rest.len() < 100, "an alert at most");
    }
    assert_eq!(ask(&mut good, "PING\r\n").expect("a reply"), "+PONG\r\n");
    drop(stalled);
    assert_eq!(server.ask("PING"), "PONG");
}

#[test]
fn certificates_are_replaced_while_connections_live() {
    let (folder, old, port) = (Folder::new(), Certificates::new(), free_port());
    old.write_server(&folder);
    let server = start(folder, port, "no");
    let mut before = old.connect(port, None);
    assert_eq!(ask(&mut before, "PING\r\n").expect("a reply"), "+PONG\r\n");

    let new = Certificates::new();
    new.write_server(&server.folder);
    // The path is as before; the files are others.
    assert_eq!(server.ask("CONFIG SET tls-cert-file server.crt tls-key-file server.key"), "OK");
    assert_eq!(ask(&mut new.connect(port, None), "PING\r\n").expect("a reply"), "+PONG\r\n");
    assert!(ask(&mut old.connect(port, None), "PING\r\n").is_err(), "another authority's");
    assert_eq!(ask(&mut before, "PING\r\n").expect("it lives on"), "+PONG\r\n");

    assert_eq!(
        server.ask("CONFIG SET tls-cert-file nowhere.crt"),
        "ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - Unable to update \
         TLS configuration. Check server logs."
    );
    assert_eq!(ask(&mut new.connect(port, None), "PING\r\n").expect("a reply"), "+PONG\r\n");

    assert_eq!(server.ask("CONFIG SET tls-auto-reload-interval 1"), "OK");
    let newest = Certificates::new();
    newest.write_server(&server.folder);
    server.wait_for_line("TLS certificates have been read anew");
    assert_eq!(ask(&mut newest.connect(port, None), "PING\r\n").expect("a reply"), "+PONG\r\n");
}

#[test]
fn a_certificate_logs_in_the_user_that_it_names() {
    let (folder, certificates, port) = (Folder::new(), Certificates::new(), free_port());
    certificates.write_server(&folder);
    let server = start(folder, port, "optional");
    assert_eq!(server.ask("ACL SETUSER ann on nopass ~a* +@all"), "OK");
    assert_eq!(server.ask("ACL SETUSER urn:bob on nopass +@all"), "OK");
    assert_eq!(server.ask("ACL SETUSER eve off nopass +@all"), "OK");
    let who = |identity: Option<&Identity>| {
        ask(&mut certificates.connect(port, identity), "ACL WHOAMI\r\n").expect("a reply")
    };
    let ann = certificates.identity("ann");
    assert_eq!(who(Some(&ann)), "$7\r\ndefault\r\n", "it is off");

    assert_eq!(server.ask("CONFIG SET tls-auth-clients-user CN"), "OK");
    assert_eq!(who(Some(&ann)), "$3\r\nann\r\n");
    let mut stream = certificates.connect(port, Some(&ann));
    assert_eq!(ask(&mut stream, "SET abc 1\r\n").expect("a reply"), "+OK\r\n");
    assert!(ask(&mut stream, "SET b 1\r\n").expect("a reply").starts_with("-NOPERM"));
    for nobody in ["nobody", "eve"] {
        assert_eq!(who(Some(&certificates.identity(nobody))), "$7\r\ndefault\r\n", "{nobody}");
    }
    assert_eq!(who(None), "$7\r\ndefault\r\n");

    assert_eq!(server.ask("CONFIG SET tls-auth-clients-user URI"), "OK");
    let bob = certificates.identity_with("ann", &["urn:nobody", "urn:bob"]);
    assert_eq!(who(Some(&bob)), "$7\r\nurn:bob\r\n");

    // Who is named needs no password, who is not does.
    assert_eq!(server.ask("CONFIG SET requirepass secret"), "OK");
    assert_eq!(who(Some(&bob)), "$7\r\nurn:bob\r\n");
    assert!(who(Some(&ann)).starts_with("-NOAUTH"));
}

#[test]
fn who_says_goodbye_with_its_last_request_is_answered_and_closed() {
    let (folder, certificates, port) = (Folder::new(), Certificates::new(), free_port());
    certificates.write_server(&folder);
    let server = start(folder, port, "no");
    let mut streams = Vec::new();
    for requests in [1, 5000] {
        let mut stream = certificates.connect(port, None);
        assert_eq!(ask(&mut stream, "PING\r\n").expect("a reply"), "+PONG\r\n");
        let (session, socket) = (&mut stream.conn, &mut stream.sock);
        session.writer().write_all(&b"PING\r\n".repeat(requests)).expect("it takes a little");
        session.send_close_notify();
        let mut records = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut records).expect("a Vec takes all");
        }
        socket.write_all(&records).expect("the server reads");
        let mut replies = Vec::new();
        stream.read_to_end(&mut replies).expect("replies and the server's goodbye");
        assert!(replies == b"+PONG\r\n".repeat(requests), "{}", replies.len());
        // The socket itself stays open: only the goodbye tells.
        streams.push(stream);
    }
    until("they are gone", || server.info("connected_clients") == 1);
}

#[test]
fn a_key_may_need_its_passphrase() {
    let (folder, certificates, port) = (Folder::new(), Certificates::new(), free_port());
    certificates.write_server(&folder);
    folder.write("server.crt", include_str!("../data/passphrase.crt"));
    folder.write("server.key", include_str!("../data/passphrase.key"));
    let port_text = port.to_string();
    let args = ["--tls-port", &port_text, "--tls-cert-file", "server.crt", "--tls-key-file"];
    let args = [&args[..], &["server.key", "--tls-auth-clients", "no"]].concat();
    let (status, log) = run(&folder, &[&args[..], &["--port", "0"]].concat());
    assert!(!status.success() && log.contains("Failed to load private key"), "{log}");
    let wrong = [&args[..], &["--port", "0", "--tls-key-file-pass", "wrong"]].concat();
    let (status, log) = run(&folder, &wrong);
    assert!(!status.success() && log.contains("Failed to load private key"), "{log}");
    let right = [&args[..], &["--tls-key-file-pass", "secret"]].concat();
    let server = Server::start_in(folder, &right, |_| {});
    assert_eq!(server.ask("PING"), "PONG");
}
