//! What a command has at hand, and the operations that commands are made of.

use bytes::Bytes;
use quorate_client::{Acl, ErrorCode, Request, Response, Stat};
use quorate_core::wire::client::{
    CreateMode, CreateRequest, CreateTtlRequest, DeleteRequest, PathRequest, SetAclRequest, SetDataRequest,
    WatchRequest,
};

use super::failure::Failure;
use super::flags::Parsed;
use super::paths;
use super::printer::Printer;
use super::session::{Events, Session};

/// Any version will do.
pub(super) const ANY: i32 = -1;

/// A command that is carried out.
pub(super) struct Call<'a> {
    pub(super) session: &'a Session,
    pub(super) out: &'a Printer,
    pub(super) events: &'a Events,
    pub(super) parsed: &'a Parsed,
    /// Whether standard input has further commands.
    pub(super) script: bool,
}

/// What a znode holds: no data is not empty data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Content {
    pub(super) data: Option<Bytes>,
    pub(super) stat: Stat,
}

/// The server's answer is that of another operation: the client would have noticed.
fn unexpected() -> Failure {
    Failure::code(ErrorCode::MarshallingError, None)
}

impl Call<'_> {
    /// A word of the command; commands say how many they need.
    pub(super) fn arg(&self, index: usize) -> &str {
        self.parsed.args.get(index).map_or("", String::as_str)
    }

    /// The number that a flag has.
    ///
    /// # Errors
    /// Its value is none.
    pub(super) fn number<T: std::str::FromStr>(&self, flag: &str, or: T) -> Result<T, Failure> {
        match self.parsed.value(flag) {
            None => Ok(or),
            Some(text) => {
                text.parse().map_err(|_| Failure::new(format!("-{flag} argument must be a number: {text}")))
            }
        }
    }

    pub(super) async fn ask(&self, request: Request, path: &str) -> Result<Response, Failure> {
        self.session.ask(request, path).await
    }

    pub(super) async fn content(&self, path: &str, watch: bool) -> Result<Content, Failure> {
        let request = Request::GetData(WatchRequest { path: path.to_owned(), watch });
        match self.ask(request, path).await? {
            Response::Data { data, stat } => Ok(Content { data, stat }),
            _ => Err(unexpected()),
        }
    }

    /// The Stat of a znode, if it exists.
    pub(super) async fn exists(&self, path: &str, watch: bool) -> Result<Option<Stat>, Failure> {
        let request = Request::Exists(WatchRequest { path: path.to_owned(), watch });
        match self.ask(request, path).await {
            Ok(Response::Stat(stat)) => Ok(Some(stat)),
            Ok(_) => Err(unexpected()),
            Err(failure) if failure.is(ErrorCode::NoNode) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The names of the children in order, and the znode's own Stat.
    pub(super) async fn children(&self, path: &str, watch: bool) -> Result<(Vec<String>, Stat), Failure> {
        let request = Request::GetChildren2(WatchRequest { path: path.to_owned(), watch });
        match self.ask(request, path).await? {
            Response::Children2 { mut children, stat } => {
                children.sort_unstable();
                Ok((children, stat))
            }
            _ => Err(unexpected()),
        }
    }

    /// The children of a znode that may have been deleted meanwhile: then it has none.
    pub(super) async fn children_if_there(&self, path: &str, watch: bool) -> Result<Vec<String>, Failure> {
        match self.children(path, watch).await {
            Ok((children, _)) => Ok(children),
            Err(failure) if failure.is(ErrorCode::NoNode) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    pub(super) async fn acl(&self, path: &str) -> Result<(Vec<Acl>, Stat), Failure> {
        match self.ask(Request::GetAcl(PathRequest { path: path.to_owned() }), path).await? {
            Response::Acl { acl, stat } => Ok((acl, stat)),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn set(&self, path: &str, data: Option<Bytes>, version: i32) -> Result<Stat, Failure> {
        let request = Request::SetData(SetDataRequest { path: path.to_owned(), data, version });
        match self.ask(request, path).await? {
            Response::Stat(stat) => Ok(stat),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn set_acl(&self, path: &str, acl: Vec<Acl>, version: i32) -> Result<Stat, Failure> {
        let request = Request::SetAcl(SetAclRequest { path: path.to_owned(), acl, version });
        match self.ask(request, path).await? {
            Response::Stat(stat) => Ok(stat),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn delete(&self, path: &str, version: i32) -> Result<(), Failure> {
        let request = Request::Delete(DeleteRequest { path: path.to_owned(), version });
        self.ask(request, path).await.map(drop)
    }

    /// Create a znode; the path it got.
    pub(super) async fn create(
        &self,
        path: &str,
        data: Option<Bytes>,
        acl: Vec<Acl>,
        mode: CreateMode,
        ttl: i64,
    ) -> Result<String, Failure> {
        paths::check_new(path, mode.is_sequential())?;
        let (path_sent, flags) = (path.to_owned(), mode.to_i32());
        let request = match mode {
            CreateMode::PersistentWithTtl | CreateMode::PersistentSequentialWithTtl => {
                Request::CreateTtl(CreateTtlRequest { path: path_sent, data, acl, flags, ttl })
            }
            CreateMode::Container => {
                Request::CreateContainer(CreateRequest { path: path_sent, data, acl, flags })
            }
            _ => Request::Create(CreateRequest { path: path_sent, data, acl, flags }),
        };
        match self.session.outcome(self.session.client().request(request), Some(path)).await? {
            Response::Path(path) | Response::PathStat(path, _) => Ok(path),
            _ => Err(unexpected()),
        }
    }
}
