//! The three ports at the level of bytes: limits, the lines of the log, exit codes.
//!
//! Nonsense in the name of clients and peers of a whole ensemble is in `tests/behaviour` (`hostile_clients`,
//! `hostile_peers`, `nonsense`). Here one server, or two of three, are enough.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running `quorate` process; its standard input keeps it alive.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn server(config: &std::path::Path) -> Process {
        let log = config.with_extension("log");
        let child = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["server", "--stop-on-stdin-eof"])
            .arg(config)
            .stdin(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Process { child, log }
    }

    fn stop(&mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn await_log(&self, text: &str) {
        let found = eventually(|| self.log().contains(text));
        assert!(found, "{text:?} is not in the log:\n{}", self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn word(port: u16, word: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(word.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// Send bytes; the other side must close without an answer.
fn is_closed_after(port: u16, bytes: &[u8]) {
    let mut stream = connect(port);
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => assert_eq!(answer, b"", "an answer to {bytes:02x?}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "after {bytes:02x?}"),
    }
}

/// A ConnectRequest for a new session, framed.
fn connect_request(timeout_ms: i32) -> Vec<u8> {
    let mut body = vec![0; 12];
    body.extend(timeout_ms.to_be_bytes());
    body.extend(0i64.to_be_bytes());
    body.extend(16i32.to_be_bytes());
    body.extend([0; 17]);
    let mut frame = (body.len() as i32).to_be_bytes().to_vec();
    frame.extend(body);
    frame
}

fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).unwrap();
    frame
}

/// A session that is served: connect, ping, and the ping's reply.
fn is_served(port: u16) {
    let mut stream = connect(port);
    stream.write_all(&connect_request(10_000)).unwrap();
    let response = read_frame(&mut stream);
    assert_eq!(response.len(), 37, "{response:?}");
    assert_eq!(response[4..8], 10_000i32.to_be_bytes());
    let ping = [[0, 0, 0, 8], (-2i32).to_be_bytes(), 11i32.to_be_bytes()].concat();
    stream.write_all(&ping).unwrap();
    assert_eq!(read_frame(&mut stream)[..4], (-2i32).to_be_bytes());
}

/// One server that runs alone.
fn standalone(extra: &str) -> (Process, u16, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let [port] = free_ports();
    let config = dir.path().join("zoo.cfg");
    let text = format!(
        "tickTime=1000\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\n{extra}\n",
        dir.path().join("data").display()
    );
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(&config, text).unwrap();
    let server = Process::server(&config);
    let serves = eventually(|| word(port, "srvr").contains("Mode: standalone"));
    assert!(serves, "{}", server.log());
    (server, port, dir)
}

/// Server 2 of an ensemble of three of which only servers 1 and 2 run.
struct Ensemble {
    servers: [Process; 2],
    client: [u16; 2],
    quorum: [u16; 2],
    election: [u16; 2],
    _dirs: [tempfile::TempDir; 2],
}

fn ensemble() -> Ensemble {
    let ports: [u16; 9] = free_ports();
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let servers = [0, 1].map(|index: usize| {
        let dir = dirs[index].path();
        fs::write(dir.join("myid"), format!("{}\n", index + 1)).unwrap();
        let mut text = format!(
            "tickTime=500\ninitLimit=10\nsyncLimit=4\ndataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\n",
            dir.display(),
            ports[index]
        );
        for id in 1..=3 {
            text += &format!("server.{id}=127.0.0.1:{}:{}\n", ports[2 + id], ports[5 + id]);
        }
        let config = dir.join("zoo.cfg");
        fs::write(&config, text).unwrap();
        Process::server(&config)
    });
    let client = [ports[0], ports[1]];
    for (port, server) in client.iter().zip(&servers) {
        assert!(eventually(|| word(*port, "srvr").contains("Mode: ")), "{}", server.log());
    }
    let (quorum, election) = ([ports[3], ports[4]], [ports[6], ports[7]]);
    Ensemble { servers, client, quorum, election, _dirs: dirs }
}

#[test]
fn a_frame_of_exactly_the_limit_is_read_and_one_more_is_not() {
    let (server, port, _dir) = standalone("jute.maxbuffer=2000");
    for (length, answered) in [(2000usize, true), (2001, false)] {
        let mut stream = connect(port);
        stream.write_all(&connect_request(10_000)).unwrap();
        read_frame(&mut stream);
        // exists "/" with bytes behind it, which are ignored.
        let mut frame = (length as i32).to_be_bytes().to_vec();
        frame.extend([[0, 0, 0, 1], [0, 0, 0, 3], [0, 0, 0, 1]].concat());
        frame.extend([b'/', 0]);
        frame.resize(4 + length, 0);
        stream.write_all(&frame).unwrap();
        let mut header = [0; 4];
        assert_eq!(stream.read_exact(&mut header).is_ok(), answered, "{length}");
    }
    server.await_log("unreasonable length");
}

#[test]
fn words_are_answered_only_as_the_first_bytes() {
    let (_server, port, _dir) =
        standalone("4lw.commands.whitelist=ruok,srvr,stat,mntr,conf,cons,envi,dirs,isro");
    assert_eq!(word(port, "ruok"), "imok");
    assert_eq!(word(port, "isro"), "rw");
    assert_eq!(word(port, "wchs"), "wchs is not executed because it is not in the whitelist.\n");
    assert!(word(port, "conf").contains(&format!("clientPort={port}\n")));
    assert!(word(port, "mntr").contains("zk_server_state\tstandalone\n"));
    let mut stream = connect(port);
    stream.write_all(&connect_request(10_000)).unwrap();
    read_frame(&mut stream);
    let stat = word(port, "stat");
    assert!(stat.contains(&format!(" /{}[1](", stream.local_addr().unwrap())), "{stat}");
    stream.write_all(b"ruok").unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
}

#[test]
fn one_address_gets_maxclientcnxns_connections() {
    let (server, port, _dir) = standalone("maxClientCnxns=3");
    let mut kept: Vec<TcpStream> = (0..3).map(|_| connect(port)).collect();
    let refused = eventually(|| {
        let mut extra = connect(port);
        matches!(extra.read(&mut [0; 1]), Ok(0) | Err(_))
    });
    assert!(refused);
    server.await_log("too many connections from this address (maxClientCnxns=3)");
    kept.pop();
    assert!(eventually(|| word(port, "srvr").contains("Mode: standalone")));
}

#[test]
fn a_client_that_does_not_read_is_not_read() {
    let (_server, port, _dir) = standalone("");
    let mut greedy = connect(port);
    greedy.write_all(&connect_request(4000)).unwrap();
    read_frame(&mut greedy);
    greedy.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let ping = [[0, 0, 0, 8], (-2i32).to_be_bytes(), 11i32.to_be_bytes()].concat().repeat(10_000);
    // 20 bytes come back for 12: sooner or later neither side takes anything.
    let stuck = (0..2000).any(|_| greedy.write_all(&ping).is_err());
    assert!(stuck, "the server took 240 MB from a client that reads nothing");
    is_served(port);
}

/// The first message on the election port.
fn hello(version: i64, address: &str) -> Vec<u8> {
    let length = address.len() as i32;
    [&version.to_be_bytes()[..], &3i64.to_be_bytes(), &length.to_be_bytes(), address.as_bytes()].concat()
}

#[test]
fn a_first_message_that_is_none_ends_the_connection() {
    let mut ensemble = ensemble();
    let ping = [&5i32.to_be_bytes()[..], &[0; 8], &[0xff; 8]].concat();
    let leader_info = [&10i32.to_be_bytes()[..], &[0; 8], &20i32.to_be_bytes(), &[0; 24]].concat();
    for (port, server) in ensemble.quorum.iter().zip(&ensemble.servers) {
        for bytes in [&[0xff; 64][..], &ping, &leader_info] {
            is_closed_after(*port, bytes);
        }
        server.await_log("does not begin with FOLLOWERINFO or OBSERVERINFO");
    }
    for port in ensemble.election {
        for bytes in [
            &[0xff; 64][..],
            &[0; 8],
            &hello(-3, "127.0.0.1:1"),
            &hello(-65536, ""),
            &hello(-65536, "nowhere"),
        ] {
            is_closed_after(port, bytes);
        }
    }
    for port in ensemble.client {
        is_served(port);
    }
    for server in &mut ensemble.servers {
        assert!(server.stop().success(), "{}", server.log());
    }
}

#[test]
fn strangers_are_named_and_probes_are_not() {
    let ensemble = ensemble();
    let hello = hello(-65536, "127.0.0.1:1");
    let info = [&11i32.to_be_bytes()[..], &[0; 8], &20i32.to_be_bytes(), &[0; 24]].concat();
    let server = &ensemble.servers[0];
    for port in [ensemble.quorum[0], ensemble.election[0]] {
        for bytes in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 2, 0, 1, 0, 1], b"ruok", &connect_request(10_000)]
        {
            is_closed_after(port, bytes);
        }
    }
    for port in ["quorum", "election"] {
        let lines = server.log();
        let said = |text: &str| {
            lines.lines().any(|l| l.contains(&format!("{port} port: 127.0.0.1:")) && l.contains(text))
        };
        for text in ["speaks HTTP", "speaks TLS", "four-letter word", "is a ZooKeeper client"] {
            assert!(said(text), "{port}: {text}\n{lines}");
        }
    }
    is_closed_after(ensemble.quorum[0], &hello);
    server.await_log("speaks the election protocol on the quorum port");
    is_closed_after(ensemble.election[0], &info);
    server.await_log("speaks the quorum protocol on the election port");
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 2, 0, 1, 0, 1]] {
        is_closed_after(ensemble.client[0], bytes);
    }
    let on_the_client_port = |text: &str| {
        eventually(|| server.log().lines().any(|l| l.contains("client port: 127.0.0.1:") && l.contains(text)))
    };
    assert!(on_the_client_port("speaks HTTP") && on_the_client_port("speaks TLS"), "{}", server.log());
    // What only looks whether there is a port.
    let before = server.log();
    for port in [ensemble.client[0], ensemble.quorum[0], ensemble.election[0]] {
        let mut probe = connect(port);
        probe.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = probe.read_to_end(&mut Vec::new());
    }
    // Another connection is served after them.
    is_closed_after(ensemble.election[0], b"GET / HTTP/1.1\r\n\r\n");
    is_closed_after(ensemble.quorum[0], b"GET / HTTP/1.1\r\n\r\n");
    let log = server.log();
    let new: Vec<&str> = log[before.len()..].lines().filter(|line| !line.contains("speaks HTTP")).collect();
    assert!(!new.iter().any(|line| line.contains("WARN") && line.contains(" port: ")), "{new:?}");
}

#[test]
fn a_client_from_the_future_is_turned_away_with_a_line() {
    let (server, port, _dir) = standalone("");
    let mut request = connect_request(10_000);
    request[8..16].copy_from_slice(&0x7_0000_0001i64.to_be_bytes());
    is_closed_after(port, &request);
    server.await_log("it has seen transaction 0x700000001, and this server has come to 0x");
    is_served(port);
}

#[test]
fn a_port_in_use_and_a_bad_configuration_have_their_exit_codes() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let run = |text: String| {
        let config = dir.path().join("zoo.cfg");
        fs::write(&config, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_quorate")).arg("server").arg(&config).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let data = dir.path().display();
    let (code, text) = run(format!("dataDir={data}\nclientPort={port}\nclientPortAddress=127.0.0.1\n"));
    assert_eq!(code, Some(14), "{text}");
    assert!(text.contains(&format!("client port 127.0.0.1:{port} is already in use")), "{text}");
    let (code, text) = run(format!("dataDir={data}\nclientPort=many\n"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("zoo.cfg:2: clientPort: \"many\" is not a number"), "{text}");
}

#[test]
fn more_requests_than_the_limit_are_all_answered() {
    let (_server, port, _dir) = standalone("globalOutstandingLimit=2");
    let mut streams: Vec<TcpStream> = (0..4).map(|_| connect(port)).collect();
    for stream in &mut streams {
        stream.write_all(&connect_request(10_000)).unwrap();
        read_frame(stream);
    }
    // create /a- in sequence, 100 times per connection in one go.
    let create = |xid: i32| {
        let mut body = [xid.to_be_bytes(), 1i32.to_be_bytes(), 3i32.to_be_bytes()].concat();
        body.extend(b"/a-");
        body.extend((-1i32).to_be_bytes());
        body.extend([1i32.to_be_bytes(), 31i32.to_be_bytes(), 5i32.to_be_bytes()].concat());
        body.extend(b"world");
        body.extend(6i32.to_be_bytes());
        body.extend(b"anyone");
        body.extend(2i32.to_be_bytes());
        [(body.len() as i32).to_be_bytes().to_vec(), body].concat()
    };
    for stream in &mut streams {
        let all: Vec<u8> = (1..=100).flat_map(create).collect();
        stream.write_all(&all).unwrap();
    }
    for stream in &mut streams {
        for xid in 1..=100i32 {
            let reply = read_frame(stream);
            assert_eq!(reply[..4], xid.to_be_bytes());
            assert_eq!(reply[12..16], [0; 4], "error in the reply to {xid}");
        }
    }
}
