/* Fidelity: for each of its figures the engine's backend is broken in exactly that way, and the figure moves by as much. */
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "plan_calls.h"
#include "replayer/fidelity.h"
#include "replayer/settle.h"

static atomic_bool never;

/* What is broken. */
static struct {
    uint32_t drop, fail, succeed; /* each so many calls: not issued; fail; recorded failures succeed */
    uint32_t gone_from;           /* call: the device is not there from then on */
    bool doubled;                 /* sizes */
    int64_t late_ns;              /* spent before each issue */
    atomic_bool *stop;            /* set before each issue */
    uint32_t slow, until;         /* this call does not end before that one has begun */
    _Atomic uint32_t begun[64];   /* by call */
} broken;

struct replay_device {
    const struct replay_plan *plan;
};
static struct replay_device only;

static int faulty_open(struct replay_device **device, const struct replay_backend *self, const struct replay_target *target,
                       struct replay_identity *identity, struct ga_error *error)
{
    (void)self, (void)target, (void)identity, (void)error;
    *device = &only;
    return 0;
}

static int faulty_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                       struct ga_error *error)
{
    (void)binding, (void)error;
    device->plan = plan;
    return 0;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static enum replay_skip faulty_prepare(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                                       struct replay_ioctl *make)
{
    (void)lane, (void)make;
    uint32_t number = (uint32_t)(call - device->plan->calls);
    if (broken.stop)
        atomic_store(broken.stop, true);
    for (int64_t begin = now_ns(); broken.late_ns && now_ns() - begin < broken.late_ns;)
        ;
    return broken.drop && number % broken.drop == 0 ? REPLAY_SKIP_ABSENT : REPLAY_ISSUED;
}

static void faulty_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    (void)lane;
    uint32_t number = (uint32_t)(call - device->plan->calls);
    *outcome = (struct replay_outcome){.ret = call->ret, .error = call->error, .failed = call->failed};
    if (number < sizeof broken.begun / sizeof *broken.begun)
        atomic_store(&broken.begun[number], 1);
    while (broken.slow && number == broken.slow && !atomic_load(&broken.begun[broken.until]))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (!call->failed && broken.fail && number % broken.fail == 0)
        *outcome = (struct replay_outcome){.ret = -1, .error = EINVAL, .failed = true};
    if (call->failed && broken.succeed && number % broken.succeed == 0)
        *outcome = (struct replay_outcome){.ret = 0};
    if (broken.gone_from && number >= broken.gone_from)
        *outcome = (struct replay_outcome){.ret = -1, .error = ENODEV, .failed = true};
    if (broken.doubled)
        outcome->more_bytes = (int64_t)call->bytes;
}

static void faulty_close(struct replay_device *device) { (void)device; }

static const struct replay_backend faulty = {.name = "faulty", .summary = "broken on request", .open = faulty_open,
                                             .bind = faulty_bind, .prepare = faulty_prepare, .issue = faulty_issue,
                                             .close = faulty_close};

/* Buffers of 16 KiB: so many are made, 10 µs apart, and then freed one after the other. */
static void mountain(struct replay_plan *plan, uint32_t count)
{
    struct ga_error error = {""};
    assert_int_equal(replay_plan_begin(plan, &(struct replay_plan_options){0}), 0);
    for (uint32_t i = 0; i < count; i++)
        add_dumb(plan, (struct when){0, 10000u * i, 10000u * i + 1}, 1, 100 + i, 64, 64);
    for (uint32_t i = 0; i < count; i++)
        add_gem_close(plan, (struct when){0, 10000u * (count + i), 10000u * (count + i) + 1}, 1, 100 + i);
    if (replay_plan_finish(plan, &error) < 0)
        fail_msg("%s", error.text);
}

/* One run; the caller releases run and session. */
static struct replay_fidelity measure(const struct replay_plan *plan, struct replay_settings settings, struct replay_session *session,
                                      struct replay_run *run, int expected)
{
    struct ga_error error;
    settings.patience_ns = REPLAY_PATIENCE_NS;
    assert_int_equal(replay_session_open(session, &faulty, &(struct replay_target){0}, plan, &error), 0);
    session->settings = settings;
    assert_int_equal(replay_run_init(run, session), 0);
    assert_int_equal(replay_session_run(session, run, &never, &error), expected);
    return replay_fidelity_of(run);
}

static void release(struct replay_session *session, struct replay_run *run)
{
    replay_run_release(run);
    replay_session_close(session);
    memset(&broken, 0, sizeof broken);
}

static void near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not %.9g", value, expected);
}

static void unbroken_is_whole(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    mountain(&plan, 1000);
    struct replay_fidelity f = measure(&plan, (struct replay_settings){0}, &session, &run, 0);
    near(f.score, 1, 0);
    near(f.answered, 1, 0);
    near(f.curve_distance, 0, 0);
    assert_true(isnan(f.error_p50) && isnan(f.error_p99));
    assert_int_equal(run.counts.outcomes[REPLAY_ISSUED], 2000);
    release(&session, &run);
    replay_plan_release(&plan);
}

static void one_call_in_a_hundred_is_dropped(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    mountain(&plan, 1000);
    broken.drop = 100;
    struct replay_fidelity f = measure(&plan, (struct replay_settings){0}, &session, &run, 0);
    near(f.answered, 0.99, 1e-12);
    assert_int_equal(run.counts.outcomes[REPLAY_SKIP_ABSENT], 20);
    assert_int_equal(replay_differs(&run.counts), 0);
    assert_true(f.score <= 0.99);
    release(&session, &run);
    replay_plan_release(&plan);
}

static void answers_that_differ_count_by_which_way(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    for (uint32_t i = 0; i < 100; i++)
        add_dumb(&plan, (struct when){0, 10 * i, 10 * i + 1, i < 50 ? EINVAL : 0}, 1, 100 + i, 64, 64);
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    broken.fail = 5;
    broken.succeed = 10;
    struct replay_fidelity f = measure(&plan, (struct replay_settings){0}, &session, &run, 0);
    assert_int_equal(run.counts.failed, 10);
    assert_int_equal(run.counts.succeeded, 5);
    assert_int_equal(run.counts.otherwise, 0);
    near(f.answered, 0.85, 1e-12);
    release(&session, &run);
    replay_plan_release(&plan);
}

/* The recorded curve is a triangle, whose mean is half its peak: twice the bytes are as far away from it. */
static void doubled_sizes_are_half_a_peak_away(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    mountain(&plan, 5000);
    broken.doubled = true;
    struct replay_fidelity f = measure(&plan, (struct replay_settings){0}, &session, &run, 0);
    assert_int_equal(session.plan->live_peak, 5000 * 16384);
    near(f.curve_distance, 0.5, 0.02);
    near(f.answered, 1, 0);
    near(f.score, 0.5, 0.02);
    release(&session, &run);
    replay_plan_release(&plan);
}

/* Lane 0 makes two devices; lanes 1 and 2 use one each. */
static void two_users(struct replay_plan *plan)
{
    struct ga_error error = {""};
    assert_int_equal(replay_plan_begin(plan, &(struct replay_plan_options){.order = REPLAY_ORDER_RESOURCE}), 0);
    add_create_device(plan, (struct when){0, 10, 11}, 1);
    add_create_device(plan, (struct when){0, 20, 21}, 2);
    add_create(plan, (struct when){1, 30, 31}, (struct create){.device = 1, .first = 7, .count = 1}, NULL);
    add_create(plan, (struct when){2, 40, 41}, (struct create){.device = 2, .first = 8, .count = 1}, NULL);
    if (replay_plan_finish(plan, &error) < 0)
        fail_msg("%s", error.text);
}

static void swapped_edges_are_out_of_order(void **state)
{
    (void)state;
    struct replay_plan plan, swapped;
    struct replay_session session;
    struct replay_run run;
    two_users(&plan);
    assert_int_equal(plan.dependency_count, 2);
    measure(&plan, (struct replay_settings){.keep_samples = true}, &session, &run, 0);
    assert_int_equal(replay_order_violations(&plan, run.samples, false), 0);
    release(&session, &run);

    swapped = plan;
    struct replay_dependency edges[2] = {plan.dependencies[1], plan.dependencies[0]};
    swapped.dependencies = edges;
    broken.slow = 1; /* the second device is not there before its user has begun, who waits for the first */
    broken.until = 3;
    measure(&swapped, (struct replay_settings){.keep_samples = true}, &session, &run, 0);
    assert_int_equal(replay_order_violations(&swapped, run.samples, false), 0);
    assert_int_equal(replay_order_violations(&plan, run.samples, false), 1);
    release(&session, &run);
    replay_plan_release(&plan);
}

/* A lane is up 60 µs before a call is due: 110 µs spent then make it 50 µs late. Another program may make it later still, so that
   the least of all is looked at, and a quiet moment is waited for. */
static void fifty_microseconds_are_seen(void **state)
{
    (void)state;
    struct replay_plan plan;
    mountain(&plan, 100);
    for (int broke = 0; broke < 2; broke++) {
        bool seen = false;
        for (int attempt = 0; !seen && attempt < 100; attempt++) {
            struct replay_session session;
            struct replay_run run;
            broken.late_ns = broke ? 110000 : 0;
            struct replay_fidelity f = measure(&plan, (struct replay_settings){.speed = 0.05}, &session, &run, 0);
            uint64_t least = run.lateness->min;
            assert_int_equal(run.lateness->n, 200);
            assert_true(f.error_p50 >= (double)least && f.error_p99 >= f.error_p50 - 1);
            assert_true(least >= (broke ? 50000 : 0));
            seen = least < (broke ? 50000u : 0u) + 25000u;
            release(&session, &run);
        }
        assert_true(seen);
    }
    replay_plan_release(&plan);
}

static void no_call_is_early(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    mountain(&plan, 100);
    measure(&plan, (struct replay_settings){.speed = 2, .keep_samples = true}, &session, &run, 0);
    for (uint32_t c = 0; c < plan.call_count; c++)
        assert_true(run.samples[c].begin_ns >= plan.calls[c].begin_ns / 2);
    assert_true(run.wall_ns >= (uint64_t)plan.span_ns / 2);
    release(&session, &run);
    replay_plan_release(&plan);
}

/* What a run keeps does not grow with its loops. */
static void a_thousand_loops_need_no_more_memory(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    struct ga_error error;
    mountain(&plan, 10);
    measure(&plan, (struct replay_settings){.loops = 2}, &session, &run, 0);
    session.settings.loops = 1000;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_int_equal(replay_session_run(&session, &run, &never, &error), 0);
    assert_int_equal(mallinfo2().uordblks + mallinfo2().hblkhd, before);
    assert_int_equal(run.passes, 1000);
    assert_int_equal(run.counts.outcomes[REPLAY_ISSUED], 20000);
    uint64_t n = 0;
    for (uint32_t k = 0; k < session.kinds.count; k++)
        n += run.latencies[k].n;
    assert_int_equal(n, 20000);
    near(replay_fidelity_of(&run).curve_distance, 0, 0);
    release(&session, &run);
    replay_plan_release(&plan);
}

/* Lanes that share a thread keep the recorded order, but a wait comes after what ends it. */
static void folded_lanes_keep_the_order(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){.order = REPLAY_ORDER_RESOURCE}), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_fence(&plan, (struct when){0, 3, 4}, 5, 12, 0);
    add_cpu_wait(&plan, (struct when){0, 10, 90}, 5, 12, 7, 0); /* call 2 */
    add_create(&plan, (struct when){1, 20, 21}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
    add_cpu_signal(&plan, (struct when){1, 50, 60}, 5, 12, 7); /* call 4 */
    add_destroy(&plan, (struct when){0, 100, 101}, 5, 0, 7);
    add_destroy_device(&plan, (struct when){2, 110, 111}, 5);
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    struct replay_schedule schedule;
    assert_int_equal(replay_schedule_init(&schedule, &plan, 1), 0);
    static const uint32_t order[] = {0, 1, 3, 4, 2, 5, 6};
    assert_int_equal(schedule.worker_count, 1);
    assert_memory_equal(schedule.order, order, sizeof order);
    assert_false(schedule.workers[0].watched);
    replay_schedule_release(&schedule);
    for (uint32_t threads = 1; threads <= 4; threads++) {
        struct replay_session session;
        struct replay_run run;
        measure(&plan, (struct replay_settings){.threads = threads, .keep_samples = true}, &session, &run, 0);
        assert_int_equal(run.counts.outcomes[REPLAY_ISSUED], 7);
        assert_int_equal(run.counts.violations, 0);
        assert_int_equal(replay_order_violations(&plan, run.samples, false), 0);
        release(&session, &run);
    }
    replay_plan_release(&plan);
}

static void a_removed_device_ends_the_run(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    mountain(&plan, 100);
    broken.gone_from = 50;
    measure(&plan, (struct replay_settings){.loops = 5}, &session, &run, -ENODEV);
    assert_int_equal(run.end, REPLAY_END_REMOVED);
    assert_int_equal(run.passes, 1);
    assert_int_equal(run.counts.outcomes[REPLAY_ISSUED], 53); /* three in a row tell */
    assert_int_equal(run.counts.failed, 3);
    assert_int_equal(run.counts.outcomes[REPLAY_SKIP_STOPPED], 147);
    release(&session, &run);
    replay_plan_release(&plan);
}

static void time_that_is_over_ends_the_run(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    mountain(&plan, 2);
    measure(&plan, (struct replay_settings){.speed = 1e-6, .end_ns = now_ns() + 30000000}, &session, &run, -ETIME);
    assert_int_equal(run.end, REPLAY_END_TIME);
    assert_true(run.counts.outcomes[REPLAY_SKIP_STOPPED] > 0);
    release(&session, &run);
    replay_plan_release(&plan);
}

/* Four lanes, whose first calls are due at once, and the second ones eleven days later. */
static void what_waits_for_its_time_is_not_issued_when_it_is_over(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    struct ga_error error = {""};
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    for (uint32_t lane = 0; lane < 4; lane++) {
        add_dumb(&plan, (struct when){lane, lane, 100}, 1, 100 + lane, 64, 64);
        add_gem_close(&plan, (struct when){lane, 1000000000, 1000000001}, 1, 100 + lane);
    }
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    for (uint32_t threads = 0; threads < 3; threads++) {
        measure(&plan, (struct replay_settings){.threads = threads, .speed = 1e-6, .end_ns = now_ns() + 30000000, .keep_samples = true},
                &session, &run, -ETIME);
        for (uint32_t c = 0; c < plan.call_count; c++) {
            const struct replay_sample *sample = &run.samples[c];
            assert_true(sample->skip == REPLAY_SKIP_STOPPED || plan.calls[c].begin_ns < 1000000);
            assert_true(sample->skip == REPLAY_SKIP_STOPPED || sample->begin_ns >= plan.calls[c].begin_ns * 1000000);
        }
        assert_true(run.counts.outcomes[REPLAY_SKIP_STOPPED] >= 4);
        release(&session, &run);
    }
    replay_plan_release(&plan);
}

/* The last microseconds before its time a lane does not sleep, but looks at the clock. */
static void a_stop_just_before_its_time_keeps_a_call_from_being_issued(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    struct ga_error error;
    atomic_bool stop = false;
    mountain(&plan, 2);
    assert_int_equal(replay_session_open(&session, &faulty, &(struct replay_target){0}, &plan, &error), 0);
    session.settings = (struct replay_settings){.speed = 1, .patience_ns = REPLAY_PATIENCE_NS, .keep_samples = true};
    assert_int_equal(replay_run_init(&run, &session), 0);
    broken.stop = &stop;
    for (int time = 0; time < 50; time++) { /* a lane may be woken too late for this */
        atomic_store(&stop, false);
        assert_int_equal(replay_session_run(&session, &run, &stop, &error), -EINTR);
        for (uint32_t c = 0; c < plan.call_count; c++)
            assert_true(run.samples[c].skip == REPLAY_SKIP_STOPPED || run.samples[c].begin_ns >= plan.calls[c].begin_ns);
        assert_true(run.counts.outcomes[REPLAY_SKIP_STOPPED] >= 3);
    }
    release(&session, &run);
    replay_plan_release(&plan);
}

static void write_meminfo(const char *root, unsigned available)
{
    char path[96];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "MemTotal: 1000000 kB\nMemFree: 7 kB\nMemAvailable: %u kB\n", available);
    fclose(file);
}

static void memory_is_waited_for_within_bounds(void **state)
{
    (void)state;
    char root[] = "/tmp/gpualloc-settle.XXXXXX", command[64];
    assert_non_null(mkdtemp(root));
    snprintf(command, sizeof command, "mkdir %s/proc", root);
    assert_int_equal(system(command), 0);
    write_meminfo(root, 900000);
    struct replay_settle settle;
    replay_settle_init(&settle, root, "", 1 << 20);
    assert_null(settle.how); /* too little to be told from other programs */
    assert_int_equal(replay_settle_wait(&settle, 0, &never), 0);
    replay_settle_init(&settle, root, "", 256 << 20);
    assert_non_null(settle.how);
    assert_int_equal(settle.tolerance, 32 << 20);
    write_meminfo(root, 880000); /* within it */
    assert_int_equal(replay_settle_wait(&settle, 0, &never), 0);
    write_meminfo(root, 800000);
    assert_int_equal(replay_settle_wait(&settle, 20, &never), 100000 * 1024);
    assert_int_equal(replay_settle_wait(&settle, 0, &never), 0); /* that is the base now */
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unbroken_is_whole),
        cmocka_unit_test(one_call_in_a_hundred_is_dropped),
        cmocka_unit_test(answers_that_differ_count_by_which_way),
        cmocka_unit_test(doubled_sizes_are_half_a_peak_away),
        cmocka_unit_test(swapped_edges_are_out_of_order),
        cmocka_unit_test(fifty_microseconds_are_seen),
        cmocka_unit_test(no_call_is_early),
        cmocka_unit_test(a_thousand_loops_need_no_more_memory),
        cmocka_unit_test(folded_lanes_keep_the_order),
        cmocka_unit_test(a_removed_device_ends_the_run),
        cmocka_unit_test(time_that_is_over_ends_the_run),
        cmocka_unit_test(what_waits_for_its_time_is_not_issued_when_it_is_over),
        cmocka_unit_test(a_stop_just_before_its_time_keeps_a_call_from_being_issued),
        cmocka_unit_test(memory_is_waited_for_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
