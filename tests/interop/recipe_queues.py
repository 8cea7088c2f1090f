"""Checks of kazoo's Queue, LockingQueue and Counter, entry by entry and version by version.

A `put` whose answer is lost is repeated, as a user would, and then may be there twice. `Queue` takes an entry away
before it is processed: when the answer to that is lost, so is the entry. `LockingQueue` takes it away together with its
lock afterwards. What is judged is each entry of the server: added once, taken away once, and nothing else is missing.
"""

import threading

from kazoo.exceptions import KazooException, NoNodeError
from kazoo.protocol.serialization import Delete

from harness import PATIENCE, expect
from recipe_kit import UNKNOWN_OUTCOME, Claim, Recipe, child, expect_at_most, now


class QueueRecipe(Recipe):
    """Two producers (workers 0 and 1) and three consumers."""

    WORKERS = 5
    PRODUCERS = 2

    def prepare(self):
        self.lock = threading.Lock()
        self.numbers = iter(range(1 << 30))
        self.taken = []  # what consumers were given
        self.judge = self.open(timeout=10)
        self.judge.retry(self.judge.ensure_path, self.base)
        self.produced = threading.Event()

    def work(self, index, draw):
        session = self.open(f"worker{index}")
        if index < self.PRODUCERS:
            self.produce(session, index, draw)
        else:
            self.consume(session, index, draw)

    def next_item(self):
        with self.lock:
            return f"item {next(self.numbers)}".encode()

    def produce(self, session, index, draw):
        queue = self.make(session)
        while not self.over.is_set():
            priority = draw.choice((50, 100))
            if hasattr(queue, "put_all") and draw.random() < 0.2:
                items = [self.next_item(), self.next_item()]
                session.retry(queue.put_all, items, priority)
            else:
                session.retry(queue.put, self.next_item(), priority)
            self.done[index] += 1
            self.pause(draw, 0.06)
        session.leave()

    def entries(self):
        """The entries as sessions know of them: those acknowledged, and how many may be there besides."""
        added, uncertain = {}, 0
        for session in self.sessions:
            for write in list(session.writes):
                if write.kind == "create" and "/entr" in write.path and "/taken/" not in write.path:
                    if write.done:
                        expect(write.result not in added, f"two puts were told {write.result}")
                        added[write.result] = write.value
                    else:
                        uncertain += 1
                elif write.kind == "multi" and not any(isinstance(op, Delete) for op in write.value):
                    for op, path in zip(write.value, write.result or [None] * len(write.value)):
                        if path is None:
                            uncertain += 1
                        else:
                            expect(path not in added, f"two puts were told {path}")
                            added[path] = op.data
        return added, uncertain

    def judge_removals(self, added, uncertain, removed, perhaps, left):
        """Each entry that was added has gone in just one way, or is left."""
        for path, count in removed.items():
            expect(count == 1, f"{path} was taken away {count} times")
            expect(path not in left, f"{path} is there although taking it away was acknowledged")
        for path in added:
            expect(path in removed or path in perhaps or path in left, f"{path} was added and is lost")
        strangers = {*removed, *left} - added.keys()
        expect(len(strangers) <= uncertain, f"{strangers} were never added, {uncertain} puts were uncertain")
        self.figures["entries"] = len(added)
        self.figures["perhaps added"] = uncertain
        self.figures["perhaps taken"] = len(perhaps)

    def left(self, path):
        self.judge.retry(self.judge.sync, path)
        return {f"{path}/{name}" for name in self.judge.retry(self.judge.get_children, path)}


class Queues(QueueRecipe):
    """Queue: at most once; an entry is lost only with the answer to the delete that took it."""

    def make(self, session):
        return session.Queue(self.base)

    def consume(self, session, index, draw):
        queue = self.make(session)
        while not (self.over.is_set() and self.drained()):
            item = queue.get()
            if item is not None:
                # The last delete of this session is the one that took it.
                taken = next(w for w in reversed(session.writes) if w.kind == "delete" and w.done)
                with self.lock:
                    self.taken.append((taken.path, item))
                self.done[index] += 1
            self.pause(draw, 0.03)
        session.leave()

    def drained(self):
        return all(self.sessions_ended(i) for i in range(self.PRODUCERS)) and not self.left(self.base)

    def sessions_ended(self, index):
        return all(s._stopped.is_set() for s in self.sessions if s.name == f"{self.name}/worker{index}")

    def conclude(self):
        added, uncertain = self.entries()
        removed, perhaps = {}, set()
        for session in self.sessions:
            for write in session.writes:
                if write.kind == "delete" and write.done:
                    removed[write.path] = removed.get(write.path, 0) + 1
                elif write.kind == "delete":
                    perhaps.add(write.path)
        self.judge_removals(added, uncertain, removed, perhaps, self.left(self.base))
        for path, item in self.taken:
            expect(added.get(path, item) == item, f"{path} was given out as {item}, put as {added.get(path)}")
        got = [path for path, _ in self.taken]
        expect(len(got) == len(set(got)), "an entry was given out twice")
        expect(set(got) == removed.keys(), f"{removed.keys() - set(got)} were taken away and given to nobody")


class LockingQueues(QueueRecipe):
    """LockingQueue: at least once; each entry is consumed by just one acknowledged transaction."""

    def make(self, session):
        return session.LockingQueue(self.base)

    def prepare(self):
        super().prepare()
        self.claims = []

    def consume(self, session, index, draw):
        queue = self.make(session)
        breaks = session.breaks
        while not (self.over.is_set() and self.drained()):
            try:
                item = queue.get(timeout=1)
            except (*UNKNOWN_OUTCOME, NoNodeError):
                item = None
            if session.breaks != breaks:
                # What this session has locked, and whether it watches, is uncertain: a new one begins.
                session = self.renew(session)
                queue, breaks = self.make(session), session.breaks
                continue
            if item is None:
                continue
            entry, _ = queue.processing_element
            claim = self.claim(session, f"{self.base}/taken/{entry}", entry)
            self.pause(draw, 0.02)
            self.perhaps_cut_off(session, draw)
            if claim:
                claim.end()
            with self.lock:
                self.taken.append((f"{self.base}/entries/{entry}", item))
            try:
                if draw.random() < 0.1:
                    queue.release()
                else:
                    queue.consume()
                    self.done[index] += 1
            except (*UNKNOWN_OUTCOME, NoNodeError):
                # It is not ours any more, or perhaps consumed.
                session = self.renew(session)
                queue, breaks = self.make(session), session.breaks
        session.leave()

    def claim(self, session, lock, entry):
        try:
            stat = session.exists(lock)
        except UNKNOWN_OUTCOME:
            return None
        if stat is None:
            return None
        claim = Claim(session, stat.ephemeralOwner, entry, "entry")
        self.claims.append(claim)
        return claim

    def drained(self):
        producers = [f"{self.name}/worker{i}" for i in range(self.PRODUCERS)]
        return all(s._stopped.is_set() for s in self.sessions if s.name in producers) and not self.left(
            f"{self.base}/entries"
        )

    def conclude(self):
        added, uncertain = self.entries()
        removed, perhaps = {}, set()
        for session in self.sessions:
            for write in session.writes:
                if write.kind != "multi":
                    continue
                for op in write.value:
                    if isinstance(op, Delete) and "/entries/" in op.path:
                        if write.done:
                            removed[op.path] = removed.get(op.path, 0) + 1
                        else:
                            perhaps.add(op.path)
        self.judge_removals(added, uncertain, removed, perhaps, self.left(f"{self.base}/entries"))
        given = {path for path, _ in self.taken}
        for path, item in self.taken:
            expect(added.get(path, item) == item, f"{path} was given out as {item}, put as {added.get(path)}")
        expect(removed.keys() <= given, f"{removed.keys() - given} were consumed by nobody")
        by_entry = {}
        for claim in self.claims:
            by_entry.setdefault(claim.token, []).append(claim)
        for claims in by_entry.values():
            expect_at_most(1, claims, "an entry is processed twice at the same time")
        self.figures["given out"] = len(self.taken)
        self.expect_empty_soon(self.judge, f"{self.base}/taken", "the locks of entries")


class Counters(Recipe):
    """Every acknowledged increment counts once, every uncertain one at most once."""

    def prepare(self):
        self.judge = self.open(timeout=10)

    def work(self, index, draw):
        session = self.open(f"worker{index}")
        counter = session.Counter(self.base)
        while not self.over.is_set():
            counter += 1
            self.done[index] += 1
            self.pause(draw, 0.08)
        session.leave()

    def conclude(self):
        session = self.judge
        session.retry(session.sync, self.base)
        data, stat = session.retry(session.get, self.base)
        versions, uncertain = {}, 0
        for writer in self.sessions:
            for write in writer.writes:
                if write.kind == "set" and write.done:
                    expect(write.result.version not in versions, f"two increments made version {write.result.version}")
                    versions[write.result.version] = write.value
                elif write.kind == "set":
                    uncertain += 1
        for version, value in versions.items():
            expect(int(value) == version, f"version {version} of the counter is {value}")
        acknowledged = len(versions)
        expect(
            acknowledged <= int(data) <= acknowledged + uncertain,
            f"the counter is {int(data)} after {acknowledged} acknowledged and {uncertain} uncertain increments",
        )
        expect(int(data) == stat.version, f"the counter is {int(data)} in version {stat.version}")
        expect(sum(self.done) == acknowledged, f"{sum(self.done)} increments returned, {acknowledged} were acknowledged")
        self.figures["value"] = int(data)
        self.figures["perhaps"] = uncertain
