/* The table of decoders, and asking them in turn. */
#include "reader/decoders.h"

#define DECODER(name) extern const struct ga_decoder ga_decoder_##name;
#include "reader/decoders.inc" /* generated from the names of decoders/ */
#undef DECODER

static const struct ga_decoder *const decoders[] = {
#define DECODER(name) &ga_decoder_##name,
#include "reader/decoders.inc"
#undef DECODER
};

bool ga_decode_size(const void *data, size_t data_size, uint64_t *size)
{
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++)
        if (decoders[i]->size(data, data_size, size))
            return true;
    return false;
}
