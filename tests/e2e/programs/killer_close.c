/*
 * killer_close HOW: makes allocations, closes every descriptor from 3 on, opens the device again and makes as many more. HOW is
 * closefrom, close_range, close_range_unshare, close_range_cloexec (which closes nothing yet) or loop. Prints what it saw.
 */
#include <linux/close_range.h>
#include <sys/resource.h>

#include "dxg.h"

int close_range(unsigned first, unsigned last, int flags);

enum { COUNT = 20 };

static void make(const struct dxg *dxg, uint64_t surface)
{
    char data[40];
    for (int i = 0; i < COUNT; i++) {
        snprintf(data, sizeof data, "%llu of surface %d", (unsigned long long)surface, i);
        dxg_destroy(dxg, dxg_create(dxg, data, sizeof data, surface));
    }
}

static int close_in_a_loop(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    int closed = 0;
    for (int fd = 3; fd < (int)limit.rlim_cur && fd < 4096; fd++)
        closed += close(fd) == 0;
    return closed;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "loop";
    struct dxg dxg = dxg_open();
    make(&dxg, 1);
    int result = 0;
    errno = 0;
    if (strcmp(how, "closefrom") == 0)
        closefrom(3);
    else if (strcmp(how, "close_range") == 0)
        result = close_range(3, ~0u, 0);
    else if (strcmp(how, "close_range_unshare") == 0)
        result = close_range(3, ~0u, CLOSE_RANGE_UNSHARE);
    else if (strcmp(how, "close_range_cloexec") == 0)
        result = close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    else
        result = close_in_a_loop();
    printf("%s: result %d, errno %d\n", how, result, errno);
    printf("bad range: %d", close_range(9, 3, 0));
    printf(", %s\n", strerror(errno));
    errno = 0;
    if (strcmp(how, "close_range_cloexec") != 0) {
        int closed = ioctl(dxg.fd, DXG_IOCTL(0x15, struct D3DKMT_CLOSEADAPTER), &dxg);
        printf("the device's descriptor: %d, %s\n", closed, strerror(errno));
        dxg = dxg_open();
    }
    usleep(200000); /* time for LTTng's threads to notice what they lost */
    make(&dxg, 2);
    printf("done\n");
    return 0;
}
