"""The results as Markdown: medians of the rounds, both servers side by side, and how they compare."""

import statistics

from cells import LOADS

BEGIN = "<!-- compare.py writes from here -->"
END = "<!-- to here -->"
MIX_NAMES = {"reads": "reads", "mixed": "90 % reads", "writes": "writes"}


class Results:
    """Medians over the measurements of a cell; over the quiet ones if there are any."""

    def __init__(self, measurements, contestants, floors=None):
        self.contestants = contestants
        self.floors = floors or {}  # name -> label
        self.measurements = measurements

    def of(self, cell, contestant):
        mine = [m for m in self.measurements if (m["cell"], m["contestant"]) == (cell, contestant)]
        quiet = [m for m in mine if m["quiet"] is not False]
        return quiet or mine, bool(mine) and not quiet

    def median(self, cell, contestant, figure):
        values = [m["figures"][figure] for m in self.of(cell, contestant)[0] if figure in m["figures"]]
        return statistics.median(values) if values else None

    def longest(self, cell, contestant, figure):
        values = [m["figures"][figure] for m in self.of(cell, contestant)[0] if figure in m["figures"]]
        return max(values) if values else None

    def noisy(self, cell):
        return any(self.of(cell, contestant)[1] for contestant in self.contestants)

    def has(self, cell):
        return any(m["cell"] == cell for m in self.measurements)


def number(value):
    """Three digits that mean something, thousands set off."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{round(value, 2 - len(str(int(abs(value)))) + 1):,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.1 or value == 0 else f"{value:.2f}"


def ratio(mine, theirs, more_is_better=False):
    if not mine or not theirs:
        return "–"
    return f"{number(mine / theirs if more_is_better else theirs / mine)}×"


def rows(lines, header):
    return ["| " + " | ".join(header) + " |", "|---" * len(header) + "|", *("| " + " | ".join(l) + " |" for l in lines)]


def loads(results):
    """Throughput, processor time and latency of the load cells."""
    throughput, latency = [], []
    for cell, (size, mix, window) in LOADS.items():
        if not results.has(cell):
            continue
        mark = " *" if results.noisy(cell) else ""
        name = [f"{size}{mark}", MIX_NAMES[mix], str(window)]
        rate = [results.median(cell, who, "throughput") for who in results.contestants]
        cpu = [results.median(cell, who, "server_cpu_us") for who in results.contestants]
        throughput.append(
            [*name, *map(number, rate), ratio(*rate, more_is_better=True), *map(number, cpu), ratio(*cpu)]
        )
        for kind in ("read", "write"):
            p99 = [results.median(cell, who, f"{kind}_p99_us") for who in results.contestants]
            if p99 == [None, None]:
                continue
            load = f"{name[1]}: {kind}s" if mix == "mixed" else name[1]
            latency.append([name[0], load, name[2], *ranks(results, cell, kind), ratio(*p99)])
    if not throughput:
        return []
    where = ["servers", "load", "window"]
    return [
        "Operations per second, and processor time of all servers together per operation (µs):",
        "",
        *rows(
            throughput,
            [*where, "Quorate op/s", "ZooKeeper op/s", "ratio", "Quorate µs", "ZooKeeper µs", "ratio"],
        ),
        "",
        "Latency at that throughput, p50 / p99 / p99.9 in ms (ratio: of the p99):",
        "",
        *rows(latency, [*where, "Quorate", "ZooKeeper", "ratio"]),
        "",
    ]


def ranks(results, cell, kind):
    """Each server's p50 / p99 / p99.9 in ms."""
    for who in results.contestants:
        of = [results.median(cell, who, f"{kind}_{rank}_us") for rank in ("p50", "p99", "p999")]
        yield " / ".join(number(us and us / 1000) for us in of)


def floors(results):
    """Quorate beside the least that the same load can cost here, cell by cell."""
    lines = []
    for cell, (size, mix, window) in LOADS.items():
        for floor, label in results.floors.items():
            least = [results.median(cell, floor, figure) for figure in ("throughput", "server_cpu_us")]
            ours = [results.median(cell, "quorate", figure) for figure in ("throughput", "server_cpu_us")]
            if None in least + ours:
                continue
            mark = " *" if any(results.of(cell, who)[1] for who in ("quorate", floor)) else ""
            line = [f"{size}{mark}", MIX_NAMES[mix], str(window), label]
            for mine, theirs in zip(ours, least):
                line += [number(mine), number(theirs), f"{number(mine / theirs)}×"]
            lines.append(line)
    if not lines:
        return []
    return [
        "Beside the floor, servers that answer and keep nothing (`quorate bench null`): Quorate's figure, the floor's,",
        "and the one divided by the other.",
        "",
        *rows(
            lines, ["servers", "load", "window", "floor", "op/s", "floor op/s", "of it", "µs", "floor µs", "of it"]
        ),
        "",
    ]


# Cell, figure, what it is, unit, divided by, and whether more is better.
OTHERS = [
    ("znodes", "rss_per_znode", "memory per znode: resident", "B", 1, False),
    ("znodes", "heap_per_znode", "memory per znode: live heap after a full GC", "B", 1, False),
    ("znodes", "per_second", "znodes made per second, multis of 100", "/s", 1, True),
    ("znodes", "server_cpu_us", "processor time per znode made", "µs", 1, False),
    ("sessions", "rss_per_session", "memory per idle session: resident", "B", 1, False),
    ("sessions", "heap_per_session", "memory per idle session: live heap after a full GC", "B", 1, False),
    ("sessions", "opened_per_second", "sessions opened per second, 40 at a time", "/s", 1, True),
    ("sessions", "cpu_us_per_ping", "processor time per ping", "µs", 1, False),
    ("watch", "last_event_ms", "a watched znode changes: last event", "ms", 1, False),
    ("watch", "server_cpu_us", "processor time per event", "µs", 1, False),
    ("failover", "write_gap_ms", "no write acknowledged after kill -9 of the leader", "ms", 1, False),
    ("recovery", "ready_ms", "ready after kill -9", "ms", 1, False),
    ("recovery", "rss_bytes", "resident memory then", "MiB", 2**20, False),
    ("start", "ready_ms", "ready after an empty start", "ms", 1, False),
    ("start", "rss_bytes", "resident memory then", "MiB", 2**20, False),
]


def others(results):
    lines = []
    for cell, figure, what, unit, divisor, more_is_better in OTHERS:
        values = [results.median(cell, who, figure) for who in results.contestants]
        if values == [None, None]:
            continue
        mark = " *" if results.noisy(cell) else ""
        values = [None if value is None else value / divisor for value in values]
        lines.append([f"`{cell}`{mark}", f"{what} ({unit})", *map(number, values), ratio(*values, more_is_better)])
        if cell == "failover":
            longest = [results.longest(cell, who, figure) for who in results.contestants]
            lines.append([f"`{cell}`{mark}", "the longest of them (ms)", *map(number, longest), ratio(*longest)])
    return [*rows(lines, ["cell", "what", "Quorate", "ZooKeeper", "ratio"]), ""] if lines else []


def markdown(about, parameters, results):
    """The whole report. A ratio above 1 says that Quorate does better."""
    noisy = any(m["quiet"] is False for m in results.measurements)
    lines = [about, "", parameters, "", *loads(results), *floors(results), *others(results)]
    lines.append("A ratio above 1 is in Quorate's favour; one below 1.3 either way is no difference worth naming.")
    if noisy and any(results.noisy(m["cell"]) for m in results.measurements):
        lines.append("`*`: others used the machine during every one of a server's measurements of this cell.")
    return "\n".join(lines) + "\n"


def put_into(document, text, begin_mark=BEGIN, end_mark=END):
    """Replaces what stands between the markers of a document; an error if they are not there.

    Without text it only looks."""
    with open(document, encoding="utf-8") as file:
        whole = file.read()
    before, begin, rest = whole.partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not begin or not end:
        raise ValueError(f"{document} does not have the lines {begin_mark!r} and {end_mark!r}")
    if text is None:
        return
    with open(document, "w", encoding="utf-8") as file:
        file.write(f"{before}{begin}\n\n{text}\n{end}{after}")
