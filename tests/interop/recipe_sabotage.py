"""Breaks each of kazoo's recipes, or what it is told, in this process: the check of that recipe must notice.

`recipes.py --sabotage` runs the checks like this, without killing anybody. A check that passes then is worth nothing.
"""

import random

import kazoo.recipe.barrier as barrier
import kazoo.recipe.counter as counter
import kazoo.recipe.lease as lease
import kazoo.recipe.lock as lock
import kazoo.recipe.party as party
import kazoo.recipe.queue as queue
from kazoo.exceptions import NoNodeError
from kazoo.protocol.connection import ConnectionHandler


def now_and_then(chance, instead, original):
    """`instead` with this probability, else `original`."""

    def call(self, *arguments, **keywords):
        chosen = instead if random.random() < chance else original
        return chosen(self, *arguments, **keywords)

    return call


def lock_without_waiting():
    """A contender does not see who is ahead."""
    lock.Lock._get_predecessor = now_and_then(0.2, lambda self, node: None, lock.Lock._get_predecessor)


def writer_ignores_readers():
    lock.WriteLock._EXCLUDE_NAMES = ["__lock__"]


def one_lease_too_many():
    original = lock.Semaphore._get_lease

    def get_lease(self, data=None):
        self.max_leases += 1
        try:
            return original(self, data)
        finally:
            self.max_leases -= 1

    lock.Semaphore._get_lease = get_lease


def lease_of_anybody():
    """Whoever asks is taken for the holder."""
    original = lease.NonBlockingLease._decode

    def decode(self, data):
        return {**original(self, data), "end": "2000-01-01T00:00:00"}

    lease.NonBlockingLease._decode = decode


def entry_given_out_again():
    """An entry is not taken away, and yet handed out."""

    def get(self):
        name = next(iter(sorted(self.client.retry(self.client.get_children, self.path))), None)
        if name is None:
            return None
        try:
            data, _ = self.client.get(f"{self.path}/{name}")
            self.client.delete(f"{self.path}/{name}")
        except NoNodeError:
            return None
        if random.random() < 0.1:
            self.client.create(f"{self.path}/{name}", data)
        return data

    queue.Queue._inner_get = get


def entry_lost():
    """An entry is thrown away with its lock, without having been handed out."""
    original = queue.LockingQueue._take

    def take(self, id_):
        taken = original(self, id_)
        if taken is not None and random.random() < 0.1:
            with self.client.transaction() as transaction:
                transaction.delete(f"{self._entries_path}/{id_}")
                transaction.delete(f"{self._lock_path}/{id_}")
            return None
        return taken

    queue.LockingQueue._take = take


def counter_without_version():
    def change(self, value):
        pre_value, _ = self._value()
        self.client.set(self.path, repr(pre_value + value).encode())

    counter.Counter._inner_change = change


def barrier_with_a_hole():
    barrier.Barrier.wait = now_and_then(0.3, lambda self, timeout=None: True, barrier.Barrier.wait)


def meeting_of_two():
    original = barrier.DoubleBarrier.__init__

    def init(self, client, path, num_clients, identifier=None):
        original(self, client, path, num_clients - 1, identifier)

    barrier.DoubleBarrier.__init__ = init


def guest_stays():
    """Somebody leaves the party and is still there."""
    party.BaseParty._inner_leave = now_and_then(0.2, lambda self: True, party.BaseParty._inner_leave)


def events_lost():
    """Of what the server says has changed, every second thing is not heard."""
    ConnectionHandler._read_watch_event = now_and_then(
        0.5, lambda self, buffer, offset: None, ConnectionHandler._read_watch_event
    )


SABOTAGE = {
    "lock": lock_without_waiting,
    "election": lock_without_waiting,
    "rwlock": writer_ignores_readers,
    "semaphore": one_lease_too_many,
    "lease": lease_of_anybody,
    "queue": entry_given_out_again,
    "locking_queue": entry_lost,
    "counter": counter_without_version,
    "barrier": barrier_with_a_hole,
    "double_barrier": meeting_of_two,
    "party": guest_stays,
    "shallow_party": guest_stays,
    "data_watch": events_lost,
    "children_watch": events_lost,
    "tree_cache": events_lost,
}
