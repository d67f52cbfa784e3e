/* LD_PRELOAD is composed in the right order without repeats; programs are started, waited for, and their ends told apart;
   what blocks for ever is given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "launch/launch.h"

/* What of LD_PRELOAD begins with our first library: a sanitizer's runtime may stand before it. */
static const char *without_runtime(const char *value)
{
    const char *at = strstr(value, "san.so");
    return at ? strchr(at, ':') + 1 : value;
}

static void need_libraries(void)
{
    if (access(BINARY_DIR "/lib/libgpualloc-trace.so", R_OK) || access(BINARY_DIR "/lib/libgpualloc-softgpu.so", R_OK))
        skip();
}

static void assert_preload(unsigned libraries, const char *existing, const char *expected)
{
    char *value;
    struct ga_error error = {0};
    int result = ga_launch_preload(libraries, existing, &value, &error);
    if (result)
        fail_msg("%s", error.text);
    assert_string_equal(without_runtime(value), expected);
    free(value);
}

#define TRACE BINARY_DIR "/lib/libgpualloc-trace.so"
#define SOFTGPU BINARY_DIR "/lib/libgpualloc-softgpu.so"

static void preload_is_trace_softgpu_then_the_users(void **state)
{
    (void)state;
    need_libraries();
    assert_preload(GA_LAUNCH_TRACE, NULL, TRACE);
    assert_preload(GA_LAUNCH_TRACE, "", TRACE);
    assert_preload(GA_LAUNCH_TRACE | GA_LAUNCH_SOFTGPU, "libfoo.so", TRACE ":" SOFTGPU ":libfoo.so");
    assert_preload(GA_LAUNCH_TRACE, " a.so b.so::/x/c.so ", TRACE ":a.so:b.so:/x/c.so");
}

static void preload_names_ours_once(void **state)
{
    (void)state;
    need_libraries();
    assert_preload(GA_LAUNCH_TRACE, "a.so:/elsewhere/libgpualloc-trace.so", TRACE ":a.so");
    assert_preload(GA_LAUNCH_SOFTGPU, "libgpualloc-trace.so", TRACE ":" SOFTGPU);
    assert_preload(GA_LAUNCH_TRACE, SOFTGPU " b.so", TRACE ":" SOFTGPU ":b.so");
    assert_preload(GA_LAUNCH_TRACE, "notlibgpualloc-trace.so", TRACE ":notlibgpualloc-trace.so");
    assert_preload(GA_LAUNCH_TRACE, TRACE ":" TRACE, TRACE);
}

static void preload_again_adds_nothing(void **state)
{
    (void)state;
    need_libraries();
    char *once, *twice;
    assert_int_equal(ga_launch_preload(GA_LAUNCH_TRACE | GA_LAUNCH_SOFTGPU, "x.so", &once, NULL), 0);
    assert_int_equal(ga_launch_preload(GA_LAUNCH_TRACE | GA_LAUNCH_SOFTGPU, once, &twice, NULL), 0);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
}

/* Runs a program without our libraries; its status, or the negative errno of the start. */
static int run(const char *const *argv, char *const *environment)
{
    struct ga_program program;
    struct ga_error error = {0};
    ga_program_hold_signals(&program);
    int result = ga_program_start(&program, (char *const *)argv, 0, environment, &error);
    if (!result) {
        ga_program_wait(&program);
        result = program.status;
    } else
        assert_true(*error.text);
    ga_program_release_signals(&program);
    return result;
}
#define RUN(...) run((const char *[]){__VA_ARGS__, NULL}, NULL)

static void exit_statuses_are_a_shells(void **state)
{
    (void)state;
    assert_int_equal(RUN("true"), 0);
    assert_int_equal(RUN("sh", "-c", "exit 42"), 42);
    assert_int_equal(RUN("sh", "-c", "kill -KILL $$"), 128 + SIGKILL);
    assert_int_equal(RUN("/nonexistent/program"), -ENOENT);
    assert_int_equal(RUN("gpualloc-no-such-program"), -ENOENT);
    assert_int_equal(RUN("/dev"), -EACCES);
    assert_int_equal(ga_program_failure_status(-ENOENT), 127);
    assert_int_equal(ga_program_failure_status(-EACCES), 126);
    assert_int_equal(ga_program_failure_status(-EAGAIN), 125);
}

static void program_gets_its_environment_and_no_held_signals(void **state)
{
    (void)state;
    char variable[] = "GPUALLOC_TEST_VARIABLE=a b";
    assert_int_equal(run((const char *[]){"sh", "-c", "[ \"$GPUALLOC_TEST_VARIABLE\" = 'a b' ]", NULL}, (char *[]){variable, NULL}), 0);
    /* A program with TERM blocked would live for ever. */
    assert_int_equal(RUN("sh", "-c", "kill -TERM $$; exit 1"), 128 + SIGTERM);
    assert_int_equal(RUN("sh", "-c", "grep -q '^SigBlk:.0*$' /proc/self/status"), 0);
}

static void program_gets_no_descriptor_of_ours(void **state)
{
    (void)state;
    /* Whoever runs this test may have left descriptors open: the program has the same ones. */
    char script[512];
    size_t used = (size_t)snprintf(script, sizeof script, "true");
    for (int fd = 3; fd < 12; fd++)
        used += (size_t)snprintf(script + used, sizeof script - used, " && [ %s -e /proc/self/fd/%d ]",
                                 fcntl(fd, F_GETFD) < 0 || fcntl(fd, F_GETFD) & FD_CLOEXEC ? "!" : "", fd);
    assert_int_equal(RUN("bash", "-c", script), 0);
}

static void ignored_sigchld_loses_no_status(void **state)
{
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(RUN("sh", "-c", "exit 9"), 9);
    struct sigaction action;
    sigaction(SIGCHLD, NULL, &action);
    assert_true(action.sa_handler == SIG_IGN); /* given back */
    signal(SIGCHLD, SIG_DFL);
}

static void signal_for_us_is_passed_on(void **state)
{
    (void)state;
    char script[128];
    snprintf(script, sizeof script, "trap 'exit 33' TERM; kill -USR1 %d; while :; do sleep 0.01; done", (int)getpid());
    struct ga_program program;
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &before);
    ga_program_hold_signals(&program);
    assert_int_equal(ga_program_start(&program, (char *const *)(const char *[]){"sh", "-c", script, NULL}, 0, NULL, NULL), 0);
    int number;
    assert_int_equal(sigwait(&set, &number), 0); /* its trap is set */
    kill(getpid(), SIGTERM);
    assert_int_equal(ga_program_held_signal(), SIGTERM);
    ga_program_wait(&program);
    assert_int_equal(program.status, 33);
    assert_true(program.run_ns > 0 && program.user_ns >= 0 && program.system_ns >= 0);
    ga_program_release_signals(&program);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static int block_for_ever(void *arg, struct ga_error *error)
{
    (void)error;
    do
        pause();
    while (arg == NULL);
    return 0;
}

static int fail_with_words(void *arg, struct ga_error *error)
{
    *(int *)arg = 7;
    return ga_error_set(error, ENOSPC, "no room");
}

static int die(void *arg, struct ga_error *error)
{
    (void)arg, (void)error;
    raise(SIGKILL);
    return 0;
}

static void bounded_gives_up_and_hands_back(void **state)
{
    (void)state;
    struct ga_error error = {0};
    assert_int_equal(ga_launch_bounded(block_for_ever, NULL, 1, "waiting", &error), -ETIMEDOUT);
    assert_string_equal(error.text, "waiting: no answer within 1 s");
    int *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(ga_launch_bounded(fail_with_words, shared, 5, "trying", &error), -ENOSPC);
    assert_string_equal(error.text, "no room");
    assert_int_equal(*shared, 7);
    munmap(shared, sizeof *shared);
    assert_int_equal(ga_launch_bounded(die, NULL, 5, "dying", &error), -ECHILD);
    assert_string_equal(error.text, "dying: ended without a result");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preload_is_trace_softgpu_then_the_users),
        cmocka_unit_test(preload_names_ours_once),
        cmocka_unit_test(preload_again_adds_nothing),
        cmocka_unit_test(exit_statuses_are_a_shells),
        cmocka_unit_test(program_gets_its_environment_and_no_held_signals),
        cmocka_unit_test(program_gets_no_descriptor_of_ours),
        cmocka_unit_test(ignored_sigchld_loses_no_status),
        cmocka_unit_test(signal_for_us_is_passed_on),
        cmocka_unit_test(bounded_gives_up_and_hands_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
