//! Dynamic files, files of the field, and what is offered over HTTP.

use super::*;

#[test]
fn a_dynamic_file_has_rules_of_its_own() {
    let case = Case::new(Some("1"));
    let dynamic = case.dir.path().join("zoo.cfg.dynamic.100000000");
    let text = "initLimit=10\nsyncLimit=5\ndataDir=$DIR\nclientPort=2181\n\
        dynamicConfigFile=$DIR/zoo.cfg.dynamic.100000000\n";
    let members = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";
    fs::write(&dynamic, members).unwrap();
    assert_eq!(case.load(text).unwrap().0.config_version.0, 1 << 32);
    for line in ["version=100000000", "tickTime=2000", "serverx=1"] {
        fs::write(&dynamic, format!("{members}{line}\n")).unwrap();
        let errors = case.load(text).unwrap_err();
        let key = line.split('=').next().unwrap();
        let why = format!(
            "zoo.cfg.dynamic.100000000:4: {key}: only server, group and weight lines can stand in a dynamic file"
        );
        assert!(errors.len() == 1 && errors[0].ends_with(&why), "{errors:?}");
    }
    fs::write(&dynamic, members).unwrap();
    fs::write(case.dir.path().join("zoo.cfg.dynamic.next"), members).unwrap();
    let errors = case.load(text).unwrap_err();
    assert!(
        errors[0].contains("zoo.cfg.dynamic.next: this server has agreed to other members"),
        "{errors:?}"
    );
    fs::remove_file(&dynamic).unwrap();
    assert!(case.load(text).unwrap_err()[0].contains("cannot be read"));
}

/// What operators have: each in the form that its distributor or product gives it.
#[test]
fn files_of_the_field_are_taken_as_they_are() {
    const SERVERS: &str = "server.1=zoo1:2888:3888\nserver.2=zoo2:2888:3888\nserver.3=zoo3:2888:3888\n";
    for (name, text, warnings) in [
        (
            "as shipped",
            "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/tmp/zookeeper\nclientPort=2181\n",
            0,
        ),
        (
            "Debian",
            "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/var/lib/zookeeper\nclientPort=2181\n\
             #server.1=zookeeper1:2888:3888\nleaderServes=yes\n",
            0,
        ),
        (
            "container image",
            "dataDir=/data\ndataLogDir=/datalog\nclientPort=2181\ntickTime=2000\ninitLimit=5\nsyncLimit=2\n\
             autopurge.snapRetainCount=3\nautopurge.purgeInterval=0\nmaxClientCnxns=60\nstandaloneEnabled=true\n\
             admin.enableServer=true\nserver.1=localhost:2888:3888;2181\n",
            1, // the only server
        ),
        (
            "chart",
            "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/bitnami/zookeeper/data\nclientPort=2181\n\
             maxClientCnxns=60\nsnapCount=100000\npreAllocSize=65536\nmaxCnxns=0\nadmin.serverPort=8080\n\
             admin.enableServer=true\nreconfigEnabled=false\nquorumListenOnAllIPs=true\n\
             4lw.commands.whitelist=srvr, mntr, ruok\nmaxSessionTimeout=40000\nautopurge.snapRetainCount=3\n\
             autopurge.purgeInterval=1\nserver.1=zk-0.zk-headless.default.svc.cluster.local:2888:3888;2181\n\
             server.2=zk-1.zk-headless.default.svc.cluster.local:2888:3888;2181\n\
             server.3=zk-2.zk-headless.default.svc.cluster.local:2888:3888;2181\n",
            0,
        ),
        (
            "log broker",
            "dataDir=/var/lib/zk\nclientPort=2181\nmaxClientCnxns=0\nadmin.enableServer=false\ntickTime=2000\n\
             initLimit=5\nsyncLimit=2\nauthProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n\
             requireClientAuthScheme=sasl\njaasLoginRenew=3600000\n",
            3,
        ),
        (
            "table store",
            "dataDir=/hbase/zookeeper\nclientPort=2181\ntickTime=6000\ninitLimit=10\nsyncLimit=5\n\
             maxClientCnxns=300\nserver.0=localhost:2888:3888\n",
            1,
        ),
        (
            "column store",
            "tickTime=2000\ninitLimit=300\nsyncLimit=10\nmaxClientCnxns=2000\nmaxSessionTimeout=60000000\n\
             dataDir=/opt/zookeeper/data\ndataLogDir=/opt/zookeeper/logs\nautopurge.snapRetainCount=10\n\
             autopurge.purgeInterval=1\npreAllocSize=131072\nsnapCount=3000000\nleaderServes=yes\n\
             standaloneEnabled=false\ndynamicConfigFile=$DIR/zoo.cfg.dynamic\nclientPort=2181\n",
            0,
        ),
        (
            "with a TLS port, removed",
            "tickTime = 2000\ninitLimit : 10\nsyncLimit 5\ndataDir=/zk\nclientPort=2181\n! comment\n\
             ssl.keyStore.location=/k.jks\nsslQuorum=false\nserver.1=a:2888:3888:participant\n\
             server.2=b:2888:3888:participant\nserver.3=[fd00::3]:2888:3888:participant;[fd00::3]:2181\n",
            1,
        ),
    ] {
        // No data directory of the field is looked into.
        let home = text.lines().find(|line| line.starts_with("dataDir=")).unwrap().to_owned();
        let text = text.replace(&home, "dataDir=$DIR");
        let id = if text.contains("server.0") { "0" } else { "1" };
        let case = Case::new(Some(id));
        fs::write(case.dir.path().join("zoo.cfg.dynamic"), SERVERS).unwrap();
        let (_, said) = case.load(&text).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        assert_eq!(said.len(), warnings, "{name}: {said:#?}");
    }
}

#[test]
fn what_is_offered_over_http() {
    let admin = |lines: &str| alone(lines).map(|(config, _)| config.admin);
    let place = |host: &str, port| Some(HostPort { host: host.to_owned(), port });
    let nothing = admin("admin.serverPort=1").unwrap();
    assert_eq!((nothing.server, nothing.metrics), (None, None));
    let defaults = admin("admin.enableServer=true").unwrap();
    assert_eq!((defaults.server, defaults.command_url.as_str()), (place("127.0.0.1", 8080), "/commands"));
    let class = "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
    assert_eq!(admin(class).unwrap().metrics, place("0.0.0.0", 7000));
    assert_eq!(admin(&format!("{class}\nmetricsProvider.httpPort=-1")).unwrap().metrics, None);
    let all = "admin.enableServer=true\nadmin.serverAddress=[::1]\nadmin.serverPort=9\nadmin.commandURL=/c/\n\
               admin.idleTimeout=7\nadmin.rateLimiterIntervalInMS=8\nadmin.snapshot.enabled=false\n\
               quorate.adminHosts=A.example, b\nquorate.readyLag=3";
    let all = admin(all).unwrap();
    assert_eq!((all.server, all.command_url.as_str()), (place("::1", 9), "/c"));
    assert_eq!((all.idle_timeout.as_millis(), all.snapshot_interval.as_millis()), (7, 8));
    assert_eq!(
        (all.snapshot_enabled, all.ready_lag, all.hosts),
        (false, 3, vec!["a.example".into(), "b".into()])
    );
    for (lines, mistake) in [
        ("admin.forceHttps=true", "the admin server speaks no TLS"),
        ("admin.needClientAuth=true", "the admin server speaks no TLS"),
        ("metricsProvider.httpsPort=7443", "figures are not offered over TLS"),
        ("admin.commandURL=commands", "is no path like /commands"),
        ("admin.commandURL=/", "is no path like /commands"),
        ("admin.serverPort=0", "is not within 1 and 65535"),
        (&format!("admin.enableServer=true\nadmin.serverPort=7000\n{class}"), "is the admin server's"),
    ] {
        let errors = admin(lines).unwrap_err();
        assert!(errors.len() == 1 && errors[0].contains(mistake), "{lines}: {errors:?}");
    }
}
