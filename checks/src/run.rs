//! `run`: the models of the catalogue, each searched to its end twice, and what came of them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Args;
use quorate_spec::models::{Expected, ModelSpec, Variant, catalogue};
use quorate_spec::search::{Limits, Report};

use crate::judge::{first_opinion, properties_alone, second_opinion};
use crate::out::{errln, figures, outln, step_aside, try_file};
use crate::progress::{Board, memory};
use crate::{deep, files, report};

/// What to search, and where to tell.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Only these models: names, parts of names, or patterns with * and ?.
    names: Vec<String>,
    /// Stop the first search after this many states; the verdict is then "cut".
    #[arg(long)]
    states: Option<usize>,
    /// Goes into every fingerprint. The two searches of a model never have the same one: that they count
    /// the same makes a hidden collision unlikely.
    #[arg(long, default_value_t = 0)]
    salt: u64,
    /// Searches at a time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// Ask the properties alone: one search of each model, and its counts may be others than expected. So a
    /// change is judged that is broken on purpose.
    #[arg(long, conflicts_with = "deep")]
    any_count: bool,
    /// Write what was found to this file, as JSON; `-` is standard output, and what people read goes to
    /// standard error.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write what was found to this file, as JUnit has it: a model is a test.
    #[arg(long)]
    junit: Option<PathBuf>,
    #[command(flatten)]
    deep: deep::Options,
}

/// What came of one model.
pub(crate) struct Row {
    pub(crate) model: ModelSpec,
    pub(crate) found: Report,
    /// Of both searches together.
    pub(crate) time: Duration,
    pub(crate) verdict: Result<String, String>,
    /// The way into a cycle without a decision.
    pub(crate) lasso: Option<Vec<usize>>,
    salt: u64,
}

impl Row {
    /// How many pairs of different states an ideal hash would take for the same, on average.
    pub(crate) fn collisions(&self) -> f64 {
        let n = self.found.unique as f64;
        n * (n - 1.0) / 2.0 / 2f64.powi(64)
    }

    /// The path of what was found broken, if something was.
    pub(crate) fn path(&self) -> Option<&[usize]> {
        let broken = self.found.violation.as_ref().map(|v| v.indices.as_slice());
        broken.or(self.lasso.as_deref())
    }
}

/// Everything that came out.
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    pub(crate) time: Duration,
    pub(crate) salts: [u64; 2],
}

impl Results {
    /// Whether all came out as expected.
    pub(crate) fn hold(&self) -> bool {
        self.rows.iter().all(|row| row.verdict.is_ok())
    }

    fn line(&self) -> String {
        let unique: usize = self.rows.iter().map(|row| row.found.unique).sum();
        let bad = self.rows.iter().filter(|row| row.verdict.is_err()).map(|row| row.model.name);
        let bad: Vec<&str> = bad.collect();
        let end = match bad.as_slice() {
            [] => "all hold".to_owned(),
            [one] => format!("{one} does not"),
            several => format!("{} do not: {}", several.len(), several.join(", ")),
        };
        let models = if self.rows.len() == 1 { "model" } else { "models" };
        let seconds = self.time.as_secs_f64();
        format!("{} {models}, {unique} unique states, {seconds:.0} s: {end}", self.rows.len())
    }
}

pub(crate) fn run(options: &Options) -> ExitCode {
    if options.deep.deep {
        let name = options.names.first().map_or("", String::as_str);
        return deep::run(name, options.salt, &options.deep);
    }
    match chosen(&options.names).and_then(|models| all(options, models)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            errln!("{why}");
            ExitCode::from(2)
        }
    }
}

/// The models of these names, in the order of the catalogue.
fn chosen(names: &[String]) -> Result<Vec<ModelSpec>, String> {
    let known = crate::again::names();
    for name in names {
        if !known.iter().any(|k| matches(name, k, &known)) {
            return Err(report::unknown("model", name, &known));
        }
    }
    let wanted = |m: &ModelSpec| names.is_empty() || names.iter().any(|n| matches(n, m.name, &known));
    Ok(catalogue().into_iter().filter(wanted).collect())
}

/// Whether a model is meant: by its name, by a pattern, by a part of its name if no model has just that.
fn matches(given: &str, name: &str, known: &[String]) -> bool {
    if known.iter().any(|k| k == given) {
        given == name
    } else if given.contains(['*', '?']) {
        like(given.as_bytes(), name.as_bytes())
    } else {
        name.contains(given)
    }
}

/// Whether a name is like a pattern: `*` is anything, `?` any one.
fn like(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => like(rest, name) || !name.is_empty() && like(pattern, &name[1..]),
        ([b'?', rest @ ..], [_, others @ ..]) => like(rest, others),
        ([one, rest @ ..], [other, others @ ..]) => one == other && like(rest, others),
        _ => false,
    }
}

fn all(options: &Options, models: Vec<ModelSpec>) -> Result<bool, String> {
    for file in [&options.json, &options.junit].into_iter().flatten() {
        try_file(file)?;
    }
    if [&options.json, &options.junit].into_iter().flatten().any(|file| file.as_os_str() == "-") {
        step_aside();
    }
    let started = Instant::now();
    let single = models.len() == 1;
    let salts = [options.salt, other_salt(options.salt)];
    let order: Vec<&'static str> = models.iter().map(|m| m.name).collect();
    // The largest begin: the one that comes last should be short.
    let mut queue: Vec<Option<ModelSpec>> = models.into_iter().map(Some).collect();
    queue.sort_by_key(|m| std::cmp::Reverse(m.as_ref().map(|m| m.unique)));
    let queue: Vec<std::sync::Mutex<Option<ModelSpec>>> = queue.into_iter().map(Into::into).collect();
    let (next, board) = (AtomicUsize::new(0), Board::new());
    let (done, finished) = mpsc::channel();
    headings();
    let mut rows: Vec<Row> = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            let (done, queue, next, board) = (done.clone(), &queue, &next, &board);
            scope.spawn(move || {
                while let Some(slot) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let model = slot.lock().expect("taken once").take().expect("taken once");
                    let row = one(model, options, salts, board);
                    if done.send(row).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        for row in finished {
            board.end(row.model.name);
            tell(&row, single);
            rows.push(row);
        }
    });
    rows.sort_by_key(|row| order.iter().position(|name| *name == row.model.name));
    let results = Results { rows, time: started.elapsed(), salts };
    for (file, text) in [(&options.json, files::json(&results)), (&options.junit, files::junit(&results))] {
        match file {
            Some(file) if file.as_os_str() == "-" => figures(format_args!("{text}")),
            Some(file) => {
                std::fs::write(file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
            }
            None => {}
        }
    }
    outln!("at most {:.1} GiB of memory", memory("VmHWM:") as f64 / f64::from(1 << 30));
    outln!("{}", results.line());
    Ok(results.hold())
}

/// The salt of the second search.
fn other_salt(salt: u64) -> u64 {
    salt ^ 0x9E37_79B9_7F4A_7C15
}

fn one(model: ModelSpec, options: &Options, salts: [u64; 2], board: &Board) -> Row {
    let started = Instant::now();
    let subject = (model.build)(Variant::salted(salts[0]));
    let past_violation = matches!(model.expected, Expected::Violates(..));
    let limits = Limits { states: options.states, past_violation };
    let found = subject.search(limits, &mut |report| board.tell(model.name, report));
    let progress = found.exhausted.then(|| subject.progress()).flatten();
    let verdict = match options.any_count {
        true => properties_alone(&model, &found, progress.as_ref()),
        false => first_opinion(&model, &found, progress.as_ref()).and_then(|verdict| {
            second_opinion(&model, Variant::salted(salts[1])).map(|agrees| format!("{verdict}; {agrees}"))
        }),
    };
    let lasso = progress.and_then(|p| p.lasso).map(|lasso| lasso.indices);
    Row { model, found, time: started.elapsed(), verdict, lasso, salt: salts[0] }
}

fn headings() {
    outln!(
        "{:<14} {:>9} {:>10} {:>5} {:>8} {:>7} {:>9} {:>6} {:>8}  verdict",
        "model",
        "unique",
        "generated",
        "depth",
        "terminal",
        "s",
        "states/s",
        "packed",
        "collide"
    );
}

/// One model's row: counts, time of the first search and its speed, bytes of a packed state, how many
/// collisions are expected. What is broken is told.
fn tell(row: &Row, single: bool) {
    let found = &row.found;
    outln!(
        "{:<14} {:>9} {:>10} {:>5} {:>8} {:>7.1} {:>9.0} {:>6} {:>8.0e}  {}",
        row.model.name,
        found.unique,
        found.generated,
        found.depth,
        found.terminal,
        found.time.as_secs_f64(),
        found.unique as f64 / found.time.as_secs_f64(),
        found.packed,
        row.collisions(),
        row.verdict.as_ref().unwrap_or_else(|bad| bad)
    );
    if let (true, Some(path)) = (single || row.verdict.is_err(), row.path()) {
        let subject = (row.model.build)(Variant::salted(row.salt));
        report::story(row.model.name, None, &*subject, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> Result<Vec<&'static str>, String> {
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        chosen(&given).map(|models| models.into_iter().map(|m| m.name).collect())
    }

    #[test]
    fn models_are_chosen_by_name_part_and_pattern() {
        assert_eq!(names(&["quiet", "paxos"]), Ok(vec!["quiet", "paxos"]));
        assert_eq!(names(&["duel*"]), Ok(vec!["duel", "duel-ended"]));
        assert_eq!(names(&["due?"]), Ok(vec!["duel"]));
        assert_eq!(names(&["multi"]), Ok(vec!["multi-one", "multi-two"]));
        assert_eq!(names(&["duel"]), Ok(vec!["duel"]), "a whole name is no part of another");
        let why = names(&["quite"]).expect_err("there is none");
        assert!(
            why.starts_with("there is no model 'quite'; is 'quiet' meant? There are: election,"),
            "{why}"
        );
        assert!(names(&["*nothing"]).is_err());
    }

    #[test]
    fn collisions_are_those_of_the_birthday_paradox() {
        let found = |unique| {
            let limits = Limits { states: Some(1), ..Limits::default() };
            let model = catalogue().into_iter().next().expect("there are models");
            let mut found = (model.build)(Variant::default()).search(limits, &mut |_| {});
            found.unique = unique;
            let verdict = Ok(String::new());
            Row { model, found, time: Duration::ZERO, verdict, lasso: None, salt: 0 }.collisions()
        };
        assert_eq!(found(1), 0.0);
        assert!((found(1_000_000) / 2.7e-8 - 1.0).abs() < 0.01);
    }
}
