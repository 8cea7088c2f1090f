//! The table is complete and consistent, and suggestions are what a person meant.

use super::super::value;
use super::*;

#[test]
fn a_slip_of_the_finger_finds_its_key() {
    for (typed, meant) in [
        ("ticktime", "tickTime"),
        ("tickTme", "tickTime"),
        ("tikcTime", "tickTime"),
        ("maxClientCnxn", "maxClientCnxns"),
        ("zookeeper.snapCount", "snapCount"),
        ("zookeeper.snapcount", "snapCount"),
        ("clientport", "clientPort"),
        ("dataLogdir", "dataLogDir"),
        ("autopurge.snapRetainCnt", "autopurge.snapRetainCount"),
        ("sever.3", "server.3"),
        ("groups.1", "group.1"),
        ("ssl.quorum.keystore.location", "ssl.quorum.keyStore.location"),
        ("requestThrottlelimit", "requestThrottleLimit"),
        ("timeTick", "tickTime"),
        ("snapRetainCount", "autopurge.snapRetainCount"),
        ("purgeInterval", "autopurge.purgeInterval"),
        ("adminPort", "admin.serverPort"),
    ] {
        assert_eq!(did_you_mean(typed).as_deref(), Some(meant), "{typed}");
    }
}

#[test]
fn nonsense_finds_nothing() {
    for typed in ["x", "favouriteColour", "spark.executor.memory", ""] {
        assert_eq!(did_you_mean(typed), None, "{typed}");
    }
}

#[test]
fn no_name_stands_for_two_keys() {
    let mut names: Vec<_> = all().flat_map(Key::names).collect();
    names.sort();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}

#[test]
fn a_key_that_is_followed_has_a_good_default() {
    // Those whose default is said in words: it depends on other keys.
    const IN_WORDS: [&str; 12] = [
        "clientPort",
        "weight.N",
        "minSessionTimeout",
        "maxSessionTimeout",
        "initLimit",
        "syncLimit",
        "jute.maxbuffer.extrasize",
        "snapSizeLimitInKb",
        "secureClientPort",
        "ssl.[quorum.]keyStore.type",
        "ssl.[quorum.]trustStore.type",
        "ssl.[quorum.]clientHostnameVerification",
    ];
    for key in all().filter(|key| key.treatment == Treatment::Honoured && !IN_WORDS.contains(&key.name)) {
        assert_eq!(value::check(key.kind, key.default), Ok(()), "{}", key.name);
    }
}

#[test]
fn a_value_that_asks_for_nothing_is_a_value() {
    for key in all() {
        if let Treatment::Ignored(harmless) | Treatment::Refused(harmless) = key.treatment {
            for text in harmless {
                let unset = matches!(key.kind, Kind::Number { unset: Some(n), .. } if n.to_string() == *text);
                assert!(unset || value::check(key.kind, text).is_ok(), "{} = {text:?}", key.name);
            }
        }
    }
}

#[test]
fn every_sentence_has_its_form() {
    for key in all() {
        let is_sentence = key.text.ends_with('.') && key.text.starts_with(|c: char| !c.is_lowercase());
        // What is not followed is said after a colon.
        assert_eq!(is_sentence, key.treatment == Treatment::Honoured, "{}: {}", key.name, key.text);
    }
}

/// Every system property that the classes of ZooKeeper 3.9.5 name, and the keys that its
/// `QuorumPeerConfig` reads, without `zookeeper.` and one a line.
const ZOOKEEPER: &str = include_str!("zookeeper-3.9.5.txt");

#[test]
fn every_key_of_zookeeper_is_known() {
    let known: Vec<&str> = ZOOKEEPER.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(known.len() > 220, "{}", known.len());
    let missing: Vec<&&str> = known.iter().filter(|key| lookup(key).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
