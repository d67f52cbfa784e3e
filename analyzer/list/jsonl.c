/* list --format jsonl: one object a call, the contract for scripts (docs/trace-format.md says what is in it). */
#include "analyzer/list/format.h"

#include <string.h>

static void put_key(struct list *list, struct walk_key key)
{
    struct writer *writer = &list->writer;
    if (writer->last != '{' && writer->last != '[')
        writer_char(writer, ',');
    if (!key.name)
        return;
    writer_char(writer, '"');
    writer_bytes(writer, key.name, key.length);
    if (*key.suffix)
        writer_text(writer, key.suffix);
    writer_bytes(writer, "\":", 2);
}

static struct walk_key named(const char *name)
{
    return (struct walk_key){.name = name, .length = strlen(name), .suffix = ""};
}

static void put_u64(struct list *list, uint64_t value, bool is_signed)
{
    if (list->u64_string)
        writer_char(&list->writer, '"');
    if (is_signed)
        writer_signed(&list->writer, (int64_t)value);
    else
        writer_unsigned(&list->writer, value);
    if (list->u64_string)
        writer_char(&list->writer, '"');
}

static void put_flag(void *user, const char *name)
{
    struct list *list = user;
    if (list->writer.last != '[')
        writer_char(&list->writer, ',');
    writer_json_string(&list->writer, name);
}

/* "Flags_names": the names, then the bits without a name as one hex number. */
static void put_flags(struct list *list, struct walk_key key, const struct ga_member *member, uint64_t value)
{
    struct writer *writer = &list->writer;
    writer_text(writer, ",\"");
    writer_bytes(writer, key.name, key.length);
    writer_text(writer, key.suffix);
    writer_text(writer, "_names\":[");
    uint64_t rest = list_flag_names(member, value, put_flag, list);
    if (rest) {
        if (writer->last != '[')
            writer_char(writer, ',');
        writer_text(writer, "\"0x");
        writer_hex(writer, rest, 1);
        writer_char(writer, '"');
    }
    writer_char(writer, ']');
}

static void put_number(struct list *list, unsigned width, bool is_signed, uint64_t value)
{
    if (width == 8)
        put_u64(list, value, is_signed);
    else if (is_signed)
        writer_signed(&list->writer, (int64_t)value);
    else
        writer_unsigned(&list->writer, value);
}

static void integer(void *user, struct walk_key key, const struct ga_member *member, uint64_t value)
{
    struct list *list = user;
    put_key(list, key);
    put_number(list, member->width, member->is_signed, value);
    if (member->kind == GA_FLAGS && key.name)
        put_flags(list, key, member, value);
}

static void text(void *user, struct walk_key key, const char *value)
{
    put_key(user, key);
    writer_json_string(&((struct list *)user)->writer, value);
}

static void null(void *user, struct walk_key key)
{
    put_key(user, key);
    writer_text(&((struct list *)user)->writer, "null");
}

static void blob(void *user, struct walk_key key, uint64_t hash)
{
    struct list *list = user;
    const void *data = "";
    uint32_t size = 0;
    if (list->blobs == LIST_BLOBS_NONE)
        return;
    const char *trouble = list_blob_trouble(hash);
    if (!trouble && hash >= GA_BLOB_FIRST_HASH && ga_reader_blob(list->reader, hash, &data, &size) < 0)
        trouble = "missing";
    put_key(list, key);
    if (hash == GA_BLOB_NULL || trouble) {
        writer_text(&list->writer, "null");
    } else {
        writer_char(&list->writer, '"');
        if (list->blobs == LIST_BLOBS_HEX)
            writer_hex_bytes(&list->writer, data, size);
        else if (hash >= GA_BLOB_FIRST_HASH)
            writer_hex(&list->writer, hash, 16);
        writer_char(&list->writer, '"');
    }
    if (!trouble)
        return;
    key.suffix = *key.suffix ? "_out_error" : "_error";
    text(list, key, trouble);
}

static void words(void *user, struct walk_key key, const struct ga_member *member, const void *values, uint32_t count)
{
    struct list *list = user;
    put_key(list, key);
    writer_char(&list->writer, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            writer_char(&list->writer, ',');
        uint64_t value = ga_load((const char *)values + (size_t)i * member->entry, member->entry, member->is_signed);
        put_number(list, member->entry, member->is_signed, value);
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

static void put_marks(struct list *list, uint8_t marks)
{
    static const char *const names[] = {"retry", "nested", "unreadable"}; /* by bit */
    open(list, named("marks"), '[');
    for (size_t bit = 0; bit < sizeof names / sizeof *names; bit++)
        if (marks & (1u << bit))
            text(list, (struct walk_key){.suffix = ""}, names[bit]);
    close(list, ']');
}

static void put_unsigned(struct list *list, const char *key, uint64_t value)
{
    put_key(list, named(key));
    writer_unsigned(&list->writer, value);
}

static void put_hex(struct list *list, const char *key, uint64_t value)
{
    put_key(list, named(key));
    writer_char(&list->writer, '"');
    writer_hex(&list->writer, value, 16);
    writer_char(&list->writer, '"');
}

/* What every call has, whatever its interface. */
static void put_header(struct list *list, const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    struct writer *writer = &list->writer;
    writer_text(writer, "{\"event\":\"");
    writer_text(writer, call->row->provider);
    writer_char(writer, ':');
    writer_text(writer, call->row->event);
    writer_text(writer, "\",\"ts\":");
    put_u64(list, (uint64_t)call->begin_ns, true);
    put_key(list, named("duration_ns"));
    writer_signed(writer, call->end_ns - call->begin_ns);
    put_hex(list, "process", header->process);
    put_unsigned(list, "pid", header->pid);
    put_unsigned(list, "tid", header->tid);
    put_unsigned(list, "thread", header->thread);
    put_unsigned(list, "call", header->call);
    text(list, named("layer"), header->layer == GA_LAYER_API ? "api" : "ioctl");
    put_key(list, named("ret"));
    writer_signed(writer, header->ret);
    put_key(list, named("errno"));
    writer_signed(writer, header->error);
    if (header->marks & (GA_MARK_RETRY | GA_MARK_NESTED | GA_MARK_UNREADABLE))
        put_marks(list, header->marks);
}

static int put_call(struct list *list, const struct ga_call *call)
{
    put_header(list, call);
    if (ga_row_is_d3dkmt(call->row)) {
        put_unsigned(list, "status", call->status);
    } else {
        if (call->file && *call->file->driver)
            text(list, named("driver"), call->file->driver);
        else
            null(list, named("driver"));
        text(list, named("request"), call->row->request);
        put_hex(list, "file", call->header->file);
        put_key(list, named("device"));
        put_u64(list, call->header->device, false);
    }
    int result = walk_call(list->walk, call);
    if (list->mapped_handle)
        put_unsigned(list, "handle", list->mapped_handle);
    writer_bytes(&list->writer, "}\n", 2);
    return result;
}

/* Ids as in calls; all else as it is in the trace. */
static void put_member(struct list *list, const struct ga_member *member, const void *record)
{
    static const char *const ids[] = {"process", "parent", "file"};
    bool number = member->kind == GA_INT || member->kind == GA_FLAGS;
    uint64_t value = number ? ga_member_in(member, record) : 0;
    const char *string = NULL;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (!strcmp(member->name, ids[i])) {
            put_hex(list, member->name, value);
            return;
        }
    if (member->kind == GA_STR) {
        memcpy(&string, (const char *)record + member->in, sizeof string);
        text(list, named(member->name), string ? string : "");
    } else if (number) {
        integer(list, named(member->name), member, value);
    }
}

static void put_event(struct list *list, const struct ga_row *row, const void *record, int64_t ns)
{
    struct writer *writer = &list->writer;
    writer_text(writer, "{\"event\":\"");
    writer_text(writer, row->provider);
    writer_char(writer, ':');
    writer_text(writer, row->event);
    writer_text(writer, "\",\"ts\":");
    put_u64(list, (uint64_t)ns, true);
    for (const struct ga_member *member = row->members(); member->name; member++)
        put_member(list, member, record);
    writer_bytes(writer, "}\n", 2);
}

const struct list_format list_format_jsonl = {
    .name = "jsonl",
    .call = put_call,
    .event = put_event,
    .walk = {.integer = integer, .blob = blob, .words = words, .null = null, .text = text, .open = open, .close = close},
};
