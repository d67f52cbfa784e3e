/*
 * Placement: where buffers lie, in words that all drivers share, and how each driver says them. With it a create of one driver is
 * issued as a create of another: the same size, the same class of memory.
 */
#ifndef GPUALLOC_REPLAYER_PLACEMENT_H
#define GPUALLOC_REPLAYER_PLACEMENT_H

#include "replayer/plan.h"

enum replay_place {
    REPLAY_LOCAL,    /* the device's own memory */
    REPLAY_VISIBLE,  /* of it, what the CPU reaches */
    REPLAY_SYSTEM,   /* system memory: write-combined, or as the driver likes */
    REPLAY_COHERENT, /* system memory that the CPU caches */
    REPLAY_PLACES
};
const char *replay_place_name(enum replay_place place);

struct replay_dialect;
/* How a driver says it; null when it has no creates of its own. */
const struct replay_dialect *replay_dialect_of(const char *driver);
/* Where a recorded create of any driver puts its buffer. */
enum replay_place replay_recorded_place(const struct replay_plan *plan, const struct replay_call *call);
/* The recorded alignment, 0 when the driver has none. */
uint64_t replay_recorded_alignment(const struct replay_plan *plan, const struct replay_call *call);
/* Whether its creates say an alignment. */
bool replay_says_alignment(const struct replay_dialect *dialect);
/* Whether the driver has words for it. */
bool replay_can_say(const struct replay_dialect *dialect, enum replay_place place);
const struct ga_row *replay_create_row(const struct replay_dialect *dialect);
/* A dialect of null is that of dumb buffers, in what is about maps. */
const struct ga_row *replay_map_row(const struct replay_dialect *dialect);
/* Makes scratch memory of a page the argument of a create, or of a map. */
void replay_say_create(const struct replay_dialect *dialect, unsigned char *scratch, enum replay_place place, uint64_t size,
                       uint64_t alignment);
void replay_say_map(const struct replay_dialect *dialect, unsigned char *scratch, uint32_t handle, unsigned way);
/* Ways to ask for a map, at least one: which of them a device takes, only it knows. */
unsigned replay_map_ways(const struct replay_dialect *dialect);
/* The offset for mmap that a map gave. */
uint64_t replay_said_offset(const struct replay_dialect *dialect, const unsigned char *scratch);
/* The size that such a create asks for: rounded up to what the driver takes there. */
uint64_t replay_said_bytes(const struct replay_dialect *dialect, enum replay_place place, uint64_t size);
/* The handle that a create gave. */
uint32_t replay_said_handle(const struct replay_dialect *dialect, const unsigned char *scratch);

#endif
