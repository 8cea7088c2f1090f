#!/usr/bin/env python3
"""Contenders of this project's client and of kazoo take turns at one lock of one server.

    tests/interop/contention.py --binary target/release/quorate --example target/release/examples/locks
    tests/interop/contention.py ... --rounds 100
    tests/interop/contention.py ... --sabotage      contenders enter without the lock: the store must notice

Every holder enters a store that notices when two are inside, and when a token, the transaction that created the
holder's znode, is smaller than one before. Prints what each kind of contender has done, and PASS or FAIL.
"""

import argparse
import os
import subprocess
import sys
import threading

sys.dont_write_bytecode = True

from harness import PATIENCE, Ensemble, Failed, Laboratory, Missing, Peers, QuorateServer, with_kazoo  # noqa: E402

DIRECTORY = "/locks/contention"


class Store:
    """The store of client/examples/locks.rs."""

    def __init__(self, directory):
        self.inside = os.path.join(directory, "inside")
        self.tokens = os.path.join(directory, "tokens")

    def visit(self, token):
        os.close(os.open(self.inside, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        seen = self.seen()
        if seen and token <= seen[-1]:
            raise Failed(f"token {token} comes after {seen[-1]}")
        with open(self.tokens, "a") as file:
            file.write(f"{token}\n")
        os.remove(self.inside)

    def seen(self):
        try:
            with open(self.tokens) as file:
                return [int(line) for line in file]
        except FileNotFoundError:
            return []


def contend_with_kazoo(hosts, store, rounds, failures):
    from kazoo.client import KazooClient

    client = KazooClient(hosts, timeout=10)
    try:
        client.start()
        for _ in range(rounds):
            # Curator's contenders, and this project's, have `-lock-` in their names.
            lock = client.Lock(DIRECTORY, "kazoo", extra_lock_patterns=["-lock-"])
            with lock:
                _, stat = client.get(f"{DIRECTORY}/{lock.node}")
                store.visit(stat.czxid)
    except Exception as why:
        failures.append(f"kazoo: {why!r}")
    finally:
        client.stop()
        client.close()


def contend(laboratory, arguments):
    server = QuorateServer(laboratory, 1, arguments.binary)
    ensemble = Ensemble([server])
    ensemble.start()
    ensemble.wait_serving()
    directory = laboratory.new_directory("store")
    store, failures = Store(directory), []
    hosts = f"127.0.0.1:{server.client_port}"
    command = [arguments.example, "--server", hosts, "--directory", DIRECTORY, "--store", directory]
    command += ["--contenders", "2", "--rounds", str(arguments.rounds)]
    command += ["--sabotage"] if arguments.sabotage else []
    ours = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    theirs = [
        threading.Thread(target=contend_with_kazoo, args=(hosts, store, arguments.rounds, failures)) for _ in range(2)
    ]
    for thread in theirs:
        thread.start()
    said, _ = ours.communicate(timeout=PATIENCE)
    for thread in theirs:
        thread.join(PATIENCE)
    if ours.returncode != 0:
        failures.append(said.strip().splitlines()[-1])
    if failures:
        raise Failed("; ".join(failures))
    count, expected = len(store.seen()), 4 * arguments.rounds
    if count != expected:
        raise Failed(f"{count} visits, {expected} were expected")
    print(f"{count} visits of 4 contenders, 2 of each kind; tokens grew with every holder")


def by_store(noticed):
    """Whether it is the store that has noticed: two inside, or a token that is not above the one before."""
    return any(words in str(noticed) for words in ("File exists", "FileExists", "token ", "visits, "))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--example", required=True)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--sabotage", action="store_true")
    arguments = parser.parse_args()
    arguments.binary, arguments.example = map(os.path.abspath, (arguments.binary, arguments.example))
    peers = Peers()
    if not with_kazoo(peers):
        if os.environ.get("REQUIRE_PEERS"):
            print("FAIL: kazoo is not installed")
            return 1
        print("skipped: kazoo is not installed")
        return 0
    laboratory = Laboratory(peers, "contention")
    try:
        contend(laboratory, arguments)
        noticed = None
    except (Failed, Missing) as why:
        noticed = why
    finally:
        laboratory.close()
    if arguments.sabotage == (noticed is None) or (noticed and not by_store(noticed)):
        print(f"FAIL: {noticed or 'the sabotage was not noticed'}")
        return 1
    print(f"PASS{': noticed that ' + str(noticed) if noticed else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
