"""What is measured: every cell's name, what runs before it, and the figures that it gives.

Cells that need the same servers form a group: the servers are started in fresh directories, warmed up, measured cell
after cell, and killed. While one contestant's group runs, no server of the other is there.
"""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass

import contestants
import harness


@dataclass(frozen=True)
class Scale:
    """How long and how much."""

    measured: float = 3.0  # s per load cell
    settle: float = 1.5  # s of the same load before that
    warmup: float = 8.0  # s of mixed load after a start: the JIT's time, given to both
    znodes: int = 1_000_000
    sessions: int = 5000
    idle: float = 6.0  # s of nothing but pings
    changes: int = 20  # of the znode that all sessions watch
    kills: int = 3  # of a leader, in every round
    starts: int = 3


FULL = Scale()
QUICK = Scale(measured=1, settle=0.5, warmup=1, znodes=50_000, sessions=500, idle=3, changes=5, kills=1, starts=1)
CONNECTIONS = 100
MIXES = {"reads": 100, "mixed": 90, "writes": 0}
WINDOWS = (1, 16)
LOADS = {
    f"{mix}-{size}-w{window}": (size, mix, window) for size in (1, 3) for mix in MIXES for window in WINDOWS
}
# Reading the log back takes a server a while; so does a full disk cache that has to be written first.
READY_TIMEOUT = "5m"


class Bench:
    """`quorate bench` as the load generator."""

    def __init__(self, binary):
        self.binary = binary

    def begin(self, mode, servers, *options):
        addresses = ",".join(server.address for server in servers)
        command = [self.binary, "bench", mode, "--servers", addresses, "--json", "-", *map(str, options)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, process):
        out, err = process.communicate()
        if process.returncode != 0:
            raise harness.Failed(f"{' '.join(process.args)}: {err.strip() or out.strip()}")
        return json.loads(out)

    def run(self, mode, servers, *options):
        return self.end(self.begin(mode, servers, *options))

    def watched(self, mode, servers, *options):
        """The same, with the servers' processor time and memory."""
        return self.run(mode, servers, *pids(servers), *options)


def pids(servers):
    return ["--server-pid", ",".join(str(server.process.pid) for server in servers)]


@dataclass
class Run:
    """One contestant's turn at one group."""

    contestant: contestants.Contestant
    peers: harness.Peers
    bench: Bench
    scale: Scale
    wanted: object  # which cells: a function of the name
    record: object  # takes a cell's name, its figures, and whether the machine was quiet (None: not known)
    say: object
    repeat: bool  # a measurement that somebody disturbed, once

    def laboratory(self):
        return Opened(harness.Laboratory(self.peers, "perf"))

    def ensemble(self, laboratory, size):
        return self.contestant.ensemble(laboratory, size).start()

    def warm_up(self, servers):
        self.bench.run(
            "load", servers, "--connections", CONNECTIONS, "--read-ratio", 50, "--warmup", 0,
            "--duration", f"{self.scale.warmup}s", "--keys", 1000, "--path", "/warmup",
        )  # fmt: skip


class Opened:
    """A laboratory that is closed in the end."""

    def __init__(self, laboratory):
        self.laboratory = laboratory

    def __enter__(self):
        return self.laboratory

    def __exit__(self, *_):
        self.laboratory.close()


# --- reads and writes ----------------------------------------------------------------------------------------------


def load(run, size):
    cells = [(name, *cell[1:]) for name, cell in LOADS.items() if cell[0] == size and run.wanted(name)]
    with run.laboratory() as laboratory:
        servers = run.ensemble(laboratory, size).servers
        run.warm_up(servers)
        for name, mix, window in cells:
            run.say(name)
            for last in (not run.repeat, True):
                figures = run.bench.watched(
                    "load", servers, "--connections", CONNECTIONS, "--window", window, "--read-ratio", MIXES[mix],
                    "--duration", f"{run.scale.measured}s", "--warmup", f"{run.scale.settle}s",
                )  # fmt: skip
                quiet = figures["machine"]["quiet"]
                if quiet or last:
                    break
            found = {
                "throughput": figures["throughput"],
                "server_cpu_us": figures["machine"]["server_cpu_us_per_op"],
                "client_cpu_us": figures["machine"]["client_cpu_us_per_op"],
                "rss_bytes": figures["machine"]["server_rss_bytes"],
                "other_cores": figures["machine"]["other_cores"],
            }
            for kind in ("read", "write"):
                for rank in ("p50_us", "p99_us", "p999_us"):
                    if figures[kind]:
                        found[f"{kind}_{rank}"] = figures[kind][rank]
            run.record(name, found, quiet)


# --- memory, recovery, start ---------------------------------------------------------------------------------------


def znodes(run):
    """Memory of a znode; then the server is killed and started again with what it has on disk."""
    count = run.scale.znodes
    with run.laboratory() as laboratory:
        ensemble = run.ensemble(laboratory, 1)
        (server,) = ensemble.servers
        run.say("znodes")
        empty_heap = server.heap()
        figures = run.bench.watched("fill", [server], "--znodes", count, "--value-size", 100, "--keep")
        found = {
            "rss_per_znode": figures["rss_per_znode_bytes"][0],
            "per_second": figures["znodes_per_second"],
            "server_cpu_us": figures["machine"]["server_cpu_us_per_op"],
            "path_bytes": figures["path_size"],
        }
        if empty_heap is not None:
            found["heap_per_znode"] = (server.heap() - empty_heap) / count
        run.record("znodes", found, figures["machine"]["quiet"])
        server.kill()
        if not run.wanted("recovery"):
            return
        kept = server.data + ".kept"
        shutil.copytree(server.data, kept)
        os.sync()
        for _ in range(run.scale.starts):
            run.say("recovery")
            shutil.rmtree(server.data)
            shutil.copytree(kept, server.data)
            os.sync()
            run.record("recovery", ready(run, server, "--znodes", count, "--value-size", 100), None)


def start(run):
    for _ in range(run.scale.starts):
        run.say("start")
        with run.laboratory() as laboratory:
            (server,) = run.contestant.ensemble(laboratory, 1).servers
            run.record("start", ready(run, server), None)


def ready(run, server, *options):
    command = server.command()
    figures = run.bench.run("ready", [server], "--timeout", READY_TIMEOUT, *options, "--exec", *command)
    return {name: figures[name] for name in ("ready_ms", "cpu_ms", "rss_bytes")}


# --- sessions and watches ------------------------------------------------------------------------------------------


def clients(run):
    with run.laboratory() as laboratory:
        (server,) = run.ensemble(laboratory, 1).servers
        if run.wanted("sessions"):
            run.say("sessions")
            sessions(run, server)
        if run.wanted("watch"):
            run.warm_up([server])
            run.say("watch")
            figures = run.bench.watched(
                "watch", [server], "--sessions", run.scale.sessions, "--repeats", run.scale.changes
            )
            found = {
                "last_event_ms": figures["last_event_median_ms"],
                "first_event_ms": figures["first_event_median_ms"],
                "server_cpu_us": figures["machine"]["server_cpu_us_per_op"],
            }
            run.record("watch", found, figures["machine"]["quiet"])


def sessions(run, server):
    """Memory of an idle session, of a fresh server: one that was used before has memory to use again.

    The heap is looked at while they ping, after resident memory was. How fast sessions open is measured behind that."""
    options = [*pids([server]), "--sessions", run.scale.sessions, "--duration"]
    heap = server.heap()
    process = run.bench.begin("sessions", [server], *options, f"{run.scale.idle}s")
    heap_then = heap is not None and heap_with_sessions(run, server, process)
    figures = run.bench.end(process)
    found = {"rss_per_session": figures["rss_per_session_bytes"]}
    if heap_then:
        found["heap_per_session"] = (heap_then - heap) / run.scale.sessions
    again = run.bench.run("sessions", [server], *options, f"{run.scale.idle / 2}s")
    found["opened_per_second"] = again["opened_per_second"]
    found["cpu_us_per_ping"] = again["machine"]["server_cpu_us_per_op"]
    run.record("sessions", found, figures["machine"]["quiet"])


def heap_with_sessions(run, server, process):
    def connections():
        found = re.search(r"^zk_num_alive_connections\t(\d+)", server.four_letter_word("mntr"), re.MULTILINE)
        return int(found[1]) if found else 0

    while process.poll() is None and connections() < run.scale.sessions:
        time.sleep(0.1)
    time.sleep(2)
    return None if process.poll() is not None else server.heap()


# --- the leader killed ---------------------------------------------------------------------------------------------


def failover(run):
    with run.laboratory() as laboratory:
        ensemble = run.ensemble(laboratory, 3)
        run.warm_up(ensemble.servers)
        for _ in range(run.scale.kills):
            run.say("failover")
            processes = [f"--pid={server.address}={server.process.pid}" for server in ensemble]
            for server in ensemble:
                server.should_run = False
            figures = run.bench.run("failover", ensemble, "--kill-after", "1s", "--duration", "2s", *processes)
            run.record("failover", {"write_gap_ms": figures["write_gap_ms"]}, None)
            for server in ensemble:
                server.should_run = True
                if not server.running:
                    server.start()
            ensemble.wait_serving()


# --- all of them ---------------------------------------------------------------------------------------------------

# Cells, what measures them, and whether every round does.
GROUPS = [
    ([name for name in LOADS if LOADS[name][0] == 1], lambda run: load(run, 1), True),
    ([name for name in LOADS if LOADS[name][0] == 3], lambda run: load(run, 3), True),
    (["sessions", "watch"], clients, True),
    (["failover"], failover, True),
    (["start"], start, True),
    (["znodes", "recovery"], znodes, False),
]
NAMES = [name for names, _, _ in GROUPS for name in names]
# The cells of the floors: of one server, and of three.
FLOORS = [[name for name in LOADS if LOADS[name][0] == size] for size in (1, 3)]
