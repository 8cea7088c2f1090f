"""Runs one thing on servers of two kinds and compares what it prints line by line.

What comes here has a program talk to three servers and answers with its transcript, without anything that differs from
run to run. ZooKeeper says what is right.
"""

import argparse
import difflib
import queue
import subprocess
import sys
import threading
import time
import traceback

from harness import (
    JAVA_VERSIONS, PATIENCE, Ensemble, Failed, JavaServer, Laboratory, Missing, Peers, QuorateServer, expect,
)
from run import Verdicts, arguments_of, checked

TIMING = {"tickTime": 500, "initLimit": 20, "syncLimit": 10, "extendedTypesEnabled": "true"}


class Program:
    """A program that is typed to and read from."""

    def __init__(self, laboratory, command, stderr=subprocess.STDOUT):
        self.process = subprocess.Popen(
            [*laboratory.leash, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
            errors="replace", cwd=laboratory.directory,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        laboratory.closers.append(self.kill)

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def say(self, text):
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except OSError:
            raise Failed(f"the program ended before '{text}'") from None

    def next_line(self, seconds):
        """The next line; None at the end of the output; queue.Empty if there is none for so long."""
        return self.lines.get(timeout=seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()


def kill_leader(ensemble):
    """Kills the leader; the others have a new one when this returns, and it is on its way back."""
    leader = ensemble.leader().kill()
    ensemble.leader()
    return leader.start()


def printed(program, ensemble, comparable=lambda line: line):
    """Everything a program prints, to its end. A line that begins with `> ` asks for the death of the leader: the program
    is told when there is a new one, and the servers are all up again before the next."""
    transcript, killed = [], None
    while True:
        try:
            line = program.next_line(120 * PATIENCE)
        except queue.Empty:
            raise Failed(f"the program hangs after: {transcript[-5:]}") from None
        if line is None:
            break
        if line.startswith("> "):
            if killed:
                killed.wait_serving()
            killed = kill_leader(ensemble)
            program.say("")
        else:
            transcript.append(comparable(line))
    code = program.process.wait()
    expect(code == 0, f"the program ends with {code} after: {transcript[-20:]}")
    return transcript


def on(peers, name, what, make, binary=None, settings=None):
    """The transcript of `what` on three servers that `make(laboratory, id)` makes; `laboratory.binary` is Quorate's."""
    laboratory = Laboratory(peers, name)
    laboratory.binary = binary
    try:
        ensemble = Ensemble([make(laboratory, i) for i in (1, 2, 3)], {**TIMING, **(settings or {})}).start()
        try:
            return what(peers, laboratory, ensemble)
        except Failed:
            print(laboratory.report(), file=sys.stderr, flush=True)
            raise
    finally:
        laboratory.close()


def compare(verdicts, peers, arguments, name, what):
    """Runs `what` on ZooKeeper and on what is tested, and gives the verdict."""

    def java(laboratory, myid):
        return JavaServer(laboratory, myid, arguments.version)

    def quorate(laboratory, myid):
        return QuorateServer(laboratory, myid, arguments.binary)

    began = time.monotonic()
    verdict = "PASS"
    try:
        expected = on(peers, name, what, java, arguments.binary, getattr(what, "settings", None))
        if arguments.print:
            print("\n".join(expected), file=sys.stderr)
        if getattr(what, "on_zookeeper_alone", False):
            found = expected
        else:
            found = on(peers, name, what, java if arguments.self_test else quorate, arguments.binary)
        difference = list(difflib.unified_diff(expected, found, "zookeeper", "tested", lineterm="", n=2))
        expect(not difference, "the answers differ:\n" + "\n".join(difference))
        reason = f"{len(expected)} lines"
    except Missing as missing:
        verdict, reason = "SKIP", str(missing)
    except Failed as failed:
        verdict, reason = "FAIL", str(failed)
    except Exception as error:  # one broken comparison does not hide the others
        traceback.print_exc()
        verdict, reason = "FAIL", f"{type(error).__name__}: {error}"
    verdicts.give(verdict, name, time.monotonic() - began, reason)


def main(description, comparisons):
    """A program that makes these comparisons, each a name and what is run; returns the exit code."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--version", default=JAVA_VERSIONS[-1], help="ZooKeeper's (default: %(default)s)")
    parser.add_argument("--print", action="store_true", help="print what ZooKeeper answers")
    arguments = checked(parser, parser.parse_args())
    peers, verdicts = Peers(), Verdicts()
    for name, what in comparisons:
        compare(verdicts, peers, arguments, name, what)
    return verdicts.conclude()
