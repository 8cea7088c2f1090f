//! Waiting until a znode is there, or is gone.

use quorate_core::wire::record::Stat;

use crate::client::handle::Client;
use crate::error::{ErrorKind, Result};

impl Client {
    /// Wait until a znode exists. A lost connection does not end it; the end of the session does.
    ///
    /// ```no_run
    /// # async fn example(client: quorate_client::Client) -> Result<(), quorate_client::Error> {
    /// let stat = client.wait_until_exists("/config/ready").await?;
    /// println!("since {}", stat.ctime);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A server refuses to look, or the session is over.
    pub async fn wait_until_exists(&self, path: &str) -> Result<Stat> {
        loop {
            if let Some(stat) = self.look_until(path, true).await? {
                return Ok(stat);
            }
        }
    }

    /// Wait until a znode does not exist. A lost connection does not end it; the end of the session does.
    ///
    /// # Errors
    /// A server refuses to look, or the session is over.
    pub async fn wait_until_deleted(&self, path: &str) -> Result<()> {
        self.look_until(path, false).await.map(drop)
    }

    /// Look at a znode until it exists, or until it does not.
    async fn look_until(&self, path: &str, there: bool) -> Result<Option<Stat>> {
        // The first look sets no watch: often none is needed.
        let mut found = self.exists(path).await.map(|found| (found, None));
        loop {
            match found {
                Ok((found, _)) if found.is_some() == there => return Ok(found),
                // A watch is lost with its session only: the next look says so.
                Ok((_, Some(changed))) => drop(changed.await),
                Ok((_, None)) => {}
                // A look can be repeated. It waits for the next connection.
                Err(error) if *error.kind() == ErrorKind::ConnectionLost => {}
                Err(error) => return Err(error),
            }
            found = self.exists(path).watch().await.map(|(found, changed)| (found, Some(changed)));
        }
    }
}
