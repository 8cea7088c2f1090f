//! Paths as a client names them ↔ paths as servers know them.

use alloc::borrow::Cow;
use alloc::borrow::ToOwned;
use alloc::string::String;

use quorate_core::tree::path::{self, PathError};
use quorate_core::wire::client::{
    CheckVersionRequest, CreateMode, CreateRequest, CreateTtlRequest, DeleteRequest, MultiOp, MultiResult,
    ReadOp, Request, Response, SetDataRequest, WatchRequest,
};

/// The path on the servers.
pub(crate) fn outside<'a>(root: &str, path: &'a str) -> Cow<'a, str> {
    match (root, path) {
        ("", _) => Cow::Borrowed(path),
        (_, "/") => Cow::Owned(root.to_owned()),
        _ => Cow::Owned([root, path].concat()),
    }
}

/// The path as the client knows it; a path that is not below the root stays as it is.
pub(crate) fn inside<'a>(root: &str, path: &'a str) -> &'a str {
    match path.strip_prefix(root) {
        Some("") => path::ROOT,
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// The first path of a request that no znode can have, and why.
pub(crate) fn validate(request: &Request) -> Result<(), (String, PathError)> {
    let plain = |path: &str| path::validate(path).map_err(|why| (path.to_owned(), why));
    // The number that a server appends is a part of the name.
    let created = |path: &str, flags: i32| match CreateMode::from_i32(flags) {
        Some(mode) if mode.is_sequential() => {
            path::validate(&[path, "0"].concat()).map_err(|why| (path.to_owned(), why))
        }
        _ => plain(path),
    };
    match request {
        Request::Create(r) | Request::Create2(r) | Request::CreateContainer(r) => created(&r.path, r.flags),
        Request::CreateTtl(r) => created(&r.path, r.flags),
        Request::Delete(r) => plain(&r.path),
        Request::Exists(r) | Request::GetData(r) | Request::GetChildren(r) | Request::GetChildren2(r) => {
            plain(&r.path)
        }
        Request::SetData(r) => plain(&r.path),
        Request::GetAcl(r) | Request::GetAllChildrenNumber(r) => plain(&r.path),
        Request::SetAcl(r) => plain(&r.path),
        Request::Sync(path) => path.as_deref().map_or(Ok(()), plain),
        Request::CheckWatches(r) | Request::RemoveWatches(r) => plain(&r.path),
        Request::AddWatch(r) => plain(&r.path),
        Request::GetEphemerals(path) => path.as_deref().map_or(Ok(()), plain),
        Request::Multi(parts) => parts.iter().try_for_each(|part| match part {
            MultiOp::Create(r) | MultiOp::Create2(r) | MultiOp::CreateContainer(r) => {
                created(&r.path, r.flags)
            }
            MultiOp::CreateTtl(r) => created(&r.path, r.flags),
            MultiOp::Delete(r) => plain(&r.path),
            MultiOp::SetData(r) => plain(&r.path),
            MultiOp::Check(r) => plain(&r.path),
        }),
        Request::MultiRead(parts) => parts.iter().try_for_each(|part| {
            let (ReadOp::GetData(r) | ReadOp::GetChildren(r)) = part;
            plain(&r.path)
        }),
        _ => Ok(()),
    }
}

/// Put the root in front of every path of a request.
pub(crate) fn enter(root: &str, request: &mut Request) {
    if root.is_empty() {
        return;
    }
    match request {
        Request::GetEphemerals(prefix) => {
            *prefix = Some(outside(root, prefix.as_deref().unwrap_or(path::ROOT)).into_owned());
        }
        Request::Multi(parts) => {
            for part in parts {
                prefix(root, path_of_part(part));
            }
        }
        Request::MultiRead(parts) => {
            for part in parts {
                let (ReadOp::GetData(r) | ReadOp::GetChildren(r)) = part;
                prefix(root, &mut r.path);
            }
        }
        _ => {
            if let Some(path) = path_of(request) {
                prefix(root, path);
            }
        }
    }
}

fn prefix(root: &str, path: &mut String) {
    *path = outside(root, path).into_owned();
}

fn path_of(request: &mut Request) -> Option<&mut String> {
    Some(match request {
        Request::Create(CreateRequest { path, .. })
        | Request::Create2(CreateRequest { path, .. })
        | Request::CreateContainer(CreateRequest { path, .. })
        | Request::CreateTtl(CreateTtlRequest { path, .. })
        | Request::Delete(DeleteRequest { path, .. })
        | Request::Exists(WatchRequest { path, .. })
        | Request::GetData(WatchRequest { path, .. })
        | Request::GetChildren(WatchRequest { path, .. })
        | Request::GetChildren2(WatchRequest { path, .. })
        | Request::SetData(SetDataRequest { path, .. }) => path,
        Request::GetAcl(r) | Request::GetAllChildrenNumber(r) => &mut r.path,
        Request::SetAcl(r) => &mut r.path,
        Request::CheckWatches(r) | Request::RemoveWatches(r) => &mut r.path,
        Request::AddWatch(r) => &mut r.path,
        Request::Sync(path) => path.as_mut()?,
        _ => return None,
    })
}

fn path_of_part(part: &mut MultiOp) -> &mut String {
    match part {
        MultiOp::Create(r) | MultiOp::Create2(r) | MultiOp::CreateContainer(r) => &mut r.path,
        MultiOp::CreateTtl(CreateTtlRequest { path, .. })
        | MultiOp::Delete(DeleteRequest { path, .. })
        | MultiOp::SetData(SetDataRequest { path, .. })
        | MultiOp::Check(CheckVersionRequest { path, .. }) => path,
    }
}

/// Take the root off every path of a response. The names of children stay: they are no paths.
pub(crate) fn leave(root: &str, response: &mut Response, are_paths: bool) {
    if root.is_empty() {
        return;
    }
    let strip = |path: &mut String| *path = inside(root, path).to_owned();
    match response {
        Response::Path(path) | Response::PathStat(path, _) | Response::Sync(Some(path)) => strip(path),
        Response::Children(paths) if are_paths => paths.iter_mut().for_each(strip),
        Response::Multi(results) => {
            for result in results {
                if let MultiResult::Create(path) | MultiResult::Create2(path, _) = result {
                    strip(path);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn in_and_out() {
        for (path, on_server) in [("/", "/app"), ("/a", "/app/a"), ("/app", "/app/app")] {
            assert_eq!(outside("/app", path), on_server);
            assert_eq!(inside("/app", on_server), path);
        }
        assert_eq!(inside("/app", "/apple"), "/apple");
        assert_eq!(inside("", "/apple"), "/apple");
        assert_eq!(outside("", "/apple"), "/apple");
    }

    #[test]
    fn a_sequential_name_may_be_only_its_number() {
        let create = |path: &str, mode: CreateMode| {
            Request::Create(CreateRequest {
                path: path.into(),
                data: None,
                acl: [].into(),
                flags: mode.to_i32(),
            })
        };
        assert_eq!(validate(&create("/q/", CreateMode::PersistentSequential)), Ok(()));
        let refused = validate(&create("/q/", CreateMode::Persistent));
        assert_eq!(refused, Err(("/q/".into(), PathError::TrailingSlash)));
    }

    proptest! {
        #[test]
        fn what_went_out_comes_in(path in "(/[a-c.]{1,3}){1,4}", root in "(/[a-c]{1,2}){0,3}") {
            let out = outside(&root, &path);
            prop_assert_eq!(inside(&root, &out), path.as_str());
        }
    }
}
