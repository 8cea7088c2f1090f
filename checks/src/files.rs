//! What `run` found, for other programs: JSON and JUnit.

use std::fmt::Write;

use quorate_spec::models::Expected;
use serde_json::{Value, json};

use crate::deep::{date, machine, revision};
use crate::run::{Results, Row};

/// Everything. The fields are described in checks/README.md; new ones may come, none goes or changes its
/// meaning without a new `format`.
pub(crate) fn json(results: &Results) -> String {
    let unique: usize = results.rows.iter().map(|row| row.found.unique).sum();
    let all = json!({
        "format": 1,
        "program": "quorate-checks",
        "version": env!("CARGO_PKG_VERSION"),
        "revision": revision(),
        "machine": machine(),
        "date": date(),
        "salts": results.salts.map(|salt| format!("{salt:#x}")),
        "seconds": results.time.as_secs_f64(),
        "unique": unique,
        "as_expected": results.hold(),
        "models": results.rows.iter().map(row).collect::<Vec<Value>>(),
    });
    format!("{all:#}\n")
}

fn row(row: &Row) -> Value {
    let found = &row.found;
    let violation = found.violation.as_ref().map(|violation| {
        json!({ "property": violation.broken.name(), "steps": violation.path.len(), "actions": violation.path })
    });
    json!({
        "name": row.model.name,
        "composes": row.model.composes,
        "bounds": row.model.bounds,
        "expected": match row.model.expected {
            Expected::Holds => json!({ "holds": true }),
            Expected::Violates(property, steps) => json!({ "violates": property, "steps": steps }),
            Expected::Livelock(stem, cycle) => json!({ "livelock": { "stem": stem, "cycle": cycle } }),
        },
        "as_expected": row.verdict.is_ok(),
        "verdict": row.verdict.as_ref().unwrap_or_else(|bad| bad),
        "exhausted": found.exhausted,
        "unique": found.unique,
        "unique_expected": row.model.unique,
        "generated": found.generated,
        "depth": found.depth,
        "terminal": found.terminal,
        "unreached": found.unreached,
        "seconds": { "first": found.time.as_secs_f64(), "both": row.time.as_secs_f64() },
        "packed_bytes": found.packed,
        "expected_collisions": row.collisions(),
        "violation": violation,
        "path": row.path().map(quorate_spec::story::show_path),
    })
}

/// A suite with a test for each model; one that did not come out as expected failed.
pub(crate) fn junit(results: &Results) -> String {
    let failures = results.rows.iter().filter(|row| row.verdict.is_err()).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{:.3}\"",
        results.rows.len(),
        results.time.as_secs_f64()
    );
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"quorate-checks run\" {counts}>\n"
    );
    for row in &results.rows {
        let name = escape(row.model.name);
        let _ = writeln!(
            out,
            "    <testcase classname=\"quorate.models\" name=\"{name}\" time=\"{:.3}\">",
            row.time.as_secs_f64()
        );
        let said = row.verdict.as_ref().unwrap_or_else(|bad| bad);
        if row.verdict.is_err() {
            let again = row.path().map(|path| crate::again::again(row.model.name, None, path));
            let again = again.unwrap_or_default();
            let _ = writeln!(
                out,
                "      <failure type=\"model\" message=\"{}\">{}</failure>",
                escape(said),
                escape(&again)
            );
        }
        let _ = writeln!(
            out,
            "      <system-out>{}; {} unique states, {} generated, depth {}; {}</system-out>\n    </testcase>",
            escape(row.model.bounds),
            row.found.unique,
            row.found.generated,
            row.found.depth,
            escape(said)
        );
    }
    out + "  </testsuite>\n</testsuites>\n"
}

/// As text and attributes of XML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
