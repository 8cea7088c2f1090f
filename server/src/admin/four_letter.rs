//! The four-letter words: which ones are answered, and what with. The texts are those of ZooKeeper 3.9.

use std::fmt::Write;

use quorate_core::watch::WalkByPath;

use super::answer::{Answer, Part};
use super::figures::figures;
use super::mode::Mode;
use super::reading::Reading;
use super::view::{Reset, View};
use super::{facts, monitor};
use crate::stats::decimal;
use crate::word::Word;

/// What is answered while no leader is known.
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// The answer to `word`, and what it has set back.
pub(crate) fn answer(word: Word, view: &View<'_>) -> (Answer, Option<Reset>) {
    let (word, mask) = (word.name(), word.mask());
    if !view.config.four_letter_words.allows(word) {
        let refused = format!("{word} is not executed because it is not in the whitelist.\n");
        return (refused.into(), None);
    }
    let mode = facts::mode(view.config, view.peer);
    let text = match (word, mode) {
        ("ruok", _) => "imok".to_owned(),
        ("isro", Some(Mode::ReadOnly)) => "ro".to_owned(),
        ("isro", mode) => if mode.is_some() { "rw" } else { "null" }.to_owned(),
        ("envi", _) => environment(),
        ("gtmk", _) => view.metrics.trace_mask().to_string(),
        ("stmk", _) => {
            // Without a number there is no answer.
            return (
                mask.map_or_else(String::new, |mask| mask.to_string()).into(),
                mask.map(Reset::TraceMask),
            );
        }
        // Without the end of a line, as ZooKeeper has it.
        ("hash", None) => NOT_SERVING.to_owned(),
        (_, None) => format!("{NOT_SERVING}\n"),
        ("srst", _) => return ("Server stats reset.\n".to_owned().into(), Some(Reset::Server)),
        ("crst", _) => return ("Connection stats reset.\n".to_owned().into(), Some(Reset::Connections)),
        (word, Some(mode)) => return (serving(word, mode, view), None),
    };
    (text.into(), None)
}

fn serving(word: &str, mode: Mode, view: &View<'_>) -> Answer {
    let service = view.peer.service();
    match word {
        "srvr" => (header(mode) + &summary(mode, view)).into(),
        "stat" => Answer::of([
            Part::Text(format!("{}Clients:\n", header(mode))),
            Part::Connections { brief: true, from: 0 },
            Part::Text(format!("\n{}", summary(mode, view))),
        ]),
        "cons" => Answer::of([Part::Connections { brief: false, from: 0 }, Part::Text("\n".to_owned())]),
        "mntr" => monitor::lines(&figures(&Reading::take(view), view.config)).into(),
        "conf" => facts::configuration(view.config, mode).into(),
        "dirs" => {
            let (data, log) = facts::directories(view.config);
            format!("datadir_size: {data}\nlogdir_size: {log}\n").into()
        }
        "dump" => dump(mode, view),
        "wchs" => {
            let watches = service.data_watches();
            let (connections, paths) = (watches.watcher_count(), watches.path_count());
            let total = watches.len();
            format!("{connections} connections watching {paths} paths\nTotal watches:{total}\n").into()
        }
        "wchc" => Answer::of([Part::WatchesBySession(None), Part::Text("\n".to_owned())]),
        "wchp" => {
            let walk = WalkByPath::new(service.data_watches());
            Answer::of([Part::WatchesByPath(walk, None), Part::Text("\n".to_owned())])
        }
        "hash" => {
            let line = |(zxid, digest): (quorate_core::ids::Zxid, i64)| format!("{:x}: {digest}\n", zxid.0);
            service.digests().map(line).collect::<String>().into()
        }
        other => unreachable!("{other} is answered before"),
    }
}

fn header(mode: Mode) -> String {
    let read_only = "READ-ONLY mode; serving only read-only clients\n";
    format!("Zookeeper version: {}\n{}", facts::VERSION, if mode == Mode::ReadOnly { read_only } else { "" })
}

fn summary(mode: Mode, view: &View<'_>) -> String {
    let (service, totals) = (view.peer.service().status(), view.port.totals());
    let mut text = format!(
        "Latency min/avg/max: {}/{}/{}\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\n\
         Zxid: {:#x}\nMode: {}\nNode count: {}\n",
        totals.latency.min_ms(),
        decimal(totals.latency.mean_ms()),
        totals.latency.max_ms(),
        totals.received,
        totals.sent,
        view.port.len(),
        view.port.outstanding(),
        service.applied.0,
        mode.as_str(),
        facts::znodes(&service)
    );
    if mode == Mode::Leader {
        let [last, min, max] = view.metrics.proposal_sizes.figures();
        let _ = writeln!(text, "Proposal sizes last/min/max: {last}/{min}/{max}");
    }
    text
}

fn dump(mode: Mode, view: &View<'_>) -> Answer {
    let service = view.peer.service();
    let mut parts = vec![Part::Text("SessionTracker dump:\n".to_owned())];
    if let Some(queue) = service.expiry() {
        let whose = if mode == Mode::ReadOnly { "Local " } else { "" };
        let counts = format!("{whose}Session Sets ({})/({}):\n", queue.bucket_count(), queue.len());
        parts.extend([Part::Text(counts), Part::SessionExpiry(None)]);
    }
    if !matches!(mode, Mode::Leader | Mode::Standalone) {
        let count = format!("Global Sessions({}):\n", service.status().sessions);
        parts.extend([Part::Text(count), Part::Sessions(None)]);
    }
    let owners = service.owned().session_count();
    let (sets, connections) = view.port.expiries(view.at, view.now.wall_ms);
    let counts = format!("Connections Sets ({sets})/({}):\n", connections.len());
    parts.extend([
        Part::Text(format!("ephemeral nodes dump:\nSessions with Ephemerals ({owners}):\n")),
        Part::Ephemerals(None),
        Part::Text(format!("Connections dump:\n{counts}")),
        Part::ConnectionExpiry(connections.into_iter(), None),
    ]);
    Answer::of(parts)
}

fn environment() -> String {
    let lines = facts::environment().into_iter().map(|(key, value)| format!("{key}={value}\n"));
    "Environment:\n".to_owned() + &lines.collect::<String>()
}
