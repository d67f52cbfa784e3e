/*
 * What a run of the engine works on: the run's state, that of each lane (a thread), and the small steps that all of its files need.
 * Only the engine's own files see it.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_STATE_H
#define GPUALLOC_REPLAYER_ENGINE_STATE_H

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "replayer/engine.h"

enum {
    ENGINE_SPINS = 200,             /* looks at another lane before sleeping: some microseconds, less than a wake-up */
    ENGINE_SLEEP_NS = 20 * 1000000, /* at most, so that a stop is seen */
    ENGINE_NAP_NS = 20 * 1000,      /* between looks at a fence that takes its time */
    ENGINE_OUTSTANDING = 64,        /* paging calls of a lane whose fences it watches */
};
#define ENGINE_NOT_DONE INT64_MAX

/* What a lane counts for itself: no line of memory is shared with another. */
struct replay_lane_state {
    _Alignas(64) _Atomic uint32_t done; /* calls of this lane that are through */
    _Atomic uint32_t sleepers;          /* lanes that may sleep on done */
    _Alignas(64) _Atomic int64_t issued_ns; /* when the call under way began; 0: none is */
    _Atomic uint32_t issued;            /* which */
    atomic_bool give_up;                /* it is to come back when interrupted */
    uint32_t gone;                      /* calls in a row that failed as those of a device that is not there */
    uint32_t outstanding_count;
    int64_t last_ns;                    /* when its last call was done */
    struct engine *run;
    struct replay_counts *counting;     /* counts or aside */
    struct replay_latencies **by_kind;  /* null where the lane has no such call */
    struct replay_counts counts, aside; /* of the plan's prologue: in no figure */
    struct replay_latencies *memory, *lateness;
    uint32_t memory_count;
    uint32_t number;
    uint64_t busy_ns;
    uint32_t prologue, next;            /* calls of the lane's order: of the prologue, and through in this pass */
    uint32_t outstanding[ENGINE_OUTSTANDING]; /* calls whose fence has not been reached */
    pthread_t thread;                         /* in its own process */
    pid_t pid, tid;
    bool started;
    struct replay_curve curve;
};

struct replay_paging {
    int64_t begin_ns;
    _Atomic uint64_t resident_ns; /* 0: not seen */
    uint32_t number;              /* call */
    _Atomic uint8_t fenced;       /* issued, and has not failed: its fence will tell */
};

struct engine {
    struct replay_session *session;
    struct replay_run *out;
    const struct replay_backend *backend; /* the session's, and what else each call needs: one step away */
    struct replay_device *device;
    const struct replay_call *calls;
    struct replay_sample *samples;
    const atomic_bool *stop;
    _Atomic uint32_t halt; /* enum replay_end: why all lanes are to end */
    struct replay_lane_state *lanes;
    int64_t start_ns;      /* of the pass: what all times count from */
    int64_t timed_ns;      /* when what is measured began: after the prologue */
    bool timed;            /* it has */
    bool paced;            /* calls have a time that they are due at */
    double per_speed;      /* then: 1 / speed */
    _Atomic uint32_t waiting; /* lanes at the gate before a pass */
    _Atomic uint32_t opened;  /* times that the gate was; twice a pass with a prologue */
    bool go_home;
    _Atomic uint32_t running; /* lanes that have not ended the pass; the main thread sleeps on it */
    struct engine_worker *workers; /* the main process's; null: lanes are its own threads */
    uint32_t worker_count;
    atomic_bool failing, failed; /* a worker could not begin: */
    int failure;              /* negative errno */
    struct ga_error error;
    struct sigaction before;  /* what the process did on the signal that wakes lanes */
};

static inline int64_t engine_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static inline void engine_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Also between processes. Sleeps while the word has that value, or for a while; limit_ns 0: until woken. */
static inline void engine_sleep(_Atomic uint32_t *word, uint32_t value, long limit_ns)
{
    struct timespec limit = {.tv_nsec = limit_ns};
    syscall(SYS_futex, word, FUTEX_WAIT, value, limit_ns ? &limit : NULL, NULL, 0);
}

static inline void engine_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static inline bool engine_stopped(const struct engine *run)
{
    return atomic_load_explicit(run->stop, memory_order_relaxed) || atomic_load_explicit(&run->halt, memory_order_relaxed);
}

/* The first reason is the run's end. */
static inline void engine_halt(struct engine *run, enum replay_end why)
{
    uint32_t none = REPLAY_WHOLE;
    atomic_compare_exchange_strong(&run->halt, &none, why);
}

#endif
