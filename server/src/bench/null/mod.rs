//! `quorate bench null`: the floor, a server that knows nothing and answers what the other modes ask.
//!
//! A null server takes the same frames and gives answers of the same size that the checks accept. One thread
//! does so, with one read and one write per connection and round. What it leaves out is what a coordination
//! service is: sessions, znodes, their order. No server of this protocol can be faster on this machine
//! by much; how near one comes is what the floor is for. It is not for anything else.
//!
//! With a log (`--durable`) a write is answered after a sync, which a thread of its own does. What waits for
//! a sync holds up its own connection only. With `--quorum` more than half of some servers must have synced.

mod log;
mod replica;
mod state;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use quorate_core::ids::Zxid;
use quorate_core::wire::client::{
    ConnectRequest, EventType, KeeperState, ReplyHeader, WatcherEvent, write_frame, xid,
};
use quorate_core::wire::jute::{Jute, WireError};

use super::args::NullArgs;
use super::failure::{Failure, system};
use super::socket::{Socket, cut};
use super::value::Values;
use log::Log;
use replica::Replica;
use state::{State, is_write};

const LISTENER: Token = Token(usize::MAX);
const LOG: Token = Token(usize::MAX - 1);
/// How long a follower waits for its leader to listen.
const LEADER_LIMIT: Duration = Duration::from_secs(10);

/// Run it until it is killed.
///
/// # Errors
/// The port or the file cannot be used; the leader of a quorum is not there.
pub(super) fn run(args: &NullArgs) -> Result<(), Failure> {
    let failed = system("waiting for sockets");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listening = TcpListener::bind(address);
    let listener = listening.map_err(|why| Failure::Connect { server: address.to_string(), why })?;
    let poll = Poll::new().map_err(&failed)?;
    let quorum = if args.quorum.is_empty() { &[args.port] } else { args.quorum.as_slice() };
    let Some(me) = quorum.iter().position(|port| *port == args.port) else {
        return Err(Failure::Unfit(format!("port {} is none of --quorum", args.port)));
    };
    let replica = match &args.durable {
        None => None,
        Some(directory) => {
            let path = directory.join("null.log");
            let waker = Arc::new(Waker::new(poll.registry(), LOG).map_err(&failed)?);
            let log = Log::open(&path, waker).map_err(|why| Failure::File { path, why })?;
            Some(Replica::new(me, quorum.len(), log))
        }
    };
    let mut server = NullServer {
        poll,
        listener,
        connections: Vec::new(),
        state: State::new(Values::new(args.value_size as usize)),
        peers: vec![None; quorum.len()],
        replica,
        touched: Vec::new(),
    };
    server.poll.registry().register(&mut server.listener, LISTENER, Interest::READABLE).map_err(&failed)?;
    if me > 0 {
        server.follow(SocketAddr::from((Ipv4Addr::LOCALHOST, quorum[0])), me)?;
    }
    crate::output::say(&format!("ready: {address}"));
    server.run().map_err(system("serving"))
}

struct NullServer {
    poll: Poll,
    listener: TcpListener,
    /// By token; those that have ended stay empty.
    connections: Vec<Option<Connection>>,
    state: State,
    /// The connections to the other servers of a quorum.
    peers: Vec<Option<usize>>,
    /// Where writes go that are to be durable first.
    replica: Option<Replica>,
    /// The connections for which there is something to send.
    touched: Vec<usize>,
}

/// Which kind of party is at the other end.
#[derive(Clone, Copy)]
enum Kind {
    New,
    Client,
    /// A server of the quorum.
    Peer(usize),
}

struct Connection {
    socket: Socket,
    kind: Kind,
    out: Vec<u8>,
    /// A write that is not committed, and what came behind it.
    waiting: VecDeque<Bytes>,
}

impl NullServer {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = Vec::new();
        loop {
            match self.poll.poll(&mut events, None) {
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    LOG => {}
                    Token(index) => {
                        // A party that breaks the protocol or goes away is gone, no more.
                        if let Err(why) = self.serve(index, event.is_writable(), &mut buffer) {
                            self.connections[index] = None;
                            // A follower has nothing to do without its leader.
                            if self.peers[0] == Some(index) {
                                return Err(why);
                            }
                        }
                    }
                }
            }
            if let Some(replica) = &mut self.replica {
                replica.turn()?;
                self.answer_committed()?;
            }
            self.send();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nodelay(true)?;
                    self.add(Socket::new(stream), Kind::New)?;
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The peer may be gone again.
                Err(why) if why.kind() == ErrorKind::ConnectionAborted => {}
                Err(why) => return Err(why),
            }
        }
    }

    fn add(&mut self, mut socket: Socket, kind: Kind) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(socket.stream(), Token(self.connections.len()), both)?;
        self.connections.push(Some(Connection { socket, kind, out: Vec::new(), waiting: VecDeque::new() }));
        Ok(())
    }

    /// Become a follower of the server there.
    fn follow(&mut self, leader: SocketAddr, me: usize) -> Result<(), Failure> {
        let until = Instant::now() + LEADER_LIMIT;
        let stream = loop {
            match std::net::TcpStream::connect(leader) {
                Ok(stream) => break stream,
                Err(why) if Instant::now() > until => {
                    return Err(Failure::Connect { server: leader.to_string(), why });
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        };
        let failed = system("connecting to the leader");
        stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).map_err(&failed)?;
        let mut socket = Socket::new(TcpStream::from_std(stream));
        socket.send(&replica::hello(me)).map_err(&failed)?;
        self.peers[0] = Some(self.connections.len());
        self.add(socket, Kind::Peer(0)).map_err(&failed)
    }

    /// Read what is there, and answer what need not wait.
    fn serve(&mut self, index: usize, writable: bool, buffer: &mut Vec<u8>) -> io::Result<()> {
        let Some(mut connection) = self.connections[index].take() else { return Ok(()) };
        if writable {
            connection.socket.flush()?;
        }
        let mut changed = None;
        while let Some(filled) = connection.socket.fill(buffer)? {
            let mut rest = &buffer[..filled.length];
            while let Some((frame, behind)) = cut(rest).map_err(|_| ErrorKind::InvalidData)? {
                rest = behind;
                changed = self.frame(index, &mut connection, frame)?.or(changed);
            }
            connection.socket.keep(rest);
            if !filled.more {
                break;
            }
        }
        if !connection.out.is_empty() {
            self.touched.push(index);
        }
        self.connections[index] = Some(connection);
        if let Some(path) = changed {
            self.notify(&path);
        }
        Ok(())
    }

    /// One frame; the path that was set, if a connection watches.
    fn frame(&mut self, index: usize, from: &mut Connection, frame: &[u8]) -> io::Result<Option<String>> {
        match from.kind {
            Kind::Peer(server) => {
                let heard = self.replica.as_mut().and_then(|replica| replica.hear(server, frame));
                heard.ok_or(ErrorKind::InvalidData)?;
            }
            Kind::New => match replica::heard_hello(frame) {
                Some(server) if server > 0 && server < self.peers.len() => {
                    from.kind = Kind::Peer(server);
                    self.peers[server] = Some(index);
                }
                Some(_) => return Err(ErrorKind::InvalidData.into()),
                None => {
                    let request = ConnectRequest::from_bytes(&Bytes::copy_from_slice(frame));
                    from.kind = Kind::Client;
                    self.state.connect(&request.map_err(invalid)?, &mut from.out);
                }
            },
            Kind::Client => {
                let frame = Bytes::copy_from_slice(frame);
                match &mut self.replica {
                    Some(replica) if is_write(&frame) => {
                        replica.submit(index, frame.clone());
                        from.waiting.push_back(frame);
                    }
                    Some(_) if !from.waiting.is_empty() => from.waiting.push_back(frame),
                    _ => return self.state.answer(index, &frame, &mut from.out).map_err(invalid),
                }
            }
        }
        Ok(None)
    }

    /// Answer the writes that are committed, and what has waited behind them.
    fn answer_committed(&mut self) -> io::Result<()> {
        while let Some((waits, write)) = self.replica.as_mut().and_then(Replica::next_committed) {
            let connection = waits.and_then(|index| Some((index, self.connections[index].as_mut()?)));
            let mut nowhere = Vec::new();
            let changed = match connection {
                Some((index, connection)) => {
                    let mut changed =
                        self.state.answer(index, &write, &mut connection.out).map_err(invalid)?;
                    connection.waiting.pop_front();
                    while connection.waiting.front().is_some_and(|next| !is_write(next))
                        && let Some(read) = connection.waiting.pop_front()
                    {
                        let also = self.state.answer(index, &read, &mut connection.out);
                        changed = also.map_err(invalid)?.or(changed);
                    }
                    self.touched.push(index);
                    changed
                }
                None => self.state.answer(usize::MAX, &write, &mut nowhere).map_err(invalid)?,
            };
            if let Some(path) = changed {
                self.notify(&path);
            }
        }
        Ok(())
    }

    fn notify(&mut self, path: &str) {
        let event = WatcherEvent {
            event: EventType::NodeDataChanged,
            state: KeeperState::SyncConnected,
            path: path.to_owned(),
        };
        let mut bytes = Vec::new();
        write_frame(&mut bytes, |out| {
            ReplyHeader::ok(xid::NOTIFICATION, Zxid(self.state.zxid)).write(out);
            event.write(out);
        });
        for index in self.state.watchers.drain(..) {
            if let Some(connection) = &mut self.connections[index] {
                connection.out.extend_from_slice(&bytes);
                self.touched.push(index);
            }
        }
    }

    /// Send what the round has made.
    fn send(&mut self) {
        if let Some(replica) = &mut self.replica {
            for (server, peer) in self.peers.iter().enumerate() {
                let out = replica.out(server);
                // A follower that is not there gets nothing, and is not waited for.
                if let Some(connection) = peer.and_then(|index| self.connections[index].as_mut())
                    && !out.is_empty()
                {
                    connection.out.append(out);
                    self.touched.extend(*peer);
                }
                out.clear();
            }
        }
        for index in self.touched.drain(..) {
            if let Some(connection) = &mut self.connections[index]
                && !connection.out.is_empty()
            {
                let sent = connection.socket.send(&connection.out);
                connection.out.clear();
                if sent.is_err() {
                    self.connections[index] = None;
                }
            }
        }
    }
}

fn invalid(_: WireError) -> io::Error {
    ErrorKind::InvalidData.into()
}
