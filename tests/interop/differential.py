#!/usr/bin/env python3
"""Sends the same random requests to ZooKeeper and to Quorate, and compares every frame that comes back.

    tests/interop/differential.py --binary target/release/quorate --seconds 60
    tests/interop/differential.py --binary target/release/quorate --seed 7 --episodes 1     an earlier run again
    tests/interop/differential.py --self-test                                               ZooKeeper against itself

Each episode starts a fresh standalone server of either kind and takes the same steps on both: every operation with good
and odd arguments, several connections and sessions, pipelined and damaged frames, watches of all kinds, multi, ACLs,
identities, sessions that move, end and expire. Compared are replies (error, zxid, body, Stat), events and their place
among the replies, and what ends a connection; at the end of an episode the whole tree, and once more after a restart.
Session ids, times and the epoch differ and are translated; times must belong to their zxids.

The first difference is told with the steps that led to it and ends the run with exit code 1. What Quorate does otherwise
on purpose is in DELIBERATE and checked too. Without the peers the run is skipped, with REQUIRE_PEERS=1 failed.
"""

import argparse
import bisect
import collections
import itertools
import random
import struct
import sys
import time

sys.dont_write_bytecode = True

from differential_deliberate import check_deliberate  # noqa: E402
from differential_steps import CONFIG, SHORT, SLOTS, SUPER, SUPER_DIGEST, Generator  # noqa: E402
from harness import Ensemble, Failed, JavaServer, Laboratory, Missing, Peers, QuorateServer, wait_until  # noqa: E402
from rawclient import (  # noqa: E402
    AUTH,
    EVENTS,
    NOTIFICATION,
    PING,
    Connection,
    Reader,
    connect_request,
    encode,
    framed,
    reply_body,
)
from run import Verdicts, arguments_of, checked  # noqa: E402

VERSION = "3.9"
# An episode ends before the servers first look for containers and TTL nodes to delete, which they do every 60 s.
STEPS, EPISODE_SECONDS = 1500, 40
SETTINGS = {
    "tickTime": 500,
    "minSessionTimeout": SHORT,
    "maxSessionTimeout": 60000,
    "maxClientCnxns": 0,
    "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
    "forceSync": "no",
}# What the server is that clients use; ZooKeeper's is standalone.
ROLES = ("standalone", "follower", "leader", "observer")


class Difference(Exception):
    """The servers do not agree."""


def password_of(session):
    """java.util.Random(session ^ secret).nextBytes(16)"""
    mask, seed = (1 << 48) - 1, ((session ^ 0xB3415C00) ^ 0x5DEECE66D) & ((1 << 48) - 1)
    password = b""
    for _ in range(4):
        seed = (seed * 0x5DEECE66D + 0xB) & mask
        password += struct.pack("<I", (seed >> 16) & 0xFFFFFFFF)
    return password


class Side:
    """One server, and everything in its words that must be translated."""

    def __init__(self, server, ensemble):
        self.server, self.ensemble = server, ensemble
        self.connections = {}
        self.sessions = []  # ids in the order in which they began
        self.offset = None  # the zxid before the first transaction
        self.unmatched = []  # transactions that the other side does not make
        self.times = {}

    # --- translating -------------------------------------------------------------------------------------------------

    def zxid(self, raw):
        if self.offset is None or raw <= self.offset:
            return 0 if raw == self.offset else raw
        return raw - self.offset - bisect.bisect_right(self.unmatched, raw)

    def raw_zxid(self, zxid):
        if not 0 < zxid < 2**62:
            return zxid
        raw = zxid + self.offset
        for unmatched in self.unmatched:
            raw += unmatched <= raw
        return raw

    def time(self, zxid, when):
        """Every time belongs to a transaction."""
        known = self.times.setdefault(zxid, when)
        return "its time" if known == when else f"{when}, but transaction {zxid} had {known}"

    def stat(self, stat):
        czxid, mzxid = self.zxid(stat["czxid"]), self.zxid(stat["mzxid"])
        owner = stat["owner"]
        return {
            **stat,
            "czxid": czxid,
            "mzxid": mzxid,
            "pzxid": self.zxid(stat["pzxid"]),
            "ctime": self.time(czxid, stat["ctime"]),
            "mtime": self.time(mzxid, stat["mtime"]),
            "owner": f"session {self.sessions.index(owner)}" if owner in self.sessions else owner,
        }

    def plain(self, value):
        if isinstance(value, dict):
            return self.stat(value)
        if isinstance(value, (tuple, list)):
            return type(value)(self.plain(v) for v in value)
        return value

    # --- doing -------------------------------------------------------------------------------------------------------

    def connect(self, step):
        """Connects; answers with what the server says to it."""
        self.drop(step["slot"])
        session = 0 if step["session"] is None else self.sessions[step["session"]]
        right = password_of(session) if session else bytes(16)
        kinds = {"right": right, "wrong": bytes(15) + b"x", "short": right[:8], "empty": b"", "none": None, "long": bytes(40)}
        seen = self.raw_zxid(step["seen"])
        connection = Connection(self.server.client_port)
        connection.send(connect_request(session, kinds[step["password"]], step["timeout"], seen, step["read_only"]))
        frame = connection.receive()
        if frame is None:
            return ["closed"]
        reader = Reader(frame)
        reader.int()
        timeout, given, password = reader.int(), reader.long(), reader.buffer()
        said = ["connected", timeout, reader.rest()]
        if timeout <= 0:
            return said + [given, password, "closed" if connection.receive() is None else "open"]
        if given not in self.sessions:
            self.sessions.append(given)
        self.connections[step["slot"]] = connection
        right = "right" if password == password_of(given) else password
        return said + [f"session {self.sessions.index(given)}", right]

    def drop(self, slot):
        if connection := self.connections.pop(slot, None):
            connection.close()

    def barrier(self, slot):
        """Everything that is on its way to a connection."""
        return self.exchange(slot, [{"op": "ping", "xid": PING}])

    def exchange(self, slot, requests):
        """Sends requests at once and reads until all are answered or the connection is closed."""
        connection = self.connections[slot]
        encoded = [{**r, "seen": self.raw_zxid(r["seen"])} if "seen" in r else r for r in requests]
        connection.send(b"".join(encode(request) for request in encoded))
        waiting = list(requests)
        heard = Heard()
        while waiting:
            try:
                frame = connection.receive()
            except TimeoutError:
                heard.frames.append(("silence", [r["op"] for r in waiting]))
                break
            if frame is None:
                heard.closed(f"{len(waiting)} requests without an answer")
                break
            reader = Reader(frame)
            xid, zxid, err = reader.int(), reader.long(), reader.int()
            if xid == NOTIFICATION:
                heard.event(self.zxid(zxid), EVENTS.get(reader.int()), reader.int(), reader.buffer())
                continue
            request = next((r for r in waiting if (PING if r["op"] == "ping" and "code" not in r else r["xid"]) == xid), None)
            if request is None:
                heard.frames.append(("answer to nothing", xid, err, reader.rest()))
                continue
            waiting.remove(request)
            if request["op"] == "multi" and err == -5 and isinstance(self.server, JavaServer):
                # Quorate makes no transaction of what cannot be read; ZooKeeper does of a multi.
                self.unmatched.append(zxid)
            body = reply_body(request["op"], reader) if err == 0 else None
            if err != 0 and request["op"] == "multiRead":
                reader.rest()  # ZooKeeper sends an empty list of results behind the error, which clients do not read
            heard.reply(request, self.zxid(zxid), err, self.plain(body), reader.rest())
            if request["op"] == "closeSession" or (err == -6 and zxid == -1) or err == -115:
                # These end the connection.
                heard.ending = request
        if heard.ending and not connection.closed and self.ends(connection):
            heard.closed("")
        if connection.closed:
            self.drop(slot)
        return heard

    def ends(self, connection):
        connection.socket.settimeout(2)
        try:
            return connection.receive() is None
        except TimeoutError:
            return False
        finally:
            connection.socket.settimeout(20)


class Heard:
    """What one connection heard during one exchange, in order."""

    def __init__(self):
        self.frames = []
        self.overtaking = []  # answers that do not wait for their turn
        self.replies = []
        self.ending = None

    def event(self, zxid, event, state, path):
        self.frames.append(("event", zxid, event, state, path))

    def reply(self, request, zxid, err, body, rest):
        said = ("reply", request["op"], request["xid"], zxid, err, body, rest)
        (self.overtaking if request["op"] in ("auth", "sasl") else self.frames).append(said)
        self.replies.append((request, zxid, err, body))

    def closed(self, how):
        self.frames.append(("closed", how))

    def in_order(self, session_ends):
        """The frames; the events of a session's end are in no particular order."""
        ordered, group = [], []
        for frame in [*self.frames, None]:
            if group and (frame is None or frame[0] != "event" or frame[1] != group[0][1]):
                ordered += sorted(group, key=repr)
                group = []
            if frame is not None:
                (group if frame[0] == "event" and frame[1] in session_ends else ordered).append(frame)
        return ordered + self.overtaking


class Episode:
    """One random client against two fresh servers."""

    def __init__(self, stage, seed, deadline):
        sides = stage.sides
        self.reference, self.tested = sides
        self.sides = sides
        self.generator = Generator(random.Random(seed), without_config=stage.role != "standalone")
        self.deadline = deadline
        self.trace = []
        self.session_ends = set()
        self.requests = 0
        self.answers = collections.Counter()

    def run(self, steps):
        self.do({"do": "connect", "slot": 0, "session": None, "password": "right", "timeout": 60000, "seen": 0, "read_only": 0})
        for _ in range(steps):
            if time.monotonic() > self.deadline:
                break
            self.do(self.generator.next())
        for slot in sorted(self.generator.slots):
            self.do({"do": "drop", "slot": slot})

    def do(self, step):
        self.trace.append(step)
        getattr(self, "do_" + step["do"])(step)

    def compare(self, what, said):
        """`said` is a list of frames of either side, or one plain value of either side."""
        if said[0] == said[1]:
            return
        if isinstance(said[0], list):
            for number, pair in enumerate(itertools.zip_longest(*said)):
                if pair[0] != pair[1]:
                    what, said = f"{what}, frame {number}", pair
                    break
        pairs = zip((side.server.kind for side in self.sides), said)
        raise Difference(f"{what}\n" + "\n".join(f"    {kind:14} {value}" for kind, value in pairs))

    # --- steps -------------------------------------------------------------------------------------------------------

    def do_connect(self, step):
        generator, slot = self.generator, step["slot"]
        # What is on its way to a connection that is about to be cut may or may not arrive: fetch it first.
        for other, session in list(generator.slots.items()):
            if other == slot or session == step["session"]:
                self.barrier(other)
        first = self.reference.offset is None
        said = [side.connect(step) for side in self.sides]
        if first:
            for side in self.sides:
                side.connections[slot].send(encode({"op": "ping", "xid": PING}))
                side.offset = struct.unpack_from(">q", side.connections[slot].receive(), 4)[0] - 1
        self.compare("the answer to a connection", said)
        generator.slots.pop(slot, None)
        if said[0][0] == "connected" and said[0][1] > 0:
            session = int(said[0][3].removeprefix("session "))
            generator.slots[slot] = session
            if session == len(generator.sessions):
                generator.sessions.append(True)
        # Even a refused attempt cuts off who speaks for the session here.
        for other, session in list(generator.slots.items()):
            if other != slot and session == step["session"]:
                said = [side.exchange(other, [{"op": "ping", "xid": PING}]) for side in self.sides]
                self.judge(other, said)

    def do_send(self, step):
        slot, requests = step["slot"], step["requests"]
        self.requests += len(requests)
        said = [side.exchange(slot, requests) for side in self.sides]
        for request, zxid, err, body in said[0].replies:
            self.answers[request["op"], err] += 1
            if request["op"] == "closeSession" and err == 0:
                self.session_ends.add(zxid)
                self.generator.sessions[self.generator.slots[slot]] = False
            if request["op"] not in ("auth", "sasl") and zxid > 0:
                self.generator.zxid = max(self.generator.zxid, zxid)
        self.judge(slot, said)
        for request, _, err, body in said[0].replies:
            if not request.get("cut"):
                self.generator.learn(request, err, body)

    def do_drop(self, step):
        self.barrier(step["slot"])
        for side in self.sides:
            side.drop(step["slot"])
        self.generator.slots.pop(step["slot"], None)

    def do_garbage(self, step):
        self.barrier(step["slot"])
        said = []
        for side in self.sides:
            connection = side.connections[step["slot"]]
            connection.send(step["bytes"])
            said.append("closed" if side.ends(connection) else "open")
            side.drop(step["slot"])
        self.generator.slots.pop(step["slot"], None)
        self.compare("the end of a connection", said)

    def do_expire(self, step):
        """A session is left alone until it expires, and its znodes are gone."""
        slot = SLOTS
        self.do_connect({**step, "slot": slot, "session": None, "password": "right", "timeout": 1, "seen": 0, "read_only": 1})
        make = [
            {"op": "create", "path": p, "data": b"", "acl": [(31, b"world", b"anyone")], "flags": 1, "xid": i}
            for i, p in enumerate(step["paths"])
        ]
        self.do_send({"slot": slot, "requests": make})
        session = self.generator.slots.pop(slot)
        before = self.generator.zxid
        watching = next(iter(self.generator.slots), None)
        if watching is None:
            watching = 0
            self.do_connect({**step, "slot": 0, "session": None, "password": "right", "timeout": 60000, "seen": 0, "read_only": 0})
            before += 1
        for side in self.sides:
            side.drop(slot)
        said = []
        for side in self.sides:
            heard = Heard()

            def expired():
                ping = side.barrier(watching)
                heard.frames += [f for f in ping.frames if f[0] == "event"]
                return ping.replies and ping.replies[-1][1] > before

            wait_until(expired, f"{side.server} to end a session", 15, pause=0.1)
            said.append(heard)
        self.generator.zxid = before + 1
        self.generator.sessions[session] = False
        self.session_ends.add(before + 1)
        self.judge(watching, said)

    def barrier(self, slot):
        self.judge(slot, [side.barrier(slot) for side in self.sides])

    def judge(self, slot, said):
        frames = [heard.in_order(self.session_ends) for heard in said]
        if frames[0] != frames[1]:
            frames[0] = [f for f in frames[0] if f in frames[1] or not self.is_hidden(slot, f)]
        self.compare(f"what connection {slot} hears", frames)
        if slot in self.generator.slots and slot not in self.reference.connections:
            del self.generator.slots[slot]

    def is_hidden(self, slot, frame):
        """Whether it is an event that setWatches makes up for, of a znode that the client may not read."""
        if frame[0] != "event" or frame[1] != -1 or slot not in self.reference.connections:
            return False
        asked = [{"op": "exists", "path": frame[4], "watch": 0, "xid": 2**31 - 1}]
        return all(side.exchange(slot, asked).replies[0][2] == -102 for side in self.sides)

    # --- the whole tree ----------------------------------------------------------------------------------------------

    def compare_trees(self):
        trees = [tree_of(side) for side in self.sides]
        for path in sorted(set(trees[0]) | set(trees[1])):
            if path == CONFIG and self.generator.without_config:
                continue
            self.compare(f"znode {path}", [tree.get(path, "is not there") for tree in trees])
        return len(trees[0])


def tree_of(side):
    """Every znode of a server, with everything that is known of it."""
    found = side.connect({"slot": 0, "session": None, "password": "right", "timeout": 60000, "seen": 0, "read_only": 0})
    if found[0] != "connected":
        raise Failed(f"{side.server} does not accept a connection: {found}")
    side.exchange(0, [{"op": "auth", "type": 0, "scheme": b"digest", "auth": SUPER, "xid": AUTH}])
    tree, waiting = {}, [b"/"]
    while waiting:
        path = waiting.pop()
        asked = [
            {"op": "getData", "path": path, "watch": 0, "xid": 1},
            {"op": "getACL", "path": path, "xid": 2},
            {"op": "getChildren2", "path": path, "watch": 0, "xid": 3},
        ]
        tree[path] = [(err, body) for _, _, err, body in side.exchange(0, asked).replies]
        children = tree[path][2][1]
        waiting += [path.rstrip(b"/") + b"/" + child for child in children[0]] if children else []
    side.drop(0)
    return tree


# --- episodes ------------------------------------------------------------------------------------------------------


class Stage:
    """The servers of one episode: one of ZooKeeper, and one or several of Quorate."""

    def __init__(self, laboratory, number, binary, self_test):
        self.laboratory, self.binary, self.self_test = laboratory, binary, self_test
        # Clients use the server of this role.
        self.role = ROLES[number % len(ROLES)]
        # Every fourth episode knows no TTL nodes.
        self.settings = {**SETTINGS, "extendedTypesEnabled": "false" if number % 4 == 3 else "true"}
        self.sides = [self.standalone(JavaServer(laboratory, 9, VERSION)), self.tested()]

    def make(self, myid, **arguments):
        if self.self_test:
            return JavaServer(self.laboratory, myid, VERSION, **arguments)
        return QuorateServer(self.laboratory, myid, self.binary, **arguments)

    def standalone(self, server):
        return Side(server, Ensemble([server], self.settings).start())

    def tested(self):
        if self.role == "standalone":
            return self.standalone(self.make(1))
        servers = [self.make(1), self.make(2), self.make(3)]
        if self.role == "observer":
            servers.append(self.make(4, role="observer"))
        ensemble = Ensemble(servers, self.settings).start()
        return Side(next(s for s in servers if s.mode() == self.role), ensemble)

    def restart(self):
        for side in self.sides:
            side.ensemble.stop()
            side.ensemble.start()


def tell(seed, number, episode, difference, keep):
    lines = [f"DIFFERENCE in episode {number} of seed {seed}, step {len(episode.trace)}: {difference}", "the last steps:"]
    lines += [f"    {len(episode.trace) - i}: {step}" for i, step in reversed(list(enumerate(reversed(episode.trace[-keep:]))))]
    print("\n".join(lines), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--seconds", type=float, default=60, help="begin no new episode after this time (default: 60)")
    parser.add_argument("--episodes", type=int, default=10**9, help="at most so many episodes")
    parser.add_argument("--first", type=int, default=0, help="begin with this episode of the seed")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of an episode (default: {STEPS})")
    parser.add_argument("--answers", action="store_true", help="tell how often each operation had each error")
    parser.add_argument("--go-on", action="store_true", help="go on with the next episode after a difference")
    parser.add_argument("--show", type=int, default=12, help="how many steps to show before a difference (default: 12)")
    arguments = checked(parser, parser.parse_args())
    verdicts = Verdicts()
    peers = Peers()
    try:
        peers.java(VERSION)
    except Missing as missing:
        verdicts.give("SKIP", "differential", reason=str(missing))
        return verdicts.conclude()

    print(f"seed {arguments.seed}", flush=True)
    began = time.monotonic()
    number, told, answers = arguments.first, False, collections.Counter()
    while number - arguments.first < arguments.episodes and (number == arguments.first or time.monotonic() - began < arguments.seconds):
        laboratory = Laboratory(peers, "differential")
        stage = Stage(laboratory, number, arguments.binary, arguments.self_test)
        episode = Episode(stage, f"{arguments.seed} {number}", time.monotonic() + EPISODE_SECONDS)
        title = f"episode {number} ({stage.role})"
        at = time.monotonic()
        try:
            episode.run(arguments.steps)
            znodes = episode.compare_trees()
            stage.restart()
            # After a restart a new epoch may begin, and with it other zxids for what comes next.
            episode.compare_trees()
            if stage.role == "standalone" and not arguments.self_test and not told:
                told = True
                if wrong := check_deliberate(stage.sides):
                    raise Failed("what Quorate does otherwise on purpose has changed:\n    " + "\n    ".join(wrong))
            seconds = time.monotonic() - at
            verdicts.give("PASS", f"{title}: {episode.requests} requests, {znodes} znodes", seconds)
        except (Difference, Failed) as difference:
            tell(arguments.seed, number, episode, difference, arguments.show)
            if isinstance(difference, Failed):
                print(laboratory.report(), file=sys.stderr, flush=True)
            verdicts.give("FAIL", title, time.monotonic() - at, reason=f"repeat with --seed {arguments.seed} --first {number} --episodes 1")
            if not arguments.go_on:
                return verdicts.conclude()
        finally:
            laboratory.close(arguments.keep)
        answers += episode.answers
        number += 1
    if arguments.answers:
        for (op, err), count in sorted(answers.items()):
            print(f"{op:22} {err:6} {count:8}")
    print(f"{len(answers)} different answers (operation and error) in {answers.total()} requests", flush=True)
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
