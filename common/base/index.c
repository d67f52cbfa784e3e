/* An index of an array: see index.h. */
#include "base/index.h"

#include <errno.h>
#include <stdlib.h>

static void put(struct ga_index *index, uint64_t hash, size_t number)
{
    size_t at = (size_t)hash;
    while (ga_index_at(index, at))
        at++;
    index->slots[at & (index->capacity - 1)] = (uint32_t)number;
}

int ga_index_add(struct ga_index *index, const void *array, ga_index_hash *hash)
{
    if (index->count == UINT32_MAX)
        return -ENOMEM;
    if ((index->count + 1) * 4 > index->capacity * 3) {
        struct ga_index bigger = {.count = index->count, .capacity = index->capacity ? index->capacity * 2 : 8};
        bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
        if (!bigger.slots)
            return -ENOMEM;
        for (size_t number = 1; number <= index->count; number++)
            put(&bigger, hash(array, number), number);
        free(index->slots);
        *index = bigger;
    }
    index->count++;
    put(index, hash(array, index->count), index->count);
    return 0;
}

void ga_index_release(struct ga_index *index)
{
    free(index->slots);
    *index = (struct ga_index){0};
}
