//! A story as a page that needs nothing else: the diagram, and every step with the state after it.

use std::fmt::Write;

use super::svg::escape;
use super::{Story, show_path};

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1b2733;background:#fff}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}code,pre,.steps{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}\
pre{background:#f4f7f9;padding:.6rem .8rem;overflow-x:auto}.verdict{border-left:4px solid #b3261e;padding:.2rem .8rem}\
.diagram{overflow-x:auto;border:1px solid #dde3e8}.steps li{margin:.35rem 0}.steps .did{white-space:pre-wrap;color:#44525f}\
.turn{color:#8e44ad}summary{color:#8795a1;cursor:pointer}.key span{margin-right:1.2rem;white-space:nowrap}";

impl Story {
    /// The page.
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        let mut out = format!(
            "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{title}</title>\
             <meta name='viewport' content='width=device-width'><style>{STYLE}</style></head><body>\n\
             <h1>{title}</h1>\n<div class='verdict'>"
        );
        for line in &self.verdict {
            let _ = write!(out, "<p>{}</p>", escape(line));
        }
        out += "</div>\n";
        if !self.path.is_empty() {
            let _ = writeln!(out, "<p>The path as numbers: <code>{}</code></p>", show_path(&self.path));
        }
        if !self.again.is_empty() {
            let _ = writeln!(out, "<p>To see it again: <code>{}</code></p>", escape(&self.again));
        }
        if !self.lanes.is_empty() {
            let _ = writeln!(
                out,
                "<h2>Which messages went where</h2>\n<div class='diagram'>{}</div>",
                self.svg()
            );
            out += "<p class='key'><span>● a step</span><span>■ a write is durable</span><span>✗ a fault, or a \
                    message that is lost</span><span>thick green: leads; blue: follows; broken yellow: looks for a \
                    leader; dotted: down</span></p>\n";
        }
        let _ = writeln!(out, "<h2>At first</h2>\n{}", pre(&self.first));
        out += "<h2>Step by step</h2>\n<ol class='steps'>\n";
        for (number, step) in self.steps.iter().enumerate() {
            if self.cycle == Some(number) {
                out += "<p class='turn'>from here on, again and again:</p>\n";
            }
            let _ = write!(out, "<li value='{}'>{}", number + 1, escape(&step.headline));
            let beats = self.beats.iter().filter(|b| b.step == number).flat_map(|b| &b.lines);
            let lines: Vec<String> =
                beats.filter(|line| **line != step.headline).map(|l| escape(l)).collect();
            if !lines.is_empty() {
                let _ = write!(out, "<div class='did'>{}</div>", lines.join("\n"));
            }
            if !step.after.is_empty() {
                let _ = write!(
                    out,
                    "<details><summary>the state after it</summary>{}</details>",
                    pre(&step.after)
                );
            }
            out += "</li>\n";
        }
        out + "</ol>\n</body></html>\n"
    }
}

fn pre(lines: &[String]) -> String {
    format!("<pre>{}</pre>", escape(&lines.join("\n")))
}
