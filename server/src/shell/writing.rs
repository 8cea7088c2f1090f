//! Commands that change znodes: `create`, `set`, `delete`, `deleteall`, `setAcl`.

use bytes::Bytes;
use quorate_client::{Acl, CreateMode, ErrorCode};
use serde_json::json;

use super::call::{ANY, Call};
use super::failure::{Failure, keeper_message};
use super::{acl, paths, show, subtree, values};

/// The longest time to live, ms: what fits beside the marks in a znode's owner.
const LONGEST_TTL: i64 = 0xff_ffff_ffff;

/// How many znodes `deleteall` deletes in a transaction.
const BATCH: i32 = 1000;

pub(super) async fn create(call: &Call<'_>) -> Result<(), Failure> {
    let (mode, ttl) = mode(call)?;
    let data = call.parsed.args.get(1).map(|data| Bytes::copy_from_slice(data.as_bytes()));
    let acl = match call.parsed.args.get(2) {
        None => vec![Acl::open()],
        Some(text) => read_acl(call, text),
    };
    if acl.is_empty() {
        paths::check_new(call.arg(0), mode.is_sequential())?;
        call.out.complain(&keeper_message(ErrorCode::InvalidAcl, None));
        return Err(Failure::code(ErrorCode::InvalidAcl, None));
    }
    match call.create(call.arg(0), data, acl, mode, ttl).await {
        Ok(path) => {
            call.out.complain(&format!("Created {}", show::name(&path)));
            call.out.value(&json!({ "created": path }));
            Ok(())
        }
        Err(failure) => {
            if failure.is(ErrorCode::InvalidAcl) {
                call.out.complain(&keeper_message(ErrorCode::InvalidAcl, Some(call.arg(0))));
            } else if failure.is(ErrorCode::EphemeralOnLocalSession) {
                call.out.complain("Unable to create ephemeral node on a local session");
            }
            Err(failure)
        }
    }
}

/// What is created, and how long it lives.
fn mode(call: &Call<'_>) -> Result<(CreateMode, i64), Failure> {
    let [e, s, c, t] = ["e", "s", "c", "t"].map(|flag| call.parsed.has(flag));
    let refuse = |why: &str| Err(Failure::new(why));
    if c && (e || s) {
        return refuse("-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.");
    }
    let Ok(ttl) = call.parsed.value("t").map_or(Ok(0), str::parse::<i64>) else {
        return refuse("-t argument must be a long value");
    };
    if t && e {
        return refuse("TTLs cannot be used with Ephemeral znodes");
    }
    if t && c {
        return refuse("TTLs cannot be used with Container znodes");
    }
    if t && !(1..=LONGEST_TTL).contains(&ttl) {
        return refuse(&format!("ttl must be positive and cannot be larger than: {LONGEST_TTL}"));
    }
    let mode = match (e, s, c, t) {
        (true, true, ..) => CreateMode::EphemeralSequential,
        (true, ..) => CreateMode::Ephemeral,
        (_, true, _, true) => CreateMode::PersistentSequentialWithTtl,
        (_, true, ..) => CreateMode::PersistentSequential,
        (_, _, true, _) => CreateMode::Container,
        (.., true) => CreateMode::PersistentWithTtl,
        _ => CreateMode::Persistent,
    };
    Ok((mode, ttl))
}

/// An ACL; what cannot be read in it is said.
fn read_acl(call: &Call<'_>, text: &str) -> Vec<Acl> {
    let (acl, said) = acl::parse(text);
    said.iter().for_each(|line| call.out.complain(line));
    acl
}

pub(super) async fn set(call: &Call<'_>) -> Result<(), Failure> {
    let (path, text) = (call.arg(0), call.arg(1));
    let data = if call.parsed.has("b") {
        show::from_base64(text).map_err(Failure::new)?
    } else {
        text.as_bytes().to_vec()
    };
    let version = call.number("v", ANY)?;
    let stat = call.set(path, Some(data.into()), version).await?;
    if call.parsed.has("s") {
        call.out.line(&show::stat(&stat));
    }
    call.out.value(&json!({ "path": path, "stat": values::stat(&stat) }));
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>) -> Result<(), Failure> {
    if call.parsed.args.len() > 1 {
        call.out.complain(
            "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.",
        );
    }
    let version = call.number("v", ANY)?;
    call.delete(call.arg(0), version).await?;
    call.out.value(&json!({ "deleted": call.arg(0) }));
    Ok(())
}

pub(super) async fn delete_all(call: &Call<'_>) -> Result<(), Failure> {
    let Ok(batch) = call.parsed.value("b").map_or(Ok(BATCH), str::parse::<i32>) else {
        return Err(Failure::new("-b argument must be an int value"));
    };
    let path = call.arg(0);
    let below = subtree::list(call, path).await?;
    if batch <= 0 {
        for path in below.iter().rev() {
            call.delete(path, ANY).await?;
        }
    } else if !subtree::delete(call, &below, usize::try_from(batch).unwrap_or(usize::MAX)).await {
        call.out.complain("Failed to delete some node(s) in the subtree!");
        call.out.value(&json!({ "path": path, "deleted": false }));
        return Ok(());
    }
    call.out.value(&json!({ "path": path, "deleted": true, "count": below.len() }));
    Ok(())
}

pub(super) async fn set_acl(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    let acl = read_acl(call, call.arg(1));
    let version = call.number("v", ANY)?;
    if acl.is_empty() && !call.parsed.has("R") {
        paths::check(path)?;
        return Err(Failure::code(ErrorCode::InvalidAcl, None));
    }
    if !call.parsed.has("R") {
        let stat = call.set_acl(path, acl, version).await?;
        if call.parsed.has("s") {
            call.out.line(&show::stat(&stat));
        }
        call.out.value(&json!({ "path": path, "stat": values::stat(&stat) }));
        return Ok(());
    }
    call.content(path, false).await?;
    set_one(call, path, &acl, version).await;
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let children = call.children_if_there(&path, false).await?;
        let children: Vec<_> = children.iter().map(|name| paths::child(&path, name)).collect();
        for child in &children {
            set_one(call, child, &acl, version).await;
        }
        waiting.extend(children.into_iter().rev());
    }
    Ok(())
}

/// One of many: a failure is printed, and does not end it.
async fn set_one(call: &Call<'_>, path: &str, acl: &[Acl], version: i32) {
    let set = if acl.is_empty() {
        Err(Failure::code(ErrorCode::InvalidAcl, None))
    } else {
        call.set_acl(path, acl.to_vec(), version).await
    };
    match set {
        Ok(stat) => call.out.value(&json!({ "path": path, "stat": values::stat(&stat) })),
        Err(failure) => {
            call.out.text(&failure.keeper_text());
            call.out.value(&failure.json());
        }
    }
}
