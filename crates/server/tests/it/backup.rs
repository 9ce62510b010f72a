//! BACKUP of the real binary: its files hold what was acknowledged before it was sealed, and no more.

use std::path::Path;

use rustix::process::Signal;

use crate::running::{Folder, Server, Session, run, until};

fn state(ann: &mut Session) -> String {
    let status = ann.ask("BACKUP STATUS");
    status.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

/// Starts one, and writes while it is open; the last number of what was written before it was sealed.
fn back_up(ann: &mut Session) -> u64 {
    until("it has loaded", || ann.ask("SET n 0") == "OK");
    for n in 1..=100 {
        assert_eq!(ann.ask("INCR n"), n.to_string());
    }
    assert_eq!(ann.ask("BACKUP START"), "OK");
    assert_eq!(ann.ask("BACKUP START"), "ERR A backup is already in progress");
    let mut n = 100;
    until("the snapshot is there", || {
        n += 1;
        assert_eq!(ann.ask("INCR n"), n.to_string());
        state(ann) == "incrementing"
    });
    assert_eq!(ann.ask("BACKUP LIST").split(' ').count(), 1);
    assert_eq!(ann.ask("BACKUP SEAL"), "OK");
    for _ in 0..10 {
        ann.ask("INCR n");
    }
    assert_eq!(state(ann), "sealed");
    n
}

/// The files of a backup, loaded by another server as its log.
fn loaded(data: &Folder, backup: &Path, name: &str) -> String {
    let dir = data.path(name);
    let log = dir.join("appendonlydir");
    std::fs::create_dir_all(&log).expect("there is room");
    for entry in std::fs::read_dir(backup).expect("it is a directory") {
        let path = entry.expect("an entry of it").path();
        let to = log.join(path.file_name().expect("a name"));
        std::fs::copy(&path, to).expect("there is room");
    }
    ask_for_n(&dir)
}

fn ask_for_n(dir: &Path) -> String {
    let shown = dir.display().to_string();
    let mut server = Server::start(&["--dir", &shown, "--appendonly", "yes", "--save", ""]);
    let mut ann = Session::connect(&dir.join("s"));
    until("it has loaded", || !ann.ask("GET n").contains("LOADING"));
    let found = ann.ask("GET n");
    server.signal(Signal::KILL);
    server.wait();
    found
}

#[test]
fn a_backup_holds_what_was_before_its_seal() {
    for appendonly in ["no", "yes"] {
        let data = Folder::new();
        let server = Server::start_in(data, &["--appendonly", appendonly, "--save", ""], |_| {});
        let mut ann = server.connect();
        let n = back_up(&mut ann);
        let data = &server.folder;
        let backup = data.path("backupdir");
        assert_eq!(loaded(data, &backup, "other"), n.to_string());
        // Its checksums are those of the files.
        until("the checksums are there", || backup.join("SHA256SUMS").exists());
        let listed = ann.ask("BACKUP LIST");
        assert_eq!(listed.split(' ').count(), 4, "{listed}");
        assert!(listed.split(' ').all(|path| Path::new(path).is_file()), "{listed}");
        let checked = std::process::Command::new("sha256sum")
            .args(["--check", "SHA256SUMS"])
            .current_dir(&backup)
            .output();
        if let Ok(checked) = checked {
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
        }
        // It is a source to restore from.
        let to = data.path("restored").display().to_string();
        let now_ms = base::clock::unix_ms().to_string();
        let from = backup.display().to_string();
        let (status, text) = run(data, &["--restore-at", &now_ms, &from, &to]);
        assert!(status.success(), "{text}");
        assert_eq!(ask_for_n(Path::new(&to)), n.to_string());
        if appendonly == "yes" {
            // The log itself has what came after the seal.
            let (to, from) = (data.path("later"), data.path("").display().to_string());
            let shown = to.display().to_string();
            let offset = std::fs::metadata(data.path("appendonlydir/appendonly.aof.1.incr.aof"));
            let when = format!("appendonly.aof.1.incr.aof:{}", offset.expect("it is there").len());
            let (status, text) = run(data, &["--restore-at", &when, &from, &shown]);
            assert!(status.success(), "{text}");
            assert_eq!(ask_for_n(&to), (n + 10).to_string());
        }
        let refused = ann.ask("BACKUP START");
        assert!(refused.starts_with("ERR A sealed backup is there"), "{refused}");
        assert_eq!(ann.ask("BACKUP CLEANUP"), "OK");
        assert_eq!(std::fs::read_dir(&backup).expect("it stays").count(), 0);
        assert_eq!(state(&mut ann), "idle");
        assert_eq!(ann.ask("BACKUP START"), "OK");
        assert_eq!(ann.ask("BACKUP ABORT"), "OK");
        assert_eq!(state(&mut ann), "failed");
        std::fs::write(backup.join("mine"), "text").expect("there is room");
        let refused = ann.ask("BACKUP START");
        assert!(refused.contains("is not empty"), "{refused}");
        assert_eq!(ann.ask("CONFIG GET appendonly"), format!("appendonly {appendonly}"));
        assert_eq!(server.info("aof_enabled"), u64::from(appendonly == "yes"));
    }
}
