//! Commands that hold something: `lock`, `elect`.

use std::time::Duration;

use quorate_client::recipes::contender::Token;
use quorate_client::recipes::{Held, Latch, Lock};
use serde_json::json;

use super::call::Call;
use super::child::{self, Ended, Terms};
use super::failure::Failure;
use super::{paths, show};

/// The exit code of a command that a person interrupted.
const INTERRUPTED: u8 = 130;

/// Who holds: a host and a process, for people that look at the znode.
fn whoever() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}:{}", std::process::id())
}

/// What a command's environment says.
fn environment(path: &str, token: Token) -> [(&'static str, String); 2] {
    [("QUORATE_TOKEN", token.0.0.to_string()), ("QUORATE_PATH", path.to_owned())]
}

/// Run the command behind `--` while something is held.
async fn run_holding(call: &Call<'_>, token: Token, lost: impl Future<Output = ()>) -> Result<Ended, Failure> {
    let environment = environment(call.arg(0), token);
    let words = call.parsed.behind();
    call.out.flush();
    child::run(&Terms { words, environment: &environment, reads_input: !call.script }, lost).await
}

/// The exit code of a command, as a failure unless it is 0.
fn ended_with(call: &Call<'_>, code: u8) -> Result<(), Failure> {
    call.out.value(&json!({ "path": call.arg(0), "exit": code }));
    if code == 0 { Ok(()) } else { Err(Failure::new(format!("the command ended with {code}")).exit(code)) }
}

pub(super) async fn lock(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    paths::check(path)?;
    if call.parsed.behind != Some(1) || call.parsed.behind().is_empty() {
        return Err(Failure::new("lock: `lock path -- command...` is expected"));
    }
    let patience: Option<u64> =
        if call.parsed.has("wait") { Some(call.number("wait", 0)?) } else { None };
    let lock = Lock::new(call.session.client(), path).data(whoever());
    let held = acquire(path, &lock, patience).await?;
    call.out.value(&json!({ "path": path, "token": held.token().0.0 }));
    let ended = run_holding(call, held.token(), held.lost()).await;
    held.release().await;
    match ended? {
        Ended::Exit(code) => ended_with(call, code),
        Ended::Lost => Err(Failure::new(format!("the lock {} was lost: the command was stopped", show::name(path)))),
        Ended::Interrupted => Err(Failure::new("interrupted: the command was stopped").exit(INTERRUPTED)),
    }
}

async fn acquire(path: &str, lock: &Lock, patience: Option<u64>) -> Result<Held, Failure> {
    let acquired = async {
        match patience {
            None => Some(lock.acquire().await),
            Some(seconds) => tokio::time::timeout(Duration::from_secs(seconds), lock.acquire()).await.ok(),
        }
    };
    tokio::select! {
        acquired = acquired => match acquired {
            Some(acquired) => acquired.map_err(|why| Failure::new(format!("{}: {why}", show::name(path)))),
            None => Err(Failure::new(format!("{}: others hold the lock", show::name(path)))),
        },
        _ = tokio::signal::ctrl_c() => Err(Failure::new("interrupted").exit(INTERRUPTED)),
    }
}

pub(super) async fn elect(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    paths::check(path)?;
    let id = call.parsed.value("id").map_or_else(whoever, str::to_owned);
    let mut latch = Latch::new(call.session.client(), path, id);
    let outcome = tokio::select! {
        outcome = lead(call, &mut latch) => outcome,
        // A command that runs is stopped in there, and this comes after it.
        _ = tokio::signal::ctrl_c(), if call.parsed.behind().is_empty() => Ok(Ended::Interrupted),
    };
    latch.close().await;
    match outcome? {
        Ended::Exit(code) => ended_with(call, code),
        _ => Err(Failure::new("interrupted").exit(INTERRUPTED)),
    }
}

/// Lead whenever that is possible, until the command ends by itself.
async fn lead(call: &Call<'_>, latch: &mut Latch) -> Result<Ended, Failure> {
    let path = call.arg(0);
    let tell = |what: &str, token: Token| {
        call.out.answer(
            || format!("{what}  {}  token {}", show::name(path), token.0.0),
            || json!({ "path": path, "state": what, "token": token.0.0 }),
        );
    };
    loop {
        let lead = async {
            tokio::select! {
                led = latch.lead() => Ok(led),
                _ = tokio::signal::ctrl_c() => Err(Ended::Interrupted),
            }
        };
        let token = match lead.await {
            Ok(Some(token)) => token,
            Ok(None) => {
                return Err(Failure::new(format!("{}: the session is over, or a server refused", show::name(path))));
            }
            Err(interrupted) => return Ok(interrupted),
        };
        tell("leading", token);
        if call.parsed.behind().is_empty() {
            latch.lost().await;
        } else {
            match run_holding(call, token, latch.lost()).await? {
                Ended::Lost => {}
                ended => return Ok(ended),
            }
        }
        tell("lost", token);
    }
}
