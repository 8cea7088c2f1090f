#!/usr/bin/env python3
"""Kazoo's recipes keep their promises while the leader of their three servers is killed again and again.

    tests/interop/recipes.py --server java                          ZooKeeper: judges kazoo, and the checks
    tests/interop/recipes.py --server quorate --binary target/release/quorate
    tests/interop/recipes.py --server java --rounds 10 --kills 8 --recipe lock --recipe party
    tests/interop/recipes.py --server java --sabotage               every recipe broken: every check must fail

In a round every recipe runs in a process of its own, with several sessions, on one ensemble, while the leader is killed
(kill -9) and restarted. The verdict is the recipes' invariants: exclusion, nothing lost or handed out twice, nobody
past a barrier too early, watches that end up with the truth. Connections break all the time and count for nothing.

Prints PASS or FAIL for every recipe and round, and a last line `N passed, N failed, N skipped`; exit code as run.py's.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True

from harness import (  # noqa: E402
    JAVA_VERSIONS,
    PATIENCE,
    Ensemble,
    Failed,
    JavaServer,
    Laboratory,
    Missing,
    Peers,
    QuorateServer,
    wait_until,
    with_kazoo,
)
from run import Verdicts  # noqa: E402

RECIPES = (
    "lock election rwlock semaphore lease queue locking_queue counter barrier double_barrier party shallow_party "
    "data_watch children_watch tree_cache"
).split()

# Sessions live 4 to 10 s; ZooKeeper allows 2 to 20 ticks.
TIMING = {"tickTime": 500, "initLimit": 20, "syncLimit": 10, "maxClientCnxns": 0}


def checks():
    import recipe_groups as groups
    import recipe_locks as locks
    import recipe_queues as queues
    import recipe_watches as watches

    return {
        "lock": locks.Locks,
        "election": locks.Elections,
        "rwlock": locks.ReadWriteLocks,
        "semaphore": locks.Semaphores,
        "lease": locks.Leases,
        "queue": queues.Queues,
        "locking_queue": queues.LockingQueues,
        "counter": queues.Counters,
        "barrier": groups.Barriers,
        "double_barrier": groups.DoubleBarriers,
        "party": groups.Parties,
        "shallow_party": groups.ShallowParties,
        "data_watch": watches.DataWatches,
        "children_watch": watches.ChildrenWatches,
        "tree_cache": watches.TreeCaches,
    }


# --- one recipe, in a process of its own -----------------------------------------------------------------------------


def worker(name, hosts, seed, sabotage):
    """Says `begun`, goes on until a line comes in, and says the verdict as JSON."""
    from recipe_kit import verdict_of

    if sabotage:
        from recipe_sabotage import SABOTAGE

        SABOTAGE[name]()
    passed, reason, figures = verdict_of(
        checks()[name](name, hosts, seed), lambda: print("begun", flush=True), sys.stdin.readline
    )
    print(json.dumps({"passed": passed, "reason": reason, "figures": figures}), flush=True)
    sys.stderr.flush()
    os._exit(0)  # whoever still waits, waits in vain


class Worker:
    """That process, seen from here."""

    def __init__(self, laboratory, name, hosts, seed, sabotage):
        self.name = name
        self.errors = os.path.join(laboratory.directory, f"{name}.err")
        command = [sys.executable, "-B", os.path.abspath(__file__), "--worker", name]
        command += ["--hosts", hosts, "--seed", str(seed)]
        command += ["--sabotage"] if sabotage else []
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [*laboratory.leash, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.lines = []
        self.began = time.monotonic()
        self.took = None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        laboratory.closers.append(self.kill)

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
        self.took = time.monotonic() - self.began

    @property
    def begun(self):
        return bool(self.lines) or not self.thread.is_alive()

    def calm(self):
        try:
            self.process.stdin.write("calm\n")
            self.process.stdin.flush()
        except OSError:
            pass

    def verdict(self, seconds):
        self.thread.join(max(0.0, seconds))
        try:
            verdict = json.loads(self.lines[-1])
            return verdict["passed"], verdict["reason"], verdict["figures"]
        except (IndexError, ValueError, TypeError):
            state = "hangs" if self.thread.is_alive() else f"ended with {self.process.wait()}"
            return False, f"its process {state} without a verdict", {}

    def kill(self):
        self.process.kill()
        self.process.wait()


# --- one round -------------------------------------------------------------------------------------------------------


def make_servers(arguments, peers, laboratory):
    if arguments.server == "java":
        return [JavaServer(laboratory, i, arguments.version) for i in (1, 2, 3)]
    return [QuorateServer(laboratory, i, arguments.binary) for i in (1, 2, 3)]


def kill_leaders(ensemble, kills, draw):
    """Kills the leader and restarts it; now and then the next one too before the first is back."""
    for _ in range(kills):
        time.sleep(draw.uniform(0.5, 3.0))
        killed = [ensemble.leader().kill()]
        if draw.random() < 0.25:
            time.sleep(draw.uniform(0.0, 0.5))
            killed.append(ensemble.leader().kill())
        else:
            ensemble.leader()
        time.sleep(draw.uniform(0.0, 1.5))
        for server in killed:
            server.start()
        for server in killed:
            server.wait_serving()


def settled_tree(laboratory, ensemble):
    """The tree that all servers have once every session that was abandoned has expired.

    The servers are looked at one after the other, and an ephemeral node may go in between."""
    from workload import expect_same_everywhere

    deadline = time.monotonic() + 30 * PATIENCE
    while True:
        try:
            return expect_same_everywhere(laboratory, ensemble)
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


# A broken recipe may happen to do no harm: so often it is tried before its check counts as blind.
SABOTAGES = 3


def play(arguments, peers, number, verdicts, results):
    """Plays a round; the recipes that are to be tried again."""
    seed = f"{arguments.seed} {number}"
    began = time.monotonic()
    laboratory = Laboratory(peers, "recipes")
    workers = []
    trouble = None
    try:
        ensemble = Ensemble(make_servers(arguments, peers, laboratory), TIMING).start()
        hosts = ",".join(server.address for server in ensemble)
        workers = [Worker(laboratory, name, hosts, f"{seed} {name}", arguments.sabotage) for name in arguments.recipe]
        wait_until(lambda: all(w.begun for w in workers), "the recipes to begin", 60, alive=ensemble)
        if arguments.sabotage:
            time.sleep(5 * PATIENCE)
        else:
            kill_leaders(ensemble, arguments.kills, random.Random(seed))
        for each in workers:
            each.calm()
    except (Failed, Missing) as failed:
        trouble = failed
    deadline = time.monotonic() + (0 if trouble else 150 * PATIENCE)
    anything_wrong, again = False, []

    def give(name, passed, reason, figures, seconds):
        title = f"{name}[{arguments.server}] round {number}"
        told = ", ".join(f"{key} {value}" for key, value in sorted(figures.items()))
        verdicts.give("PASS" if passed else "FAIL", title, seconds, f"{reason}  ({told})" if reason else told)
        results.append({"recipe": name, "server": arguments.server, "round": number, "passed": passed,
                        "reason": reason, "seconds": seconds and round(seconds, 1), "figures": figures})

    for each in workers:
        passed, reason, figures = each.verdict(deadline - time.monotonic())
        if trouble:
            passed, reason = False, f"{reason or 'not finished'}; {trouble}"
        elif arguments.sabotage:
            passed, reason = not passed, reason or "the check has not noticed"
            if not passed and number < SABOTAGES:
                print(f"{each.name}[{arguments.server}] round {number} is tried again: {reason}", flush=True)
                again.append(each.name)
                continue
        give(each.name, passed, reason, figures, each.took)
        if not passed:
            anything_wrong = True
            with open(each.errors, encoding="utf-8", errors="replace") as errors:
                sys.stderr.write(errors.read()[-8000:])
    if not trouble and not arguments.sabotage:
        try:
            tree = settled_tree(laboratory, ensemble)
            give("servers", True, None, {"nodes": len(tree), "kills": arguments.kills}, time.monotonic() - began)
        except Failed as failed:
            trouble = failed
    if trouble:
        anything_wrong = True
        give("servers", False, str(trouble), {}, time.monotonic() - began)
    if anything_wrong:
        print(laboratory.report(), file=sys.stderr, flush=True)
    for each in workers:
        each.kill()
    keep = arguments.keep or (anything_wrong and arguments.keep_failed)
    laboratory.close(keep)
    if keep:
        print(f"the files of round {number} are in {laboratory.directory}", file=sys.stderr)
    return again


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=("java", "quorate"), default="quorate")
    parser.add_argument("--binary", help="the quorate program")
    parser.add_argument("--version", default=JAVA_VERSIONS[-1], help="the version of ZooKeeper (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kills", type=int, default=4, help="how often the leader is killed per round")
    parser.add_argument("--recipe", action="append", choices=RECIPES, help="only this one (may be given repeatedly)")
    parser.add_argument("--sabotage", action="store_true", help="break every recipe: its check must fail")
    parser.add_argument("--seed", help="repeat the random choices of an earlier run")
    parser.add_argument("--json", metavar="FILE", help="write the verdicts there too, one object a line")
    parser.add_argument("--keep", action="store_true", help="keep the directories of every round")
    parser.add_argument("--keep-failed", action="store_true", help="keep the directories of failed rounds")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--hosts", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        with_kazoo(Peers())
        return worker(arguments.worker, arguments.hosts, arguments.seed, arguments.sabotage)
    if arguments.server == "quorate":
        if not arguments.binary or not os.access(arguments.binary, os.X_OK):
            parser.error("--server quorate needs --binary, a program")
        arguments.binary = os.path.abspath(arguments.binary)
    arguments.recipe = arguments.recipe or RECIPES
    arguments.seed = arguments.seed or random.SystemRandom().randrange(1 << 32)
    peers = Peers()
    verdicts = Verdicts()
    if not with_kazoo(peers):
        verdicts.give("SKIP", "all recipes", reason="kazoo is not installed; run tests/interop/install_peers.sh")
        return verdicts.conclude()
    print(f"seed {arguments.seed}", flush=True)
    results = []
    try:
        for number in range(1, (SABOTAGES if arguments.sabotage else arguments.rounds) + 1):
            again = play(arguments, peers, number, verdicts, results)
            if arguments.sabotage:
                arguments.recipe = again
                if not again:
                    break
    except Missing as missing:
        verdicts.give("SKIP", "all recipes", reason=str(missing))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(result) + "\n" for result in results)
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
