"""Real servers as real processes: starting, stopping and killing ZooKeeper and Quorate servers behind one interface.

A `Server` owns a directory with `zoo.cfg`, `myid`, its data and its log. `JavaServer` runs ZooKeeper in it and
`QuorateServer` runs Quorate, from the very same files, so that one can take over the directory of the other
(`Server.handed_to`). An `Ensemble` writes the configuration files. A `Laboratory` owns the ports, the directories and
the processes of one scenario and tears them down.

Waiting is always for a condition with a deadline, and ends at once when a server that should be running has died.
"""

import atexit
import os
import random
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JAVA_VERSIONS = ("3.8.0", "3.9")
SERVING = ("leader", "follower", "observer", "standalone")

# Multiplies every deadline, for machines that are very slow or very busy.
PATIENCE = float(os.environ.get("QUORATE_INTEROP_PATIENCE", "1"))


class Failed(Exception):
    """A scenario's expectation does not hold."""


class Missing(Exception):
    """Something the scenario needs is not installed, so it cannot be judged."""


def expect(condition, message):
    if not condition:
        raise Failed(message)


def wait_until(condition, what, timeout=30.0, alive=(), pause=0.02):
    """The first true value of `condition()`; fails after `timeout` seconds, or when a server in `alive` has died."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        for server in alive:
            server.expect_running()
        if time.monotonic() > deadline:
            raise Failed(f"waited {timeout * PATIENCE:.0f} s for {what() if callable(what) else what}")
        time.sleep(pause)


def holds_for(condition, seconds, what, pause=0.1):
    """Fails if `condition()` is false at any look during `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        expect(condition(), what)
        time.sleep(pause)


# --- the installed peers -------------------------------------------------------------------------------------------


class Peers:
    """What `install_peers.sh` has installed."""

    def __init__(self, directory=None):
        self.directory = directory or os.environ.get("QUORATE_PEERS") or os.path.join(REPOSITORY, "target", "peers")
        self.values = {}
        try:
            with open(os.path.join(self.directory, "env.sh"), encoding="utf-8") as lines:
                for line in lines:
                    name, separator, value = line.strip().partition("=")
                    if separator and not line.startswith("#"):
                        self.values[name] = " ".join(shlex.split(value))
        except OSError:
            pass

    def __getitem__(self, name):
        if name not in self.values:
            raise Missing(f"{name} is not installed; run tests/interop/install_peers.sh")
        return self.values[name]

    def java(self, version):
        """java's options to run ZooKeeper of this version."""
        if version not in JAVA_VERSIONS:
            raise Missing(f"there is no ZooKeeper {version} here, only {' and '.join(JAVA_VERSIONS)}")
        if not shutil.which("java"):
            raise Missing("java is not installed; run tests/interop/install_peers.sh")
        name = "ZK38" if version.startswith("3.8") else "ZK39"
        return [*self[f"{name}_JAVA_OPTIONS"].split(), "-cp", self[f"{name}_CLASSPATH"]]


def with_kazoo(peers):
    """Makes `import kazoo` work: starts this program again under the installed Python that has it, if there is one."""
    try:
        import kazoo.client  # noqa: F401
    except ImportError:
        python = peers.values.get("KAZOO_PYTHON")
        if python and os.path.exists(python) and not os.environ.get("QUORATE_INTEROP_REEXECUTED"):
            os.environ["QUORATE_INTEROP_REEXECUTED"] = "1"
            os.execv(python, [python, *sys.argv])
        return False
    import logging

    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    return True


# --- ports ---------------------------------------------------------------------------------------------------------


class Ports:
    """Hands out loopback ports nobody uses.

    They come from a block below the range that the system takes outgoing connections from, since a port of a killed
    server must still be free when it is restarted. The block's first port stays bound as long as this object lives, so
    that two programs that test at the same time choose different blocks.
    """

    BLOCK = 200

    def __init__(self):
        starts = list(range(11000, 30000, self.BLOCK))
        random.SystemRandom().shuffle(starts)
        for start in starts:
            self._guard = socket.socket()
            try:
                self._guard.bind(("127.0.0.1", start))
                self._guard.listen(1)
            except OSError:
                self._guard.close()
                continue
            self._next, self._end = start + 1, start + self.BLOCK
            return
        raise Failed("no block of free ports")

    def take(self):
        while self._next < self._end:
            port = self._next
            self._next += 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port
        raise Failed("the block of ports is used up")

    def close(self):
        self._guard.close()


# --- servers -------------------------------------------------------------------------------------------------------


class Server:
    """One server: its directory, its ports, and its process if it runs."""

    kind = "?"

    def __init__(self, laboratory, myid, *, role="participant", directory=None, ports=None):
        self.laboratory = laboratory
        self.myid = myid
        self.role = role
        self.directory = directory or laboratory.new_directory(f"server{myid}")
        self.client_port, self.quorum_port, self.election_port = ports or [laboratory.ports.take() for _ in range(3)]
        self.data = os.path.join(self.directory, "data")
        self.config = os.path.join(self.directory, "zoo.cfg")
        self.log = os.path.join(self.directory, f"{self.kind}.log")
        self.process = None
        self.should_run = False
        self.past_log = 0  # bytes of the log that earlier processes wrote
        laboratory.servers.append(self)

    def __repr__(self):
        return f"server {self.myid} ({self.kind})"

    def command(self):
        raise NotImplementedError

    @property
    def address(self):
        return f"127.0.0.1:{self.client_port}"

    def start(self):
        expect(not self.running, f"{self} is started twice")
        os.makedirs(self.data, exist_ok=True)
        self.past_log = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        command = self.command()
        if self.laboratory.leash:
            command = self.laboratory.leash + command
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self.should_run = True
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def expect_running(self):
        if self.should_run and not self.running:
            raise Failed(f"{self} ended by itself with exit code {self.process.returncode}")

    def kill(self):
        """kill -9."""
        self._end(signal.SIGKILL)
        return self

    def stop(self):
        """Asks the server to end, and expects it to."""
        asked = time.monotonic()
        self._end(signal.SIGTERM)
        expect(time.monotonic() - asked < 10 * PATIENCE, f"{self} did not end when it was asked to")
        return self

    def _end(self, how):
        self.should_run = False
        if self.running:
            self.process.send_signal(how)
            try:
                self.process.wait(10 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def freeze(self):
        """The process keeps its connections but does nothing any more (SIGSTOP)."""
        self.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: set(self._thread_states()) == {"T"}, f"{self} to freeze")
        return self

    def _thread_states(self):
        tasks = f"/proc/{self.process.pid}/task"
        for thread in os.listdir(tasks):
            try:
                with open(f"{tasks}/{thread}/stat", encoding="ascii", errors="replace") as stat:
                    yield stat.read().rpartition(")")[2].split()[0]
            except FileNotFoundError:  # the thread has ended meanwhile
                pass

    def four_letter_word(self, word, timeout=2.0):
        """The answer to a four-letter word, or "" if there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.client_port), timeout) as connection:
                connection.sendall(word.encode())
                answer = b""
                while chunk := connection.recv(65536):
                    answer += chunk
                return answer.decode(errors="replace")
        except OSError:
            return ""

    def mode(self):
        """leader, follower, observer or standalone; None while it serves nobody."""
        found = re.search(r"^Mode: (\w+)", self.four_letter_word("srvr"), re.MULTILINE)
        return found[1] if found and found[1] in SERVING else None

    def wait_serving(self, mode=None, timeout=30.0):
        """Waits until the server serves clients, in that mode if one is given; answers with its mode."""
        wanted = (mode,) if mode else SERVING
        last = [None]

        def serving():
            last[0] = self.mode()
            return last[0] in wanted and last[0]

        return wait_until(
            serving, lambda: f"{self} to serve as {mode or 'anything'} (it is: {last[0]})", timeout, alive=[self]
        )

    def handed_to(self, maker):
        """The same files and ports in the hands of the server that `maker` makes. This one must not run."""
        expect(not self.running, f"{self} still runs")
        ports = (self.client_port, self.quorum_port, self.election_port)
        return maker(self.myid, role=self.role, directory=self.directory, ports=ports)

    def files(self, prefix):
        """The paths of the data files with this prefix (`log` or `snapshot`), in the order of their zxids."""
        folder = os.path.join(self.data, "version-2")
        names = [n for n in os.listdir(folder) if re.fullmatch(prefix + r"\.[0-9a-f]+", n)]
        return [os.path.join(folder, n) for n in sorted(names, key=lambda n: int(n.partition(".")[2], 16))]

    def snapshots(self):
        """The zxids of the snapshots that are on the disk to their end."""
        whole = set()
        for path in self.files("snapshot"):
            with open(path, "rb") as snapshot:
                if snapshot.read().endswith(struct.pack(">i", 1) + b"/"):
                    whole.add(int(path.rpartition(".")[2], 16))
        return whole

    def logged(self):
        """The zxids of the transactions in its logs."""
        zxids = set()
        for path in self.files("log"):
            with open(path, "rb") as log:
                content = log.read()
            at = 16
            while at + 32 <= len(content) and (length := struct.unpack_from(">i", content, at + 8)[0]) > 0:
                zxids.add(struct.unpack_from(">q", content, at + 24)[0])
                at += 12 + length + 1
        return zxids

    def has_logged(self, text):
        """Whether the transaction logs contain these bytes."""
        for path in self.files("log"):
            with open(path, "rb") as log:
                if text.encode() in log.read():
                    return True
        return False

    def sync_sent_to(self, myid):
        """How this server, as a leader, brought that learner up to date: the last of SNAP, DIFF, TRUNC, or None.

        None also when this kind of server does not tell."""
        return None

    def sync_received(self):
        """How this server, as a learner, was brought up to date since it was started last."""
        return None

    def log_text(self, since=0):
        try:
            with open(self.log, "rb") as log:
                log.seek(since)
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    def log_tail(self, lines=40):
        return "\n".join(line[:400] for line in self.log_text().splitlines()[-lines:])


class JavaServer(Server):
    """ZooKeeper, of one of `JAVA_VERSIONS`."""

    def __init__(self, laboratory, myid, version, flags=(), **arguments):
        self.version = version
        self.flags = flags  # further options of java
        self.kind = f"zookeeper-{version}"
        self.java = laboratory.peers.java(version)
        super().__init__(laboratory, myid, **arguments)

    def command(self):
        return [
            *("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"),
            *(*self.flags, *self.java, "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.config),
        ]

    SENT = {"DIFF": "DIFF", "TRUNC": "TRUNC", "snapshot": "SNAP"}
    RECEIVED = {"Getting a diff": "DIFF", "Getting a snapshot": "SNAP", "Truncating log": "TRUNC"}

    def sync_sent_to(self, myid):
        learner_of, last = {}, None
        for line in self.log_text(self.past_log).splitlines():
            thread = re.search(r"\[LearnerHandler-\S+\]", line)
            if not thread:
                continue
            if learner := re.search(r"Synchronizing with Learner sid: (-?\d+)", line):
                learner_of[thread[0]] = int(learner[1])
            elif (sent := re.search(r" Sending (DIFF|TRUNC|snapshot) ", line)) and learner_of.get(thread[0]) == myid:
                last = self.SENT[sent[1]]
        return last

    def sync_received(self):
        last = None
        for found in re.finditer("|".join(self.RECEIVED), self.log_text(self.past_log)):
            last = self.RECEIVED[found[0]]
        return last


class QuorateServer(Server):
    """Quorate."""

    kind = "quorate"

    def __init__(self, laboratory, myid, binary, **arguments):
        self.binary = binary
        super().__init__(laboratory, myid, **arguments)

    def command(self):
        return [self.binary, "server", self.config]

    def sync_sent_to(self, myid):
        return self._last(rf"synchronising server {myid} by (DIFF|TRUNC|SNAP)")

    def sync_received(self):
        return self._last(r"synchronised by server -?\d+ by (DIFF|TRUNC|SNAP)")

    def _last(self, pattern):
        found = re.findall(pattern, self.log_text(self.past_log))
        return found[-1] if found else None


class Ensemble:
    """A set of servers that know of each other."""

    TIMING = {"tickTime": 500, "initLimit": 40, "syncLimit": 20}

    def __init__(self, servers, settings=None, own=None):
        """`settings` are for all, `own` are for the server with this id."""
        self.servers = list(servers)
        self.settings = {**self.TIMING, "4lw.commands.whitelist": "*", **(settings or {})}
        self.own = own or {}
        self.ways = {}  # (learner, leader) -> the port where this learner finds that leader's quorum port
        for server in self.servers:
            self.write_files(server)

    def __iter__(self):
        return iter(self.servers)

    def __getitem__(self, myid):
        return next(s for s in self.servers if s.myid == myid)

    def write_files(self, server):
        os.makedirs(server.data, exist_ok=True)
        lines = [f"{key}={value}" for key, value in {**self.settings, **self.own.get(server.myid, {})}.items()]
        lines += [
            f"dataDir={server.data}",
            f"clientPort={server.client_port}",
            "clientPortAddress=127.0.0.1",
        ]
        if "admin.enableServer" not in self.own.get(server.myid, {}):
            lines.append("admin.enableServer=false")
        if server.role == "observer":
            lines.append("peerType=observer")
        if len(self.servers) > 1:
            for other in self.servers:
                suffix = ":observer" if other.role == "observer" else ""
                quorum_port = self.ways.get((server.myid, other.myid), other.quorum_port)
                lines.append(f"server.{other.myid}=127.0.0.1:{quorum_port}:{other.election_port}{suffix}")
            with open(os.path.join(server.data, "myid"), "w", encoding="ascii") as myid:
                myid.write(f"{server.myid}\n")
        with open(server.config, "w", encoding="utf-8") as config:
            config.write("\n".join(lines) + "\n")

    def lead_through(self, learner, leader, relay):
        """From its next start on, this learner finds that leader only through the relay."""
        self.ways[learner.myid, leader.myid] = relay.port
        self.write_files(learner)
        return relay

    def replace(self, server, successor):
        self.servers[self.servers.index(server)] = successor
        return successor

    def start(self, *servers):
        """Starts these servers (or all) and waits until each of them serves."""
        chosen = servers or self.servers
        for server in chosen:
            server.start()
        for server in chosen:
            server.wait_serving()
        return self

    def stop(self):
        """Stops every server that runs, observers and followers first."""
        running = [s for s in self.servers if s.running]
        for server in sorted(running, key=lambda s: s.mode() == "leader"):
            server.stop()

    def kill(self):
        """kill -9 for every server that runs."""
        for server in self.servers:
            server.kill()

    def leader(self, timeout=30.0):
        """The server that leads, once one does."""
        running = [s for s in self.servers if s.running]
        return wait_until(
            lambda: next((s for s in running if s.mode() == "leader"), None), "a leader", timeout, alive=running
        )

    def wait_serving(self, timeout=30.0):
        for server in self.servers:
            if server.running or server.should_run:
                server.wait_serving(timeout=timeout)


# --- the laboratory ------------------------------------------------------------------------------------------------


class Laboratory:
    """Everything that one scenario builds up, and that must be gone afterwards."""

    _open = []

    def __init__(self, peers, name="scenario"):
        self.peers = peers
        self.servers = []
        self.relays = []
        self.closers = []  # called first when the scenario is over
        self.ports = Ports()
        self.directory = tempfile.mkdtemp(prefix=f"quorate-interop-{name}-")
        # A server must not outlive this program, not even one that is killed.
        self.leash = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        Laboratory._open.append(self)

    def new_directory(self, name):
        path = os.path.join(self.directory, name)
        os.makedirs(path)
        return path

    def report(self):
        """What the servers said last."""
        parts = []
        for server in self.servers:
            state = "running" if server.running else "not running"
            parts.append(f"--- end of the log of {server}, {state}\n{server.log_tail()}")
        return "\n".join(parts)

    def close(self, keep=False):
        if self not in Laboratory._open:
            return
        Laboratory._open.remove(self)
        for closer in reversed(self.closers):
            try:
                closer()
            except Exception:  # a client may complain when its servers have gone
                pass
        for server in self.servers:
            server.should_run = False
            if server.running:
                server.process.kill()
                server.process.wait()
        for relay in self.relays:
            relay.close()
        self.ports.close()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    @classmethod
    def close_all(cls):
        for laboratory in list(cls._open):
            laboratory.close()


atexit.register(Laboratory.close_all)
for _signal in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_signal, lambda number, frame: sys.exit(128 + number))
