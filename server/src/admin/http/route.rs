//! From a request to its answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::super::desk::Question;
use super::super::figures::figures;
use super::super::process::Process;
use super::super::prometheus;
use super::authorization::{self, Denied};
use super::body::{Answer, refusal, text};
use super::commands::{COMMANDS, Command};
use super::json::{Members, object};
use super::outcome::Outcome;
use super::shared::Shared;
use super::{commands, gate, health, snapshot};

/// The longest body of a request.
const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to come.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// Wrong credentials are answered after this pause.
const DENIED_PAUSE: Duration = Duration::from_millis(500);

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// What a listener offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offer {
    /// Everything.
    Admin,
    /// `/metrics`.
    Metrics,
}

/// Answer a request that came over a connection from `peer`.
pub(super) async fn answer(
    shared: Arc<Shared>,
    offer: Offer,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Answer {
    let names = (offer == Offer::Admin).then_some(&shared.names[..]);
    if let Some(refused) = gate::refused(request.method(), request.headers(), names) {
        return refused;
    }
    let path = request.uri().path().to_owned();
    let url = shared.config.admin.command_url.as_str();
    if let Some(name) = path.strip_prefix(url).and_then(|rest| rest.strip_prefix('/'))
        && !name.is_empty()
        && offer == Offer::Admin
    {
        return command(&shared, peer, name, request).await;
    }
    if let Some(wrong) = wrong_method(request.method(), false) {
        return wrong;
    }
    match (offer, path.as_str()) {
        (_, "/metrics") => metrics(&shared).await,
        (Offer::Metrics, _) => refusal(StatusCode::NOT_FOUND, "there is /metrics here"),
        (Offer::Admin, "/health/live") => health::live(&shared).await,
        (Offer::Admin, "/health/ready") => health::ready(&shared).await,
        (Offer::Admin, path) if path.trim_end_matches('/') == url => index(url),
        (Offer::Admin, _) => {
            let there = "there are /metrics, /health/live, /health/ready and the commands here";
            refusal(StatusCode::NOT_FOUND, there)
        }
    }
}

fn wrong_method(method: &Method, posted: bool) -> Option<Answer> {
    let (good, allow) = match posted {
        true => (method == Method::POST, "POST"),
        false => (method == Method::GET || method == Method::HEAD, "GET, HEAD"),
    };
    if good {
        return None;
    }
    let mut answer = refusal(StatusCode::METHOD_NOT_ALLOWED, "the path is not for this method");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    Some(answer)
}

async fn metrics(shared: &Shared) -> Answer {
    let Ok(reading) = shared.asker.recent_reading().await else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the server has not answered in time");
    };
    let (figures, process) = (figures(&reading, &shared.config), Process::now(shared.started));
    text(StatusCode::OK, prometheus::CONTENT_TYPE, prometheus::page(&figures, &reading, &process))
}

/// A page of links, as ZooKeeper's.
fn index(url: &str) -> Answer {
    let link = |(_, names): &(Command, &[&str])| format!("<a href=\"{url}/{0}\">{0}</a>\n<br/>\n", names[0]);
    text(StatusCode::OK, HTML, COMMANDS.iter().map(link).collect())
}

async fn command(shared: &Arc<Shared>, peer: IpAddr, name: &str, request: Request<Incoming>) -> Answer {
    let Some((command, shown)) = Command::named(name) else {
        // As ZooKeeper has it, with status 200. The name is the client's: it is shown as a JSON string only.
        return told(name, Outcome::Failed(StatusCode::OK, format!("Unknown command: {name}")));
    };
    // What a snapshot's head says costs as much as the snapshot.
    let only_whole = command == Command::Snapshot && request.method() == Method::HEAD;
    if let Some(wrong) = wrong_method(request.method(), command.is_posted() || only_whole) {
        return wrong;
    }
    if command.is_guarded()
        && let Some(denied) = denied(shared, peer, &request).await
    {
        return told(shown, denied);
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let outcome = match command {
        Command::Snapshot => match snapshot::send(&query, shared).await {
            Ok(response) => return response,
            Err(outcome) => outcome,
        },
        Command::Restore => {
            let why = "the state is not replaced over HTTP: start the server with the snapshot in an empty data directory";
            Outcome::Failed(StatusCode::SERVICE_UNAVAILABLE, why.to_owned())
        }
        Command::ShedConnections => match body(request).await {
            Ok(body) => commands::shed(&body, shared).await,
            Err(refused) => return refused,
        },
        Command::Reload => commands::reload(shared).await,
        _ => commands::run(command, &query, shared).await,
    };
    match outcome {
        Outcome::List(plan) => plan.response(shown, shared),
        outcome => told(shown, outcome),
    }
}

/// Why the request's identity may not do everything, if it may not.
async fn denied(shared: &Shared, peer: IpAddr, request: &Request<Incoming>) -> Option<Outcome> {
    let id = authorization::identity(request.headers(), peer);
    let checked = match &id {
        Err(denied) => Err(*denied),
        Ok(_) if shared.config.skip_acl => Ok(()),
        Ok(id) => match shared.asker.ask(Question::RootAcl).await {
            Ok(root) => authorization::check(id, &root, shared.config.super_digest.as_deref()),
            Err(no_answer) => return Some(no_answer.into()),
        },
    };
    let denied = checked.err()?;
    if denied != Denied::Missing {
        tokio::time::sleep(DENIED_PAUSE).await;
    }
    let (status, why) = denied.told();
    Some(Outcome::Failed(status, why.to_owned()))
}

async fn body(request: Request<Incoming>) -> Result<Vec<u8>, Answer> {
    match timeout(BODY_LIMIT, Limited::new(request.into_body(), MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(_)) => Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is broken or too long")),
        Err(_) => Err(refusal(StatusCode::REQUEST_TIMEOUT, "the body has not come in time")),
    }
}

/// The members, the command's name and the error, as ZooKeeper has them in every answer.
fn told(command: &str, outcome: Outcome) -> Answer {
    let (status, mut members, error) = match outcome {
        Outcome::Members(members) => (StatusCode::OK, members, Value::Null),
        Outcome::Failed(status, why) => (status, Members::new(), json!(why)),
        Outcome::List(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, Members::new(), json!("a list is sent in pieces"))
        }
    };
    members.push(("command".to_owned(), json!(command)));
    members.push(("error".to_owned(), error));
    text(status, JSON, object(&members))
}
