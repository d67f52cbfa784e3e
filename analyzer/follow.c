/* A trace followed from end to end, in one pass or more. */
#include "analyzer/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "reader/learnt.h"

struct follow {
    const char *verb;
    const struct follow_ops *ops;
    void *user;
    struct ga_reader *reader;
    struct ga_lives *lives;
    struct ga_learnt *learnt;
    unsigned pass;
    uint64_t calls, calls_before; /* of this pass; of the one before */
    int64_t shown_ns;             /* when progress was shown */
    bool terminal;
};

struct ga_reader *follow_reader(const struct follow *follow)
{
    return follow->reader;
}

/* Every 4096 calls the clock is asked, and five times a second a line is shown. */
static void progress(struct follow *follow)
{
    if (!follow->terminal || follow->calls % 4096)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    if (ns - follow->shown_ns < 200000000)
        return;
    follow->shown_ns = ns;
    if (follow->calls_before)
        fprintf(stderr, "\r\033[Kpass %u: %ju %%", follow->pass + 1, (uintmax_t)(follow->calls * 100 / follow->calls_before));
    else
        fprintf(stderr, "\r\033[K%s calls", ga_count(follow->calls).text);
}

static void progress_end(const struct follow *follow)
{
    if (follow->terminal)
        fputs("\r\033[K", stderr);
}

static int on_call(void *user, const struct ga_call *call)
{
    struct follow *follow = user;
    follow->calls++;
    progress(follow);
    int result = follow->pass == 0 ? ga_learnt_call(follow->learnt, call) : 0;
    if (result >= 0 && follow->ops->before)
        result = follow->ops->before(follow->user, call);
    if (result >= 0)
        result = ga_lives_call(follow->lives, call);
    return result >= 0 && follow->ops->after ? follow->ops->after(follow->user, call) : result;
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct follow *follow = user;
    int result = follow->pass == 0 ? ga_learnt_event(follow->learnt, row, record, ns) : 0;
    if (result >= 0)
        result = ga_lives_event(follow->lives, row, record, ns);
    return result >= 0 && follow->ops->event ? follow->ops->event(follow->user, row, record, ns) : result;
}

static int on_born(void *user, struct ga_life *life, const struct ga_call *call)
{
    struct follow *follow = user;
    return follow->ops->born ? follow->ops->born(follow->user, life, call) : 0;
}

static int on_died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct follow *follow = user;
    return follow->ops->died ? follow->ops->died(follow->user, life, how, call) : 0;
}

static int on_known(void *user, uint64_t id, struct ga_known *known)
{
    struct follow *follow = user;
    return ga_learnt_known(follow->pass ? follow->learnt : NULL, id, known);
}

static int on_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    return ga_reader_blob(((struct follow *)user)->reader, hash, data, size);
}

/* One pass: 1 for one more, else as follow_run. */
static int pass_run(struct follow *follow, const char *path, struct ga_error *error)
{
    static const struct ga_reader_ops reader_ops = {.call = on_call, .event = on_event};
    static const struct ga_lives_ops lives_ops = {.born = on_born, .died = on_died, .known = on_known, .blob = on_blob};
    follow->calls_before = follow->calls;
    follow->calls = 0;
    int result = ga_reader_open(&follow->reader, path, error);
    if (result < 0)
        return result;
    result = ga_lives_create(&follow->lives, &lives_ops, follow);
    if (result >= 0)
        result = follow->ops->begin(follow->user, follow->pass);
    if (result < 0)
        return ga_error_errno(error, -result, "%s", path);
    int read = ga_reader_run(follow->reader, &reader_ops, follow, error);
    progress_end(follow);
    const struct ga_reader_totals *totals = ga_reader_totals(follow->reader);
    if (read == -EIO && !totals->calls)
        return -EINVAL;
    if (read < 0 && read != -EIO)
        return *error->text ? read : ga_error_errno(error, -read, "%s", path);
    result = ga_lives_finish(follow->lives, totals->last_ns);
    int more = result < 0 || !follow->ops->end ? result : follow->ops->end(follow->user, totals);
    if (more < 0)
        return ga_error_errno(error, -more, "%s", path);
    return more > 0 || (follow->pass == 0 && ga_learnt_count(follow->learnt)) ? 1 : read;
}

static void pass_end(struct follow *follow)
{
    ga_lives_destroy(follow->lives);
    ga_reader_close(follow->reader);
    follow->lives = NULL;
    follow->reader = NULL;
}

static void print_losses(const struct follow *follow)
{
    fprintf(stderr, "gpualloc %s: ", follow->verb);
    ga_reader_print_loss(ga_reader_totals(follow->reader), stderr);
}

int follow_run(const char *verb, const char *path, const struct follow_ops *ops, void *user, struct follow **now,
               struct ga_reader_totals *totals, struct ga_error *error)
{
    struct follow follow = {.verb = verb, .ops = ops, .user = user, .terminal = isatty(STDERR_FILENO)};
    if (now)
        *now = &follow;
    int result = ga_learnt_create(&follow.learnt, on_blob, &follow);
    if (result < 0)
        return ga_error_errno(error, -result, "%s", path);
    while ((result = pass_run(&follow, path, error)) > 0) {
        pass_end(&follow);
        error->text[0] = 0; /* a damaged trace says so again */
        follow.pass++;
    }
    if (follow.reader && (result == 0 || result == -EIO)) {
        print_losses(&follow);
        if (totals)
            *totals = *ga_reader_totals(follow.reader);
    }
    pass_end(&follow);
    ga_learnt_destroy(follow.learnt);
    if (now)
        *now = NULL;
    return result;
}
