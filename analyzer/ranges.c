/* Address ranges in a treap: a search tree by address that is a heap by priority, a hash of it. Each node knows of its subtree. */
#include "ranges.h"

#include <errno.h>
#include <stdlib.h>

struct ranges_node {
    uint64_t base, end;
    struct ranges_node *left, *right;
    uint64_t lowest, highest, bytes, largest; /* of the subtree */
    uint32_t count, holes;
};

static uint64_t priority(const struct ranges_node *node)
{
    uint64_t hash = (node->base ^ node->base >> 32) * 0x9e3779b97f4a7c15u;
    return (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
}

static void note_hole(struct ranges_node *node, uint64_t from, uint64_t to)
{
    node->holes += to > from;
    node->largest = to - from > node->largest ? to - from : node->largest;
}

static struct ranges_node *update(struct ranges_node *node)
{
    const struct ranges_node *left = node->left, *right = node->right;
    node->lowest = left ? left->lowest : node->base;
    node->highest = right ? right->highest : node->end;
    node->count = 1 + (left ? left->count : 0) + (right ? right->count : 0);
    node->bytes = node->end - node->base + (left ? left->bytes : 0) + (right ? right->bytes : 0);
    node->holes = (left ? left->holes : 0) + (right ? right->holes : 0);
    node->largest = left ? left->largest : 0;
    node->largest = right && right->largest > node->largest ? right->largest : node->largest;
    if (left)
        note_hole(node, left->highest, node->base);
    if (right)
        note_hole(node, node->end, right->lowest);
    return node;
}

static struct ranges_node *join(struct ranges_node *low, struct ranges_node *high)
{
    if (!low || !high)
        return low ? low : high;
    if (priority(low) > priority(high)) {
        low->right = join(low->right, high);
        return update(low);
    }
    high->left = join(low, high->left);
    return update(high);
}

/* Those that begin before the address, and the others. */
static void part(struct ranges_node *node, uint64_t address, struct ranges_node **low, struct ranges_node **high)
{
    if (!node) {
        *low = *high = NULL;
    } else if (node->base < address) {
        part(node->right, address, &node->right, high);
        *low = update(node);
    } else {
        part(node->left, address, low, &node->left);
        *high = update(node);
    }
}

static struct ranges_node *node_new(uint64_t base, uint64_t end)
{
    struct ranges_node *node = malloc(sizeof *node);
    if (!node)
        return NULL;
    *node = (struct ranges_node){.base = base, .end = end};
    return update(node);
}

static void free_all(struct ranges_node *node)
{
    if (!node)
        return;
    free_all(node->left);
    free_all(node->right);
    free(node);
}

/* Shortens the highest range so that it ends at the address. */
static struct ranges_node *trim(struct ranges_node *node, uint64_t address)
{
    if (node->right)
        node->right = trim(node->right, address);
    else
        node->end = address;
    return update(node);
}

/* Leaves in low what lies below base, in high what begins at its end or above; *bytes that lay between. */
static int open_gap(struct ranges *ranges, uint64_t base, uint64_t end, struct ranges_node **low, struct ranges_node **high,
                    uint64_t *bytes)
{
    struct ranges_node *middle, *tail = NULL;
    part(ranges->root, base, low, high);
    part(*high, end, &middle, high);
    uint64_t reach = *low ? (*low)->highest : 0, middle_reach = middle ? middle->highest : 0;
    uint64_t top = reach > middle_reach ? reach : middle_reach;
    if (top > end && !(tail = node_new(end, top))) {
        ranges->root = join(join(*low, middle), *high);
        return -ENOMEM;
    }
    *bytes = middle ? middle->bytes : 0;
    if (middle_reach > end)
        *bytes -= middle_reach - end;
    if (reach > base) {
        *bytes += (reach < end ? reach : end) - base;
        *low = trim(*low, base);
    }
    free_all(middle);
    *high = join(tail, *high);
    return 0;
}

static uint64_t end_of(uint64_t base, uint64_t size)
{
    return base + size < base ? UINT64_MAX : base + size;
}

static int cut(struct ranges *ranges, uint64_t base, uint64_t end, uint64_t *bytes)
{
    struct ranges_node *low, *high;
    int result = open_gap(ranges, base, end, &low, &high, bytes);
    if (!result)
        ranges->root = join(low, high);
    return result;
}

int ranges_cut(struct ranges *ranges, uint64_t base, uint64_t size, uint64_t *bytes)
{
    *bytes = 0;
    return size ? cut(ranges, base, end_of(base, size), bytes) : 0;
}

/* The highest range that begins at the address or below it, or null. */
static const struct ranges_node *highest_at(const struct ranges_node *node, uint64_t address)
{
    const struct ranges_node *found = NULL;
    while (node) {
        found = node->base <= address ? node : found;
        node = node->base <= address ? node->right : node->left;
    }
    return found;
}

int ranges_add(struct ranges *ranges, uint64_t base, uint64_t size, uint64_t *bytes, bool joined)
{
    uint64_t end = end_of(base, size), ignored;
    int result = ranges_cut(ranges, base, size, bytes);
    if (result || !size)
        return result;
    if (joined) {
        const struct ranges_node *before = highest_at(ranges->root, base), *after = highest_at(ranges->root, end);
        base = before && before->end == base ? before->base : base;
        end = after && after->base == end ? after->end : end;
        if ((result = cut(ranges, base, end, &ignored)))
            return result;
    }
    struct ranges_node *low, *high, *node = node_new(base, end);
    part(ranges->root, base, &low, &high);
    ranges->root = join(join(low, node), high);
    return node ? 0 : -ENOMEM;
}

struct ranges_state ranges_state(const struct ranges *ranges)
{
    const struct ranges_node *root = ranges->root;
    if (!root)
        return (struct ranges_state){0};
    uint64_t span = root->highest - root->lowest;
    return (struct ranges_state){root->count, root->bytes, span, root->holes, span - root->bytes, root->largest};
}

void ranges_release(struct ranges *ranges)
{
    free_all(ranges->root);
    *ranges = (struct ranges){0};
}
