//! Contenders for one lock, which take turns in a store that only a holder may enter.
//!
//! ```sh
//! cargo run -p quorate-client --example locks -- --server 127.0.0.1:2181
//! ```
//!
//! | option | means |
//! |---|---|
//! | `--server HOST:PORT,…` | the servers; required |
//! | `--contenders N` | how many contenders there are, 3 |
//! | `--rounds N` | how often each holds, 5 |
//! | `--directory PATH` | the lock, `/locks/example`: kazoo and Curator can contend for it too |
//! | `--store DIRECTORY` | where the store is; other programs may use it |
//! | `--sabotage` | contenders enter without the lock: the store must notice |

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use quorate_client::Client;
use quorate_client::recipes::Lock;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the command line says.
struct Options {
    server: String,
    contenders: usize,
    rounds: usize,
    directory: String,
    store: PathBuf,
    sabotage: bool,
}

fn options() -> Result<Options, Failure> {
    let store = std::env::temp_dir().join(format!("quorate-locks-{}", std::process::id()));
    let mut options = Options {
        server: String::new(),
        contenders: 3,
        rounds: 5,
        directory: "/locks/example".into(),
        store,
        sabotage: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--server" => options.server = value()?,
            "--contenders" => options.contenders = value()?.parse()?,
            "--rounds" => options.rounds = value()?.parse()?,
            "--directory" => options.directory = value()?,
            "--store" => options.store = value()?.into(),
            "--sabotage" => options.sabotage = true,
            other => return Err(format!("{other} is no option of this example").into()),
        }
    }
    if options.server.is_empty() {
        return Err("--server HOST:PORT is needed".into());
    }
    Ok(options)
}

/// A store that notices when two are inside, and when a token is smaller than one before.
struct Store(PathBuf);

impl Store {
    /// Enter with a token, do something, and leave.
    async fn visit(&self, token: u64) -> Result<(), Failure> {
        let inside = self.0.join("inside");
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&inside)
            .map_err(|why| format!("another one is inside: {why}"))?;
        let tokens = self.0.join("tokens");
        let seen = fs::read_to_string(&tokens).unwrap_or_default();
        let last = seen.lines().last().and_then(|line| line.parse::<u64>().ok()).unwrap_or(0);
        if token < last {
            return Err(format!("token {token} comes after {last}").into());
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
        writeln!(OpenOptions::new().create(true).append(true).open(&tokens)?, "{token}")?;
        fs::remove_file(&inside)?;
        Ok(())
    }
}

async fn contend(number: usize, options: Arc<Options>) -> Result<(), Failure> {
    let client = Client::connect(&options.server).await?;
    let store = Store(options.store.clone());
    let lock = Lock::new(&client, options.directory.clone()).data(format!("contender {number}"));
    for round in 1..=options.rounds {
        if options.sabotage {
            store.visit(u64::MAX).await?;
            continue;
        }
        let held = lock.acquire().await?;
        let token = held.token().0.0;
        store.visit(token).await?;
        println!("contender {number}, round {round}: held with token {token:#x}");
        held.release().await;
    }
    client.close().await;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => {
            println!("no contender met another one inside, and every token was greater than those before");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("locks: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let options = Arc::new(options()?);
    fs::create_dir_all(&options.store)?;
    let contenders = (1..=options.contenders).map(|number| tokio::spawn(contend(number, options.clone())));
    for contender in contenders.collect::<Vec<_>>() {
        contender.await??;
    }
    Ok(())
}
