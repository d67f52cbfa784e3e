/* softgpu's store: bytes of any length, kept in the shared region as chains of blocks. A block belongs to one chain or is free. */
#include <errno.h>
#include <string.h>

#include "softgpu/state.h"

enum { BLOCK_SIZE = 4096, BLOCKS = SOFTGPU_STORE_SIZE / BLOCK_SIZE };

struct block {
    uint32_t next; /* of the chain, or of the free ones; 0 ends */
    uint32_t used; /* while the free ones are sought */
    unsigned char bytes[BLOCK_SIZE - 2 * sizeof(uint32_t)];
};
_Static_assert(sizeof(struct block) == BLOCK_SIZE, "a block is a page");

/* Block 0 is never used: it means none. */
static struct block *block_at(const struct softgpu *gpu, uint32_t block)
{
    return (struct block *)(void *)((char *)(uintptr_t)gpu + SOFTGPU_STORE_OFFSET) + block;
}

static uint32_t take(struct softgpu *gpu)
{
    uint32_t block = gpu->store_free;
    if (block)
        gpu->store_free = block_at(gpu, block)->next;
    else if (gpu->store_high_water + 1 < BLOCKS)
        block = ++gpu->store_high_water;
    return block;
}

int softgpu_store_put(struct softgpu *gpu, uint32_t *data, const void *bytes, size_t size)
{
    uint32_t first = 0, last = 0;
    const char *from = bytes;
    *data = 0;
    while (size) {
        uint32_t block = take(gpu);
        if (!block) {
            softgpu_store_drop(gpu, &first);
            return -ENOMEM;
        }
        struct block *at = block_at(gpu, block);
        size_t part = size < sizeof at->bytes ? size : sizeof at->bytes;
        memcpy(at->bytes, from, part);
        at->next = 0;
        *(last ? &block_at(gpu, last)->next : &first) = block;
        last = block;
        from += part;
        size -= part;
    }
    *data = first;
    return 0;
}

void softgpu_store_get(const struct softgpu *gpu, uint32_t data, void *bytes, size_t size)
{
    for (char *to = bytes; size && data; data = block_at(gpu, data)->next) {
        const struct block *at = block_at(gpu, data);
        size_t part = size < sizeof at->bytes ? size : sizeof at->bytes;
        memcpy(to, at->bytes, part);
        to += part;
        size -= part;
    }
}

void softgpu_store_drop(struct softgpu *gpu, uint32_t *data)
{
    uint32_t block = *data;
    *data = 0;
    while (block) {
        uint32_t next = block_at(gpu, block)->next;
        block_at(gpu, block)->next = gpu->store_free;
        gpu->store_free = block;
        block = next;
    }
}

static void mark(struct softgpu *gpu, uint32_t block)
{
    for (; block; block = block_at(gpu, block)->next)
        block_at(gpu, block)->used = 1;
}

void softgpu_store_rebuild(struct softgpu *gpu)
{
    gpu->store_free = 0;
    for (uint32_t block = 1; block <= gpu->store_high_water; block++)
        block_at(gpu, block)->used = 0;
    for (uint32_t i = 1; i < gpu->high_water; i++) {
        const struct softgpu_object *object = &gpu->objects[i];
        if (object->type != SOFTGPU_FREE) {
            mark(gpu, object->data);
            mark(gpu, object->data2);
        }
    }
    for (uint32_t block = gpu->store_high_water; block; block--) {
        if (block_at(gpu, block)->used)
            continue;
        block_at(gpu, block)->next = gpu->store_free;
        gpu->store_free = block;
    }
}
