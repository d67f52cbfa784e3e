/*
 * Launch: our libraries into a program's LD_PRELOAD, the program started, waited for, its signals passed on.
 *
 * Used by record, run and replay. One program at a time, from a process with one thread.
 */
#ifndef GPUALLOC_LAUNCH_LAUNCH_H
#define GPUALLOC_LAUNCH_LAUNCH_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Which of our libraries to preload; bits. In LD_PRELOAD they stand in this order, before what the user had there. */
enum ga_launch_libraries {
    GA_LAUNCH_TRACE = 1,   /* libgpualloc-trace.so */
    GA_LAUNCH_SOFTGPU = 2, /* libgpualloc-softgpu.so */
};

/* The value of LD_PRELOAD with these libraries: ours of the set and ours that existing names already, each once, then the rest of
   existing as it was. existing may be null. In a sanitizer build the sanitizer's runtime comes first, or the loader refuses.
   0 and a text for the caller to free, -ENOENT when a library is not beside this program, or -EINVAL when its path cannot stand in
   LD_PRELOAD (a space or colon in it). */
int ga_launch_preload(unsigned libraries, const char *existing, char **value, struct ga_error *error);

struct ga_program {
    pid_t pid;
    /* After ga_program_wait: */
    int status;               /* exit status as a shell gives it: the program's, or 128 + the signal that ended it */
    int64_t run_ns;           /* from start to end */
    int64_t user_ns, system_ns; /* CPU time of the program and of the children that it waited for */
    /* Kept for the program while ours are in place: */
    sigset_t mask;
    struct sigaction child_action;
    int64_t started;
};

/* Blocks the signals that ga_program_wait handles (INT, TERM, HUP, QUIT, CHLD); nothing that follows is cut short by them.
   Needed before ga_program_start; ga_program_wait takes what has arrived meanwhile. */
void ga_program_hold_signals(struct ga_program *program);
/* A held signal that has arrived already (never CHLD), or 0. */
int ga_program_held_signal(void);
/* Gives the signals back as they were: an arrived one then has its usual effect. */
void ga_program_release_signals(const struct ga_program *program);

/* Starts argv[0], searched in PATH, with LD_PRELOAD set as ga_launch_preload says (libraries may be 0: LD_PRELOAD untouched) and
   with environment, "NAME=VALUE" texts that end with null (the array may be null). The program has the signal mask and actions
   that we were started with, and no descriptor of ours.
   0; -ENOENT: no such program; another negative errno: it cannot be executed, or -EAGAIN and such: it could not be started. */
int ga_program_start(struct ga_program *program, char *const *argv, unsigned libraries, char *const *environment,
                     struct ga_error *error);
/* Waits for its end. INT and QUIT from the terminal reach the program by themselves; what was sent to us alone is passed on. */
void ga_program_wait(struct ga_program *program);
/* The exit status for a negative errno of ga_program_start, as timeout(1): 127 not found, 126 not executable, else 125. */
int ga_program_failure_status(int result);

/* For a verb that needs libraries in its own process: starts this program again with them preloaded and its own arguments.
   Returns 0 at once when they are loaded already; otherwise only on failure, with a negative errno. No descriptors, threads or
   temporary files should be open. */
int ga_launch_reexec(unsigned libraries, struct ga_error *error);

/* Runs function(arg, error) in a child process, for at most so many seconds: its result, or -ETIMEDOUT when it had to be killed.
   For calls into libraries that can block for ever. Memory that the function should hand back must be shared (MAP_SHARED); what
   it is waiting for is said by what: "session daemon: no answer within 5 s: create session". */
int ga_launch_bounded(int (*function)(void *arg, struct ga_error *error), void *arg, unsigned seconds, const char *what,
                      struct ga_error *error);

#endif
