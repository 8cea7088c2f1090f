//! Damaged logs: a torn end is what a crash leaves and is mended; damage elsewhere is refused.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;

use quorate_core::ids::Zxid;
use quorate_core::wire::client::CreateMode;
use quorate_core::wire::files::{FileKind, HEADER_LEN, RECORD_HEADER_LEN, RecordHeader, record_len};

use crate::harness::{Ensemble, Setup, contents};

/// A server's logs, oldest first.
fn logs(ensemble: &Ensemble, id: u64) -> Vec<PathBuf> {
    let entries = fs::read_dir(ensemble.server(id).version_2()).expect("the directory is there");
    let mut logs: Vec<(Zxid, PathBuf)> = entries
        .map(|entry| entry.expect("it can be read"))
        .filter_map(|entry| {
            let (zxid, _) = FileKind::Log.parse_name(&entry.file_name().to_string_lossy())?;
            Some((zxid, entry.path()))
        })
        .collect();
    logs.sort();
    logs.into_iter().map(|(_, path)| path).collect()
}

/// Where the records of a log begin, and where the last one ends.
fn records(bytes: &[u8]) -> (Vec<usize>, usize) {
    let (mut starts, mut at) = (Vec::new(), HEADER_LEN);
    while let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<RECORD_HEADER_LEN>()) {
        let len = usize::try_from(RecordHeader::parse(head).len).expect("a sound log");
        if len == 0 {
            break;
        }
        starts.push(at);
        at += record_len(len);
    }
    (starts, at)
}

/// Three servers with some writes; one follower is stopped.
fn with_a_stopped_follower() -> (Ensemble, u64) {
    let mut ensemble = Setup::voters(3).start();
    let follower = ensemble.await_followers()[0];
    let mut client = ensemble.connect(follower);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    for number in 0..20 {
        client.create(&format!("/w/{number}"), b"some data", CreateMode::Persistent).unwrap();
    }
    ensemble.stop(follower);
    (ensemble, follower)
}

#[test]
fn a_torn_end_is_mended_with_the_others_help() {
    let (mut ensemble, follower) = with_a_stopped_follower();
    let newest = logs(&ensemble, follower).pop().expect("there is a log");
    for cut in [1, 7, 30] {
        let (starts, end) = records(&fs::read(&newest).unwrap());
        assert!(!starts.is_empty(), "the newest log is empty");
        let file = OpenOptions::new().write(true).open(&newest).unwrap();
        file.set_len((end - cut) as u64).unwrap();
        drop(file);
        ensemble.start_all();
        let leader = ensemble.await_leader();
        let expected = contents(&ensemble, leader, "/w");
        assert_eq!(expected.len(), 20);
        assert_eq!(contents(&ensemble, follower, "/w"), expected, "after losing {cut} bytes");
        ensemble.stop(follower);
        let again = logs(&ensemble, follower);
        if again.last() != Some(&newest) {
            // What was mended went on in a new file; the next cut would not be at the end.
            break;
        }
    }
    ensemble.start_all();
}

#[test]
fn damage_before_the_end_is_refused_with_file_and_place() {
    let (mut ensemble, follower) = with_a_stopped_follower();
    let oldest = logs(&ensemble, follower).swap_remove(0);
    let sound = fs::read(&oldest).unwrap();
    let (starts, _) = records(&sound);
    let damaged = starts[2];
    let mut bytes = sound.clone();
    bytes[damaged + RECORD_HEADER_LEN + 20] ^= 0x40;
    fs::write(&oldest, &bytes).unwrap();
    let exit = ensemble.start_refused(follower);
    assert_eq!(exit.code, Some(3), "{}", exit.log);
    let place = format!("{} is damaged at byte {damaged}", oldest.display());
    assert!(exit.log.contains(&place), "{place:?} is not in\n{}", exit.log);
    assert!(exit.log.contains("restore the file from a backup"), "{}", exit.log);
    assert_eq!(fs::read(&oldest).unwrap(), bytes, "a refused file is left as it is");
    // The others do not mind, and the file as it was is taken.
    let leader = ensemble.await_leader();
    ensemble.connect(leader).create("/w/more", b"", CreateMode::Persistent).unwrap();
    fs::write(&oldest, &sound).unwrap();
    ensemble.start_all();
    assert_eq!(contents(&ensemble, follower, "/w"), contents(&ensemble, leader, "/w"));
}

#[test]
fn a_file_that_is_no_log_is_refused() {
    let (mut ensemble, follower) = with_a_stopped_follower();
    let oldest = logs(&ensemble, follower).swap_remove(0);
    let mut bytes = fs::read(&oldest).unwrap();
    bytes[..4].copy_from_slice(b"ELF\x7f");
    fs::write(&oldest, &bytes).unwrap();
    let exit = ensemble.start_refused(follower);
    assert_eq!(exit.code, Some(3), "{}", exit.log);
    assert!(exit.log.contains(&format!("{} is damaged at byte 0", oldest.display())), "{}", exit.log);
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let mut ensemble = Setup::voters(1).start();
    let copy = fs::read_to_string(ensemble.server(1).data().parent().unwrap().join("zoo.cfg")).unwrap();
    assert!(copy.contains("dataDir="));
    // The same configuration with another port.
    let [port] = crate::harness::free_ports();
    let config = ensemble.server(1).data().join("second.cfg");
    let port_line = format!("clientPort={}\n", ensemble.server(1).client);
    fs::write(&config, copy.replace(&port_line, &format!("clientPort={port}\n"))).unwrap();
    let log = ensemble.server(1).data().join("second.log");
    let exit = crate::harness::Process::server(&config, &log, &[]).ended();
    assert_eq!(exit.code, Some(3), "{}", exit.log);
    assert!(exit.log.contains("another server uses this data directory"), "{}", exit.log);
    assert!(ensemble.is_alive(1));
}
