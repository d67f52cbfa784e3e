/*
 * Sizes that a trace tells only after an allocation's birth (GPU mappings, locks): a pass over the trace finds the last that is
 * known of each, so that the next pass can count it from its birth: peaks and size classes are wrong otherwise. A trace whose
 * sizes are all known at birth needs no second pass. 16 bytes an allocation, in an unlinked temporary file.
 */
#ifndef GPUALLOC_READER_SIZES_H
#define GPUALLOC_READER_SIZES_H

#include "reader/lives.h"

struct ga_sizes;
/* blob, blob_user: as in struct ga_lives_ops, may be null. 0 or -ENOMEM. */
int ga_sizes_create(struct ga_sizes **sizes, int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size),
                    void *blob_user);
/* Feed every call and event of a reader, in the order they come. 0 or a negative errno (of the temporary file, or -ENOMEM). */
int ga_sizes_call(struct ga_sizes *sizes, const struct ga_call *call);
int ga_sizes_event(struct ga_sizes *sizes, const struct ga_row *row, const void *record, int64_t ns);
/* How often a size was learnt or bettered after birth; 0: nothing would be different in a second pass. */
uint64_t ga_sizes_learnt(const struct ga_sizes *sizes);
/* As ga_lives_ops.known, for the next pass; user is the struct ga_sizes, null: nothing is known. */
int ga_sizes_known(void *user, uint64_t id, uint64_t *size, enum ga_size_origin *origin);
/* Null is fine. */
void ga_sizes_destroy(struct ga_sizes *sizes);

#endif
