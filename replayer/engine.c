/* The engine: see engine.h. */
#include "replayer/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    SPINS = 200,             /* looks at another lane before sleeping: some microseconds, less than a wake-up */
    SLEEP_NS = 20 * 1000000, /* at most, so that a stop is seen */
    NAP_NS = 20 * 1000,      /* between looks at a fence that takes its time */
    AHEAD_NS = 60 * 1000,    /* a lane that sleeps until a call's time is up so much before, and spins */
    LEAD_NS = 2 * 1000000,   /* lanes are told so much before the start, so that the first calls are not late */
    OUTSTANDING = 64,        /* paging calls of a lane whose fences it watches */
    COST_CALLS = 50000,      /* on backend null, to say what the engine itself costs */
    COST_LOOPS = 200,        /* at most, for that */
    GONE = 3,                /* calls in a row that fail with ENODEV, but not in the recording: the device was removed */
    WARM_NS = 20 * 1000,     /* histograms' pages are there before the run up to this latency */
    WAKE_SIGNAL = SIGURG,    /* interrupts a call that does not come back; ignored by default, so that a late one harms nobody */
};
#define NOT_DONE INT64_MAX

/* What a lane counts for itself: no line of memory is shared with another. */
struct replay_lane_state {
    _Alignas(64) _Atomic uint32_t done; /* calls of this lane that are through */
    _Atomic uint32_t sleepers;          /* lanes that may sleep on done */
    _Alignas(64) _Atomic int64_t issued_ns; /* when the call under way began; 0: none is */
    _Atomic uint32_t issued;            /* which */
    atomic_bool give_up;                /* it is to come back when interrupted */
    uint32_t number;
    struct run_state *run;
    uint64_t busy_ns;
    uint32_t gone;                      /* calls in a row that failed as those of a device that is not there */
    int64_t last_ns;                    /* when its last call was done */
    struct replay_latencies **by_kind;  /* null where the lane has no such call */
    struct replay_latencies *memory, *lateness;
    uint32_t memory_count;
    struct replay_counts counts, aside; /* of the plan's prologue: in no figure */
    struct replay_counts *counting;     /* the one or the other */
    uint32_t prologue, next;            /* calls of the lane's order: of the prologue, and through in this pass */
    struct replay_curve curve;
    uint32_t outstanding[OUTSTANDING], outstanding_count; /* calls whose fence has not been reached */
    pthread_t thread;
};

struct replay_paging {
    int64_t begin_ns;
    _Atomic uint64_t resident_ns; /* 0: not seen */
    uint32_t number;              /* call */
    _Atomic uint8_t fenced;       /* issued, and has not failed: its fence will tell */
};

struct run_state {
    struct replay_session *session;
    struct replay_run *out;
    const atomic_bool *stop;
    _Atomic uint32_t halt; /* enum replay_end: why all lanes are to end */
    struct replay_lane_state *lanes;
    int64_t start_ns;      /* of the pass: what all times count from */
    int64_t timed_ns;      /* when what is measured began: after the prologue */
    bool timed;            /* it has */
    double per_speed;      /* 1 / speed, or 0 */
    pthread_mutex_t mutex; /* the gate before a pass; not taken within one */
    pthread_cond_t changed;
    uint32_t waiting;         /* lanes at the gate */
    uint64_t opened;          /* times that the gate was; twice a pass with a prologue */
    bool go_home;
    _Atomic uint32_t running; /* lanes that have not ended the pass; the main thread sleeps on it */
};

const char *replay_end_name(enum replay_end end)
{
    static const char *const names[REPLAY_ENDS_COUNT] = {[REPLAY_WHOLE] = "whole", [REPLAY_END_STOPPED] = "interrupted",
                                                         [REPLAY_END_TIME] = "time", [REPLAY_END_REMOVED] = "device_removed",
                                                         [REPLAY_END_HUNG] = "hung", [REPLAY_END_ERROR] = "error"};
    return names[end];
}

static inline int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

uint32_t replay_clock_cost_ns(void)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < 1000; i++) {
        int64_t a = now_ns(), b = now_ns();
        if (b - a < least)
            least = b - a;
    }
    return (uint32_t)least;
}

static inline bool stopped(const struct run_state *run)
{
    return atomic_load_explicit(run->stop, memory_order_relaxed) || atomic_load_explicit(&run->halt, memory_order_relaxed);
}

static void halt(struct run_state *run, enum replay_end why)
{
    uint32_t none = REPLAY_WHOLE;
    atomic_compare_exchange_strong(&run->halt, &none, why);
}

/* False when the run was stopped first. */
static bool wait_for(struct run_state *run, struct replay_lane_state *other, uint32_t place)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&other->done, memory_order_acquire) > place)
            return true;
        relax();
    }
    atomic_fetch_add(&other->sleepers, 1);
    bool reached = false;
    while (!stopped(run)) {
        uint32_t done = atomic_load(&other->done);
        if ((reached = done > place))
            break;
        struct timespec limit = {.tv_nsec = SLEEP_NS};
        syscall(SYS_futex, &other->done, FUTEX_WAIT_PRIVATE, done, &limit, NULL, 0);
    }
    atomic_fetch_sub(&other->sleepers, 1);
    return reached;
}

/* What nobody waits for needs no barrier. */
static inline void publish(struct replay_lane_state *lane, uint32_t done, bool watched)
{
    if (!watched) {
        atomic_store_explicit(&lane->done, done, memory_order_release);
        return;
    }
    atomic_store(&lane->done, done); /* sequentially consistent: ordered before the look at sleepers */
    if (atomic_load(&lane->sleepers))
        syscall(SYS_futex, &lane->done, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* --- what a call came to ---------------------------------------------------------------------------------------------------- */

static uint32_t status_of(const struct replay_call *call, const struct replay_outcome *outcome)
{
    struct ga_call_header header = {.ret = outcome->ret, .error = outcome->error, .layer = GA_LAYER_IOCTL};
    const struct ga_row *row = replay_row(call);
    return row && ga_row_is_d3dkmt(row) ? ga_call_status(&header) : 0;
}

/* The device had no memory left for what the call makes. */
static bool exhausted(const struct replay_call *call, const struct replay_outcome *outcome)
{
    return replay_call_creates(call) && outcome->failed && (outcome->error == ENOMEM || outcome->error == ENOSPC);
}

/* The ways in which a call that failed, here or in the recording, may differ from it. */
static bool judge_failure(struct replay_lane_state *lane, const struct replay_call *call, const struct replay_outcome *outcome)
{
    struct replay_counts *counts = lane->counting;
    bool lost = outcome->failed && !call->failed && outcome->error == ENODEV;
    lane->gone = lost ? lane->gone + 1 : 0;
    if (lane->gone == GONE)
        halt(lane->run, REPLAY_END_REMOVED);
    counts->exhausted += exhausted(call, outcome);
    if (outcome->failed != call->failed) {
        ++*(outcome->failed ? &counts->failed : &counts->succeeded);
        return true;
    }
    const struct ga_row *row = replay_row(call);
    bool other = row && (ga_row_is_d3dkmt(row) ? status_of(call, outcome) != call->status : outcome->error != call->error);
    counts->otherwise += other;
    return other;
}

/* Whether it differs from the recording. */
static inline bool judge(struct replay_lane_state *lane, const struct replay_call *call, const struct replay_outcome *outcome)
{
    if (__builtin_expect(outcome->failed | call->failed, false))
        return judge_failure(lane, call, outcome);
    lane->gone = 0;
    return false;
}

/* --- paging fences ---------------------------------------------------------------------------------------------------------- */

static struct replay_paging *paging_of(const struct run_state *run, uint32_t number)
{
    return &run->out->pagings[run->session->plan->calls[number].paging];
}

static bool has_fence(const struct run_state *run, uint32_t number)
{
    return run->session->backend->reached && atomic_load_explicit(&paging_of(run, number)->fenced, memory_order_acquire);
}

static bool reached(const struct run_state *run, uint32_t number)
{
    return !has_fence(run, number) || run->session->backend->reached(run->session->device, &run->session->plan->calls[number]);
}

/* Its fence has been seen; whoever sees it first says when. */
static void note_resident(struct run_state *run, uint32_t number)
{
    if (!has_fence(run, number))
        return;
    struct replay_paging *paging = paging_of(run, number);
    int64_t took = now_ns() - run->start_ns - paging->begin_ns;
    uint64_t never = 0, ns = took < 1 ? 1 : (uint64_t)took;
    atomic_compare_exchange_strong(&paging->resident_ns, &never, ns);
}

/* A look at the fences of the lane's own calls, between calls. */
static void watch_fences(struct replay_lane_state *lane)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lane->outstanding_count; i++) {
        uint32_t number = lane->outstanding[i];
        bool known = atomic_load(&paging_of(lane->run, number)->resident_ns) != 0;
        if (!known && reached(lane->run, number)) {
            note_resident(lane->run, number);
            known = true;
        }
        if (!known)
            lane->outstanding[kept++] = number;
    }
    lane->outstanding_count = kept;
}

/* The nap lets another look follow; false when the run was stopped or patience is at its end. */
static bool nap(const struct run_state *run, int64_t since)
{
    struct timespec time = {.tv_nsec = NAP_NS};
    if (stopped(run) || now_ns() - since > run->session->settings.patience_ns)
        return false;
    nanosleep(&time, NULL);
    return true;
}

/* Until the paging call has taken effect. */
static bool wait_for_fence(struct replay_lane_state *lane, uint32_t number)
{
    for (int i = 0; i < SPINS; i++) {
        if (reached(lane->run, number))
            return true;
        relax();
    }
    int64_t since = now_ns();
    while (nap(lane->run, since))
        if (reached(lane->run, number))
            return true;
    return false;
}

static enum replay_skip wait_for_fences(struct replay_lane_state *lane, const struct replay_call *call)
{
    const struct replay_plan *plan = lane->run->session->plan;
    for (uint32_t i = 0; i < call->fence_count; i++) {
        uint32_t number = plan->fences[call->fences + i];
        if (!wait_for_fence(lane, number))
            return stopped(lane->run) ? REPLAY_SKIP_STOPPED : REPLAY_SKIP_STUCK;
        note_resident(lane->run, number);
    }
    return REPLAY_ISSUED;
}

static void note_paging(struct replay_lane_state *lane, uint32_t number)
{
    if (reached(lane->run, number)) {
        note_resident(lane->run, number);
        return;
    }
    if (lane->outstanding_count == OUTSTANDING) /* the oldest: seen when somebody needs it, or not at all */
        memmove(lane->outstanding, lane->outstanding + 1, --lane->outstanding_count * sizeof *lane->outstanding);
    lane->outstanding[lane->outstanding_count++] = number;
}

/* --- the order -------------------------------------------------------------------------------------------------------------- */

/* Another lane's clock may have been read a moment before it told: the look at done is what orders, and this checks it. */
static void check_order(struct replay_lane_state *lane, const struct replay_call *call, int64_t begin)
{
    const struct run_state *run = lane->run;
    const struct replay_plan *plan = run->session->plan;
    const struct replay_schedule *schedule = &run->out->schedule;
    for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++) {
        const struct replay_dependency *on = &plan->dependencies[d];
        uint32_t worker = replay_schedule_worker(schedule, on->lane);
        uint32_t place = schedule->workers[worker].first + replay_schedule_place(schedule, plan, on);
        lane->counting->violations += atomic_load_explicit(&run->out->ends[place], memory_order_relaxed) > begin;
    }
    for (uint32_t f = call->fences; f < call->fences + call->fence_count; f++) {
        struct replay_paging *paging = paging_of(run, plan->fences[f]);
        uint64_t resident = atomic_load_explicit(&paging->resident_ns, memory_order_relaxed);
        lane->counting->violations += has_fence(run, plan->fences[f]) &&
                                   (!resident || paging->begin_ns + (int64_t)resident > begin);
    }
}

static bool wait_for_all(struct replay_lane_state *lane, const struct replay_call *call)
{
    const struct replay_plan *plan = lane->run->session->plan;
    const struct replay_schedule *schedule = &lane->run->out->schedule;
    for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++) {
        const struct replay_dependency *on = &plan->dependencies[d];
        uint32_t worker = replay_schedule_worker(schedule, on->lane);
        if (worker != lane->number &&
            !wait_for(lane->run, &lane->run->lanes[worker], replay_schedule_place(schedule, plan, on)))
            return false;
    }
    return true;
}

/* --- one call --------------------------------------------------------------------------------------------------------------- */

/* When the call is due; 0: at once. */
static inline int64_t due_ns(const struct run_state *run, const struct replay_call *call)
{
    return run->per_speed > 0 && run->timed ? run->timed_ns + (int64_t)((double)call->begin_ns * run->per_speed) : 0;
}

/* Sleeps until shortly before. Fences are looked at meanwhile; a signal (the wake of a stop) ends a sleep. */
static void sleep_until(struct replay_lane_state *lane, int64_t due)
{
    for (int64_t now; (now = now_ns()) < due - AHEAD_NS && !stopped(lane->run);) {
        watch_fences(lane);
        int64_t until = lane->outstanding_count && now + NAP_NS < due - AHEAD_NS ? now + NAP_NS : due - AHEAD_NS;
        struct timespec time = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
    }
}

static void note_sample(struct replay_sample *sample, const struct replay_call *call, const struct replay_outcome *outcome,
                        int64_t begin, uint64_t latency, bool differs)
{
    *sample = (struct replay_sample){.begin_ns = begin, .latency_ns = latency, .error = outcome->error,
                                     .status = status_of(call, outcome), .failed = outcome->failed,
                                     .remapped = outcome->remapped, .differs = differs};
}

/* The pages of what the call made: a step of its own, whose time is a kind's of its own. */
static void populate(struct replay_lane_state *lane, uint32_t number, const struct replay_call *call)
{
    const struct replay_session *session = lane->run->session;
    int64_t begin = now_ns();
    enum replay_populate how = session->backend->populate(session->device, call->lane, call);
    int64_t took = now_ns() - begin;
    session->backend->settle(session->device, call->lane);
    lane->counting->populated[how]++;
    if (!lane->run->timed)
        return;
    if (how == REPLAY_POPULATE_TOUCH || how == REPLAY_POPULATE_SUBMIT)
        replay_latencies_add(lane->by_kind[session->kinds.populate_of[number]], took > 0 ? (uint64_t)took : 0);
}

/* After the call, not timed. */
static inline void account(struct replay_lane_state *lane, const struct replay_step *step, const struct replay_call *call,
                           struct replay_outcome *outcome, int64_t begin, int64_t end)
{
    struct run_state *run = lane->run;
    uint32_t number = step->number;
    uint64_t latency = end > begin ? (uint64_t)(end - begin) : 0;
    bool differs = judge(lane, call, outcome);
    lane->counting->outcomes[REPLAY_ISSUED]++;
    lane->counting->remapped += outcome->remapped;
    if (!differs && !outcome->remapped && run->timed)
        replay_latencies_add(lane->by_kind[step->kind], latency);
    if (call->dependency_count | call->fence_count)
        check_order(lane, call, begin - run->start_ns);
    int64_t bytes = step->bytes;
    if (__builtin_expect(outcome->bytes != 0, false))
        bytes = bytes < 0 ? -(int64_t)outcome->bytes : (int64_t)outcome->bytes;
    replay_curve_add(&lane->curve, end - run->start_ns, outcome->failed ? 0 : bytes);
    if (run->out->samples)
        note_sample(&run->out->samples[number], call, outcome, begin - run->start_ns, latency, differs);
    if (run->session->populate && !outcome->failed && replay_call_creates(call))
        populate(lane, number, call);
    if (call->paging) {
        struct replay_paging *paging = paging_of(run, number);
        paging->begin_ns = begin - run->start_ns;
        atomic_store_explicit(&paging->fenced, !outcome->failed, memory_order_release);
        note_paging(lane, number);
    }
}

static inline enum replay_skip issue(struct replay_lane_state *lane, const struct replay_step *step, const struct replay_call *call)
{
    struct run_state *run = lane->run;
    const struct replay_backend *backend = run->session->backend;
    struct replay_device *device = run->session->device;
    int64_t due = due_ns(run, call);
    if (due)
        sleep_until(lane, due);
    enum replay_skip skip = backend->prepare ? backend->prepare(device, call->lane, call) : REPLAY_ISSUED;
    if (skip != REPLAY_ISSUED)
        return skip;
    struct replay_outcome outcome = {.give_up = &lane->give_up};
    if (atomic_load_explicit(&lane->give_up, memory_order_relaxed)) /* meant for a call that came back meanwhile */
        atomic_store(&lane->give_up, false);
    atomic_store_explicit(&lane->issued, step->number, memory_order_relaxed);
    int64_t begin = now_ns();
    while (begin < due && !stopped(run))
        begin = now_ns();
    atomic_store_explicit(&lane->issued_ns, begin, memory_order_release);
    backend->issue(device, call->lane, call, &outcome);
    int64_t end = now_ns();
    atomic_store_explicit(&lane->issued_ns, 0, memory_order_release);
    if (__builtin_expect(atomic_load_explicit(&lane->give_up, memory_order_relaxed), false)) {
        atomic_store(&lane->give_up, false);
        if (outcome.failed && outcome.error == EINTR)
            return stopped(run) ? REPLAY_SKIP_STOPPED : REPLAY_SKIP_STUCK;
    }
    if (backend->finish)
        backend->finish(device, call->lane, call, &outcome);
    lane->last_ns = end - run->start_ns;
    if (due)
        replay_latencies_add(lane->lateness, (uint64_t)(begin > due ? begin - due : due - begin));
    account(lane, step, call, &outcome, begin, end);
    return REPLAY_ISSUED;
}

static void skip_call(struct replay_lane_state *lane, uint32_t number, enum replay_skip skip)
{
    struct replay_sample *samples = lane->run->out->samples;
    lane->counting->outcomes[skip]++;
    replay_curve_add(&lane->curve, lane->last_ns, 0);
    if (samples)
        samples[number] = (struct replay_sample){.begin_ns = lane->last_ns, .skip = (uint8_t)skip};
}

/* 0 in ends: nobody has to wait for a call that was not issued. */
static inline int64_t run_call(struct replay_lane_state *lane, const struct replay_step *step)
{
    struct run_state *run = lane->run;
    const struct replay_call *call = &run->session->plan->calls[step->number];
    enum replay_skip skip;
    if (stopped(run) || (call->dependency_count && !wait_for_all(lane, call)))
        skip = REPLAY_SKIP_STOPPED;
    else if (!(skip = step->skip) && call->fence_count)
        skip = wait_for_fences(lane, call);
    if (lane->outstanding_count)
        watch_fences(lane);
    if (skip == REPLAY_ISSUED)
        skip = issue(lane, step, call);
    if (skip != REPLAY_ISSUED)
        skip_call(lane, step->number, skip);
    return skip == REPLAY_ISSUED ? lane->last_ns : 0;
}

/* --- lanes ------------------------------------------------------------------------------------------------------------------ */

/* All lanes start at once. False: there is no further pass. */
static bool pass_gate(struct run_state *run, uint64_t time)
{
    pthread_mutex_lock(&run->mutex);
    run->waiting++;
    pthread_cond_broadcast(&run->changed);
    while (run->opened < time && !run->go_home)
        pthread_cond_wait(&run->changed, &run->mutex);
    bool go = !run->go_home;
    pthread_mutex_unlock(&run->mutex);
    return go;
}

/* Once all so many are at the gate. */
static void open_gate(struct run_state *run, uint32_t lanes, bool timed, bool go)
{
    pthread_mutex_lock(&run->mutex);
    while (run->waiting < lanes)
        pthread_cond_wait(&run->changed, &run->mutex);
    run->waiting = 0;
    run->go_home = !go;
    run->opened++;
    run->timed = timed;
    run->timed_ns = now_ns() + (run->per_speed > 0 && timed ? LEAD_NS : 0);
    if (!timed || !run->session->plan->prologue)
        run->start_ns = run->timed_ns;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->mutex);
}

/* The end of a lane's pass: no more is waiting for a turn on this thread. */
static void end_pass(struct replay_lane_state *lane)
{
    for (uint32_t i = 0; i < lane->outstanding_count; i++)
        if (wait_for_fence(lane, lane->outstanding[i]))
            note_resident(lane->run, lane->outstanding[i]);
    if (atomic_fetch_sub(&lane->run->running, 1) == 1)
        syscall(SYS_futex, &lane->run->running, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void run_pass(struct replay_lane_state *lane)
{
    const struct replay_run *out = lane->run->out;
    const struct replay_worker *worker = &out->schedule.workers[lane->number];
    const struct replay_step *steps = out->steps + worker->first;
    uint32_t end_place = lane->run->timed ? worker->count : lane->prologue;
    int64_t begin = now_ns();
    for (uint32_t i = lane->next; i < end_place; i++) {
        int64_t end = run_call(lane, &steps[i]);
        if (out->ends)
            atomic_store_explicit(&out->ends[worker->first + i], end, memory_order_relaxed);
        publish(lane, i + 1, steps[i].watched);
    }
    lane->next = end_place;
    lane->busy_ns += lane->run->timed ? (uint64_t)(now_ns() - begin) : 0;
}

static void *lane_main(void *argument)
{
    struct replay_lane_state *lane = argument;
    struct run_state *run = lane->run;
    if (run->per_speed > 0)
        prctl(PR_SET_TIMERSLACK, 1ul); /* ns; else a sleep may be 50 µs longer */
    for (uint64_t time = 1; pass_gate(run, time); time++) {
        lane->counting = run->timed ? &lane->counts : &lane->aside;
        run_pass(lane);
        end_pass(lane);
    }
    return NULL;
}

static int pin(pthread_attr_t *attributes, const struct replay_settings *settings, uint32_t lane)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (!settings->cpu_count)
        return 0;
    CPU_SET(settings->cpus[lane % settings->cpu_count], &set);
    return pthread_attr_setaffinity_np(attributes, sizeof set, &set);
}

static int start_lanes(struct run_state *run, uint32_t *started)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    int result = 0;
    for (*started = 0; result == 0 && *started < run->out->schedule.worker_count; *started += result == 0) {
        struct replay_lane_state *lane = &run->lanes[*started];
        lane->run = run;
        result = pin(&attributes, &run->session->settings, *started);
        if (result == 0)
            result = pthread_create(&lane->thread, &attributes, lane_main, lane);
    }
    pthread_attr_destroy(&attributes);
    return -result;
}

static void on_wake(int number) { (void)number; }

/* Interrupts calls that do not come back: all of them once the run is stopped, else those that patience is at its end with. False:
   one has not come back although it was interrupted again and again. */
static bool wake_lanes(struct run_state *run, uint32_t lanes)
{
    int64_t now = now_ns(), patience = run->session->settings.patience_ns;
    bool alive = true;
    for (uint32_t l = 0; l < lanes; l++) {
        struct replay_lane_state *lane = &run->lanes[l];
        int64_t since = atomic_load_explicit(&lane->issued_ns, memory_order_acquire);
        const struct replay_call *call = &run->session->plan->calls[atomic_load_explicit(&lane->issued, memory_order_relaxed)];
        int64_t allowed = patience + (since ? call->end_ns - call->begin_ns : 0);
        if (!stopped(run) && (!since || now - since < allowed))
            continue;
        if (since) /* without, it sleeps until a call's time */
            atomic_store(&lane->give_up, true);
        alive &= !since || now - since < 2 * allowed;
        pthread_kill(lane->thread, WAKE_SIGNAL);
    }
    return alive;
}

/* Until all have ended the pass. False: a lane is in a call that does not come back, and never will be waited for again. */
static bool wait_for_lanes(struct run_state *run, uint32_t lanes)
{
    int64_t end_ns = run->session->settings.end_ns;
    for (uint32_t running; (running = atomic_load(&run->running));) {
        struct timespec limit = {.tv_nsec = SLEEP_NS};
        syscall(SYS_futex, &run->running, FUTEX_WAIT_PRIVATE, running, &limit, NULL, 0);
        if (end_ns && now_ns() >= end_ns)
            halt(run, REPLAY_END_TIME);
        if (!wake_lanes(run, lanes) && atomic_load(&run->running)) {
            atomic_store(&run->halt, REPLAY_END_HUNG);
            return false;
        }
    }
    return true;
}

/* --- a run ------------------------------------------------------------------------------------------------------------------ */

static void clear_lane(struct replay_lane_state *lane)
{
    for (uint32_t i = 0; i < lane->memory_count; i++)
        replay_latencies_clear(&lane->memory[i]);
    lane->busy_ns = 0;
    lane->counts = (struct replay_counts){0};
}

/* A device that was opened again may skip others. */
static void fill_steps(struct replay_run *run)
{
    const struct replay_session *session = run->session;
    for (uint32_t place = 0; place < session->plan->call_count; place++) {
        uint32_t number = run->schedule.order[place];
        run->steps[place] = (struct replay_step){
            .bytes = session->recorded[number + 1] - session->recorded[number], .number = number, .kind = session->kinds.of[number],
            .skip = session->binding.skips[number], .watched = replay_schedule_is_watched(&run->schedule, place)};
    }
}

static void clear_run(struct replay_run *run)
{
    fill_steps(run);
    for (uint32_t k = 0; k < run->session->kinds.count; k++) {
        replay_latencies_clear(&run->latencies[k]);
        replay_latencies_clear(&run->resident[k]);
    }
    replay_latencies_clear(run->lateness);
    for (uint32_t w = 0; w < run->schedule.worker_count; w++)
        clear_lane(&run->lanes[w]);
    run->wall_ns = run->busy_ns = run->passes = 0;
    run->end = REPLAY_WHOLE;
    run->counts = (struct replay_counts){0};
    run->curve_distance = 0;
}

/* Before each pass; no lane runs. */
static void clear_pass(struct run_state *run)
{
    const struct replay_plan *plan = run->session->plan;
    struct replay_run *out = run->out;
    for (uint32_t w = 0; w < out->schedule.worker_count; w++) {
        struct replay_lane_state *lane = &run->lanes[w];
        atomic_store(&lane->done, 0);
        atomic_store(&lane->issued_ns, 0);
        atomic_store(&lane->give_up, false);
        lane->outstanding_count = lane->gone = lane->next = 0;
        lane->last_ns = 0;
        lane->curve = (struct replay_curve){0};
    }
    for (uint32_t i = 0; out->ends && i < plan->call_count; i++)
        atomic_store_explicit(&out->ends[i], NOT_DONE, memory_order_relaxed);
    for (uint32_t p = 0; p <= plan->paging_count; p++) {
        atomic_store(&out->pagings[p].resident_ns, 0);
        atomic_store(&out->pagings[p].fenced, 0);
    }
    if (out->samples)
        for (uint32_t c = 0; c < plan->call_count; c++)
            out->samples[c] = (struct replay_sample){.skip = REPLAY_SKIP_STOPPED};
}

/* After each pass; no lane runs. */
static void take_pass(struct run_state *run)
{
    const struct replay_plan *plan = run->session->plan;
    struct replay_run *out = run->out;
    *out->curve = (struct replay_curve){0};
    for (uint32_t w = 0; w < out->schedule.worker_count; w++)
        replay_curve_merge(out->curve, &run->lanes[w].curve);
    double distance = replay_curve_distance(out->curve, run->session->recorded, run->session->peak, plan->call_count);
    out->passes++;
    out->curve_distance += (distance - out->curve_distance) / (double)out->passes;
    for (uint32_t p = 1; p <= plan->paging_count; p++) {
        const struct replay_paging *paging = &out->pagings[p];
        uint64_t ns = atomic_load_explicit(&paging->resident_ns, memory_order_relaxed);
        if (ns && paging->number >= plan->prologue)
            replay_latencies_add(&out->resident[run->session->kinds.of[paging->number]], ns);
        if (ns && out->samples)
            out->samples[paging->number].resident_ns = ns;
    }
}

void replay_counts_add(struct replay_counts *to, const struct replay_counts *counts)
{
    for (int skip = 0; skip < REPLAY_SKIPS; skip++)
        to->outcomes[skip] += counts->outcomes[skip];
    to->failed += counts->failed;
    to->succeeded += counts->succeeded;
    to->otherwise += counts->otherwise;
    for (int how = 0; how < REPLAY_POPULATES; how++)
        to->populated[how] += counts->populated[how];
    to->remapped += counts->remapped;
    to->exhausted += counts->exhausted;
    to->violations += counts->violations;
}

/* After the last pass. */
static void take_run(struct replay_run *run)
{
    for (uint32_t w = 0; w < run->schedule.worker_count; w++) {
        struct replay_lane_state *lane = &run->lanes[w];
        for (uint32_t k = 0; k < run->session->kinds.count; k++)
            if (lane->by_kind[k])
                replay_latencies_merge(&run->latencies[k], lane->by_kind[k]);
        replay_latencies_merge(run->lateness, lane->lateness);
        run->busy_ns += lane->busy_ns;
        replay_counts_add(&run->counts, &lane->counts);
    }
}

static int begin_pass(struct run_state *run, struct ga_error *error)
{
    const struct replay_backend *backend = run->session->backend;
    clear_pass(run);
    return backend->begin ? backend->begin(run->session->device, error) : 0;
}

static void free_pass(struct run_state *run)
{
    if (run->session->backend->end)
        run->session->backend->end(run->session->device);
}

/* The prologue, whose calls are all done before the first that is measured, or what is measured. */
static bool run_phase(struct run_state *run, uint32_t lanes, bool timed)
{
    atomic_store(&run->running, lanes);
    open_gate(run, lanes, timed, true);
    return wait_for_lanes(run, lanes);
}

/* Passes, with all lanes at the gate in between; what each leaves is freed. False: a lane was given up. */
static bool run_passes(struct run_state *run, uint32_t lanes, int *result, struct ga_error *error)
{
    uint64_t loops = run->session->settings.loops ? run->session->settings.loops : 1;
    bool alive = true;
    for (uint64_t pass = 0; alive && *result == 0 && pass < loops && (!pass || !stopped(run)); pass++) {
        *result = begin_pass(run, error);
        if (*result == 0) {
            alive = !run->session->plan->prologue || run_phase(run, lanes, false);
            alive = alive && run_phase(run, lanes, true);
            int64_t took = now_ns() - run->timed_ns;
            run->out->wall_ns += took > 0 ? (uint64_t)took : 0;
            take_pass(run);
        }
        if (alive)
            free_pass(run);
    }
    return alive;
}

static int run_lanes(struct run_state *run, struct ga_error *error)
{
    struct sigaction wake = {.sa_handler = on_wake}, before;
    sigaction(WAKE_SIGNAL, &wake, &before);
    pthread_mutex_init(&run->mutex, NULL);
    pthread_cond_init(&run->changed, NULL);
    uint32_t started = 0;
    int result = start_lanes(run, &started);
    if (result < 0)
        ga_error_errno(error, -result, "starting thread %u of %u%s", started + 1, run->out->schedule.worker_count,
                       run->session->settings.cpu_count ? " on the CPUs asked for" : "");
    if (!run_passes(run, started, &result, error)) {
        run->session->abandoned = true;
        return 0;
    }
    open_gate(run, started, false, false);
    for (uint32_t l = 0; l < started; l++)
        pthread_join(run->lanes[l].thread, NULL);
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->mutex);
    sigaction(WAKE_SIGNAL, &before, NULL);
    return result;
}

static int ended(const struct replay_session *session, const struct replay_run *run, struct ga_error *error)
{
    switch (run->end) {
    case REPLAY_END_STOPPED:
        return ga_error_set(error, EINTR, "stopped; what the run had made is freed");
    case REPLAY_END_TIME:
        return ga_error_set(error, ETIME, "the time is over (--max-time); what the run had made is freed");
    case REPLAY_END_REMOVED:
        return ga_error_set(error, ENODEV, "%s was removed: call after call fails with ENODEV", session->identity.node);
    case REPLAY_END_HUNG:
        return ga_error_set(error, ETIMEDOUT, "a call has not come back, nor could it be interrupted; the kernel frees what the run "
                                              "had made when it does");
    default:
        return 0;
    }
}

int replay_session_run(struct replay_session *session, struct replay_run *run, const atomic_bool *stop, struct ga_error *error)
{
    struct run_state *state = calloc(1, sizeof *state); /* lanes that are given up keep it */
    if (!state)
        return ga_error_errno(error, ENOMEM, "replay");
    *state = (struct run_state){.session = session, .out = run, .stop = stop, .lanes = run->lanes,
                                .per_speed = session->settings.speed > 0 ? 1 / session->settings.speed : 0};
    clear_run(run);
    int result = run_lanes(state, error);
    take_run(run);
    enum replay_end halted = (enum replay_end)atomic_load(&state->halt);
    run->end = halted ? halted : atomic_load(stop) ? REPLAY_END_STOPPED : REPLAY_WHOLE;
    if (!session->abandoned)
        free(state);
    return result < 0 ? result : ended(session, run, error);
}

/* --- sessions --------------------------------------------------------------------------------------------------------------- */

/* Files of a DRM device are apart from each other: one of ours frees nothing when it is closed, and needs no more. */
static int hold_open(const char *node)
{
    return strncmp(node, "/dev/dri/", 9) == 0 ? open(node, O_RDWR | O_CLOEXEC) : -1;
}

static int open_device(struct replay_session *session, const struct replay_target *target, struct ga_error *error)
{
    const struct replay_plan *plan = session->plan;
    int result = session->backend->open(&session->device, session->backend, target, &session->identity, error);
    if (result < 0)
        return result;
    if (session->node_fd < 0)
        session->node_fd = hold_open(session->identity.node);
    for (uint32_t c = 0; c < plan->call_count; c++)
        session->binding.skips[c] = plan->calls[c].skip;
    result = session->backend->bind(session->device, plan, &session->binding, error);
    if (result == 0)
        replay_plan_spread_skips(plan, session->binding.skips, session->binding.by_size);
    return result;
}

int replay_session_open(struct replay_session *session, const struct replay_backend *backend, const struct replay_target *target,
                        const struct replay_plan *plan, struct ga_error *error)
{
    *session = (struct replay_session){.backend = backend, .plan = plan, .settings.patience_ns = REPLAY_PATIENCE_NS, .node_fd = -1};
    int result = replay_backend_check(backend, error);
    if (result < 0)
        return result;
    if (target->populate && !backend->populate)
        return ga_error_set(error, ENOTSUP, "backend %s has no way to populate; leave --populate away", backend->name);
    session->populate = target->populate;
    struct replay_binding *binding = &session->binding;
    binding->skips = calloc(plan->call_count + 1u, sizeof *binding->skips);
    binding->translated = calloc(plan->call_count + 1u, sizeof *binding->translated);
    session->recorded = replay_curve_recorded(plan, &session->peak);
    if (!binding->skips || !binding->translated || !session->recorded ||
        replay_kinds_init(&session->kinds, plan, session->populate) < 0)
        return ga_error_errno(error, ENOMEM, "replay");
    return open_device(session, target, error);
}

int replay_session_reopen(struct replay_session *session, const struct replay_target *target, struct ga_error *error)
{
    session->backend->close(session->device);
    session->device = NULL;
    session->identity = (struct replay_identity){0};
    struct replay_binding *binding = &session->binding;
    *binding = (struct replay_binding){.skips = binding->skips, .translated = binding->translated};
    memset(binding->translated, 0, session->plan->call_count * sizeof *binding->translated);
    return open_device(session, target, error);
}

void replay_session_close(struct replay_session *session)
{
    if (session->abandoned)
        return;
    if (session->backend)
        session->backend->close(session->device);
    if (session->backend && session->node_fd >= 0)
        close(session->node_fd);
    replay_kinds_release(&session->kinds);
    free(session->recorded);
    free(session->binding.skips);
    free(session->binding.translated);
    *session = (struct replay_session){0};
}

/* --- what runs need --------------------------------------------------------------------------------------------------------- */

/* Histograms for the kinds of call that the lane has, and one for its lateness. */
static int init_lane(struct replay_run *run, uint32_t number)
{
    const struct replay_session *session = run->session;
    const struct replay_worker *worker = &run->schedule.workers[number];
    struct replay_lane_state *lane = &run->lanes[number];
    lane->number = number;
    lane->counting = &lane->counts;
    while (lane->prologue < worker->count && run->schedule.order[worker->first + lane->prologue] < session->plan->prologue)
        lane->prologue++;
    lane->by_kind = calloc(session->kinds.count + 1u, sizeof *lane->by_kind);
    if (!lane->by_kind)
        return -ENOMEM;
    for (uint32_t i = worker->first; i < worker->first + worker->count; i++) { /* some place, until theirs is known */
        uint32_t call = run->schedule.order[i];
        lane->by_kind[session->kinds.of[call]] = run->latencies;
        if (session->populate && replay_call_creates(&session->plan->calls[call]))
            lane->by_kind[session->kinds.populate_of[call]] = run->latencies;
    }
    uint32_t kinds = 0;
    for (uint32_t k = 0; k < session->kinds.count; k++)
        kinds += lane->by_kind[k] != NULL;
    lane->memory = replay_latencies_create(kinds + 1);
    if (!lane->memory)
        return -ENOMEM;
    lane->memory_count = kinds + 1;
    for (uint32_t k = 0, next = 0; k < session->kinds.count; k++)
        if (lane->by_kind[k])
            lane->by_kind[k] = &lane->memory[next++];
    lane->lateness = &lane->memory[kinds];
    for (uint32_t i = 0; i < lane->memory_count; i++)
        replay_latencies_warm(&lane->memory[i], WARM_NS);
    return 0;
}

static int init_parts(struct replay_run *run, const struct replay_plan *plan)
{
    uint32_t kinds = run->session->kinds.count;
    size_t lanes = (run->schedule.worker_count + 1u) * sizeof *run->lanes;
    run->lanes = aligned_alloc(_Alignof(struct replay_lane_state), lanes);
    if (!run->lanes)
        return -ENOMEM;
    memset(run->lanes, 0, lanes);
    run->latencies = replay_latencies_create(kinds);
    run->resident = replay_latencies_create(kinds);
    run->lateness = replay_latencies_create(1);
    run->pagings = calloc(plan->paging_count + 1u, sizeof *run->pagings);
    run->curve = calloc(1, sizeof *run->curve);
    run->steps = calloc(plan->call_count + 1u, sizeof *run->steps);
    if (!run->steps || !run->latencies || !run->resident || !run->lateness || !run->pagings || !run->curve)
        return -ENOMEM;
    for (uint32_t c = 0; c < plan->call_count; c++)
        run->pagings[plan->calls[c].paging].number = c;
    if (plan->dependency_count && !(run->ends = calloc(plan->call_count + 1u, sizeof *run->ends)))
        return -ENOMEM;
    if (run->session->settings.keep_samples && !(run->samples = calloc(plan->call_count + 1u, sizeof *run->samples)))
        return -ENOMEM;
    int result = 0;
    for (uint32_t w = 0; result == 0 && w < run->schedule.worker_count; w++)
        result = init_lane(run, w);
    return result;
}

int replay_run_init(struct replay_run *run, struct replay_session *session)
{
    *run = (struct replay_run){.session = session};
    int result = replay_schedule_init(&run->schedule, session->plan, session->settings.threads);
    return result < 0 ? result : init_parts(run, session->plan);
}

void replay_run_release(struct replay_run *run)
{
    if (!run->session || run->session->abandoned)
        return;
    uint32_t kinds = run->session->kinds.count;
    for (uint32_t w = 0; run->lanes && w < run->schedule.worker_count; w++) {
        free(run->lanes[w].by_kind);
        replay_latencies_destroy(run->lanes[w].memory, run->lanes[w].memory_count);
    }
    free(run->lanes);
    replay_latencies_destroy(run->latencies, kinds);
    replay_latencies_destroy(run->resident, kinds);
    replay_latencies_destroy(run->lateness, 1);
    free(run->pagings);
    free(run->curve);
    free(run->steps);
    free(run->ends);
    free(run->samples);
    replay_schedule_release(&run->schedule);
    *run = (struct replay_run){0};
}

/* A first pass to warm up, then as many as are needed to tell. */
static double cost_on_null(struct replay_session *session, const atomic_bool *stop)
{
    struct replay_run run;
    struct ga_error error;
    uint64_t calls = session->plan->call_count ? session->plan->call_count : 1;
    uint64_t loops = COST_CALLS / calls;
    session->settings.threads = 1;
    session->settings.loops = loops < 1 ? 1 : loops > COST_LOOPS ? COST_LOOPS : loops;
    double cost = NAN;
    if (replay_run_init(&run, session) == 0 && replay_session_run(session, &run, stop, &error) == 0 &&
        replay_session_run(session, &run, stop, &error) == 0 && run.counts.outcomes[REPLAY_ISSUED])
        cost = (double)run.busy_ns / (double)run.counts.outcomes[REPLAY_ISSUED];
    replay_run_release(&run);
    return cost;
}

double replay_engine_cost_ns(const struct replay_plan *plan, const atomic_bool *stop)
{
    struct replay_session session;
    struct ga_error error;
    double cost = NAN;
    if (replay_session_open(&session, replay_backend_find("null"), &(struct replay_target){0}, plan, &error) == 0)
        cost = cost_on_null(&session, stop);
    replay_session_close(&session);
    return cost;
}
