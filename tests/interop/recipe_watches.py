"""Checks of kazoo's DataWatch, ChildrenWatch and TreeCache: they never go back within a session, and in the end show
what the server has.

A watcher that is behind in the end is the server's fault if kazoo has a watch registered there, which then has not
fired. If it has none it has lost its way by itself; then it is set up again, as a user would, and must get it right.
"""

import threading
import time

from kazoo.exceptions import NodeExistsError, NoNodeError, NotEmptyError
from kazoo.recipe.cache import TreeCache, TreeEvent

from harness import PATIENCE, Failed, expect
from recipe_kit import UNKNOWN_OUTCOME, Recipe, now

SETTLE = 15.0


class Watched(Recipe):
    """Worker 0 and 1 write, the others watch. A watcher has `shows()` (what it shows), `watching()` (whether
    kazoo has the watches that would tell it more) and `again()`."""

    WORKERS = 2
    WATCHERS = 3

    def prepare(self):
        self.judge = self.open(timeout=10)
        self.plant(self.judge)
        self.watchers = [self.watch(i) for i in range(self.WATCHERS)]
        self.spawn(self.shake)

    def shake(self):
        """Now and then a watcher falls off the network."""
        draw = self.random
        while not self.over.wait(1):
            self.perhaps_cut_off(draw.choice(self.watchers).session, draw)

    def work(self, index, draw):
        session = self.open(f"writer{index}")
        while not self.over.is_set():
            try:
                self.write(session, index, draw)
            except (NoNodeError, NodeExistsError, NotEmptyError):
                pass  # the other writer was faster, or the repetition of what was done already
            self.done[index] += 1
            self.pause(draw, 0.1)
        session.leave()

    def conclude(self):
        truth = self.truth(self.judge)
        for watcher in self.watchers:
            if not self.settles(watcher, truth):
                wrong = watcher.wrong(truth)
                expect(not watcher.watching(wrong), f"{watcher.session.name} is behind at {wrong}: a watch has not fired")
                self.count("kazoo: behind without a watch")
                watcher.again()
                expect(self.settles(watcher, truth), f"{watcher.session.name} is still behind at {watcher.wrong(truth)}")
        self.figures["changes seen"] = sum(w.changes for w in self.watchers)
        for watcher in self.watchers:
            watcher.session.leave()

    def settles(self, watcher, truth):
        deadline = now() + SETTLE * PATIENCE
        while watcher.wrong(truth):
            if now() > deadline:
                return False
            time.sleep(0.1)
        return True


class Watcher:
    """Common to the three: in which session something was seen, and whether that is later than what was seen before."""

    def __init__(self, recipe, session):
        self.recipe, self.session = recipe, session
        self.changes = 0
        self.last = {}  # (path, session id) -> mark
        self.lock = threading.Lock()

    def advance(self, path, mark):
        """`mark` is what is seen now; it may only grow within one session."""
        session_id = self.session._session_id
        with self.lock:
            last = self.last.get((path, session_id))
            if self.session._session_id == session_id is not None:
                if last is not None and mark < last:
                    self.recipe.failures.put(
                        Failed(f"{self.session.name} sees {path} go back from {last} to {mark}")
                    )
                self.last[path, session_id] = mark
            self.changes += 1

    def has_watch(self, path, children=False):
        watchers = self.session._child_watchers if children else self.session._data_watchers
        return bool(watchers.get(path))


class DataWatcher(Watcher):
    def __init__(self, recipe, session, paths):
        super().__init__(recipe, session)
        self.paths = paths
        self.seen = {}
        self.again()

    def again(self):
        for path in self.paths:
            self.session.DataWatch(path, self.listener(path))

    def listener(self, path):
        def changed(data, stat):
            if stat is not None:
                self.advance(path, (stat.mzxid, stat.version, int(data)))
            self.seen[path] = (data, stat and stat.mzxid)

        return changed

    def wrong(self, truth):
        return [path for path in self.paths if self.seen.get(path) != truth[path]]

    def watching(self, paths):
        return [path for path in paths if self.has_watch(path)]


class DataWatches(Watched):
    """Three nodes are set, deleted and created again."""

    def plant(self, judge):
        judge.retry(judge.ensure_path, self.base)
        self.paths = [f"{self.base}/d{i}" for i in range(3)]
        self.numbers = iter(range(1, 1 << 30))
        self.lock = threading.Lock()

    def watch(self, i):
        return DataWatcher(self, self.open(f"watcher{i}"), self.paths)

    def write(self, session, index, draw):
        path = draw.choice(self.paths)
        if draw.random() < 0.15:
            session.retry(session.delete, path)
            return
        with self.lock:  # so that the numbers grow with the zxids; a repetition writes the same number
            number = str(next(self.numbers)).encode()
            try:
                session.retry(session.set, path, number)
            except NoNodeError:
                session.retry(session.create, path, number)

    def truth(self, judge):
        judge.retry(judge.sync, self.base)
        truth = {}
        for path in self.paths:
            try:
                data, stat = judge.retry(judge.get, path)
                truth[path] = (data, stat.mzxid)
            except NoNodeError:
                truth[path] = (None, None)
        return truth


class ChildrenWatcher(Watcher):
    def __init__(self, recipe, session, path):
        super().__init__(recipe, session)
        self.path = path
        self.seen = None
        self.known = {}  # name -> whether it is there, in session `id`
        self.id = None
        self.again()

    def again(self):
        self.session.ChildrenWatch(self.path, self.changed)

    def changed(self, children):
        names = set(children)
        with self.lock:
            session_id = self.session._session_id
            if session_id != self.id:
                self.known, self.id = {}, session_id
            back = [name for name in names if self.known.get(name) is False]
            if back and session_id == self.session._session_id is not None:
                self.recipe.failures.put(Failed(f"{self.session.name} sees {back} again, which were gone"))
            self.known.update(dict.fromkeys(self.known.keys() - names, False))
            self.known.update(dict.fromkeys(names, True))
            self.seen = names
            self.changes += 1

    def wrong(self, truth):
        return [] if self.seen == truth else [self.path]

    def watching(self, paths):
        return [path for path in paths if self.has_watch(path, children=True)]


class ChildrenWatches(Watched):
    """Children come and go; a name is never used twice."""

    def plant(self, judge):
        judge.retry(judge.ensure_path, self.base)
        self.numbers = iter(range(1, 1 << 30))
        self.lock = threading.Lock()

    def watch(self, i):
        return ChildrenWatcher(self, self.open(f"watcher{i}"), self.base)

    def write(self, session, index, draw):
        if draw.random() < 0.55:
            with self.lock:
                number = next(self.numbers)
            try:
                session.create(f"{self.base}/c{number}")
            except UNKNOWN_OUTCOME:
                pass  # repeated, it might come after somebody has deleted it
        elif names := session.retry(session.get_children, self.base):
            session.retry(session.delete, f"{self.base}/{draw.choice(sorted(names))}")

    def truth(self, judge):
        judge.retry(judge.sync, self.base)
        return set(judge.retry(judge.get_children, self.base))


class TreeWatcher(Watcher):
    def __init__(self, recipe, session, base):
        super().__init__(recipe, session)
        self.base = base
        self.cache = None
        self.faults = []
        self.again()

    def again(self):
        if self.cache:
            self.cache.close()
        self.cache = TreeCache(self.session, self.base)
        self.cache.listen(self.event)
        self.cache.listen_fault(self.faults.append)
        while True:
            try:
                self.cache.start()
                return
            except UNKNOWN_OUTCOME:
                self.cache.close()
                self.cache = TreeCache(self.session, self.base)
                self.cache.listen(self.event)
                self.cache.listen_fault(self.faults.append)

    def event(self, event):
        if event.event_type in (TreeEvent.NODE_ADDED, TreeEvent.NODE_UPDATED):
            data = event.event_data
            self.advance(data.path, (data.stat.mzxid, data.stat.version))

    def shown(self):
        shown, pending = {}, [self.base]
        while pending:
            path = pending.pop()
            data = self.cache.get_data(path)
            shown[path] = data and (data.data, data.stat.mzxid)
            pending += [f"{path}/{name}" for name in self.cache.get_children(path) or ()]
        return shown

    def wrong(self, truth):
        try:
            shown = self.shown()
        except RuntimeError:  # it changes under our hands
            return [self.base]
        return sorted(p for p in truth.keys() | shown.keys() if truth.get(p) != shown.get(p))

    def watching(self, paths):
        """The watch that would tell of the difference: on the node if the cache has it, else on its parent."""
        cached = set(self.shown())
        return [
            path
            for path in paths
            if (self.has_watch(path) if path in cached else self.has_watch(path.rpartition("/")[0], children=True))
        ]


class TreeCaches(Watched):
    """A tree of three levels in which nodes come, change and go."""

    def plant(self, judge):
        for i in range(3):
            judge.retry(judge.ensure_path, f"{self.base}/t{i}")
        self.numbers = iter(range(1, 1 << 30))
        self.lock = threading.Lock()

    def watch(self, i):
        return TreeWatcher(self, self.open(f"watcher{i}"), self.base)

    def write(self, session, index, draw):
        with self.lock:
            number = next(self.numbers)
        branch = f"{self.base}/t{draw.randrange(3)}"
        leaves = [f"{branch}/{name}" for name in session.retry(session.get_children, branch)]
        what = draw.random()
        if what < 0.35 or not leaves:
            try:
                session.create(f"{branch}/n{number}", str(number).encode())
            except UNKNOWN_OUTCOME:
                pass  # a name is never used twice
        elif what < 0.5:
            leaf = draw.choice(sorted(leaves))
            try:
                session.create(f"{leaf}/x{number}", b"x")
            except UNKNOWN_OUTCOME:
                pass
        elif what < 0.75:
            session.retry(session.set, draw.choice([branch, *leaves]), str(number).encode())
        else:
            leaf = draw.choice(sorted(leaves))
            for name in session.retry(session.get_children, leaf):
                session.retry(session.delete, f"{leaf}/{name}")
            session.retry(session.delete, leaf)

    def truth(self, judge):
        judge.retry(judge.sync, self.base)
        truth, pending = {}, [self.base]
        while pending:
            path = pending.pop()
            data, stat = judge.retry(judge.get, path)
            truth[path] = (data, stat.mzxid)
            pending += [f"{path}/{name}" for name in judge.retry(judge.get_children, path)]
        return truth

    def conclude(self):
        super().conclude()
        if faults := [repr(f) for w in self.watchers for f in w.faults]:
            self.figures["kazoo: faults of the cache"] = len(faults)
