//! Four-letter words: ZooKeeper's texts, on servers in every mode.

use std::collections::BTreeMap;

use quorate_core::wire::client::CreateMode;

use crate::harness::{Ensemble, RawClient, Setup, until};

const ALL: &str = "4lw.commands.whitelist=*";

#[track_caller]
fn ask(ensemble: &Ensemble, id: u64, word: &str) -> String {
    ensemble.server(id).word(word).unwrap_or_else(|| panic!("server {id} does not answer {word}"))
}

/// The figures of `mntr` by key.
fn mntr(ensemble: &Ensemble, id: u64) -> BTreeMap<String, String> {
    let text = ask(ensemble, id, "mntr");
    let line = |line: &str| {
        let (key, value) = line.split_once('\t').unwrap_or_else(|| panic!("{line:?}"));
        let key = key.strip_prefix("zk_").unwrap_or_else(|| panic!("{line:?}"));
        (key.to_owned(), value.to_owned())
    };
    text.lines().map(line).collect()
}

fn session(client: &RawClient) -> String {
    format!("{:#x}", client.session.id.0)
}

/// Whatever is a time is the same.
fn without_dates(text: &str) -> String {
    let line = |line: &str| match line.split_once(" expire at ") {
        // Sat Nov 21 14:28:58 UTC 2026:
        Some((count, date)) => {
            assert!(date.ends_with(':') && date.split_whitespace().count() == 6, "{date:?}");
            format!("{count} expire at …:\n")
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn only_srvr_is_answered_unless_more_is_allowed() {
    let ensemble = Setup::voters(1).start();
    assert!(ask(&ensemble, 1, "srvr").contains("\nMode: standalone\n"));
    for word in ["ruok", "mntr", "dump", "srst", "stmk", "hash"] {
        let refused = format!("{word} is not executed because it is not in the whitelist.\n");
        assert_eq!(ask(&ensemble, 1, word), refused);
    }
    let mut ensemble = Setup::voters(1).line("4lw.commands.whitelist=ruok, isro").prepare();
    ensemble.start(1);
    until("ruok is answered", || (ensemble.server(1).word("ruok")? == "imok").then_some(()));
    assert!(ask(&ensemble, 1, "stat").contains("not in the whitelist"));
    until("srvr is answered all the same", || {
        ask(&ensemble, 1, "srvr").contains("\nMode: standalone\n").then_some(())
    });
}

/// A number, which can be set and is shown.
#[test]
fn the_trace_mask_is_a_number() {
    let ensemble = Setup::voters(1).line(ALL).start();
    assert_eq!(ask(&ensemble, 1, "gtmk"), "306");
    let word = String::from_utf8([&b"stmk"[..], &5i64.to_be_bytes()].concat()).expect("it is ASCII");
    assert_eq!(ask(&ensemble, 1, &word), "5");
    assert_eq!(ask(&ensemble, 1, "gtmk"), "5");
    assert_eq!(ask(&ensemble, 1, "stmk"), "");
}

#[test]
fn a_server_without_a_quorum_says_so() {
    let mut ensemble = Setup::voters(3).line(ALL).prepare();
    ensemble.start(1);
    until("it answers", || ensemble.server(1).word("ruok"));
    let idle = "This ZooKeeper instance is not currently serving requests\n";
    for word in
        ["srvr", "stat", "mntr", "conf", "cons", "dump", "dirs", "wchs", "wchc", "wchp", "srst", "crst"]
    {
        assert_eq!(ask(&ensemble, 1, word), idle, "{word}");
    }
    assert_eq!(ask(&ensemble, 1, "hash"), idle.trim_end());
    assert_eq!(ask(&ensemble, 1, "ruok"), "imok");
    assert_eq!(ask(&ensemble, 1, "isro"), "null");
    assert!(ask(&ensemble, 1, "envi").starts_with("Environment:\nzookeeper.version="));
}

#[test]
fn sessions_ephemerals_and_watches_are_listed() {
    let ensemble = Setup::voters(1).line(ALL).start();
    let (mut one, mut two) = (ensemble.connect_for(1, 4000), ensemble.connect_for(1, 4000));
    one.create("/a", b"", CreateMode::Persistent).unwrap();
    one.create("/a/mine", b"", CreateMode::Ephemeral).unwrap();
    one.create("/also", b"", CreateMode::Ephemeral).unwrap();
    one.get("/a", true).unwrap();
    assert!(one.exists("/none", true).unwrap().is_none());
    // Watches of children are in another table, which ZooKeeper's words do not show.
    one.children("/also", true).unwrap();
    two.get("/a", true).unwrap();
    let (first, second) = (session(&one), session(&two));

    assert_eq!(ask(&ensemble, 1, "wchs"), "2 connections watching 2 paths\nTotal watches:3\n");
    assert_eq!(ask(&ensemble, 1, "wchc"), format!("{first}\n\t/a\n\t/none\n{second}\n\t/a\n\n"));
    assert_eq!(ask(&ensemble, 1, "wchp"), format!("/a\n\t{first}\n\t{second}\n/none\n\t{first}\n\n"));
    let dump = without_dates(&ask(&ensemble, 1, "dump"));
    let (sessions, rest) = dump.split_once("ephemeral nodes dump:\n").unwrap();
    assert!(sessions.starts_with("SessionTracker dump:\nSession Sets ("), "{dump}");
    assert!(sessions.contains(")/(2):\n") && sessions.contains(" expire at …:\n\t0x"), "{dump}");
    assert!(
        sessions.contains(&format!("\t{first}\n")) && sessions.contains(&format!("\t{second}\n")),
        "{dump}"
    );
    let ephemerals = format!("Sessions with Ephemerals (1):\n{first}:\n\t/a/mine\n\t/also\n");
    assert!(rest.starts_with(&format!("{ephemerals}Connections dump:\nConnections Sets (")), "{dump}");
    assert!(rest.contains(")/(3):\n") && rest.contains(&format!(" sessionId: {second}\n")), "{dump}");
    assert!(rest.contains("\tip: /127.0.0.1:") && rest.contains(" sessionId: 0x0\n"), "{dump}");

    let cons = ask(&ensemble, 1, "cons");
    let of_two = cons.lines().find(|line| line.contains(&format!("sid={second},"))).unwrap();
    for part in ["[1](queued=0,recved=2,sent=2,", ",lop=GETD,est=", ",to=4000,lcxid=0x1,lzxid=0x", ",llat="] {
        assert!(of_two.contains(part), "{part}: {of_two}");
    }
    assert!(cons.ends_with("\n\n") && cons.lines().count() == 4, "{cons}");
    let figures = mntr(&ensemble, 1);
    for (key, value) in [
        ("server_state", "standalone"),
        ("watch_count", "4"),
        ("ephemerals_count", "2"),
        ("global_sessions", "2"),
        ("num_alive_connections", "3"),
        ("outstanding_requests", "0"),
    ] {
        assert_eq!(figures[key], value, "{key}");
    }
    for key in ["peer_state", "learners", "quorum_size"] {
        assert!(!figures.contains_key(key), "{key}");
    }
    assert!(figures["open_file_descriptor_count"].parse::<u64>().unwrap() > 5);

    assert_eq!(ask(&ensemble, 1, "srst"), "Server stats reset.\n");
    assert_eq!(ask(&ensemble, 1, "crst"), "Connection stats reset.\n");
    // What was sent with that answer, and this very question.
    assert!(ask(&ensemble, 1, "srvr").contains("Latency min/avg/max: 0/0.0/0\nReceived: 2\nSent: 2\n"));
    let cons = ask(&ensemble, 1, "cons");
    assert!(cons.contains("recved=0,sent=0,sid=") && cons.contains("lop=NA,"), "{cons}");
}

#[test]
fn an_ensemble_is_described_by_each_of_its_servers() {
    let ensemble = Setup::voters(3).observers(1).line(ALL).start();
    let leader = ensemble.await_leader();
    let follower = ensemble.await_followers()[0];
    let mut client = ensemble.connect_for(follower, 4000);
    client.create("/mine", b"12345", CreateMode::Ephemeral).unwrap();
    let mine = session(&client);
    // More than two of the digests that are kept, whatever the zxids are.
    for _ in 0..300 {
        client.set("/mine", b"x", -1).unwrap();
    }
    let zxid = |id| {
        let srvr = ask(&ensemble, id, "srvr");
        srvr.lines().find_map(|line| line.strip_prefix("Zxid: ").map(str::to_owned)).unwrap()
    };
    let same = |word: &str| {
        until(&format!("{word} is the same everywhere"), || {
            let first = ask(&ensemble, 1, word);
            (2..=4).all(|id| ask(&ensemble, id, word) == first).then_some(first)
        })
    };
    until("all are where the leader is", || (1..=4).all(|id| zxid(id) == zxid(leader)).then_some(()));
    let hash = same("hash");
    assert!(hash.lines().count() >= 2 && hash.lines().all(|line| line.split_once(": ").is_some()), "{hash}");

    for id in [1, 2, 3, 4] {
        let (figures, dump) = (mntr(&ensemble, id), ask(&ensemble, id, "dump"));
        let (state, peer_state) = match id {
            4 => ("observer", "observing - broadcast"),
            id if id == leader => ("leader", "leading - broadcast"),
            _ => ("follower", "following - broadcast"),
        };
        assert_eq!((figures["server_state"].as_str(), figures["peer_state"].as_str()), (state, peer_state));
        assert_eq!((figures["quorum_size"].as_str(), figures["ephemerals_count"].as_str()), ("3", "1"));
        assert!(dump.contains(&format!("Sessions with Ephemerals (1):\n{mine}:\n\t/mine\n")), "{dump}");
        if id == leader {
            assert!(dump.contains("Session Sets (1)/(1):\n1 expire at "), "{dump}");
            for (key, value) in [
                ("learners", "3"),
                ("synced_followers", "2"),
                ("synced_observers", "1"),
                ("pending_syncs", "0"),
            ] {
                assert_eq!(figures[key], value, "{key}");
            }
            assert!(figures["proposal_count"].parse::<u64>().unwrap() >= 301);
            assert!(
                ask(&ensemble, id, "srvr")
                    .lines()
                    .last()
                    .unwrap()
                    .starts_with("Proposal sizes last/min/max: ")
            );
        } else {
            assert!(dump.contains(&format!("Global Sessions(1):\n{mine}\t4000ms\n")), "{dump}");
            assert!(!figures.contains_key("learners"));
        }
        assert_eq!(
            figures.get("observer_master_id").map(String::as_str),
            (id == 4).then(|| leader.to_string()).as_deref()
        );
    }
}

/// Longer than what is written in one go: nothing is missing and nothing comes twice.
#[test]
fn long_lists_come_whole() {
    let ensemble = Setup::voters(1).line(ALL).start();
    let (mut one, mut two) = (ensemble.connect_for(1, 4000), ensemble.connect_for(1, 4000));
    let paths: Vec<String> = (0..6000).map(|n| format!("/not-there/{n:040}")).collect();
    for path in &paths {
        one.exists(path, true).unwrap();
    }
    for path in paths.iter().step_by(2) {
        two.exists(path, true).unwrap();
    }
    let (first, second) = (session(&one), session(&two));
    let mut by_path = String::new();
    for (n, path) in paths.iter().enumerate() {
        by_path += &format!("{path}\n\t{first}\n");
        if n % 2 == 0 {
            by_path += &format!("\t{second}\n");
        }
    }
    assert!(by_path.len() > 4 * 64 * 1024);
    assert!(ask(&ensemble, 1, "wchp") == by_path + "\n", "wchp");
    let list = |paths: &mut dyn Iterator<Item = &String>| {
        paths.map(|path| format!("\t{path}\n")).collect::<String>()
    };
    let (all, half) = (list(&mut paths.iter()), list(&mut paths.iter().step_by(2)));
    assert!(ask(&ensemble, 1, "wchc") == format!("{first}\n{all}{second}\n{half}\n"), "wchc");
}
