#!/usr/bin/env python3
"""ZooKeeper's C client gets the same answers from Quorate as from ZooKeeper, also while leaders are killed.

    tests/interop/install_peers.sh --with-c-client
    tests/interop/c_client.py --binary target/release/quorate
    tests/interop/c_client.py --self-test       ZooKeeper in Quorate's place

Two things are run on three servers of each kind, and what they print is compared line by line: `cli_mt`, the shell that
comes with the C client, and `c_client.c`, which uses everything the library has. Times, zxids, session ids and ports
are made comparable first. Output and exit code are as run.py's.
"""

import os
import queue
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from compared import Program, kill_leader, main, printed  # noqa: E402
from harness import PATIENCE, Missing, expect  # noqa: E402

KILL = "the leader is killed"

# What is typed into cli_mt. An `a` in front makes it asynchronous.
SCRIPT = f"""
create /a
acreate /a
create +e /e
create +s /s
create +es /es
create +c /c
create +t=100000 /t
create /no/where
create nonsense
create2 /b
get /a
set /a hello
get /a
ls /
ls2 /
get /no
set /no x
exists /no
exists /a
wexists /w
create /w
delete /w
delete /w
delete /
create /e/child
sync /
addauth digest gardener:rose
config
{KILL}
get /e
ls /
set /a again
create +e /late
{KILL}
exists /late
get /a
set /a third
delete /a
delete /e
config
addauth nonsense x
""".split("\n")[1:-1]

# These say nothing when they succeed.
SILENT = {"exists /a", "exists /late", "addauth digest gardener:rose"}

# The last that is said of a command, or comes together with the last.
CONCLUSION = re.compile(r"rc = |^Error|must start|Shutting down")

# What a cli_mt does by itself, at a time of its own.
SESSION = re.compile(r"Watcher SESSION_EVENT state = CONNECT|ZOO_ERROR|Got a new session id: .*")


def comparable(line):
    line = re.sub(r"(czxid|mzxid|pzxid) ?= ?[0-9a-f]+", r"\1=Z", line)
    line = re.sub(r"(ctime|mtime) ?= ?\w{3} \w{3} +\d+ [\d:]+ \d+", r"\1=T", line)
    line = re.sub(r"time = -?\d+ msec", "time = T msec", line)
    line = re.sub(r"ephemeralOwner = [0-9a-f]{6,}", "ephemeralOwner = S", line)
    line = re.sub(r"session id: 0x[0-9a-f]+", "session id: S", line)
    return re.sub(r"127\.0\.0\.1:\d+(:\d+)?", "127.0.0.1:P", line)


# --- cli_mt ----------------------------------------------------------------------------------------------------------


def answer(program, command):
    """What came of one command, without what the session does by itself."""
    found = []
    seconds = 0.5 if command in SILENT else 15
    while True:
        try:
            line = program.next_line(seconds * PATIENCE)
        except queue.Empty:
            return found
        if line is None:
            return [*found, "<end>"]
        if line and not SESSION.search(line):
            found.append(comparable(line))
            if CONCLUSION.search(line) or command in SILENT:
                seconds = 0.3


def sorted_children(lines):
    """ZooKeeper answers with children in any order."""
    lines, run, out = list(lines), [], []
    for line in [*lines, ""]:
        if re.fullmatch(r"\t[^=\t]+", line):
            run.append(line)
        else:
            out += sorted(run) + [line]
            run = []
    return out[:-1]


def wait_connected(program):
    deadline = time.monotonic() + 30 * PATIENCE
    while True:
        try:
            line = program.next_line(1)
        except queue.Empty:
            line = ""
        if line and "SESSION_EVENT state = CONNECTED_STATE" in line:
            return
        expect(line is not None and time.monotonic() < deadline, "cli_mt has not connected within 30 s")


def shell(peers, laboratory, ensemble):
    """What cli_mt prints, command by command."""
    hosts = ",".join(server.address for server in ensemble)
    program = Program(laboratory, [peers["ZK_CLI_MT"], "-h", hosts])
    wait_connected(program)
    transcript = answer(program, "addauth digest gardener:rose")  # nothing, but the session's id
    for command in SCRIPT:
        transcript.append(f"> {command}")
        if command == KILL:
            # The session may be on a server that stays; it is cut off there too, as the server follows nobody.
            while not program.lines.empty():
                program.lines.get()
            killed = kill_leader(ensemble)
            wait_connected(program)
            killed.wait_serving()
            continue
        program.say(command)
        transcript += sorted_children(answer(program, command))
    return transcript


# --- the library -----------------------------------------------------------------------------------------------------


def compiled(laboratory):
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not compiler or not os.path.exists("/usr/include/zookeeper/zookeeper.h"):
        raise Missing("libzookeeper-mt-dev or a C compiler is not installed; run install_peers.sh --with-c-client")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "c_client.c")
    program = os.path.join(laboratory.directory, "c_client")
    command = [compiler, "-std=gnu11", "-Wall", "-Werror", "-O1", "-DTHREADED", "-o", program, source]
    done = subprocess.run([*command, "-lzookeeper_mt", "-lpthread"], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{source} does not compile: {done.stderr}")
    return program


def library(peers, laboratory, ensemble):
    """What c_client.c prints."""
    hosts = ",".join(server.address for server in ensemble)
    program = Program(laboratory, [compiled(laboratory), hosts], subprocess.DEVNULL)

    def shown(line):
        return comparable(line) if re.match(r"(server\.\d|version=)", line) else line

    return printed(program, ensemble, shown)


if __name__ == "__main__":
    sys.exit(main(__doc__, [("cli_mt", shell), ("library", library)]))
