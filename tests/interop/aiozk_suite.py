#!/usr/bin/env python3
"""aiozk's own tests pass on Quorate as they do on ZooKeeper.

    tests/interop/install_peers.sh --with-aiozk
    tests/interop/aiozk_suite.py --binary target/release/quorate
    tests/interop/aiozk_suite.py --self-test       ZooKeeper in Quorate's place

Every test of aiozk begins with a client that has a chroot, which aiozk makes as a container. A test that fails on three
Quorate servers and passes on one ZooKeeper server is a failure; one that fails is given a second try, since many of them
sleep and then look. Output and exit code are as run.py's.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True

from harness import (  # noqa: E402
    JAVA_VERSIONS, PATIENCE, Ensemble, Failed, JavaServer, Laboratory, Missing, Peers, QuorateServer, expect,
)
from run import Verdicts, arguments_of, checked  # noqa: E402

# The first part takes about as long as the second, and each has servers of its own: they all use the same chroot.
PARTS = (["test_watchers.py"], [".", "--ignore-glob=*test_watchers.py"])
FEW = 3
TIMING = {"tickTime": 2000, "initLimit": 10, "syncLimit": 5}  # as aiozk's own servers have it: its sessions take 20 s
AT_LEAST = 80  # tests that have to pass on ZooKeeper, lest nothing be compared


def outcomes_on(python, tests, servers, selection):
    """The outcome of each selected test of aiozk on these servers: name -> PASSED, FAILED or ERROR."""
    *first, last = (server.address for server in servers)
    host, _, port = last.rpartition(":")
    environment = {**os.environ, "ZK_HOST": ",".join([*first, host]), "ZK_PORT": port, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-m", "pytest", "-q", "-rA", "--tb=line", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    command += ["--rootdir", tests, *selection]
    done = subprocess.run(
        command, env=environment, cwd=tests, capture_output=True, text=True, timeout=150 * PATIENCE, check=False
    )
    found = dict(reversed(line) for line in re.findall(r"^(PASSED|FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE))
    expect(found, f"no test of aiozk was run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found


def judged_on(python, tests, ensemble, selection):
    """The same, after a second try for the few that have failed."""
    found = outcomes_on(python, tests, ensemble, selection)
    failed = [name for name, outcome in found.items() if outcome != "PASSED"]
    if 0 < len(failed) <= FEW:
        print(f"tried again: {' '.join(failed)}", file=sys.stderr)
        found.update(outcomes_on(python, tests, ensemble, failed))
    return found


class Run(threading.Thread):
    """One part of the tests on servers of one kind."""

    def __init__(self, peers, python, tests, part, make, count):
        super().__init__()
        self.outcomes, self.failure = {}, None
        self.laboratory = Laboratory(peers, "aiozk")
        self.ensemble = Ensemble([make(self.laboratory, i + 1) for i in range(count)], TIMING)
        self.suite = (python, tests, self.ensemble, part)
        self.start()

    def run(self):
        try:
            self.ensemble.start()
            self.outcomes = judged_on(*self.suite)
        except (Failed, subprocess.TimeoutExpired) as failure:
            self.failure = failure


def tests_of(python):
    """The folder of aiozk's tests."""
    find = "import aiozk.test; print(*aiozk.test.__path__)"
    done = subprocess.run([python, "-c", find], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing("aiozk is not installed; run install_peers.sh --with-aiozk")
    return done.stdout.strip()


def compare(peers, arguments):
    """Runs the tests on both kinds at the same time; answers with what is to be said of it."""
    python = peers["AIOZK_PYTHON"]
    tests = tests_of(python)

    def java(laboratory, myid):
        return JavaServer(laboratory, myid, arguments.version)

    def tested(laboratory, myid):
        return java(laboratory, myid) if arguments.self_test else QuorateServer(laboratory, myid, arguments.binary)

    kinds = {"ZooKeeper": (java, 1), "the tested servers": (tested, 3)}
    runs = {kind: [Run(peers, python, tests, part, *make) for part in PARTS] for kind, make in kinds.items()}
    found = {}
    try:
        for kind, parts in runs.items():
            for run in parts:
                run.join()
                expect(not run.failure, f"on {kind}: {run.failure}")
            found[kind] = {name: outcome for run in parts for name, outcome in run.outcomes.items()}
    finally:
        for run in (run for parts in runs.values() for run in parts):
            run.join()
            run.laboratory.close()
    right, seen = found.values()
    passing = [name for name, outcome in right.items() if outcome == "PASSED"]
    expect(len(passing) >= AT_LEAST, f"only {len(passing)} tests pass on ZooKeeper: {right}")
    worse = {name: seen.get(name) for name in passing if seen.get(name) != "PASSED"}
    expect(not worse, f"{len(worse)} of {len(passing)} tests that pass on ZooKeeper do not: {worse}")
    return f"{len(passing)} tests"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--version", default=JAVA_VERSIONS[-1], help="ZooKeeper's (default: %(default)s)")
    arguments = checked(parser, parser.parse_args())
    verdicts, began = Verdicts(), time.monotonic()
    try:
        verdict, reason = "PASS", compare(Peers(), arguments)
    except Missing as missing:
        verdict, reason = "SKIP", str(missing)
    except Failed as failed:
        verdict, reason = "FAIL", str(failed)
    verdicts.give(verdict, "aiozk", time.monotonic() - began, reason)
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
