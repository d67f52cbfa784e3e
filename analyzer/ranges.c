/*
 * Address ranges in a treap: a search tree by address that is a heap by priority, a hash of the address and a number of chance, so that
 * no trace can make it deep. There can be millions: nodes stand in one array and name each other by numbers (0: none), each with the
 * hole before it and the largest such hole of its subtree.
 */
#include "ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/array.h"

struct ranges_node {
    uint64_t base, end;
    uint64_t hole; /* from the end of the range before it; 0 of the lowest */
    uint64_t largest;
    uint32_t left, right;
};

/* Beside a node, where there are owners: whose it is, and others of the owner. */
struct ranges_share {
    uint64_t owner;
    uint32_t before, after;
};

static uint64_t priority(const struct ranges *ranges, const struct ranges_node *node)
{
    uint64_t key = node->base ^ ranges->seed, hash = (key ^ key >> 32) * 0x9e3779b97f4a7c15u;
    return (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
}

static struct ranges_node *node_at(const struct ranges *ranges, uint32_t node)
{
    return &ranges->nodes[node];
}

static uint32_t update(const struct ranges *ranges, uint32_t number)
{
    struct ranges_node *node = node_at(ranges, number);
    node->largest = node->hole;
    for (int i = 0; i < 2; i++) {
        uint32_t child = i ? node->right : node->left;
        if (child && node_at(ranges, child)->largest > node->largest)
            node->largest = node_at(ranges, child)->largest;
    }
    return number;
}

static uint32_t join(const struct ranges *ranges, uint32_t low, uint32_t high)
{
    if (!low || !high)
        return low ? low : high;
    struct ranges_node *lower = node_at(ranges, low), *higher = node_at(ranges, high);
    if (priority(ranges, lower) > priority(ranges, higher)) {
        lower->right = join(ranges, lower->right, high);
        return update(ranges, low);
    }
    higher->left = join(ranges, low, higher->left);
    return update(ranges, high);
}

/* Those that begin before the address, and the others. */
static void part(const struct ranges *ranges, uint32_t number, uint64_t address, uint32_t *low, uint32_t *high)
{
    struct ranges_node *node = node_at(ranges, number);
    if (!number) {
        *low = *high = 0;
    } else if (node->base < address) {
        part(ranges, node->right, address, &node->right, high);
        *low = update(ranges, number);
    } else {
        part(ranges, node->left, address, low, &node->left);
        *high = update(ranges, number);
    }
}

/* Room for as many new nodes as a change can need: then none of it fails. */
static int reserve(struct ranges *ranges)
{
    if (!ranges->unused) {
        ranges->unused = 1; /* 0 is none */
        if (getrandom(&ranges->seed, sizeof ranges->seed, GRND_NONBLOCK) < 0)
            ranges->seed = (uintptr_t)ranges;
    }
    if (ranges->unused > UINT32_MAX - 2 ||
        (ranges->shares && ga_array_room(&ranges->shares, &ranges->share_room, ranges->unused + 2u, sizeof *ranges->shares) < 0))
        return -ENOMEM;
    return ga_array_room(&ranges->nodes, &ranges->room, ranges->unused + 2u, sizeof *ranges->nodes);
}

/* From here on nodes can have owners. */
static int reserve_shares(struct ranges *ranges)
{
    if (ranges->shares)
        return 0;
    if (ga_array_room(&ranges->shares, &ranges->share_room, ranges->unused + 2u, sizeof *ranges->shares) < 0)
        return -ENOMEM;
    memset(ranges->shares, 0, ranges->unused * sizeof *ranges->shares);
    return 0;
}

static uint32_t node_new(struct ranges *ranges, uint64_t base, uint64_t end)
{
    uint32_t number = ranges->free ? ranges->free : ranges->unused++;
    if (ranges->free)
        ranges->free = node_at(ranges, number)->left;
    *node_at(ranges, number) = (struct ranges_node){.base = base, .end = end};
    if (ranges->shares)
        ranges->shares[number] = (struct ranges_share){0};
    ranges->count++;
    ranges->bytes += end - base;
    return number;
}

/* Makes it one more of the owner that another node has. */
static void owner_share(const struct ranges *ranges, uint32_t number, uint32_t other)
{
    struct ranges_share *shares = ranges->shares;
    if (!shares || !shares[other].owner)
        return;
    shares[number] = (struct ranges_share){shares[other].owner, other, shares[other].after};
    if (shares[number].after)
        shares[shares[number].after].before = number;
    shares[other].after = number;
}

static void owner_leave(struct ranges *ranges, uint32_t number)
{
    struct ranges_share *shares = ranges->shares;
    if (!shares || !shares[number].owner)
        return;
    const struct ranges_share share = shares[number];
    if (share.after)
        shares[share.after].before = share.before;
    if (share.before)
        shares[share.before].after = share.after;
    else if (share.after)
        *ga_map_get(&ranges->owners, share.owner, 0) = share.after;
    else
        ga_map_erase(&ranges->owners, share.owner, 0);
}

/* Bytes that were in them. */
static uint64_t free_all(struct ranges *ranges, uint32_t number)
{
    if (!number)
        return 0;
    struct ranges_node *node = node_at(ranges, number);
    uint64_t below = free_all(ranges, node->left) + free_all(ranges, node->right), bytes = node->end - node->base;
    ranges->count--;
    ranges->bytes -= bytes;
    ranges->holes -= node->hole > 0;
    owner_leave(ranges, number);
    node->left = ranges->free;
    ranges->free = number;
    return below + bytes;
}

/* The outermost of a subtree that is not empty. */
static struct ranges_node *lowest(const struct ranges *ranges, uint32_t number)
{
    while (node_at(ranges, number)->left)
        number = node_at(ranges, number)->left;
    return node_at(ranges, number);
}

static uint32_t highest_number(const struct ranges *ranges, uint32_t number)
{
    while (node_at(ranges, number)->right)
        number = node_at(ranges, number)->right;
    return number;
}

static struct ranges_node *highest(const struct ranges *ranges, uint32_t number)
{
    return node_at(ranges, highest_number(ranges, number));
}

/* The hole before the lowest of a subtree is that from the address. */
static void hole_from(struct ranges *ranges, uint32_t number, uint64_t address)
{
    struct ranges_node *node = node_at(ranges, number);
    if (node->left) {
        hole_from(ranges, node->left, address);
    } else {
        ranges->holes -= node->hole > 0;
        node->hole = node->base - address;
        ranges->holes += node->hole > 0;
    }
    update(ranges, number);
}

/* The same where another subtree, or nothing, comes before it. */
static void hole_after(struct ranges *ranges, uint32_t low, uint32_t high)
{
    if (high)
        hole_from(ranges, high, low ? highest(ranges, low)->end : lowest(ranges, high)->base);
}

static uint64_t end_of(uint64_t base, uint64_t size)
{
    return base + size < base ? UINT64_MAX : base + size;
}

/* Leaves in low what lies below base, in high what begins at its end or above; returns the bytes that lay between. There is room. */
static uint64_t open_gap(struct ranges *ranges, uint64_t base, uint64_t end, uint32_t *low, uint32_t *high)
{
    uint32_t middle;
    part(ranges, ranges->root, base, low, high);
    part(ranges, *high, end, &middle, high);
    struct ranges_node *before = *low ? highest(ranges, *low) : NULL;
    uint64_t reach = before ? before->end : 0, middle_reach = middle ? highest(ranges, middle)->end : 0;
    uint64_t top = reach > middle_reach ? reach : middle_reach;
    uint32_t rest = top > end ? node_new(ranges, end, top) : 0;
    if (rest)
        owner_share(ranges, rest, highest_number(ranges, reach > middle_reach ? *low : middle));
    uint64_t bytes = free_all(ranges, middle);
    if (middle_reach > end)
        bytes -= middle_reach - end;
    if (reach > base) {
        bytes += (reach < end ? reach : end) - base;
        ranges->bytes -= reach - base;
        before->end = base;
    }
    if (rest)
        *high = join(ranges, rest, *high);
    hole_after(ranges, *low, *high);
    return bytes;
}

static int cut(struct ranges *ranges, uint64_t base, uint64_t end, uint64_t *bytes)
{
    uint32_t low, high;
    int result = reserve(ranges);
    if (result < 0)
        return result;
    *bytes = open_gap(ranges, base, end, &low, &high);
    ranges->root = join(ranges, low, high);
    return 0;
}

int ranges_cut(struct ranges *ranges, uint64_t base, uint64_t size, uint64_t *bytes)
{
    *bytes = 0;
    return size ? cut(ranges, base, end_of(base, size), bytes) : 0;
}

/* The highest range that begins at the address or below it, or null. */
static const struct ranges_node *highest_at(const struct ranges *ranges, uint64_t address)
{
    const struct ranges_node *found = NULL;
    for (uint32_t number = ranges->root; number;) {
        const struct ranges_node *node = node_at(ranges, number);
        found = node->base <= address ? node : found;
        number = node->base <= address ? node->right : node->left;
    }
    return found;
}

/* Where nothing is. The owner's list takes a node only once all else is sure to go well. */
static int put(struct ranges *ranges, uint64_t base, uint64_t end, uint64_t owner)
{
    int result = reserve(ranges);
    if (!result && owner)
        result = reserve_shares(ranges);
    uint64_t *list = owner ? ga_map_get(&ranges->owners, owner, 0) : NULL;
    if (!result && owner && !list)
        result = ga_map_set(&ranges->owners, owner, 0, ranges->free ? ranges->free : ranges->unused);
    if (result)
        return result;
    uint32_t low, high, node = node_new(ranges, base, end);
    if (owner)
        ranges->shares[node].owner = owner;
    if (list)
        owner_share(ranges, node, (uint32_t)*list);
    part(ranges, ranges->root, base, &low, &high);
    hole_after(ranges, low, node);
    hole_after(ranges, node, high);
    ranges->root = join(ranges, join(ranges, low, node), high);
    return 0;
}

int ranges_add(struct ranges *ranges, uint64_t base, uint64_t size, uint64_t *bytes, bool joined)
{
    uint64_t end = end_of(base, size), ignored;
    int result = ranges_cut(ranges, base, size, bytes);
    if (result || !size)
        return result;
    if (joined) {
        const struct ranges_node *before = highest_at(ranges, base), *after = highest_at(ranges, end);
        base = before && before->end == base ? before->base : base;
        end = after && after->base == end ? after->end : end;
        if ((result = cut(ranges, base, end, &ignored)))
            return result;
    }
    return put(ranges, base, end, 0);
}

int ranges_add_owned(struct ranges *ranges, const struct range *range, uint64_t *bytes)
{
    int result = ranges_cut(ranges, range->base, range->size, bytes);
    return result || !range->size ? result : put(ranges, range->base, end_of(range->base, range->size), range->owner);
}

int ranges_cut_owned(struct ranges *ranges, uint64_t owner, uint64_t *bytes)
{
    int result = 0;
    *bytes = 0;
    for (const uint64_t *first; !result && (first = ga_map_get(&ranges->owners, owner, 0));) {
        const struct ranges_node *node = node_at(ranges, (uint32_t)*first);
        uint64_t taken;
        result = cut(ranges, node->base, node->end, &taken);
        *bytes += result ? 0 : taken;
    }
    return result;
}

bool ranges_find(const struct ranges *ranges, uint64_t address, struct range *range)
{
    uint32_t found = 0;
    for (uint32_t number = ranges->root; number;) {
        const struct ranges_node *node = node_at(ranges, number);
        found = node->end > address ? number : found;
        number = node->end > address ? node->left : node->right;
    }
    const struct ranges_node *node = found ? node_at(ranges, found) : NULL;
    if (node)
        *range = (struct range){node->base, node->end - node->base, ranges->shares ? ranges->shares[found].owner : 0};
    return node;
}

struct ranges_state ranges_state(const struct ranges *ranges)
{
    if (!ranges->root)
        return (struct ranges_state){0};
    uint64_t span = highest(ranges, ranges->root)->end - lowest(ranges, ranges->root)->base;
    return (struct ranges_state){ranges->count,         ranges->bytes, span, ranges->holes, span - ranges->bytes,
                                 node_at(ranges, ranges->root)->largest};
}

void ranges_release(struct ranges *ranges)
{
    free(ranges->nodes);
    free(ranges->shares);
    ga_map_release(&ranges->owners);
    *ranges = (struct ranges){0};
}
