#!/usr/bin/env python3
"""`quorate shell` at a terminal: prompt, completion, history, events while a line is typed, interrupts.

    tests/interop/shell_terminal.py --binary target/release/quorate

The shell runs in a pseudo-terminal of 80 columns, and what it writes is looked for. Output and exit code are as
run.py's.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.dont_write_bytecode = True

from harness import PATIENCE, Ensemble, Failed, Laboratory, Peers, QuorateServer, expect  # noqa: E402
from run import Verdicts, arguments_of, checked  # noqa: E402

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\x07")
TAB, CTRL_A, CTRL_C, CTRL_D, CTRL_G, CTRL_R, CTRL_U = "\t", "\x01", "\x03", "\x04", "\x07", "\x12", "\x15"


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, laboratory, server, environment=()):
        self.output = ""
        self.binary = laboratory.binary
        history = os.path.join(laboratory.directory, "history")
        settings = {**os.environ, "TERM": "xterm", "QUORATE_SHELL_HISTORY": history, **dict(environment)}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(self.binary, [self.binary, "shell", "-server", server.address], settings)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        laboratory.closers.append(self.kill)

    def type(self, text):
        os.write(self.terminal, text.encode())

    def _read(self, seconds):
        """More output; False at its end or if there is none for so long."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            found = os.read(self.terminal, 65536)
        except OSError:  # the shell has ended
            return False
        self.output += found.decode(errors="replace")
        return bool(found)

    def text(self):
        """What was written since the last time something was awaited, without what moves the cursor."""
        return CONTROLS.sub("", self.output)

    def awaits(self, text, what):
        """Waits until the shell has written this, and forgets everything up to it; answers with what was before."""
        deadline = time.monotonic() + 20 * PATIENCE
        while not re.search(text, self.text(), re.MULTILINE):
            if time.monotonic() > deadline or not self._read(deadline - time.monotonic()):
                raise Failed(f"{what}: {text!r} is not in {self.text()!r}")
        plain = self.text()
        found = re.search(text, plain, re.MULTILINE)
        self.output = plain[found.end():]
        return plain[:found.end()]

    def prompt(self, number):
        return self.awaits(rf"\[zk: [^ ]*\(CONNECTED\) {number}\] ", f"prompt {number}")

    def ended(self):
        while self._read(20 * PATIENCE):
            pass
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None
        os.close(self.terminal)


def by_another(laboratory, server, *command):
    subprocess.run([laboratory.binary, "shell", "-server", server.address, *command], capture_output=True, check=True)


def completion(laboratory, server):
    shell = Terminal(laboratory, server)
    shell.prompt(0)
    shell.type("create /application x\rcreate /apple x\r")  # two lines at once are two lines
    shell.awaits("Created /application", "the first line")
    shell.awaits("Created /apple", "the second line")
    shell.prompt(2)
    shell.type(f"delet{TAB}{TAB}")
    shell.awaits("delete +deleteall +delquota|delete +deleteall", "commands")
    shell.type(f"{CTRL_U}addW{TAB}")
    shell.awaits("addWatch ", "the only command that fits")
    shell.type(f"-{TAB}{TAB}")
    shell.awaits("-m +--json", "flags")
    shell.type(f"{CTRL_U}get /ap{TAB}{TAB}")
    shell.awaits("apple +application", "paths")
    shell.type(f"ic{TAB}\r")
    shell.awaits("^x$", "the data of the completed path")
    shell.prompt(3)
    shell.type(f"get /{TAB}{CTRL_C}")
    shell.prompt(3)  # the line is dropped
    shell.type("deleteall /application\rdeleteall /apple\r")
    shell.prompt(5)
    shell.type(CTRL_D)
    expect(shell.ended() == 0, "the shell does not end well")


def history(laboratory, server):
    shell = Terminal(laboratory, server)
    shell.prompt(0)
    shell.type("ls /zookeeper\raddauth digest secret:word\rversion\r")
    shell.prompt(3)
    shell.type("quit\r")
    expect(shell.ended() == 0, "quit")
    shell = Terminal(laboratory, server)
    shell.prompt(0)
    shell.type(f"{CTRL_R}ls /z")
    shell.awaits("ls /zookeeper", "the search in the history of an earlier shell")
    shell.type("\r")
    shell.awaits(r"\[config, quota\]", "what was found is run")
    shell.prompt(1)
    shell.type(CTRL_D)
    shell.ended()
    with open(os.path.join(laboratory.directory, "history"), encoding="utf-8") as kept:
        lines = kept.read()
    expect("ls /zookeeper" in lines and "secret" not in lines, f"the history is {lines!r}")
    expect(os.stat(kept.name).st_mode & 0o077 == 0, "others may read the history")


def events(laboratory, server):
    shell = Terminal(laboratory, server)
    shell.prompt(0)
    shell.type("create /watched x\rget -w /watched\r")
    shell.prompt(2)
    shell.type("ls /half-a-li")
    shell.awaits("ls /half-a-li", "what is typed")
    by_another(laboratory, server, "set", "/watched", "y")
    shell.awaits("type:NodeDataChanged path:/watched", "the event")
    shell.awaits(r"CONNECTED\) 2\] ls /half-a-li$", "the line is there again, behind the event")
    shell.type("ne\r")
    shell.awaits("Node does not exist: /half-a-line", "the line is whole")
    shell.prompt(3)
    shell.type("watch /watched\r")
    shell.awaits("watch /watched\n", "the command begins")
    by_another(laboratory, server, "create", "/watched/a", "z")
    shell.awaits("created +/watched/a", "a change")
    shell.type(CTRL_C)
    shell.prompt(4)
    shell.type("deleteall /watched\rquit\r")
    expect(shell.ended() == 0, "the shell does not end well")


def plain(laboratory, server):
    """Terminals that only take text, data that is not for terminals, and lines that fit."""
    shell = Terminal(laboratory, server, {"TERM": "dumb", "NO_COLOR": "1"}.items())
    shell.type("help\r")
    listed = shell.awaits("Every command has the flag --json.", "help")
    expect("\x1b" not in shell.output, "escape sequences for a dumb terminal")
    expect(all(len(line) <= 80 for line in listed.splitlines() if not line.startswith("[zk")), f"wide lines: {listed}")
    shell.type("create /bytes\rset -b /bytes G1sySg==\rget /bytes\r")
    shell.awaits(r"\\x1b\[2J", "data with an escape sequence")
    shell.type("delete /bytes\r")
    shell.type(CTRL_D)
    expect(shell.ended() == 0, "the shell does not end well")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    arguments = checked(parser, parser.parse_args())
    verdicts = Verdicts()
    laboratory = Laboratory(Peers(), "shell_terminal")
    laboratory.binary = os.path.abspath(arguments.binary)
    try:
        server = QuorateServer(laboratory, 1, arguments.binary)
        Ensemble([server], {"maxSessionTimeout": "60000"}).start()
        for what in (completion, history, events, plain):
            began = time.monotonic()
            try:
                what(laboratory, server)
                verdicts.give("PASS", what.__name__, time.monotonic() - began, "")
            except Failed as failed:
                verdicts.give("FAIL", what.__name__, time.monotonic() - began, str(failed))
    finally:
        laboratory.close()
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
