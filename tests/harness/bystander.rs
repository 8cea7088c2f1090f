//! A client that behaves well, on one connection with every server, and notices if anything is amiss
//! while others behave badly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use quorate_core::wire::client::CreateMode;

use super::ensemble::Ensemble;

/// A write and a read with every server, one after the other, as long as it exists and once more.
#[derive(Debug)]
pub(crate) struct Bystander {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Bystander {
    /// Begin, with the servers that run.
    pub(crate) fn start(ensemble: &Ensemble) -> Bystander {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients: Vec<_> =
            ensemble.running().into_iter().map(|id| (id, ensemble.connect_for(id, 60_000))).collect();
        let (_, first) = &mut clients[0];
        first.create("/good", b"", CreateMode::Persistent).expect("nothing is there yet");
        for (id, client) in &mut clients {
            client.sync().expect("it serves");
            client.create(&format!("/good/{id}"), b"", CreateMode::Ephemeral).expect("nothing is there yet");
        }
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut rounds = 0u64;
            loop {
                // The last round begins when everything has happened.
                let last = told.load(Ordering::Relaxed);
                rounds += 1;
                for (id, client) in &mut clients {
                    let (path, data) = (format!("/good/{id}"), rounds.to_string());
                    client.set(&path, data.as_bytes(), rounds as i32 - 1).expect("nobody is in its way");
                    let (read, stat) = client.get(&path, false).expect("nobody is in its way");
                    assert_eq!((read, stat.version), (data.into_bytes(), rounds as i32), "server {id}");
                }
                if last {
                    return;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Bystander { stop, thread }
    }

    /// Stop.
    ///
    /// # Panics
    /// If it was disturbed.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("nobody disturbed it");
    }
}
