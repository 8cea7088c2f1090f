//! The admin server: what it answers, whom it refuses, and that clients do not notice it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use quorate_core::wire::client::{AuthPacket, CreateMode, CreateRequest, Request};
use quorate_core::wire::record::Acl;

use crate::harness::{
    HttpAnswer, Setup, Wire, free_ports, http, http_get, http_raw, request_bytes, until, with_admin_servers,
};

/// The digest of `super:admin`.
const SUPER: &str = "DigestAuthenticationProvider.superDigest=super:xQJmxLMiHGwaqBvst5y6rkB6HQs=";
const AS_SUPER: &str = "Authorization: digest super:admin";

/// How often the loop has handed something over, this time included.
fn hand_overs(port: u16) -> f64 {
    http_get(port, "/metrics").sample("quorate_handover_seconds_count")
}

#[test]
fn the_loop_hands_over_what_it_is_asked_for_and_nothing_else() {
    let (mut ensemble, ports) = with_admin_servers(Setup::voters(1));
    ensemble.start_all();
    let port = ports[0];
    let before = hand_overs(port);
    // Figures that were handed over a moment ago are shown again without a question.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(hand_overs(port), before + 1.0, "one for the figures themselves");
    thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let askers: Vec<_> = (0..100).map(|_| thread::spawn(move || http_get(port, "/metrics").status)).collect();
    for asker in askers {
        assert_eq!(asker.join().expect("it does not panic"), 200);
    }
    thread::sleep(Duration::from_millis(300));
    // Ten times in a second at most, however many want them.
    let most = 3.0 + began.elapsed().as_secs_f64() * 10.0;
    let asked = hand_overs(port) - before - 1.0;
    assert!(asked <= most, "{asked} questions, {most} would do");
}

#[test]
fn long_lists_are_handed_over_in_pieces_and_are_whole() {
    let (mut ensemble, ports) = with_admin_servers(Setup::voters(1));
    ensemble.start_all();
    let mut client = ensemble.connect_for(1, 4000);
    // More than one piece of each list.
    for n in 0..1100 {
        client.create(&format!("/n{n:04}"), b"", CreateMode::Ephemeral).expect("it is new");
        client.get(&format!("/n{n:04}"), true).expect("it is there");
    }
    let session = client.session.id.0.to_string();
    for (command, list) in [
        ("dump", "session_id_to_ephemeral_paths"),
        ("wchc", "session_id_to_watched_paths"),
        ("wchp", "path_to_session_ids"),
    ] {
        let before = hand_overs(ports[0]);
        let answer = http_get(ports[0], &format!("/commands/{command}"));
        assert_eq!(answer.status, 200);
        let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        let entries = body[list].as_object().expect("an object");
        match command {
            "wchp" => {
                assert_eq!(entries.len(), 1100);
                assert!(entries.values().all(|sessions| sessions.as_array().map(Vec::len) == Some(1)));
            }
            _ => assert_eq!(entries[&session].as_array().map(Vec::len), Some(1100), "{command}"),
        }
        thread::sleep(Duration::from_millis(150));
        assert!(hand_overs(ports[0]) - before >= 3.0, "{command} was one piece");
    }
}

#[test]
fn a_server_without_a_quorum_lives_and_is_not_ready() {
    let (mut ensemble, ports) = with_admin_servers(Setup::voters(3));
    ensemble.start(1);
    until("it lives", || {
        http(ports[0], "GET", "/health/live", &[], "").filter(|answer| answer.status == 200)
    });
    let ready = http_get(ports[0], "/health/ready");
    assert_eq!((ready.status, ready.member("ready")), (503, Some("false")));
    assert!(ready.body.contains("no quorum is known"), "{}", ready.body);
    let stats = http_get(ports[0], "/commands/srvr");
    let idle = "This ZooKeeper instance is not currently serving requests";
    assert_eq!((stats.status, stats.member("error")), (200, Some(idle)));
    assert_eq!(http_get(ports[0], "/metrics").sample("quorate_serving"), 0.0);
    ensemble.start_all();
    for port in &ports {
        let ready = until("it is ready", || {
            http(*port, "GET", "/health/ready", &[], "").filter(|answer| answer.status == 200)
        });
        assert_eq!(ready.member("unapplied_transactions"), Some("0"), "{}", ready.body);
    }
}

#[test]
fn half_of_the_connections_can_be_shed() {
    let (mut ensemble, ports) = with_admin_servers(Setup::voters(1).line(SUPER));
    ensemble.start_all();
    let mut clients: Vec<_> = (0..20).map(|_| ensemble.connect_for(1, 4000)).collect();
    let body = "{\"percentage\": 50}";
    let shed = |lines: &[&str], body: &str| {
        http(ports[0], "POST", "/commands/shed", lines, body).expect("an answer")
    };
    assert_eq!(shed(&[], body).status, 401);
    assert_eq!(shed(&["Authorization: digest super:wrong"], body).status, 403);
    for wrong in ["", "{}", "{\"percentage\": 101}", "{\"percentage\": -1}", "{\"percentage\": \"50\"}", "["]
    {
        assert_eq!(shed(&[AS_SUPER], wrong).status, 400, "{wrong}");
    }
    assert_eq!(shed(&[AS_SUPER], &" ".repeat(70_000)).status, 413);
    let answer = shed(&[AS_SUPER], body);
    assert_eq!((answer.status, answer.member("connections_shed")), (200, Some("10")), "{}", answer.body);
    let lost = clients.iter_mut().filter_map(|client| client.ping().err()).count();
    assert_eq!(lost, 10);
    assert_eq!(http_get(ports[0], "/metrics").sample("quorate_connections_drained_total"), 10.0);
}

#[test]
fn a_snapshot_is_for_those_who_may_do_everything_by_name() {
    let (mut ensemble, ports) =
        with_admin_servers(Setup::voters(1).line(SUPER).line("admin.rateLimiterIntervalInMS=0"));
    ensemble.start_all();
    let ask = |lines: &[&str]| http(ports[0], "GET", "/commands/snapshot", lines, "").expect("an answer");
    assert_eq!(ask(&[]).status, 401);
    // Everybody may do everything to the root, but nobody is named.
    assert_eq!(ask(&["Authorization: digest bob:secret"]).status, 403);
    assert_eq!(ask(&["Authorization: ip"]).status, 403);
    let snapshot = ask(&[AS_SUPER]);
    assert_eq!(snapshot.status, 200);
    assert!(
        snapshot.body.starts_with("ZKSN") && snapshot.head.contains("last_zxid: 0x"),
        "{}",
        snapshot.head
    );
    let restore = http(ports[0], "POST", "/commands/restore", &[AS_SUPER], "x").expect("an answer");
    assert_eq!(restore.status, 503, "{}", restore.body);
}

/// The status of a request made of this text; 0 if there is no answer.
fn status(port: u16, request: &str) -> u16 {
    http_raw(port, request.as_bytes()).map_or(0, |answer| answer.status)
}

#[test]
fn strangers_are_refused_and_clients_do_not_notice() {
    let (mut ensemble, ports) = with_admin_servers(Setup::voters(1));
    ensemble.start_all();
    let port = ports[0];
    let mut client = ensemble.connect_for(1, 4000);
    client.create("/polite", b"", CreateMode::Persistent).expect("it is new");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    for path in ["/commands/mntr", "/commands/cons", "/metrics", "/commands/stat", "/nothing"]
                    {
                        let _ = http(port, "GET", path, &[], "");
                    }
                }
            });
        }
        let mut times: Vec<Duration> = Vec::new();
        for n in 0..300 {
            let began = Instant::now();
            client.set("/polite", format!("{n}").as_bytes(), -1).expect("it is answered");
            times.push(began.elapsed());
        }
        times.sort();
        // Reported, not judged: this machine may have anything else to do.
        println!("a polite client's p50 {:?}, p99 {:?} under eight askers", times[150], times[297]);
        // One after the other: nothing here is waited for.
        let host = format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n");
        for (request, expected) in [
            (format!("GET /commands/ruok HTTP/1.1\r\n{host}\r\n"), 200),
            ("GET /commands/ruok HTTP/1.0\r\n\r\n".to_owned(), 200),
            (
                "GET /commands/ruok HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".to_owned(),
                421,
            ),
            (format!("GET /commands/srst HTTP/1.1\r\n{host}Origin: http://evil.example\r\n\r\n"), 403),
            (format!("GET /commands/srst HTTP/1.1\r\n{host}Sec-Fetch-Site: cross-site\r\n\r\n"), 403),
            (format!("OPTIONS /commands/ruok HTTP/1.1\r\n{host}\r\n"), 405),
            (format!("DELETE /metrics HTTP/1.1\r\n{host}\r\n"), 405),
            (format!("GET /commands/shed HTTP/1.1\r\n{host}\r\n"), 405),
            (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(20_000)), 414),
            (format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(20_000)), 431),
            (format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(100)), 431),
            ("\0\0\0-nonsense\r\n\r\n".to_owned(), 400),
            ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        ] {
            let found = status(port, &request);
            // hyper may answer a head that is too long in either way.
            let good = found == expected || (expected == 414 && matches!(found, 431 | 400));
            assert!(good, "{found}, not {expected}: {:?}", &request[..request.len().min(200)]);
        }
        over.store(true, Ordering::Relaxed);
    });
    let plain: HttpAnswer = http_get(port, "/commands/ruok");
    assert!(!plain.head.contains("access-control"), "{}", plain.head);
    // Said things show up as JSON strings only.
    let odd = http_get(port, "/commands/%22%3Cscript%3E");
    assert!(odd.head.contains("application/json") && odd.head.contains("nosniff"), "{}", odd.head);
    client.set("/polite", b"still", -1).expect("it is answered");
}

#[test]
fn connections_that_say_nothing_do_not_take_the_places_of_others_for_ever() {
    let setup = Setup::voters(1).line("admin.idleTimeout=500");
    let (mut ensemble, ports) = with_admin_servers(setup);
    ensemble.start_all();
    let silent: Vec<_> =
        (0..300).filter_map(|_| std::net::TcpStream::connect(("127.0.0.1", ports[0])).ok()).collect();
    assert!(silent.len() > 100, "{}", silent.len());
    until("others are answered", || {
        http(ports[0], "GET", "/health/live", &[], "").filter(|a| a.status == 200)
    });
    drop(silent);
}

/// An authentication is answered at once, also behind a write that waits for the disk.
#[test]
fn what_is_counted_of_an_answer_is_of_the_request_that_it_answers() {
    let setup = Setup::voters(1).line("4lw.commands.whitelist=*").line("maxSessionTimeout=60000");
    let [port] = free_ports();
    let setup = setup.line("admin.enableServer=true").line(&format!("admin.serverPort={port}"));
    let Some(ensemble) = setup.stalling() else {
        return println!("skipped: there is no C compiler");
    };
    let mut client = Wire::client_for(ensemble.server(1).client, 60_000);
    ensemble.stall(1);
    let (path, data) = ("/late".to_owned(), None);
    let acl = vec![Acl::open()];
    let create = Request::Create(CreateRequest { path, data, acl, flags: CreateMode::Persistent.to_i32() });
    client.frame(&request_bytes(1, &create));
    let (scheme, auth) = ("digest".to_owned(), Some(b"bob:secret".to_vec().into()));
    let auth = Request::Auth(AuthPacket { auth_type: 0, scheme, auth });
    client.frame(&request_bytes(-4, &auth));
    let first = client.next_reply().expect("an answer");
    assert_eq!(first.0, -4, "the authentication has overtaken the write");
    let cons = ensemble.server(1).word("cons").expect("an answer");
    // It is no request of the session: what was answered last is still the session's begin.
    assert!(cons.contains(",lop=SESS,") && cons.contains("queued=1,"), "{cons}");
    ensemble.mend(1);
    assert_eq!(client.next_reply().expect("an answer").0, 1);
    let cons = ensemble.server(1).word("cons").expect("an answer");
    assert!(cons.contains(",lop=CREA,") && cons.contains("lcxid=0x1,"), "{cons}");
    // The write has taken all the time; it is the only one of its kind.
    let mntr = ensemble.server(1).word("mntr").expect("an answer");
    let figure = |key: &str| {
        let line = mntr.lines().find_map(|line| line.strip_prefix(&format!("zk_{key}\t")));
        line.and_then(|value| value.parse::<u64>().ok()).unwrap_or_else(|| panic!("no {key} in {mntr}"))
    };
    assert_eq!((figure("cnt_readlatency"), figure("cnt_updatelatency")), (0, 2), "{mntr}");
    assert_eq!(figure("max_updatelatency"), figure("max_latency"), "{mntr}");
    let metrics = http_get(port, "/metrics");
    let of = |what: &str, operation: &str| {
        metrics.sample(&format!("quorate_request_seconds_{what}{{operation=\"{operation}\"}}"))
    };
    assert_eq!((of("count", "auth"), of("count", "create")), (1.0, 1.0));
    assert!(of("sum", "auth") < of("sum", "create"), "{} {}", of("sum", "auth"), of("sum", "create"));
}

/// The words of a line as a shell has them; quotes of both kinds, no escapes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote, mut open) = (vec![String::new()], None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => (quote, open) = (Some(c), true),
            (None, ' ') => {
                if open || !words.last().is_none_or(String::is_empty) {
                    words.push(String::new());
                }
                open = false;
            }
            (_, c) => words.last_mut().expect("there is one").push(c),
        }
    }
    words
}

/// Every `curl` of the guide's chapter, as it is written there but for the port.
#[test]
fn the_commands_of_the_guide_work_as_they_are_written() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATING.md");
    let guide = std::fs::read_to_string(guide).expect("the guide is there");
    let lines: Vec<_> = guide.lines().filter(|line| line.starts_with("curl ")).collect();
    assert!(lines.len() >= 8, "{lines:?}");
    let (mut ensemble, ports) = with_admin_servers(Setup::voters(1).line(SUPER));
    ensemble.start_all();
    for line in lines {
        let (mut head, mut body, mut url) = (Vec::new(), String::new(), String::new());
        let mut method = "GET".to_owned();
        let mut arguments = words(line).into_iter().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "-H" => head.extend(arguments.next()),
                "-d" => (method, body) = ("POST".to_owned(), arguments.next().unwrap_or_default()),
                "-X" => method = arguments.next().unwrap_or_default(),
                "-o" => drop(arguments.next()),
                _ => url = argument,
            }
        }
        let path = url.strip_prefix("http://127.0.0.1:8080").unwrap_or_else(|| panic!("{line}"));
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let answer =
            http(ports[0], &method, path, &head, &body).unwrap_or_else(|| panic!("no answer to {line}"));
        assert_eq!(answer.status, 200, "{line}: {}", answer.body);
        assert_ne!(answer.body.len(), 0, "{line}");
        let error = answer.member("error");
        assert!(error.is_none_or(|error| error == "null"), "{line}: {error:?}");
    }
}
