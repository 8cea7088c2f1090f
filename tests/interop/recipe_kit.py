"""What the recipe checks are made of: sessions that keep account of themselves, claims, and the frame of a check.

A check runs in a process of its own (`recipes.py` starts it) with several sessions in as many threads. It judges what
the recipe promises, never whether a connection broke: a `Session` notes when it was connected and how each of its
writes ended, and a `Claim` notes in which stretches of time a client surely held something.
"""

import bisect
import contextlib
import os
import queue
import random
import threading
import time
import traceback

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import (
    ConnectionClosedError,
    ConnectionLoss,
    KazooException,
    NoNodeError,
    OperationTimeoutError,
    SessionExpiredError,
)
from kazoo.handlers.threading import SequentialThreadingHandler
from kazoo.protocol.states import KazooState
from kazoo.retry import KazooRetry

from harness import PATIENCE, Failed, expect

# A request that ends like this may or may not have been carried out.
UNKNOWN_OUTCOME = (ConnectionLoss, OperationTimeoutError, SessionExpiredError, ConnectionClosedError)

now = time.monotonic


class Write:
    """How one write of a session ended: `done` with a result, or `unknown`."""

    def __init__(self, kind, path, value, done, result):
        self.kind, self.path, self.value, self.done, self.result = kind, path, value, done, result


class NotedTransaction(TransactionRequest):
    """A multi whose outcome its session notes; the value is the list of operations."""

    def commit(self):
        def call():
            results = super(NotedTransaction, self).commit()
            failed = next((r for r in results if isinstance(r, KazooException)), None)
            return results if failed is None else failed

        return self.client.noted("multi", None, self.operations, call)


class Network(SequentialThreadingHandler):
    """What a session reaches its servers through, or does not."""

    cut = False

    def create_connection(self, *arguments, **keywords):
        if self.cut:
            raise OSError("the network is cut")
        return super().create_connection(*arguments, **keywords)


class Session(KazooClient):
    """A kazoo client that knows when it was connected and how each of its writes ended.

    It can be cut off from all servers, which it notices as it would notice a broken network."""

    def __init__(self, name, hosts, timeout, draw):
        self.name = name
        self.writes = []
        self.claims = set()
        self.breaks = 0  # how often it was suspended or lost
        self.losses = 0
        self.guard = threading.RLock()
        self.surely = None  # the session id while it is connected
        # Every session tries the servers in an order of its own.
        shuffled = hosts.split(",")
        draw.shuffle(shuffled)
        super().__init__(
            hosts=",".join(shuffled),
            timeout=timeout,
            randomize_hosts=False,
            handler=Network(),
            connection_retry=KazooRetry(max_tries=-1, delay=0.05, backoff=1.5, max_jitter=0.1, max_delay=0.3),
            command_retry=KazooRetry(max_tries=-1, delay=0.05, backoff=1.5, max_jitter=0.1, max_delay=0.3),
        )
        self.add_listener(self._state_changed)

    @property
    def timeout(self):
        """Seconds."""
        return self._session_timeout / 1000

    def _state_changed(self, state):
        moment = now()
        with self.guard:
            if state == KazooState.CONNECTED:
                self.surely = unsigned(self._session_id)
                for claim in self.claims:
                    claim.resume(moment, self.surely)
            else:
                self.surely = None
                self.breaks += 1
                self.losses += state == KazooState.LOST and not self._stopped.is_set()
                for claim in self.claims:
                    claim.suspend(moment)

    def noted(self, kind, path, value, call):
        try:
            result = call()
        except UNKNOWN_OUTCOME:
            self.writes.append(Write(kind, path, value, False, None))
            raise
        if not isinstance(result, KazooException):
            self.writes.append(Write(kind, path, value, True, result))
        return result

    def create(self, path, value=b"", *arguments, **keywords):
        call = super().create
        return self.noted("create", path, value, lambda: call(path, value, *arguments, **keywords))

    def set(self, path, value, version=-1):
        call = super().set
        return self.noted("set", path, value, lambda: call(path, value, version))

    def delete(self, path, version=-1, recursive=False):
        call = super().delete
        return self.noted("delete", path, None, lambda: call(path, version, recursive))

    def transaction(self):
        return NotedTransaction(self)

    def cut_off(self):
        """From now on no server can be reached."""
        self.handler.cut = True
        with contextlib.suppress(OSError, AttributeError):
            self._connection._socket.shutdown(2)

    def restore(self):
        self.handler.cut = False

    def leave(self):
        """Ends the session, as far as the servers can be reached."""
        with contextlib.suppress(Exception):
            self.stop()
        with contextlib.suppress(Exception):
            self.close()


def unsigned(session_id):
    """Session ids come signed from one place and unsigned from another."""
    return None if session_id is None else session_id & (1 << 64) - 1


class Claim:
    """What one session holds, and the stretches of time in which it surely did.

    It surely does while it is connected in the session it got it in. A session that is cut off may be dead already; once
    it is connected again as the same session, it has held everything all the time."""

    def __init__(self, session, owner, token=None, kind=None):
        self.session, self.owner, self.token, self.kind = session, unsigned(owner), token, kind
        self.stretches = []
        self._since = None
        with session.guard:
            session.claims.add(self)
            if session.surely is not None:
                self.resume(now(), session.surely)

    def resume(self, moment, session_id):
        if session_id == self.owner and self._since is None:
            self._since = moment

    def suspend(self, moment):
        if self._since is not None:
            self.stretches.append((self._since, moment))
            self._since = None

    @property
    def sure(self):
        with self.session.guard:
            return self._since is not None

    @property
    def dead(self):
        """Whether the session it was got in is known to be over."""
        with self.session.guard:
            return self.session.surely not in (None, self.owner)

    def end(self):
        """To be called before it is given up."""
        with self.session.guard:
            self.suspend(now())
            self.session.claims.discard(self)

    def __repr__(self):
        return f"{self.kind or 'claim'} {self.token} of {self.session.name} in session {self.owner:#x}"


def expect_at_most(capacity, claims, what, excludes=lambda a, b: True):
    """At no moment do more than `capacity` of the claims that exclude each other surely hold."""
    stretches = sorted((start, end, i) for i, claim in enumerate(claims) for start, end in claim.stretches)
    active = []
    for start, end, i in stretches:
        active = [(e, j) for e, j in active if e > start]
        rivals = [claims[j] for e, j in active if excludes(claims[i], claims[j])]
        if len(rivals) >= capacity:
            overlap = min(end, *(e for e, j in active)) - start
            raise Failed(f"{what}: {[claims[i], *rivals]} overlap for {overlap * 1000:.1f} ms")
        bisect.insort(active, (end, i))


class Recipe:
    """The frame of a check: sessions, threads that work until the check is over, and what to tell.

    A subclass fills in `prepare`, `work` (called in a thread for each of `WORKERS`) and `conclude`."""

    WORKERS = 4
    # How many operations each worker must complete after the last kill.
    PROOF = 3
    DEADLINE = 45.0  # seconds, for that

    def __init__(self, name, hosts, seed):
        self.name, self.hosts, self.seed = name, hosts, seed
        self.base = f"/{name}"
        self.random = random.Random(f"{seed} {name}")
        self.done = [0] * self.WORKERS
        self.figures = {}
        self.calm = threading.Event()  # nobody is killed any more
        self.over = threading.Event()  # the workers may end
        self.failures = queue.SimpleQueue()
        self.sessions = []
        self._threads = []
        self._pulse = 0.0
        self.next_cut = now() + self.random.uniform(2, 10)

    def prepare(self):
        """Before the first worker starts."""

    def work(self, index, draw):
        """One worker: goes on until `over` is set, counts in `done[index]`."""
        raise NotImplementedError

    def conclude(self):
        """After the last worker has ended: judges."""

    # --- for the subclasses

    def open(self, name="judge", timeout=None):
        draw = random.Random(f"{self.seed} {self.name} {name} {len(self.sessions)}")
        session = Session(f"{self.name}/{name}", self.hosts, timeout or draw.uniform(4, 8), draw)
        self.sessions.append(session)
        session.start(timeout=30 * PATIENCE)
        return session

    def renew(self, session):
        """A new session in place of this one."""
        session.leave()
        self.count("sessions begun anew")
        return self.open(session.name.partition("/")[2], session.timeout)

    def count(self, what, number=1):
        self.figures[what] = self.figures.get(what, 0) + number

    def spawn(self, function, *arguments, joined=True):
        def run():
            try:
                function(*arguments)
            except Exception as error:
                if not isinstance(error, Failed):
                    traceback.print_exc()
                self.failures.put(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        if joined:
            self._threads.append(thread)
        return thread

    def pause(self, draw, longest):
        self.over.wait(draw.uniform(0, longest))

    def perhaps_cut_off(self, session, draw):
        """Every now and then, while leaders are killed, a session falls off the network, perhaps for too long to live."""
        if now() < self.next_cut or self.calm.is_set():
            return
        self.next_cut = now() + draw.uniform(5, 15)
        self.count("times off the network")
        session.cut_off()
        self.over.wait(session.timeout * draw.uniform(0.4, 2.0))
        session.restore()

    @staticmethod
    def until_known(call):
        """The result of a read: asked again until there is an answer."""
        while True:
            try:
                return call()
            except (ConnectionLoss, OperationTimeoutError, SessionExpiredError):
                time.sleep(0.05)

    def expect_empty_soon(self, judge, path, what, keep=()):
        """No node is left there but those to keep: each was ephemeral, and no session of its makers lives."""
        deadline = now() + 20 * PATIENCE

        def left():
            judge.retry(judge.sync, path)
            try:
                return sorted(set(judge.retry(judge.get_children, path)) - set(keep))
            except NoNodeError:
                return []

        while names := left():
            expect(now() < deadline, f"{what}: {names} is left of sessions that have ended")
            time.sleep(0.1)

    # --- the frame

    def run(self, begun, wait_calm):
        """`begun()` is called once every worker runs, `wait_calm()` returns when the kills are over."""
        self.spawn(self._watch_pulse)
        self.prepare()
        for index in range(self.WORKERS):
            self.spawn(self.work, index, random.Random(f"{self.random.random()} {index}"))
        self._wait(lambda: min(self.done) >= 1, "each worker to begin")
        begun()
        wait_calm()
        before = list(self.done)
        self.calm.set()
        self._wait(
            lambda: all(d >= b + self.PROOF for d, b in zip(self.done, before)),
            f"each worker to complete {self.PROOF} more after the last kill",
        )
        self.over.set()
        for thread in self._threads:
            thread.join(30 * PATIENCE)
        self._check()
        expect(not any(thread.is_alive() for thread in self._threads), "a worker hangs")
        self.figures["breaks"] = sum(s.breaks for s in self.sessions)
        self.figures["losses"] = sum(s.losses for s in self.sessions)
        self.figures["operations"] = sum(self.done)
        self.figures["longest stall ms"] = round(self._pulse * 1000)
        self.conclude()
        self._check()

    def _check(self):
        if not self.failures.empty():
            raise self.failures.get()

    def _wait(self, condition, what):
        deadline = now() + self.DEADLINE * PATIENCE
        while not condition():
            self._check()
            if now() > deadline:
                raise Failed(f"waited {self.DEADLINE * PATIENCE:.0f} s for {what}: {self.done} {self.stuck()}")
            time.sleep(0.05)

    def stuck(self):
        """What a worker that does not go on is waiting for, for the message."""
        return [(s.name, s.state, f"{s.surely or 0:#x}") for s in self.sessions if not s._stopped.is_set()]

    def _watch_pulse(self):
        """How long this process was kept from running: a session it does not serve may end rightly."""
        last = now()
        while not self.over.wait(0.05):
            self._pulse = max(self._pulse, now() - last - 0.05)
            last = now()


def verdict_of(recipe, begun, wait_calm):
    """Runs the check: (whether it passed, why not, figures)."""
    try:
        recipe.run(begun, wait_calm)
    except Failed as failed:
        return False, str(failed), recipe.figures
    except Exception as error:
        traceback.print_exc()
        return False, f"{type(error).__name__}: {error}", recipe.figures
    return True, None, recipe.figures


def child(path):
    return os.path.basename(path)
