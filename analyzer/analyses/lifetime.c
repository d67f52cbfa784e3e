/* Lifetimes: how many allocations lived how long, by powers of ten; of those that ended within the trace. */
#include "analyzer/groups.h"

#include <inttypes.h>

#include "analyzer/table.h"

enum { CLASSES = 10, BAR = 40 }; /* below 1 µs, 10 µs, … 100 s; longer */

struct state {
    struct {
        uint64_t count, bytes, unknown, bounds;
    } classes[CLASSES];
    uint64_t ended, most;
};

/* ns, exclusive; UINT64_MAX of the last. */
static uint64_t limit_of(size_t place)
{
    uint64_t limit = 1000;
    for (size_t i = 0; i < place; i++)
        limit *= 10;
    return place + 1 < CLASSES ? limit : UINT64_MAX;
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    if (life->imported || how == GA_END_NOT || how == GA_END_LOST)
        return 0;
    size_t place = 0;
    while ((uint64_t)(life->died_ns - life->born_ns) >= limit_of(place))
        place++;
    state->classes[place].count++;
    state->classes[place].bytes += life->origin == GA_SIZE_UNKNOWN ? 0 : life->size;
    state->classes[place].unknown += life->origin == GA_SIZE_UNKNOWN;
    state->classes[place].bounds += ga_size_is_bound(life->origin);
    state->ended++;
    if (state->classes[place].count > state->most)
        state->most = state->classes[place].count;
    return 0;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {
        {"lived", TABLE_LEFT}, {"ended", TABLE_RIGHT}, {"bytes", TABLE_RIGHT}, {"", TABLE_LEFT}, {NULL}};
    static const char hashes[] = "########################################";
    const struct state *state = user;
    analysis_heading(out, "Lifetimes: of %s that ended", ga_count(state->ended).text);
    struct table *table = state->ended ? table_create(columns) : NULL;
    for (size_t i = 0; i < CLASSES; i++) {
        if (!state->classes[i].count)
            continue;
        if (i + 1 < CLASSES)
            table_cell(table, "< %s", ga_duration((double)limit_of(i)).text);
        else
            table_cell(table, "≥ %s", ga_duration((double)limit_of(i - 1)).text);
        table_cell(table, "%s", ga_count(state->classes[i].count).text);
        table_cell(table, "%s", group_bytes(state->classes[i].bytes, state->classes[i].count, state->classes[i].unknown,
                                            state->classes[i].bounds).text);
        table_cell(table, "%.*s", (int)((double)state->classes[i].count * BAR / (double)state->most), hashes);
    }
    table_print(table, out->file);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    json_object *array = json_object_new_array();
    int failed = !array;
    for (size_t i = 0; i < CLASSES && !failed; i++) {
        json_object *object = json_object_new_object();
        failed = !object || json_object_array_add(array, object) || json_add_uint(object, "from_ns", i ? limit_of(i - 1) : 0) ||
                 (i + 1 < CLASSES ? json_add_uint(object, "below_ns", limit_of(i)) : json_add(object, "below_ns", NULL)) ||
                 json_add_uint(object, "count", state->classes[i].count) || json_add_uint(object, "bytes", state->classes[i].bytes) ||
                 json_add_uint(object, "unknown_size", state->classes[i].unknown) ||
                 json_add_uint(object, "lower_bounds", state->classes[i].bounds);
    }
    if (!failed)
        return array;
    json_object_put(array);
    return NULL;
}

const struct analysis analysis_lifetime = {
    .name = "lifetime",
    .help = "how long allocations lived",
    .order = 55,
    .on_request = true,
    .state_size = sizeof(struct state),
    .died = died,
    .text = text,
    .json = json,
};
