/* killer_sigkill COUNT: makes COUNT allocations on each of two threads, and is killed by its own hand. */
#include <pthread.h>
#include <signal.h>

#include "dxg.h"

static struct dxg dxg;
static int count;

static void *make(void *unused)
{
    (void)unused;
    char data[32] = "soon gone";
    for (int i = 0; i < count; i++)
        (void)dxg_create(&dxg, data, sizeof data, 1);
    return NULL;
}

int main(int argc, char **argv)
{
    count = argc > 1 ? atoi(argv[1]) : 10;
    dxg = dxg_open();
    pthread_t thread;
    pthread_create(&thread, NULL, make, NULL);
    make(NULL);
    pthread_join(thread, NULL);
    raise(SIGKILL);
    return 0;
}
