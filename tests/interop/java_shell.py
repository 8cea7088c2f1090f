#!/usr/bin/env python3
"""ZooKeeper's own shell (zkCli) gets the same answers from Quorate as from ZooKeeper, and `quorate shell` the same as it.

    tests/interop/java_shell.py --binary target/release/quorate
    tests/interop/java_shell.py --binary target/release/quorate --self-test    ZooKeeper in Quorate's place

Both shells are run on three servers of each kind, also while leaders are killed, and what they print is compared line
by line: four transcripts must be one. Times, zxids, session ids and ports are made comparable first. The shells are
also given `shell_lines.py`'s lines and command lines, with standard output and standard error apart. Output and exit
code are as run.py's.
"""

import queue
import re
import sys

sys.dont_write_bytecode = True

from compared import Program, kill_leader, main  # noqa: E402
from harness import PATIENCE, Failed, expect  # noqa: E402
from shell_lines import (  # noqa: E402
    alike, comparable, commands_alike, java_shell, lines_alike, members_alike, quorate_shell,
)

KILL = "the leader is killed"

NODES = """
version
create /app hello
create /app again
create /app/empty
create -s /app/s- x
create -s -e /app/e- x
create -e /app/mine x
create -c /app/box
create -t 100000 /app/ttl y
create -s -t 100000 /app/ttl- y
create /no/where
create app
create /app/mine/child x
ls /app
ls -s /app
ls -R /
ls -w /app
create /app/seen
get /app
get -s /app
get -w /app
set /app world
set -s /app world
set -v 2 /app again
set -v 2 /app late
get /no
set /no x
stat /app
stat -w /app
stat /no
delete -v 7 /app/seen
delete /app
delete /app/seen
delete /app/seen
getEphemerals
getEphemerals /app
getAllChildrenNumber /
whoami
config
sync /app
addWatch -m PERSISTENT /app
create /app/p1
set /app x
removewatches /app
addWatch -m PERSISTENT_RECURSIVE /app
create /app/z
create /app/z/deep
set /app/z/deep x
delete /app/z/deep
removewatches /app
removewatches /app
create /app/after
nonsense
listquota /app
""".split("\n")[1:-1]

ACCESS = """
create /locked secret
getAcl /locked
setAcl /locked digest:gardener:enoSLI6Z0LjYodmRmqRxgeTO/Fk=:cdrwa,world:anyone:r
getAcl -s /locked
set /locked x
setAcl /locked world:anyone:cdrwa
create /locked/child x
addauth digest gardener:rose
whoami
set /locked x
create /locked/child x auth::cdrwa
getAcl /locked/child
setAcl -v 7 /locked/child world:anyone:r
setAcl -v 0 /locked/child auth::r
delete /locked/child
setAcl /locked nonsense:x:r
setAcl -R /app ip:127.0.0.1:cdrwa
getAcl /app/z
deleteall /app
deleteall /locked
ls -R /
""".split("\n")[1:-1]

FAILOVER = f"""
create -e /kept x
create /f 0
get -w /f
ls -w /
addWatch /f
{KILL}
get /kept
set /f 1
create /f/child x
create /g x
{KILL}
get -s /kept
set /f 2
get /f
getEphemerals
deleteall /f
delete /kept
delete /g
ls /
""".split("\n")[1:-1]


# A shell greets beside its connection: it may be connected before or after.
GREETING = ("Welcome to ZooKeeper!", "JLine support is disabled")


class Shell:
    """A shell, whose watch events are kept apart: they come at a time of their own."""

    def __init__(self, command, laboratory, ensemble):
        hosts = ",".join(server.address for server in ensemble)
        self.program = Program(laboratory, [*command, "-timeout", "8000", "-server", hosts])
        self.events = []
        self.connections = 0
        self.marks = 0
        self.hosts = hosts
        self.wait_connected(1)

    def line(self):
        """The next line that is not about a watch or a connection, or "" if it is; None at the end."""
        line = self.program.next_line(60 * PATIENCE)
        if line in GREETING:
            return ""
        if line is None or not line.startswith(("WatchedEvent", "WATCHER::")):
            return line
        if "type:None" in line:
            self.connections += "state:SyncConnected" in line
        elif line.startswith("WatchedEvent"):
            zxid = re.search(r"zxid: (-?\d+)", line)
            self.events.append((int(zxid[1]) if zxid else -1, comparable(line)))
        return ""

    def wait_connected(self, number):
        while self.connections < number:
            try:
                expect(self.line() is not None, "the shell ends before it is connected")
            except queue.Empty:
                raise Failed("the shell does not connect") from None

    def answer(self, command):
        """What the command prints, up to what a second one prints that is known."""
        self.marks += 1
        mark = f"/mark{self.marks}"
        self.program.say(command)
        self.program.say(f"get {mark}")
        found = []
        while True:
            try:
                line = self.line()
            except queue.Empty:
                raise Failed(f"'{command}' does not come to an end: {found}") from None
            expect(line is not None, f"the shell ends at '{command}': {found}")
            if mark in line:
                expect("Node does not exist" in line, f"'get {mark}' after '{command}' says {line}")
                return found
            if line:
                found.append(comparable(line))


def ordered(lines):
    """ZooKeeper answers with children, and with who somebody is, in any order."""
    if all(line.startswith("/") for line in lines):
        return sorted(lines)
    return [lines[0], *sorted(lines[1:])] if lines[0].startswith("Auth scheme") else lines


def play(script, command, laboratory, ensemble):
    shell = Shell(command, laboratory, ensemble)
    transcript = []
    for line in script:
        transcript.append(f"> {line}")
        if line == KILL:
            connections = shell.connections
            killed = kill_leader(ensemble)
            shell.wait_connected(connections + 1)
            killed.wait_serving()
        else:
            transcript += ordered(shell.answer(line))
    shell.program.say("quit")
    while shell.line() is not None:
        pass
    transcript.append(f"ends with {shell.program.process.wait(60 * PATIENCE)}")
    # Java's shell has a thread of its own for them, which may print before an answer or after the next one.
    return [*transcript, "events:", *(f"  {event}" for _, event in sorted(shell.events))]


def session(script):
    """The script in both shells, one after the other: their transcripts are one."""

    def play_both(peers, laboratory, ensemble):
        expected = play(script, java_shell(peers, laboratory), laboratory, ensemble)
        alike("a session", expected, play(script, quorate_shell(laboratory.binary), laboratory, ensemble))
        return expected

    return play_both


members_alike.settings = {"reconfigEnabled": "true", "skipACL": "yes"}
members_alike.on_zookeeper_alone = True

if __name__ == "__main__":
    scripts = (("zkcli_nodes", [*NODES, *ACCESS]), ("zkcli_failover", FAILOVER))
    comparisons = [(name, session(script)) for name, script in scripts]
    comparisons += [("lines", lines_alike), ("commands", commands_alike), ("members", members_alike)]
    sys.exit(main(__doc__, comparisons))
