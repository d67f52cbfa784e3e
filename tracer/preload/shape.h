/*
 * Shapes: the schema's rows, made ready for capture. One list of steps a row, offsets only: no names, no searching in a call.
 */
#ifndef GPUALLOC_PRELOAD_SHAPE_H
#define GPUALLOC_PRELOAD_SHAPE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "schema/records.h"
#define GA_SCHEMA_INCLUDES
#include "schema/all.inc"
#undef GA_SCHEMA_INCLUDES

enum {
    SHAPE_STEPS = 32,     /* members of a row */
    SHAPE_BLOBS = 1,      /* BLOB members of an element */
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
    uint16_t first;   /* ELEMENTS: in the record */
    uint16_t at;
    uint16_t stride_offset;
    uint8_t stride_width, count_unit, layout;
};

struct shape {
    const struct ga_row *row;
    uint8_t step_count;
    bool reads_back; /* the structure itself holds results */
    bool points;     /* has BLOB, ARRAY or ELEMENTS members */
    struct shape_step steps[SHAPE_STEPS];
};

extern struct shape shapes[GA_ROW_COUNT];

static inline bool shape_is_value(const struct shape_step *step)
{
    return step->kind == GA_INT || step->kind == GA_FLAGS || step->kind == GA_PTR;
}

/* The count member of a pointer in a structure of this size: 0 when it lies beyond the structure. */
static inline uint64_t shape_count(const struct shape_step *step, const char *structure, uint32_t size)
{
    if (step->one)
        return 1;
    if (step->room && !step->count_width)
        return step->room;
    if ((uint32_t)step->count_offset + step->count_width > size)
        return 0;
    uint64_t count = ga_load(structure + step->count_offset, step->count_width, false);
    if (step->room && count > step->room)
        return step->room;
    return step->least_one && !count ? 1 : count;
}

/* Bytes of an OUT BLOB: the room that was given, or what the call then says, as the structures before and after it have them. An
   answer of nonsense (a negative errno in the size's place) says that there are none. */
static inline uint64_t shape_result_size(const struct shape_step *step, const char *in, const char *out, uint32_t size)
{
    uint64_t room = shape_count(step, in, size), told = shape_count(step, out, size);
    return told > GA_BLOB_MAX && told != room ? 0 : told < room ? told : room;
}

/* Values into a record. */
static inline void shape_store(void *record, uint16_t offset, const char *from, unsigned width)
{
    if (width == 4)
        memcpy((char *)record + offset, from, 4);
    else if (width == 8)
        memcpy((char *)record + offset, from, 8);
    else
        memcpy((char *)record + offset, from, width);
}
static inline void shape_store_u64(void *record, uint16_t offset, uint64_t value)
{
    memcpy((char *)record + offset, &value, sizeof value);
}
static inline void shape_store_u32(void *record, uint16_t offset, uint32_t value)
{
    memcpy((char *)record + offset, &value, sizeof value);
}

/* Once, before the first call is captured. */
void shape_init(void);

/* Room for any interface structure; as bytes, since some end in an array without a size. */
union shape_abi {
    char bytes[1];
    uint64_t align;
#define FLAG_NAMES(...)
#define EVENT(...)
#define CALL(event, request, number, structure, ...) char GA_JOIN(s_, GA_PROVIDER, event)[sizeof(structure)];
#define ELEMENT(event, structure, ...) char GA_JOIN(s_, GA_PROVIDER, event)[sizeof(structure)];
#include "schema/all.inc"
#include "schema/undef.inc"
};

#endif
