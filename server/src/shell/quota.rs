//! Quotas, which are znodes below `/zookeeper/quota`: `setquota`, `listquota`, `delquota`.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use quorate_client::{Acl, CreateMode, ErrorCode};
use serde_json::{Value, json};

use super::call::{ANY, Call};
use super::failure::Failure;
use super::{commands, paths};

const QUOTAS: &str = "/zookeeper/quota";
const LIMITS: &str = "zookeeper_limits";
const STATS: &str = "zookeeper_stats";

const COUNT: &str = "count";
const BYTES: &str = "bytes";
const HARD_COUNT: &str = "countHardLimit";
const HARD_BYTES: &str = "byteHardLimit";

/// Which flag is about which number, and whether it counts znodes.
const FLAGS: [(&str, &str, bool); 4] =
    [("n", COUNT, true), ("b", BYTES, false), ("N", HARD_COUNT, true), ("B", HARD_BYTES, false)];

/// The numbers of a quota, or of what a subtree uses; −1: no limit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Track(BTreeMap<String, i64>);

impl Track {
    fn with(numbers: &[(&str, i64)]) -> Self {
        Track(numbers.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect())
    }

    /// # Errors
    /// A field is not `name=number`.
    fn read(data: Option<&Bytes>) -> Result<Self, Failure> {
        let text = String::from_utf8_lossy(data.map_or(&[], |data| data));
        let mut track = Track::default();
        for field in text.split([',', ';']).filter(|field| !field.is_empty()) {
            let mut parts = field.split('=');
            let (name, number) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let number = if number.is_empty() { Ok(-1) } else { number.parse() };
            let number =
                number.map_err(|_| Failure::new(format!("{field} in a quota is not name=number")))?;
            track.0.insert(name.to_owned(), number);
        }
        Ok(track)
    }

    fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(-1)
    }

    fn set(&mut self, name: &str, number: i64) {
        self.0.insert(name.to_owned(), number);
    }

    fn bytes(&self) -> Option<Bytes> {
        Some(self.to_string().into())
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

/// As it stands in a znode: ZooKeeper 3.4 reads the first two fields only.
impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "count={},bytes={}", self.get(COUNT), self.get(BYTES))?;
        let others = || self.0.iter().filter(|(name, _)| *name != COUNT && *name != BYTES);
        if others().next().is_some() {
            f.write_str("=")?;
        }
        others().try_for_each(|(name, number)| write!(f, ";{name}={number}"))
    }
}

fn limits(path: &str) -> String {
    format!("{QUOTAS}{path}/{LIMITS}")
}

fn stats(path: &str) -> String {
    format!("{QUOTAS}{path}/{STATS}")
}

pub(super) async fn list(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    call.out.complain(&format!("absolute path is {}", limits(path)));
    match read_both(call, path).await {
        Ok((quota, used)) => {
            call.out.line(&format!("Output quota for {path} {quota}\nOutput stat for {path} {used}"));
            call.out.value(&json!({ "path": path, "quota": quota.json(), "used": used.json() }));
            Ok(())
        }
        Err(failure) if failure.is(ErrorCode::NoNode) => does_not_exist(call, path),
        Err(failure) => Err(failure),
    }
}

fn does_not_exist(call: &Call<'_>, path: &str) -> Result<(), Failure> {
    call.out.complain(&format!("quota for {path} does not exist."));
    call.out.value(&json!({ "path": path, "quota": null }));
    Ok(())
}

async fn read_both(call: &Call<'_>, path: &str) -> Result<(Track, Track), Failure> {
    let quota = Track::read(call.content(&limits(path), false).await?.data.as_ref())?;
    let used = Track::read(call.content(&stats(path), false).await?.data.as_ref())?;
    Ok((quota, used))
}

/// The numbers that the flags give, or what is wrong with one.
fn asked(call: &Call<'_>) -> Result<Vec<(&'static str, i64)>, &'static str> {
    let mut numbers = Vec::new();
    for (flag, name, counts) in FLAGS {
        let Some(text) = call.parsed.value(flag) else { continue };
        let wrong = "NumberFormatException happens when parsing the option value";
        let number = if counts { text.parse::<i32>().map(i64::from) } else { text.parse::<i64>() };
        match number.map_err(|_| wrong)? {
            number if counts && number <= 0 => return Err("the num quota must be greater than zero"),
            number if number < 0 => return Err("the bytes quota must be greater than or equal to zero"),
            number => numbers.push((name, number)),
        }
    }
    Ok(numbers)
}

pub(super) async fn set(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    if path.starts_with(QUOTAS) {
        call.out.complain(&format!("cannot set a quota under the path: {QUOTAS}"));
        return Ok(());
    }
    let numbers = match asked(call) {
        Ok(numbers) => numbers,
        Err(wrong) => {
            call.out.complain(wrong);
            return Ok(());
        }
    };
    if numbers.is_empty() {
        call.out.complain(&commands::find("setquota").map_or(String::new(), |command| command.usage()));
        return Ok(());
    }
    if call.exists(path, false).await?.is_none() {
        return Err(Failure::new(format!("{path} does not exist.")));
    }
    no_quota_below(call, path).await?;
    no_quota_above(call, path).await?;
    make_parents(call, path).await?;
    let (limits, stats) = (limits(path), stats(path));
    if call.exists(&limits, false).await?.is_none() {
        let none = [COUNT, BYTES, HARD_COUNT, HARD_BYTES].map(|name| (name, -1));
        let mut quota = Track::with(&none);
        numbers.iter().for_each(|(name, number)| quota.set(name, *number));
        let open = || vec![Acl::open()];
        call.create(&limits, quota.bytes(), open(), CreateMode::Persistent, 0).await?;
        let none_used = Track::with(&[(COUNT, 0), (BYTES, 0)]);
        call.create(&stats, none_used.bytes(), open(), CreateMode::Persistent, 0).await?;
        let (quota, used) = read_both(call, path).await?;
        warn(call, &quota, &used);
        call.out.value(&json!({ "path": path, "quota": quota.json() }));
    } else {
        let (mut quota, used) = read_both(call, path).await?;
        numbers.iter().for_each(|(name, number)| quota.set(name, *number));
        warn(call, &quota, &used);
        call.set(&limits, quota.bytes(), ANY).await?;
        call.out.value(&json!({ "path": path, "quota": quota.json() }));
    }
    Ok(())
}

/// Say that more is used already.
fn warn(call: &Call<'_>, quota: &Track, used: &Track) {
    for (what, soft, hard) in [(COUNT, COUNT, HARD_COUNT), (BYTES, BYTES, HARD_BYTES)] {
        let used = used.get(what);
        if [soft, hard].iter().any(|limit| (0..used).contains(&quota.get(limit))) {
            call.out.line(&format!(
                "[Warning]: the {what} quota you create is less than the existing {what}:{used}"
            ));
        }
    }
}

async fn no_quota_below(call: &Call<'_>, path: &str) -> Result<(), Failure> {
    let top = format!("{QUOTAS}{path}");
    paths::check(&top)?;
    let mut waiting = vec![top.clone()];
    while let Some(at) = waiting.pop() {
        let children = call.children_if_there(&at, false).await?;
        if at != top && children.iter().any(|name| name == LIMITS) {
            let below = at.strip_prefix(QUOTAS).unwrap_or(&at);
            return Err(Failure::new(format!("{path} has a child {below} which has a quota")));
        }
        waiting.extend(children.iter().rev().map(|name| paths::child(&at, name)));
    }
    Ok(())
}

async fn no_quota_above(call: &Call<'_>, path: &str) -> Result<(), Failure> {
    let mut at = QUOTAS.to_owned();
    let Some((above, _)) = path.rsplit_once('/') else { return Ok(()) };
    for name in above.split('/').skip(1) {
        at = paths::child(&at, name);
        let children = call.children_if_there(&at, false).await?;
        if children.is_empty() {
            return Ok(());
        }
        if children.iter().any(|name| name == LIMITS) {
            let above = at.strip_prefix(QUOTAS).unwrap_or(&at);
            return Err(Failure::new(format!("{path} has a parent {above} which has a quota")));
        }
    }
    Ok(())
}

async fn make_parents(call: &Call<'_>, path: &str) -> Result<(), Failure> {
    let mut needed = vec!["/zookeeper".to_owned(), QUOTAS.to_owned()];
    for name in path.split('/').skip(1) {
        needed.push(paths::child(&needed[needed.len() - 1], name));
    }
    let first = if call.exists(QUOTAS, false).await?.is_some() { 2 } else { 0 };
    for at in &needed[first..] {
        let made = call.create(at, None, vec![Acl::open()], CreateMode::Persistent, 0).await;
        match made {
            Err(failure) if !failure.is(ErrorCode::NodeExists) => return Err(failure),
            _ => {}
        }
    }
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    let limits = limits(path);
    if call.exists(&limits, false).await?.is_none() {
        call.out.line(&format!("Quota does not exist for {path}"));
        call.out.value(&json!({ "path": path, "quota": null }));
        return Ok(());
    }
    match delete_there(call, path, &limits).await {
        Err(failure) if failure.is(ErrorCode::NoNode) => does_not_exist(call, path),
        done => done,
    }
}

async fn delete_there(call: &Call<'_>, path: &str, limits: &str) -> Result<(), Failure> {
    let mut quota = Track::read(call.content(limits, false).await?.data.as_ref())?;
    let chosen: Vec<_> = FLAGS.iter().filter(|(flag, ..)| call.parsed.has(flag)).collect();
    if !chosen.is_empty() {
        chosen.iter().for_each(|(_, name, _)| quota.set(name, -1));
        call.set(limits, quota.bytes(), ANY).await?;
        call.out.value(&json!({ "path": path, "quota": quota.json() }));
        return Ok(());
    }
    let mut at = format!("{QUOTAS}{path}");
    for name in call.children(&at, false).await?.0 {
        call.delete(&paths::child(&at, &name), ANY).await?;
    }
    // What is above and has no other children goes too.
    while at != QUOTAS && call.children(&at, false).await?.0.is_empty() {
        call.delete(&at, ANY).await?;
        at.truncate(at.rfind('/').unwrap_or(0));
    }
    call.out.value(&json!({ "path": path, "quota": null }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_as_they_stand_in_znodes() {
        let read = |text: &'static str| Track::read(Some(&Bytes::from_static(text.as_bytes())));
        let full = "count=5,bytes=-1=;byteHardLimit=10;countHardLimit=-1";
        let quota = read(full).unwrap();
        assert_eq!(quota.to_string(), full);
        assert_eq!((quota.get(COUNT), quota.get(HARD_BYTES), quota.get("other")), (5, 10, -1));
        assert_eq!(read("count=5,bytes=").unwrap().to_string(), "count=5,bytes=-1");
        assert_eq!(Track::read(None).unwrap().to_string(), "count=-1,bytes=-1");
        assert!(read("count=many").unwrap_err().text().contains("count=many"));
    }
}
