/* export --format jsonl: one object an allocation, when it ends; those alive at the end of the trace come last. */
#include "analyzer/export/format.h"

#include "analyzer/list/writer.h"

struct state {
    struct writer writer;
};

static void key(struct writer *writer, const char *name)
{
    if (writer->last != '{')
        writer_char(writer, ',');
    writer_json_string(writer, name);
    writer_char(writer, ':');
}

static void put_text(struct writer *writer, const char *name, const char *text)
{
    key(writer, name);
    if (text && *text)
        writer_json_string(writer, text);
    else
        writer_text(writer, "null");
}

static void put_unsigned(struct writer *writer, const char *name, uint64_t value)
{
    key(writer, name);
    writer_unsigned(writer, value);
}

static void put_signed(struct writer *writer, const char *name, int64_t value)
{
    key(writer, name);
    writer_signed(writer, value);
}

static void put_null(struct writer *writer, const char *name)
{
    key(writer, name);
    writer_text(writer, "null");
}

static void put_bool(struct writer *writer, const char *name, bool value)
{
    key(writer, name);
    writer_text(writer, value ? "true" : "false");
}

/* An id, as list writes it. */
static void put_id(struct writer *writer, const char *name, uint64_t id)
{
    key(writer, name);
    writer_char(writer, '"');
    writer_hex(writer, id, 16);
    writer_char(writer, '"');
}

static void put_event(struct writer *writer, const struct ga_row *row)
{
    key(writer, "event");
    writer_char(writer, '"');
    writer_text(writer, row->provider);
    writer_char(writer, ':');
    writer_text(writer, row->event);
    writer_char(writer, '"');
}

static void put_create(struct writer *writer, const struct ga_life *life)
{
    key(writer, "create");
    writer_char(writer, '{');
    put_event(writer, life->row);
    put_unsigned(writer, "thread", life->create_thread);
    put_unsigned(writer, "tid", life->tid);
    put_unsigned(writer, "call", life->create_call);
    put_signed(writer, "ts", life->asked_ns);
    put_signed(writer, "duration_ns", life->born_ns - life->asked_ns);
    writer_char(writer, '}');
}

static void put_destroy(struct writer *writer, const struct ga_call *call)
{
    if (!call) {
        put_null(writer, "destroy");
        return;
    }
    key(writer, "destroy");
    writer_char(writer, '{');
    put_event(writer, call->row);
    put_id(writer, "process", call->header->process);
    put_unsigned(writer, "thread", call->header->thread);
    put_unsigned(writer, "tid", call->header->tid);
    put_unsigned(writer, "call", call->header->call);
    put_signed(writer, "ts", call->begin_ns);
    put_signed(writer, "duration_ns", call->end_ns - call->begin_ns);
    writer_char(writer, '}');
}

static void put_identity(struct writer *writer, const struct ga_life *life)
{
    if (ga_row_is_d3dkmt(life->row)) {
        put_unsigned(writer, "hAllocation", life->handle);
        put_unsigned(writer, "hDevice", life->owner);
        put_unsigned(writer, "hResource", life->resource);
        put_unsigned(writer, "hPrivateRuntimeResourceHandle", life->surface);
        put_unsigned(writer, "adapter_luid", life->device);
    } else {
        put_unsigned(writer, "handle", life->handle);
        put_id(writer, "file", ga_life_scope(life));
        put_unsigned(writer, "device", life->device);
    }
    if (life->is_drm && ga_life_drm(life)->dma_buf)
        put_unsigned(writer, "dma_buf", ga_life_drm(life)->dma_buf);
}

static void put_size(struct writer *writer, const struct ga_life *life)
{
    if (life->origin == GA_SIZE_UNKNOWN)
        put_null(writer, "size");
    else
        put_unsigned(writer, "size", life->size);
    put_text(writer, "size_origin", ga_size_origin_name(life->origin));
    put_bool(writer, "lower_bound", ga_size_is_bound(life->origin));
}

static void put_end(struct writer *writer, const struct ga_life *life, enum ga_life_end how)
{
    put_text(writer, "end", ga_life_end_name(how));
    put_signed(writer, "born", life->born_ns);
    if (how == GA_END_NOT) {
        put_null(writer, "died");
        put_null(writer, "lifetime_ns");
    } else {
        put_signed(writer, "died", life->died_ns);
        put_signed(writer, "lifetime_ns", life->died_ns - life->born_ns);
    }
    put_bool(writer, "memory_freed", how != GA_END_NOT && !life->memory->handles);
}

static int on_died(struct export *export, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct writer *writer = &((struct state *)export->state)->writer;
    uint32_t process, program, device, name;
    int result = labels_process(&export->labels, life->process, life->pid, &process, &program);
    if (result >= 0)
        result = labels_device(&export->labels, life, &device);
    if (result >= 0)
        result = labels_surface_name(&export->labels, life, &name);
    if (result < 0)
        return result;
    writer_char(writer, '{');
    put_unsigned(writer, "id", life->id);
    put_id(writer, "process", life->process);
    put_unsigned(writer, "pid", life->pid);
    put_text(writer, "program", labels_text(&export->labels, program));
    put_text(writer, "device_name", labels_text(&export->labels, device));
    put_identity(writer, life);
    put_text(writer, "name", labels_text(&export->labels, name));
    put_size(writer, life);
    put_bool(writer, "imported", life->imported);
    put_end(writer, life, how);
    put_create(writer, life);
    put_destroy(writer, call);
    writer_text(writer, "}\n");
    return -writer->error;
}

static int on_begin(struct export *export)
{
    return writer_init(&((struct state *)export->state)->writer, fileno(export->file));
}

static int on_end(struct export *export, const struct ga_reader_totals *totals)
{
    (void)totals;
    return writer_flush(&((struct state *)export->state)->writer);
}

static void on_release(struct export *export)
{
    writer_release(&((struct state *)export->state)->writer);
}

const struct export_format export_jsonl = {
    .name = "jsonl",
    .state_size = sizeof(struct state),
    .begin = on_begin,
    .died = on_died,
    .end = on_end,
    .release = on_release,
};
