//! A story for the terminal: the steps in words, then the diagram.

use std::fmt::Write;

use super::{Fate, Kind, Look, Story, show_path};

/// Columns between two lanes.
const APART: usize = 12;
/// Columns for a step's number.
const NUMBER: usize = 6;

impl Story {
    /// The whole story.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n\n", self.title);
        out += "At first:\n";
        for line in &self.first {
            let _ = writeln!(out, "    {line}");
        }
        out.push('\n');
        for (number, step) in self.steps.iter().enumerate() {
            if self.cycle == Some(number) {
                out += "       from here on, again and again:\n";
            }
            let _ = writeln!(out, "{:>4}.  {}", number + 1, step.headline);
            let beats = self.beats.iter().filter(|b| b.step == number).flat_map(|b| &b.lines);
            for line in beats.filter(|line| **line != step.headline) {
                let _ = writeln!(out, "       {line}");
            }
        }
        if let Some(last) = self.steps.last().filter(|s| !s.after.is_empty()) {
            out += "\nAt last:\n";
            for line in &last.after {
                let _ = writeln!(out, "    {line}");
            }
        }
        if !self.lanes.is_empty() {
            out.push('\n');
            out += &self.diagram();
        }
        out.push('\n');
        for line in &self.verdict {
            let _ = writeln!(out, "{line}");
        }
        if !self.path.is_empty() {
            let _ = writeln!(out, "path: {}", show_path(&self.path));
        }
        if !self.again.is_empty() {
            let _ = writeln!(out, "again: {}", self.again);
        }
        out
    }

    /// The sequence diagram: a row per beat, an arrow where a message is read.
    pub fn diagram(&self) -> String {
        let mut out = " ".repeat(NUMBER);
        for lane in &self.lanes {
            let _ = write!(out, "{lane:<APART$}");
        }
        let mut rows = vec![out.trim_end().to_owned()];
        let mut looks = self.looks.clone();
        let mut last = None;
        for (at, beat) in self.beats.iter().enumerate() {
            if self.cycle == Some(beat.step) && last != Some(beat.step) {
                rows.push(format!("{:NUMBER$}{}", "", "┄".repeat(APART * self.lanes.len())));
            }
            let number =
                if last == Some(beat.step) { String::new() } else { format!("{:>4}", beat.step + 1) };
            last = Some(beat.step);
            let mut cells: Vec<char> = vec![' '; APART * self.lanes.len()];
            for (lane, look) in looks.iter().enumerate() {
                cells[lane * APART] = lane_char(*look);
            }
            let reads: Vec<_> = self.arrows.iter().filter(|a| a.fate == Fate::Arrives(at)).collect();
            for arrow in &reads {
                draw(&mut cells, arrow.from * APART, arrow.to * APART);
            }
            looks[beat.lane] = beat.look;
            if reads.is_empty() {
                cells[beat.lane * APART] = match (beat.kind, beat.look) {
                    (Kind::Fault, _) => '✗',
                    (Kind::Disk, _) => '■',
                    _ => '●',
                };
            }
            let mut says: Vec<String> = reads.iter().map(|a| a.what.clone()).collect();
            says.extend(beat.notes.iter().cloned());
            let lost = self.arrows.iter().filter(|a| a.fate == Fate::Lost(at));
            says.extend(lost.map(|a| format!("lost: {} → {}: {}", a.from + 1, a.to + 1, a.what)));
            let cells: String = cells.into_iter().collect();
            rows.push(format!("{number:<NUMBER$}{cells}{}", says.join("; ")).trim_end().to_owned());
        }
        for arrow in self.arrows.iter().filter(|a| a.fate == Fate::UnderWay) {
            let (from, to) = (&self.lanes[arrow.from], &self.lanes[arrow.to]);
            rows.push(format!("{:NUMBER$}still under way, {from} → {to}: {}", "", arrow.what));
        }
        rows.join("\n") + "\n"
    }
}

fn lane_char(look: Look) -> char {
    match look {
        Look::Down => ' ',
        Look::Looking => '┊',
        Look::Leading => '┃',
        Look::Plain | Look::Following => '│',
    }
}

/// An arrow from one column to another, over the lanes between them.
fn draw(cells: &mut [char], from: usize, to: usize) {
    let (left, right) = (from.min(to), from.max(to));
    for cell in &mut cells[left + 1..right] {
        *cell = if *cell == ' ' { '─' } else { '┼' };
    }
    cells[from] = if from < to { '├' } else { '┤' };
    cells[to] = if from < to { '▶' } else { '◀' };
}
