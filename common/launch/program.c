/* Launch: starts the program, waits, passes signals on. */
#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int held_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { HELD = sizeof held_signals / sizeof *held_signals };

static sigset_t signal_set(bool child)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < HELD; i++)
        sigaddset(&set, held_signals[i]);
    if (child)
        sigaddset(&set, SIGCHLD);
    return set;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void ga_program_hold_signals(struct ga_program *program)
{
    /* An ignored SIGCHLD, inherited, would take the exit status away. */
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &action, &program->child_action);
    sigset_t set = signal_set(true);
    sigprocmask(SIG_BLOCK, &set, &program->mask);
}

int ga_program_held_signal(void)
{
    sigset_t pending;
    sigpending(&pending);
    for (int i = 0; i < HELD; i++)
        if (sigismember(&pending, held_signals[i]))
            return held_signals[i];
    return 0;
}

void ga_program_release_signals(const struct ga_program *program)
{
    sigaction(SIGCHLD, &program->child_action, NULL);
    sigprocmask(SIG_SETMASK, &program->mask, NULL);
}

/* Sanitizers look for leaks at the end of a program; a traced program's are not ours to report. */
static int set_sanitizer_options(void)
{
#if defined(__SANITIZE_ADDRESS__)
    const char *options = getenv("ASAN_OPTIONS");
    char text[4096];
    if (snprintf(text, sizeof text, "%s%sdetect_leaks=0", options ? options : "", options ? ":" : "") >= (int)sizeof text)
        return -1;
    return setenv("ASAN_OPTIONS", text, 1);
#else
    return 0;
#endif
}

static void child_run(const struct ga_program *program, char *const *argv, const char *preload, char *const *environment,
                      int report)
{
    bool ready = (!preload || (!setenv("LD_PRELOAD", preload, 1) && !set_sanitizer_options()));
    for (char *const *variable = environment; ready && variable && *variable; variable++)
        ready = !putenv(*variable);
    if (ready) {
        ga_program_release_signals(program);
        execvp(argv[0], argv);
    }
    int error = errno;
    while (write(report, &error, sizeof error) < 0 && errno == EINTR)
        ;
    _exit(GA_EXIT_OWN);
}

/* What went wrong in the child before the program ran; 0 when the program runs: exec has closed the pipe. */
static int child_errno(int report)
{
    int error = 0;
    ssize_t got;
    while ((got = read(report, &error, sizeof error)) < 0 && errno == EINTR)
        ;
    return got == sizeof error ? error : 0;
}

int ga_program_start(struct ga_program *program, char *const *argv, unsigned libraries, char *const *environment,
                     struct ga_error *error)
{
    char *preload = NULL;
    int result = libraries ? ga_launch_preload(libraries, getenv("LD_PRELOAD"), &preload, error) : 0, pipe_ends[2];
    if (result)
        return -EAGAIN; /* our failure, not the program's */
    if (pipe2(pipe_ends, O_CLOEXEC)) {
        ga_error_errno(error, errno, "cannot start %s: pipe", argv[0]);
        result = -EAGAIN;
        goto free_preload;
    }
    fflush(NULL);
    program->started = now_ns();
    program->pid = fork();
    if (program->pid == 0)
        child_run(program, argv, preload, environment, pipe_ends[1]);
    int failed = program->pid < 0 ? errno : 0;
    close(pipe_ends[1]);
    if (failed) {
        ga_error_errno(error, failed, "cannot start %s: fork", argv[0]);
        result = -EAGAIN;
    } else if ((failed = child_errno(pipe_ends[0])) != 0) {
        waitpid(program->pid, NULL, 0);
        result = ga_error_errno(error, failed, "cannot run %s", argv[0]);
    }
    close(pipe_ends[0]);
free_preload:
    free(preload);
    return result;
}

int ga_program_failure_status(int result)
{
    return result == -EAGAIN ? GA_EXIT_OWN : result == -ENOENT ? GA_EXIT_NOT_FOUND : GA_EXIT_NOT_EXECUTABLE;
}

static int64_t timeval_ns(struct timeval time)
{
    return time.tv_sec * 1000000000LL + time.tv_usec * 1000LL;
}

/* True when the program has ended. */
static bool reap(struct ga_program *program)
{
    int status;
    struct rusage usage;
    pid_t pid = wait4(program->pid, &status, WNOHANG, &usage);
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return false;
    program->run_ns = now_ns() - program->started;
    program->status = GA_EXIT_OWN;
    if (pid == program->pid) {
        program->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        program->user_ns = timeval_ns(usage.ru_utime);
        program->system_ns = timeval_ns(usage.ru_stime);
    }
    return true;
}

void ga_program_wait(struct ga_program *program)
{
    sigset_t set = signal_set(true);
    while (!reap(program)) {
        siginfo_t info;
        int number = sigwaitinfo(&set, &info);
        /* What the terminal sends goes to the whole foreground group, the program included: passing it on would double it. */
        if (number > 0 && number != SIGCHLD && info.si_code != SI_KERNEL && info.si_pid != program->pid)
            kill(program->pid, number);
    }
    /* What came together with the end was for the program: a Ctrl-C that ended it must not end us too. */
    static const struct timespec at_once;
    while (sigtimedwait(&set, NULL, &at_once) > 0)
        ;
}
