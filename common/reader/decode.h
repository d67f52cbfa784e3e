/*
 * Decoding: events of a trace into records of the schema, field by field name.
 *
 * A decoder belongs to one event class. Fields that the class lacks stay 0 in the record, fields that the schema lacks are
 * passed over: that is how traces of older and newer schema versions are read.
 */
#ifndef GPUALLOC_READER_DECODE_H
#define GPUALLOC_READER_DECODE_H

#include <babeltrace2/babeltrace.h>

#include "schema/records.h"

struct decoder {
    const bt_event_class *event_class; /* held: decoders are found by its address */
    const struct ga_row *row;          /* null: an event that the schema does not have; nothing is decoded */
    struct decode_step *steps;
    uint32_t step_count;
    bool has_lists;
};

/* Room for the lists of one record; grows. Zeros are empty room. */
struct decode_lists {
    uint64_t *words;       /* each list begins at one, whatever its entries are */
    size_t capacity, used; /* of words */
};

/* 0 or -ENOMEM. */
int decoder_create(struct decoder **decoder, const bt_event_class *event_class);
/* Null is fine. */
void decoder_destroy(struct decoder *decoder);
/* Fills record (row->record_size bytes). Strings point into the event, lists into lists: valid until the next event or decode.
   0 or -ENOMEM. */
int decoder_run(const struct decoder *decoder, const bt_event *event, void *record, struct decode_lists *lists);
void decode_lists_release(struct decode_lists *lists);

#endif
