"""What Quorate answers otherwise than ZooKeeper, on purpose: requests with both answers.

These are left out of the random steps, since the servers' states differ after most of them. docs/ARCHITECTURE.md gives
the reasons. That ZooKeeper still answers as written here is checked too: otherwise the entry can go.
"""


OPEN = [(31, b"world", b"anyone")]


def create(path, **other):
    return {"op": "create", "path": path, "data": b"", "acl": OPEN, "flags": 0, **other}


def multi(*parts):
    return {"op": "multi", "parts": parts}


# What is asked, the answers of ZooKeeper and of Quorate: the error, then the result, then whether the connection ended.
DELIBERATE = (
    # What is not different, but would be if other requests came right behind it.
    ("a createContainer with the flags of an ephemeral", create(b"/x1", op="createContainer", flags=1), "0 b'/x1'", "0 b'/x1'"),
    ("the same in a multi", multi(create(b"/x2", op="createContainer", flags=1)), "0 create2 b'/x2'", "0 create2 b'/x2'"),
    ("an ACL without an id", create(b"/x5", acl=[(31, b"world", None)]), "-5", "-114"),
    ("a multi with an ACL that is null", multi(create(b"/x6", acl=None)), "-5", "0 error -114"),
    ("setData on null", {"op": "setData", "path": None, "data": b"", "version": -1}, "-8", "-5"),
    ("addWatch on null", {"op": "addWatch", "path": None, "mode": 0}, "0 0", "-5"),
    ("checkWatches on null", {"op": "checkWatches", "path": None, "type": 2}, "-121", "-5"),
    ("getAllChildrenNumber of the empty path", {"op": "getAllChildrenNumber", "path": b""}, "0 {all}", "0 {below}"),
    ("deleteContainer from a client", {"op": "deleteContainer", "path": b"/there"}, "0", "-6 closed"),
    ("createSession from a client", {"op": "createSession", "timeout": 30000}, "answer to nothing silence", "-6 closed"),
    ("createTTL without its flags or a time", create(b"/x7", op="createTTL", flags=0, ttl=-1), None, "-8"),
)


def outcome(side, request):
    """A request on a connection of its own: what comes of it, in short."""
    side.connect({"slot": 0, "session": None, "password": "right", "timeout": 30000, "seen": 0, "read_only": 0})
    side.exchange(0, [create(b"/there", xid=1)])
    [(_, _, _, all_below)] = side.exchange(0, [{"op": "getAllChildrenNumber", "path": b"/", "xid": 2}]).replies
    side.connections[0].socket.settimeout(2)
    heard = side.exchange(0, [{**request, "xid": 3}])
    said = []
    for frame in heard.frames:
        if frame[0] == "reply":
            error, body = frame[4:6]
            said.append(str(error))
            if isinstance(body, list):
                said += [str(item) for item in body[0][:1] + body[0][2:3]]
            elif isinstance(body, (tuple, bytes, int)):
                said.append(str(body[0] if isinstance(body, tuple) else body))
        else:
            said.append(frame[0])
    side.drop(0)
    return " ".join(said).replace(f"0 {all_below + 1}", "0 {all}").replace(f"0 {all_below}", "0 {below}")


def check_deliberate(sides):
    """Complains of every answer that is not as written above."""
    wrong = []
    for what, request, *expected in DELIBERATE:
        for side, answer in zip(sides, expected):
            if answer is not None and (found := outcome(side, request)) != answer:
                wrong.append(f"{what}: {side.server.kind} answers {found}, not {answer}")
    return wrong
