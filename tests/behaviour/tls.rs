//! TLS on every port: which parties get in, and that a client with manners notices nothing of the others.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use quorate_core::wire::client::{CreateMode, CreateRequest, Request};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::{Acl, perms};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{
    Bystander, Failure, Keys, RawClient, Rng, Session, Setup, Wire, connect_request, dial_tls, eventually,
    free_ports, quorate, replace, run_guide, seed, tunnel, word_over_tls,
};

/// Servers with TLS on every port; clients may do without.
fn secured(keys: &Keys, voters: u64) -> Setup {
    Setup::voters(voters)
        .line("client.portUnification=true")
        .line("sslQuorum=true")
        .line("X509AuthenticationProvider.superUser=CN=admin,O=Quorate")
        .line("4lw.commands.whitelist=*")
        .line(&keys.lines("ssl"))
        .line(&keys.lines("ssl.quorum"))
}

#[test]
fn an_acl_names_a_client_by_its_certificate() {
    let keys = Keys::new();
    ["app", "other", "admin"].iter().for_each(|name| keys.issue(name));
    let ensemble = secured(&keys, 3).start();
    let connect = |id: u64, name: &str| {
        let port = tunnel(ensemble.server(id).client, keys.client(Some(name)));
        RawClient::connect(port, &Session::new(10_000)).unwrap()
    };
    let mut app = connect(1, "app");
    let acl = vec![Acl::new(perms::ALL, "x509", "CN=app,O=Quorate")];
    let mine = CreateRequest { path: "/mine".to_owned(), data: Some(b"secret"[..].into()), acl, flags: 0 };
    app.call(&Request::Create(mine)).unwrap();
    // Through another server, which forwards who it is.
    let mut again = connect(2, "app");
    again.sync().unwrap();
    again.set("/mine", b"changed", 0).unwrap();
    let refused = |result: Result<_, Failure>| matches!(result, Err(Failure::Code(ErrorCode::NoAuth)));
    let (mut other, mut plain) = (connect(2, "other"), ensemble.connect(3));
    for client in [&mut other, &mut plain] {
        client.sync().unwrap();
        assert!(refused(client.get("/mine", false).map(|_| ())));
        assert!(refused(client.set("/mine", b"", -1).map(|_| ())));
    }
    assert_eq!(connect(3, "admin").get("/mine", false).unwrap().0, b"changed");
}

#[test]
fn one_without_a_good_certificate_gets_no_answer() {
    let keys = Keys::new();
    keys.issue("app");
    let stranger = Keys::new();
    let ensemble = secured(&keys, 1).start();
    let port = ensemble.server(1).client;
    assert!(word_over_tls(port, &keys.client(Some("app")), "srvr").unwrap().contains("Mode: standalone"));
    assert!(word_over_tls(port, &keys.client(None), "srvr").is_err());
    ensemble.await_log(1, "shows no certificate, and one is needed");
    // A certificate of another authority of the same name.
    fs::copy(stranger.path("server.pem"), keys.path("foreign.pem")).unwrap();
    assert!(word_over_tls(port, &keys.client(Some("foreign")), "srvr").is_err());
    ensemble.await_log(1, "is not signed by the CN=Quorate CA,O=Quorate of the trust store");
    // And a client that does not believe the server.
    assert!(word_over_tls(port, &stranger.client(Some("server")), "srvr").is_err());
    ensemble.await_log(1, "this server's certificate");
}

/// What strangers say, on a port that wants TLS.
fn hostile(rng: &mut Rng) -> Vec<Vec<u8>> {
    let hello = {
        let keys = Keys::new();
        let mut client = rustls::ClientConnection::new(
            keys.client(None),
            rustls::pki_types::ServerName::try_from("localhost").unwrap(),
        )
        .unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    };
    let mut all = vec![
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"ruok".to_vec(),
        [&[0, 0, 0, 45][..], &connect_request()].concat(),
        // A record that is longer than any may be, one that is empty, one of an old version.
        [&[0x16, 3, 1, 0xff, 0xff][..], &[7; 70_000]].concat(),
        vec![0x16, 3, 1, 0, 0],
        vec![0x16, 2, 0, 0, 4, 1, 0, 0, 0],
        // Fragments of a message that never ends.
        (0..9000).flat_map(|_| [0x16, 3, 3, 0, 1, 1]).collect(),
        // An alert, and data before any handshake.
        vec![0x15, 3, 3, 0, 2, 2, 40],
        [&[0x17, 3, 3, 0, 4][..], &[1; 4]].concat(),
        // The same again instead of what follows.
        hello.repeat(3),
    ];
    for _ in 0..20 {
        let mut bytes = hello.clone();
        let at = 5 + rng.below(bytes.len() as u64 - 5) as usize;
        bytes[at] ^= 1 << rng.below(8);
        bytes.extend(hello.iter().take(rng.below(40) as usize));
        all.push(bytes);
    }
    all.push(hello[..hello.len() / 2].to_vec());
    all
}

#[test]
fn nonsense_on_ports_with_tls_disturbs_nobody() {
    let keys = Keys::new();
    keys.issue("app");
    let mut ensemble = secured(&keys, 3).line("maxSessionTimeout=60000").start();
    let bystander = Bystander::start(&ensemble);
    let port = tunnel(ensemble.server(2).client, keys.client(Some("app")));
    let mut polite = RawClient::connect(port, &Session::new(60_000)).unwrap();
    polite.create("/polite", b"", CreateMode::Persistent).unwrap();
    let mut rng = Rng::new(seed());
    let mut version = 0;
    for id in ensemble.ids() {
        let server = ensemble.server(id);
        for bytes in hostile(&mut rng) {
            for port in [server.client, server.quorum, server.election] {
                let mut wire = Wire::dial(port);
                wire.say(&bytes);
                wire.half_close();
                assert!(
                    wire.rest().is_some(),
                    "server {id}, port {port}: {:?}",
                    &bytes[..bytes.len().min(16)]
                );
            }
            polite.set("/polite", b"still here", version).unwrap();
            version += 1;
        }
        // Many that say nothing, and one that stops in the middle.
        let silent: Vec<Wire> = [server.client, server.quorum, server.election]
            .into_iter()
            .flat_map(|port| (0..40).map(move |_| Wire::dial(port)))
            .collect();
        polite.set("/polite", b"still here", version).unwrap();
        version += 1;
        drop(silent);
    }
    bystander.stop();
    for id in ensemble.ids() {
        assert!(ensemble.is_alive(id));
        let log = ensemble.server(id).log();
        assert!(
            log.contains("election port: 127.0.0.1:") && log.contains("speaks HTTP, and this port wants TLS")
        );
        assert!(log.contains("asks a four-letter word without TLS"), "{log}");
    }
}

#[test]
fn a_server_without_tls_is_named_to_those_with() {
    let keys = Keys::new();
    let mut ensemble = secured(&keys, 3).prepare();
    let config = fs::read_to_string(ensemble.server(3).config()).unwrap();
    let plain: String = config
        .lines()
        .filter(|line| !line.contains("sslQuorum"))
        .fold(String::new(), |all, line| all + line + "\n");
    fs::write(ensemble.server(3).config(), plain).unwrap();
    for id in ensemble.ids() {
        ensemble.start(id);
    }
    ensemble.await_log(1, "is a server without TLS, and this port wants TLS");
    ensemble.await_log(3, "speaks TLS, and this port does not");
    // The two others are a quorum.
    ensemble.await_serving(&[1, 2]);
}

#[test]
fn keys_are_replaced_without_a_restart() {
    let keys = Keys::new();
    keys.issue("app");
    let ensemble = secured(&keys, 1).start();
    let port = ensemble.server(1).client;
    let config = keys.client(Some("app"));
    let shown = || {
        let mut stream = dial_tls(port, &config);
        stream.write_all(b"srvr").unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let mut old = RawClient::connect(tunnel(port, keys.client(Some("app"))), &Session::new(10_000)).unwrap();
    let first = shown();
    let hang_up = || kill_process(Pid::from_raw(ensemble.pid(1) as i32).unwrap(), Signal::HUP).unwrap();
    replace(&keys.path("server.pem"), b"-----BEGIN CERTIFICATE-----\nnonsense");
    hang_up();
    ensemble.await_log(1, "the keys and certificates stay as they were");
    assert_eq!(shown(), first);
    keys.issue("server");
    hang_up();
    ensemble.await_log(1, "new handshakes take the files as they are now: the certificate of CN=server");
    assert!(eventually(Duration::from_secs(5), || shown() != first));
    old.create("/here", b"", CreateMode::Persistent).unwrap();
    let figures = ensemble.server(1).word("mntr").unwrap();
    assert!(figures.contains("zk_tls_client_certificate_days_left\t364"), "{figures}");
    assert!(figures.contains("zk_tls_quorum_certificate_days_left\t364"), "{figures}");
}

/// What the guide says about TLS can be done as it is written.
#[test]
fn the_guide_to_tls_works_as_written() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let [secure] = free_ports();
    let said = run_guide("TLS", &[("2281", &secure.to_string())]);
    assert!(said.contains("Mode: standalone"), "{said}");
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
}

#[test]
fn a_certificate_that_does_not_fit_is_found_before_the_start() {
    let keys = Keys::new();
    let ensemble = secured(&keys, 3).prepare();
    let check = || {
        let done = quorate().args(["cert", "check"]).arg(ensemble.server(1).config()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        (done.status.code(), said.into_owned())
    };
    let (code, said) = check();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("servers: the certificate of CN=server,O=Quorate, until 20"), "{said}");
    let made = quorate().args(["cert", "make", "--host", "elsewhere"]).arg(keys.path("")).output().unwrap();
    assert!(made.status.success());
    let (code, said) = check();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the certificate is for elsewhere, and not for 127.0.0.1"), "{said}");
}
