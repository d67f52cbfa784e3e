/*
 * Private data: how much of it the calls named, how much of that was distinct (the trace keeps each content once), and of each member
 * of each kind of call which bytes vary from call to call: what of a driver's format is worth looking at.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/groups.h"
#include "analyzer/table.h"
#include "base/array.h"

enum { KINDS_MAX = 1024, COMPARED_MAX = 4096, MEMBERS_MAX = 8 };

/* Data of one member of one kind of call, in one size. */
struct kind {
    const struct ga_row *row, *element; /* element: null for the call's own members */
    const struct ga_member *member;
    bool out;
    uint32_t size;
    uint64_t references, last; /* last: hash of the newest */
    unsigned char *first, *varies; /* the first content, and a byte for each that is not 0 where another differed */
};

struct state {
    const struct analysis_source *source;
    const struct ga_member *members[GA_ROW_COUNT][MEMBERS_MAX]; /* of private data; known once the row was met */
    bool met[GA_ROW_COUNT];
    struct ga_map index; /* (row, element, member, direction; size) to the place in kinds, plus 1 */
    struct kind *kinds;
    size_t kind_count, room;
    uint64_t references, bytes, missing, distinct, distinct_bytes;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->source = source;
    return 0;
}

static const struct ga_member *const *members_of(struct state *state, const struct ga_row *row)
{
    uint32_t id = ga_row_id(row);
    size_t count = 0;
    if (state->met[id])
        return state->members[id];
    state->met[id] = true;
    for (const struct ga_member *member = row->members(); member->name; member++)
        if (member->kind == GA_BLOB && count + 1 < MEMBERS_MAX)
            state->members[id][count++] = member;
    return state->members[id];
}

/* Null: too many kinds, or no memory (*result). */
static struct kind *kind_get(struct state *state, const struct kind *key, const void *data, int *result)
{
    uint64_t a = (uint64_t)ga_row_id(key->row) << 48 | (uint64_t)(key->element ? ga_row_id(key->element) + 1 : 0) << 32 |
                 (uint64_t)(key->member->offset) << 1 | key->out;
    const uint64_t *place = ga_map_get(&state->index, a, key->size);
    if (place)
        return &state->kinds[*place - 1];
    if (state->kind_count >= KINDS_MAX)
        return NULL;
    size_t compared = key->size < COMPARED_MAX ? key->size : COMPARED_MAX;
    struct kind kind = *key;
    kind.first = malloc(compared + !compared);
    kind.varies = calloc(1, compared + !compared);
    *result = -ENOMEM;
    if (!kind.first || !kind.varies ||
        ga_array_room(&state->kinds, &state->room, state->kind_count + 1, sizeof *state->kinds) < 0 ||
        ga_map_set(&state->index, a, key->size, state->kind_count + 1) < 0) {
        free(kind.first);
        free(kind.varies);
        return NULL;
    }
    *result = 0;
    memcpy(kind.first, data, compared);
    state->kinds[state->kind_count] = kind;
    return &state->kinds[state->kind_count++];
}

static int note(struct state *state, const struct kind *key, uint64_t hash)
{
    const void *data;
    struct kind named = *key;
    int result = 0;
    if (hash < GA_BLOB_FIRST_HASH)
        return 0;
    state->references++;
    if (state->source->blob(state->source->blob_user, hash, &data, &named.size) < 0) {
        state->missing++;
        return 0;
    }
    state->bytes += named.size;
    struct kind *kind = kind_get(state, &named, data, &result);
    if (!kind)
        return result;
    if (kind->references++ && kind->last != hash) {
        const unsigned char *now = data;
        for (uint32_t i = 0; i < kind->size && i < COMPARED_MAX; i++)
            kind->varies[i] |= now[i] ^ kind->first[i];
    }
    kind->last = hash;
    return 0;
}

static int note_record(struct state *state, const struct ga_row *call_row, const struct ga_row *element, const void *record)
{
    int result = 0;
    for (const struct ga_member *const *member = members_of(state, element ? element : call_row); *member && !result; member++) {
        struct kind key = {.row = call_row, .element = element, .member = *member};
        uint64_t in = (*member)->in != GA_NONE ? ga_load((const char *)record + (*member)->in, 8, false) : 0;
        uint64_t out = (*member)->out != GA_NONE ? ga_load((const char *)record + (*member)->out, 8, false) : 0;
        result = note(state, &key, in);
        key.out = true;
        if (!result && out != in)
            result = note(state, &key, out);
    }
    return result;
}

static int call(void *user, const struct ga_call *call)
{
    struct state *state = user;
    if (call->failed || call->header->marks & GA_MARK_UNREADABLE)
        return 0;
    int result = note_record(state, call->row, NULL, call->record);
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX && call->elements[i].row && !result; i++) {
        const struct ga_elements *elements = &call->elements[i];
        for (uint32_t e = 0; e < elements->count && *members_of(state, elements->row) && !result; e++) {
            const struct ga_element_header *element =
                (const void *)((const char *)elements->records + (size_t)e * elements->row->record_size);
            if (element->size)
                result = note_record(state, call->row, elements->row, element);
        }
    }
    return result;
}

static int by_references(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;
    if (x->references != y->references)
        return x->references > y->references ? -1 : 1;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    if (x->member != y->member)
        return x->member < y->member ? -1 : 1;
    return x->out != y->out ? (x->out ? 1 : -1) : x->size < y->size ? -1 : x->size > y->size;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    struct state *state = user;
    state->distinct = trace->totals->blobs;
    state->distinct_bytes = trace->totals->blob_bytes;
    if (state->kind_count)
        qsort(state->kinds, state->kind_count, sizeof *state->kinds, by_references);
    return 0;
}

/* "allocations.pPrivateDriverData": the path in list's JSON. */
static void path_of(const struct kind *kind, char *text, size_t size)
{
    const char *array = "";
    if (kind->element)
        array = kind->element->event;
    for (const struct ga_member *member = kind->row->members(); kind->element && member->name; member++)
        if (member->kind == GA_ELEMENTS && &ga_rows[member->element] == kind->element && member->json)
            array = member->json;
    snprintf(text, size, "%s%s%s%s", array, *array ? "." : "", kind->member->path,
             kind->out && kind->member->in != GA_NONE ? "_out" : "");
}

static size_t compared_of(const struct kind *kind)
{
    return kind->size < COMPARED_MAX ? kind->size : COMPARED_MAX;
}

/* The next run of bytes that vary, from *at on: its length, 0 at the end. */
static size_t next_run(const struct kind *kind, size_t *at)
{
    size_t end = compared_of(kind);
    while (*at < end && !kind->varies[*at])
        ++*at;
    size_t last = *at;
    while (last < end && kind->varies[last])
        last++;
    return last - *at;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"call", TABLE_LEFT}, {"private data", TABLE_LEFT}, {"bytes", TABLE_RIGHT},
                                                  {"times", TABLE_RIGHT}, {"bytes that vary", TABLE_LEFT}, {NULL}};
    const struct state *state = user;
    if (!state->references) {
        analysis_heading(out, "Private data: none");
        return;
    }
    analysis_heading(out, "Private data: %s in %s references, %s distinct (%s) in the trace", ga_bytes(state->bytes).text,
                     ga_count(state->references).text, ga_count(state->distinct).text, ga_bytes(state->distinct_bytes).text);
    struct table *table = table_create(columns);
    for (size_t i = 0; i < state->kind_count && i < out->top; i++) {
        const struct kind *kind = &state->kinds[i];
        char path[96], runs[64] = "none";
        int used = 0;
        path_of(kind, path, sizeof path);
        for (size_t at = 0, length; (length = next_run(kind, &at)) && used < 40; at += length)
            used += snprintf(runs + used, sizeof runs - (size_t)used, length > 1 ? "%s%zu-%zu" : "%s%zu", used ? ", " : "", at,
                             at + length - 1);
        table_cell(table, "%s", kind->row->request);
        table_cell(table, "%s", path);
        table_cell(table, "%" PRIu32, kind->size);
        table_cell(table, "%s", ga_count(kind->references).text);
        table_cell(table, "%s%s", runs, used >= 40 ? ", …" : "");
    }
    table_print(table, out->file);
    if (state->missing)
        fprintf(out->file, "  %s references are to data that is missing\n", ga_count(state->missing).text);
}

static int kind_json(const void *element, json_object *object)
{
    const struct kind *kind = element;
    char path[96], event[96];
    json_object *runs = json_object_new_array();
    path_of(kind, path, sizeof path);
    snprintf(event, sizeof event, "%s:%s", kind->row->provider, kind->row->event);
    int failed = json_add(object, "varying", runs) || !runs || json_add_string(object, "event", event) ||
                 json_add_string(object, "member", path) || json_add_uint(object, "size", kind->size) ||
                 json_add_uint(object, "references", kind->references);
    for (size_t at = 0, length; !failed && (length = next_run(kind, &at)); at += length) {
        json_object *run = json_object_new_array();
        failed = !run || json_object_array_add(runs, run) || json_object_array_add(run, json_object_new_uint64(at)) ||
                 json_object_array_add(run, json_object_new_uint64(at + length));
    }
    return failed;
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    json_object *object = json_object_new_object();
    uint64_t saved = state->bytes > state->distinct_bytes ? state->bytes - state->distinct_bytes : 0;
    int failed = !object || json_add_list(object, "members", state->kinds, state->kind_count, sizeof *state->kinds, kind_json) ||
                 json_add_uint(object, "references", state->references) ||
                 json_add_uint(object, "bytes", state->bytes) || json_add_uint(object, "missing", state->missing) ||
                 json_add_uint(object, "distinct", state->distinct) || json_add_uint(object, "distinct_bytes", state->distinct_bytes) ||
                 json_add_uint(object, "saved_bytes", saved);
    if (!failed)
        return object;
    json_object_put(object);
    return NULL;
}

static void release(void *user)
{
    struct state *state = user;
    for (size_t i = 0; i < state->kind_count; i++) {
        free(state->kinds[i].first);
        free(state->kinds[i].varies);
    }
    free(state->kinds);
    ga_map_release(&state->index);
}

const struct analysis analysis_blobs = {
    .name = "blobs",
    .help = "private data: distinct contents, and which bytes vary",
    .order = 66,
    .on_request = true,
    .state_size = sizeof(struct state),
    .start = start,
    .call = call,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
