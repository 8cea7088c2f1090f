"""Scenarios of servers that are killed at random under clients that keep count of what was acknowledged."""

import collections
import os
import re
import shutil
import sys
import time

from harness import Ensemble, Failed, JavaServer
from scenarios import scenario
from workload import Ledger, Reader, expect_ledgers_everywhere, session


def kill_at_random(stage, servers, cycles=10):
    """Servers are killed and restarted in turn under a writing client; nothing acknowledged is lost."""
    laboratory = stage.laboratory
    ensemble = Ensemble(servers).start()
    ledger, reader = Ledger(laboratory, *servers), Reader(laboratory, *servers)
    ledger.start()
    reader.start()
    ledger.expect_progress(10, alive=servers)
    odd = set()
    for _ in range(cycles):
        victim = stage.random.choice(servers)
        victim.kill()
        if has_gap(victim, servers):
            odd.add(victim)
        ledger.expect_progress(10, alive=servers)
        victim.start().wait_serving()
    ledger.expect_progress(10, alive=servers)
    ledger.finish()
    reader.finish()
    ensemble.wait_serving()
    try:
        expect_ledgers_everywhere(laboratory, ensemble, [ledger])
    except Failed as failed:
        if not odd:
            raise
        print(f"{odd} had a gap in the log: {failed}", file=sys.stderr)
        expect_ledgers_everywhere(laboratory, [s for s in servers if s not in odd], [ledger])


def has_gap(server, servers):
    """Whether a killed ZooKeeper server's log lacks the end of an epoch though the server has said that it has it.

    A follower may have applied what still waits for its log when its leader dies, and drop it from there. It says in the
    election that it has it, so no leader sends it again, and after a restart it has not. Its data then differ from the
    others'. Once it is started again, its next snapshot hides the gap."""
    if not isinstance(server, JavaServer):
        return False
    own, others = server.logged(), [other.logged() for other in servers if other.myid != server.myid]
    claimed = [int(zxid, 16) for zxid in re.findall(r"New election\..* proposed zxid=0x([0-9a-f]+)", server.log_text())]
    missing = set().union(*others) - own

    def everywhere(zxid):
        return all(zxid in other or zxid < min(other, default=zxid + 1) for other in others)

    def dropped(zxid):
        end_of_epoch = zxid | 0xFFFFFFFF
        return not any(zxid < z <= end_of_epoch for z in own) and any(zxid <= z <= end_of_epoch for z in claimed)

    base, last = max(server.snapshots(), default=0), max(own, default=0)
    return any(base < zxid < last and everywhere(zxid) and dropped(zxid) for zxid in missing)


@scenario
def mixed_random_kills(stage):
    """Ten random kills among two Quorate servers and one ZooKeeper server."""
    kill_at_random(stage, [stage.quorate(1), stage.java(2), stage.quorate(3)])


@scenario
def mixed_random_kills_java_majority(stage):
    """Ten random kills among two ZooKeeper servers and one Quorate server."""
    kill_at_random(stage, [stage.java(1), stage.quorate(2), stage.java(3)])


# --- rolling migrations ------------------------------------------------------------------------------------------------


class Migration:
    """Takes an ensemble from one kind of server to another, one by one, with kill -9 at any time."""

    def __init__(self, stage, ensemble):
        self.stage = stage
        self.random = stage.random
        self.ensemble = ensemble
        self.counts = collections.Counter()

    def kill(self, server):
        """Kills a server, which is then started again as it is or as another kind.

        What ZooKeeper has left with a gap cannot be told from a good directory: such a server begins anew."""
        server.kill()
        self.counts["kills"] += 1
        if has_gap(server, self.ensemble):
            self.counts["directories with a gap"] += 1
            shutil.rmtree(os.path.join(server.data, "version-2"))
            return False
        return True

    def revive(self, server, whole):
        """Starts it; one that begins anew gets what the others have before any of them may die."""
        server.start()
        if not whole:
            self.wait_serving()

    def wait_serving(self):
        """Waits until all serve. Between a log and its epoch ZooKeeper may leave what it does not start on: Quorate does."""
        for server in list(self.ensemble):
            try:
                server.wait_serving(timeout=60)
            except Failed:
                if server.running or "is older than the last zxid" not in server.log_text(server.past_log):
                    raise
                self.counts["directories that ZooKeeper refuses"] += 1
                for maker in (self.stage.quorate, self.stage.java):
                    server.kill()
                    server = self.ensemble.replace(server, server.handed_to(maker))
                    server.start().wait_serving(timeout=60)

    def kill_and_revive(self, server):
        time.sleep(0.8 * self.random.random())
        whole = self.kill(server)
        if whole:
            time.sleep(0.2 * self.random.random())
        self.revive(server, whole)

    def swap(self, server, maker):
        """Puts another kind of server in this one's place. On the way that one, or another one, or both are killed."""
        whole = self.kill(server)
        successor = self.ensemble.replace(server, server.handed_to(maker))
        self.counts["swaps"] += 1
        self.revive(successor, whole)
        other = self.random.choice([s for s in self.ensemble if s is not successor])
        for victim in self.random.choice(([], [successor], [other], [successor, other], [other, successor])):
            self.kill_and_revive(victim)
        self.wait_serving()

    def all_to(self, maker, base):
        """Swaps all servers under two writers; afterwards each has everything that was acknowledged."""
        laboratory = self.stage.laboratory
        ledgers = [Ledger(laboratory, *self.ensemble, base=f"{base}-{i}", pause=0.004) for i in range(2)]
        for ledger in ledgers:
            ledger.start()
        for server in self.random.sample(list(self.ensemble), 3):
            for ledger in ledgers:
                ledger.expect_progress(10, timeout=60, alive=self.ensemble)
            self.swap(server, maker)
        for ledger in ledgers:
            ledger.expect_progress(10, timeout=60, alive=self.ensemble)
        for ledger in ledgers:
            ledger.finish()
            self.counts["acknowledged writes"] += ledger.acknowledged
        expect_ledgers_everywhere(laboratory, self.ensemble, ledgers)
        with session(laboratory, *self.ensemble) as client:
            for ledger in ledgers:
                client.delete(ledger.base, recursive=True)


@scenario
def rolling_migration(stage):
    """Three servers go from ZooKeeper to Quorate and back, one by one, with kills of any server at any time."""
    ensemble = Ensemble([stage.java(i) for i in (1, 2, 3)], {"snapCount": 100, "preAllocSize": 1024}).start()
    migration = Migration(stage, ensemble)
    for number in range(stage.rounds):
        migration.all_to(stage.quorate, f"/there{number}")
        migration.all_to(stage.java, f"/back{number}")
        told = ", ".join(f"{count} {what}" for what, count in migration.counts.items())
        print(f"rolling_migration[{stage.version}]: {number + 1} rounds, {told}", flush=True)
