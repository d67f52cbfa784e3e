/*
 * What a trace tells of an allocation only after its birth: a size (by GPU mappings, a lock), a name. A pass over the trace finds the
 * last that is told of each, so that the next pass knows it from the birth on: peaks, size classes and sums by name would be wrong
 * otherwise. A trace that tells nothing later needs no second pass. 16 bytes an allocation, in an unlinked temporary file; each
 * distinct name once in memory.
 */
#ifndef GPUALLOC_READER_LEARNT_H
#define GPUALLOC_READER_LEARNT_H

#include "reader/lives.h"

enum { GA_LEARNT_NAMES = 1 << 18 }; /* distinct names, at most; further ones are passed over */

struct ga_learnt;
/* blob, blob_user: as in struct ga_lives_ops, may be null. 0 or -ENOMEM. */
int ga_learnt_create(struct ga_learnt **learnt, int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size),
                     void *blob_user);
/* Either feed every call and event of a reader, in the order they come; or let lives that somebody else feeds tell it: as `sized` and
   `named` of struct ga_lives_ops (user: the struct ga_learnt), which has no `known` then. 0 or a negative
   errno (of the temporary file, or -ENOMEM). */
int ga_learnt_call(struct ga_learnt *learnt, const struct ga_call *call);
int ga_learnt_event(struct ga_learnt *learnt, const struct ga_row *row, const void *record, int64_t ns);
int ga_learnt_sized(void *learnt, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before);
int ga_learnt_named(void *learnt, struct ga_life *life, const char *name);
/* How often something was learnt after a birth; 0: nothing would be different in a second pass. */
uint64_t ga_learnt_count(const struct ga_learnt *learnt);
/* As ga_lives_ops.known, for the next pass; user is the struct ga_learnt, null: nothing is known. Names are equal when their pointers
   are, and live as long as it. */
int ga_learnt_known(void *user, uint64_t id, struct ga_known *known);
/* Null is fine. */
void ga_learnt_destroy(struct ga_learnt *learnt);

#endif
