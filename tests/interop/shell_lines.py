"""Lines and command lines that Java's shell and `quorate shell` must answer alike: output, errors and exit codes.

`compared_lines` gives both shells the same standard input, `compared_commands` the same command lines; what they print
on each stream is compared line by line. Where Java's shell ends with a stack trace there is nothing to compare.
"""

import difflib
import os
import re
import subprocess

from harness import PATIENCE, expect

JAVA = ("java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

USAGE = """
nonsense
ls
ls -?
ls -? /
get
get -q
set
set /zookeeper
stat
delete
delete -v
create
create -t
create -z /a
create /a -1
create --s /a
create -s=1 /a
getAcl
setAcl
setAcl /a
sync
deleteall
addauth
addWatch
addWatch -m sometimes /
removewatches
removewatches -d
getAllChildrenNumber
listquota
delquota
delquota -n -b /
setquota /
setquota -n 1
setquota -n 1 -b 2 /
version x
reconfig
reconfig -file=x
reconfig -add x -members y
reconfig -file x -members y
reconfig -v zz -add 1
reconfig -file /no/such
printwatches
printwatches off
printwatches
printwatches on
printwatches
redo
redo 0
redo 6
redo 999
redo -1
redo 0x1
redo 43
history
""".split("\n")[1:-1]

PATHS = """
create x
create ""
create /x/
create /x//y
create /x/./y
create /x/../y
create /x/..
create -s /seq/
ls x
get x/
stat /x//y
delete /x/.
set x y
getAcl x
setAcl x world:anyone:r
sync x
deleteall x
getEphemerals x
getAllChildrenNumber x
removewatches x
""".split("\n")[1:-1]

ZNODES = r"""
create /q
get /q
get -s /q
get -x /q
get -b /q
set /q hello
get -x /q
get -b /q
get -bx /q
set /q "0123456789abcdef and 'more'"
get -x /q
set /q ''
get /q
get -x /q
set /q MTIz -b
get /q
set -s -v 4 /q c
set -v 4 /q d
set /q -- -5
get /q
set /q -5
set /no x
get /q y
get -s /q y
ls /q y
stat /q y
delete /q y
create /q text
create /q/e ""
get /q/e
create /q/umlaut öäü€
get /q/umlaut
get -x /q/umlaut
create /q/two "two words" world:anyone:cdrwa
get /q/two
  ls   /q
"ls" '/q'
create -t 0 /k v
create -t x /k v
create -t 1099511627776 /k v
create -t -5 /k v
create -c -e /k v
create -c -s /k v
create -t 5 -e /k v
create -t 5 -c /k v
create -t5000 /q/ttl v
create -es /q/es- v
create -e /q/eph v
create /q/eph/child v
create /no/where v
create -c /q/box
stat /q/box
stat /q/none
delete /q
delete /q/none
delete -v 7 /q/e
getEphemerals
getEphemerals /q
getEphemerals /no
getAllChildrenNumber /q
getAllChildrenNumber /no
sync /q
sync /no/where
whoami
whoami x y
deleteall /no
deleteall /q -b x
create /q/deep
create /q/deep/1
create /q/deep/2
deleteall -b 0 /q/deep
deleteall /q -b 2
ls -R /
ls -R /no
create /p
create /p/c
ls -R /p
deleteall /p
""".split("\n")[1:-1]

ACLS = """
create /l x nonsense
create /l x world:bob:r
create /l x world:anyone:rz,nonsense
getAcl /l
deleteall /l
create /l x
setAcl /l nonsense
setAcl /l digest:x:rw
setAcl /l world:anyone
setAcl -R /l nonsense
setAcl -s /l world:anyone:cdrwa
setAcl -v 9 /l world:anyone:cdrwa
setAcl /no world:anyone:r
setAcl -R /no world:anyone:r
getAcl /no
create /l/a x
create /l/b x
setAcl /l/a world:anyone:ra
setAcl /l/b world:anyone:r
setAcl -R /l ip:127.0.0.1:cdrwa,world:anyone:r
getAcl /l
getAcl /l/a
getAcl /l/b
getAcl -s /l
addauth digest gardener:rose
whoami
create /l/mine x auth::cdrwa
getAcl /l/mine
setAcl /l digest:gardener:enoSLI6Z0LjYodmRmqRxgeTO/Fk=:cdrwa
setAcl /l world:anyone:cdrwa
deleteall /l
""".split("\n")[1:-1]

QUOTAS = """
create /u
create /u/a xxx
create /u/b
create /u/b/deep x
listquota /u
delquota /u
setquota -n 5 /u
listquota /u
setquota -N 2 /u
setquota -b 1 /u
setquota -B 100 /u
listquota /u
setquota -n -3 /u
setquota -n 0 /u
setquota -b -3 /u
setquota -n x /u
setquota -n 3 /u/b/deep
setquota -n 3 /nope
setquota -n 3 /zookeeper/quota/x
setquota -n 3 /
setquota -n 3 u
delquota -n /u
delquota -B /u
listquota /u
delquota /u
listquota /u
setquota -n 3 /u/b/deep
setquota -n 3 /u
delquota /u/b/deep
ls -R /zookeeper
deleteall /u
""".split("\n")[1:-1]

# A sync is answered behind all events before it, which Java's shell prints at a time of their own.
WATCHES = """
create /w
get -w /w
ls -w /w
stat -w /w/none
stat -w /w
removewatches -c /w
removewatches -c /w
removewatches -d /w
removewatches /w/none
removewatches /w
get -w /w
set /w x
set /w y
addWatch -m persistent /w
create /w/1
set /w z
removewatches -r /w
removewatches -p /w
addWatch -m PERSISTENT_RECURSIVE /w
create /w/2
set /w/2 x
removewatches -a /w
ls -R -w /w
create /w/3
removewatches /w/1
config -w
removewatches /zookeeper/config
sync /w
printwatches off
get -w /w
set /w unseen
get /w
sync /w
get /w
printwatches on
deleteall /w
""".split("\n")[1:-1]

SESSIONS = """
config
config -s
config -c
create -e /gone x
close
ls /
whoami
history
printwatches
connect
ls /gone
create -e /gone y
delete /gone
quit
""".split("\n")[1:-1]

# What a server must be told to allow it is asked of ZooKeeper alone.
MEMBERS = """
reconfig -s -v 1 -remove {id}
reconfig -remove 99
reconfig -add nonsense
reconfig -members x
reconfig -s -remove {id}
reconfig -add server.{id}=127.0.0.1:{quorum}:{election}:participant;127.0.0.1:{client}
""".split("\n")[1:-1]

SCRIPTS = (USAGE, PATHS, ZNODES, ACLS, QUOTAS, WATCHES, SESSIONS)

# Command lines, each with a session of its own.
COMMANDS = (
    ["create", "/one", "shot"],
    ["get", "-s", "/one"],
    ["nonsense"],
    ["delete", "-q"],
    ["-waitforconnection", "-timeout", "9000", "-r", "delete", "/one"],
)


def comparable(line):
    """The line without what differs from run to run."""
    line = re.sub(r"(cZxid|mZxid|pZxid) = 0x[0-9a-f]+", r"\1 = Z", line)
    line = re.sub(r"(ctime|mtime) = .*", r"\1 = T", line)
    line = re.sub(r"ephemeralOwner = 0x[0-9a-f]{2,}", "ephemeralOwner = S", line)
    line = re.sub(r"zxid: \d+", "zxid: Z", line)
    line = re.sub(r"127\.0\.0\.1:\d+(:\d+)?", "127.0.0.1:P", line)
    line = re.sub(r"(version=)[0-9a-f]+|^[0-9a-f]+ (?=127)", r"\1V ", line)
    line = re.sub(r"^(server\.\d=[^;]*);.*|^(dataLength = 1)\d\d$", r"\1\2", line)  # the client's port may be named
    line = re.sub(r"(ZooKeeper|Quorate) CLI version: .*", "CLI version", line)
    if re.fullmatch(r"\[[^\]]*\]", line):  # a set
        line = "[" + ", ".join(sorted(line[1:-1].split(", "))) + "]"
    return line


def java_shell(peers, laboratory):
    """The command that runs Java's shell, without its log."""
    quiet = os.path.join(laboratory.directory, "quiet.properties")
    with open(quiet, "w", encoding="ascii") as settings:
        settings.write("rootLogger.level=off\n")
    return [
        *(*JAVA, "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8"),
        *(f"-Dlog4j2.configurationFile={quiet}", "-cp", peers["ZK39_FULL_CLASSPATH"]),
        "org.apache.zookeeper.ZooKeeperMain",
    ]


def quorate_shell(binary):
    return [os.path.abspath(binary), "shell"]


def answers(shell, laboratory, arguments, lines=None):
    """What a shell prints on each stream, its events in an order of their own, and its exit code."""
    done = subprocess.run(
        [*laboratory.leash, *shell, *arguments], input="\n".join([*(lines or []), ""]), capture_output=True, text=True,
        cwd=laboratory.directory, timeout=120 * PATIENCE,
    )
    printed, events = [], []
    for line in done.stdout.splitlines():
        if line.startswith("WatchedEvent"):
            if "type:None" not in line:
                events.append(comparable(line))
        elif line and line != "WATCHER::":
            printed.append(comparable(line))
    # Who somebody is stands in any order.
    identities = [i for i, line in enumerate(printed) if re.match(r"(ip|digest): ", line)]
    for i, line in zip(identities, sorted(printed[i] for i in identities)):
        printed[i] = line
    errors = [comparable(line) for line in done.stderr.splitlines()]
    return [*printed, "standard error:", *errors, "events:", *sorted(events), f"ends with {done.returncode}"]


def alike(what, expected, found):
    difference = difflib.unified_diff(expected, found, "Java's shell", "quorate shell", lineterm="", n=2)
    text = "\n".join(difference)
    expect(not text, f"the shells differ at {what}:\n{text}")


def on_both(peers, laboratory, ensemble, what, arguments, lines=None):
    """What both shells say, which is the same; the tree is left empty."""
    hosts = ",".join(server.address for server in ensemble)
    first = ["-server", hosts, *arguments]
    expected = answers(java_shell(peers, laboratory), laboratory, first, lines)
    found = answers(quorate_shell(laboratory.binary), laboratory, first, lines)
    alike(what, expected, found)
    return [f"> {what}", *expected]


def lines_alike(peers, laboratory, ensemble):
    """Scripts on standard input, all in one session of each shell, and a second one for those that end it."""
    transcript = []
    together = [line for script in SCRIPTS[:-1] for line in script]
    for what, script in (("scripts", together), ("sessions", SESSIONS)):
        transcript += on_both(peers, laboratory, ensemble, what, [], script)
    return [line for line in transcript if "count=" not in line and "existing" not in line]


def commands_alike(peers, laboratory, ensemble):
    """Command lines: Java's shell first and then this one, each on the tree that its own last one has left."""
    hosts = ",".join(server.address for server in ensemble)
    found = {}
    for name, shell in (("java", java_shell(peers, laboratory)), ("quorate", quorate_shell(laboratory.binary))):
        found[name] = []
        for command in COMMANDS:
            found[name] += [f"> {command}", *answers(shell, laboratory, ["-server", hosts, *command])]
    alike("command lines", found["java"], found["quorate"])
    return found["java"]


def members_alike(peers, laboratory, ensemble):
    """Changing the members of an ensemble, which must allow it."""
    member = next(server for server in ensemble if server.wait_serving() == "follower")
    ports = {"quorum": member.quorum_port, "election": member.election_port, "client": member.client_port}
    lines = [line.format(id=member.myid, **ports) for line in MEMBERS]
    hosts = ",".join(server.address for server in ensemble if server is not member)
    found = []
    for shell in (java_shell(peers, laboratory), quorate_shell(laboratory.binary)):
        found.append(answers(shell, laboratory, ["-server", hosts], lines))
        for server in ensemble:
            server.wait_serving()
    alike("reconfig", *found)
    return found[0]
