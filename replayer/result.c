/* Results: writing. */
#include "replayer/result.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/units.h"
#include "replayer/environment.h"

static void add_text(struct json_object *to, const char *name, const char *text)
{
    json_object_object_add(to, name, json_object_new_string(text));
}

static void add_count(struct json_object *to, const char *name, uint64_t count)
{
    json_object_object_add(to, name, json_object_new_uint64(count));
}

/* Tenths of ns: more digits than a clock has, fewer than json-c would print. */
static void add_ns(struct json_object *to, const char *name, double ns)
{
    char text[32];
    snprintf(text, sizeof text, "%.1f", ns);
    json_object_object_add(to, name, json_object_new_double_s(ns, text));
}

static struct json_object *device_of(const struct replay_session *session)
{
    struct json_object *device = json_object_new_object();
    add_text(device, "node", session->identity.node);
    add_text(device, "driver", session->identity.driver);
    add_text(device, "driver_version", session->identity.version);
    json_object_object_add(device, "software", json_object_new_boolean(session->identity.software));
    json_object_object_add(device, "never_run_on_hardware", json_object_new_boolean(session->backend->unmet));
    return device;
}

/* Whether a file's driver is none of those before it. */
static bool new_driver(const struct replay_plan *plan, uint32_t file)
{
    for (uint32_t f = 0; f < file; f++)
        if (strcmp(plan->files[f].driver, plan->files[file].driver) == 0)
            return false;
    return *plan->files[file].driver;
}

/* DRM drivers whose devices the program used. One device stands for them all. */
static struct json_object *recorded_on(const struct replay_plan *plan)
{
    struct json_object *drivers = json_object_new_array();
    for (uint32_t f = 0; f < plan->file_count; f++)
        if (new_driver(plan, f))
            json_object_array_add(drivers, json_object_new_string(plan->files[f].driver));
    return drivers;
}

static struct json_object *plan_of(const struct replay_plan *plan)
{
    struct json_object *object = json_object_new_object();
    char hash[20];
    snprintf(hash, sizeof hash, "%016" PRIx64, plan->hash);
    add_text(object, "hash", hash);
    add_text(object, "order", plan->memory_order == REPLAY_ORDER_MEMORY ? "memory" : "resource");
    add_count(object, "calls", plan->call_count);
    add_count(object, "lanes", plan->lane_count);
    add_count(object, "objects", plan->object_count);
    add_count(object, "dependencies", plan->dependency_count);
    add_count(object, "peak_bytes", plan->peak_bytes);
    add_count(object, "recorded_ns", plan->span_ns);
    json_object_object_add(object, "recorded_on", recorded_on(plan));
    return object;
}

/* What was issued as another request, by call kind. */
static struct json_object *translated_of(const struct replay_session *session)
{
    struct json_object *object = json_object_new_object();
    for (uint32_t c = 0; c < session->plan->call_count; c++) {
        if (!session->binding.translated[c] || session->binding.skips[c])
            continue;
        const char *name = replay_call_name(&session->plan->calls[c]);
        struct json_object *count;
        if (json_object_object_get_ex(object, name, &count))
            json_object_int_inc(count, 1);
        else
            json_object_object_add(object, name, json_object_new_uint64(1));
    }
    return object;
}

/* Where the sizes of what was issued by size came from; a mapping tells only a lower bound. */
static struct json_object *sizes_of(const struct replay_session *session)
{
    const struct replay_plan *plan = session->plan;
    struct json_object *object = json_object_new_object();
    uint64_t counts[GA_SIZE_ORIGINS] = {0};
    for (uint32_t c = 0; c < plan->call_count; c++)
        for (uint32_t r = plan->calls[c].refs; r < plan->calls[c].refs + plan->calls[c].ref_count; r++)
            if (session->binding.translated[c] && !session->binding.skips[c] && plan->refs[r].kind == REPLAY_ALLOCATION &&
                plan->refs[r].role == REPLAY_MAKES && plan->refs[r].object != REPLAY_NONE)
                counts[plan->objects[plan->refs[r].object].origin % GA_SIZE_ORIGINS]++;
    for (int origin = 0; origin < GA_SIZE_ORIGINS; origin++)
        if (counts[origin])
            add_count(object, ga_size_origin_name((enum ga_size_origin)origin), counts[origin]);
    return object;
}

/* Where translated creates put their buffers. */
static struct json_object *moves_of(const struct replay_binding *binding)
{
    struct json_object *moves = json_object_new_array();
    for (int from = 0; from < REPLAY_PLACES; from++)
        for (int to = 0; to < REPLAY_PLACES; to++) {
            if (!binding->moves[from][to])
                continue;
            struct json_object *move = json_object_new_object();
            add_text(move, "recorded", replay_place_name((enum replay_place)from));
            add_text(move, "issued", replay_place_name((enum replay_place)to));
            add_count(move, "creates", binding->moves[from][to]);
            json_object_array_add(moves, move);
        }
    for (int to = 0; to < REPLAY_PLACES; to++) {
        struct json_object *move = binding->unplaced[to] ? json_object_new_object() : NULL;
        if (!move)
            continue;
        add_text(move, "recorded", "unknown");
        add_text(move, "issued", replay_place_name((enum replay_place)to));
        add_count(move, "creates", binding->unplaced[to]);
        json_object_array_add(moves, move);
    }
    return moves;
}

/* What issued creates need of each class of memory. */
struct json_object *replay_json_memory(const struct replay_binding *binding)
{
    struct json_object *all = json_object_new_array();
    for (int place = 0; place < REPLAY_PLACES; place++) {
        const struct replay_memory_use *use = &binding->memory[place];
        if (!use->peak_bytes)
            continue;
        struct json_object *object = json_object_new_object();
        add_text(object, "place", replay_place_name((enum replay_place)place));
        add_count(object, "peak_bytes", use->peak_bytes);
        add_count(object, "largest_bytes", use->largest_bytes);
        if (use->known)
            add_count(object, "device_bytes", use->device_bytes);
        json_object_array_add(all, object);
    }
    return all;
}

struct json_object *replay_json_limits(const struct replay_binding *binding)
{
    struct json_object *limits = json_object_new_array();
    for (uint32_t l = 0; l < binding->limit_count; l++)
        json_object_array_add(limits, json_object_new_string(binding->limits[l]));
    return limits;
}

static struct json_object *skipped_of(const uint64_t *outcomes)
{
    struct json_object *object = json_object_new_object();
    for (int skip = REPLAY_ISSUED + 1; skip < REPLAY_SKIPS; skip++)
        if (outcomes[skip])
            add_count(object, replay_skip_name((enum replay_skip)skip), outcomes[skip]);
    return object;
}

static void add_figures(struct json_object *to, const struct replay_figures *f)
{
    add_count(to, "n", f->n);
    add_ns(to, "mean_ns", f->mean);
    add_ns(to, "p50_ns", f->p50);
    add_ns(to, "p90_ns", f->p90);
    add_ns(to, "p99_ns", f->p99);
    add_ns(to, "p99_9_ns", f->p999);
    add_ns(to, "max_ns", f->max);
}

/* From the begin of paging calls until their fence had been reached. */
static struct json_object *resident_of(const struct replay_figures *f)
{
    struct json_object *object = json_object_new_object();
    add_figures(object, f);
    return object;
}

static struct json_object *kind_of_run(const struct replay_kind *kind, const struct replay_figures *f,
                                       const struct replay_figures *resident)
{
    struct json_object *object = json_object_new_object();
    add_text(object, "kind", kind->name);
    add_count(object, "size_class", kind->size_class);
    json_object_object_add(object, "failed", json_object_new_boolean(kind->failed));
    add_figures(object, f);
    add_ns(object, "total_ns", f->total);
    add_ns(object, "per_second", f->mean > 0 ? 1e9 / f->mean : 0);
    if (resident->n)
        json_object_object_add(object, "time_to_resident", resident_of(resident));
    return object;
}

/* Buffers whose pages were brought in, by how; null: none was asked for. */
static struct json_object *populated_of(const uint64_t *populated)
{
    struct json_object *object = NULL;
    for (int how = REPLAY_POPULATE_TOUCH; how < REPLAY_POPULATES; how++) {
        if (populated[how] && !object)
            object = json_object_new_object();
        if (populated[how])
            add_count(object, replay_populate_name((enum replay_populate)how), populated[how]);
    }
    return object;
}

static void add_share(struct json_object *to, const char *name, double share)
{
    char text[32];
    snprintf(text, sizeof text, "%.6f", share);
    json_object_object_add(to, name, json_object_new_double_s(share, text));
}

static struct json_object *fidelity_of(const struct replay_fidelity *fidelity)
{
    struct json_object *object = json_object_new_object(), *error = NULL;
    add_share(object, "score", fidelity->score);
    add_share(object, "answered", fidelity->answered);
    add_share(object, "live_bytes_distance", fidelity->curve_distance);
    if (!isnan(fidelity->error_p50)) {
        error = json_object_new_object();
        add_ns(error, "p50_ns", fidelity->error_p50);
        add_ns(error, "p99_ns", fidelity->error_p99);
    }
    json_object_object_add(object, "issue_error", error);
    return object;
}

static struct json_object *run_of(const struct replay_statistics *s, uint32_t r)
{
    struct json_object *run = json_object_new_object(), *kinds = json_object_new_array();
    const struct replay_summary *summary = &s->runs[r];
    const struct replay_counts *counts = &summary->counts;
    json_object_object_add(run, "complete", json_object_new_boolean(summary->end == REPLAY_WHOLE));
    if (summary->end != REPLAY_WHOLE)
        add_text(run, "ended_by", replay_end_name(summary->end));
    add_count(run, "wall_ns", summary->wall_ns);
    add_count(run, "loops", summary->passes);
    add_count(run, "issued", counts->outcomes[REPLAY_ISSUED]);
    json_object_object_add(run, "skipped", skipped_of(counts->outcomes));
    add_count(run, "differs", replay_differs(counts));
    add_count(run, "failed_here", counts->failed);
    add_count(run, "succeeded_here", counts->succeeded);
    add_count(run, "failed_otherwise", counts->otherwise);
    add_count(run, "remapped", counts->remapped);
    add_count(run, "out_of_memory", counts->exhausted);
    add_count(run, "order_violations", counts->violations);
    struct json_object *populated = populated_of(counts->populated);
    if (populated)
        json_object_object_add(run, "populated", populated);
    json_object_object_add(run, "fidelity", fidelity_of(&summary->fidelity));
    add_count(run, "left_bytes", summary->left_bytes);
    const struct replay_figures *figures = &s->figures[(size_t)r * s->kinds->count];
    const struct replay_figures *resident = &s->resident[(size_t)r * s->kinds->count];
    for (uint32_t k = 0; k < s->kinds->count; k++)
        if (figures[k].n)
            json_object_array_add(kinds, kind_of_run(&s->kinds->kinds[k], &figures[k], &resident[k]));
    json_object_object_add(run, "kinds", kinds);
    return run;
}

const char *replay_end_text(enum replay_end end)
{
    static const char *const texts[REPLAY_ENDS_COUNT] = {
        [REPLAY_WHOLE] = "whole",
        [REPLAY_END_STOPPED] = "it was interrupted",
        [REPLAY_END_TIME] = "the time was over (--max-time)",
        [REPLAY_END_REMOVED] = "the device was removed",
        [REPLAY_END_HUNG] = "a call did not come back",
        [REPLAY_END_DIED] = "a worker process died",
        [REPLAY_END_ERROR] = "a further run could not be begun",
    };
    return texts[end];
}

double replay_report_fidelity(const struct replay_report *report)
{
    const struct replay_statistics *s = report->statistics;
    double worst = INFINITY;
    for (uint32_t r = 0; r < s->run_count; r++)
        if (s->runs[r].end == REPLAY_WHOLE)
            worst = fmin(worst, s->runs[r].fidelity.score);
    return isinf(worst) ? 0 : worst;
}

static uint32_t threads_of(const struct replay_session *session)
{
    uint32_t lanes = session->plan->lane_count, threads = session->settings.threads;
    return threads && threads < lanes ? threads : lanes;
}

static struct json_object *cpus_of(const struct replay_settings *settings)
{
    struct json_object *cpus = json_object_new_array();
    for (uint32_t i = 0; i < settings->cpu_count; i++)
        json_object_array_add(cpus, json_object_new_int(settings->cpus[i]));
    return cpus;
}

/* Whether its times may be called a benchmark of the recording. */
static bool is_benchmark(const struct replay_report *report)
{
    return report->end == REPLAY_WHOLE && replay_report_fidelity(report) >= report->require;
}

static struct json_object *report_object(const struct replay_report *report)
{
    const struct replay_session *session = report->session;
    struct json_object *root = json_object_new_object(), *runs = json_object_new_array();
    json_object_object_add(root, "schema_version", json_object_new_int(REPLAY_RESULT_VERSION));
    add_text(root, "trace", report->trace);
    json_object_object_add(root, "plan", plan_of(session->plan));
    add_text(root, "backend", session->backend->name);
    add_text(root, "mode", replay_mode_name(session->binding.mode));
    add_text(root, "placement", replay_mode_placement(session->binding.mode));
    json_object_object_add(root, "places", moves_of(&session->binding));
    json_object_object_add(root, "memory", replay_json_memory(&session->binding));
    json_object_object_add(root, "limits", replay_json_limits(&session->binding));
    add_text(root, "speed", report->speed);
    add_text(root, "populate", replay_populated_name(report->statistics, session->populate));
    add_text(root, "populate_asked", replay_populate_name(session->populate));
    add_text(root, "state", report->state);
    json_object_object_add(root, "caches_dropped", json_object_new_boolean(report->caches_dropped));
    add_count(root, "loops", session->settings.loops ? session->settings.loops : 1);
    add_count(root, "processes", report->processes);
    add_count(root, "threads", threads_of(session));
    json_object_object_add(root, "cpus", cpus_of(&session->settings));
    json_object_object_add(root, "complete", json_object_new_boolean(report->end == REPLAY_WHOLE));
    json_object_object_add(root, "ended_by", report->end == REPLAY_WHOLE ? NULL : json_object_new_string(replay_end_name(report->end)));
    add_share(root, "fidelity", replay_report_fidelity(report));
    add_share(root, "require_fidelity", report->require);
    json_object_object_add(root, "benchmark", json_object_new_boolean(is_benchmark(report)));
    json_object_object_add(root, "device", device_of(session));
    json_object_object_add(root, "system", replay_environment(session->identity.node));
    add_count(root, "clock_cost_ns", report->clock_cost_ns);
    if (isnan(report->engine_ns))
        json_object_object_add(root, "engine_ns_per_call", NULL);
    else
        add_ns(root, "engine_ns_per_call", report->engine_ns);
    json_object_object_add(root, "note", report->note ? json_object_new_string(report->note) : NULL);
    json_object_object_add(root, "base", report->base ? json_object_new_string(report->base) : NULL);
    add_count(root, "warmup", report->warmup);
    json_object_object_add(root, "translated", translated_of(session));
    json_object_object_add(root, "sizes", sizes_of(session));
    for (uint32_t r = 0; r < report->statistics->run_count; r++)
        json_object_array_add(runs, run_of(report->statistics, r));
    json_object_object_add(root, "runs", runs);
    return root;
}

static int write_all(int fd, const char *text, size_t size)
{
    while (size) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        text += written;
        size -= (size_t)written;
    }
    return 0;
}

/* A new file in path's folder; its name in temporary, of PATH_MAX bytes. Its descriptor, or a negative errno. */
static int open_beside(const char *path, char *temporary, struct ga_error *error)
{
    if (snprintf(temporary, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
        return ga_error_errno(error, ENAMETOOLONG, "%s", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    return fd < 0 ? ga_error_errno(error, errno, "%s: making a file in its folder", path) : fd;
}

int replay_can_write_file(const char *path, struct ga_error *error)
{
    struct stat status;
    char temporary[PATH_MAX];
    if (!*path)
        return ga_error_set(error, EINVAL, "a file to write has an empty name");
    if (strcmp(path, "-") == 0 || (stat(path, &status) == 0 && !S_ISREG(status.st_mode)))
        return 0;
    int fd = open_beside(path, temporary, error);
    if (fd < 0)
        return fd;
    close(fd);
    unlink(temporary);
    return 0;
}

int replay_write_file(const char *path, const char *text, struct ga_error *error)
{
    if (strcmp(path, "-") == 0) {
        if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
            return 0;
        int result = ga_error_errno(error, errno, "standard output");
        __fpurge(stdout); /* said once */
        clearerr(stdout);
        return result;
    }
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) { /* a pipe or a device: nothing to put in its place */
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        int result = fd < 0 ? -errno : write_all(fd, text, strlen(text));
        if (fd >= 0 && close(fd) < 0 && result == 0)
            result = -errno;
        return result < 0 ? ga_error_errno(error, -result, "%s", path) : 0;
    }
    char temporary[PATH_MAX];
    int fd = open_beside(path, temporary, error);
    if (fd < 0)
        return fd;
    mode_t mask = umask(0);
    umask(mask);
    int result = fchmod(fd, 0666 & ~mask) < 0 ? -errno : write_all(fd, text, strlen(text));
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result == 0 && rename(temporary, path) < 0)
        result = -errno;
    if (result < 0)
        unlink(temporary);
    return result < 0 ? ga_error_errno(error, -result, "%s", path) : 0;
}

int replay_result_write(const struct replay_report *report, const char *path, struct ga_error *error)
{
    struct json_object *root = report_object(report);
    const char *json = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
    size_t size = strlen(json);
    char *text = malloc(size + 2);
    int result = text ? 0 : ga_error_errno(error, ENOMEM, "%s", path);
    if (text) {
        memcpy(text, json, size);
        memcpy(text + size, "\n", 2);
        result = replay_write_file(path, text, error);
    }
    free(text);
    json_object_put(root);
    return result;
}

/* Median over runs of a figure of one kind; runs without the kind do not count. */
static double over_runs(const struct replay_statistics *s, const struct replay_figures *figures, uint32_t kind, size_t figure,
                        double *values)
{
    size_t count = 0;
    for (uint32_t r = 0; r < s->run_count; r++) {
        const struct replay_figures *f = &figures[(size_t)r * s->kinds->count + kind];
        if (f->n)
            values[count++] = *(const double *)((const char *)f + figure);
    }
    return replay_median(values, count);
}

static void print_kind(const struct replay_statistics *s, const struct replay_figures *figures, uint32_t k, int width, double *values,
                       FILE *out)
{
    uint64_t n = 0;
    for (uint32_t r = 0; r < s->run_count; r++)
        n += figures[(size_t)r * s->kinds->count + k].n;
    if (!n)
        return;
    static const size_t columns[] = {offsetof(struct replay_figures, mean), offsetof(struct replay_figures, p50),
                                     offsetof(struct replay_figures, p90),  offsetof(struct replay_figures, p99),
                                     offsetof(struct replay_figures, p999), offsetof(struct replay_figures, max)};
    char name[64], size[40];
    snprintf(name, sizeof name, "%s%s", s->kinds->kinds[k].name, s->kinds->kinds[k].failed ? " (fails)" : "");
    snprintf(size, sizeof size, "%s", replay_size_class_text(s->kinds->kinds[k].size_class).text);
    /* ≤ is three bytes and one column; so is µ two */
    fprintf(out, "%-*s %-*s %9s", width, name, *size ? 12 : 10, size, ga_count(n / s->run_count).text);
    double mean = 0;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        double value = over_runs(s, figures, k, columns[i], values);
        mean = i ? mean : value;
        struct ga_text text = ga_duration(value);
        fprintf(out, " %*s", strstr(text.text, "µ") ? 10 : 9, text.text);
    }
    if (figures == s->figures)
        fprintf(out, " %11s", mean > 0 ? ga_count((uint64_t)(1e9 / mean)).text : "");
    fputc('\n', out);
}

/* One line a kind that has figures; nothing without any. */
static void print_table(const struct replay_statistics *s, const struct replay_figures *figures, const char *title, double *values,
                        FILE *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < (size_t)s->run_count * s->kinds->count; i++)
        n += figures[i].n;
    if (!n && figures != s->figures)
        return;
    int width = 36;
    for (uint32_t k = 0; k < s->kinds->count; k++) {
        int length = (int)strlen(s->kinds->kinds[k].name) + (s->kinds->kinds[k].failed ? (int)sizeof " (fails)" - 1 : 0);
        width = length > width ? length : width;
    }
    fprintf(out, "\n%-*s %-10s %9s %9s %9s %9s %9s %9s %9s%s\n", width, title, "size", "n a run", "mean", "p50", "p90", "p99", "p99.9",
            "max", figures == s->figures ? "  per second" : "");
    for (uint32_t k = 0; k < s->kinds->count; k++)
        print_kind(s, figures, k, width, values, out);
}

/* Said when it is another driver's device, or several devices that one stands for. */
static void print_recorded_on(const struct replay_plan *plan, const char *driver, FILE *out)
{
    uint32_t count = 0, others = 0;
    for (uint32_t f = 0; f < plan->file_count; f++)
        if (new_driver(plan, f)) {
            count++;
            others += strcmp(plan->files[f].driver, driver) != 0;
        }
    if (!others)
        return;
    fputs("recorded on", out);
    for (uint32_t f = 0; f < plan->file_count; f++)
        if (new_driver(plan, f))
            fprintf(out, " %s", plan->files[f].driver);
    fputs(count > 1 ? ": this device alone stands for them\n" : ", another driver\n", out);
}

void replay_print_memory(const struct replay_binding *binding, FILE *out)
{
    for (int place = 0; place < REPLAY_PLACES; place++) {
        const struct replay_memory_use *use = &binding->memory[place];
        if (!use->peak_bytes)
            continue;
        fprintf(out, "  %s memory: at most %s alive at once, the largest buffer %s; the device ",
                replay_place_name((enum replay_place)place), ga_bytes(use->peak_bytes).text, ga_bytes(use->largest_bytes).text);
        if (use->known)
            fprintf(out, "has %s\n", ga_bytes(use->device_bytes).text);
        else
            fprintf(out, "does not say how much it has\n");
    }
}

static void print_header(const struct replay_report *report, FILE *out)
{
    const struct replay_session *session = report->session;
    const struct replay_identity *identity = &session->identity;
    const struct replay_plan *plan = session->plan;
    fprintf(out, "%s on backend %s", report->trace, session->backend->name);
    if (*identity->node)
        fprintf(out, ", %s (driver %s%s%s)", identity->node, identity->driver, *identity->version ? " " : "", identity->version);
    fprintf(out, "%s\n", identity->software ? "; software, no hardware was measured" : "");
    if (session->backend->unmet)
        fprintf(out, "backend %s has never run on hardware: it has met fake devices only\n", session->backend->name);
    fprintf(out, "%s calls of %s thread%s, %s, order %s, %s run%s after %s to warm up\n", ga_count(plan->call_count).text,
            ga_count(plan->lane_count).text, plan->lane_count == 1 ? "" : "s", replay_mode_name(session->binding.mode),
            plan->memory_order == REPLAY_ORDER_MEMORY ? "memory" : "resource", ga_count(report->statistics->run_count).text,
            report->statistics->run_count == 1 ? "" : "s", ga_count(report->warmup).text);
    fprintf(out, "speed %s, %s thread%s", report->speed, ga_count(threads_of(session)).text, threads_of(session) == 1 ? "" : "s");
    if (replay_plan_is_of_several(plan))
        fprintf(out, " of %s process%s", ga_count(report->processes).text, report->processes == 1 ? "" : "es");
    fprintf(out, ", %s loop%s a run, state %s%s\n", ga_count(session->settings.loops ? session->settings.loops : 1).text,
            session->settings.loops > 1 ? "s" : "", report->state, report->caches_dropped ? ", caches dropped" : "");
    if (report->base)
        fprintf(out, "between runs: %s\n", report->base);
    if (session->binding.mode != REPLAY_VERBATIM)
        fprintf(out, "the memory of what is translated lies in %s\n", replay_mode_placement(session->binding.mode));
    for (int from = 0; from < REPLAY_PLACES; from++)
        for (int to = 0; to < REPLAY_PLACES; to++)
            if (session->binding.moves[from][to])
                fprintf(out, "  %s create%s: %s memory %s %s\n", ga_count(session->binding.moves[from][to]).text,
                        session->binding.moves[from][to] == 1 ? "" : "s", replay_place_name((enum replay_place)from),
                        from == to ? "as" : "became", replay_place_name((enum replay_place)to));
    for (int to = 0; to < REPLAY_PLACES; to++)
        if (session->binding.unplaced[to])
            fprintf(out, "  %s allocation%s of which the recording tells no place: %s memory\n",
                    ga_count(session->binding.unplaced[to]).text, session->binding.unplaced[to] == 1 ? "" : "s",
                    replay_place_name((enum replay_place)to));
    replay_print_memory(&session->binding, out);
    for (uint32_t l = 0; l < session->binding.limit_count; l++)
        fprintf(out, "  note: %s\n", session->binding.limits[l]);
    if (*identity->node)
        print_recorded_on(plan, identity->driver, out);
}

static void print_fidelity(const struct replay_report *report, FILE *out)
{
    const struct replay_statistics *s = report->statistics;
    struct replay_counts counts = {0};
    uint64_t translated = 0, all = 0, runs = 0;
    for (uint32_t r = 0; r < s->run_count; r++) {
        replay_counts_add(&counts, &s->runs[r].counts);
        runs += s->runs[r].passes;
    }
    for (int skip = 1; skip < REPLAY_SKIPS; skip++)
        all += counts.outcomes[skip];
    for (uint32_t c = 0; c < report->session->plan->call_count; c++)
        translated += report->session->binding.translated[c] && !report->session->binding.skips[c];
    runs = runs ? runs : 1;
    fprintf(out, "a %s: %s issued, %s of them translated, %s skipped; %s answered otherwise than recorded, %s out of order\n",
            report->session->settings.loops > 1 ? "loop" : "run", ga_count(counts.outcomes[REPLAY_ISSUED] / runs).text,
            ga_count(translated).text, ga_count(all / runs).text, ga_count(replay_differs(&counts) / runs).text,
            ga_count(counts.violations).text);
    if (counts.failed || counts.succeeded || counts.otherwise)
        fprintf(out, "  otherwise: %s failed here only, %s in the recording only, %s failed in both with another status\n",
                ga_count((counts.failed + runs - 1) / runs).text, ga_count((counts.succeeded + runs - 1) / runs).text,
                ga_count((counts.otherwise + runs - 1) / runs).text);
    if (counts.exhausted)
        fprintf(out, "  out of memory %s: creates for which the device had none left; at most %s were alive in the recording\n",
                ga_count((counts.exhausted + runs - 1) / runs).text, ga_bytes(report->session->plan->peak_bytes).text);
    if (counts.remapped)
        fprintf(out, "  remapped %s: their GPU address is not to be had here, and another was taken\n",
                ga_count((counts.remapped + runs - 1) / runs).text);
    for (int skip = 1; skip < REPLAY_SKIPS; skip++)
        if (counts.outcomes[skip])
            fprintf(out, "  skipped %s: %s\n", ga_count((counts.outcomes[skip] + runs - 1) / runs).text,
                    replay_skip_text((enum replay_skip)skip));
}

static void print_populated(const struct replay_report *report, FILE *out)
{
    const struct replay_statistics *s = report->statistics;
    struct replay_counts counts = {0};
    uint64_t passes = 0;
    if (!report->session->populate)
        return;
    for (uint32_t r = 0; r < s->run_count; r++) {
        replay_counts_add(&counts, &s->runs[r].counts);
        passes += s->runs[r].passes;
    }
    passes = passes ? passes : 1;
    fprintf(out, "populated after their creation (%s asked for): %s buffers by an empty batch, %s by touching each page",
            replay_populate_name(report->session->populate), ga_count(counts.populated[REPLAY_POPULATE_SUBMIT] / passes).text,
            ga_count(counts.populated[REPLAY_POPULATE_TOUCH] / passes).text);
    if (counts.populated[REPLAY_POPULATE_FAILED])
        fprintf(out, ", %s could not be", ga_count((counts.populated[REPLAY_POPULATE_FAILED] + passes - 1) / passes).text);
    fputc('\n', out);
}

/* One line, and why the result is none where it is none. */
static void print_score(const struct replay_report *report, FILE *out)
{
    const struct replay_statistics *s = report->statistics;
    double distance = 0, p50 = NAN, p99 = NAN, score = replay_report_fidelity(report);
    for (uint32_t r = 0; r < s->run_count; r++) {
        distance = fmax(distance, s->runs[r].fidelity.curve_distance);
        p50 = fmax(p50, s->runs[r].fidelity.error_p50);
        p99 = fmax(p99, s->runs[r].fidelity.error_p99);
    }
    fprintf(out, "fidelity %.2f %% (worst run); live bytes are %.2f %% of their peak away from the recording's; ", 100 * score,
            100 * distance);
    if (!s->run_count)
        fputs("no call was issued\n", out);
    else if (isnan(p50))
        fputs("as fast as possible, so no call can be late\n", out);
    else
        fprintf(out, "calls are off their time by %s (p50), %s (p99)\n", ga_duration(p50).text, ga_duration(p99).text);
    if (report->end != REPLAY_WHOLE)
        fprintf(out, "incomplete: %s; not called a benchmark\n", replay_end_text(report->end));
    else if (!is_benchmark(report))
        fprintf(out, "not called a benchmark: fidelity below the %.2f %% asked for\n", 100 * report->require);
}

void replay_result_print(const struct replay_report *report, FILE *out)
{
    const struct replay_statistics *s = report->statistics;
    double *values = calloc(s->run_count + 1u, sizeof *values);
    if (!values)
        return;
    print_header(report, out);
    print_fidelity(report, out);
    print_populated(report, out);
    print_score(report, out);
    if (!s->run_count) {
        fputs("no run was measured\n", out);
        free(values);
        return;
    }
    print_table(s, s->figures, "call", values, out);
    print_table(s, s->resident, "until it has taken effect", values, out);
    for (uint32_t r = 0; r < s->run_count; r++)
        values[r] = (double)s->runs[r].wall_ns;
    double wall = replay_median(values, s->run_count);
    fprintf(out, "\na run takes %s; each figure is the median over the runs, and includes about %s of reading the clock\n",
            ga_duration(wall).text, ga_duration(report->clock_cost_ns).text);
    if (!isnan(report->engine_ns))
        fprintf(out, "the engine itself: %s a call (the same plan on backend null, one thread)\n", ga_duration(report->engine_ns).text);
    free(values);
}
