/* A plan from a trace directory, or from the cache. */
#include <errno.h>
#include <stdio.h>

#include "replayer/plan_cache.h"

struct load {
    struct replay_plan *plan;
    struct ga_reader *reader;
    struct ga_lives *lives; /* learns the sizes that no request names */
    int64_t last_ns;
    struct ga_error *error;
};

static int find_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct load *load = user;
    return ga_reader_blob(load->reader, hash, data, size);
}

static int on_call(void *user, const struct ga_call *call)
{
    struct load *load = user;
    int result = replay_plan_add_call(load->plan, call, find_blob, load, load->error);
    load->last_ns = call->end_ns;
    return result < 0 ? result : ga_lives_call(load->lives, call);
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct load *load = user;
    int result = replay_plan_add_event(load->plan, row, record, load->error);
    load->last_ns = ns;
    return result < 0 ? result : ga_lives_event(load->lives, row, record, ns);
}

/* At its end all is known of its size. */
static int on_died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct load *load = user;
    (void)how, (void)call;
    return replay_plan_add_size(load->plan, life, load->error);
}

/* Asked for, so that sizes are learnt. */
static int on_sized(void *user, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before)
{
    (void)user, (void)life, (void)size_before, (void)origin_before;
    return 0;
}

static int check_loss(const struct ga_reader_totals *totals, const char *verb, bool accept_loss, struct ga_error *error)
{
    if (!ga_reader_lossy(totals))
        return 0;
    fprintf(stderr, "gpualloc %s: ", verb ? verb : "replay");
    ga_reader_print_loss(totals, stderr);
    if (accept_loss)
        return 0;
    return ga_error_set(error, ENODATA, "the trace lost events, so a replay would issue something else; --accept-loss replays what "
                                        "is there");
}

static int compile(struct replay_plan *plan, const char *trace, const struct replay_plan_options *options, bool accept_loss,
                   bool *whole, struct ga_error *error)
{
    static const struct ga_reader_ops ops = {.call = on_call, .event = on_event};
    static const struct ga_lives_ops lives = {.died = on_died, .sized = on_sized, .blob = find_blob};
    struct ga_error refusal = {""};
    struct load load = {.plan = plan, .error = &refusal};
    int result = replay_plan_begin(plan, options);
    if (result < 0)
        return ga_error_errno(error, -result, "%s", trace);
    result = ga_lives_create(&load.lives, &lives, &load);
    if (result < 0)
        return ga_error_errno(error, -result, "%s", trace);
    result = ga_reader_open(&load.reader, trace, error);
    if (result == 0)
        result = ga_reader_run(load.reader, &ops, &load, error);
    if (result == 0)
        result = ga_lives_finish(load.lives, load.last_ns);
    if (*refusal.text) /* ours says more than what the reader made of it */
        ga_error_set(error, -result, "%s: %s", trace, refusal.text);
    *whole = result == 0 && !ga_reader_lossy(ga_reader_totals(load.reader));
    if (result == 0)
        result = check_loss(ga_reader_totals(load.reader), options->verb, accept_loss, error);
    if (result == 0 && plan->call_count == 0)
        result = ga_error_set(error, ENOMSG, "%s: there is no call in it to replay", trace);
    ga_lives_destroy(load.lives);
    ga_reader_close(load.reader); /* what it remembers is memory that the rest may need */
    return result == 0 ? replay_plan_finish(plan, error) : result;
}

int replay_plan_load(struct replay_plan *plan, const char *trace, const struct replay_plan_options *options, bool accept_loss,
                     struct ga_error *error)
{
    struct replay_cache cache;
    bool whole = false;
    replay_cache_open(&cache, trace, options);
    int result = replay_cache_load(&cache, plan);
    if (result == 0) {
        result = replay_plan_check(plan, options, error);
    } else {
        result = compile(plan, trace, options, accept_loss, &whole, error);
        if (result == 0)
            replay_plan_seal(plan, &cache.key);
        if (result == 0 && whole) /* what was lost is said each time */
            replay_cache_store(&cache, trace, plan);
    }
    replay_cache_close(&cache);
    return result;
}
