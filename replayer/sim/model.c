/* The model: see model.h. */
#include "replayer/sim/model.h"

#include <errno.h>
#include <stdlib.h>

#include "base/units.h"

const char *const sim_allocator_names[] = {[SIM_BUDDY] = "buddy", [SIM_MM] = "mm", NULL};
const char *sim_segment_name(enum sim_segment segment)
{
    static const char *const names[] = {[SIM_VRAM] = "vram", [SIM_GTT] = "gtt", [SIM_SWAP] = "swap", [SIM_NOWHERE] = "nowhere"};
    return names[segment];
}

const struct sim_costs sim_costs_usual = {
    .call = 1000, .clear_vram = 40, .clear_system = 400, .copy = 160, .swap = 2000, .map = 10};

#define UNLIMITED (UINT64_MAX / 4)
enum { HUGE_PAGE = 2 << 20, NOBODY = -1 };

struct state { /* of a buffer */
    struct sim_pieces pieces;
    uint32_t older, newer; /* in the list of its segment */
    uint64_t call;         /* the newest that needs it where it is: not evicted by the same call; 0: none */
    uint32_t holds;        /* MakeResident without Evict */
    uint8_t segment;       /* enum sim_segment */
    bool alive;
};

struct list { /* of buffers, by their last use */
    uint32_t oldest, newest;
};

struct model {
    const struct sim_script *script;
    const struct sim_options *options;
    struct sim_outcome *out;
    struct state *states;
    struct list lists[SIM_SEGMENTS];
    uint64_t used[SIM_SEGMENTS];
    struct sim_buddy buddy;
    struct sim_mm vram, gtt;
    const struct sim_step *step;
    uint64_t call; /* its number + 1 */
};

uint64_t sim_time(const struct sim_outcome *o) { return o->ns_calls + o->ns_cleared + o->ns_copied + o->ns_swapped + o->ns_mapped; }

bool sim_sufficed(const struct sim_outcome *o) { return !o->evicted.count && !o->displaced.count && !o->failed.count; }

static const struct sim_buffer *buffer_of(const struct model *m, uint32_t b) { return &m->script->buffers[b]; }

static void count(struct sim_count *counter, uint64_t bytes)
{
    counter->count++;
    counter->bytes += bytes;
}

/* --- lists by last use ------------------------------------------------------------------------------------------------------- */

static void unlink_buffer(struct model *m, uint32_t b)
{
    struct state *s = &m->states[b];
    struct list *list = &m->lists[s->segment];
    *(s->older == REPLAY_NONE ? &list->oldest : &m->states[s->older].newer) = s->newer;
    *(s->newer == REPLAY_NONE ? &list->newest : &m->states[s->newer].older) = s->older;
}

static void link_newest(struct model *m, uint32_t b)
{
    struct state *s = &m->states[b];
    struct list *list = &m->lists[s->segment];
    s->older = list->newest;
    s->newer = REPLAY_NONE;
    *(list->newest == REPLAY_NONE ? &list->oldest : &m->states[list->newest].newer) = b;
    list->newest = b;
}

static void link_oldest(struct model *m, uint32_t b)
{
    struct state *s = &m->states[b];
    struct list *list = &m->lists[s->segment];
    s->newer = list->oldest;
    s->older = REPLAY_NONE;
    *(list->oldest == REPLAY_NONE ? &list->newest : &m->states[list->oldest].older) = b;
    list->oldest = b;
}

/* The one that was not used for longest, and that the call under way does not need; what MakeResident holds comes last. */
static uint32_t find_victim(const struct model *m, enum sim_segment segment)
{
    uint32_t held = REPLAY_NONE;
    for (uint32_t b = m->lists[segment].oldest; b != REPLAY_NONE; b = m->states[b].newer) {
        if (m->states[b].call == m->call)
            continue;
        if (!m->states[b].holds)
            return b;
        held = held == REPLAY_NONE ? b : held;
    }
    return held;
}

/* --- what is where ----------------------------------------------------------------------------------------------------------- */

static void note_fragmentation(struct sim_fragmentation *f, uint64_t largest, uint64_t free_bytes, int64_t ns)
{
    f->at_end = free_bytes ? 1 - (double)largest / (double)free_bytes : 0;
    if (largest < f->least_largest)
        f->least_largest = largest;
    if (f->at_end <= f->worst)
        return;
    f->worst = f->at_end;
    f->worst_ns = ns;
    f->worst_free = free_bytes;
    f->worst_largest = largest;
}

static void note_stretch(struct model *m, uint64_t largest)
{
    struct sim_outcome *out = m->out;
    uint64_t span = m->script->span_ns / SIM_STRETCHES + 1, ns = m->step->ns > 0 ? (uint64_t)m->step->ns : 0;
    int64_t start = (int64_t)(ns / span * span);
    struct sim_stretch *last = out->stretch_count ? &out->stretches[out->stretch_count - 1] : NULL;
    if (!last || (last->ns < start && out->stretch_count < SIM_STRETCHES)) {
        last = &out->stretches[out->stretch_count++];
        *last = (struct sim_stretch){.ns = start, .largest = largest};
    }
    if (m->used[SIM_VRAM] > last->used)
        last->used = m->used[SIM_VRAM];
    if (largest < last->largest)
        last->largest = largest;
    if (out->vram.at_end > last->fragmentation)
        last->fragmentation = out->vram.at_end;
}

static void note_use(struct model *m, enum sim_segment segment)
{
    if (m->used[segment] > m->out->peak[segment]) {
        m->out->peak[segment] = m->used[segment];
        m->out->peak_ns[segment] = m->step->ns;
    }
    if (segment == SIM_GTT && m->options->gtt)
        note_fragmentation(&m->out->gtt, sim_mm_largest(&m->gtt), m->gtt.free, m->step->ns);
    if (segment != SIM_VRAM)
        return;
    bool buddy = m->options->allocator == SIM_BUDDY;
    uint64_t largest = buddy ? sim_buddy_largest(&m->buddy) : sim_mm_largest(&m->vram);
    note_fragmentation(&m->out->vram, largest, buddy ? m->buddy.free : m->vram.free, m->step->ns);
    note_stretch(m, largest);
}

/* As amdgpu asks its manager: what is whole huge pages comes in such, visible memory from the bottom up. */
static int place_local(struct model *m, const struct sim_buffer *buffer, struct sim_pieces *pieces)
{
    if (m->options->allocator == SIM_MM)
        return sim_mm_alloc(&m->vram, buffer->size, buffer->alignment > SIM_SPACE_MAX ? SIM_SPACE_MAX : buffer->alignment,
                            buffer->visible ? SIM_MM_BEST : SIM_MM_HIGH, pieces);
    uint64_t block = buffer->size % HUGE_PAGE == 0 ? HUGE_PAGE : SIM_PAGE;
    while (block < buffer->alignment && block < SIM_SPACE_MAX)
        block *= 2;
    struct sim_buddy_request request = {buffer->size, block, buffer->contiguous, !buffer->visible};
    return sim_buddy_alloc(&m->buddy, &request, pieces);
}

/* 0, -ENOSPC or -ENOMEM. */
static int enter(struct model *m, uint32_t b, enum sim_segment segment)
{
    struct state *s = &m->states[b];
    const struct sim_buffer *buffer = buffer_of(m, b);
    int result = 0;
    if (segment == SIM_VRAM)
        result = place_local(m, buffer, &s->pieces);
    else if (segment == SIM_GTT)
        result = sim_mm_alloc(&m->gtt, buffer->size, 0, SIM_MM_BEST, &s->pieces);
    if (result < 0)
        return result;
    s->segment = (uint8_t)segment;
    m->used[segment] += buffer->size;
    link_newest(m, b);
    note_use(m, segment);
    return 0;
}

static void leave(struct model *m, uint32_t b)
{
    struct state *s = &m->states[b];
    enum sim_segment segment = (enum sim_segment)s->segment;
    unlink_buffer(m, b);
    m->used[segment] -= buffer_of(m, b)->size;
    if (segment == SIM_VRAM && m->options->allocator == SIM_BUDDY)
        sim_buddy_free(&m->buddy, &s->pieces);
    else if (segment == SIM_VRAM)
        sim_mm_free(&m->vram, &s->pieces);
    else if (segment == SIM_GTT)
        sim_mm_free(&m->gtt, &s->pieces);
    s->segment = SIM_NOWHERE;
    note_use(m, segment);
}

/* --- eviction ---------------------------------------------------------------------------------------------------------------- */

static uint64_t pages(uint64_t bytes) { return bytes / SIM_PAGE; }

static int make_room(struct model *m, uint32_t b, enum sim_segment segment);

static void pay_swap(struct model *m, struct sim_count *counter, uint64_t size)
{
    count(counter, size);
    m->out->ns_swapped += pages(size) * m->options->costs.swap;
}

static int evict_local(struct model *m, uint32_t victim)
{
    uint64_t size = buffer_of(m, victim)->size;
    count(&m->out->evicted, size);
    if (m->out->first_evicted == REPLAY_NONE)
        m->out->first_evicted = m->step->call;
    m->out->ns_copied += pages(size) * m->options->costs.copy;
    leave(m, victim);
    int result = make_room(m, victim, SIM_GTT);
    if (result == 0)
        m->out->ns_mapped += pages(size) * m->options->costs.map;
    if (result != -ENOSPC)
        return result;
    pay_swap(m, &m->out->swapped_out, size); /* it is larger than what the GPU reaches of the system's */
    return enter(m, victim, SIM_SWAP);
}

static int evict_system(struct model *m, uint32_t victim)
{
    leave(m, victim);
    pay_swap(m, &m->out->swapped_out, buffer_of(m, victim)->size);
    return enter(m, victim, SIM_SWAP);
}

/* Enters the buffer, evicting one after the other until it fits: as TTM, which asks again after each. What could not fit an empty
   segment evicts nobody. -ENOSPC: nobody is left to be evicted. */
static int make_room(struct model *m, uint32_t b, enum sim_segment segment)
{
    uint64_t size = segment == SIM_VRAM ? m->options->vram : m->options->gtt ? m->options->gtt : UNLIMITED;
    if (buffer_of(m, b)->size > size)
        return -ENOSPC;
    for (;;) {
        int result = enter(m, b, segment);
        if (result != -ENOSPC)
            return result;
        uint32_t victim = find_victim(m, segment);
        if (victim == REPLAY_NONE)
            return -ENOSPC;
        result = segment == SIM_VRAM ? evict_local(m, victim) : evict_system(m, victim);
        if (result < 0)
            return result;
        if (m->options->only_whether && segment == SIM_VRAM)
            return -ECANCELED;
    }
}

/* --- steps ------------------------------------------------------------------------------------------------------------------- */

static int create(struct model *m, uint32_t b)
{
    struct state *s = &m->states[b];
    const struct sim_buffer *buffer = buffer_of(m, b);
    const struct sim_costs *costs = &m->options->costs;
    s->call = m->call;
    s->alive = true;
    int result = buffer->local ? make_room(m, b, SIM_VRAM) : -ENOSPC;
    if (result == -ENOSPC && buffer->local)
        count(&m->out->displaced, buffer->size);
    if (result == -ENOSPC)
        result = make_room(m, b, SIM_GTT);
    if (result == -ENOSPC) {
        count(&m->out->failed, buffer->size);
        if (m->out->first_failed == REPLAY_NONE)
            m->out->first_failed = m->step->call;
        s->alive = false;
        return 0;
    }
    if (result < 0)
        return result;
    m->out->ns_mapped += pages(buffer->size) * costs->map;
    if (!buffer->users)
        m->out->ns_cleared += pages(buffer->size) * (s->segment == SIM_VRAM ? costs->clear_vram : costs->clear_system);
    return 0;
}

/* Moves it to where the GPU reaches it, and into the device's memory if it belongs there. */
static int restore(struct model *m, uint32_t b)
{
    struct state *s = &m->states[b];
    const struct sim_buffer *buffer = buffer_of(m, b);
    enum sim_segment from = (enum sim_segment)s->segment;
    if (from == SIM_VRAM || (from == SIM_GTT && !buffer->local))
        return 0;
    leave(m, b);
    int result = buffer->local ? make_room(m, b, SIM_VRAM) : -ENOSPC;
    bool local = result == 0;
    if (result == -ENOSPC && buffer->local)
        count(&m->out->displaced, buffer->size);
    if (result == -ENOSPC)
        result = make_room(m, b, SIM_GTT);
    if (result == -ENOSPC) { /* nothing that this call does not need itself is left to make room */
        if (from != SIM_SWAP)
            pay_swap(m, &m->out->swapped_out, buffer->size);
        return enter(m, b, SIM_SWAP);
    }
    if (result < 0)
        return result;
    if (from == SIM_SWAP)
        pay_swap(m, &m->out->swapped_in, buffer->size);
    if (local) {
        count(&m->out->restored, buffer->size);
        m->out->ns_copied += pages(buffer->size) * m->options->costs.copy;
    }
    if (local || from == SIM_SWAP)
        m->out->ns_mapped += pages(buffer->size) * m->options->costs.map;
    return 0;
}

static void use_now(struct model *m, uint32_t b)
{
    unlink_buffer(m, b);
    link_newest(m, b);
}

static int release(struct model *m, uint32_t b)
{
    struct state *s = &m->states[b];
    if (s->holds && --s->holds)
        return 0;
    unlink_buffer(m, b);
    link_oldest(m, b);
    return 0;
}

static int take_step(struct model *m, const struct sim_step *step)
{
    struct state *s = step->buffer == REPLAY_NONE ? NULL : &m->states[step->buffer];
    m->step = step;
    m->call = (uint64_t)step->call + 1;
    if (step->action == SIM_CALL) {
        m->out->ns_calls += m->options->costs.call;
        return 0;
    }
    if (step->action == SIM_CREATE)
        return create(m, step->buffer);
    if (!s->alive) /* there was no memory for it */
        return 0;
    switch ((enum sim_action)step->action) {
    case SIM_FREE:
        leave(m, step->buffer);
        s->alive = false;
        return 0;
    case SIM_RELEASE:
        return release(m, step->buffer);
    case SIM_HOLD:
        s->holds++;
        break;
    case SIM_NEED:
        break;
    default:
        use_now(m, step->buffer);
        return 0;
    }
    s->call = m->call;
    use_now(m, step->buffer);
    return restore(m, step->buffer);
}

/* A call's buffers are all known before the first is moved: none of them makes room for another. */
static void reserve_call(struct model *m, const struct sim_step *first, const struct sim_step *end)
{
    for (const struct sim_step *step = first; step < end && step->call == first->call; step++)
        if (step->action == SIM_NEED || step->action == SIM_HOLD)
            m->states[step->buffer].call = (uint64_t)step->call + 1;
}

/* --- the whole --------------------------------------------------------------------------------------------------------------- */

static int init(struct model *m, struct ga_error *error)
{
    const struct sim_options *options = m->options;
    bool gtt = !options->gtt || (options->gtt >= SIM_PAGE && options->gtt <= UNLIMITED);
    if (options->vram < SIM_PAGE || options->vram > SIM_SPACE_MAX || !gtt)
        return ga_error_set(error, EINVAL, "sim: a segment of memory has at least %s, and vram at most %s", ga_bytes(SIM_PAGE).text,
                            ga_bytes(SIM_SPACE_MAX).text);
    for (int segment = 0; segment < SIM_SEGMENTS; segment++)
        m->lists[segment] = (struct list){REPLAY_NONE, REPLAY_NONE};
    *m->out = (struct sim_outcome){.first_failed = REPLAY_NONE, .first_evicted = REPLAY_NONE,
                                   .size = {[SIM_VRAM] = options->vram, [SIM_GTT] = options->gtt},
                                   .vram.least_largest = UINT64_MAX, .gtt.least_largest = UINT64_MAX};
    m->states = calloc(m->script->buffer_count + 1u, sizeof *m->states);
    int result = m->states ? 0 : -ENOMEM;
    for (uint32_t b = 0; result == 0 && b < m->script->buffer_count; b++)
        m->states[b] = (struct state){.segment = SIM_NOWHERE};
    if (result == 0)
        result = options->allocator == SIM_BUDDY ? sim_buddy_init(&m->buddy, options->vram) : sim_mm_init(&m->vram, options->vram);
    if (result == 0)
        result = sim_mm_init(&m->gtt, options->gtt ? options->gtt : UNLIMITED);
    if (result < 0)
        return ga_error_errno(error, -result, "sim: %s of memory to model", ga_bytes(options->vram).text);
    static const struct sim_step before = {0};
    m->step = &before;
    note_use(m, SIM_VRAM);
    note_use(m, SIM_GTT);
    return 0;
}

int sim_run(const struct sim_script *script, const struct sim_options *options, struct sim_outcome *outcome, struct ga_error *error)
{
    struct model m = {.script = script, .options = options, .out = outcome};
    int result = init(&m, error);
    bool done = false;
    for (size_t i = 0; result == 0 && !done && i < script->step_count; i++) {
        if (i == 0 || script->steps[i].call != script->steps[i - 1].call)
            reserve_call(&m, &script->steps[i], script->steps + script->step_count);
        int status = take_step(&m, &script->steps[i]);
        done = status == -ECANCELED || (options->only_whether && !sim_sufficed(outcome));
        if (status < 0 && status != -ECANCELED)
            result = ga_error_errno(error, -status, "sim");
    }
    for (uint32_t b = 0; m.states && b < script->buffer_count; b++)
        sim_pieces_release(&m.states[b].pieces);
    free(m.states);
    sim_buddy_release(&m.buddy);
    sim_mm_release(&m.vram);
    sim_mm_release(&m.gtt);
    return result;
}
