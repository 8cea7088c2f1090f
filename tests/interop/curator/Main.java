import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;

/**
 * Curator's recipes at work, each in threads of its own, on the servers that are named.
 *
 * <p>`Main HOSTS SEED [RECIPE...]` says `begun`, goes on until a line comes in, and says `PASS name millis figures` or
 * `FAIL name millis reason` for each recipe.
 */
public class Main {
    private static final Map<String, Supplier<Check>> CHECKS = new LinkedHashMap<>();

    static {
        for (Supplier<Check> make : List.<Supplier<Check>>of(
                Mutexes::new, ReadWriteLocks::new, Semaphores::new, Latches::new, Selectors::new, Barriers::new,
                DoubleBarriers::new, SharedCounts::new, AtomicLongs::new, Members::new, Nodes::new, TreeCaches::new,
                ChildrenCaches::new)) CHECKS.put(make.get().name, make);
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            CHECKS.keySet().forEach(System.out::println);
            return;
        }
        List<String> named = List.of(arguments).subList(2, arguments.length);
        List<String> names = named.isEmpty() ? List.copyOf(CHECKS.keySet()) : named;
        CountDownLatch begun = new CountDownLatch(names.size()), calm = new CountDownLatch(1);
        List<Thread> threads = new ArrayList<>();
        for (String name : names) {
            Check check = CHECKS.get(name).get();
            check.hosts = arguments[0];
            check.random = new Random((arguments[1] + name).hashCode());
            Thread thread = new Thread(() -> judge(check, begun, calm));
            thread.start();
            threads.add(thread);
        }
        begun.await();
        System.out.println("begun");
        System.in.read();
        calm.countDown();
        for (Thread thread : threads) thread.join();
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static void judge(Check check, CountDownLatch begun, CountDownLatch calm) {
        long began = System.currentTimeMillis();
        String verdict;
        try {
            check.run(begun, calm);
            verdict = "PASS " + check.name + " %d " + check.told();
        } catch (Throwable error) {
            if (!(error instanceof Failed)) error.printStackTrace();
            String reason = error instanceof Failed ? error.getMessage() : error.toString();
            verdict = "FAIL " + check.name + " %d " + reason.replace("%", "%%").replace('\n', ' ') + " " + check.told();
        }
        begun.countDown(); // once too often does no harm
        System.out.println(String.format(verdict, System.currentTimeMillis() - began));
    }
}
