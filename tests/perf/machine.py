"""The machine that is measured on: what it is, what runs on it, and whether anything else does."""

import os
import platform
import re
import subprocess
import sys
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# More cores than this taken by others, and a measurement is not a quiet one; `quorate bench` says the same.
QUIET = 0.25


def _busy():
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    return (fields[0] + fields[1] + fields[2] + sum(fields[5:8])) / os.sysconf("SC_CLK_TCK")


def cores_taken(seconds):
    """Cores that are busy, over so many seconds."""
    before, began = _busy(), time.monotonic()
    time.sleep(seconds)
    return (_busy() - before) / (time.monotonic() - began)


def wait_until_quiet(patience):
    """Waits at most so many seconds for an idle machine; answers with the cores that are taken."""
    deadline = time.monotonic() + patience
    while True:
        taken = cores_taken(3)
        if taken < QUIET or time.monotonic() > deadline:
            return taken
        print(f"waiting: others take {taken:.2f} cores, load average {os.getloadavg()[0]:.2f}", file=sys.stderr)


def _output(*command):
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def _first(pattern, text, otherwise="?"):
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else otherwise


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def describe(binary, directory, jars):
    """Machine, revision and versions, as they stand in the results."""
    revision = _output("git", "rev-parse", "--short=12", "HEAD") or "?"
    if _output("git", "status", "--porcelain", "--untracked-files=no"):
        revision += " with changes"
    memory = int(_first(r"^MemTotal:\s+(\d+) kB", _read("/proc/meminfo"), "0")) / 2**20
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "revision": revision,
        "quorate": _first(r"^(.*)", _output(binary, "--version")),
        "zookeeper": _first(r"zookeeper-(\d[\d.]*)\.jar", jars),
        "java": _first(r'version "([^"]+)"', _output("java", "-version")),
        "processor": _first(r"^model name\s*: (.*)", _read("/proc/cpuinfo")),
        "processors": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "system": _first(r'^PRETTY_NAME="(.*)"', _read("/etc/os-release")),
        "file_system": _output("findmnt", "-no", "FSTYPE", "-T", directory) or "?",
        "load_average": round(os.getloadavg()[0], 2),
    }


def in_words(about):
    """The same as a line of text."""
    return (
        f"{about['date']}, revision {about['revision']} ({about['quorate']}); ZooKeeper {about['zookeeper']} on Java "
        f"{about['java']}; {about['processors']} processors ({about['processor']}), {about['memory_gib']} GiB, "
        f"{about['system']}, Linux {about['kernel']}, {about['file_system']}"
    )
