//! `story`: a way through a model, told: to what is broken, into a livelock, or to what must be reachable.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use quorate_spec::models::{Expected, ModelSpec, Variant};
use quorate_spec::search::{Limits, Searchable};
use quorate_spec::story::{Story, parse_path};

use crate::again::again;
use crate::out::{errln, try_file};
use crate::progress::Board;
use crate::report;

/// What to tell, and how.
#[derive(Args)]
pub(crate) struct Options {
    /// The model's name; with --mutant, the first of its models that notices, if none is named.
    #[arg(required_unless_present = "mutant")]
    model: Option<String>,
    /// The path, as printed with a violation and as it stands in the explorer's address: 0/2/1. Without it,
    /// the shortest way to what is broken, or into a cycle that decides nothing.
    #[arg(conflicts_with = "reach")]
    path: Option<String>,
    /// Tell the shortest way to what must be reachable, by a part of its name.
    #[arg(long)]
    reach: Option<String>,
    /// Break this rule.
    #[arg(long)]
    mutant: Option<String>,
    /// Write it to a file: .html, .svg, or text.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print it as a transcript: a file for spec/transcripts, which the tests perform.
    #[arg(long)]
    transcript: bool,
    /// The largest number of states to search.
    #[arg(long, default_value_t = 20_000_000)]
    states: usize,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    #[cfg(not(feature = "mutants"))]
    if options.mutant.is_some() {
        let given: Vec<String> = std::env::args().skip(1).collect();
        return crate::mutants_build::in_mutants_build(&given.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if let Err(why) = options.out.as_deref().map_or(Ok(()), try_file) {
        errln!("{why}");
        return ExitCode::from(2);
    }
    // A panic inside a step is part of the story, not the end of the process.
    std::panic::set_hook(Box::new(|_| {}));
    let told = candidates(options).and_then(|all| {
        let last = all.len().saturating_sub(1);
        let mut stories = all.into_iter().enumerate().map(|(i, c)| (i, tell(options, c)));
        stories.find(|(i, told)| told.is_ok() || *i == last).expect("at least one model").1
    });
    match told.and_then(|text| report::deliver(&text, options.out.as_deref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            errln!("{why}");
            ExitCode::from(2)
        }
    }
}

/// A model, built.
struct Candidate {
    spec: ModelSpec,
    variant: Variant,
}

#[cfg(not(feature = "mutants"))]
fn candidates(options: &Options) -> Result<Vec<Candidate>, String> {
    let name = options.model.as_deref().expect("there is a model or a mutant");
    Ok(vec![Candidate { spec: report::model(name)?, variant: Variant::default() }])
}

#[cfg(feature = "mutants")]
fn candidates(options: &Options) -> Result<Vec<Candidate>, String> {
    use quorate_spec::mutants::MUTANTS;
    let Some(wanted) = &options.mutant else {
        let name = options.model.as_deref().expect("there is a model or a mutant");
        return Ok(vec![Candidate { spec: report::model(name)?, variant: Variant::default() }]);
    };
    let label = |m: &quorate_spec::mutants::Mutant| format!("{:?}", m.mutation);
    let found = MUTANTS.iter().find(|m| label(m).eq_ignore_ascii_case(wanted)).ok_or_else(|| {
        let names: Vec<String> = MUTANTS.iter().map(label).collect();
        report::unknown("mutant", wanted, &names)
    })?;
    let names = match &options.model {
        Some(name) => vec![name.as_str()],
        None => found.models.to_vec(),
    };
    let variant = Variant::broken(found.mutation);
    names.into_iter().map(|name| Ok(Candidate { spec: report::model(name)?, variant })).collect()
}

/// What is to be shown, as asked for.
fn tell(options: &Options, Candidate { spec, variant }: Candidate) -> Result<String, String> {
    let subject = (spec.build)(variant);
    let (path, found) = match (&options.path, &options.reach) {
        (Some(path), _) => (parse_path(path).map_err(|e| e.to_string())?, None),
        (None, Some(part)) => reach(&spec, &*subject, part, options.states)?,
        (None, None) => broken(&spec, &*subject, options.states)?,
    };
    if options.transcript {
        let story = subject.story(&path).map_err(|e| e.to_string())?;
        let title = title(&spec, &story, found);
        let told = subject.transcript(&title, &path);
        return told.ok_or("only ensembles have transcripts")?.map_err(|e| e.to_string());
    }
    let mut story = subject.story(&path).map_err(|e| e.to_string())?;
    story.title = title(&spec, &story, found);
    story.again = again(spec.name, options.mutant.as_deref(), &path);
    Ok(report::formatted(&story, options.out.as_deref()))
}

type Found = (Vec<usize>, Option<String>);

fn reach(spec: &ModelSpec, subject: &dyn Searchable, part: &str, states: usize) -> Result<Found, String> {
    let names = subject.reaches();
    let lower = part.to_lowercase();
    let name = names.iter().find(|n| n.to_lowercase().contains(&lower)).ok_or_else(|| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        format!("{} names no such state. {}", spec.name, report::unknown("state", part, &names))
    })?;
    let path = subject.way_to(name, states);
    let path = path.ok_or_else(|| format!("not reached within {states} states of {}: {name}", spec.name))?;
    Ok((path, Some(name.to_string())))
}

/// The shortest way to what a search finds wrong, or into a livelock.
fn broken(spec: &ModelSpec, subject: &dyn Searchable, states: usize) -> Result<Found, String> {
    if !matches!(spec.expected, Expected::Livelock(..)) {
        let limits = Limits { states: Some(states), ..Limits::default() };
        let board = Board::new();
        let report = subject.search(limits, &mut |report| board.tell(spec.name, report));
        board.end(spec.name);
        if let Some(violation) = report.violation {
            return Ok((violation.indices, None));
        }
        let how = if report.exhausted { "exhausted" } else { "cut" };
        let reaches = subject.reaches();
        let hint = match reaches.first() {
            Some(name) => format!(
                "; `--reach \"{name}\"` tells how it comes to that ({} has {})",
                spec.name,
                reaches.len()
            ),
            None => String::new(),
        };
        let unique = report.unique;
        return Err(format!("nothing is broken in {} ({unique} states, {how}){hint}", spec.name));
    }
    let lasso = subject.progress().and_then(|progress| progress.lasso);
    lasso.map(|l| (l.indices, None)).ok_or_else(|| format!("{} has no livelock", spec.name))
}

fn title(spec: &ModelSpec, story: &Story, found: Option<String>) -> String {
    let steps = story.steps.len();
    match (found, story.cycle) {
        (Some(name), _) => format!("{}: {name}, after {steps} steps", spec.name),
        (None, Some(turn)) => {
            format!("{}: {turn} steps into a cycle of {} that decides nothing", spec.name, steps - turn)
        }
        (None, None) => match story.verdict.first() {
            Some(line) => {
                format!("{}: {}, after {steps} steps", spec.name, line.split(':').next().unwrap_or(""))
            }
            None => format!("{}: {steps} steps", spec.name),
        },
    }
}
