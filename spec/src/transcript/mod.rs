//! Scenario transcripts: a text file with commands for a [`World`], and below each command
//! everything that came of it.
//!
//! ```text
//! # A comment.
//! > start 1 2
//!     1 starts with an empty disk          what happened, in the order in which it happened
//!         is LOOKING                       what the server did about it
//!         → 2: …                           what it sent
//!         disk: …                          what it wants on its disk, not there yet
//! ```
//!
//! Output is indented, everything else is kept as it is; so a file can be written anew after a change and
//! read as a difference. Commands are listed at [`Stage::command`]. After every step the properties of ZAB
//! are evaluated: a transcript that breaks one is refused, whatever it says.
//!
//! Servers are known by their ids, transactions by a letter, zxids as `epoch:counter`. Nothing happens unless
//! a command says so. `settle` is "and now everything that can happen without a fault". Votes come first,
//! then packets, then disks; time passes only when all is quiet.

mod perform;
mod script;
mod stage;
pub(crate) mod unwritable;

pub use perform::{Refused, perform};
pub use script::write;
pub use stage::Stage;
pub use unwritable::Unwritable;

#[allow(unused_imports, reason = "documentation")]
use crate::world::World;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        perform(text).expect_err("it cannot be performed").to_string()
    }

    #[test]
    fn what_cannot_be_performed_is_named_with_its_line() {
        assert_eq!(refusal("# title\n\n> jump 3\n"), "line 3: there is no command `jump`");
        assert_eq!(refusal("> servers 3\n> start 4\n"), "line 2: there is no server 4");
        assert_eq!(refusal("> servers 3\n> start x\n"), "line 2: `x` is no server");
        assert_eq!(refusal("> servers 3\n> start 1\n> start 1\n"), "line 3: impossible now: 1 starts");
        assert_eq!(refusal("> servers 3\n> deliver 1 -> 2\n"), "line 2: nothing is under way from 1 to 2");
        assert_eq!(refusal("> servers 3\n> alarm 1 Ping\n"), "line 2: Ping of server 1 is not set");
        assert_eq!(refusal("> servers 3\n> alarm 1 Clock\n"), "line 2: there is no alarm `Clock`");
        assert!(refusal("start 1\n").starts_with("line 1: neither a comment"));
    }

    #[test]
    fn a_disk_that_no_server_starts_with_breaks_a_property() {
        let text = "> servers 3\n> disk 1 epochs 1/1 log 1:1=a 1:3=b\n> start 1\n";
        let why = refusal(text);
        assert!(why.starts_with("line 3: StoredDataIsAccepted is broken"), "{why}");
    }

    #[test]
    fn output_is_written_anew() {
        let first = perform("# title\n> servers 3\n> start 1\n    nonsense\n").unwrap();
        assert!(first.contains("    1 starts with an empty disk\n"), "{first}");
        assert!(!first.contains("nonsense"));
        assert_eq!(perform(&first).unwrap(), first);
    }
}
