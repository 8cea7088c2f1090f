//! `run --deep`: the models that take hours, searched within limits of time and memory. Each result goes to a
//! file of its own, with everything that is needed to judge it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use quorate_spec::deep::{Cut, DeepLimits, DeepReport};
use quorate_spec::models::{DeepSpec, Variant, deep};

use crate::out::{errln, outln};

/// What only deep runs have.
#[derive(Args)]
pub(crate) struct Options {
    /// Search the models that take hours, depth first.
    #[arg(long)]
    pub(crate) deep: bool,
    /// With --deep: stop a search when its fingerprints take this much memory, in GiB.
    #[arg(long, default_value_t = 8.0)]
    memory: f64,
    /// With --deep: stop a search after this time, in minutes.
    #[arg(long, default_value_t = 150)]
    minutes: u64,
    /// With --deep: the directory that the results go to [default: checks/results].
    #[arg(long)]
    results: Option<PathBuf>,
}

pub(crate) fn run(name: &str, salt: u64, options: &Options) -> ExitCode {
    let chosen: Vec<DeepSpec> = deep().into_iter().filter(|m| m.name.contains(name)).collect();
    if chosen.is_empty() {
        errln!("no deep model's name contains '{name}'");
        return ExitCode::from(2);
    }
    let limits = DeepLimits {
        memory: (options.memory * f64::from(1 << 30)) as usize,
        time: Duration::from_secs(60 * options.minutes),
    };
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let folder = options.results.clone().unwrap_or_else(default);
    // A search takes hours: this is what it was begun with.
    let revision = revision();
    let mut bad = 0;
    for model in chosen {
        outln!("{}: {}", model.name, model.bounds);
        let before = processor_seconds();
        let found = (model.build)(Variant::salted(salt)).deep(limits, &mut progress);
        let worked = processor_seconds() - before;
        let verdict = verdict(&model, &found);
        let said = verdict.as_ref().unwrap_or_else(|bad| bad);
        bad += usize::from(verdict.is_err());
        outln!(
            "  {} unique, {} generated, {:.0} s: {said}",
            found.unique,
            found.generated,
            found.time.as_secs_f64()
        );
        if let Some((_, path)) = &found.violation {
            path.iter().enumerate().for_each(|(step, action)| outln!("  {}. {action}", step + 1));
        }
        let file = folder.join(format!("{}.md", model.name));
        if let Err(error) = write(&file, &page(&model, &found, said, worked, &limits, salt, &revision)) {
            errln!("cannot write {}: {error}", file.display());
            return ExitCode::from(2);
        }
    }
    outln!("the results are in {}", folder.display());
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A search that was cut has found nothing, and has shown nothing about what it did not reach.
fn verdict(model: &DeepSpec, found: &DeepReport) -> Result<String, String> {
    if let Some((broken, path)) = &found.violation {
        return Err(format!("{} BROKEN after {} steps", broken.name(), path.len()));
    }
    let minutes = found.time.as_secs() / 60;
    match found.cut {
        Some(Cut::Time) => return Ok(format!("cut at {minutes} min; nothing broken so far")),
        Some(Cut::Memory) => {
            return Ok(format!("cut at {:.1} GiB; nothing broken so far", gib(found.memory)));
        }
        None => {}
    }
    if !found.unreached.is_empty() {
        return Err(format!("NOT REACHED: {}", found.unreached.join(", ")));
    }
    match model.unique {
        Some(unique) if unique != found.unique => Err(format!("exhausted, but {unique} states are expected")),
        _ => Ok("exhausted, all hold".into()),
    }
}

fn progress(report: &DeepReport) {
    errln!(
        "  … {} unique, {} generated, longest way {}, {:.0}/s, {:.2} GiB",
        report.unique,
        report.generated,
        report.longest,
        report.unique as f64 / report.time.as_secs_f64(),
        gib(report.memory)
    );
}

fn gib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}

fn page(
    model: &DeepSpec,
    found: &DeepReport,
    verdict: &str,
    worked: f64,
    limits: &DeepLimits,
    salt: u64,
    revision: &str,
) -> String {
    let facts = [
        ("composed", model.composes.to_string()),
        ("bounds", model.bounds.to_string()),
        ("verdict", verdict.to_string()),
        ("unique states", grouped(found.unique)),
        ("states generated", grouped(found.generated)),
        ("longest way walked", found.longest.to_string()),
        ("states in which nothing can happen", grouped(found.terminal)),
        ("claims of reachability that were not met", found.unreached.len().to_string()),
        ("seconds", format!("{:.0}", found.time.as_secs_f64())),
        ("seconds on a processor", format!("{worked:.0}")),
        ("states per second on a processor", format!("{:.0}", found.unique as f64 / worked.max(0.001))),
        ("fingerprints", format!("{:.2} GiB", gib(found.memory))),
        ("the process at its largest", format!("{:.2} GiB", gib(crate::progress::memory("VmHWM:")))),
        (
            "limits",
            format!("{} min, {:.1} GiB of fingerprints", limits.time.as_secs() / 60, gib(limits.memory)),
        ),
        ("salt", salt.to_string()),
        ("revision", revision.to_string()),
        ("date", format!("{} (UTC)", date())),
        ("machine", format!("{}, one thread", machine())),
    ];
    let mut text =
        format!("# `{}`\n\n[README.md](README.md) says how to read this.\n\n| | |\n|---|---|\n", model.name);
    for (name, value) in facts {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text
}

/// How long this thread has run on a processor (0 where the system does not tell).
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// With a comma between thousands.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups.map(|g| std::str::from_utf8(g).expect("digits")).collect();
    groups.join(",")
}

/// The commit this source is at, as git tells it.
pub(crate) fn revision() -> String {
    let git = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--abbrev=12"])
        .output();
    match git {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_string(),
        _ => "unknown".into(),
    }
}

pub(crate) fn machine() -> String {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_string())
    };
    let model = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let kib = memory.and_then(|m| m.trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores, {:.0} GiB", gib(kib * 1024))
}

/// Today, `year-month-day` (Howard Hinnant's civil-from-days).
pub(crate) fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = (seconds / 86_400) as i64 + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}
