/* Entries of arrays of plain numbers, where an array can only be of structures. */
#ifndef GPUALLOC_ABI_WORDS_H
#define GPUALLOC_ABI_WORDS_H

#include <stdint.h>

struct ga_word32 {
    uint32_t value;
};

struct ga_word64 {
    uint64_t value;
};

#endif
