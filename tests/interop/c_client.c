/* Drives ZooKeeper's C client (libzookeeper_mt) through everything it can do, and says what comes of it: the same on
 * every server that keeps to the protocol. Times, zxids and session ids are not printed, only what must be true of them.
 *
 *   c_client HOSTS
 *
 * Where a line says `> NAME` it waits for a line from stdin, so that a leader can be killed meanwhile.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

static const char *hosts;

/* --- events: counted and kept, so that they can be waited for and printed in order ------------------------------- */

struct events {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int connections;
    int number;
    char seen[64][128];
    int told;
};

static const char *kind_of(int type) {
    return type == ZOO_CREATED_EVENT   ? "created"
           : type == ZOO_DELETED_EVENT ? "deleted"
           : type == ZOO_CHANGED_EVENT ? "changed"
           : type == ZOO_CHILD_EVENT   ? "child"
           : type == ZOO_NOTWATCHING_EVENT ? "not watching"
                                           : "?";
}

static void note(zhandle_t *zh, int type, int state, const char *path, void *context) {
    struct events *events = context;
    (void)zh;
    pthread_mutex_lock(&events->lock);
    if (type == ZOO_SESSION_EVENT) {
        if (state == ZOO_CONNECTED_STATE)
            events->connections++;
    } else if (events->number < 64) {
        snprintf(events->seen[events->number++], 128, "%s %s", kind_of(type), path);
    }
    pthread_cond_broadcast(&events->changed);
    pthread_mutex_unlock(&events->lock);
}

static void deadline_in(struct timespec *until, int seconds) {
    clock_gettime(CLOCK_REALTIME, until);
    until->tv_sec += seconds;
}

static void await_connection(struct events *events, int number) {
    struct timespec until;
    deadline_in(&until, 60);
    pthread_mutex_lock(&events->lock);
    while (events->connections < number)
        if (pthread_cond_timedwait(&events->changed, &events->lock, &until)) {
            printf("no connection\n");
            exit(1);
        }
    pthread_mutex_unlock(&events->lock);
}

/* Prints the next events. */
static void await_events(struct events *events, int number) {
    struct timespec until;
    deadline_in(&until, 30);
    pthread_mutex_lock(&events->lock);
    while (number-- > 0) {
        int late = 0;
        while (events->told == events->number && !late)
            late = pthread_cond_timedwait(&events->changed, &events->lock, &until);
        if (events->told == events->number)
            printf("  an event is missing\n");
        else
            printf("  event %s\n", events->seen[events->told++]);
    }
    pthread_mutex_unlock(&events->lock);
}

static void begin(struct events *events) {
    memset(events, 0, sizeof *events);
    pthread_mutex_init(&events->lock, NULL);
    pthread_cond_init(&events->changed, NULL);
}

static zhandle_t *open_session(struct events *events, const clientid_t *identity, int timeout) {
    zhandle_t *zh;
    begin(events);
    zh = zookeeper_init(hosts, note, timeout, identity, events, 0);
    if (!zh) {
        perror("zookeeper_init");
        exit(1);
    }
    await_connection(events, 1);
    return zh;
}

static void pause_at(const char *name) {
    char line[64];
    printf("> %s\n", name);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        exit(1);
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static void say(const char *what, int rc) {
    printf("%s: %s\n", what, zerror(rc));
}

static void say_stat(const struct Stat *stat) {
    printf("  version %d cversion %d aversion %d length %d children %d %s%s%s%s\n", stat->version, stat->cversion,
           stat->aversion, stat->dataLength, stat->numChildren, stat->ephemeralOwner ? "ephemeral " : "",
           stat->czxid == stat->mzxid ? "unchanged " : "changed ", stat->pzxid == stat->czxid ? "childless " : "",
           stat->czxid > 0 && stat->mzxid >= stat->czxid && stat->mtime >= stat->ctime ? "in order" : "OUT OF ORDER");
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void say_children(struct String_vector *names) {
    int i;
    qsort(names->data, names->count, sizeof *names->data, by_name);
    for (i = 0; i < names->count; i++)
        printf("  child %s\n", names->data[i]);
    deallocate_String_vector(names);
}

static void say_acl(struct ACL_vector *acl) {
    int i;
    for (i = 0; i < acl->count; i++)
        printf("  acl %d %s:%s\n", acl->data[i].perms, acl->data[i].id.scheme, acl->data[i].id.id);
    deallocate_ACL_vector(acl);
}

/* --- what is done ------------------------------------------------------------------------------------------------- */

static void nodes(zhandle_t *zh) {
    char path[256], data[256];
    int length;
    struct Stat stat;
    struct String_vector names;
    int modes[] = {ZOO_PERSISTENT, ZOO_EPHEMERAL, ZOO_PERSISTENT_SEQUENTIAL, ZOO_EPHEMERAL_SEQUENTIAL, ZOO_CONTAINER};
    unsigned i;

    say("create", zoo_create(zh, "/c", "data", 4, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    say("create again", zoo_create(zh, "/c", "data", 4, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    say("create without a parent", zoo_create(zh, "/no/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    say("create with a bad path", zoo_create(zh, "no/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    say("create with a dot", zoo_create(zh, "/c/../d", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    for (i = 0; i < sizeof modes / sizeof *modes; i++) {
        snprintf(data, sizeof data, "/c/mode%d-", modes[i]);
        say("create2", zoo_create2(zh, data, "xyz", 3, &ZOO_OPEN_ACL_UNSAFE, modes[i], path, sizeof path, &stat));
        printf("  %s\n", path);
        say_stat(&stat);
    }
    say("create with a ttl", zoo_create_ttl(zh, "/c/ttl", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 100000,
                                            path, sizeof path));
    say("create under an ephemeral", zoo_create(zh, "/c/mode1-/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    say("create with null data", zoo_create(zh, "/c/null", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    length = sizeof data;
    say("get null data", zoo_get(zh, "/c/null", 0, data, &length, &stat));
    printf("  length %d\n", length);
    say_stat(&stat);
    length = sizeof data;
    say("get", zoo_get(zh, "/c", 0, data, &length, &stat));
    printf("  %.*s\n", length, data);
    say_stat(&stat);
    say("set", zoo_set2(zh, "/c", "changed", 7, stat.version, &stat));
    say_stat(&stat);
    say("set with an old version", zoo_set(zh, "/c", "late", 4, 0));
    say("delete with children", zoo_delete(zh, "/c", -1));
    say("delete with a wrong version", zoo_delete(zh, "/c/ttl", 7));
    say("delete", zoo_delete(zh, "/c/ttl", 0));
    say("delete again", zoo_delete(zh, "/c/ttl", 0));
    say("exists", zoo_exists(zh, "/c", 0, &stat));
    say_stat(&stat);
    say("exists not", zoo_exists(zh, "/no", 0, &stat));
    say("children", zoo_get_children2(zh, "/c", 0, &names, &stat));
    say_stat(&stat);
    say_children(&names);
    say("children of nothing", zoo_get_children(zh, "/no", 0, &names));
}

static void big_data(zhandle_t *zh) {
    static char data[1000000], back[1000000];
    char path[64];
    int length = sizeof back, i;
    for (i = 0; i < (int)sizeof data; i++)
        data[i] = (char)(i * 7);
    say("create a big node", zoo_create(zh, "/big", data, sizeof data, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    say("get it", zoo_get(zh, "/big", 0, back, &length, NULL));
    printf("  %d bytes, %s\n", length, memcmp(data, back, sizeof data) ? "DIFFERENT" : "the same");
}

static void access_control(zhandle_t *zh) {
    /* gardener:rose, as `digest` stores it */
    static char hashed[] = "gardener:enoSLI6Z0LjYodmRmqRxgeTO/Fk=";
    char path[64], data[64];
    int length = sizeof data;
    struct Stat stat;
    struct ACL_vector found;
    struct ACL lists[][2] = {
        {{ZOO_PERM_ALL, {"digest", hashed}}, {ZOO_PERM_READ, {"world", "anyone"}}},
        {{ZOO_PERM_ALL, {"auth", ""}}, {0, {NULL, NULL}}},
        {{ZOO_PERM_ALL, {"nonsense", "x"}}, {0, {NULL, NULL}}},
        {{ZOO_PERM_ALL, {"ip", "127.0.0.1"}}, {ZOO_PERM_READ, {"ip", "10.0.0.0/8"}}},
    };
    struct ACL_vector readers = {2, lists[0]}, mine = {1, lists[1]}, bad = {1, lists[2]}, local = {2, lists[3]};
    struct ACL_vector none = {0, NULL};

    say("auth without credentials", zoo_create(zh, "/auth", "", 0, &mine, 0, path, sizeof path));
    say("a scheme that is not there", zoo_create(zh, "/bad", "", 0, &bad, 0, path, sizeof path));
    say("no acl", zoo_create(zh, "/bad", "", 0, &none, 0, path, sizeof path));
    say("ip", zoo_create(zh, "/ip", "", 0, &local, 0, path, sizeof path));
    say("set by ip", zoo_set(zh, "/ip", "x", 1, -1));
    say("digest and world", zoo_create(zh, "/locked", "secret", 6, &readers, 0, path, sizeof path));
    say("get", zoo_get(zh, "/locked", 0, data, &length, NULL));
    say("set", zoo_set(zh, "/locked", "x", 1, -1));
    say("get acl", zoo_get_acl(zh, "/locked", &found, &stat));
    say_acl(&found);
    say("add auth", zoo_add_auth(zh, "digest", "gardener:rose", 13, NULL, NULL));
    say("set", zoo_set(zh, "/locked", "x", 1, -1));
    say("auth", zoo_create(zh, "/auth", "", 0, &mine, 0, path, sizeof path));
    say("get acl", zoo_get_acl(zh, "/auth", &found, &stat));
    say_acl(&found);
    say("set acl", zoo_set_acl(zh, "/locked", 0, &mine));
    say("set acl with an old version", zoo_set_acl(zh, "/locked", 0, &mine));
    say("get acl", zoo_get_acl(zh, "/locked", &found, &stat));
    say_acl(&found);
    say_stat(&stat);
}

static void multi(zhandle_t *zh) {
    char paths[2][64], data[64];
    int length = sizeof data, i;
    struct Stat stat;
    zoo_op_t ops[5];
    zoo_op_result_t results[5];

    zoo_create_op_init(&ops[0], "/m", "m", 1, &ZOO_OPEN_ACL_UNSAFE, 0, paths[0], sizeof paths[0]);
    zoo_create_op_init(&ops[1], "/m/s-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, paths[1], sizeof paths[1]);
    zoo_set_op_init(&ops[2], "/m", "mm", 2, 0, &stat);
    zoo_check_op_init(&ops[3], "/m", 1);
    zoo_delete_op_init(&ops[4], "/m/s-0000000000", -1);
    say("multi", zoo_multi(zh, 5, ops, results));
    for (i = 0; i < 5; i++)
        printf("  %s\n", zerror(results[i].err));
    printf("  %s %s %s version %d\n", results[0].value, paths[0], paths[1], stat.version);

    zoo_set_op_init(&ops[0], "/m", "never", 5, -1, NULL);
    zoo_check_op_init(&ops[1], "/m", 77);
    zoo_delete_op_init(&ops[2], "/m", -1);
    say("multi that fails", zoo_multi(zh, 3, ops, results));
    for (i = 0; i < 3; i++)
        printf("  %s\n", zerror(results[i].err));
    say("get", zoo_get(zh, "/m", 0, data, &length, &stat));
    printf("  %.*s\n", length, data);
    say_stat(&stat);
    say("an empty multi", zoo_multi(zh, 0, ops, results));
}

static void watches(zhandle_t *zh, struct events *events) {
    char path[64], data[64];
    int length = sizeof data;
    struct Stat stat;
    struct String_vector names;

    zoo_create(zh, "/w", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
    say("watch data", zoo_wget(zh, "/w", note, events, data, &length, &stat));
    say("watch children", zoo_wget_children(zh, "/w", note, events, &names));
    deallocate_String_vector(&names);
    say("watch what is not there", zoo_wexists(zh, "/w/new", note, events, &stat));
    zoo_create(zh, "/w/new", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
    await_events(events, 2);
    zoo_set(zh, "/w", "x", 1, -1);
    await_events(events, 1);
    zoo_set(zh, "/w", "y", 1, -1);
    zoo_wexists(zh, "/w/new", note, events, &stat);
    zoo_wget_children(zh, "/w", note, events, &names);
    deallocate_String_vector(&names);
    zoo_delete(zh, "/w/new", -1);
    await_events(events, 2);
    zoo_wexists(zh, "/w", note, events, &stat);
    say("remove a watch", zoo_remove_watches(zh, "/w", ZWATCHTYPE_DATA, note, events, 0));
    say("remove it again", zoo_remove_watches(zh, "/w", ZWATCHTYPE_DATA, note, events, 0));
    zoo_set(zh, "/w", "z", 1, -1);
    printf("  %d events more\n", events->number - events->told);
}

/* Requests that do not wait for each other are answered in order. */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answered, out_of_order, failed;
} burst = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static void burst_answer(int rc, const char *name, const void *context) {
    char expected[64];
    int number = (int)(long)context;
    snprintf(expected, sizeof expected, "/burst/n%010d", number);
    pthread_mutex_lock(&burst.lock);
    burst.failed += rc != ZOK;
    burst.out_of_order += number != burst.answered || (name && strcmp(name, expected));
    burst.answered++;
    pthread_cond_broadcast(&burst.changed);
    pthread_mutex_unlock(&burst.lock);
}

static void pipelining(zhandle_t *zh) {
    char path[64];
    long i;
    struct timespec until;
    zoo_create(zh, "/burst", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
    for (i = 0; i < 500; i++)
        zoo_acreate(zh, "/burst/n", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, burst_answer, (void *)i);
    deadline_in(&until, 60);
    pthread_mutex_lock(&burst.lock);
    while (burst.answered < 500 && !pthread_cond_timedwait(&burst.changed, &burst.lock, &until))
        ;
    printf("500 creates at once: %d answered, %d failed, %d out of order\n", burst.answered, burst.failed,
           burst.out_of_order);
    pthread_mutex_unlock(&burst.lock);
}

static void configuration(zhandle_t *zh) {
    char data[4096];
    int length = sizeof data - 1;
    say("get the configuration", zoo_getconfig(zh, 0, data, &length, NULL));
    data[length > 0 ? length : 0] = 0;
    printf("%s\n", data);
}

/* Until the server that is asked knows an answer: a connection may just have broken. */
static int stubborn_set(zhandle_t *zh, const char *path, const char *value) {
    int rc, i;
    for (i = 0; i < 600; i++) {
        rc = zoo_set(zh, path, value, (int)strlen(value), -1);
        if (rc != ZCONNECTIONLOSS && rc != ZOPERATIONTIMEOUT)
            return rc;
        usleep(50000);
    }
    return rc;
}

static int stubborn_get(zhandle_t *zh, const char *path, char *data, int *length, struct Stat *stat) {
    int rc, i, room = *length;
    for (i = 0; i < 600; i++) {
        *length = room;
        rc = zoo_get(zh, path, 0, data, length, stat);
        if (rc != ZCONNECTIONLOSS && rc != ZOPERATIONTIMEOUT)
            return rc;
        usleep(50000);
    }
    return rc;
}

/* A session goes on under its id and password, and a wrong password ends the attempt. */
static void identity(void) {
    struct events first, second, third;
    zhandle_t *zh = open_session(&first, NULL, 6000), *again;
    clientid_t id = *zoo_client_id(zh);
    char path[64], data[64];
    struct Stat stat;
    int i, length = sizeof data;

    printf("negotiated %d ms\n", zoo_recv_timeout(zh));
    say("create an ephemeral", zoo_create(zh, "/mine", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, sizeof path));
    again = open_session(&second, &id, 6000);
    printf("%s session\n", zoo_client_id(again)->client_id == id.client_id ? "the same" : "ANOTHER");
    /* Both want the session now, and take it from each other. */
    say("its ephemeral", stubborn_get(again, "/mine", data, &length, &stat));
    printf("  %s\n", stat.ephemeralOwner == id.client_id ? "its owner" : "NOT ITS OWNER");
    id.passwd[0] ^= 1;
    begin(&third);
    zhandle_t *wrong = zookeeper_init(hosts, note, 6000, &id, &third, 0);
    for (i = 0; i < 200 && zoo_state(wrong) != ZOO_EXPIRED_SESSION_STATE; i++)
        usleep(50000);
    printf("a wrong password: %s\n", zoo_state(wrong) == ZOO_EXPIRED_SESSION_STATE ? "expired" : "NOT EXPIRED");
    zookeeper_close(wrong);
    zookeeper_close(again);
    zookeeper_close(zh);
}

static void failover(zhandle_t *zh, struct events *events) {
    char path[64], data[64];
    int length, round;
    struct Stat stat;
    int64_t session = zoo_client_id(zh)->client_id;

    say("create an ephemeral", zoo_create(zh, "/kept", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, sizeof path));
    zoo_create(zh, "/f", "0", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
    for (round = 1; round <= 3; round++) {
        char value[16];
        int before = events->connections;
        snprintf(value, sizeof value, "%d", round);
        say("watch", zoo_wexists(zh, "/f", note, events, &stat));
        pause_at("kill the leader");
        say("set", stubborn_set(zh, "/f", value));
        await_events(events, 1);
        length = sizeof data;
        say("get", stubborn_get(zh, "/f", data, &length, &stat));
        printf("  %.*s\n", length, data);
        length = sizeof data;
        say("get the ephemeral", stubborn_get(zh, "/kept", data, &length, &stat));
        printf("  %s owner, %s session, %s\n", stat.ephemeralOwner == session ? "the same" : "ANOTHER",
               zoo_client_id(zh)->client_id == session ? "the same" : "ANOTHER",
               events->connections > before ? "connected again" : "NEVER CUT OFF");
    }
}

int main(int argc, char **argv) {
    struct events events, other_events;
    zhandle_t *zh, *other;
    struct Stat stat;
    char data[64];
    int length = sizeof data, i, rc;

    if (argc != 2) {
        fprintf(stderr, "usage: %s HOSTS\n", argv[0]);
        return 2;
    }
    hosts = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zh = open_session(&events, NULL, 8000);
    nodes(zh);
    big_data(zh);
    multi(zh);
    watches(zh, &events);
    pipelining(zh);
    configuration(zh);
    identity();
    failover(zh, &events);
    access_control(zh);
    other = open_session(&other_events, NULL, 8000);
    say("get with other credentials", zoo_get(other, "/locked", 0, data, &length, NULL));
    say("the ephemeral of a living session", zoo_exists(other, "/kept", 0, &stat));
    say("close", zookeeper_close(zh));
    for (i = 0; i < 200 && (rc = zoo_exists(other, "/kept", 0, &stat)) == ZOK; i++)
        usleep(50000);
    say("the ephemeral of a closed session", rc);
    say("close", zookeeper_close(other));
    return 0;
}
