//! Values for programs: what `--json` prints.

use quorate_client::{Acl, Stat};
use serde_json::{Map, Value, json};

use super::show;

/// A Stat. Numbers of 64 bits are hexadecimal text: many programs read numbers of JSON as floats.
pub(super) fn stat(stat: &Stat) -> Value {
    json!({
        "czxid": hex(stat.czxid.0),
        "ctime": stat.ctime,
        "mzxid": hex(stat.mzxid.0),
        "mtime": stat.mtime,
        "pzxid": hex(stat.pzxid.0),
        "cversion": stat.cversion,
        "dataVersion": stat.version,
        "aclVersion": stat.aversion,
        "ephemeralOwner": hex(stat.ephemeral_owner.cast_unsigned()),
        "dataLength": stat.data_length,
        "numChildren": stat.num_children,
    })
}

/// A number in hexadecimal.
pub(super) fn hex(number: u64) -> String {
    format!("0x{number:x}")
}

/// Data: text if it is UTF-8, otherwise base64, under a name of its own; null if there is none.
pub(super) fn put_data(object: &mut Map<String, Value>, data: Option<&[u8]>) {
    match data.map(|data| (data, std::str::from_utf8(data))) {
        None => drop(object.insert("data".to_owned(), Value::Null)),
        Some((_, Ok(text))) => drop(object.insert("data".to_owned(), text.into())),
        Some((data, Err(_))) => drop(object.insert("base64".to_owned(), show::base64(data).into())),
    }
}

/// An ACL.
pub(super) fn acl(list: &[Acl]) -> Value {
    let entry = |acl: &Acl| json!({ "scheme": acl.id.scheme, "id": acl.id.id, "perms": show::permissions(acl.perms) });
    list.iter().map(entry).collect()
}

/// A value as an object.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_text_or_base64_or_null() {
        let shown = |data: Option<&[u8]>| {
            let mut object = Map::new();
            put_data(&mut object, data);
            Value::Object(object).to_string()
        };
        assert_eq!(shown(None), r#"{"data":null}"#);
        assert_eq!(shown(Some(b"a\n")), r#"{"data":"a\n"}"#);
        assert_eq!(shown(Some(b"\xff")), r#"{"base64":"/w=="}"#);
    }
}
