//! Everything the shell prints, in one order: a thread of its own writes it.
//!
//! Events come from the client's task, which must not wait for a terminal. So printing is a message to that
//! thread, and [`Printer::flush`] waits until it has written everything before.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use serde_json::Value;

use super::failure::Failure;
use super::show;

/// Prints a text although a line is being typed.
pub(super) type Aside = Box<dyn FnMut(String) + Send>;

enum Job {
    Out(Vec<u8>),
    Err(String),
    /// Text that comes unasked for.
    Event(String),
    /// From now on events go here.
    Aside(Aside),
    Flush(Sender<()>),
}

/// A handle to the printing thread.
#[derive(Clone)]
pub(super) struct Printer {
    jobs: Sender<Job>,
    standing: Arc<Standing>,
    /// Whether values are printed for programs.
    json: bool,
}

/// How standard output is.
#[derive(Default)]
struct Standing {
    closed: AtomicBool,
    failed: AtomicBool,
}

impl Printer {
    /// Begin to print to the process's standard output and standard error.
    pub(super) fn start(json: bool) -> Self {
        let (jobs, todo) = mpsc::channel();
        let standing = Arc::new(Standing::default());
        let seen = standing.clone();
        drop(thread::spawn(move || work(&todo, &seen)));
        Printer { jobs, standing, json }
    }

    /// A handle to the same thread, for people or for programs.
    pub(super) fn for_programs(&self, json: bool) -> Self {
        Printer { json: self.json || json, ..self.clone() }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether the reader of standard output has gone: then there is no use in going on.
    pub(super) fn closed(&self) -> bool {
        self.standing.closed.load(Ordering::Relaxed)
    }

    /// Whether something could not be printed although its reader is there.
    pub(super) fn failed(&self) -> bool {
        self.standing.failed.load(Ordering::Relaxed)
    }

    fn send(&self, job: Job) {
        // The thread ends with the process.
        let _ = self.jobs.send(job);
    }

    /// A line, or several, for people.
    pub(super) fn line(&self, line: &str) {
        if !self.json {
            self.send(Job::Out(format!("{line}\n").into_bytes()));
        }
    }

    /// A text for people, as it is.
    pub(super) fn text(&self, text: &str) {
        if !self.json {
            self.send(Job::Out(text.as_bytes().to_owned()));
        }
    }

    /// Bytes as they are.
    pub(super) fn raw(&self, bytes: Vec<u8>) {
        self.send(Job::Out(bytes));
    }

    /// A value for programs.
    pub(super) fn value(&self, value: &Value) {
        if self.json {
            self.send(Job::Out(format!("{value}\n").into_bytes()));
        }
    }

    /// An answer: a line for people, a value for programs.
    pub(super) fn answer(&self, line: impl FnOnce() -> String, value: impl FnOnce() -> Value) {
        if self.json { self.value(&value()) } else { self.line(&line()) }
    }

    /// A line on standard error, for people.
    pub(super) fn complain(&self, line: &str) {
        if !self.json {
            self.send(Job::Err(format!("{line}\n")));
        }
    }

    /// Why a command failed.
    pub(super) fn failure(&self, failure: &Failure) {
        let text =
            if self.json { failure.json().to_string() } else { show::data(failure.text().as_bytes()).into() };
        self.send(Job::Err(format!("{text}\n")));
    }

    /// What happened meanwhile: text for people, a value for programs.
    pub(super) fn event(&self, text: impl FnOnce() -> String, value: impl FnOnce() -> Value) {
        self.send(Job::Event(if self.json { format!("{}\n", value()) } else { text() }));
    }

    /// Print events so that a line that is being typed stays whole.
    pub(super) fn print_events_with(&self, aside: Aside) {
        self.send(Job::Aside(aside));
    }

    /// Wait until everything is printed, besides events while a line is typed.
    pub(super) fn flush(&self) {
        let (done, wait) = mpsc::channel();
        self.send(Job::Flush(done));
        // The thread ends with the process.
        let _ = wait.recv();
    }
}

/// Print until no handle is left.
fn work(todo: &Receiver<Job>, standing: &Standing) {
    let mut aside: Option<Sender<String>> = None;
    while let Ok(job) = todo.recv() {
        match job {
            Job::Out(bytes) => write_out(&bytes, standing),
            Job::Err(text) => {
                // A failure of standard error is nothing that could be said.
                let _ = io::stderr().write_all(text.as_bytes());
            }
            Job::Event(text) => match &aside {
                Some(aside) => drop(aside.send(text)),
                None => write_out(text.as_bytes(), standing),
            },
            Job::Aside(print) => aside = Some(events(print)),
            Job::Flush(done) => drop(done.send(())),
        }
    }
}

/// A thread for events: printing one may wait for the next line to be typed, and answers must not.
fn events(mut print: Aside) -> Sender<String> {
    let (sender, receiver) = mpsc::channel();
    drop(thread::spawn(move || {
        while let Ok(text) = receiver.recv() {
            print(text);
        }
    }));
    sender
}

fn write_out(bytes: &[u8], standing: &Standing) {
    if standing.closed.load(Ordering::Relaxed) {
        return;
    }
    let mut out = io::stdout().lock();
    if let Err(why) = out.write_all(bytes).and_then(|()| out.flush()) {
        standing.closed.store(true, Ordering::Relaxed);
        if why.kind() != ErrorKind::BrokenPipe {
            standing.failed.store(true, Ordering::Relaxed);
            crate::output::complain(&format!("writing to standard output: {why}"));
        }
    }
}
