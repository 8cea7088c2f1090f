//! Signals that end a process come to a command that holds something, so that it can let go first.
//!
//! A process that listens to a signal once changes for good what the signal does to it. So the usual effect
//! is put back by hand when nothing is held any more.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_default;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// Whether SIGINT and SIGTERM end the process.
struct Usual {
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
}

static USUAL: OnceLock<Usual> = OnceLock::new();

fn usual() -> &'static Usual {
    USUAL.get_or_init(|| {
        let usual = Usual {
            interrupt: Arc::new(AtomicBool::new(false)),
            terminate: Arc::new(AtomicBool::new(false)),
        };
        // Where that is refused, the signals only have no effect later.
        let _ = register_conditional_default(SIGINT, usual.interrupt.clone());
        let _ = register_conditional_default(SIGTERM, usual.terminate.clone());
        usual
    })
}

/// As long as this lives, signals are heard and do not end the process.
pub(super) struct Orderly {
    interrupted: Signal,
    terminated: Signal,
    script: bool,
}

impl Orderly {
    /// Begin to listen. In a `script` Ctrl-C ends the shell later; otherwise another part of the shell
    /// listens to it.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn begin(script: bool) -> Result<Self, Failure> {
        let refused = |why: std::io::Error| Failure::new(format!("listening to signals: {why}"));
        usual().interrupt.store(false, Ordering::Relaxed);
        usual().terminate.store(false, Ordering::Relaxed);
        let interrupted = signal(SignalKind::interrupt()).map_err(refused)?;
        let terminated = signal(SignalKind::terminate()).map_err(refused)?;
        Ok(Orderly { interrupted, terminated, script })
    }

    /// Wait for a signal.
    pub(super) async fn interrupted(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

impl Drop for Orderly {
    fn drop(&mut self) {
        usual().interrupt.store(self.script, Ordering::Relaxed);
        usual().terminate.store(true, Ordering::Relaxed);
    }
}
