import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.RetryPolicy;
import org.apache.curator.RetrySleeper;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** A Curator client that knows when it was connected and how often it had to repeat a request. */
final class Session implements RetryPolicy {
    final String name;
    final CuratorFramework client;
    final AtomicInteger breaks = new AtomicInteger();
    /** Requests whose first outcome is unknown, or more. */
    final AtomicInteger retries = new AtomicInteger();
    volatile Link link;

    Session(String name, String hosts, int timeout, long seed) throws Exception {
        this.name = name;
        List<String> shuffled = Arrays.asList(hosts.split(","));
        Collections.shuffle(shuffled, new Random(seed));
        client = CuratorFrameworkFactory.builder()
                .connectString(String.join(",", shuffled))
                .sessionTimeoutMs(timeout)
                .connectionTimeoutMs(20_000)
                .retryPolicy(this)
                .zookeeperFactory((connect, millis, watcher, readOnly) -> {
                    Link made = new Link(this, watcher);
                    link = made;
                    made.zk = new ZooKeeper(connect, millis, made, readOnly);
                    return made.zk;
                })
                .build();
        client.start();
        Check.expect(client.blockUntilConnected(60, TimeUnit.SECONDS), name + " does not get a session");
    }

    @Override
    public boolean allowRetry(int count, long elapsed, RetrySleeper sleeper) {
        retries.incrementAndGet();
        try {
            sleeper.sleepFor(50, TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return false;
        }
        return true;
    }

    /** The client's end of the session is over; the servers still wait for it. */
    void lose() {
        link.handle().getTestable().injectSessionExpiration();
    }

    void close() {
        client.close();
    }
}

/** One session of the protocol: a ZooKeeper handle, and whether it is connected. */
final class Link implements Watcher {
    private final Session session;
    private final Watcher inner;
    private final Set<Claim> claims = new HashSet<>();
    private boolean connected;
    volatile ZooKeeper zk;

    Link(Session session, Watcher inner) {
        this.session = session;
        this.inner = inner;
    }

    ZooKeeper handle() {
        while (zk == null) Thread.onSpinWait();
        return zk;
    }

    @Override
    public void process(WatchedEvent event) {
        if (event.getType() == Event.EventType.None)
            synchronized (this) {
                long now = System.nanoTime();
                boolean before = connected;
                connected = event.getState() == Event.KeeperState.SyncConnected;
                if (before && !connected) {
                    session.breaks.incrementAndGet();
                    claims.forEach(claim -> claim.suspend(now));
                } else if (connected) {
                    claims.forEach(claim -> claim.resume(now));
                }
            }
        inner.process(event);
    }

    synchronized void add(Claim claim) {
        claims.add(claim);
        if (connected) claim.resume(System.nanoTime());
    }

    synchronized void remove(Claim claim) {
        claim.suspend(System.nanoTime());
        claims.remove(claim);
    }

    synchronized boolean sure(Claim claim) {
        return claim.since != 0;
    }

    boolean over() {
        return !handle().getState().isAlive();
    }
}

/** What one session holds, and the stretches of time in which it surely did: while it was connected. */
final class Claim {
    final Session session;
    final Link link;
    final long token;
    final String kind;
    /** Whether the recipe holds it still when the same session is connected again. */
    private final boolean resumes;
    final List<long[]> stretches = new ArrayList<>();
    long since;

    Claim(Session session, Link link, long token, String kind, boolean resumes) {
        this.session = session;
        this.link = link;
        this.token = token;
        this.kind = kind;
        this.resumes = resumes;
        link.add(this);
    }

    void resume(long now) {
        if (since == 0 && (resumes || stretches.isEmpty())) since = now;
    }

    void suspend(long now) {
        if (since != 0) stretches.add(new long[] {since, now});
        since = 0;
    }

    boolean sure() {
        return link.sure(this);
    }

    /** Whether it can never be sure again. */
    boolean dead() {
        return link.over() || !resumes && !sure();
    }

    /** To be called before it is given up. */
    void end() {
        link.remove(this);
    }

    @Override
    public String toString() {
        return kind + " " + token + " of " + session.name;
    }

    interface Exclusion {
        boolean between(Claim a, Claim b);
    }

    /** At no moment do more than `capacity` of the claims that exclude each other surely hold. */
    static void expectAtMost(int capacity, List<Claim> claims, Exclusion exclusion) {
        record Stretch(long start, long end, Claim claim) {}
        List<Stretch> all = new ArrayList<>();
        for (Claim claim : claims)
            for (long[] stretch : claim.stretches) all.add(new Stretch(stretch[0], stretch[1], claim));
        all.sort((a, b) -> Long.compare(a.start, b.start));
        List<Stretch> active = new ArrayList<>();
        for (Stretch next : all) {
            active.removeIf(other -> other.end <= next.start);
            List<Claim> rivals = active.stream().map(Stretch::claim).filter(c -> exclusion.between(c, next.claim)).toList();
            Check.expect(rivals.size() < capacity, next.claim + " is held together with " + rivals);
            active.add(next);
        }
    }
}

/** A node that only the holder of a lock writes to, by reading it and writing it back. */
final class Guarded {
    private final String path;
    private final List<long[]> acknowledged = new ArrayList<>();
    private int unknown;

    Guarded(Session judge, String path) throws Exception {
        this.path = path;
        judge.client.create().orSetData().forPath(path, "-1 nobody".getBytes());
    }

    void write(Claim claim, String label) throws Exception {
        String mine = claim.token + " " + label;
        ZooKeeper zk = claim.link.handle();
        boolean unsure = false;
        while (!claim.dead()) {
            try {
                Stat stat = new Stat();
                String data = new String(zk.getData(path, false, stat));
                if (!claim.sure()) {
                    Thread.sleep(10);
                    continue;
                }
                if (data.equals(mine)) {
                    Check.expect(unsure, path + " says " + mine + " before it was written");
                    note(stat.getVersion(), claim.token);
                    return;
                }
                long seen = Long.parseLong(data.split(" ")[0]);
                Check.expect(seen <= claim.token, claim + " finds " + path + " written by the later holder " + seen);
                note(zk.setData(path, mine.getBytes(), stat.getVersion()).getVersion(), claim.token);
                return;
            } catch (KeeperException.BadVersionException other) {
                Check.expect(unsure || !claim.sure(), path + " is written by somebody else while " + claim + " holds");
            } catch (KeeperException | InterruptedException error) {
                if (error instanceof KeeperException && !Check.broken(error)) throw error;
                unsure = true;
                synchronized (this) {
                    unknown++;
                }
                if (error instanceof InterruptedException) throw error;
                Thread.sleep(20);
            }
        }
    }

    private synchronized void note(int version, long token) {
        acknowledged.add(new long[] {version, token});
    }

    /** No write is lost or counted twice, and the tokens never go back. */
    synchronized void judge(Session judge) throws Exception {
        judge.client.sync().forPath(path);
        int version = judge.client.checkExists().forPath(path).getVersion();
        acknowledged.sort((a, b) -> Long.compare(a[0], b[0]));
        for (int i = 1; i < acknowledged.size(); i++) {
            long[] a = acknowledged.get(i - 1), b = acknowledged.get(i);
            Check.expect(a[0] < b[0], "two holders wrote version " + a[0] + " of " + path);
            Check.expect(a[1] <= b[1], path + " was written by " + a[1] + " after " + b[1]);
        }
        int known = acknowledged.size();
        Check.expect(known <= version && version <= known + unknown,
                path + " has version " + version + " after " + known + " writes and " + unknown + " uncertain ones");
    }
}
