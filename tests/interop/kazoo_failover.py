#!/usr/bin/env python3
"""Three Quorate voters and an observer lose their leader three times while kazoo clients use them.

    tests/interop/kazoo_failover.py --binary target/release/quorate
    tests/interop/kazoo_failover.py --self-test        the same against ZooKeeper

The clients create, read, set, delete, number nodes in sequence, hold ephemeral nodes and watch. Every session must
survive, every acknowledged write must be on every server afterwards, and no session may see anything go back in time.
The leader is killed (kill -9) and restarted each time. Output and exit code are as run.py's.
"""

import argparse
import sys

sys.dont_write_bytecode = True

from harness import JAVA_VERSIONS, Ensemble, Peers, expect, wait_until, with_kazoo  # noqa: E402
from run import Verdicts, arguments_of, checked, judge  # noqa: E402

ROUNDS = 3


def failover(stage):
    from kazoo.client import KazooState

    from workload import Ledger, Reader, close_client, expect_ledgers_everywhere, open_client, session

    laboratory = stage.laboratory
    voters = [stage.quorate(i) for i in (1, 2, 3)]
    observer = stage.quorate(4, role="observer")
    ensemble = Ensemble([*voters, observer]).start()
    expect(observer.mode() == "observer", f"server 4 is {observer.mode()}")

    states = {}

    def client_of(name, *targets):
        client = open_client(laboratory, *targets)
        states[name] = []
        client.add_listener(states[name].append)
        return client

    # Two write, one reads, one holds ephemeral nodes, one watches.
    ledgers = [Ledger(laboratory, *voters, base="/ledger"), Ledger(laboratory, observer, base="/through-observer")]
    reader = Reader(laboratory, *ensemble)
    holder = client_of("holder", *voters)
    identity = holder.client_id
    holder.ensure_path("/members")
    members = {holder.create("/members/m-", name, ephemeral=True, sequence=True): name for name in (b"one", b"two")}
    watcher = client_of("watcher", *ensemble)
    writer = client_of("writer", *voters)
    writer.create("/setting", b"round 0")
    writer.ensure_path("/arrivals")
    settings, arrivals = [], []
    watcher.DataWatch("/setting", lambda data, stat: settings.append(data))
    watcher.ChildrenWatch("/arrivals", lambda children: arrivals.append(sorted(children)))
    for thread in (*ledgers, reader):
        thread.start()
    for ledger in ledgers:
        ledger.expect_progress(20, alive=ensemble)

    for number in range(1, ROUNDS + 1):
        leader = ensemble.leader()
        expect(leader is not observer, "the observer leads")
        leader.kill()
        new = ensemble.leader()
        expect(new is not observer, "the observer leads")
        for ledger in ledgers:
            ledger.expect_progress(20, alive=ensemble)

        # A watch set before the leader died, or set again by its client since, tells of what is written now.
        wait_until(lambda: writer.connected and watcher.connected and holder.connected, "the clients to reconnect", 20)
        setting = f"round {number}".encode()
        writer.retry(writer.set, "/setting", setting)
        writer.retry(writer.ensure_path, f"/arrivals/a{number}")
        wait_until(lambda: settings[-1:] == [setting], "the data watch to tell of the new setting", 20)
        arrived = [f"a{n}" for n in range(1, number + 1)]
        wait_until(lambda: arrivals[-1:] == [arrived], "the child watch to tell of the arrival", 20)
        for path, name in members.items():
            expect(writer.retry(writer.get, path)[0] == name, f"the ephemeral node {path} is not as it was")

        leader.start().wait_serving()
        for ledger in ledgers:
            ledger.expect_progress(20, alive=ensemble)

    for ledger in ledgers:
        ledger.finish()
    reader.finish()
    expect(holder.client_id == identity, f"session {identity} has become {holder.client_id}")
    everybody = {**states, "the reader": reader.states, **{ledger.base: ledger.states for ledger in ledgers}}
    for name, seen in everybody.items():
        expect(KazooState.LOST not in seen, f"the session of {name} is lost: {seen}")
    expect(any(KazooState.SUSPENDED in seen for seen in everybody.values()), "no client has noticed anything")
    tree = expect_ledgers_everywhere(laboratory, ensemble, ledgers)
    expect(set(members) <= tree.keys(), "an ephemeral node is missing at the end")

    for client in (holder, watcher, writer):
        close_client(client)
    for server in ensemble:
        with session(laboratory, server) as client:
            client.sync("/members")
            expect(not client.get_children("/members"), f"{server} keeps ephemeral nodes of a closed session")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--version", default=JAVA_VERSIONS[-1], help="the self-test's ZooKeeper (default: %(default)s)")
    arguments = checked(parser, parser.parse_args())
    peers = Peers()
    verdicts = Verdicts()
    if not with_kazoo(peers):
        verdicts.give("SKIP", "kazoo_failover", reason="kazoo is not installed; run tests/interop/install_peers.sh")
        return verdicts.conclude()
    from scenarios import Stage

    stand_in = arguments.version if arguments.self_test else None

    def stage_of():
        return Stage(peers, "failover", version=arguments.version, binary=arguments.binary, stand_in=stand_in)

    judge(verdicts, "kazoo_failover", stage_of, failover, arguments.keep)
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
