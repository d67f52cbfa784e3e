/* Sets of address ranges that do not overlap, and the holes between them; each change takes logarithmic time. */
#ifndef GPUALLOC_ANALYZER_RANGES_H
#define GPUALLOC_ANALYZER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ranges_node;

/* Of zeros: empty. */
struct ranges {
    struct ranges_node *nodes;
    size_t room;
    uint32_t root, unused, free; /* unused: nodes from here on were never used; free: first of a list by left */
    uint64_t count, bytes, holes;
    uint64_t seed; /* of the nodes' priorities: no trace can foresee the tree's shape */
};

struct ranges_state {
    uint64_t ranges, bytes, span;            /* span: from the lowest to the end of the highest */
    uint64_t holes, hole_bytes, largest_hole; /* between ranges that do not touch */
};

/* Takes [base, base + size) out of whatever it is in; *bytes that were taken. What reaches beyond 2^64 is left out. 0 or -ENOMEM. */
int ranges_cut(struct ranges *ranges, uint64_t base, uint64_t size, uint64_t *bytes);
/* Puts it in, in place of what was there; *bytes that were there. Touching ranges stay apart, unless joined. 0 or -ENOMEM. */
int ranges_add(struct ranges *ranges, uint64_t base, uint64_t size, uint64_t *bytes, bool joined);
struct ranges_state ranges_state(const struct ranges *ranges);
void ranges_release(struct ranges *ranges);

#endif
