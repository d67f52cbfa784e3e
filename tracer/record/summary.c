/* Figures of a finished recording, as text and as JSON. */
#include "record/summary.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/units.h"
#include "reader/lives.h"

struct reading {
    struct record_summary *summary;
    struct ga_lives *lives;
};

static int on_born(void *user, struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct reading *reading = user;
    reading->summary->created += !life->imported;
    return 0;
}

static int on_call(void *user, const struct ga_call *call)
{
    struct reading *reading = user;
    return ga_lives_call(reading->lives, call);
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct reading *reading = user;
    switch (ga_row_id(row)) {
    case GA_ROW_gpualloc_process:
        reading->summary->processes++;
        break;
    case GA_ROW_gpualloc_file:
        reading->summary->files++;
        break;
    case GA_ROW_gpualloc_untraced:
        reading->summary->untraced++;
        break;
    default:
        break;
    }
    return ga_lives_event(reading->lives, row, record, ns);
}

static int found_metadata(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    return kind == FTW_F && !strcmp(path + place->base, "metadata");
}

int record_summary_read(struct record_summary *summary, const char *path, struct ga_error *error)
{
    static const struct ga_lives_ops lives_ops = {.born = on_born};
    static const struct ga_reader_ops reader_ops = {.call = on_call, .event = on_event};
    *summary = (struct record_summary){.exists = nftw(path, found_metadata, 16, FTW_PHYS) > 0};
    /* Without a traced process LTTng writes no trace at all. */
    if (!summary->exists)
        return 0;
    struct reading reading = {.summary = summary};
    struct ga_reader *reader = NULL;
    int result = ga_lives_create(&reading.lives, &lives_ops, &reading);
    if (result)
        return ga_error_errno(error, -result, "trace %s", path);
    result = ga_reader_open(&reader, path, error);
    if (!result)
        result = ga_reader_run(reader, &reader_ops, &reading, error);
    if (reader)
        summary->totals = *ga_reader_totals(reader);
    if (result == -ENOMSG) /* no events of ours: the warnings say what that means */
        result = 0;
    summary->readable = !result;
    ga_reader_close(reader);
    ga_lives_destroy(reading.lives);
    return result;
}

static void warn(const char *text)
{
    fprintf(stderr, "gpualloc record: WARNING: %s\n", text);
}

static void print_warnings(const struct record_summary *summary, const struct record_session *session)
{
    const struct ga_reader_totals *totals = &summary->totals;
    if (!summary->exists)
        warn("the tracer was loaded nowhere: the loader ignores LD_PRELOAD for setuid and static programs");
    else if (summary->readable && !totals->calls && summary->files)
        warn(session->events.all
                 ? "NOTHING WAS RECORDED although a GPU device was open: the program uses requests that gpualloc does not know, or "
                   "makes them without libc (io_uring, raw system calls)"
                 : "NOTHING WAS RECORDED although a GPU device was open: no call of the program matches --events");
    else if (summary->readable && !totals->calls)
        warn("nothing was recorded: no traced process opened a GPU device");
    if (ga_reader_lossy(totals))
        warn(session->lossless ? "events were lost although the program waits for room: a thread stood still in the middle of an event "
                                 "while others filled all buffers; record again with a larger --subbuf-size"
                               : "the trace is incomplete; record again with --lossless, or with a larger --subbuf-size");
}

/* A path as one types it to a shell. */
static void print_quoted(const char *path)
{
    if (!path[strcspn(path, " \t\n'\"\\$`*?[](){}<>|&;#~!")]) {
        fprintf(stderr, "%s\n", path);
        return;
    }
    fputc('\'', stderr);
    for (const char *at = path; *at; at++)
        fprintf(stderr, *at == '\'' ? "'\\''" : "%c", *at);
    fputs("'\n", stderr);
}

void record_summary_print(const struct record_summary *summary, const struct record_output *output,
                          const struct record_session *session, const struct record_daemon *daemon,
                          const struct ga_program *program)
{
    const struct ga_reader_totals *totals = &summary->totals;
    fprintf(stderr, "gpualloc record: trace in %s: %s calls, %s events, %s allocations created\n", output->shown,
            ga_count(totals->calls).text, ga_count(totals->events - totals->foreign_events).text, ga_count(summary->created).text);
    fprintf(stderr, "gpualloc record: ");
    ga_reader_print_loss(totals, stderr);
    if (session->lossless)
        fprintf(stderr, "gpualloc record: lossless: the program ran %s with %s of CPU time; its waits for buffer space are in the "
                "first figure, and LTTng does not tell them apart\n", ga_duration((double)program->run_ns).text,
                ga_duration((double)(program->user_ns + program->system_ns)).text);
    fprintf(stderr, "gpualloc record: session daemon: pid %d, %s\n", (int)daemon->pid,
            daemon->started ? "started for this recording" : daemon->ours ? "started by another gpualloc" : "running already");
    print_warnings(summary, session);
    if (totals->calls) {
        fprintf(stderr, "gpualloc record: next: gpualloc report ");
        print_quoted(output->shown);
    }
}

static void add(json_object *root, const char *name, uint64_t value)
{
    json_object_object_add(root, name, json_object_new_uint64(value));
}

void record_summary_print_json(const struct record_summary *summary, const struct record_output *output,
                               const struct record_session *session, const struct record_daemon *daemon,
                               const struct ga_program *program)
{
    const struct ga_reader_totals *totals = &summary->totals;
    json_object *root = json_object_new_object();
    add(root, "schema_version", GA_SCHEMA_VERSION);
    json_object_object_add(root, "trace", json_object_new_string(output->path));
    json_object_object_add(root, "exit_status", json_object_new_int(program->status));
    add(root, "run_ns", (uint64_t)program->run_ns);
    add(root, "cpu_ns", (uint64_t)(program->user_ns + program->system_ns));
    add(root, "processes", summary->processes);
    add(root, "files", summary->files);
    add(root, "calls", totals->calls);
    add(root, "events", totals->events - totals->foreign_events);
    add(root, "allocations_created", summary->created);
    add(root, "discarded_events", totals->discarded_events);
    add(root, "discarded_packets", totals->discarded_packets);
    add(root, "missing_calls", totals->missing_calls);
    add(root, "missing_elements", totals->missing_elements);
    add(root, "unresolved_blobs", totals->unresolved_blobs);
    json_object_object_add(root, "complete", json_object_new_boolean(summary->readable && !ga_reader_lossy(totals)));
    json_object_object_add(root, "lossless", json_object_new_boolean(session->lossless));
    add(root, "subbuf_size", session->buffers.subbuf_size);
    add(root, "subbufs", session->buffers.subbufs);
    json_object_object_add(root, "session_daemon_pid", json_object_new_int((int)daemon->pid));
    json_object_object_add(root, "session_daemon_started", json_object_new_boolean(daemon->started));
    fprintf(stderr, "%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(root);
}
