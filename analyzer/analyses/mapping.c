/* The CPU's mappings of buffers: how many, how much at once, and those that were still there at the end. */
#include "analyzer/groups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/table.h"
#include "reader/mappings.h"

struct state {
    struct ga_mappings mappings;
    uint64_t made, ended, bytes, peak_bytes;
    int64_t peak_ns, first_ns;
    const struct ga_mapping **left;
    size_t left_count;
};

static int mapped(void *user, const struct ga_mapping *mapping, const struct ga_call *call)
{
    struct state *state = user;
    state->made++;
    state->bytes += mapping->bytes;
    if (state->bytes > state->peak_bytes) {
        state->peak_bytes = state->bytes;
        state->peak_ns = call->end_ns;
    }
    return 0;
}

static int unmapped(void *user, const struct ga_mapping *mapping, uint64_t bytes, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    state->bytes -= bytes;
    state->ended += !mapping->bytes;
    return 0;
}

static int call(void *user, const struct ga_call *call)
{
    static const struct ga_mappings_ops ops = {.mapped = mapped, .unmapped = unmapped};
    struct state *state = user;
    return ga_mappings_call(&state->mappings, call, &ops, state);
}

/* "virtio_gpu card0", "dma-buf 77". Null: out of memory. */
static char *device_of(const struct ga_mapping *mapping)
{
    char *text = NULL;
    int length = mapping->info ? asprintf(&text, "%s %s", *mapping->info->driver ? mapping->info->driver : "drm",
                                          basename(mapping->info->path))
                               : asprintf(&text, mapping->dma_buf ? "dma-buf %" PRIu64 : "drm", mapping->dma_buf);
    return length < 0 ? NULL : text;
}

/* Largest first, then oldest first. */
static int by_size(const void *a, const void *b)
{
    const struct ga_mapping *x = *(const struct ga_mapping *const *)a, *y = *(const struct ga_mapping *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->born_ns < y->born_ns ? -1 : x->born_ns > y->born_ns;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    struct state *state = user;
    size_t place = 0;
    state->first_ns = trace->totals->first_ns;
    state->left = calloc(state->mappings.count + 1, sizeof *state->left);
    if (!state->left)
        return -ENOMEM;
    for (const struct ga_mapping *mapping; (mapping = ga_mappings_next(&state->mappings, &place));)
        state->left[state->left_count++] = mapping;
    qsort(state->left, state->left_count, sizeof *state->left, by_size);
    return 0;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"device", TABLE_LEFT},   {"handle", TABLE_RIGHT}, {"bytes", TABLE_RIGHT},
                                                  {"address", TABLE_RIGHT}, {"made at", TABLE_RIGHT}, {"thread", TABLE_RIGHT},
                                                  {"call", TABLE_RIGHT},    {NULL}};
    const struct state *state = user;
    size_t shown = state->left_count < out->top ? state->left_count : out->top;
    if (!state->made) {
        analysis_heading(out, "CPU mappings of buffers: none");
        return;
    }
    analysis_heading(out, "CPU mappings of buffers: %s, at most %s at once; %s (%s) still there at the end",
                     ga_count(state->made).text, ga_bytes(state->peak_bytes).text, ga_count(state->left_count).text,
                     ga_bytes(state->bytes).text);
    if (!shown)
        return;
    struct table *table = table_create(columns);
    for (size_t i = 0; i < shown; i++) {
        const struct ga_mapping *mapping = state->left[i];
        char *device = device_of(mapping);
        table_cell(table, "%s", device ? device : "");
        free(device);
        if (mapping->handle)
            table_cell(table, "%" PRIu32, mapping->handle);
        else
            table_cell(table, "-");
        table_cell(table, "%s", ga_bytes(mapping->bytes).text);
        table_cell(table, "0x%" PRIx64, mapping->addr);
        table_cell(table, "+%s", ga_duration((double)(mapping->born_ns - state->first_ns)).text);
        table_cell(table, "%" PRIu32, mapping->tid);
        table_cell(table, "%" PRIu64, mapping->call);
    }
    table_print(table, out->file);
}

static int left_json(const void *element, json_object *object)
{
    const struct ga_mapping *mapping = *(const struct ga_mapping *const *)element;
    char *device = device_of(mapping);
    int failed = !device || json_add_string(object, "name", device);
    free(device);
    return failed || json_add_uint(object, "device", mapping->device) ||
           json_add_id(object, "file", mapping->file) || json_add_id(object, "process", mapping->process) ||
           (mapping->handle ? json_add_uint(object, "handle", mapping->handle) : json_add(object, "handle", NULL)) ||
           json_add_uint(object, "dma_buf", mapping->dma_buf) || json_add_uint(object, "bytes", mapping->bytes) ||
           json_add_uint(object, "addr", mapping->addr) || json_add_uint(object, "offset", mapping->offset) ||
           json_add(object, "ts", json_object_new_int64(mapping->born_ns)) || json_add_uint(object, "pid", mapping->pid) ||
           json_add_uint(object, "tid", mapping->tid) || json_add_uint(object, "call", mapping->call);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    json_object *object = json_object_new_object();
    int failed = !object || json_add_list(object, "left", state->left, state->left_count, sizeof *state->left, left_json) ||
                 json_add_uint(object, "made", state->made) ||
                 json_add_uint(object, "ended", state->ended) || json_add_uint(object, "peak_bytes", state->peak_bytes) ||
                 json_add_uint(object, "at_end", state->left_count) || json_add_uint(object, "at_end_bytes", state->bytes);
    if (!failed)
        return object;
    json_object_put(object);
    return NULL;
}

static void release(void *user)
{
    struct state *state = user;
    free(state->left);
    ga_mappings_release(&state->mappings);
}

const struct analysis analysis_mapping = {
    .name = "mapping",
    .help = "the CPU's mappings of buffers, and those still there at the end",
    .order = 65,
    .on_request = true,
    .state_size = sizeof(struct state),
    .call = call,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
