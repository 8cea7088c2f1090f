//! `mutants`: every broken rule must be noticed by a property, every property must notice a rule.
//!
//! The broken rules exist only in a build with the feature `mutants`, which has a target directory
//! of its own. Without the feature this command makes that build and runs it.

use std::path::PathBuf;
#[cfg(not(feature = "mutants"))]
use std::process::ExitCode;

use clap::Args;

#[cfg(not(feature = "mutants"))]
use crate::mutants_build::in_mutants_build;

/// Which rules to break, and where to tell.
#[derive(Args)]
pub(crate) struct Options {
    /// Only the mutants whose name or issue key contains this. The counterexample of a single one is told.
    name: Option<String>,
    /// Searches at a time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// Write the matrix of mutants and properties to this file.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Fail if the matrix is not the one in this file: every mutant dies of the same properties, in as many
    /// steps.
    #[arg(long)]
    check: Option<PathBuf>,
}

#[cfg(not(feature = "mutants"))]
pub(crate) fn run(options: &Options) -> ExitCode {
    let threads = options.threads.to_string();
    let write = options.write.as_ref().map(|file| format!("--write={}", file.display()));
    let check = options.check.as_ref().map(|file| format!("--check={}", file.display()));
    let name = options.name.as_deref().unwrap_or_default();
    let (write, check) = (write.unwrap_or_default(), check.unwrap_or_default());
    in_mutants_build(&["mutants", "--threads", &threads, &write, &check, name])
}

#[cfg(feature = "mutants")]
pub(crate) use broken::run;

#[cfg(feature = "mutants")]
mod broken {
    use std::process::ExitCode;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use quorate_spec::models::{Expected, ModelSpec, Variant, catalogue};
    use quorate_spec::mutants::{Death, IMPLIED, MUTANTS, Mutant, OTHER_PROTOCOLS, REACHABLE};
    use quorate_spec::search::Limits;

    use super::Options;
    use crate::matrix::{Matrix, Row};
    use crate::out::{errln, outln, try_file};

    pub(crate) fn run(options: &Options) -> ExitCode {
        // A panic inside a step is a finding of the search, not of the process.
        std::panic::set_hook(Box::new(|_| {}));
        let name = options.name.as_deref().unwrap_or_default().to_lowercase();
        let wanted = |m: &&Mutant| {
            m.name().to_lowercase().contains(&name) || m.bug.unwrap_or("").to_lowercase().contains(&name)
        };
        let chosen: Vec<&Mutant> = MUTANTS.iter().filter(wanted).collect();
        if chosen.is_empty() {
            errln!("no mutant's name contains '{name}'");
            return ExitCode::from(2);
        }
        if let Err(why) = options.write.as_deref().map_or(Ok(()), try_file) {
            errln!("{why}");
            return ExitCode::from(2);
        }
        let started = Instant::now();
        let deaths = search_all(&chosen, options.threads);
        let mut count = Count::default();
        for (mutant, death) in chosen.iter().zip(&deaths) {
            count.add(mutant, death.as_ref());
        }
        outln!();
        let matrix = matrix(&chosen, &deaths);
        crate::out::text(format_args!("{matrix}"));
        if let Some(file) = &options.write {
            let text = format!("{}{}", page_head(&count, started.elapsed()), matrix.markdown());
            if let Err(error) = std::fs::write(file, text) {
                errln!("cannot write {}: {error}", file.display());
                return ExitCode::from(2);
            }
        }
        let differs = options.check.as_ref().is_some_and(|file| {
            let known = std::fs::read_to_string(file).unwrap_or_default();
            let differs = !known.ends_with(&matrix.markdown());
            if differs {
                outln!("the matrix is NOT THE ONE in {}", file.display());
            }
            differs
        });
        let unshown = if name.is_empty() { matrix.unshown() } else { Vec::new() };
        for complaint in &unshown {
            outln!("{complaint}");
        }
        if let ([mutant], [Some(death)]) = (&chosen[..], &deaths[..]) {
            tell(mutant, death);
        }
        outln!("{}, {:.0} s", count.line(), started.elapsed().as_secs_f64());
        if count.bad() || differs || !unshown.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// One line for each mutant, in order, as soon as it and those before it are decided.
    fn search_all(chosen: &[&Mutant], threads: u8) -> Vec<Option<Death>> {
        let next = AtomicUsize::new(0);
        let (send, receive) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (send, next) = (send.clone(), &next);
                scope.spawn(move || {
                    let models = catalogue();
                    loop {
                        let k = next.fetch_add(1, Ordering::Relaxed);
                        let Some(mutant) = chosen.get(k) else { break };
                        send.send((k, mutant.death(&models))).expect("somebody listens");
                    }
                });
            }
            drop(send);
            let mut deaths: Vec<Option<Option<Death>>> = chosen.iter().map(|_| None).collect();
            let mut told = 0;
            for (k, death) in receive {
                deaths[k] = Some(death);
                while let Some(Some(death)) = deaths.get(told) {
                    line(chosen[told], death.as_ref());
                    told += 1;
                }
            }
            deaths.into_iter().map(|death| death.expect("each was searched")).collect()
        })
    }

    fn line(mutant: &Mutant, death: Option<&Death>) {
        let label = match mutant.bug {
            Some(key) => format!("{} ({key})", mutant.name()),
            None => mutant.name(),
        };
        match (death, mutant.survives) {
            (Some(death), listed) => {
                let (property, steps) = death.fallen[0];
                let how = match death.unreached {
                    Some(state) => format!("{property}: never \"{state}\""),
                    None => format!("{property} in {steps} steps"),
                };
                let (model, states, seconds) =
                    (death.model, death.fall.unique, death.fall.time.as_secs_f64());
                let stale = if listed.is_some() { "; LISTED AS A SURVIVOR" } else { "" };
                outln!("{label:<40} killed by {how} ({model}, {states} states, {seconds:.1} s){stale}");
            }
            (None, Some(reason)) => outln!("{label:<40} survived: {reason}"),
            (None, None) => outln!("{label:<40} survived: NO REASON IS GIVEN"),
        }
    }

    #[derive(Default)]
    struct Count {
        rules: usize,
        bugs: usize,
        killed: usize,
        explained: usize,
        unexplained: usize,
        stale: usize,
    }

    impl Count {
        fn add(&mut self, mutant: &Mutant, death: Option<&Death>) {
            *(if mutant.bug.is_some() { &mut self.bugs } else { &mut self.rules }) += 1;
            match (death, mutant.survives) {
                (Some(_), listed) => {
                    self.killed += 1;
                    self.stale += usize::from(listed.is_some());
                }
                (None, Some(_)) => self.explained += 1,
                (None, None) => self.unexplained += 1,
            }
        }

        fn bad(&self) -> bool {
            self.unexplained + self.stale > 0
        }

        fn line(&self) -> String {
            format!(
                "{} mutants and {} historic bugs: {} killed, {} survived with a reason, {} without one",
                self.rules, self.bugs, self.killed, self.explained, self.unexplained
            )
        }
    }

    fn matrix(chosen: &[&Mutant], deaths: &[Option<Death>]) -> Matrix {
        let models = catalogue();
        let all = chosen.len() == MUTANTS.len();
        let of_core = |m: &&ModelSpec| m.expected == Expected::Holds && !OTHER_PROTOCOLS.contains(&m.name);
        let searched = |m: &&ModelSpec| all || chosen.iter().any(|mutant| mutant.models.contains(&m.name));
        let mut claims: Vec<&'static str> = Vec::new();
        for claim in models
            .iter()
            .filter(of_core)
            .filter(searched)
            .flat_map(|m| (m.build)(Variant::default()).claims())
        {
            if !claims.contains(&claim) {
                claims.push(claim);
            }
        }
        let row = |(mutant, death): (&&Mutant, &Option<Death>)| Row {
            mutant: mutant.name(),
            bug: mutant.bug,
            model: death.as_ref().map(|d| d.model),
            fallen: death.as_ref().map(|d| d.fallen.clone()).unwrap_or_default(),
            survives: mutant.survives,
        };
        let rows = chosen.iter().zip(deaths).map(row).collect();
        Matrix::new(claims, &["Terminal", "Assertion", REACHABLE], rows, IMPLIED)
    }

    fn page_head(count: &Count, time: Duration) -> String {
        format!(
            "# Broken rules and what notices them\n\nWritten by `quorate-checks mutants --write`. {}; {:.0} s.\n\n",
            count.line(),
            time.as_secs_f64()
        )
    }

    /// The shortest counterexample, as a story.
    fn tell(mutant: &Mutant, death: &Death) {
        let models = catalogue();
        let spec = models.iter().find(|m| m.name == death.model).expect("a model of the catalogue");
        let subject = (spec.build)(Variant::broken(mutant.mutation));
        if let Some(violation) = subject.search(Limits::default(), &mut |_| {}).violation {
            crate::report::story(spec.name, Some(&mutant.name()), &*subject, &violation.indices);
        }
    }
}
