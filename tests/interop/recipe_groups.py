"""Checks of kazoo's Barrier, DoubleBarrier, Party and ShallowParty."""

import threading
import time

from kazoo.exceptions import KazooException, NoNodeError

from harness import PATIENCE, expect
from recipe_kit import UNKNOWN_OUTCOME, Claim, Recipe, now


class Barriers(Recipe):
    """Three clients wait at one barrier after the other; worker 0 removes it: nobody passes before, everybody after."""

    WAITERS = 3
    WORKERS = 1

    def prepare(self):
        self.judge = self.open(timeout=10)
        self.judge.retry(self.judge.ensure_path, self.base)

    def work(self, index, draw):
        session = self.open("keeper")
        waiters = [self.open(f"waiter{i}") for i in range(self.WAITERS)]
        generation = 0
        while not self.over.is_set():
            generation += 1
            path = f"{self.base}/b{generation}"
            barrier = session.Barrier(path)
            barrier.create()
            passed = {}
            threads = [self.spawn(self.wait, waiter, path, passed, joined=False) for waiter in waiters]
            self.pause(draw, 0.6)
            expect(not passed, f"{list(passed)} pass {path} before it is removed")
            removing = now()
            barrier.remove()
            deadline = now() + 30 * PATIENCE
            for thread in threads:
                thread.join(max(0, deadline - now()))
            expect(len(passed) == len(waiters), f"{path} is gone, but only {list(passed)} passed")
            early = [name for name, moment in passed.items() if moment < removing]
            expect(not early, f"{early} passed {path} before it was removed")
            self.done[index] += 1
        for each in (session, *waiters):
            each.leave()

    def wait(self, session, path, passed):
        # wait() does not survive the loss of a connection: a user repeats it.
        while True:
            try:
                session.sync(path)
                if session.Barrier(path).wait(timeout=1):
                    break
            except UNKNOWN_OUTCOME:
                time.sleep(0.05)
        passed[session.name] = now()


class DoubleBarriers(Recipe):
    """Three clients enter and leave together, again and again.

    kazoo's DoubleBarrier waits for ever if its connection breaks while it waits, and leaves early if it breaks while it
    leaves. A meeting during which that happened need not come to an end; what it must not do is let anybody in before
    everybody has come, or out (over an unbroken connection) before everybody has gone."""

    MEMBERS = 3
    WORKERS = 1

    def prepare(self):
        self.judge = self.open(timeout=10)
        self.judge.retry(self.judge.ensure_path, self.base)
        self.whole = 0

    def work(self, index, draw):
        sessions = [self.open(f"member{i}") for i in range(self.MEMBERS)]
        number = 0
        while not self.over.is_set():
            number += 1
            broken = self.meet(f"{self.base}/m{number}", sessions, draw)
            if broken:
                self.count("meetings broken off")
                sessions = [self.renew(session) for session in sessions]
            else:
                self.count("meetings")
                self.done[index] += 1
        for session in sessions:
            session.leave()

    def meet(self, path, sessions, draw):
        """Whether a connection broke."""
        breaks = [s.breaks for s in sessions]
        times = {}  # (what, member) -> when
        ended = [threading.Event() for _ in sessions]

        def attend(i, pauses):
            session = sessions[i]
            try:
                go_through(i, session, pauses)
            except KazooException:
                if session.breaks == breaks[i]:
                    raise
            ended[i].set()

        def go_through(i, session, pauses):
            time.sleep(pauses[0])
            barrier = session.DoubleBarrier(path, self.MEMBERS, f"member {i}")
            times["enters", i] = now()
            barrier.enter()
            if barrier.participating:
                times["is in", i] = now()
                time.sleep(pauses[1])
                times["leaves", i] = now()
                barrier.leave()
                if session.breaks == breaks[i]:
                    times["is out", i] = now()

        for i in range(len(sessions)):
            pauses = [draw.choice((0.1, 1.0)) * draw.random() for _ in range(2)]
            self.spawn(attend, i, pauses, joined=False)

        def broken():
            return [s.breaks for s in sessions] != breaks

        deadline = now() + 20 * PATIENCE
        while not all(e.is_set() for e in ended) and not broken():
            expect(now() < deadline, f"{path} does not come to an end: {self.story(times)} {self.judge_of(path)}")
            time.sleep(0.01)
        if broken():
            # Those who can go on are given time to.
            until = now() + 3
            while now() < until and not all(e.is_set() for e in ended):
                time.sleep(0.05)
        self.judge_times(path, dict(times), sessions, breaks)
        return broken()

    def judge_times(self, path, times, sessions, breaks):
        everybody = range(len(sessions))
        for i in everybody:
            if ("is in", i) in times:
                for j in everybody:
                    come = times.get(("enters", j), times["is in", i] + 1)
                    expect(come <= times["is in", i], f"member {i} is in {path} before {j} came: {self.story(times)}")
            if ("is out", i) in times:
                for j in everybody:
                    if sessions[j].breaks == breaks[j]:
                        gone = times.get(("leaves", j), times["is out", i] + 1)
                        story = self.story(times)
                        expect(gone <= times["is out", i], f"member {i} is out of {path} before {j} went: {story}")

    def story(self, times):
        first = min(times.values(), default=0)
        return ", ".join(f"{i} {what} at {t - first:.3f}" for (what, i), t in sorted(times.items(), key=lambda x: x[1]))

    def judge_of(self, path):
        try:
            return f"there: {sorted(self.judge.retry(self.judge.get_children, path))}"
        except NoNodeError:
            return "nobody there"

    def conclude(self):
        judge = self.judge
        for name in judge.retry(judge.get_children, self.base):
            self.expect_empty_soon(judge, f"{self.base}/{name}", "a meeting", keep=("ready",))


class Parties(Recipe):
    """Members join, leave, and fall off the network; a look at the party shows each that surely is in it, and nobody
    who surely has gone."""

    WORKERS = 5

    def prepare(self):
        self.lock = threading.Lock()
        self.members = {}  # identifier -> claim
        self.gone = {}  # identifier -> since when
        self.judge = self.open(timeout=10)
        self.judge.retry(self.judge.ensure_path, self.base)
        self.spawn(self.look)

    def make(self, session, identifier=None):
        return session.Party(self.base, identifier)

    def work(self, index, draw):
        session = self.open(f"member{index}")
        number = 0
        while not self.over.is_set():
            number += 1
            identifier = f"m{index}n{number}"
            party = self.make(session, identifier)
            party.join()
            stat = self.until_known(lambda: session.exists(party.create_path))
            if stat is None:
                self.count("lapsed before use")
                continue
            claim = Claim(session, stat.ephemeralOwner, identifier, "member")
            with self.lock:
                self.members[identifier] = claim
            self.perhaps_cut_off(session, draw)
            # The last to join stays to the end.
            stays = draw.uniform(0, 0.5)
            until = now() + stays
            while now() < until and not claim.dead:
                time.sleep(0.02)
            self.done[index] += 1
            if self.over.is_set():
                break
            claim.end()
            if claim.dead:
                self.note_gone(identifier)
                continue
            party.leave()
            self.note_gone(identifier)
            self.pause(draw, 0.1)

    def note_gone(self, identifier):
        with self.lock:
            self.gone[identifier] = now()

    def look(self):
        session = self.open("looker")
        party = self.make(session)
        while not self.over.wait(0.03):
            self.look_once(session, party)
        session.leave()

    def look_once(self, session, party):
        breaks, before = session.breaks, now()
        try:
            session.sync(self.base)
            seen = set(party)
        except UNKNOWN_OUTCOME:
            return None
        after = now()
        if session.breaks != breaks:
            return None
        with self.lock:
            members, gone = dict(self.members), dict(self.gone)
        for identifier, claim in members.items():
            with claim.session.guard:
                stretches = list(claim.stretches)
                since = claim._since
            whole = any(s <= before and after <= e for s, e in stretches) or (since is not None and since <= before)
            expect(identifier in seen or not whole, f"{claim} is not to be seen among {sorted(seen)}")
        ghosts = sorted(i for i in seen if i in gone and gone[i] < before)
        ages = [round(before - gone[i], 3) for i in ghosts]
        expect(not ghosts, f"{ghosts} are still to be seen, {ages} s after they went")
        self.count("looks")
        return seen

    def conclude(self):
        """The party is exact in the end: whoever is in it, and after their sessions nobody."""
        party = self.make(self.judge)
        deadline = now() + 25 * PATIENCE
        while True:
            expected = sorted(i for i, claim in self.members.items() if claim.sure)
            seen = self.look_once(self.judge, party)
            if seen is not None and sorted(seen) == expected:
                break
            expect(now() < deadline, f"the party is {sorted(seen or ())}, its members are {expected}")
            time.sleep(0.1)
        self.figures["members at the end"] = len(expected)
        for session in self.sessions:
            if session is not self.judge:
                session.leave()
        self.expect_empty_soon(self.judge, self.base, "the party")


class ShallowParties(Parties):
    """The same with the identifiers in the nodes' names."""

    def make(self, session, identifier=None):
        return session.ShallowParty(self.base, identifier)
