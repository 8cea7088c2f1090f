"""What clients do to an ensemble and what must then be true: writes, reads, watches, and whole trees compared.

Every function takes kazoo clients; nothing here knows which kind of server answers.
"""

import contextlib
import queue
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    ConnectionClosedError,
    ConnectionLoss,
    InvalidACLError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import EventType
from kazoo.retry import KazooRetry
from kazoo.security import make_acl, make_digest_acl

from harness import PATIENCE, Failed, expect, holds_for, wait_until
from relays import Relay

# A request that ends like this may or may not have been carried out.
UNKNOWN_OUTCOME = (ConnectionLoss, SessionExpiredError, ConnectionClosedError, KazooTimeoutError)

# What some nodes can be read with only (scheme digest).
CREDENTIALS = "gardener:rose"


def open_client(laboratory, *targets, timeout=8.0, **arguments):
    """A started client of these servers (or relays). The laboratory closes it if nobody else does."""
    client = KazooClient(
        hosts=",".join(target.address for target in targets),
        timeout=timeout,
        connection_retry=KazooRetry(max_tries=-1, delay=0.05, backoff=1.5, max_jitter=0.1, max_delay=0.3),
        **arguments,
    )
    laboratory.closers.append(lambda: close_client(client))
    try:
        client.start(timeout=30 * PATIENCE)
    except KazooTimeoutError:
        raise Failed(f"no session on {', '.join(map(str, targets))} within {30 * PATIENCE:.0f} s") from None
    return client


def close_client(client):
    client.stop()
    client.close()


@contextlib.contextmanager
def session(laboratory, *targets, **arguments):
    client = open_client(laboratory, *targets, **arguments)
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # closing matters only as long as the servers are there
            close_client(client)


def session_id(client):
    return client.client_id[0]


# --- trees ---------------------------------------------------------------------------------------------------------


def dump(client):
    """The whole tree as this client's server sees it after a sync: path -> (data, stat, acl). Without /zookeeper."""
    client.sync("/")
    tree = {}
    pending = ["/"]
    while pending:
        asked = [
            (path, client.get_async(path), client.get_acls_async(path), client.get_children_async(path))
            for path in pending
        ]
        pending = []
        for path, data, acls, children in asked:
            try:
                value, stat = data.get(timeout=20 * PATIENCE)
                acl = sorted((a.perms, a.id.scheme, a.id.id) for a in acls.get(timeout=20 * PATIENCE)[0])
                names = sorted(children.get(timeout=20 * PATIENCE))
            except NoNodeError:
                raise Failed(f"{path} disappears while the tree is read") from None
            except NoAuthError:
                raise Failed(f"{path} may not be read") from None
            expect(stat.numChildren == len(names), f"{path} has {len(names)} children but says {stat.numChildren}")
            expect(stat.dataLength == len(value), f"{path} has {len(value)} bytes but says {stat.dataLength}")
            tree[path] = (value, tuple(stat), tuple(acl))
            pending += [path.rstrip("/") + "/" + name for name in names if (path, name) != ("/", "zookeeper")]
    return tree


def dump_of(laboratory, server, auth=()):
    """The tree as that one server sees it after a sync."""
    with session(laboratory, server, auth_data=[("digest", a) for a in auth]) as client:
        return dump(client)


def expect_equal_trees(left, left_name, right, right_name):
    for path in sorted(left.keys() | right.keys()):
        expect(path in left, f"{path} is on {right_name} but not on {left_name}")
        expect(path in right, f"{path} is on {left_name} but not on {right_name}")
        for what, a, b in zip(("data", "stat", "acl"), left[path], right[path]):
            expect(a == b, f"{what} of {path} differs: {a!r} on {left_name}, {b!r} on {right_name}")


def expect_same_everywhere(laboratory, servers, auth=()):
    """Every server, asked alone and after a sync, has the same tree to the last field; answers with that tree."""
    trees = [(server, dump_of(laboratory, server, auth)) for server in servers]
    for path in sorted(set().union(*(tree for _, tree in trees))):
        found = [tree.get(path) for _, tree in trees]
        if any(other != found[0] for other in found):
            told = (f"{node or 'nothing'} on {server}" for (server, _), node in zip(trees, found))
            raise Failed(f"{path} differs: {', '.join(told)}")
    return trees[0][1]


# --- writing -------------------------------------------------------------------------------------------------------


def fill(client, base, count):
    """`count` children of `base` with data of different sizes."""
    client.ensure_path(base)
    for i in range(count):
        client.create(f"{base}/n{i:04d}", (f"{base} {i} ".encode() * (i % 50 + 1))[: 40 * i] if i % 7 else b"")
    client.set(f"{base}/n0001", b"changed")


def expect_filled(client, base, count):
    client.sync("/")
    names = sorted(client.get_children(base))
    expect(names == [f"n{i:04d}" for i in range(count)], f"{base} has children {names}")
    for i in range(count):
        wanted = (f"{base} {i} ".encode() * (i % 50 + 1))[: 40 * i] if i % 7 else b""
        if i == 1:
            wanted = b"changed"
        data, _ = client.get(f"{base}/n{i:04d}")
        expect(data == wanted, f"{base}/n{i:04d} has {data[:60]!r}, not {wanted[:60]!r}")


def expect_error(error, call, *arguments, **keywords):
    try:
        result = call(*arguments, **keywords)
    except error:
        return
    except Exception as other:
        raise Failed(f"{call.__name__}{arguments} ends with {other!r}, not with {error.__name__}") from None
    raise Failed(f"{call.__name__}{arguments} gives {result!r}, not {error.__name__}")


def _refused(call, *arguments):
    try:
        call(*arguments)
    except NoAuthError:
        return True
    return False


def exercise_writes(client, base, exact=False):
    """Every kind of write through one client, with its results and errors.

    `exact` asks for what a ZooKeeper leader does not do: it judges a request by the access control list it has applied
    last, not by the one that a request before this one, even of the same session, is about to set."""
    client.ensure_path(base)
    # create, set, delete and their versions
    expect(client.create(f"{base}/a", b"1") == f"{base}/a", "create answers with another path")
    expect_error(NodeExistsError, client.create, f"{base}/a", b"2")
    expect_error(NoNodeError, client.create, f"{base}/no/where", b"2")
    expect(client.set(f"{base}/a", b"2").version == 1, "the first set does not give version 1")
    expect(client.set(f"{base}/a", b"3", version=1).version == 2, "the second set does not give version 2")
    expect_error(BadVersionError, client.set, f"{base}/a", b"4", version=1)
    expect(client.get(f"{base}/a")[0] == b"3", "a session does not read its own write")
    client.create(f"{base}/a/child")
    expect_error(NotEmptyError, client.delete, f"{base}/a")
    expect_error(BadVersionError, client.delete, f"{base}/a/child", version=7)
    client.delete(f"{base}/a/child", version=0)
    expect(client.exists(f"{base}/a/child") is None, "a deleted node is still there")
    expect_error(NoNodeError, client.delete, f"{base}/a/child")
    # create with the stat in the answer
    path, stat = client.create(f"{base}/stat", b"12345", include_data=True)
    expect((path, stat.dataLength, stat.version) == (f"{base}/stat", 5, 0), f"create2 answers {path}, {stat}")
    expect(client.get(path)[1] == stat, "create2 answers with another stat than get")
    # a big node
    client.create(f"{base}/big", bytes(range(256)) * 2000)
    expect(client.get(f"{base}/big")[0] == bytes(range(256)) * 2000, "a big node comes back changed")
    # sequential
    names = [client.create(f"{base}/seq/s-", sequence=True, makepath=True) for _ in range(3)]
    expect(names == [f"{base}/seq/s-{i:010d}" for i in range(3)], f"sequential names {names}")
    client.delete(names[2])
    expect(client.create(f"{base}/seq/s-", sequence=True) == f"{base}/seq/s-0000000003", "a number is used twice")
    # multi: all or nothing
    batch = client.transaction()
    batch.create(f"{base}/multi", b"m")
    batch.create(f"{base}/multi/q-", b"m", sequence=True)
    batch.set_data(f"{base}/a", b"5", version=2)
    batch.check(f"{base}/multi", version=0)
    batch.delete(f"{base}/seq/s-0000000000")
    results = batch.commit()
    expect(results[:2] == [f"{base}/multi", f"{base}/multi/q-0000000000"], f"multi answers {results}")
    expect(results[2].version == 3 and results[3:] == [True, True], f"multi answers {results}")
    batch = client.transaction()
    batch.set_data(f"{base}/a", b"6")
    batch.check(f"{base}/a", version=77)
    batch.create(f"{base}/never")
    results = [type(result) for result in batch.commit()]
    expect(results == [RolledBackError, BadVersionError, RuntimeInconsistency], f"a failing multi answers {results}")
    expect(client.get(f"{base}/a")[0] == b"5", "a failed multi has an effect")
    expect(client.exists(f"{base}/never") is None, "a failed multi has an effect")
    # access control
    client.create(f"{base}/acl", b"x", acl=[make_acl("world", "anyone", all=True)])
    restricted = [make_acl("world", "anyone", read=True, admin=True), make_acl("ip", "10.0.0.0/8", all=True)]
    restricting, setting = client.set_acls_async(f"{base}/acl", restricted), client.set_async(f"{base}/acl", b"y")
    restricting.get(timeout=20 * PATIENCE)
    forbidden = _refused(setting.get, True, 20 * PATIENCE)
    if exact:
        expect(forbidden, "a set sent right behind a set_acls that forbids it is carried out")
    else:
        wait_until(lambda: _refused(client.set, f"{base}/acl", b"y"), "the new access control list to be obeyed", 5)
    expect_error(NoAuthError, client.set, f"{base}/acl", b"y")
    expect_error(NoAuthError, client.create, f"{base}/acl/child", b"y")
    expect_error(InvalidACLError, client.create, f"{base}/bad", b"", acl=[make_acl("nonsense", "x", all=True)])
    acls, stat = client.get_acls(f"{base}/acl")
    expect((len(acls), stat.aversion) == (2, 1), f"the ACL is {acls} with {stat}")
    client.set_acls(f"{base}/acl", [make_acl("world", "anyone", all=True)])
    mine = make_digest_acl(*CREDENTIALS.split(":"), all=True)
    client.create(f"{base}/private", b"secret", acl=[mine])
    expect_error(NoAuthError, client.get, f"{base}/private")
    expect_error(NoAuthError, client.get_children, f"{base}/private")
    expect_error(NoAuthError, client.set, f"{base}/private", b"")
    client.add_auth("digest", CREDENTIALS)
    expect(client.get(f"{base}/private")[0] == b"secret", "the right credentials do not open a node")
    expect(client.get_acls(f"{base}/private")[0] == [mine], "an ACL comes back changed")
    client.delete(f"{base}/private")
    # ephemeral
    client.create(f"{base}/eph", b"e", ephemeral=True)
    owner = client.get(f"{base}/eph")[1].ephemeralOwner
    expect(owner & (1 << 64) - 1 == session_id(client) & (1 << 64) - 1, f"the ephemeral belongs to {owner:#x}")
    expect_error(NoChildrenForEphemeralsError, client.create, f"{base}/eph/child")
    client.delete(f"{base}/eph")


def exercise_ephemerals(laboratory, through, servers, base):
    """Ephemeral nodes made through one server are seen on all, and go with their session: closed, or just lost."""
    with session(laboratory, servers[0]) as client:
        client.ensure_path(base)
    relay = Relay(laboratory, through)
    doomed = open_client(laboratory, relay, timeout=2.0)
    doomed.create(f"{base}/lost", ephemeral=True)
    with session(laboratory, through) as owner:
        owner.create(f"{base}/mine", b"m", ephemeral=True)
        number = owner.create(f"{base}/e-", ephemeral=True, sequence=True)
        expect(number == f"{base}/e-0000000002", f"the ephemeral sequential node is {number}")
        for server in servers:
            with session(laboratory, server) as client:
                client.sync(base)
                expect(sorted(client.get_children(base)) == sorted(["lost", "mine", number.rpartition("/")[2]]),
                       f"{server} shows {client.get_children(base)}")
                expect(client.exists(f"{base}/mine").ephemeralOwner == owner.exists(f"{base}/mine").ephemeralOwner,
                       f"{server} shows another owner")
    for server in servers:
        with session(laboratory, server) as client:
            client.sync(base)
            left = client.get_children(base)
            expect(set(left) <= {"lost"}, f"{server} shows ephemerals of a closed session: {left}")
    # The other session is not closed: its client is cut off and it must expire.
    relay.cut()
    for server in servers:
        with session(laboratory, server) as client:
            wait_until(lambda: not client.exists(f"{base}/lost"), f"the lost session's ephemeral to go on {server}", 20)


def exercise_watches(watching, writing, base):
    """One-shot watches of one client fire, once each, for what another client writes."""
    events = queue.Queue()

    def next_event():
        try:
            return events.get(timeout=15 * PATIENCE)
        except queue.Empty:
            raise Failed("a watch has not fired within 15 s") from None

    def expect_next(kind, path):
        event = next_event()
        expect((event.type, event.path) == (kind, path), f"the watch says {event}, not {kind} {path}")

    writing.ensure_path(base)
    writing.create(f"{base}/data", b"1")
    writing.create(f"{base}/barrier", b"")
    watching.sync("/")
    # data
    watching.get(f"{base}/data", watch=events.put)
    writing.set(f"{base}/data", b"2")
    expect_next(EventType.CHANGED, f"{base}/data")
    expect(watching.get(f"{base}/data")[0] == b"2", "the watch comes before what it announces can be read")
    # existence, creation and deletion
    expect(watching.exists(f"{base}/new", watch=events.put) is None, "a node exists too early")
    writing.create(f"{base}/new")
    expect_next(EventType.CREATED, f"{base}/new")
    watching.exists(f"{base}/new", watch=events.put)
    writing.delete(f"{base}/new")
    expect_next(EventType.DELETED, f"{base}/new")
    # children
    watching.get_children(base, watch=events.put)
    writing.create(f"{base}/child")
    expect_next(EventType.CHILD, base)
    watching.get_children(base, watch=events.put)
    writing.delete(f"{base}/child")
    expect_next(EventType.CHILD, base)
    # A change that nobody watches any more, then one that somebody does: only the second is told.
    writing.set(f"{base}/data", b"3")
    writing.create(f"{base}/child2")
    watching.sync("/")
    watching.get(f"{base}/barrier", watch=events.put)
    writing.set(f"{base}/barrier", b"1")
    expect_next(EventType.CHANGED, f"{base}/barrier")
    expect(events.empty(), "a one-shot watch fires twice")


def exercise_session_moves(laboratory, moves, base, timeout=3.0):
    """For each (source, target): a session with an ephemeral node moves to another server and stays the same session."""
    movers = []
    for source, target in moves:
        relay = Relay(laboratory, source)
        client = open_client(laboratory, relay, timeout=timeout)
        states = []
        client.add_listener(states.append)
        path = f"{base}/{source.myid}-to-{target.myid}"
        client.ensure_path(path)
        client.create(f"{path}/mine", ephemeral=True)
        movers.append((relay, source, target, client, client.client_id, states, path))
    for relay, source, target, client, before, states, path in movers:
        relay.change_to(target)
    for relay, source, target, client, before, states, path in movers:
        wait_until(lambda: KazooState.SUSPENDED in states and client.connected, "the session to move", 20)
        expect(client.client_id == before, f"session {before} has become {client.client_id}")
    with contextlib.ExitStack() as stack:
        lookers = [(stack.enter_context(session(laboratory, target)), path) for *_, target, _, _, _, path in movers]
        for looker, path in lookers:
            looker.sync(path)
        holds_for(
            lambda: all(looker.exists(f"{path}/mine") is not None for looker, path in lookers),
            timeout * 1.6,
            "an ephemeral is lost although its session has only moved",
        )
    for relay, source, target, client, before, states, path in movers:
        client.set(f"{path}/mine", b"still")
        client.create(f"{path}/another", ephemeral=True)
        expect(KazooState.LOST not in states, "a session is lost by moving")
        close_client(client)
        with session(laboratory, source) as looker:
            looker.sync(path)
            left = looker.get_children(path)
            expect(not left, f"closing the moved session leaves {left}")


# --- a client that keeps count of what was acknowledged --------------------------------------------------------------


class Ledger(threading.Thread):
    """A client that writes without pause and knows what was acknowledged, what was not, and what is uncertain."""

    def __init__(self, laboratory, *targets, base="/ledger", timeout=8.0, pause=0):
        super().__init__(daemon=True)
        self.base = base
        self.pause = pause  # seconds after each write
        self.client = open_client(laboratory, *targets, timeout=timeout)
        self.states = []
        self._listener = self.states.append
        self.client.add_listener(self._listener)
        for path in (base, f"{base}/n", f"{base}/seq"):
            self.client.ensure_path(path)
        self.client.create(f"{base}/counter", b"0")
        self.attempted = {}  # path -> data
        self.present = {}  # acknowledged creates
        self.absent = set()  # acknowledged deletes
        self.sequential = {}  # acknowledged path -> data
        self.attempted_sequential = set()  # data
        self.counter_acknowledged = 0
        self.counter_attempted = 0
        self.acknowledged = 0
        self.uncertain = 0
        self.unexpected = None
        self._stopping = threading.Event()
        laboratory.closers.append(self._stopping.set)

    def run(self):
        i = 0
        try:
            while not self._stopping.is_set():
                i += 1
                try:
                    self._write(i)
                    self.acknowledged += 1
                    self._stopping.wait(self.pause)
                except UNKNOWN_OUTCOME:
                    self.uncertain += 1
                    wait_until(lambda: self.client.connected or self._stopping.is_set(), "the writer to reconnect", 60)
        except Exception as error:  # anything else is a finding
            self.unexpected = error

    def _write(self, i):
        path, data = f"{self.base}/n/{i:06d}", f"data {i}".encode()
        timeout = 20 * PATIENCE
        if i % 5 == 0:
            self.counter_attempted = i
            self.client.set_async(f"{self.base}/counter", str(i).encode()).get(timeout=timeout)
            self.counter_acknowledged = i
        elif i % 7 == 0:
            self.attempted_sequential.add(data)
            made = self.client.create_async(f"{self.base}/seq/s-", data, sequence=True).get(timeout=timeout)
            if made in self.sequential:
                raise Failed(f"{made} was given out twice")
            self.sequential[made] = data
        elif i % 11 == 0 and self.present:
            victim = next(iter(self.present))
            del self.present[victim]  # from here on uncertain
            self.client.delete_async(victim).get(timeout=timeout)
            self.absent.add(victim)
        else:
            self.attempted[path] = data
            self.client.create_async(path, data).get(timeout=timeout)
            self.present[path] = data

    def expect_progress(self, count=3, timeout=25.0, alive=()):
        """Waits until `count` more writes have been acknowledged."""
        goal = self.acknowledged + count

        def reached():
            self._expect_sound()
            return self.acknowledged >= goal

        wait_until(reached, f"{count} more writes to be acknowledged", timeout, alive)

    def _expect_sound(self):
        if self.unexpected is not None:
            raise Failed(f"the writing client gets {self.unexpected!r}")

    def finish(self):
        """Stops writing."""
        self._stopping.set()
        self.join(40 * PATIENCE)
        expect(not self.is_alive(), "the writing client hangs")
        self._expect_sound()
        self.client.remove_listener(self._listener)  # closing is not losing
        close_client(self.client)
        return self

    def expect_in(self, tree, where):
        """Everything acknowledged is in the tree, and nothing that was never asked for."""
        for path, data in self.present.items():
            expect(path in tree, f"the acknowledged {path} is not on {where}")
            expect(tree[path][0] == data, f"the acknowledged {path} has {tree[path][0]!r} on {where}")
        for path in self.absent:
            expect(path not in tree, f"{path} is on {where} although its deletion was acknowledged")
        for path, data in self.sequential.items():
            expect(path in tree, f"the acknowledged {path} is not on {where}")
            expect(tree[path][0] == data, f"the acknowledged {path} has {tree[path][0]!r} on {where}")
        seen = int(tree[f"{self.base}/counter"][0])
        expect(
            self.counter_acknowledged <= seen <= self.counter_attempted,
            f"the counter is {seen} on {where}, acknowledged was {self.counter_acknowledged}",
        )
        found = set()
        for path, (data, _, _) in tree.items():
            if path.startswith(f"{self.base}/n/"):
                expect(self.attempted.get(path) == data, f"{path} with {data!r} on {where} was never written")
            elif path.startswith(f"{self.base}/seq/"):
                expect(data in self.attempted_sequential, f"{path} with {data!r} on {where} was never written")
                expect(data not in found, f"{data!r} was written twice: {path} on {where}")
                found.add(data)


class Reader(threading.Thread):
    """A client that reads one counter without pause, on whatever server it is, and must never see it go back."""

    def __init__(self, laboratory, *targets, path="/ledger/counter", timeout=8.0):
        super().__init__(daemon=True)
        self.path = path
        self.client = open_client(laboratory, *targets, timeout=timeout)
        self.states = []
        self._listener = self.states.append
        self.client.add_listener(self._listener)
        self.reads = 0
        self.unexpected = None
        self._stopping = threading.Event()
        laboratory.closers.append(self._stopping.set)

    def run(self):
        highest = (0, 0)
        try:
            while not self._stopping.is_set():
                try:
                    data, stat = self.client.get_async(self.path).get(timeout=20 * PATIENCE)
                except UNKNOWN_OUTCOME:
                    wait_until(lambda: self.client.connected or self._stopping.is_set(), "the reader to reconnect", 60)
                    continue
                seen = (stat.mzxid, int(data))
                if KazooState.LOST in self.states:  # a new session may begin anywhere
                    self.states.clear()
                else:
                    expect(seen >= highest, f"a session sees {self.path} go back from {highest} to {seen}")
                highest = seen
                self.reads += 1
                self._stopping.wait(0.005)
        except Exception as error:
            self.unexpected = error

    def finish(self):
        self._stopping.set()
        self.join(40 * PATIENCE)
        expect(not self.is_alive(), "the reading client hangs")
        if self.unexpected is not None:
            raise Failed(f"the reading client gets {self.unexpected!r}")
        expect(self.reads > 0, "the reading client has never read anything")
        self.client.remove_listener(self._listener)  # closing is not losing
        close_client(self.client)


def expect_ledgers_everywhere(laboratory, servers, ledgers):
    """All servers have the same tree, and each ledger agrees with it."""
    tree = expect_same_everywhere(laboratory, servers)
    for ledger in ledgers:
        ledger.expect_in(tree, "all servers")
    return tree


# --- a tree with everything in it ----------------------------------------------------------------------------------

def plant(client, base, rounds):
    """Fills `base` with every kind of node and change; `client` must have authenticated with CREDENTIALS."""
    client.ensure_path(base)
    for i in range(rounds):
        here = f"{base}/r{i:03d}"
        batch = client.transaction()
        batch.create(here, f"round {i}".encode())
        batch.create(f"{here}/a", b"a" * i)
        batch.create(f"{here}/b", b"\x00\xff")
        batch.set_data(f"{here}/a", b"A" * i)
        batch.delete(f"{here}/b")
        batch.create(f"{here}/s-", b"", sequence=True)
        expect(not any(isinstance(r, Exception) for r in batch.commit()), "the multi fails")
        batch = client.transaction()
        batch.set_data(f"{here}/a", b"never")
        batch.check(f"{here}/a", version=99)
        batch.commit()
        client.create(f"{here}/s-", b"second", sequence=True)
        with contextlib.suppress(NodeExistsError):
            client.create(here, b"a failing write")
        if i % 4 == 0:
            owner = make_digest_acl(*CREDENTIALS.split(":"), all=True)
            client.create(f"{here}/private", b"secret", acl=[owner])
            readers = make_acl("world", "anyone", read=True)
            client.create(f"{here}/shared", b"", acl=[make_acl("ip", "127.0.0.1", all=True), readers])
            client.create(f"{here}/auth", b"", acl=[make_acl("auth", "", all=True)])
            client.set_acls(f"{here}/a", [owner, readers])
        if i % 5 == 0:
            client.create(f"{here}/ünï — 日本", "dàta".encode())
            client.create(f"{here}/short", b"x", ephemeral=True)
            client.delete(f"{here}/short")
