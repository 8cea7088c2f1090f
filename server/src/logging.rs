//! The log: its levels, which can be changed while the process runs, its form, and repeats that are left out.

use std::collections::HashMap;
use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, Full, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::output;

/// Lines of one kind in a second. The others are counted.
const LINES: u64 = 50;
/// How long lines of one kind are counted together.
const WINDOW: Duration = Duration::from_secs(1);

/// The way to the levels of this process's log, once there is one.
static LEVELS: OnceLock<Handle<Targets, Registry>> = OnceLock::new();

/// What the command line says of the log.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogOptions {
    /// Log to stderr: error, warn, info, debug, trace; `info,quorate::net=debug`. Default: info.
    #[arg(long = "log", global = true, value_name = "LEVEL")]
    levels: Option<Levels>,
    /// What a line of the log looks like.
    #[arg(long = "log-format", global = true, default_value = "text", value_name = "FORMAT")]
    format: LogFormat,
}

impl LogOptions {
    /// Write the log to standard error, at the level `usual` where the command line names none. Nothing above
    /// `most` is written.
    pub(crate) fn start(&self, usual: LevelFilter, most: LevelFilter) {
        let usual = Targets::new().with_default(usual);
        let targets = self.levels.as_ref().map_or(usual, Levels::targets);
        let exceeds = most < LevelFilter::TRACE && targets.default_level() > Some(most);
        start(if exceeds { Targets::new().with_default(most) } else { targets }, self.format);
    }

    /// What another process of this program is to be given.
    pub(crate) fn arguments(&self) -> [String; 4] {
        let format = if self.format == LogFormat::Json { "json" } else { "text" };
        let levels = self.levels.as_ref().map_or_else(|| "info".to_owned(), Levels::to_string);
        ["--log".to_owned(), levels, "--log-format".to_owned(), format.to_owned()]
    }
}

/// The levels that the command line has asked for.
static FIRST: OnceLock<Targets> = OnceLock::new();

/// Which lines are written: a level for all, and others for single modules. `info,quorate::net=debug`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Levels(String);

/// What a line of the log looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Time, level and message.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Levels, String> {
        let parts = text.split(',').map(str::trim);
        for part in parts {
            let (module, level) = part.split_once('=').unwrap_or(("", part));
            let is_module = module.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
            // An empty level would be one, too.
            if !is_module || level.is_empty() || level.parse::<LevelFilter>().is_err() {
                let wanted = "a level (off, error, warn, info, debug, trace) or module=level";
                return Err(format!("{part:?} is not {wanted}"));
            }
        }
        text.replace(' ', "").parse::<Targets>().map_err(|error| error.to_string())?;
        Ok(Levels(text.to_owned()))
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Levels {
    /// The levels as the log takes them. They were read before, so they can be.
    fn targets(&self) -> Targets {
        self.0.replace(' ', "").parse().unwrap_or_default()
    }
}

/// Write the log to standard error.
fn start(targets: Targets, format: LogFormat) {
    let _ = FIRST.set(targets.clone());
    let (filter, handle) = reload::Layer::new(targets);
    let _ = LEVELS.set(handle);
    let registry = tracing_subscriber::registry();
    // With `log_internal_errors` it would say on stderr that stderr cannot be written, and panic.
    match format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal() && output::is_colourful();
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(colours)
                .log_internal_errors(false)
                .event_format(Repeats::of(Format::default().with_target(false).with_ansi(colours)));
            registry.with(layer.with_filter(filter)).init();
        }
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .log_internal_errors(false)
                .fmt_fields(JsonFields::new())
                .event_format(Repeats::of(Format::default().json().flatten_event(true)));
            registry.with(layer.with_filter(filter)).init();
        }
    }
}

/// Write other lines from now on; `None`: those that the command line says.
pub(crate) fn change(levels: Option<&Levels>) {
    let wanted = levels.map(Levels::targets).or_else(|| FIRST.get().cloned());
    if let (Some(handle), Some(wanted)) = (LEVELS.get(), wanted) {
        // It fails only when the log is gone.
        let _ = handle.modify(|targets| *targets = wanted);
    }
}

/// A form that leaves out lines of one kind when there are too many.
struct Repeats<F> {
    form: F,
    windows: Mutex<HashMap<Identifier, Window>>,
}

/// The lines of one kind since this moment.
struct Window {
    began: Instant,
    lines: u64,
}

/// What becomes of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// The line is written. Before it, this number of others were not.
    Written(u64),
    LeftOut,
}

impl Window {
    fn next(&mut self, now: Instant) -> Verdict {
        if now.duration_since(self.began) >= WINDOW {
            let left_out = self.lines.saturating_sub(LINES);
            *self = Window { began: now, lines: 1 };
            return Verdict::Written(left_out);
        }
        self.lines += 1;
        if self.lines <= LINES { Verdict::Written(0) } else { Verdict::LeftOut }
    }
}

impl<F> Repeats<F> {
    fn of(form: F) -> Repeats<F> {
        Repeats { form, windows: Mutex::default() }
    }

    fn verdict(&self, kind: Identifier) -> Verdict {
        let (now, mut windows) =
            (Instant::now(), self.windows.lock().unwrap_or_else(PoisonError::into_inner));
        windows.entry(kind).or_insert(Window { began: now, lines: 0 }).next(now)
    }
}

impl<S, N, F> FormatEvent<S, N> for Repeats<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N> + Form,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        // DEBUG and TRACE are asked for, and wanted whole.
        let verdict = match *metadata.level() <= Level::INFO {
            true => self.verdict(metadata.callsite()),
            false => Verdict::Written(0),
        };
        match verdict {
            Verdict::LeftOut => return Ok(()),
            Verdict::Written(0) => {}
            Verdict::Written(left_out) => writeln!(writer, "{}", F::left_out(left_out))?,
        }
        self.form.format_event(context, writer, event)
    }
}

/// How a form says that lines were left out.
trait Form {
    fn left_out(count: u64) -> String;
}

impl Form for Format<Full> {
    fn left_out(count: u64) -> String {
        format!("({count} more lines like the next were left out)")
    }
}

impl Form for Format<Json> {
    fn left_out(count: u64) -> String {
        format!("{{\"left_out\":{count},\"message\":\"more lines like the next were left out\"}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_one_for_all_and_others_for_modules() {
        for good in ["info", "off", "WARN", "info,quorate::net=debug", "error, quorate=trace"] {
            assert_eq!(good.parse::<Levels>().map(|levels| levels.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "loud", "info,", "quorate::net", "a b=info", "quorate=5x", "info;debug"] {
            assert!(bad.parse::<Levels>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lines_of_one_kind_are_counted_above_a_limit() {
        let start = Instant::now();
        let mut window = Window { began: start, lines: 0 };
        let verdicts: Vec<Verdict> = (0..LINES + 7).map(|_| window.next(start)).collect();
        assert!(verdicts[..LINES as usize].iter().all(|verdict| *verdict == Verdict::Written(0)));
        assert!(verdicts[LINES as usize..].iter().all(|verdict| *verdict == Verdict::LeftOut));
        assert_eq!(window.next(start + WINDOW), Verdict::Written(7));
        assert_eq!(window.next(start + WINDOW), Verdict::Written(0));
    }
}
