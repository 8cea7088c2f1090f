import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.Stat;

/** Two workers write, caches of other sessions follow: they never go back within a session and end up with the truth. */
abstract class Cached extends Check {
    private final AtomicInteger numbers = new AtomicInteger();
    final AtomicInteger changes = new AtomicInteger();
    private final Map<String, Long> marks = new ConcurrentHashMap<>();
    private Thread shaker;

    Cached(String name) {
        super(name, 2);
    }

    abstract AutoCloseable watch(Session session) throws Exception;

    /** What each cache shows: path -> data and mzxid. */
    abstract List<Map<String, String>> shown();

    @Override
    void prepare() throws Exception {
        judge.client.create().forPath(base + "/tree");
        List<Session> watchers = List.of(open("watcher0"), open("watcher1"));
        for (Session watcher : watchers) {
            AutoCloseable cache = watch(watcher);
            if (SABOTAGE) start(() -> {
                Thread.sleep(2000); // and from then on it hears nothing
                cache.close();
            });
        }
        shaker = start(() -> {
            Random draw = new Random(random.nextLong());
            while (!calm) {
                Thread.sleep(1000);
                perhapsLose(watchers.get(draw.nextInt(2)), draw);
            }
        });
    }

    /** Something was seen in this session. */
    void advance(Session session, ChildData data) {
        changes.incrementAndGet();
        if (data == null) return;
        long id = session.link.handle().getSessionId(), mark = data.getStat().getMzxid();
        Long last = marks.merge(id + data.getPath(), mark, Math::max);
        if (id == session.link.handle().getSessionId() && last > mark)
            failures.add(new Failed(session.name + " sees " + data.getPath() + " go back from " + last + " to " + mark));
    }

    static String seen(byte[] data, Stat stat) {
        return new String(data) + " " + stat.getMzxid();
    }

    int depth() {
        return 2;
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("writer" + index);
        while (!over) {
            try {
                write(session, draw);
            } catch (KeeperException error) {
                // The other worker was faster, or this is the repetition of what was done already.
                if (!broken(error) && !(error instanceof KeeperException.NoNodeException)
                        && !(error instanceof KeeperException.NodeExistsException)
                        && !(error instanceof KeeperException.NotEmptyException)) throw error;
            }
            done.incrementAndGet(index);
            pause(draw, 80);
        }
    }

    private void write(Session session, Random draw) throws Exception {
        String tree = base + "/tree";
        byte[] data = Integer.toString(numbers.incrementAndGet()).getBytes();
        List<String> names = session.client.getChildren().forPath(tree);
        String child = names.isEmpty() ? null : tree + "/" + names.get(draw.nextInt(names.size()));
        int what = draw.nextInt(100);
        if (what < 40 || child == null) session.client.create().forPath(tree + "/n" + draw.nextInt(40), data);
        else if (what < 55 && depth() > 1) session.client.create().forPath(child + "/x" + draw.nextInt(4), data);
        else if (what < 75) session.client.setData().forPath(child, data);
        else session.client.delete().deletingChildrenIfNeeded().forPath(child);
    }

    @Override
    void conclude() throws Exception {
        shaker.join();
        Map<String, String> truth = new TreeMap<>();
        judge.client.sync().forPath(base);
        collect(base + "/tree", truth);
        soon(30_000, () -> {
            for (Map<String, String> cache : shown())
                if (!cache.equals(truth)) return "a cache shows " + cache + ", not " + truth;
            return null;
        });
        count("changes seen", changes.get());
        count("nodes", truth.size());
    }

    void collect(String path, Map<String, String> truth) throws Exception {
        Stat stat = new Stat();
        byte[] data = judge.client.getData().storingStatIn(stat).forPath(path);
        if (depth() > 1 || !path.equals(base + "/tree")) truth.put(path, seen(data, stat));
        if (depth() > 1 || path.equals(base + "/tree"))
            for (String name : judge.client.getChildren().forPath(path)) collect(path + "/" + name, truth);
    }
}

/** CuratorCache: a whole tree, by a persistent recursive watch. */
class TreeCaches extends Cached {
    private final List<CuratorCache> caches = new ArrayList<>();

    TreeCaches() {
        super("curator_cache");
    }

    @Override
    AutoCloseable watch(Session session) {
        CuratorCache cache = CuratorCache.build(session.client, base + "/tree");
        cache.listenable().addListener((type, before, after) -> advance(session, after));
        cache.start();
        caches.add(cache);
        return cache;
    }

    @Override
    List<Map<String, String>> shown() {
        List<Map<String, String>> all = new ArrayList<>();
        for (CuratorCache cache : caches) {
            Map<String, String> one = new TreeMap<>();
            cache.stream().forEach(data -> one.put(data.getPath(), seen(data.getData(), data.getStat())));
            all.add(one);
        }
        return all;
    }
}

/** PathChildrenCache: the children of one node, by one-shot watches. */
@SuppressWarnings("deprecation")
class ChildrenCaches extends Cached {
    private final List<PathChildrenCache> caches = new ArrayList<>();

    ChildrenCaches() {
        super("path_children_cache");
    }

    @Override
    int depth() {
        return 1;
    }

    @Override
    AutoCloseable watch(Session session) throws Exception {
        PathChildrenCache cache = new PathChildrenCache(session.client, base + "/tree", true);
        cache.getListenable().addListener((client, event) -> {
            switch (event.getType()) {
                case CHILD_ADDED, CHILD_UPDATED -> advance(session, event.getData());
                default -> changes.incrementAndGet();
            }
        });
        cache.start();
        caches.add(cache);
        return cache;
    }

    @Override
    List<Map<String, String>> shown() {
        List<Map<String, String>> all = new ArrayList<>();
        for (PathChildrenCache cache : caches) {
            Map<String, String> one = new TreeMap<>();
            for (ChildData data : cache.getCurrentData()) one.put(data.getPath(), seen(data.getData(), data.getStat()));
            all.add(one);
        }
        return all;
    }
}
