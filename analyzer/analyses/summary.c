/* The summary: what the trace is, the peak of live bytes, what became of the allocations, what failed, and what was lost. */
#include "analyzer/groups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/table.h"

/* What a gpualloc:process event said. */
struct process {
    uint64_t process;
    uint32_t pid;
    char *program, *command_line, *kernel, *tracer;
};

struct device_file {
    char *driver, *path, *driver_version;
    uint64_t files; /* open file descriptions of the same device */
};

/* Counts that the tracer told by name or number; each event replaces the earlier one of its process. */
struct told {
    uint64_t process, file, count;
    uint32_t request;
    char *what; /* null: a request without a row */
};

struct state {
    struct groups all; /* one group */
    struct process *processes;
    struct device_file *files;
    struct told *told;
    size_t process_count, file_count, told_count;
    struct ga_map threads;
    uint64_t last_process; /* of the call before */
    uint32_t last_thread;
    uint64_t calls, failed, strangers, used;
    struct ga_reader_totals totals;
    const char *incomplete;
    int64_t from_ns, to_ns; /* the range, or the trace's own */
    bool ranged;
    const struct analysis_source *source;
};

static const struct group_key everything;

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->source = source;
    return 0;
}

static int call(void *user, const struct ga_call *call)
{
    struct state *state = user;
    state->calls++;
    state->failed += call->failed;
    const struct ga_call_header *header = call->header;
    if (state->calls > 1 && state->last_process == header->process && state->last_thread == header->thread)
        return 0;
    state->last_process = header->process;
    state->last_thread = header->thread;
    return ga_map_set(&state->threads, header->process, header->thread, 1);
}

static int add_process(struct state *state, const struct ga_gpualloc_process *event)
{
    struct process *list = reallocarray(state->processes, state->process_count + 1, sizeof *list);
    if (!list)
        return -ENOMEM;
    state->processes = list;
    struct process *process = &list[state->process_count++];
    *process = (struct process){.process = event->process,
                                .pid = event->pid,
                                .program = strdup(event->program ?: ""),
                                .command_line = strdup(event->command_line ?: ""),
                                .kernel = strdup(event->kernel ?: ""),
                                .tracer = strdup(event->tracer ?: "")};
    return process->program && process->command_line && process->kernel && process->tracer ? 0 : -ENOMEM;
}

static int add_file(struct state *state, const struct ga_gpualloc_file *event)
{
    const char *driver = event->driver ?: "", *path = event->path ?: "";
    for (size_t i = 0; i < state->file_count; i++)
        if (!strcmp(state->files[i].driver, driver) && !strcmp(state->files[i].path, path)) {
            state->files[i].files++;
            return 0;
        }
    struct device_file *list = reallocarray(state->files, state->file_count + 1, sizeof *list);
    if (!list)
        return -ENOMEM;
    state->files = list;
    struct device_file *file = &list[state->file_count++];
    *file = (struct device_file){strdup(driver), strdup(path), strdup(event->driver_version ?: ""), 1};
    return file->driver && file->path && file->driver_version ? 0 : -ENOMEM;
}

static int add_told(struct state *state, const struct told *told)
{
    for (size_t i = 0; i < state->told_count; i++) {
        struct told *old = &state->told[i];
        if (old->process == told->process && old->file == told->file && old->request == told->request &&
            !strcmp(old->what ?: "", told->what ?: "")) {
            old->count = told->count;
            return 0;
        }
    }
    struct told *list = reallocarray(state->told, state->told_count + 1, sizeof *list);
    if (!list)
        return -ENOMEM;
    state->told = list;
    list[state->told_count] = *told;
    if (told->what && !(list[state->told_count].what = strdup(told->what)))
        return -ENOMEM;
    state->told_count++;
    return 0;
}

static int event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)ns;
    switch (ga_row_id(row)) {
    case GA_ROW_gpualloc_process:
        return add_process(user, record);
    case GA_ROW_gpualloc_file:
        return add_file(user, record);
    case GA_ROW_gpualloc_untraced: {
        const struct ga_gpualloc_untraced *untraced = record;
        return add_told(user, &(struct told){untraced->process, untraced->file, untraced->count, untraced->request, NULL});
    }
    case GA_ROW_gpualloc_trouble: {
        const struct ga_gpualloc_trouble *trouble = record;
        return add_told(user, &(struct told){trouble->process, 0, trouble->count, 0, (char *)(uintptr_t)(trouble->what ?: "")});
    }
    default:
        return 0;
    }
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    return groups_born(&state->all, everything, life);
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    return groups_died(&state->all, everything, everything, life, how);
}

static int stranger(void *user, const struct ga_call *call, uint32_t handle)
{
    (void)call, (void)handle;
    struct state *state = user;
    state->strangers++;
    return 0;
}

static int range_begins(void *user, int64_t ns)
{
    groups_range_begins(&((struct state *)user)->all, ns);
    return 0;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    struct state *state = user;
    state->totals = *trace->totals;
    state->incomplete = trace->incomplete;
    const struct analysis_source *source = state->source;
    state->ranged = source->from_ns > INT64_MIN || source->to_ns < INT64_MAX;
    state->from_ns = source->from_ns > state->totals.first_ns ? source->from_ns : state->totals.first_ns;
    state->to_ns = source->to_ns < state->totals.last_ns ? source->to_ns : state->totals.last_ns;
    return 0;
}

/* Text. */

static void line(const struct analysis_output *out, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void line(const struct analysis_output *out, const char *word, const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    fprintf(out->file, "%s%-9s%s %s\n", out->colour && *word ? "\033[1m" : "", word, out->colour && *word ? "\033[0m" : "",
            text ? table_clean(text) : "");
    free(text);
}

static void warn(const struct analysis_output *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(const struct analysis_output *out, const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    fprintf(out->file, "%s %s\n", out->colour ? "\033[1;31mWARNING\033[0m  " : "WARNING  ", text ? table_clean(text) : "");
    free(text);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void text_trace(const struct state *state, const struct analysis_output *out)
{
    char when[64];
    time_t seconds = (time_t)(state->totals.first_ns / 1000000000);
    struct tm tm;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&seconds, &tm));
    line(out, "Trace", "%s", out->trace->path);
    line(out, "", "recorded %s, %s long; %s call%s by %zu thread%s of %zu process%s", when,
         ga_duration((double)(state->totals.last_ns - state->totals.first_ns)).text, ga_count(state->calls).text,
         plural(state->calls), state->threads.count, plural(state->threads.count), state->process_count,
         state->process_count == 1 ? "" : "es");
    if (state->ranged)
        line(out, "Range", "from %s to %s after the start: all below is of this time; what was alive when it began is \"at start\"",
             ga_duration((double)(state->from_ns - state->totals.first_ns)).text,
             ga_duration((double)(state->to_ns - state->totals.first_ns)).text);
    for (size_t i = 0; i < state->process_count && i < 4; i++) {
        const struct process *process = &state->processes[i];
        line(out, i ? "" : "Program", "%s (pid %" PRIu32 ")", *process->command_line ? process->command_line : process->program,
             process->pid);
    }
    if (state->process_count > 4)
        line(out, "", "and %zu more", state->process_count - 4);
    if (state->process_count)
        line(out, "System", "Linux %s; recorded by gpualloc %s", state->processes[0].kernel, state->processes[0].tracer);
    for (size_t i = 0; i < state->file_count && i < 8; i++) {
        const struct device_file *file = &state->files[i];
        bool software = !strcmp(file->driver, "softgpu");
        line(out, i ? "" : "Device", "%s, %s%s%s%s", software ? "/dev/dxg" : file->path,
             *file->driver ? file->driver : "driver not known", *file->driver_version ? " " : "", file->driver_version,
             software ? ": a device made of software, its times say nothing about hardware" : "");
    }
}

static void text_origins(const struct group *all, const struct analysis_output *out)
{
    uint64_t unknown = all->origins[GA_SIZE_UNKNOWN];
    static const char *const words[GA_SIZE_ORIGINS] = {
        [GA_SIZE_REQUESTED] = "the request",  [GA_SIZE_RETURNED] = "the driver's answer", [GA_SIZE_COMPUTED] = "a product",
        [GA_SIZE_STANDARD] = "standard data", [GA_SIZE_DECODED] = "private data",         [GA_SIZE_IMPORTED] = "the exporter",
        [GA_SIZE_LOCKED] = "locks",           [GA_SIZE_MAPPED] = "GPU mappings"};
    int column = fprintf(out->file, "%-9s sizes known from:", "");
    const char *comma = "";
    for (unsigned i = 1; i < GA_SIZE_ORIGINS; i++) {
        if (!all->origins[i])
            continue;
        char text[96];
        snprintf(text, sizeof text, "%s (%s in %s)", words[i],
                 group_bytes(all->origin_bytes[i], all->origins[i], 0, ga_size_is_bound(i)).text, ga_count(all->origins[i]).text);
        bool wrap = column + (int)table_width(text) + 3 > TABLE_WIDTH;
        fprintf(out->file, "%s%s", comma, wrap ? "\n           " : "");
        column = (wrap ? 12 : column + 2) + fprintf(out->file, " %s", text);
        comma = ",";
    }
    fputc('\n', out->file);
    if (unknown)
        line(out, "", "%s of unknown size (\"unsized\"): in no byte count here", ga_count(unknown).text);
}

static void text_imported(const struct group *all, const struct analysis_output *out)
{
    if (all->imported)
        line(out, "", "%s imported handle%s (memory made elsewhere, in no byte count), %s not closed",
             ga_count(all->imported).text, plural(all->imported), ga_count(all->imported_alive).text);
}

static void text_memory(const struct state *state, const struct group *all, const struct analysis_output *out)
{
    uint64_t unknown = all->origins[GA_SIZE_UNKNOWN];
    struct ga_text peak = group_bytes(all->peak_bytes, all->made + all->at_start, unknown + all->at_start_unknown,
                                      all->bounds + all->at_start_bounds);
    if (!all->made && !all->at_start) {
        line(out, "Memory", "no allocation was made");
        text_imported(all, out);
        return;
    }
    if (all->peak_bytes)
        line(out, "Memory", "peak %s in %s allocation%s, %s after the start",
             peak.text, ga_count(all->peak_live).text, plural(all->peak_live),
             ga_duration((double)(all->peak_ns - state->totals.first_ns)).text);
    else
        line(out, "Memory", "no size is known: the calls name none, no decoder knows the private data, nothing was mapped or locked");
    char in_all[64] = "", left[64] = "";
    if (unknown < all->made)
        snprintf(in_all, sizeof in_all, ", %s in all", group_bytes(all->bytes_made, all->made, unknown, all->bounds).text);
    if (all->live_unknown < all->live)
        snprintf(left, sizeof left, " (%s)", group_bytes(all->live_bytes, all->live, all->live_unknown, all->live_bounds).text);
    if (all->at_start)
        line(out, "", "%s (%s) were alive when the range began", ga_count(all->at_start).text,
             group_bytes(all->at_start_bytes, all->at_start, all->at_start_unknown, all->at_start_bounds).text);
    line(out, "", "%s allocation%s made%s; %s%s left at the end", ga_count(all->made).text, plural(all->made), in_all,
         all->live ? ga_count(all->live).text : "none", left);
    if (unknown < all->made)
        text_origins(all, out);
    text_imported(all, out);
}

static void text_ends(const struct state *state, const struct group *all, const struct analysis_output *out)
{
    const struct group_end *ends = all->ends;
    line(out, "Freed", "%s by a call, %s with their device, %s when the device was closed, %s never",
         ga_count(ends[GA_END_FREED].count).text, ga_count(ends[GA_END_OWNER].count).text,
         ga_count(ends[GA_END_CLOSED].count).text, ga_count(ends[GA_END_NOT].count).text);
    if (ends[GA_END_LOST].count)
        line(out, "", "%s more whose end is not in the trace: their handle was given again",
             ga_count(ends[GA_END_LOST].count).text);
    if (state->strangers)
        line(out, "", "%s free%s of what this trace did not see made", ga_count(state->strangers).text,
             plural(state->strangers));
}

static void text_warnings(const struct state *state, const struct analysis_output *out)
{
    if (state->incomplete)
        warn(out, "the trace is damaged; this is what could be read of it: %s", state->incomplete);
    if (ga_reader_lossy(&state->totals))
        warn(out, "calls or data were lost: figures above are too small, and some ends may be missing");
    if (!state->calls)
        warn(out, state->file_count ? "a device was open, but no call was recorded" : "no call was recorded");
    if (!state->calls && state->totals.foreign_events)
        line(out, "", "%s event%s of other programs, or of a newer gpualloc, passed over",
             ga_count(state->totals.foreign_events).text, plural(state->totals.foreign_events));
    uint64_t requests = 0;
    for (size_t i = 0; i < state->told_count; i++)
        requests += state->told[i].what ? 0 : state->told[i].count;
    if (requests)
        line(out, "Untraced", "at least %s request%s of kinds that gpualloc does not record (see --json)",
             ga_count(requests).text, plural(requests));
    for (size_t i = 0; i < state->told_count; i++)
        if (state->told[i].what)
            warn(out, "the tracer says: %s (%s time%s or more)", state->told[i].what, ga_count(state->told[i].count).text,
                 plural(state->told[i].count));
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct group none;
    const struct state *state = user;
    const struct group *all = state->all.count ? state->all.list[0] : &none;
    text_trace(state, out);
    text_memory(state, all, out);
    if (all->made)
        text_ends(state, all, out);
    line(out, "Failed", "%s of %s calls", ga_count(state->failed).text, ga_count(state->calls).text);
    fprintf(out->file, "%s%-9s%s ", out->colour ? "\033[1m" : "", "Loss", out->colour ? "\033[0m" : "");
    ga_reader_print_loss(&state->totals, out->file);
    text_warnings(state, out);
    line(out, "Next", "gpualloc list %s      each call, with every member", out->trace->path);
    line(out, "", "gpualloc replay %s    issue the same calls again, timed", out->trace->path);
}

/* JSON. */

static int add_processes(const struct state *state, json_object *object)
{
    json_object *array = json_object_new_array();
    int failed = json_add(object, "processes", array) || !array;
    for (size_t i = 0; i < state->process_count && !failed; i++) {
        const struct process *process = &state->processes[i];
        json_object *entry = json_object_new_object();
        failed = !entry || json_object_array_add(array, entry) || json_add_id(entry, "process", process->process) ||
                 json_add_uint(entry, "pid", process->pid) || json_add_string(entry, "program", process->program) ||
                 json_add_string(entry, "command_line", process->command_line) ||
                 json_add_string(entry, "kernel", process->kernel) || json_add_string(entry, "tracer", process->tracer);
    }
    return failed;
}

static int add_files(const struct state *state, json_object *object)
{
    json_object *array = json_object_new_array();
    int failed = json_add(object, "files", array) || !array;
    for (size_t i = 0; i < state->file_count && !failed; i++) {
        const struct device_file *file = &state->files[i];
        json_object *entry = json_object_new_object();
        failed = !entry || json_object_array_add(array, entry) || json_add_string(entry, "path", file->path) ||
                 json_add_string(entry, "driver", file->driver) ||
                 json_add_string(entry, "driver_version", file->driver_version) || json_add_uint(entry, "opened", file->files);
    }
    return failed;
}

static int add_told_json(const struct state *state, json_object *object)
{
    json_object *untraced = json_object_new_array(), *trouble = json_object_new_array();
    int failed = json_add(object, "untraced", untraced) || json_add(object, "trouble", trouble) || !untraced || !trouble;
    for (size_t i = 0; i < state->told_count && !failed; i++) {
        const struct told *told = &state->told[i];
        json_object *entry = json_object_new_object();
        failed = !entry || json_object_array_add(told->what ? trouble : untraced, entry) ||
                 json_add_id(entry, "process", told->process) || json_add_uint(entry, "count", told->count) ||
                 (told->what ? json_add_string(entry, "what", told->what) : json_add_uint(entry, "request", told->request));
    }
    return failed;
}

static int add_loss(const struct ga_reader_totals *totals, json_object *object)
{
    json_object *loss = json_object_new_object();
    return json_add(object, "loss", loss) || !loss ||
           json_add(loss, "lossy", json_object_new_boolean(ga_reader_lossy(totals))) ||
           json_add_uint(loss, "discarded_events", totals->discarded_events) ||
           json_add_uint(loss, "discarded_packets", totals->discarded_packets) ||
           json_add_uint(loss, "missing_calls", totals->missing_calls) ||
           json_add_uint(loss, "missing_elements", totals->missing_elements) ||
           json_add_uint(loss, "unresolved_blobs", totals->unresolved_blobs) ||
           json_add_uint(loss, "foreign_events", totals->foreign_events);
}

static json_object *json(const void *user)
{
    static const struct group none;
    const struct state *state = user;
    json_object *object = json_object_new_object(), *memory = json_object_new_object();
    if (!object || json_add(object, "memory", memory) || !memory ||
        group_json(state->all.count ? state->all.list[0] : &none, memory) ||
        json_add(object, "first_ts", json_object_new_int64(state->totals.first_ns)) ||
        json_add(object, "last_ts", json_object_new_int64(state->totals.last_ns)) ||
        (state->ranged && (json_add(object, "range_from_ts", json_object_new_int64(state->from_ns)) ||
                           json_add(object, "range_to_ts", json_object_new_int64(state->to_ns)))) ||
        json_add_uint(object, "events", state->totals.events) || json_add_uint(object, "calls", state->calls) ||
        json_add_uint(object, "failed", state->failed) || json_add_uint(object, "threads", state->threads.count) ||
        json_add_uint(object, "frees_of_unseen", state->strangers) ||
        json_add_string(object, "incomplete", state->incomplete) || add_loss(&state->totals, object) ||
        add_processes(state, object) || add_files(state, object) || add_told_json(state, object)) {
        json_object_put(object);
        return NULL;
    }
    return object;
}

static void release(void *user)
{
    struct state *state = user;
    for (size_t i = 0; i < state->process_count; i++) {
        free(state->processes[i].program);
        free(state->processes[i].command_line);
        free(state->processes[i].kernel);
        free(state->processes[i].tracer);
    }
    for (size_t i = 0; i < state->file_count; i++) {
        free(state->files[i].driver);
        free(state->files[i].path);
        free(state->files[i].driver_version);
    }
    for (size_t i = 0; i < state->told_count; i++)
        free(state->told[i].what);
    free(state->processes);
    free(state->files);
    free(state->told);
    ga_map_release(&state->threads);
    groups_release(&state->all);
}

const struct analysis analysis_summary = {
    .name = "summary",
    .help = "what the trace is, peak and end, and what was lost",
    .order = 10,
    .state_size = sizeof(struct state),
    .start = start,
    .call = call,
    .event = event,
    .born = born,
    .died = died,
    .range_begins = range_begins,
    .stranger = stranger,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
