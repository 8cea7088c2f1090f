#!/usr/bin/env python3
"""node-zookeeper-client gets the same answers from Quorate as from ZooKeeper, also while leaders are killed.

    tests/interop/install_peers.sh --with-node-client
    tests/interop/node_client.py --binary target/release/quorate
    tests/interop/node_client.py --self-test       ZooKeeper in Quorate's place

What `node_client.js` prints on three servers of each kind is compared line by line. Output and exit code are as run.py's.
"""

import argparse
import os
import queue
import shutil
import sys

sys.dont_write_bytecode = True

from compared import Program, compare, kill_leader  # noqa: E402
from harness import JAVA_VERSIONS, PATIENCE, Failed, Missing, Peers, expect  # noqa: E402
from run import Verdicts, arguments_of, checked  # noqa: E402


def client(peers, laboratory, ensemble):
    """What node_client.js prints."""
    if not shutil.which("node"):
        raise Missing("node is not installed; run install_peers.sh --with-node-client")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node_client.js")
    command = ["env", f"NODE_PATH={peers['NODE_MODULES']}", "NODE_NO_WARNINGS=1", "node", source]
    program = Program(laboratory, [*command, ",".join(server.address for server in ensemble)])
    transcript, killed = [], None
    while True:
        try:
            line = program.next_line(120 * PATIENCE)
        except queue.Empty:
            raise Failed(f"the program hangs after: {transcript[-5:]}") from None
        if line is None:
            break
        if line.startswith("> "):
            if killed:
                killed.wait_serving()
            killed = kill_leader(ensemble)
            program.say("")
        else:
            transcript.append(line)
    code = program.process.wait()
    expect(code == 0, f"the program ends with {code} after: {transcript[-20:]}")
    return transcript


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--version", default=JAVA_VERSIONS[-1], help="ZooKeeper's (default: %(default)s)")
    parser.add_argument("--print", action="store_true", help="print what ZooKeeper answers")
    arguments = checked(parser, parser.parse_args())
    verdicts = Verdicts()
    compare(verdicts, Peers(), arguments, "node_client", client)
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
