//! Configurations operators have, and every kind of bad one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use quorate_core::ids::ServerId;
use quorate_core::quorum::{Group, QuorumVerifier};

use super::*;

mod files;

struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new(myid: Option<&str>) -> Case {
        let dir = tempfile::tempdir().unwrap();
        if let Some(text) = myid {
            fs::write(dir.path().join("myid"), text).unwrap();
        }
        Case { dir }
    }

    fn load(&self, text: &str) -> Result<(ServerConfig, Vec<String>), Vec<String>> {
        let file = self.dir.path().join("zoo.cfg");
        let text = text.replace("$DIR", self.dir.path().to_str().unwrap());
        fs::write(&file, text).unwrap();
        let prefix = format!("{}:", file.display());
        let short = |s: String| s.strip_prefix(&prefix).map_or(s.clone(), str::to_owned);
        match ServerConfig::load(&file, Strictness::AsTheFileSays) {
            Ok((config, warnings)) => Ok((config, warnings.iter().map(|w| short(w.to_string())).collect())),
            Err(errors) => Err(errors.0.iter().map(|e| short(e.to_string())).collect()),
        }
    }
}

const THREE: &str = "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=$DIR\nclientPort=2181\n\
    server.1=zoo1:2888:3888\nserver.2=zoo2:2888:3888\nserver.3=zoo3:2888:3888\n\
    server.4=zoo4:2888:3888:observer\n";

#[test]
fn the_sample_of_a_standalone_server() {
    let case = Case::new(None);
    let (config, warnings) = case.load("tickTime=2000\ndataDir=$DIR\nclientPort=2181\n").unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert!(config.is_standalone());
    assert_eq!(config.id, ServerId(1));
    assert_eq!(config.verifier, QuorumVerifier::Majority(vec![ServerId(1)]));
    assert_eq!(config.data_log_dir, config.data_dir);
    assert_eq!((config.min_session_timeout_ms, config.max_session_timeout_ms), (4000, 40_000));
    assert_eq!(config.client, Some(ClientAddress { host: None, port: 2181 }));
    assert_eq!(config.max_client_cnxns, 60);
    assert_eq!(config.jute_max_buffer, 1_048_575);
    assert!(config.four_letter_words.allows("srvr") && !config.four_letter_words.allows("ruok"));
}

#[test]
fn every_mistake_about_tls_is_at_its_key() {
    use crate::tls::make::Wanted;
    use crate::tls::tests::Keys;
    let keys = Keys::new();
    let server = keys.issue(&Wanted::new("server", &["zoo1"], 90));
    let case = Case::new(Some("1"));
    let store = format!("ssl.keyStore.location={}\n", server.display());
    let trust = format!("ssl.trustStore.location={}\n", keys.path("ca.pem").display());
    let load = |lines: &str| case.load(&format!("{THREE}secureClientPort=2281\n{store}{lines}"));
    let (config, warnings) = load(&trust).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let tls = config.tls.client.unwrap();
    assert_eq!((tls.tls12, tls.tls13, tls.verify_client_host, tls.reload), (true, true, false, false));
    assert_eq!(config.tls.secure_client, Some(ClientAddress { host: None, port: 2281 }));
    let (config, _) = load("ssl.clientAuth=none\nssl.protocol=TLSv1.2\n").unwrap();
    assert!(config.tls.client.is_some_and(|tls| tls.tls12 && !tls.tls13 && tls.trust_store.is_none()));
    let quorum = format!("{trust}sslQuorum=true\n{store}{trust}").replace("ssl.", "ssl.quorum.");
    let (config, _) = load(&format!("{trust}{quorum}")).unwrap();
    assert!(config.tls.quorum.is_some_and(|tls| tls.verify_host && tls.verify_client_host));
    assert_eq!((config.tls.dials, config.tls.listens), (true, Listens::Tls));
    for (lines, mistake) in [
        ("", "10: secureClientPort: needs ssl.trustStore.location: clients must show a certificate unless"),
        ("ssl.clientAuth=want\n", "12: ssl.clientAuth: needs ssl.trustStore.location"),
        (
            "ssl.crl=true\nssl.clientAuth=none\n",
            "12: ssl.crl: needs quorate.ssl.crlFile: this server fetches no list",
        ),
        ("ssl.trustStore.location=/none.pem\n", "12: ssl.trustStore.location: /none.pem: cannot be read"),
        ("ssl.enabledProtocols=TLSv1.1\nssl.clientAuth=none\n", "12: ssl.enabledProtocols: names no version"),
        ("ssl.ciphersuites=NULL\nssl.clientAuth=none\n", "12: ssl.ciphersuites: "),
        (
            "ssl.protocol=SSLv3\nssl.clientAuth=none\n",
            "12: ssl.protocol: \"SSLv3\" is none of TLSv1.3, TLSv1.2, TLS",
        ),
        ("secureClientPortAddress=x\nsecureClientPort=2181\n", "is also clientPort"),
    ] {
        let errors = load(lines).unwrap_err();
        assert!(errors.iter().any(|error| error.contains(mistake)), "{lines}: {errors:#?}");
    }
    // A password is shown nowhere.
    let secret = format!("{trust}ssl.keyStore.password=hunter2 # no comment\n");
    let (config, warnings) = load(&secret).unwrap();
    let all = format!("{config:?}{warnings:?}");
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn an_ensemble_with_an_observer() {
    let (config, warnings) = Case::new(Some("2\n")).load(THREE).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.id, ServerId(2));
    assert_eq!(config.role, LearnerType::Participant);
    assert_eq!(config.observers(), vec![ServerId(4)]);
    assert_eq!(config.verifier, QuorumVerifier::Majority((1..=3).map(ServerId).collect()));
    assert_eq!(config.members[&ServerId(3)].quorum[0].to_string(), "zoo3:2888");
    assert_eq!(
        config.config_text,
        "server.1=zoo1:2888:3888:participant\nserver.2=zoo2:2888:3888:participant\n\
         server.3=zoo3:2888:3888:participant\nserver.4=zoo4:2888:3888:observer\nversion=0"
    );
    let observer = Case::new(Some("4")).load(&format!("{THREE}peerType=observer\n")).unwrap();
    assert_eq!((observer.0.role, observer.1.len()), (LearnerType::Observer, 0));
}

#[test]
fn the_list_decides_who_observes() {
    let (config, warnings) = Case::new(Some("1")).load(&format!("{THREE}peerType=observer\n")).unwrap();
    assert_eq!(config.role, LearnerType::Participant);
    assert_eq!(warnings, ["10: peerType: the server list says participant, and that is what counts"]);
}

#[test]
fn groups_and_weights() {
    let text = format!("{THREE}group.1=1\ngroup.2=2:3\nweight.3=2\n");
    let (config, _) = Case::new(Some("1")).load(&text).unwrap();
    let group = |members: &[(i64, u32)]| Group {
        members: members.iter().map(|(id, w)| (ServerId(*id), *w)).collect(),
    };
    let expected = QuorumVerifier::Hierarchical(vec![group(&[(1, 1)]), group(&[(2, 1), (3, 2)])]);
    assert_eq!(config.verifier, expected);
    for (groups, why) in [
        ("group.1=1:2", "8: server.3: votes, but is in no group"),
        ("group.1=1:2:3:9", "10: group.1: server 9 is not a voter of this ensemble"),
        ("group.1=1:2:3\ngroup.2=3", "11: group.2: server 3 is also in group.1"),
        ("group.1=1:x", "10: group.1: \"x\" is not a server id"),
    ] {
        let errors = Case::new(Some("1")).load(&format!("{THREE}{groups}\n")).unwrap_err();
        assert_eq!(errors, [why]);
    }
}

#[test]
fn the_members_may_stand_in_a_dynamic_file() {
    let case = Case::new(Some("1"));
    let dynamic = case.dir.path().join("zoo.cfg.dynamic.100000000");
    fs::write(&dynamic, "server.1=a:1:2:participant;2182\nserver.2=b:1:2\nserver.3=c:1:2\n").unwrap();
    let text = "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=$DIR\n\
        dynamicConfigFile=$DIR/zoo.cfg.dynamic.100000000\n";
    let (config, warnings) = case.load(text).unwrap();
    assert_eq!((config.members.len(), warnings.len()), (3, 0));
    assert_eq!(config.client, Some(ClientAddress { host: None, port: 2182 }));
    let errors = case.load(&format!("{text}server.4=d:1:2\n")).unwrap_err();
    assert_eq!(errors, ["5: dynamicConfigFile: server, group and weight lines belong into the dynamic file"]);
}

/// A standalone server's file with further lines, the first of which is line 3.
fn alone(lines: &str) -> Result<(ServerConfig, Vec<String>), Vec<String>> {
    Case::new(None).load(&format!("dataDir=$DIR\nclientPort=2181\n{lines}\n"))
}

#[test]
fn whatever_is_not_followed_is_named() {
    for (lines, warnings) in [
        ("ticktime=2000", &["3: ticktime: unknown key, ignored; did you mean tickTime?"][..]),
        ("favouriteColour=blue", &["3: favouriteColour: unknown key, ignored"]),
        (
            "zookeeper.snapCount=5",
            &[
                "3: zookeeper.snapCount: unknown key, ignored; in a file it is written without `zookeeper.`: snapCount",
            ],
        ),
        ("clientPort=2182", &["3: clientPort: was already set in line 2; this line wins"]),
        (
            "reconfigEnabled=true",
            &[
                "3: reconfigEnabled: not followed: the members cannot be changed at run time; change `server.N` \
               everywhere and restart the servers one by one",
            ],
        ),
        (
            "metricsProvider.className=com.example.Provider",
            &[
                "3: metricsProvider.className: not followed: Java classes are not loaded; the one that is understood \
               is org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
            ],
        ),
        (
            "metricsProvider.numWorkerThreads=5",
            &[
                "3: metricsProvider.numWorkerThreads: not followed: there are no threads and queues of a metrics \
               provider to be set",
            ],
        ),
        ("metricsProvider.httpPort=7000\nmetricsProvider.exportJvmInfo=true\nadmin.serverPort=1", &[]),
        ("skipACL=yes", &["3: skipACL: ACLs are not checked: every client may do everything"]),
        ("skipACL=true", &["3: skipACL: \"true\" means no: only \"yes\" has an effect, as in ZooKeeper"]),
        (
            "leaderServes=false",
            &["3: leaderServes: \"false\" means yes: only \"no\" has an effect, as in ZooKeeper"],
        ),
        (
            "4lw.commands.whitelist=srvr,telnetclose",
            &["3: 4lw.commands.whitelist: \"telnetclose\" is not a four-letter word"],
        ),
        (
            "server.1=localhost:2888:3888",
            &["3: server.1: is the only server: it runs standalone, without quorum and election port"],
        ),
        // These ask for nothing else than what this server does.
        ("reconfigEnabled=false\nsslQuorum=false\nlocalSessionsEnabled=false\nmaxCnxns=0", &[]),
        ("admin.enableServer=FALSE\nsnapshot.compression.method=\nmetricsProvider.className=", &[]),
    ] {
        assert_eq!(alone(lines).unwrap().1, warnings, "{lines}");
    }
}

#[test]
fn strict_refuses_what_would_be_ignored() {
    for line in ["ticktime=1", "clientPort=2182", "admin.httpVersion=2", "skipACL=true", "weight.1=2"] {
        assert!(alone(line).is_ok(), "{line}");
        let errors = alone(&format!("{line}\nstrict=true")).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].ends_with(" (and `strict` lets nothing be ignored)"), "{errors:?}");
    }
    assert!(alone("skipACL=yes\nstrict=true").is_ok());
}

#[test]
fn every_bad_value_is_named_with_its_line() {
    let unprotected = |key: &str, why: &str| format!("{key}: asks for a protection that is not there: {why}");
    for (line, why) in [
        ("tickTime=fast", "tickTime: \"fast\" is not a number".to_owned()),
        ("tickTime=", "tickTime: \"\" is not a number".to_owned()),
        ("tickTime=0", "tickTime: 0 is not within 1 and 3600000 ms".to_owned()),
        ("clientPort=65536", "clientPort: 65536 is not within 1 and 65535".to_owned()),
        ("maxClientCnxns=-1", "maxClientCnxns: -1 is not within 0 and 2147483647".to_owned()),
        ("maxCnxns=many", "maxCnxns: \"many\" is not a number".to_owned()),
        ("electionAlg=1", "electionAlg: \"1\" is none of 3".to_owned()),
        ("peerType=boss", "peerType: \"boss\" is none of participant, observer".to_owned()),
        ("quorumListenOnAllIPs=maybe", "quorumListenOnAllIPs: \"maybe\" is neither true nor false".to_owned()),
        ("extendedTypesEnabled=yes", "extendedTypesEnabled: \"yes\" is neither true nor false".to_owned()),
        ("cnxTimeout=0", "cnxTimeout: 0 is not within 1 and 3600000 ms".to_owned()),
        ("jute.maxbuffer=10", "jute.maxbuffer: 10 is not within 1024 and 1073741824 bytes".to_owned()),
        ("jute.maxbuffer=0xg", "jute.maxbuffer: \"0xg\" is not a number".to_owned()),
        ("znode.container.checkIntervalMs=0", "znode.container.checkIntervalMs: 0 is not within 1 and 2147483647 ms".to_owned()),
        ("globalOutstandingLimit=0", "globalOutstandingLimit: 0 is not within 1 and 2147483647".to_owned()),
        ("snapCount=1", "snapCount: 1 is not within 2 and 9223372036854775807 transactions".to_owned()),
        ("dataLogDir=", "dataLogDir: missing: a directory".to_owned()),
        ("standaloneEnabled=false", "standaloneEnabled: an ensemble needs server.N lines".to_owned()),
        (
            "autopurge.purgeInterval=daily",
            "autopurge.purgeInterval: \"daily\" is neither a number of hours nor a number with ms, s, m, h or d".to_owned(),
        ),
        (
            "minSessionTimeout=100000",
            "minSessionTimeout: minSessionTimeout (100000 ms) is above maxSessionTimeout (60000 ms)".to_owned(),
        ),
        (
            "fastleader.minNotificationInterval=70000",
            "fastleader.minNotificationInterval: the first pause (70000 ms) is above the longest one (60000 ms)".to_owned(),
        ),
        (
            "sslQuorum=true",
            "sslQuorum: needs ssl.quorum.keyStore.location: the key and the certificate to show".to_owned(),
        ),
        (
            "zookeeper.sslQuorum=true",
            "zookeeper.sslQuorum: in a file it is written without `zookeeper.`: sslQuorum".to_owned(),
        ),
        (
            "secureClientPort=2281",
            "secureClientPort: needs ssl.keyStore.location: the key and the certificate to show".to_owned(),
        ),
        (
            "ssl.quorum.ocsp=true",
            unprotected("ssl.quorum.ocsp", "no responder is asked; use lists: `quorate.ssl.crlFile`"),
        ),
        (
            "ssl.context.supplier.class=org.example.Context",
            unprotected("ssl.context.supplier.class", "classes of Java cannot be loaded; use the other `ssl` keys"),
        ),
        (
            "enforce.auth.enabled=true",
            unprotected("enforce.auth.enabled", "clients are not made to authenticate; protect znodes with ACLs"),
        ),
        ("server.x=a:1:2", "server.x: \"x\" is not a number from 0 on".to_owned()),
        ("server.-1=a:1:2", "server.-1: \"-1\" is not a number from 0 on".to_owned()),
        ("server.1=a:1", "server.1: the election port is missing".to_owned()),
        ("weight.1=heavy", "weight.1: \"heavy\" is not a weight".to_owned()),
        ("weight.1=-1", "weight.1: \"-1\" is not a weight".to_owned()),
        ("group.1=1,2", "group.1: \"1,2\" is not a server id".to_owned()),
    ] {
        assert_eq!(alone(line).unwrap_err(), [format!("3: {why}")], "{line}");
    }
    assert_eq!(alone("k=\\u12").unwrap_err(), ["3: \\u must be followed by four hexadecimal digits"]);
    let errors = Case::new(None).load("dataDir=$DIR\nclientPortAddress=::1\n").unwrap_err();
    assert_eq!(errors, ["2: clientPortAddress: clientPort must be given with it"]);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let errors = Case::new(Some("1")).load("tickTime=x\nsyncLimit=0\nserver.1=a:1:2\nserver.2=b:1:2\n");
    let errors = errors.unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:#?}");
    assert!(errors.iter().any(|e| e.contains("dataDir: missing")), "{errors:#?}");
    assert!(errors.iter().any(|e| e.contains("initLimit: missing")), "{errors:#?}");
}

#[test]
fn myid_must_name_a_server_of_the_list() {
    for (myid, why) in [
        (None, "myid: does not exist; write this server's number into it"),
        (Some(""), "\"\" is not a number"),
        (Some("two"), "\"two\" is not a number"),
        (Some("-2"), "-2 is negative"),
        (Some("9"), "9, but there is no server.9 line"),
    ] {
        let errors = Case::new(myid).load(THREE).unwrap_err();
        assert!(errors.len() == 1 && errors[0].contains(why), "{myid:?}: {errors:?}");
    }
}

#[test]
fn somebody_must_be_able_to_lead() {
    let text = "dataDir=$DIR\ninitLimit=5\nsyncLimit=2\nserver.1=a:1:2:observer\nserver.2=b:1:2:observer\n";
    let errors = Case::new(Some("1")).load(text).unwrap_err();
    assert_eq!(errors, ["4: server.1: every server is an observer; none could lead"]);
}

#[test]
fn client_ports_must_agree() {
    let text = THREE.replace("server.1=zoo1:2888:3888", "server.1=zoo1:2888:3888;2182");
    let errors = Case::new(Some("1")).load(&text).unwrap_err();
    assert_eq!(errors, ["5: clientPort: 2181 contradicts port 2182 in this server's own line"]);
}

#[test]
fn a_missing_file_is_named() {
    let errors = ServerConfig::load(Path::new("/nonexistent/zoo.cfg"), Strictness::Strict).unwrap_err();
    assert!(errors.to_string().starts_with("/nonexistent/zoo.cfg: cannot be read: "), "{errors}");
}

#[test]
fn the_whitelist_of_words() {
    let load = |text: &str| {
        let text = format!("dataDir=$DIR\nclientPort=2181\n4lw.commands.whitelist={text}\n");
        Case::new(None).load(&text).unwrap().0.four_letter_words
    };
    assert_eq!(load("*"), Whitelist::All);
    assert!(load("stat, ruok").allows("ruok"));
    assert!(!load("stat, ruok").allows("mntr"));
    // ZooKeeper's own scripts depend on it.
    assert!(load("ruok").allows("srvr") && !load("ruok").allows("isro"));
    assert!(load("ruok\nreadonlymode.enabled=true").allows("isro"));
}

#[test]
fn how_the_data_directory_is_kept() {
    let case = Case::new(None);
    let with = |lines: &str| case.load(&format!("dataDir=$DIR\nclientPort=2181\n{lines}"));
    let defaults = with("").unwrap().0.files;
    assert_eq!((defaults.autopurge, defaults.txn_log_size_limit), (None, None));
    assert_eq!((defaults.snap_size_limit, defaults.autocreate_dirs), (SnapSizeLimit::Unset, true));
    assert_eq!(defaults.fsync_warning, Duration::from_secs(1));
    let lines = "autopurge.purgeInterval=24\nautopurge.snapRetainCount=5\ntxnLogSizeLimitInKb=2048\n\
                 snapSizeLimitInKb=0\ndatadir.autocreate=false\nfsync.warningthresholdms=20\nforceSync=yes\n";
    let files = with(lines).unwrap().0.files;
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(files.autopurge, Some(Autopurge { interval: day, retain: 5 }));
    assert_eq!((files.txn_log_size_limit, files.snap_size_limit), (Some(2 << 20), SnapSizeLimit::Off));
    assert_eq!((files.autocreate_dirs, files.fsync_warning), (false, Duration::from_millis(20)));
    assert_eq!(with("autopurge.purgeInterval=0\n").unwrap().0.files.autopurge, None);
    let (config, warnings) = with("autopurge.purgeInterval=1\nautopurge.snapRetainCount=1\n").unwrap();
    assert_eq!(config.files.autopurge.unwrap().retain, MIN_RETAINED);
    assert!(warnings.iter().any(|w| w.contains("is raised to 3")), "{warnings:?}");
    let (_, warnings) = with("forceSync=no\n").unwrap();
    assert!(warnings.iter().any(|w| w.contains("every write is synced")), "{warnings:?}");
    let errors = with("autopurge.purgeInterval=daily\n").unwrap_err();
    assert!(errors[0].contains("a number of hours"), "{errors:?}");
}

/// [`THREE`] with one line instead of another, or more lines (the first is line 10).
fn three(instead_of: &str, line: &str) -> Result<(ServerConfig, Vec<String>), Vec<String>> {
    let text =
        if instead_of.is_empty() { format!("{THREE}{line}\n") } else { THREE.replace(instead_of, line) };
    assert_ne!(text, THREE);
    Case::new(Some("1")).load(&text)
}

#[test]
fn contradictions_between_lines_are_found() {
    for (instead_of, line, why) in [
        ("", "server.3=zoo9:2888:3888", "10: server.3: line 8 says something else about server 3"),
        ("zoo3:2888:3888", "zoo1:2888:3999", "8: server.3: zoo1:2888 is server 1's, too"),
        ("zoo3:2888:3888", "ZOO1:2999:2888", "8: server.3: ZOO1:2888 is server 1's, too"),
        ("zoo3:2888:3888", "zoo3:2888:2888", "8: server.3: zoo3:2888 stands in it twice"),
        (
            "zoo1:2888:3888",
            "zoo1:2181:3888",
            "5: clientPort: 2181 is also this server's port for other servers (zoo1:2181)",
        ),
        (
            "zoo3:2888",
            "zoo3:2888:3888|zoo3b:2888",
            "8: server.3: several addresses need multiAddress.enabled=true",
        ),
        (
            "server.1=zoo1:2888:3888",
            "server.1=zoo1:2888:3888;2181;2281",
            "6: server.1: needs ssl.keyStore.location: the key and the certificate to show",
        ),
        ("", "version=one", "10: version: \"one\" is not a number"),
        ("", "group.1=1:1:2:3", "10: group.1: server 1 stands in it twice"),
        ("", "group.1=1:2:3:4", "10: group.1: server 4 is not a voter of this ensemble"),
        (
            "",
            "group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0",
            "10: group.1: no server has any weight; none could lead",
        ),
    ] {
        assert_eq!(three(instead_of, line).unwrap_err(), [why], "{line}");
    }
}

#[test]
fn what_is_odd_about_an_ensemble_is_said() {
    for (instead_of, line, why) in [
        (
            "zoo4:2888:3888:observer",
            "zoo4:2888:3888",
            "6: server.N: 4 voters survive the loss of 1, as 3 do: consider an odd number",
        ),
        (
            "zoo3:2888:3888",
            "zoo3:2888:3888:observer",
            "6: server.N: 2 voters survive no loss: you need at least 3",
        ),
        (
            "",
            "group.1=1\ngroup.2=2:3",
            "10: group.1: two groups survive the loss of neither: you need at least 3",
        ),
        ("", "weight.1=2", "10: weight.1: weights count only together with groups"),
        ("", "server.1=zoo1:2888:3888", "10: server.1: was already set in line 6; this line wins"),
        ("zoo3:2888", "0.0.0.0:2888", "8: server.3: 0.0.0.0 does not lead to another machine"),
        ("zoo1:2888", "127.0.0.1:2888", "6: server.1: the other servers cannot reach it at 127.0.0.1"),
        ("zoo3:2888", "localhost:2888", "8: server.3: the other servers cannot reach it at localhost"),
    ] {
        assert_eq!(three(instead_of, line).unwrap().1, [why], "{line}");
    }
    // A container's own address, and an ensemble that is all on one machine.
    assert_eq!(three("zoo1:2888", "0.0.0.0:2888").unwrap().1, Vec::<String>::new());
    let mut local = THREE.to_owned();
    for (n, port) in [(1, 1000), (2, 1001), (3, 1002), (4, 1003)] {
        local = local.replace(&format!("zoo{n}:2888:3888"), &format!("[::1]:{port}:2{port}"));
    }
    assert_eq!(Case::new(Some("1")).load(&local).unwrap().1, Vec::<String>::new());
}

#[test]
fn one_voter_is_an_ensemble_only_if_that_is_asked_for() {
    let text =
        "dataDir=$DIR\nclientPort=2181\ninitLimit=5\nsyncLimit=2\nserver.1=a:1:2\nserver.2=b:1:2:observer\n";
    let errors = Case::new(Some("1")).load(text).unwrap_err();
    assert_eq!(errors, ["5: server.1: one voter with observers needs standaloneEnabled=false"]);
    let text = format!("{text}standaloneEnabled=false\n");
    let (config, warnings) = Case::new(Some("2")).load(&text).unwrap();
    assert_eq!((config.members.len(), config.role, warnings), (2, LearnerType::Observer, vec![]));
    let alone = text.replace("server.2=b:1:2:observer\n", "");
    assert!(!Case::new(Some("1")).load(&alone).unwrap().0.is_standalone());
}

#[test]
fn ids_above_a_byte_are_doubtful_and_with_ttl_wrong() {
    let text = THREE.replace("server.3", "server.300").replace("server.2", "server.255");
    let (config, warnings) = Case::new(Some("300")).load(&text).unwrap();
    assert_eq!(config.id, ServerId(300));
    assert!(warnings.len() == 1 && warnings[0].contains("the ids of sessions of server 44"), "{warnings:?}");
    assert_eq!(Case::new(Some("255")).load(&text).unwrap().1, Vec::<String>::new());
    let errors = Case::new(Some("255")).load(&format!("{text}extendedTypesEnabled=true\n")).unwrap_err();
    assert!(errors.len() == 1 && errors[0].contains("255 is above 254"), "{errors:?}");
}

#[test]
fn several_addresses_are_taken_when_allowed() {
    let text =
        THREE.replace("zoo3:2888:3888", "zoo3:2888:3888|[fe80::3]:2889:3889") + "multiAddress.enabled=true\n";
    let (config, warnings) = Case::new(Some("3")).load(&text).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.members[&ServerId(3)].election[1].to_string(), "[fe80::3]:3889");
    assert!(config.config_text.contains("server.3=zoo3:2888:3888|[fe80::3]:2889:3889:participant\n"));
}

#[test]
fn a_configuration_has_a_version_and_its_groups_their_numbers() {
    let text = format!("{THREE}version=1a\ngroup.7=1:2\ngroup.9=3\nweight.3=0\n");
    let (config, _) = Case::new(Some("1")).load(&text).unwrap();
    let tail = "group.7=1:2\ngroup.9=3\nweight.1=1\nweight.2=1\nweight.3=0\nversion=1a";
    assert!(config.config_text.ends_with(tail), "{}", config.config_text);
    assert_eq!(config.config_version.0, 0x1a);
    // Others understand what this server tells them.
    let read = quorate_core::wire::election::ConfigText::parse(&config.config_text).unwrap();
    assert_eq!(read.to_string(), config.config_text);
}
