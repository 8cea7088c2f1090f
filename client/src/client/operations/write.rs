//! Changing and deleting znodes.

use std::future::IntoFuture;

use bytes::Bytes;
use quorate_core::wire::client::{DeleteRequest, Request, Response, SetAclRequest, SetDataRequest};
use quorate_core::wire::record::{Acl, Stat};

use crate::client::answer::Answer;
use crate::client::handle::Client;
use crate::error::{Error, ErrorKind, Result, done};
use crate::session::Outcome;

/// Any version will do.
const ANY: i32 = -1;

pub(super) fn nothing(outcome: Outcome) -> Result<(), ErrorKind> {
    done(outcome).map(drop)
}

fn stat(outcome: Outcome) -> Result<Stat, ErrorKind> {
    match done(outcome)? {
        Response::Stat(stat) => Ok(stat),
        _ => Err(ErrorKind::Unexpected),
    }
}

/// Replaces the data of a znode: made by [`Client::set`].
#[derive(Clone, Debug)]
#[must_use = "nothing is set before `.await`"]
pub struct SetData<'a> {
    client: &'a Client,
    request: SetDataRequest,
}

impl SetData<'_> {
    /// Only if the data has this version.
    pub fn version(mut self, version: i32) -> Self {
        self.request.version = version;
        self
    }
}

impl IntoFuture for SetData<'_> {
    type Output = Result<Stat>;
    type IntoFuture = Answer<Stat>;

    fn into_future(self) -> Answer<Stat> {
        let path = self.request.path.clone();
        self.client.submit(Request::SetData(self.request), Some(path), stat)
    }
}

/// Deletes a znode: made by [`Client::delete`].
#[derive(Clone, Debug)]
#[must_use = "nothing is deleted before `.await`"]
pub struct Delete<'a> {
    client: &'a Client,
    request: DeleteRequest,
}

impl Delete<'_> {
    /// Only if the data has this version.
    pub fn version(mut self, version: i32) -> Self {
        self.request.version = version;
        self
    }
}

impl IntoFuture for Delete<'_> {
    type Output = Result<()>;
    type IntoFuture = Answer<()>;

    fn into_future(self) -> Answer<()> {
        let path = self.request.path.clone();
        self.client.submit(Request::Delete(self.request), Some(path), nothing)
    }
}

/// Replaces the ACL of a znode: made by [`Client::set_acl`].
#[derive(Clone, Debug)]
#[must_use = "nothing is set before `.await`"]
pub struct SetAcl<'a> {
    client: &'a Client,
    request: SetAclRequest,
}

impl SetAcl<'_> {
    /// Only if the ACL has this version ([`Stat::aversion`]).
    pub fn version(mut self, version: i32) -> Self {
        self.request.version = version;
        self
    }
}

impl IntoFuture for SetAcl<'_> {
    type Output = Result<Stat>;
    type IntoFuture = Answer<Stat>;

    fn into_future(self) -> Answer<Stat> {
        let path = self.request.path.clone();
        self.client.submit(Request::SetAcl(self.request), Some(path), stat)
    }
}

impl Client {
    /// Replace the data of a znode; [`SetData::version`] makes it a compare-and-set.
    pub fn set(&self, path: impl Into<String>, data: impl Into<Bytes>) -> SetData<'_> {
        let request = SetDataRequest { path: path.into(), data: Some(data.into()), version: ANY };
        SetData { client: self, request }
    }

    /// Delete a znode that has no children.
    pub fn delete(&self, path: impl Into<String>) -> Delete<'_> {
        Delete { client: self, request: DeleteRequest { path: path.into(), version: ANY } }
    }

    /// Delete a znode and everything below it, from below. It is not one transaction: what others create
    /// meanwhile is deleted too, or ends it with NOTEMPTY.
    ///
    /// # Errors
    /// One of them cannot be deleted. That one is not there is no error.
    pub async fn delete_all(&self, path: impl Into<String>) -> Result<(), Error> {
        let mut waiting = vec![(path.into(), false)];
        while let Some((path, listed)) = waiting.pop() {
            if listed {
                match self.delete(&*path).await {
                    Err(error) if !error.is_no_node() => return Err(error),
                    _ => continue,
                }
            }
            match self.children(&*path).await {
                Err(error) if error.is_no_node() => {}
                Err(error) => return Err(error),
                Ok(children) => {
                    let parent = path.trim_end_matches('/').to_owned();
                    waiting.push((path, true));
                    waiting
                        .extend(children.names.into_iter().map(|name| (format!("{parent}/{name}"), false)));
                }
            }
        }
        Ok(())
    }

    /// Replace the ACL of a znode.
    pub fn set_acl(&self, path: impl Into<String>, acl: impl Into<Vec<Acl>>) -> SetAcl<'_> {
        let request = SetAclRequest { path: path.into(), acl: acl.into(), version: ANY };
        SetAcl { client: self, request }
    }
}
