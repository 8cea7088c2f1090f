import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.data.Stat;

/** DistributedBarrier: nobody passes before it is removed, everybody after. */
class Barriers extends Check {
    Barriers() {
        super("barrier", 1);
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session keeper = open("keeper");
        List<Session> waiters = List.of(open("waiter0"), open("waiter1"), open("waiter2"));
        for (int number = 1; !over; number++) {
            String path = base + "/b" + number;
            DistributedBarrier barrier = new DistributedBarrier(keeper.client, path);
            barrier.setBarrier();
            Map<String, Long> passed = new ConcurrentHashMap<>();
            List<Thread> threads = new ArrayList<>();
            for (Session waiter : waiters)
                threads.add(start(() -> {
                    do waiter.client.sync().forPath(path);
                    while (!waits(waiter, path));
                    passed.put(waiter.name, System.nanoTime());
                }));
            pause(draw, 500);
            expect(passed.isEmpty(), passed.keySet() + " pass " + path + " before it is removed");
            long removing = System.nanoTime();
            barrier.removeBarrier();
            for (Thread thread : threads) thread.join((long) (30_000 * PATIENCE));
            expect(passed.size() == waiters.size(), path + " is gone, but only " + passed.keySet() + " passed");
            passed.forEach((who, when) -> expect(when >= removing, who + " passed " + path + " before it was removed"));
            done.incrementAndGet(index);
        }
    }

    private boolean waits(Session waiter, String path) throws Exception {
        if (SABOTAGE) return true;
        try {
            return new DistributedBarrier(waiter.client, path).waitOnBarrier(1, TimeUnit.SECONDS);
        } catch (Exception error) {
            if (!broken(error)) throw error;
            return false;
        }
    }

    @Override
    void conclude() {}
}

/** DistributedDoubleBarrier: nobody is in before everybody has come, or out before everybody has gone. A meeting during
 * which a connection broke need not come to a good end. */
class DoubleBarriers extends Check {
    private static final int MEMBERS = 3;

    DoubleBarriers() {
        super("double_barrier", 1);
    }

    @Override
    void work(int index, Random draw) throws Exception {
        List<Session> members = new ArrayList<>();
        for (int i = 0; i < MEMBERS; i++) members.add(open("member" + i));
        for (int number = 1; !over; number++)
            if (meet(base + "/m" + number, members, draw)) {
                count("meetings broken off", 1);
                for (int i = 0; i < MEMBERS; i++) members.set(i, renew(members.get(i)));
            } else {
                done.incrementAndGet(index);
            }
    }

    private boolean meet(String path, List<Session> members, Random draw) throws Exception {
        int[] breaks = members.stream().mapToInt(m -> m.breaks.get()).toArray();
        // Whose connection broke: a request may fail before its session hears of it.
        Set<Integer> lost = ConcurrentHashMap.newKeySet();
        Map<String, Long> times = new ConcurrentHashMap<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < MEMBERS; i++) {
            int me = i, first = draw.nextInt(600), second = draw.nextInt(300);
            Session member = members.get(i);
            threads.add(start(() -> {
                DistributedDoubleBarrier barrier =
                        new DistributedDoubleBarrier(member.client, path, SABOTAGE ? MEMBERS - 1 : MEMBERS);
                try {
                    Thread.sleep(first);
                    times.put("enters " + me, System.nanoTime());
                    if (!barrier.enter(20, TimeUnit.SECONDS)) return;
                    times.put("is in " + me, System.nanoTime());
                    Thread.sleep(second);
                    times.put("leaves " + me, System.nanoTime());
                    if (barrier.leave(20, TimeUnit.SECONDS) && member.breaks.get() == breaks[me])
                        times.put("is out " + me, System.nanoTime());
                } catch (Exception error) {
                    if (broken(error)) lost.add(me);
                    else if (member.breaks.get() == breaks[me]) throw error;
                }
            }));
        }
        for (Thread thread : threads) thread.join((long) (60_000 * PATIENCE));
        for (int i = 0; i < MEMBERS; i++) if (members.get(i).breaks.get() != breaks[i]) lost.add(i);
        boolean broken = !lost.isEmpty();
        for (int i = 0; i < MEMBERS; i++)
            for (int j = 0; j < MEMBERS; j++) {
                Long in = times.get("is in " + i), out = times.get("is out " + i);
                if (in != null)
                    expect(before(times.get("enters " + j), in), i + " is in before " + j + " came: " + story(times));
                if (out != null && !lost.contains(j))
                    expect(before(times.get("leaves " + j), out), i + " is out before " + j + " went: " + story(times));
            }
        expect(broken || times.size() == 4 * MEMBERS, path + " did not come to an end: " + story(times));
        return broken;
    }

    private static boolean before(Long a, Long b) {
        return a != null && a <= b;
    }

    private static Map<Long, String> story(Map<String, Long> times) {
        Map<Long, String> story = new TreeMap<>();
        times.forEach((what, when) -> story.put(when / 1000, what));
        return story;
    }

    @Override
    void conclude() {}
}

/** GroupMember: the members know of each other in the end, also those that lost their session. */
class Members extends Check {
    private final Map<Integer, GroupMember> members = new ConcurrentHashMap<>();

    Members() {
        super("group_member", 4);
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("member" + index);
        GroupMember member = new GroupMember(session.client, base + "/group", "member" + index);
        member.start();
        members.put(index, member);
        if (SABOTAGE && index == 0) member.close();
        while (!over) {
            perhapsLose(session, draw);
            pause(draw, 200);
            done.incrementAndGet(index);
        }
    }

    @Override
    void conclude() throws Exception {
        Set<String> expected = members.keySet().stream().map(i -> "member" + i).collect(Collectors.toSet());
        for (GroupMember member : members.values())
            soon(30_000, () -> {
                Set<String> seen = new TreeSet<>(member.getCurrentMembers().keySet());
                return seen.equals(expected) ? null : "a member sees " + seen + ", there are " + expected;
            });
        soon(30_000, () -> {
            judge.client.sync().forPath(base);
            Set<String> there = new TreeSet<>(judge.client.getChildren().forPath(base + "/group"));
            return there.equals(expected) ? null : "there are " + there + ", not " + expected;
        });
        members.values().forEach(GroupMember::close);
        sessions.forEach(Session::close);
        expectEmptySoon(base + "/group", "the group");
    }
}

/** PersistentNode: an ephemeral node that comes back under the next session with what was written to it last. */
class Nodes extends Check {
    private final Map<Integer, PersistentNode> nodes = new ConcurrentHashMap<>();
    private final Map<Integer, String> last = new ConcurrentHashMap<>();
    private final Map<Integer, Session> owners = new ConcurrentHashMap<>();

    Nodes() {
        super("persistent_node", 2);
    }

    @Override
    void work(int index, Random draw) throws Exception {
        Session session = open("owner" + index);
        owners.put(index, session);
        PersistentNode node =
                new PersistentNode(session.client, CreateMode.EPHEMERAL, false, base + "/n" + index, "0".getBytes());
        node.start();
        nodes.put(index, node);
        expect(node.waitForInitialCreate(60, TimeUnit.SECONDS), "the node is never made");
        for (int number = 1; !over; number++) {
            String data = Integer.toString(number);
            last.put(index, data);
            if (!SABOTAGE || number == 1) node.setData(data.getBytes());
            perhapsLose(session, draw);
            pause(draw, 200);
            done.incrementAndGet(index);
        }
    }

    @Override
    void conclude() throws Exception {
        for (int index : nodes.keySet())
            soon(30_000, () -> {
                String path = base + "/n" + index;
                judge.client.sync().forPath(path);
                Stat stat = new Stat();
                String data = new String(judge.client.getData().storingStatIn(stat).forPath(path));
                long owner = owners.get(index).link.handle().getSessionId();
                return data.equals(last.get(index)) && stat.getEphemeralOwner() == owner
                        ? null
                        : path + " is " + data + " of session " + Long.toHexString(stat.getEphemeralOwner())
                                + ", written was " + last.get(index) + " in " + Long.toHexString(owner);
            });
        for (PersistentNode node : nodes.values()) node.close();
        sessions.forEach(Session::close);
        expectEmptySoon(base, "the nodes");
    }
}
