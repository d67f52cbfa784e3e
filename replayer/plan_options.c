/* What a user asks of a plan in words: a part of a trace, and kinds of calls to leave out. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/plan.h"

const char *const replay_class_names[REPLAY_CLASSES + 1] = {
    [REPLAY_CREATES] = "create", [REPLAY_DESTROYS] = "destroy", [REPLAY_MAPS] = "map", [REPLAY_SHARES] = "share",
    [REPLAY_WAITS] = "wait", [REPLAY_SUBMITS] = "submit", [REPLAY_OTHER] = "other",
};

/* What the effect does not say, the name of the call does; the first that suits. */
static const struct {
    const char *part;
    enum replay_class class;
} parts[] = {
    {"wait", REPLAY_WAITS},           {"submit_signal", REPLAY_OTHER},  {"submitqueue", REPLAY_OTHER},
    {"submit", REPLAY_SUBMITS},       {"execbuffer", REPLAY_SUBMITS},   {"gem_pushbuf", REPLAY_SUBMITS},
    {"share_object", REPLAY_SHARES},  {"nt_handle", REPLAY_SHARES},     {"open_resource", REPLAY_SHARES},
    {"query_resource_info", REPLAY_SHARES}, {"handle_to_fd", REPLAY_SHARES}, {"fd_to_handle", REPLAY_SHARES},
    {"unlock", REPLAY_MAPS},
};
static const uint16_t submissions[] = {GA_ROW_drm_amdgpu_cs, GA_ROW_drm_radeon_cs, GA_ROW_drm_xe_exec, GA_ROW_drm_nouveau_exec};

enum replay_class replay_class_of(const struct ga_row *row)
{
    static const uint8_t by_effect[] = {
        [GA_EFFECT_CREATE] = REPLAY_CREATES, [GA_EFFECT_DESTROY] = REPLAY_DESTROYS, [GA_EFFECT_MAP] = REPLAY_MAPS,
        [GA_EFFECT_IMPORT] = REPLAY_SHARES,  [GA_EFFECT_EXPORT] = REPLAY_SHARES,    [GA_EFFECT_QUERY] = REPLAY_OTHER,
        [GA_EFFECT_OPEN] = REPLAY_OTHER,     [GA_EFFECT_CLOSE] = REPLAY_OTHER,
    };
    if (!row)
        return REPLAY_OTHER;
    if (ga_row_is_mapping(row))
        return REPLAY_MAPS;
    for (size_t i = 0; i < sizeof submissions / sizeof *submissions; i++)
        if (submissions[i] == ga_row_id(row))
            return REPLAY_SUBMITS;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(row->event, parts[i].part))
            return parts[i].class;
    return by_effect[row->effect.kind];
}

static bool is_named(const struct ga_row *row, const char *kind)
{
    size_t provider = strlen(row->provider);
    bool qualified = strncmp(kind, row->provider, provider) == 0 && kind[provider] == ':';
    return strcmp(row->event, qualified ? kind + provider + 1 : kind) == 0;
}

int replay_skip_kind(struct replay_plan_options *options, const char *kind, struct ga_error *error)
{
    bool found = strcmp(kind, "close") == 0, is_class = false;
    options->skips[GA_ROW_COUNT] |= found || strcmp(kind, replay_class_names[REPLAY_OTHER]) == 0;
    for (int c = 0; c < REPLAY_CLASSES; c++)
        is_class |= strcmp(kind, replay_class_names[c]) == 0;
    for (int r = 0; r < GA_ROW_COUNT; r++)
        if (ga_rows[r].kind == GA_ROW_CALL &&
            (is_class ? strcmp(kind, replay_class_names[replay_class_of(&ga_rows[r])]) == 0 : is_named(&ga_rows[r], kind)))
            options->skips[r] = found = true;
    if (found)
        return 0;
    return ga_error_set(error, EINVAL, "--skip %s: no such kind of call; it is create, destroy, map, share, wait, submit, other, "
                                       "close, or a call's name as 'gpualloc list' prints it", kind);
}

static const struct {
    const char *name;
    double ns;
} units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}};

/* One end of a range: a whole number of a call, or a time. */
static bool parse_bound(const char *text, int *unit, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    *unit = REPLAY_RANGE_CALLS;
    if (!*end)
        return !errno && *value;
    double time = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].name) == 0 && time * units[i].ns < 0x1p62) {
            *unit = REPLAY_RANGE_TIMES;
            *value = (uint64_t)llround(time * units[i].ns);
            return true;
        }
    return false;
}

int replay_range_parse(struct replay_range *range, const char *text, struct ga_error *error)
{
    char from[64] = "";
    const char *dots = strstr(text, "..");
    int units_of[2] = {REPLAY_RANGE_ALL, REPLAY_RANGE_ALL};
    *range = (struct replay_range){.to = UINT64_MAX};
    bool right = dots && (size_t)(dots - text) < sizeof from;
    if (right) {
        memcpy(from, text, (size_t)(dots - text));
        right = (!*from || parse_bound(from, &units_of[0], &range->from)) &&
                (!dots[2] || parse_bound(dots + 2, &units_of[1], &range->to)) && (*from || dots[2]);
    }
    if (right && *from && dots[2] && units_of[0] != units_of[1])
        return ga_error_set(error, EINVAL, "--range %s: both ends are calls, or both are times", text);
    if (!right)
        return ga_error_set(error, EINVAL, "--range %s: it is FROM..TO, such as 100..200 (calls as 'gpualloc list' prints them) or "
                                           "1.5s..2s (since the first call); either end may be left away", text);
    range->unit = units_of[0] != REPLAY_RANGE_ALL ? units_of[0] : units_of[1];
    if (range->from > range->to)
        return ga_error_set(error, EINVAL, "--range %s: its end is before its beginning", text);
    return 0;
}

int replay_plan_ask(struct replay_plan_options *options, const char *range, const char *const *skips, size_t skip_count,
                    struct ga_error *error)
{
    int result = range ? replay_range_parse(&options->range, range, error) : 0;
    for (size_t i = 0; result == 0 && i < skip_count; i++)
        result = replay_skip_kind(options, skips[i], error);
    return result;
}
