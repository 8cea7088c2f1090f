//! `quorate shell`: ZooKeeper's shell, keystroke for keystroke, and what it lacks.
//!
//! | file | has |
//! |---|---|
//! | `args`, `run` | the command line; one command, a script, or a person |
//! | `shell`, `line`, `commands`, `flags` | lines → words → commands, history, exit codes |
//! | `call`, `dispatch` | what commands have at hand, which function does which |
//! | `interactive`, `complete` | a person's line editor, and what Tab completes |
//! | `reading`, `writing`, `quota`, `ensemble`, `watching` | ZooKeeper's commands |
//! | `inspect`, `moving`, `archive`, `edit`, `holding`, `help` | this shell's own commands |
//! | `walk`, `subtree`, `copies`, `child`, `orderly`, `progress` | what these are made of |
//! | `session`, `printer` | the connection and its events, everything that is printed |
//! | `show`, `values`, `acl`, `paths`, `failure` | texts for people, values for programs |

mod acl;
mod archive;
mod args;
mod call;
mod child;
mod commands;
mod complete;
mod copies;
mod dispatch;
mod edit;
mod ensemble;
mod failure;
mod flags;
mod help;
mod holding;
mod inspect;
mod interactive;
mod line;
mod moving;
mod orderly;
mod paths;
mod printer;
mod progress;
mod quota;
mod reading;
mod run;
mod session;
#[expect(clippy::module_inception, reason = "the shell as a value")]
mod shell;
mod show;
mod subtree;
mod values;
mod walk;
mod watching;
mod writing;

pub(crate) use args::ShellArgs;
#[cfg(test)]
pub(crate) use help::reference;
pub(crate) use run::run;
