/*
 * Shapes: the schema's rows, made ready for capture. One list of steps a row, offsets only: no names, no searching in a call.
 */
#ifndef GPUALLOC_PRELOAD_SHAPE_H
#define GPUALLOC_PRELOAD_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/records.h"
#define GA_SCHEMA_INCLUDES
#include "schema/all.inc"
#undef GA_SCHEMA_INCLUDES

enum {
    SHAPE_STEPS = 32,     /* members of a row */
    SHAPE_BLOBS = 1,      /* BLOB members of an element */
    SHAPE_ELEMENTS = 2,   /* ELEMENTS members of a call */
};

/* One member. Offsets are the schema's; a width of 0 in `count` or `arm` means that there is none. */
struct shape_step {
    uint16_t offset;  /* in the interface's structure */
    uint16_t in, out, address; /* in the record; GA_NONE: not there */
    uint16_t length;  /* ARRAY: in the record, its length */
    uint16_t room;    /* ARRAY: entries in the structure itself; 0: at a pointer */
    uint8_t entry;    /* ARRAY: bytes of an entry */
    uint8_t kind, width, direction;
    uint8_t count_width, arm_width;
    uint8_t arm_test;
    bool arm_of_call, one, least_one;
    bool key; /* a thunk passes it on to its ioctl as it is */
    uint16_t count_offset, arm_offset; /* in the structure (arm_of_call: in the call's) */
    uint64_t arm_value;
    uint16_t element; /* ELEMENTS: row */
    uint16_t older_size;
    uint8_t index;    /* ELEMENTS, BLOB: which of the row's */
};

struct shape {
    const struct ga_row *row;
    uint8_t step_count;
    bool reads_back; /* the structure itself holds results */
    bool points;     /* has BLOB, ARRAY or ELEMENTS members */
    struct shape_step steps[SHAPE_STEPS];
};

extern struct shape shapes[GA_ROW_COUNT];

/* Once, before the first call is captured. */
void shape_init(void);

/* Room for any interface structure. */
union shape_abi {
    char bytes[1];
    uint64_t align;
#define FLAG_NAMES(...)
#define EVENT(...)
#define CALL(event, request, number, structure, ...) structure GA_JOIN(s_, GA_PROVIDER, event);
#define ELEMENT(event, structure, ...) structure GA_JOIN(s_, GA_PROVIDER, event);
#include "schema/all.inc"
#include "schema/undef.inc"
};

#endif
