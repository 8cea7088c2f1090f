import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.PredicateResults;
import org.apache.curator.framework.recipes.locks.StandardLockInternalsDriver;
import org.apache.zookeeper.KeeperException;

/** What the checks of locks and elections have in common: claims, and a node that only holders write to. */
abstract class Exclusive extends Check {
    final List<Claim> claims = Collections.synchronizedList(new ArrayList<>());
    final String directory = base + "/lock";
    Guarded guarded;

    Exclusive(String name, int workers) {
        super(name, workers);
    }

    @Override
    void prepare() throws Exception {
        guarded = new Guarded(judge, base + "/guarded");
    }

    void hold(Session session, Claim claim, int index, Random draw) throws Exception {
        perhapsLose(session, draw);
        for (int n = draw.nextInt(3); n >= 0; n--) {
            guarded.write(claim, index + " " + n);
            pause(draw, 10);
        }
        done.incrementAndGet(index);
    }

    boolean excludes(Claim a, Claim b) {
        return true;
    }

    @Override
    void conclude() throws Exception {
        Claim.expectAtMost(1, claims, this::excludes);
        guarded.judge(judge);
        sessions.forEach(Session::close);
        expectEmptySoon(directory, "the lock's nodes");
    }
}

/** InterProcessMutex. */
class Mutexes extends Exclusive {
    Mutexes() {
        this("mutex", 4);
    }

    Mutexes(String name, int workers) {
        super(name, workers);
    }

    InterProcessLock make(Session session, int index) {
        return SABOTAGE ? anybodys(session) : new InterProcessMutex(session.client, directory);
    }

    /** A lock that two can hold. */
    InterProcessLock anybodys(Session session) {
        return new InterProcessMutex(session.client, directory, new StandardLockInternalsDriver() {
            @Override
            public PredicateResults getsTheLock(CuratorFramework client, List<String> names, String mine, int leases)
                    throws Exception {
                return super.getsTheLock(client, names, mine, 2);
            }
        });
    }

    String kind(int index) {
        return "lock";
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("worker" + index);
        InterProcessLock lock = make(session, index);
        while (!over) {
            try {
                if (!lock.acquire(25, TimeUnit.SECONDS)) {
                    count("waits given up", 1);
                    session = renew(session);
                    lock = make(session, index);
                    continue;
                }
            } catch (Exception error) {
                if (!broken(error)) throw error;
                lock = make(session, index);
                continue;
            }
            Claim claim = claimIn(session, directory, kind(index), true);
            if (claim != null) {
                claims.add(claim);
                hold(session, claim, index, draw);
                claim.end();
            }
            lock.release();
            pause(draw, 20);
        }
    }
}

/** InterProcessReadWriteLock: three readers, two writers. */
class ReadWriteLocks extends Mutexes {
    ReadWriteLocks() {
        super("read_write_lock", 5);
    }

    @Override
    InterProcessLock make(Session session, int index) {
        if (SABOTAGE) return anybodys(session);
        InterProcessReadWriteLock lock = new InterProcessReadWriteLock(session.client, directory);
        return index < 3 ? lock.readLock() : lock.writeLock();
    }

    @Override
    String kind(int index) {
        return index < 3 ? "read" : "write";
    }

    @Override
    boolean excludes(Claim a, Claim b) {
        return a.kind.equals("write") || b.kind.equals("write");
    }

    @Override
    void hold(Session session, Claim claim, int index, Random draw) throws Exception {
        if (index >= 3) {
            super.hold(session, claim, index, draw);
            return;
        }
        // While a reader holds, nobody writes.
        try {
            long first = claim.link.handle().exists(base + "/guarded", false).getMzxid();
            pause(draw, 30);
            long second = claim.link.handle().exists(base + "/guarded", false).getMzxid();
            expect(first == second || !claim.sure() || !claim.stretches.isEmpty(), "written while " + claim + " holds");
        } catch (KeeperException error) {
            if (!broken(error)) throw error;
        }
        done.incrementAndGet(index);
    }
}

/** InterProcessSemaphoreV2: four workers and two leases. */
class Semaphores extends Check {
    private final List<Claim> claims = Collections.synchronizedList(new ArrayList<>());

    Semaphores() {
        super("semaphore", 4);
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("worker" + index);
        while (!over) {
            InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(session.client, base + "/semaphore", SABOTAGE ? 3 : 2);
            Lease lease = null;
            try {
                lease = semaphore.acquire(25, TimeUnit.SECONDS);
            } catch (Exception error) {
                if (!broken(error) && !(error instanceof KeeperException.NoNodeException)) throw error;
            }
            if (lease == null) {
                // A node whose creation it did not hear of may stand in the way until the session ends.
                count("waits given up", 1);
                session = renew(session);
                continue;
            }
            Claim claim = claimIn(session, base + "/semaphore/leases", "lease", true);
            if (claim != null) {
                claims.add(claim);
                perhapsLose(session, draw);
                pause(draw, 40);
                done.incrementAndGet(index);
                claim.end();
            }
            semaphore.returnLease(lease);
            pause(draw, 20);
        }
    }

    @Override
    void conclude() throws Exception {
        Claim.expectAtMost(2, claims, (a, b) -> true);
        sessions.forEach(Session::close);
        expectEmptySoon(base + "/semaphore/leases", "the leases");
    }
}

/** LeaderLatch: a candidate leads until its connection breaks or it closes the latch. */
class Latches extends Exclusive {
    Latches() {
        super("leader_latch", 3);
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("candidate" + index);
        while (!over) {
            String place = SABOTAGE ? directory + index : directory;
            LeaderLatch latch = new LeaderLatch(session.client, place, "candidate " + index);
            latch.start();
            while (!over && !latch.await(200, TimeUnit.MILLISECONDS)) continue;
            if (latch.hasLeadership()) {
                Claim claim = claimIn(session, place, "leadership", false);
                // It may have been lost, and a new attempt begun, since it was asked.
                String path = latch.getOurPath();
                if (claim != null && latch.hasLeadership() && path != null && number(path) == claim.token) {
                    claims.add(claim);
                    hold(session, claim, index, draw);
                }
                if (claim != null) claim.end();
            }
            latch.close();
            pause(draw, 50);
        }
    }
}

/** LeaderSelector: the same with a listener, which is interrupted when the connection breaks. */
class Selectors extends Exclusive {
    Selectors() {
        super("leader_selector", 3);
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("candidate" + index);
        AtomicInteger terms = new AtomicInteger();
        String place = SABOTAGE ? directory + index : directory;
        LeaderSelector selector = new LeaderSelector(session.client, place, new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework client) throws Exception {
                Claim claim = null;
                try {
                    claim = claimIn(session, place, "term", false);
                    if (claim != null) {
                        claims.add(claim);
                        hold(session, claim, index, draw);
                        terms.incrementAndGet();
                    }
                } catch (Failed failed) {
                    failures.add(failed);
                } finally {
                    if (claim != null) claim.end();
                }
            }
        });
        selector.autoRequeue();
        selector.start();
        while (!over) Thread.sleep(50);
        selector.close();
        count("terms", terms.get());
    }
}
