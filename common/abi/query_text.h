/*
 * Answers of D3DKMTQueryAdapterInfo with text: wchar_t (32 bits) at the function, UTF-16 at the ioctl. Where the text is in each, for
 * who goes from one form to the other. No question has text but KMTQAITYPE_QUERYREGISTRY's, whose size varies: it is not here.
 */
#ifndef GPUALLOC_ABI_QUERY_TEXT_H
#define GPUALLOC_ABI_QUERY_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "abi/d3dkmt.h"

struct query_text {
    uint32_t type;              /* KMTQUERYADAPTERINFOTYPE */
    uint32_t head;              /* bytes before the text, equal in both forms */
    uint32_t texts, characters; /* how many texts follow each other, of how many characters each */
    uint32_t tail;              /* bytes behind them */
};

static inline uint32_t query_text_wide_size(const struct query_text *text)
{
    return text->head + text->texts * text->characters * 4 + text->tail;
}

static inline uint32_t query_text_size(const struct query_text *text)
{
    return text->head + text->texts * text->characters * 2 + text->tail;
}

/* Null when the answer has no text. */
static inline const struct query_text *query_text_of(uint32_t type)
{
    static const struct query_text all[] = {
        {KMTQAITYPE_UMDRIVERNAME, 4, 1, D3DKMT_MAX_PATH, 0},
        {KMTQAITYPE_UMOPENGLINFO, 0, 1, D3DKMT_MAX_PATH, 8},
        {KMTQAITYPE_ADAPTERREGISTRYINFO, 0, 4, D3DKMT_MAX_PATH, 0},
        {KMTQAITYPE_ADAPTERREGISTRYINFO_RENDER, 0, 4, D3DKMT_MAX_PATH, 0},
        {KMTQAITYPE_NODEMETADATA, 8, 1, 32, 6},
        {KMTQAITYPE_QUERY_ADAPTER_UNIQUE_GUID, 0, 1, 40, 0},
        {KMTQAITYPE_DRIVER_DESCRIPTION, 0, 1, 4096, 0},
        {KMTQAITYPE_DRIVER_DESCRIPTION_RENDER, 0, 1, 4096, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].type == type)
            return &all[i];
    return NULL;
}

#endif
