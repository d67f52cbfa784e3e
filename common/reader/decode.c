/* Decoding: a list of steps a CTF event class, made once from the schema's tables, run for each event. */
#include "decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum step_kind { STEP_INTEGER, STEP_TIME, STEP_STRING, STEP_LIST };

/* Copies one field. */
struct decode_step {
    uint16_t field;  /* index in the event's payload */
    uint16_t offset; /* in the record */
    uint16_t length; /* STEP_LIST: where its number of entries goes */
    uint8_t kind;
    uint8_t width; /* bytes of the integer, or of a list's entry */
    bool is_signed; /* the integer, or a list's entries */
};

/* Where a field name of the trace goes. */
struct place {
    const char *name, *suffix; /* together the name */
    uint16_t offset, length;
    uint8_t width;
    bool is_string, is_list, is_time;
};

#define HEADER(type, name_, member, ...)                                                                                            \
    {                                                                                                                          \
        .name = name_, .suffix = "", .offset = offsetof(type, member), .width = sizeof((type){0}.member), ##__VA_ARGS__        \
    }
static const struct place call_places[] = {
    HEADER(struct ga_call_header, "process", process), HEADER(struct ga_call_header, "call", call),
    HEADER(struct ga_call_header, "begin", begin, .is_time = true),
    HEADER(struct ga_call_header, "end", end, .is_time = true),
    HEADER(struct ga_call_header, "ret", ret),
    HEADER(struct ga_call_header, "pid", pid),
    HEADER(struct ga_call_header, "tid", tid),
    HEADER(struct ga_call_header, "thread", thread),
    HEADER(struct ga_call_header, "arg_size", size),
    HEADER(struct ga_call_header, "error", error),
    HEADER(struct ga_call_header, "layer", layer),
    HEADER(struct ga_call_header, "marks", marks),
};
static const struct place drm_places[] = {
    HEADER(struct ga_call_header, "file", file),
    HEADER(struct ga_call_header, "device", device),
};
static const struct place element_places[] = {
    HEADER(struct ga_element_header, "process", process),   HEADER(struct ga_element_header, "call", call),
    HEADER(struct ga_element_header, "thread", thread),     HEADER(struct ga_element_header, "index", index),
    HEADER(struct ga_element_header, "element_size", size),
};

/* The places of a row: those of its header, then up to three a member. */
struct places {
    struct place *list;
    size_t count;
};

static void add(struct places *places, const char *name, const char *suffix, uint16_t offset, uint8_t width)
{
    if (offset == GA_NONE)
        return;
    places->list[places->count++] = (struct place){.name = name, .suffix = suffix, .offset = offset, .width = width};
}

static void add_member(struct places *places, const struct ga_member *member)
{
    switch (member->kind) {
    case GA_BLOB:
        add(places, member->name, "", member->address, 8);
        add(places, member->name, "_hash", member->in, 8);
        add(places, member->name, "_out_hash", member->out, 8);
        break;
    case GA_ELEMENTS:
        add(places, member->name, "", member->address, 8);
        add(places, member->name, "_captured", member->in, 4);
        add(places, member->name, "_first", member->first, 4);
        break;
    case GA_ARRAY:
    case GA_WORDS:
        add(places, member->name, "", member->address, 8);
        add(places, member->name, "_list", member->in, member->entry);
        places->list[places->count - 1].length = member->length;
        places->list[places->count - 1].is_list = true;
        break;
    case GA_STR:
        add(places, member->name, "", member->in, 8);
        places->list[places->count - 1].is_string = true;
        break;
    default: /* an input has its own name, an output too unless there is an input beside it */
        add(places, member->name, "", member->in, member->width);
        add(places, member->name, member->in == GA_NONE ? "" : "_out", member->out, member->width);
        places->list[places->count - 1].is_time = member->show == GA_TIME;
    }
}

static void add_header(struct places *places, const struct place *header, size_t count)
{
    memcpy(places->list + places->count, header, count * sizeof *header);
    places->count += count;
}

static int places_init(struct places *places, const struct ga_row *row)
{
    size_t room = 16;
    for (const struct ga_member *member = row->members(); member->name; member++)
        room += 3;
    *places = (struct places){.list = calloc(room, sizeof *places->list)};
    if (!places->list)
        return -ENOMEM;
    if (row->kind == GA_ROW_CALL)
        add_header(places, call_places, sizeof call_places / sizeof *call_places);
    if (row->kind == GA_ROW_CALL && ga_row_is_drm(row))
        add_header(places, drm_places, sizeof drm_places / sizeof *drm_places);
    if (row->kind == GA_ROW_ELEMENT)
        add_header(places, element_places, sizeof element_places / sizeof *element_places);
    for (const struct ga_member *member = row->members(); member->name; member++)
        add_member(places, member);
    return 0;
}

static bool is_named(const struct place *place, const char *name)
{
    size_t length = strlen(place->name);
    return !strncmp(place->name, name, length) && !strcmp(place->suffix, name + length);
}

/* Whether a field of this class can be put there, and how. A header's name wins over a member's: it came first. */
static bool step_make(struct decode_step *step, const struct places *places, const char *name,
                      const bt_field_class *field_class)
{
    bt_field_class_type type = bt_field_class_get_type(field_class);
    const struct place *place = places->list, *end = place + places->count;
    while (place < end && !is_named(place, name))
        place++;
    if (place == end)
        return false;
    *step = (struct decode_step){.offset = place->offset, .width = place->width, .length = place->length};
    if (place->is_string) {
        step->kind = STEP_STRING;
        return type == BT_FIELD_CLASS_TYPE_STRING;
    }
    if (place->is_list) {
        step->kind = STEP_LIST;
        if (!bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_ARRAY))
            return false;
        type = bt_field_class_get_type(bt_field_class_array_borrow_element_field_class_const(field_class));
        step->is_signed = bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER);
        return bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_INTEGER);
    }
    step->kind = place->is_time ? STEP_TIME : STEP_INTEGER;
    step->is_signed = bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER);
    return bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_INTEGER);
}

static int decoder_compile(struct decoder *decoder, const bt_field_class *payload)
{
    uint64_t field_count = payload && bt_field_class_get_type(payload) == BT_FIELD_CLASS_TYPE_STRUCTURE
                               ? bt_field_class_structure_get_member_count(payload)
                               : 0;
    struct places places;
    if (places_init(&places, decoder->row) < 0)
        return -ENOMEM;
    decoder->steps = calloc(field_count + 1, sizeof *decoder->steps);
    for (uint64_t i = 0; decoder->steps && i < field_count && i < UINT16_MAX; i++) {
        const bt_field_class_structure_member *field = bt_field_class_structure_borrow_member_by_index_const(payload, i);
        struct decode_step *step = &decoder->steps[decoder->step_count];
        if (step_make(step, &places, bt_field_class_structure_member_get_name(field),
                      bt_field_class_structure_member_borrow_field_class_const(field))) {
            step->field = (uint16_t)i;
            decoder->has_lists |= step->kind == STEP_LIST;
            decoder->step_count++;
        }
    }
    free(places.list);
    return decoder->steps ? 0 : -ENOMEM;
}

int decoder_create(struct decoder **out, const bt_event_class *event_class)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return -ENOMEM;
    const char *name = bt_event_class_get_name(event_class);
    decoder->event_class = event_class;
    bt_event_class_get_ref(event_class);
    decoder->row = name ? ga_row_by_name(name) : NULL;
    if (decoder->row && decoder_compile(decoder, bt_event_class_borrow_payload_field_class_const(event_class)) < 0) {
        decoder_destroy(decoder);
        return -ENOMEM;
    }
    *out = decoder;
    return 0;
}

void decoder_destroy(struct decoder *decoder)
{
    if (!decoder)
        return;
    bt_event_class_put_ref(decoder->event_class);
    free(decoder->steps);
    free(decoder);
}

static int lists_reserve(struct decode_lists *lists, size_t words)
{
    if (words <= lists->capacity)
        return 0;
    size_t capacity = words < 1024 ? 1024 : words * 2;
    uint64_t *bigger = realloc(lists->words, capacity * sizeof *bigger);
    if (!bigger)
        return -ENOMEM;
    lists->words = bigger;
    lists->capacity = capacity;
    return 0;
}

void decode_lists_release(struct decode_lists *lists)
{
    free(lists->words);
    *lists = (struct decode_lists){0};
}

/* Records are C structures: every member is aligned. */
static void store(char *to, uint64_t value, unsigned width)
{
    switch (width) {
    case 1:
        *(uint8_t *)to = (uint8_t)value;
        break;
    case 2:
        *(uint16_t *)to = (uint16_t)value;
        break;
    case 4:
        *(uint32_t *)to = (uint32_t)value;
        break;
    default:
        *(uint64_t *)to = value;
    }
}

static uint64_t integer(const struct decode_step *step, const bt_field *field)
{
    return step->is_signed ? (uint64_t)bt_field_integer_signed_get_value(field) : bt_field_integer_unsigned_get_value(field);
}

/* Entries of a list that are taken: none of one so long that no writer of ours made it. */
static uint64_t list_length(const bt_field *field)
{
    uint64_t count = bt_field_array_get_length(field);
    return count > GA_BLOB_MAX / 8 ? 0 : count;
}

/* Room for all lists of the event, so that it does not move while they are copied. */
static int reserve_lists(const struct decoder *decoder, const bt_field *payload, struct decode_lists *lists)
{
    size_t words = 0;
    lists->used = 0;
    for (const struct decode_step *step = decoder->steps, *end = step + decoder->step_count; step < end; step++)
        if (step->kind == STEP_LIST)
            words += list_length(bt_field_structure_borrow_member_field_by_index_const(payload, step->field));
    return lists_reserve(lists, words + 1); /* an empty list has an address, too */
}

static void copy_list(const struct decode_step *step, const bt_field *field, char *record, struct decode_lists *lists)
{
    uint64_t count = list_length(field);
    char *list = (char *)(lists->words + lists->used);
    for (uint64_t i = 0; i < count; i++)
        store(list + i * step->width, integer(step, bt_field_array_borrow_element_field_by_index_const(field, i)), step->width);
    lists->used += (count * step->width + 7) / 8;
    *(const void **)(record + step->offset) = list;
    *(uint32_t *)(record + step->length) = (uint32_t)count;
}

int decoder_run(const struct decoder *decoder, const bt_event *event, void *record, struct decode_lists *lists)
{
    const bt_field *payload = bt_event_borrow_payload_field_const(event);
    memset(record, 0, decoder->row->record_size);
    if (decoder->has_lists && reserve_lists(decoder, payload, lists) < 0)
        return -ENOMEM;
    for (const struct decode_step *step = decoder->steps, *end = step + decoder->step_count; step < end; step++) {
        const bt_field *field = bt_field_structure_borrow_member_field_by_index_const(payload, step->field);
        char *to = (char *)record + step->offset;
        switch (step->kind) {
        case STEP_INTEGER:
            store(to, integer(step, field), step->width);
            break;
        case STEP_TIME:
            *(uint64_t *)to = integer(step, field) < GA_TIME_MAX ? integer(step, field) : GA_TIME_MAX;
            break;
        case STEP_STRING:
            /* libbabeltrace2 2.0 uses fields again, and leaves the text of the last one behind an empty one. */
            *(const char **)to = bt_field_string_get_length(field) ? bt_field_string_get_value(field) : "";
            break;
        default:
            copy_list(step, field, record, lists);
        }
    }
    return 0;
}
