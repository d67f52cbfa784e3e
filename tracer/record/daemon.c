/* The session daemon: found, started under a lock, stopped when the last of us leaves. */
#include "record/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lttng/lttng.h>

#include "launch/launch.h"
#include "record/session.h"

/* LTTng 2.13: root's sockets are here whatever LTTNG_HOME says, another user's under its home. */
static const char root_place[] = "/run/lttng";
static const char client_socket[] = "client-lttng-sessiond";
static const char pid_file[] = "gpualloc-sessiond.pid", lock_file[] = "gpualloc.lock";

enum { ANSWER_SECONDS = 5, START_SECONDS = 15, STOP_SECONDS = 10, LOCK_SECONDS = 40 };

static int find_place(struct record_daemon *daemon, struct ga_error *error)
{
    if (geteuid() == 0) {
        snprintf(daemon->place, sizeof daemon->place, "%s", root_place);
        return 0;
    }
    const char *home = getenv("LTTNG_HOME");
    if (!home || !*home)
        home = getenv("HOME");
    if (!home || !*home)
        return ga_error_set(error, ENOENT, "neither LTTNG_HOME nor HOME is set: LTTng needs a directory for its sockets; set "
                            "LTTNG_HOME to one of yours");
    if (snprintf(daemon->place, sizeof daemon->place, "%s/.lttng", home) >= (int)sizeof daemon->place)
        return ga_error_set(error, ENAMETOOLONG, "LTTNG_HOME is too long: %s", home);
    return 0;
}

/* The pid behind a place's client socket, or 0. */
static pid_t socket_pid(const char *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    int written = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", place, client_socket);
    if (written >= (int)sizeof address.sun_path)
        return 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return 0;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
        peer.pid = 0;
    close(fd);
    return peer.pid;
}

static pid_t recorded_pid(const struct record_daemon *daemon)
{
    char path[PATH_MAX + sizeof pid_file];
    int pid = 0;
    snprintf(path, sizeof path, "%s/%s", daemon->place, pid_file);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%d", &pid) != 1)
            pid = 0;
        fclose(file);
    }
    return pid;
}

/* Who answers, and whether gpualloc started it. liblttng-ctl prefers root's daemon for members of the group tracing. */
static void identify(struct record_daemon *daemon)
{
    daemon->pid = socket_pid(daemon->place);
    daemon->ours = daemon->pid && daemon->pid == recorded_pid(daemon);
    if (!daemon->pid)
        daemon->pid = socket_pid(root_place);
}

static int take_lock(struct record_daemon *daemon, struct ga_error *error)
{
    char path[PATH_MAX + sizeof lock_file];
    snprintf(path, sizeof path, "%s/%s", daemon->place, lock_file);
    if (mkdir(daemon->place, geteuid() == 0 ? 0755 : 0750) && errno != EEXIST)
        return ga_error_errno(error, errno, "cannot make %s, where LTTng keeps its sockets; set LTTNG_HOME to a directory of yours",
                              daemon->place);
    daemon->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (daemon->lock < 0)
        return ga_error_errno(error, errno, "cannot open %s", path);
    for (int tries = 0; flock(daemon->lock, LOCK_EX | LOCK_NB); tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            record_daemon_unlock(daemon);
            return ga_error_errno(error, errno, "cannot lock %s", path);
        }
        if (tries == LOCK_SECONDS * 20) {
            record_daemon_unlock(daemon);
            return ga_error_set(error, ETIMEDOUT, "%s is held by another gpualloc record for more than %d s; end that one", path,
                                LOCK_SECONDS);
        }
        poll(NULL, 0, 50);
    }
    return 0;
}

void record_daemon_unlock(struct record_daemon *daemon)
{
    if (daemon->lock >= 0)
        close(daemon->lock);
    daemon->lock = -1;
}

/* The last line that the daemon wrote, without what LTTng puts before it ("Error: "). */
static void last_line(int fd, char *line, size_t size)
{
    char text[4096];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    char *end = text + strlen(text);
    while (end > text && (end[-1] == '\n' || end[-1] == ' '))
        *--end = 0;
    char *start = strrchr(text, '\n');
    start = start ? start + 1 : text;
    if (!strncmp(start, "Error: ", 7))
        start += 7;
    snprintf(line, size, "%s", *start ? start : "it said nothing");
}

static void exec_daemon(const struct record_daemon *daemon, int output)
{
    char option[PATH_MAX + 64];
    snprintf(option, sizeof option, "--pidfile=%s/%s", daemon->place, pid_file);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* until it has forked itself away */
    /* The daemon is no traced program, and must see its signals. */
    unsetenv("LD_PRELOAD");
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &action, NULL);
    sigprocmask(SIG_SETMASK, &daemon->mask, NULL);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execlp("lttng-sessiond", "lttng-sessiond", "--daemonize", "--no-kernel", option, (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

/* --daemonize returns when the daemon listens. */
static int start(void *arg, struct ga_error *error)
{
    const struct record_daemon *daemon = arg;
    int output = memfd_create("lttng-sessiond", MFD_CLOEXEC), status = 0;
    pid_t pid = fork();
    if (pid < 0)
        return ga_error_errno(error, errno, "lttng-sessiond cannot be started: fork");
    if (pid == 0)
        exec_daemon(daemon, output);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return ga_error_set(error, ENOENT, "no session daemon runs, and lttng-sessiond is not in PATH; install lttng-tools");
    char line[256];
    last_line(output, line, sizeof line);
    return ga_error_set(error, EIO, "lttng-sessiond did not start: %s", line);
}

/* Any request will do: a daemon that was stopped accepts the connection and never answers. */
static int probe(void *arg, struct ga_error *error)
{
    (void)arg;
    struct lttng_session *sessions = NULL;
    int count = lttng_list_sessions(&sessions);
    free(sessions);
    return count >= 0 ? 0 : ga_error_set(error, EPROTO, "the session daemon refuses: %s", lttng_strerror(count));
}

int record_daemon_acquire(struct record_daemon *daemon, const sigset_t *mask, struct ga_error *error)
{
    *daemon = (struct record_daemon){.lock = -1, .mask = *mask};
    int result = find_place(daemon, error);
    if (result)
        return result;
    /* Somebody else's daemon (root's, for a member of the group tracing) needs no place of ours, so no lock either. */
    bool alive = lttng_session_daemon_alive() == 1;
    if (!alive || socket_pid(daemon->place)) {
        result = take_lock(daemon, error);
        if (result)
            return result;
        alive = lttng_session_daemon_alive() == 1;
    }
    if (!alive) {
        result = ga_launch_bounded(start, daemon, START_SECONDS, "lttng-sessiond", error);
        daemon->started = !result;
    }
    identify(daemon);
    if (!result) {
        char what[64];
        snprintf(what, sizeof what, "session daemon (pid %d)", (int)daemon->pid);
        result = ga_launch_bounded(probe, NULL, ANSWER_SECONDS, what, error);
    }
    if (result == -ETIMEDOUT && !daemon->started)
        ga_error_set(error, ETIMEDOUT, "the session daemon (pid %d) does not answer within %d s: stopped or hung? "
                     "Continue it (kill -CONT) or end it", (int)daemon->pid, ANSWER_SECONDS);
    if (result)
        record_daemon_unlock(daemon);
    return result;
}

/* Whether a session is that of a recording whose gpualloc was killed: its pid stands in the session's name. */
static bool is_orphan(const char *name)
{
    int pid, used = 0;
    const char *at = strncmp(name, RECORD_SESSION_PREFIX, strlen(RECORD_SESSION_PREFIX)) ? NULL : strrchr(name, '-');
    while (at && at > name && at[-1] != '-')
        at--;
    return at && sscanf(at, "%d-%*d%n", &pid, &used) == 1 && used && kill(pid, 0) && errno == ESRCH;
}

/* How many sessions are left, orphans taken away. */
static int count_sessions(void *arg, struct ga_error *error)
{
    struct lttng_session *sessions = NULL;
    int count = lttng_list_sessions(&sessions), left = 0;
    if (count < 0)
        return ga_error_set(error, EPROTO, "session daemon: list of sessions: %s", lttng_strerror(count));
    for (int i = 0; i < count; i++)
        left += !is_orphan(sessions[i].name) || lttng_destroy_session_no_wait(sessions[i].name) < 0;
    free(sessions);
    *(int *)arg = left;
    return 0;
}

/* Waits until a process that is not our child is gone. */
static bool gone_within(pid_t pid, int seconds)
{
    for (int tries = 0; tries < seconds * 50; tries++) {
        if (kill(pid, 0) && errno == ESRCH)
            return true;
        poll(NULL, 0, 20);
    }
    return false;
}

static int stop_if_unused(struct record_daemon *daemon, struct ga_error *error)
{
    identify(daemon); /* it may have been ended and replaced meanwhile */
    if (!daemon->ours)
        return 0;
    int *sessions = mmap(NULL, sizeof *sessions, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sessions == MAP_FAILED)
        return ga_error_errno(error, errno, "session daemon");
    int result = ga_launch_bounded(count_sessions, sessions, ANSWER_SECONDS, "session daemon: list of sessions", error);
    bool unused = !result && *sessions == 0;
    munmap(sessions, sizeof *sessions);
    if (!unused)
        return result;
    kill(daemon->pid, SIGTERM);
    if (!gone_within(daemon->pid, STOP_SECONDS))
        return ga_error_set(error, ETIMEDOUT, "the session daemon (pid %d), which gpualloc started, does not end", (int)daemon->pid);
    return 0;
}

int record_daemon_release(struct record_daemon *daemon, struct ga_error *error)
{
    if (daemon->lock < 0 && !daemon->ours)
        return 0;
    int result = daemon->lock >= 0 ? 0 : take_lock(daemon, error);
    if (!result)
        result = stop_if_unused(daemon, error);
    record_daemon_unlock(daemon);
    return result;
}
