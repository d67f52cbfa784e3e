/* Sets of address ranges that do not overlap, and the holes between them; each change takes logarithmic time. */
#ifndef GPUALLOC_ANALYZER_RANGES_H
#define GPUALLOC_ANALYZER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct ranges_node;
struct ranges_share;

/* Of zeros: empty. */
struct ranges {
    struct ranges_node *nodes;
    size_t room;
    uint32_t root, unused, free; /* unused: nodes from here on were never used; free: first of a list by left */
    uint64_t count, bytes, holes;
    uint64_t seed; /* of the nodes' priorities: no trace can foresee the tree's shape */
    struct ranges_share *shares; /* by node; none until something has an owner */
    size_t share_room;
    struct ga_map owners; /* (owner, 0) to the first node of those that it has */
};

/* owner: whose it is, by the caller's number; 0: nobody's. What is left of a range that others were put into stays its owner's. */
struct range {
    uint64_t base, size, owner;
};

struct ranges_state {
    uint64_t ranges, bytes, span;            /* span: from the lowest to the end of the highest */
    uint64_t holes, hole_bytes, largest_hole; /* between ranges that do not touch */
};

/* Takes [base, base + size) out of whatever it is in; *bytes that were taken. What reaches beyond 2^64 is left out. 0 or -ENOMEM. */
int ranges_cut(struct ranges *ranges, uint64_t base, uint64_t size, uint64_t *bytes);
/* Puts it in, in place of what was there; *bytes that were there. Touching ranges stay apart, unless joined. 0 or -ENOMEM. */
int ranges_add(struct ranges *ranges, uint64_t base, uint64_t size, uint64_t *bytes, bool joined);
/* The same with an owner, never joined. */
int ranges_add_owned(struct ranges *ranges, const struct range *range, uint64_t *bytes);
/* Takes out all that an owner has; *bytes that it had. 0 or -ENOMEM. */
int ranges_cut_owned(struct ranges *ranges, uint64_t owner, uint64_t *bytes);
/* The lowest range that ends above the address; whether there is one. */
bool ranges_find(const struct ranges *ranges, uint64_t address, struct range *range);
struct ranges_state ranges_state(const struct ranges *ranges);
void ranges_release(struct ranges *ranges);

#endif
