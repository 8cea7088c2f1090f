//! Whether the process lives, and whether clients should come: for Kubernetes and load balancers.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;

use super::super::mode::Mode;
use super::super::reading::Reading;
use super::body::{Answer, text};
use super::json::{Members, object};
use super::shared::Shared;

/// A loop that has owed an answer for this time does not come back by itself.
const STUCK: Duration = Duration::from_secs(60);

/// The process runs and its loop turns. Whether it serves does not matter: a restart would not help.
pub(super) async fn live(shared: &Shared) -> Answer {
    // The answer is not waited for: what counts is since when there was none.
    let _ = tokio::time::timeout(Duration::from_millis(200), shared.asker.recent_reading()).await;
    let silence = shared.asker.silence();
    let alive = silence < STUCK;
    let members = vec![
        ("live".to_owned(), json!(alive)),
        ("loop_silent_ms".to_owned(), json!(u64::try_from(silence.as_millis()).unwrap_or(u64::MAX))),
    ];
    told(alive, &members)
}

/// The server serves, so it knows of a quorum, and its state is not far behind.
pub(super) async fn ready(shared: &Shared) -> Answer {
    match shared.asker.recent_reading().await {
        Ok(reading) => {
            let why = why_not(&reading, shared.config.admin.ready_lag);
            let members = vec![
                ("ready".to_owned(), json!(why.is_empty())),
                ("mode".to_owned(), json!(reading.mode.map(Mode::as_str))),
                ("unapplied_transactions".to_owned(), json!(reading.lag())),
                ("reasons".to_owned(), json!(why)),
            ];
            told(why.is_empty(), &members)
        }
        Err(_) => told(
            false,
            &vec![
                ("ready".to_owned(), json!(false)),
                ("reasons".to_owned(), json!(["the server has not answered in time"])),
            ],
        ),
    }
}

fn why_not(reading: &Reading, limit: u64) -> Vec<String> {
    let mut why = Vec::new();
    match reading.mode {
        None => {
            why.push("clients are not served: no quorum is known, or the server is being synchronised".into())
        }
        Some(Mode::ReadOnly) => why.push("no quorum is known: only read-only clients are served".into()),
        Some(_) => {}
    }
    let lag = reading.lag();
    if lag > limit {
        why.push(format!("{lag} transactions are not applied, quorate.readyLag={limit}"));
    }
    why
}

fn told(good: bool, members: &Members) -> Answer {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, "application/json", object(members))
}
