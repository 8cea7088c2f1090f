//! How far a long command has come, for a person at a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::printer::Printer;

/// A bar on standard error, if that is a terminal. It goes when the command ends.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start(printer: &Printer, total: usize) -> Self {
        let shown = !printer.is_json() && io::stderr().is_terminal() && crate::output::is_colourful();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        // A template that cannot be read leaves the usual one.
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} znodes") {
            bar.set_style(style);
        }
        Progress(bar)
    }

    pub(super) fn add(&self, znodes: usize) {
        self.0.inc(znodes as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
