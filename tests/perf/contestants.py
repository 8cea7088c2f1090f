"""The servers that are compared: Quorate and ZooKeeper 3.9, with the same settings, on the same machine; and the floor.

Everything about processes, ports and files is the interop tests' (`tests/interop/harness.py`).
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

import harness  # noqa: E402

# What stands in every zoo.cfg, of both; everything else is as each server has it by default.
SETTINGS = {"tickTime": 2000, "initLimit": 10, "syncLimit": 5, "maxClientCnxns": 0}
HEAP = "2g"
# The 3.9 installation logs to stdout at level info; here it says only what is wrong.
LOG_LEVEL = """\
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} [%t] %-5p %c - %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


class Quorate(harness.QuorateServer):
    def command(self):
        return [self.binary, "--log", "warn", "server", self.config]

    def heap(self):
        return None


class ZooKeeper(harness.JavaServer):
    """A plain `java` with a fixed heap; no option that trades speed for a quicker start."""

    def command(self):
        log_level = os.path.join(self.laboratory.directory, "log4j2.properties")
        with open(log_level, "w", encoding="ascii") as file:
            file.write(LOG_LEVEL)
        return [
            *("java", f"-Xms{HEAP}", f"-Xmx{HEAP}", f"-Dlog4j2.configurationFile={log_level}"),
            *("-cp", self.laboratory.peers["ZK39_CLASSPATH"]),
            *("org.apache.zookeeper.server.quorum.QuorumPeerMain", self.config),
        ]

    def heap(self):
        """Bytes that live objects take, after a full collection; None if there is no jcmd."""
        if not shutil.which("jcmd"):
            return None
        pid = str(self.process.pid)
        subprocess.run(["jcmd", pid, "GC.run"], check=True, capture_output=True)
        answer = subprocess.run(["jcmd", pid, "GC.heap_info"], check=True, capture_output=True, text=True).stdout
        return sum(1024 * int(kib) for kib in re.findall(r"heap\s+total \d+K, used (\d+)K", answer))


class Null(harness.Server):
    """`quorate bench null`, which answers and keeps nothing: alone, with a log, or as one of a quorum."""

    kind = "null"
    durable, quorum = False, False

    def __init__(self, laboratory, myid, binary):
        self.binary = binary
        super().__init__(laboratory, myid)

    def command(self):
        words = [self.binary, "--log", "warn", "bench", "null", "--port", str(self.client_port)]
        if self.durable:
            words += ["--durable", self.data]
        if self.quorum:
            # The first one leads.
            words += ["--quorum", ",".join(str(server.client_port) for server in self.laboratory.servers)]
        return words

    def wait_serving(self, mode=None, timeout=30.0):
        harness.wait_until(lambda: "ready: " in self.log_text(), f"{self} to listen", timeout, alive=[self])

    def heap(self):
        return None


class DurableNull(Null):
    durable = True


class QuorumNull(DurableNull):
    quorum = True


class Contestant:
    """One of those that are compared, and the cells it is measured in (without: all)."""

    def __init__(self, name, label, maker, cells=None):
        self.name = name
        self.label = label
        self.maker = maker
        self.cells = cells

    def takes(self, cell):
        return self.cells is None or cell in self.cells

    def ensemble(self, laboratory, size):
        """Servers of this kind, configured and not started."""
        servers = [self.maker(laboratory, myid) for myid in range(1, size + 1)]
        return harness.Ensemble(servers, SETTINGS)


def both(binary):
    """Quorate and ZooKeeper, in the order in which the first round measures them."""
    return [
        Contestant("quorate", "Quorate", lambda laboratory, myid: Quorate(laboratory, myid, binary)),
        Contestant("zookeeper", "ZooKeeper", lambda laboratory, myid: ZooKeeper(laboratory, myid, "3.9")),
    ]


def floors(binary, alone, quorum):
    """The floors; `alone` and `quorum` are the cells of one server and of three."""
    kinds = [("null", "null", Null, alone), ("durable", "durable null", DurableNull, alone)]
    kinds.append(("quorum", "null quorum", QuorumNull, quorum))
    return [
        Contestant(name, label, lambda laboratory, myid, kind=kind: kind(laboratory, myid, binary), cells)
        for name, label, kind, cells in kinds
    ]


def resident(server):
    """A server's resident memory in bytes."""
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
