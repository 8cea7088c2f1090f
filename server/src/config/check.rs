//! `quorate config`: which keys there are, what a file means, and a file to begin with.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use quorate_core::ids::ServerId;
use quorate_core::quorum::QuorumVerifier;
use serde_json::{Value, json};

use super::error::ConfigErrors;
use super::keys;
use super::keys::{Key, Treatment, name};
use super::server_config::{ServerConfig, Strictness};
use super::typed::{Place, Typed, expected};
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
        /// Show every key that is followed, also those that have their defaults.
        #[arg(long)]
        all: bool,
        /// As JSON: every key that is followed, warnings and mistakes.
        #[arg(long)]
        json: bool,
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
            ConfigCommand::Check { zoo_cfg, strict, all, json } => {
                let strictness = if *strict { Strictness::Strict } else { Strictness::AsTheFileSays };
                let (config, typed) = ServerConfig::understand(zoo_cfg, strictness);
                if *json {
                    print(&format!("{:#}\n", as_json(zoo_cfg, config.as_ref(), &typed)))?;
                } else {
                    print(&check(zoo_cfg, config.as_ref(), &typed, *all))?;
                }
                if !typed.errors.is_empty() {
                    return Err(Error::Config(ConfigErrors(typed.errors)));
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

/// What a file means, and what there is to know about it; what is wrong with it is left to the caller.
fn check(file: &Path, config: Option<&ServerConfig>, typed: &Typed, all: bool) -> String {
    let mut out = String::new();
    if let Some(config) = config {
        describe(&mut out, config);
        values(&mut out, config, typed, all);
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
    out
}

/// What a configuration means, as JSON for programs.
fn as_json(file: &Path, config: Option<&ServerConfig>, typed: &Typed) -> Value {
    let value = |Setting { key, value, origin }: Setting| {
        let place = match &origin {
            Origin::Line(place) | Origin::OwnLine(place) => json!({ "file": place.file, "line": place.line }),
            Origin::Computed(_) | Origin::Default => Value::Null,
        };
        json!({ "key": key, "value": value, "origin": origin.text(typed), "place": place })
    };
    let members = |config: &ServerConfig| -> Vec<String> {
        config.members.iter().map(|(id, member)| member.line(*id).to_string()).collect()
    };
    json!({
        "file": file,
        "good": typed.errors.is_empty(),
        "id": config.map(|config| config.id.0),
        "standalone": config.map(ServerConfig::is_standalone),
        "members": config.map(members),
        "values": config.map(|config| settings(config, typed).map(value).collect::<Vec<Value>>()),
        "warnings": typed.warnings.iter().map(|w| {
            json!({ "file": w.file, "line": w.line, "key": w.key, "text": w.text, "ignored": w.ignored })
        }).collect::<Vec<Value>>(),
        "mistakes": typed.errors.iter().map(|e| {
            json!({ "file": e.file, "line": e.line, "key": e.key, "text": e.kind.to_string() })
        }).collect::<Vec<Value>>(),
    })
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

/// A key that is followed.
struct Setting {
    key: &'static str,
    value: String,
    origin: Origin,
}

/// Where a value comes from.
enum Origin {
    /// This line of a file.
    Line(Place),
    /// This server's own `server.N` line.
    OwnLine(Place),
    /// Other keys.
    Computed(&'static str),
    /// The table of keys.
    Default,
}

impl Origin {
    fn text(&self, typed: &Typed) -> String {
        let line = |place: &Place| match place.file == typed.file {
            true => format!("line {}", place.line),
            false => format!("{}:{}", place.file.display(), place.line),
        };
        match self {
            Origin::Line(place) => line(place),
            Origin::OwnLine(place) => format!("{}, {}", place.key, line(place)),
            Origin::Computed(how) => (*how).to_owned(),
            Origin::Default => "default".to_owned(),
        }
    }
}

fn settings<'a>(config: &'a ServerConfig, typed: &'a Typed) -> impl Iterator<Item = Setting> + 'a {
    let followed = |key: &&Key| key.treatment == Treatment::Honoured && !key.name.ends_with(".N");
    keys::all().filter(followed).map(move |key| {
        let (value, origin) = match (typed.get(key.name), computed(config, key.name)) {
            (Some((place, value)), _) => (value.to_owned(), Origin::Line(place.clone())),
            (None, Some(value)) => match typed.members.get(&config.id.0) {
                Some((place, _)) if key.name.starts_with(name::CLIENT_PORT) => {
                    (value, Origin::OwnLine(place.clone()))
                }
                _ => (value, Origin::Computed(key.default)),
            },
            (None, None) => (key.default.to_owned(), Origin::Default),
        };
        Setting { key: key.name, value, origin }
    })
}

/// Keys that are followed, with their values and where these come from.
fn values(out: &mut String, config: &ServerConfig, typed: &Typed, all: bool) {
    out.push('\n');
    let mut left_out = 0;
    for Setting { key, value, origin } in settings(config, typed) {
        if matches!(origin, Origin::Default) && !all {
            left_out += 1;
            continue;
        }
        let pair = format!("{key} = {value}");
        let _ = writeln!(out, "  {pair:<60} {}", origin.text(typed));
    }
    if left_out > 0 {
        let _ = writeln!(out, "  {left_out} more keys have their defaults: --all shows them");
    }
    out.push('\n');
}

/// Defaults that depend on other keys.
fn computed(config: &ServerConfig, key: &str) -> Option<String> {
    Some(match key {
        name::DATA_LOG_DIR => config.data_log_dir.display().to_string(),
        name::MIN_SESSION_TIMEOUT => config.min_session_timeout_ms.to_string(),
        name::MAX_SESSION_TIMEOUT => config.max_session_timeout_ms.to_string(),
        name::JUTE_MAXBUFFER_EXTRASIZE => config.jute_extra_size.to_string(),
        name::CLIENT_PORT => config.client.as_ref()?.port.to_string(),
        name::CLIENT_PORT_ADDRESS => config.client.as_ref()?.host.clone()?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(file: &Path, strictness: Strictness) -> (String, ConfigErrors) {
        let (config, typed) = ServerConfig::understand(file, strictness);
        let text = check(file, config.as_ref(), &typed, false);
        (text, ConfigErrors(typed.errors))
    }

    /// The members stand in a file of their own, and this server's client port in its line there.
    #[test]
    fn origins_are_where_the_values_stand() {
        let dir = tempfile::tempdir().unwrap();
        let (file, list) = (dir.path().join("zoo.cfg"), dir.path().join("zoo.dynamic"));
        std::fs::write(dir.path().join("myid"), "1").unwrap();
        let (home, members) = (dir.path().display(), list.display());
        std::fs::write(
            &file,
            format!("\u{feff}tickTime=2000\ndataDir={home}\ninitLimit=5\nsyncLimit=2\ndynamicConfigFile={members}\n"),
        )
        .unwrap();
        std::fs::write(&list, "server.1=a:1:2;2181\nserver.2=b:1:2;2181\nserver.3=c:1:2;2181\n").unwrap();
        let (said, errors) = checked(&file, Strictness::Strict);
        assert!(errors.0.is_empty(), "{errors}");
        let port = said.lines().find(|line| line.contains("clientPort = 2181")).unwrap();
        assert!(port.ends_with(&format!(" server.1, {members}:1")), "{said}");
        assert!(said.contains("warning: ") && said.contains("byte-order mark"), "{said}");
        assert!(said.contains("more keys have their defaults") && !said.contains("  snapCount = "), "{said}");
        let (config, typed) = ServerConfig::understand(&file, Strictness::AsTheFileSays);
        assert!(check(&file, config.as_ref(), &typed, true).contains("  snapCount = "));
        let json = as_json(&file, config.as_ref(), &typed);
        let of =
            |key: &str| json["values"].as_array().unwrap().iter().find(|v| v["key"] == key).unwrap().clone();
        assert_eq!(
            (&json["good"], &json["id"], &json["standalone"]),
            (&true.into(), &1.into(), &false.into())
        );
        assert_eq!(of("clientPort")["place"]["file"], list.display().to_string());
        assert_eq!(of("snapCount")["origin"], "default");
        assert_eq!(json["warnings"][0]["line"], 1);
        // Mistakes about members name the file that the members are in.
        std::fs::write(dir.path().join("myid"), "9").unwrap();
        let (config, typed) = ServerConfig::understand(&file, Strictness::AsTheFileSays);
        let json = as_json(&file, config.as_ref(), &typed);
        let text = json["mistakes"][0]["text"].as_str().unwrap();
        assert!(text.contains("no server.9 line") && text.contains("zoo.dynamic"), "{json}");
    }

    #[test]
    fn a_comment_behind_a_directory_is_no_part_of_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("zoo.cfg");
        let text =
            format!("dataDir={}\ndataLogDir=/nonexistent/x # fast\nclientPort=2181\n", dir.path().display());
        std::fs::write(&file, text).unwrap();
        let (said, errors) = checked(&file, Strictness::AsTheFileSays);
        let why = errors.to_string();
        assert!(why.contains("zoo.cfg:2: dataLogDir: ") && why.contains("a line of its own"), "{said}{why}");
    }

    #[test]
    fn the_sample_is_good_and_means_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("zoo.cfg");
        std::fs::write(&file, SAMPLE).unwrap();
        let (text, errors) = checked(&file, Strictness::Strict);
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
        let (said, errors) = checked(&file, Strictness::AsTheFileSays);
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
        let (_, errors) = checked(&file, Strictness::Strict);
        assert_eq!(errors.0.len(), 1, "{errors}");
        std::fs::write(&file, text + "group.1=1\ngroup.2=2\ngroup.3=3\n").unwrap();
        let (said, _) = checked(&file, Strictness::AsTheFileSays);
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
