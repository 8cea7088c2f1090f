//! The four-letter words: which bytes are one, who may ask, and the text that answers.
//!
//! Source: ZooKeeper's `FourLetterCommands`, `StatCommand`, `MonitorCommand` and the like. A word
//! is recognised only as the first four bytes of a connection, where a client's first length would
//! be; the answer is plain text and the connection is closed.

use std::fmt::Write;

use crate::config::Whitelist;

/// A command of four letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word(&'static str);

/// Every word of ZooKeeper; all but the last group are implemented.
const WORDS: &[&str] = &[
    "conf", "cons", "crst", "dirs", "dump", "envi", "isro", "mntr", "ruok", "srst", "srvr", "stat", "wchc",
    "wchp", "wchs", "gtmk", "stmk", "hash",
];

/// What is answered while no leader is known.
pub(crate) const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";

impl Word {
    /// The word these bytes spell.
    pub(crate) fn recognise(bytes: [u8; 4]) -> Option<Word> {
        WORDS.iter().find(|word| word.as_bytes() == bytes).map(|word| Word(word))
    }

    /// Its letters.
    pub(crate) fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether answering it looks at every connection.
    pub(crate) fn needs_connections(self) -> bool {
        matches!(self.0, "stat" | "cons")
    }

    /// Whether it sets counters back to zero.
    pub(crate) fn resets(self) -> bool {
        matches!(self.0, "srst" | "crst")
    }
}

/// In which capacity the server serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Alone.
    Standalone,
    /// Orders writes.
    Leader,
    /// Votes, forwards writes.
    Follower,
    /// Forwards writes.
    Observer,
}

impl Mode {
    /// The word `srvr` shows.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mode::Standalone => "standalone",
            Mode::Leader => "leader",
            Mode::Follower => "follower",
            Mode::Observer => "observer",
        }
    }
}

/// How long requests took, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Latency {
    count: u64,
    sum_us: u64,
    min_us: u64,
    max_us: u64,
}

impl Latency {
    /// Count one request.
    pub(crate) fn record(&mut self, us: u64) {
        self.min_us = if self.count == 0 { us } else { self.min_us.min(us) };
        self.max_us = self.max_us.max(us);
        self.sum_us += us;
        self.count += 1;
    }

    /// Shortest, mean and longest in milliseconds.
    pub(crate) fn millis(&self) -> (u64, f64, u64) {
        let mean = if self.count == 0 { 0.0 } else { self.sum_us as f64 / self.count as f64 / 1000.0 };
        (self.min_us / 1000, mean, self.max_us / 1000)
    }
}

/// One client's connection as `stat` and `cons` show it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ConnectionStats {
    /// `address:port` of the client.
    pub(crate) peer: String,
    /// Requests not yet answered.
    pub(crate) queued: u64,
    /// Frames received.
    pub(crate) received: u64,
    /// Frames sent.
    pub(crate) sent: u64,
    /// The session, once there is one.
    pub(crate) session: Option<i64>,
    /// Milliseconds since 1970 when the connection was made.
    pub(crate) established_ms: i64,
    /// The negotiated timeout (ms).
    pub(crate) timeout_ms: i32,
}

/// Everything a word may show, taken at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The mode, unless the server does not serve.
    pub(crate) mode: Option<Mode>,
    /// What this server calls itself.
    pub(crate) version: String,
    /// Of all requests since the last reset.
    pub(crate) latency: Latency,
    /// Frames received.
    pub(crate) received: u64,
    /// Frames sent.
    pub(crate) sent: u64,
    /// Open client connections.
    pub(crate) connections: usize,
    /// Requests not yet answered.
    pub(crate) outstanding: u64,
    /// The last transaction that was applied.
    pub(crate) zxid: u64,
    /// Znodes.
    pub(crate) nodes: usize,
    /// Ephemeral znodes.
    pub(crate) ephemerals: usize,
    /// Watches.
    pub(crate) watches: usize,
    /// Sessions known here.
    pub(crate) sessions: usize,
    /// Bytes of paths and data.
    pub(crate) data_bytes: u64,
    /// What the configuration says, as `key=value` lines.
    pub(crate) configuration: String,
    /// Bytes of the snapshot directory and of the log directory.
    pub(crate) directory_bytes: (u64, u64),
    /// Lines about the machine and the process, as `key=value`.
    pub(crate) environment: Vec<(String, String)>,
    /// Learners connected and in service, on a leader.
    pub(crate) learners: Option<(usize, usize)>,
    /// Every connection, if the word needs them.
    pub(crate) clients: Vec<ConnectionStats>,
}

/// The answer to `word`.
pub(crate) fn answer(word: Word, whitelist: &Whitelist, facts: &Facts) -> String {
    if !whitelist.allows(word.0) {
        return format!("{} is not executed because it is not in the whitelist.\n", word.0);
    }
    match word.0 {
        "ruok" => "imok".to_owned(),
        "isro" => if facts.mode.is_some() { "rw" } else { "null" }.to_owned(),
        "conf" => facts.configuration.clone(),
        "envi" => environment(facts),
        "dirs" => {
            let (data, log) = facts.directory_bytes;
            format!("datadir_size: {data}\nlogdir_size: {log}\n")
        }
        word => match facts.mode {
            None => NOT_SERVING.to_owned(),
            Some(mode) => serving(word, mode, facts),
        },
    }
}

fn serving(word: &str, mode: Mode, facts: &Facts) -> String {
    match word {
        "srvr" => server(mode, facts),
        "stat" => with_clients(mode, facts),
        "mntr" => monitor(mode, facts),
        "cons" => facts.clients.iter().map(connection_in_full).collect::<String>() + "\n",
        "wchs" => format!("Total watches:{}\n", facts.watches),
        "srst" => "Server stats reset.\n".to_owned(),
        "crst" => "Connection stats reset.\n".to_owned(),
        other => format!("{other} is not implemented by this server.\n"),
    }
}

fn header(facts: &Facts) -> String {
    format!("Zookeeper version: {}\n", facts.version)
}

fn figures(mode: Mode, facts: &Facts) -> String {
    let (min, mean, max) = facts.latency.millis();
    format!(
        "Latency min/avg/max: {min}/{mean:.1}/{max}\nReceived: {}\nSent: {}\nConnections: {}\n\
         Outstanding: {}\nZxid: {:#x}\nMode: {}\nNode count: {}\n",
        facts.received,
        facts.sent,
        facts.connections,
        facts.outstanding,
        facts.zxid,
        mode.as_str(),
        facts.nodes
    )
}

fn server(mode: Mode, facts: &Facts) -> String {
    header(facts) + &figures(mode, facts)
}

fn with_clients(mode: Mode, facts: &Facts) -> String {
    let clients: String = facts.clients.iter().map(connection_in_brief).collect();
    format!("{}Clients:\n{clients}\n{}", header(facts), figures(mode, facts))
}

fn connection_in_brief(c: &ConnectionStats) -> String {
    let ops = u8::from(c.session.is_some());
    format!(" /{}[{ops}](queued={},recved={},sent={})\n", c.peer, c.queued, c.received, c.sent)
}

fn connection_in_full(c: &ConnectionStats) -> String {
    let mut line = connection_in_brief(c);
    if let Some(session) = c.session {
        line.truncate(line.len() - 2);
        let _ = writeln!(line, ",sid={session:#x},est={},to={})", c.established_ms, c.timeout_ms);
    }
    line
}

fn monitor(mode: Mode, facts: &Facts) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "zk_{key}\t{value}");
    };
    let (min, mean, max) = facts.latency.millis();
    line("version", &facts.version);
    line("server_state", &mode.as_str());
    line("min_latency", &min);
    line("avg_latency", &format_args!("{mean:.1}"));
    line("max_latency", &max);
    line("packets_received", &facts.received);
    line("packets_sent", &facts.sent);
    line("num_alive_connections", &facts.connections);
    line("outstanding_requests", &facts.outstanding);
    line("znode_count", &facts.nodes);
    line("watch_count", &facts.watches);
    line("ephemerals_count", &facts.ephemerals);
    line("approximate_data_size", &facts.data_bytes);
    line("global_sessions", &facts.sessions);
    if let Some((connected, synced)) = facts.learners {
        line("learners", &connected);
        line("synced_followers", &synced);
    }
    text
}

fn environment(facts: &Facts) -> String {
    let mut text = "Environment:\n".to_owned();
    for (key, value) in &facts.environment {
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word {
        Word::recognise(text.as_bytes().try_into().unwrap()).unwrap()
    }

    fn facts() -> Facts {
        let mut latency = Latency::default();
        for us in [900, 2500, 11_000] {
            latency.record(us);
        }
        Facts {
            mode: Some(Mode::Leader),
            version: "3.9.0-quorate".into(),
            latency,
            received: 12,
            sent: 11,
            connections: 1,
            outstanding: 2,
            zxid: 0x1_0000_0003,
            nodes: 5,
            learners: Some((2, 1)),
            clients: vec![ConnectionStats {
                peer: "127.0.0.1:4711".into(),
                queued: 2,
                received: 9,
                sent: 7,
                session: Some(0x0100_0000_0000_0001),
                established_ms: 1_700_000_000_000,
                timeout_ms: 4000,
            }],
            ..Facts::default()
        }
    }

    fn ask(text: &str) -> String {
        answer(word(text), &Whitelist::All, &facts())
    }

    const FIGURES: &str = "Latency min/avg/max: 0/4.8/11\nReceived: 12\nSent: 11\nConnections: 1\n\
        Outstanding: 2\nZxid: 0x100000003\nMode: leader\nNode count: 5\n";

    #[test]
    fn only_known_words_are_words() {
        assert_eq!(word("ruok").as_str(), "ruok");
        for bytes in [*b"RUOK", [0, 0, 0, 45], *b"ruo ", [0xff, 0xf4, 0xff, 0xfd]] {
            assert_eq!(Word::recognise(bytes), None);
        }
    }

    #[test]
    fn srvr_and_stat_have_zookeepers_shape() {
        assert_eq!(ask("srvr"), format!("Zookeeper version: 3.9.0-quorate\n{FIGURES}"));
        assert_eq!(
            ask("stat"),
            format!(
                "Zookeeper version: 3.9.0-quorate\nClients:\n \
                 /127.0.0.1:4711[1](queued=2,recved=9,sent=7)\n\n{FIGURES}"
            )
        );
        assert_eq!(
            ask("cons"),
            " /127.0.0.1:4711[1](queued=2,recved=9,sent=7,sid=0x100000000000001,est=1700000000000,to=4000)\n\n"
        );
    }

    #[test]
    fn mntr_is_tab_separated() {
        let text = ask("mntr");
        assert!(text.contains("zk_server_state\tleader\n"), "{text}");
        assert!(text.contains("zk_avg_latency\t4.8\n"), "{text}");
        assert!(text.contains("zk_synced_followers\t1\n"), "{text}");
        assert!(text.lines().all(|l| l.starts_with("zk_") && l.matches('\t').count() == 1), "{text}");
    }

    #[test]
    fn the_whitelist_is_asked_first() {
        let only = Whitelist::Only(vec!["srvr".into()]);
        let refused = "ruok is not executed because it is not in the whitelist.\n";
        assert_eq!(answer(word("ruok"), &only, &facts()), refused);
        assert!(answer(word("srvr"), &only, &facts()).contains("Mode: leader"));
    }

    #[test]
    fn a_server_that_does_not_serve_says_so() {
        let idle = Facts { mode: None, ..facts() };
        for text in ["srvr", "stat", "mntr", "cons"] {
            assert_eq!(answer(word(text), &Whitelist::All, &idle), NOT_SERVING, "{text}");
        }
        assert_eq!(answer(word("ruok"), &Whitelist::All, &idle), "imok");
        assert_eq!(answer(word("isro"), &Whitelist::All, &idle), "null");
        assert_eq!(ask("isro"), "rw");
    }
}
