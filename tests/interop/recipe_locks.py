"""Checks of kazoo's Lock, Election, Semaphore, ReadLock, WriteLock and NonBlockingLease.

Exclusion is judged twice: by the stretches of time in which holders surely held (`Claim`), and by what the holders
write to a node that only they may write to, with the lock's sequence number as the fencing token.
"""

import datetime
import json
import threading
import time

from kazoo.exceptions import BadVersionError, CancelledError, LockTimeout, NoNodeError

from harness import PATIENCE, Failed, expect
from recipe_kit import UNKNOWN_OUTCOME, Claim, Recipe, child, expect_at_most, now, unsigned


class Guarded:
    """A node that only the holder of a lock writes to, by reading it and writing it back."""

    def __init__(self, path):
        self.path = path
        self.acknowledged = []  # (version, token)
        self.unknown = 0
        self.lock = threading.Lock()

    def write(self, session, claim, label):
        """One write under the claim; whether it was acknowledged, or known to be carried out, while the claim lasted."""
        mine = f"{claim.token} {label}".encode()
        unsure = False
        while not claim.dead:
            try:
                data, stat = session.get(self.path)
                if not claim.sure:
                    continue  # reconnecting, or over: what was read may be anybody's
                if data == mine:
                    expect(unsure, f"{self.path} says {mine} before it was written")
                    return self._note(stat.version, claim.token)
                seen = int(data.split()[0])
                expect(seen <= claim.token, f"{claim} finds {self.path} written by the later holder {seen}")
                written = session.set(self.path, mine, version=stat.version)
                return self._note(written.version, claim.token)
            except BadVersionError:
                expect(unsure or not claim.sure, f"{self.path} is written by somebody else while {claim} holds")
            except UNKNOWN_OUTCOME:
                unsure = True
                with self.lock:
                    self.unknown += 1
                time.sleep(0.02)
        return False

    def _note(self, version, token):
        with self.lock:
            self.acknowledged.append((version, token))
        return True

    def judge(self, session):
        """No write is lost or counted twice, and the tokens never go back."""
        session.retry(session.sync, self.path)
        _, stat = session.retry(session.get, self.path)
        versions = sorted(self.acknowledged)
        for (v, token), (w, later) in zip(versions, versions[1:]):
            expect(v < w, f"two holders wrote version {v} of {self.path}: {token} and {later}")
            expect(token <= later, f"{self.path} was written by {token} after {later}")
        expect(
            len(versions) <= stat.version <= len(versions) + self.unknown,
            f"{self.path} has version {stat.version} after {len(versions)} writes and {self.unknown} uncertain ones",
        )


class Locks(Recipe):
    """Workers that take a lock and write under it."""

    CAPACITY = 1

    def prepare(self):
        self.claims = []
        self.guarded = Guarded(f"{self.base}/guarded")
        self.judge = self.open(timeout=10)
        self.judge.retry(self.judge.ensure_path, f"{self.base}/lock")
        self.judge.retry(self.judge.create, self.guarded.path, b"-1 nobody")
        self.waiting = {}  # index -> (since, session, lock)
        self.spawn(self.watch_waiting)

    def make(self, session, index, draw):
        """A lock and its kind."""
        return session.Lock(f"{self.base}/lock", f"worker {index}"), "lock"

    excludes = staticmethod(lambda a, b: True)

    def work(self, index, draw):
        session = self.open(f"worker{index}")
        lock = kind = None
        while not self.over.is_set():
            if lock is None or draw.random() < 0.5:
                lock, kind = self.make(session, index, draw)
            try:
                with self.waits(index, session, lock):
                    lock.acquire()
            except CancelledError:
                session, lock = self.renew(session), None
                continue
            if claim := self.claim(session, lock, kind):
                self.hold(session, claim, index, draw)
                claim.end()
            lock.release()
            self.pause(draw, 0.02)
        session.leave()

    def waits(self, index, session, lock):
        recipe = self

        class Waiting:
            def __enter__(self):
                recipe.waiting[index] = (now(), session, lock)

            def __exit__(self, *error):
                recipe.waiting.pop(index, None)

        return Waiting()

    def claim(self, session, lock, kind):
        """The claim to the lock that was just acquired, unless its session ended meanwhile."""
        node = lock.node
        stat = self.until_known(lambda: session.exists(f"{lock.path}/{node}"))
        if stat is None:
            self.count("lapsed before use")
            return None
        claim = Claim(session, stat.ephemeralOwner, int(node[-10:]), kind)
        self.claims.append(claim)
        return claim

    def hold(self, session, claim, index, draw):
        self.perhaps_cut_off(session, draw)
        if claim.kind == "read":
            self.read_twice(session, claim, draw)
        else:
            for n in range(draw.randint(1, 3)):
                self.guarded.write(session, claim, f"{index} {n}")
                self.pause(draw, 0.01)
        self.done[index] += 1

    def read_twice(self, session, claim, draw):
        """While a reader holds, nobody writes."""
        breaks = session.breaks
        try:
            first = session.get(self.guarded.path)[1].mzxid
            self.pause(draw, 0.03)
            second = session.get(self.guarded.path)[1].mzxid
        except UNKNOWN_OUTCOME:
            return
        if claim.sure and session.breaks == breaks:
            expect(first == second, f"{self.guarded.path} is written ({second:#x}) while {claim} holds")

    # A lock's client may wait for something that has happened already because the server never told it, or because
    # kazoo did not ask again; only the first is a finding.

    def watch_waiting(self):
        while not self.over.wait(1.0):
            for index, (since, session, lock) in list(self.waiting.items()):
                if now() - since > 12 * PATIENCE and session.surely is not None:
                    self.look_at(index, session, lock)

    def look_at(self, index, session, lock):
        for _ in range(2):  # what has just happened may still be on its way
            self.judge.retry(self.judge.sync, lock.path)
            names = self.judge.retry(self.judge.get_children, lock.path)
            twice = [n for n in names if n.startswith(lock.prefix)]
            if len(twice) > 1:
                # A create whose answer was lost, and that kazoo did not find when it looked for it.
                self.count("kazoo: two nodes of one lock")
                lock.cancel()
                return
            rivals = [n for n in names if any(x in n for x in lock._exclude_names)]
            ahead = [n for n in rivals if lock.node and n[-10:] < lock.node[-10:]]
            if ahead or not lock.node or self.waiting.get(index, (0, 0, None))[2] is not lock:
                return
            time.sleep(2)
        watched = [p for p in list(session._data_watchers) if p.startswith(lock.path)]
        expect(not watched, f"{session.name} waits for {watched}, which is gone; the watch has not fired")
        self.count("kazoo: waits without a watch")
        lock.cancel()

    def conclude(self):
        expect_at_most(self.CAPACITY, self.claims, f"{self.name} is held too often", self.excludes)
        self.guarded.judge(self.judge)
        self.expect_empty_soon(self.judge, f"{self.base}/lock", "the lock's nodes")
        self.figures["unknown writes"] = self.guarded.unknown


class Elections(Locks):
    """Candidates that lead for a while, or until their connection is suspended."""

    def prepare(self):
        super().prepare()
        self.terms = {}

    def work(self, index, draw):
        session = self.open(f"candidate{index}")
        election = session.Election(f"{self.base}/lock", f"candidate {index}")
        while not self.over.is_set():
            led = []
            election = session.Election(f"{self.base}/lock", f"candidate {index}")
            self.waiting[index] = (now(), session, election.lock)
            election.run(self.lead, session, election, index, draw, led)
            self.waiting.pop(index, None)
            if not led:  # cancelled
                session = self.renew(session)
            self.pause(draw, 0.05)
        session.leave()

    def lead(self, session, election, index, draw, led):
        led.append(True)
        self.waiting.pop(index, None)
        claim = self.claim(session, election.lock, "term")
        if claim:
            # A leader steps down by itself now and then, and when it is not sure any more that it leads.
            until = now() + draw.uniform(0.02, 0.3)
            self.hold(session, claim, index, draw)
            while claim.sure and now() < until and not self.over.is_set():
                time.sleep(0.01)
            claim.end()


class ReadWriteLocks(Locks):
    """Three readers and two writers: no writer with anybody else."""

    WORKERS = 5

    def make(self, session, index, draw):
        if index < 3:
            return session.ReadLock(f"{self.base}/lock", f"reader {index}"), "read"
        return session.WriteLock(f"{self.base}/lock", f"writer {index}"), "write"

    excludes = staticmethod(lambda a, b: "write" in (a.kind, b.kind))

    def conclude(self):
        super().conclude()
        together = sum(
            s < e2 and s2 < e
            for a, b in zip(self.claims, self.claims[1:])
            if a.kind == b.kind == "read"
            for s, e in a.stretches
            for s2, e2 in b.stretches
        )
        expect(together, "readers never hold together")
        self.figures["readers together"] = together


class Semaphores(Recipe):
    """Five workers and two leases; no look at the server ever shows a third."""

    WORKERS = 5
    LEASES = 2

    def prepare(self):
        self.claims = []
        self.judge = self.open(timeout=10)
        self.judge.retry(self.judge.ensure_path, self.base)
        self.path = f"{self.base}/leases"
        self.spawn(self.look)

    def work(self, index, draw):
        session = self.open(f"worker{index}")
        while not self.over.is_set():
            semaphore = session.Semaphore(self.path, f"worker {index}", max_leases=self.LEASES)
            try:
                semaphore.acquire(timeout=20 * PATIENCE)
            except (LockTimeout, CancelledError):
                # A node whose creation kazoo did not hear of may stand in everybody's way until its session ends.
                self.count("waits given up")
                session = self.renew(session)
                continue
            stat = self.until_known(lambda: session.exists(semaphore.create_path))
            if stat is not None:
                claim = Claim(session, stat.ephemeralOwner, child(semaphore.create_path)[:8], "lease")
                self.claims.append(claim)
                self.perhaps_cut_off(session, draw)
                self.pause(draw, 0.05)
                self.done[index] += 1
                claim.end()
            semaphore.release()
            self.pause(draw, 0.02)
        session.leave()

    def look(self):
        session = self.open("looker")
        while not self.over.wait(0.02):
            try:
                leases = session.get_children(self.path)
            except (NoNodeError, *UNKNOWN_OUTCOME):
                continue
            expect(len(leases) <= self.LEASES, f"{len(leases)} leases of {self.LEASES} at one time: {leases}")
            self.count("looks")
        session.leave()

    def conclude(self):
        expect_at_most(self.LEASES, self.claims, "more leases are held than there are")
        given_up = self.figures.get("waits given up", 0)
        expect(given_up <= 3, f"{given_up} times a lease was not to be had")
        self.expect_empty_soon(self.judge, self.path, "the leases")


class Leases(Recipe):
    """Three contenders for a lease that ends by the clock."""

    WORKERS = 3
    PROOF = 1

    def prepare(self):
        self.terms = []  # (sure from, end, who), by the wall clock
        self.judge = self.open(timeout=10)

    def work(self, index, draw):
        session = self.open(f"contender{index}")
        duration = datetime.timedelta(seconds=2)
        while not self.over.is_set():
            calls = []

            def clock():
                calls.append(datetime.datetime.utcnow())
                return calls[-1]

            lease = session.retry(
                session.NonBlockingLease, self.base, duration, identifier=f"contender {index}", utcnow=clock
            )
            if lease:
                # The end is stored in whole seconds.
                self.terms.append((datetime.datetime.utcnow(), (calls[-1] + duration).replace(microsecond=0), index))
                self.done[index] += 1
                self.over.wait(draw.uniform(1.0, 2.0))
            self.over.wait(draw.uniform(0.2, 1.0))
        session.leave()

    def conclude(self):
        terms = sorted(t for t in self.terms if t[0] < t[1])
        for (start, end, who), (later, _, other) in zip(terms, terms[1:]):
            expect(who == other or end <= later, f"contender {who} has the lease until {end}, {other} from {later}")
        data = json.loads(self.judge.retry(self.judge.get, f"{self.base}/lease_holder")[0])
        last = max(self.terms, key=lambda t: t[1])
        expect(data["holder"] == f"contender {last[2]}", f"the lease is {data}, the last term {last}")
