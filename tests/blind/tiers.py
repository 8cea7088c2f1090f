"""The tiers: what is run with a mutant, in which order, and what counts as noticing it.

A step is one program with arguments. It is run unbroken once, which tells how long it takes and which switches it
comes across. With a mutant it is run if it comes across the mutant's switch. It notices by its exit code, by
crashing, or by needing ten times the processor time. A model notices only by a property (or by a state that must be
reachable): its counts are not asked, and a search that is cut or takes too long notices nothing.
"""

import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

# Models of other protocols execute nothing of core; models with more states than this take too long for each mutant.
OTHERS = {"paxos", "duel", "duel-ended", "multi-one", "multi-two", "fast"}
MOST_STATES = 700_000
# What asserts counts of states, or compares pages, is no judge here.
SPEC = ("lib", "transcripts", "judge", "late_disk", "long_synchronisation", "simulate")
CORE_E2E = (
    "failover", "watches", "sessions", "sync", "read_only", "observers", "quorum_loss", "restarts", "znodes", "words",
    "hostile_clients", "hostile_peers", "members", "catching_up", "random_kills",
)  # fmt: skip
STORAGE_E2E = ("damage", "power_failure", "restarts", "wiped_disk", "members", "catching_up", "random_kills", "words")
MEMORY = 8 << 30
# The longest that a step may take by the clock, in seconds, however slow the machine is.
PATIENCE = 1800


def storage(mutant):
    return mutant["file"].startswith("server/")


def protocol(mutant):
    """Where a property of a model should notice."""
    return mutant["file"].startswith(("core/src/election/", "core/src/zab/", "core/src/session/", "core/src/peer.rs"))


class Work:
    def __init__(self, scratch, sample, result):
        built = json.loads((scratch / "built.json").read_text())
        self.revision, self.programs = built["revision"], built["programs"]
        self.left_out = {int(number): why for number, why in built["left_out"].items()}
        self.mutants = dict(enumerate(sample["mutants"]))
        self.scratch, self.tree, self.result = scratch, scratch / "tree", result
        self.reached = scratch / "reached.json"

    def steps(self):
        """(tier, name, command, directory) of every step, in order."""
        program = self.programs.get
        yield "unit", "core", [program("test quorate_core lib"), "-q", "--test-threads", "1"], "core"
        checks = program("program quorate-checks bin")
        listed = subprocess.run([checks, "list"], check=True, capture_output=True, text=True).stdout
        for line in listed.splitlines():
            name = line.split()[0] if line[:1].strip() else None
            if name and name not in OTHERS:
                yield "model", name, [checks, "run", name, "--any-count", "--threads", "1", "--json", "-"], "checks"
        for name in SPEC:
            test = program("test quorate_spec lib" if name == "lib" else f"test {name} test")
            yield "spec", name, [test, "-q", "--test-threads", "1"], "spec"
        unit = [program("test quorate lib"), "-q", "--test-threads", "2"]
        yield "storage", "storage", [*unit, "storage::", "data::", "--skip", "bench::"], "server"
        for name in dict.fromkeys(CORE_E2E + STORAGE_E2E):
            yield "e2e", name, [program("test e2e test"), "-q", "--test-threads", "2", f"{name}::"], "server"

    def run_step(self, step, number=None, seconds=None, seen=None):
        """(code, processor seconds, what was printed); the code is None if it took too long."""
        environment = {
            **os.environ, "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "true", "CARGO_MANIFEST_DIR": str(self.tree / step[3]),
        }  # fmt: skip
        if number is not None:
            environment["QUORATE_BLIND"] = str(number)
        if seen:
            environment["QUORATE_BLIND_SEEN"] = str(seen)

        def limits():
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if seconds:
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))

        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        with tempfile.TemporaryFile("w+", errors="replace") as out:
            process = subprocess.Popen(
                step[2], cwd=self.tree / step[3], env=environment, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT if step[0] != "model" else subprocess.DEVNULL, preexec_fn=limits,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                code = None
            out.seek(0)
            printed = out.read()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if seconds and used >= seconds - 1:
            code = None
        return code, used, time.monotonic() - began, printed

    def reach(self):
        """Run every step unbroken: what it comes across, and how long it takes."""
        known = json.loads(self.reached.read_text()) if self.reached.exists() else {}
        for step in self.steps():
            key = f"{step[0]} {step[1]}"
            if key in known:
                continue
            seen = self.scratch / "seen"
            seen.unlink(missing_ok=True)
            if step[0] == "model":
                step = (*step[:2], [*step[2], "--states", str(MOST_STATES)], step[3])
            code, used, _, printed = self.run_step(step, seen=seen)
            found = self.judge(step, code, printed)
            numbers = sorted({int(line) for line in seen.read_text().split()}) if seen.exists() else []
            if step[0] == "model" and code:
                found, numbers = found or "too large", []
            known[key] = {"seconds": round(used, 1), "numbers": numbers, "fails": found}
            self.reached.write_text(json.dumps(known))
            print(f"{key}: {used:.0f} s, {len(numbers)} switches{', FAILS UNBROKEN: ' + str(found) if found else ''}", flush=True)

    def judge(self, step, code, printed):
        """By what a step notices, or None."""
        if step[0] == "model":
            if code is None or not printed.strip():
                return None
            try:
                model = json.loads(printed)["models"][0]
            except ValueError:
                return None
            broken = model["violation"] and model["violation"]["property"]
            if model["as_expected"] or model["verdict"].startswith("CUT"):
                return None
            return f"{step[1]}: {broken or model['verdict']}"
        if code is None:
            return f"{step[1]}: takes too long"
        if code == 0:
            return None
        failed = [line.strip() for line in printed.partition("\nfailures:\n")[2].splitlines()]
        names = [line for line in failed if "::" in line and " " not in line or line.isidentifier()]
        return f"{step[1]}: {', '.join(dict.fromkeys(names)) or f'code {code}'}"

    def run(self, models_too):
        reached = json.loads(self.reached.read_text())
        results = json.loads(self.result.read_text()) if self.result.exists() else {}
        order = {"unit": 0, "storage": 1, "model": 1, "spec": 1, "e2e": 2}
        steps = sorted(self.steps(), key=lambda s: (order[s[0]], reached[f"{s[0]} {s[1]}"]["seconds"]))
        # A step for all mutants, then the next one for those that are left: the quick ones notice most.
        for step in steps:
            for number, mutant in self.mutants.items():
                row = results.setdefault(mutant["name"], {})
                row["revision"] = self.revision
                if number in self.left_out:
                    row["left_out"] = self.left_out[number]
                else:
                    self.one(number, mutant, row, step, reached, models_too, lambda: self.save(results))
        for row in results.values():
            row["ended"] = True
        self.save(results)

    def save(self, results):
        new = self.result.with_suffix(".new")
        rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(results.items()))
        new.write_text("{\n" + rows + "\n}\n")
        new.rename(self.result)

    def one(self, number, mutant, row, step, reached, models_too, save):
        """Run a step for one mutant, if it is still to be run."""
        done, by = row.setdefault("run", []), row.get("noticed", {})
        row["asked_models"] = models_too and protocol(mutant)
        tier, key = step[0], f"{step[0]} {step[1]}"
        of_storage = tier == "storage" or tier == "e2e" and step[1] in STORAGE_E2E
        wanted = of_storage if storage(mutant) else tier != "storage" and (tier != "e2e" or step[1] in CORE_E2E)
        known = reached[key]
        if not wanted or number not in known["numbers"] or known["fails"] or key in done:
            return
        extra = models_too and tier == "model" and protocol(mutant) and "model" not in by
        if by and not extra:
            return
        seconds = int(known["seconds"] * 10) + 30
        if tier == "model":
            step = (*step[:2], [*step[2], "--states", str(2 * MOST_STATES)], step[3])
            seconds = int(known["seconds"] * 3) + 30
        code, _, wall, printed = self.run_step(step, number, None if tier == "e2e" else seconds)
        found = self.judge(step, code, printed)
        if found and tier == "e2e":
            # Real servers on a busy machine: twice with the mutant, and never without.
            again, unbroken = self.run_step(step, number), self.run_step(step)
            if not again[0] or unbroken[0]:
                found = None
        done.append(key)
        if found:
            row.setdefault("noticed", {})[tier] = found
        save()
        print(f"{time.strftime('%H:%M')} {number:>3} {key} {wall:.0f} s: {found or '-'}  ({mutant['name']})", flush=True)
