//! The command line of the shell, with ZooKeeper's flags of one dash.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::failure::Failure;

/// What `quorate shell` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = FLAGS)]
pub(crate) struct ShellArgs {
    /// Flags, and a command to run instead of reading commands from standard input.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS AND COMMAND")]
    words: Vec<OsString>,
}

const FLAGS: &str = "\
Flags, with one dash or two:
  -server HOST:PORT,…[/CHROOT]  the servers, and the znode to take for the root (localhost:2181)
  -timeout MS                   the session timeout to ask for (30000)
  -r                            put up with a read-only server
  -waitforconnection            wait for a connection first, as long as the session timeout
  -client-configuration FILE    properties of ZooKeeper's client: jute.maxbuffer, zookeeper.request.timeout
  --json                        values for programs, one in each line

Without a command, commands are read from standard input; `help` lists them. The exit code is that of the
last command: 0 done, 1 failed, 127 there is no such command.";

/// How the shell connects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Settings {
    /// The connect string.
    pub(super) server: String,
    /// The session timeout to ask for.
    pub(super) timeout: Duration,
    pub(super) read_only: bool,
    pub(super) wait_for_connection: bool,
    pub(super) json: bool,
    /// How long an operation may take.
    pub(super) request_timeout: Option<Duration>,
    /// The longest request and reply, in bytes.
    pub(super) max_buffer: Option<usize>,
    /// What is said before anything else.
    pub(super) warnings: Vec<String>,
}

impl ShellArgs {
    /// The settings, and the words of the command if there is one.
    ///
    /// # Errors
    /// A flag is not known, lacks its value or has one that cannot be.
    pub(super) fn read(self) -> Result<(Settings, Vec<String>), Failure> {
        let word = |word: OsString| {
            word.into_string().map_err(|word| Failure::new(format!("{} is not UTF-8", word.display())))
        };
        let words = self.words.into_iter().map(word).collect::<Result<Vec<_>, _>>()?;
        read(&words)
    }
}

fn read(words: &[String]) -> Result<(Settings, Vec<String>), Failure> {
    let mut settings = Settings {
        server: "localhost:2181".to_owned(),
        timeout: Duration::from_millis(30_000),
        read_only: false,
        wait_for_connection: false,
        json: false,
        request_timeout: None,
        max_buffer: None,
        warnings: Vec::new(),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix('-') else {
            return Ok((settings, std::iter::once(word).chain(words).cloned().collect()));
        };
        let mut value = || {
            words.next().ok_or_else(|| Failure::new(format!("Error: no argument found for option {word}")))
        };
        match flag.strip_prefix('-').unwrap_or(flag) {
            "server" => settings.server.clone_from(value()?),
            "timeout" => settings.timeout = Duration::from_millis(number(word, value()?, i32::MAX)?),
            "r" => settings.read_only = true,
            "waitforconnection" => settings.wait_for_connection = true,
            "client-configuration" => configure(&mut settings, Path::new(value()?))?,
            "json" => settings.json = true,
            _ => {
                return Err(Failure::new(format!("{word} is no flag of the shell; --help lists them")));
            }
        }
    }
    Ok((settings, Vec::new()))
}

/// A number from 0 up.
fn number(what: &str, text: &str, max: i32) -> Result<u64, Failure> {
    let number = text.trim().parse::<i32>().ok().filter(|number| (0..=max).contains(number));
    number
        .and_then(|number| u64::try_from(number).ok())
        .ok_or_else(|| Failure::new(format!("{what} {text}: a number from 0 to {max} is expected")))
}

/// Follow the properties of ZooKeeper's client, refuse those that ask for a protection that is not there.
fn configure(settings: &mut Settings, file: &Path) -> Result<(), Failure> {
    let text =
        std::fs::read_to_string(file).map_err(|why| Failure::new(format!("{}: {why}", file.display())))?;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '!']) && !line.is_empty()) {
        let (key, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        match key {
            "jute.maxbuffer" => {
                settings.max_buffer = usize::try_from(number(key, value, i32::MAX)?).ok();
            }
            "zookeeper.request.timeout" => {
                let ms = number(key, value, i32::MAX)?;
                settings.request_timeout = (ms > 0).then(|| Duration::from_millis(ms));
            }
            "zookeeper.client.secure" if value.eq_ignore_ascii_case("true") => {
                return Err(Failure::new(format!(
                    "{}: {key}={value} asks for TLS, which the shell does not have",
                    file.display()
                )));
            }
            "zookeeper.client.secure" => {}
            _ => settings.warnings.push(format!("{}: {key} is not followed", file.display())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<(Settings, Vec<String>), String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        read(&words).map_err(|failure| failure.text().to_owned())
    }

    #[test]
    fn flags_come_before_the_command() {
        let (settings, command) =
            parsed(&["-server", "a:1,b:2/x", "-timeout", "5000", "-r", "--json", "ls", "-s", "/"]).unwrap();
        assert_eq!((settings.server.as_str(), settings.timeout), ("a:1,b:2/x", Duration::from_secs(5)));
        assert!(settings.read_only && settings.json && !settings.wait_for_connection);
        assert_eq!(command, ["ls", "-s", "/"]);
        let (settings, command) = parsed(&["--waitforconnection"]).unwrap();
        assert!(settings.wait_for_connection && command.is_empty());
        assert_eq!(settings.server, "localhost:2181");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parsed(&["-server"]).unwrap_err(), "Error: no argument found for option -server");
        assert!(parsed(&["-timeout", "soon", "ls"]).unwrap_err().starts_with("-timeout soon:"));
        assert!(parsed(&["-sever", "a"]).unwrap_err().starts_with("-sever is no flag"));
        assert!(parsed(&["-client-configuration", "/no/such"]).unwrap_err().starts_with("/no/such: "));
    }

    #[test]
    fn properties_of_the_client() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("client.properties");
        let with = |text: &str| {
            std::fs::write(&file, text).unwrap();
            parsed(&["-client-configuration", file.to_str().unwrap()]).map(|(settings, _)| settings)
        };
        let settings = with("# c\njute.maxbuffer = 4096\nzookeeper.request.timeout=50\nother=1\n").unwrap();
        assert_eq!(
            (settings.max_buffer, settings.request_timeout),
            (Some(4096), Some(Duration::from_millis(50)))
        );
        assert_eq!(settings.warnings.len(), 1);
        assert!(with("zookeeper.client.secure=true").unwrap_err().contains("asks for TLS"));
    }
}
