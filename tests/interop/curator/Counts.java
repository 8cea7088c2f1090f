import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.data.Stat;

/** Counters: every acknowledged increment counts once, and every request that was repeated at most once besides. */
abstract class Counter extends Check {
    final AtomicLong acknowledged = new AtomicLong();
    final AtomicLong uncertain = new AtomicLong();

    Counter(String name) {
        super(name, 3);
    }

    abstract long value(byte[] data);

    @Override
    void conclude() throws Exception {
        judge.client.sync().forPath(base);
        Stat stat = new Stat();
        long value = value(judge.client.getData().storingStatIn(stat).forPath(base + "/count"));
        long most = acknowledged.get() + uncertain.get();
        for (Session session : sessions) most += session.retries.get();
        count("value", value);
        expect(acknowledged.get() <= value && value <= most,
                "the counter is " + value + " after " + acknowledged + " increments, at most " + most);
        expect(value == stat.getVersion(), "the counter is " + value + " in version " + stat.getVersion());
    }
}

/** SharedCount. */
class SharedCounts extends Counter {
    SharedCounts() {
        super("shared_count");
    }

    @Override
    long value(byte[] data) {
        return java.nio.ByteBuffer.wrap(data).getInt();
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("worker" + index);
        SharedCount count = new SharedCount(session.client, base + "/count", 0);
        count.start();
        while (!over) {
            VersionedValue<Integer> seen = count.getVersionedValue();
            try {
                if (SABOTAGE) count.setCount(seen.getValue() + 1);
                if (SABOTAGE || count.trySetCount(seen, seen.getValue() + 1)) {
                    acknowledged.incrementAndGet();
                    done.incrementAndGet(index);
                }
            } catch (Exception error) {
                if (!broken(error)) throw error;
                uncertain.incrementAndGet();
            }
            pause(draw, 60);
        }
        count.close();
    }
}

/** DistributedAtomicLong. */
class AtomicLongs extends Counter {
    AtomicLongs() {
        super("atomic_long");
    }

    @Override
    long value(byte[] data) {
        return java.nio.ByteBuffer.wrap(data).getLong();
    }

    @Override
    void prepare() throws Exception {
        expect(make(judge).initialize(0L), "the counter is there already");
    }

    private DistributedAtomicLong make(Session session) {
        return new DistributedAtomicLong(session.client, base + "/count", new RetryNTimes(10, 10));
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("worker" + index);
        DistributedAtomicLong count = make(session);
        while (!over) {
            try {
                if (SABOTAGE) count.forceSet(count.get().postValue() + 1);
                if (SABOTAGE || count.increment().succeeded()) {
                    acknowledged.incrementAndGet();
                    done.incrementAndGet(index);
                }
            } catch (Exception error) {
                if (!broken(error)) throw error;
                uncertain.incrementAndGet();
            }
            pause(draw, 60);
        }
    }
}
