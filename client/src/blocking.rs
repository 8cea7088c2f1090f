//! The client for programs without `async`: each call waits for its outcome.
//!
//! ```no_run
//! use quorate_client::blocking::Blocking;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Blocking::connect("127.0.0.1:2181")?;
//! let created = client.wait(client.create("/a").data("hello").sequential())?;
//! println!("{:?}", client.wait(client.get(created.path))?.data);
//! # Ok(())
//! # }
//! ```

use std::future::IntoFuture;
use std::ops::Deref;
use std::sync::Arc;

use tokio::runtime::{Builder as RuntimeBuilder, Runtime};

use crate::client::{Builder, Client};
use crate::error::ConnectError;

/// A client with a thread of its own that runs its task. Clones share both.
///
/// All calls of [`Client`] are there; [`Blocking::wait`] turns any of them into a call that waits.
#[derive(Clone, Debug)]
pub struct Blocking {
    client: Client,
    runtime: Arc<Runtime>,
}

impl Blocking {
    /// Connect to an ensemble, as [`Client::connect`].
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect(servers: &str) -> Result<Blocking, ConnectError> {
        Blocking::from_builder(Client::builder(servers))
    }

    /// Connect as a builder says.
    ///
    /// # Errors
    /// As [`Builder::connect`]; and a thread cannot be started.
    pub fn from_builder(builder: Builder) -> Result<Blocking, ConnectError> {
        let mut runtime = RuntimeBuilder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("quorate-client").enable_all().build();
        let runtime = runtime.map_err(|_| ConnectError::NoRuntime)?;
        let client = runtime.block_on(builder.connect())?;
        Ok(Blocking { client, runtime: Arc::new(runtime) })
    }

    /// Wait for any future: an operation, a watch, the next state.
    ///
    /// # Panics
    /// If it is called from a thread that runs asynchronous code.
    pub fn wait<F: IntoFuture>(&self, future: F) -> F::Output {
        self.runtime.block_on(async { future.into_future().await })
    }

    /// Close the session and wait for its end.
    pub fn close(&self) {
        self.wait(self.client.close());
    }
}

impl Deref for Blocking {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
