/*
 * killer_fork HOW: makes allocations in itself, in a child and in a grandchild, each with its pid for a surface. HOW is fork, clone,
 * daemon or forkpty. Prints one line "surface PID" a process, into the file named by the second argument.
 */
#include <pty.h>
#include <sched.h>
#include <sys/wait.h>

#include "dxg.h"

enum { COUNT = 10 };
static const char *out;

static void make(void)
{
    struct dxg dxg = dxg_open(); /* handles belong to the process */
    char line[32], data[24] = "some private data";
    for (int i = 0; i < COUNT; i++)
        dxg_destroy(&dxg, dxg_create(&dxg, data, sizeof data, (uint64_t)getpid()));
    int fd = open(out, O_WRONLY | O_APPEND | O_CREAT, 0666), length = snprintf(line, sizeof line, "surface %d\n", getpid());
    if (fd < 0 || write(fd, line, (size_t)length) != length)
        dxg_die(out);
    close(fd);
}

static int start(void *unused)
{
    (void)unused;
    make();
    return 0;
}

static pid_t make_child(const char *how)
{
    static char stack[256 * 1024] __attribute__((aligned(16)));
    int master;
    if (strcmp(how, "clone") == 0)
        return clone(start, stack + sizeof stack, SIGCHLD, NULL);
    if (strcmp(how, "forkpty") == 0)
        return forkpty(&master, NULL, NULL, NULL);
    return fork();
}

static void reap(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        dxg_die("child");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const char *how = argv[1];
    out = argv[2];
    make();
    if (strcmp(how, "daemon") == 0) {
        if (daemon(1, 0) != 0)
            dxg_die("daemon");
        make();
        return 0;
    }
    pid_t child = make_child(how);
    if (child == 0) {
        make();
        pid_t grandchild = fork();
        if (grandchild == 0) {
            make();
            return 0;
        }
        reap(grandchild);
        return 0;
    }
    reap(child);
    make();
    return 0;
}
