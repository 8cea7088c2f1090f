//! What is printed, and how it is waited for.

use std::fmt::{Debug, Display};
use std::io::BufRead;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long an answer, an event or a new leader may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One line.
pub(crate) fn say(what: &str, answer: impl Debug) {
    println!("{what}: {answer:?}");
}

/// One line of what may have failed.
pub(crate) fn tell<T: Debug, E: Debug>(what: &str, result: Result<T, E>) {
    match result {
        Ok(answer) => println!("{what}: {answer:?}"),
        Err(error) => println!("{what}: error {error:?}"),
    }
}

/// Has the leader killed and waits until there is another.
pub(crate) fn have_leader_killed() {
    println!("> the leader");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("an answer");
}

/// The next event of a watch. A watch that has lost its client tells nothing more.
pub(crate) fn next<T: Display>(what: &str, events: &Receiver<T>) {
    match events.recv_timeout(PATIENCE) {
        Ok(event) => println!("{what}: {event}"),
        Err(RecvTimeoutError::Timeout) => println!("{what}: nothing"),
        Err(RecvTimeoutError::Disconnected) => println!("{what}: no watch"),
    }
}

/// Waits until the condition is true.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > end {
            println!("{what}: never");
            return;
        }
        sleep(Duration::from_millis(20));
    }
    println!("{what}: yes");
}
