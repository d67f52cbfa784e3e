/* list --format text: one line a call, for people, as strace writes them. */
#include "analyzer/list/format.h"

#include <string.h>
#include <time.h>

#include "base/units.h"

enum { BLOB_SHOWN = 16 }; /* bytes of private data on a line */

static void put_key(struct list *list, struct walk_key key)
{
    struct writer *writer = &list->writer;
    if (!strchr("({[", writer->last))
        writer_text(writer, ", ");
    if (!key.name)
        return;
    writer_bytes(writer, key.name, key.length);
    writer_text(writer, key.suffix);
    writer_char(writer, '=');
}

static void put_flag(void *user, const char *name)
{
    struct list *list = user;
    if (list->writer.last != '=')
        writer_char(&list->writer, '|');
    writer_text(&list->writer, name);
}

static void put_hex(struct list *list, uint64_t value)
{
    writer_text(&list->writer, value ? "0x" : "0");
    if (value)
        writer_hex(&list->writer, value, 1);
}

static void integer(void *user, struct walk_key key, const struct ga_member *member, uint64_t value)
{
    struct list *list = user;
    put_key(list, key);
    if (member->kind == GA_FLAGS && value) {
        uint64_t rest = list_flag_names(member, value, put_flag, list);
        if (rest && list->writer.last != '=')
            writer_char(&list->writer, '|');
        if (rest)
            put_hex(list, rest);
    } else if (member->show == GA_HEX || member->kind == GA_FLAGS) {
        put_hex(list, member->width == 8 ? value : value & 0xffffffff);
    } else if (member->is_signed) {
        writer_signed(&list->writer, (int64_t)value);
    } else {
        writer_unsigned(&list->writer, value);
    }
    if (member->show == GA_BYTES && member->kind == GA_INT && !member->is_signed && value >= 4096) {
        writer_text(&list->writer, " /* ");
        writer_text(&list->writer, ga_bytes(value).text);
        writer_text(&list->writer, " */");
    }
}

static void text(void *user, struct walk_key key, const char *value)
{
    put_key(user, key);
    writer_text(&((struct list *)user)->writer, value);
}

static void null(void *user, struct walk_key key)
{
    text(user, key, "NULL");
}

static void blob(void *user, struct walk_key key, uint64_t hash)
{
    struct list *list = user;
    const void *data = "";
    uint32_t size = 0;
    if (list->blobs == LIST_BLOBS_NONE)
        return;
    if (hash == GA_BLOB_NULL) {
        null(user, key);
        return;
    }
    const char *trouble = list_blob_trouble(hash);
    if (!trouble && hash >= GA_BLOB_FIRST_HASH && ga_reader_blob(list->reader, hash, &data, &size) < 0)
        trouble = "missing";
    put_key(list, key);
    writer_char(&list->writer, '<');
    if (trouble) {
        writer_text(&list->writer, trouble);
    } else {
        writer_unsigned(&list->writer, size);
        writer_text(&list->writer, " B");
        if (size)
            writer_char(&list->writer, ' ');
        if (list->blobs == LIST_BLOBS_HEX)
            writer_hex_bytes(&list->writer, data, size < BLOB_SHOWN ? size : BLOB_SHOWN);
        else if (size)
            writer_hex(&list->writer, hash, 16);
        if (list->blobs == LIST_BLOBS_HEX && size > BLOB_SHOWN)
            writer_text(&list->writer, "…");
    }
    writer_char(&list->writer, '>');
}

static void words(void *user, struct walk_key key, const struct ga_member *member, const void *values, uint32_t count)
{
    struct list *list = user;
    put_key(list, key);
    writer_char(&list->writer, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            writer_text(&list->writer, ", ");
        uint64_t value = ga_load((const char *)values + (size_t)i * member->entry, member->entry, member->is_signed);
        if (member->show == GA_HEX)
            put_hex(list, value);
        else if (member->is_signed)
            writer_signed(&list->writer, (int64_t)value);
        else
            writer_unsigned(&list->writer, value);
    }
    writer_char(&list->writer, ']');
}

static void open(void *user, struct walk_key key, char bracket)
{
    put_key(user, key);
    writer_char(&((struct list *)user)->writer, bracket);
}

static void close(void *user, char bracket)
{
    writer_char(&((struct list *)user)->writer, bracket);
}

static void put_time(struct list *list, int64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;
    char clock[16] = "";
    if (localtime_r(&seconds, &tm))
        strftime(clock, sizeof clock, "%H:%M:%S.", &tm);
    writer_text(&list->writer, clock);
    char digits[10] = "000000000";
    for (int64_t rest = ns % 1000000000, at = 8; at >= 0; at--, rest /= 10)
        digits[at] = (char)('0' + rest % 10);
    writer_bytes(&list->writer, digits, 9);
}

static void put_result(struct list *list, const struct ga_call *call)
{
    struct writer *writer = &list->writer;
    const struct ga_call_header *header = call->header;
    writer_text(writer, ") = ");
    if (header->layer == GA_LAYER_IOCTL && header->ret == -1) {
        const char *name = strerrorname_np(header->error), *words_ = strerrordesc_np(header->error);
        writer_text(writer, "-1 ");
        if (name)
            writer_text(writer, name);
        else
            writer_signed(writer, header->error);
        if (words_) {
            writer_text(writer, " (");
            writer_text(writer, words_);
            writer_char(writer, ')');
        }
    } else if (ga_row_is_d3dkmt(call->row)) {
        put_hex(list, call->status);
    } else {
        writer_signed(writer, header->ret);
    }
    writer_text(writer, " <");
    writer_text(writer, ga_duration((double)(call->end_ns - call->begin_ns)).text);
    writer_char(writer, '>');
    if (header->marks & GA_MARK_RETRY)
        writer_text(writer, " retry");
    if (header->marks & GA_MARK_NESTED)
        writer_text(writer, " nested");
    if (header->marks & GA_MARK_UNREADABLE)
        writer_text(writer, " unreadable");
    writer_char(writer, '\n');
}

static int put_call(struct list *list, const struct ga_call *call)
{
    struct writer *writer = &list->writer;
    put_time(list, call->begin_ns);
    writer_char(writer, ' ');
    writer_unsigned(writer, call->header->pid);
    writer_char(writer, '/');
    writer_unsigned(writer, call->header->tid);
    writer_char(writer, ' ');
    if (call->file && *call->file->path) {
        const char *slash = strrchr(call->file->path, '/');
        writer_text(writer, slash ? slash + 1 : call->file->path);
        writer_char(writer, ' ');
    }
    writer_text(writer, call->row->request);
    writer_char(writer, '(');
    int result = walk_call(list->walk, call);
    if (list->mapped_handle) {
        writer_text(writer, ", handle ");
        writer_unsigned(writer, list->mapped_handle);
    }
    put_result(list, call);
    return result;
}

/* What is no call: its name, then its members; texts in quotes, as JSON writes them. */
static void put_event(struct list *list, const struct ga_row *row, const void *record, int64_t ns)
{
    struct writer *writer = &list->writer;
    put_time(list, ns);
    writer_char(writer, ' ');
    writer_text(writer, row->provider);
    writer_char(writer, ':');
    writer_text(writer, row->event);
    writer_char(writer, '(');
    for (const struct ga_member *member = row->members(); member->name; member++) {
        struct walk_key key = {.name = member->name, .length = strlen(member->name), .suffix = ""};
        const char *string = NULL;
        if (member->kind == GA_STR) {
            memcpy(&string, (const char *)record + member->in, sizeof string);
            put_key(list, key);
            writer_json_string(writer, string ? string : "");
        } else if (member->kind == GA_INT || member->kind == GA_FLAGS) {
            integer(list, key, member, ga_member_in(member, record));
        }
    }
    writer_text(writer, ")\n");
}

const struct list_format list_format_text = {
    .name = "text",
    .call = put_call,
    .event = put_event,
    .walk = {.integer = integer, .blob = blob, .words = words, .null = null, .text = text, .open = open, .close = close},
};
