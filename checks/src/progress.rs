//! How searches stand while they run, on stderr: one line that changes on a terminal, otherwise a line
//! for each search now and then.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use quorate_spec::search::Report;

use crate::out::errln;

/// How often a line is written where lines stay.
const EVERY: Duration = Duration::from_secs(10);

/// The searches that run.
pub(crate) struct Board {
    terminal: bool,
    running: Mutex<BTreeMap<&'static str, (String, Instant)>>,
}

impl Board {
    pub(crate) fn new() -> Self {
        Board { terminal: std::io::stderr().is_terminal(), running: Mutex::default() }
    }

    /// A search of this model has come this far.
    pub(crate) fn tell(&self, model: &'static str, report: &Report) {
        let line = format!(
            "{model}: {} unique, {} generated, depth {}, {} waiting, {:.0}/s, {:.1} GiB",
            report.unique,
            report.generated,
            report.depth,
            report.frontier,
            report.unique as f64 / report.time.as_secs_f64(),
            memory("VmRSS:") as f64 / f64::from(1 << 30)
        );
        let mut running = self.running.lock().expect("nobody panics here");
        let now = Instant::now();
        let began = now.checked_sub(report.time).unwrap_or(now);
        let (shown, said) = running.entry(model).or_insert((String::new(), began));
        *shown = line;
        if self.terminal {
            let all: Vec<&str> = running.values().map(|(line, _)| line.as_str()).collect();
            let _ = write!(std::io::stderr(), "\r\x1b[2K{}", all.join("  |  "));
        } else if said.elapsed() >= EVERY {
            *said = Instant::now();
            errln!("  … {shown}");
        }
    }

    /// A search has ended: its line goes.
    pub(crate) fn end(&self, model: &'static str) {
        self.running.lock().expect("nobody panics here").remove(model);
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

/// Bytes of memory that this process holds (`VmRSS:`) or has held at most (`VmHWM:`); 0 where the
/// system does not tell.
pub(crate) fn memory(which: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}
