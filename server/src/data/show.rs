//! Transactions, lists and times as fields: printed as text or as JSON, the same for both.

use std::fmt::Write;

use quorate_core::ids::{SessionId, Zxid};
use quorate_core::wire::client::OpCode;
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::{Acl, perms};
use quorate_core::wire::txn::{CreateTxn, Txn, TxnBody};
use serde_json::{Map, Value, json};

/// Named values, in order of their names' first use.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// Append one.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Append several.
    pub(super) fn and(mut self, more: Fields) -> Self {
        self.0.extend(more.0);
        self
    }

    /// As one JSON object.
    pub(super) fn json(self) -> Value {
        Value::Object(self.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    }

    /// As `name=value` with blanks between them.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.0 {
            let blank = if out.is_empty() { "" } else { " " };
            match value {
                Value::Bool(true) => write!(out, "{blank}{name}"),
                Value::Bool(false) | Value::Null => continue,
                Value::String(text) if is_plain(text) => write!(out, "{blank}{name}={text}"),
                other => write!(out, "{blank}{name}={other}"),
            }
            .expect("a String can be written to");
        }
        out
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
}

/// A zxid or session as ZooKeeper prints it.
pub(super) fn hex(number: u64) -> String {
    format!("{number:#x}")
}

/// A zxid, in hexadecimal.
pub(super) fn zxid(zxid: Zxid) -> String {
    hex(zxid.0)
}

/// A session id, in hexadecimal.
pub(super) fn session(id: SessionId) -> String {
    hex(id.0 as u64)
}

/// The name of an operation, as ZooKeeper's log tools have it.
pub(super) fn operation(op: i32) -> String {
    match OpCode::from_i32(op) {
        Some(op) => op.operation().name.to_owned(),
        None => format!("unknown {op}"),
    }
}

/// `scheme:id:permissions` of each entry.
pub(super) fn acl(list: &[Acl]) -> Vec<String> {
    let letters = [
        (perms::CREATE, 'c'),
        (perms::DELETE, 'd'),
        (perms::READ, 'r'),
        (perms::WRITE, 'w'),
        (perms::ADMIN, 'a'),
    ];
    let allowed =
        |of: i32| letters.iter().filter(|(bit, _)| of & bit != 0).map(|(_, c)| *c).collect::<String>();
    list.iter().map(|acl| format!("{}:{}:{}", acl.id.scheme, acl.id.id, allowed(acl.perms))).collect()
}

/// The data of a znode: its length, and what it is if that is asked for.
pub(super) fn data(data: Option<&[u8]>, with_data: bool) -> Fields {
    let Some(data) = data else { return Fields::default().with("dataLength", Value::Null) };
    let fields = Fields::default().with("dataLength", data.len());
    match std::str::from_utf8(data) {
        _ if !with_data => fields,
        Ok(text) => fields.with("data", text),
        Err(_) => fields.with("dataHex", data.iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"))),
    }
}

/// Everything a transaction says.
pub(super) fn txn(txn: &Txn, with_data: bool) -> Fields {
    let header = &txn.header;
    let fields = Fields::default()
        .with("zxid", zxid(header.zxid))
        .with("time", time(header.time))
        .with("session", session(header.client_id))
        .with("cxid", header.cxid)
        .and(body(&txn.body, with_data));
    match txn.digest {
        Some(digest) => fields.with("digest", hex(digest.tree_digest as u64)),
        None => fields,
    }
}

fn body(body: &TxnBody, with_data: bool) -> Fields {
    let fields = Fields::default().with("type", operation(body.op().to_i32()));
    match body {
        TxnBody::CreateSession(timeout_ms) => fields.with("timeoutMs", *timeout_ms),
        TxnBody::CloseSession(paths) => fields.with("deletes", json!(paths)),
        TxnBody::Create(txn) | TxnBody::Create2(txn) | TxnBody::CreateContainer(txn) => {
            fields.and(create(txn, with_data))
        }
        TxnBody::CreateTtl(txn) => fields
            .with("path", txn.path.as_str())
            .and(data(txn.data.as_deref(), with_data))
            .with("acl", acl(&txn.acl))
            .with("ttlMs", txn.ttl)
            .with("parentCversion", txn.parent_cversion),
        TxnBody::Delete(path) | TxnBody::DeleteContainer(path) => fields.with("path", path.as_str()),
        TxnBody::SetData(txn) | TxnBody::Reconfig(txn) => fields
            .with("path", txn.path.as_str())
            .and(data(txn.data.as_deref(), with_data))
            .with("version", txn.version),
        TxnBody::SetAcl(txn) => {
            fields.with("path", txn.path.as_str()).with("acl", acl(&txn.acl)).with("version", txn.version)
        }
        TxnBody::Check(txn) => fields.with("path", txn.path.as_str()).with("version", txn.version),
        TxnBody::Multi(parts) => {
            let parts: Vec<Value> = parts.iter().map(|part| self::body(part, with_data).json()).collect();
            fields.with("parts", parts)
        }
        TxnBody::Error(code) => {
            let name =
                ErrorCode::from_i32(*code).map_or_else(|| code.to_string(), |code| format!("{code:?}"));
            fields.with("error", name)
        }
    }
}

fn create(txn: &CreateTxn, with_data: bool) -> Fields {
    Fields::default()
        .with("path", txn.path.as_str())
        .and(data(txn.data.as_deref(), with_data))
        .with("acl", acl(&txn.acl))
        .with("ephemeral", txn.ephemeral)
        .with("parentCversion", txn.parent_cversion)
}

/// Milliseconds since 1970 as a date in UTC; the number itself if it is no sensible date.
pub(super) fn time(ms: i64) -> String {
    if !(0..=253_402_300_799_999).contains(&ms) {
        return ms.to_string();
    }
    let (day, of_day) = (ms / 86_400_000, ms % 86_400_000);
    // Years begin in March, so that the leap day is their last: then a month's start is linear.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (date, month) =
        (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", of_day % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        for (ms, date) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_772_323_199_999, "2026-02-28T23:59:59.999Z"),
            (1_772_323_200_000, "2026-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-1, "-1"),
            (i64::MAX, "9223372036854775807"),
        ] {
            assert_eq!(time(ms), date);
        }
    }

    #[test]
    fn lists_and_data_are_readable() {
        let list = [Acl::open(), Acl::new(perms::READ | perms::ADMIN, "ip", "10.0.0.1")];
        assert_eq!(acl(&list), ["world:anyone:cdrwa", "ip:10.0.0.1:ra"]);
        assert_eq!(data(Some(b"a b"), true).text(), "dataLength=3 data=\"a b\"");
        assert_eq!(data(Some(&[0xff, 1]), true).text(), "dataLength=2 dataHex=ff01");
        assert_eq!(
            (data(None, true).text(), data(Some(b"x"), false).text()),
            ("".into(), "dataLength=1".into())
        );
        assert_eq!((operation(-10), operation(99)), ("createSession".into(), "unknown 99".into()));
    }
}
