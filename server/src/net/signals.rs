//! What asks a running server to stop: signals, and the end of standard input.

use std::io::{self, Read};
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::low_level::signal_name;
use signal_hook_mio::v1_0::Signals;
use tracing::{info, warn};

use super::token::Source;
use super::transport::Reload;

/// The signals that ask a server to stop.
const STOP_SIGNALS: [i32; 2] = [SIGINT, SIGTERM];
/// Signals that would end the process if it did not handle them. Log rotation sends them, or a file size
/// limit, or habit: SIGQUIT makes a Java server write down its threads. SIGHUP also asks for the files of
/// keys and certificates to be read again. SIGPIPE is ignored from the start.
const OTHER_SIGNALS: [i32; 6] = [SIGALRM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXFSZ];

/// The signals that were sent.
pub(super) struct Requests {
    signals: Signals,
    /// SIGHUP has come.
    reload: bool,
    /// What reads the files of keys and certificates again, where there are any.
    pub(super) keys: Option<Reload>,
}

impl Requests {
    /// Take over the process's signals.
    pub(super) fn new(registry: &Registry) -> io::Result<Requests> {
        let mut signals = Signals::new(STOP_SIGNALS.iter().chain(&OTHER_SIGNALS))?;
        registry.register(&mut signals, Source::Signal.token(), Interest::READABLE)?;
        Ok(Requests { signals, reload: false, keys: None })
    }

    /// Whether SIGHUP has come since this was asked last: the configuration is to be read again.
    pub(super) fn asked_to_reload(&mut self) -> bool {
        std::mem::take(&mut self.reload)
    }

    /// Whether a signal has come that asks for the end; any other but SIGHUP is said.
    pub(super) fn asked_to_stop(&mut self) -> bool {
        let mut stop = false;
        for signal in self.signals.pending() {
            let name = signal_name(signal).unwrap_or("a signal");
            match signal {
                SIGHUP => {
                    self.reload = true;
                    if let Some(keys) = &self.keys {
                        info!("{name} was sent: the files of keys and certificates are read again");
                        keys.ask();
                    }
                }
                _ if STOP_SIGNALS.contains(&signal) => stop = true,
                _ => warn!("{name} was sent: nothing is done about it, this server goes on"),
            }
        }
        stop
    }
}

/// The end of standard input is to be noticed, too.
pub(super) fn watch_stdin(registry: &Registry) -> io::Result<()> {
    let stdin = io::stdin().as_raw_fd();
    registry.register(&mut SourceFd(&stdin), Source::Stdin.token(), Interest::READABLE)
}

/// Whether standard input is at its end.
pub(super) fn stdin_ended() -> bool {
    matches!(io::stdin().read(&mut [0; 64]), Ok(0) | Err(_))
}
