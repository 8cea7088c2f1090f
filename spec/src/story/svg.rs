//! A story as a sequence diagram: lanes, rows, and arrows that slope as far as messages take time.

use std::fmt::Write;

use super::{Fate, Kind, Look, Story};

/// Pixels between two lanes, at least: as many as the longest text between them needs.
const APART: usize = 230;
/// Pixels of a letter, and what a text needs beside its letters.
const LETTER: usize = 7;
const MARGIN: usize = 44;
/// Pixels before the first lane.
const LEFT: usize = 70;
/// Pixels above the first row.
const TOP: usize = 52;
/// Pixels of a line of text.
const LINE: usize = 14;

/// Every selector is below the class of the picture: a page may hold several, and other things.
const STYLE: &str = "\
.story text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#1b2733}\
.story .halo{stroke:#fff;stroke-width:3px;stroke-linejoin:round}\
.story .name{font-weight:bold}.story .no{fill:#8795a1}\
.story .what{fill:#0b4f8a}.story .fault{fill:#b3261e;font-weight:bold}.story .disk{fill:#6a4a00}\
.story line{stroke-linecap:round}.story .msg{stroke:#0b4f8a;stroke-width:1.3}\
.story .lost{stroke:#b3261e;stroke-width:1.2;stroke-dasharray:4 3}\
.story .open{stroke:#8795a1;stroke-width:1.2;stroke-dasharray:2 3}\
.story .Plain{stroke:#aab7c4;stroke-width:2}.story .Down{stroke:#dde3e8;stroke-width:1;stroke-dasharray:2 5}\
.story .Looking{stroke:#c9a227;stroke-width:3;stroke-dasharray:5 4}\
.story .Following{stroke:#5b8fc7;stroke-width:3}.story .Leading{stroke:#2e8b57;stroke-width:6}\
.story .row{fill:#f4f7f9}.story .turn{fill:none;stroke:#8e44ad;stroke-width:2}";

impl Story {
    /// The sequence diagram, as a picture that stands by itself.
    pub fn svg(&self) -> String {
        let rows = self.rows();
        let end = rows.last().map_or(TOP, |(y, height)| y + height) + 12 + self.under_way() * LINE;
        let width = LEFT + self.apart() * self.lanes.len() + 60;
        let mut out = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' class='story' width='{width}' height='{h}' \
             viewBox='0 0 {width} {h}'><style>{STYLE}</style><defs><marker id='story-head' markerWidth='9' \
             markerHeight='8' refX='8' refY='4' orient='auto'><path d='M0 0L9 4L0 8z' fill='#0b4f8a'/></marker>\
             </defs><rect width='{width}' height='{h}' fill='#fff'/>\n",
            h = end + 40
        );
        self.stripes(&mut out, &rows, width);
        self.lanes(&mut out, &rows, end);
        // Every text comes after every line: none is struck through.
        let mut texts = String::new();
        for arrow in &self.arrows {
            self.arrow((&mut out, &mut texts), &rows, end, arrow);
        }
        out += &texts;
        for (at, beat) in self.beats.iter().enumerate() {
            let (y, _) = rows[at];
            let first = at == 0 || self.beats[at - 1].step != beat.step;
            if first {
                write(&mut out, "no", (40, y + 12), "end", &(beat.step + 1).to_string());
            }
            let class = match beat.kind {
                Kind::Does => "does",
                Kind::Disk => "disk",
                Kind::Fault => "fault",
            };
            let x = self.x(beat.lane);
            let read = self.reads(at);
            if read == 0 {
                let mark = match beat.kind {
                    Kind::Does => "●",
                    Kind::Disk => "■",
                    Kind::Fault => "✗",
                };
                write(&mut out, class, (x - 4, y + 12), "start", mark);
            }
            for (i, note) in beat.notes.iter().enumerate() {
                write(&mut out, class, (x + 10, y + 12 + (i + read) * LINE), "start", note);
            }
        }
        if let Some(turn) = self.cycle.and_then(|step| self.beats.iter().position(|b| b.step == step)) {
            let top = rows[turn].0;
            let _ =
                writeln!(out, "<path class='turn' d='M12 {end}H6V{top}H12' marker-end='url(#story-head)'/>");
            write(&mut out, "does", (2, end + 36), "start", "again and again");
        }
        out + "</svg>\n"
    }

    /// Where each beat's row begins, and its height.
    fn rows(&self) -> Vec<(usize, usize)> {
        let mut y = TOP;
        let row = |at: usize| {
            let lost = self.arrows.iter().filter(|a| a.fate == Fate::Lost(at)).count();
            let lines = (self.beats[at].notes.len() + self.reads(at)).max(lost);
            let height = lines.max(1) * LINE + 8;
            y += height;
            (y - height, height)
        };
        (0..self.beats.len()).map(row).collect()
    }

    /// How many messages are read at a beat.
    fn reads(&self, beat: usize) -> usize {
        self.arrows.iter().filter(|a| a.fate == Fate::Arrives(beat)).count()
    }

    /// How many messages are still under way: each has a line of its own at the end.
    fn under_way(&self) -> usize {
        self.arrows.iter().filter(|a| a.fate == Fate::UnderWay).count()
    }

    /// Pixels between two lanes.
    fn apart(&self) -> usize {
        let letters = |text: &String| text.chars().count();
        let notes = self.beats.iter().flat_map(|beat| &beat.notes).map(letters).max().unwrap_or(0);
        let read = |a: &&super::Arrow| matches!(a.fate, Fate::Arrives(_));
        let read = self.arrows.iter().filter(read).map(|a| letters(&a.what)).max().unwrap_or(0);
        // What does not arrive is written from two fifths of the way on.
        let others = self.arrows.iter().map(|a| (letters(&a.what) + 2) * 5 / 3).max().unwrap_or(0);
        APART.max(notes.max(read).max(others) * LETTER + MARGIN)
    }

    fn x(&self, lane: usize) -> usize {
        LEFT + APART / 4 + lane * self.apart()
    }

    /// Every second step has a background.
    fn stripes(&self, out: &mut String, rows: &[(usize, usize)], width: usize) {
        for (beat, (y, height)) in self.beats.iter().zip(rows).filter(|(b, _)| b.step % 2 == 0) {
            let _ = beat;
            let _ = writeln!(out, "<rect class='row' x='0' y='{y}' width='{width}' height='{height}'/>");
        }
    }

    fn lanes(&self, out: &mut String, rows: &[(usize, usize)], end: usize) {
        for (lane, name) in self.lanes.iter().enumerate() {
            let x = self.x(lane);
            let (mut from, mut look): (usize, Look) = (30, self.looks[lane]);
            let turns = self.beats.iter().zip(rows).filter(|(b, _)| b.lane == lane && b.look != Look::Plain);
            for (y, next) in turns.map(|(b, (y, _))| (y + 8, b.look)).chain([(end, Look::Plain)]) {
                if next != look || y == end {
                    let class = format!("{look:?}");
                    let _ = writeln!(out, "<line class='{class}' x1='{x}' y1='{from}' x2='{x}' y2='{y}'/>");
                    (from, look) = (y, next);
                }
            }
            for y in [20, end + 22] {
                write(out, "name", (x, y), "middle", name);
            }
        }
    }

    /// The line of a message, and what it says.
    fn arrow(
        &self,
        (out, texts): (&mut String, &mut String),
        rows: &[(usize, usize)],
        end: usize,
        arrow: &super::Arrow,
    ) {
        // Several that come or are lost at the same time are written below each other.
        let before = self.arrows.iter().take_while(|a| !std::ptr::eq(*a, arrow));
        let before = before.filter(|a| a.fate == arrow.fate).count() * LINE;
        let (x1, x2) = (self.x(arrow.from), self.x(arrow.to));
        let y1 = |fallback: usize| arrow.sent.map_or(fallback, |beat| rows[beat].0 + 10);
        let right = x2 > x1;
        // Two fifths of the way: as far as what does not arrive gets.
        let part = if right { x1 + (x2 - x1) * 2 / 5 } else { x1 - (x1 - x2) * 2 / 5 };
        match arrow.fate {
            Fate::Arrives(beat) => {
                let y2 = rows[beat].0 + 10 + before;
                let (y1, tail, head) =
                    (y1(y2), if right { x1 + 3 } else { x1 - 3 }, if right { x2 - 4 } else { x2 + 4 });
                let _ = writeln!(
                    out,
                    "<line class='msg' x1='{tail}' y1='{y1}' x2='{head}' y2='{y2}' marker-end='url(#story-head)'/>"
                );
                // What is read is written beside the reader, on the side it came from.
                let (x, anchor) = if right { (x2 - 16, "end") } else { (x2 + 16, "start") };
                write(texts, "what", (x, y2 + 4), anchor, &arrow.what);
            }
            Fate::Lost(beat) => {
                let y = rows.get(beat).map_or(TOP, |(y, _)| y + 10) + before;
                let _ = writeln!(out, "<line class='lost' x1='{x1}' y1='{}' x2='{part}' y2='{y}'/>", y1(y));
                write(texts, "fault", (part - 4, y + 4), "start", &format!("✗ {}", arrow.what));
            }
            Fate::UnderWay => {
                let y = end - self.under_way() * LINE + before;
                let _ = writeln!(out, "<line class='open' x1='{x1}' y1='{}' x2='{part}' y2='{y}'/>", y1(TOP));
                write(texts, "does", (part + 4, y + 4), "start", &arrow.what);
            }
            Fate::Dropped => {}
        }
    }
}

/// A text, and below it the same one broader and white: so it can be read where lines cross it.
fn write(out: &mut String, class: &str, (x, y): (usize, usize), anchor: &str, text: &str) {
    let text = escape(text);
    for class in [format!("halo {class}"), class.to_owned()] {
        let _ = writeln!(out, "<text class='{class}' x='{x}' y='{y}' text-anchor='{anchor}'>{text}</text>");
    }
}

/// As text of XML and HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}
