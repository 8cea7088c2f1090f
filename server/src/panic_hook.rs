//! A panic of any thread ends the process: a server that has lost a part of itself must not go on.

use std::panic;
use std::process;

use crate::error::EXIT_UNEXPECTED;
use crate::output;

/// From now on a panic is reported as usual, and then the process ends with exit code 1.
pub(crate) fn install() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        output::complain(
            "this is a bug; the process ends, because no part of it may go on without the others",
        );
        process::exit(i32::from(EXIT_UNEXPECTED));
    }));
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::thread;

    const CHILD: &str = "QUORATE_TEST_PANIC_CHILD";

    /// Runs itself once more as a process whose second thread panics.
    #[test]
    fn a_panic_of_any_thread_ends_the_process() {
        if std::env::var_os(CHILD).is_some() {
            super::install();
            let _ = thread::Builder::new()
                .name("log-writer".into())
                .spawn(|| panic!("on purpose"))
                .unwrap()
                .join();
            unreachable!("the process went on");
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "panic_hook::tests::a_panic_of_any_thread_ends_the_process"])
            .env(CHILD, "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(1), "{said}");
        assert!(said.contains("thread 'log-writer'") && said.contains("on purpose"), "{said}");
        assert!(said.contains("the process ends"), "{said}");
        assert!(!said.contains("the process went on"), "{said}");
    }
}
