//! Creating znodes, with all that is above them if that is wanted.

use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::tree::path;
use quorate_core::wire::client::{CreateMode, CreateRequest, CreateTtlRequest, OpCode, Request, Response};
use quorate_core::wire::record::{Acl, Stat};

use crate::client::answer::Answer;
use crate::client::handle::Client;
use crate::error::{Error, ErrorKind, Result, done};
use crate::session::Outcome;

/// A znode that was created.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Created {
    /// The path, with its number if it is a sequential one.
    pub path: String,
    /// The Stat; its `czxid` is the transaction that created the znode.
    pub stat: Stat,
}

/// Creates a znode: made by [`Client::create`].
#[derive(Clone, Debug)]
#[must_use = "nothing is created before `.await`"]
pub struct Create<'a> {
    client: &'a Client,
    path: String,
    data: Option<Bytes>,
    acl: Vec<Acl>,
    ephemeral: bool,
    sequential: bool,
    container: bool,
    ttl: Option<Duration>,
}

impl<'a> Create<'a> {
    /// The data; without this the znode has none.
    pub fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// The ACL; without this all may do everything.
    pub fn acl(mut self, acl: impl Into<Vec<Acl>>) -> Self {
        self.acl = acl.into();
        self
    }

    /// The znode goes with the session.
    pub fn ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// The servers append a number of ten digits, which grows.
    pub fn sequential(mut self) -> Self {
        self.sequential = true;
        self
    }

    /// The znode goes some time after its last child.
    pub fn container(mut self) -> Self {
        self.container = true;
        self
    }

    /// The znode goes when it has no children and was not changed for this long.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Create what is above it too, without data.
    pub fn parents(self) -> CreateWithParents<'a> {
        CreateWithParents(self)
    }

    fn mode(&self) -> Result<CreateMode, ErrorKind> {
        let mode = match (self.ephemeral, self.container, self.ttl) {
            (true, true, _) => return Err(ErrorKind::Mode("a container is not ephemeral")),
            (true, _, Some(_)) => return Err(ErrorKind::Mode("an ephemeral znode has no time to live")),
            (_, true, Some(_)) => return Err(ErrorKind::Mode("a container has no time to live")),
            (_, true, _) if self.sequential => return Err(ErrorKind::Mode("a container has no number")),
            (false, true, None) => CreateMode::Container,
            (true, false, None) => CreateMode::Ephemeral,
            (false, false, Some(_)) => CreateMode::PersistentWithTtl,
            (false, false, None) => CreateMode::Persistent,
        };
        Ok(match mode {
            CreateMode::Ephemeral if self.sequential => CreateMode::EphemeralSequential,
            CreateMode::PersistentWithTtl if self.sequential => CreateMode::PersistentSequentialWithTtl,
            CreateMode::Persistent if self.sequential => CreateMode::PersistentSequential,
            mode => mode,
        })
    }

    fn send(self) -> Answer<Created> {
        let mode = match self.mode() {
            Ok(mode) => mode,
            Err(kind) => return Client::fail(OpCode::Create2, self.path, kind, created),
        };
        let (path, data, acl, flags) = (self.path.clone(), self.data, self.acl, mode.to_i32());
        let request = match self.ttl {
            Some(ttl) => {
                let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
                Request::CreateTtl(CreateTtlRequest { path, data, acl, flags, ttl })
            }
            None if mode == CreateMode::Container => {
                Request::CreateContainer(CreateRequest { path, data, acl, flags })
            }
            None => Request::Create2(CreateRequest { path, data, acl, flags }),
        };
        self.client.submit(request, Some(self.path), created)
    }
}

fn created(outcome: Outcome) -> Result<Created, ErrorKind> {
    match done(outcome)? {
        Response::PathStat(path, stat) => Ok(Created { path, stat }),
        _ => Err(ErrorKind::Unexpected),
    }
}

impl IntoFuture for Create<'_> {
    type Output = Result<Created>;
    type IntoFuture = Answer<Created>;

    fn into_future(self) -> Answer<Created> {
        self.send()
    }
}

/// Creates a znode and what is above it: made by [`Create::parents`].
#[derive(Clone, Debug)]
#[must_use = "nothing is created before `.await`"]
pub struct CreateWithParents<'a>(Create<'a>);

impl<'a> IntoFuture for CreateWithParents<'a> {
    type Output = Result<Created>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Created>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let first = self.0.clone().send().await;
            match first {
                Err(error) if error.is_no_node() => {}
                first => return first,
            }
            if let Some(parent) = path::parent(&self.0.path) {
                self.0.client.ensure(parent).await?;
            }
            self.0.send().await
        })
    }
}

impl Client {
    /// Create a znode. Without further calls it is persistent, has no data, and is open to all.
    ///
    /// ```no_run
    /// # async fn example(client: quorate_client::Client) -> Result<(), quorate_client::Error> {
    /// let created = client.create("/locks/lock-").data("me").ephemeral().sequential().parents().await?;
    /// assert!(created.path.starts_with("/locks/lock-"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(&self, path: impl Into<String>) -> Create<'_> {
        Create {
            client: self,
            path: path.into(),
            data: None,
            acl: vec![Acl::open()],
            ephemeral: false,
            sequential: false,
            container: false,
            ttl: None,
        }
    }

    /// Create a persistent znode, and those above it, unless they are there already.
    ///
    /// # Errors
    /// One of them can neither be found nor created.
    pub async fn ensure(&self, path: &str) -> Result<(), Error> {
        // From below: usually only the last ones are missing.
        let mut missing = vec![path];
        while let Some(at) = missing.last().copied() {
            match self.create(at).await {
                Ok(_) => drop(missing.pop()),
                Err(error) if error.is_node_exists() => drop(missing.pop()),
                Err(error) if error.is_no_node() && at != path::ROOT => {
                    missing.push(path::parent(at).unwrap_or(path::ROOT));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
