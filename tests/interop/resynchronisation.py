"""Scenarios of servers whose leader dies before it is established: what a learner was given must neither replace what
it has acknowledged nor pass for more than it is.

Relays between the learners and that leader hold its packets back, so that every step waits for the one before.
"""

import itertools
import time

from harness import PATIENCE, Ensemble, expect, wait_until
from relays import SYNCHRONISES, QuorumRelay
from scenarios import expect_true_digests, scenario
from workload import close_client, expect_same_everywhere, fill, open_client, session


def write_alone(stage, leader, others, name, count=5):
    """The leader logs writes that no other server receives; it and the others (who stand still) are killed."""
    client = open_client(stage.laboratory, leader)
    for server in others:
        server.freeze()
    answers = [client.create_async(f"/{name}-{i}", b"alone") for i in range(count)]
    wait_until(lambda: leader.has_logged(f"/{name}-{count - 1}"), f"{leader} to log what no server acknowledges", 10)
    for server in (leader, *others):  # what is in the others' sockets dies with them
        server.kill()
    expect(not any(answer.ready() and answer.successful() for answer in answers), "a write that cannot commit has")
    close_client(client)


def wait_at_most(seconds, condition):
    """Gives a fault the time to show itself: returns when it does, or when the time is over."""
    deadline = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < deadline and not condition():
        time.sleep(0.02)


@scenario
def acknowledged_write_outlives_resynchronisation(stage):
    """A voter whose snapshot goes too far is given another history and dies: it keeps what it has acknowledged.

    The voter D acknowledged a write together with L, and T never heard of it. D also has a snapshot of writes that were
    never committed, so that it cannot follow L's TRUNC. D dies while it gets L's history in another way; then D and T
    are a quorum."""
    laboratory = stage.laboratory
    t, l, d = stage.quorate(1), stage.quorate(2), stage.java(3)
    ensemble = Ensemble([t, l, d])
    of_t = ensemble.lead_through(t, d, QuorumRelay(laboratory, d))
    of_t_and_l = ensemble.lead_through(t, l, QuorumRelay(laboratory, l, before=SYNCHRONISES))
    # Quorate refuses a TRUNC to before its snapshot and comes again; ZooKeeper carries it out somehow.
    begins = ("DIFF", "SNAP") if stage.exact else SYNCHRONISES
    of_d_and_l = ensemble.lead_through(d, l, QuorumRelay(laboratory, l, after=begins))
    ensemble.start(d, l)
    expect(ensemble.leader() is d, f"{d} does not lead")
    t.start().wait_serving("follower")
    with session(laboratory, d) as client:
        fill(client, "/kept", 5)
        client.sync("/")
    t.kill()
    with session(laboratory, l) as client:
        client.create("/acknowledged", b"by two of three")
    write_alone(stage, d, [l], "tail")
    last = max(d.logged())

    # D is elected with T's vote. Before a follower joins, it writes a snapshot of all that it has.
    of_t.mute = True
    d.start()
    t.start()
    wait_until(lambda: last in d.snapshots(), f"{d} to have a snapshot of {last:#x}", alive=[d, t])
    t.kill()
    d.kill()
    of_t.mute = False

    # L leads with T's promise, and stays unestablished: T gets nothing of its history.
    l.start()
    t.start()
    wait_until(lambda: of_t_and_l.withheld, f"{l} to send its history to {t}", alive=[l, t])
    d = ensemble.replace(d, d.handed_to(stage.quorate))
    d.start()
    wait_until(lambda: of_d_and_l.has_told(*begins), f"{l} to begin with its history to {d}", alive=[l, d])
    # A server that throws away what it has does so now. Then all die, the learners first.
    wait_at_most(2, lambda: last not in d.snapshots())
    for server in (d, t, l):
        server.kill()

    ensemble.start(d, t)
    tree = expect_same_everywhere(laboratory, [d, t])
    expect("/acknowledged" in tree, f"the acknowledged write is lost: {sorted(tree)}")
    expect("/kept/n0004" in tree, "committed transactions are gone")
    with session(laboratory, t) as client:
        fill(client, "/later", 5)
    l.start().wait_serving("follower")
    expect("/acknowledged" in expect_same_everywhere(laboratory, ensemble), "the acknowledged write is lost")
    if stage.exact:
        expect_true_digests(ensemble)


# --- states with a tail, of a leader that is not established ----------------------------------------------------------


def state_of_the_unestablished(stage, make_learner, *, tail_with_leader):
    """A leader sends its state to a learner and dies before it is established; ZooKeeper leads the next epoch.

    The five servers: the learner, N, a Quorate server P, the ZooKeeper server Z and the Quorate leader L. Writes that
    only one server has, at the end of its log, are with L (`tail_with_leader`): its learner gets them, but they are
    never committed. Or they are with Z: the next epoch commits them, but the learner does not get them from L."""
    laboratory = stage.laboratory
    learner, n, p, z, l = make_learner(1), stage.java(2), stage.quorate(3), stage.java(4), stage.quorate(5)
    # L has a snapshot, so that it sends a learner from before that its state.
    ensemble = Ensemble([learner, n, p, z, l], own={5: {"snapCount": 30}})
    of_learner = ensemble.lead_through(learner, l, QuorumRelay(laboratory, l))
    of_n = ensemble.lead_through(n, l, QuorumRelay(laboratory, l))
    first = l if tail_with_leader else z
    ensemble.start(first, n, p)
    expect(ensemble.leader() is first, f"{first} does not lead")
    late = [server for server in ensemble if server not in (first, n, p)]
    ensemble.start(*late)
    with session(laboratory, p) as client:
        fill(client, "/early", 3)
    expect_same_everywhere(laboratory, ensemble)
    learner.kill()
    before = l.files("snapshot")
    numbers = itertools.count()
    with session(laboratory, p) as client:
        client.create("/kept")

        def has_snapshot():
            client.create(f"/kept/{next(numbers)}")
            return l.files("snapshot")[-1:] != before[-1:]

        wait_until(has_snapshot, f"a snapshot of {l}", alive=[l])
        client.create("/kept/after-the-snapshot")
    expect_same_everywhere(laboratory, [n, p, z, l])
    write_alone(stage, first, [s for s in (n, p, z, l) if s is not first], "tail")

    # The learner and N promise L its epoch; the learner gets the state, N nothing: L is not established.
    of_n.before = SYNCHRONISES
    of_learner.forget()
    for server in (l, learner, n):
        server.start()
    wait_until(lambda: of_n.withheld, f"{l} to send its history to {n}", alive=[l, n])
    wait_until(lambda: of_learner.has_heard("ACK"), f"{learner} to have {l}'s state", alive=[l, learner])
    expect(of_learner.has_told("SNAP"), f"{learner} got {of_learner.told}")
    for server in (learner, n, l):
        server.kill()

    # ZooKeeper leads the others and commits in its own epoch.
    ensemble.start(z, p, n)
    expect(ensemble.leader() is z, f"{z} does not lead")
    with session(laboratory, p) as client:
        fill(client, "/next", 10)
    learner.start().wait_serving("follower")
    with session(laboratory, p) as client:
        fill(client, "/last", 10)
    l.start().wait_serving("follower")
    tree = expect_same_everywhere(laboratory, ensemble)
    tail = [path for path in tree if path.startswith("/tail-")]
    expect(len(tail) == (0 if tail_with_leader else 5), f"of the writes at the end of {first}'s log there are {tail}")
    expect("/kept/after-the-snapshot" in tree, "committed transactions are gone")
    if stage.exact:
        expect_true_digests(ensemble)


@scenario
def state_with_a_tail_to_quorate(stage):
    """A Quorate learner gives up what it got from a leader that died before it was established."""
    state_of_the_unestablished(stage, stage.quorate, tail_with_leader=True)


@scenario
def state_with_a_tail_to_java(stage):
    """A ZooKeeper learner gives up what it got from a Quorate leader that died before it was established."""
    state_of_the_unestablished(stage, stage.java, tail_with_leader=True)


@scenario
def state_without_a_tail_to_quorate(stage):
    """A Quorate learner gets what is committed after the death of an unestablished leader that did not have it."""
    state_of_the_unestablished(stage, stage.quorate, tail_with_leader=False)


@scenario
def state_without_a_tail_to_java(stage):
    """A ZooKeeper learner gets what is committed after the death of an unestablished leader that did not have it."""
    state_of_the_unestablished(stage, stage.java, tail_with_leader=False)
