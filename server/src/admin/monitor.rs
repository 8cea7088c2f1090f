//! The figures one by one: `mntr` has a line `zk_key<TAB>value` for each, `monitor` a member of an object.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::figures::{Figure, QUANTILES, Value};
use crate::stats::decimal;

/// A number or a word under a name of its own.
enum Shown {
    Text(String),
    Whole(i64),
    Real(f64),
}

/// The answer to `mntr`.
pub(super) fn lines(figures: &[Figure]) -> String {
    let mut text = String::new();
    each(figures, &mut |key, shown| {
        let _ = match shown {
            Shown::Text(word) => writeln!(text, "zk_{key}\t{word}"),
            Shown::Whole(number) => writeln!(text, "zk_{key}\t{number}"),
            Shown::Real(number) => writeln!(text, "zk_{key}\t{}", decimal(number)),
        };
    });
    text
}

/// The answer to `monitor`, in the same order.
pub(super) fn members(figures: &[Figure]) -> Vec<(String, Json)> {
    let mut members = Vec::new();
    each(figures, &mut |key, shown| {
        let value = match shown {
            Shown::Text(word) => Json::String(word),
            Shown::Whole(number) => json!(number),
            // As many decimals as `mntr` has.
            Shown::Real(number) => json!((number * 10_000.0).round() / 10_000.0),
        };
        members.push((key.to_owned(), value));
    });
    members
}

fn each(figures: &[Figure], show: &mut dyn FnMut(&str, Shown)) {
    for Figure { name, value } in figures {
        let whole = |number: u64| Shown::Whole(i64::try_from(number).unwrap_or(i64::MAX));
        match value {
            Value::Text(text) => show(name, Shown::Text(text.clone())),
            Value::Gauge(number) => show(name, Shown::Whole(*number)),
            Value::Real(number) => show(name, Shown::Real(*number)),
            Value::Counter(number) => show(name, whole(*number)),
            Value::Amounts(amounts) => {
                show(&format!("avg_{name}"), Shown::Real(amounts.mean()));
                show(&format!("min_{name}"), whole(amounts.min));
                show(&format!("max_{name}"), whole(amounts.max));
                show(&format!("cnt_{name}"), whole(amounts.count));
                show(&format!("sum_{name}"), whole(amounts.sum));
            }
            Value::Times(distribution) | Value::Quantiles(distribution) => {
                let times = distribution.times();
                show(&format!("avg_{name}"), Shown::Real(times.mean_ms()));
                show(&format!("min_{name}"), whole(times.min_ms()));
                show(&format!("max_{name}"), whole(times.max_ms()));
                show(&format!("cnt_{name}"), whole(times.count()));
                show(&format!("sum_{name}"), whole(times.sum_ms()));
                if matches!(value, Value::Quantiles(_)) {
                    for (quantile, part) in QUANTILES {
                        show(&format!("{quantile}_{name}"), whole(distribution.quantile_ms(part)));
                    }
                }
            }
        }
    }
}
