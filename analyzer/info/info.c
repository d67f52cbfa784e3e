/* gpualloc info: what a trace is. Who was recorded on which devices, how many calls of each kind, and what is not in it. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/map.h"
#include "base/units.h"
#include "base/verb.h"
#include "reader/reader.h"

extern const struct ga_verb verb_info;

enum { INFO_SCHEMA_VERSION = 1 }; /* of --json */

struct info_process {
    struct ga_process_info info; /* texts are ours, null without an announcement */
    uint64_t calls, threads;
};

struct info_file {
    struct ga_file_info info; /* as for processes */
    uint64_t calls;
};

/* A request that has no row, of one process on one file; what the tracer could not do has a text instead. */
struct info_count {
    uint64_t process, file, count;
    uint32_t request;
    char *what;
};

struct info {
    struct info_process *processes;
    struct info_file *files;
    struct info_count *counts;
    size_t process_count, file_count, count_count;
    struct ga_map process_index, file_index, threads; /* positions; threads: a set */
    uint64_t calls[GA_ROW_COUNT], failed[GA_ROW_COUNT], allocations;
    const struct ga_reader_totals *totals;
    const char *path;
};

static bool as_json;

static const struct ga_option options[] = {
    {.name = "json", .letter = 'j', .kind = GA_OPTION_FLAG, .help = "print JSON", .value = &as_json},
    {0},
};

/* Gathering. */

/* The array with a zeroed entry more, which the caller counts; null when memory is short. Entries are size bytes. */
static void *grow(void *array, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0) { /* full at each power of two */
        array = realloc(array, (count ? 2 * count : 1) * size);
        if (!array)
            return NULL;
    }
    memset((char *)array + count * size, 0, size);
    return array;
}

static struct info_process *process_get(struct info *info, uint64_t id)
{
    const uint64_t *found = ga_map_get(&info->process_index, id, 0);
    if (found)
        return &info->processes[*found];
    struct info_process *bigger = grow(info->processes, info->process_count, sizeof *bigger);
    if (!bigger)
        return NULL;
    info->processes = bigger;
    if (ga_map_set(&info->process_index, id, 0, info->process_count) < 0)
        return NULL;
    struct info_process *process = &bigger[info->process_count++];
    process->info.process = id;
    return process;
}

static struct info_file *file_get(struct info *info, uint64_t id)
{
    const uint64_t *found = ga_map_get(&info->file_index, id, 0);
    if (found)
        return &info->files[*found];
    struct info_file *bigger = grow(info->files, info->file_count, sizeof *bigger);
    if (!bigger)
        return NULL;
    info->files = bigger;
    if (ga_map_set(&info->file_index, id, 0, info->file_count) < 0)
        return NULL;
    struct info_file *file = &bigger[info->file_count++];
    file->info.file = id;
    return file;
}

/* Counts are told as running totals of a process: the highest one stands. */
static int count_set(struct info *info, const struct info_count *told)
{
    for (struct info_count *at = info->counts; at < info->counts + info->count_count; at++)
        if (at->process == told->process && at->file == told->file && at->request == told->request &&
            !at->what == !told->what && (!at->what || !strcmp(at->what, told->what))) {
            at->count = told->count > at->count ? told->count : at->count;
            return 0;
        }
    struct info_count *bigger = grow(info->counts, info->count_count, sizeof *bigger);
    if (!bigger)
        return -ENOMEM;
    info->counts = bigger;
    struct info_count *entry = &bigger[info->count_count++];
    *entry = *told;
    return told->what && !(entry->what = strdup(told->what)) ? -ENOMEM : 0;
}

static char *keep(const char *text)
{
    return strdup(text ? text : "");
}

static int on_process(struct info *info, const struct ga_gpualloc_process *event)
{
    struct info_process *process = process_get(info, event->process);
    if (!process)
        return -ENOMEM;
    struct ga_process_info *known = &process->info;
    *known = (struct ga_process_info){
        .process = event->process,
        .parent = event->parent,
        .pid = event->pid,
        .schema_version = event->schema_version,
        .program = keep(event->program),
        .command_line = keep(event->command_line),
        .kernel = keep(event->kernel),
        .tracer = keep(event->tracer),
    };
    return known->program && known->command_line && known->kernel && known->tracer ? 0 : -ENOMEM;
}

static int on_file(struct info *info, const struct ga_gpualloc_file *event)
{
    struct info_file *file = file_get(info, event->file);
    if (!file)
        return -ENOMEM;
    file->info.device = event->device;
    file->info.path = keep(event->path);
    file->info.driver = keep(event->driver);
    file->info.driver_version = keep(event->driver_version);
    return file->info.path && file->info.driver && file->info.driver_version ? 0 : -ENOMEM;
}

static int on_untraced(struct info *info, const struct ga_gpualloc_untraced *event)
{
    return count_set(
        info,
        &(struct info_count){.process = event->process, .file = event->file, .request = event->request, .count = event->count});
}

static int on_trouble(struct info *info, const struct ga_gpualloc_trouble *event)
{
    static char nothing[] = "(not said)";
    return count_set(info, &(struct info_count){.process = event->process,
                                                .count = event->count,
                                                .what = event->what ? (char *)(uintptr_t)event->what : nothing});
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)ns;
    switch (ga_row_id(row)) {
    case GA_ROW_gpualloc_process:
        return on_process(user, record);
    case GA_ROW_gpualloc_file:
        return on_file(user, record);
    case GA_ROW_gpualloc_untraced:
        return on_untraced(user, record);
    case GA_ROW_gpualloc_trouble:
        return on_trouble(user, record);
    default:
        return 0;
    }
}

static int count_thread(struct info *info, struct info_process *process, uint32_t thread)
{
    process->calls++;
    if (ga_map_get(&info->threads, process->info.process, thread))
        return 0;
    process->threads++;
    return ga_map_set(&info->threads, process->info.process, thread, 1);
}

static int on_call(void *user, const struct ga_call *call)
{
    struct info *info = user;
    const struct ga_call_header *header = call->header;
    struct info_process *process = process_get(info, header->process);
    struct info_file *file = header->file ? file_get(info, header->file) : NULL;
    if (!process || (header->file && !file) || count_thread(info, process, header->thread) < 0)
        return -ENOMEM;
    if (!process->info.pid)
        process->info.pid = header->pid;
    if (file) {
        file->calls++;
        file->info.device = header->device;
    }
    enum ga_row_id row = ga_row_id(call->row);
    info->calls[row]++;
    info->failed[row] += call->failed;
    if (!call->failed && row == GA_ROW_d3dkmt_create_allocation)
        info->allocations += ((const struct ga_d3dkmt_create_allocation *)call->record)->NumAllocations;
    else if (!call->failed && call->row->effect.kind == GA_EFFECT_CREATE)
        info->allocations++;
    return 0;
}

/* Text. */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static const char *or_unknown(const char *text)
{
    return text && *text ? text : "(unknown)";
}

static void print_span(const struct ga_reader_totals *totals)
{
    char start[64] = "";
    time_t seconds = (time_t)(totals->first_ns / 1000000000);
    struct tm tm;
    if (localtime_r(&seconds, &tm))
        strftime(start, sizeof start, "%Y-%m-%d %H:%M:%S %z", &tm);
    printf("Begins        %s\n", start);
    printf("Lasts         %s\n", ga_duration((double)(totals->last_ns - totals->first_ns)).text);
}

static void print_processes(const struct info *info)
{
    printf("\nProcesses\n");
    for (const struct info_process *at = info->processes; at < info->processes + info->process_count; at++) {
        printf("  %" PRIu32 " %s: %s call%s in %s thread%s\n", at->info.pid, or_unknown(at->info.program),
               ga_count(at->calls).text, plural(at->calls), ga_count(at->threads).text, plural(at->threads));
        if (at->info.program)
            printf("      command %s\n      kernel %s; tracer %s, schema version %" PRIu32 "\n",
                   or_unknown(at->info.command_line), or_unknown(at->info.kernel), or_unknown(at->info.tracer),
                   at->info.schema_version);
    }
}

static void print_files(const struct info *info)
{
    if (info->file_count)
        printf("\nDevice files\n");
    for (const struct info_file *at = info->files; at < info->files + info->file_count; at++) {
        printf("  %s, device %u:%u, driver %s", or_unknown(at->info.path), major((dev_t)at->info.device),
               minor((dev_t)at->info.device), or_unknown(at->info.driver));
        if (at->info.driver_version && *at->info.driver_version)
            printf(" %s", at->info.driver_version);
        if (at->calls)
            printf(": %s call%s", ga_count(at->calls).text, plural(at->calls));
        putchar('\n');
    }
}

static void print_calls(const struct info *info)
{
    printf("\n%-40s %12s %12s\n", "Calls", "count", "failed");
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        enum ga_row_id id = ga_row_id(row);
        if (info->calls[id])
            printf("  %s:%-*s %12s %12s\n", row->provider, 37 - (int)strlen(row->provider), row->event,
                   ga_count(info->calls[id]).text, ga_count(info->failed[id]).text);
    }
}

static void print_counts(const struct info *info)
{
    const struct info_count *end = info->counts + info->count_count;
    bool untraced = false, troubled = false;
    for (const struct info_count *at = info->counts; at < end; at++) {
        untraced |= !at->what;
        troubled |= at->what != NULL;
    }
    if (untraced)
        printf("\nUntraced requests\n");
    for (const struct info_count *at = info->counts; at < end; at++) {
        const uint64_t *file = at->what ? NULL : ga_map_get(&info->file_index, at->file, 0);
        if (!at->what)
            printf("  driver %s, request 0x%08" PRIx32 " (number 0x%02" PRIx32 "): %s call%s\n",
                   or_unknown(file ? info->files[*file].info.driver : NULL), at->request, at->request & 0xff,
                   ga_count(at->count).text, plural(at->count));
    }
    if (troubled)
        printf("\nTroubles of the tracer\n");
    for (const struct info_count *at = info->counts; at < end; at++)
        if (at->what)
            printf("  %s: %s time%s\n", at->what, ga_count(at->count).text, plural(at->count));
}

static void print_text(const struct info *info)
{
    const struct ga_reader_totals *totals = info->totals;
    printf("Trace         %s\n", info->path);
    print_span(totals);
    printf("Events        %s, %s of them calls\n", ga_count(totals->events).text, ga_count(totals->calls).text);
    printf("Allocations   %s made\n", ga_count(info->allocations).text);
    printf("Private data  %s contents, %s\n", ga_count(totals->blobs).text, ga_bytes(totals->blob_bytes).text);
    if (totals->foreign_events)
        printf("Passed over   %s events of other providers, or of a newer schema\n", ga_count(totals->foreign_events).text);
    printf("Loss          ");
    ga_reader_print_loss(totals, stdout);
    print_processes(info);
    print_files(info);
    print_calls(info);
    print_counts(info);
}

/* JSON. */

static void add_u64(struct json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *object, const char *key, const char *value)
{
    json_object_object_add(object, key, value ? json_object_new_string(value) : NULL);
}

static void add_id(struct json_object *object, const char *key, uint64_t value)
{
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    add_text(object, key, text);
}

static struct json_object *add_array(struct json_object *object, const char *key)
{
    struct json_object *array = json_object_new_array();
    json_object_object_add(object, key, array);
    return array;
}

static struct json_object *add_entry(struct json_object *array)
{
    struct json_object *entry = json_object_new_object();
    json_object_array_add(array, entry);
    return entry;
}

static void json_processes(const struct info *info, struct json_object *root)
{
    struct json_object *array = add_array(root, "processes");
    for (const struct info_process *at = info->processes; at < info->processes + info->process_count; at++) {
        struct json_object *entry = add_entry(array);
        add_id(entry, "process", at->info.process);
        add_id(entry, "parent", at->info.parent);
        add_u64(entry, "pid", at->info.pid);
        add_text(entry, "program", at->info.program);
        add_text(entry, "command_line", at->info.command_line);
        add_text(entry, "kernel", at->info.kernel);
        add_text(entry, "tracer", at->info.tracer);
        add_u64(entry, "schema_version", at->info.schema_version);
        add_u64(entry, "threads", at->threads);
        add_u64(entry, "calls", at->calls);
    }
}

static void json_files(const struct info *info, struct json_object *root)
{
    struct json_object *array = add_array(root, "files");
    for (const struct info_file *at = info->files; at < info->files + info->file_count; at++) {
        struct json_object *entry = add_entry(array);
        add_id(entry, "file", at->info.file);
        add_u64(entry, "device", at->info.device);
        add_text(entry, "path", at->info.path);
        add_text(entry, "driver", at->info.driver);
        add_text(entry, "driver_version", at->info.driver_version);
        add_u64(entry, "calls", at->calls);
    }
}

static void json_calls(const struct info *info, struct json_object *root)
{
    struct json_object *array = add_array(root, "calls");
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        enum ga_row_id id = ga_row_id(row);
        char name[128];
        if (!info->calls[id])
            continue;
        snprintf(name, sizeof name, "%s:%s", row->provider, row->event);
        struct json_object *entry = add_entry(array);
        add_text(entry, "event", name);
        add_text(entry, "request", row->request);
        add_u64(entry, "count", info->calls[id]);
        add_u64(entry, "failed", info->failed[id]);
    }
}

static void json_counts(const struct info *info, struct json_object *root)
{
    struct json_object *untraced = add_array(root, "untraced"), *troubles = add_array(root, "troubles");
    for (const struct info_count *at = info->counts; at < info->counts + info->count_count; at++) {
        struct json_object *entry = add_entry(at->what ? troubles : untraced);
        add_id(entry, "process", at->process);
        if (at->what) {
            add_text(entry, "what", at->what);
        } else {
            const uint64_t *file = ga_map_get(&info->file_index, at->file, 0);
            add_id(entry, "file", at->file);
            add_text(entry, "driver", file ? info->files[*file].info.driver : NULL);
            add_u64(entry, "request", at->request);
            add_u64(entry, "number", at->request & 0xff);
        }
        add_u64(entry, "count", at->count);
    }
}

static void json_loss(const struct ga_reader_totals *totals, struct json_object *root)
{
    struct json_object *loss = json_object_new_object();
    json_object_object_add(root, "loss", loss);
    json_object_object_add(loss, "lossy", json_object_new_boolean(ga_reader_lossy(totals)));
    add_u64(loss, "discarded_events", totals->discarded_events);
    add_u64(loss, "discarded_packets", totals->discarded_packets);
    add_u64(loss, "missing_calls", totals->missing_calls);
    add_u64(loss, "missing_elements", totals->missing_elements);
    add_u64(loss, "unresolved_blobs", totals->unresolved_blobs);
}

static void print_json(const struct info *info)
{
    const struct ga_reader_totals *totals = info->totals;
    struct json_object *root = json_object_new_object();
    add_u64(root, "schema_version", INFO_SCHEMA_VERSION);
    add_text(root, "trace", info->path);
    json_object_object_add(root, "first_ns", json_object_new_int64(totals->first_ns));
    json_object_object_add(root, "last_ns", json_object_new_int64(totals->last_ns));
    add_u64(root, "events", totals->events);
    add_u64(root, "foreign_events", totals->foreign_events);
    add_u64(root, "call_count", totals->calls);
    add_u64(root, "allocations", info->allocations);
    add_u64(root, "blobs", totals->blobs);
    add_u64(root, "blob_bytes", totals->blob_bytes);
    json_loss(totals, root);
    json_processes(info, root);
    json_files(info, root);
    json_calls(info, root);
    json_counts(info, root);
    puts(json_object_to_json_string_ext(root,
                                        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(root);
}

/* The verb. */

static void release(struct info *info)
{
    for (size_t i = 0; i < info->process_count; i++) {
        free(info->processes[i].info.program);
        free(info->processes[i].info.command_line);
        free(info->processes[i].info.kernel);
        free(info->processes[i].info.tracer);
    }
    for (size_t i = 0; i < info->file_count; i++) {
        free(info->files[i].info.path);
        free(info->files[i].info.driver);
        free(info->files[i].info.driver_version);
    }
    for (size_t i = 0; i < info->count_count; i++)
        free(info->counts[i].what);
    free(info->processes);
    free(info->files);
    free(info->counts);
    ga_map_release(&info->process_index);
    ga_map_release(&info->file_index);
    ga_map_release(&info->threads);
}

static int run(int argc, char **argv)
{
    static const struct ga_reader_ops ops = {.call = on_call, .event = on_event};
    (void)argc;
    struct ga_error error = {""};
    struct ga_reader *reader;
    struct info info = {.path = argv[0]};
    if (ga_reader_open(&reader, argv[0], &error) < 0) {
        ga_error_print("info", &error);
        return GA_EXIT_FAILURE;
    }
    int result = ga_reader_run(reader, &ops, &info, &error);
    info.totals = ga_reader_totals(reader);
    if (info.totals->events > info.totals->foreign_events) /* what could be read is said even when the end could not */
        as_json ? print_json(&info) : print_text(&info);
    if (result >= 0 && (fflush(stdout) || ferror(stdout)))
        result = ga_error_errno(&error, errno, "cannot write to standard output");
    if (result < 0) {
        if (!*error.text)
            ga_error_errno(&error, -result, "%s", argv[0]);
        ga_error_print("info", &error);
    }
    release(&info);
    ga_reader_close(reader);
    return result < 0 ? GA_EXIT_FAILURE : GA_EXIT_OK;
}

const struct ga_verb verb_info = {
    .name = "info",
    .summary = "Says what a trace is: processes, devices, calls, losses",
    .synopsis = "[options] TRACE",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
