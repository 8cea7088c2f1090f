//! What concerns the session, the server and the ensemble.

use std::future::IntoFuture;

use bytes::Bytes;
use quorate_core::tree::path::CONFIG;
use quorate_core::wire::client::{AuthPacket, ReconfigRequest, Request, Response, WatchRequest};
use quorate_core::wire::record::ClientInfo;

use super::node::{Node, own};
use super::write::nothing;
use crate::client::answer::{Answer, Watched};
use crate::client::handle::Client;
use crate::client::watch::{Watch, Wish};
use crate::error::{ErrorKind, Result, done};
use crate::session::{Outcome, WatchKinds};

fn paths(outcome: Outcome) -> Result<Vec<String>, ErrorKind> {
    match done(outcome)? {
        Response::Children(paths) => Ok(paths),
        _ => Err(ErrorKind::Unexpected),
    }
}

fn identities(outcome: Outcome) -> Result<Vec<ClientInfo>, ErrorKind> {
    match done(outcome)? {
        Response::WhoAmI(identities) => Ok(identities),
        _ => Err(ErrorKind::Unexpected),
    }
}

fn config(outcome: Outcome) -> Result<Node, ErrorKind> {
    match done(outcome)? {
        Response::Data { data, stat } => Ok(Node { data: own(data), stat }),
        _ => Err(ErrorKind::Unexpected),
    }
}

/// Changes the members of the ensemble: made by [`Client::reconfigure`].
#[derive(Clone, Debug)]
#[must_use = "nothing is changed before `.await`"]
pub struct Reconfigure<'a> {
    client: &'a Client,
    request: ReconfigRequest,
}

impl Reconfigure<'_> {
    /// Servers to add or to change: `server.N=…`, separated by commas.
    pub fn joining(mut self, servers: impl Into<String>) -> Self {
        self.request.joining_servers = Some(servers.into());
        self
    }

    /// The ids of servers to remove, separated by commas.
    pub fn leaving(mut self, ids: impl Into<String>) -> Self {
        self.request.leaving_servers = Some(ids.into());
        self
    }

    /// All members: `server.N=…`, separated by commas.
    pub fn members(mut self, servers: impl Into<String>) -> Self {
        self.request.new_members = Some(servers.into());
        self
    }

    /// Only if the configuration has this version.
    pub fn version(mut self, version: i64) -> Self {
        self.request.cur_config_id = version;
        self
    }
}

impl IntoFuture for Reconfigure<'_> {
    type Output = Result<Node>;
    type IntoFuture = Answer<Node>;

    fn into_future(self) -> Answer<Node> {
        self.client.submit(Request::Reconfig(self.request), None, config)
    }
}

impl Client {
    /// Let the server catch up with the leader: a read behind this sees what was acknowledged before.
    pub fn sync(&self, path: impl Into<String>) -> Answer<()> {
        let path = path.into();
        self.submit(Request::Sync(Some(path.clone())), Some(path), nothing)
    }

    /// Prove an identity on this and every later connection. A server that refuses it ends the session.
    pub fn add_auth(&self, scheme: &str, proof: impl AsRef<[u8]>) -> Answer<()> {
        let auth = Some(Bytes::copy_from_slice(proof.as_ref()));
        self.submit(
            Request::Auth(AuthPacket { auth_type: 0, scheme: scheme.to_owned(), auth }),
            None,
            nothing,
        )
    }

    /// The identities of the connection (servers since 3.7).
    pub fn who_am_i(&self) -> Answer<Vec<ClientInfo>> {
        self.submit(Request::WhoAmI, None, identities)
    }

    /// The session's ephemeral znodes whose paths start with this; `/`: all of them (servers since 3.6).
    pub fn ephemerals(&self, prefix: impl Into<String>) -> Answer<Vec<String>> {
        let prefix = prefix.into();
        self.submit(Request::GetEphemerals(Some(prefix.clone())), Some(prefix), paths)
    }

    /// The ensemble's configuration, whatever the client's root is.
    pub fn config(&self) -> Answer<Node> {
        let request = Request::GetData(WatchRequest { path: CONFIG.to_owned(), watch: false });
        self.submit_absolute(request, Some(CONFIG.to_owned()), config)
    }

    /// The ensemble's configuration, and its next change.
    pub fn config_and_watch(&self) -> Watched<Node, Watch> {
        let (wish, watch) = Wish::once(CONFIG, WatchKinds::DATA, WatchKinds::NONE);
        let request = Request::GetData(WatchRequest { path: CONFIG.to_owned(), watch: true });
        Watched::new(self.send(request, Some(CONFIG.to_owned()), config, true, Some(wish)), watch)
    }

    /// Change the members of the ensemble; the outcome is the new configuration.
    pub fn reconfigure(&self) -> Reconfigure<'_> {
        let request = ReconfigRequest {
            joining_servers: None,
            leaving_servers: None,
            new_members: None,
            cur_config_id: -1,
        };
        Reconfigure { client: self, request }
    }
}
