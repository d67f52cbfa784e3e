/*
 * Lives and all analyses under any sequence of calls: few handles, files, threads and times, so that generations, owners,
 * imports and closings meet in every order. Whatever comes, each birth has one death, and no count falls below zero.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/calls.h"
#include "analyzer/analysis.h"
#include "base/map.h"

struct run {
    struct ga_map alive; /* (id, 0) */
    uint64_t births, deaths;
};

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take(struct input *input)
{
    return input->size ? input->size--, *input->data++ : 0;
}

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "fuzz-lives: %s\n", what);
    abort();
}

static int born(void *user, struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct run *run = user;
    must(!ga_map_get(&run->alive, life->id, 0), "born twice");
    must(life->memory->handles > 0 && ga_life_maker(life), "memory without a handle");
    must(life->origin == GA_SIZE_UNKNOWN || life->size > 0, "a size of 0 that is called known");
    run->births++;
    return ga_map_set(&run->alive, life->id, 0, 1);
}

static int died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call, (void)how;
    struct run *run = user;
    must(ga_map_erase(&run->alive, life->id, 0), "died twice, or was never born");
    must(life->died_ns >= life->born_ns, "died before it was born");
    run->deaths++;
    return 0;
}

static int sized(void *user, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before)
{
    struct run *run = user;
    must(ga_map_get(&run->alive, life->id, 0), "learnt of what is not alive");
    must(life->size > 0 && life->origin != GA_SIZE_UNKNOWN, "learnt nothing");
    must(origin_before == GA_SIZE_UNKNOWN || (ga_size_is_bound(origin_before) && (life->origin == GA_SIZE_LOCKED ||
         life->size > size_before)), "a worse size replaced a better one");
    return 0;
}

static int used(void *user, struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct run *run = user;
    must(ga_map_get(&run->alive, life->id, 0), "used what is not alive");
    return 0;
}

static struct ga_call *any_call(struct made *made, struct input *input, uint64_t *clock)
{
    uint8_t kind = take(input), who = take(input), what = take(input), more = take(input);
    uint64_t begin = *clock + take(input), end = begin + take(input) * 2u;
    *clock += more % 8 == 7 ? 11ULL * 1000 * 1000 * 1000 : more; /* now and then longer than a destroy is waited for */
    struct when when = {.process = 1 + who % 2, .thread = who / 2 % 3, .begin = begin, .end = end, .file = 5 + who / 8 % 3,
                        .device = who / 32 % 2};
    uint32_t handle = what % 8, other = what / 8 % 8;
    struct ga_call *call;
    switch (kind % 16) {
    case 0: call = made_open_adapter(made, when, handle % 3, other % 2); break;
    case 1: call = made_close_adapter(made, when, handle % 3); break;
    case 2: call = made_device(made, when, handle % 3, other); break;
    case 3: call = made_destroy_device(made, when, handle); break;
    case 5: call = more % 2 ? made_map(made, when, handle, other, more) : made_update(made, when, handle, other, more, more % 8); break;
    case 4: call = made_create(made, when, other, 0, more % 2 ? handle : 0, more, handle + 1, more % 4); break;
    case 6: call = made_create(made, when, other, handle, 0, 0, other + 1, 1); break;
    case 7: call = made_destroy(made, when, 1, 0, handle, more % 4); break;
    case 8: call = made_destroy(made, when, 1, handle, 0, 0); break;
    case 9: call = made_standard(made, when, other, handle, more * 4096u); break;
    case 10: call = made_dumb(made, when, handle, more * 4096u); break;
    case 11: call = made_gem_close(made, when, handle); break;
    case 12: call = made_export(made, when, handle, other); break;
    case 13: call = made_import(made, when, handle, other); break;
    case 14: call = made_flink(made, when, handle, other); break;
    default: call = made_gem_open(made, when, other, handle, more * 4096u); break;
    }
    made->record.header.marks = kind / 16 % 8 == 1 ? GA_MARK_NESTED : kind / 16 % 8 == 2 ? GA_MARK_UNREADABLE : 0;
    return kind / 16 % 8 == 3 ? made_failed(call) : call;
}

static void any_event(struct input *input, uint64_t clock, struct ga_lives *lives, struct analysis_set *set)
{
    uint8_t what = take(input);
    struct ga_gpualloc_file file = {
        .process = 1 + what % 2, .file = 5 + what / 2 % 3, .driver = what & 64 ? "dxg" : "vgem", .path = "p"};
    struct ga_gpualloc_file_closed closed = {.process = file.process, .file = file.file, .begin = clock};
    const struct ga_row *row = &ga_rows[what & 128 ? GA_ROW_gpualloc_file : GA_ROW_gpualloc_file_closed];
    const void *record = what & 128 ? (const void *)&file : (const void *)&closed;
    struct ga_gpualloc_lock_extent extent = {
        .process = file.process, .begin = clock, .hAllocation = what / 2 % 8, .size = 4096u + what};
    if (what % 16 == 15) {
        row = &ga_rows[GA_ROW_gpualloc_lock_extent];
        record = &extent;
    }
    must(ga_lives_event(lives, row, record, (int64_t)clock) == 0, "an event was refused");
    must(analysis_set_event(set, row, record, (int64_t)clock) == 0, "an analysis refused an event");
}

/* made = all ends together, and what is left is not negative. */
static void check_figures(struct analysis_set *set)
{
    json_object *object = json_object_new_object(), *made, *ends, *left;
    must(analysis_set_json(set, object) == 0, "no JSON");
    json_pointer_get(object, "/summary/memory/made", &made);
    json_pointer_get(object, "/summary/memory/ends", &ends);
    json_pointer_get(object, "/summary/memory/at_end", &left);
    uint64_t sum = 0;
    json_object_object_foreach(ends, name, end) {
        (void)name;
        sum += json_object_get_uint64(json_object_object_get(end, "count"));
    }
    must(sum == json_object_get_uint64(made), "ends are not as many as births");
    must(json_object_get_uint64(left) <= sum, "fewer than none are left");
    json_object_put(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ga_lives_ops ops = {.born = born, .died = died, .used = used, .sized = sized};
    static struct made made;
    struct input input = {data, size};
    struct run run = {0};
    struct ga_lives *lives;
    struct analysis_set *set;
    const struct analysis *const *table = analysis_table();
    size_t count = 0;
    while (table[count])
        count++;
    must(ga_lives_create(&lives, &ops, &run) == 0 && analysis_set_create(&set, table, count, NULL, NULL, NULL) == 0, "no memory");
    uint64_t clock = 1000;
    bool abandon = take(&input) % 16 == 0;
    while (input.size) {
        if (*input.data >= 240) {
            any_event(&input, clock, lives, set);
            continue;
        }
        struct ga_call *call = any_call(&made, &input, &clock);
        must(ga_lives_call(lives, call) == 0, "a call was refused");
        must(analysis_set_call(set, call) == 0, "an analysis refused a call");
    }
    if (!abandon) { /* else destroying it halfway must free everything too */
        struct ga_reader_totals totals = {.last_ns = (int64_t)clock + EPOCH};
        struct analysis_trace trace = {"T", &totals, NULL};
        must(ga_lives_finish(lives, totals.last_ns) == 0, "the end was refused");
        must(run.births == run.deaths && !run.alive.count, "something outlived the end");
        must(analysis_set_finish(set, &trace) == 0, "an analysis refused the end");
        check_figures(set);
    }
    ga_lives_destroy(lives);
    analysis_set_destroy(set);
    ga_map_release(&run.alive);
    return 0;
}
