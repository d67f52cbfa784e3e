/* Live-byte curves: see curve.h. */
#include "replayer/curve.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void replay_curve_stretch(struct replay_curve *curve, uint32_t shift)
{
    uint32_t by = curve->shift && shift > curve->shift ? shift - curve->shift : 0;
    by = by < REPLAY_CURVE_BITS ? by : REPLAY_CURVE_BITS;
    for (uint32_t slot = 0; by && slot < REPLAY_CURVE_SLOTS; slot++) {
        struct replay_curve_slot sum = {0};
        for (uint32_t from = slot << by; from < REPLAY_CURVE_SLOTS && from < (slot + 1) << by; from++) {
            sum.calls += curve->slots[from].calls;
            sum.bytes += curve->slots[from].bytes;
        }
        curve->slots[slot] = sum;
    }
    if (shift > curve->shift)
        curve->shift = shift;
}

void replay_curve_merge(struct replay_curve *curve, const struct replay_curve *other)
{
    if (!other->shift)
        return;
    if (other->shift > curve->shift)
        replay_curve_stretch(curve, other->shift);
    for (uint32_t slot = 0; slot < REPLAY_CURVE_SLOTS; slot++) {
        uint32_t to = slot >> (curve->shift - other->shift < 32 ? curve->shift - other->shift : 31);
        curve->slots[to].calls += other->slots[slot].calls;
        curve->slots[to].bytes += other->slots[slot].bytes;
    }
}

/* Which objects hold memory, and who takes them along. */
struct living {
    struct replay_plan *plan;
    uint32_t *first_child, *next_sibling, *holders;
    uint8_t *dead;
    int64_t bytes;
};

static bool holds_memory(const struct replay_object *object)
{
    return object->kind == REPLAY_BUFFER || object->kind == REPLAY_ALLOCATION;
}

static int64_t size_of(const struct living *living, uint32_t memory)
{
    uint64_t size = living->plan->objects[memory].size;
    return size > INT64_MAX / 4 ? 0 : (int64_t)size; /* no sum of what a machine can have comes near */
}

static void make(struct living *living, uint32_t object)
{
    uint32_t memory = living->plan->objects[object].memory;
    if (holds_memory(&living->plan->objects[object]) && !living->holders[memory]++)
        (void)__builtin_add_overflow(living->bytes, size_of(living, memory), &living->bytes);
}

/* Owners are few levels deep: file or process, device, resource, allocation. */
static void end(struct living *living, uint32_t object)
{
    if (living->dead[object])
        return;
    living->dead[object] = 1;
    uint32_t memory = living->plan->objects[object].memory;
    if (holds_memory(&living->plan->objects[object]) && living->holders[memory] && !--living->holders[memory])
        (void)__builtin_sub_overflow(living->bytes, size_of(living, memory), &living->bytes);
    for (uint32_t child = living->first_child[object]; child != REPLAY_NONE; child = living->next_sibling[child])
        end(living, child);
}

static void walk(struct living *living)
{
    struct replay_plan *plan = living->plan;
    for (uint32_t o = 0; o < plan->object_count; o++)
        living->first_child[o] = REPLAY_NONE;
    for (uint32_t o = plan->object_count; o-- > 0;) {
        uint32_t owner = plan->objects[o].owner;
        if (owner == REPLAY_NONE || owner == o)
            continue;
        living->next_sibling[o] = living->first_child[owner];
        living->first_child[owner] = o;
    }
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        for (uint32_t r = call->refs; !call->failed && r < call->refs + call->ref_count; r++) {
            const struct replay_ref *ref = &plan->refs[r];
            if (ref->object != REPLAY_NONE && ref->role == REPLAY_MAKES)
                make(living, ref->object);
            else if (ref->object != REPLAY_NONE && ref->role == REPLAY_ENDS)
                end(living, ref->object);
        }
        plan->live[c] = living->bytes;
        plan->live_peak = living->bytes > (int64_t)plan->live_peak ? (uint64_t)living->bytes : plan->live_peak;
    }
}

int replay_curve_record(struct replay_plan *plan)
{
    uint32_t objects = plan->object_count + 1u;
    plan->live = calloc(plan->call_count + 1u, sizeof *plan->live);
    struct living living = {
        .plan = plan,
        .first_child = malloc(objects * sizeof(uint32_t)),
        .next_sibling = malloc(objects * sizeof(uint32_t)),
        .holders = calloc(objects, sizeof(uint32_t)),
        .dead = calloc(objects, 1),
    };
    bool whole = plan->live && living.first_child && living.next_sibling && living.holders && living.dead;
    if (whole)
        for (uint32_t o = 0; o < objects; o++)
            living.next_sibling[o] = REPLAY_NONE;
    if (whole)
        walk(&living);
    free(living.first_child);
    free(living.next_sibling);
    free(living.holders);
    free(living.dead);
    return whole ? 0 : -ENOMEM;
}

double replay_curve_distance(const struct replay_curve *curve, const struct replay_plan *plan)
{
    uint64_t through = 0;
    int64_t alive = 0;
    double sum = 0, before = 0;
    for (uint32_t slot = 0; slot < REPLAY_CURVE_SLOTS; slot++) {
        if (!curve->slots[slot].calls)
            continue;
        through += curve->slots[slot].calls;
        alive += curve->slots[slot].bytes;
        uint64_t last = through < plan->call_count ? through : plan->call_count;
        double apart = fabs((double)alive - (double)plan->live[last - 1]);
        sum += (before + apart) / 2 * (double)curve->slots[slot].calls;
        before = apart;
    }
    return through && plan->live_peak ? sum / (double)through / (double)plan->live_peak : 0;
}
