/* The graph that reads a trace, and the merge of its streams. */
#include "merge.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"

struct stream {
    bt_message_iterator *iterator; /* null: at its end, or broken */
    bt_message_array_const messages;
    uint64_t count, next;
    int64_t ns; /* of the next message */
    struct merge_clock clock;
    char *name; /* its first file */
    uint64_t events;
    char *cause; /* why it is broken behind the messages that are held */
};

struct merge {
    bt_graph *graph;
    struct stream *streams;
    unsigned stream_count;
    unsigned *heap; /* streams with a message, earliest first; then by number */
    unsigned heap_count;
    bool primed;
    const struct merge_ops *ops;
    void *user;
    int result; /* of a callback */
    struct ga_error broken;
    unsigned broken_count;
    uint64_t array_limit; /* elements */
};

/* Errors. */

/* The innermost cause of babeltrace2's error without its addresses: "Invalid CTF magic number". False: there is no error. */
static bool take_cause(char *text, size_t size)
{
    const bt_error *error = bt_current_thread_take_error();
    snprintf(text, size, "unknown error");
    if (!error)
        return false;
    if (bt_error_get_cause_count(error))
        snprintf(text, size, "%s", bt_error_cause_get_message(bt_error_borrow_cause_by_index(error, 0)));
    bt_error_release(error);
    char *address = strstr(text, "-addr=");
    while (address && address > text && *address != ' ')
        address--;
    while (address && address > text && strchr(" ,:", address[-1]))
        address--;
    if (address)
        *address = 0;
    for (char *newline; (newline = strchr(text, '\n'));)
        *newline = ' ';
    for (size_t length = strlen(text); length && strchr(". ", text[length - 1]);)
        text[--length] = 0;
    return true;
}

static int bt_failed(struct ga_error *error, int errnum, const char *what)
{
    char cause[300];
    take_cause(cause, sizeof cause);
    return ga_error_set(error, errnum, "%s: %s", what, cause);
}

/* Keeps the first broken stream's message, counts the rest. */
static void stream_break(struct merge *merge, const struct stream *stream, const char *cause)
{
    if (!merge->broken_count++)
        ga_error_set(&merge->broken, EIO, "stream %s is broken after %llu events: %s",
                     stream->name ? stream->name : "(unnamed)", (unsigned long long)stream->events, cause);
}

/* A guard. */

/* Elements that an array of the trace being read on this thread may have. */
static _Thread_local uint64_t array_limit = UINT64_MAX;
enum { ARRAY_MAX = 4 << 20 }; /* elements: about 300 MiB of field objects */

/* source.ctf.fs believes an array's length field and makes its field objects, about 80 bytes each, before it looks whether the
   packet has that many: four broken bytes would take 300 GiB. The plugin finds this function before the library's own. */
bt_field_array_dynamic_set_length_status bt_field_array_dynamic_set_length(bt_field *field, uint64_t length)
{
    static bt_field_array_dynamic_set_length_status (*real)(bt_field *, uint64_t);
    if (!real)
        real = (bt_field_array_dynamic_set_length_status(*)(bt_field *, uint64_t))dlsym(RTLD_NEXT, __func__);
    return real && length <= array_limit ? real(field, length) : BT_FIELD_DYNAMIC_ARRAY_SET_LENGTH_STATUS_MEMORY_ERROR;
}

/* Time. */

int64_t merge_clock_ns(const struct merge_clock *clock, uint64_t ticks)
{
    int64_t ns = 0;
    if (clock->nanoseconds)
        ns = (int64_t)(ticks + (uint64_t)clock->offset);
    else if (clock->clock_class && bt_clock_class_cycles_to_ns_from_origin(clock->clock_class, ticks, &ns) !=
                                  BT_CLOCK_CLASS_CYCLES_TO_NS_FROM_ORIGIN_STATUS_OK)
        bt_current_thread_clear_error();
    return ns < 0 ? 0 : ns < GA_TIME_MAX ? ns : GA_TIME_MAX;
}

void merge_clock_init(struct merge_clock *clock, const bt_clock_class *clock_class)
{
    *clock = (struct merge_clock){.clock_class = clock_class};
    if (!clock_class || bt_clock_class_get_frequency(clock_class) != 1000000000)
        return;
    int64_t seconds;
    uint64_t cycles;
    bt_clock_class_get_offset(clock_class, &seconds, &cycles);
    clock->nanoseconds = true;
    clock->offset = (int64_t)((uint64_t)seconds * 1000000000u + cycles);
}

/* Streams. */

static void stream_begin(struct stream *stream, const bt_message *message)
{
    const bt_stream *bt = bt_message_stream_beginning_borrow_stream_const(message);
    const char *name = bt_stream_get_name(bt);
    if (name && !stream->name)
        stream->name = strdup(name);
    merge_clock_init(&stream->clock, bt_stream_class_borrow_default_clock_class_const(bt_stream_borrow_class_const(bt)));
}

static bool stream_end(struct stream *stream)
{
    bt_message_iterator_put_ref(stream->iterator);
    stream->iterator = NULL;
    return false;
}

/* Gets the next batch; false at the end of the stream, or where it breaks. */
static bool stream_refill(struct merge *merge, struct stream *stream)
{
    char cause[300];
    if (!stream->iterator)
        return false;
    if (stream->cause) {
        stream_break(merge, stream, stream->cause);
        return stream_end(stream);
    }
    bt_message_iterator_next_status status;
    do
        status = bt_message_iterator_next(stream->iterator, &stream->messages, &stream->count);
    while (status == BT_MESSAGE_ITERATOR_NEXT_STATUS_AGAIN || (status == BT_MESSAGE_ITERATOR_NEXT_STATUS_OK && !stream->count));
    stream->next = 0;
    /* source.ctf.fs of babeltrace2 2.0 gives the messages before an error with status OK and leaves the error on the thread;
       any other call of the library would abort the program then. */
    bool failed = take_cause(cause, sizeof cause);
    if (status == BT_MESSAGE_ITERATOR_NEXT_STATUS_OK) {
        if (failed)
            stream->cause = strdup(cause);
        return true;
    }
    if (status != BT_MESSAGE_ITERATOR_NEXT_STATUS_END)
        stream_break(merge, stream, cause);
    return stream_end(stream);
}

/* Stands the stream on its next message, and knows its time; false when there is none. */
static bool stream_advance(struct merge *merge, struct stream *stream)
{
    if (stream->next == stream->count && !stream_refill(merge, stream))
        return false;
    const bt_message *message = stream->messages[stream->next];
    if (bt_message_get_type(message) == BT_MESSAGE_TYPE_STREAM_BEGINNING)
        stream_begin(stream, message);
    else if (bt_message_get_type(message) == BT_MESSAGE_TYPE_EVENT && stream->clock.clock_class)
        stream->ns = merge_clock_ns(&stream->clock,
                                    bt_clock_snapshot_get_value(bt_message_event_borrow_default_clock_snapshot_const(message)));
    return true; /* other messages come with what is before them */
}

/* The heap. */

static bool earlier(const struct merge *merge, unsigned a, unsigned b)
{
    int64_t left = merge->streams[a].ns, right = merge->streams[b].ns;
    return left < right || (left == right && a < b);
}

static void heap_sink(struct merge *merge, unsigned at)
{
    unsigned *heap = merge->heap;
    for (;;) {
        unsigned least = at, left = 2 * at + 1, right = left + 1;
        if (left < merge->heap_count && earlier(merge, heap[left], heap[least]))
            least = left;
        if (right < merge->heap_count && earlier(merge, heap[right], heap[least]))
            least = right;
        if (least == at)
            return;
        unsigned swap = heap[at];
        heap[at] = heap[least];
        heap[least] = swap;
        at = least;
    }
}

static void heap_prime(struct merge *merge)
{
    merge->primed = true;
    for (unsigned i = 0; i < merge->stream_count; i++)
        if (stream_advance(merge, &merge->streams[i]))
            merge->heap[merge->heap_count++] = i;
    for (unsigned i = merge->heap_count / 2; i-- > 0;)
        heap_sink(merge, i);
}

/* The sink. */

static int deliver(struct merge *merge, struct stream *stream)
{
    const bt_message *message = stream->messages[stream->next];
    uint64_t count = 1; /* at least, when the trace does not say */
    int result = 0;
    switch (bt_message_get_type(message)) {
    case BT_MESSAGE_TYPE_EVENT:
        stream->events++;
        result = merge->ops->event(merge->user, bt_message_event_borrow_event_const(message), &stream->clock, stream->ns);
        break;
    case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
        (void)!bt_message_discarded_events_get_count(message, &count);
        merge->ops->discarded(merge->user, false, count);
        break;
    case BT_MESSAGE_TYPE_DISCARDED_PACKETS:
        (void)!bt_message_discarded_packets_get_count(message, &count);
        merge->ops->discarded(merge->user, true, count);
        break;
    default:
        break;
    }
    bt_message_put_ref(message);
    stream->next++;
    return result;
}

static bt_component_class_sink_consume_method_status consume(bt_self_component_sink *self)
{
    struct merge *merge = bt_self_component_get_data(bt_self_component_sink_as_self_component(self));
    if (!merge->primed)
        heap_prime(merge);
    for (unsigned budget = 1024; merge->heap_count && budget; budget--) {
        unsigned first = merge->heap[0];
        merge->result = deliver(merge, &merge->streams[first]);
        if (merge->result < 0)
            return BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_END;
        if (!stream_advance(merge, &merge->streams[first]))
            merge->heap[0] = merge->heap[--merge->heap_count];
        heap_sink(merge, 0);
    }
    return merge->heap_count ? BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_OK
                             : BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_END;
}

static bt_component_class_initialize_method_status
sink_init(bt_self_component_sink *self, bt_self_component_sink_configuration *configuration, const bt_value *params, void *data)
{
    (void)configuration, (void)params;
    struct merge *merge = data;
    bt_self_component_set_data(bt_self_component_sink_as_self_component(self), merge);
    for (unsigned i = 0; i < merge->stream_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "stream%u", i);
        if (bt_self_component_sink_add_input_port(self, name, NULL, NULL) != BT_SELF_COMPONENT_ADD_PORT_STATUS_OK)
            return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_ERROR;
    }
    return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_OK;
}

static bt_component_class_sink_graph_is_configured_method_status sink_configured(bt_self_component_sink *self)
{
    struct merge *merge = bt_self_component_get_data(bt_self_component_sink_as_self_component(self));
    for (unsigned i = 0; i < merge->stream_count; i++)
        if (bt_message_iterator_create_from_sink_component(self, bt_self_component_sink_borrow_input_port_by_index(self, i),
                                                           &merge->streams[i].iterator) !=
            BT_MESSAGE_ITERATOR_CREATE_FROM_SINK_COMPONENT_STATUS_OK)
            return BT_COMPONENT_CLASS_SINK_GRAPH_IS_CONFIGURED_METHOD_STATUS_ERROR;
    return BT_COMPONENT_CLASS_SINK_GRAPH_IS_CONFIGURED_METHOD_STATUS_OK;
}

/* The graph. */

/* Folders of one trace (chunks of a rotated one) share this text: its UUID. They must be read together, or each chunk's count
   of discarded events would start from nothing. Empty when the folder says none. */
static void folder_group(const bt_component_class *source, const char *folder, char *group, size_t size)
{
    *group = 0;
    bt_value *params = bt_value_map_create();
    const bt_value *answer = NULL, *entry = NULL;
    if (params && bt_value_map_insert_string_entry(params, "type", "directory") == BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK &&
        bt_value_map_insert_string_entry(params, "input", folder) == BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK) {
        bt_query_executor *query = bt_query_executor_create(source, "babeltrace.support-info", params);
        if (query && bt_query_executor_query(query, &answer) == BT_QUERY_EXECUTOR_QUERY_STATUS_OK && bt_value_is_map(answer))
            entry = bt_value_map_borrow_entry_value_const(answer, "group");
        if (entry && bt_value_is_string(entry))
            snprintf(group, size, "%s", bt_value_string_get(entry));
        bt_value_put_ref(answer);
        bt_query_executor_put_ref(query);
    }
    bt_value_put_ref(params);
    bt_current_thread_clear_error();
}

static const bt_component_source *add_source(struct merge *merge, const bt_component_class_source *class,
                                             const char *const *folders, size_t count, unsigned number)
{
    const bt_component_source *source = NULL;
    bt_value *params = bt_value_map_create(), *inputs = NULL;
    char name[32];
    snprintf(name, sizeof name, "trace%u", number);
    if (params && bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) == BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK) {
        for (size_t i = 0; i < count; i++)
            if (bt_value_array_append_string_element(inputs, folders[i]) != BT_VALUE_ARRAY_APPEND_ELEMENT_STATUS_OK)
                count = 0;
        if (bt_graph_add_source_component(merge->graph, class, name, params, BT_LOGGING_LEVEL_NONE, &source) !=
            BT_GRAPH_ADD_COMPONENT_STATUS_OK)
            source = NULL;
    }
    bt_value_put_ref(params);
    return source;
}

/* One source a group of folders; sources has room for count. Returns how many, or a negative errno. */
static int add_sources(struct merge *merge, const char *const *folders, size_t count, const bt_component_source **sources,
                       struct ga_error *error)
{
    const bt_plugin *plugin = NULL;
    if (bt_plugin_find("ctf", BT_TRUE, BT_FALSE, BT_TRUE, BT_FALSE, BT_FALSE, &plugin) != BT_PLUGIN_FIND_STATUS_OK)
        return bt_failed(error, ENOENT, "babeltrace2's plugin ctf is not there (package libbabeltrace2-0)");
    const bt_component_class_source *class = bt_plugin_borrow_source_component_class_by_name_const(plugin, "fs");
    char(*groups)[64] = calloc(count, sizeof *groups);
    const char **members = calloc(count, sizeof *members);
    bool *taken = calloc(count, sizeof *taken);
    int result = groups && members && taken && class ? 0 : ga_error_set(error, ENOMEM, "out of memory");
    for (size_t i = 0; result >= 0 && count > 1 && i < count; i++)
        folder_group(bt_component_class_source_as_component_class_const(class), folders[i], groups[i], sizeof groups[i]);
    for (size_t i = 0; result >= 0 && i < count; i++) {
        size_t member_count = 0;
        for (size_t j = i; !taken[i] && j < count; j++)
            if (j == i || (*groups[i] && !taken[j] && !strcmp(groups[i], groups[j]))) {
                members[member_count++] = folders[j];
                taken[j] |= j != i;
            }
        if (!member_count)
            continue;
        sources[result] = add_source(merge, class, members, member_count, (unsigned)result);
        if (sources[result])
            result++;
        else
            result = bt_failed(error, EINVAL, "babeltrace2 cannot read it, its metadata may be damaged or cut off");
    }
    free(taken);
    free(members);
    free(groups);
    bt_plugin_put_ref(plugin);
    return result;
}

static int connect(struct merge *merge, const bt_component_source *const *sources, unsigned source_count,
                   struct ga_error *error)
{
    bt_component_class_sink *class = bt_component_class_sink_create("gpualloc", consume);
    const bt_component_sink *sink = NULL;
    bool good = class && !bt_component_class_sink_set_initialize_method(class, sink_init) &&
                !bt_component_class_sink_set_graph_is_configured_method(class, sink_configured) &&
                !bt_graph_add_sink_component_with_initialize_method_data(merge->graph, class, "gpualloc", NULL, merge,
                                                                         BT_LOGGING_LEVEL_NONE, &sink);
    unsigned stream = 0;
    for (unsigned i = 0; good && i < source_count; i++)
        for (uint64_t port = 0; good && port < bt_component_source_get_output_port_count(sources[i]); port++)
            good =
                !bt_graph_connect_ports(merge->graph, bt_component_source_borrow_output_port_by_index_const(sources[i], port),
                                        bt_component_sink_borrow_input_port_by_index_const(sink, stream++), NULL);
    bt_component_class_sink_put_ref(class);
    return good ? 0 : bt_failed(error, EINVAL, "cannot read the trace");
}

int merge_create(struct merge **out, const char *const *folders, size_t count, uint64_t size, struct ga_error *error)
{
    bt_logging_set_global_level(BT_LOGGING_LEVEL_NONE);
    struct merge *merge = calloc(1, sizeof *merge);
    const bt_component_source **sources = calloc(count, sizeof *sources);
    int result = -ENOMEM;
    if (!merge || !sources || !(merge->graph = bt_graph_create(0))) {
        ga_error_set(error, ENOMEM, "out of memory");
        goto fail;
    }
    merge->array_limit = size < ARRAY_MAX ? size : ARRAY_MAX;
    result = add_sources(merge, folders, count, sources, error);
    if (result < 0)
        goto fail;
    unsigned source_count = (unsigned)result;
    for (unsigned i = 0; i < source_count; i++)
        merge->stream_count += (unsigned)bt_component_source_get_output_port_count(sources[i]);
    merge->streams = calloc(merge->stream_count + 1, sizeof *merge->streams);
    merge->heap = calloc(merge->stream_count + 1, sizeof *merge->heap);
    result = merge->streams && merge->heap ? connect(merge, sources, source_count, error)
                                           : ga_error_set(error, ENOMEM, "out of memory");
    if (result < 0)
        goto fail;
    free(sources);
    *out = merge;
    return 0;
fail:
    free(sources);
    merge_destroy(merge);
    return result;
}

int merge_run(struct merge *merge, const struct merge_ops *ops, void *user, bool *broken, struct ga_error *error)
{
    merge->ops = ops;
    merge->user = user;
    array_limit = merge->array_limit;
    bt_graph_run_once_status status = BT_GRAPH_RUN_ONCE_STATUS_END;
    if (merge->stream_count)
        do
            status = bt_graph_run_once(merge->graph);
        while (status == BT_GRAPH_RUN_ONCE_STATUS_OK || status == BT_GRAPH_RUN_ONCE_STATUS_AGAIN);
    array_limit = UINT64_MAX;
    if (merge->result < 0)
        return merge->result;
    if (status != BT_GRAPH_RUN_ONCE_STATUS_END)
        return bt_failed(error, EIO, "cannot read the trace");
    *broken = merge->broken_count;
    if (!merge->broken_count)
        return 0;
    if (merge->broken_count == 1)
        return ga_error_set(error, EIO, "%s", merge->broken.text);
    return ga_error_set(error, EIO, "%s (and %u more streams)", merge->broken.text, merge->broken_count - 1);
}

void merge_destroy(struct merge *merge)
{
    if (!merge)
        return;
    for (unsigned i = 0; merge->streams && i < merge->stream_count; i++) {
        struct stream *stream = &merge->streams[i];
        for (; stream->iterator && stream->next < stream->count; stream->next++)
            bt_message_put_ref(stream->messages[stream->next]);
        bt_message_iterator_put_ref(stream->iterator);
        free(stream->name);
        free(stream->cause);
    }
    bt_graph_put_ref(merge->graph);
    free(merge->streams);
    free(merge->heap);
    free(merge);
}
