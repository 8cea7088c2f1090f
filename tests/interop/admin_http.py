#!/usr/bin/env python3
"""Compares Quorate's admin server with ZooKeeper 3.9's, command by command, on servers in every mode after the same work.

    tests/interop/install_peers.sh                          once: installs ZooKeeper, kazoo and prometheus_client
    tests/interop/admin_http.py --binary target/release/quorate

Of an answer the names, the types and the nesting must be the same; numbers, addresses, times and sessions may differ. Then
`/metrics` is read by Prometheus' own library, `mntr` by the keys that known collectors look for, and snapshots are handed
over in both directions. Prints PASS, FAIL or SKIP; the exit code is 1 if one failed.
"""

import argparse
import json
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True

from harness import REPOSITORY, Ensemble, JavaServer, Laboratory, Peers, QuorateServer, expect, wait_until, with_kazoo  # noqa: E402
from run import Verdicts, checked, judge  # noqa: E402

MODES = ("standalone", "leader", "follower", "observer")
COMMANDS = (
    "configuration connections dirs dump get_trace_mask hash initial_configuration is_read_only last_snapshot leader observers ruok "
    "server_stats stats voting_view watch_summary watches watches_by_path zabstate set_trace_mask set_trace_mask?traceMask=306 "
    "set_trace_mask?traceMask=x connection_stat_reset observer_connection_stat_reset stat_reset nonsense "
    "conf config cons crst gtmk icfg isro lsnp lead obsr orst srvr srst stmk stat wchs wchc wchp"
).split()
IDLE = "ruok leader voting_view observers server_stats is_read_only last_snapshot configuration connections dump watches hash".split()

# The password of the super user, and its digest.
SUPER = "super:admin"
SUPER_DIGEST = "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="
PROMETHEUS = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"

# What `environment` and `monitor` have that is about Java, or that is counted of Java's own threads and queues.
JAVA_ONLY = re.compile(r"java\.|os\.memory")

# Keys that collectors are documented to read from `mntr`, with the mode in which they must be there.
EVERYWHERE = (
    "zk_version zk_server_state zk_avg_latency zk_max_latency zk_min_latency zk_packets_received zk_packets_sent "
    "zk_num_alive_connections zk_outstanding_requests zk_znode_count zk_watch_count zk_ephemerals_count zk_approximate_data_size"
).split()
DESCRIPTORS = ["zk_open_file_descriptor_count", "zk_max_file_descriptor_count"]
OF_LEADERS = ["zk_followers", "zk_synced_followers", "zk_pending_syncs"]
COLLECTORS = {
    "telegraf": (EVERYWHERE + DESCRIPTORS, OF_LEADERS),
    "Datadog": ([key for key in EVERYWHERE if key != "zk_version"] + DESCRIPTORS, []),
    "collectd": ([key for key in EVERYWHERE if key not in ("zk_version", "zk_server_state")], OF_LEADERS),
    "carlpett/zookeeper_exporter": (EVERYWHERE[1:] + DESCRIPTORS, OF_LEADERS),
    "dabealu/zookeeper-exporter": (EVERYWHERE + DESCRIPTORS, ["zk_learners", "zk_synced_followers", "zk_pending_syncs"]),
}

# Names and types under which ZooKeeper's provider of metrics has them, as dashboards and alerts ask for them.
METRICS = {
    "gauge": (
        "avg_latency max_latency min_latency packets_received packets_sent num_alive_connections outstanding_requests uptime znode_count "
        "watch_count ephemerals_count approximate_data_size global_sessions local_sessions open_file_descriptor_count "
        "max_file_descriptor_count connection_drop_probability last_client_response_size min_client_response_size "
        "max_client_response_size outstanding_tls_handshake auth_failed_count"
    ).split(),
    "counter": (
        "bytes_received_count connection_request_count connection_rejected sessionless_connections_expired stale_sessions_expired "
        "digest_mismatches_count looking_count proposal_count learner_proposal_received_count response_bytes watch_bytes"
    ).split(),
    "summary": (
        "election_time fsynctime snapshottime dbinittime readlatency updatelatency unavailable_time sync_processor_batch_size "
        "sync_processor_queue_and_flush_time_ms"
    ).split(),
}
LEADER_GAUGES = "quorum_size learners synced_followers synced_observers synced_non_voting_followers pending_syncs leader_uptime".split()


# --- asking --------------------------------------------------------------------------------------------------------


def ask(port, path, headers=(), data=None, method=None):
    """Status, headers and body of an answer; (0, {}, b"") if there is none."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
    except OSError:
        return 0, {}, b""


def command(server, name):
    status, _, body = ask(server.admin_port, f"/commands/{name}")
    return status, json.loads(body)


class Side:
    """The servers of one kind, standalone and as an ensemble, after the same work."""

    def __init__(self, laboratory, maker):
        self.laboratory = laboratory
        self.clients = []
        self.alone = self.with_admin([maker(1, "alone")])
        roles = ["participant", "participant", "participant", "observer"]
        self.ensemble = self.with_admin([maker(i + 1, "member", role=role) for i, role in enumerate(roles)])
        laboratory.closers.append(self.close)

    def with_admin(self, servers):
        own = {}
        for server in servers:
            server.admin_port = self.laboratory.ports.take()
            server.metrics_port = self.laboratory.ports.take()
            own[server.myid] = {
                "admin.enableServer": "true",
                "admin.serverPort": server.admin_port,
                "admin.serverAddress": "127.0.0.1",
                "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
            }
            if isinstance(server, QuorateServer):
                own[server.myid] |= {
                    "metricsProvider.className": PROMETHEUS,
                    "metricsProvider.httpPort": server.metrics_port,
                    "metricsProvider.httpHost": "127.0.0.1",
                    "metricsProvider.exportJvmInfo": "true",
                }
        return Ensemble(servers, own=own)

    def close(self):
        for client in self.clients:
            client.stop()
            client.close()

    def begin(self):
        """The first member and the standalone server run; neither has heard of a quorum."""
        self.ensemble[1].start()
        self.alone.start()

    def idle(self):
        server = self.ensemble[1]
        wait_until(lambda: ask(server.admin_port, "/commands/ruok")[0] == 200, f"{server} to answer", alive=[server])
        return {name: command(server, name) for name in IDLE}

    def work(self):
        """The servers by mode, each with two clients that have ephemeral nodes and watches."""
        for server in self.ensemble:
            if not server.running:
                server.start()
        self.ensemble.wait_serving()
        self.alone[1].wait_serving()
        servers = {}
        for server in [*self.alone, *self.ensemble]:
            servers.setdefault(server.mode(), server)
            first, second = self.client(server), self.client(server)
            first.ensure_path(f"/admin-{server.myid}/b")
            first.create(f"/ephemeral-{server.myid}", b"x", ephemeral=True)
            for client in (first, second):
                client.get(f"/admin-{server.myid}", watch=print)
        return servers

    def client(self, server):
        from kazoo.client import KazooClient

        client = KazooClient(hosts=server.address, timeout=8.0)
        self.clients.append(client)
        client.start(timeout=30)
        return client


# --- comparing -----------------------------------------------------------------------------------------------------


def shape(value):
    """Names, types and nesting. Keys that are sessions, times or paths are one key; a list is what its entries are."""
    if isinstance(value, dict):
        merged = {}
        for key, inner in value.items():
            name = "KEY" if re.fullmatch(r"-?\d+|/.*", key) else key
            # A time at which no session expires any more has an empty list.
            merged[name] = shape(inner) or merged.get(name, [])
        return merged
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "null" if value is None else type(value).__name__


def compare(name, ours, theirs):
    expect(ours[0] == theirs[0], f"{name}: status {ours[0]} in Quorate, {theirs[0]} in ZooKeeper")
    left, right = shape(ours[1]), shape(theirs[1])
    expect(left == right, f"{name}: Quorate has\n{json.dumps(left, sort_keys=True)}\nZooKeeper\n{json.dumps(right, sort_keys=True)}")
    if isinstance(theirs[1]["error"], str):
        expect(ours[1]["error"] == theirs[1]["error"], f"{name}: {ours[1]['error']!r}, ZooKeeper {theirs[1]['error']!r}")
    expect(ours[1]["command"] == theirs[1]["command"], f"{name} is called {ours[1]['command']!r}")


def compare_monitor(ours, theirs):
    from words import KNOWN_GAUGES, OF_QUORATE, OLDER

    left, right = ours[1], theirs[1]
    missing = {f"zk_{key}" for key in right} & set(KNOWN_GAUGES) - {f"zk_{key}" for key in left}
    expect(not missing, f"monitor: ZooKeeper has and Quorate has not: {sorted(missing)}")
    strange = {f"zk_{key}" for key in left} - {f"zk_{key}" for key in right} - OLDER - OF_QUORATE - {"zk_command", "zk_error"}
    expect(not strange, f"monitor: Quorate has and ZooKeeper has not: {sorted(strange)}")
    for key, value in left.items():
        if key in right:
            expect(type(value) is type(right[key]), f"monitor: {key} is {value!r}, in ZooKeeper {right[key]!r}")


def compare_environment(ours, theirs):
    keys = [{key for key in side[1] if not JAVA_ONLY.match(key)} for side in (ours, theirs)]
    expect(keys[0] == keys[1], f"environment: {keys[0] ^ keys[1]} are not in both")


def compare_properties(ours, theirs):
    for side in (ours, theirs):
        values = [value for key, value in side[1].items() if key != "error"]
        expect(all(isinstance(value, str) for value in values), f"system_properties: {values}")
    for key in ("os.name", "os.arch", "user.dir", "zookeeper.admin.serverPort"):
        expect(key in ours[1] and key in theirs[1], f"system_properties: no {key}")


def compare_links(ours, theirs):
    names = [set(re.findall(r'href="/commands/(\w+)"', ask(s.admin_port, "/commands")[2].decode())) for s in (ours, theirs)]
    # 3.10 has the first one.
    expect(names[0] - {"shed_connections", "reload"} == names[1], f"/commands: {names[0] ^ names[1]} are not in both")


# A request, and whether ZooKeeper answers it with the same status.
REFUSED = [
    ("/commands/snapshot", {}, None, "GET"),
    ("/commands/snapshot", {"Authorization": "digest"}, None, "GET"),
    ("/commands/snapshot", {"Authorization": "bogus x"}, None, "GET"),
    ("/commands/restore", {}, b"abc", "POST"),
    ("/commands/restore", {"Authorization": "bogus x"}, b"abc", "POST"),
    ("/commands/ruok", {}, None, "PUT"),
    ("/commands/ruok", {}, None, "TRACE"),
    ("/", {}, None, "GET"),
    ("/elsewhere", {}, None, "GET"),
    ("/commands/ruok/x", {}, None, "GET"),
    ("/commands/RUOK", {}, None, "GET"),
    ("/commands/ruok", {}, None, "HEAD"),
]


def compare_refusals(ours, theirs):
    for path, headers, data, method in REFUSED:
        left, right = (ask(s.admin_port, path, headers, data, method) for s in (ours, theirs))
        expect(left[0] == right[0], f"{method} {path} {headers}: status {left[0]}, ZooKeeper {right[0]}")
        if right[1].get("Content-Type") == "application/json" and method != "HEAD":
            expect(json.loads(left[2]) == json.loads(right[2]), f"{method} {path}: {left[2]!r}, ZooKeeper {right[2]!r}")


def compare_commands(stage):
    quorate, java = stage.sides
    for side in stage.sides:
        side.begin()
    idle = [side.idle() for side in stage.sides]
    for name in IDLE:
        compare(f"{name} without a quorum", idle[0][name], idle[1][name])
    ours, theirs = quorate.work(), java.work()
    stage.ours, stage.theirs = ours, theirs
    problems = []

    def attempt(what, function):
        try:
            function()
        except Exception as problem:  # every difference is worth knowing
            problems.append(f"{what}: {problem}")

    for mode in MODES:
        us, them = ours[mode], theirs[mode]
        # A member of ZooKeeper's answers null.
        for name in [n for n in COMMANDS if mode == "standalone" or n not in ("initial_configuration", "icfg")]:
            attempt(mode, lambda n=name: compare(n, command(us, n), command(them, n)))
        for name, how in (("monitor", compare_monitor), ("environment", compare_environment), ("system_properties", compare_properties)):
            attempt(mode, lambda n=name, h=how: h(command(us, n), command(them, n)))
    attempt("links", lambda: compare_links(ours["leader"], theirs["leader"]))
    attempt("refusals", lambda: compare_refusals(ours["standalone"], theirs["standalone"]))
    attempt("snapshots", lambda: exchange_snapshots(stage, ours["standalone"], theirs["standalone"]))
    # The commands have set all latencies back.
    for client in quorate.clients:
        client.get("/")
        client.exists("/")
    attempt("metrics", lambda: check_metrics(ours))
    attempt("collectors", lambda: check_collectors(ours))
    attempt("monitoring", lambda: check_monitoring_files(ours))
    attempt("scrapers", lambda: check_scrapers(ours["leader"]))
    expect(not problems, "\n".join(problems))


def exchange_snapshots(stage, ours, theirs):
    """A snapshot that one program sends is what the other one starts from."""
    authorization = {"Authorization": f"digest {SUPER}"}
    for server, heir in ((ours, stage.makers[1]), (theirs, stage.makers[0])):
        status, headers, body = ask(server.admin_port, "/commands/snapshot?streaming=true", authorization)
        expect(status == 200, f"{server} sends no snapshot: {status} {body[:200]!r}")
        zxid = headers["last_zxid"]
        expect(re.fullmatch(r"0x[0-9a-f]+", zxid) is not None, f"last_zxid: {zxid}")
        expect(int(headers["snapshot_size"]) == len(body), f"snapshot_size {headers['snapshot_size']}, {len(body)} bytes")
        successor = heir(9, "heir")
        Ensemble([successor], settings={"snapshot.trust.empty": "false"})
        version_2 = os.path.join(successor.data, "version-2")
        os.makedirs(version_2, exist_ok=True)
        with open(os.path.join(version_2, f"snapshot.{int(zxid, 16):x}"), "wb") as snapshot:
            snapshot.write(body)
        successor.start()
        successor.wait_serving()
        count = re.search(r"Node count: (\d+)", successor.four_letter_word("srvr"))[1]
        before = command(server, "server_stats")[1]["node_count"]
        expect(int(count) == before, f"{successor} has {count} znodes, {server} has {before}")
        successor.stop()
    again, _, _ = ask(ours.admin_port, "/commands/snapshot", authorization)
    expect(again == 429, f"a second snapshot at once: {again}")


# --- figures -------------------------------------------------------------------------------------------------------


def families(server, port=None):
    from prometheus_client.parser import text_string_to_metric_families

    status, headers, body = ask(port or server.admin_port, "/metrics")
    expect(status == 200, f"/metrics: {status}")
    expect(headers["Content-Type"].startswith("text/plain; version=0.0.4"), f"/metrics: {headers['Content-Type']}")
    found = {}
    for family in text_string_to_metric_families(body.decode()):
        expect(family.name not in found, f"/metrics: {family.name} is there twice")
        found[family.name] = family
    return found


def check_metrics(servers):
    for mode, server in servers.items():
        both = [families(server), families(server, server.metrics_port)]
        expect(set(both[0]) == set(both[1]), f"/metrics of the two ports differ in {set(both[0]) ^ set(both[1])}")
        found = both[0]
        for kind, names in METRICS.items():
            for name in names + (LEADER_GAUGES if (kind, mode) == ("gauge", "leader") else []):
                expect(name in found, f"{mode}: /metrics has no {name}")
                expect(found[name].type == kind, f"{mode}: {name} is a {found[name].type}")
        histograms = [family for family in found.values() if family.type == "histogram"]
        expect(len(histograms) > 5, f"{mode}: {len(histograms)} histograms")
        for family in histograms:
            check_histogram(family)
        lag = {s.labels["server"]: s.value for s in found["quorate_learner_lag_transactions"].samples}
        expect(len(lag) == (2 if mode == "leader" else 0), f"{mode}: lag of {lag}")
        operations = {s.labels["operation"] for s in found["quorate_request_seconds"].samples}
        expect({"getData", "exists"} <= operations, f"{mode}: {operations}")
        modes = {s.labels["mode"]: s.value for s in found["quorate_mode"].samples}
        expect(modes[mode] == 1 and sum(modes.values()) == 1, f"{mode}: {modes}")


def check_histogram(family):
    """Buckets grow, the last one has everything, and so says the count."""
    series = {}
    for sample in family.samples:
        labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        series.setdefault(labels, {}).setdefault(sample.name.removeprefix(family.name), []).append(sample)
    for labels, parts in series.items():
        counts = [sample.value for sample in parts["_bucket"]]
        expect(counts == sorted(counts), f"{family.name}{labels}: {counts}")
        expect(parts["_bucket"][-1].labels["le"] == "+Inf", f"{family.name}{labels} has no last bucket")
        expect(counts[-1] == parts["_count"][0].value, f"{family.name}{labels}: {counts[-1]} of {parts['_count'][0].value}")


def check_collectors(servers):
    for mode, server in servers.items():
        text = server.four_letter_word("mntr")
        lines = [line.split("\t") for line in text.splitlines()]
        expect(all(len(line) == 2 for line in lines), f"mntr: lines without one tab in {text}")
        keys = dict(lines)
        for collector, (everywhere, of_leaders) in COLLECTORS.items():
            wanted = everywhere + (of_leaders if mode == "leader" else [])
            missing = [key for key in wanted if key not in keys]
            expect(not missing, f"{collector} finds no {missing} on a {mode}")
            words = ("zk_version", "zk_server_state")
            bad = [key for key in wanted if key not in words and not re.fullmatch(r"-?\d+(\.\d+)?", keys[key])]
            expect(not bad, f"{collector} cannot read {[(key, keys[key]) for key in bad]}")


# A word of PromQL that may be a metric: no function, label or keyword.
WORD = re.compile(r"\b([a-z_][a-z0-9_]*)\b(?!\s*\()")
NOT_METRICS = set("sum max min avg rate increase histogram_quantile by without on and or unless le job instance time absent clamp_min".split())


def metrics_of(expression):
    bare = re.sub(r'\{[^}]*\}|"[^"]*"|\[[^\]]*\]|\b(by|without|on)\s*\([^)]*\)', " ", expression)
    return {word for word in WORD.findall(bare) if word not in NOT_METRICS and not word.isdigit()}


def check_monitoring_files(servers):
    """Dashboard and alert rules ask for nothing that /metrics does not offer."""
    # As they are written: the library calls every counter `_total`.
    pages = [ask(server.admin_port, "/metrics")[2].decode() for server in servers.values()]
    offered = {name for page in pages for name in re.findall(r"^([a-z_]+)[ {]", page, re.MULTILINE)}
    # Prometheus itself has this one.
    offered.add("up")
    folder = os.path.join(REPOSITORY, "docs", "monitoring")
    with open(os.path.join(folder, "grafana.json"), encoding="utf-8") as dashboard:
        panels = json.load(dashboard)["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    with open(os.path.join(folder, "alerts.yml"), encoding="utf-8") as rules:
        alerts = re.findall(r"^ +expr: (.+)$", rules.read(), re.MULTILINE)
    expect(len(expressions) > 10 and len(alerts) > 8, f"{len(expressions)} queries, {len(alerts)} alerts")
    for expression in expressions + alerts:
        names = metrics_of(expression)
        expect(names, f"no metric in {expression!r}")
        expect(names <= offered, f"{expression!r} asks for {names - offered}")


def check_scrapers(server):
    """A hundred at once are answered, and the loop hands its figures over far less often."""

    def handed_over():
        return next(s.value for s in families(server)["quorate_handover_seconds"].samples if s.name.endswith("_count"))

    before, statuses, began = handed_over(), [], time.monotonic()
    scrapers = [threading.Thread(target=lambda: statuses.append(ask(server.metrics_port, "/metrics")[0])) for _ in range(100)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
    expect(statuses == [200] * 100, f"a hundred scrapers: {statuses}")
    # Figures are shared for a tenth of a second.
    questions, most = handed_over() - before, 3 + 10 * (time.monotonic() - began)
    expect(questions < most, f"{questions} questions for a hundred scrapers, {most:.0f} would do")


class JavaAdminServer(JavaServer):
    """ZooKeeper with the jars of its admin server."""

    def __init__(self, laboratory, myid, version, **arguments):
        super().__init__(laboratory, myid, version, **arguments)
        at = self.java.index("-cp")
        self.java = [*self.java[: at + 1], laboratory.peers["ZK39_ADMIN_CLASSPATH"], *self.java[at + 2 :]]


class Stage:
    def __init__(self, peers, binary):
        self.laboratory = Laboratory(peers, "admin")
        self.makers = [self.maker("quorate", QuorateServer, binary), self.maker("zookeeper", JavaAdminServer, "3.9")]
        self.sides = [Side(self.laboratory, maker) for maker in self.makers]

    def maker(self, name, kind, what):
        def make(myid, where, **more):
            directory = self.laboratory.new_directory(f"{name}-{where}{myid}")
            return kind(self.laboratory, myid, what, directory=directory, **more)

        return make


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="the quorate program")
    parser.add_argument("--keep", action="store_true", help="keep the servers' directories")
    arguments = parser.parse_args()
    arguments.self_test, arguments.seed, arguments.versions = False, 0, "3.9"
    checked(parser, arguments)
    peers, verdicts = Peers(), Verdicts()
    if not with_kazoo(peers):
        verdicts.give("SKIP", "the admin server", reason="kazoo is not installed; run tests/interop/install_peers.sh")
        return verdicts.conclude()
    judge(verdicts, "admin server[3.9]", lambda: Stage(peers, arguments.binary), compare_commands, arguments.keep)
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
