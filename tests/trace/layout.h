/*
 * The fields of each event, in the order of tracer/preload/provider-fields.h. The reader has a list of its own: the writer of
 * test traces must not share a mistake with it.
 */
#ifndef GPUALLOC_TRACE_LAYOUT_H
#define GPUALLOC_TRACE_LAYOUT_H

#include "schema/records.h"

enum { LAYOUT_FIELDS_MAX = 128 };
enum field_kind { FIELD_INTEGER, FIELD_STRING, FIELD_LIST };

struct layout_field {
    char name[96];
    enum field_kind kind;
    uint8_t width, base; /* bytes of an integer or a list's entry; 10 or 16 */
    bool is_signed;
    uint16_t offset, length; /* in the record; length: FIELD_LIST */
};

struct layout {
    struct layout_field fields[LAYOUT_FIELDS_MAX];
    size_t count;
};

/* One thread at a time. */
const struct layout *layout_get(const struct ga_row *row);
/* Null when there is none. */
const struct layout_field *layout_find(const struct ga_row *row, const char *name);

#endif
