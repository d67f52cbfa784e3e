/* Launch: a function in a child process, so that a call that never returns can be given up. */
#include "launch/launch.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child leaves for us; in shared memory. */
struct outcome {
    int result;
    struct ga_error error;
};

/* pidfd_open is Linux 5.3; before that, look every 10 ms. */
static bool ended_within(pid_t pid, int timeout_ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready;
        while ((ready = poll(&wait, 1, timeout_ms)) < 0 && errno == EINTR)
            ;
        close(fd);
        return ready > 0;
    }
    siginfo_t info = {0};
    for (; timeout_ms > 0; timeout_ms -= 10) {
        if (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == pid)
            return true;
        poll(NULL, 0, 10);
    }
    return false;
}

int ga_launch_bounded(int (*function)(void *arg, struct ga_error *error), void *arg, unsigned seconds, const char *what,
                      struct ga_error *error)
{
    struct outcome *outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED)
        return ga_error_errno(error, errno, "%s", what);
    outcome->result = -ECHILD; /* unless the child says otherwise */
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody else would end it */
        outcome->result = function(arg, &outcome->error);
        _exit(0);
    }
    int result = -errno;
    if (pid < 0) {
        ga_error_errno(error, -result, "%s: fork", what);
    } else if (!ended_within(pid, (int)seconds * 1000)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        result = ga_error_set(error, ETIMEDOUT, "%s: no answer within %u s", what, seconds);
    } else {
        waitpid(pid, NULL, 0);
        result = outcome->result;
        if (result == -ECHILD)
            ga_error_set(error, ECHILD, "%s: ended without a result", what);
        else if (result && error)
            *error = outcome->error;
    }
    munmap(outcome, sizeof *outcome);
    return result;
}
