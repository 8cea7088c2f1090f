//! Perform a transcript.

use std::fmt;

use crate::transcript::stage::Stage;

/// A transcript that cannot be performed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Which line of the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Refused {}

/// Perform a transcript and return it as it should be.
///
/// # Errors
/// [`Refused`] if a command is unknown or impossible at its time, or breaks a property.
pub fn perform(text: &str) -> Result<String, Refused> {
    let mut stage = Stage::default();
    let mut result = String::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("    ") {
            continue;
        }
        let line = line.trim_end();
        result.push_str(line);
        result.push('\n');
        if let Some(command) = line.strip_prefix("> ") {
            let said = stage.command(command).map_err(|why| Refused { line: number + 1, why })?;
            for said in said {
                result.push_str("    ");
                result.push_str(&said);
                result.push('\n');
            }
        } else if !line.is_empty() && !line.starts_with('#') {
            let why = format!("neither a comment (#) nor a command (>) nor output (indented): {line}");
            return Err(Refused { line: number + 1, why });
        }
    }
    Ok(result)
}
