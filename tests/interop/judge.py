#!/usr/bin/env python3
"""ZooKeeper itself before the judge: random requests to a server of it, and the answers that spec/src/judge expects.

    tests/interop/judge.py --cases 300
    tests/interop/judge.py --cases 300 --seed 7    an earlier run again

Without the peers the run is skipped, with REQUIRE_PEERS=1 failed.
"""

import argparse
import base64
import hashlib
import os
import subprocess
import sys

sys.dont_write_bytecode = True

from harness import REPOSITORY, Ensemble, JavaServer, Laboratory, Missing, Peers  # noqa: E402

ROOT = "root:" + base64.b64encode(hashlib.sha1(b"root:r").digest()).decode()
FLAGS = (
    "-Dzookeeper.extendedTypesEnabled=true",
    f"-Dzookeeper.DigestAuthenticationProvider.superDigest={ROOT}",
    "-Dznode.container.checkIntervalMs=86400000",
)
SETTINGS = {"maxClientCnxns": 0, "maxSessionTimeout": 60000, "forceSync": "no"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300, help="how many sequences of requests")
    parser.add_argument("--seed", type=int, help="repeat the run with this seed")
    parser.add_argument("--version", default="3.9", help="ZooKeeper's version")
    options = parser.parse_args()
    try:
        laboratory = Laboratory(Peers())
        server = JavaServer(laboratory, 1, options.version, FLAGS)
    except Missing as missing:
        print(f"skipped: {missing}")
        sys.exit(1 if os.environ.get("REQUIRE_PEERS") else 0)
    try:
        Ensemble([server], SETTINGS)
        server.start().wait_serving()
        environment = {
            **os.environ,
            "QUORATE_JUDGE_ZOOKEEPER": server.address,
            "QUORATE_JUDGE_CASES": str(options.cases),
            **({"QUORATE_JUDGE_SEED": str(options.seed)} if options.seed is not None else {}),
        }
        command = ["cargo", "test", "-p", "quorate-spec", "--test", "judge", "--", "--ignored", "--nocapture"]
        sys.exit(subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode)
    finally:
        laboratory.close()


if __name__ == "__main__":
    main()
