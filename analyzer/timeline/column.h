/*
 * A column of whole numbers in a page: LEB128 varints, deflated as they come into an unlinked temporary file, and put into the page as
 * base64 at the end. Memory does not grow with the numbers.
 */
#ifndef GPUALLOC_TIMELINE_COLUMN_H
#define GPUALLOC_TIMELINE_COLUMN_H

#include <stdint.h>
#include <stdio.h>
#include <zlib.h>

struct column {
    z_stream stream;
    FILE *file;
    uint64_t count, last; /* numbers put; the newest one, for differences */
    int error;            /* negative errno of what went wrong first */
    uint8_t bytes[4096];
    unsigned used;
};

/* 0 or a negative errno. The structure must not move until it is released. */
int column_init(struct column *column);
/* Errors are kept. */
void column_put(struct column *column, uint64_t value);
/* The difference to the number before, of either sign, small ones short. */
void column_difference(struct column *column, uint64_t value);
void column_signed(struct column *column, int64_t value);
void column_bytes(struct column *column, const void *bytes, size_t size);
/* Ends it and writes <script type="application/octet-stream" id="NAME" data-count="N">BASE64</script>. 0 or a negative errno. */
int column_write(struct column *column, const char *name, FILE *page);
/* Of zeros: nothing to do. */
void column_release(struct column *column);

#endif
