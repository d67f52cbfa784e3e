/* The engine's ioctl: what it answers is kept, and what a signal or a busy device ended is made again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replayer/backend.h"

/* What the next ioctls return, and their errno where that is -1. */
static const struct {
    int result, error;
} *answers;
static int made;

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    assert_int_equal(fd, 7);
    assert_int_equal(request, 0xc0104701);
    assert_ptr_equal(va_arg(arguments, void *), &made);
    va_end(arguments);
    errno = answers[made].error;
    return answers[made++].result;
}

static struct replay_outcome make(const void *list, bool again, const atomic_bool *give_up)
{
    struct replay_backend backend = {.again = again};
    struct replay_ioctl call = {.fd = 7, .request = 0xc0104701, .argument = &made};
    struct replay_outcome outcome = {.ret = 5, .error = 5, .failed = true, .more_bytes = 5, .remapped = true, .give_up = give_up};
    answers = list;
    made = 0;
    replay_make_ioctl(&backend, &call, &outcome);
    assert_int_equal(outcome.more_bytes, 0);
    assert_false(outcome.remapped);
    return outcome;
}

static void assert_outcome(struct replay_outcome outcome, int64_t ret, int error, bool failed)
{
    assert_int_equal(outcome.ret, ret);
    assert_int_equal(outcome.error, error);
    assert_int_equal(outcome.failed, failed);
}

static void its_answer_is_kept(void **state)
{
    (void)state;
    atomic_bool give_up = false;
    assert_outcome(make((int[][2]){{0, 0}}, false, &give_up), 0, 0, false);
    assert_outcome(make((int[][2]){{3, 0}}, true, &give_up), 3, 0, false); /* of /dev/udmabuf: a descriptor */
    assert_outcome(make((int[][2]){{-1, ENOMEM}}, true, &give_up), -1, ENOMEM, true);
    const int no_memory = (int)0xc0000017; /* STATUS_NO_MEMORY, as dxgkrnl returns it */
    assert_outcome(make((int[][2]){{no_memory, EINTR}}, false, &give_up), no_memory, 0, true);
    assert_int_equal(made, 1);
}

static void what_was_interrupted_is_made_again(void **state)
{
    (void)state;
    atomic_bool give_up = false;
    assert_outcome(make((int[][2]){{-1, EINTR}, {-1, EINTR}, {0, EINTR}}, false, &give_up), 0, 0, false);
    assert_int_equal(made, 3);
    assert_outcome(make((int[][2]){{-1, EAGAIN}, {-1, EINTR}, {-1, EINVAL}}, true, &give_up), -1, EINVAL, true);
    assert_int_equal(made, 3);
    assert_outcome(make((int[][2]){{-1, EAGAIN}}, false, &give_up), -1, EAGAIN, true);
    assert_int_equal(made, 1);
}

static void what_is_given_up_comes_back(void **state)
{
    (void)state;
    atomic_bool give_up = true;
    assert_outcome(make((int[][2]){{-1, EINTR}}, false, &give_up), -1, EINTR, true);
    assert_outcome(make((int[][2]){{-1, EAGAIN}}, true, &give_up), -1, EINTR, true); /* the engine asks for this one */
    assert_int_equal(made, 1);
    assert_outcome(make((int[][2]){{-1, EINTR}}, true, NULL), -1, EINTR, true);
    assert_outcome(make((int[][2]){{0, 0}}, false, &give_up), 0, 0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_answer_is_kept),
        cmocka_unit_test(what_was_interrupted_is_made_again),
        cmocka_unit_test(what_is_given_up_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
