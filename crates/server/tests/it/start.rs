//! How a server starts, and why it does not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use crate::running::{BINARY, Folder, Server, Session, free_port, run, until};

/// Runs to the end, expects code 1 and all of `texts`.
fn fails(args: &[&str], texts: &[&str]) {
    let (status, output) = run(&Folder::new(), args);
    assert_eq!(status.code(), Some(1), "{args:?}: {output}");
    for text in texts {
        assert!(output.contains(text), "{args:?}: no '{text}' in: {output}");
    }
}

#[test]
fn version_is_answered_in_redis_form() {
    for arg in ["-v", "--version"] {
        let (status, output) = run(&Folder::new(), &[arg]);
        assert!(status.success());
        assert!(output.starts_with("Redis server v=8."), "{output}");
        assert!(output.contains(" malloc=jemalloc-"), "{output}");
    }
}

#[test]
fn help_and_the_memory_test_are_answered() {
    assert!(run(&Folder::new(), &["--help"]).1.starts_with("Usage: "));
    assert!(run(&Folder::new(), &["--test-memory", "1"]).0.success());
    fails(&["--test-memory"], &["Please specify the amount of memory to test"]);
}

#[test]
fn a_wrong_line_is_named_with_its_number_and_text() {
    let folder = Folder::new();
    let file = folder.write("a.conf", "hz 10\nport many\n");
    fails(&[&file], &["*** FATAL CONFIG FILE ERROR", "at line 2", ">>> 'port many'"]);
    fails(&["--no-such-option", "1"], &["Bad directive or wrong number of arguments"]);
}

#[test]
fn a_command_that_does_not_exist_cannot_be_renamed() {
    let folder = Folder::new();
    let file = folder.write("a.conf", "hz 10\nrename-command nope \"\"\n");
    fails(&[&file], &["at line 2", "No such command in rename-command"]);
}

#[test]
fn a_missing_file_is_named() {
    fails(&["/nowhere/a.conf"], &["can't open config file '/nowhere/a.conf'", "No such file"]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let warning = format!(
        "Warning: Could not create server TCP listening socket 127.0.0.1:{port}: bind: Address \
         already in use"
    );
    let last = format!("Failed listening on port {port} (tcp), aborting.");
    fails(&["--bind", "127.0.0.1", "--port", &port], &[&warning, &last]);
}

#[test]
fn a_server_that_may_listen_nowhere_says_so() {
    fails(&["--port", "0"], &["Configured to not listen anywhere, exiting."]);
}

#[test]
fn a_missing_folder_or_an_unwritable_log_is_named() {
    fails(&["--dir", "/nowhere"], &["Can't chdir to '/nowhere': No such file or directory"]);
    fails(
        &["--logfile", "/nowhere/log"],
        &["Can't open the log file '/nowhere/log': No such file or directory"],
    );
}

#[test]
fn more_configuration_is_read_from_the_standard_input() {
    let folder = Folder::new();
    std::fs::write(folder.path("in"), "maxclients 17\n").expect("a folder of ours");
    let input = std::fs::File::open(folder.path("in")).expect("it was just written");
    let server = Server::start_in(folder, &["-"], |command| {
        command.stdin(input);
    });
    assert_eq!(server.ask("CONFIG GET maxclients"), "maxclients 17");
}

#[test]
fn the_logo_names_the_process_as_redis_does() {
    let folder = Folder::new();
    let mut child = Command::new(BINARY)
        .args(["--port", "0", "--unixsocket", "s", "--always-show-logo", "yes"])
        .current_dir(folder.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let needle = format!(" PID: {}\n", child.id());
    let (mut output, mut buffer) = (String::new(), [0; 4096]);
    let mut stdout = child.stdout.take().expect("it is piped");
    while !output.contains(&needle) {
        let n = stdout.read(&mut buffer).expect("a pipe");
        assert!(n > 0, "no '{needle}' in {output}");
        output.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
    child.kill().expect("it runs");
    child.wait().expect("a child of ours");
}

#[test]
fn a_line_of_the_log_has_redis_form() {
    let server = Server::start(&["--loglevel", "notice"]);
    server.signal(rustix::process::Signal::TERM);
    let line = server.wait_for_line("User requested shutdown...");
    let words: Vec<&str> = line.split(' ').collect();
    // 31337:M 23 Nov 2026 03:15:48.221 # User requested shutdown...
    assert_eq!(words[0], format!("{}:M", server.pid()));
    assert_eq!(words[1..4].iter().map(|word| word.len()).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(words[4].len(), "03:15:48.221".len());
    assert_eq!(words[5..].join(" "), "* User requested shutdown...");
}

#[test]
fn the_title_shows_the_address_and_follows_the_template() {
    let server = Server::start(&["--enable-protected-configs", "yes"]);
    let title = || {
        let bytes = std::fs::read(format!("/proc/{}/cmdline", server.pid())).expect("it runs");
        String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
    };
    assert_eq!(title(), format!("{BINARY} s"));
    server.ask("CONFIG SET proc-title-template \"TEST {port} {unixsocket} {{x}\"");
    assert_eq!(title(), "TEST 0 s {x}");
}

#[test]
fn a_daemon_leaves_its_parent_and_its_pid_in_a_file() {
    let folder = Folder::new();
    let args = ["--daemonize", "yes", "--pidfile", "pid", "--logfile", "log"];
    let (status, output) =
        run(&folder, &[&["--port", "0", "--unixsocket", "s"], &args[..]].concat());
    assert!(status.success(), "{output}");
    until("ready", || folder.read("log").contains("Ready to accept connections unix"));
    let pid = folder.read("pid").trim().to_owned();
    let mut session = Session::connect(&folder.path("s"));
    assert_eq!(session.ask("DBSIZE"), "0");
    assert!(session.ask("INFO server").contains(&format!("process_id:{pid}\r\n")));
    session.ask("CONFIG SET shutdown-on-sigterm nosave");
    let pid = rustix::process::Pid::from_raw(pid.parse().expect("a number")).expect("not 0");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    until("gone", || !folder.path("pid").exists() && !folder.path("s").exists());
}

#[test]
fn the_unix_socket_has_the_permissions_that_were_asked_for() {
    let server = Server::start(&["--unixsocketperm", "700"]);
    let metadata = std::fs::metadata(server.folder.path("s")).expect("it listens");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_client_too_many_is_told_so() {
    let server = Server::start(&["--maxclients", "1"]);
    let mut first = server.connect();
    assert_eq!(first.ask("DBSIZE"), "0");
    assert_eq!(server.connect().reply(), "ERR max number of clients reached");
}

#[test]
fn protected_mode_refuses_other_machines() {
    // The address by which this machine reaches others; no packet is sent.
    let probe = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let Some(address) = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr()).ok() else {
        return;
    };
    let port = free_port().to_string();
    let server = Server::start(&["--port", &port, "--bind", "*", "--protected-mode", "yes"]);
    let mut stream =
        TcpStream::connect(format!("{}:{port}", address.ip())).expect("the server listens");
    // The server may have closed the connection already.
    let _ = stream.write_all(b"PING\r\n");
    let mut reply = [0; 7];
    stream.read_exact(&mut reply).expect("the refusal");
    assert_eq!(&reply, b"-DENIED");
    drop(server);
}

#[test]
fn systemd_is_told_that_the_server_is_ready() {
    let folder = Folder::new();
    let socket = UnixDatagram::bind(folder.path("notify")).expect("a folder of ours");
    let path = folder.path("notify");
    let mut server = Server::start_in(folder, &["--supervised", "auto"], |command| {
        command.env("NOTIFY_SOCKET", path);
    });
    let receive = || {
        let mut buffer = [0; 256];
        let n = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    };
    assert_eq!(receive(), "STATUS=Ready to accept connections\n");
    assert_eq!(receive(), "READY=1\n");
    assert!(server.ask("INFO server").contains("process_supervised:systemd"));
    server.signal(rustix::process::Signal::TERM);
    assert!(server.wait().success());
    assert_eq!(receive(), "STOPPING=1\n");
}
