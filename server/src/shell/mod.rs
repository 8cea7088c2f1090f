//! `quorate shell`: ZooKeeper's shell, keystroke for keystroke, and what it lacks.
//!
//! | file | has |
//! |---|---|
//! | `args`, `run` | the command line; one command, a script, or a person |
//! | `shell`, `line`, `commands`, `flags` | lines → words → commands, history, exit codes |
//! | `call`, `dispatch` | what commands have at hand, which function does which |
//! | `reading`, `writing`, `quota`, `ensemble`, `watching` | ZooKeeper's commands |
//! | `session`, `printer` | the connection and its events, everything that is printed |
//! | `show`, `values`, `acl`, `paths`, `failure` | texts for people, values for programs |

mod acl;
mod args;
mod call;
mod commands;
mod dispatch;
mod ensemble;
mod failure;
mod flags;
mod help;
mod line;
mod paths;
mod printer;
mod quota;
mod reading;
mod run;
mod session;
#[expect(clippy::module_inception, reason = "the shell as a value")]
mod shell;
mod show;
mod subtree;
mod values;
mod watching;
mod writing;

pub(crate) use args::ShellArgs;
pub(crate) use run::run;
