//! Commands about the ensemble and the session: `config`, `reconfig`, `whoami`, `addauth`, `version`.

use std::path::Path;

use bytes::Bytes;
use quorate_client::session::WatchKinds;
use quorate_client::{ErrorCode, Request, Response};
use quorate_core::tree::path::CONFIG;
use quorate_core::wire::client::{AuthPacket, ReconfigRequest};
use serde_json::json;

use super::call::{Call, Content};
use super::failure::Failure;
use super::reading::json_of;
use super::{commands, show};

pub(super) async fn config(call: &Call<'_>) -> Result<(), Failure> {
    let client = call.session.client();
    let node = call.session.outcome(client.config(), Some(CONFIG)).await?;
    let content = Content { data: Some(node.data), stat: node.stat };
    if call.parsed.has("w") {
        // Read first: a watch is set only where the znode can be read.
        let (_, watch) = client.config_and_watch().await.map_err(|why| Failure::of(&why, Some(CONFIG)))?;
        drop(watch);
        call.session.watches().set(CONFIG, WatchKinds::DATA);
    }
    let text = show::data(content.data.as_deref().unwrap_or_default());
    if call.parsed.has("c") {
        call.out.line(&client_string(&text));
    } else {
        call.out.line(&text);
    }
    call.out.value(&json_of(CONFIG, &content));
    if call.parsed.has("s") {
        call.out.line(&show::stat(&content.stat));
    }
    Ok(())
}

/// The version, and where clients find the servers, in the order of their ids; nothing for a server that does
/// not say it.
fn client_string(config: &str) -> String {
    let field = |line: &'_ str| {
        line.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
    };
    let fields: Vec<(String, String)> = config.lines().filter_map(field).collect();
    let version = fields.iter().find(|(key, _)| key == "version").map_or("", |(_, value)| value);
    let mut servers: Vec<(u64, String)> = fields
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("server.")?.parse().ok()?, value)))
        .map(|(id, value): (u64, &String)| (id, client_address(value).unwrap_or_default()))
        .collect();
    servers.sort();
    let servers: Vec<_> = servers.into_iter().map(|(_, address)| address).collect();
    format!("{version} {}", servers.join(","))
}

/// `host:2888:3888:participant;address:2181` → `address:2181`. A port alone listens on every address.
fn client_address(server: &str) -> Option<String> {
    let client = server.split(';').nth(1)?.trim();
    match client.rsplit_once(':') {
        Some((host, port)) => Some(format!("{}:{port}", host.trim_matches(['[', ']']))),
        None if client.is_empty() => None,
        None => Some(format!("0.0.0.0:{client}")),
    }
}

pub(super) async fn reconfig(call: &Call<'_>) -> Result<(), Failure> {
    let request = reconfig_request(call)?;
    let client = call.session.client();
    let response = call.session.outcome(client.request(Request::Reconfig(request)), Some("")).await?;
    let Response::Data { data, stat } = response else {
        return Err(Failure::code(ErrorCode::MarshallingError, None));
    };
    let text = show::data(data.as_deref().unwrap_or_default());
    call.out.line(&format!("Committed new configuration:\n{text}"));
    if call.parsed.has("s") {
        call.out.line(&show::stat(&stat));
    }
    call.out.value(&json_of(CONFIG, &Content { data: data.clone(), stat }));
    Ok(())
}

fn reconfig_request(call: &Call<'_>) -> Result<ReconfigRequest, Failure> {
    let refuse = |why: &str| Err(Failure::new(why));
    let lower = |flag| call.parsed.value(flag).map(str::to_lowercase);
    let [add, remove, members, file] = ["add", "remove", "members", "file"].map(|flag| call.parsed.has(flag));
    if !(add || remove || members || file) {
        return refuse(&commands::find("reconfig").map_or(String::new(), |command| command.usage()));
    }
    let version = call.parsed.value("v").map_or(Ok(-1), |text| i64::from_str_radix(text, 16));
    let Ok(cur_config_id) = version else {
        return refuse("-v must be followed by a long (configuration version)");
    };
    if (file || members) && (add || remove) {
        return refuse(
            "Can't use -file or -members together with -add or -remove (mixing incremental and \
             non-incremental modes is not allowed)",
        );
    }
    if file && members {
        return refuse("Can't use -file and -members together (conflicting non-incremental modes)");
    }
    let new_members = match call.parsed.value("file") {
        Some(file) => Some(members_in(Path::new(file))?),
        None => lower("members"),
    };
    Ok(ReconfigRequest {
        joining_servers: lower("add"),
        leaving_servers: lower("remove"),
        new_members,
        cur_config_id,
    })
}

/// What a file says about members; other keys are not for a server to change its members.
fn members_in(file: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::new(format!("Error processing {}{why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|why| {
        let why = why.to_string();
        let why = why.rsplit_once(" (os error").map_or(&*why, |(why, _)| why);
        wrong(format!("{} ({why})", file.display()))
    })?;
    let mut members = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!'])) {
        let key = line.split(['=', ':']).next().unwrap_or_default().trim();
        if !(["server.", "group.", "weight."].iter().any(|start| key.starts_with(start)) || key == "version")
        {
            return Err(wrong(format!(": {key} is not about members")));
        }
        members.push_str(line);
        members.push('\n');
    }
    if members.is_empty() { Err(wrong(": it names no members".to_owned())) } else { Ok(members) }
}

pub(super) async fn who_am_i(call: &Call<'_>) -> Result<(), Failure> {
    let identities = call.session.outcome(call.session.client().who_am_i(), None).await?;
    call.out.line("Auth scheme: User");
    for identity in &identities {
        let [scheme, user] = [&identity.auth_scheme, &identity.user].map(|text| show::name(text));
        call.out.line(&format!("{scheme}: {user}"));
    }
    let list = identities.iter().map(|id| json!({ "scheme": id.auth_scheme, "user": id.user }));
    call.out.value(&json!({ "identities": list.collect::<Vec<_>>() }));
    Ok(())
}

pub(super) async fn add_auth(call: &Call<'_>) -> Result<(), Failure> {
    let auth = call.parsed.args.get(1).map(|proof| Bytes::copy_from_slice(proof.as_bytes()));
    let packet = AuthPacket { auth_type: 0, scheme: call.arg(0).to_owned(), auth };
    let answer = call.session.client().request(Request::Auth(packet));
    match call.session.outcome(answer, None).await {
        // It is proved on the next connection.
        Err(failure) if failure.is(ErrorCode::ConnectionLoss) && call.session.is_alive() => {}
        outcome => drop(outcome?),
    }
    call.out.value(&json!({ "scheme": call.arg(0) }));
    Ok(())
}

pub(super) fn version(call: &Call<'_>) -> Result<(), Failure> {
    if !call.parsed.args.is_empty() {
        return Err(Failure::new(commands::find("version").map_or(String::new(), |command| command.usage())));
    }
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("QUORATE_COMMIT"));
    let built = env!("QUORATE_BUILT");
    call.out.answer(
        || format!("Quorate CLI version: {version}-{commit}, built on {built}"),
        || json!({ "version": version, "commit": commit, "built": built }),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_clients_find_the_servers() {
        let config = "server.10=c:1:2:observer;2183\nserver.1=a:1:2:participant;0.0.0.0:2181\n\
                      server.2=b:1:2:participant;[::1]:2182\nserver.3=d:1:2:participant\nversion=10000000a";
        assert_eq!(client_string(config), "10000000a 0.0.0.0:2181,::1:2182,,0.0.0.0:2183");
        assert_eq!(client_string(""), " ");
    }

    #[test]
    fn members_come_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("members.cfg");
        let with = |text: &str| {
            std::fs::write(&file, text).unwrap();
            members_in(&file).map_err(|failure| failure.text().to_owned())
        };
        assert_eq!(with("# c\n server.1=a:1:2;3\nversion=1\n").unwrap(), "server.1=a:1:2;3\nversion=1\n");
        assert!(with("tickTime=1").unwrap_err().ends_with("tickTime is not about members"));
        assert!(with("").is_err());
    }
}
