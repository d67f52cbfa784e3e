/* Lanes as threads: see lanes.h. */
#include "replayer/engine/lanes.h"

#include <sched.h>
#include <sys/prctl.h>

#include "replayer/engine/fences.h"
#include "replayer/engine/issue.h"
#include "replayer/engine/workers.h"

enum {
    LEAD_NS = 2 * 1000000, /* lanes are told so much before the start, so that the first calls are not late */
    WAKE_SIGNAL = SIGURG,  /* interrupts a call that does not come back; ignored by default, so that a late one harms nobody */
};

/* All lanes start at once. False: there is no further pass. */
static bool pass_gate(struct engine *run, uint32_t time)
{
    atomic_fetch_add(&run->waiting, 1);
    engine_wake(&run->waiting);
    for (uint32_t opened; (opened = atomic_load(&run->opened)) < time;)
        engine_sleep(&run->opened, opened, 0);
    return !run->go_home;
}

/* Once all so many are at the gate. False: a worker is lost. */
static bool open_gate(struct engine *run, uint32_t lanes, bool timed, bool go)
{
    for (uint32_t waiting; (waiting = atomic_load(&run->waiting)) < lanes;) {
        if (!engine_workers_live(run))
            return false;
        engine_sleep(&run->waiting, waiting, ENGINE_SLEEP_NS);
    }
    atomic_store(&run->waiting, 0);
    run->go_home = !go;
    run->timed = timed;
    run->timed_ns = engine_now_ns() + (run->paced && timed ? LEAD_NS : 0);
    if (!timed || !run->session->plan->prologue)
        run->start_ns = run->timed_ns;
    atomic_fetch_add(&run->opened, 1);
    engine_wake(&run->opened);
    return true;
}

/* The end of a lane's pass: no more is waiting for a turn on this thread. */
static void end_pass(struct replay_lane_state *lane)
{
    for (uint32_t i = 0; i < lane->outstanding_count; i++)
        if (engine_wait_for_fence(lane, lane->outstanding[i]))
            engine_note_resident(lane->run, lane->outstanding[i]);
    if (atomic_fetch_sub(&lane->run->running, 1) == 1)
        engine_wake(&lane->run->running);
}

static void *lane_main(void *argument)
{
    struct replay_lane_state *lane = argument;
    struct engine *run = lane->run;
    if (run->paced)
        prctl(PR_SET_TIMERSLACK, 1ul); /* ns; else a sleep may be 50 µs longer */
    lane->pid = getpid();
    lane->tid = gettid();
    for (uint32_t time = 1; pass_gate(run, time); time++) {
        lane->counting = run->timed ? &lane->counts : &lane->aside;
        engine_run_pass(lane);
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

static void on_wake(int number) { (void)number; }

void engine_catch_wakes(struct engine *run)
{
    struct sigaction wake = {.sa_handler = on_wake};
    sigaction(WAKE_SIGNAL, &wake, &run->before);
}

void engine_leave_wakes(struct engine *run) { sigaction(WAKE_SIGNAL, &run->before, NULL); }

int engine_start_lanes(struct engine *run, const struct replay_crew *crew)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    int result = 0;
    for (uint32_t l = 0; l < run->out->schedule.worker_count; l++) {
        struct replay_lane_state *lane = &run->lanes[l];
        if (!replay_crew_has(crew, l))
            continue;
        lane->run = run;
        result = result ? result : pin(&attributes, &run->session->settings, l);
        if (result == 0)
            result = pthread_create(&lane->thread, &attributes, lane_main, lane);
        lane->started = result == 0;
    }
    pthread_attr_destroy(&attributes);
    return -result;
}

void engine_join_lanes(struct engine *run, const struct replay_crew *crew)
{
    for (uint32_t l = 0; l < run->out->schedule.worker_count; l++) {
        struct replay_lane_state *lane = &run->lanes[l];
        if (lane->started && replay_crew_has(crew, l))
            pthread_join(lane->thread, NULL);
    }
}

/* Interrupts calls that do not come back: all of them once the run is stopped, else those that patience is at its end with. False:
   one has not come back although it was interrupted again and again. */
static bool wake_lanes(struct engine *run, uint32_t lanes)
{
    int64_t now = engine_now_ns(), patience = run->session->settings.patience_ns;
    bool alive = true;
    for (uint32_t l = 0; l < lanes; l++) {
        struct replay_lane_state *lane = &run->lanes[l];
        int64_t since = atomic_load_explicit(&lane->issued_ns, memory_order_acquire);
        const struct replay_call *call = &run->session->plan->calls[atomic_load_explicit(&lane->issued, memory_order_relaxed)];
        int64_t allowed = patience + (since ? call->end_ns - call->begin_ns : 0);
        if (!engine_stopped(run) && (!since || now - since < allowed))
            continue;
        if (since) /* without, it sleeps until a call's time */
            atomic_store(&lane->give_up, true);
        alive &= !since || now - since < 2 * allowed;
        syscall(SYS_tgkill, lane->pid, lane->tid, WAKE_SIGNAL);
    }
    return alive;
}

/* Until all have ended the pass. False: a lane is in a call that does not come back, and never will be waited for again; or a worker is
   lost. */
static bool wait_for_lanes(struct engine *run, uint32_t lanes)
{
    int64_t end_ns = run->session->settings.end_ns;
    for (uint32_t running; (running = atomic_load(&run->running));) {
        engine_sleep(&run->running, running, ENGINE_SLEEP_NS);
        if (atomic_load(run->stop)) /* workers have no signal handlers of ours */
            engine_halt(run, REPLAY_END_STOPPED);
        if (!engine_workers_live(run))
            return false;
        if (end_ns && engine_now_ns() >= end_ns)
            engine_halt(run, REPLAY_END_TIME);
        if (!wake_lanes(run, lanes) && atomic_load(&run->running)) {
            atomic_store(&run->halt, REPLAY_END_HUNG);
            return false;
        }
    }
    return true;
}

bool engine_run_phase(struct engine *run, uint32_t lanes, bool timed)
{
    atomic_store(&run->running, lanes);
    return open_gate(run, lanes, timed, true) && wait_for_lanes(run, lanes);
}

bool engine_send_home(struct engine *run, uint32_t lanes) { return open_gate(run, lanes, false, false); }
