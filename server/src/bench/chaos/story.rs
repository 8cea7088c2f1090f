//! What happened in a run, in the order of time: the faults, and what the clients did shortly before the end.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

/// How many lines are kept of the faults, and of the clients.
const FAULTS: usize = 200;
const CLIENTS: usize = 5000;
/// How many lines are told.
const TOLD: usize = 60;

/// What was noticed first that must not be.
#[derive(Clone, Debug)]
struct Violation {
    at: f64,
    /// The client, if one has noticed it.
    client: Option<usize>,
    what: String,
}

#[derive(Debug, Default)]
struct Lines {
    /// Faults, and what the clients have done: when, which client, what.
    faults: VecDeque<(f64, Option<usize>, String)>,
    clients: VecDeque<(f64, Option<usize>, String)>,
    violation: Option<Violation>,
}

/// The story of a run.
#[derive(Debug)]
pub(super) struct Story {
    began: Instant,
    lines: Mutex<Lines>,
}

impl Story {
    pub(super) fn new() -> Story {
        Story { began: Instant::now(), lines: Mutex::default() }
    }

    /// Seconds since the beginning.
    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// A fault begins or ends.
    pub(super) fn fault(&self, what: String) {
        keep(&mut self.lines().faults, FAULTS, (self.seconds(), None, what));
    }

    /// A client has done something.
    pub(super) fn client(&self, number: usize, what: String) {
        keep(&mut self.lines().clients, CLIENTS, (self.seconds(), Some(number), what));
    }

    /// Something that must not be. Only the first is kept.
    pub(super) fn violation(&self, client: Option<usize>, what: String) {
        let at = self.seconds();
        self.lines().violation.get_or_insert(Violation { at, client, what });
    }

    /// The first violation, and what happened around it: the faults, and what that client did.
    pub(super) fn told(&self) -> Option<(String, Vec<String>)> {
        let lines = self.lines();
        let Violation { at, client, what } = lines.violation.clone()?;
        let of_client = |line: &&(f64, Option<usize>, String)| client.is_none() || line.1 == client;
        let mut around: Vec<&(f64, Option<usize>, String)> =
            lines.clients.iter().filter(of_client).chain(&lines.faults).filter(|line| line.0 <= at).collect();
        around.sort_by(|a, b| a.0.total_cmp(&b.0));
        let told = around[around.len().saturating_sub(TOLD)..].iter().map(|(at, client, what)| {
            let speaker = client.map_or("         ".to_owned(), |number| format!("client {number:>2}"));
            format!("{at:>9.3} s  {speaker}  {what}")
        });
        Some((format!("{at:.3} s: {what}"), told.collect()))
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        // A line is whole or not there, whatever became of the thread that wrote it.
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn keep<T>(lines: &mut VecDeque<T>, most: usize, line: T) {
    if lines.len() == most {
        lines.pop_front();
    }
    lines.push_back(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_of_the_first_violation_and_its_client() {
        let story = Story::new();
        assert!(story.told().is_none());
        story.fault("server 1 is killed".into());
        story.client(3, "its own value".into());
        story.client(4, "of no interest".into());
        story.violation(Some(3), "the value is gone".into());
        story.fault("later".into());
        story.violation(None, "another".into());
        let (what, lines) = story.told().unwrap();
        assert!(what.ends_with("the value is gone"), "{what}");
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("server 1 is killed") && lines[1].ends_with("client  3  its own value"));
    }
}
