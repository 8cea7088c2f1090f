//! Several operations at once: writes that are done all or none, and reads of one state.

use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::wire::client::{
    CheckVersionRequest, CreateMode, CreateRequest, CreateTtlRequest, DeleteRequest, MultiOp, MultiResult,
    ReadOp, Request, Response, SetDataRequest, WatchRequest,
};
use quorate_core::wire::record::Acl;

use super::node::{Node, own};
use crate::client::answer::Answer;
use crate::client::handle::Client;
use crate::error::{ErrorKind, Result, done};
use crate::session::{Outcome, Refusal};

/// Several writes, all or none: made by [`Client::multi`].
#[derive(Clone, Debug)]
#[must_use = "nothing is done before `.await`"]
pub struct Multi<'a> {
    client: &'a Client,
    parts: Vec<MultiOp>,
}

impl Multi<'_> {
    /// Any part, as it is written.
    pub fn part(mut self, part: MultiOp) -> Self {
        self.parts.push(part);
        self
    }

    /// Create a persistent znode that is open to all.
    pub fn create(self, path: impl Into<String>, data: impl Into<Bytes>) -> Self {
        self.create_as(path, data, CreateMode::Persistent)
    }

    /// Create a znode of any kind without time to live that is open to all.
    pub fn create_as(self, path: impl Into<String>, data: impl Into<Bytes>, mode: CreateMode) -> Self {
        let (path, data, acl) = (path.into(), Some(data.into()), vec![Acl::open()]);
        let request = CreateRequest { path, data, acl, flags: mode.to_i32() };
        self.part(match mode {
            CreateMode::Container => MultiOp::CreateContainer(request),
            _ => MultiOp::Create2(request),
        })
    }

    /// Create a persistent znode with a time to live that is open to all.
    pub fn create_ttl(self, path: impl Into<String>, data: impl Into<Bytes>, ttl: Duration) -> Self {
        let (path, data, acl) = (path.into(), Some(data.into()), vec![Acl::open()]);
        let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        let flags = CreateMode::PersistentWithTtl.to_i32();
        self.part(MultiOp::CreateTtl(CreateTtlRequest { path, data, acl, flags, ttl }))
    }

    /// Replace the data of a znode.
    pub fn set(self, path: impl Into<String>, data: impl Into<Bytes>) -> Self {
        self.set_version(path, data, -1)
    }

    /// Replace the data of a znode if it has this version.
    pub fn set_version(self, path: impl Into<String>, data: impl Into<Bytes>, version: i32) -> Self {
        self.part(MultiOp::SetData(SetDataRequest { path: path.into(), data: Some(data.into()), version }))
    }

    /// Delete a znode.
    pub fn delete(self, path: impl Into<String>) -> Self {
        self.delete_version(path, -1)
    }

    /// Delete a znode if its data has this version.
    pub fn delete_version(self, path: impl Into<String>, version: i32) -> Self {
        self.part(MultiOp::Delete(DeleteRequest { path: path.into(), version }))
    }

    /// Do nothing at all unless the data of a znode has this version; −1: unless the znode exists.
    pub fn check(self, path: impl Into<String>, version: i32) -> Self {
        self.part(MultiOp::Check(CheckVersionRequest { path: path.into(), version }))
    }
}

fn results(outcome: Outcome) -> Result<Vec<MultiResult>, ErrorKind> {
    match done(outcome)? {
        Response::Multi(results) => Ok(results),
        _ => Err(ErrorKind::Unexpected),
    }
}

impl IntoFuture for Multi<'_> {
    type Output = Result<Vec<MultiResult>>;
    type IntoFuture = Answer<Vec<MultiResult>>;

    fn into_future(self) -> Self::IntoFuture {
        self.client.submit(Request::Multi(self.parts), None, results)
    }
}

/// Several reads: made by [`Client::multi_read`].
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `.await`"]
pub struct MultiRead<'a> {
    client: &'a Client,
    parts: Vec<ReadOp>,
}

/// What one part of a [`MultiRead`] found.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ReadResult {
    /// Data and Stat.
    Node(Node),
    /// The names of the children.
    Children(Vec<String>),
    /// The part failed; the other parts need not.
    Failed(Refusal),
}

impl MultiRead<'_> {
    /// Data and Stat of a znode.
    pub fn get(mut self, path: impl Into<String>) -> Self {
        self.parts.push(ReadOp::GetData(WatchRequest { path: path.into(), watch: false }));
        self
    }

    /// The names of a znode's children.
    pub fn children(mut self, path: impl Into<String>) -> Self {
        self.parts.push(ReadOp::GetChildren(WatchRequest { path: path.into(), watch: false }));
        self
    }
}

fn read_results(outcome: Outcome) -> Result<Vec<ReadResult>, ErrorKind> {
    let each = |result| match result {
        MultiResult::GetData { data, stat } => Ok(ReadResult::Node(Node { data: own(data), stat })),
        MultiResult::GetChildren(names) => Ok(ReadResult::Children(names)),
        MultiResult::Error(code) => Ok(ReadResult::Failed(Refusal::Server(code))),
        _ => Err(ErrorKind::Unexpected),
    };
    results(outcome)?.into_iter().map(each).collect()
}

impl IntoFuture for MultiRead<'_> {
    type Output = Result<Vec<ReadResult>>;
    type IntoFuture = Answer<Vec<ReadResult>>;

    fn into_future(self) -> Self::IntoFuture {
        self.client.submit(Request::MultiRead(self.parts), None, read_results)
    }
}

impl Client {
    /// Several writes in one transaction: all are done, or none.
    ///
    /// ```no_run
    /// # async fn example(client: quorate_client::Client) -> Result<(), quorate_client::Error> {
    /// let moved = client.multi().check("/owner", 7).delete("/old").create("/new", "data").await;
    /// if let Err(error) = moved {
    ///     println!("part {:?} was refused: {error}", error.part());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn multi(&self) -> Multi<'_> {
        Multi { client: self, parts: Vec::new() }
    }

    /// Several reads in one request; each has its own result.
    pub fn multi_read(&self) -> MultiRead<'_> {
        MultiRead { client: self, parts: Vec::new() }
    }
}
