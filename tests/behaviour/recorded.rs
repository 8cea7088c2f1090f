//! What servers did is written down while they do it, and can be run again: under load, kills,
//! restarts, and every way of catching up. `QUORATE_REPLAY_STEPS` says how many steps it must be.

use std::fs;

use quorate_core::recording::{Frames, MAGIC};
use quorate_core::wire::client::CreateMode;
use quorate_spec::replay::{ReplayError, replay};

use crate::harness::{Ensemble, Setup, Writer, lost, number, quorate, until};

/// Steps unless the environment says otherwise.
const STEPS: u64 = 50_000;
/// More bytes than a step of this load takes in a recording (some 110).
const STEP: u64 = 150;
/// The number of transactions that a leader remembers, once they are in a snapshot.
const REMEMBERED: u32 = 200;

/// Reads and writes with every server as fast as they are answered, for this time.
fn load(ensemble: &Ensemble, seconds: u64) {
    let cluster = ensemble.cluster(&ensemble.ids());
    let words = format!(
        "bench load --servers {cluster} --connections 12 --keys 500 --value-size 100 --read-ratio 70 --warmup 200ms \
         --duration {seconds}s"
    );
    let done = quorate().args(words.split_whitespace()).output().expect("the program can be started");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// How many bytes have been recorded.
fn recorded(ensemble: &Ensemble) -> u64 {
    let files = fs::read_dir(ensemble.recordings()).expect("they are there");
    files.map(|file| file.and_then(|file| file.metadata()).expect("it is there").len()).sum()
}

/// Make `count` znodes below `path` with the leader.
fn write(ensemble: &Ensemble, path: &str, count: u32) {
    let mut client = ensemble.connect_for(ensemble.await_leader(), 60_000);
    client.create(path, b"", CreateMode::Persistent).unwrap();
    for number in 0..count {
        client.create(&format!("{path}/{number}"), b"data", CreateMode::Persistent).unwrap();
    }
}

/// A server misses `count` transactions.
fn away(ensemble: &mut Ensemble, id: u64, path: &str, count: u32) {
    ensemble.kill(id);
    write(ensemble, path, count);
    ensemble.start_all();
}

/// A leader that cannot reach any other server logs what no other server has.
fn deposed(ensemble: &Ensemble) -> (u64, u64) {
    let old = ensemble.await_leader();
    let mut client = ensemble.connect_for(old, 60_000);
    ensemble.network().isolate(old);
    assert!(lost(&client.create("/never", b"", CreateMode::Persistent)));
    let others: Vec<u64> = ensemble.voters().into_iter().filter(|id| *id != old).collect();
    let new = until("another leads", || {
        others.iter().copied().find(|id| ensemble.server(*id).mode().as_deref() == Some("leader"))
    });
    ensemble.connect_for(new, 60_000).create("/instead", b"", CreateMode::Persistent).unwrap();
    ensemble.network().heal();
    (old, new)
}

#[test]
fn what_servers_did_can_be_run_again() {
    let wanted = number("QUORATE_REPLAY_STEPS").unwrap_or(STEPS);
    let setup = Setup::voters(3).observers(1).wired().recorded().line("maxSessionTimeout=60000");
    let mut ensemble = setup.line("snapCount=500").line(&format!("commitLogCount={REMEMBERED}")).start();
    while recorded(&ensemble) < wanted * STEP {
        load(&ensemble, 1);
    }
    write(&ensemble, "/w", 0);
    let ports: Vec<u16> = ensemble.ids().iter().map(|id| ensemble.server(*id).client).collect();
    let writers = [0, 1].map(|n| Writer::start(ports.clone(), "/w", &format!("{n}-")));
    let follower = ensemble.await_followers()[0];
    away(&mut ensemble, follower, "/few", 20);
    let observer = 4;
    away(&mut ensemble, observer, "/many", REMEMBERED + 1000);
    let leader = ensemble.await_leader();
    ensemble.kill(leader);
    ensemble.start_all();
    let follower = ensemble.await_followers()[0];
    ensemble.stop(follower);
    ensemble.start_all();
    for writer in writers {
        writer.stop();
    }
    let (old, new) = deposed(&ensemble);
    ensemble.await_log(new, &format!("synchronising server {old} by TRUNC"));
    ensemble.kill_all();
    ensemble.start_all();
    let logs: String = ensemble.ids().iter().map(|id| ensemble.server(*id).log()).collect();
    for how in ["DIFF", "TRUNC", "SNAP"] {
        assert!(logs.contains(&format!("by {how}")), "no learner was synchronised by {how}");
    }
    let replayed = ensemble.replay();
    assert!(replayed.steps >= wanted, "{} steps, {wanted} are wanted", replayed.steps);
    assert_eq!((replayed.servers, replayed.unpaired), (4, 0), "{replayed:?}");
    assert!(replayed.starts >= 12 && replayed.delivered > 1000, "{replayed:?}");
}

#[test]
fn damaged_and_foreign_recordings_are_refused_by_file_and_offset() {
    let mut ensemble = Setup::voters(1).recorded().start();
    write(&ensemble, "/w", 50);
    let whole = ensemble.replay();
    let recordings = quorate_spec::replay::load(&[ensemble.recordings()]).unwrap();
    let path = recordings[0].path.clone();
    let bytes = fs::read(&path).unwrap();
    let judge = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        replay(std::slice::from_ref(&path), &mut |_| {})
    };
    let mut frames = Frames::new(&bytes).unwrap();
    while frames.offset() < bytes.len() / 2 {
        assert!(frames.next().unwrap().is_some());
    }
    // The part that a killed process leaves, up to within a record, is a recording.
    let part = judge(&bytes[..frames.offset() + 5]).unwrap();
    assert!(part.torn == 1 && part.steps > 0 && part.steps < whole.steps, "{part:?}");
    let with_flip = |at: usize| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        damaged
    };
    // A frame begins with its length, which ends with its highest byte, and its checksum.
    let (length, content) = (with_flip(frames.offset() + 3), with_flip(frames.offset() + 8));
    for (bytes, what) in [
        (&MAGIC[..], "offset 8: the file ends before its header"),
        (&bytes[..100], "offset 8: the file ends within a record"),
        (b"snapshot", "offset 0: this is no recording"),
        (b"", "offset 0: this is no recording"),
        (b"QREC\0\0\0\x07 and more", "offset 0: a recording in format 7"),
        (&content, "the checksum of a record does not match"),
        (&length, "the length of a record is wrong"),
    ] {
        let error = judge(bytes).unwrap_err();
        assert!(matches!(&error, ReplayError::Unreadable { path: p, .. } if *p == path), "{error}");
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(&path.display().to_string()), "{text}");
    }
}
