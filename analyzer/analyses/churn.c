/*
 * Churn: sites that free what they made a moment ago, only to make it again in the same size: what a pool of kept allocations would
 * save. docs/report.md tells what a moment is.
 */
#include "analyzer/sites.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/table.h"

#define SHORT_NS 100000000 /* lived no longer */
#define SOON_NS 100000000  /* made again no later */
enum { FOUND_MIN = 50 };   /* made again so often, and at least half of all that the site made */

struct churn {
    struct site site;
    uint64_t made, short_lived, again;
    uint64_t pool, pool_most; /* freed and not made again; most at a time */
    int64_t freed_ns;         /* the last that was freed */
    uint64_t time_ns;         /* in the calls that made again, and that freed what was short-lived */
};

struct state {
    struct sites sites;
    const struct analysis_source *source;
    struct site_cost made, freed; /* whose time was told */
    size_t shown;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->sites.entry_size = sizeof(struct churn);
    state->source = source;
    return 0;
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    struct state *state = user;
    if (life->imported || !call)
        return 0;
    struct churn *churn = sites_get(&state->sites, life);
    if (!churn)
        return -ENOMEM;
    churn->made++;
    if (churn->pool && life->asked_ns - churn->freed_ns > SOON_NS)
        churn->pool = 0;
    if (!churn->pool)
        return 0;
    churn->pool--;
    churn->again++;
    churn->time_ns += site_cost(&state->made, call);
    return site_surface(&churn->site, life);
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct state *state = user;
    if (life->imported || !call || how != GA_END_FREED || life->died_ns - life->born_ns > SHORT_NS)
        return 0;
    struct churn *churn = sites_get(&state->sites, life);
    if (!churn)
        return -ENOMEM;
    churn->short_lived++;
    churn->pool++;
    churn->pool_most = churn->pool > churn->pool_most ? churn->pool : churn->pool_most;
    churn->freed_ns = life->died_ns;
    churn->time_ns += site_cost(&state->freed, call);
    return 0;
}

static uint64_t bytes_of(const struct churn *churn)
{
    return churn->again * churn->site.size;
}

static int by_weight(const void *a, const void *b)
{
    const struct churn *x = *(struct churn *const *)a, *y = *(struct churn *const *)b;
    if (!x->again != !y->again)
        return x->again ? -1 : 1;
    if (bytes_of(x) != bytes_of(y))
        return bytes_of(x) > bytes_of(y) ? -1 : 1;
    if (x->again != y->again)
        return x->again > y->again ? -1 : 1;
    if (x->site.process != y->site.process)
        return x->site.process < y->site.process ? -1 : 1;
    return x->site.thread < y->site.thread ? -1 : x->site.thread > y->site.thread;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    for (size_t i = 0; i < state->sites.count; i++)
        state->shown += ((const struct churn *)state->sites.list[i])->again != 0;
    if (state->sites.count)
        qsort(state->sites.list, state->sites.count, sizeof *state->sites.list, by_weight);
    return 0;
}

static bool is_found(const struct churn *churn)
{
    return churn->again >= FOUND_MIN && churn->again * 2 >= churn->made && !churn->site.others &&
           churn->site.origin != GA_SIZE_UNKNOWN; /* whether they are of the same size is not known of those */
}

static int find(const void *user, struct analysis_findings *findings)
{
    const struct state *state = user;
    int result = 0;
    for (size_t i = 0; i < state->shown && !result; i++) {
        const struct churn *churn = state->sites.list[i];
        const struct site *site = &churn->site;
        struct analysis_finding finding = {.kind = "churn",
                                           .process = site->process,
                                           .surface = site->surface,
                                           .tid = site->tid,
                                           .bytes = bytes_of(churn),
                                           .count = churn->again,
                                           .weight = churn->time_ns};
        if (!is_found(churn))
            continue;
        snprintf(finding.text, sizeof finding.text, "%s × %s freed and made again, %s; %s in calls", ga_count(churn->again).text,
                 site_size(site).text, site_text(site, state->source->names).text, ga_duration((double)churn->time_ns).text);
        result = analysis_findings_add(findings, &finding);
    }
    return result;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"made again", TABLE_RIGHT}, {"of made", TABLE_RIGHT}, {"each", TABLE_RIGHT},
                                                  {"bytes", TABLE_RIGHT},      {"time", TABLE_RIGHT},    {"pool", TABLE_RIGHT},
                                                  {"made by", TABLE_LEFT},     {"for", TABLE_LEFT},      {NULL}};
    const struct state *state = user;
    size_t shown = state->shown < out->top ? state->shown : out->top;
    if (!shown) {
        analysis_heading(out, "Churn: none");
        return;
    }
    analysis_heading(out, "Churn: freed and within %s made again in the same size, by %zu place%s", ga_duration(SOON_NS).text,
                     state->shown, state->shown == 1 ? "" : "s");
    struct table *table = table_create(columns);
    for (size_t i = 0; i < shown; i++) {
        const struct churn *churn = state->sites.list[i];
        bool unknown = churn->site.origin == GA_SIZE_UNKNOWN;
        table_cell(table, "%s", ga_count(churn->again).text);
        table_cell(table, "%s", ga_count(churn->made).text);
        table_cell(table, "%s", site_size(&churn->site).text);
        table_cell(table, "%s", unknown ? "unknown" : ga_bytes(bytes_of(churn)).text);
        table_cell(table, "%s", ga_duration((double)churn->time_ns).text);
        table_cell(table, "%s", ga_count(churn->pool_most).text);
        table_cell(table, "%s", churn->site.row->request);
        table_cell(table, "%s", site_text(&churn->site, state->source->names).text);
    }
    table_print(table, out->file);
    fputs("  time: in the calls that a pool would save, if it keeps as many as \"pool\" says\n", out->file);
}

static int churn_json(const void *element, json_object *object)
{
    const struct churn *churn = *(void *const *)element;
    bool unknown = churn->site.origin == GA_SIZE_UNKNOWN;
    return site_json(&churn->site, object) ||
           json_add_uint(object, "made", churn->made) || json_add_uint(object, "short_lived", churn->short_lived) ||
           json_add_uint(object, "made_again", churn->again) ||
           (unknown ? json_add(object, "bytes", NULL) : json_add_uint(object, "bytes", bytes_of(churn))) ||
           json_add_uint(object, "time_ns", churn->time_ns) || json_add_uint(object, "pool", churn->pool_most);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return json_list(state->sites.list, state->shown, sizeof *state->sites.list, churn_json);
}

static void release(void *user)
{
    struct state *state = user;
    sites_release(&state->sites);
}

const struct analysis analysis_churn = {
    .name = "churn",
    .help = "what is freed and made again in the same size, and what a pool would save",
    .order = 16,
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
