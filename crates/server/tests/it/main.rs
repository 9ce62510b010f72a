//! The real binary, as its users and their tools meet it: arguments, files, signals, sockets.
//!
//! Nothing here sleeps: tests wait for a line of the log, for the end of a process, or poll a
//! condition until it holds.

mod admin;
mod backup;
mod busy;
mod client_limits;
mod crash;
mod data;
mod durable;
mod follow;
mod hostile;
mod insight;
mod live_config;
mod protocol;
mod restore;
mod running;
mod start;
mod stop;
mod tls;
mod waiting;
mod workers;

#[test]
fn every_file_of_this_folder_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let this = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).expect("the folder of this file") {
        let path = entry.expect("an entry of it").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(name == "main" || this.contains(&format!("mod {name};")), "{name} is forgotten");
    }
}
