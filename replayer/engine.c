/* The engine: see engine.h. */
#include "replayer/engine.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    SPINS = 200,             /* looks at another lane before sleeping: some microseconds, less than a wake-up */
    SLEEP_NS = 20 * 1000000, /* at most, so that a stop is seen */
    NAP_NS = 20 * 1000,      /* between looks at a fence that takes its time */
    OUTSTANDING = 64,        /* paging calls of a lane whose fences it watches */
    WAKE_SIGNAL = SIGURG,    /* interrupts a call that does not come back; ignored by default, so that a late one harms nobody */
};

struct lane {
    _Alignas(64) _Atomic uint32_t done; /* calls of this lane that are through */
    _Atomic uint32_t sleepers;          /* lanes that may sleep on done */
    struct run_state *run;
    _Atomic int64_t issued_ns;          /* when the call under way began; 0: none is */
    _Atomic uint32_t issued;            /* which */
    atomic_bool give_up;                /* it is to come back when interrupted */
    uint32_t number;
    uint32_t outstanding[OUTSTANDING], outstanding_count; /* calls whose fence has not been reached */
    pthread_t thread;
};

struct run_state {
    struct replay_session *session;
    struct replay_run *out;
    const atomic_bool *stop;
    struct lane *lanes;
    int64_t start_ns;
    pthread_mutex_t mutex; /* the gate before the start; not taken afterwards */
    pthread_cond_t changed;
    uint32_t waiting;
    _Atomic uint32_t running; /* lanes that have not ended; the main thread sleeps on it */
    enum { GATE_SHUT, GATE_OPEN, GATE_GO_HOME } gate;
};

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

static bool stopped(const struct run_state *run) { return atomic_load_explicit(run->stop, memory_order_relaxed); }

/* False when the run was stopped first. */
static bool wait_for(struct run_state *run, struct lane *other, uint32_t sequence)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&other->done, memory_order_acquire) > sequence)
            return true;
        relax();
    }
    atomic_fetch_add(&other->sleepers, 1);
    bool reached = false;
    while (!stopped(run)) {
        uint32_t done = atomic_load(&other->done);
        if ((reached = done > sequence))
            break;
        struct timespec limit = {.tv_nsec = SLEEP_NS};
        syscall(SYS_futex, &other->done, FUTEX_WAIT_PRIVATE, done, &limit, NULL, 0);
    }
    atomic_fetch_sub(&other->sleepers, 1);
    return reached;
}

static void publish(struct lane *lane, uint32_t done)
{
    atomic_store(&lane->done, done); /* sequentially consistent: ordered before the look at sleepers */
    if (atomic_load(&lane->sleepers))
        syscall(SYS_futex, &lane->done, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static bool differs(const struct replay_call *call, const struct replay_sample *sample)
{
    if (sample->failed != call->failed)
        return true;
    if (!call->failed || !replay_row(call))
        return false;
    return ga_row_is_d3dkmt(replay_row(call)) ? sample->status != call->status : sample->error != call->error;
}

static void judge(const struct replay_call *call, const struct replay_outcome *outcome, struct replay_sample *sample)
{
    struct ga_call_header header = {.ret = outcome->ret, .error = outcome->error, .layer = GA_LAYER_IOCTL};
    sample->failed = outcome->failed;
    sample->error = outcome->error;
    sample->status = replay_row(call) && ga_row_is_d3dkmt(replay_row(call)) ? ga_call_status(&header) : 0;
    sample->differs = differs(call, sample);
}

static bool reached(const struct run_state *run, uint32_t number)
{
    const struct replay_backend *backend = run->session->backend;
    const struct replay_sample *sample = &run->out->samples[number];
    return sample->skip != REPLAY_ISSUED || sample->failed || !backend->reached ||
           backend->reached(run->session->device, &run->session->plan->calls[number]);
}

/* Its fence has been seen; whoever sees it first says when. */
static void note_resident(struct run_state *run, uint32_t number)
{
    struct replay_sample *sample = &run->out->samples[number];
    int64_t took = now_ns() - run->start_ns - sample->begin_ns;
    uint32_t never = 0, ns = took < 1 ? 1 : took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    if (sample->skip == REPLAY_ISSUED && !sample->failed && run->session->backend->reached)
        atomic_compare_exchange_strong(&sample->resident_ns, &never, ns);
}

/* A look at the fences of the lane's own calls, between calls. */
static void watch_fences(struct lane *lane)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lane->outstanding_count; i++) {
        uint32_t number = lane->outstanding[i];
        bool known = atomic_load(&lane->run->out->samples[number].resident_ns) != 0;
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
    if (stopped(run) || now_ns() - since > run->session->patience_ns)
        return false;
    nanosleep(&time, NULL);
    return true;
}

/* Until the paging call has taken effect. */
static bool wait_for_fence(struct lane *lane, uint32_t number)
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

static enum replay_skip wait_for_fences(struct lane *lane, const struct replay_call *call)
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

static void note_paging(struct lane *lane, uint32_t number)
{
    if (reached(lane->run, number)) {
        note_resident(lane->run, number);
        return;
    }
    if (lane->outstanding_count == OUTSTANDING) /* the oldest: seen when somebody needs it, or not at all */
        memmove(lane->outstanding, lane->outstanding + 1, --lane->outstanding_count * sizeof *lane->outstanding);
    lane->outstanding[lane->outstanding_count++] = number;
}

/* The pages of what the call made: its latency is known by now. */
static void populate(struct lane *lane, const struct replay_call *call, struct replay_sample *sample)
{
    const struct replay_session *session = lane->run->session;
    if (!session->populate || sample->failed)
        return;
    int64_t begin = now_ns();
    sample->populated = (uint8_t)session->backend->populate(session->device, lane->number, call);
    int64_t took = now_ns() - begin;
    session->backend->settle(session->device, lane->number);
    bool done = sample->populated == REPLAY_POPULATE_TOUCH || sample->populated == REPLAY_POPULATE_SUBMIT;
    sample->populate_ns = !done ? 0 : took < 1 ? 1 : took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
}

static void issue(struct lane *lane, uint32_t number, struct replay_sample *sample)
{
    struct run_state *run = lane->run;
    const struct replay_call *call = &run->session->plan->calls[number];
    const struct replay_backend *backend = run->session->backend;
    struct replay_device *device = run->session->device;
    if (backend->prepare && (sample->skip = (uint8_t)backend->prepare(device, lane->number, call)) != REPLAY_ISSUED)
        return;
    struct replay_outcome outcome = {.give_up = &lane->give_up};
    atomic_store(&lane->give_up, false);
    atomic_store_explicit(&lane->issued, number, memory_order_relaxed);
    atomic_store_explicit(&lane->issued_ns, now_ns(), memory_order_release);
    int64_t begin = now_ns();
    backend->issue(device, lane->number, call, &outcome);
    int64_t latency = now_ns() - begin;
    atomic_store_explicit(&lane->issued_ns, 0, memory_order_release);
    if (atomic_exchange(&lane->give_up, false) && outcome.failed && outcome.error == EINTR) {
        sample->skip = stopped(run) ? REPLAY_SKIP_STOPPED : REPLAY_SKIP_STUCK;
        return;
    }
    if (backend->finish)
        backend->finish(device, lane->number, call, &outcome);
    sample->remapped = outcome.remapped;
    sample->begin_ns = begin - run->start_ns;
    sample->latency_ns = latency > UINT32_MAX ? UINT32_MAX : (uint32_t)latency;
    judge(call, &outcome, sample);
    populate(lane, call, sample);
    if (call->paging)
        note_paging(lane, number);
}

static bool wait_for_all(struct lane *lane, const struct replay_call *call)
{
    const struct replay_dependency *dependency = &lane->run->session->plan->dependencies[call->dependencies];
    for (uint32_t i = 0; i < call->dependency_count; i++)
        if (!wait_for(lane->run, &lane->run->lanes[dependency[i].lane], dependency[i].sequence))
            return false;
    return true;
}

/* All lanes start at once. False: not all threads could be had, and this one ends without a call. */
static bool pass_gate(struct run_state *run)
{
    pthread_mutex_lock(&run->mutex);
    run->waiting++;
    pthread_cond_broadcast(&run->changed);
    while (run->gate == GATE_SHUT)
        pthread_cond_wait(&run->changed, &run->mutex);
    bool go = run->gate == GATE_OPEN;
    pthread_mutex_unlock(&run->mutex);
    return go;
}

static void open_gate(struct run_state *run, uint32_t lanes, bool go)
{
    pthread_mutex_lock(&run->mutex);
    while (run->waiting < lanes)
        pthread_cond_wait(&run->changed, &run->mutex);
    run->gate = go ? GATE_OPEN : GATE_GO_HOME;
    run->start_ns = now_ns();
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->mutex);
}

static void run_call(struct lane *lane, uint32_t number)
{
    struct run_state *run = lane->run;
    const struct replay_call *call = &run->session->plan->calls[number];
    struct replay_sample *sample = &run->out->samples[number];
    if (stopped(run) || !wait_for_all(lane, call))
        sample->skip = REPLAY_SKIP_STOPPED;
    else if (run->session->binding.skips[number])
        sample->skip = run->session->binding.skips[number];
    else
        sample->skip = (uint8_t)wait_for_fences(lane, call);
    watch_fences(lane);
    if (sample->skip == REPLAY_ISSUED)
        issue(lane, number, sample);
}

/* The end of a lane: no more is waiting for a turn on this thread. */
static void end_lane(struct lane *lane)
{
    for (uint32_t i = 0; i < lane->outstanding_count; i++)
        if (wait_for_fence(lane, lane->outstanding[i]))
            note_resident(lane->run, lane->outstanding[i]);
    if (atomic_fetch_sub(&lane->run->running, 1) == 1)
        syscall(SYS_futex, &lane->run->running, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    struct run_state *run = lane->run;
    const struct replay_plan *plan = run->session->plan;
    const struct replay_lane *order = &plan->lanes[lane->number];
    if (!pass_gate(run))
        return NULL;
    for (uint32_t i = 0; i < order->count; i++) {
        run_call(lane, plan->order[order->first + i]);
        publish(lane, i + 1);
    }
    end_lane(lane);
    return NULL;
}

/* What a call waited for was done before it began: asked of the samples, after the run. */
static uint64_t count_violations(const struct replay_plan *plan, const struct replay_run *run, bool has_fences)
{
    uint64_t violations = 0;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_sample *mine = &run->samples[c];
        for (uint32_t d = 0; mine->skip == REPLAY_ISSUED && d < plan->calls[c].dependency_count; d++) {
            const struct replay_dependency *on = &plan->dependencies[plan->calls[c].dependencies + d];
            const struct replay_sample *other = &run->samples[plan->order[plan->lanes[on->lane].first + on->sequence]];
            violations += other->skip == REPLAY_ISSUED && other->begin_ns + other->latency_ns > mine->begin_ns;
        }
        for (uint32_t f = 0; has_fences && mine->skip == REPLAY_ISSUED && f < plan->calls[c].fence_count; f++) {
            const struct replay_sample *other = &run->samples[plan->fences[plan->calls[c].fences + f]];
            uint32_t resident_ns = atomic_load_explicit(&other->resident_ns, memory_order_relaxed);
            violations += other->skip == REPLAY_ISSUED && !other->failed &&
                          (!resident_ns || other->begin_ns + resident_ns > mine->begin_ns);
        }
    }
    return violations;
}

static int start_lanes(struct run_state *run, uint32_t *started)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    int result = 0;
    for (*started = 0; result == 0 && *started < run->session->plan->lane_count; *started += result == 0) {
        struct lane *lane = &run->lanes[*started];
        lane->run = run;
        lane->number = *started;
        result = pthread_create(&lane->thread, &attributes, lane_main, lane);
    }
    pthread_attr_destroy(&attributes);
    return -result;
}

static void on_wake(int number) { (void)number; }

/* Interrupts calls that do not come back: all of them once the run is stopped, else those that patience is at its end with. */
static void wake_lanes(struct run_state *run, uint32_t lanes)
{
    for (uint32_t l = 0; l < lanes; l++) {
        struct lane *lane = &run->lanes[l];
        int64_t since = atomic_load_explicit(&lane->issued_ns, memory_order_acquire);
        const struct replay_call *call = &run->session->plan->calls[atomic_load_explicit(&lane->issued, memory_order_relaxed)];
        if (!since || (!stopped(run) && now_ns() - since < run->session->patience_ns + (call->end_ns - call->begin_ns)))
            continue;
        atomic_store(&lane->give_up, true);
        pthread_kill(lane->thread, WAKE_SIGNAL);
    }
}

static void wait_for_lanes(struct run_state *run, uint32_t lanes)
{
    struct sigaction wake = {.sa_handler = on_wake}, before;
    sigaction(WAKE_SIGNAL, &wake, &before);
    for (uint32_t running; (running = atomic_load(&run->running));) {
        struct timespec limit = {.tv_nsec = SLEEP_NS};
        syscall(SYS_futex, &run->running, FUTEX_WAIT_PRIVATE, running, &limit, NULL, 0);
        wake_lanes(run, lanes);
    }
    for (uint32_t i = 0; i < lanes; i++)
        pthread_join(run->lanes[i].thread, NULL);
    sigaction(WAKE_SIGNAL, &before, NULL);
}

static int run_lanes(struct run_state *run, struct ga_error *error)
{
    const struct replay_plan *plan = run->session->plan;
    run->lanes = aligned_alloc(_Alignof(struct lane), (plan->lane_count + 1u) * sizeof *run->lanes);
    if (!run->lanes)
        return ga_error_errno(error, ENOMEM, "%u lanes", plan->lane_count);
    memset(run->lanes, 0, (plan->lane_count + 1u) * sizeof *run->lanes);
    pthread_mutex_init(&run->mutex, NULL);
    pthread_cond_init(&run->changed, NULL);
    uint32_t started = 0;
    int result = start_lanes(run, &started);
    atomic_store(&run->running, result == 0 ? started : 0);
    open_gate(run, started, result == 0);
    wait_for_lanes(run, started);
    run->out->wall_ns = (uint64_t)(now_ns() - run->start_ns);
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->mutex);
    free(run->lanes);
    return result < 0 ? ga_error_errno(error, -result, "starting thread %u of %u", started + 1, plan->lane_count) : 0;
}

int replay_session_run(struct replay_session *session, struct replay_run *run, const atomic_bool *stop, struct ga_error *error)
{
    struct run_state state = {.session = session, .out = run, .stop = stop};
    memset(run->samples, 0, session->plan->call_count * sizeof *run->samples);
    int result = session->backend->begin ? session->backend->begin(session->device, error) : 0;
    if (result == 0)
        result = run_lanes(&state, error);
    if (session->backend->end)
        session->backend->end(session->device);
    if (result < 0)
        return result;
    run->order_violations = count_violations(session->plan, run, session->backend->reached != NULL);
    return stopped(&state) ? ga_error_set(error, EINTR, "stopped; what the run had made is freed") : 0;
}

/* A call whose object no issued call makes cannot be issued either, nor a wait that no issued call ends. Calls come in the order of
   their begin: for makers one pass is enough. */
static void propagate(struct replay_session *session)
{
    const struct replay_plan *plan = session->plan;
    uint8_t *skips = session->binding.skips;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        for (uint32_t r = call->refs; !skips[c] && r < call->refs + call->ref_count; r++) {
            const struct replay_ref *ref = &plan->refs[r];
            if (ref->object == REPLAY_NONE || ref->role == REPLAY_MAKES || ref->role == REPLAY_AGAIN)
                continue;
            uint32_t maker = plan->objects[ref->object].maker;
            if (maker != REPLAY_NONE && skips[maker])
                skips[c] = REPLAY_SKIP_NO_MAKER;
        }
    }
    for (uint32_t c = 0; c < plan->call_count; c++) /* what signals may come after what waits */
        for (uint32_t i = 0; !skips[c] && i < plan->calls[c].signal_count; i++)
            if (skips[plan->signals[plan->calls[c].signals + i]])
                skips[c] = REPLAY_SKIP_NO_SIGNAL;
}

int replay_session_open(struct replay_session *session, const struct replay_backend *backend, const struct replay_target *target,
                        const struct replay_plan *plan, struct ga_error *error)
{
    *session = (struct replay_session){.backend = backend, .plan = plan, .patience_ns = REPLAY_PATIENCE_NS};
    int result = replay_backend_check(backend, error);
    if (result < 0)
        return result;
    if (target->populate && !backend->populate)
        return ga_error_set(error, ENOTSUP, "backend %s has no way to populate; leave --populate away", backend->name);
    session->populate = target->populate;
    struct replay_binding *binding = &session->binding;
    binding->skips = calloc(plan->call_count + 1u, sizeof *binding->skips);
    binding->translated = calloc(plan->call_count + 1u, sizeof *binding->translated);
    if (!binding->skips || !binding->translated)
        return ga_error_errno(error, ENOMEM, "replay");
    result = backend->open(&session->device, backend, target, &session->identity, error);
    if (result < 0)
        return result;
    for (uint32_t c = 0; c < plan->call_count; c++)
        binding->skips[c] = plan->calls[c].skip;
    result = backend->bind(session->device, plan, binding, error);
    if (result < 0)
        return result;
    propagate(session);
    return 0;
}

void replay_session_close(struct replay_session *session)
{
    if (session->backend)
        session->backend->close(session->device);
    free(session->binding.skips);
    free(session->binding.translated);
    *session = (struct replay_session){0};
}

int replay_run_init(struct replay_run *run, const struct replay_plan *plan)
{
    *run = (struct replay_run){.samples = calloc(plan->call_count + 1u, sizeof *run->samples)};
    return run->samples ? 0 : -ENOMEM;
}

void replay_run_release(struct replay_run *run)
{
    free(run->samples);
    *run = (struct replay_run){0};
}
