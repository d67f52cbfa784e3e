/* The smallest device memory that will do: see model.h. */
#include <errno.h>

#include "base/units.h"
#include "replayer/sim/model.h"

enum {
    STEPS = 1024,      /* the bytes alive at once are so many steps, about: sizes are told to 0.1 % */
    SCAN_TRIALS = 512, /* sizes below the one that halving found that are tried too, at most … */
};
#define SCAN_WORK UINT64_C(200000000) /* … and not more than so many steps of the script in all */

static int try_size(const struct sim_script *script, struct sim_options *options, struct sim_search *search, uint64_t size,
                    bool *sufficed, struct ga_error *error)
{
    struct sim_outcome outcome;
    options->vram = size;
    int result = sim_run(script, options, &outcome, error);
    *sufficed = result == 0 && sim_sufficed(&outcome);
    search->trials++;
    if (result == 0 && search->tried)
        search->tried(search->user, size, *sufficed);
    return result;
}

/* More memory can do worse, as it moves where buffers lie: what halving finds has a size below it that will not do, but there may
   be a smaller one that will. So all smaller sizes are tried as far as that is affordable. */
static int scan(const struct sim_script *script, struct sim_options *options, struct sim_search *search, struct ga_error *error)
{
    uint64_t between = (search->size - search->least) / search->step;
    if (between > SCAN_TRIALS || between * script->step_count > SCAN_WORK)
        return 0;
    bool sufficed = false;
    int result = 0;
    for (uint64_t size = search->least; result == 0 && !sufficed && size < search->size; size += search->step) {
        result = try_size(script, options, search, size, &sufficed, error);
        if (sufficed)
            search->size = size;
    }
    search->exhaustive = result == 0;
    return result;
}

int sim_find_vram(const struct sim_script *script, const struct sim_options *given, struct sim_search *search, struct ga_error *error)
{
    struct sim_options options = *given;
    options.only_whether = true;
    search->step = SIM_PAGE;
    while (search->step < script->local_peak / STEPS)
        search->step *= 2;
    search->least = (script->local_peak + search->step - 1) / search->step * search->step;
    if (!search->least)
        return ga_error_set(error, ENOENT, "sim: nothing in the recording belongs into device memory, so there is no size of it to "
                                           "find");
    uint64_t low = search->least - search->step; /* does not do */
    uint64_t high = search->least;
    bool sufficed = false;
    int result = try_size(script, &options, search, high, &sufficed, error);
    while (result == 0 && !sufficed) {
        low = high;
        if (high > SIM_SPACE_MAX / 2)
            return ga_error_set(error, ENOSPC, "sim: even %s of device memory would not do%s%s", ga_bytes(high).text,
                                given->gtt ? ": there are buffers of system memory that find no room in --gtt " : "",
                                given->gtt ? ga_bytes(given->gtt).text : "");
        high += high > search->least ? high - search->least : search->step;
        result = try_size(script, &options, search, high, &sufficed, error);
    }
    while (result == 0 && high - low > search->step) {
        uint64_t middle = low + (high - low) / search->step / 2 * search->step;
        result = try_size(script, &options, search, middle, &sufficed, error);
        *(sufficed ? &high : &low) = middle;
    }
    search->size = high;
    return result == 0 ? scan(script, &options, search, error) : result;
}
