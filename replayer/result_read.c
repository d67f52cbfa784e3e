/* Results: reading. The file may be anything. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "replayer/result.h"

enum { FILE_MAX = 512 * 1024 * 1024, DEPTH_MAX = 16 };

static struct json_object *member(struct json_object *of, const char *name, enum json_type type)
{
    struct json_object *value;
    if (!of || !json_object_is_type(of, json_type_object) || !json_object_object_get_ex(of, name, &value))
        return NULL;
    return json_object_is_type(value, type) ? value : NULL;
}

/* A number that is finite and not negative; else NaN. */
static double number(struct json_object *of, const char *name)
{
    struct json_object *value;
    if (!of || !json_object_is_type(of, json_type_object) || !json_object_object_get_ex(of, name, &value) ||
        !(json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int)))
        return NAN;
    double result = json_object_get_double(value);
    return isfinite(result) && result >= 0 ? result : NAN;
}

static int copy_text(char **to, struct json_object *of, const char *name, bool required, struct ga_error *error)
{
    struct json_object *value = member(of, name, json_type_string);
    if (!value && required)
        return ga_error_set(error, EINVAL, "it has no \"%s\"", name);
    *to = strdup(value ? json_object_get_string(value) : "");
    return *to ? 0 : ga_error_errno(error, ENOMEM, "result");
}

static struct replay_result_kind *find_kind(struct replay_result *result, struct json_object *kind, struct ga_error *error)
{
    struct json_object *name = member(kind, "kind", json_type_string), *class = member(kind, "size_class", json_type_int);
    if (!name || !class) {
        ga_error_set(error, EINVAL, "a kind of a run has no \"kind\" or \"size_class\"");
        return NULL;
    }
    uint64_t size_class = json_object_get_uint64(class);
    bool failed = json_object_get_boolean(member(kind, "failed", json_type_boolean));
    for (uint32_t k = 0; k < result->kind_count; k++) {
        struct replay_result_kind *known = &result->kinds[k];
        if (known->size_class == size_class && known->failed == failed && strcmp(known->name, json_object_get_string(name)) == 0)
            return known;
    }
    if (result->kind_count == REPLAY_RESULT_KINDS_MAX) {
        ga_error_set(error, E2BIG, "it has more than %d kinds of calls", REPLAY_RESULT_KINDS_MAX);
        return NULL;
    }
    struct replay_result_kind *kinds = realloc(result->kinds, (result->kind_count + 1u) * sizeof *kinds);
    if (kinds) {
        result->kinds = kinds;
        kinds[result->kind_count] = (struct replay_result_kind){.name = strdup(json_object_get_string(name)),
                                                                .size_class = size_class, .failed = failed,
                                                                .medians = calloc(result->run_count, sizeof(double))};
        struct replay_result_kind *added = &kinds[result->kind_count++];
        for (uint32_t r = 0; added->medians && r < result->run_count; r++)
            added->medians[r] = NAN;
        if (added->name && added->medians)
            return added;
    }
    ga_error_errno(error, ENOMEM, "result");
    return NULL;
}

static int parse_run(struct replay_result *result, uint32_t r, struct json_object *run, struct ga_error *error)
{
    struct json_object *kinds = member(run, "kinds", json_type_array);
    result->wall_ns[r] = number(run, "wall_ns");
    if (!kinds || isnan(result->wall_ns[r]))
        return ga_error_set(error, EINVAL, "run %u has no \"wall_ns\" or \"kinds\"", r + 1);
    for (size_t k = 0; k < json_object_array_length(kinds); k++) {
        struct json_object *object = json_object_array_get_idx(kinds, k);
        struct replay_result_kind *kind = find_kind(result, object, error);
        if (!kind)
            return -EINVAL;
        kind->medians[r] = number(object, "p50_ns");
    }
    return 0;
}

static int parse_runs(struct replay_result *result, struct json_object *root, struct ga_error *error)
{
    struct json_object *runs = member(root, "runs", json_type_array);
    size_t count = runs ? json_object_array_length(runs) : 0;
    if (!count)
        return ga_error_set(error, EINVAL, "it has no \"runs\"");
    if (count > REPLAY_RESULT_RUNS_MAX)
        return ga_error_set(error, E2BIG, "it has more than %d runs", REPLAY_RESULT_RUNS_MAX);
    result->run_count = (uint32_t)count;
    result->wall_ns = calloc(count, sizeof *result->wall_ns);
    if (!result->wall_ns)
        return ga_error_errno(error, ENOMEM, "result");
    for (uint32_t r = 0; r < count; r++) {
        int status = parse_run(result, r, json_object_array_get_idx(runs, r), error);
        if (status < 0)
            return status;
    }
    return 0;
}

static int parse_root(struct replay_result *result, struct json_object *root, struct ga_error *error)
{
    struct json_object *version = member(root, "schema_version", json_type_int);
    if (!version || !member(root, "runs", json_type_array))
        return ga_error_set(error, EINVAL, "it is no result of 'gpualloc replay --json'");
    if (json_object_get_int(version) != REPLAY_RESULT_VERSION)
        return ga_error_set(error, EINVAL, "its schema_version is %d, and this program reads %d", json_object_get_int(version),
                            REPLAY_RESULT_VERSION);
    struct json_object *device = member(root, "device", json_type_object), *system = member(root, "system", json_type_object);
    struct json_object *plan = member(root, "plan", json_type_object);
    const struct {
        char **to;
        struct json_object *of;
        const char *name;
        bool required;
    } texts[] = {
        {&result->trace, root, "trace", true},      {&result->backend, root, "backend", true},
        {&result->mode, root, "mode", true},        {&result->plan, plan, "hash", true},
        {&result->order, plan, "order", true},      {&result->node, device, "node", true},
        {&result->driver, device, "driver", true},  {&result->kernel, system, "kernel", false},
        {&result->boot_id, system, "boot_id", false},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int status = copy_text(texts[i].to, texts[i].of, texts[i].name, texts[i].required, error);
        if (status < 0)
            return status;
    }
    result->by_boot = member(system, "boots", json_type_array) != NULL;
    result->software = json_object_get_boolean(member(device, "software", json_type_boolean));
    return parse_runs(result, root, error);
}

int replay_result_parse(struct replay_result *result, const char *text, size_t size, struct ga_error *error)
{
    *result = (struct replay_result){0};
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    if (!tokener)
        return ga_error_errno(error, ENOMEM, "result");
    struct json_object *root = size > INT32_MAX ? NULL : json_tokener_parse_ex(tokener, text, (int)size);
    enum json_tokener_error status = json_tokener_get_error(tokener);
    int outcome;
    if (!root && status == json_tokener_continue)
        outcome = ga_error_set(error, EINVAL, "it is cut short, or no JSON object");
    else if (!root)
        outcome = ga_error_set(error, EINVAL, "it is no JSON: %s at byte %zu", json_tokener_error_desc(status),
                               json_tokener_get_parse_end(tokener));
    else
        outcome = parse_root(result, root, error);
    json_object_put(root);
    json_tokener_free(tokener);
    return outcome;
}

static int read_all(FILE *file, char **text, size_t *size)
{
    size_t room = 0;
    for (*size = 0;;) {
        if (*size == room) {
            room = room ? room * 2 : 65536;
            char *bigger = room > FILE_MAX ? NULL : realloc(*text, room);
            if (!bigger)
                return room > FILE_MAX ? -EFBIG : -ENOMEM;
            *text = bigger;
        }
        size_t got = fread(*text + *size, 1, room - *size, file);
        *size += got;
        if (!got)
            return ferror(file) ? -errno : 0;
    }
}

int replay_result_read(struct replay_result *result, const char *path, struct ga_error *error)
{
    *result = (struct replay_result){0};
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (!file)
        return ga_error_errno(error, errno, "%s", path);
    char *text = NULL;
    size_t size;
    errno = 0;
    int status = read_all(file, &text, &size);
    if (!standard)
        fclose(file);
    if (status < 0)
        ga_error_errno(error, -status, "%s", path);
    else if ((status = replay_result_parse(result, text, size, error)) < 0)
        ga_error_prefix(error, status, "%s", path);
    free(text);
    return status;
}

void replay_result_release(struct replay_result *result)
{
    char *texts[] = {result->trace, result->backend, result->mode, result->order, result->node,
                     result->driver, result->kernel, result->boot_id, result->plan};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (uint32_t k = 0; k < result->kind_count; k++) {
        free(result->kinds[k].name);
        free(result->kinds[k].medians);
    }
    free(result->kinds);
    free(result->wall_ns);
    *result = (struct replay_result){0};
}

void replay_result_describe(const struct replay_result *result, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s, driver %s%s, kernel %s, %u %s%s", result->backend, *result->node ? " on " : "", result->node,
             result->driver, result->software ? " (software, no hardware)" : "", *result->kernel ? result->kernel : "unknown",
             result->run_count, result->by_boot ? "boot" : "run", result->run_count == 1 ? "" : "s");
}
