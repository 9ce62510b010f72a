//! CONFIG SET of what reaches outside, and CONFIG REWRITE.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::running::{Folder, Server, free_port, until};

fn key_count(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"DBSIZE\r\n").ok()?;
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).ok()?;
    Some(String::from_utf8_lossy(&reply).trim().to_owned())
}

#[test]
fn the_port_moves_while_the_server_runs() {
    let (old, new) = (free_port(), free_port());
    let server = Server::start(&["--bind", "127.0.0.1", "--port", &old.to_string()]);
    assert_eq!(key_count(old).as_deref(), Some(":0"));
    assert_eq!(server.ask(&format!("CONFIG SET port {new}")), "OK");
    assert_eq!(key_count(new).as_deref(), Some(":0"));
    assert_eq!(key_count(old), None);
    assert!(server.ask("INFO server").contains(&format!("bind=127.0.0.1,port={new}\r\n")));
    assert_eq!(server.ask("CONFIG SET port 0"), "OK");
    assert_eq!(key_count(new), None);
    assert_eq!(server.ask("DBSIZE"), "0");
}

#[test]
fn a_port_that_is_taken_leaves_the_old_one() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken_port = taken.local_addr().expect("it is bound").port();
    let port = free_port();
    let server = Server::start(&["--bind", "127.0.0.1", "--port", &port.to_string()]);
    let reply = server.ask(&format!("CONFIG SET port {taken_port}"));
    assert!(reply.ends_with("- Unable to listen on this port. Check server logs."), "{reply}");
    assert_eq!(key_count(port).as_deref(), Some(":0"));
    assert_eq!(server.ask("CONFIG GET port"), format!("port {port}"));
}

#[test]
fn what_the_system_refuses_is_refused_in_redis_words() {
    let port = free_port().to_string();
    let args = ["--enable-protected-configs", "yes", "--bind", "127.0.0.1", "--port", &port];
    let server = Server::start(&args);
    for (name, value, reason) in [
        ("dir", "/nowhere", "No such file or directory"),
        ("locale-collate", "nowhere", "Invalid locale name"),
        // An address that no machine has.
        ("bind", "192.0.2.77", "Failed to bind to specified addresses."),
    ] {
        assert_eq!(
            server.ask(&format!("CONFIG SET {name} {value}")),
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
        );
    }
    assert_eq!(server.ask("CONFIG SET locale-collate C"), "OK");
    assert_eq!(server.ask("CONFIG GET bind"), "bind 127.0.0.1");
}

#[test]
fn the_file_is_rewritten_with_what_changed() {
    let folder = Folder::new();
    let file = folder.write("a.conf", "# mine\nhz 10\n");
    let server = Server::start_in(folder, &["a.conf"], |_| {});
    assert_eq!(server.ask("CONFIG SET hz 50 timeout 7"), "OK");
    assert_eq!(server.ask("CONFIG REWRITE"), "OK");
    let text = server.folder.read("a.conf");
    assert!(text.starts_with("# mine\nhz 50\n") && text.contains("\ntimeout 7\n"), "{text}");
    assert!(server.ask("INFO server").contains(&format!("config_file:{file}\r\n")));
    let left = std::fs::read_dir(server.folder.path("")).expect("a folder of ours");
    let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn a_server_without_a_file_cannot_rewrite_it() {
    let server = Server::start(&[]);
    let reply = server.ask("CONFIG REWRITE");
    assert_eq!(reply, "ERR The server is running without a config file");
}

#[test]
fn loglevel_decides_what_is_logged_from_now_on() {
    let server = Server::start(&["--enable-debug-command", "yes", "--loglevel", "verbose"]);
    assert_eq!(server.ask("CONFIG SET loglevel nothing"), "OK");
    assert_eq!(server.ask("DEBUG LOG unheard"), "OK");
    assert_eq!(server.ask("CONFIG SET loglevel notice log-format logfmt"), "OK");
    assert_eq!(server.ask("DEBUG LOG heard"), "OK");
    let line = server.wait_for_line("heard");
    assert!(line.contains("role=primary timestamp=\"") && !line.contains("unheard"), "{line}");
}

#[test]
fn a_log_that_was_moved_away_is_made_anew() {
    let folder = Folder::new();
    let port = free_port();
    let mut child = std::process::Command::new(crate::running::BINARY)
        .args(["--port", &port.to_string(), "--logfile", "log", "--enable-debug-command", "yes"])
        .current_dir(folder.path(""))
        .spawn()
        .expect("the binary was built");
    until("ready", || folder.read("log").contains("Ready to accept connections tcp"));
    std::fs::rename(folder.path("log"), folder.path("log.1")).expect("it is there");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(b"DEBUG LOG again\r\n").expect("a connection");
    until("the new log", || folder.read("log").contains("again"));
    assert!(!folder.read("log.1").contains("again"));
    child.kill().expect("it runs");
    child.wait().expect("a child of ours");
}

#[test]
fn a_relative_directory_is_told_back_absolute() {
    let server = Server::start(&["--enable-protected-configs", "yes"]);
    let sub = server.folder.path("sub");
    std::fs::create_dir(&sub).expect("a folder of ours");
    assert_eq!(server.ask("CONFIG SET dir sub"), "OK");
    assert_eq!(server.ask("CONFIG GET dir"), format!("dir {}", sub.display()));
}
