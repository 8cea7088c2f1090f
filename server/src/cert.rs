//! `quorate cert`: makes keys and certificates, shows them, and says whether they fit a configuration.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::clock::wall_ms;
use crate::config::{ServerConfig, Strictness};
use crate::error::{Error, system};
use crate::output::{complain, say};
use crate::tls::make::{Authority, Issued, Wanted};
use crate::tls::settings::{Side, StoreFile, TlsSettings};
use crate::tls::{Context, Expected, contents, date};

/// The exit code of a check that has found something.
const FOUND: u8 = 1;
const DONE: u8 = 0;
/// How long an authority holds, in days.
const AUTHORITY_DAYS: i64 = 3650;

/// What can be done with keys and certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum CertCommand {
    /// Make a key and a certificate for a server or a client, and an authority if the directory has none.
    Make {
        /// The directory: ca.pem, ca.key, and NAME.pem with the key and the certificate.
        dir: PathBuf,
        /// Whose certificate it is: its common name, and the file's name.
        #[arg(long, default_value = "server")]
        name: String,
        /// A host, an address or a URI; may be repeated. Default: localhost and 127.0.0.1.
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
        /// How many days it holds.
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..))]
        days: u16,
    },
    /// Show the certificates in a file: PEM or PKCS#12.
    Show {
        /// The file.
        file: PathBuf,
        /// The file whose first line is its password.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Say whether a zoo.cfg's certificates can be used, and until when. Exit code 1 if one cannot.
    Check {
        /// The configuration file.
        zoo_cfg: PathBuf,
    },
}

impl CertCommand {
    /// Do it; returns the exit code.
    ///
    /// # Errors
    /// A file cannot be read or written, or is not what it should be.
    pub(crate) fn run(&self) -> Result<u8, Error> {
        match self {
            CertCommand::Make { dir, name, hosts, days } => make(dir, name, hosts, i64::from(*days)),
            CertCommand::Show { file, password_file } => show(file, password_file.as_deref()),
            CertCommand::Check { zoo_cfg } => check(zoo_cfg),
        }
    }
}

/// The authority in a directory; a new one, if there is none.
///
/// # Errors
/// Files cannot be read or written.
pub(crate) fn authority(dir: &Path) -> Result<Authority, Error> {
    let failed = system("the authority's directory");
    fs::create_dir_all(dir).map_err(&failed)?;
    let (certificate, key) = (dir.join("ca.pem"), dir.join("ca.key"));
    if certificate.exists() || key.exists() {
        let read = |path: &Path| {
            let text = fs::read_to_string(path);
            text.map_err(|why| Error::Usage(format!("{}: {why}", path.display())))
        };
        return Authority::read(&read(&certificate)?, &read(&key)?).map_err(|why| {
            Error::Usage(format!("the authority in {} cannot be used: {why}", dir.display()))
        });
    }
    let authority = Authority::new("Quorate CA", AUTHORITY_DAYS).map_err(unmade)?;
    secret(&key, &authority.key)?;
    fs::write(&certificate, &authority.certificate).map_err(&failed)?;
    Ok(authority)
}

/// Make a key and a certificate, in one file that only its owner reads.
///
/// # Errors
/// A name cannot stand in a certificate, or the file cannot be written.
pub(crate) fn issue(authority: &Authority, wanted: &Wanted, path: &Path) -> Result<(), Error> {
    let Issued { certificate, key } = authority.issue(wanted).map_err(unmade)?;
    secret(path, &format!("{key}{certificate}"))
}

fn unmade(why: rcgen::Error) -> Error {
    Error::Usage(format!("no certificate can be made: {why}"))
}

fn secret(path: &Path, text: &str) -> Result<(), Error> {
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|why| Error::Usage(format!("{}: {why}", path.display())))
}

fn make(dir: &Path, name: &str, hosts: &[String], days: i64) -> Result<u8, Error> {
    if name.is_empty() || name == "ca" || name.contains(['/', '\0']) {
        return Err(Error::Usage(format!("--name {name:?} cannot be the name of a file")));
    }
    let authority = authority(dir)?;
    let hosts: Vec<&str> = match hosts {
        [] => vec!["localhost", "127.0.0.1"],
        hosts => hosts.iter().map(String::as_str).collect(),
    };
    let path = dir.join(format!("{name}.pem"));
    issue(&authority, &Wanted::new(name, &hosts, days), &path)?;
    say(&format!("{}: key and certificate of CN={name},O=Quorate", path.display()));
    say(&format!("{}: whom to believe", dir.join("ca.pem").display()));
    Ok(DONE)
}

fn show(file: &Path, password_file: Option<&Path>) -> Result<u8, Error> {
    let store = StoreFile {
        location: file.to_owned(),
        password: Default::default(),
        password_path: password_file.map(Path::to_owned),
    };
    let (keys, certificates) = contents(&store).map_err(|trouble| Error::Usage(trouble.to_string()))?;
    for certificate in certificates {
        say(&format!("subject    {}", certificate.subject.escape_debug()));
        say(&format!("  issuer   {}", certificate.issuer.escape_debug()));
        let names: Vec<String> = certificate.other_names.iter().map(|(_, name)| name.clone()).collect();
        if !names.is_empty() {
            say(&format!("  names    {}", names.join(", ").escape_debug()));
        }
        say(&format!("  valid    {} to {}", date(certificate.not_before), date(certificate.not_after)));
    }
    say(&format!("{keys} private key{}", if keys == 1 { "" } else { "s" }));
    Ok(DONE)
}

fn check(zoo_cfg: &Path) -> Result<u8, Error> {
    let (config, warnings) = ServerConfig::load(zoo_cfg, Strictness::AsTheFileSays)?;
    for warning in warnings.iter().filter(|warning| warning.key.starts_with("ssl")) {
        complain(&format!("warning: {}: {}", warning.key, warning.text));
    }
    let mut code = DONE;
    let sides = [("clients", &config.tls.client), ("servers", &config.tls.quorum)];
    for (what, settings) in sides {
        match settings {
            None => say(&format!("{what}: no TLS")),
            Some(settings) => code = code.max(check_side(&config, what, settings)?),
        }
    }
    Ok(code)
}

fn check_side(config: &ServerConfig, what: &str, settings: &TlsSettings) -> Result<u8, Error> {
    let context = Context::load(settings).map_err(|trouble| Error::Usage(trouble.to_string()))?;
    let days = context.days_left(wall_ms());
    say(&format!("{what}: {}; {days} days left", context.summary()));
    let mut code = if days < 0 { FOUND } else { DONE };
    let own = config.members.get(&config.id).filter(|_| settings.side == Side::Quorum);
    for place in own.iter().flat_map(|own| &own.quorum) {
        let address = place.host.parse().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
        let expected = Expected { hosts: vec![place.host.clone()], address };
        if let Some(certificate) = context.own.first()
            && let Err(why) = expected.check(certificate)
        {
            complain(&format!("{what}: {why}: the other servers will not believe it"));
            code = FOUND;
        }
    }
    Ok(code)
}
