//! A ZooKeeper server of its own, where the peers of `tests/interop` are installed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::ports::free_ports;
use super::tail::tail;

/// A standalone ZooKeeper server; it ends with this value.
#[derive(Debug)]
pub(crate) struct ZooKeeper {
    child: Child,
    /// Where it serves clients.
    pub(crate) port: u16,
    dir: tempfile::TempDir,
}

impl ZooKeeper {
    /// Start the server of this version, `38` or `39`. `None`, with a message, where there are no peers.
    ///
    /// # Panics
    /// If there are none although `REQUIRE_PEERS` asks for them.
    pub(crate) fn start(version: &str) -> Option<ZooKeeper> {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
        let peers = std::env::var_os("QUORATE_PEERS").map_or_else(usual, PathBuf::from);
        let environment = peers.join("env.sh");
        if !environment.exists() {
            let absent = format!("there is no {}", environment.display());
            assert!(std::env::var_os("REQUIRE_PEERS").is_none(), "{absent}");
            println!("skipped: ZooKeeper {version} ({absent})");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("quorate-zookeeper-").tempdir().expect("a directory");
        let [port] = free_ports();
        let config = format!(
            "tickTime=200\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n\
             admin.enableServer=false\nextendedTypesEnabled=true\n4lw.commands.whitelist=*\n",
            dir.path().display()
        );
        let file = dir.path().join("zoo.cfg");
        fs::write(&file, config).expect("zoo.cfg can be written");
        let script = format!(
            ". \"$0\"; exec java $ZK{version}_JAVA_OPTIONS -cp \"$ZK{version}_CLASSPATH\" \
             org.apache.zookeeper.server.quorum.QuorumPeerMain \"$1\""
        );
        let log = File::create(dir.path().join("log")).expect("a log");
        let child = Command::new("bash")
            .args(["-c", &script])
            .args([environment, file])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("bash can be started");
        Some(ZooKeeper { child, port, dir })
    }
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- ZooKeeper, end of its log:\n{}", tail(&self.dir.path().join("log")));
        }
    }
}
