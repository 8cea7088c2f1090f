//! A client that counts in one znode, whatever happens to the servers. Every number is written on the
//! condition that the one before it is there, so that a lost or doubled write is noticed at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use quorate_core::wire::error_code::ErrorCode;

use super::raw_client::{Failure, RawClient, Session};

/// After this long without an answer the next server is tried.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A counter in a thread of its own.
#[derive(Debug)]
pub(crate) struct Counter {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Counter {
    /// Count in `path`, which must exist and never have been written, with whichever of `ports` answers.
    pub(crate) fn start(ports: Vec<u16>, path: &str) -> Counter {
        let stop = Arc::new(AtomicBool::new(false));
        let mut counting = Counting {
            stop: Arc::clone(&stop),
            path: path.to_owned(),
            session: Session::new(60_000),
            count: 0,
            unknown: false,
        };
        let thread = std::thread::spawn(move || {
            for port in ports.into_iter().cycle() {
                counting.with_server(port);
                if counting.stop.load(Ordering::Relaxed) && !counting.unknown {
                    break;
                }
            }
            counting.count
        });
        Counter { stop, thread }
    }

    /// Stop, and say how far it came. A write whose answer did not come is looked after first: it may be
    /// there.
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the counter found every number where it must be")
    }
}

struct Counting {
    stop: Arc<AtomicBool>,
    path: String,
    session: Session,
    /// The last number that is known to be there.
    count: u64,
    /// The next one may be there too: it was written, and the answer did not come.
    unknown: bool,
}

impl Counting {
    fn with_server(&mut self, port: u16) {
        let mut client = match RawClient::connect_within(ANSWER_LIMIT, port, &self.session) {
            Ok(client) => client,
            Err(Failure::Refused) => panic!("the session {:?} is gone", self.session),
            Err(_) => return std::thread::sleep(Duration::from_millis(10)),
        };
        match self.count_on(&mut client) {
            Ok(()) | Err(Failure::Lost(_)) => {}
            Err(other) => panic!("{} at {}: {other:?}", self.path, self.count),
        }
        self.session = client.session;
    }

    fn count_on(&mut self, client: &mut RawClient) -> Result<(), Failure> {
        client.sync()?;
        self.look(client)?;
        while !self.stop.load(Ordering::Relaxed) {
            let next = self.count + 1;
            self.unknown = true;
            match client.set(&self.path, next.to_string().as_bytes(), self.count as i32) {
                Ok(stat) => {
                    assert_eq!(stat.version, next as i32, "{}", self.path);
                    (self.count, self.unknown) = (next, false);
                }
                // The write whose answer was lost has arrived after all.
                Err(Failure::Code(ErrorCode::BadVersion)) => {
                    let before = self.count;
                    self.look(client)?;
                    assert_eq!(self.count, before + 1, "{}: another client wrote", self.path);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Read the number: the last that was acknowledged, or the one whose answer was lost.
    fn look(&mut self, client: &mut RawClient) -> Result<(), Failure> {
        let (data, stat) = client.get(&self.path, false)?;
        let there: u64 =
            if stat.version == 0 { 0 } else { String::from_utf8_lossy(&data).parse().expect("a number") };
        assert_eq!(there, stat.version as u64, "{}: numbers and versions go together", self.path);
        let next = self.unknown && there == self.count + 1;
        assert!(there == self.count || next, "{}: {there} after {}", self.path, self.count);
        // A write of an earlier connection does not arrive any more: the session has moved on.
        (self.count, self.unknown) = (there, false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A server with one znode, which closes instead of answering the first write and has the counter told
    /// to stop before that.
    struct Treacherous {
        version: i32,
        stop: Arc<AtomicBool>,
    }

    impl Treacherous {
        fn serve(&mut self, mut stream: TcpStream) -> io::Result<()> {
            frame(&mut stream)?;
            let session = [&[0; 4][..], &10_000i32.to_be_bytes(), &7i64.to_be_bytes(), &16i32.to_be_bytes()];
            answer(&mut stream, &[&session.concat()[..], &[1; 16], &[0]].concat())?;
            loop {
                let request = frame(&mut stream)?;
                let body = match request[4..8] {
                    [0, 0, 0, 9] => [&2i32.to_be_bytes()[..], b"/n"].concat(),
                    [0, 0, 0, 4] => {
                        let data = self.version.to_string();
                        [&(data.len() as i32).to_be_bytes()[..], data.as_bytes(), &self.stat()].concat()
                    }
                    [0, 0, 0, 5] => {
                        self.version += 1;
                        if !self.stop.swap(true, Ordering::Relaxed) {
                            return Ok(());
                        }
                        self.stat()
                    }
                    _ => Vec::new(),
                };
                answer(&mut stream, &[&request[..4], &[0; 12], &body].concat())?;
            }
        }

        fn stat(&self) -> Vec<u8> {
            [&[0; 32][..], &self.version.to_be_bytes(), &[0; 32]].concat()
        }
    }

    fn frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame)?;
        Ok(frame)
    }

    fn answer(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
        stream.write_all(&[&(body.len() as i32).to_be_bytes()[..], body].concat())
    }

    #[test]
    fn a_write_whose_answer_is_lost_when_it_stops_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let counter = Counter::start(vec![port], "/n");
        let mut server = Treacherous { version: 0, stop: Arc::clone(&counter.stop) };
        let served = std::thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                // The counter ends its second connection.
                let _ = server.serve(stream.unwrap());
            }
            server.version
        });
        let stopped = Arc::clone(&counter.stop);
        while !stopped.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let counted = counter.stop();
        // Without a look after the lost answer there is no second connection.
        let _ = TcpStream::connect(("127.0.0.1", port));
        assert_eq!(counted, served.join().unwrap() as u64);
    }
}
