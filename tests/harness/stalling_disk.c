/* Preloaded into a server under test: its log's syncs do not return while a file is there, whose name is in the
 * environment. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd) {
    const char *stalled = getenv("QUORATE_TEST_STALLED");
    while (stalled && access(stalled, F_OK) == 0)
        usleep(5000);
    return syscall(SYS_fdatasync, fd);
}
