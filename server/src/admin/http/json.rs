//! JSON as ZooKeeper's admin server writes it: indented, `"name" : value`, lists in one line.

use serde_json::Value;

/// An object's members, in their order.
pub(super) type Members = Vec<(String, Value)>;

/// A text as a JSON string.
pub(super) fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// An object of these members.
pub(super) fn object(members: &Members) -> String {
    let mut out = String::new();
    write_members(members.iter().map(|(name, value)| (name.as_str(), value)), 0, &mut out);
    out.push('\n');
    out
}

/// Append a value that is part of something at this depth.
pub(super) fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) => {
            write_members(members.iter().map(|(name, value)| (name.as_str(), value)), depth, out);
        }
        Value::Array(items) if items.is_empty() => out.push_str("[ ]"),
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "[ " } else { ", " });
                write(item, depth, out);
            }
            out.push_str(" ]");
        }
        // Java writes a whole number of this kind with a decimal.
        simple => out.push_str(&simple.to_string()),
    }
}

fn write_members<'a>(members: impl Iterator<Item = (&'a str, &'a Value)>, depth: usize, out: &mut String) {
    let mut empty = true;
    for (name, value) in members {
        out.push_str(if empty { "{\n" } else { ",\n" });
        empty = false;
        indent(depth + 1, out);
        out.push_str(&string(name));
        out.push_str(" : ");
        write(value, depth + 1, out);
    }
    if empty {
        return out.push_str("{ }");
    }
    out.push('\n');
    indent(depth, out);
    out.push('}');
}

/// Begin a line at this depth.
pub(super) fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_looks_as_zookeepers_does_and_is_json() {
        let members = vec![
            ("paths".to_owned(), json!(["/a", "/\"b\n"])),
            ("none".to_owned(), json!([])),
            ("map".to_owned(), json!({})),
            ("mean".to_owned(), json!(2.0)),
            ("more".to_owned(), json!([{"x": -1}])),
            ("error".to_owned(), Value::Null),
        ];
        let text = object(&members);
        let expected = "{\n  \"paths\" : [ \"/a\", \"/\\\"b\\n\" ],\n  \"none\" : [ ],\n  \"map\" : { },\n  \"mean\" : 2.0,\n  \
                        \"more\" : [ {\n    \"x\" : -1\n  } ],\n  \"error\" : null\n}\n";
        assert_eq!(text, expected);
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["paths"][1], "/\"b\n");
    }
}
