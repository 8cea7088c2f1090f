//! Shows how far a run is, where a user can see it: only on a terminal, and only on stderr.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line that says how far something is.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// `what` goes from 0 to `end`.
    pub(super) fn new(what: &'static str, end: u64) -> Progress {
        if !std::io::stderr().is_terminal() || !crate::output::is_colourful() {
            return Progress { bar: ProgressBar::hidden() };
        }
        let style = ProgressStyle::with_template("{prefix:>12} [{bar:40}] {percent:>3} % {msg}");
        let style = style.expect("the template is right").progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(Some(end), ProgressDrawTarget::stderr_with_hz(5));
        bar.set_style(style);
        bar.set_prefix(what);
        Progress { bar }
    }

    /// So much is done.
    pub(super) fn set(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// And this is to be said.
    pub(super) fn say(&self, text: String) {
        self.bar.set_message(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
