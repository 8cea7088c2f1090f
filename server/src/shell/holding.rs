//! Commands that hold something: `lock`, `elect`.

use std::time::Duration;

use quorate_client::recipes::contender::Token;
use quorate_client::recipes::{Held, Latch, Lock};
use serde_json::json;

use super::call::Call;
use super::child::{self, Ended, Terms};
use super::failure::Failure;
use super::orderly::Orderly;
use super::{paths, show};

/// The exit code of a command that a person interrupted.
const INTERRUPTED: u8 = 130;

/// What names a holder: host and process, for people that look at the znode.
fn whoever() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}:{}", std::process::id())
}

/// What a command's environment says.
fn environment(path: &str, token: Token) -> [(&'static str, String); 2] {
    [("QUORATE_TOKEN", token.0.0.to_string()), ("QUORATE_PATH", path.to_owned())]
}

/// What a command needs to hold something: signals, and quiet about the recipe's own watches.
struct Holding<'a> {
    call: &'a Call<'a>,
    signals: Orderly,
    events_wanted: bool,
}

impl<'a> Holding<'a> {
    fn begin(call: &'a Call<'a>) -> Result<Self, Failure> {
        paths::check(call.arg(0))?;
        let signals = Orderly::begin(call.script)?;
        let events_wanted = call.events.are_wanted();
        call.events.want(false);
        Ok(Holding { call, signals, events_wanted })
    }

    /// Run the command behind `--` while something is held.
    async fn run(&mut self, token: Token, lost: impl Future<Output = ()>) -> Result<Ended, Failure> {
        let environment = environment(self.call.arg(0), token);
        let words = self.call.parsed.behind();
        self.call.out.flush();
        let terms = Terms { words, environment: &environment, reads_input: !self.call.script };
        child::run(&terms, &mut self.signals, lost).await
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.call.events.want(self.events_wanted);
    }
}

/// The exit code of a command, as a failure unless it is 0.
fn ended_with(call: &Call<'_>, code: u8) -> Result<(), Failure> {
    call.out.value(&json!({ "path": call.arg(0), "exit": code }));
    if code == 0 { Ok(()) } else { Err(Failure::new(format!("the command ended with {code}")).exit(code)) }
}

pub(super) async fn lock(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    if call.parsed.behind != Some(1) || call.parsed.behind().is_empty() {
        return Err(Failure::new("lock: `lock path -- command...` is expected"));
    }
    let patience: Option<u64> = if call.parsed.has("wait") { Some(call.number("wait", 0)?) } else { None };
    let mut holding = Holding::begin(call)?;
    let lock = Lock::new(call.session.client(), path).data(whoever());
    let held = tokio::select! {
        held = acquire(path, &lock, patience) => held?,
        () = holding.signals.interrupted() => return Err(interrupted("interrupted")),
    };
    call.out.value(&json!({ "path": path, "token": held.token().0.0 }));
    let ended = holding.run(held.token(), held.lost()).await;
    held.release().await;
    match ended? {
        Ended::Exit(code) => ended_with(call, code),
        Ended::Lost => {
            Err(Failure::new(format!("the lock {} was lost: the command was stopped", show::name(path))))
        }
        Ended::Interrupted => Err(interrupted("interrupted: the command was stopped")),
    }
}

fn interrupted(text: &str) -> Failure {
    Failure::new(text).exit(INTERRUPTED)
}

async fn acquire(path: &str, lock: &Lock, patience: Option<u64>) -> Result<Held, Failure> {
    let acquired = match patience {
        None => lock.acquire().await,
        Some(seconds) => match tokio::time::timeout(Duration::from_secs(seconds), lock.acquire()).await {
            Ok(acquired) => acquired,
            Err(_) => return Err(Failure::new(format!("{}: others hold the lock", show::name(path)))),
        },
    };
    acquired.map_err(|why| Failure::new(format!("{}: {why}", show::name(path))))
}

pub(super) async fn elect(call: &Call<'_>) -> Result<(), Failure> {
    let mut holding = Holding::begin(call)?;
    let id = call.parsed.value("id").map_or_else(whoever, str::to_owned);
    let mut latch = Latch::new(call.session.client(), call.arg(0), id);
    let ended = lead(&mut holding, &mut latch).await;
    latch.close().await;
    match ended? {
        Ended::Exit(code) => ended_with(call, code),
        Ended::Lost | Ended::Interrupted => Err(interrupted("interrupted")),
    }
}

/// Lead whenever that is possible, until the command ends by itself or is interrupted.
async fn lead(holding: &mut Holding<'_>, latch: &mut Latch) -> Result<Ended, Failure> {
    let call = holding.call;
    let path = call.arg(0);
    let tell = |what: &str, token: Token| {
        call.out.answer(
            || format!("{what}  {}  token {}", show::name(path), token.0.0),
            || json!({ "path": path, "state": what, "token": token.0.0 }),
        );
        call.out.flush();
    };
    loop {
        let led = tokio::select! {
            led = latch.lead() => led,
            () = holding.signals.interrupted() => return Ok(Ended::Interrupted),
        };
        let Some(token) = led else {
            let why = format!("{}: the session is over, or a server refused", show::name(path));
            return Err(Failure::new(why));
        };
        tell("leading", token);
        if call.parsed.behind().is_empty() {
            tokio::select! {
                () = latch.lost() => {}
                () = holding.signals.interrupted() => return Ok(Ended::Interrupted),
            }
        } else {
            match holding.run(token, latch.lost()).await? {
                Ended::Lost => {}
                ended => return Ok(ended),
            }
        }
        tell("lost", token);
    }
}
