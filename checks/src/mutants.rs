//! `mutants`: every broken rule must be noticed by a property.
//!
//! The broken rules exist only in a build with the feature `mutants`, which has a target directory
//! of its own; without the feature this command makes that build and runs it.

use std::process::ExitCode;

#[cfg(not(feature = "mutants"))]
pub(crate) fn run(name: &str) -> ExitCode {
    in_mutants_build(&["mutants", name])
}

/// Run this program with these arguments in a build that has broken rules. Empty ones are left out.
#[cfg(not(feature = "mutants"))]
pub(crate) fn in_mutants_build(arguments: &[&str]) -> ExitCode {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/mutants");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["run", "--release", "--quiet", "--features", "mutants"])
        .args(["--manifest-path", manifest, "--target-dir", target, "--"])
        .args(arguments.iter().filter(|argument| !argument.is_empty()))
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot build the mutants: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(feature = "mutants")]
pub(crate) fn run(name: &str) -> ExitCode {
    use quorate_spec::models::{Variant, catalogue};
    use quorate_spec::mutants::MUTANTS;
    use quorate_spec::search::Limits;

    // A panic inside a step is a finding of the search, not of the process.
    std::panic::set_hook(Box::new(|_| {}));
    let models = catalogue();
    let (mut killed, mut survived, mut unexplained) = (0, 0, 0);
    for mutant in MUTANTS {
        let label = format!("{:?}", mutant.mutation);
        if !label.to_lowercase().contains(&name.to_lowercase()) {
            continue;
        }
        let variant = Variant::broken(mutant.mutation);
        let searched = models.iter().filter(|m| mutant.models.contains(&m.name));
        let death = searched.clone().find_map(|model| {
            let report = (model.build)(variant).search(Limits::default(), &mut |_| {});
            report.violation.map(|violation| (model.name, violation, report.unique, report.time))
        });
        match (death, mutant.survives) {
            (Some((model, violation, states, time)), _) => {
                killed += 1;
                let (property, steps) = (violation.broken.name(), violation.path.len());
                let seconds = time.as_secs_f64();
                println!(
                    "{label:<24} killed by {property} in {steps} steps ({model}, {states} states, {seconds:.1} s)"
                );
            }
            (None, Some(reason)) => {
                survived += 1;
                println!("{label:<24} survived: {reason}");
            }
            (None, None) => {
                unexplained += 1;
                println!("{label:<24} survived: nobody knows why");
            }
        }
    }
    println!("{killed} killed, {survived} survived with a reason, {unexplained} survived without one");
    if unexplained == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
