#!/usr/bin/env python3
"""Curator's recipes keep their promises while the leader of their three servers is killed again and again.

    tests/interop/curator.py --server java                          ZooKeeper: judges Curator, and the checks
    tests/interop/curator.py --server quorate --binary target/release/quorate
    tests/interop/curator.py --server java --rounds 10 --kills 8 --recipe mutex
    tests/interop/curator.py --server java --sabotage               every recipe misused: every check must fail

The recipes are driven by the program in `curator/`, which is compiled first; otherwise as recipes.py: the verdict is
the recipes' invariants. Output and exit code are as run.py's.
"""

import argparse
import glob
import os
import queue
import random
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from compared import Program  # noqa: E402
from harness import JAVA_VERSIONS, PATIENCE, Ensemble, Failed, Laboratory, Missing, Peers, expect, with_kazoo  # noqa: E402
from recipes import TIMING, kill_leaders, make_servers, settled_tree  # noqa: E402
from run import Verdicts  # noqa: E402

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "curator")


def compiled(peers, laboratory, sabotage):
    """java's arguments to run the program."""
    if not shutil.which("javac"):
        raise Missing("javac is not installed (Debian's default-jdk-headless)")
    classpath = peers["CURATOR_CLASSPATH"]
    classes = os.path.join(laboratory.directory, "classes")
    command = ["javac", "-Xlint:all,-processing,-auxiliaryclass,-serial", "-Werror", "-d", classes, "-cp", classpath]
    done = subprocess.run(
        [*command, *glob.glob(os.path.join(SOURCES, "*.java"))], capture_output=True, text=True, check=False
    )
    expect(done.returncode == 0, f"{SOURCES} does not compile: {done.stdout}{done.stderr}")
    quiet = os.path.join(laboratory.directory, "quiet.properties")
    with open(quiet, "w", encoding="ascii") as settings:
        settings.write("rootLogger.level=off\n")
    options = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={quiet}"]
    options += ["-Dsabotage=true"] if sabotage else []
    return ["java", *options, "-cp", f"{classes}:{classpath}", "Main"]


def next_line(program, seconds, what):
    try:
        line = program.next_line(seconds * PATIENCE)
    except queue.Empty:
        raise Failed(f"waited {seconds * PATIENCE:.0f} s for {what}") from None
    expect(line is not None, f"the program ends before {what}")
    return line


def play(arguments, peers, number, verdicts):
    began = time.monotonic()
    seed = f"{arguments.seed} {number}"
    laboratory = Laboratory(peers, "curator")
    errors = open(os.path.join(laboratory.directory, "curator.err"), "wb")
    failed = []

    def give(name, passed, reason, seconds):
        if arguments.sabotage and name != "servers":
            passed = not passed
        verdicts.give("PASS" if passed else "FAIL", f"{name}[{arguments.server}] round {number}", seconds, reason)
        if not passed:
            failed.append(name)

    try:
        command = compiled(peers, laboratory, arguments.sabotage)
        ensemble = Ensemble(make_servers(arguments, peers, laboratory), TIMING).start()
        hosts = ",".join(server.address for server in ensemble)
        program = Program(laboratory, [*command, hosts, seed, *(arguments.recipe or ())], errors)
        while (line := next_line(program, 90, "the recipes to begin")) != "begun":
            verdict, name, millis, reason = line.split(" ", 3)
            give(name, verdict == "PASS", reason, int(millis) / 1000)
        time.sleep(5 * PATIENCE if arguments.sabotage else 0)
        kill_leaders(ensemble, arguments.kills, random.Random(seed))
        program.say("calm")
        while (line := program.next_line(150 * PATIENCE)) is not None:
            verdict, name, millis, reason = line.split(" ", 3)
            give(name, verdict == "PASS", reason, int(millis) / 1000)
        tree = settled_tree(laboratory, ensemble)
        give("servers", True, f"kills {arguments.kills}, nodes {len(tree)}", time.monotonic() - began)
    except queue.Empty:
        give("servers", False, "a recipe does not come to an end", time.monotonic() - began)
    except Failed as error:
        give("servers", False, str(error), time.monotonic() - began)
    finally:
        if failed:
            with open(errors.name, encoding="utf-8", errors="replace") as told:
                sys.stderr.write("".join(line for line in told if not line.startswith("SLF4J"))[-8000:])
            print(laboratory.report(), file=sys.stderr, flush=True)
        errors.close()
        keep = arguments.keep_failed and bool(failed)
        laboratory.close(keep)
        if keep:
            print(f"the files of round {number} are in {laboratory.directory}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=("java", "quorate"), default="quorate")
    parser.add_argument("--binary", help="the quorate program")
    parser.add_argument("--version", default=JAVA_VERSIONS[-1], help="the version of ZooKeeper (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kills", type=int, default=4, help="how often the leader is killed per round")
    parser.add_argument("--recipe", action="append", help="only this one (may be given repeatedly)")
    parser.add_argument("--sabotage", action="store_true", help="use every recipe wrongly: its check must fail")
    parser.add_argument("--seed", help="repeat the random choices of an earlier run")
    parser.add_argument("--keep-failed", action="store_true", help="keep the directories of failed rounds")
    arguments = parser.parse_args()
    if arguments.server == "quorate":
        if not arguments.binary or not os.access(arguments.binary, os.X_OK):
            parser.error("--server quorate needs --binary, a program")
        arguments.binary = os.path.abspath(arguments.binary)
    arguments.kills = 0 if arguments.sabotage else arguments.kills
    arguments.seed = arguments.seed or random.SystemRandom().randrange(1 << 32)
    peers = Peers()
    verdicts = Verdicts()
    if not with_kazoo(peers):  # which looks at the servers afterwards
        verdicts.give("SKIP", "curator", reason="kazoo is not installed; run tests/interop/install_peers.sh")
        return verdicts.conclude()
    print(f"seed {arguments.seed}", flush=True)
    try:
        for number in range(1, arguments.rounds + 1):
            play(arguments, peers, number, verdicts)
    except Missing as missing:
        verdicts.give("SKIP", "curator", reason=str(missing))
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
