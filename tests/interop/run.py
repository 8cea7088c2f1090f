#!/usr/bin/env python3
"""Runs the interoperability scenarios: Quorate and ZooKeeper servers in one ensemble, on each other's files.

    tests/interop/install_peers.sh                     once: installs the ZooKeeper servers and kazoo
    tests/interop/run.py --binary target/release/quorate
    tests/interop/run.py --self-test                   ZooKeeper servers in Quorate's place: judges the scenarios

Prints PASS, FAIL or SKIP for every scenario and ZooKeeper version, and a last line `N passed, N failed, N skipped`. The
exit code is 1 if one failed; with REQUIRE_PEERS=1 in the environment a skipped scenario counts as failed.
"""

import argparse
import os
import random
import sys
import time
import traceback

sys.dont_write_bytecode = True

from harness import JAVA_VERSIONS, Failed, Missing, Peers, with_kazoo  # noqa: E402


class Verdicts:
    """Counts the verdicts, and prints each as it comes."""

    def __init__(self):
        self.counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}

    def give(self, verdict, name, seconds=None, reason=None):
        if verdict == "SKIP" and os.environ.get("REQUIRE_PEERS") == "1":
            verdict, reason = "FAIL", f"{reason} (and REQUIRE_PEERS is set)"
        self.counts[verdict] += 1
        took = "" if seconds is None else f"  {seconds:.1f} s"
        print(f"{verdict} {name}{took}" + (f"  {reason}" if reason else ""), flush=True)

    def conclude(self):
        print("{PASS} passed, {FAIL} failed, {SKIP} skipped".format(**self.counts), flush=True)
        return 1 if self.counts["FAIL"] else 0


def judge(verdicts, name, stage_of, run, keep=False, keep_failed=False):
    """Runs one scenario on a fresh stage and gives the verdict; after a failure shows what the servers said last."""
    began = time.monotonic()
    stage = None
    verdict, reason = "PASS", None
    try:
        stage = stage_of()
        run(stage)
    except Missing as missing:
        verdict, reason = "SKIP", str(missing)
    except Failed as failed:
        verdict, reason = "FAIL", str(failed)
    except KeyboardInterrupt:
        raise
    except Exception as error:  # one broken scenario does not hide the others
        verdict, reason = "FAIL", f"{type(error).__name__}: {error}"
        traceback.print_exc()
    seconds = time.monotonic() - began
    if verdict == "FAIL" and stage:
        print(stage.laboratory.report(), file=sys.stderr, flush=True)
        keep = keep or keep_failed
    if stage:
        stage.laboratory.close(keep)
        if keep:
            print(f"the files of {name} are in {stage.laboratory.directory}", file=sys.stderr)
    verdicts.give(verdict, name, seconds, reason)


def arguments_of(parser):
    """The arguments that every program of this kind has."""
    parser.add_argument("--binary", help="the quorate program")
    parser.add_argument("--self-test", action="store_true", help="put ZooKeeper servers in Quorate's place")
    parser.add_argument("--keep", action="store_true", help="keep the servers' directories")
    parser.add_argument("--seed", type=int, help="repeat the random choices of an earlier run")


def checked(parser, arguments):
    if not arguments.self_test:
        if not arguments.binary:
            parser.error("--binary is needed (or --self-test)")
        arguments.binary = os.path.abspath(arguments.binary)
        if not os.access(arguments.binary, os.X_OK):
            parser.error(f"{arguments.binary} is not a program")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    return arguments


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--only", metavar="NAME", action="append", help="only this scenario (may be given repeatedly)")
    parser.add_argument("--rounds", type=int, default=2, help="of rolling_migration (default: %(default)s)")
    parser.add_argument("--keep-failed", action="store_true", help="keep the servers' directories of what fails")
    parser.add_argument("--list", action="store_true", help="name the scenarios and what each is about")
    parser.add_argument("--versions", default=",".join(JAVA_VERSIONS), help="default: %(default)s")
    parser.add_argument("--stand-in", metavar="VERSION", help="self-test: the one in Quorate's place (default: the same)")
    arguments = parser.parse_args()
    peers = Peers()
    has_kazoo = with_kazoo(peers)

    scenarios = {}
    if has_kazoo:
        from scenarios import SCENARIOS, Stage
        import killing, resynchronisation  # noqa: E401, F401  # add to SCENARIOS

        scenarios = SCENARIOS
    if arguments.list:
        for name, scenario in scenarios.items():
            print(f"{name:36} {scenario.__doc__.splitlines()[0]}")
        return 0 if has_kazoo else parser.error("kazoo is not installed; run tests/interop/install_peers.sh")
    checked(parser, arguments)
    for name in arguments.only or ():
        if has_kazoo and name not in scenarios:
            parser.error(f"there is no scenario {name}; see --list")

    verdicts = Verdicts()
    if not has_kazoo:
        verdicts.give("SKIP", "all scenarios", reason="kazoo is not installed; run tests/interop/install_peers.sh")
        return verdicts.conclude()
    print(f"seed {arguments.seed}", flush=True)
    for version in arguments.versions.split(","):
        for name, scenario in scenarios.items():
            if arguments.only and name not in arguments.only:
                continue
            title = f"{name}[{version}]"
            judge(
                verdicts,
                title,
                lambda: Stage(
                    peers,
                    name,
                    version=version,
                    binary=arguments.binary,
                    stand_in=(arguments.stand_in or version) if arguments.self_test else None,
                    seed=f"{arguments.seed} {title}",
                    rounds=arguments.rounds,
                ),
                scenario,
                arguments.keep,
                arguments.keep_failed,
            )
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
