import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** The frame of a check of one recipe: sessions, threads that work until the check is over, and what to tell. */
abstract class Check {
    /** How many operations each worker must complete after the last kill. */
    static final int PROOF = 3;
    static final long DEADLINE = 60_000;
    /** Whether every recipe is to be used wrongly, so that its check must notice. */
    static final boolean SABOTAGE = Boolean.getBoolean("sabotage");

    static final double PATIENCE = Double.parseDouble(System.getenv().getOrDefault("QUORATE_INTEROP_PATIENCE", "1"));

    final String name;
    final String base;
    final int workers;
    final AtomicIntegerArray done;
    final List<Session> sessions = Collections.synchronizedList(new ArrayList<>());
    final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private final Map<String, Long> figures = new TreeMap<>();
    private final List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
    String hosts;
    Random random;
    Session judge;
    private long nextLoss;
    volatile boolean calm;
    volatile boolean over;

    Check(String name, int workers) {
        this.name = name;
        this.base = "/" + name;
        this.workers = workers;
        this.done = new AtomicIntegerArray(workers);
    }

    void prepare() throws Exception {}

    /** One worker: goes on until `over` is set, counts in `done`. */
    abstract void work(int index, Random draw) throws Exception;

    /** After the last worker has ended: judges. */
    abstract void conclude() throws Exception;

    // --- for the checks

    Session open(String who) throws Exception {
        Session session = new Session(name + "/" + who, hosts, 4000 + random.nextInt(4000), random.nextLong());
        sessions.add(session);
        return session;
    }

    Session renew(Session session) throws Exception {
        session.close();
        count("sessions begun anew", 1);
        return open(session.name.substring(session.name.indexOf('/') + 1));
    }

    void spawn(Body body) {
        threads.add(start(body));
    }

    Thread start(Body body) {
        Thread thread = new Thread(() -> {
            try {
                body.run();
            } catch (Throwable error) {
                if (!(error instanceof Failed)) error.printStackTrace();
                failures.add(error);
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    interface Body {
        void run() throws Exception;
    }

    synchronized void count(String what, long number) {
        figures.merge(what, number, Long::sum);
    }

    void pause(Random draw, int longest) throws InterruptedException {
        if (!over) Thread.sleep(draw.nextInt(longest) + 1);
    }

    /** Every now and then, while leaders are killed, a client gives its session up; the server learns of it by waiting. */
    void perhapsLose(Session session, Random draw) {
        synchronized (this) {
            long now = System.currentTimeMillis();
            if (calm || now < nextLoss) return;
            nextLoss = now + 5000 + draw.nextInt(10_000);
        }
        count("sessions lost on purpose", 1);
        session.lose();
    }

    /** The claim to the node that this session has in a directory of numbered nodes; null if it has none any more. */
    Claim claimIn(Session session, String directory, String kind, boolean resumes) throws Exception {
        while (true) {
            Link link = session.link;
            ZooKeeper zk = link.handle();
            try {
                List<String> names = new ArrayList<>(zk.getChildren(directory, false));
                names.sort((a, b) -> Long.compare(number(a), number(b)));
                for (String node : names) {
                    Stat stat = zk.exists(directory + "/" + node, false);
                    if (stat != null && stat.getEphemeralOwner() == zk.getSessionId())
                        return new Claim(session, link, number(node), kind, resumes);
                }
                count("lapsed before use", 1);
                return null;
            } catch (KeeperException.ConnectionLossException again) {
                Thread.sleep(20);
            } catch (KeeperException.SessionExpiredException | KeeperException.NoNodeException gone) {
                count("lapsed before use", 1);
                return null;
            }
        }
    }

    static long number(String node) {
        return Long.parseLong(node.substring(node.length() - 10));
    }

    /** Whether this is how a broken connection shows. */
    static boolean broken(Throwable error) {
        return error instanceof KeeperException.ConnectionLossException
                || error instanceof KeeperException.SessionExpiredException
                || error instanceof KeeperException.OperationTimeoutException
                || error instanceof KeeperException.SessionMovedException;
    }

    void expectEmptySoon(String path, String what) throws Exception {
        soon(30_000, () -> {
            judge.client.sync().forPath("/");
            if (judge.client.checkExists().forPath(path) == null) return null;
            List<String> left = judge.client.getChildren().forPath(path);
            return left.isEmpty() ? null : what + ": " + left + " is left of sessions that have ended";
        });
    }

    interface Complaint {
        /** What is wrong, or null. */
        String what() throws Exception;
    }

    static void soon(long millis, Complaint complaint) throws Exception {
        long deadline = System.currentTimeMillis() + (long) ((SABOTAGE ? millis / 5 : millis) * PATIENCE);
        while (true) {
            String wrong;
            try {
                wrong = complaint.what();
            } catch (KeeperException.NoNodeException meanwhile) {
                wrong = meanwhile.toString();
            }
            if (wrong == null) return;
            if (System.currentTimeMillis() > deadline) throw new Failed(wrong);
            Thread.sleep(100);
        }
    }

    static void expect(boolean condition, String message) {
        if (!condition) throw new Failed(message);
    }

    // --- the frame

    void run(CountDownLatch begun, CountDownLatch calmer) throws Exception {
        nextLoss = System.currentTimeMillis() + 2000 + random.nextInt(8000);
        judge = new Session(name + "/judge", hosts, 10_000, random.nextLong());
        judge.client.create().orSetData().forPath(base, new byte[0]);
        prepare();
        for (int i = 0; i < workers; i++) {
            int index = i;
            Random draw = new Random(random.nextLong());
            spawn(() -> work(index, draw));
        }
        await(new int[workers], 1, "each worker to begin");
        begun.countDown();
        calmer.await();
        int[] before = new int[workers];
        for (int i = 0; i < workers; i++) before[i] = done.get(i);
        calm = true;
        await(before, PROOF, "each worker to complete " + PROOF + " more after the last kill");
        over = true;
        for (Thread thread : List.copyOf(threads)) {
            thread.join((long) (40_000 * PATIENCE));
            expect(!thread.isAlive(), "a worker hangs: " + List.of(thread.getStackTrace()));
        }
        check();
        for (int i = 0; i < workers; i++) count("operations", done.get(i));
        for (Session session : List.copyOf(sessions)) count("breaks", session.breaks.get());
        conclude();
        check();
        judge.close();
    }

    private void check() {
        Throwable failure = failures.peek();
        if (failure != null) throw failure instanceof Failed f ? f : new Failed(failure.toString());
    }

    private void await(int[] before, int more, String what) throws InterruptedException {
        long deadline = System.currentTimeMillis() + (long) (DEADLINE * PATIENCE);
        for (int i = 0; i < workers; i++)
            while (done.get(i) < before[i] + more) {
                check();
                expect(System.currentTimeMillis() < deadline, "waited too long for " + what + ": " + done);
                Thread.sleep(20);
            }
    }

    synchronized String told() {
        return figures.toString();
    }
}

/** An invariant does not hold. */
class Failed extends RuntimeException {
    Failed(String message) {
        super(message);
    }
}
