/*
 * bench-replay null|softgpu|real TRACE, or dumb TRACE NODE: figures of the engine for tests/bench/replay. Rounds of ours and of the
 * peer take turns.
 *   null     million calls a second, CPU ns a call, ns for reading the clock twice, as each call does
 *   softgpu, dumb  CPU ns a call through the engine, by hand, and the median difference; dumb: on the DRM device NODE
 *   real     issue-time error in µs: p50 of ours and of bare sleeping, p99 of both
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "abi/d3dkmt.h"
#include "replayer/drm.h"
#include "replayer/fidelity.h"
#include "replayer/statistics.h"

enum { ROUNDS = 51, NULL_CALLS = 1000000 };
static atomic_bool never;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void die(const char *what, const struct ga_error *error)
{
    fprintf(stderr, "bench-replay: %s: %s\n", what, error ? error->text : strerror(errno));
    exit(1);
}

struct bench {
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
};

static void open_bench(struct bench *b, const char *trace, const char *backend, const char *node, struct replay_settings settings)
{
    struct ga_error error = {""};
    struct replay_plan_options options = {.no_cache = true};
    if (replay_plan_load(&b->plan, trace, &options, false, &error) < 0 ||
        replay_session_open(&b->session, replay_backend_find(backend), &(struct replay_target){.node = node}, &b->plan, &error) < 0)
        die(trace, &error);
    settings.patience_ns = REPLAY_PATIENCE_NS;
    b->session.settings = settings;
    if (replay_run_init(&b->run, &b->session) < 0)
        die("memory", NULL);
}

static void run_once(struct bench *b)
{
    struct ga_error error = {""};
    if (replay_session_run(&b->session, &b->run, &never, &error) < 0)
        die("a run", &error);
}

static void close_bench(struct bench *b)
{
    replay_run_release(&b->run);
    replay_session_close(&b->session);
    replay_plan_release(&b->plan);
}

static void bench_null(const char *trace)
{
    struct bench b;
    double rates[ROUNDS], cpu[ROUNDS];
    open_bench(&b, trace, "null", NULL, (struct replay_settings){.threads = 1, .loops = 1});
    run_once(&b);
    b.session.settings.loops = NULL_CALLS / b.plan.call_count + 1;
    for (int r = 0; r < ROUNDS; r++) {
        int64_t before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        run_once(&b);
        double calls = (double)b.run.counts.outcomes[REPLAY_ISSUED];
        cpu[r] = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before) / calls;
        rates[r] = calls / (double)b.run.busy_ns * 1e3;
    }
    printf("%.3f %.2f %u\n", replay_median(rates, ROUNDS), replay_median(cpu, ROUNDS), 2 * replay_clock_cost_ns());
    close_bench(&b);
}

/* A call by hand: its arguments lie ready, only handles are put in and taken out. */
struct by_hand {
    const struct replay_call *call;
    unsigned char *argument;
    unsigned long request;
};

static struct by_hand *prepare_by_hand(const struct replay_plan *plan)
{
    struct by_hand *calls = calloc(plan->call_count, sizeof *calls);
    for (uint32_t c = 0; calls && c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        const struct ga_row *row = replay_row(call);
        calls[c] = (struct by_hand){call, calloc(1, plan->lanes[call->lane].scratch_size + 64u),
                                    ga_row_is_drm(row) ? replay_drm_request(row, row->abi_size)
                                                       : _IOC(_IOC_READ | _IOC_WRITE, DXG_IOCTL_TYPE, row->number, row->abi_size)};
        if (!calls[c].argument)
            die("memory", NULL);
    }
    return calls;
}

/* The same bytes before each round: what came back was written into them. */
static void reset_by_hand(const struct replay_plan *plan, struct by_hand *calls)
{
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_call *call = calls[c].call;
        memcpy(calls[c].argument, plan->images + call->image, call->image_size);
        size_t used = call->image_size;
        for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++) {
            const struct replay_relocation *to = &plan->relocations[r];
            uint64_t address = (uintptr_t)calls[c].argument + (to->kind == REPLAY_TO_BLOB ? used : to->target);
            if (to->kind == REPLAY_TO_BLOB) {
                memcpy(calls[c].argument + used, plan->data + plan->blobs[to->target].offset, plan->blobs[to->target].size);
                used += (plan->blobs[to->target].size + 7u) & ~7u;
            }
            memcpy(calls[c].argument + to->place, &address, sizeof address);
        }
    }
}

static uint64_t loop_by_hand(const struct replay_plan *plan, const struct by_hand *calls, int fd, uint64_t *values,
                             uint32_t *latencies)
{
    uint64_t failed = 0;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_call *call = calls[c].call;
        const struct replay_ref *refs = &plan->refs[call->refs];
        for (uint32_t r = 0; r < call->ref_count; r++)
            if (refs[r].role != REPLAY_MAKES)
                memcpy(calls[c].argument + refs[r].place, &values[refs[r].object], refs[r].width);
        int64_t begin = clock_ns(CLOCK_MONOTONIC);
        failed += ioctl(fd, calls[c].request, calls[c].argument) < 0;
        latencies[c] = (uint32_t)(clock_ns(CLOCK_MONOTONIC) - begin);
        for (uint32_t r = 0; r < call->ref_count; r++)
            if (refs[r].role == REPLAY_MAKES)
                memcpy(&values[refs[r].object], calls[c].argument + refs[r].place, refs[r].width);
    }
    return failed;
}

/* CPU ns a call through the engine, with all that a run does before and after its calls. */
static double round_of_engine(struct bench *b)
{
    int64_t before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    run_once(b);
    return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before) / b->plan.call_count;
}

/* node: of DRM, or null: /dev/dxg. */
static double round_by_hand(const struct replay_plan *plan, const char *node, struct by_hand *calls, uint64_t *values,
                            uint32_t *latencies)
{
    reset_by_hand(plan, calls);
    int64_t before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int fd = open(node ? node : "/dev/dxg", (node ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    struct D3DKMT_ADAPTERINFO adapters[8] = {{0}};
    struct D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = 8, .pAdapters = adapters};
    if (fd < 0 || (!node && ioctl(fd, DXG_IOCTL(0x14, struct D3DKMT_ENUMADAPTERS2), &all) != 0))
        die(node ? node : "/dev/dxg", NULL);
    for (uint32_t o = 0; o < plan->object_count; o++)
        values[o] = plan->objects[o].supplied ? adapters[0].hAdapter : 0;
    if (loop_by_hand(plan, calls, fd, values, latencies))
        die("the calls by hand are not answered as recorded", &(struct ga_error){""});
    close(fd);
    return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before) / plan->call_count;
}

static void bench_calls(const char *trace, const char *backend, const char *node)
{
    struct bench b;
    double engine[ROUNDS], hand[ROUNDS], more[ROUNDS];
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    sched_setaffinity(0, sizeof here, &here); /* what softgpu keeps is in one processor's caches for both */
    open_bench(&b, trace, backend, node, (struct replay_settings){.threads = 1});
    struct by_hand *calls = prepare_by_hand(&b.plan);
    uint64_t *values = calloc(b.plan.object_count + 1u, sizeof *values);
    uint32_t *latencies = calloc(b.plan.call_count + 1u, sizeof *latencies);
    if (!calls || !values || !latencies)
        die("memory", NULL);
    run_once(&b);
    if (replay_differs(&b.run.counts) || b.run.counts.outcomes[REPLAY_ISSUED] != b.plan.call_count)
        die("the engine's calls are not answered as recorded", &(struct ga_error){""});
    round_by_hand(&b.plan, node, calls, values, latencies);
    for (int r = 0; r < ROUNDS; r++) { /* in turns also within a round: neither always follows the other */
        if (r % 2)
            hand[r] = round_by_hand(&b.plan, node, calls, values, latencies);
        engine[r] = round_of_engine(&b);
        if (r % 2 == 0)
            hand[r] = round_by_hand(&b.plan, node, calls, values, latencies);
        more[r] = engine[r] - hand[r];
    }
    printf("%.1f %.1f %.1f\n", replay_median(engine, ROUNDS), replay_median(hand, ROUNDS), replay_median(more, ROUNDS));
    close_bench(&b);
}

/* To the recording's times with clock_nanosleep and nothing else. */
static void sleep_bare(const struct replay_plan *plan, struct replay_latencies *late)
{
    int64_t start = clock_ns(CLOCK_MONOTONIC) + 2000000;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        int64_t due = start + plan->calls[c].begin_ns;
        struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        replay_latencies_add(late, now > due ? (uint64_t)(now - due) : 0);
    }
}

static void bench_real(const char *trace)
{
    struct bench b;
    enum { TIMES = 3 };
    double p50[2][TIMES], p99[2][TIMES];
    open_bench(&b, trace, "null", NULL, (struct replay_settings){.threads = 1, .speed = 1});
    struct replay_latencies *late = replay_latencies_create(1);
    if (!late)
        die("memory", NULL);
    for (int i = 0; i < TIMES; i++) {
        run_once(&b);
        replay_latencies_clear(late);
        sleep_bare(&b.plan, late);
        const struct replay_latencies *both[2] = {b.run.lateness, late};
        for (int side = 0; side < 2; side++) {
            p50[side][i] = replay_latencies_quantile(both[side], 0.5) / 1e3;
            p99[side][i] = replay_latencies_quantile(both[side], 0.99) / 1e3;
        }
    }
    printf("%.2f %.2f %.2f %.2f\n", replay_median(p50[0], TIMES), replay_median(p50[1], TIMES), replay_median(p99[0], TIMES),
           replay_median(p99[1], TIMES));
    replay_latencies_destroy(late, 1);
    close_bench(&b);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "null") == 0)
        bench_null(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "softgpu") == 0)
        bench_calls(argv[2], "dxg", NULL);
    else if (argc == 4 && strcmp(argv[1], "dumb") == 0)
        bench_calls(argv[2], "dumb", argv[3]);
    else if (argc == 3 && strcmp(argv[1], "real") == 0)
        bench_real(argv[2]);
    else
        return fputs("bench-replay null|softgpu|real TRACE, or dumb TRACE NODE\n", stderr), 2;
    return 0;
}
