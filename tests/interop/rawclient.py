"""ZooKeeper's client protocol byte by byte: requests that no client library would send, and every frame that comes back.

A request is a dictionary `{"op": name, ...}` whose strings are bytes (or None for null), so that what is not UTF-8 or not
a path can be said too. `encode` makes the frame of it; `decode` makes a plain value of a reply, so that two servers'
replies can be compared.
"""

import socket
import struct

# name: (code, fields of the request's body). The kinds of fields are the methods of `Writer`.
OPERATIONS = {
    "create": (1, ("path string", "data buffer", "acl acls", "flags int")),
    "delete": (2, ("path string", "version int")),
    "exists": (3, ("path string", "watch boolean")),
    "getData": (4, ("path string", "watch boolean")),
    "setData": (5, ("path string", "data buffer", "version int")),
    "getACL": (6, ("path string",)),
    "setACL": (7, ("path string", "acl acls", "version int")),
    "getChildren": (8, ("path string", "watch boolean")),
    "sync": (9, ("path string",)),
    "ping": (11, ()),
    "getChildren2": (12, ("path string", "watch boolean")),
    "check": (13, ("path string", "version int")),
    "multi": (14, ("parts parts",)),
    "create2": (15, ("path string", "data buffer", "acl acls", "flags int")),
    "reconfig": (16, ("joining string", "leaving string", "members string", "config long")),
    "checkWatches": (17, ("path string", "type int")),
    "removeWatches": (18, ("path string", "type int")),
    "createContainer": (19, ("path string", "data buffer", "acl acls", "flags int")),
    "deleteContainer": (20, ("path string",)),
    "createTTL": (21, ("path string", "data buffer", "acl acls", "flags int", "ttl long")),
    "multiRead": (22, ("parts parts",)),
    "auth": (100, ("type int", "scheme string", "auth buffer")),
    "setWatches": (101, ("seen long", "data strings", "exist strings", "child strings")),
    "sasl": (102, ("token buffer",)),
    "getEphemerals": (103, ("path string",)),
    "getAllChildrenNumber": (104, ("path string",)),
    "setWatches2": (
        105,
        ("seen long", "data strings", "exist strings", "child strings", "persistent strings", "recursive strings"),
    ),
    "addWatch": (106, ("path string", "mode int")),
    "whoAmI": (107, ()),
    "createSession": (-10, ("timeout int",)),
    "closeSession": (-11, ()),
}
NAMES = {code: name for name, (code, _) in OPERATIONS.items()}

EVENTS = {1: "created", 2: "deleted", 3: "changed", 4: "children"}

NOTIFICATION, PING, AUTH = -1, -2, -4


class Writer:
    """Appends jute values."""

    def __init__(self):
        self.bytes = bytearray()

    def int(self, value):
        self.bytes += struct.pack(">i", value)

    def long(self, value):
        self.bytes += struct.pack(">q", value)

    def boolean(self, value):
        self.bytes.append(value & 0xFF)

    def buffer(self, value):
        self.int(-1 if value is None else len(value))
        self.bytes += value or b""

    string = buffer

    def strings(self, values):
        self.int(-1 if values is None else len(values))
        for value in values or ():
            self.string(value)

    def acls(self, values):
        self.int(-1 if values is None else len(values))
        for perms, scheme, identity in values or ():
            self.int(perms)
            self.string(scheme)
            self.string(identity)

    def parts(self, parts):
        for part in parts:
            self.int(part.get("code", OPERATIONS[part["op"]][0]))
            self.boolean(0)
            self.int(-1)
            self.body(part)
        self.int(-1)
        self.boolean(1)
        self.int(-1)

    def body(self, request):
        for field in OPERATIONS[request["op"]][1]:
            name, kind = field.split()
            getattr(self, kind)(request[name])


def framed(body):
    return struct.pack(">i", len(body)) + bytes(body)


def encode(request):
    """The frame of a request. `xid`, `code`, and damage (`cut`: bytes missing at the end, `more`: bytes added) may be
    given with it."""
    writer = Writer()
    writer.int(request["xid"])
    writer.int(request.get("code", OPERATIONS[request["op"]][0]))
    header = len(writer.bytes)
    writer.body(request)
    body = writer.bytes
    if cut := request.get("cut"):
        body = body[: max(header, len(body) - cut)]
    return framed(body + request.get("more", b""))


def connect_request(session, password, timeout, seen, read_only):
    writer = Writer()
    writer.int(0)
    writer.long(seen)
    writer.int(timeout)
    writer.long(session)
    writer.buffer(password)
    if read_only is not None:
        writer.boolean(read_only)
    return framed(writer.bytes)


class Reader:
    """Takes jute values from the front of bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("the reply ends too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def int(self):
        return struct.unpack(">i", self.take(4))[0]

    def long(self):
        return struct.unpack(">q", self.take(8))[0]

    def boolean(self):
        return self.take(1)[0]

    def buffer(self):
        length = self.int()
        return None if length < 0 else self.take(length)

    def vector(self, read):
        count = self.int()
        return None if count < 0 else [read() for _ in range(count)]

    def acl(self):
        return (self.int(), self.buffer(), self.buffer())

    def stat(self):
        names = ("czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion", "owner", "length", "children", "pzxid")
        return dict(zip(names, struct.unpack(">qqqqiiiqiiq", self.take(68))))

    def results(self):
        results = []
        while True:
            code, done, err = self.int(), self.boolean(), self.int()
            if done:
                return results
            name = NAMES.get(code, "error")
            if name == "error":
                results.append(("error", err, self.int()))
            elif name == "create":
                results.append((name, err, self.buffer()))
            elif name == "create2":
                results.append((name, err, self.buffer(), self.stat()))
            elif name == "setData":
                results.append((name, err, self.stat()))
            elif name == "getData":
                results.append((name, err, self.buffer(), self.stat()))
            elif name == "getChildren":
                results.append((name, err, sorted(self.vector(self.buffer))))
            else:
                results.append((name, err))

    def rest(self):
        return self.take(len(self.data) - self.at)


def reply_body(name, reader):
    """The body of a reply without error, in a form without order where the protocol has none."""
    if name in ("create", "sync"):
        return reader.buffer()
    if name in ("create2", "createContainer", "createTTL"):
        return reader.buffer(), reader.stat()
    if name in ("exists", "setData", "setACL"):
        return reader.stat()
    if name in ("getData", "reconfig"):
        return reader.buffer(), reader.stat()
    if name == "getACL":
        return sorted(reader.vector(reader.acl), key=repr), reader.stat()
    if name == "getChildren" or name == "getEphemerals":
        return sorted(reader.vector(reader.buffer))
    if name == "getChildren2":
        return sorted(reader.vector(reader.buffer)), reader.stat()
    if name in ("multi", "multiRead"):
        return reader.results()
    if name in ("getAllChildrenNumber", "addWatch"):
        return reader.int()
    if name == "sasl":
        return reader.buffer()
    if name == "whoAmI":
        return sorted(reader.vector(lambda: (reader.buffer(), reader.buffer())))
    return None


class Connection:
    """A socket that speaks frames."""

    def __init__(self, port, timeout=20.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.closed = False

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what the server sent before it closed is still to be read

    def receive(self):
        """The next frame's body, or None when the server has closed the connection."""
        while True:
            if len(self.buffer) >= 4:
                length = struct.unpack_from(">i", self.buffer)[0]
                if len(self.buffer) >= 4 + length:
                    frame = bytes(self.buffer[4 : 4 + length])
                    del self.buffer[: 4 + length]
                    return frame
            try:
                chunk = self.socket.recv(1 << 16)
            except (ConnectionResetError, BrokenPipeError):
                chunk = b""
            if not chunk:
                self.closed = True
                return None
            self.buffer += chunk

    def close(self):
        self.closed = True
        self.socket.close()
