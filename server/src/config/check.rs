//! `quorate config`: which keys there are, what a file means, and a file to begin with.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use quorate_core::ids::ServerId;
use quorate_core::quorum::QuorumVerifier;
use serde_json::{Value, json};

use super::keys::{self, Key, Treatment};
use super::typed::{Typed, expected};
use super::{ConfigErrors, ServerConfig, Strictness};
use crate::error::Error;
use crate::output::print;

/// A file to begin with.
const SAMPLE: &str = include_str!("sample.cfg");

/// What can be asked about configurations.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// List every configuration key: its values, its default, and what it does here.
    Keys {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read a zoo.cfg as a server would, say what it means and what is wrong with it. Exit code 2 if
    /// a server would not start with it.
    Check {
        /// The configuration file.
        zoo_cfg: PathBuf,
        /// Also refuse what would be ignored: unknown keys, keys that are not followed, keys that are
        /// given twice.
        #[arg(long)]
        strict: bool,
    },
    /// Print a zoo.cfg to begin with.
    Sample,
}

impl ConfigCommand {
    /// Answer on standard output.
    ///
    /// # Errors
    /// What is wrong with the file that is checked.
    pub(crate) fn run(&self) -> Result<(), Error> {
        match self {
            ConfigCommand::Keys { json: true } => print(&format!("{:#}\n", keys_as_json()))?,
            ConfigCommand::Keys { json: false } => print(&keys_as_text())?,
            ConfigCommand::Sample => print(SAMPLE)?,
            ConfigCommand::Check { zoo_cfg, strict } => {
                let strictness = if *strict { Strictness::Strict } else { Strictness::AsTheFileSays };
                let (text, errors) = check(zoo_cfg, strictness);
                print(&text)?;
                if !errors.0.is_empty() {
                    return Err(Error::Config(errors));
                }
            }
        }
        Ok(())
    }
}

fn state(key: &Key) -> (&'static str, &'static [&'static str]) {
    match key.treatment {
        Treatment::Honoured => ("followed", &[]),
        Treatment::Ignored(harmless) => ("not followed", harmless),
        Treatment::Refused(harmless) => ("refused", harmless),
    }
}

fn keys_as_json() -> Value {
    let of = |chapter: &str, key: &Key| {
        let (state, harmless) = state(key);
        json!({
            "key": key.name,
            "aliases": key.aliases,
            "chapter": chapter,
            "state": state,
            "value": expected(key.kind),
            "default": key.default,
            "accepted": harmless,
            "text": key.text,
        })
    };
    let chapters = keys::CHAPTERS.iter();
    chapters.flat_map(|chapter| chapter.keys.iter().map(move |key| of(chapter.title, key))).collect()
}

fn keys_as_text() -> String {
    let mut out = String::new();
    for chapter in keys::CHAPTERS {
        let _ = writeln!(out, "{}\n", chapter.title);
        for key in chapter.keys {
            let default = if key.default.is_empty() { "nothing" } else { key.default };
            let _ = writeln!(out, "  {} = {} ({default})", key.name, expected(key.kind));
            let text = match state(key) {
                ("followed", _) => key.text.to_owned(),
                (state, []) => format!("{state}: {}", key.text),
                (state, harmless) => format!("{state} unless {}: {}", harmless.join(" or "), key.text),
            };
            let _ = writeln!(out, "      {}", text.replace('`', ""));
        }
        out.push('\n');
    }
    out
}

/// What a file means, and what is wrong with it.
fn check(file: &Path, strictness: Strictness) -> (String, ConfigErrors) {
    let (config, typed) = ServerConfig::understand(file, strictness);
    let mut out = String::new();
    if let Some(config) = &config {
        describe(&mut out, config);
        values(&mut out, config, &typed);
    }
    for warning in &typed.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    if typed.errors.is_empty() {
        let _ = match typed.warnings.len() {
            0 => writeln!(out, "{}: good", file.display()),
            1 => writeln!(out, "{}: good, with one warning", file.display()),
            many => writeln!(out, "{}: good, with {many} warnings", file.display()),
        };
    }
    (out, ConfigErrors(typed.errors))
}

fn describe(out: &mut String, config: &ServerConfig) {
    if config.is_standalone() {
        let _ = writeln!(out, "a standalone server");
        return;
    }
    let voters = config.verifier.voters().count();
    let observers = config.observers().len();
    let _ = writeln!(
        out,
        "server {} of an ensemble of {voters} voter{} and {observers} observer{}",
        config.id,
        if voters == 1 { "" } else { "s" },
        if observers == 1 { "" } else { "s" }
    );
    match &config.verifier {
        QuorumVerifier::Majority(_) => {
            let lost = config.verifier.losses_survived();
            let _ = writeln!(out, "a quorum is {} voters; any {lost} may be lost", voters / 2 + 1);
        }
        QuorumVerifier::Hierarchical(groups) => {
            let any = (0..groups.len()).all(|lost| {
                let in_lost = |id: ServerId| groups[lost].members.iter().any(|(member, _)| *member == id);
                config.verifier.is_quorum(|id| !in_lost(id))
            });
            let _ = writeln!(
                out,
                "a quorum is more than half of the weight in more than half of {} groups; any {} servers may be lost, \
                 and {}",
                groups.len(),
                config.verifier.losses_survived(),
                if any { "any one group" } else { "not any one group" }
            );
        }
    }
    for (id, member) in &config.members {
        let own = if *id == config.id { "   this server" } else { "" };
        let _ = writeln!(out, "  {}{own}", member.line(*id));
    }
}

/// Every key that is followed, with its value and where that comes from.
fn values(out: &mut String, config: &ServerConfig, typed: &Typed) {
    out.push('\n');
    for key in keys::all().filter(|key| key.treatment == Treatment::Honoured && !key.name.ends_with(".N")) {
        let (value, origin) = match typed.get(key.name) {
            Some((place, value)) => (value.to_owned(), format!("line {}", place.line)),
            None => match computed(config, key.name) {
                Some(value) => (value, key.default.to_owned()),
                None => (key.default.to_owned(), "default".to_owned()),
            },
        };
        let pair = format!("{} = {value}", key.name);
        let _ = writeln!(out, "  {pair:<60} {origin}");
    }
    out.push('\n');
}

/// Defaults that depend on other keys.
fn computed(config: &ServerConfig, key: &str) -> Option<String> {
    Some(match key {
        "dataLogDir" => config.data_log_dir.display().to_string(),
        "minSessionTimeout" => config.min_session_timeout_ms.to_string(),
        "maxSessionTimeout" => config.max_session_timeout_ms.to_string(),
        "jute.maxbuffer.extrasize" => config.jute_extra_size.to_string(),
        "clientPort" => config.client.as_ref()?.port.to_string(),
        "clientPortAddress" => config.client.as_ref()?.host.clone()?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_good_and_means_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("zoo.cfg");
        std::fs::write(&file, SAMPLE).unwrap();
        let (text, errors) = check(&file, Strictness::Strict);
        assert!(errors.0.is_empty(), "{errors}");
        assert!(text.starts_with("a standalone server\n") && text.ends_with(": good\n"), "{text}");
    }

    #[test]
    fn a_check_says_what_a_quorum_is_and_where_values_come_from() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("zoo.cfg");
        std::fs::write(dir.path().join("myid"), "2").unwrap();
        let mut text =
            format!("tickTime=2000\ndataDir={}\nclientPort=2181\ninitLimit=5\n", dir.path().display());
        text += "syncLimit=2\nsnapcount=7\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2:observer\n";
        std::fs::write(&file, &text).unwrap();
        let (said, errors) = check(&file, Strictness::AsTheFileSays);
        assert!(errors.0.is_empty(), "{errors}");
        for line in [
            "server 2 of an ensemble of 3 voters and 1 observer\n",
            "a quorum is 2 voters; any 1 may be lost\n",
            "  server.2=b:1:2:participant   this server\n",
            "  tickTime = 2000 ",
            " line 1\n",
            "  maxSessionTimeout = 40000 ",
            " 20 × tickTime\n",
            "zoo.cfg:6: snapcount: unknown key, ignored; did you mean snapCount?\n",
            ": good, with one warning\n",
        ] {
            assert!(said.contains(line), "{line:?} is not in\n{said}");
        }
        let (_, errors) = check(&file, Strictness::Strict);
        assert_eq!(errors.0.len(), 1, "{errors}");
        std::fs::write(&file, text + "group.1=1\ngroup.2=2\ngroup.3=3\n").unwrap();
        let (said, _) = check(&file, Strictness::AsTheFileSays);
        assert!(
            said.contains("more than half of 3 groups; any 1 servers may be lost, and any one group\n"),
            "{said}"
        );
    }

    #[test]
    fn the_list_has_every_key() {
        let (text, list) = (keys_as_text(), keys_as_json());
        assert_eq!(list.as_array().unwrap().len(), keys::all().count());
        for key in keys::all() {
            assert!(text.contains(&format!("  {} = ", key.name)), "{}", key.name);
        }
        assert_eq!(list[0]["key"], "dataDir");
        assert_eq!(list[0]["state"], "followed");
    }
}
