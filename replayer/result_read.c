/* Results: reading. The file may be anything. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/units.h"
#include "base/utf8.h"
#include "replayer/result.h"

enum { FILE_MAX = 512 * 1024 * 1024, DEPTH_MAX = 16, FACT_LENGTH = 200 };

const char *const replay_figure_names[] = {[REPLAY_P50] = "p50",     [REPLAY_MEAN] = "mean", [REPLAY_P90] = "p90",
                                           [REPLAY_P99] = "p99",     [REPLAY_P999] = "p99.9", [REPLAY_MAX] = "max",
                                           [REPLAY_FIGURES] = NULL};
static const char *const figure_members[] = {[REPLAY_P50] = "p50_ns", [REPLAY_MEAN] = "mean_ns",   [REPLAY_P90] = "p90_ns",
                                             [REPLAY_P99] = "p99_ns", [REPLAY_P999] = "p99_9_ns", [REPLAY_MAX] = "max_ns"};

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

/* A file's text reaches terminals: it gives them no commands. */
static char *clean_copy(const char *text)
{
    char *copy = ga_utf8_clean(text);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return copy;
}

static int copy_text(char **to, struct json_object *of, const char *name, bool required, struct ga_error *error)
{
    struct json_object *value = member(of, name, json_type_string);
    if (!value && required)
        return ga_error_set(error, EINVAL, "it has no \"%s\"", name);
    *to = clean_copy(value ? json_object_get_string(value) : "");
    return *to ? 0 : ga_error_errno(error, ENOMEM, "result");
}

const struct replay_result_kind *replay_result_find(const struct replay_result *result, const char *name, uint64_t size_class,
                                                    bool failed)
{
    for (uint32_t k = 0; k < result->kind_count; k++)
        if (result->kinds[k].size_class == size_class && result->kinds[k].failed == failed && strcmp(result->kinds[k].name, name) == 0)
            return &result->kinds[k];
    return NULL;
}

static struct replay_result_kind *add_kind(struct replay_result *result, const char *name, uint64_t size_class, bool failed,
                                           struct ga_error *error)
{
    if (result->kind_count == REPLAY_RESULT_KINDS_MAX) {
        ga_error_set(error, E2BIG, "it has more than %d kinds of calls", REPLAY_RESULT_KINDS_MAX);
        return NULL;
    }
    struct replay_result_kind *kinds = realloc(result->kinds, (result->kind_count + 1u) * sizeof *kinds);
    if (kinds) {
        result->kinds = kinds;
        size_t values = (size_t)REPLAY_FIGURES * result->run_count;
        struct replay_result_kind *added = &kinds[result->kind_count++];
        *added = (struct replay_result_kind){.name = strdup(name), .size_class = size_class, .failed = failed,
                                             .values = calloc(values, sizeof(double))};
        for (size_t i = 0; added->values && i < values; i++)
            added->values[i] = NAN;
        if (added->name && added->values)
            return added;
    }
    ga_error_errno(error, ENOMEM, "result");
    return NULL;
}

/* The kind that this object of a run is of; made when it is the first. */
static struct replay_result_kind *kind_of(struct replay_result *result, struct json_object *object, struct ga_error *error)
{
    struct json_object *name = member(object, "kind", json_type_string), *class = member(object, "size_class", json_type_int);
    if (!name || !class) {
        ga_error_set(error, EINVAL, "a kind of a run has no \"kind\" or \"size_class\"");
        return NULL;
    }
    char *clean = clean_copy(json_object_get_string(name));
    bool failed = json_object_get_boolean(member(object, "failed", json_type_boolean));
    struct replay_result_kind *kind = NULL;
    if (clean && !(kind = (struct replay_result_kind *)replay_result_find(result, clean, json_object_get_uint64(class), failed)))
        kind = add_kind(result, clean, json_object_get_uint64(class), failed, error);
    free(clean);
    return kind;
}

static int parse_run(struct replay_result *result, uint32_t r, struct json_object *run, struct ga_error *error)
{
    struct json_object *kinds = member(run, "kinds", json_type_array);
    result->wall_ns[r] = number(run, "wall_ns");
    if (!kinds || isnan(result->wall_ns[r]))
        return ga_error_set(error, EINVAL, "run %u has no \"wall_ns\" or \"kinds\"", r + 1);
    for (size_t k = 0; k < json_object_array_length(kinds); k++) {
        struct json_object *object = json_object_array_get_idx(kinds, k);
        struct replay_result_kind *kind = kind_of(result, object, error);
        if (!kind)
            return -EINVAL;
        for (int figure = 0; figure < REPLAY_FIGURES; figure++)
            kind->values[(size_t)figure * result->run_count + r] = number(object, figure_members[figure]);
    }
    result->issued += fmax(0, number(run, "issued"));
    result->differs += fmax(0, number(run, "differs"));
    result->violations += fmax(0, number(run, "order_violations"));
    result->exhausted += fmax(0, number(run, "out_of_memory"));
    return 0;
}

static const char *text_of(struct json_object *array, size_t place)
{
    struct json_object *element = json_object_array_get_idx(array, place);
    return element ? json_object_get_string(element) : "null";
}

/* A fact as people read it; null stays "not told", so that it differs from what is told. */
static char *fact_text(const char *name, struct json_object *value)
{
    char text[FACT_LENGTH] = "not told";
    size_t length = strlen(name), used = 0;
    if (value && length > 6 && strcmp(name + length - 6, "_bytes") == 0)
        snprintf(text, sizeof text, "%s", ga_bytes(json_object_get_uint64(value)).text);
    else if (value && json_object_is_type(value, json_type_array) && json_object_array_length(value) == 0)
        snprintf(text, sizeof text, "none");
    else if (value && json_object_is_type(value, json_type_array))
        for (size_t i = 0; i < json_object_array_length(value) && used < sizeof text; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", text_of(value, i));
    else if (value)
        snprintf(text, sizeof text, "%s", *json_object_get_string(value) ? json_object_get_string(value) : "none");
    return clean_copy(text);
}

static int add_fact(struct replay_result *result, const char *name, struct json_object *value, struct ga_error *error)
{
    if (result->fact_count == REPLAY_RESULT_FACTS_MAX)
        return ga_error_set(error, E2BIG, "its \"system\" has more than %d members", REPLAY_RESULT_FACTS_MAX);
    struct replay_fact *fact = &result->facts[result->fact_count++];
    *fact = (struct replay_fact){clean_copy(name), fact_text(name, value)};
    return fact->name && fact->value ? 0 : ga_error_errno(error, ENOMEM, "result");
}

static int parse_facts(struct replay_result *result, struct json_object *root, struct json_object *system, struct ga_error *error)
{
    /* Of the replay itself: results that differ in these are compared, and it is said. */
    static const struct {
        const char *fact, *member;
    } settings[] = {{"replay_note", "note"}, {"replay_cpus", "cpus"}, {"replay_caches_dropped", "caches_dropped"},
                    {"replay_warmup", "warmup"}};
    int status = 0;
    result->facts = calloc(REPLAY_RESULT_FACTS_MAX, sizeof *result->facts);
    if (!result->facts)
        return ga_error_errno(error, ENOMEM, "result");
    for (size_t i = 0; status == 0 && i < sizeof settings / sizeof *settings; i++)
        status = add_fact(result, settings[i].fact, json_object_object_get(root, settings[i].member), error);
    if (!system)
        return status;
    json_object_object_foreach(system, name, value)
    {
        if (status == 0)
            status = add_fact(result, name, value, error);
    }
    return status;
}

/* A run that was ended early has another share of each kind than a whole one; version 1 has whole ones only. */
static bool is_whole(struct json_object *run)
{
    struct json_object *complete = member(run, "complete", json_type_boolean);
    return !complete || json_object_get_boolean(complete);
}

static int parse_runs(struct replay_result *result, struct json_object *root, struct ga_error *error)
{
    struct json_object *runs = member(root, "runs", json_type_array);
    size_t all = runs ? json_object_array_length(runs) : 0, count = 0;
    for (size_t r = 0; r < all; r++)
        count += is_whole(json_object_array_get_idx(runs, r));
    if (!count && (all || *result->ended_by))
        return ga_error_set(error, EINVAL, "none of its runs is whole: the replay was ended early%s%s", *result->ended_by ? ": " : "",
                            result->ended_by);
    if (!count)
        return ga_error_set(error, EINVAL, "it has no \"runs\"");
    result->left_out = (uint32_t)(all - count < UINT32_MAX ? all - count : UINT32_MAX);
    if (count > REPLAY_RESULT_RUNS_MAX)
        return ga_error_set(error, E2BIG, "it has more than %d runs", REPLAY_RESULT_RUNS_MAX);
    result->run_count = (uint32_t)count;
    result->wall_ns = calloc(count, sizeof *result->wall_ns);
    if (!result->wall_ns)
        return ga_error_errno(error, ENOMEM, "result");
    int status = 0;
    for (size_t i = 0, r = 0; status == 0 && i < all; i++)
        if (is_whole(json_object_array_get_idx(runs, i)))
            status = parse_run(result, (uint32_t)r++, json_object_array_get_idx(runs, i), error);
    return status;
}

static char *count_text(double count)
{
    char text[32] = "";
    if (!isnan(count))
        snprintf(text, sizeof text, "%.0f", count);
    return strdup(text);
}

/* How it was issued, as far as version 1 did not say it. */
static int parse_settings(struct replay_result *result, struct json_object *root, struct json_object *plan, struct ga_error *error)
{
    double threads = number(root, "threads"), loops = number(root, "loops");
    result->threads = count_text(isnan(threads) ? number(plan, "lanes") : threads);
    result->processes = count_text(number(root, "processes"));
    result->loops = count_text(isnan(loops) ? 1 : loops);
    result->fidelity = number(root, "fidelity");
    result->required = number(root, "require_fidelity");
    struct json_object *benchmark = member(root, "benchmark", json_type_boolean);
    result->unfaithful = benchmark && !json_object_get_boolean(benchmark) && result->fidelity < result->required;
    if (!*result->state) {
        free(result->state);
        result->state = strdup(number(root, "warmup") > 0 ? "warm" : "as found");
    }
    return result->threads && result->processes && result->loops && result->state ? 0 : ga_error_errno(error, ENOMEM, "result");
}

static int parse_root(struct replay_result *result, struct json_object *root, struct ga_error *error)
{
    if (json_object_get_boolean(member(root, "model", json_type_boolean)))
        return ga_error_set(error, EINVAL, "it is a model's (backend sim): what it says is computed, not measured, and is not "
                                           "compared");
    struct json_object *version = member(root, "schema_version", json_type_int);
    if (!version || !member(root, "runs", json_type_array))
        return ga_error_set(error, EINVAL, "it is no result of 'gpualloc replay --json'");
    if (json_object_get_int(version) < 1 || json_object_get_int(version) > REPLAY_RESULT_VERSION)
        return ga_error_set(error, EINVAL, "its schema_version is %d, and this program reads 1 to %d", json_object_get_int(version),
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
        {&result->driver, device, "driver", true},  {&result->driver_version, device, "driver_version", false},
        {&result->kernel, system, "kernel", false}, {&result->kernel_version, system, "kernel_version", false},
        {&result->boot_id, system, "boot_id", false}, {&result->time, system, "time", false},
        {&result->speed, root, "speed", false},     {&result->populate, root, "populate", false},
        {&result->state, root, "state", false},     {&result->ended_by, root, "ended_by", false},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int status = copy_text(texts[i].to, texts[i].of, texts[i].name, texts[i].required, error);
        if (status < 0)
            return status;
    }
    result->by_boot = member(system, "boots", json_type_array) != NULL;
    result->software = json_object_get_boolean(member(device, "software", json_type_boolean));
    int status = parse_settings(result, root, plan, error);
    if (status == 0)
        status = parse_facts(result, root, system, error);
    return status < 0 ? status : parse_runs(result, root, error);
}

int replay_result_parse(struct replay_result *result, const char *text, size_t size, struct ga_error *error)
{
    *result = (struct replay_result){0};
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    if (!tokener)
        return ga_error_errno(error, ENOMEM, "result");
    struct json_object *root = size > INT32_MAX ? NULL : json_tokener_parse_ex(tokener, text, (int)size);
    enum json_tokener_error status = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    while (root && end < size && strchr(" \t\r\n", text[end]) && text[end])
        end++;
    int outcome;
    if (!root && status == json_tokener_continue)
        outcome = ga_error_set(error, EINVAL, "it is cut short, or no JSON object");
    else if (!root)
        outcome = ga_error_set(error, EINVAL, "it is no JSON: %s at byte %zu", json_tokener_error_desc(status), end);
    else if (end < size)
        outcome = ga_error_set(error, EINVAL, "something stands after its end, at byte %zu", end);
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
    if (status == 0 && !(result->path = clean_copy(path)))
        status = ga_error_errno(error, ENOMEM, "%s", path);
    free(text);
    return status;
}

void replay_result_release(struct replay_result *result)
{
    char *texts[] = {result->path,     result->trace,  result->backend, result->mode,           result->order,
                     result->speed,    result->populate, result->state, result->node,           result->driver,
                     result->driver_version, result->kernel, result->kernel_version, result->boot_id, result->plan,
                     result->time,     result->threads, result->processes, result->loops, result->ended_by};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (uint32_t k = 0; k < result->kind_count; k++) {
        free(result->kinds[k].name);
        free(result->kinds[k].values);
    }
    for (uint32_t f = 0; f < result->fact_count; f++) {
        free(result->facts[f].name);
        free(result->facts[f].value);
    }
    free(result->facts);
    free(result->kinds);
    free(result->wall_ns);
    *result = (struct replay_result){0};
}
