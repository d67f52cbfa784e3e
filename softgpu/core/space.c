/*
 * softgpu's spaces: entries that take up addresses and never overlap (ranges and mappings of GPU addresses, contents in the file).
 * Each space is a treap over the entries' own links, ordered by address; an entry's rank comes from its index, so nothing but the
 * entries has to be kept. Finding is in the logarithm of their number.
 */
#include "softgpu/state.h"

static uint32_t rank_of(uint32_t index)
{
    return index * 2654435769u; /* 2^32 over the golden ratio: neighbours get ranks far apart */
}

static uint32_t *root_of(struct softgpu *gpu, const struct softgpu_object *entry)
{
    struct softgpu_process *process = &gpu->processes[entry->process];
    if (entry->type == SOFTGPU_RANGE)
        return &process->ranges[entry->adapter];
    return entry->type == SOFTGPU_MAPPING ? &process->mappings[entry->adapter] : &gpu->contents;
}

/* Cuts a tree into what lies below an address and what doesn't. */
static void split(struct softgpu *gpu, uint32_t tree, uint64_t address, uint32_t *below, uint32_t *above)
{
    while (tree) {
        struct softgpu_object *entry = &gpu->objects[tree];
        if (entry->address < address) {
            *below = tree;
            below = &entry->right;
            tree = entry->right;
        } else {
            *above = tree;
            above = &entry->left;
            tree = entry->left;
        }
    }
    *below = *above = 0;
}

void softgpu_space_insert(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *entry = &gpu->objects[index];
    uint32_t *link = root_of(gpu, entry);
    while (*link && rank_of(*link) >= rank_of(index)) {
        struct softgpu_object *other = &gpu->objects[*link];
        link = entry->address < other->address ? &other->left : &other->right;
    }
    split(gpu, *link, entry->address, &entry->left, &entry->right);
    *link = index;
}

void softgpu_space_remove(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *entry = &gpu->objects[index];
    uint32_t *link = root_of(gpu, entry), left = entry->left, right = entry->right;
    while (*link && *link != index) {
        struct softgpu_object *other = &gpu->objects[*link];
        link = entry->address < other->address ? &other->left : &other->right;
    }
    if (!*link) /* it wasn't in yet */
        return;
    while (left && right) {
        bool lower = rank_of(left) > rank_of(right);
        uint32_t *top = lower ? &left : &right;
        *link = *top;
        link = lower ? &gpu->objects[*top].right : &gpu->objects[*top].left;
        *top = *link;
    }
    *link = left ? left : right;
}

uint32_t softgpu_space_find(const struct softgpu *gpu, uint32_t tree, uint64_t address)
{
    uint32_t found = 0;
    while (tree) {
        const struct softgpu_object *entry = &gpu->objects[tree];
        bool ends_above = entry->address + entry->size > address;
        found = ends_above ? tree : found;
        tree = ends_above ? entry->left : entry->right;
    }
    return found;
}

bool softgpu_space_is_free(const struct softgpu *gpu, uint32_t tree, uint64_t address, uint64_t size)
{
    uint32_t next = softgpu_space_find(gpu, tree, address);
    return !next || (gpu->objects[next].address >= address && gpu->objects[next].address - address >= size);
}

uint64_t softgpu_space_gap(const struct softgpu *gpu, uint32_t tree, uint64_t size, uint64_t alignment, uint64_t from, uint64_t to)
{
    uint64_t at = (from + alignment - 1) & ~(alignment - 1);
    while (at <= to && size <= to - at) {
        if (softgpu_space_is_free(gpu, tree, at, size))
            return at;
        const struct softgpu_object *next = &gpu->objects[softgpu_space_find(gpu, tree, at)];
        at = (next->address + next->size + alignment - 1) & ~(alignment - 1);
    }
    return UINT64_MAX;
}
