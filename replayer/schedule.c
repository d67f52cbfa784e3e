/* Schedules: see schedule.h. */
#include "replayer/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Folding: the next call is the one that began first in the recording, of those that would not wait for one that is still to come. */
struct fold {
    const struct replay_plan *plan;
    uint32_t *next; /* by lane: its next call, as a sequence */
    uint32_t *heap; /* lanes by their next call's number, that is by its begin */
    uint32_t count;
    uint32_t *blocked; /* by lane: first lane that waits for it to go on, or REPLAY_NONE */
    uint32_t *others;  /* by lane: the next that waits for the same */
    uint32_t still;    /* lanes that wait */
};

static uint32_t next_call(const struct fold *f, uint32_t lane)
{
    return f->plan->order[f->plan->lanes[lane].first + f->next[lane]];
}

static void push(struct fold *f, uint32_t lane)
{
    uint32_t at = f->count++;
    for (; at && next_call(f, f->heap[(at - 1) / 2]) > next_call(f, lane); at = (at - 1) / 2)
        f->heap[at] = f->heap[(at - 1) / 2];
    f->heap[at] = lane;
}

static uint32_t pop(struct fold *f)
{
    uint32_t top = f->heap[0], last = f->heap[--f->count], at = 0;
    for (uint32_t child; (child = 2 * at + 1) < f->count; at = child) {
        child += child + 1 < f->count && next_call(f, f->heap[child + 1]) < next_call(f, f->heap[child]);
        if (next_call(f, f->heap[child]) >= next_call(f, last))
            break;
        f->heap[at] = f->heap[child];
    }
    f->heap[at] = last;
    return top;
}

/* The lane whose next call has to come first, or REPLAY_NONE: a blocking wait comes after what ends it, though it began before. */
static uint32_t waits_for_lane(const struct fold *f, uint32_t number)
{
    const struct replay_plan *plan = f->plan;
    const struct replay_call *call = &plan->calls[number];
    for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++)
        if (f->next[plan->dependencies[d].lane] <= plan->dependencies[d].sequence)
            return plan->dependencies[d].lane;
    for (uint32_t s = call->signals; s < call->signals + call->signal_count; s++) {
        const struct replay_call *signal = &plan->calls[plan->signals[s]];
        if (signal->lane != call->lane && f->next[signal->lane] <= signal->sequence)
            return signal->lane;
    }
    return REPLAY_NONE;
}

/* It has gone on: who waited for it may look again. */
static void wake(struct fold *f, uint32_t lane)
{
    uint32_t waiting = f->blocked[lane];
    f->blocked[lane] = REPLAY_NONE;
    for (uint32_t next; waiting != REPLAY_NONE; waiting = next) {
        next = f->others[waiting];
        f->still--;
        push(f, waiting);
    }
}

/* Whether there is one. Lanes that wait for each other, as no recording has it, go on in the order of their begins. */
static bool take(struct fold *f, uint32_t *lane)
{
    while (f->count) {
        *lane = pop(f);
        uint32_t on = waits_for_lane(f, next_call(f, *lane));
        if (on == REPLAY_NONE)
            return true;
        f->others[*lane] = f->blocked[on];
        f->blocked[on] = *lane;
        f->still++;
    }
    if (!f->still)
        return false;
    for (uint32_t l = 0; l < f->plan->lane_count; l++)
        wake(f, l);
    *lane = pop(f);
    return true;
}

static void fold_calls(struct fold *f, struct replay_schedule *schedule, uint32_t *filled)
{
    for (uint32_t l = 0; l < f->plan->lane_count; l++) {
        f->blocked[l] = REPLAY_NONE;
        if (f->plan->lanes[l].count)
            push(f, l);
    }
    for (uint32_t lane; take(f, &lane);) {
        struct replay_worker *worker = &schedule->workers[lane % schedule->worker_count];
        uint32_t number = next_call(f, lane), place = filled[lane % schedule->worker_count]++;
        schedule->own_order[worker->first + place] = number;
        schedule->places[number] = place;
        if (++f->next[lane] < f->plan->lanes[lane].count)
            push(f, lane);
        wake(f, lane);
    }
}

static int fold(struct replay_schedule *schedule, const struct replay_plan *plan)
{
    uint32_t lanes = plan->lane_count;
    uint32_t *memory = calloc(5 * (lanes + 1u), sizeof *memory);
    schedule->own_order = calloc(plan->call_count + 1u, sizeof *schedule->own_order);
    schedule->places = calloc(plan->call_count + 1u, sizeof *schedule->places);
    if (!memory || !schedule->own_order || !schedule->places) {
        free(memory);
        return -ENOMEM;
    }
    for (uint32_t l = 0; l < lanes; l++)
        schedule->workers[l % schedule->worker_count].count += plan->lanes[l].count;
    for (uint32_t w = 1; w < schedule->worker_count; w++)
        schedule->workers[w].first = schedule->workers[w - 1].first + schedule->workers[w - 1].count;
    struct fold f = {.plan = plan, .next = memory, .heap = memory + lanes, .blocked = memory + 2 * lanes, .others = memory + 3 * lanes};
    fold_calls(&f, schedule, memory + 4 * lanes);
    schedule->order = schedule->own_order;
    free(memory);
    return 0;
}

/* Only what another worker waits for has to be told at once. */
static void find_watched(struct replay_schedule *schedule, const struct replay_plan *plan)
{
    for (uint32_t c = 0; plan->dependency_count && c < plan->call_count; c++)
        for (uint32_t d = plan->calls[c].dependencies; d < plan->calls[c].dependencies + plan->calls[c].dependency_count; d++) {
            const struct replay_dependency *on = &plan->dependencies[d];
            uint32_t worker = replay_schedule_worker(schedule, on->lane);
            if (worker == replay_schedule_worker(schedule, plan->calls[c].lane))
                continue;
            uint32_t place = schedule->workers[worker].first + replay_schedule_place(schedule, plan, on);
            schedule->watched[place / 8] |= (uint8_t)(1u << place % 8);
            schedule->workers[worker].watched = true;
        }
}

int replay_schedule_init(struct replay_schedule *schedule, const struct replay_plan *plan, uint32_t threads)
{
    bool folded = threads && threads < plan->lane_count;
    *schedule = (struct replay_schedule){.worker_count = folded ? threads : plan->lane_count, .order = plan->order};
    schedule->workers = calloc(schedule->worker_count + 1u, sizeof *schedule->workers);
    schedule->watched = calloc(plan->call_count / 8 + 1u, 1);
    if (!schedule->workers || !schedule->watched)
        return -ENOMEM;
    for (uint32_t l = 0; !folded && l < plan->lane_count; l++)
        schedule->workers[l] = (struct replay_worker){.first = plan->lanes[l].first, .count = plan->lanes[l].count};
    if (folded && fold(schedule, plan) < 0)
        return -ENOMEM;
    find_watched(schedule, plan);
    return 0;
}

bool replay_plan_is_of_several(const struct replay_plan *plan)
{
    for (uint32_t l = 1; l < plan->lane_count; l++)
        if (plan->lanes[l].process != plan->lanes[0].process)
            return true;
    return false;
}

static uint32_t crew_of(const uint32_t *crews, uint32_t lane)
{
    while (crews[lane] != lane)
        lane = crews[lane];
    return lane;
}

static void join_crews(uint32_t *crews, uint32_t a, uint32_t b)
{
    a = crew_of(crews, a);
    b = crew_of(crews, b);
    crews[a > b ? a : b] = a > b ? b : a;
}

/* The open file that an object is of, or REPLAY_NONE. */
static uint32_t file_of(const struct replay_plan *plan, uint32_t object)
{
    while (object != REPLAY_NONE && plan->objects[object].kind != REPLAY_FILE)
        object = plan->objects[object].owner;
    return object;
}

static void join_users(const struct replay_plan *plan, uint32_t *crews, uint32_t *users, uint32_t object, uint32_t lane)
{
    uint32_t file = file_of(plan, object);
    if (file != REPLAY_NONE && users[file] == REPLAY_NONE)
        users[file] = lane;
    else if (file != REPLAY_NONE && users[file] != lane)
        join_crews(crews, users[file], lane);
}

uint32_t *replay_schedule_crews(const struct replay_plan *plan, uint32_t *count)
{
    uint32_t *crews = malloc((plan->lane_count + 1u) * sizeof *crews);
    uint32_t *users = malloc((plan->object_count + 1u) * sizeof *users); /* by file's object: one of its lanes */
    *count = 0;
    if (!crews || !users) {
        free(crews);
        free(users);
        return NULL;
    }
    memset(users, 0xff, (plan->object_count + 1u) * sizeof *users);
    for (uint32_t l = 0; l < plan->lane_count; l++) {
        crews[l] = l;
        for (uint32_t before = 0; before < l && crews[l] == l; before++)
            if (plan->lanes[before].process == plan->lanes[l].process)
                crews[l] = before;
    }
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        if (call->file != REPLAY_NONE)
            join_users(plan, crews, users, plan->files[call->file].object, call->lane);
        for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
            join_users(plan, crews, users, plan->refs[r].object, call->lane);
    }
    for (uint32_t l = 0; l < plan->lane_count; l++) {
        crews[l] = crew_of(crews, l);
        *count += crews[l] == l;
    }
    free(users);
    return crews;
}

void replay_schedule_release(struct replay_schedule *schedule)
{
    free(schedule->workers);
    free(schedule->own_order);
    free(schedule->places);
    free(schedule->watched);
    *schedule = (struct replay_schedule){0};
}
