"""The scenarios: what ensembles of Quorate and ZooKeeper servers go through together, and what must be true then.

A scenario gets a `Stage`, which makes the servers. In a self-test the stage gives it ZooKeeper servers in Quorate's
place: whatever a scenario asks for, ZooKeeper itself must be able to do.
"""

import itertools
import os
import random
import shutil
import threading
import time

from kazoo.client import KazooState
from kazoo.exceptions import MarshallingError, NoAuthError, NotReadOnlyCallError
from kazoo.protocol.states import KeeperState
from kazoo.security import make_acl

from harness import Ensemble, JavaServer, Laboratory, QuorateServer, expect, wait_until
from relays import Relay
from workload import (
    CREDENTIALS,
    Ledger,
    close_client,
    exercise_ephemerals,
    exercise_session_moves,
    exercise_watches,
    exercise_writes,
    expect_equal_trees,
    expect_error,
    expect_filled,
    expect_ledgers_everywhere,
    expect_same_everywhere,
    fill,
    open_client,
    plant,
    session,
)

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


class Stage:
    """Makes the servers of one scenario: `java` ones of the version under test, and `quorate` ones."""

    def __init__(self, peers, name, *, version, binary=None, stand_in=None, seed=None, rounds=2):
        self.laboratory = Laboratory(peers, name)
        self.version = version
        self.binary = binary
        self.stand_in = stand_in  # the version of the ZooKeeper servers in Quorate's place, in a self-test
        self.random = random.Random(seed)
        self.rounds = rounds  # of what can go on for any time
        self.exact = not stand_in  # where Quorate leads, ask for more than ZooKeeper does

    def java(self, myid, **arguments):
        return JavaServer(self.laboratory, myid, self.version, **arguments)

    def quorate(self, myid, **arguments):
        if self.stand_in:
            return JavaServer(self.laboratory, myid, self.stand_in, **arguments)
        return QuorateServer(self.laboratory, myid, self.binary, **arguments)

    def to_quorate(self, ensemble):
        """Hands the files of every (stopped) server to Quorate."""
        self._hand_over(ensemble, self.quorate)

    def to_java(self, ensemble):
        """Hands the files of every (stopped) server to ZooKeeper."""
        self._hand_over(ensemble, self.java)

    @staticmethod
    def _hand_over(ensemble, maker):
        for server in list(ensemble):
            ensemble.replace(server, server.handed_to(maker))


def expect_synced_by(leader, learner, kind):
    """The learner was brought up to date in this way, says whichever of the two tells."""
    told = {leader: leader.sync_sent_to(learner.myid), learner: learner.sync_received()}
    heard = {server: how for server, how in told.items() if how}
    expect(heard, f"neither {leader} nor {learner} says how {learner} was brought up to date")
    for server, how in heard.items():
        expect(how == kind, f"{learner} was brought up to date by {how}, not {kind}, says {server}")


def expect_true_digests(servers):
    """None of these servers has found its tree to be another than the leader predicted."""
    for server in servers:
        told = server.four_letter_word("mntr")
        expect("zk_digest_mismatches_count\t0\n" in told, f"{server} has another tree than the leader predicted")


# A leader that remembers fewer transactions than an empty learner lacks: it cannot send a DIFF.
SHORT_MEMORY = {"commitLogCount": 16}


def come_and_go(stage, ensemble, leader, learner, others, mode):
    """An empty learner joins by SNAP; it leaves, misses some writes, and comes back by DIFF."""
    laboratory = stage.laboratory
    with session(laboratory, others[0]) as client:
        fill(client, "/first", 20)
    learner.start().wait_serving(mode)
    expect_synced_by(leader, learner, "SNAP")
    with session(laboratory, learner) as client:
        expect_filled(client, "/first", 20)
    expect_same_everywhere(laboratory, [learner, *others])

    learner.stop()
    with session(laboratory, others[0]) as client:
        fill(client, "/second", 5)
        client.delete("/first/n0003")
        client.set("/first/n0004", b"while it was away")
    learner.start().wait_serving(mode)
    expect_synced_by(leader, learner, "DIFF")
    with session(laboratory, learner) as client:
        expect_filled(client, "/second", 5)
        expect(client.exists("/first/n0003") is None, "a node deleted meanwhile is still there")
        expect(client.get("/first/n0004")[0] == b"while it was away", "a change made meanwhile is missing")
    expect_same_everywhere(laboratory, [learner, *others])


# --- a, b, c, d: joining ---------------------------------------------------------------------------------------------


@scenario
def observer_joins_java(stage):
    """Quorate observes three ZooKeeper voters."""
    laboratory = stage.laboratory
    voters = [stage.java(i) for i in (1, 2, 3)]
    observer = stage.quorate(4, role="observer")
    ensemble = Ensemble([*voters, observer]).start(*voters)
    leader = ensemble.leader()
    come_and_go(stage, ensemble, leader, observer, voters, "observer")

    with session(laboratory, observer) as here, session(laboratory, voters[0]) as there:
        exercise_writes(here, "/through/observer")
        exercise_writes(there, "/through/java")
        names = [c.create("/through/s-", sequence=True) for c in (here, there, here, there)]
        expect(names == sorted(set(names)), f"sequential names through two servers: {names}")
        exercise_watches(here, there, "/watch/observer")
        exercise_watches(there, here, "/watch/java")
        there.sync("/")
        expect(there.get("/through/observer/a")[0] == b"5", "a write through the observer is missing on the voter")
    exercise_ephemerals(laboratory, observer, list(ensemble), "/ephemeral")
    exercise_session_moves(laboratory, [(voters[1], observer), (observer, voters[1])], "/moved")
    expect_same_everywhere(laboratory, ensemble)

    # The observer outlives the leader, and does not count: two voters of three still decide.
    leader.kill()
    new = ensemble.leader()
    observer.wait_serving("observer")
    with session(laboratory, observer) as client:
        fill(client, "/after", 5)
    leader.start().wait_serving()
    expect(new.mode() == "leader", "the new leader has gone")
    expect_same_everywhere(laboratory, ensemble)


@scenario
def follower_joins_java(stage):
    """Quorate follows a ZooKeeper leader, and its acknowledgements count."""
    laboratory = stage.laboratory
    quorate, follower, leader = stage.quorate(1), stage.java(2), stage.java(3)
    ensemble = Ensemble([quorate, follower, leader]).start(follower, leader)
    expect(ensemble.leader() is leader, "server 3 does not lead")
    come_and_go(stage, ensemble, leader, quorate, [follower, leader], "follower")

    with session(laboratory, quorate) as here, session(laboratory, follower) as there:
        exercise_writes(here, "/through/quorate")
        exercise_writes(there, "/through/java")
        exercise_watches(here, there, "/watch/quorate")
        exercise_watches(there, here, "/watch/java")
    exercise_ephemerals(laboratory, quorate, list(ensemble), "/ephemeral/quorate")
    exercise_ephemerals(laboratory, leader, list(ensemble), "/ephemeral/java")
    exercise_session_moves(laboratory, [(quorate, follower), (leader, quorate)], "/moved")

    # From here on nothing is decided without Quorate.
    follower.kill()
    with session(laboratory, quorate) as here, session(laboratory, leader) as there:
        fill(here, "/needed/quorate", 10)
        fill(there, "/needed/java", 10)
    expect((quorate.mode(), leader.mode()) == ("follower", "leader"), "the two servers left have changed roles")
    follower.start().wait_serving("follower")
    expect_same_everywhere(laboratory, ensemble)

    # And nothing without ZooKeeper's leader when Quorate is away, though it comes back with all it acknowledged.
    quorate.kill()
    with session(laboratory, leader) as there:
        fill(there, "/without", 5)
    quorate.start().wait_serving("follower")
    expect_same_everywhere(laboratory, ensemble)


@scenario
def java_follows_quorate(stage):
    """ZooKeeper follows a Quorate leader, and an election follows its death."""
    laboratory = stage.laboratory
    java, quorate, leader = stage.java(1), stage.quorate(2), stage.quorate(3)
    ensemble = Ensemble([java, quorate, leader], SHORT_MEMORY).start(quorate, leader)
    expect(ensemble.leader() is leader, "server 3 does not lead")
    come_and_go(stage, ensemble, leader, java, [quorate, leader], "follower")

    with session(laboratory, java) as here, session(laboratory, quorate) as there:
        exercise_writes(here, "/through/java", stage.exact)
        exercise_writes(there, "/through/quorate", stage.exact)
        exercise_watches(here, there, "/watch/java")
        exercise_watches(there, here, "/watch/quorate")
    exercise_ephemerals(laboratory, java, list(ensemble), "/ephemeral/java")
    exercise_session_moves(laboratory, [(java, leader), (leader, java), (java, quorate)], "/moved")

    # Nothing is decided without ZooKeeper's acknowledgement.
    quorate.kill()
    with session(laboratory, java) as here:
        fill(here, "/needed", 10)
    quorate.start().wait_serving("follower")
    expect_same_everywhere(laboratory, ensemble)

    # The leader dies while clients write.
    ledger = Ledger(laboratory, java, quorate, leader)
    ledger.start()
    ledger.expect_progress(20, alive=ensemble)
    leader.kill()
    ensemble.leader()
    ledger.expect_progress(20, alive=ensemble)
    leader.start().wait_serving()
    ledger.expect_progress(20, alive=ensemble)
    ledger.finish()
    expect_ledgers_everywhere(laboratory, ensemble, [ledger])


@scenario
def java_observer_of_quorate(stage):
    """ZooKeeper observes three Quorate voters."""
    laboratory = stage.laboratory
    voters = [stage.quorate(i) for i in (1, 2, 3)]
    observer = stage.java(4, role="observer")
    ensemble = Ensemble([*voters, observer], SHORT_MEMORY).start(*voters)
    leader = ensemble.leader()
    come_and_go(stage, ensemble, leader, observer, voters, "observer")

    with session(laboratory, observer) as here, session(laboratory, voters[0]) as there:
        exercise_writes(here, "/through/observer", stage.exact)
        exercise_writes(there, "/through/voter", stage.exact)
        exercise_watches(here, there, "/watch/observer")
        exercise_watches(there, here, "/watch/voter")
    exercise_ephemerals(laboratory, observer, list(ensemble), "/ephemeral")
    exercise_session_moves(laboratory, [(observer, voters[1]), (voters[1], observer)], "/moved")
    expect_same_everywhere(laboratory, ensemble)

    leader.kill()
    ensemble.leader()
    observer.wait_serving("observer")
    with session(laboratory, observer) as client:
        fill(client, "/after", 5)
    leader.start().wait_serving()
    expect_same_everywhere(laboratory, ensemble)


@scenario
def long_transactions(stage):
    """A Quorate leader proposes to ZooKeeper only what it accepts, and a session with very many ephemerals ends."""
    laboratory = stage.laboratory
    java, quorate, leader = stage.java(1), stage.quorate(2), stage.quorate(3)
    ensemble = Ensemble([java, quorate, leader]).start()
    expect(ensemble.leader() is leader, "server 3 does not lead")
    # More than one transaction can name, where Quorate leads.
    count, together = (60000, 5000) if stage.exact else (600, 200)
    client = open_client(laboratory, java, timeout=20.0)
    client.create("/many")
    for start in range(0, count, together):
        transaction = client.transaction()
        for number in range(start, start + together):
            transaction.create(f"/many/{number:054}", ephemeral=True)
        expect(len(transaction.commit()) == together, "ephemerals are missing")
    close_client(client)
    with session(laboratory, java) as client:
        client.sync("/many")
        expect(client.get_children("/many") == [], "ephemerals are left")
        for user in range(60):
            client.add_auth("digest", f"user{user}:secret")
        transaction = client.transaction()
        acl = [make_acl("auth", "", all=True), make_acl("world", "anyone", read=True)]
        for number in range(1000 if stage.exact else 100):
            transaction.create(f"/own{number}", acl=acl)
        if stage.exact:
            expect_error(MarshallingError, transaction.commit)
            expect(client.exists("/own0") is None, "a part of what is too long was done")
        else:
            expect(len(transaction.commit()) == 100, "znodes are missing")
    expect(ensemble.leader() is leader, "server 3 does not lead any more")
    expect_same_everywhere(laboratory, ensemble)
    java.stop()
    java.start().wait_serving("follower")
    expect_same_everywhere(laboratory, ensemble)
    expect_true_digests(ensemble)


# --- e: transactions that only a dead leader has seen -----------------------------------------------------------------


def leave_uncommitted_tail(stage, ensemble, leader, followers, count=5):
    """The leader logs writes that no follower ever receives, and everybody dies."""
    laboratory = stage.laboratory
    client = open_client(laboratory, leader)
    fill(client, "/kept", 10)
    for follower in followers:
        follower.freeze()
    answers = [client.create_async(f"/discarded-{i}", f"tail {i}".encode()) for i in range(count)]
    wait_until(lambda: leader.has_logged(f"/discarded-{count - 1}"), "the leader to log what nobody acknowledges", 10)
    leader.kill()
    for follower in followers:  # what is in their sockets dies with them
        follower.kill()
    expect(not any(answer.ready() and answer.successful() for answer in answers), "a write that cannot commit has")
    close_client(client)


def discard_tail(stage, holder, others, *, meanwhile):
    """The holder of an uncommitted tail must give it up when it rejoins.

    Nothing happens `meanwhile`, so that its log is simply longer than the new leader's (TRUNC); or the new leader has
    already committed transactions of its own epoch."""
    laboratory = stage.laboratory
    ensemble = Ensemble([holder, *others])
    ensemble.start(others[-1], holder)
    others[0].start().wait_serving()
    expect(ensemble.leader() is holder, f"{holder} does not lead")
    leave_uncommitted_tail(stage, ensemble, holder, others)

    ensemble.start(*others)
    leader = ensemble.leader()
    if meanwhile:
        with session(laboratory, others[0]) as client:
            fill(client, "/meanwhile", 10)
    holder.start().wait_serving("follower")
    if not meanwhile and isinstance(leader, JavaServer):
        expect_synced_by(leader, holder, "TRUNC")
    expect_gone(laboratory, ensemble)
    with session(laboratory, holder) as client:
        fill(client, "/later", 10)
    expect_gone(laboratory, ensemble)

    # It must not come back from the holder's disk either, not even when the holder has to lead with what it has.
    holder.kill()
    holder.start().wait_serving()
    expect_gone(laboratory, ensemble)
    ensemble.stop()
    ensemble.start(holder, others[0])
    others[1].start().wait_serving()
    with session(laboratory, holder) as client:
        fill(client, "/last", 5)
    expect_gone(laboratory, ensemble)


def expect_gone(laboratory, ensemble):
    tree = expect_same_everywhere(laboratory, ensemble)
    ghosts = [path for path in tree if "discarded" in path]
    expect(not ghosts, f"discarded transactions have come back: {ghosts}")
    expect("/kept/n0009" in tree, "committed transactions are gone")


@scenario
def trunc_quorate(stage):
    """A Quorate leader's uncommitted tail is truncated when it rejoins under a ZooKeeper leader."""
    discard_tail(stage, stage.quorate(3), [stage.java(1), stage.java(2)], meanwhile=False)


@scenario
def trunc_java(stage):
    """A ZooKeeper leader's uncommitted tail is discarded when it rejoins under a Quorate leader."""
    discard_tail(stage, stage.java(3), [stage.quorate(1), stage.quorate(2)], meanwhile=False)


@scenario
def trunc_quorate_after_new_epoch(stage):
    """As trunc_quorate, but the ZooKeeper leader has committed in its new epoch before."""
    discard_tail(stage, stage.quorate(3), [stage.java(1), stage.java(2)], meanwhile=True)


@scenario
def trunc_java_after_new_epoch(stage):
    """As trunc_java, but the Quorate leader has committed in its new epoch before."""
    discard_tail(stage, stage.java(3), [stage.quorate(1), stage.quorate(2)], meanwhile=True)


# --- f: files ----------------------------------------------------------------------------------------------------------

SNAP_COUNT = 30


def plant_and_snapshot(stage, ensemble, base):
    """Writes all kinds of things until every server has taken a snapshot of its own and has some log after it."""
    before = {server: server.files("snapshot")[-1:] for server in ensemble}
    numbers = iter(range(1, 1000))
    with session(stage.laboratory, ensemble.servers[0], auth_data=[("digest", CREDENTIALS)]) as client:
        plant(client, base, 12)

        def all_have_snapshots():
            client.create(f"{base}/more{next(numbers):04d}")
            return all(server.files("snapshot")[-1:] != before[server] for server in ensemble)

        wait_until(all_have_snapshots, f"a new snapshot on each of {ensemble.servers} (snapCount is {SNAP_COUNT})", 15)
        client.create(f"{base}/after-the-snapshot", b"in the log")


def expect_private(client, base):
    """What only the holder of CREDENTIALS may read is not readable for others."""
    for path in (f"{base}/r000/private", f"{base}/r000/auth"):
        expect_error(NoAuthError, client.get, path)


def take_over(stage, ensemble):
    """ZooKeeper writes files, Quorate goes on with them, and ZooKeeper goes on with what Quorate wrote."""
    laboratory = stage.laboratory
    everybody = {"auth": [CREDENTIALS]}
    ensemble.start()
    relay = Relay(laboratory, ensemble.servers[0])
    survivor = open_client(laboratory, relay, timeout=10.0)  # this session goes on across all hand-overs
    survivor.create("/alive", b"I am", ephemeral=True)
    identity = survivor.client_id
    plant_and_snapshot(stage, ensemble, "/first")

    turns = (("/second", stage.to_quorate, Ensemble.stop), ("/third", stage.to_java, Ensemble.kill))
    for base, hand_over, end in turns:
        absent_relay = Relay(laboratory, ensemble.servers[0])
        absent = open_client(laboratory, absent_relay, timeout=3.0)  # this one never comes back
        absent.create("/gone", b"I was", ephemeral=True)
        before = expect_same_everywhere(laboratory, ensemble, **everybody)
        # The very last transaction is a change that shows, so that the end of the log matters.
        _, _, acl = before["/alive"]
        before["/alive"] = (base.encode(), tuple(survivor.set("/alive", base.encode())), acl)
        relay.cut()
        absent_relay.cut()
        end(ensemble)

        hand_over(ensemble)
        ensemble.start()
        relay.change_to(ensemble.servers[0])
        wait_until(lambda: survivor.connected, "the surviving session to reconnect", 20)
        expect(survivor.client_id == identity, f"the session {identity} has become {survivor.client_id}")
        with session(laboratory, ensemble.servers[0]) as client:
            wait_until(lambda: client.exists("/gone") is None, "the absent session to expire", 20)
            expect_private(client, "/first")
        after = expect_same_everywhere(laboratory, ensemble, **everybody)
        for tree in (before, after):  # the departure of /gone shows in its parent
            tree.pop("/")
            tree.pop("/gone", None)
        expect_equal_trees(before, "the servers before", after, f"the servers after, {ensemble.servers}")

        survivor.create(f"/alive-{base[1:]}", ephemeral=True)
        with session(laboratory, ensemble.servers[0]) as client:
            exercise_writes(client, f"{base}/writes", stage.exact and hand_over == stage.to_quorate)
        plant_and_snapshot(stage, ensemble, base)

    close_client(survivor)
    tree = expect_same_everywhere(laboratory, ensemble, **everybody)
    left = [path for path in tree if path.startswith("/alive")]
    expect(not left, f"the closed session's ephemerals are still there: {left}")


@scenario
def takeover_files(stage):
    """Three servers' files go from ZooKeeper to Quorate and back."""
    ensemble = Ensemble([stage.java(i) for i in (1, 2, 3)], {"snapCount": SNAP_COUNT})
    take_over(stage, ensemble)


@scenario
def takeover_standalone(stage):
    """A standalone server's files go from ZooKeeper to Quorate and back."""
    ensemble = Ensemble([stage.java(1)], {"snapCount": SNAP_COUNT})
    take_over(stage, ensemble)


@scenario
def takeover_of_killed(stage):
    """A follower is killed under load again and again, so that it leaves torn snapshots and logs, and the other kind of
    server goes on with what it left; in between it loses everything and gets the state of a leader that works."""
    laboratory = stage.laboratory
    ensemble = Ensemble([stage.java(i) for i in (1, 2, 3)], {"snapCount": 100, "preAllocSize": 1024})
    ensemble.start()
    leader = ensemble.leader()
    follower = next(server for server in ensemble if server is not leader)
    with session(laboratory, leader) as client:
        for path in ("/big", "/busy"):
            client.create(path)
        for start in range(0, 4000, 200):  # so big that writing a snapshot takes a while
            batch = client.transaction()
            for number in range(start, start + 200):
                batch.create(f"/big/{number:04d}", b"x" * 300)
            batch.commit()

    over, errors = threading.Event(), []

    def load():
        try:
            with session(laboratory, leader) as client:
                for number in itertools.count():
                    if over.is_set():
                        return
                    under_way = [client.create_async(f"/busy/{number}", b"z")]
                    under_way += [client.set_async(f"/big/{number * 7 % 4000:04d}", b"y" * 300) for _ in range(20)]
                    if number > 50:
                        under_way.append(client.delete_async(f"/busy/{number - 50}"))
                    for answer in under_way:
                        answer.get(timeout=20)
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    writer = threading.Thread(target=load, daemon=True)
    writer.start()
    try:
        for turn in range(6):
            time.sleep(0.5 + stage.random.random())
            follower.kill()
            if turn == 2:
                shutil.rmtree(os.path.join(follower.data, "version-2"))
            follower = ensemble.replace(follower, follower.handed_to(stage.java if turn % 2 else stage.quorate))
            follower.start().wait_serving("follower")
            if stage.exact and not turn % 2:
                monitored = follower.four_letter_word("mntr")
                expect("zk_digest_mismatches_count\t0\n" in monitored, f"digests differ in turn {turn}: {monitored}")
    finally:
        over.set()
        writer.join(30)
    expect(not errors, f"a write failed: {errors}")
    expect_same_everywhere(laboratory, ensemble)


@scenario
def read_only_client(stage):
    """A client that puts up with reads is served by a Quorate server without a leader, and writes again with one."""
    settings, arguments = {"readonlymode.enabled": "true"}, {}
    if stage.stand_in:  # what ZooKeeper needs for the same
        settings["localSessionsEnabled"] = "true"
        arguments["flags"] = ["-Dreadonlymode.enabled=true"]
    quorate = stage.quorate(1, **arguments)
    others = [stage.java(2), stage.java(3)]
    ensemble = Ensemble([quorate, *others], settings).start()
    with session(stage.laboratory, *ensemble) as writer:
        writer.create("/setting", b"one")
    with session(stage.laboratory, quorate) as reader:
        reader.sync("/setting")
    for server in others:
        server.kill()
    wait_until(lambda: quorate.four_letter_word("isro") == "ro", f"{quorate} to serve reads", alive=[quorate])

    client = open_client(stage.laboratory, quorate, read_only=True)
    states = []
    client.add_listener(states.append)
    expect(client.client_state == KeeperState.CONNECTED_RO, f"the client is {client.client_state}")
    expect(client.get("/setting")[0] == b"one", "what was written before is not read")
    expect_error(NotReadOnlyCallError, client.set, "/setting", b"two")
    expect_error(NotReadOnlyCallError, client.create, "/ephemeral", ephemeral=True)

    others[0].start()
    wait_until(lambda: client.client_state == KeeperState.CONNECTED, "the client to be served by a leader's server", 60)
    expect(KazooState.LOST in states, f"a session of one server went on in the ensemble: {states}")
    client.set("/setting", b"three")
    with session(stage.laboratory, quorate) as reader:
        reader.sync("/setting")
        expect(reader.get("/setting")[0] == b"three", "what was written afterwards is not read")
