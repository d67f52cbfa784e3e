/*
 * export --format perfetto: Perfetto's trace format, one packet sequence. A track a thread with its calls as slices, counters of live
 * bytes, and a flow from the call that made an allocation to the one that ended it. Field numbers are in perfetto.proto.
 */
#include "analyzer/export/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "analyzer/list/format.h"
#include "base/array.h"
#include "perfetto.pb-c.h"

enum {
    SEQUENCE = 1,
    STATE_CLEARED = 1, /* TracePacket.SequenceFlags */
    NEEDS_STATE = 2,
    REALTIME = 1,      /* BuiltinClock: our times are since the epoch */
    SURFACES = 256,    /* counters of surfaces, at most; later ones are one together */
    WORDS_SHOWN = 64,  /* entries of an array of integers */
    DEPTH = 16,        /* of arguments in arguments */
};

typedef Perfetto__Protos__TracePacket packet_message;
typedef Perfetto__Protos__TrackDescriptor track_message;
typedef Perfetto__Protos__DebugAnnotation annotation_message;

/* Kinds of tracks: with two numbers they make its uuid. */
enum track_kind {
    TRACK_PROCESS = 1,
    TRACK_THREAD,
    TRACK_GROUP,     /* a heading: a is the kind of its members */
    TRACK_DEVICE,    /* bytes, of a device */
    TRACK_OF_PROCESS,
    TRACK_SIZE,      /* of a size class */
    TRACK_SURFACE,
    TRACK_OTHERS,    /* of all surfaces beyond SURFACES */
};

struct counter {
    uint64_t uuid;
    int64_t bytes;
};

/* An argument: what protobuf-c packs, and its place in a list while that is made. */
struct argument {
    annotation_message message;
    struct argument *next, *first, **last;
    size_t count;
    bool array;
    char text[];
};

struct state {
    struct export *export;
    struct walk *walk;
    struct ga_map names;    /* hash of an argument's name: its iid */
    struct ga_map tracks;   /* uuid: 1 when told */
    struct ga_map counters; /* uuid to the place in list, plus 1 */
    struct counter *list;
    size_t count, room, surfaces;
    bool named[GA_ROW_COUNT]; /* the event name was interned */
    bool begun;
    uint8_t *bytes; /* a packet, packed */
    size_t bytes_room;
    /* Of the call that is being followed: */
    uint64_t *made, *ended; /* flow ids */
    size_t made_count, made_room, ended_count, ended_room;
    uint64_t made_bytes, made_unknown;
    char surface[LABEL_MAX + 32];
    struct argument *open[DEPTH]; /* open[0]: the event's own list */
    unsigned depth;
    struct argument **all; /* to be freed */
    size_t all_count, all_room;
    Perfetto__Protos__InternedData interned; /* new in this packet */
    Perfetto__Protos__DebugAnnotationName **new_names;
    size_t new_room;
    int error;
};

/* Packets. */

static int packet_write(struct state *state, packet_message *packet)
{
    packet->has_trusted_packet_sequence_id = packet->has_sequence_flags = true;
    packet->trusted_packet_sequence_id = SEQUENCE;
    if (!packet->sequence_flags)
        packet->sequence_flags = NEEDS_STATE;
    size_t size = perfetto__protos__trace_packet__get_packed_size(packet);
    if (ga_array_room(&state->bytes, &state->bytes_room, size, 1) < 0)
        return -ENOMEM;
    perfetto__protos__trace_packet__pack(packet, state->bytes);
    FILE *file = state->export->file;
    putc(1 << 3 | 2, file); /* Trace.packet, a message */
    size_t length = size;
    for (; length >= 0x80; length >>= 7)
        putc((int)(length & 0x7f) | 0x80, file);
    putc((int)length, file);
    fwrite(state->bytes, 1, size, file);
    return 0;
}

/* The first packet: nothing came before, times are CLOCK_REALTIME's. */
static int write_begin(struct state *state, int64_t ns)
{
    Perfetto__Protos__ClockSnapshot__Clock clock = PERFETTO__PROTOS__CLOCK_SNAPSHOT__CLOCK__INIT, *clocks = &clock;
    Perfetto__Protos__ClockSnapshot snapshot = PERFETTO__PROTOS__CLOCK_SNAPSHOT__INIT;
    Perfetto__Protos__TracePacketDefaults defaults = PERFETTO__PROTOS__TRACE_PACKET_DEFAULTS__INIT;
    packet_message packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    if (state->begun)
        return 0;
    state->begun = true;
    clock.has_clock_id = clock.has_timestamp = true;
    clock.clock_id = REALTIME;
    clock.timestamp = (uint64_t)ns;
    snapshot.n_clocks = 1;
    snapshot.clocks = &clocks;
    snapshot.has_primary_trace_clock = true;
    snapshot.primary_trace_clock = PERFETTO__PROTOS__BUILTIN_CLOCK__BUILTIN_CLOCK_REALTIME;
    defaults.has_timestamp_clock_id = true;
    defaults.timestamp_clock_id = REALTIME;
    packet.sequence_flags = STATE_CLEARED;
    packet.has_first_packet_on_sequence = packet.first_packet_on_sequence = true;
    packet.clock_snapshot = &snapshot;
    packet.trace_packet_defaults = &defaults;
    return packet_write(state, &packet);
}

/* Tracks. */

/* Never 0, which is the global track. */
static uint64_t track_uuid(enum track_kind kind, uint64_t a, uint64_t b)
{
    const uint64_t key[] = {kind, a, b};
    uint64_t hash = XXH3_64bits(key, sizeof key);
    return hash ? hash : 1;
}

/* Whether a track is new; it is told from now on. Negative: out of memory. */
static int track_new(struct state *state, uint64_t uuid)
{
    if (ga_map_get(&state->tracks, uuid, 0))
        return 0;
    int result = ga_map_set(&state->tracks, uuid, 0, 1);
    return result < 0 ? result : 1;
}

static int track_write(struct state *state, track_message *track, uint64_t uuid, uint64_t parent)
{
    packet_message packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    track->has_uuid = true;
    track->uuid = uuid;
    track->has_parent_uuid = parent != 0;
    track->parent_uuid = parent;
    packet.track_descriptor = track;
    return packet_write(state, &packet);
}

static int process_track(struct state *state, uint64_t process, uint32_t pid, uint64_t *uuid)
{
    *uuid = track_uuid(TRACK_PROCESS, process, 0);
    int result = track_new(state, *uuid);
    if (result <= 0)
        return result;
    uint32_t label, program;
    result = labels_process(&state->export->labels, process, pid, &label, &program);
    if (result < 0)
        return result;
    Perfetto__Protos__ProcessDescriptor descriptor = PERFETTO__PROTOS__PROCESS_DESCRIPTOR__INIT;
    track_message track = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
    descriptor.has_pid = true;
    descriptor.pid = (int32_t)pid;
    descriptor.process_name = (char *)labels_text(&state->export->labels, program);
    track.process = &descriptor;
    return track_write(state, &track, *uuid, 0);
}

static int thread_track(struct state *state, const struct ga_call_header *header, uint64_t *uuid)
{
    *uuid = track_uuid(TRACK_THREAD, header->process, header->thread);
    int result = track_new(state, *uuid);
    uint64_t parent;
    if (result <= 0 || (result = process_track(state, header->process, header->pid, &parent)) < 0)
        return result;
    char name[32];
    snprintf(name, sizeof name, "thread %u", header->thread);
    Perfetto__Protos__ThreadDescriptor descriptor = PERFETTO__PROTOS__THREAD_DESCRIPTOR__INIT;
    track_message track = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
    descriptor.has_pid = descriptor.has_tid = true;
    descriptor.pid = (int32_t)header->pid;
    descriptor.tid = (int32_t)header->tid;
    descriptor.thread_name = name;
    track.thread = &descriptor;
    return track_write(state, &track, *uuid, parent);
}

/* A heading above counters; where: a process's track, or 0. */
static int group_track(struct state *state, enum track_kind kind, uint64_t process, const char *name, uint64_t parent, uint64_t *uuid)
{
    *uuid = track_uuid(TRACK_GROUP, kind, process);
    int result = track_new(state, *uuid);
    if (result <= 0)
        return result;
    track_message track = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
    track.name = (char *)name;
    return track_write(state, &track, *uuid, parent);
}

/* Counters. */

static struct counter *counter_find(const struct state *state, uint64_t uuid)
{
    const uint64_t *place = ga_map_get(&state->counters, uuid, 0);
    return place ? &state->list[*place - 1] : NULL;
}

static int counter_add(struct state *state, uint64_t uuid, uint64_t parent, const char *name)
{
    if (ga_array_room(&state->list, &state->room, state->count + 1, sizeof *state->list) < 0 ||
        ga_map_set(&state->counters, uuid, 0, state->count + 1) < 0)
        return -ENOMEM;
    state->list[state->count++] = (struct counter){uuid, 0};
    Perfetto__Protos__CounterDescriptor descriptor = PERFETTO__PROTOS__COUNTER_DESCRIPTOR__INIT;
    track_message track = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
    descriptor.has_unit = true;
    descriptor.unit = PERFETTO__PROTOS__COUNTER_DESCRIPTOR__UNIT__UNIT_SIZE_BYTES;
    track.counter = &descriptor;
    track.name = (char *)name;
    return track_write(state, &track, uuid, parent);
}

static int counter_change(struct state *state, uint64_t uuid, int64_t change)
{
    struct counter *counter = counter_find(state, uuid);
    Perfetto__Protos__TrackEvent event = PERFETTO__PROTOS__TRACK_EVENT__INIT;
    packet_message packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    counter->bytes += change;
    event.has_type = event.has_track_uuid = event.has_counter_value = true;
    event.type = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_COUNTER;
    event.track_uuid = uuid;
    event.counter_value = counter->bytes;
    packet.has_timestamp = true;
    packet.timestamp = (uint64_t)state->export->now_ns;
    packet.track_event = &event;
    return packet_write(state, &packet);
}

static int device_counter(struct state *state, const struct ga_life *life, uint64_t *uuid)
{
    *uuid = track_uuid(TRACK_DEVICE, life->device, ga_row_is_drm(life->row));
    if (counter_find(state, *uuid))
        return 0;
    uint32_t label;
    char name[LABEL_MAX + 32];
    int result = labels_device(&state->export->labels, life, &label);
    snprintf(name, sizeof name, "live bytes: %s", labels_text(&state->export->labels, label));
    return result < 0 ? result : counter_add(state, *uuid, 0, name);
}

static int process_counter(struct state *state, const struct ga_life *life, uint64_t *uuid)
{
    *uuid = track_uuid(TRACK_OF_PROCESS, life->process, 0);
    uint64_t parent;
    if (counter_find(state, *uuid))
        return 0;
    int result = process_track(state, life->process, life->pid, &parent);
    return result < 0 ? result : counter_add(state, *uuid, parent, "live bytes");
}

static int size_counter(struct state *state, const struct ga_life *life, uint64_t *uuid)
{
    unsigned size_class = size_class_of(life);
    *uuid = track_uuid(TRACK_SIZE, size_class, 0);
    uint64_t parent;
    if (counter_find(state, *uuid))
        return 0;
    int result = group_track(state, TRACK_SIZE, 0, "live bytes by size class", 0, &parent);
    return result < 0 ? result : counter_add(state, *uuid, parent, size_class_text(size_class));
}

static int surface_counter(struct state *state, const struct ga_life *life, uint64_t *uuid)
{
    bool d3dkmt = ga_row_is_d3dkmt(life->row);
    const char *given = ga_life_name(life);
    const uint64_t key[] = {d3dkmt, life->surface, given ? XXH3_64bits(given, strlen(given)) : 0};
    *uuid = track_uuid(TRACK_SURFACE, life->process, XXH3_64bits(key, sizeof key));
    if (counter_find(state, *uuid))
        return 0;
    bool others = state->surfaces >= SURFACES;
    if (others) {
        *uuid = track_uuid(TRACK_OTHERS, life->process, 0);
        if (counter_find(state, *uuid))
            return 0;
    }
    state->surfaces += !others;
    uint32_t label;
    char name[LABEL_MAX + 32] = "other surfaces";
    uint64_t process, parent;
    int result = labels_surface_name(&state->export->labels, life, &label);
    if (!others)
        labels_surface_text(&state->export->labels, d3dkmt, life->surface, label, name, sizeof name);
    if (result >= 0)
        result = process_track(state, life->process, life->pid, &process);
    if (result >= 0)
        result = group_track(state, TRACK_SURFACE, life->process, "live bytes by surface", process, &parent);
    return result < 0 ? result : counter_add(state, *uuid, parent, name);
}

/* Memory came or went: all that counts it. What is of unknown size is not 0 bytes: it is in no counter. */
static int memory_changed(struct state *state, const struct ga_life *maker, int sign)
{
    static int (*const counters[])(struct state *state, const struct ga_life *life, uint64_t *uuid) = {
        device_counter, process_counter, size_counter, surface_counter};
    if (maker->imported || maker->origin == GA_SIZE_UNKNOWN)
        return 0;
    int result = write_begin(state, state->export->now_ns);
    for (size_t i = 0; i < sizeof counters / sizeof *counters && result >= 0; i++) {
        uint64_t uuid;
        result = counters[i](state, maker, &uuid);
        if (result >= 0)
            result = counter_change(state, uuid, sign * (int64_t)maker->size);
    }
    return result;
}

/* Arguments. */

static uint64_t name_iid(struct state *state, const char *name, size_t length, const char *suffix)
{
    char text[192];
    snprintf(text, sizeof text, "%.*s%s", (int)length, name, suffix);
    XXH128_hash_t hash = XXH3_128bits(text, strlen(text));
    const uint64_t *place = ga_map_get(&state->names, hash.low64, hash.high64);
    if (place)
        return *place;
    uint64_t iid = state->names.count + 1;
    Perfetto__Protos__InternedData *interned = &state->interned;
    Perfetto__Protos__DebugAnnotationName *entry = malloc(sizeof *entry);
    char *copy = strdup(text);
    if (!entry || !copy ||
        ga_array_room(&state->new_names, &state->new_room, interned->n_debug_annotation_names + 1, sizeof *state->new_names) < 0 ||
        ga_map_set(&state->names, hash.low64, hash.high64, iid) < 0) {
        free(entry);
        free(copy);
        state->error = -ENOMEM;
        return 0;
    }
    perfetto__protos__debug_annotation_name__init(entry);
    entry->has_iid = true;
    entry->iid = iid;
    entry->name = copy;
    state->new_names[interned->n_debug_annotation_names++] = entry;
    interned->debug_annotation_names = state->new_names;
    return iid;
}

/* A new argument at the end of the open list, with room for a text. Null when memory is short: state->error. */
static struct argument *argument_add(struct state *state, struct walk_key key, size_t text_size)
{
    struct argument *argument = calloc(1, sizeof *argument + text_size), *parent = state->open[state->depth];
    if (!argument || ga_array_room(&state->all, &state->all_room, state->all_count + 1, sizeof(struct argument *)) < 0) {
        free(argument);
        state->error = -ENOMEM;
        return NULL;
    }
    state->all[state->all_count++] = argument;
    perfetto__protos__debug_annotation__init(&argument->message);
    argument->last = &argument->first;
    if (key.name) {
        argument->message.has_name_iid = true;
        argument->message.name_iid = name_iid(state, key.name, key.length, key.suffix);
    }
    *parent->last = argument;
    parent->last = &argument->next;
    parent->count++;
    return argument;
}

static void put_text(void *user, struct walk_key key, const char *text)
{
    char *clean = text ? strdup(text) : NULL;
    struct argument *argument = clean ? argument_add(user, key, strlen(clean) + 1) : NULL;
    if (argument)
        argument->message.string_value = strcpy(argument->text, clean);
    free(clean);
}

static void put_flag(void *user, const char *name)
{
    char *text = user;
    size_t used = strlen(text);
    snprintf(text + used, 512 - used, "%s%s", used ? " | " : "", name);
}

static void put_value(struct state *state, struct walk_key key, uint64_t value, bool is_signed, bool address)
{
    struct argument *argument = argument_add(state, key, 0);
    if (!argument)
        return;
    annotation_message *message = &argument->message;
    message->has_int_value = is_signed;
    message->has_pointer_value = address && !is_signed;
    message->has_uint_value = !address && !is_signed;
    message->int_value = (int64_t)value;
    message->pointer_value = message->uint_value = value;
}

static void on_integer(void *user, struct walk_key key, const struct ga_member *member, uint64_t value)
{
    put_value(user, key, value, member->is_signed, member->kind == GA_PTR || member->show == GA_HEX);
    if (member->kind != GA_FLAGS || !key.name || *key.suffix)
        return;
    char names[512] = "";
    uint64_t rest = list_flag_names(member, value, put_flag, names);
    if (rest)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s0x%" PRIx64, *names ? " | " : "", rest);
    key.suffix = "_names";
    put_text(user, key, names);
}

/* Private data: its bytes are for list; here it is told that, and how much, there is. */
static void on_blob(void *user, struct walk_key key, uint64_t hash)
{
    struct state *state = user;
    const void *data;
    uint32_t size;
    char text[64];
    const char *trouble = list_blob_trouble(hash);
    if (hash == GA_BLOB_NULL)
        return;
    if (hash == GA_BLOB_EMPTY || trouble)
        snprintf(text, sizeof text, "%s", trouble ? trouble : "0 bytes");
    else if (ga_reader_blob(follow_reader(state->export->follow), hash, &data, &size) < 0)
        snprintf(text, sizeof text, "missing");
    else
        snprintf(text, sizeof text, "%u bytes, XXH3 %016" PRIx64, size, hash);
    put_text(user, key, text);
}

static void on_null(void *user, struct walk_key key)
{
    put_text(user, key, "null");
}

static void on_open(void *user, struct walk_key key, char bracket)
{
    struct state *state = user;
    struct argument *argument = state->depth + 1 < DEPTH ? argument_add(state, key, 0) : NULL;
    if (!argument) {
        state->error = state->error ? state->error : -E2BIG;
        return;
    }
    argument->array = bracket == '[';
    state->open[++state->depth] = argument;
}

/* The list becomes an array of addresses, which protobuf-c packs. */
static annotation_message **argument_array(struct state *state, const struct argument *parent)
{
    struct argument *block = calloc(1, sizeof *block + (parent->count + 1) * sizeof(void *));
    if (!block || ga_array_room(&state->all, &state->all_room, state->all_count + 1, sizeof(struct argument *)) < 0) {
        free(block);
        state->error = -ENOMEM;
        return NULL;
    }
    state->all[state->all_count++] = block;
    annotation_message **array = (void *)(block + 1), **at = array;
    for (struct argument *argument = parent->first; argument; argument = argument->next)
        *at++ = &argument->message;
    return array;
}

static void on_close(void *user, char bracket)
{
    (void)bracket;
    struct state *state = user;
    if (!state->depth)
        return;
    struct argument *argument = state->open[state->depth--];
    if (!argument->count) {
        argument->message.string_value = (char *)(argument->array ? "[]" : "{}");
        return;
    }
    annotation_message **array = argument_array(state, argument);
    if (argument->array) {
        argument->message.n_array_values = array ? argument->count : 0;
        argument->message.array_values = array;
    } else {
        argument->message.n_dict_entries = array ? argument->count : 0;
        argument->message.dict_entries = array;
    }
}

static void on_words(void *user, struct walk_key key, const struct ga_member *member, const void *words, uint32_t count)
{
    static const struct walk_key none = {.suffix = ""};
    on_open(user, key, '[');
    for (uint32_t i = 0; i < count && i < WORDS_SHOWN; i++)
        put_value(user, none, ga_load((const char *)words + (size_t)i * member->entry, member->entry, member->is_signed),
                  member->is_signed, member->show == GA_HEX);
    if (count > WORDS_SHOWN)
        put_text(user, none, "…");
    on_close(user, ']');
}

static void put_named(struct state *state, const char *name, uint64_t value, bool is_signed, bool address)
{
    put_value(state, (struct walk_key){.name = name, .length = strlen(name), .suffix = ""}, value, is_signed, address);
}

static void put_named_text(struct state *state, const char *name, const char *text)
{
    put_text(state, (struct walk_key){.name = name, .length = strlen(name), .suffix = ""}, text);
}

/* What every call has, what is known of the allocations that it made, then the interface's own members. */
static int put_arguments(struct state *state, const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    put_named(state, "call", header->call, false, false);
    put_named_text(state, "layer", header->layer == GA_LAYER_API ? "api" : "ioctl");
    put_named(state, "ret", (uint64_t)header->ret, true, false);
    if (header->error)
        put_named_text(state, "errno", strerrorname_np(header->error) ?: "unknown");
    if (ga_row_is_d3dkmt(call->row) && call->failed)
        put_named(state, "status", call->status, false, true);
    if (header->marks & GA_MARK_NESTED)
        put_named_text(state, "marks", "nested");
    if (call->file)
        put_named_text(state, "driver", call->file->driver);
    if (state->made_count) {
        put_named(state, "gpualloc.made", state->made_count, false, false);
        if (state->made_unknown < state->made_count)
            put_named(state, "gpualloc.bytes", state->made_bytes, false, false);
        put_named_text(state, "gpualloc.surface", state->surface);
    }
    if (state->ended_count)
        put_named(state, "gpualloc.ended", state->ended_count, false, false);
    int result = walk_call(state->walk, call);
    return result < 0 ? result : state->error;
}

static void arguments_clear(struct state *state)
{
    for (size_t i = 0; i < state->all_count; i++)
        free(state->all[i]);
    for (size_t i = 0; i < state->interned.n_debug_annotation_names; i++) {
        free(state->new_names[i]->name);
        free(state->new_names[i]);
    }
    state->all_count = 0;
    state->depth = 0;
    perfetto__protos__interned_data__init(&state->interned);
}

/* Calls. */

static int write_slice_end(struct state *state, uint64_t track, int64_t ns)
{
    Perfetto__Protos__TrackEvent event = PERFETTO__PROTOS__TRACK_EVENT__INIT;
    packet_message packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    event.has_type = event.has_track_uuid = true;
    event.type = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_SLICE_END;
    event.track_uuid = track;
    packet.has_timestamp = true;
    packet.timestamp = (uint64_t)ns;
    packet.track_event = &event;
    return packet_write(state, &packet);
}

/* Categories are the providers, d3dkmt and drm: their iids are 1 and 2. Names are those of the requests: iids by row. */
static int write_slice_begin(struct state *state, const struct ga_call *call, uint64_t track, const struct argument *arguments)
{
    enum ga_row_id row = ga_row_id(call->row);
    Perfetto__Protos__EventName name = PERFETTO__PROTOS__EVENT_NAME__INIT, *names = &name;
    Perfetto__Protos__EventCategory category = PERFETTO__PROTOS__EVENT_CATEGORY__INIT, *categories = &category;
    Perfetto__Protos__TrackEvent event = PERFETTO__PROTOS__TRACK_EVENT__INIT;
    packet_message packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    uint64_t provider = ga_row_is_d3dkmt(call->row) ? 1 : 2;
    event.has_type = event.has_track_uuid = event.has_name_iid = true;
    event.type = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN;
    event.track_uuid = track;
    event.name_iid = name.iid = (uint64_t)row + 1;
    event.n_category_iids = 1;
    event.category_iids = &provider;
    event.n_debug_annotations = arguments->count;
    event.debug_annotations = argument_array(state, arguments);
    event.n_flow_ids = state->made_count;
    event.flow_ids = state->made;
    event.n_terminating_flow_ids = state->ended_count;
    event.terminating_flow_ids = state->ended;
    if (!event.debug_annotations)
        return -ENOMEM;
    if (!state->named[row]) { /* a category comes with the first name of each of its rows: telling it again is fine */
        state->named[row] = true;
        name.has_iid = category.has_iid = true;
        name.name = (char *)call->row->request;
        category.iid = provider;
        category.name = (char *)call->row->provider;
        state->interned.n_event_names = state->interned.n_event_categories = 1;
        state->interned.event_names = &names;
        state->interned.event_categories = &categories;
    }
    if (state->interned.n_event_names || state->interned.n_debug_annotation_names)
        packet.interned_data = &state->interned;
    packet.has_timestamp = true;
    packet.timestamp = (uint64_t)call->begin_ns;
    packet.track_event = &event;
    return packet_write(state, &packet);
}

static int on_after(struct export *export, const struct ga_call *call)
{
    struct state *state = export->state;
    uint64_t track;
    struct argument top = {.last = &top.first};
    int result = write_begin(state, call->begin_ns);
    if (result >= 0)
        result = thread_track(state, call->header, &track);
    state->open[0] = &top;
    if (result >= 0)
        result = put_arguments(state, call);
    if (result >= 0)
        result = write_slice_begin(state, call, track, &top);
    if (result >= 0)
        result = write_slice_end(state, track, call->end_ns > call->begin_ns ? call->end_ns : call->begin_ns);
    arguments_clear(state);
    state->made_count = state->ended_count = 0;
    state->made_bytes = state->made_unknown = 0;
    return result;
}

/* Lives. */

static int flow_add(uint64_t **list, size_t *room, size_t *count, const struct ga_life *life)
{
    if (ga_array_room(list, room, *count + 1, sizeof **list) < 0)
        return -ENOMEM;
    (*list)[(*count)++] = life->id + 1;
    return 0;
}

static int on_born(struct export *export, struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct state *state = export->state;
    uint32_t label;
    int result = labels_surface_name(&export->labels, life, &label);
    if (result >= 0 && !state->made_count)
        labels_surface_text(&export->labels, ga_row_is_d3dkmt(life->row), life->surface, label, state->surface, sizeof state->surface);
    state->made_bytes += life->origin == GA_SIZE_UNKNOWN ? 0 : life->size;
    state->made_unknown += life->origin == GA_SIZE_UNKNOWN;
    if (result >= 0)
        result = flow_add(&state->made, &state->made_room, &state->made_count, life);
    return result < 0 ? result : memory_changed(state, life, 1);
}

static int on_died(struct export *export, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct state *state = export->state;
    if (how == GA_END_NOT)
        return 0;
    int result = call ? flow_add(&state->ended, &state->ended_room, &state->ended_count, life) : 0;
    return result < 0 || life->memory->handles ? result : memory_changed(state, ga_life_maker(life), -1);
}

static int on_begin(struct export *export)
{
    static const struct walk_ops ops = {.integer = on_integer, .blob = on_blob, .words = on_words, .null = on_null,
                                        .text = put_text, .open = on_open, .close = on_close};
    struct state *state = export->state;
    state->export = export;
    perfetto__protos__interned_data__init(&state->interned);
    return walk_create(&state->walk, &ops, state);
}

static void on_release(struct export *export)
{
    struct state *state = export->state;
    arguments_clear(state);
    walk_destroy(state->walk);
    ga_map_release(&state->names);
    ga_map_release(&state->tracks);
    ga_map_release(&state->counters);
    free(state->list);
    free(state->bytes);
    free(state->made);
    free(state->ended);
    free(state->all);
    free(state->new_names);
}

const struct export_format export_perfetto = {
    .name = "perfetto",
    .binary = true,
    .state_size = sizeof(struct state),
    .begin = on_begin,
    .born = on_born,
    .died = on_died,
    .after = on_after,
    .release = on_release,
};
