//! `quorate log`, `snapshot` and `data` on files that ZooKeeper wrote, whole and damaged.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LOG: &[u8] = include_bytes!("../../tests/golden/log.1.bin");
const SNAPSHOT_0: &[u8] = include_bytes!("../../tests/golden/snapshot.0.bin");
const SNAPSHOT_31: &[u8] = include_bytes!("../../tests/golden/snapshot.31.bin");
const SNAPSHOT_MASTER: &[u8] = include_bytes!("../../tests/golden/snapshot.master.bin");

/// What a command printed and its exit code.
struct Told {
    code: i32,
    out: String,
    err: String,
}

fn quorate(words: &[&str], path: &Path) -> Told {
    let output = Command::new(env!("CARGO_BIN_EXE_quorate")).args(words).arg(path).output().unwrap();
    Told {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command that is to change nothing in `dir`.
fn looking(words: &[&str], path: &Path, dir: &Path) -> Told {
    let before = contents(dir);
    let told = quorate(words, path);
    assert!(before == contents(dir), "{words:?} has changed {}", dir.display());
    told
}

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), Vec::new());
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// A dataDir with these files in version-2.
fn data_dir(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let version = dir.path().join("version-2");
    fs::create_dir(&version).unwrap();
    for (name, bytes) in files {
        fs::write(version.join(name), bytes).unwrap();
    }
    dir
}

fn check(dir: &tempfile::TempDir) -> Told {
    looking(&["data", "check"], dir.path(), dir.path())
}

/// Where each record of ZooKeeper's log begins, and its zxid; last where they end.
fn records() -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    let mut at = 16;
    loop {
        let len = i32::from_be_bytes(*LOG[at + 8..].first_chunk().unwrap()) as usize;
        if len == 0 {
            found.push((at, 0));
            return found;
        }
        found.push((at, u64::from_be_bytes(*LOG[at + 24..].first_chunk().unwrap())));
        at += 12 + len + 1;
    }
}

/// The log up to record `n`.
fn first(n: usize) -> Vec<u8> {
    LOG[..records()[n].0].to_vec()
}

/// The log cut into files at these records.
fn cut(at: &[usize]) -> Vec<(String, Vec<u8>)> {
    let records = records();
    let ends = at.iter().skip(1).copied().chain([records.len() - 1]);
    at.iter()
        .zip(ends)
        .map(|(from, to)| {
            let bytes = [&LOG[..16], &LOG[records[*from].0..records[to].0]].concat();
            (format!("log.{:x}", records[*from].1), bytes)
        })
        .collect()
}

#[test]
fn a_log_of_zookeepers_is_dumped() {
    let dir = data_dir(&[("log.1", LOG)]);
    let file = dir.path().join("version-2/log.1");
    let told = looking(&["log", "dump", "--data"], &file, dir.path());
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let lines: Vec<&str> = told.out.lines().collect();
    assert_eq!(lines.len(), records().len());
    assert!(lines[0].starts_with("zxid=0x1 time=2"), "{}", lines[0]);
    assert!(lines[0].contains(" type=createSession timeoutMs="), "{}", lines[0]);
    for kind in [
        "createSession",
        "closeSession",
        "create",
        "create2",
        "createContainer",
        "createTTL",
        "setACL",
        "error",
        "multi",
        "setData",
        "delete",
    ] {
        let kind = if kind == "createTTL" {
            "createTtl"
        } else if kind == "setACL" {
            "setAcl"
        } else {
            kind
        };
        assert!(told.out.contains(&format!(" type={kind} ")), "{kind}:\n{}", told.out);
    }
    assert!(told.out.contains(r#"acl=["world:anyone:cdrwa"]"#), "{}", told.out);
    assert!(lines.last().unwrap().contains("in order"), "{}", told.out);
    // The same as JSON, every line of it.
    let json = looking(&["log", "dump", "--data", "--json"], &file, dir.path());
    let values: Vec<serde_json::Value> =
        json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(values.len(), lines.len());
    for ((value, line), (offset, zxid)) in values.iter().zip(&lines).zip(&records()[..lines.len() - 1]) {
        assert_eq!(value["zxid"], format!("{zxid:#x}"));
        assert_eq!(value["offset"], *offset);
        assert!(line.contains(&format!("type={}", value["type"].as_str().unwrap())));
    }
    let last = values.last().unwrap();
    assert_eq!(
        (last["transactions"].as_u64().unwrap(), &last["damage"]),
        (lines.len() as u64 - 1, &serde_json::json!([]))
    );
}

#[test]
fn a_pipe_that_is_closed_is_no_error() {
    let dir = data_dir(&[("snapshot.31", SNAPSHOT_31)]);
    // More than fits into a pipe.
    let (mut log, mut zxid) = (LOG[..16].to_vec(), 1u64);
    while log.len() < 1 << 20 {
        let mut txn = vec![0; 32 + 4];
        txn[12..20].copy_from_slice(&zxid.to_be_bytes());
        txn[28..32].copy_from_slice(&(-1i32).to_be_bytes());
        let (mut a, mut b) = (1u32, 0u32);
        for byte in &txn {
            a = (a + u32::from(*byte)) % 65521;
            b = (b + a) % 65521;
        }
        log.extend_from_slice(&u64::from(b << 16 | a).to_be_bytes());
        log.extend_from_slice(&(txn.len() as i32).to_be_bytes());
        log.extend_from_slice(&txn);
        log.push(b'B');
        zxid += 1;
    }
    fs::write(dir.path().join("version-2/log.1"), log).unwrap();
    for words in [["log", "dump", "version-2/log.1"], ["snapshot", "dump", "version-2/snapshot.31"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(words)
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
    }
}

#[test]
fn a_torn_tail_is_no_damage_and_a_hole_is() {
    let records = records();
    let whole = first(10);
    let torn = &LOG[..records[10].0 - 5];
    let mut flipped = LOG.to_vec();
    flipped[records[4].0 + 20] ^= 0x10;
    let mut other = LOG.to_vec();
    other[0] = b'X';
    let dir = data_dir(&[
        ("log.1", &whole),
        ("log.2", torn),
        ("log.3", &flipped),
        ("log.4", &other),
        ("log.5", b""),
    ]);
    let verify =
        |name: &str| looking(&["log", "verify"], &dir.path().join("version-2").join(name), dir.path());
    assert_eq!(verify("log.1").code, 0);
    // Only as a torn tail: its name is not that of its first transaction, which is damage.
    fs::rename(dir.path().join("version-2/log.2"), dir.path().join("torn")).unwrap();
    let told = quorate(&["log", "verify"], &dir.path().join("torn"));
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.out.contains("in order: 9 transactions"), "{}", told.out);
    assert!(
        told.out.contains(&format!("byte {}: the file ends within a record", records[9].0)),
        "{}",
        told.out
    );
    let told = verify("log.3");
    assert_eq!(told.code, 3);
    let expected = format!("an intact transaction follows at byte {}", records[5].0);
    assert!(told.out.contains(&format!("  byte {}: checksum ", records[4].0)), "{}", told.out);
    assert!(told.out.contains(&expected), "{}", told.out);
    let told = verify("log.4");
    assert!(told.code == 3 && told.out.contains("does not begin with ZKLG"), "{}", told.out);
    assert_eq!(verify("log.5").code, 0);
    let told = verify("log.none");
    assert!(told.code != 0 && told.err.contains("log.none"), "{}", told.err);
}

#[test]
fn snapshots_of_zookeepers_are_dumped_and_verified() {
    let dir =
        data_dir(&[("snapshot.31", SNAPSHOT_31), ("master", SNAPSHOT_MASTER), ("snapshot.0", SNAPSHOT_0)]);
    let file = |name: &str| dir.path().join("version-2").join(name);
    for name in ["snapshot.31", "master", "snapshot.0"] {
        let told = looking(&["snapshot", "verify"], &file(name), dir.path());
        // ZooKeeper's first snapshot has no digest of its znodes.
        assert_eq!((told.code, told.out.contains("digest right")), (0, name != "snapshot.0"), "{}", told.out);
    }
    let told = looking(&["snapshot", "dump", "--data"], &file("snapshot.31"), dir.path());
    assert_eq!(told.code, 0);
    for text in
        ["session=0x", "aclIndex=1 acl=[", "path=/ ", "path=/zookeeper/quota ", "path=\"/u\u{e9}\u{4e2d}\" "]
    {
        assert!(told.out.contains(text), "{text}:\n{}", told.out);
    }
    for at in [3, 40, SNAPSHOT_31.len() / 2] {
        let mut bytes = SNAPSHOT_31.to_vec();
        bytes[at] ^= 1;
        fs::write(file("snapshot.31"), bytes).unwrap();
        let told = looking(&["snapshot", "verify"], &file("snapshot.31"), dir.path());
        assert!(told.code == 3 && told.out.contains("CANNOT BE USED"), "byte {at}: {}", told.out);
    }
    fs::write(file("snapshot.31"), &SNAPSHOT_31[..SNAPSHOT_31.len() / 2]).unwrap();
    let told = looking(&["snapshot", "verify", "--json"], &file("snapshot.31"), dir.path());
    let value: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert!(value["damage"].as_str().unwrap().contains("ends within the tree, at byte"), "{value}");
}

#[test]
fn a_directory_of_zookeepers_is_in_order() {
    let dir = data_dir(&[("snapshot.0", SNAPSHOT_0), ("log.1", LOG), ("snapshot.31", SNAPSHOT_31)]);
    let told = check(&dir);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("a start recovers: snapshot 0x31 and "), "{}", told.out);
    assert!(told.out.ends_with("in order\n"), "{}", told.out);
    // Without the newer snapshot, the log leads to the same tree.
    let last =
        |out: &str| out.lines().filter(|line| line.contains("digest 0x")).map(str::to_owned).next_back();
    fs::remove_file(dir.path().join("version-2/snapshot.31")).unwrap();
    let replayed = check(&dir);
    assert_eq!(last(&replayed.out), last(&told.out));
    // Named by its zoo.cfg, though myid is lost.
    let zoo_cfg = dir.path().join("zoo.cfg");
    let text = format!(
        "dataDir={}\nserver.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\ninitLimit=5\nsyncLimit=2\n",
        dir.path().display()
    );
    fs::write(&zoo_cfg, text).unwrap();
    let told = looking(&["data", "check", "--json"], &zoo_cfg, dir.path());
    let value: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((told.code, &value["recovered"]["snapshot"]), (0, &serde_json::json!("0x0")));
}

#[test]
fn what_a_stop_leaves_is_in_order() {
    let torn = &LOG[..records()[10].0 - 5];
    let dir = data_dir(&[
        ("snapshot.0", SNAPSHOT_0),
        ("log.1", torn),
        ("tmp.snapshot.a", b"half"),
        ("truncate.5", b""),
        ("log.6.bak", b"somebody's"),
    ]);
    let told = check(&dir);
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.out.contains("snapshot 0x0 and 5 transactions after it, up to 0x5"), "{}", told.out);
    assert!(
        told.out.contains("truncate.5: a truncation of the log; the next start finishes it"),
        "{}",
        told.out
    );
    assert!(told.out.contains("log.6.bak is not looked at by a server"), "{}", told.out);
    fs::remove_file(dir.path().join("version-2/truncate.5")).unwrap();
    let told = check(&dir);
    assert!(told.out.contains("9 transactions after it, up to 0x9"), "{}", told.out);
    assert!(told.out.contains("a transaction that was not completely written"), "{}", told.out);
}

#[test]
fn a_torn_snapshot_beyond_the_log_is_no_damage() {
    let torn = &SNAPSHOT_31[..SNAPSHOT_31.len() / 2];
    let dir = data_dir(&[("snapshot.0", SNAPSHOT_0), ("log.1", LOG), ("snapshot.200000031", torn)]);
    let told = check(&dir);
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.out.contains("a start recovers: snapshot 0x0"), "{}", told.out);
    let says = "up to 0x200000031 this server has not acknowledged";
    assert!(told.out.contains("note: ") && told.out.contains(says), "{}", told.out);
    // Damaged in the middle it may be the only copy of what was acknowledged.
    let mut damaged = SNAPSHOT_31.to_vec();
    damaged[SNAPSHOT_31.len() / 2] ^= 1;
    fs::write(dir.path().join("version-2/snapshot.200000031"), damaged).unwrap();
    let told = check(&dir);
    assert_eq!(told.code, 3, "{}", told.out);
    assert!(told.out.contains("which this server may have acknowledged"), "{}", told.out);
}

#[test]
fn an_empty_directory_would_be_a_first_start() {
    let dir = tempfile::tempdir().unwrap();
    let told = check(&dir);
    assert!(told.code == 0 && told.out.contains("a start would be a first start"), "{}", told.out);
    let told = quorate(&["data", "check"], &dir.path().join("none"));
    assert!(told.code == 2 && told.err.contains("No such file"), "{}", told.err);
}

/// However it is named: by a configuration, from the root on, or from here.
#[test]
fn a_fresh_directory_is_the_same_by_any_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("zoo.cfg"), "dataDir=data\nclientPort=2181\n").unwrap();
    let whole = dir.path().join("data").to_string_lossy().into_owned();
    let told = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        let output = command.args(["data", "check", name]).current_dir(dir.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let expected = told(&whole);
    assert!(expected.0 == Some(0) && expected.1.contains("a start would be a first start"), "{}", expected.1);
    for name in ["zoo.cfg", "data", "./data/../data/"] {
        assert_eq!(told(name), expected, "{name}");
    }
}

#[test]
fn what_keeps_a_server_from_starting_is_named() {
    let mut flipped = LOG.to_vec();
    flipped[records()[4].0 + 20] ^= 0x10;
    let dir = data_dir(&[("snapshot.0", SNAPSHOT_0), ("log.1", &flipped)]);
    let told = check(&dir);
    assert_eq!(told.code, 3);
    let place = format!("log.1 is damaged at byte {}: checksum", records()[4].0);
    assert!(told.out.contains("a server would NOT start") && told.out.contains(&place), "{}", told.out);
    assert!(told.out.contains("restore the file from a backup"), "{}", told.out);

    let files = cut(&[0, 5, 10]);
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let dir = data_dir(&[&[("snapshot.0", SNAPSHOT_0)], &files[..]].concat());
    assert_eq!(check(&dir).code, 0, "{}", check(&dir).out);
    fs::remove_file(dir.path().join("version-2").join(files[1].0)).unwrap();
    let told = check(&dir);
    assert!(
        told.code == 3 && told.out.contains("does not follow 0x5: transactions are missing"),
        "{}",
        told.out
    );

    let dir = data_dir(&[
        ("snapshot.0", SNAPSHOT_0),
        ("log.1", LOG),
        ("acceptedEpoch", b"1"),
        ("currentEpoch", b"2"),
    ]);
    let told = check(&dir);
    assert!(told.code == 3 && told.out.contains("acceptedEpoch is 1, but currentEpoch is 2"), "{}", told.out);
    let dir = data_dir(&[("log.1", LOG)]);
    let told = check(&dir);
    assert!(told.code == 3 && told.out.contains("no snapshot is"), "{}", told.out);
}

#[test]
fn damage_that_a_start_does_not_need_is_told_too() {
    let mut damaged = SNAPSHOT_31.to_vec();
    damaged[SNAPSHOT_31.len() / 2] ^= 1;
    let dir = data_dir(&[("snapshot.0", SNAPSHOT_0), ("log.1", LOG), ("snapshot.31", &damaged)]);
    let told = check(&dir);
    assert_eq!(told.code, 1, "{}", told.out);
    assert!(told.out.contains("snapshot.31 cannot be used"), "{}", told.out);
    assert!(told.out.contains("a start recovers: snapshot 0x0"), "{}", told.out);
}

#[test]
fn a_new_server_is_initialized_once() {
    let dir = tempfile::tempdir().unwrap();
    let zoo_cfg = dir.path().join("zoo.cfg");
    let (data, logs) = (dir.path().join("data"), dir.path().join("deep/logs"));
    let text = format!(
        "dataDir={}\ndataLogDir={}\ninitLimit=5\nsyncLimit=2\nserver.1=a:2888:3888\nserver.2=b:2888:3888\n",
        data.display(),
        logs.display()
    );
    fs::write(&zoo_cfg, text).unwrap();
    let told = quorate(&["data", "initialize", "--myid", "3"], &zoo_cfg);
    assert!(told.code == 2 && told.err.contains("no server.3 line"), "{}", told.err);
    let told = quorate(&["data", "initialize", "--myid", "2"], &zoo_cfg);
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(fs::read_to_string(data.join("myid")).unwrap(), "2\n");
    assert!(
        data.join("version-2").is_dir()
            && logs.join("version-2").is_dir()
            && logs.join("initialize").is_file()
    );
    // Again while nothing is there that could be lost.
    assert_eq!(quorate(&["data", "initialize", "--join", "--myid", "2"], &zoo_cfg).code, 0);
    assert!(!logs.join("initialize").exists());
    let told = quorate(&["data", "initialize", "--myid", "1"], &zoo_cfg);
    assert!(told.code == 2 && told.err.contains("says 2, not 1"), "{}", told.err);
    fs::write(data.join("version-2/snapshot.0"), SNAPSHOT_0).unwrap();
    let told = quorate(&["data", "initialize"], &zoo_cfg);
    assert!(told.code == 2 && told.err.contains("there is a server's data already"), "{}", told.err);
    assert_eq!(quorate(&["data", "initialize", "--force"], &zoo_cfg).code, 0);
    assert!(fs::read_dir(data.join("version-2")).unwrap().next().is_none());
    assert_eq!(fs::read(data.join("version-2.before-1/snapshot.0")).unwrap(), SNAPSHOT_0);
}

#[test]
fn a_mistyped_name_is_an_error_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("zoo.cfg"), "dataDir=/nonexistent\n").unwrap();
    for words in [&["data", "initialize", "--myid", "1"][..], &["data", "check"], &["data", "purge"]] {
        let told = looking(words, &dir.path().join("zoo.cgf"), dir.path());
        assert_eq!(told.code, 2, "{words:?}: {}", told.err);
        assert!(told.err.contains("zoo.cgf") && told.err.contains("No such file"), "{words:?}: {}", told.err);
    }
    let told = looking(&["data", "initialize"], &dir.path().join("zoo.cgf"), dir.path());
    assert!(told.err.contains("did you mean") && told.err.contains("zoo.cfg?"), "{}", told.err);
    let told = looking(&["data", "initialize", "--log-dir", "/nonexistent/logs"], dir.path(), dir.path());
    assert!(told.code == 2 && told.err.contains("/nonexistent/logs"), "{}", told.err);
    assert!(!Path::new("/nonexistent").exists());
}

#[test]
fn a_purge_says_what_it_removes() {
    let files = cut(&[0, 5, 10]);
    let mut files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    files.extend([("snapshot.0", SNAPSHOT_0), ("snapshot.6", SNAPSHOT_0), ("snapshot.7", SNAPSHOT_0)]);
    files.extend([("snapshot.8", SNAPSHOT_0), ("log.1.bak", b"mine"), ("notes.txt", b"mine")]);
    let dir = data_dir(&files);
    let told = looking(&["data", "purge", "--dry-run"], dir.path(), dir.path());
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(told.out.matches("would be removed: ").count(), 2, "{}", told.out);
    let told = quorate(&["data", "purge", "--keep", "3"], dir.path());
    assert_eq!((told.code, told.out.matches("removed: ").count()), (0, 2), "{}", told.out);
    let left: Vec<_> = contents(&dir.path().join("version-2")).into_keys().collect();
    let gone = ["snapshot.0", "log.1"];
    let expected = files.iter().map(|(name, _)| *name).filter(|name| !gone.contains(name));
    let mut expected: Vec<_> = expected.map(|name| dir.path().join("version-2").join(name)).collect();
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(quorate(&["data", "purge", "--keep", "2"], dir.path()).code, 2);
}

/// A server that ends with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_running_server_purges_and_can_be_looked_at() {
    let files = cut(&[0, 5, 10]);
    let mut files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    files.extend([("snapshot.0", SNAPSHOT_0), ("snapshot.6", SNAPSHOT_0), ("snapshot.7", SNAPSHOT_0)]);
    files.extend([("snapshot.8", SNAPSHOT_0), ("log.1.bak", b"mine")]);
    let dir = data_dir(&files);
    let zoo_cfg = dir.path().join("zoo.cfg");
    let text = format!(
        "dataDir={}\ntickTime=2000\nautopurge.purgeInterval=1\nautopurge.snapRetainCount=3\n",
        dir.path().display()
    );
    fs::write(&zoo_cfg, text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["server", "--stop-on-stdin-eof"])
        .arg(&zoo_cfg)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let _server = Server(child);
    let told: Vec<String> = log
        .lines()
        .map(Result::unwrap)
        .inspect(|line| assert!(!line.contains("ERROR"), "{line}"))
        .take_while(|line| !line.contains("autopurge: 2 files removed"))
        .filter(|line| line.contains("autopurge: removed "))
        .collect();
    let removed = |name: &str| told.iter().any(|line| line.ends_with(&format!("version-2/{name}")));
    assert!(told.len() == 2 && removed("snapshot.0") && removed("log.1"), "{told:?}");
    let told = quorate(&["data", "check"], &zoo_cfg);
    assert!(told.out.contains("a server runs on it"), "{}", told.out);
    assert!(told.out.contains("a start recovers: snapshot 0x8 "), "{}", told.out);
    let told = quorate(&["data", "purge"], &zoo_cfg);
    assert!(told.code == 2 && told.err.contains("a server runs on this directory"), "{}", told.err);
    assert_eq!(quorate(&["data", "purge", "--dry-run"], &zoo_cfg).code, 0);
    let told = quorate(&["data", "initialize", "--force"], &zoo_cfg);
    assert!(told.code == 3 && told.err.contains("another server uses this data directory"), "{}", told.err);
}
