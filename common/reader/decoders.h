/*
 * Decoders: the size of a D3DKMT allocation from the driver's private data, which is the only place where it stands.
 * One file a driver in decoders/, ending in `const struct ga_decoder ga_decoder_NAME`; the table is made from the file names.
 */
#ifndef GPUALLOC_READER_DECODERS_H
#define GPUALLOC_READER_DECODERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ga_decoder {
    const char *name; /* the driver whose data it knows */
    /* The bytes that one allocation asks for, from its own private data as it was before the call. True when it knows them.
       The data is untrusted and can be any driver's: a decoder knows its own by a signature or version, others give false. */
    bool (*size)(const void *data, size_t data_size, uint64_t *size);
};

/* Asks the decoders in turn. */
bool ga_decode_size(const void *data, size_t data_size, uint64_t *size);

#endif
