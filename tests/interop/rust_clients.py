#!/usr/bin/env python3
"""Two Rust clients made for ZooKeeper get the same answers from Quorate as from it, also while leaders are killed.

    cargo build --locked --manifest-path tests/interop/rust_clients/Cargo.toml
    tests/interop/rust_clients.py --binary target/release/quorate --client .../debug/rust-clients
    tests/interop/rust_clients.py --self-test --client .../debug/rust-clients      ZooKeeper in Quorate's place

What the program in `rust_clients/` prints with the crates zookeeper and zookeeper-async on three servers of each kind is
compared line by line. Output and exit code are as run.py's.
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True

from compared import Program, main, printed  # noqa: E402


def comparison(program, kind):
    """What the program prints with this kind of client."""

    def client(_peers, laboratory, ensemble):
        hosts = ",".join(server.address for server in ensemble)
        return printed(Program(laboratory, [program, kind, hosts]), ensemble)

    return f"rust_{kind}", client


if __name__ == "__main__":
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--client", required=True)
    known, sys.argv[1:] = own.parse_known_args()
    path = os.path.abspath(known.client)
    if not os.access(path, os.X_OK):
        own.error(f"{path} is not a program")
    sys.exit(main(__doc__, [comparison(path, kind) for kind in ("blocking", "asynchronous")]))
