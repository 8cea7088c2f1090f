#!/usr/bin/env bash
# Installs the real peers that Quorate is tested against: two ZooKeeper servers and the clients.
#
#   tests/interop/install_peers.sh [--with-c-client] [--with-node-client] [--with-aiozk] [DIR]
#
# DIR defaults to $QUORATE_PEERS, or else to target/peers of this repository. Running it again only adds
# what is missing. The result is DIR/env.sh, which can be sourced:
#
#   ZK38_CLASSPATH       just enough to run ZooKeeper 3.8.0 (the distribution's build):
#                        java $ZK38_JAVA_OPTIONS -cp $ZK38_CLASSPATH \
#                            org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg
#   ZK39_CLASSPATH       the same for ZooKeeper 3.9
#   ZK38_JAVA_OPTIONS, ZK39_JAVA_OPTIONS   options for java that go with them: logging, and a quicker start
#   ZK39_FULL_CLASSPATH  ZooKeeper 3.9 with everything: TLS, zkCli, compressed snapshots
#   ZK39_ADMIN_CLASSPATH ZooKeeper 3.9 with its admin server
#   CURATOR_CLASSPATH    ZooKeeper 3.9's client, and Curator with all it needs
#   KAZOO_PYTHON         a Python that has kazoo
#   ZK_CLI_MT            the C client's shell (with --with-c-client, which also brings the library's header)
#   NODE_MODULES         where node finds node-zookeeper-client (with --with-node-client)
#   PROMETHEUS_PYTHON    a Python that has prometheus_client
#   AIOZK_PYTHON         a Python that has aiozk, and pytest for its tests (with --with-aiozk)
#
# No service is started and nothing is configured to start at boot.
set -euo pipefail

# The ZooKeeper 3.9 and Curator jars come out of this PySpark release, which is a large download (about 450 MB) that
# is thrown away once the jars have been taken out of it.
PYSPARK_VERSION=4.3.0
ZOOKEEPER39_VERSION=3.9.5
KAZOO_VERSION=2.11.0
PROMETHEUS_VERSION=0.26.0
NODE_CLIENT_VERSION=1.1.3
AIOZK=(aiozk==0.32.0 pytest==9.2.0 pytest-asyncio==1.5.0)
SYSTEM_JARS=/usr/share/java

say() { printf 'install_peers: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }

with_c_client=no with_node_client=no with_aiozk=no
while [[ ${1:-} == --* ]]; do
    case $1 in
        --with-c-client) with_c_client=yes ;;
        --with-node-client) with_node_client=yes ;;
        --with-aiozk) with_aiozk=yes ;;
        *) die "there is no option $1" ;;
    esac
    shift
done
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=${1:-${QUORATE_PEERS:-$repository/target/peers}}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# --- packages ------------------------------------------------------------------------------------------------------

packages_updated=no
install_package() {
    [ "$(id -u)" = 0 ] || die "the package $1 is missing; install it, or run this script as root"
    if [ $packages_updated = no ]; then apt-get update -qq; packages_updated=yes; fi
    say "installing the package $1"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

command -v javac >/dev/null || install_package default-jdk-headless # javac for the program that drives Curator
command -v openssl >/dev/null || install_package openssl # keys for tls.py
# Only the jars: the package `zookeeper` itself would add nothing but start scripts.
[ -e $SYSTEM_JARS/zookeeper.jar ] || install_package libzookeeper-java
if [ $with_c_client = yes ]; then
    [ -x /usr/lib/zookeeper/bin/cli_mt ] || install_package zookeeper-bin
    [ -e /usr/include/zookeeper/zookeeper.h ] || install_package libzookeeper-mt-dev
fi

# --- kazoo and aiozk -----------------------------------------------------------------------------------------------

venv=$dir/venv
if ! "$venv/bin/python" -c "import kazoo.version as v; assert v.__version__ == '$KAZOO_VERSION'" 2>/dev/null; then
    say "installing kazoo $KAZOO_VERSION"
    rm -rf "$venv"
    if ! python3 -m venv "$venv" >/dev/null 2>&1; then
        rm -rf "$venv"
        install_package python3-venv
        python3 -m venv "$venv"
    fi
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "kazoo==$KAZOO_VERSION"
fi

if ! "$venv/bin/python" -c "import prometheus_client" 2>/dev/null; then
    say "installing prometheus_client $PROMETHEUS_VERSION"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "prometheus_client==$PROMETHEUS_VERSION"
fi

if [ $with_aiozk = yes ] && ! "$venv/bin/python" -c "import aiozk.test, pytest_asyncio" 2>/dev/null; then
    say "installing ${AIOZK[*]}"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "${AIOZK[@]}"
fi

# --- node-zookeeper-client -----------------------------------------------------------------------------------------

node_modules=$dir/node/node_modules
if [ $with_node_client = yes ] && [ ! -e "$node_modules/node-zookeeper-client" ]; then
    command -v npm >/dev/null || install_package npm
    say "installing node-zookeeper-client $NODE_CLIENT_VERSION"
    mkdir -p "$dir/node"
    npm install --silent --no-audit --no-fund --prefix "$dir/node" "node-zookeeper-client@$NODE_CLIENT_VERSION"
fi

# --- ZooKeeper 3.9 and Curator -------------------------------------------------------------------------------------

jars=$dir/jars
wanted=(zookeeper zookeeper-jute curator-client curator-framework curator-recipes metrics-core snappy-java
    slf4j-api log4j-api log4j-core log4j-slf4j2-impl commons-io commons-cli guava failureaccess
    netty-buffer netty-codec netty-codec-base netty-common netty-handler netty-resolver netty-transport
    netty-transport-native-unix-common netty-transport-classes-epoll
    jackson-annotations jackson-core jackson-databind)
if [ ! -e "$jars/zookeeper-$ZOOKEEPER39_VERSION.jar" ]; then
    say "fetching PySpark $PYSPARK_VERSION (about 450 MB) for its ZooKeeper $ZOOKEEPER39_VERSION jars"
    scratch=$(mktemp -d "$dir/scratch.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    TMPDIR=$scratch "$venv/bin/python" -m pip download -q --disable-pip-version-check --no-cache-dir --no-deps \
        -d "$scratch" "pyspark==$PYSPARK_VERSION"
    # A source archive or a wheel, whichever the index has.
    python3 - "$scratch" "$scratch/jars" "${wanted[@]}" <<'PYTHON'
import glob, os, re, shutil, sys, tarfile, zipfile

scratch, target, *wanted = sys.argv[1:]
os.makedirs(target)
jar = re.compile(r"/jars/((?:%s)-[0-9][0-9.]*[^/-]*(?:-jre)?\.jar)$" % "|".join(map(re.escape, wanted)))
(archive,) = glob.glob(scratch + "/pyspark-*")

def save(name, stream):
    with open(os.path.join(target, jar.search(name)[1]), "wb") as out:
        shutil.copyfileobj(stream, out)

if archive.endswith(".whl"):
    with zipfile.ZipFile(archive) as wheel:
        for name in filter(jar.search, wheel.namelist()):
            save(name, wheel.open(name))
else:
    with tarfile.open(archive) as source:
        for member in source:
            if jar.search(member.name):
                save(member.name, source.extractfile(member))
found = sorted(os.listdir(target))
missing = [name for name in wanted if not any(re.match(re.escape(name) + r"-[0-9]", f) for f in found)]
sys.exit("not in the archive: " + ", ".join(missing) if missing else 0)
PYTHON
    [ -e "$scratch/jars/zookeeper-$ZOOKEEPER39_VERSION.jar" ] || die "PySpark $PYSPARK_VERSION has another ZooKeeper"
    rm -rf "$jars"
    mv "$scratch/jars" "$jars"
    rm -rf "$scratch"
fi

# Log4j prints only errors unless it is told otherwise.
cat >"$dir/log4j2.properties" <<'LOGGING'
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} [%t] %-5p %c - %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
LOGGING

# --- class paths ---------------------------------------------------------------------------------------------------

# The class path of the named jars: the system's, and the fetched ones.
system_path() {
    local name path=
    for name; do
        [ -e "$SYSTEM_JARS/$name.jar" ] || die "no $name.jar"
        path+=:$SYSTEM_JARS/$name.jar
    done
    printf %s "${path:1}"
}
fetched_path() {
    local name path= file
    for name; do
        for file in "$jars/$name"-[0-9]*.jar; do
            [ -e "$file" ] || die "no $name jar"
            path+=:$file
        done
    done
    printf %s "${path:1}"
}

zk38=$(system_path zookeeper zookeeper-jute slf4j-api slf4j-simple metrics-core snappy-java)
zk39=$(fetched_path zookeeper zookeeper-jute slf4j-api log4j-slf4j2-impl log4j-api log4j-core metrics-core snappy-java)
netty=(netty-buffer netty-codec netty-codec-base netty-common netty-handler netty-resolver netty-transport
    netty-transport-native-unix-common netty-transport-classes-epoll)
zk39_full=$zk39:$(fetched_path "${netty[@]}" commons-cli commons-io jackson-annotations jackson-core jackson-databind)
curator=$zk39:$(fetched_path curator-client curator-framework curator-recipes guava failureaccess "${netty[@]}")

# The admin server's own jars come with the system's ZooKeeper.
zk39_admin=$zk39:$(fetched_path jackson-annotations jackson-core jackson-databind)
zk39_admin+=:$(system_path jetty9-server jetty9-servlet jetty9-http jetty9-io jetty9-util jetty9-security jetty9-util-ajax)
zk39_admin+=:$(system_path servlet-api)

zk38_options="-Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"
zk39_options="-Dlog4j2.configurationFile=$dir/log4j2.properties"

# --- a quicker start -----------------------------------------------------------------------------------------------

# Servers are started very often, and most of that time java looks for classes. It keeps the ones that a server of one
# member has used in an archive; without the archive, or with another java, everything works as well but more slowly.
make_archive() {
    local archive=$1 options=$2 classpath=$3 scratch ports
    [ ! -e "$archive" ] || return 0
    say "making ${archive##*/}"
    scratch=$(mktemp -d "$dir/scratch.XXXXXX")
    read -ra ports < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(s.getsockname()[1] for s in sockets))')
    printf '%s\n' tickTime=500 initLimit=10 syncLimit=5 "dataDir=$scratch" "clientPort=${ports[0]}" \
        clientPortAddress=127.0.0.1 admin.enableServer=false standaloneEnabled=false \
        "server.1=127.0.0.1:${ports[1]}:${ports[2]}" >"$scratch/zoo.cfg"
    echo 1 >"$scratch/myid"
    # shellcheck disable=SC2086  # the options are words
    timeout 6 java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 $options -XX:ArchiveClassesAtExit="$archive" \
        -cp "$classpath" org.apache.zookeeper.server.quorum.QuorumPeerMain "$scratch/zoo.cfg" >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
make_archive "$dir/zk38.jsa" "$zk38_options" "$zk38"
make_archive "$dir/zk39.jsa" "$zk39_options" "$zk39"
[ ! -e "$dir/zk38.jsa" ] || zk38_options+=" -XX:SharedArchiveFile=$dir/zk38.jsa"
[ ! -e "$dir/zk39.jsa" ] || zk39_options+=" -XX:SharedArchiveFile=$dir/zk39.jsa"

{
    echo "# Written by install_peers.sh."
    printf '%s=%q\n' ZK38_CLASSPATH "$zk38" ZK38_JAVA_OPTIONS "$zk38_options" \
        ZK39_CLASSPATH "$zk39" ZK39_JAVA_OPTIONS "$zk39_options" ZK39_FULL_CLASSPATH "$zk39_full" \
        ZK39_ADMIN_CLASSPATH "$zk39_admin" CURATOR_CLASSPATH "$curator" PROMETHEUS_PYTHON "$venv/bin/python" KAZOO_PYTHON "$venv/bin/python"
    [ ! -e "$node_modules" ] || printf 'NODE_MODULES=%q\n' "$node_modules"
    ! "$venv/bin/python" -c "import aiozk.test, pytest_asyncio" 2>/dev/null || printf 'AIOZK_PYTHON=%q\n' "$venv/bin/python"
    [ ! -x /usr/lib/zookeeper/bin/cli_mt ] || echo ZK_CLI_MT=/usr/lib/zookeeper/bin/cli_mt
} >"$dir/env.sh.new"
mv "$dir/env.sh.new" "$dir/env.sh"
cat "$dir/env.sh"
