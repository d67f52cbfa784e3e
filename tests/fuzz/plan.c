/*
 * Plans from any calls: rows, members, lists and private data as the input says, few handles and times, so that generations and
 * threads meet in every order. Whatever comes: places lie in images, objects exist, a call waits only for earlier ones, and the
 * calls can be made ready in the order of their begin. A model of memory takes them too, and never holds more than it has.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/requests.h"
#include "replayer/sim/model.h"

enum { CALLS = 200, LIST = 8, ELEMENTS = 4 };

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take(struct input *input)
{
    return input->size ? input->size--, *input->data++ : 0;
}

/* Mostly a small number, now and then any. */
static uint64_t number(struct input *input)
{
    uint8_t first = take(input);
    if (first < 250)
        return first % 8;
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | take(input);
    return value;
}

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "fuzz-plan: %s\n", what);
    abort();
}

static int any_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    (void)user;
    static const char bytes[64] = "private data";
    *data = bytes;
    *size = hash % sizeof bytes;
    return hash % 5 ? 0 : -ENOENT;
}

static void store(void *record, uint16_t offset, uint64_t value, unsigned width)
{
    if (offset != GA_NONE)
        memcpy((char *)record + offset, &value, width);
}

static void fill(const struct ga_row *row, void *record, uint32_t *list, struct input *input)
{
    for (const struct ga_member *member = row->members(); member->name; member++) {
        uint64_t value = number(input);
        switch (member->kind) {
        case GA_BLOB:
            store(record, member->address, value, 8);
            store(record, member->in, value % 32, 8);
            break;
        case GA_ARRAY:
            for (int i = 0; i < 2 * LIST; i++)
                list[i] = (uint32_t)number(input);
            store(record, member->address, take(input) % 4, 8);
            store(record, member->in, (uintptr_t)list, 8);
            store(record, member->length, value % (LIST + 1), 4);
            break;
        case GA_ELEMENTS:
            store(record, member->address, take(input) % 4, 8);
            break;
        case GA_STR:
        case GA_WORDS:
            break;
        default:
            store(record, member->in, value, member->width);
            store(record, member->out, value + take(input) % 2, member->width);
        }
    }
}

static const struct ga_row *any_call_row(struct input *input)
{
    unsigned start = take(input) % GA_ROW_COUNT;
    while (ga_rows[start].kind != GA_ROW_CALL)
        start = (start + 1) % GA_ROW_COUNT;
    return &ga_rows[start];
}

static void any_header(struct ga_call_header *header, const struct ga_row *row, struct input *input, uint64_t *clock)
{
    uint8_t who = take(input);
    *clock += take(input) % 16;
    *header = (struct ga_call_header){.process = who % 2, .thread = who / 2 % 3, .call = *clock, .begin = *clock,
                                      .end = *clock + take(input) % 64, .file = who / 8 % 3, .device = 1, .size = row->abi_size};
    uint8_t odd = take(input);
    if (odd % 8 == 0)
        header->ret = -1, header->error = odd / 8;
    if (odd == 255)
        header->begin = number(input) % GA_TIME_MAX, header->end = number(input) % GA_TIME_MAX, header->size = (uint32_t)number(input);
    if (odd == 254)
        header->marks = take(input) % 8;
}

static void add_call(struct replay_plan *plan, struct input *input, uint64_t *clock)
{
    union ga_record record, elements[GA_CALL_ELEMENTS_MAX][ELEMENTS];
    char packed[GA_CALL_ELEMENTS_MAX][ELEMENTS * sizeof(union ga_record)];
    _Alignas(8) uint32_t list[2 * LIST], element_list[2 * LIST];
    memset(&record, 0, sizeof record);
    memset(elements, 0, sizeof elements);
    const struct ga_row *row = any_call_row(input);
    any_header(&record.header, row, input, clock);
    fill(row, &record, list, input);
    struct ga_call call = {.row = row, .header = &record.header, .record = &record};
    int used = 0;
    for (const struct ga_member *member = row->members(); member->name && used < GA_CALL_ELEMENTS_MAX; member++) {
        if (member->kind != GA_ELEMENTS)
            continue;
        const struct ga_row *of = &ga_rows[member->element];
        uint32_t count = take(input) % (ELEMENTS + 1);
        for (uint32_t e = 0; e < count; e++) {
            elements[used][e].element = (struct ga_element_header){.index = e, .size = take(input) % 2 ? of->abi_size : 40};
            fill(of, &elements[used][e], element_list, input);
            memcpy(packed[used] + (size_t)e * of->record_size, &elements[used][e], of->record_size);
        }
        call.elements[used] = (struct ga_elements){of, packed[used], count};
        store(&record, member->in, take(input) % 8 ? count : take(input), 4);
        store(&record, member->first, take(input) % 8 ? 0 : take(input), 4);
        used++;
    }
    call.failed = ga_call_failed(row, &record.header);
    replay_plan_add_call(plan, &call, any_blob, NULL, NULL);
}

static void add_event(struct replay_plan *plan, struct input *input, uint64_t clock)
{
    struct ga_gpualloc_file_closed closed = {.process = take(input) % 2, .file = take(input) % 3, .begin = clock};
    struct ga_gpualloc_file opened = {.process = take(input) % 2, .file = take(input) % 3, .path = "", .driver = "",
                                      .driver_version = ""};
    if (take(input) % 2)
        replay_plan_add_event(plan, &ga_rows[GA_ROW_gpualloc_file_closed], &closed, NULL);
    else
        replay_plan_add_event(plan, &ga_rows[GA_ROW_gpualloc_file], &opened, NULL);
}

static void check_call(const struct replay_plan *plan, uint32_t c)
{
    const struct replay_call *call = &plan->calls[c];
    must(call->lane < plan->lane_count && call->sequence < plan->lanes[call->lane].count, "a call in no lane");
    must(plan->order[plan->lanes[call->lane].first + call->sequence] == c, "a lane's order");
    must(call->image + call->image_size <= plan->images_size, "an image beyond the images");
    must(call->refs + call->ref_count <= plan->ref_count, "references beyond all");
    for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++) {
        const struct replay_dependency *on = &plan->dependencies[d];
        must(on->lane < plan->lane_count && on->sequence < plan->lanes[on->lane].count, "waits for what is not there");
        must(plan->order[plan->lanes[on->lane].first + on->sequence] < c, "waits for a later call");
    }
    for (uint32_t f = call->fences; f < call->fences + call->fence_count; f++) {
        must(f < plan->fence_count && plan->fences[f] < c, "awaits a later call");
        must(plan->calls[plan->fences[f]].paging && plan->calls[plan->fences[f]].queue < plan->object_count, "awaits no paging call");
    }
    for (uint32_t s = call->signals; s < call->signals + call->signal_count; s++)
        must(s < plan->signal_count && plan->signals[s] < plan->call_count && plan->signals[s] != c, "no such signal");
    must(call->paging <= plan->paging_count, "no such paging call");
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &plan->refs[r];
        must(ref->kind < REPLAY_REFERENCE_KINDS, "no such kind");
        must((uint64_t)ref->place + ref->width <= call->image_size, "a reference beyond the image");
        must(ref->object == REPLAY_NONE || ref->object < plan->object_count, "no such object");
    }
    for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++) {
        const struct replay_relocation *relocation = &plan->relocations[r];
        must((uint64_t)relocation->place + 8 <= call->image_size, "a pointer beyond the image");
        must(relocation->kind != REPLAY_TO_FENCE || (relocation->target < plan->call_count &&
                                                     plan->calls[relocation->target].paging), "a value of no paging call");
        must(relocation->kind != REPLAY_TO_BLOB || relocation->target < plan->blob_count, "no such blob");
        must(relocation->kind != REPLAY_TO_IMAGE || relocation->target <= call->image_size, "a pointer to beyond the image");
    }
}

/* Half of the plans are of a part of the calls, and an eighth leave a kind out. */
static void ask_part(struct replay_plan_options *options, struct input *input)
{
    uint64_t from = take(input), to = take(input), kind = take(input);
    if (from % 2)
        options->range = (struct replay_range){from % 4 == 1 ? REPLAY_RANGE_CALLS : REPLAY_RANGE_TIMES, from % 64,
                                               to % 4 ? from % 64 + to : UINT64_MAX};
    for (int row = 0; kind % 8 == 1 && row <= GA_ROW_COUNT; row++)
        options->skips[row] = replay_class_of(row < GA_ROW_COUNT ? &ga_rows[row] : NULL) == kind / 8 % REPLAY_CLASSES;
}

static void check_parts(const struct replay_plan *plan)
{
    uint32_t calls = 0, prologue = 0;
    for (uint32_t l = 0; l < plan->lane_count; l++) {
        must(plan->lanes[l].first == calls, "lanes that do not follow one another");
        calls += plan->lanes[l].count;
        prologue += plan->lanes[l].prologue;
        for (uint32_t i = 0; i < plan->lanes[l].count; i++)
            must((plan->order[plan->lanes[l].first + i] < plan->prologue) == (i < plan->lanes[l].prologue), "no call of the prologue");
    }
    must(calls == plan->call_count && prologue == plan->prologue, "calls in no lane");
    for (uint32_t o = 0; o < plan->object_count; o++) {
        const struct replay_object *object = &plan->objects[o];
        must(object->maker == REPLAY_NONE || object->maker < plan->call_count, "made by no call");
        must(object->owner == REPLAY_NONE || object->owner < plan->object_count, "owned by nothing");
        must(object->memory < plan->object_count, "of no memory");
    }
    for (uint32_t f = 0; f < plan->file_count; f++)
        must(plan->files[f].object == REPLAY_NONE || plan->files[f].object < plan->object_count, "a file that is no object");
}

static void make_ready(const struct replay_plan *plan)
{
    struct replay_requests requests = {0};
    if (plan->memory_count == 0 && replay_requests_init(&requests, plan, NULL) == 0) {
        replay_requests_reset(&requests);
        for (uint32_t c = 0; c < plan->call_count; c++) {
            const struct replay_call *call = &plan->calls[c];
            replay_requests_prepare(&requests, call->lane, call);
            for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
                if (plan->refs[r].role == REPLAY_MAKES && plan->refs[r].object != REPLAY_NONE)
                    replay_set_value(&requests, plan->refs[r].object, r);
        }
    }
    replay_requests_release(&requests);
}

static void model(const struct replay_plan *plan, uint8_t how)
{
    struct sim_script script;
    struct sim_options options = {.vram = SIM_PAGE << how % 16, .gtt = how / 16 % 2 ? SIM_PAGE << how % 7 : 0,
                                  .allocator = how / 32 % 2 ? SIM_MM : SIM_BUDDY, .costs = sim_costs_usual};
    struct sim_outcome outcome;
    if (sim_script_build(&script, plan, NULL) == 0 && sim_run(&script, &options, &outcome, NULL) == 0) {
        must(outcome.peak[SIM_VRAM] <= options.vram, "more device memory in use than there is");
        must(!options.gtt || outcome.peak[SIM_GTT] <= options.gtt, "more system memory in use than there is");
        must(!sim_sufficed(&outcome) || outcome.peak[SIM_VRAM] == script.local_peak, "all fitted, and yet not all was there");
    }
    sim_script_release(&script);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct replay_plan plan;
    uint8_t how = size ? data[size - 1] : 0;
    uint8_t asked = take(&input);
    struct replay_plan_options options = {.max_calls = CALLS, .order = asked % 2 ? REPLAY_ORDER_MEMORY : REPLAY_ORDER_RESOURCE};
    if (asked >= 128)
        ask_part(&options, &input);
    uint64_t clock = 1;
    must(replay_plan_begin(&plan, &options) == 0, "no memory");
    for (int i = 0; i < CALLS && input.size; i++)
        if (take(&input) < 240)
            add_call(&plan, &input, &clock);
        else
            add_event(&plan, &input, clock);
    if (replay_plan_finish(&plan, NULL) == 0) {
        for (uint32_t c = 0; c < plan.call_count; c++)
            check_call(&plan, c);
        check_parts(&plan);
        make_ready(&plan);
        model(&plan, how);
    }
    replay_plan_release(&plan);
    return 0;
}
