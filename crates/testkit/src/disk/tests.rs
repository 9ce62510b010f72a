//! What the disk does to files and names.

use std::path::Path;

use base::disk::{Disk, Found, Open};

use super::*;

fn write(disk: &SimDisk, path: &str, bytes: &[u8], syncs: bool) {
    let mut file = disk.open(Path::new(path), Open::Append).expect("it opens");
    file.write_all(bytes).expect("it is written");
    if syncs {
        file.sync().expect("it is forced out");
    }
}

#[test]
fn what_was_synced_survives_with_its_name_only_if_that_was_synced_too() {
    let disk = SimDisk::new();
    write(&disk, "kept", b"bytes", true);
    disk.sync_dir(Path::new(".")).expect("it works");
    write(&disk, "named", b"bytes", true);
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let after = disk.after_power_cut(seed);
        assert_eq!(after.read(Path::new("kept")).expect("it survives"), b"bytes");
        outcomes.insert(after.find(Path::new("named")).expect("it can be asked") == Found::Nothing);
    }
    assert_eq!(outcomes.len(), 2, "sometimes the name is lost");
}

#[test]
fn what_was_not_synced_is_torn() {
    let disk = SimDisk::new();
    write(&disk, "a", b"old", true);
    disk.sync_dir(Path::new(".")).expect("it works");
    write(&disk, "a", &[b'x'; 2000], false);
    let read = |seed| disk.after_power_cut(seed).read(Path::new("a")).expect("it is there");
    let outcomes: std::collections::BTreeSet<Vec<u8>> = (0..100).map(read).collect();
    assert!(outcomes.iter().all(|bytes| bytes.starts_with(b"old")));
    assert!(outcomes.contains(&b"old"[..]), "all of it may be lost");
    assert!(outcomes.iter().any(|bytes| bytes.contains(&0)), "zeros may be in its place");
    assert!(outcomes.iter().any(|bytes| bytes.len() == 2003 && !bytes.contains(&0)));
}

#[test]
fn a_failed_sync_is_never_made_good() {
    let disk = SimDisk::new();
    write(&disk, "a", b"", true);
    disk.sync_dir(Path::new(".")).expect("it works");
    let mut file = disk.open(Path::new("a"), Open::Append).expect("it opens");
    file.write_all(b"lost").expect("it is written");
    disk.fail_syncs(Some(EIO));
    assert_eq!(file.sync().expect_err("it fails").raw_os_error(), Some(EIO));
    disk.fail_syncs(None);
    file.sync().expect("it says so");
    let read = |seed| disk.after_power_cut(seed).read(Path::new("a")).expect("it is there");
    assert!((0..50).any(|seed| read(seed).is_empty()), "(1)");
}

#[test]
fn a_full_disk_takes_a_part() {
    let disk = SimDisk::new();
    let mut file = disk.open(Path::new("a"), Open::Create).expect("it opens");
    disk.set_room(3);
    assert_eq!(file.write(b"12345").expect("some fits"), 3);
    assert_eq!(file.write(b"45").expect_err("it is full").raw_os_error(), Some(ENOSPC));
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_whenever_the_power_is_cut() {
    let mut seen = std::collections::BTreeSet::new();
    for call in 1..30 {
        let disk = SimDisk::new();
        let (path, temp) = (Path::new("m"), Path::new("temp-m"));
        disk.replace(path, temp, b"old").expect("the power is on");
        disk.cut_power_at(disk.calls() + call);
        let replaced = disk.replace(path, temp, b"new").is_ok();
        for seed in 0..20 {
            let found = disk.after_power_cut(seed).read(path).expect("one of them is there");
            assert!(found == b"old" || found == b"new", "call {call}, seed {seed}: {found:?}");
            assert!(!replaced || found == b"new", "call {call}, seed {seed}");
            seen.insert(found);
        }
    }
    assert_eq!(seen.len(), 2);
}
