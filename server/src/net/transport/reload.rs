//! Files with keys and certificates are read again: when they have changed, or when the operator says so.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use tracing::{error, info, warn};

use super::threads::Credentials;
use crate::clock::wall_ms;
use crate::tls::{Context, files};

/// How often files are looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a certificate that ends soon is warned about, in milliseconds.
const WARN_EVERY: i64 = 86_400_000;

/// Asks the thread that reads files to read them all.
#[derive(Clone)]
pub(crate) struct Reload(Sender<()>);

/// The files of one side.
struct Watched {
    credentials: Arc<Credentials>,
    /// What the files were when they were read last, well or not.
    seen: Vec<Option<(SystemTime, u64)>>,
    /// What they were at the last look: files are read when they have stopped changing.
    last_look: Vec<Option<(SystemTime, u64)>>,
    warned_ms: i64,
}

impl Reload {
    /// Start the thread. It ends with the last [`Reload`].
    ///
    /// # Errors
    /// The system is short of something.
    pub(crate) fn start(all: Vec<Arc<Credentials>>) -> io::Result<Reload> {
        let (sender, asked) = channel();
        let watched: Vec<Watched> = all.into_iter().map(Watched::new).collect();
        thread::Builder::new().name("tls-files".to_owned()).spawn(move || run(watched, &asked))?;
        Ok(Reload(sender))
    }

    /// Read all files.
    pub(crate) fn ask(&self) {
        let _ = self.0.send(());
    }
}

fn run(mut all: Vec<Watched>, asked: &Receiver<()>) {
    loop {
        match asked.recv_timeout(PAUSE) {
            Ok(()) => all.iter_mut().for_each(Watched::read),
            Err(RecvTimeoutError::Timeout) => all.iter_mut().for_each(Watched::look),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Watched {
    fn new(credentials: Arc<Credentials>) -> Watched {
        let seen = files(credentials.settings());
        Watched { credentials, last_look: seen.clone(), seen, warned_ms: wall_ms() }
    }

    fn look(&mut self) {
        if self.credentials.settings().reload {
            let now = files(self.credentials.settings());
            let rests = now == self.last_look;
            self.last_look = now;
            if rests && self.last_look != self.seen {
                self.read();
            }
        }
        if wall_ms() - self.warned_ms >= WARN_EVERY {
            self.warned_ms = wall_ms();
            let side = self.credentials.settings().side.prefix();
            let context = self.credentials.current();
            context.endings(wall_ms()).for_each(|text| warn!("{side}: {text}"));
        }
    }

    /// What is broken does not take the place of what works.
    fn read(&mut self) {
        let settings = self.credentials.settings();
        let side = settings.side.prefix();
        self.seen = files(settings);
        match Context::load(settings) {
            Ok(context) => {
                context.advice().for_each(|(_, text)| warn!("{side}: {text}"));
                info!("{side}: new handshakes take the files as they are now: {}", context.summary());
                self.credentials.replace(context);
            }
            Err(trouble) => error!("{side}: the keys and certificates stay as they were: {trouble}"),
        }
    }
}
