/* The reader: finds a trace's folders, and makes calls of its events. */
#include "reader.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "blobs.h"
#include "decode.h"
#include "feed.h"
#include "merge.h"
#include "salvage.h"
#include "threads.h"

struct file {
    struct ga_file_info info;
    struct file *next;
};

struct ga_reader {
    char *path;
    char **folders; /* those with a metadata file */
    size_t folder_count;
    uint64_t size; /* bytes of the folders' files */
    struct merge *merge;
    struct salvage *salvage; /* null: the trace is whole */
    struct ga_map decoders;  /* by the address of the event class */
    struct threads threads;
    struct blobs blobs;
    struct ga_map file_index;
    struct file *files;
    struct decode_lists lists;
    union ga_record record;
    struct merge_clock fed;  /* of the last message that was fed; holds its class */
    bool recorded[GA_ROW_COUNT]; /* the trace describes the row's event */
    char recording[256]; /* session of `gpualloc record` that wrote the trace, or empty */
    size_t foreign_processes;
    struct ga_reader_totals totals;
    const struct ga_reader_ops *ops;
    void *user;
    struct ga_error *error;
};

static int out_of_memory(struct ga_reader *reader)
{
    return ga_error_set(reader->error, ENOMEM, "out of memory");
}

/* Finding the trace. */

static int add_folder(struct ga_reader *reader, const char *path)
{
    char **bigger = realloc(reader->folders, (reader->folder_count + 1) * sizeof *bigger);
    if (!bigger)
        return -ENOMEM;
    reader->folders = bigger;
    bigger[reader->folder_count] = strndup(path, strlen(path) - strlen("/metadata"));
    return bigger[reader->folder_count++] ? 0 : -ENOMEM;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Every folder below path with a file `metadata`, in the order of names; and the bytes of all files. */
static int find_folders(struct ga_reader *reader, struct ga_error *error)
{
    char *roots[] = {reader->path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, by_name);
    if (!tree)
        return ga_error_errno(error, errno, "%s", reader->path);
    int result = 0;
    for (FTSENT *entry; result >= 0 && (entry = fts_read(tree));) {
        if (entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
            result = ga_error_errno(error, entry->fts_errno, "%s", entry->fts_path);
        else if (entry->fts_info == FTS_F)
            reader->size += (uint64_t)entry->fts_statp->st_size;
        if (entry->fts_info == FTS_F && entry->fts_level > 0 && !strcmp(entry->fts_name, "metadata") &&
            add_folder(reader, entry->fts_path) < 0)
            result = ga_error_set(error, ENOMEM, "out of memory");
    }
    fts_close(tree);
    return result;
}

/* A trace with damaged streams is read as far as it goes. */
static int open_streams(struct ga_reader *reader, struct ga_error *error)
{
    const char *const *folders = (const char *const *)reader->folders;
    size_t count = reader->folder_count;
    bool damaged = salvage_needed(folders, count);
    int result = damaged ? -EINVAL : merge_create(&reader->merge, folders, count, reader->size, error);
    if (result == -EINVAL) {
        int salvaged = salvage_create(&reader->salvage, folders, count, damaged ? error : NULL);
        if (salvaged >= 0)
            result = merge_create(&reader->merge, salvage_folders(reader->salvage), count, reader->size, error);
    }
    return result < 0 && result != -ENOMEM ? ga_error_prefix(error, result, "%s", reader->path) : result;
}

int ga_reader_open(struct ga_reader **out, const char *path, struct ga_error *error)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return ga_error_errno(error, errno, "%s", path);
    if (!S_ISDIR(status.st_mode))
        return ga_error_set(error, EINVAL, "%s: not a directory; a trace is the directory that 'gpualloc record' printed",
                            path);
    struct ga_reader *reader = calloc(1, sizeof *reader);
    if (!reader || !(reader->path = strdup(path))) {
        free(reader);
        return ga_error_set(error, ENOMEM, "out of memory");
    }
    for (size_t length = strlen(reader->path); length > 1 && reader->path[length - 1] == '/';)
        reader->path[--length] = 0;
    blobs_init(&reader->blobs, 0);
    int result = find_folders(reader, error);
    if (result >= 0 && !reader->folder_count)
        result = ga_error_set(error, EINVAL, "%s: no trace: there is no file 'metadata' in it or below", path);
    if (result >= 0)
        result = open_streams(reader, error);
    if (result < 0) {
        ga_reader_close(reader);
        return result;
    }
    blobs_release(&reader->blobs);
    blobs_init(&reader->blobs, reader->size);
    *out = reader;
    return 0;
}

/* Which recording this is. Sessions of `gpualloc record` are named gpualloc-PROGRAM-PID-TIME, and their programs say the name.
 */
static void find_recording(struct ga_reader *reader, const bt_event *event)
{
    const bt_trace *trace = bt_stream_borrow_trace_const(bt_event_borrow_stream_const(event));
    const bt_value *value = bt_trace_borrow_environment_entry_value_by_name_const(trace, "trace_name");
    const char *name = value && bt_value_is_string(value) ? bt_value_string_get(value) : "";
    int used = 0;
    const char *tail = strrchr(name, '-');
    while (tail && tail > name && tail[-1] != '-')
        tail--;
    if (!strncmp(name, "gpualloc-", 9) && tail && sscanf(tail, "%*u-%*u%n", &used) >= 0 && used && !tail[used])
        snprintf(reader->recording, sizeof reader->recording, "%s", name);
}

/* Which rows the trace describes: LTTng describes all events that a session asks for, whether they come or not. */
static void find_recorded(struct ga_reader *reader, const bt_event *event)
{
    const bt_trace_class *trace = bt_trace_borrow_class_const(bt_stream_borrow_trace_const(bt_event_borrow_stream_const(event)));
    for (uint64_t i = 0; i < bt_trace_class_get_stream_class_count(trace); i++) {
        const bt_stream_class *stream = bt_trace_class_borrow_stream_class_by_index_const(trace, i);
        for (uint64_t j = 0; j < bt_stream_class_get_event_class_count(stream); j++) {
            const char *name = bt_event_class_get_name(bt_stream_class_borrow_event_class_by_index_const(stream, j));
            const struct ga_row *row = name ? ga_row_by_name(name) : NULL;
            if (row)
                reader->recorded[ga_row_id(row)] = true;
        }
    }
}

/* Whether a name is one of a list separated by colons. */
static bool is_in_list(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += length)
        if ((at == list || at[-1] == ':') && (!at[length] || at[length] == ':'))
            return true;
    return false;
}

/* Whether an event is of a program of another recording. All events but blobs begin with their process instance. */
static bool is_foreign(struct ga_reader *reader, const struct ga_row *row)
{
    if (!reader->foreign_processes || ga_row_id(row) == GA_ROW_gpualloc_blob)
        return false;
    const struct process *process = threads_process(&reader->threads, reader->record.header.process);
    return process && process->foreign;
}

/* Events that are no calls. */

static char *keep(const char *text)
{
    return strdup(text ? text : "");
}

static int on_process(struct ga_reader *reader, const struct ga_gpualloc_process *event, bool *is_new)
{
    struct process *process = threads_process(&reader->threads, event->process);
    if (!process)
        return out_of_memory(reader);
    process->announcements++;
    *is_new = !process->known;
    if (process->known)
        return 0;
    process->known = true;
    process->info = (struct ga_process_info){
        .process = event->process,
        .parent = event->parent,
        .pid = event->pid,
        .schema_version = event->schema_version,
        .program = keep(event->program),
        .command_line = keep(event->command_line),
        .kernel = keep(event->kernel),
        .tracer = keep(event->tracer),
        .recording = keep(event->recording),
    };
    bool kept = process->info.program && process->info.command_line && process->info.kernel && process->info.tracer &&
                process->info.recording;
    /* An LTTng session gets the events of all programs of its users. A recording is of one program and its children; a session
       that somebody made with lttng is of all. */
    process->foreign = kept && *reader->recording && !is_in_list(process->info.recording, reader->recording);
    process->gapless = kept && *reader->recording && !process->foreign && event->numbers_all;
    reader->foreign_processes += process->foreign;
    *is_new = !process->foreign;
    return kept ? 0 : out_of_memory(reader);
}

static int on_file(struct ga_reader *reader, const struct ga_gpualloc_file *event, bool *is_new)
{
    const uint64_t *found = ga_map_get(&reader->file_index, event->file, 0);
    *is_new = !found;
    if (found)
        return 0;
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        return out_of_memory(reader);
    file->next = reader->files;
    reader->files = file;
    file->info = (struct ga_file_info){
        .file = event->file,
        .device = event->device,
        .path = keep(event->path),
        .driver = keep(event->driver),
        .driver_version = keep(event->driver_version),
    };
    bool kept = file->info.path && file->info.driver && file->info.driver_version &&
                ga_map_set(&reader->file_index, event->file, 0, (uintptr_t)file) >= 0;
    return kept ? 0 : out_of_memory(reader);
}

static int on_event(struct ga_reader *reader, const struct ga_row *row, int64_t ns)
{
    const union ga_record *record = &reader->record;
    bool tell = true;
    int result = 0;
    switch (ga_row_id(row)) {
    case GA_ROW_gpualloc_process:
        result = on_process(reader, &record->r_gpualloc_process, &tell);
        break;
    case GA_ROW_gpualloc_file:
        result = on_file(reader, &record->r_gpualloc_file, &tell);
        break;
    case GA_ROW_gpualloc_blob:
        return blobs_add(&reader->blobs, &record->r_gpualloc_blob, reader->error);
    case GA_ROW_gpualloc_rundown_begin: {
        struct process *process = threads_process(&reader->threads, record->r_gpualloc_rundown_begin.process);
        if (!process)
            return out_of_memory(reader);
        process->rundowns++;
        return 0;
    }
    case GA_ROW_gpualloc_rundown_end:
        return 0;
    default:
        break;
    }
    if (result < 0 || !tell || !reader->ops->event)
        return result;
    return reader->ops->event(reader->user, row, record, ns);
}

/* Calls. */

static int check_blobs(struct ga_reader *reader, const struct ga_row *row, const void *record)
{
    for (const struct ga_member *member = row->members(); member->name; member++) {
        if (member->kind != GA_BLOB)
            continue;
        uint64_t hashes[] = {ga_member_in(member, record), ga_member_out(member, record)};
        for (size_t i = 0; i < 2; i++) {
            bool passed_over = hashes[i] < GA_BLOB_FIRST_HASH || (i && hashes[1] == hashes[0]);
            int missed = passed_over ? 0 : blobs_check(&reader->blobs, hashes[i], reader->error);
            if (missed < 0)
                return missed;
            reader->totals.unresolved_blobs += (unsigned)missed;
        }
    }
    return 0;
}

static bool has_elements(const struct ga_row *row)
{
    for (const struct ga_member *member = row->members(); member->name; member++)
        if (member->kind == GA_ELEMENTS)
            return true;
    return false;
}

struct ga_elements ga_call_elements(const struct ga_call *call, const struct ga_member *member, const void *record)
{
    const struct ga_row *row = &ga_rows[member->element];
    uint32_t captured = (uint32_t)ga_load((const char *)record + member->in, 4, false);
    uint32_t first = (uint32_t)ga_load((const char *)record + member->first, 4, false);
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++) {
        const struct ga_elements *all = &call->elements[i];
        if (all->row == row && all->count && first <= all->count && captured <= all->count - first)
            return (struct ga_elements){row, (const char *)all->records + (size_t)first * row->record_size, captured};
    }
    return (struct ga_elements){.row = row};
}

/* Notes that a record's members name elements of their rows, up to which index: rows that are new come last. Whether any grew. */
static bool want_elements(struct ga_call *call, const struct ga_row *row, const void *record)
{
    bool grew = false;
    for (const struct ga_member *member = row->members(); member->name; member++) {
        if (member->kind != GA_ELEMENTS)
            continue;
        uint64_t captured = ga_load((const char *)record + member->in, 4, false);
        uint64_t end = captured ? captured + ga_load((const char *)record + member->first, 4, false) : 0;
        for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++) {
            struct ga_elements *all = &call->elements[i];
            if (all->row && all->row != &ga_rows[member->element])
                continue;
            all->row = &ga_rows[member->element];
            if (end > all->count && all->count < GA_ELEMENTS_MAX) {
                all->count = end < GA_ELEMENTS_MAX ? (uint32_t)end : GA_ELEMENTS_MAX;
                grew = true;
            }
            break;
        }
    }
    return grew;
}

/* Makes the list of a row as long as was said. */
static int fill_elements(struct ga_reader *reader, struct ga_elements *all, struct pending *pending)
{
    struct element_list *list = NULL;
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        if (pending->lists[i].row == all->row || (!list && !pending->lists[i].row))
            list = &pending->lists[i];
    if (!list || (all->count && element_list_fill(list, all->row, all->count) < 0))
        return out_of_memory(reader);
    all->records = list->records;
    return 0;
}

static int count_elements(struct ga_reader *reader, const struct ga_elements *all, const struct pending *pending)
{
    uint32_t present = 0;
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        if (pending->lists[i].row == all->row)
            present = pending->lists[i].present;
    reader->totals.missing_elements += all->count - (present < all->count ? present : all->count);
    for (uint32_t i = 0; i < all->count; i++)
        if (check_blobs(reader, all->row, (const char *)all->records + (size_t)i * all->row->record_size) < 0)
            return -ENOMEM;
    return 0;
}

/* Joins the elements that came to the members that they belong to: the call's, and those of its elements in turn. */
static int join_elements(struct ga_reader *reader, struct ga_call *call, struct pending *pending)
{
    bool grew = want_elements(call, call->row, call->record);
    while (grew) {
        grew = false;
        for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX && call->elements[i].row; i++) {
            struct ga_elements *all = &call->elements[i];
            if (fill_elements(reader, all, pending) < 0)
                return -ENOMEM;
            for (uint32_t e = 0; e < all->count && has_elements(all->row); e++)
                grew |= want_elements(call, all->row, (const char *)all->records + (size_t)e * all->row->record_size);
        }
    }
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX && call->elements[i].row; i++)
        if (count_elements(reader, &call->elements[i], pending) < 0)
            return -ENOMEM;
    return 0;
}

static int on_call(struct ga_reader *reader, const struct ga_row *row, const struct merge_clock *clock)
{
    static const struct pending none;
    const struct ga_call_header *header = &reader->record.header;
    const struct thread *thread = threads_get(&reader->threads, header->process, header->thread);
    if (!thread)
        return out_of_memory(reader);
    reader->totals.calls++;
    reader->totals.missing_calls += (uint64_t)thread_count_call(thread, header->call);
    bool drm = ga_row_is_drm(row);
    const uint64_t *file = drm ? ga_map_get(&reader->file_index, header->file, 0) : NULL;
    struct ga_call call = {
        .row = row,
        .header = header,
        .record = &reader->record,
        .begin_ns = merge_clock_ns(clock, header->begin),
        .end_ns = merge_clock_ns(clock, header->end),
        .process = thread->page->process->known ? &thread->page->process->info : NULL,
        .file = file ? &((const struct file *)(uintptr_t)*file)->info : NULL,
        .failed = ga_call_failed(row, header),
        .status = drm ? 0 : ga_call_status(header),
    };
    int result = check_blobs(reader, row, &reader->record);
    struct pending *pending = thread_take(thread, header->call);
    struct pending empty = none;
    if (result >= 0 && has_elements(row))
        result = join_elements(reader, &call, pending ? pending : &empty);
    if (result >= 0)
        result = reader->ops->call(reader->user, &call);
    threads_put(&reader->threads, pending);
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        free(empty.lists[i].records);
    return result;
}

static int on_element(struct ga_reader *reader, const struct ga_row *row)
{
    const struct ga_element_header *element = &reader->record.element;
    const struct thread *thread = threads_get(&reader->threads, element->process, element->thread);
    if (!thread || threads_add_element(&reader->threads, thread, row, element) < 0)
        return out_of_memory(reader);
    return 0;
}

/* The run. */

static const struct decoder *find_decoder(struct ga_reader *reader, const bt_event_class *event_class)
{
    const uint64_t *found = ga_map_get(&reader->decoders, (uintptr_t)event_class, 0);
    if (found)
        return (const struct decoder *)(uintptr_t)*found;
    struct decoder *decoder;
    if (decoder_create(&decoder, event_class) < 0)
        return NULL;
    if (ga_map_set(&reader->decoders, (uintptr_t)event_class, 0, (uintptr_t)decoder) < 0) {
        decoder_destroy(decoder);
        return NULL;
    }
    return decoder;
}

static int event(void *user, const bt_event *bt, const struct merge_clock *clock, int64_t ns)
{
    struct ga_reader *reader = user;
    struct ga_reader_totals *totals = &reader->totals;
    const struct decoder *decoder = find_decoder(reader, bt_event_borrow_class_const(bt));
    if (!decoder)
        return out_of_memory(reader);
    if (!totals->events++) {
        totals->first_ns = ns;
        find_recording(reader, bt);
        find_recorded(reader, bt);
    }
    totals->last_ns = ns;
    if (!decoder->row) {
        totals->foreign_events++;
        return 0;
    }
    if (decoder_run(decoder, bt, &reader->record, &reader->lists) < 0)
        return out_of_memory(reader);
    if (is_foreign(reader, decoder->row)) {
        totals->foreign_events++;
        return 0;
    }
    switch (decoder->row->kind) {
    case GA_ROW_CALL:
        return on_call(reader, decoder->row, clock);
    case GA_ROW_ELEMENT:
        return on_element(reader, decoder->row);
    default:
        return on_event(reader, decoder->row, ns);
    }
}

static void discarded(void *user, bool packets, uint64_t count)
{
    struct ga_reader *reader = user;
    *(packets ? &reader->totals.discarded_packets : &reader->totals.discarded_events) += count;
}

static int broken_off(const struct ga_reader *reader, struct ga_error *error)
{
    struct ga_error what = *reader->error;
    if (reader->salvage) /* knows better than the decoder that meets the cut */
        snprintf(what.text, sizeof what.text, "%s", salvage_text(reader->salvage));
    return ga_error_set(error, EIO, "%.400s; %" PRIu64 " calls could be read", what.text, reader->totals.calls);
}

int ga_reader_run(struct ga_reader *reader, const struct ga_reader_ops *ops, void *user, struct ga_error *error)
{
    static const struct merge_ops merge_ops = {.event = event, .discarded = discarded};
    struct ga_error none = {""};
    reader->ops = ops;
    reader->user = user;
    reader->error = error ? error : &none;
    bool broken = false;
    int result = merge_run(reader->merge, &merge_ops, reader, &broken, reader->error);
    ga_feed_end(reader);
    if (broken || (result >= 0 && reader->salvage))
        return broken_off(reader, error);
    if (result < 0)
        return result;
    if (reader->totals.events == reader->totals.foreign_events)
        return ga_error_set(error, ENOMSG, "%s: no event of gpualloc in it (%" PRIu64 " of others)%s", reader->path,
                            reader->totals.foreign_events,
                            reader->totals.events ? ""
                                                  : ": was the program run under 'gpualloc record', and did it use a GPU?");
    return 0;
}

/* Being fed. */

int ga_feed_open(struct ga_reader **out, const struct ga_reader_ops *ops, void *user, struct ga_error *error)
{
    struct ga_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return ga_error_set(error, ENOMEM, "out of memory");
    reader->ops = ops;
    reader->user = user;
    reader->error = error;
    blobs_init(&reader->blobs, INT64_MAX); /* nobody knows how long the trace is */
    *out = reader;
    return 0;
}

static int feed_event(struct ga_reader *reader, const bt_message *message)
{
    const bt_event *bt = bt_message_event_borrow_event_const(message);
    const bt_stream_class *stream = bt_stream_borrow_class_const(bt_event_borrow_stream_const(bt));
    const bt_clock_class *clock = bt_stream_class_borrow_default_clock_class_const(stream);
    if (clock != reader->fed.clock_class) {
        bt_clock_class_put_ref(reader->fed.clock_class);
        merge_clock_init(&reader->fed, clock);
        if (clock)
            bt_clock_class_get_ref(clock);
    }
    int64_t ns = clock ? merge_clock_ns(&reader->fed, bt_clock_snapshot_get_value(
                                                          bt_message_event_borrow_default_clock_snapshot_const(message)))
                       : 0;
    return event(reader, bt, &reader->fed, ns);
}

int ga_feed_message(struct ga_reader *reader, const bt_message *message)
{
    uint64_t count = 1; /* at least, when the trace does not say */
    switch (bt_message_get_type(message)) {
    case BT_MESSAGE_TYPE_EVENT:
        return feed_event(reader, message);
    case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
        (void)!bt_message_discarded_events_get_count(message, &count);
        discarded(reader, false, count);
        return 0;
    case BT_MESSAGE_TYPE_DISCARDED_PACKETS:
        (void)!bt_message_discarded_packets_get_count(message, &count);
        discarded(reader, true, count);
        return 0;
    default:
        return 0;
    }
}

void ga_feed_end(struct ga_reader *reader)
{
    reader->totals.blobs = reader->blobs.count;
    reader->totals.blob_bytes = reader->blobs.bytes;
}

const struct ga_reader_totals *ga_reader_totals(const struct ga_reader *reader)
{
    return &reader->totals;
}

bool ga_reader_records(const struct ga_reader *reader, enum ga_row_id row)
{
    return reader->recorded[row];
}

int ga_reader_blob(struct ga_reader *reader, uint64_t hash, const void **data, uint32_t *size)
{
    return hash < GA_BLOB_FIRST_HASH ? -ENOENT : blobs_find(&reader->blobs, hash, data, size);
}

void ga_reader_close(struct ga_reader *reader)
{
    if (!reader)
        return;
    size_t place = 0;
    for (struct ga_map_slot *slot; (slot = ga_map_next(&reader->decoders, &place));)
        decoder_destroy((struct decoder *)(uintptr_t)slot->value);
    ga_map_release(&reader->decoders);
    bt_clock_class_put_ref(reader->fed.clock_class);
    merge_destroy(reader->merge);
    salvage_destroy(reader->salvage);
    for (struct file *file = reader->files, *next; file; file = next) {
        next = file->next;
        free(file->info.path);
        free(file->info.driver);
        free(file->info.driver_version);
        free(file);
    }
    ga_map_release(&reader->file_index);
    threads_release(&reader->threads);
    blobs_release(&reader->blobs);
    decode_lists_release(&reader->lists);
    for (size_t i = 0; i < reader->folder_count; i++)
        free(reader->folders[i]);
    free(reader->folders);
    free(reader->path);
    free(reader);
}

bool ga_reader_lossy(const struct ga_reader_totals *totals)
{
    return totals->discarded_events || totals->discarded_packets || totals->missing_calls || totals->missing_elements ||
           totals->unresolved_blobs;
}

void ga_reader_print_loss(const struct ga_reader_totals *totals, FILE *out)
{
    fprintf(out,
            "%" PRIu64 " events and %" PRIu64 " packets discarded, %" PRIu64 " calls, %" PRIu64 " elements and %" PRIu64
            " blobs missing\n",
            totals->discarded_events, totals->discarded_packets, totals->missing_calls, totals->missing_elements,
            totals->unresolved_blobs);
}
