/* gpualloc list: the calls of a trace, one line each, in the order in which they completed. */
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/verb.h"
#include "analyzer/list/format.h"

extern const struct ga_verb verb_list;

static const char *format_name = "text", *blobs_name = "hex", *u64_name = "number", *pattern;

static bool events;
static int64_t epoch_offset_ns; /* from the trace's clock to the epoch, by the newest call */

static const struct ga_option options[] = {
    {"format", 'f', GA_OPTION_CHOICE, "FORMAT", "how a call is written", &format_name,
     (const char *const[]){"text", "jsonl", NULL}},
    {"blobs", 0, GA_OPTION_CHOICE, "WHAT", "private data", &blobs_name, (const char *const[]){"hex", "hash", "none", NULL}},
    {"u64", 0, GA_OPTION_CHOICE, "HOW", "jsonl: 64-bit integers", &u64_name, (const char *const[]){"number", "string", NULL}},
    {"events", 0, GA_OPTION_FLAG, NULL, "also what is no call: processes, files opened and closed, …", &events, NULL},
    {"event", 'e', GA_OPTION_STRING, "PATTERN", "only events of this name, such as 'drm:*' or '*:create_*'", &pattern, NULL},
    {0},
};

uint64_t list_flag_names(const struct ga_member *member, uint64_t value, void (*put)(void *user, const char *name), void *user)
{
    for (const struct ga_flag_name *flag = member->flags; flag && flag->name; flag++)
        if (value >> flag->bit & 1) {
            put(user, flag->name);
            value &= ~((uint64_t)1 << flag->bit);
        }
    return value;
}

const char *list_blob_trouble(uint64_t hash)
{
    return hash == GA_BLOB_UNREADABLE ? "unreadable" : hash == GA_BLOB_REFUSED ? "refused" : NULL;
}

static bool wanted(const struct ga_row *row)
{
    char name[128];
    if (!pattern)
        return true;
    snprintf(name, sizeof name, "%s:%s", row->provider, row->event);
    return fnmatch(pattern, name, 0) == 0;
}

static int on_mapped(void *user, const struct ga_mapping *mapping, const struct ga_call *call)
{
    (void)call;
    ((struct list *)user)->mapped_handle = mapping->handle;
    return 0;
}

static int on_call(void *user, const struct ga_call *call)
{
    static const struct ga_mappings_ops mapping_ops = {.mapped = on_mapped};
    struct list *list = user;
    list->mapped_handle = 0;
    int followed = ga_mappings_call(&list->mappings, call, &mapping_ops, list);
    if (followed < 0)
        return followed;
    epoch_offset_ns = call->begin_ns - (int64_t)call->header->begin;
    if (!wanted(call->row))
        return 0;
    int result = (strcmp(format_name, "text") ? &list_format_jsonl : &list_format_text)->call(list, call);
    return result < 0 ? result : -list->writer.error;
}

/* Text shows annotations in any case: they are for people. A file is closed, as a call, at its begin; a fence moved when it was
   seen. */
static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct list *list = user;
    const struct list_format *format = strcmp(format_name, "text") ? &list_format_jsonl : &list_format_text;
    bool annotation = ga_row_id(row) == GA_ROW_gpualloc_annotate_name || ga_row_id(row) == GA_ROW_gpualloc_annotate_part;
    if (!(events || (annotation && format == &list_format_text)) || !wanted(row))
        return 0;
    if (ga_row_id(row) == GA_ROW_gpualloc_file_closed && epoch_offset_ns)
        ns = (int64_t)((const struct ga_gpualloc_file_closed *)record)->begin + epoch_offset_ns;
    if (ga_row_id(row) == GA_ROW_gpualloc_paging_fence && epoch_offset_ns)
        ns = (int64_t)((const struct ga_gpualloc_paging_fence *)record)->seen_at + epoch_offset_ns;
    format->event(list, row, record, ns);
    return -list->writer.error;
}

/* Whatever happened is one line: the losses, or the error with the losses of what could be read. */
static int finish(struct list *list, int result, struct ga_error *error)
{
    const struct ga_reader_totals *totals = ga_reader_totals(list->reader);
    char loss[256] = "";
    int written = writer_flush(&list->writer); /* lines that came before an error are results too */
    if (list->writer.error == EPIPE)
        return GA_EXIT_OK; /* the reader of our output has seen enough */
    if (written < 0)
        result = ga_error_errno(error, -written, "cannot write to standard output");
    FILE *line = fmemopen(loss, sizeof loss, "w");
    if (line) {
        ga_reader_print_loss(totals, line);
        fclose(line);
        loss[strcspn(loss, "\n")] = 0;
    }
    if (result >= 0) {
        fprintf(stderr, "gpualloc list: %s\n", loss);
        return GA_EXIT_OK;
    }
    if (!*error->text)
        ga_error_errno(error, -result, "cannot list");
    bool partly = totals->events > totals->foreign_events;
    fprintf(stderr, "gpualloc list: %s%s%s%s\n", error->text, partly ? " (" : "", partly ? loss : "", partly ? ")" : "");
    return GA_EXIT_FAILURE;
}

static int run(int argc, char **argv)
{
    static const struct ga_reader_ops ops = {.call = on_call, .event = on_event};
    (void)argc;
    struct ga_error error = {""};
    struct list list = {
        .blobs = !strcmp(blobs_name, "hex")    ? LIST_BLOBS_HEX
                 : !strcmp(blobs_name, "hash") ? LIST_BLOBS_HASH
                                               : LIST_BLOBS_NONE,
        .u64_string = !strcmp(u64_name, "string"),
    };
    const struct list_format *format = strcmp(format_name, "text") ? &list_format_jsonl : &list_format_text;
    if (ga_reader_open(&list.reader, argv[0], &error) < 0) {
        ga_error_print("list", &error);
        return GA_EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    int result = -ENOMEM;
    if (writer_init(&list.writer, STDOUT_FILENO) == 0 && walk_create(&list.walk, &format->walk, &list) == 0)
        result = ga_reader_run(list.reader, &ops, &list, &error);
    int status = finish(&list, result, &error);
    walk_destroy(list.walk);
    ga_mappings_release(&list.mappings);
    writer_release(&list.writer);
    ga_reader_close(list.reader);
    return status;
}

const struct ga_verb verb_list = {
    .name = "list",
    .summary = "Prints every call of a trace",
    .synopsis = "[options] TRACE",
    .description =
        "One line a call, in the order in which they completed. --format jsonl is the contract for scripts: one object a\n"
        "call, members under the interface's own names, outputs as NAME_out. Text also shows what the program said of its\n"
        "surfaces (gpualloc/annotate.h); --events shows it in both. What was lost is said on standard error.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
