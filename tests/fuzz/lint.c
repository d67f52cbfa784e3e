/*
 * Lint under any sequence of calls: rows, members, lists and elements as the input says, few handles, threads and times, so that
 * births, uses, ends and refusals meet in every order. Whatever comes: nothing crashes, counts agree with the groups, and the result
 * can be told as JSON and as text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/lint/lint.h"
#include "reader/reader.h"

enum { CALLS = 200, LIST = 4, ELEMENTS = 3, EPOCH = 1000 };

struct input {
    const uint8_t *data;
    size_t size;
};

struct call {
    struct ga_call call;
    union ga_record record, elements[GA_CALL_ELEMENTS_MAX][ELEMENTS];
    uint64_t lists[64][LIST];
    size_t list_count;
};

static uint8_t take(struct input *input)
{
    return input->size ? input->size--, *input->data++ : 0;
}

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "fuzz-lint: %s\n", what);
    abort();
}

static void put(void *record, uint16_t offset, unsigned width, uint64_t value)
{
    if (offset != GA_NONE)
        memcpy((char *)record + offset, &value, width);
}

/* A list of few small handles; its entries lie in the call. */
static void fill_list(struct call *call, const struct ga_member *member, void *record, uint16_t offset, struct input *input)
{
    if (offset == GA_NONE || call->list_count == sizeof call->lists / sizeof *call->lists)
        return;
    uint64_t *list = call->lists[call->list_count++];
    uint32_t count = take(input) % (LIST + 1);
    for (uint32_t i = 0; i < count; i++)
        put((char *)list, (uint16_t)(i * member->entry), member->entry, take(input) % 10);
    put(record, offset, sizeof list, (uintptr_t)list);
    put(record, member->length, sizeof count, count);
}

/* Numbers are mostly small: handles that meet. */
static void fill(struct call *call, const struct ga_row *row, void *record, struct input *input)
{
    for (const struct ga_member *member = row->members(); member->name; member++) {
        uint8_t kind = take(input);
        uint64_t value = kind < 240 ? kind % 10 : kind < 250 ? (uint64_t)kind * 4096 : UINT64_MAX - kind;
        switch (member->kind) {
        case GA_INT:
        case GA_FLAGS:
        case GA_PTR:
            put(record, member->in, member->width, member->kind == GA_FLAGS ? 1ULL << kind % 32 : value);
            put(record, member->out, member->width, value);
            break;
        case GA_BLOB:
            put(record, member->address, 8, kind % 2);
            put(record, member->in, 8, kind % 4);
            put(record, member->out, 8, kind % 4);
            break;
        case GA_ARRAY:
            fill_list(call, member, record, member->in != GA_NONE ? member->in : member->out, input);
            break;
        case GA_ELEMENTS:
            put(record, member->address, 8, kind % 2);
            break;
        default:
            break;
        }
    }
}

static const struct ga_row *any_row(struct input *input)
{
    uint32_t wanted = take(input) | (uint32_t)(take(input) & 3) << 8;
    for (uint32_t i = 0; i < GA_ROW_COUNT; i++)
        if (ga_rows[(wanted + i) % GA_ROW_COUNT].kind == GA_ROW_CALL)
            return &ga_rows[(wanted + i) % GA_ROW_COUNT];
    abort();
}

static void fill_elements(struct call *call, struct input *input)
{
    size_t count = 0;
    for (const struct ga_member *member = call->call.row->members(); member->name && count < 2; member++) {
        if (member->kind != GA_ELEMENTS)
            continue;
        struct ga_elements *elements = &call->call.elements[count];
        uint32_t some = take(input) % (ELEMENTS + 1);
        *elements = (struct ga_elements){.row = &ga_rows[member->element]};
        /* Records lie side by side. */
        char *records = (char *)call->elements[count];
        for (uint32_t i = 0; i < some; i++) {
            struct ga_element_header header = {.index = i, .size = take(input) % 8 ? 96 : 0};
            union ga_record one = {0};
            fill(call, elements->row, &one, input);
            memcpy(&one, &header, sizeof header);
            memcpy(records + (size_t)i * elements->row->record_size, &one, elements->row->record_size);
        }
        elements->records = records;
        elements->count = some;
        count++;
    }
}

static const struct ga_call *any_call(struct call *call, struct input *input, uint64_t *clock)
{
    memset(call, 0, sizeof *call);
    call->call.row = any_row(input);
    fill(call, call->call.row, &call->record, input);
    fill_elements(call, input);
    uint8_t who = take(input), how = take(input);
    uint64_t begin = *clock + take(input), end = begin + take(input) * 2u;
    *clock += who % 16 == 15 ? 11ULL * 1000 * 1000 * 1000 : who;
    bool ioctl = how % 2;
    call->record.header = (struct ga_call_header){.process = 1 + who % 2,
                                                  .thread = who / 2 % 3,
                                                  .call = *clock,
                                                  .begin = begin,
                                                  .end = end,
                                                  .file = 5 + who / 8 % 2,
                                                  .size = call->call.row->abi_size,
                                                  .layer = ioctl ? GA_LAYER_IOCTL : GA_LAYER_API,
                                                  .marks = how / 2 % 16 == 1 ? GA_MARK_NESTED : how / 2 % 16 == 2 ? 4 : 0,
                                                  .ret = how % 4 < 2 ? 0 : ioctl ? -1 : (int64_t)(int32_t)0xc000000d,
                                                  .error = ioctl && how % 4 >= 2 ? how / 4 % 40 : 0};
    call->call.header = &call->record.header;
    call->call.record = &call->record;
    call->call.begin_ns = (int64_t)begin + EPOCH;
    call->call.end_ns = (int64_t)end + EPOCH;
    call->call.failed = ga_call_failed(call->call.row, call->call.header);
    call->call.status = ga_row_is_d3dkmt(call->call.row) ? ga_call_status(call->call.header) : 0;
    return &call->call;
}

static void any_event(struct lint *lint, struct input *input, uint64_t clock)
{
    uint8_t what = take(input);
    uint64_t process = 1 + what % 2, file = 5 + what / 2 % 2;
    struct ga_gpualloc_process born = {.process = process, .parent = what / 4 % 2, .start = what / 8 % 2 ? clock : 0};
    struct ga_gpualloc_file seen = {.process = process, .file = file, .driver = what & 8 ? "dxg" : "vgem", .path = "renderD128"};
    struct ga_gpualloc_file_closed closed = {.process = process, .file = file, .begin = clock};
    struct ga_gpualloc_untraced untraced = {.process = process, .file = file, .request = what};
    const void *const records[] = {&born, &seen, &closed, &untraced};
    static const enum ga_row_id rows[] = {GA_ROW_gpualloc_process, GA_ROW_gpualloc_file, GA_ROW_gpualloc_file_closed,
                                          GA_ROW_gpualloc_untraced};
    size_t which = what / 16 % 4;
    must(lint_feed_event(lint, &ga_rows[rows[which]], records[which], (int64_t)clock + EPOCH) == 0, "an event was refused");
}

static void check_result(const struct lint *lint)
{
    size_t count;
    uint64_t sum[LINT_SEVERITIES] = {0};
    const struct lint_group *const *groups = lint_groups(lint, &count);
    for (size_t i = 0; i < count; i++) {
        must(groups[i]->count > 0 && groups[i]->first.row, "a group without a finding");
        must(i == 0 || groups[i - 1]->rule->severity >= groups[i]->rule->severity, "groups are not sorted");
        must(!lint_unchecked(lint, groups[i]->rule), "a finding of a rule that was not checked");
        sum[groups[i]->rule->severity] += groups[i]->count;
    }
    for (int severity = 0; severity < LINT_SEVERITIES; severity++)
        must(sum[severity] == lint_count(lint, (enum lint_severity)severity), "counts do not agree");
    json_object *object = json_object_new_object();
    must(lint_json(lint, object) == 0, "no JSON");
    json_object_put(object);
    static FILE *nowhere;
    if (!nowhere)
        nowhere = fopen("/dev/null", "we");
    lint_print_text(lint, 0, 0, true, nowhere);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct call call;
    struct input input = {data, size};
    struct lint *lint;
    uint64_t clock = 1;
    uint8_t how = take(&input);
    must(lint_create(&lint, &(struct lint_options){0}) == 0, "out of memory");
    for (int i = 0; i < CALLS && input.size; i++) {
        if (take(&input) % 8 == 0)
            any_event(lint, &input, clock);
        else
            must(lint_feed_call(lint, any_call(&call, &input, &clock)) == 0, "a call was refused");
    }
    /* Also without an end, as after an error. */
    if (how % 4) {
        struct lint_gaps gaps = {how % 4 == 2 ? "a reason" : NULL, how % 4 == 3 ? "a reason" : NULL};
        must(lint_finish(lint, (int64_t)clock + EPOCH, &gaps) == 0, "no end");
        check_result(lint);
    }
    lint_destroy(lint);
    return 0;
}
