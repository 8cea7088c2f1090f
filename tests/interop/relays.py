"""TCP relays in front of servers: for clients that move from server to server, and for learners that hear only a part.

A `Relay` stands in front of a client port. A `QuorumRelay` stands between one learner and the quorum port of one
server; it reads the packets in both directions, and can hold the leader's packets from a chosen one on.
"""

import socket
import struct
import threading
import time

from harness import PATIENCE


class Relay:
    """A TCP relay in front of a server that can change over to another server, or cut all its connections."""

    def __init__(self, laboratory, server):
        self._target = self.port_of(server)
        self._lock = threading.Lock()
        self._pairs = set()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port = laboratory.ports.take()
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()
        laboratory.relays.append(self)

    @staticmethod
    def port_of(server):
        return server.client_port

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def change_to(self, server):
        """Clients are cut off, and reach `server` when they come back."""
        self._target = self.port_of(server)
        self._cut_all()

    def cut(self):
        """Clients are cut off, and reach no server any more."""
        self._target = None
        self._cut_all()

    def close(self):
        self.cut()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = self.dial(self._target or 0)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink, (client, server)), daemon=True).start()

    @staticmethod
    def dial(port):
        return socket.create_connection(("127.0.0.1", port), 5)

    def _pump(self, source, sink, pair):
        try:
            self.carry(source, sink, source is pair[1])
        except OSError:
            pass
        self._cut(pair)

    def carry(self, source, sink, from_server):
        """Passes on what comes from the source, until one of the two ends."""
        while data := source.recv(65536):
            sink.sendall(data)

    def _cut_all(self):
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._cut(pair)

    def _cut(self, pair):
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


# The packets of the quorum protocol that scenarios ask for.
KINDS = {3: "ACK", 10: "NEWLEADER", 11: "FOLLOWERINFO", 12: "UPTODATE", 13: "DIFF", 14: "TRUNC", 15: "SNAP",
         17: "LEADERINFO", 18: "ACKEPOCH"}
SYNCHRONISES = ("DIFF", "TRUNC", "SNAP")


class QuorumRelay(Relay):
    """A relay between one learner and the quorum port of one server, which may become its leader.

    `before` names packets of the leader that the learner does not get, nor what follows them. `after` names packets
    that are the last ones that it gets. Both count for each connection anew. A `mute` relay passes nothing on."""

    def __init__(self, laboratory, leader, *, before=(), after=(), mute=False):
        self.mute = mute
        self.before = before
        self.after = after
        self.told = []  # the kinds of what the learner was given, over all connections
        self.withheld = []  # of the first packet of each connection that it was not given
        self.answered = []  # of what the learner said
        super().__init__(laboratory, leader)

    @staticmethod
    def port_of(server):
        return server.quorum_port

    @staticmethod
    def dial(port):
        """A learner dials again when nothing listens, but not when a connection ends at once: so this waits for it."""
        deadline = time.monotonic() + 2 * PATIENCE
        while True:
            try:
                return Relay.dial(port)
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def forget(self):
        """Only what comes from now on counts."""
        for seen in (self.told, self.withheld, self.answered):
            seen.clear()

    def has_told(self, *kinds):
        return any(kind in kinds for kind in self.told)

    def has_heard(self, kind):
        return kind in self.answered

    def carry(self, source, sink, from_server):
        if self.mute:
            return self._swallow(source)
        stream = source.makefile("rb", buffering=0)
        while True:
            packet, kind = read_packet(stream)
            if not packet:
                return
            if not from_server:
                self.answered.append(kind)
                sink.sendall(packet)
                continue
            if kind in self.before:
                self.withheld.append(kind)
                return self._swallow(source)
            sink.sendall(packet)
            self.told.append(kind)
            if kind in self.after:
                return self._swallow(source)
            if kind == "SNAP":  # a state follows that is not in packets
                return super().carry(source, sink, from_server)

    @staticmethod
    def _swallow(source):
        while source.recv(65536):
            pass


def read_exactly(stream, count):
    """`count` bytes, or fewer when the stream ends."""
    content = b""
    while len(content) < count and (more := stream.read(count - len(content))):
        content += more
    return content


def read_packet(stream):
    """One packet of the quorum protocol: its bytes and its kind. Without bytes when the stream has ended."""
    head = read_exactly(stream, 16)
    if len(head) < 16:
        return b"", None
    number, _, length = struct.unpack(">iqi", head)
    body = read_exactly(stream, max(length, 0) + 4)
    identities = struct.unpack(">i", body[-4:])[0] if len(body) >= 4 else 0
    if identities > 0:  # only a request that a learner passes on names identities
        for _ in range(2 * identities):
            size = read_exactly(stream, 4)
            body += size + read_exactly(stream, max(struct.unpack(">i", size)[0], 0))
    return head + body, KINDS.get(number, str(number))
