//! Handshakes are done by other threads, records are read in any pieces, and nonsense ends a connection.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use super::session::Session;
use super::{Credentials, Door, Handshakes, Limits};
use crate::net::client::{ClientPort, ClientSettings, ConnectionLimits, Happened};
use crate::net::listener::{self, Port};
use crate::net::socket::READ_CHUNK;
use crate::net::token::{PortKind, Source};
use crate::tls::Context;
use crate::tls::make::Wanted;
use crate::tls::settings::{Side, TlsSettings};
use crate::tls::tests::Keys;
use crate::word::Word;

/// Which threads have signed.
type Signed = Arc<Mutex<Vec<String>>>;

/// A key that notes where it is used.
#[derive(Debug)]
struct Noted(Arc<dyn SigningKey>, Signed);

impl SigningKey for Noted {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.1.lock().unwrap().push(thread::current().name().unwrap_or_default().to_owned());
        self.0.choose_scheme(offered)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

/// Shows certificates with such a key.
#[derive(Debug)]
struct Resolver(Arc<dyn ResolvesServerCert>, Signed);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = self.0.resolve(hello)?;
        let key = Arc::new(Noted(Arc::clone(&found.key), Arc::clone(&self.1)));
        Some(Arc::new(CertifiedKey::new(found.cert.clone(), key)))
    }
}

/// A client port with TLS, in the hands of this thread.
struct Loop {
    poll: Poll,
    port: ClientPort,
    finished: std::sync::mpsc::Receiver<super::Finished>,
    address: SocketAddr,
    signed: Signed,
    settings: TlsSettings,
    _keys: Keys,
}

impl Loop {
    fn new(under_way: usize, first_byte: Duration) -> Loop {
        let keys = Keys::new();
        let path = keys.issue(&Wanted::new("server", &["127.0.0.1"], 20));
        let settings = TlsSettings { first_byte, ..keys.settings(Side::Client, &path) };
        let mut context = Context::load(&settings).unwrap();
        let signed = Signed::default();
        let mut server = (*context.server).clone();
        server.cert_resolver = Arc::new(Resolver(Arc::clone(&server.cert_resolver), Arc::clone(&signed)));
        context.server = Arc::new(server);
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(usize::MAX)).unwrap());
        let (done, finished) = channel();
        let credentials = Arc::new(Credentials::new(settings.clone(), context));
        let limits = Limits { threads: 2, under_way };
        let handshakes = Handshakes::start(&credentials, limits, &done, &waker).unwrap();
        let socket = listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), false, 128).unwrap();
        let address = socket.local_addr().unwrap();
        let token = Source::Listener(PortKind::Client).token();
        let port = Port::default().with(vec![socket], Door::Tls, poll.registry(), token).unwrap();
        let connections = ConnectionLimits { per_address: 0, all: 0, descriptors: 1000 };
        let client = ClientSettings {
            connections,
            sessionless: Duration::from_secs(30),
            max_frame: 1 << 20,
            outstanding_limit: 1000,
            memory: 1 << 30,
        };
        let mut port = ClientPort::new(client, Some(port));
        port.set_tls(handshakes);
        Loop { poll, port, finished, address, signed, settings, _keys: keys }
    }

    /// One turn; what was asked in it.
    fn turn(&mut self) -> Vec<Word> {
        let mut events = Events::with_capacity(64);
        self.poll.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
        let now = Instant::now();
        for event in &events {
            match Source::of(event.token()) {
                Some(Source::Connection(PortKind::Client, index)) => self.port.ready(index, event),
                Some(Source::Listener(PortKind::Client)) => self.port.listener_ready(),
                _ => {}
            }
        }
        self.port.accept(now, self.poll.registry());
        while let Ok(finished) = self.finished.try_recv() {
            self.port.entered(now, finished, self.poll.registry());
        }
        self.port.begin_turn();
        let mut asked = Vec::new();
        let mut scratch = vec![0; READ_CHUNK];
        while let Some(happened) = self.port.next_happened(now, &mut scratch) {
            if let Happened::Asked(conn, word) = happened {
                asked.push(word);
                self.port.write_piece(now, conn, "answered", true);
            }
        }
        self.port.flush();
        asked
    }
}

/// A client asks a word and reads the answer.
fn ask(address: SocketAddr, config: &Arc<rustls::ClientConfig>) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let mut session =
        rustls::ClientConnection::new(Arc::clone(config), ServerName::try_from("zoo1").unwrap()).unwrap();
    let mut stream = rustls::Stream::new(&mut session, &mut stream);
    stream.write_all(b"srvr").unwrap();
    let mut answer = String::new();
    // The end is said: nothing was cut off.
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn no_handshake_is_done_in_a_turn_of_the_loop() {
    const CLIENTS: usize = 24;
    let mut port = Loop::new(100, Duration::from_secs(5));
    let config = Context::load(&port.settings).unwrap().client;
    let address = port.address;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let config = Arc::clone(&config);
            thread::spawn(move || ask(address, &config))
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(60);
    let mut asked = 0;
    while asked < CLIENTS || port.port.len() > 0 {
        assert!(Instant::now() < until, "{asked} of {CLIENTS}");
        asked += port.turn().len();
    }
    for client in clients {
        assert_eq!(client.join().unwrap(), "answered");
    }
    let signed = port.signed.lock().unwrap();
    assert_eq!(signed.len(), CLIENTS);
    assert!(signed.iter().all(|thread| thread.starts_with("tls-clients-")), "{signed:?}");
}

#[test]
fn handshakes_under_way_are_bounded_in_number_and_in_time() {
    let mut port = Loop::new(3, Duration::from_millis(300));
    let silent: Vec<_> = (0..5).map(|_| std::net::TcpStream::connect(port.address).unwrap()).collect();
    let until = Instant::now() + Duration::from_secs(60);
    // Two are one too many at once, three when nothing has come for the time of the first byte.
    while port.port.totals().rejected + port.port.totals().failed_handshakes < 5 {
        assert!(Instant::now() < until, "{:?}", port.port.totals());
        port.turn();
    }
    let totals = port.port.totals();
    assert_eq!((totals.handshakes_exceeded, totals.failed_handshakes, port.port.len()), (2, 3, 0));
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
    assert_eq!(port.port.handshakes(), 0);
}

/// Both ends of a connection in memory.
fn pair() -> (Session, Session) {
    let keys = Keys::new();
    let path = keys.issue(&Wanted::new("server", &["127.0.0.1"], 20));
    let context = Context::load(&keys.settings(Side::Quorum, &path)).unwrap();
    let name = ServerName::try_from("zoo1").unwrap();
    let client = rustls::client::UnbufferedClientConnection::new(context.client.clone(), name).unwrap();
    let server = rustls::server::UnbufferedServerConnection::new(context.server).unwrap();
    (Session::server(server), Session::client(client))
}

/// One end reads bytes in pieces of this length.
fn feed(to: &mut Session, bytes: &[u8], piece: usize, kept: &mut Vec<u8>, said: &mut Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in bytes.chunks(piece) {
        kept.extend_from_slice(piece);
        let advanced = to.advance(kept, &mut out, &mut |bytes| said.extend_from_slice(bytes)).unwrap();
        kept.drain(..advanced.used);
    }
    out
}

#[test]
fn records_are_read_in_any_pieces() {
    for piece in [1, 7, 1000, 40_000] {
        let (mut server, mut client) = pair();
        let (mut server_kept, mut client_kept, mut said) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = Vec::new();
        client.advance(&mut [], &mut bytes, &mut |_| {}).unwrap();
        for _ in 0..3 {
            let back = feed(&mut server, &bytes, piece, &mut server_kept, &mut said);
            bytes = feed(&mut client, &back, piece, &mut client_kept, &mut said);
        }
        assert!(!server.common().is_handshaking() && !client.common().is_handshaking());
        let long: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        let mut bytes = Vec::new();
        client.encrypt(&long, &mut client_kept, &mut bytes).unwrap();
        client.close(&mut client_kept, &mut bytes).unwrap();
        said.clear();
        feed(&mut server, &bytes, piece, &mut server_kept, &mut said);
        assert!(said == long, "pieces of {piece}");
    }
}

#[test]
fn nonsense_is_an_error_whenever_it_comes() {
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0..400 {
        let (mut server, mut client) = pair();
        let mut bytes = Vec::new();
        client.advance(&mut [], &mut bytes, &mut |_| {}).unwrap();
        // A few bits of a good hello are wrong, or something follows it that is no TLS.
        if n % 2 == 0 {
            for _ in 0..4 {
                let at = random.usize(..bytes.len());
                bytes[at] ^= 1 << random.u8(..8);
            }
        } else {
            bytes.truncate(random.usize(..=bytes.len()));
            bytes.extend((0..random.usize(..300)).map(|_| random.u8(..)));
        }
        let mut out = Vec::new();
        let _ = server.advance(&mut bytes, &mut out, &mut |_| {});
        // What is left over is given again, and both ends can still be closed.
        let _ = server.advance(&mut bytes, &mut out, &mut |_| {});
        let _ = server.close(&mut bytes, &mut out);
        let _ = client.advance(&mut out, &mut Vec::new(), &mut |_| {});
    }
}
