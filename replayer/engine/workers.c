/* Worker processes: see workers.h. */
#include "replayer/engine/workers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "replayer/engine/lanes.h"
#include "replayer/share.h"

enum {
    END_MS = 30000, /* what a worker may take to free what it has; then it is killed */
    REAP_MS = 2000, /* what a killed one may take to end: what is stuck in the kernel is left to it */
    FAILED = 1,     /* exit status of a worker that could not begin */
};

struct engine_worker {
    uint32_t crew;
    pid_t pid; /* 0: it is gone */
};

/* It ends with its parent, whose business a terminal's signals are: all are told by run->halt. */
static void become_worker(pid_t parent)
{
    static const int ours[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        signal(ours[i], SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(FAILED);
    replay_lend_descriptors();
}

static void fail(struct engine *run, int result, const struct ga_error *error)
{
    if (!atomic_exchange(&run->failing, true)) { /* the first is told */
        run->failure = result;
        run->error = *error;
        atomic_store(&run->failed, true);
    }
}

static _Noreturn void work(struct engine *run, uint32_t number)
{
    struct ga_error error = {""};
    const struct replay_crew crew = {.of = run->out->crews, .number = number};
    int result = run->backend->enter(run->device, &crew, &error);
    if (result == 0) {
        result = engine_start_lanes(run, &crew);
        if (result < 0)
            ga_error_errno(&error, -result, "starting the threads of a worker");
    }
    if (result < 0) {
        fail(run, result, &error);
        _exit(FAILED);
    }
    engine_join_lanes(run, &crew);
    run->backend->end(run->device);
    _exit(0);
}

static void kill_workers(struct engine *run)
{
    for (uint32_t w = 0; w < run->worker_count; w++)
        if (run->workers[w].pid)
            kill(run->workers[w].pid, SIGKILL);
}

/* False: they are not all gone yet. */
static bool reap(struct engine *run)
{
    bool gone = true;
    for (uint32_t w = 0; w < run->worker_count; w++) {
        if (run->workers[w].pid && waitpid(run->workers[w].pid, NULL, WNOHANG) != 0)
            run->workers[w].pid = 0;
        gone &= !run->workers[w].pid;
    }
    return gone;
}

static void forget_workers(struct engine *run, bool killed)
{
    for (int i = killed ? END_MS : 0; !reap(run) && i < END_MS + REAP_MS; i++) {
        if (i == END_MS)
            kill_workers(run);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    free(run->workers);
    run->workers = NULL;
    run->worker_count = 0;
}

static int fork_worker(struct engine *run, uint32_t crew)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        become_worker(parent);
        work(run, crew);
    }
    if (pid < 0)
        return -errno;
    run->workers[run->worker_count++] = (struct engine_worker){.crew = crew, .pid = pid};
    return 0;
}

int engine_start_workers(struct engine *run, struct ga_error *error)
{
    const struct replay_plan *plan = run->session->plan;
    run->workers = calloc(plan->lane_count + 1u, sizeof *run->workers);
    if (!run->workers)
        return ga_error_errno(error, ENOMEM, "replay");
    atomic_store(&run->waiting, 0);
    atomic_store(&run->opened, 0);
    run->go_home = false;
    fflush(NULL); /* what is not written yet is not written twice */
    int result = 0;
    for (uint32_t l = 0; result == 0 && l < plan->lane_count; l++)
        if (run->out->crews[l] == l)
            result = fork_worker(run, l);
    if (result == 0)
        return 0;
    ga_error_errno(error, -result, "starting worker %u", run->worker_count + 1);
    forget_workers(run, true);
    return result;
}

bool engine_workers_live(struct engine *run)
{
    for (uint32_t w = 0; w < run->worker_count; w++) {
        struct engine_worker *worker = &run->workers[w];
        int status;
        if (!worker->pid || waitpid(worker->pid, &status, WNOHANG) != worker->pid)
            continue;
        worker->pid = 0;
        run->out->died.process = run->session->plan->lanes[worker->crew].process;
        run->out->died.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        engine_halt(run, atomic_load(&run->failed) ? REPLAY_END_ERROR : REPLAY_END_DIED);
        return false;
    }
    return true;
}

int engine_end_workers(struct engine *run, bool alive, struct ga_error *error)
{
    bool go = alive && engine_send_home(run, run->out->schedule.worker_count);
    forget_workers(run, !go);
    if (!atomic_load(&run->failed))
        return 0;
    *error = run->error;
    return run->failure;
}
