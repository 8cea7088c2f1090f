"""What a random client does: an endless supply of steps, good, odd and bad ones, made from one seed.

A step is a dictionary `{"do": …}` that names connections by slot and sessions by the order in which they began, so that
it means the same on every server. What is likely to succeed (which znode exists, in which version) the generator learns
from one server's replies; the same seed therefore makes the same steps as long as that server answers the same.
"""

import base64
import hashlib

SLOTS = 4
# Long enough for a whole run, so that only what shall expire does.
TIMEOUTS = (30000, 40000, 45000, 59999, 60000, 10**9, 2**31 - 1)
SHORT = 1000  # the shortest that the servers give

SUPER = b"super:secret"
SUPER_DIGEST = "super:" + base64.b64encode(hashlib.sha1(SUPER).digest()).decode()

INT_MIN, INT_MAX, LONG_MAX = -(2**31), 2**31 - 1, 2**63 - 1

CONFIG = b"/zookeeper/config"
NAMES = (b"a", b"b", b"c", b"d")
ODD_PATHS = (
    *(b"", b"/", b"//", b"/a/", b"/a//b", b"//a", b"a", b"a/b", b".", b"/.", b"/..", b"/a/.", b"/a/../b", b"/./a"),
    *(b"/a/..", b"/...", b"/a.b", b"/a\x00", b"\x00", b"/\x01", b"/a/\x1f", b"/\x7f", b"/\xc2\x9f", b"/\xc2\xa0", b"/ "),
    *("/\ud7ff".encode(), b"/\xed\xa0\x80", b"/\xee\x80\x80", b"/\xef\xa3\xbf", b"/\xef\xa4\x80", b"/\xef\xbf\xaf"),
    *(b"/\xef\xbf\xb0", b"/\xef\xbf\xbd", b"/\xef\xbf\xbf", "/\U0001f600".encode()),
    *(b"/\xff\xfe", b"/a\xc3", "/ä/ö".encode(), "/ä".encode(), "/日本".encode(), b"/" + b"x" * 2000),
    *(b"/zookeeper", b"/zookeeper/quota", b"/zookeeper/config", b"/zookeeper/x", b"/zookeeper/", b"/zookeeper/config/x"),
    None,
)


def digest_of(credentials):
    return credentials.split(b":")[0] + b":" + base64.b64encode(hashlib.sha1(credentials).digest())


ALICE, BOB = b"alice:wonder", b"bob:builder"
OPEN = [(31, b"world", b"anyone")]
GOOD_ACLS = (
    [(1, b"world", b"anyone")],
    [(31, b"auth", b"")],
    [(31, b"auth", b"ignored"), (1, b"world", b"anyone")],
    [(31, b"digest", digest_of(ALICE))],
    [(31, b"digest", digest_of(BOB)), (1, b"world", b"anyone")],
    [(30, b"world", b"anyone")],
    [(15, b"world", b"anyone")],
    [(16, b"world", b"anyone")],
    [(23, b"world", b"anyone")],
    [(27, b"world", b"anyone")],
    [(29, b"world", b"anyone")],
    [(31, b"ip", b"127.0.0.1")],
    [(31, b"ip", b"127.0.0.0/8"), (1, b"world", b"anyone")],
    [(31, b"ip", b"127.0.0.1/32")],
    [(31, b"ip", b"126.0.0.0/7")],
    [(31, b"ip", b"0.0.0.0/0")],
    [(31, b"ip", b"10.0.0.0/8")],
    [(31, b"ip", b"127.0.0.128/25")],
    [(31, b"world", b"anyone"), (31, b"world", b"anyone")],
    [(0, b"world", b"anyone")],
    [(31 | 64, b"world", b"anyone")],
    [(-1, b"world", b"anyone")],
)
BAD_ACLS = (
    [],
    None,
    [(31, b"world", b"someone")],
    [(31, b"world", b"")],
    [(31, b"", b"")],
    [(31, None, None)],
    [(31, b"auth", None)],
    [(31, b"sasl", b"x")],
    [(31, b"x509", b"CN=x")],
    [(31, b"super", b"")],
    [(31, b"nobody", b"x")],
    [(31, b"digest", b"alice")],
    [(31, b"digest", b"alice:")],
    [(31, b"digest", b":")],
    [(31, b"digest", b":x")],
    [(31, b"digest", b"a:b:c")],
    [(31, b"digest", b"a:b:")],
    [(31, b"digest", b"a:b::")],
    [(31, b"ip", b"")],
    [(31, b"ip", b"127.0.0.1/33")],
    [(31, b"ip", b"127.0.0.1/-1")],
    [(31, b"ip", b"127.0.0.1/+8")],
    [(31, b"ip", b"127.0.0.1/08")],
    [(31, b"ip", b"127.0.0.1/")],
    [(31, b"ip", b"127.0.0.1/8/8")],
    [(31, b"ip", b"127.0.0")],
    [(31, b"ip", b"127.0.0.256")],
    [(31, b"ip", b"127.0.0.01")],
    [(31, b"ip", b" 127.0.0.1")],
    [(31, b"ip", b"localhost")],
    [(31, b"ip", b"::1")],
    [(31, b"ip", b"::1/128")],
    [(31, b"ip", b"::/0")],
    [(31, b"ip", b"::1/129")],
    [(31, b"ip", b"fe80::1%lo")],
    [(31, b"ip", b"::ffff:127.0.0.1")],
    [(31, b"world", b"anyone"), (31, b"nobody", b"x")],
    [(31, b"auth", b""), (31, b"auth", b"")],
)


class Generator:
    """Makes steps."""

    def __init__(self, rng, without_config):
        self.rng = rng
        # It shows the ensemble, and so is not the same where there is another or none.
        self.without_config = without_config
        self.known = {b"/": (0, 0)}  # path: data version and ACL version, as far as they were seen
        self.xids = dict.fromkeys(range(SLOTS), 0)
        self.slots = {}  # slot: the session that its connection speaks for
        self.sessions = []  # of each session: may it still be alive?
        self.zxid = 0  # the newest, counted from the beginning
        self.watched = [b"/a"]

    # --- learning ----------------------------------------------------------------------------------------------------

    def learn(self, request, err, body):
        """What one server has answered."""
        op, path = request["op"], request.get("path")
        if op in ("multi", "multiRead") and err == 0:
            for part, result in zip(request["parts"], body):
                if result[0] != "error":
                    self.learn({**part, "op": result[0]}, 0, result[2] if len(result) == 3 else result[2:])
            return
        if err == -101:
            self.known.pop(path, None)
        if err != 0:
            return
        if op == "create":
            self.known[body] = (0, 0)
        elif op in ("create2", "createContainer", "createTTL"):
            self.known[body[0]] = (0, 0)
        elif op == "delete":
            self.known.pop(path, None)
        stat = body[-1] if isinstance(body, tuple) and body else body
        if isinstance(stat, dict) and op not in ("create2", "createContainer", "createTTL"):
            self.known[path] = (stat["version"], stat["aversion"])

    # --- choosing ----------------------------------------------------------------------------------------------------

    def chance(self, percent):
        return self.rng.random() * 100 < percent

    def odd_path(self):
        path = self.rng.choice(ODD_PATHS)
        return b"/zookeeper" if path == CONFIG and self.without_config else path

    def path(self):
        kind = self.rng.random()
        if kind < 0.06:
            return self.odd_path()
        if kind < 0.5 and len(self.known) > 1:
            return self.rng.choice(sorted(self.known))
        return b"".join(b"/" + self.rng.choice(NAMES) for _ in range(self.rng.choice((1, 1, 2, 2, 2, 3))))

    def new_path(self):
        """A path to create at, below something that is there if possible."""
        if self.chance(6):
            return self.odd_path()
        if self.chance(60):
            parent = self.rng.choice(sorted(self.known))
            if parent.count(b"/") < 4:
                return parent.rstrip(b"/") + b"/" + self.rng.choice(NAMES)
        return self.path()

    def data(self):
        kind = self.rng.random()
        if kind < 0.05:
            return None
        if kind < 0.15:
            return b""
        if kind < 0.17:
            return bytes(self.rng.randrange(1, 40000))
        return b"%d" % self.rng.randrange(1000)

    def acl(self):
        if self.chance(80):
            return OPEN
        return self.rng.choice(GOOD_ACLS if self.chance(70) else BAD_ACLS)

    def version(self, path, which):
        kind = self.rng.random()
        if kind < 0.5:
            return -1
        current = self.known.get(path, (0, 0))[which]
        if kind < 0.85:
            return current
        return self.rng.choice((current + 1, current - 1, 0, -2, INT_MIN, INT_MAX)) & 0xFFFFFFFF

    def signed(self, version):
        return version - 2**32 if version >= 2**31 else version

    def watch(self, path):
        """A watch flag: any byte but 0 is true."""
        if not self.chance(40):
            return 0
        if path and path not in self.watched:
            self.watched = (self.watched + [path])[-8:]
        return self.rng.choice((1, 1, 1, 2, 255))

    # --- requests ----------------------------------------------------------------------------------------------------

    def create(self, ops=("create", "create", "create2", "create2", "createContainer", "createTTL")):
        op = self.rng.choice(ops)
        request = {"op": op, "path": self.new_path(), "data": self.data(), "acl": self.acl()}
        if op in ("create", "create2"):
            request["flags"] = self.rng.choice((0, 0, 0, 0, 1, 1, 2, 3, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, -1))
        elif op == "createContainer":
            # Not those of an ephemeral: what comes right behind such a request ZooKeeper judges by the flags.
            request["flags"] = self.rng.choice((4, 4, 4, 4, 0, 0, 2, 2, 5, 6, 7, 8, INT_MIN))
        else:
            flags = self.rng.choice((5, 5, 5, 6, 6, 6, 0, 1, 7))
            ttl = self.rng.choice((3600_000, 3600_000, 3600_000, 2**40 - 1, 2**40, 0, LONG_MAX))
            if flags in (5, 6):
                ttl = self.rng.choice((ttl, ttl, ttl, -1, -(2**63)))
            request.update(flags=flags, ttl=ttl)
        return request

    def delete(self):
        path = self.path()
        return {"op": "delete", "path": path, "version": self.signed(self.version(path, 0))}

    def set_data(self):
        path = self.path()
        return {"op": "setData", "path": path, "data": self.data(), "version": self.signed(self.version(path, 0))}

    def set_acl(self):
        path = self.path()
        acl = OPEN if path == b"/" and not self.chance(3) else self.acl()
        return {"op": "setACL", "path": path, "acl": acl, "version": self.signed(self.version(path, 1))}

    def check(self):
        path = self.path()
        return {"op": "check", "path": path, "version": self.signed(self.version(path, 0))}

    def multi(self):
        parts = []
        for _ in range(self.rng.choice((0, 1, 2, 2, 3, 3, 4, 6))):
            # As a part, what is odd about a create spoils more: keep most of them plain.
            make = self.rng.choice((self.create, self.create, self.delete, self.set_data, self.check))
            part = make()
            if part.get("flags") in (5, 6, 7, 8, -1, INT_MIN) and part["op"] != "createTTL" and self.chance(80):
                part["flags"] = 4 if part["op"] == "createContainer" else 0
            if part["op"] == "createTTL" and self.chance(80):
                part.update(flags=5, ttl=3600_000)
            # So is this.
            part["path"] = part["path"] or b""
            if "acl" in part:
                part["acl"] = part["acl"] or []
            parts.append(part)
        if self.chance(4):
            odd = self.rng.choice(({"op": "getData", "path": b"/a", "watch": 0}, {"op": "setACL", "path": b"/a"}))
            odd = {"acl": OPEN, "version": -1, **odd} if odd["op"] == "setACL" else odd
            parts.insert(self.rng.randrange(len(parts) + 1), odd)
        return {"op": "multi", "parts": parts}

    def multi_read(self):
        parts = []
        for _ in range(self.rng.choice((0, 1, 2, 3, 5))):
            op = self.rng.choice(("getData", "getChildren"))
            parts.append({"op": op, "path": self.path() or b"", "watch": self.rng.choice((0, 1))})
        if self.chance(4):
            parts.append({"op": self.rng.choice(("exists", "getChildren2")), "path": b"/a", "watch": 0})
        if self.chance(4):
            parts.append({"op": "setData", "path": b"/a", "data": b"", "version": -1})
        return {"op": "multiRead", "parts": parts}

    def read(self):
        path = self.path()
        op = self.rng.choice(("exists", "getData", "getData", "getChildren", "getChildren2"))
        return {"op": op, "path": path, "watch": self.watch(path)}

    def other_read(self):
        op = self.rng.choice(("getACL", "getACL", "getEphemerals", "getAllChildrenNumber", "whoAmI", "ping", "sync"))
        if op in ("whoAmI", "ping"):
            return {"op": op}
        path = self.path()
        if op == "getEphemerals":
            path = self.rng.choice((path, b"/", b"", b" ", None, b"/a", b"/ ", b"\x1f/\n", b" /a", b"\xc2\xa0"))
        if op == "getAllChildrenNumber":
            path = path or b"/"  # of "" ZooKeeper counts the root, too
        return {"op": op, "path": path}

    def watched_path(self):
        return self.rng.choice(self.watched) if self.chance(75) else self.path()

    def watches(self):
        path = self.watched_path() or b"/"  # null is among what the servers deliberately judge differently
        op = self.rng.choice(("addWatch", "addWatch", "checkWatches", "removeWatches"))
        if op == "addWatch":
            self.watch(path)
            return {"op": op, "path": path, "mode": self.rng.choice((0, 0, 0, 1, 1, 1, 2, -1))}
        return {"op": op, "path": path, "type": self.rng.choice((1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 0, 6, -1))}

    def set_watches(self):
        def paths(may_be_null=False):
            # ZooKeeper notices null when it comes to it, and has done half of its work.
            if may_be_null and self.chance(5):
                return None
            return [self.watched_path() or b"" for _ in range(self.rng.choice((0, 1, 1, 2, 3)))]

        seen = self.rng.choice((self.zxid, self.zxid, max(0, self.zxid - self.rng.randrange(60)), 0, self.zxid + 100))
        request = {"op": "setWatches", "seen": seen, "data": paths(True), "exist": paths(), "child": paths()}
        if self.chance(50):
            request.update(op="setWatches2", persistent=paths(), recursive=paths())
        return request

    def auth(self):
        scheme, proof = self.rng.choice(
            (
                (b"digest", ALICE),
                (b"digest", BOB),
                (b"digest", SUPER),
                (b"digest", b"super:wrong"),
                (b"digest", b"nocolon"),
                (b"digest", b""),
                (b"digest", b"a:b:c"),
                (b"digest", b"\xff\xfe:x"),
                (b"ip", b""),
                (b"ip", None),
                (b"ip", b"10.0.0.1"),
            )
        )
        return {"op": "auth", "type": self.rng.choice((0, 0, 0, 100)), "scheme": scheme, "auth": proof, "xid": -4}

    def fatal(self):
        """A request that ends the connection, or might."""
        kind = self.rng.randrange(8)
        if kind == 0:
            return {"op": "closeSession"}
        if kind == 1:
            scheme = self.rng.choice((b"sasl", b"x509", b"world", b"auth", b"super", b"nobody", b"", b"Digest"))
            return {"op": "auth", "type": 0, "scheme": scheme, "auth": b"x", "xid": -4}
        if kind == 6:
            return {"op": "auth", "type": 0, "scheme": b"digest", "auth": None, "xid": -4}
        if kind == 2:
            code = self.rng.choice((0, -1, 10, 23, 99, 108, 1000, INT_MIN, INT_MAX, -2, -12))
            return {"op": "ping", "code": code}
        if kind == 3:
            return {"op": "check", "path": self.path(), "version": -1}
        if kind == 4:
            return {"op": "auth", "type": 0, "scheme": b"digest", "auth": b"a:b", "xid": -4, "cut": self.rng.randrange(1, 9)}
        if kind == 5:
            return {"op": "reconfig", "joining": None, "leaving": b"3", "members": None, "config": -1}
        return {"op": "closeSession"}

    def request(self):
        makers = (
            *((self.create,) * 10 + (self.delete,) * 5 + (self.set_data,) * 6 + (self.set_acl,) * 3),
            *((self.multi,) * 5 + (self.multi_read,) * 2 + (self.read,) * 10 + (self.other_read,) * 4),
            *((self.watches,) * 5 + (self.set_watches,) * 2),
        )
        request = self.rng.choice(makers)()
        if request["op"] in ("create", "create2", "createContainer", "createTTL", "delete", "setData", "setACL"):
            # Null is among what the servers deliberately judge differently.
            request["path"] = request["path"] or b""
        if self.chance(1.5):
            request["cut"] = self.rng.choice((1, 2, 4, 5, 8, 20))
        elif self.chance(1):
            request["more"] = b"more"
        return request

    def batch(self, n):
        """Several requests. The last is one that Quorate may answer less to (an event about what the client may not
        read), so that the runner can look whether it is so, or one that changes an ACL: ZooKeeper judges what comes
        right after it by the ACL before it."""
        requests = [self.request() for _ in range(n)]
        for i, request in enumerate(requests):
            if request["op"].startswith("set") and request["op"] != "setData":
                return requests[: i + 1]
        return requests

    # --- steps -------------------------------------------------------------------------------------------------------

    def send(self, slot, requests):
        for request in requests:
            if "xid" not in request:
                self.xids[slot] += 1
                request["xid"] = self.xids[slot]
        return {"do": "send", "slot": slot, "requests": requests}

    def connect(self, slot):
        alive = [i for i, lives in enumerate(self.sessions) if lives]
        step = {"do": "connect", "slot": slot, "session": None, "password": "right", "read_only": 0, "seen": 0}
        step["timeout"] = self.rng.choice(TIMEOUTS)
        step["read_only"] = self.rng.choice((0, 0, 0, 1, None))
        kind = self.rng.random()
        if kind < 0.5 and alive:
            step["session"] = self.rng.choice(alive)
            step["seen"] = self.rng.choice((0, self.zxid, max(0, self.zxid - 5)))
            if self.chance(15):
                step["password"] = self.rng.choice(("wrong", "short", "empty", "none"))
        elif kind < 0.55 and self.sessions:
            step["session"] = self.rng.randrange(len(self.sessions))
        elif self.chance(10):
            step["password"] = self.rng.choice(("wrong", "short", "empty", "none", "long"))
        if self.chance(4):
            step["seen"] = self.rng.choice((self.zxid + 1, LONG_MAX, -1, -(2**63)))
        return step

    def next(self):
        """The next step. The runner keeps `slots`, `sessions` and `zxid` up to date."""
        slot = self.rng.randrange(SLOTS)
        if slot not in self.slots:
            return self.connect(slot)
        kind = self.rng.random() * 100
        if kind < 60:
            return self.send(slot, [self.request()])
        if kind < 92:
            return self.send(slot, self.batch(self.rng.choice((2, 3, 4, 6, 10))))
        if kind < 94:
            return self.send(slot, [self.auth()])
        if kind < 95:
            requests = self.batch(3)
            requests.insert(self.rng.randrange(4), self.auth())
            return self.send(slot, requests)
        if kind < 96:
            return self.send(slot, [{"op": "sasl", "token": self.rng.choice((b"", b"x", None))}])
        if kind < 97:
            return self.send(slot, [self.fatal()])
        if kind < 97.3:
            return {"do": "garbage", "slot": slot, "bytes": self.rng.choice(GARBAGE)}
        if kind < 98.5:
            return {"do": "drop", "slot": slot}
        if kind < 98.7:
            return {"do": "expire", "paths": sorted({b"/e%d" % self.rng.randrange(5) for _ in range(3)})}
        # Take the session of another connection, or one's own anew.
        return self.connect(slot)


GARBAGE = (
    b"\xff\xff\xff\xff",
    b"\x00\x10\x00\x00",
    b"\x7f\xff\xff\xff",
    b"ruok",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x04\x00\x00\x00\x01",
    b"\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00",
)
