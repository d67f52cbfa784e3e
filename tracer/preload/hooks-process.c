/*
 * The wrappers that make processes. LTTng must be told before and after (as liblttng-ust-fork does), or the child writes with its
 * parent's pid into its parent's buffers. Our own instance is renewed by a pthread_atfork handler (init.c), which fork, forkpty and
 * daemon run, and here for clone. vfork needs nothing: its child only execs, on its parent's memory, which files.c knows.
 */
#include <errno.h>
#include <lttng/ust-fork.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "preload/export.h"
#include "preload/files.h"
#include "preload/process.h"
#include "preload/real.h"

static void before(sigset_t *signals)
{
    if (!real_get()->fork_helper)
        lttng_ust_before_fork(signals);
}

static void after(sigset_t *signals, bool child)
{
    int saved = errno;
    if (!real_get()->fork_helper) {
        if (child)
            lttng_ust_after_fork_child(signals);
        else
            lttng_ust_after_fork_parent(signals);
    }
    if (child)
        process_announce();
    errno = saved;
}

EXPORT pid_t fork(void)
{
    sigset_t signals;
    before(&signals);
    pid_t child = real_get()->fork();
    after(&signals, child == 0);
    return child;
}

EXPORT int forkpty(int *master, char *name, const struct termios *termios, const struct winsize *size)
{
    sigset_t signals;
    before(&signals);
    pid_t child = real_get()->forkpty(master, name, termios, size);
    after(&signals, child == 0);
    return child;
}

EXPORT int daemon(int keep_directory, int keep_streams)
{
    sigset_t signals;
    before(&signals);
    int result = real_get()->daemon(keep_directory, keep_streams);
    after(&signals, result == 0); /* the parent has left in daemon() unless it failed */
    return result;
}

struct clone_start {
    int (*function)(void *);
    void *argument;
    sigset_t signals;
};

static int clone_started(void *data)
{
    struct clone_start *start = data;
    process_renew();
    files_fork_child();
    after(&start->signals, true);
    /* Returning from here ends the thread alone (the C library's clone uses exit, not exit_group): LTTng's threads, which the child
       now has, would keep the process. */
    _exit(start->function(start->argument));
}

/* A child with memory of its own is a fork; with shared memory it is a thread, or a vfork, and none of our business. */
EXPORT int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
    va_list args;
    va_start(args, argument);
    pid_t *parent_tid = va_arg(args, pid_t *);
    void *tls = va_arg(args, void *);
    pid_t *child_tid = va_arg(args, pid_t *);
    va_end(args);
    const struct real_functions *real = real_get();
    if (flags & CLONE_VM || !function || !stack)
        return real->clone(function, stack, flags, argument, parent_tid, tls, child_tid);
    struct clone_start start = {.function = function, .argument = argument};
    before(&start.signals);
    files_fork_prepare();
    int child = real->clone(clone_started, stack, flags, &start, parent_tid, tls, child_tid);
    int saved = errno;
    files_fork_parent();
    after(&start.signals, false);
    errno = saved;
    return child;
}
