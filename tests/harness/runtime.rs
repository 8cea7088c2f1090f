//! Runs the other project's client, which is asynchronous.

use std::future::Future;

use super::wait::PATIENCE;

/// Run to the end, but not longer than [`PATIENCE`].
///
/// # Panics
/// If it takes longer.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("no end in sight") })
}
