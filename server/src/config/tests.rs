//! Configurations operators have, and every kind of bad one.

use super::*;

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
        match ServerConfig::load(&file) {
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
fn an_ensemble_with_an_observer() {
    let (config, warnings) = Case::new(Some("2\n")).load(THREE).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.id, ServerId(2));
    assert_eq!(config.role, LearnerType::Participant);
    assert_eq!(config.observers(), vec![ServerId(4)]);
    assert_eq!(config.verifier, QuorumVerifier::Majority((1..=3).map(ServerId).collect()));
    assert_eq!(config.members[&ServerId(3)].quorum.to_string(), "zoo3:2888");
    assert_eq!(
        config.config_text(),
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
    fs::write(&dynamic, "server.1=a:1:2:participant;2182\nserver.2=b:1:2\n").unwrap();
    let text = "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=$DIR\n\
        dynamicConfigFile=$DIR/zoo.cfg.dynamic.100000000\n";
    let (config, warnings) = case.load(text).unwrap();
    assert_eq!((config.members.len(), warnings.len()), (2, 0));
    assert_eq!(config.client, Some(ClientAddress { host: None, port: 2182 }));
    let errors = case.load(&format!("{text}server.3=c:1:2\n")).unwrap_err();
    assert_eq!(errors, ["5: dynamicConfigFile: server, group and weight lines belong into the dynamic file"]);
}

#[test]
fn unknown_and_unfollowed_keys_are_named() {
    let text = "dataDir=$DIR\nclientPort=2181\nticktime=2000\nmaxCnxns=5\nfavouriteColour=blue\n\
        clientPort=2182\nsslQuorum=false\n";
    let (config, warnings) = Case::new(None).load(text).unwrap();
    assert_eq!(
        warnings,
        [
            "3: ticktime: unknown key, ignored; did you mean tickTime?",
            "4: maxCnxns: ZooKeeper knows this key, this server does not follow it",
            "5: favouriteColour: unknown key, ignored",
            "6: clientPort: was already set in line 2; this line wins",
        ]
    );
    assert_eq!((config.tick_time.as_millis(), config.client.unwrap().port), (3000, 2182));
}

#[test]
fn every_bad_value_is_named_with_its_line() {
    for (line, why) in [
        ("tickTime=fast", "2: tickTime: \"fast\" is not a number"),
        ("tickTime=0", "2: tickTime: 0 is not within 1 and 3600000 ms"),
        ("clientPort=65536", "2: clientPort: 65536 is not within 1 and 65535"),
        ("maxClientCnxns=-1", "2: maxClientCnxns: -1 is not within 0 and 2147483648"),
        ("electionAlg=1", "2: electionAlg: \"1\" is none of 3 (Fast Leader Election)"),
        ("peerType=boss", "2: peerType: \"boss\" is none of participant, observer"),
        ("quorumListenOnAllIPs=maybe", "2: quorumListenOnAllIPs: \"maybe\" is neither true nor false"),
        ("clientPortAddress=::1", "2: clientPortAddress: clientPort must be given with it"),
        (
            "minSessionTimeout=100000",
            "2: minSessionTimeout: minSessionTimeout (100000 ms) is above maxSessionTimeout (60000 ms)",
        ),
        (
            "sslQuorum=true",
            "2: sslQuorum: sslQuorum is not supported; refusing to start without the protection it asks for",
        ),
        ("server.x=a:1:2", "2: server.x: \"x\" is not a number within 0 and 255"),
        ("server.256=a:1:2", "2: server.256: \"256\" is not a number within 0 and 255"),
        ("server.1=a:1", "2: server.1: the election port is missing"),
        ("weight.1=heavy", "2: weight.1: \"heavy\" is not a weight"),
        ("dataLogDir=", "2: dataLogDir: missing: a directory"),
        ("k=\\u12", "2: \\u must be followed by four hexadecimal digits"),
    ] {
        let errors = Case::new(None).load(&format!("dataDir=$DIR\n{line}\n")).unwrap_err();
        assert_eq!(errors, [why], "{line}");
    }
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
        (None, "cannot be read"),
        (Some(""), "\"\" is not a number"),
        (Some("two"), "\"two\" is not a number"),
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
    assert_eq!(errors, ["4: server.1: every server is an observer; nobody could lead"]);
}

#[test]
fn client_ports_must_agree() {
    let text = THREE.replace("server.1=zoo1:2888:3888", "server.1=zoo1:2888:3888;2182");
    let errors = Case::new(Some("1")).load(&text).unwrap_err();
    assert_eq!(errors, ["5: clientPort: 2181 contradicts port 2182 in this server's own line"]);
}

#[test]
fn a_missing_file_is_named() {
    let errors = ServerConfig::load(Path::new("/nonexistent/zoo.cfg")).unwrap_err();
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
    assert!(!load("stat, ruok").allows("srvr"));
}

#[test]
fn how_the_data_directory_is_kept() {
    let case = Case::new(None);
    let with = |lines: &str| case.load(&format!("dataDir=$DIR\nclientPort=2181\n{lines}"));
    let defaults = with("").unwrap().0.files;
    assert_eq!((defaults.autopurge, defaults.txn_log_size_limit), (None, None));
    assert_eq!((defaults.snap_size_limit, defaults.autocreate_dirs), (Some(4 << 30), true));
    assert_eq!(defaults.fsync_warning, Duration::from_secs(1));
    let lines = "autopurge.purgeInterval=24\nautopurge.snapRetainCount=5\ntxnLogSizeLimitInKb=2048\n\
                 snapSizeLimitInKb=0\ndatadir.autocreate=false\nfsync.warningthresholdms=20\nforceSync=yes\n";
    let files = with(lines).unwrap().0.files;
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(files.autopurge, Some(Autopurge { interval: day, retain: 5 }));
    assert_eq!((files.txn_log_size_limit, files.snap_size_limit), (Some(2 << 20), None));
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
