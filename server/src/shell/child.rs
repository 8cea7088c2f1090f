//! A command of the system that runs as long as something is held.

use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::failure::Failure;
use super::orderly::Orderly;
use super::show;

/// How long a command has to end after SIGTERM, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// By itself, with this exit code.
    Exit(u8),
    /// The command was stopped: nothing is held any more.
    Lost,
    /// A person, or a signal to the shell, stopped it.
    Interrupted,
}

/// What a command is told, and whether it may read standard input.
pub(super) struct Terms<'a> {
    pub(super) words: &'a [String],
    pub(super) environment: &'a [(&'a str, String)],
    pub(super) reads_input: bool,
}

/// Run a command until it ends or `lost` does.
///
/// # Errors
/// The command cannot be started.
pub(super) async fn run(
    terms: &Terms<'_>,
    signals: &mut Orderly,
    lost: impl Future<Output = ()>,
) -> Result<Ended, Failure> {
    let Some((program, args)) = terms.words.split_first() else {
        return Err(Failure::new("no command is named"));
    };
    let cannot = |why: std::io::Error| Failure::new(format!("{}: {why}", show::name(program)));
    let mut child = Command::new(program)
        .args(args)
        .envs(terms.environment.iter().map(|(name, value)| (name, value)))
        .stdin(if terms.reads_input { Stdio::inherit() } else { Stdio::null() })
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot)?;
    let stopped = tokio::select! {
        status = child.wait() => return status.map(|status| Ended::Exit(code(status))).map_err(cannot),
        () = lost => Ended::Lost,
        // The command has got it too, if it came from the terminal.
        () = signals.interrupted() => Ended::Interrupted,
    };
    stop(&mut child).await;
    Ok(stopped)
}

/// SIGTERM, and SIGKILL for a command that does not end.
async fn stop(child: &mut Child) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    // One that has ended is not there any more.
    let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// As other shells count: 128 and the signal for a command that a signal ended.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_to_end(words: &[String], lost: impl Future<Output = ()>) -> Result<Ended, Failure> {
        let environment = [("QUORATE_TOKEN", "7".to_owned())];
        let terms = Terms { words, environment: &environment, reads_input: false };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { run(&terms, &mut Orderly::begin(false).unwrap(), lost).await })
    }

    fn words(text: &str) -> Vec<String> {
        ["sh", "-c", text].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_command_has_its_own_exit_code() {
        for (text, expected) in [("exit $QUORATE_TOKEN", 7), ("kill -9 $$", 137), ("cat", 0)] {
            let ended = run_to_end(&words(text), std::future::pending()).unwrap();
            assert_eq!(ended, Ended::Exit(expected), "{text}");
        }
    }

    #[test]
    fn a_command_is_stopped_when_what_it_needs_is_lost() {
        assert_eq!(run_to_end(&words("exec sleep 1000"), std::future::ready(())).unwrap(), Ended::Lost);
    }

    #[test]
    fn a_command_that_does_not_exist_is_named() {
        let failure = run_to_end(&["/no/such/program".to_owned()], std::future::pending()).unwrap_err();
        assert!(failure.text().starts_with("/no/such/program: "), "{failure:?}");
    }
}
