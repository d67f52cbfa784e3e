/* waits FILE: opens the device and makes one allocation; when FILE is there, makes the same again, and so on with FILE.2; ends then. */
#include "dxg.h"

static void wait_for(const char *path)
{
    while (access(path, F_OK) != 0)
        usleep(10000);
}

int main(int argc, char **argv)
{
    char data[48] = "the same content each time", second[4096];
    if (argc < 2)
        return 2;
    snprintf(second, sizeof second, "%s.2", argv[1]);
    struct dxg dxg = dxg_open();
    (void)dxg_create(&dxg, data, sizeof data, 1);
    puts("ready");
    fflush(stdout);
    wait_for(argv[1]);
    (void)dxg_create(&dxg, data, sizeof data, 2);
    puts("again");
    fflush(stdout);
    wait_for(second);
    (void)dxg_create(&dxg, data, sizeof data, 3);
    return 0;
}
