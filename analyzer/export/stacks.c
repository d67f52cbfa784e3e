/* Bytes by stack, and export --format folded: one line a stack, for flamegraph.pl and its kin. */
#include "analyzer/export/stacks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/array.h"
#include "base/units.h"

static int frames_of(struct labels *labels, const struct ga_life *life, bool others, uint32_t frames[STACK_FRAMES])
{
    uint32_t program, name;
    char text[LABEL_MAX + 32];
    int result = labels_process(labels, life->process, life->pid, &frames[0], &program);
    snprintf(text, sizeof text, "thread %u", life->create_thread);
    if (result >= 0)
        result = labels_get(labels, text, &frames[1]);
    if (result >= 0)
        result = labels_surface_name(labels, life, &name);
    if (result < 0)
        return result;
    if (others)
        snprintf(text, sizeof text, "other surfaces");
    else
        labels_surface_text(labels, ga_row_is_d3dkmt(life->row), life->surface, name, text, sizeof text);
    result = labels_get(labels, text, &frames[2]);
    const char *call = life->row->request;
    snprintf(text, sizeof text, "%s %s", call + (strncmp(call, "D3DKMT", 6) ? 0 : 6), size_class_text(size_class_of(life)));
    return result < 0 ? result : labels_get(labels, text, &frames[3]);
}

static int stack_get(struct stacks *stacks, struct export *export, const struct ga_life *life, size_t *place)
{
    struct stack stack = {0};
    bool full = stacks->count >= STACKS_MAX || export->labels.count >= LABELS_MAX / 2;
    int result = frames_of(&export->labels, life, full, stack.frames);
    if (result < 0)
        return result;
    XXH128_hash_t hash = XXH3_128bits(stack.frames, sizeof stack.frames);
    const uint64_t *found = ga_map_get(&stacks->index, hash.low64, hash.high64);
    *place = found ? *found : stacks->count;
    if (found)
        return 0;
    if (ga_array_room(&stacks->list, &stacks->room, stacks->count + 1, sizeof *stacks->list) < 0 ||
        ga_map_set(&stacks->index, hash.low64, hash.high64, stacks->count) < 0)
        return -ENOMEM;
    stacks->list[stacks->count++] = stack;
    return 0;
}

/* Before a stack changes: what it has was alive at every peak since it changed last. */
static void stack_keep(const struct stacks *stacks, struct stack *stack)
{
    if (stack->peak == stacks->peaks)
        return;
    stack->at_peak = stack->live;
    stack->peak_count = stack->live_count;
    stack->peak = stacks->peaks;
}

int stacks_born(struct stacks *stacks, struct export *export, struct ga_life *life)
{
    size_t place;
    stacks->unknown += !life->imported && life->origin == GA_SIZE_UNKNOWN;
    if (life->imported || life->origin == GA_SIZE_UNKNOWN)
        return 0;
    int result = stack_get(stacks, export, life, &place);
    if (result < 0)
        return result;
    struct stack *stack = &stacks->list[place];
    life->user = (void *)(uintptr_t)(place + 1);
    stack_keep(stacks, stack);
    stack->made += life->size;
    stack->live += life->size;
    stack->made_count++;
    stack->live_count++;
    stacks->total += life->size;
    if (stacks->total > stacks->peak_total) {
        stacks->peak_total = stacks->total;
        stacks->peak_ns = export->now_ns;
        stacks->peaks++; /* stacks that do not change any more have what was alive then */
    }
    return 0;
}

int stacks_died(struct stacks *stacks, const struct ga_life *life, enum ga_life_end how)
{
    const struct ga_life *maker = ga_life_maker(life);
    if (how == GA_END_NOT || life->memory->handles || !maker->user)
        return 0;
    struct stack *stack = &stacks->list[(uintptr_t)maker->user - 1];
    stack_keep(stacks, stack);
    stack->live -= maker->size;
    stack->live_count--;
    stacks->total -= maker->size;
    return 0;
}

static int by_frames(const void *a, const void *b)
{
    const struct stack *x = a, *y = b;
    for (unsigned i = 0; i < STACK_FRAMES; i++)
        if (x->frames[i] != y->frames[i])
            return x->frames[i] < y->frames[i] ? -1 : 1;
    return 0;
}

void stacks_finish(struct stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++)
        stack_keep(stacks, &stacks->list[i]);
    if (stacks->count)
        qsort(stacks->list, stacks->count, sizeof *stacks->list, by_frames);
}

void stacks_release(struct stacks *stacks)
{
    free(stacks->list);
    ga_map_release(&stacks->index);
}

/* folded */

static int on_born(struct export *export, struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    return stacks_born(export->state, export, life);
}

static int on_died(struct export *export, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    return stacks_died(export->state, life, how);
}

/* A frame cannot have what separates frames. */
static void put_frame(const char *text, FILE *file)
{
    for (; *text; text++)
        putc(*text == ';' ? ',' : *text, file);
}

static int on_end(struct export *export, const struct ga_reader_totals *totals)
{
    (void)totals;
    struct stacks *stacks = export->state;
    stacks_finish(stacks);
    for (size_t i = 0; i < stacks->count; i++) {
        const struct stack *stack = &stacks->list[i];
        uint64_t bytes = export->peak ? stack->at_peak : stack->made;
        for (unsigned frame = 0; frame < STACK_FRAMES && bytes; frame++) {
            put_frame(labels_text(&export->labels, stack->frames[frame]), export->file);
            putc(frame + 1 < STACK_FRAMES ? ';' : ' ', export->file);
        }
        if (bytes)
            fprintf(export->file, "%" PRIu64 "\n", bytes);
    }
    return 0;
}

static void on_done(const struct export *export)
{
    const struct stacks *stacks = export->state;
    if (stacks->unknown)
        fprintf(stderr, "gpualloc export: not in it, for their size is unknown: %s allocation%s\n", ga_count(stacks->unknown).text,
                stacks->unknown == 1 ? "" : "s");
}

static void on_release(struct export *export)
{
    stacks_release(export->state);
}

const struct export_format export_folded = {
    .name = "folded",
    .state_size = sizeof(struct stacks),
    .born = on_born,
    .died = on_died,
    .end = on_end,
    .done = on_done,
    .release = on_release,
};
