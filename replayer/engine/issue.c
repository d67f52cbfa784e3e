/* The timed part: see issue.h. */
#include "replayer/engine/issue.h"

#include <errno.h>

#include "replayer/engine/fences.h"
#include "replayer/engine/order.h"

#define RARE __attribute__((noinline, cold)) /* kept out of what every call runs through */
enum {
    AHEAD_NS = 60 * 1000, /* a lane that sleeps until a call's time is up so much before, and spins */
    GONE = 3,             /* calls in a row that fail with ENODEV, but not in the recording: the device was removed */
};

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
        engine_halt(lane->run, REPLAY_END_REMOVED);
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

/* When the call is due; 0: at once. Slowed down, hours become more nanoseconds than there are. */
static inline int64_t due_ns(const struct engine *run, const struct replay_call *call)
{
    if (!run->paced || !run->timed)
        return 0;
    double after = (double)call->begin_ns * run->per_speed;
    return after < 4e18 ? run->timed_ns + (int64_t)after : INT64_MAX;
}

/* Sleeps until shortly before. Fences are looked at meanwhile; a signal (the wake of a stop) ends a sleep. */
static RARE void sleep_until(struct replay_lane_state *lane, int64_t due)
{
    for (int64_t now; (now = engine_now_ns()) < due - AHEAD_NS && !engine_stopped(lane->run);) {
        engine_watch_fences(lane);
        int64_t until = lane->outstanding_count && now + ENGINE_NAP_NS < due - AHEAD_NS ? now + ENGINE_NAP_NS : due - AHEAD_NS;
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
    int64_t begin = engine_now_ns();
    enum replay_populate how = session->backend->populate(session->device, call->lane, call);
    int64_t took = engine_now_ns() - begin;
    session->backend->settle(session->device, call->lane);
    lane->counting->populated[how]++;
    if (!lane->run->timed)
        return;
    if (how == REPLAY_POPULATE_TOUCH || how == REPLAY_POPULATE_SUBMIT)
        replay_latencies_add(lane->by_kind[session->kinds.populate_of[number]], took > 0 ? (uint64_t)took : 0);
}

static void note_fence(struct replay_lane_state *lane, uint32_t number, bool failed, int64_t begin)
{
    struct replay_paging *paging = engine_paging(lane->run, number);
    paging->begin_ns = begin - lane->run->start_ns;
    atomic_store_explicit(&paging->fenced, !failed, memory_order_release);
    engine_note_paging(lane, number);
}

/* What few calls have. Whether the time that it took counts, and in *bytes what it changed. */
static RARE bool account_more(struct replay_lane_state *lane, const struct replay_step *step, const struct replay_call *call,
                              const struct replay_outcome *outcome, int64_t begin, uint64_t latency, int64_t *bytes)
{
    struct engine *run = lane->run;
    bool differs = false;
    lane->counting->remapped += outcome->remapped;
    if (outcome->failed || call->failed)
        differs = judge_failure(lane, call, outcome);
    else
        lane->gone = 0;
    if (step->waits)
        engine_check_order(lane, call, begin - run->start_ns);
    if (outcome->failed)
        *bytes = 0;
    else if (*bytes) /* a second handle changes nothing */
        *bytes += *bytes < 0 ? -outcome->more_bytes : outcome->more_bytes;
    if (run->samples)
        note_sample(&run->samples[step->number], call, outcome, begin - run->start_ns, latency, differs);
    if (run->session->populate && !outcome->failed && replay_call_creates(call))
        populate(lane, step->number, call);
    if (call->paging)
        note_fence(lane, step->number, outcome->failed, begin);
    return !differs && !outcome->remapped;
}

/* After the call, not timed. */
static inline void account(struct replay_lane_state *lane, const struct replay_step *step, const struct replay_call *call,
                           const struct replay_outcome *outcome, struct replay_latencies *latencies, int64_t begin, int64_t end)
{
    const struct engine *run = lane->run;
    uint64_t latency = end > begin ? (uint64_t)(end - begin) : 0;
    int64_t bytes = step->bytes;
    bool counts = true;
    lane->counting->outcomes[REPLAY_ISSUED]++;
    if (__builtin_expect(step->more | outcome->failed | outcome->remapped | (outcome->more_bytes != 0), false))
        counts = account_more(lane, step, call, outcome, begin, latency, &bytes);
    else
        lane->gone = 0;
    if (counts && run->timed)
        replay_latencies_add(latencies, latency);
    replay_curve_add(&lane->curve, end - run->start_ns, bytes);
}

/* A signal came for this call, or a moment too late. Whether the call came back for it; *skip: what becomes of it. */
static RARE bool gave_up(struct replay_lane_state *lane, const struct replay_outcome *outcome, enum replay_skip *skip)
{
    atomic_store(&lane->give_up, false);
    if (!outcome->failed || outcome->error != EINTR)
        return false;
    *skip = engine_stopped(lane->run) ? REPLAY_SKIP_STOPPED : REPLAY_SKIP_STUCK;
    return true;
}

static inline enum replay_skip issue(struct replay_lane_state *lane, const struct replay_step *step, const struct replay_call *call)
{
    struct engine *run = lane->run;
    const struct replay_backend *backend = run->backend;
    struct replay_device *device = run->device;
    struct replay_latencies *latencies = lane->by_kind[step->kind];
    int64_t due = due_ns(run, call);
    if (due)
        sleep_until(lane, due);
    if (due && engine_stopped(run)) /* perhaps long before its time */
        return REPLAY_SKIP_STOPPED;
    struct replay_outcome outcome;
    struct replay_ioctl make;
    make.request = 0;
    make.own = NULL;
    enum replay_skip skip = backend->prepare ? backend->prepare(device, step->lane, call, &make) : REPLAY_ISSUED;
    if (skip != REPLAY_ISSUED)
        return skip;
    if (__builtin_expect(atomic_load_explicit(&lane->give_up, memory_order_relaxed), false))
        atomic_store(&lane->give_up, false); /* meant for a call that came back meanwhile */
    atomic_store_explicit(&lane->issued, step->number, memory_order_relaxed);
    int64_t begin = engine_now_ns();
    for (; begin < due; begin = engine_now_ns())
        if (engine_stopped(run))
            return REPLAY_SKIP_STOPPED;
    atomic_store_explicit(&lane->issued_ns, begin, memory_order_release);
    if (__builtin_expect(make.request != 0, true)) {
        outcome.give_up = &lane->give_up;
        replay_make_ioctl(backend, &make, &outcome);
    } else {
        outcome = (struct replay_outcome){.give_up = &lane->give_up};
        backend->issue(device, step->lane, call, &outcome);
    }
    int64_t end = engine_now_ns();
    atomic_store_explicit(&lane->issued_ns, 0, memory_order_release);
    if (__builtin_expect(atomic_load_explicit(&lane->give_up, memory_order_relaxed), false) && gave_up(lane, &outcome, &skip))
        return skip;
    if (backend->finish)
        backend->finish(device, step->lane, call, make.own, &outcome);
    lane->last_ns = end - run->start_ns;
    if (due)
        replay_latencies_add(lane->lateness, (uint64_t)(begin > due ? begin - due : due - begin));
    account(lane, step, call, &outcome, latencies, begin, end);
    return REPLAY_ISSUED;
}

static RARE void skip_call(struct replay_lane_state *lane, uint32_t number, enum replay_skip skip)
{
    struct replay_sample *samples = lane->run->samples;
    lane->counting->outcomes[skip]++;
    replay_curve_add(&lane->curve, lane->last_ns, 0);
    if (samples)
        samples[number] = (struct replay_sample){.begin_ns = lane->last_ns, .skip = (uint8_t)skip};
}

/* What most calls need not ask for. One that is skipped waits too, for those that follow it. */
static RARE enum replay_skip ask_before(struct replay_lane_state *lane, const struct replay_step *step, const struct replay_call *call)
{
    enum replay_skip skip = (enum replay_skip)step->skip;
    if (engine_stopped(lane->run) || (step->waits && !engine_wait_for_all(lane, call)))
        skip = REPLAY_SKIP_STOPPED;
    else if (step->waits && !skip)
        skip = engine_wait_for_fences(lane, call);
    engine_watch_fences(lane);
    return skip;
}

/* 0 in ends: nobody has to wait for a call that was not issued. */
static inline int64_t run_call(struct replay_lane_state *lane, const struct replay_step *step)
{
    const struct replay_call *call = &lane->run->calls[step->number];
    enum replay_skip skip = REPLAY_ISSUED;
    if (__builtin_expect(step->skip || step->waits || lane->outstanding_count || engine_stopped(lane->run), false))
        skip = ask_before(lane, step, call);
    if (skip == REPLAY_ISSUED)
        skip = issue(lane, step, call);
    if (__builtin_expect(skip == REPLAY_ISSUED, true))
        return lane->last_ns;
    skip_call(lane, step->number, skip);
    return 0;
}

void engine_run_pass(struct replay_lane_state *lane)
{
    const struct engine *run = lane->run;
    const struct replay_run *out = run->out;
    const struct replay_worker *worker = &out->schedule.workers[lane->number];
    const struct replay_step *steps = out->steps + worker->first, *step = &steps[lane->next];
    _Atomic int64_t *ends = out->ends ? out->ends + worker->first : NULL;
    uint32_t end_place = run->timed ? worker->count : lane->prologue;
    int64_t begin = engine_now_ns();
    for (uint32_t i = lane->next; i < end_place; i++, step++) {
        int64_t end = run_call(lane, step);
        if (ends)
            atomic_store_explicit(&ends[i], end, memory_order_relaxed);
        engine_publish(lane, i + 1, step->watched);
    }
    lane->next = end_place;
    lane->busy_ns += run->timed ? (uint64_t)(engine_now_ns() - begin) : 0;
}
