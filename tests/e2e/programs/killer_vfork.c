/*
 * killer_vfork PROGRAM [ARG…]: makes allocations; starts PROGRAM from a vfork child that first closes everything, as careful programs
 * do; then makes as many more through the same descriptor. The exit status is PROGRAM's.
 */
#include <sys/wait.h>

#include "dxg.h"

enum { COUNT = 20 };

static void make(const struct dxg *dxg)
{
    char data[16] = "vfork";
    for (int i = 0; i < COUNT; i++)
        dxg_destroy(dxg, dxg_create(dxg, data, sizeof data, 1));
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    struct dxg dxg = dxg_open();
    make(&dxg);
    pid_t child = vfork();
    if (child == 0) {
        close(dxg.fd);
        dup2(0, 20);
        closefrom(3);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        dxg_die("vfork");
    make(&dxg);
    printf("parent done\n");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}
