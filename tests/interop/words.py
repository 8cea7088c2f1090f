#!/usr/bin/env python3
"""Compares the four-letter words of Quorate with those of ZooKeeper, on servers in every mode after the same work.

    tests/interop/install_peers.sh                     once: installs the ZooKeeper servers and kazoo
    tests/interop/words.py --binary target/release/quorate

A word's answer is compared line by line with everything replaced that may differ: numbers, addresses, times and sessions.
Lists have no order. Of `mntr` the gauges must be there in the mode in which ZooKeeper has them, and every key must be one
that ZooKeeper has. Prints PASS, FAIL or SKIP per ZooKeeper version and mode; the exit code is 1 if one failed.
"""

import argparse
import re
import sys

sys.dont_write_bytecode = True

from harness import JAVA_VERSIONS, Ensemble, JavaServer, Laboratory, Peers, QuorateServer, expect, wait_until, with_kazoo  # noqa: E402
from run import Verdicts, checked, judge  # noqa: E402

WORDS = "ruok gtmk srvr stat conf cons dump isro wchs dirs wchc wchp srst crst".split()
IDLE = WORDS + ["mntr", "hash"]

# Keys of `envi` that are about Java.
JAVA_ONLY = re.compile(r"java\.|os\.memory")
# What ZooKeeper called the learners until 3.5, and what it has since 3.9.
OLDER = {"zk_followers", "zk_snapshot_error_count"}

class Side:
    """The servers of one kind, standalone and as an ensemble, after the same work."""

    def __init__(self, laboratory, maker):
        self.laboratory = laboratory
        self.clients = []
        self.alone = Ensemble([maker(1, "alone")])
        roles = ["participant", "participant", "participant", "observer"]
        self.ensemble = Ensemble([maker(i + 1, "member", role=role) for i, role in enumerate(roles)])
        laboratory.closers.append(self.close)

    def close(self):
        for client in self.clients:
            client.stop()
            client.close()

    def idle(self):
        """The answers of a server that knows no leader."""
        server = self.ensemble[1]
        server.start()
        wait_until(lambda: server.four_letter_word("ruok") == "imok", f"{server} to answer")
        return {word: server.four_letter_word(word) for word in IDLE}

    def work(self):
        """The servers by mode, each with two clients that have ephemeral nodes and watches."""
        for server in self.ensemble:
            if not server.running:
                server.start()
        self.ensemble.wait_serving()
        self.alone.start()
        servers = {}
        for server in [*self.alone, *self.ensemble]:
            servers.setdefault(server.mode(), server)
        for server in [*self.alone, *self.ensemble]:
            first, second = self.client(server), self.client(server)
            first.ensure_path(f"/words-{server.myid}/b")
            first.create(f"/ephemeral-{server.myid}", b"x", ephemeral=True)
            first.get(f"/words-{server.myid}", watch=print)
            first.get_children(f"/words-{server.myid}", watch=print)
            first.exists("/never", watch=print)
            second.get(f"/words-{server.myid}", watch=print)
        return servers

    def client(self, server):
        from kazoo.client import KazooClient

        client = KazooClient(hosts=server.address, timeout=8.0)
        self.clients.append(client)
        client.start(timeout=30)
        return client


def shape(word, text):
    """The answer without what may differ from server to server."""
    text = re.sub(r"(?m)^Zookeeper version: .*$", "Zookeeper version: V", text)
    text = re.sub(r"expire at \w{3} \w{3} \d\d \d\d:\d\d:\d\d \w+ \d{4}:", "expire at D:", text)
    text = re.sub(r"/127\.0\.0\.1:\d+", "/ADDRESS", text)
    text = re.sub(r"(?m)^(dataDir|dataLogDir)=.*$", r"\1=DIRECTORY", text)
    text = re.sub(r"0x[0-9a-f]+", "0xN", text)
    text = re.sub(r"-?\d+(\.\d+)?", "N", text)
    # The last operation of an idle connection depends on when it was looked at.
    text = re.sub(r"lop=\w+", "lop=OP", text)
    lines = text.split("\n")
    if word in ("dump", "wchc", "wchp", "cons", "stat"):
        # How sessions fall into buckets is a matter of milliseconds, and lists have no order.
        lines = sorted(set(lines))
    return "\n".join(lines)


def compare(word, quorate, java):
    left, right = shape(word, quorate), shape(word, java)
    expect(left == right, f"{word}: Quorate answers\n{quorate}\nand ZooKeeper\n{java}")


def figures(server):
    return dict(line.split("\t", 1) for line in server.four_letter_word("mntr").splitlines())


def gauges(java_figures):
    """The keys of ZooKeeper that are no counters or times."""
    return {key for key in java_figures if key in KNOWN_GAUGES}


KNOWN_GAUGES = [
    "zk_" + name
    for name in (
        "version server_state peer_state observer_master_id avg_latency max_latency min_latency packets_received packets_sent num_alive_connections outstanding_requests "
        "uptime znode_count watch_count ephemerals_count approximate_data_size global_sessions local_sessions "
        "open_file_descriptor_count max_file_descriptor_count connection_drop_probability last_client_response_size "
        "max_client_response_size min_client_response_size outstanding_tls_handshake auth_failed_count "
        "non_mtls_remote_conn_count non_mtls_local_conn_count quorum_size learners synced_followers "
        "synced_non_voting_followers synced_observers pending_syncs leader_uptime last_proposal_size max_proposal_size "
        "min_proposal_size"
    ).split()
]

# Figures of quorate.clientMemory.
OF_QUORATE = {"zk_client_memory_bytes", "zk_connections_shed"}

# What depends on nothing but the work that was done.
SAME_VALUES = (
    "znode_count watch_count ephemerals_count approximate_data_size global_sessions local_sessions num_alive_connections "
    "server_state peer_state learners synced_followers synced_observers quorum_size pending_syncs"
).split()


def compare_mntr(quorate, java):
    left, right = figures(quorate), figures(java)
    missing = gauges(right) - set(left)
    expect(not missing, f"mntr: ZooKeeper has and Quorate has not: {sorted(missing)}")
    strange = set(left) - set(right) - OLDER - OF_QUORATE
    expect(not strange, f"mntr: Quorate has and ZooKeeper has not: {sorted(strange)}")
    for key, value in left.items():
        other = right.get(key, value)
        is_number = re.fullmatch(r"-?\d+", value) is not None
        expect(
            is_number == (re.fullmatch(r"-?\d+", other) is not None) or key == "zk_version",
            f"mntr: {key} is {value!r} in Quorate and {other!r} in ZooKeeper",
        )
    for name in SAME_VALUES:
        key = f"zk_{name}"
        # The configuration node's data contains the ports; paths and data are counted.
        if name == "approximate_data_size" and "zk_quorum_size" in right:
            continue
        expect(left.get(key) == right.get(key), f"mntr: {key} is {left.get(key)} in Quorate, {right.get(key)} in ZooKeeper")


def compare_envi(quorate, java):
    keys = [
        {line.split("=")[0] for line in s.four_letter_word("envi").splitlines() if not JAVA_ONLY.match(line)}
        for s in (quorate, java)
    ]
    expect(keys[0] == keys[1], f"envi: {keys[0] ^ keys[1]} are not in both")


def compare_all(stage):
    quorate, java = stage.sides
    idle = [side.idle() for side in stage.sides]
    for word in IDLE:
        expect(idle[0][word] == idle[1][word], f"{word} without a quorum: {idle[0][word]!r}, ZooKeeper {idle[1][word]!r}")
    ours, theirs = quorate.work(), java.work()
    problems = []
    for mode in ("standalone", "leader", "follower", "observer"):
        comparisons = [lambda w=word: compare(w, ours[mode].four_letter_word(w), theirs[mode].four_letter_word(w)) for word in WORDS]
        comparisons += [lambda: compare_mntr(ours[mode], theirs[mode]), lambda: compare_envi(ours[mode], theirs[mode])]
        for comparison in comparisons:
            try:
                comparison()
            except Exception as problem:  # every difference is worth knowing
                problems.append(f"{mode}: {problem}")
    expect(not problems, "\n".join(problems))


class Stage:
    def __init__(self, peers, version, binary):
        self.laboratory = Laboratory(peers, "words")
        self.sides = [self.side("quorate", QuorateServer, binary), self.side("zookeeper", JavaServer, version)]

    def side(self, name, kind, what):
        def maker(myid, where, **more):
            directory = self.laboratory.new_directory(f"{name}-{where}{myid}")
            return kind(self.laboratory, myid, what, directory=directory, **more)

        return Side(self.laboratory, maker)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="the quorate program")
    parser.add_argument("--keep", action="store_true", help="keep the servers' directories")
    parser.add_argument("--versions", default=",".join(JAVA_VERSIONS), help="default: %(default)s")
    arguments = parser.parse_args()
    arguments.self_test, arguments.seed = False, 0
    checked(parser, arguments)
    peers, verdicts = Peers(), Verdicts()
    if not with_kazoo(peers):
        verdicts.give("SKIP", "all words", reason="kazoo is not installed; run tests/interop/install_peers.sh")
        return verdicts.conclude()
    for version in arguments.versions.split(","):
        judge(verdicts, f"words[{version}]", lambda: Stage(peers, version, arguments.binary), compare_all, arguments.keep)
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
