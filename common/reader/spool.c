/* Calls and events in a temporary file: records as they are, what they point to behind them. */
#include "reader/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "reader/temporary.h"

/* Each entry begins with this; a body of size bytes follows, all parts at multiples of 8: the record; its lists and strings, in the
   order of the members; for a call, a struct part_header and records for each kind of element. */
struct entry {
    uint32_t size;
    uint16_t row;
    bool failed;
    uint32_t status;
    int64_t begin_ns, end_ns; /* an event: begin_ns */
    const struct ga_process_info *process;
    const struct ga_file_info *file;
};

struct part_header {
    uint32_t row, count;
};

struct ga_spool {
    FILE *file;
    unsigned char *body;
    size_t room, used;
};

int ga_spool_create(struct ga_spool **out, struct ga_error *error)
{
    struct ga_spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return ga_error_set(error, ENOMEM, "out of memory");
    int fd = temporary_file("the calls of the trace", error);
    spool->file = fd < 0 ? NULL : fdopen(fd, "w+");
    if (!spool->file) {
        if (fd >= 0)
            close(fd);
        free(spool);
        return fd < 0 ? fd : ga_error_set(error, ENOMEM, "out of memory");
    }
    *out = spool;
    return 0;
}

void ga_spool_destroy(struct ga_spool *spool)
{
    if (!spool)
        return;
    fclose(spool->file);
    free(spool->body);
    free(spool);
}

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* Writing. */

static int put(struct ga_spool *spool, const void *data, size_t size)
{
    if (ga_array_room(&spool->body, &spool->room, spool->used + padded(size), 1) < 0)
        return -ENOMEM;
    if (size)
        memcpy(spool->body + spool->used, data, size);
    spool->used += padded(size);
    return 0;
}

/* A pointer in a record, and the bytes that it leads to. */
static const void *list_of(const struct ga_member *member, const void *record, size_t *size)
{
    const void *list = NULL;
    *size = 0;
    if (member->kind != GA_ARRAY && member->kind != GA_WORDS && member->kind != GA_STR)
        return NULL;
    memcpy(&list, (const char *)record + member->in, sizeof list);
    if (member->kind == GA_STR)
        *size = list ? strlen(list) + 1 : 0;
    else
        *size = (size_t)ga_load((const char *)record + member->length, 4, false) * member->entry;
    return list;
}

static int put_record(struct ga_spool *spool, const struct ga_row *row, const void *record)
{
    int result = put(spool, record, row->record_size);
    for (const struct ga_member *member = row->members(); result >= 0 && member->name; member++) {
        size_t size;
        const void *list = list_of(member, record, &size);
        result = put(spool, list, size);
    }
    return result;
}

static int write_entry(struct ga_spool *spool, struct entry *entry)
{
    entry->size = (uint32_t)spool->used;
    if (fwrite(entry, sizeof *entry, 1, spool->file) != 1 ||
        (spool->used && fwrite(spool->body, spool->used, 1, spool->file) != 1))
        return errno ? -errno : -EIO;
    return 0;
}

int ga_spool_call(struct ga_spool *spool, const struct ga_call *call)
{
    struct entry entry = {.row = (uint16_t)ga_row_id(call->row), .failed = call->failed, .status = call->status,
                          .begin_ns = call->begin_ns, .end_ns = call->end_ns, .process = call->process, .file = call->file};
    spool->used = 0;
    int result = put_record(spool, call->row, call->record);
    for (size_t i = 0; result >= 0 && i < GA_CALL_ELEMENTS_MAX && call->elements[i].row; i++) {
        const struct ga_elements *all = &call->elements[i];
        struct part_header part = {ga_row_id(all->row), all->count};
        result = put(spool, &part, sizeof part);
        if (result >= 0)
            result = put(spool, all->records, (size_t)all->count * all->row->record_size);
    }
    return result < 0 ? result : write_entry(spool, &entry);
}

int ga_spool_event(struct ga_spool *spool, const struct ga_row *row, const void *record, int64_t ns)
{
    struct entry entry = {.row = (uint16_t)ga_row_id(row), .begin_ns = ns};
    spool->used = 0;
    int result = put_record(spool, row, record);
    return result < 0 ? result : write_entry(spool, &entry);
}

/* Reading. The file is our own, and nobody else has its name: its sizes are believed. */

/* The next part of the body. */
static void *take(struct ga_spool *spool, size_t size)
{
    void *part = spool->body + spool->used;
    spool->used += padded(size);
    return part;
}

/* The record, with its pointers to what stands behind it. */
static void *take_record(struct ga_spool *spool, const struct ga_row *row)
{
    void *record = take(spool, row->record_size);
    for (const struct ga_member *member = row->members(); member->name; member++) {
        size_t size;
        const void *list;
        if (member->kind == GA_STR) { /* the pointer is stale, whether there was one is not */
            memcpy(&list, (const char *)record + member->in, sizeof list);
            size = list ? strlen((const char *)spool->body + spool->used) + 1 : 0;
        } else {
            list = list_of(member, record, &size);
        }
        const void *part = take(spool, size);
        if (list)
            memcpy((char *)record + member->in, &part, sizeof part);
    }
    return record;
}

static int tell_call(struct ga_spool *spool, const struct entry *entry, const struct ga_reader_ops *ops, void *user)
{
    const struct ga_row *row = &ga_rows[entry->row];
    const void *record = take_record(spool, row);
    struct ga_call call = {.row = row, .header = record, .record = record, .begin_ns = entry->begin_ns, .end_ns = entry->end_ns,
                           .process = entry->process, .file = entry->file, .failed = entry->failed, .status = entry->status};
    for (size_t i = 0; spool->used < entry->size; i++) {
        const struct part_header *part = take(spool, sizeof *part);
        const struct ga_row *of = &ga_rows[part->row];
        call.elements[i] = (struct ga_elements){of, take(spool, (size_t)part->count * of->record_size), part->count};
    }
    return ops->call(user, &call);
}

int ga_spool_run(struct ga_spool *spool, const struct ga_reader_ops *ops, void *user)
{
    struct entry entry;
    int result = 0;
    if (fflush(spool->file) != 0)
        return -errno;
    rewind(spool->file);
    while (result >= 0 && fread(&entry, sizeof entry, 1, spool->file) == 1) {
        if (ga_array_room(&spool->body, &spool->room, entry.size, 1) < 0)
            return -ENOMEM;
        if (entry.size && fread(spool->body, entry.size, 1, spool->file) != 1)
            return -EIO;
        spool->used = 0;
        const struct ga_row *row = &ga_rows[entry.row];
        if (row->kind == GA_ROW_CALL)
            result = tell_call(spool, &entry, ops, user);
        else if (ops->event)
            result = ops->event(user, row, take_record(spool, row), entry.begin_ns);
    }
    return result < 0 ? result : ferror(spool->file) ? -EIO : 0;
}
