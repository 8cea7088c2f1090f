#!/usr/bin/env python3
"""TLS between Quorate and other people's programs: openssl, kazoo, ZooKeeper's client and ZooKeeper's servers.

    tests/interop/tls.py --binary target/release/quorate

`clients`: openssl s_client, kazoo and zkCli over Netty use the secure client port, and an ACL of the scheme x509 keeps
others out. `ensemble`: ZooKeeper servers and Quorate servers elect and replicate over TLS, each leading once. `upgrade`:
three Quorate servers go from plain connections over both to TLS only while a client writes, and no write is lost.
Output and exit code are as run.py's.
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True

from harness import (  # noqa: E402
    JAVA_VERSIONS,
    Ensemble,
    JavaServer,
    Laboratory,
    Missing,
    Peers,
    QuorateServer,
    expect,
    wait_until,
    with_kazoo,
)
from run import Verdicts, arguments_of, checked, judge  # noqa: E402

PASSWORD = "no secret at all"


class Authority:
    """A certificate authority in a directory, made with openssl."""

    def __init__(self, directory):
        if not shutil.which("openssl"):
            raise Missing("openssl is not installed")
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.ca = self.path("ca.pem")
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"),
            *("-subj", "/O=Quorate tests/CN=Test CA", "-keyout", self.path("ca.key"), "-out", self.ca),
        )
        self.trust = self.path("trust.p12")
        keytool = ["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", self.ca, "-keystore", self.trust]
        subprocess.run(
            [*keytool, "-storetype", "PKCS12", "-storepass", PASSWORD], check=True, capture_output=True, timeout=60
        )

    def path(self, name):
        return os.path.join(self.directory, name)

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60)
        expect(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}")

    def issue(self, name, names="IP:127.0.0.1,DNS:localhost"):
        """A key and a certificate: NAME.pem (both), NAME.key, NAME.crt and NAME.p12."""
        key, request, certificate = (self.path(f"{name}.{suffix}") for suffix in ("key", "csr", "crt"))
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self._openssl("req", *curve, "-subj", f"/O=Quorate tests/CN={name}", "-keyout", key, "-out", request)
        with open(self.path(f"{name}.ext"), "w", encoding="ascii") as extensions:
            extensions.write(f"subjectAltName={names}\n")
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.path("ca.key"), "-CAcreateserial"),
            *("-days", "90", "-extfile", self.path(f"{name}.ext"), "-out", certificate),
        )
        with open(self.path(f"{name}.pem"), "wb") as both:
            for part in (key, certificate):
                with open(part, "rb") as content:
                    both.write(content.read())
        self._openssl(
            *("pkcs12", "-export", "-in", certificate, "-inkey", key, "-name", name, "-passout", f"pass:{PASSWORD}"),
            *("-out", self.path(f"{name}.p12")),
        )
        return self.path(f"{name}.pem")


class Stage:
    """What a scenario needs."""

    def __init__(self, peers, name, binary, version):
        self.laboratory = Laboratory(peers, f"tls-{name}")
        self.peers, self.binary, self.version = peers, binary, version
        self.authority = Authority(self.laboratory.new_directory("keys"))

    def quorate(self, myid):
        return QuorateServer(self.laboratory, myid, self.binary)

    def java(self, myid):
        """A ZooKeeper server. Its TLS needs the classes of Netty, which the others do without."""
        server = JavaServer(self.laboratory, myid, self.version)
        netty = [jar for jar in self.peers["ZK39_FULL_CLASSPATH"].split(":") if "/netty-" in jar]
        place = server.java.index("-cp") + 1
        server.java[place] = ":".join([server.java[place], *netty])
        return server

    def stores(self, prefix, name):
        """The keys of one side, in PKCS#12, which both kinds of servers read."""
        return {
            f"{prefix}.keyStore.location": self.authority.path(f"{name}.p12"),
            f"{prefix}.keyStore.password": PASSWORD,
            f"{prefix}.trustStore.location": self.authority.trust,
            f"{prefix}.trustStore.password": PASSWORD,
        }

    def kazoo(self, port, name=None):
        """A client, with TLS if `name` is the name in its certificate."""
        from kazoo.client import KazooClient

        tls = {}
        if name:
            tls = {
                "use_ssl": True,
                "verify_certs": True,
                "ca": self.authority.ca,
                "certfile": self.authority.path(f"{name}.crt"),
                "keyfile": self.authority.path(f"{name}.key"),
            }
        client = KazooClient(hosts=f"127.0.0.1:{port}", timeout=10, **tls)
        self.laboratory.closers.append(lambda: (client.stop(), client.close()))
        client.start(30)
        return client


# --- clients -------------------------------------------------------------------------------------------------------


def s_client(stage, port, *arguments, say=b"srvr"):
    """What `openssl s_client` prints when it has connected and said a word."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", stage.authority.ca, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        process.stdin.write(say)
        process.stdin.flush()
    except BrokenPipeError:
        pass
    # Its standard input stays open: at the end of that it would not wait for the answer.
    patience = threading.Timer(20, process.kill)
    patience.start()
    said = process.stdout.read().decode(errors="replace")
    patience.cancel()
    process.stdin.close()
    process.wait()
    return said


def zk_cli(stage, port, name, *command):
    """What ZooKeeper's shell prints for one command."""
    flags = {
        "zookeeper.clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty",
        "zookeeper.client.secure": "true",
        **{f"zookeeper.{key}": value for key, value in stage.stores("ssl", name).items()},
    }
    done = subprocess.run(
        [
            *("java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *(f"-D{key}={value}" for key, value in flags.items()),
            *("-cp", stage.peers["ZK39_FULL_CLASSPATH"], "org.apache.zookeeper.ZooKeeperMain"),
            *("-server", f"127.0.0.1:{port}", *command),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def clients(stage):
    """openssl, kazoo and ZooKeeper's shell on the secure port; ACLs name them by their certificates."""
    from kazoo.exceptions import NoAuthError
    from kazoo.security import ACL, Id, Permissions

    for name in ("server", "app", "other", "admin"):
        stage.authority.issue(name)
    secure = stage.laboratory.ports.take()
    server = stage.quorate(1)
    settings = {
        "secureClientPort": secure,
        "secureClientPortAddress": "127.0.0.1",
        "X509AuthenticationProvider.superUser": "CN=admin,O=Quorate tests",
        **stage.stores("ssl", "server"),
    }
    Ensemble([server], settings=settings).start()

    shown = ("-cert", stage.authority.path("app.crt"), "-key", stage.authority.path("app.key"))
    for version in ("-tls1_2", "-tls1_3"):
        said = s_client(stage, secure, version, *shown)
        expect("Verify return code: 0 (ok)" in said, f"openssl {version}: {said}")
        expect("Mode: standalone" in said, f"the answer to srvr over {version}: {said}")
    for refused in (("-tls1_1", *shown), ("-tls1_3",), ("-tls1_2",)):
        said = s_client(stage, secure, *refused)
        expect("Mode:" not in said, f"openssl {refused[0]} got in: {said}")

    app = stage.kazoo(secure, "app")
    app.create("/mine", b"secret", acl=[ACL(Permissions.ALL, Id("x509", "CN=app,O=Quorate tests"))])
    expect(app.get("/mine")[0] == b"secret", "the owner reads its node")
    plain, other, admin = stage.kazoo(server.client_port), stage.kazoo(secure, "other"), stage.kazoo(secure, "admin")
    for stranger in (plain, other):
        try:
            stranger.get("/mine")
        except NoAuthError:
            continue
        expect(False, "a client without the certificate reads the node")
    expect(admin.get("/mine")[0] == b"secret", "the super user reads the node")

    expect("secret" in zk_cli(stage, secure, "app", "get", "/mine"), "ZooKeeper's shell reads the node")
    said = zk_cli(stage, secure, "other", "get", "/mine")
    expect("Insufficient permission" in said, f"ZooKeeper's shell is refused: {said}")


# --- servers -------------------------------------------------------------------------------------------------------


def write_and_read(ensemble, path):
    """A write through one server is read on all of them."""
    from kazoo.client import KazooClient

    def connected(server):
        client = KazooClient(hosts=server.address, timeout=10)
        client.start(30)
        return client

    all_clients = [connected(server) for server in ensemble if server.running]
    try:
        all_clients[0].create(path, b"x" * 1000)
        for client in all_clients:
            client.sync("/")
            wait_until(lambda c=client: c.exists(path), f"{path} to be everywhere")
    finally:
        for client in all_clients:
            client.stop()
            client.close()


def ensemble(stage):
    """Two Quorate servers and one ZooKeeper server; each leads, and each is killed while it leads."""
    for myid in (1, 2, 3):
        stage.authority.issue(f"server{myid}")
    # A ZooKeeper server has the clients on NIO; TLS between servers is its own code.
    servers = [stage.quorate(1), stage.java(2), stage.quorate(3)]
    own = {myid: stage.stores("ssl.quorum", f"server{myid}") for myid in (1, 2, 3)}
    mixed = Ensemble(servers, settings={"sslQuorum": "true"}, own=own).start()
    write_and_read(mixed, "/first")
    kinds = set()
    for number in range(6):
        leader = mixed.leader()
        kinds.add(leader.kind)
        leader.kill()
        mixed.leader()
        write_and_read(mixed, f"/round{number}")
        leader.start()
        mixed.wait_serving()
        if len(kinds) == 2:
            break
        # The servers with the higher numbers win as long as they are up to date.
        follower = next(server for server in mixed if server.mode() == "follower" and server.kind == "quorate")
        follower.stop()
        mixed.leader()
        follower.start()
        mixed.wait_serving()
    expect(len(kinds) == 2, f"only {kinds} has led")
    for server in servers:
        if server.kind == "quorate":
            text = server.log_text()
            expect("with TLS" in text, f"{server} does not listen with TLS")


def upgrade(stage):
    """Plain, then both, then TLS, then only TLS: one server at a time, while a client writes."""
    from workload import Ledger, expect_ledgers_everywhere

    servers = [stage.quorate(myid) for myid in (1, 2, 3)]
    for myid in (1, 2, 3):
        stage.authority.issue(f"server{myid}")
    steps = [
        {},
        {"portUnification": "true"},
        {"portUnification": "true", "sslQuorum": "true"},
        {"portUnification": "false", "sslQuorum": "true"},
    ]
    all_three = Ensemble(servers).start()
    ledger = Ledger(stage.laboratory, *servers, base="/ledger")
    ledger.start()
    ledger.expect_progress(20, alive=all_three)
    for step in steps[1:]:
        for server in servers:
            all_three.own[server.myid] = {**stage.stores("ssl.quorum", f"server{server.myid}"), **step}
            all_three.write_files(server)
            server.stop()
            server.start()
            server.wait_serving()
            ledger.expect_progress(10, alive=all_three)
    ledger.finish()
    expect_ledgers_everywhere(stage.laboratory, all_three, [ledger])
    for server in servers:
        expect("with TLS" in server.log_text(server.past_log), f"{server} has no TLS at the end")


def rotation(stage):
    """New certificates are taken without a restart; a broken file is not."""
    stage.authority.issue("server")
    stage.authority.issue("app")
    secure = stage.laboratory.ports.take()
    server = stage.quorate(1)
    keys = stage.authority.path("server.pem")
    settings = {
        "secureClientPort": secure,
        "secureClientPortAddress": "127.0.0.1",
        "client.certReload": "true",
        "ssl.keyStore.location": keys,
        "ssl.trustStore.location": stage.authority.ca,
    }
    Ensemble([server], settings=settings).start()
    client = stage.kazoo(secure, "app")
    session = client.client_id
    shown = ("-cert", stage.authority.path("app.crt"), "-key", stage.authority.path("app.key"))

    def serial():
        said = s_client(stage, secure, *shown)
        expect("BEGIN CERTIFICATE" in said, said)
        return said.split("BEGIN CERTIFICATE")[1].split("END CERTIFICATE")[0]

    first = serial()
    with open(keys, "w", encoding="ascii") as broken:
        broken.write("-----BEGIN CERTIFICATE-----\nnonsense")
    wait_until(lambda: "stay as they were" in server.log_text(), "the broken file to be noticed", alive=[server])
    expect(serial() == first, "the old certificate is shown while the file is broken")
    stage.authority.issue("server")
    wait_until(lambda: "new handshakes take" in server.log_text(), "the new file to be read", alive=[server])
    expect(serial() != first, "the new certificate is shown")
    client.create("/still", b"here")
    expect(client.client_id == session, "the old connection lives on")


SCENARIOS = {"clients": clients, "ensemble": ensemble, "upgrade": upgrade, "rotation": rotation}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--only", metavar="NAME", action="append", choices=list(SCENARIOS))
    arguments = checked(parser, parser.parse_args())
    peers, verdicts = Peers(), Verdicts()
    if not with_kazoo(peers):
        verdicts.give("SKIP", "all scenarios", reason="kazoo is not installed; run tests/interop/install_peers.sh")
        return verdicts.conclude()

    def run(name, version, title):
        judge(
            verdicts,
            title,
            lambda: Stage(peers, name, arguments.binary, version),
            SCENARIOS[name],
            arguments.keep,
        )

    for name in arguments.only or SCENARIOS:
        for version in JAVA_VERSIONS if name == "ensemble" else JAVA_VERSIONS[-1:]:
            run(name, version, f"{name}[{version}]" if name == "ensemble" else name)
    return verdicts.conclude()


if __name__ == "__main__":
    sys.exit(main())
