/*
 * softgpu's private data: common/abi/softgpu.h says what it is. The model for a vendor's decoder: know the data by its
 * signature, check its length, read what it asks for.
 */
#include "reader/decoders.h"

#include <string.h>

enum { MAGIC_AT = 0, SIZE_AT = 8, DATA_SIZE = 32 }; /* struct softgpu_private_data */
static const char magic[4] = {'S', 'G', 'P', 'U'};

static bool softgpu_size(const void *data, size_t data_size, uint64_t *size)
{
    if (data_size < DATA_SIZE || memcmp((const char *)data + MAGIC_AT, magic, sizeof magic) != 0)
        return false;
    memcpy(size, (const char *)data + SIZE_AT, sizeof *size);
    return true;
}

const struct ga_decoder ga_decoder_softgpu = {.name = "softgpu", .size = softgpu_size};
