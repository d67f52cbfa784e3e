/* filter.gpualloc.allocations: calls in, one event an allocation at its death out. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "plugin.h"
#include "reader/feed.h"
#include "reader/lives.h"

/* The fields of an event, in order: the table makes the field class and fills each event. */
struct field {
    const char *name;
    enum { HEX, DEC, SIGNED, BOOLEAN, TEXT } kind;
};
static const struct field fields[] = {
    {"process", HEX},         {"pid", DEC},          {"tid", DEC},        {"program", TEXT},  {"interface", TEXT},
    {"device", HEX},          {"request", TEXT},     {"handle", HEX},     {"owner", HEX},     {"resource", HEX},
    {"surface", HEX},         {"name", TEXT},        {"size", DEC},       {"size_origin", TEXT}, {"imported", BOOLEAN},
    {"create_call", DEC},     {"create_ns", SIGNED}, {"create_latency_ns", DEC}, {"lifetime_ns", DEC}, {"end", TEXT},
    {"end_call", DEC},        {"end_latency_ns", DEC},
};
static const struct field loss_fields[] = {
    {"discarded_events", DEC}, {"discarded_packets", DEC}, {"missing_calls", DEC}, {"missing_elements", DEC}, {"missing_blobs", DEC},
};
enum { FIELDS = sizeof fields / sizeof *fields, LOSS_FIELDS = sizeof loss_fields / sizeof *loss_fields };
union value {
    uint64_t number;
    const char *text;
};

/* A component: the classes of what it gives. */
struct allocations {
    bt_self_component_filter *self;
    bt_trace_class *trace_class;
    bt_event_class *event_class, *loss_class;
    bt_trace *trace;
    bt_stream *stream;
};

/* What is kept of a life beside it; all that live are in a ring. */
struct extra {
    struct extra *before, *after;
    const struct ga_process_info *process;
    char *name;
};

struct iterator {
    struct allocations *component;
    bt_self_message_iterator *self;
    bt_message_iterator *upstream;
    struct ga_reader *reader;
    struct ga_lives *lives;
    struct extra ring;
    const bt_message **queue;
    size_t room, count, next;
    enum { BEFORE, WITHIN, AFTER } state;
    struct ga_error error;
};

/* The component. */

static bt_field_class *field_class_of(bt_trace_class *trace_class, int kind)
{
    bt_field_class *class;
    switch (kind) {
    case BOOLEAN: return bt_field_class_bool_create(trace_class);
    case TEXT: return bt_field_class_string_create(trace_class);
    case SIGNED: return bt_field_class_integer_signed_create(trace_class);
    default: break;
    }
    class = bt_field_class_integer_unsigned_create(trace_class);
    if (class && kind == HEX)
        bt_field_class_integer_set_preferred_display_base(class, BT_FIELD_CLASS_INTEGER_PREFERRED_DISPLAY_BASE_HEXADECIMAL);
    return class;
}

static bt_event_class *make_event_class(struct allocations *component, bt_stream_class *stream_class, const char *name,
                                        const struct field *field, size_t count)
{
    bt_field_class *payload = bt_field_class_structure_create(component->trace_class);
    bt_event_class *event_class = payload ? bt_event_class_create(stream_class) : NULL;
    bool good = event_class && !bt_event_class_set_name(event_class, name);
    for (; good && count--; field++) {
        bt_field_class *class = field_class_of(component->trace_class, field->kind);
        good = class && !bt_field_class_structure_append_member(payload, field->name, class);
        bt_field_class_put_ref(class);
    }
    good = good && !bt_event_class_set_payload_field_class(event_class, payload);
    bt_field_class_put_ref(payload);
    if (!good)
        BT_EVENT_CLASS_PUT_REF_AND_RESET(event_class);
    return event_class;
}

static bool make_classes(struct allocations *component, bt_self_component *self)
{
    component->trace_class = bt_trace_class_create(self);
    bt_stream_class *stream_class = component->trace_class ? bt_stream_class_create(component->trace_class) : NULL;
    bt_clock_class *clock = stream_class ? bt_clock_class_create(self) : NULL; /* of 1 GHz, and the Unix epoch */
    bool good = clock && !bt_stream_class_set_default_clock_class(stream_class, clock);
    if (good) {
        component->event_class = make_event_class(component, stream_class, "gpualloc:allocation", fields, FIELDS);
        component->loss_class = make_event_class(component, stream_class, "gpualloc:loss", loss_fields, LOSS_FIELDS);
    }
    good = good && component->event_class && component->loss_class &&
           (component->trace = bt_trace_create(component->trace_class)) &&
           (component->stream = bt_stream_create(stream_class, component->trace)) &&
           !bt_trace_set_name(component->trace, "gpualloc") && !bt_stream_set_name(component->stream, "allocations");
    bt_clock_class_put_ref(clock);
    bt_stream_class_put_ref(stream_class);
    return good;
}

static void allocations_destroy(struct allocations *component)
{
    bt_stream_put_ref(component->stream);
    bt_trace_put_ref(component->trace);
    bt_event_class_put_ref(component->event_class);
    bt_event_class_put_ref(component->loss_class);
    bt_trace_class_put_ref(component->trace_class);
    free(component);
}

bt_component_class_initialize_method_status allocations_initialize(bt_self_component_filter *self,
                                                                   bt_self_component_filter_configuration *configuration,
                                                                   const bt_value *params, void *data)
{
    (void)configuration, (void)data;
    bt_self_component *base = bt_self_component_filter_as_self_component(self);
    if (bt_value_map_get_size(params)) {
        BT_CURRENT_THREAD_ERROR_APPEND_CAUSE_FROM_COMPONENT(base, "filter.gpualloc.allocations has no parameters");
        return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_ERROR;
    }
    struct allocations *component = calloc(1, sizeof *component);
    if (component && make_classes(component, base) && !bt_self_component_filter_add_input_port(self, "in", NULL, NULL) &&
        !bt_self_component_filter_add_output_port(self, "out", NULL, NULL)) {
        component->self = self;
        bt_self_component_set_data(base, component);
        return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_OK;
    }
    if (component)
        allocations_destroy(component);
    return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_MEMORY_ERROR;
}

void allocations_finalize(bt_self_component_filter *self)
{
    struct allocations *component = bt_self_component_get_data(bt_self_component_filter_as_self_component(self));
    if (component)
        allocations_destroy(component);
}

/* Lives. */

static int push(struct iterator *it, const bt_message *message)
{
    if (!message || ga_array_room(&it->queue, &it->room, it->count + 1, sizeof *it->queue) < 0) {
        bt_message_put_ref(message);
        return -ENOMEM;
    }
    it->queue[it->count++] = message;
    return 0;
}

static void extra_destroy(struct extra *extra)
{
    extra->before->after = extra->after;
    extra->after->before = extra->before;
    free(extra->name);
    free(extra);
}

static int born(void *user, struct ga_life *life, const struct ga_call *call)
{
    struct iterator *it = user;
    struct extra *extra = calloc(1, sizeof *extra);
    if (!extra)
        return -ENOMEM;
    *extra = (struct extra){.before = &it->ring, .after = it->ring.after, .process = call->process};
    extra->before->after = extra->after->before = extra;
    life->user = extra;
    return 0;
}

static int named(void *user, struct ga_life *life, const char *name)
{
    (void)user;
    struct extra *extra = life->user;
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    free(extra->name);
    extra->name = copy;
    return 0;
}

static const char *interface_of(const struct ga_life *life)
{
    const struct ga_file_info *file = ga_life_file(life);
    return ga_row_is_d3dkmt(life->row) ? "d3dkmt" : file && *file->driver ? file->driver : "drm";
}

/* In the order of the table. */
static void fill(union value *value, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    const struct extra *extra = life->user;
    *value++ = (union value){life->process};
    *value++ = (union value){life->pid};
    *value++ = (union value){life->tid};
    *value++ = (union value){.text = extra->process ? extra->process->program : ""};
    *value++ = (union value){.text = interface_of(life)};
    *value++ = (union value){life->device};
    *value++ = (union value){.text = life->row->request};
    *value++ = (union value){life->handle};
    *value++ = (union value){life->owner};
    *value++ = (union value){life->resource};
    *value++ = (union value){life->surface};
    *value++ = (union value){.text = extra->name ? extra->name : ""};
    *value++ = (union value){life->origin == GA_SIZE_UNKNOWN ? 0 : life->size};
    *value++ = (union value){.text = ga_size_origin_name(life->origin)};
    *value++ = (union value){life->imported};
    *value++ = (union value){life->create_call};
    *value++ = (union value){(uint64_t)life->asked_ns};
    *value++ = (union value){(uint64_t)(life->born_ns - life->asked_ns)};
    *value++ = (union value){life->died_ns > life->born_ns ? (uint64_t)(life->died_ns - life->born_ns) : 0};
    *value++ = (union value){.text = ga_life_end_name(how)};
    *value++ = (union value){call ? call->header->call : 0};
    *value++ = (union value){call ? (uint64_t)(call->end_ns - call->begin_ns) : 0};
}

static bool set_field(bt_field *field, int kind, union value value)
{
    switch (kind) {
    case TEXT: return !bt_field_string_set_value(field, value.text);
    case BOOLEAN: bt_field_bool_set_value(field, value.number != 0); return true;
    case SIGNED: bt_field_integer_signed_set_value(field, (int64_t)value.number); return true;
    default: bt_field_integer_unsigned_set_value(field, value.number); return true;
    }
}

/* An event now: at the time of the last one that came. */
static int push_event(struct iterator *it, bt_event_class *class, const struct field *field, const union value *values, size_t count)
{
    int64_t now = ga_reader_totals(it->reader)->last_ns;
    bt_message *message = bt_message_event_create_with_default_clock_snapshot(it->self, class, it->component->stream,
                                                                               now > 0 ? (uint64_t)now : 0);
    if (!message)
        return -ENOMEM;
    bool good = true;
    bt_field *payload = bt_event_borrow_payload_field(bt_message_event_borrow_event(message));
    for (size_t i = 0; good && i < count; i++)
        good = set_field(bt_field_structure_borrow_member_field_by_index(payload, i), field[i].kind, values[i]);
    if (good)
        return push(it, message);
    bt_message_put_ref(message);
    return -ENOMEM;
}

static int died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct iterator *it = user;
    union value values[FIELDS];
    fill(values, life, how, call);
    int result = push_event(it, it->component->event_class, fields, values, FIELDS);
    extra_destroy(life->user);
    life->user = NULL;
    return result;
}

static int sized(void *user, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before)
{
    (void)user, (void)life, (void)size_before, (void)origin_before;
    return 0; /* it is there so that the life has what is learnt */
}

/* The iterator. */

static int on_call(void *user, const struct ga_call *call)
{
    return ga_lives_call(((struct iterator *)user)->lives, call);
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    return ga_lives_event(((struct iterator *)user)->lives, row, record, ns);
}

static int on_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    return ga_reader_blob(((struct iterator *)user)->reader, hash, data, size);
}

static void iterator_destroy(struct iterator *it)
{
    for (; it->next < it->count; it->next++)
        bt_message_put_ref(it->queue[it->next]);
    while (it->ring.after != &it->ring)
        extra_destroy(it->ring.after);
    ga_lives_destroy(it->lives);
    ga_reader_close(it->reader);
    bt_message_iterator_put_ref(it->upstream);
    free(it->queue);
    free(it);
}

bt_message_iterator_class_initialize_method_status
allocations_iterator_initialize(bt_self_message_iterator *self, bt_self_message_iterator_configuration *configuration,
                                bt_self_component_port_output *port)
{
    static const struct ga_reader_ops reader_ops = {.call = on_call, .event = on_event};
    static const struct ga_lives_ops lives_ops = {.born = born, .died = died, .sized = sized, .named = named, .blob = on_blob};
    (void)configuration, (void)port;
    struct iterator *it = calloc(1, sizeof *it);
    if (!it)
        return BT_MESSAGE_ITERATOR_CLASS_INITIALIZE_METHOD_STATUS_MEMORY_ERROR;
    it->component = bt_self_component_get_data(bt_self_message_iterator_borrow_component(self));
    it->self = self;
    it->ring = (struct extra){.before = &it->ring, .after = &it->ring};
    if (bt_message_iterator_create_from_message_iterator(
            self, bt_self_component_filter_borrow_input_port_by_index(it->component->self, 0), &it->upstream) == 0 &&
        ga_feed_open(&it->reader, &reader_ops, it, &it->error) >= 0 && ga_lives_create(&it->lives, &lives_ops, it) >= 0) {
        bt_self_message_iterator_set_data(self, it);
        return BT_MESSAGE_ITERATOR_CLASS_INITIALIZE_METHOD_STATUS_OK;
    }
    iterator_destroy(it);
    return BT_MESSAGE_ITERATOR_CLASS_INITIALIZE_METHOD_STATUS_ERROR;
}

void allocations_iterator_finalize(bt_self_message_iterator *self)
{
    struct iterator *it = bt_self_message_iterator_get_data(self);
    if (it)
        iterator_destroy(it);
}

/* What is alive ends with the stream of messages; and it is said what is missing of it. */
static int end(struct iterator *it)
{
    const struct ga_reader_totals *totals = ga_reader_totals(it->reader);
    const union value lost[LOSS_FIELDS] = {{totals->discarded_events}, {totals->discarded_packets}, {totals->missing_calls},
                                           {totals->missing_elements}, {totals->unresolved_blobs}};
    it->state = AFTER;
    int result = ga_lives_finish(it->lives, totals->last_ns);
    if (result >= 0 && ga_reader_lossy(totals))
        result = push_event(it, it->component->loss_class, loss_fields, lost, LOSS_FIELDS);
    return result < 0 ? result : push(it, bt_message_stream_end_create(it->self, it->component->stream));
}

/* Takes the next messages in; they may make none. */
static bt_message_iterator_class_next_method_status pull(struct iterator *it)
{
    bt_message_array_const messages;
    uint64_t count = 0;
    int result = 0;
    bt_message_iterator_next_status status = bt_message_iterator_next(it->upstream, &messages, &count);
    if (status == BT_MESSAGE_ITERATOR_NEXT_STATUS_END)
        result = end(it);
    else if (status != BT_MESSAGE_ITERATOR_NEXT_STATUS_OK)
        return (bt_message_iterator_class_next_method_status)status; /* AGAIN and errors have the same numbers */
    for (uint64_t i = 0; i < count; i++) {
        if (result >= 0)
            result = ga_feed_message(it->reader, messages[i]);
        bt_message_put_ref(messages[i]);
    }
    if (result >= 0)
        return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK;
    BT_CURRENT_THREAD_ERROR_APPEND_CAUSE_FROM_MESSAGE_ITERATOR(it->self, "%s",
                                                               *it->error.text ? it->error.text : strerror(-result));
    return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_ERROR;
}

bt_message_iterator_class_next_method_status allocations_next(bt_self_message_iterator *self, bt_message_array_const messages,
                                                              uint64_t capacity, uint64_t *count)
{
    struct iterator *it = bt_self_message_iterator_get_data(self);
    bt_message_iterator_class_next_method_status status = BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK;
    if (it->state == BEFORE) {
        it->state = WITHIN;
        if (push(it, bt_message_stream_beginning_create(self, it->component->stream)) < 0)
            return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_MEMORY_ERROR;
    }
    while (it->next == it->count && it->state != AFTER && status == BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK) {
        it->next = it->count = 0;
        status = pull(it);
    }
    for (*count = 0; *count < capacity && it->next < it->count; ++*count)
        messages[*count] = it->queue[it->next++];
    if (*count)
        return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK;
    return status == BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK ? BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_END : status;
}
