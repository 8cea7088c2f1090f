//! `quorate-checks replay`: what recorded servers did, run again and judged.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use quorate_spec::replay::{Judged, ReplayError, Summary, replay};

use crate::out::{errln, outln};

/// What `quorate-checks replay` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Recordings (`quorate server --record`), or directories of them: those of all voters of one
    /// ensemble.
    #[arg(required = true)]
    recordings: Vec<PathBuf>,
    /// Fail if there are fewer steps than this: a check of nothing says nothing.
    #[arg(long, default_value_t = 1)]
    at_least: u64,
    /// Fail if fewer operations of clients were judged than this.
    #[arg(long, default_value_t = 0)]
    operations: u64,
}

/// Exit code when something is broken, and when there is nothing to judge.
const BROKEN: u8 = 1;
const UNREADABLE: u8 = 2;

pub(crate) fn run(options: &Options) -> ExitCode {
    let started = Instant::now();
    let mut progress = |so_far: &Summary| {
        let Summary { steps, delivered, .. } = so_far;
        errln!("{steps} steps, {delivered} transactions, {:.0} s", started.elapsed().as_secs_f64());
    };
    match replay(&options.recordings, &mut progress) {
        Ok(summary) => {
            let seconds = started.elapsed().as_secs_f64();
            told(&summary, seconds);
            if summary.steps < options.at_least {
                outln!("{} steps are wanted at least", options.at_least);
                return ExitCode::from(BROKEN);
            }
            if summary.clients.operations < options.operations {
                outln!("{} operations of clients are wanted at least", options.operations);
                return ExitCode::from(BROKEN);
            }
            let Summary { servers, starts, steps, .. } = summary;
            outln!(
                "{servers} servers, {starts} starts, {steps} steps: replayed, contract kept, properties hold"
            );
            ExitCode::SUCCESS
        }
        Err(ReplayError::Failed(failure)) => {
            outln!("What led there, of all servers, the newest last:");
            for line in &failure.story {
                outln!("  {line}");
            }
            outln!("{failure}");
            ExitCode::from(BROKEN)
        }
        Err(unreadable) => {
            errln!("quorate-checks: {unreadable}");
            ExitCode::from(UNREADABLE)
        }
    }
}

fn told(summary: &Summary, seconds: f64) {
    let Summary { steps, states, packets, votes, delivered, answers, unpaired, torn, clients, .. } = summary;
    outln!(
        "{delivered} transactions delivered; {packets} packets and {votes} votes received as they were sent; {states} \
         states compared; {answers} answers judged; {:.0} steps/s",
        *steps as f64 / seconds
    );
    let Judged { operations, writes, tested, events, attached, ended } = clients;
    outln!(
        "{operations} operations of clients judged ({writes} acknowledged writes, {tested} of them \
         by the tester of linearizability too); {events} events; {attached} sessions \
         given to a connection, {ended} ended"
    );
    if *torn > 0 {
        outln!("{torn} recordings end within a record, as a killed process leaves them");
    }
    if *unpaired > 0 {
        outln!(
            "NOT COMPARED with what was sent: what came over {unpaired} connections whose other end is in no \
             recording (a proxy between the servers?)"
        );
    }
}
