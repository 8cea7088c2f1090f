//! Watches that stay, and removing watches.

use quorate_core::wire::client::{AddWatchMode, AddWatchRequest, Request, WatcherRequest, WatcherType};

use super::write::nothing;
use crate::client::answer::{Answer, Watched};
use crate::client::driver::Command;
use crate::client::handle::Client;
use crate::client::watch::{Changes, Wish};
use crate::error::Result;
use crate::session::WatchKinds;

impl Client {
    /// Watch a znode, or everything from it down, until the session is over (servers since 3.6).
    ///
    /// ```no_run
    /// # async fn example(client: quorate_client::Client) -> Result<(), quorate_client::Error> {
    /// use quorate_client::AddWatchMode;
    ///
    /// let ((), mut changes) = client.watch("/config", AddWatchMode::PersistentRecursive).await?;
    /// while let Some(change) = changes.next().await {
    ///     println!("{:?} {}", change.event, change.path);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self, path: impl Into<String>, mode: AddWatchMode) -> Watched<(), Changes> {
        let path = path.into();
        let kind = match mode {
            AddWatchMode::Persistent => WatchKinds::PERSISTENT,
            AddWatchMode::PersistentRecursive => WatchKinds::RECURSIVE,
        };
        let (wish, changes) = Wish::many(&path, kind);
        let request = Request::AddWatch(AddWatchRequest { path: path.clone(), mode });
        Watched::new(self.send(request, Some(path), nothing, false, Some(wish)), changes)
    }

    /// Remove all watches of this kind that this client has on a znode: their futures and streams end.
    ///
    /// # Errors
    /// NOWATCHER if there is none.
    pub async fn remove_watches(&self, path: impl Into<String>, watcher: WatcherType) -> Result<()> {
        let path = path.into();
        let request = Request::RemoveWatches(WatcherRequest { path: path.clone(), watcher });
        self.submit(request, Some(path.clone()), nothing).await?;
        // A task that has ended has no watches.
        let path = self.outside(path);
        let _ = self.commands.send(Command::Unwatch { path, kinds: WatchKinds::of(watcher) });
        Ok(())
    }

    /// Whether this client has such a watch on a znode, as the server knows it.
    ///
    /// # Errors
    /// NOWATCHER if there is none.
    pub fn check_watches(&self, path: impl Into<String>, watcher: WatcherType) -> Answer<()> {
        let path = path.into();
        self.submit(
            Request::CheckWatches(WatcherRequest { path: path.clone(), watcher }),
            Some(path),
            nothing,
        )
    }
}
