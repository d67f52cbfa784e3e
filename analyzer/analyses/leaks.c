/*
 * Leaks: sites that make allocations again and again which no call frees, while others of the kind are freed. What is loaded once and
 * kept to the end is none. docs/report.md tells the thresholds.
 */
#include "analyzer/sites.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/table.h"

enum { COUNT_MIN = 3 }; /* never freed, of one site */

struct leak {
    struct site site;
    uint64_t made, freed;
    uint64_t kept, kept_bytes; /* not freed by a call of their own: alive, or ended with device or file */
    uint64_t first_call, last_call;
    int64_t since_ns;          /* birth of the first of the site */
    int64_t first_ns, last_ns; /* births of those kept */
    double kept_ns;            /* sum of their lifetimes */
    bool grows, freed_elsewhere;
};

struct state {
    struct sites sites;
    const struct analysis_source *source;
    size_t leaks, shown; /* the list is in this order: leaks, others that keep something */
    uint64_t kept, kept_bytes; /* of no leak */
    bool incomplete;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->sites.entry_size = sizeof(struct leak);
    state->source = source;
    return 0;
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    if (life->imported)
        return 0;
    struct leak *leak = sites_get(&state->sites, life);
    if (!leak)
        return -ENOMEM;
    if (!leak->made++)
        leak->since_ns = life->born_ns;
    return 0;
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    if (life->imported)
        return 0;
    struct leak *leak = sites_get(&state->sites, life);
    if (!leak)
        return -ENOMEM;
    leak->freed += how == GA_END_FREED;
    if (how == GA_END_FREED || how == GA_END_LOST)
        return 0;
    if (site_surface(&leak->site, life) < 0)
        return -ENOMEM;
    if (!leak->kept || life->born_ns < leak->first_ns) {
        leak->first_ns = life->born_ns;
        leak->first_call = life->create_call;
        leak->site.surface = life->surface ? life->surface : leak->site.surface;
    }
    if (!leak->kept || life->born_ns > leak->last_ns) {
        leak->last_ns = life->born_ns;
        leak->last_call = life->create_call;
    }
    leak->kept++;
    leak->kept_bytes += life->origin == GA_SIZE_UNKNOWN ? 0 : life->size;
    leak->kept_ns += (double)(life->died_ns - life->born_ns);
    return 0;
}

static bool is_leak(const struct leak *leak)
{
    return leak->grows && leak->freed_elsewhere && !leak->site.others;
}

static int by_weight(const void *a, const void *b)
{
    const struct leak *x = *(struct leak *const *)a, *y = *(struct leak *const *)b;
    if (is_leak(x) != is_leak(y))
        return is_leak(x) ? -1 : 1;
    if (!x->kept != !y->kept)
        return x->kept ? -1 : 1;
    if (x->kept_bytes != y->kept_bytes)
        return x->kept_bytes > y->kept_bytes ? -1 : 1;
    if (x->kept != y->kept)
        return x->kept > y->kept ? -1 : 1;
    return x->first_ns < y->first_ns ? -1 : x->first_ns > y->first_ns;
}

/* Whether their number grows: made through at least a quarter of the site's time, and kept rather than replaced. */
static bool grows(const struct leak *leak, int64_t end_ns)
{
    double time = (double)(end_ns - leak->since_ns), kept_for = (double)(end_ns - leak->first_ns);
    return leak->kept >= COUNT_MIN && (double)(leak->last_ns - leak->first_ns) >= time / 4 &&
           leak->kept_ns >= (double)leak->kept * kept_for / 4;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    struct state *state = user;
    struct ga_map freed = {0}; /* by process and row */
    int64_t end = trace->totals->last_ns < state->source->to_ns ? trace->totals->last_ns : state->source->to_ns;
    state->incomplete = trace->incomplete || ga_reader_lossy(trace->totals);
    for (size_t i = 0; i < state->sites.count; i++) {
        const struct leak *leak = state->sites.list[i];
        if (leak->freed && ga_map_set(&freed, leak->site.process, ga_row_id(leak->site.row), 1) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < state->sites.count; i++) {
        struct leak *leak = state->sites.list[i];
        leak->grows = grows(leak, end);
        leak->freed_elsewhere = ga_map_get(&freed, leak->site.process, ga_row_id(leak->site.row)) != NULL;
        state->leaks += is_leak(leak);
        state->shown += leak->kept != 0;
        if (!is_leak(leak)) {
            state->kept += leak->kept;
            state->kept_bytes += leak->kept_bytes;
        }
    }
    ga_map_release(&freed);
    if (state->sites.count)
        qsort(state->sites.list, state->sites.count, sizeof *state->sites.list, by_weight);
    return 0;
}

static int find(const void *user, struct analysis_findings *findings)
{
    const struct state *state = user;
    int result = 0;
    for (size_t i = 0; i < state->leaks && !result; i++) {
        const struct leak *leak = state->sites.list[i];
        const struct site *site = &leak->site;
        bool unknown = site->origin == GA_SIZE_UNKNOWN;
        struct analysis_finding finding = {.kind = "leak",
                                           .process = site->process,
                                           .surface = site->surface,
                                           .tid = site->tid,
                                           .bytes = leak->kept_bytes,
                                           .count = leak->kept,
                                           .call = leak->last_call,
                                           .weight = leak->kept_bytes};
        char bytes[96] = "of unknown size";
        if (!unknown)
            snprintf(bytes, sizeof bytes, "of %s (%s in all)", site_size(site).text,
                     group_bytes(leak->kept_bytes, leak->kept, 0, ga_size_is_bound(site->origin)).text);
        snprintf(finding.text, sizeof finding.text, "%s %s made one after the other and never freed, %s%s", ga_count(leak->kept).text,
                 bytes, site_text(site, state->source->names).text, state->incomplete ? " (or freed in what is missing)" : "");
        result = analysis_findings_add(findings, &finding);
    }
    return result;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"never freed", TABLE_RIGHT}, {"bytes", TABLE_RIGHT},  {"each", TABLE_RIGHT},
                                                  {"of made", TABLE_RIGHT},     {"last call", TABLE_RIGHT}, {"made by", TABLE_LEFT},
                                                  {"for", TABLE_LEFT},          {NULL}};
    const struct state *state = user;
    size_t shown = state->leaks < out->top ? state->leaks : out->top;
    if (!state->leaks)
        analysis_heading(out, "Leaks: none found");
    else
        analysis_heading(out, "Leaks: %zu, the largest first", state->leaks);
    struct table *table = shown ? table_create(columns) : NULL;
    for (size_t i = 0; i < shown; i++) {
        const struct leak *leak = state->sites.list[i];
        uint64_t unknown = leak->site.origin == GA_SIZE_UNKNOWN ? leak->kept : 0;
        table_cell(table, "%s", ga_count(leak->kept).text);
        table_cell(table, "%s", group_bytes(leak->kept_bytes, leak->kept, unknown, ga_size_is_bound(leak->site.origin)).text);
        table_cell(table, "%s", site_size(&leak->site).text);
        table_cell(table, "%s", ga_count(leak->made).text);
        table_cell(table, "%" PRIu64, leak->last_call);
        table_cell(table, "%s", leak->site.row->request);
        table_cell(table, "%s", site_text(&leak->site, state->source->names).text);
    }
    table_print(table, out->file);
    if (state->kept)
        fprintf(out->file, "  %s more allocation%s (%s) had no free of their own, and do not grow in number: see --by alive\n",
                ga_count(state->kept).text, state->kept == 1 ? "" : "s", ga_bytes(state->kept_bytes).text);
    if (state->leaks)
        fprintf(out->file, "  next: gpualloc list %s, and look for the last call in that thread\n", out->trace->path);
}

static int leak_json(const void *element, json_object *object)
{
    const struct leak *leak = *(void *const *)element;
    return site_json(&leak->site, object) ||
           json_add(object, "leak", json_object_new_boolean(is_leak(leak))) ||
           json_add(object, "grows", json_object_new_boolean(leak->grows)) ||
           json_add(object, "freed_elsewhere", json_object_new_boolean(leak->freed_elsewhere)) ||
           json_add_uint(object, "made", leak->made) || json_add_uint(object, "freed", leak->freed) ||
           json_add_uint(object, "never_freed", leak->kept) || json_add_uint(object, "never_freed_bytes", leak->kept_bytes) ||
           json_add(object, "first_ts", json_object_new_int64(leak->first_ns)) ||
           json_add(object, "last_ts", json_object_new_int64(leak->last_ns)) ||
           json_add_uint(object, "first_call", leak->first_call) || json_add_uint(object, "last_call", leak->last_call);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return json_list(state->sites.list, state->shown, sizeof *state->sites.list, leak_json);
}

static void release(void *user)
{
    struct state *state = user;
    sites_release(&state->sites);
}

const struct analysis analysis_leaks = {
    .name = "leaks",
    .help = "what is made again and again and never freed, by call, thread, size and surface",
    .order = 15,
    .state_size = sizeof(struct state),
    .start = start,
    .born = born,
    .died = died,
    .finish = finish,
    .find = find,
    .text = text,
    .json = json,
    .release = release,
};
