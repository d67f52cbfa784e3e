/* The engine keeps the plan's order on any number of lanes, counts what differs, and stops when told. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "plan_calls.h"
#include "replayer/engine.h"
#include "replayer/share.h"

static const struct replay_plan_options resource_order = {.order = REPLAY_ORDER_RESOURCE};
static atomic_bool never;

static void finish(struct replay_plan *plan)
{
    struct ga_error error = {""};
    if (replay_plan_finish(plan, &error) < 0)
        fail_msg("%s", error.text);
}

/* A backend that checks the order itself: an object's state is changed by whoever makes and ends it, without any lock. */
struct replay_device {
    const struct replay_plan *plan;
    uint8_t *alive;
    _Atomic uint64_t wrong, issued, begun, ended;
    atomic_bool *stop_at_half;
};
static struct replay_device watcher;

static int watch_open(struct replay_device **device, const struct replay_backend *self, const struct replay_target *target,
                      struct replay_identity *identity, struct ga_error *error)
{
    (void)self, (void)target, (void)identity, (void)error;
    *device = &watcher;
    return 0;
}

static int watch_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                      struct ga_error *error)
{
    (void)binding, (void)error;
    device->plan = plan;
    device->alive = calloc(plan->object_count, 1);
    return 0;
}

static int watch_begin(struct replay_device *device, struct ga_error *error)
{
    (void)error;
    memset(device->alive, 0, device->plan->object_count);
    device->begun++;
    return 0;
}

static void watch_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    (void)lane;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &device->plan->refs[r];
        device->wrong += ref->role == REPLAY_MAKES ? device->alive[ref->object] : !device->alive[ref->object];
        if (ref->role != REPLAY_USES)
            device->alive[ref->object] = ref->role == REPLAY_MAKES;
    }
    if (++device->issued == device->plan->call_count / 2 && device->stop_at_half)
        *device->stop_at_half = true;
    *outcome = (struct replay_outcome){.ret = call->ret, .error = call->error, .failed = call->failed};
}

static void watch_end(struct replay_device *device) { device->ended++; }

static void watch_close(struct replay_device *device)
{
    if (device)
        free(device->alive);
}

static const struct replay_backend watch = {
    .name = "watch", .summary = "checks the order", .open = watch_open, .bind = watch_bind, .begin = watch_begin,
    .issue = watch_issue, .end = watch_end, .close = watch_close,
};

/* Allocations that are made, by turns, on one lane and destroyed on the next. */
static void relay(struct replay_plan *plan, uint32_t lanes, uint32_t count)
{
    assert_int_equal(replay_plan_begin(plan, &resource_order), 0);
    uint64_t t = 10;
    add_create_device(plan, (struct when){0, t, t + 1}, 1);
    for (uint32_t i = 0; i < count; i++) {
        t += 10;
        add_create(plan, (struct when){i % lanes, t, t + 1}, (struct create){.device = 1, .first = 100 + i % 7, .count = 1}, NULL);
        add_destroy(plan, (struct when){(i + 1) % lanes, t + 2, t + 3}, 1, 0, 100 + i % 7);
    }
    finish(plan);
}

static void lanes_keep_the_order_of_objects(void **state)
{
    (void)state;
    for (uint32_t lanes = 1; lanes <= 8; lanes *= 2) {
        struct replay_plan plan;
        relay(&plan, lanes, 2000);
        assert_int_equal(plan.lane_count, lanes);
        watcher = (struct replay_device){0};
        struct replay_session session;
        struct ga_error error;
        assert_int_equal(replay_session_open(&session, &watch, &(struct replay_target){0}, &plan, &error), 0);
        struct replay_run run;
        session.settings.keep_samples = true;
    assert_int_equal(replay_run_init(&run, &session), 0);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(replay_session_run(&session, &run, &never, &error), 0);
            assert_int_equal(watcher.wrong, 0);
            assert_int_equal(run.counts.violations, 0);
            assert_true(run.wall_ns > 0);
        }
        assert_int_equal(watcher.issued, 2 * plan.call_count);
        assert_int_equal(watcher.ended, 2);
        replay_run_release(&run);
        replay_session_close(&session);
        replay_plan_release(&plan);
    }
}

/* Two threads that make a buffer each at the same time, then free each other's at the same time, and get the handles again. */
static void crossing_frees(struct replay_plan *plan, const struct replay_plan_options *order, uint32_t rounds)
{
    assert_int_equal(replay_plan_begin(plan, order), 0);
    uint64_t t = 10;
    add_create_device(plan, (struct when){0, t, t + 1}, 1);
    for (uint32_t i = 0; i < rounds; i++) {
        t += 10;
        for (uint32_t thread = 0; thread < 2; thread++)
            add_create(plan, (struct when){thread, t + thread, t + 3 + thread},
                       (struct create){.device = 1, .first = 100 + thread, .count = 1}, NULL);
        for (uint32_t thread = 0; thread < 2; thread++)
            add_destroy(plan, (struct when){thread, t + 5 + thread, t + 8 + thread}, 1, 0, 101 - thread);
    }
    finish(plan);
}

/* The watcher changes what it knows of an object without a lock: the thread sanitizer sees a wait that the engine leaves out, even
   where the order was right by chance. */
static void frees_that_cross_keep_their_order(void **state)
{
    (void)state;
    static const struct replay_plan_options memory_order = {.order = REPLAY_ORDER_MEMORY}, *const orders[] = {&resource_order,
                                                                                                              &memory_order};
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        struct replay_plan plan;
        crossing_frees(&plan, orders[o], 50);
        assert_int_equal(plan.lane_count, 2);
        watcher = (struct replay_device){0};
        struct replay_session session;
        struct ga_error error;
        assert_int_equal(replay_session_open(&session, &watch, &(struct replay_target){0}, &plan, &error), 0);
        struct replay_run run;
        assert_int_equal(replay_run_init(&run, &session), 0);
        for (int i = 0; i < 500; i++) {
            assert_int_equal(replay_session_run(&session, &run, &never, &error), 0);
            assert_int_equal(watcher.wrong, 0);
            assert_int_equal(run.counts.violations, 0);
        }
        assert_int_equal(watcher.issued, 500 * (uint64_t)plan.call_count);
        replay_run_release(&run);
        replay_session_close(&session);
        replay_plan_release(&plan);
    }
}

static void a_stop_ends_the_run_and_frees_it(void **state)
{
    (void)state;
    atomic_bool stop = false;
    struct replay_plan plan;
    relay(&plan, 4, 1000);
    watcher = (struct replay_device){.stop_at_half = &stop};
    struct replay_session session;
    struct ga_error error;
    assert_int_equal(replay_session_open(&session, &watch, &(struct replay_target){0}, &plan, &error), 0);
    struct replay_run run;
    session.settings.keep_samples = true;
    assert_int_equal(replay_run_init(&run, &session), 0);
    assert_int_equal(replay_session_run(&session, &run, &stop, &error), -EINTR);
    assert_int_equal(watcher.ended, 1);
    assert_in_range(watcher.issued, plan.call_count / 2, plan.call_count / 2 + 4);
    assert_int_equal(run.samples[plan.call_count - 1].skip, REPLAY_SKIP_STOPPED);
    replay_run_release(&run);
    replay_session_close(&session);
    replay_plan_release(&plan);
}

/* The maker is not issued, so nothing that names its object can be. */
static void what_lacks_its_maker_is_skipped(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_create(&plan, (struct when){0, 10, 20}, (struct create){.device = 5, .first = 7, .count = 1, .data = 99, .data_size = 8},
               NULL); /* its private data is lost */
    add_destroy(&plan, (struct when){0, 30, 40}, 5, 0, 7);
    add_destroy_device(&plan, (struct when){0, 50, 60}, 5);
    finish(&plan);
    struct replay_session session;
    struct ga_error error;
    assert_int_equal(replay_session_open(&session, replay_backend_find("null"), &(struct replay_target){0}, &plan, &error), 0);
    struct replay_run run;
    session.settings.keep_samples = true;
    assert_int_equal(replay_run_init(&run, &session), 0);
    assert_int_equal(replay_session_run(&session, &run, &never, &error), 0);
    assert_int_equal(run.samples[0].skip, REPLAY_ISSUED);
    assert_int_equal(run.samples[1].skip, REPLAY_SKIP_NO_DATA);
    assert_int_equal(run.samples[2].skip, REPLAY_SKIP_NO_MAKER);
    assert_int_equal(run.samples[3].skip, REPLAY_ISSUED);
    replay_run_release(&run);
    replay_session_close(&session);
    replay_plan_release(&plan);
}

/* A device whose fences take their time: a paging call has taken effect only at the third look. */
static _Atomic int looks;
static bool impatient; /* breaks the backend: it says 'reached' at once */

static bool late_reached(struct replay_device *device, const struct replay_call *call)
{
    (void)device, (void)call;
    return impatient || atomic_fetch_add(&looks, 1) >= 3;
}

/* Counts calls that name what is not where it should be. */
static void late_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    (void)lane;
    if (call->fence_count && looks <= 3)
        device->wrong++;
    if (call->paging)
        looks = 0;
    *outcome = (struct replay_outcome){.ret = call->ret, .failed = call->failed};
}

static uint64_t run_late(bool broken, struct replay_plan *plan, struct replay_session *session, struct replay_run *run)
{
    static struct replay_backend late; /* the session asks it until it is closed */
    late = watch;
    late.issue = late_issue;
    late.reached = late_reached;
    impatient = broken;
    looks = 0;
    watcher = (struct replay_device){0};
    struct ga_error error;
    assert_int_equal(replay_session_open(session, &late, &(struct replay_target){0}, plan, &error), 0);
    session->settings.keep_samples = true;
    assert_int_equal(replay_run_init(run, session), 0);
    assert_int_equal(replay_session_run(session, run, &never, &error), 0);
    assert_int_equal(run->counts.violations, 0);
    return watcher.wrong;
}

static void who_names_what_was_moved_waits_for_its_fence(void **state)
{
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        struct replay_plan plan;
        assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
        add_create_device(&plan, (struct when){0, 1, 2}, 5);
        add_paging_queue(&plan, (struct when){0, 3, 4}, 5, 8, 9);
        add_create(&plan, (struct when){0, 10, 20}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
        add_make_resident(&plan, (struct when){0, 30, 40}, 8, 7, 1);
        add_lock(&plan, (struct when){1, 50, 60}, 5, 7); /* another lane */
        finish(&plan);
        assert_true(awaits(&plan, 4, 3));
        assert_true(waits_for(&plan, 4, 3));
        struct replay_run run;
        struct replay_session session;
        assert_int_equal(run_late(broken, &plan, &session, &run), broken);
        assert_true(run.samples[3].resident_ns > 0);
        assert_true(broken || run.samples[3].begin_ns + (int64_t)run.samples[3].resident_ns <= run.samples[4].begin_ns);
        assert_int_equal(run.samples[4].resident_ns, 0);
        replay_run_release(&run);
        replay_session_close(&session);
        replay_plan_release(&plan);
    }
}

/* A fence that is never reached: the call that needs it is left out, and the run ends. */
static bool never_reached(struct replay_device *device, const struct replay_call *call)
{
    (void)device, (void)call;
    return false;
}

/* A call that comes back only when it is interrupted. */
static void stuck_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    (void)device, (void)lane;
    const atomic_bool *give_up = outcome->give_up;
    *outcome = (struct replay_outcome){.ret = call->ret, .failed = call->failed};
    if (call->row != GA_ROW_d3dkmt_wait_for_synchronization_object_from_cpu)
        return;
    while (!atomic_load(give_up))
        nanosleep(&(struct timespec){.tv_sec = 60}, NULL); /* a signal wakes it */
    *outcome = (struct replay_outcome){.ret = -1, .error = EINTR, .failed = true};
}

static void what_does_not_come_in_time_is_left_out(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_paging_queue(&plan, (struct when){0, 3, 4}, 5, 8, 9);
    add_create(&plan, (struct when){0, 10, 20}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
    add_make_resident(&plan, (struct when){0, 30, 40}, 8, 7, 1);
    add_lock(&plan, (struct when){0, 50, 60}, 5, 7);
    add_fence(&plan, (struct when){0, 70, 71}, 5, 12, 3);
    add_cpu_wait(&plan, (struct when){0, 80, 90}, 5, 12, 3, 0);
    finish(&plan);
    struct replay_backend stuck = watch;
    stuck.issue = stuck_issue;
    stuck.reached = never_reached;
    watcher = (struct replay_device){0};
    struct replay_session session;
    struct ga_error error;
    assert_int_equal(replay_session_open(&session, &stuck, &(struct replay_target){0}, &plan, &error), 0);
    session.settings.patience_ns = 1000000000;
    struct replay_run run;
    session.settings.keep_samples = true;
    assert_int_equal(replay_run_init(&run, &session), 0);
    assert_int_equal(replay_session_run(&session, &run, &never, &error), 0);
    assert_int_equal(run.samples[3].skip, REPLAY_ISSUED);
    assert_int_equal(run.samples[3].resident_ns, 0);
    assert_int_equal(run.samples[4].skip, REPLAY_SKIP_STUCK);
    assert_int_equal(run.samples[6].skip, REPLAY_SKIP_STUCK);
    replay_run_release(&run);
    replay_session_close(&session);
    replay_plan_release(&plan);
}

/* A stop reaches a lane that waits in the kernel. */
static void *stop_soon(void *stop)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

static void a_stop_interrupts_a_wait(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_fence(&plan, (struct when){0, 70, 71}, 5, 12, 3);
    add_cpu_wait(&plan, (struct when){0, 80, 90}, 5, 12, 3, 0);
    finish(&plan);
    struct replay_backend stuck = watch;
    stuck.issue = stuck_issue;
    watcher = (struct replay_device){0};
    struct replay_session session;
    struct ga_error error;
    assert_int_equal(replay_session_open(&session, &stuck, &(struct replay_target){0}, &plan, &error), 0);
    struct replay_run run;
    session.settings.keep_samples = true;
    assert_int_equal(replay_run_init(&run, &session), 0);
    atomic_bool stop = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    assert_int_equal(replay_session_run(&session, &run, &stop, &error), -EINTR);
    pthread_join(thread, NULL);
    assert_int_equal(run.samples[2].skip, REPLAY_SKIP_STOPPED);
    assert_int_equal(watcher.ended, 1);
    replay_run_release(&run);
    replay_session_close(&session);
    replay_plan_release(&plan);
}

/* The signal is not issued, so the wait for it is not either. */
static void a_wait_without_its_signal_is_skipped(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_fence(&plan, (struct when){0, 3, 4}, 5, 12, 0);
    add_cpu_signal(&plan, (struct when){1, 50, 60}, 5, 12, 7);
    add_cpu_wait(&plan, (struct when){0, 10, 90}, 5, 12, 7, 0);
    add_cpu_wait(&plan, (struct when){0, 100, 110}, 5, 12, 8, 0);  /* nothing takes it there */
    add_cpu_wait(&plan, (struct when){0, 120, 130}, 5, 12, 8, 33); /* comes back at once */
    finish(&plan);
    assert_int_equal(plan.calls[2].skip, REPLAY_ISSUED);
    assert_int_equal(plan.calls[2].signal_count, 1);
    assert_int_equal(plan.calls[4].skip, REPLAY_SKIP_NO_SIGNAL);
    assert_int_equal(plan.calls[5].skip, REPLAY_ISSUED);
    plan.calls[3].skip = REPLAY_SKIP_NO_DATA; /* the signal */
    struct replay_session session;
    struct ga_error error;
    assert_int_equal(replay_session_open(&session, replay_backend_find("null"), &(struct replay_target){0}, &plan, &error), 0);
    assert_int_equal(session.binding.skips[2], REPLAY_SKIP_NO_SIGNAL);
    replay_session_close(&session);
    replay_plan_release(&plan);
}

/* A backend whose device is what a process holds: each worker says in shared memory who it is, and may die. */
static struct people {
    _Atomic pid_t entered[2], issued[2];
    _Atomic uint32_t ended, calls;
    _Atomic uint32_t killed_at; /* this call is the last of its process; 0: none is */
} *people;

static int people_open(struct replay_device **device, const struct replay_backend *self, const struct replay_target *target,
                       struct replay_identity *identity, struct ga_error *error)
{
    return watch_open(device, self, target, identity, error);
}

static int people_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                       struct ga_error *error)
{
    (void)binding, (void)error;
    device->plan = plan;
    return 0;
}

static void people_clear(struct replay_device *device) { (void)device; }

static int people_enter(struct replay_device *device, const struct replay_crew *crew, struct ga_error *error)
{
    uint64_t process = device->plan->lanes[crew->number].process;
    if (process == 0xbad)
        return ga_error_set(error, EBUSY, "no room for a second process");
    people->entered[process != PROCESS] = getpid();
    return 0;
}

static void people_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    people->issued[device->plan->lanes[lane].process != PROCESS] = getpid();
    if (++people->calls == people->killed_at)
        kill(getpid(), SIGKILL);
    *outcome = (struct replay_outcome){.ret = call->ret, .error = call->error, .failed = call->failed};
}

static void people_end(struct replay_device *device)
{
    (void)device;
    people->ended++;
}

static void people_close(struct replay_device *device) { (void)device; }

static const struct replay_backend crowd = {
    .name = "crowd", .summary = "each process by itself", .open = people_open, .bind = people_bind, .clear = people_clear,
    .enter = people_enter, .issue = people_issue, .end = people_end, .close = people_close,
};

/* The second process opens again and again what the first shares, so that its lane waits for the other process's. */
static void two_processes(struct replay_plan *plan, uint64_t second, uint32_t count)
{
    assert_int_equal(replay_plan_begin(plan, &resource_order), 0);
    uint64_t t = 10;
    add_create_device(plan, (struct when){0, t, t + 1}, 1);
    for (uint32_t i = 0; i < count; i++, t += 20) {
        add_create(plan, (struct when){0, t + 2, t + 3}, (struct create){.device = 1, .resource = 50, .first = 100, .count = 1}, NULL);
        add_share(plan, (struct when){0, t + 4, t + 5}, 50, 9);
        add_open_shared(plan, (struct when){1, t + 6, t + 7}, second, 1, 9, 60 + i, 1000 + i, 1);
        add_destroy(plan, (struct when){0, t + 8, t + 9}, 1, 50, 0);
    }
    finish(plan);
    assert_int_equal(plan->lane_count, 2);
}

struct crowd_run {
    struct replay_plan plan;
    struct replay_session session;
    struct replay_run run;
    struct ga_error error;
};

static void open_crowd(struct crowd_run *c, uint64_t second, uint32_t threads)
{
    two_processes(&c->plan, second, 500);
    watcher = (struct replay_device){0};
    people = replay_share(sizeof *people, true);
    assert_int_equal(replay_session_open(&c->session, &crowd, &(struct replay_target){0}, &c->plan, &c->error), 0);
    c->session.settings.threads = threads;
    c->session.settings.loops = 3;
    assert_int_equal(replay_run_init(&c->run, &c->session), 0);
}

static void close_crowd(struct crowd_run *c)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no worker is left */
    replay_run_release(&c->run);
    replay_session_close(&c->session);
    replay_plan_release(&c->plan);
    replay_unshare(people);
}

static void each_recorded_process_is_a_process(void **state)
{
    (void)state;
    struct crowd_run c;
    open_crowd(&c, 0xcafe, 0);
    assert_int_equal(replay_session_run(&c.session, &c.run, &never, &c.error), 0);
    assert_int_equal(c.run.end, REPLAY_WHOLE);
    assert_int_equal(c.run.passes, 3);
    assert_int_equal(people->ended, 2 * 3);
    for (int p = 0; p < 2; p++) {
        assert_int_equal(people->issued[p], people->entered[p]);
        assert_int_not_equal(people->issued[p], getpid());
    }
    assert_int_not_equal(people->issued[0], people->issued[1]);
    assert_int_equal(c.run.counts.violations, 0);
    assert_int_equal(c.run.counts.outcomes[REPLAY_ISSUED], 3 * c.plan.call_count);
    uint64_t measured = 0;
    for (uint32_t k = 0; k < c.session.kinds.count; k++)
        measured += c.run.latencies[k].n;
    assert_int_equal(measured, 3 * c.plan.call_count);
    close_crowd(&c);
}

/* Threads that share lanes share them of all processes. */
static void folded_lanes_are_of_one_process(void **state)
{
    (void)state;
    struct crowd_run c;
    open_crowd(&c, 0xcafe, 1);
    assert_int_equal(replay_session_run(&c.session, &c.run, &never, &c.error), 0);
    assert_int_equal(people->issued[0], getpid());
    assert_int_equal(people->issued[1], getpid());
    close_crowd(&c);
}

static void a_dead_worker_ends_the_run(void **state)
{
    (void)state;
    struct crowd_run c;
    open_crowd(&c, 0xcafe, 0);
    people->killed_at = 700;
    assert_int_equal(replay_session_run(&c.session, &c.run, &never, &c.error), -ECHILD);
    assert_int_equal(c.run.end, REPLAY_END_DIED);
    assert_int_equal(c.run.died.signal, SIGKILL);
    assert_true(c.run.died.process == PROCESS || c.run.died.process == 0xcafe);
    assert_non_null(strstr(c.error.text, "Killed"));
    assert_in_range(c.run.counts.outcomes[REPLAY_ISSUED], 698, 2 * c.plan.call_count);
    people->killed_at = 0;
    assert_int_equal(replay_session_run(&c.session, &c.run, &never, &c.error), 0); /* the next is whole */
    assert_int_equal(c.run.end, REPLAY_WHOLE);
    close_crowd(&c);
}

static void a_worker_that_cannot_begin_says_why(void **state)
{
    (void)state;
    struct crowd_run c;
    open_crowd(&c, 0xbad, 0);
    assert_int_equal(replay_session_run(&c.session, &c.run, &never, &c.error), -EBUSY);
    assert_string_equal(c.error.text, "no room for a second process");
    close_crowd(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_keep_the_order_of_objects),
        cmocka_unit_test(frees_that_cross_keep_their_order),
        cmocka_unit_test(a_stop_ends_the_run_and_frees_it),
        cmocka_unit_test(what_lacks_its_maker_is_skipped),
        cmocka_unit_test(who_names_what_was_moved_waits_for_its_fence),
        cmocka_unit_test(what_does_not_come_in_time_is_left_out),
        cmocka_unit_test(a_stop_interrupts_a_wait),
        cmocka_unit_test(a_wait_without_its_signal_is_skipped),
        cmocka_unit_test(each_recorded_process_is_a_process),
        cmocka_unit_test(folded_lanes_are_of_one_process),
        cmocka_unit_test(a_dead_worker_ends_the_run),
        cmocka_unit_test(a_worker_that_cannot_begin_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
