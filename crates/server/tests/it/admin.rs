//! The admin port: metrics, liveness, readiness, and whoever sends it something else.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::running::{Server, free_port, until};

struct Admin {
    server: Server,
    port: u16,
}

impl Admin {
    fn start(workers: &str) -> Admin {
        let port = free_port();
        let server = Server::start(&["--io-threads", workers, "--admin-port", &port.to_string()]);
        Admin { server, port }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("the admin port listens")
    }

    /// Everything that comes back.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // It may be answered, and closed, before all of it is read.
        let _ = stream.write_all(bytes);
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        String::from_utf8(text).expect("answers are text")
    }

    fn get(&self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes())
    }
}

#[test]
fn metrics_have_the_names_that_dashboards_ask_for() {
    for workers in ["1", "3"] {
        let admin = Admin::start(workers);
        let mut session = admin.server.connect();
        for line in ["SET a 1 EX 100", "GET a", "GET b", "INCR", "SELECT 9", "SET c 1"] {
            session.ask(line);
        }
        let page = admin.get("/metrics");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        for line in [
            "redis_up 1",
            "redis_connected_clients 1",
            "redis_keyspace_hits_total 1",
            "redis_keyspace_misses_total 1",
            "redis_db_keys{db=\"db0\"} 1",
            "redis_db_keys_expiring{db=\"db0\"} 1",
            "redis_db_keys{db=\"db9\"} 1",
            "redis_commands_total{cmd=\"set\"} 2",
            "redis_commands_rejected_calls_total{cmd=\"incr\"} 1",
            "redis_errors_total{err=\"ERR\"} 1",
            "redis_config_maxclients 10000",
            "# TYPE redis_memory_used_bytes gauge",
            "# TYPE redis_commands_processed_total counter",
            "redis_latency_percentiles_usec_count{cmd=\"get\"} 2",
            "ochre_worker_clients{worker=\"0\"} 1",
        ] {
            assert!(page.contains(&format!("\n{line}\n")), "{line} in {page}");
        }
        let body = page.split("\r\n\r\n").nth(1).expect("a body");
        let length = format!("Content-Length: {}\r\n", body.len());
        assert!(page.contains(&length), "{page}");
        let types: Vec<_> = body.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let unique: std::collections::HashSet<_> = types.iter().collect();
        assert_eq!(types.len(), unique.len(), "each metric has one type");
    }
}

#[test]
fn probes_are_answered_while_clients_are_paused_and_behind_a_password() {
    let admin = Admin::start("2");
    let mut session = admin.server.connect();
    assert_eq!(session.ask("CONFIG SET requirepass secret"), "OK");
    assert_eq!(session.ask("CLIENT PAUSE 100000 ALL"), "OK");
    for path in ["/livez", "/readyz", "/readyz?verbose"] {
        let answer = admin.get(path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    }
    assert!(admin.get("/metrics").contains("\nredis_up 1\n"));
    let head = admin.send(b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n") && !head.contains("redis_up"), "{head}");
}

#[test]
fn what_is_no_request_for_it_is_refused() {
    let admin = Admin::start("1");
    for (bytes, status) in [
        (&b"GET /nothing HTTP/1.1\r\n\r\n"[..], "404"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405"),
        (b"*1\r\n$4\r\nPING\r\n\r\n", "400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\n\n", "400"),
        (&[b'x'; 20_000], "431"),
    ] {
        let answer = admin.send(bytes);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert!(admin.get("/livez").starts_with("HTTP/1.1 200"));
}

#[test]
fn who_says_nothing_takes_no_more_than_a_few_places_and_disturbs_no_client() {
    let admin = Admin::start("1");
    let stalled: Vec<TcpStream> = (0..8).map(|_| admin.connect()).collect();
    until("all places are taken", || admin.get("/livez").starts_with("HTTP/1.1 503"));
    assert_eq!(admin.server.ask("PING"), "PONG");
    drop(stalled);
    until("they are free again", || admin.get("/livez").starts_with("HTTP/1.1 200"));
}

#[test]
fn there_is_no_admin_port_unless_it_is_asked_for() {
    let server = Server::start(&[]);
    assert_eq!(server.ask("CONFIG GET admin-port"), "admin-port 0");
    assert!(server.ask("CONFIG SET admin-port 1").contains("immutable"));
}
