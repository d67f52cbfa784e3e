/*
 * killer_signals MS: for so long, makes allocations in main and in the handler of a signal that comes as often as it can, so that
 * handlers run in the middle of the tracer too. Prints how many of each: surfaces 1 (main) and 2 (handler).
 */
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "dxg.h"

static struct dxg dxg;
static volatile unsigned long handled;

static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    char data[32] = "from a handler";
    memcpy(data + 16, (const void *)&handled, sizeof handled);
    dxg_destroy(&dxg, dxg_create(&dxg, data, sizeof data, 2));
    handled++;
    errno = saved;
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    long until = now_ms() + (argc > 1 ? atoi(argv[1]) : 500);
    unsigned long made = 0;
    dxg = dxg_open();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 211}, {0, 211}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (; now_ms() < until || handled < 100; made++) { /* on a busy machine signals come late, and together */
        char data[64] = "from main";
        memcpy(data + 16, &made, sizeof made);
        dxg_destroy(&dxg, dxg_create(&dxg, data, sizeof data, 1));
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("%lu %lu\n", made, handled);
    return 0;
}
