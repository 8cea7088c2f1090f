#!/usr/bin/env python3
"""node-zookeeper-client gets the same answers from Quorate as from ZooKeeper, also while leaders are killed.

    tests/interop/install_peers.sh --with-node-client
    tests/interop/node_client.py --binary target/release/quorate
    tests/interop/node_client.py --self-test       ZooKeeper in Quorate's place

What `node_client.js` prints on three servers of each kind is compared line by line. Output and exit code are as run.py's.
"""

import os
import shutil
import sys

sys.dont_write_bytecode = True

from compared import Program, main, printed  # noqa: E402
from harness import Missing  # noqa: E402


def client(peers, laboratory, ensemble):
    """What node_client.js prints."""
    if not shutil.which("node"):
        raise Missing("node is not installed; run install_peers.sh --with-node-client")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node_client.js")
    command = ["env", f"NODE_PATH={peers['NODE_MODULES']}", "NODE_NO_WARNINGS=1", "node", source]
    program = Program(laboratory, [*command, ",".join(server.address for server in ensemble)])
    return printed(program, ensemble)


if __name__ == "__main__":
    sys.exit(main(__doc__, [("node_client", client)]))
