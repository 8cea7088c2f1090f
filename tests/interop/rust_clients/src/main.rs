//! Puts a client made for ZooKeeper to use and prints what it answers, without what differs from run to run.
//!
//!     rust-clients blocking|asynchronous HOST:PORT,HOST:PORT,…
//!
//! A line that begins with `> ` asks for the death of the servers' leader. The program goes on at the next
//! line of its input.

mod asynchronous;
mod blocking;
mod transcript;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["blocking", hosts] => blocking::run(hosts),
        ["asynchronous", hosts] => asynchronous::run(hosts),
        _ => {
            eprintln!("usage: rust-clients blocking|asynchronous HOSTS");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
