/*
 * A spool: what a reader told, kept in an unlinked temporary file to be told again. For who needs a second pass over a trace that
 * comes only once, as from a babeltrace2 graph.
 */
#ifndef GPUALLOC_READER_SPOOL_H
#define GPUALLOC_READER_SPOOL_H

#include "reader/reader.h"

struct ga_spool;
/* 0, or a negative errno with its sentence. */
int ga_spool_create(struct ga_spool **spool, struct ga_error *error);
/* Keeps what a callback of struct ga_reader_ops was given. 0 or a negative errno (-ENOSPC: the file system is full). */
int ga_spool_call(struct ga_spool *spool, const struct ga_call *call);
int ga_spool_event(struct ga_spool *spool, const struct ga_row *row, const void *record, int64_t ns);
/* Tells all of it once, in the same order; nothing more can be kept then. The reader that told it must live. 0, a callback's negative
   errno, or that of reading the file. */
int ga_spool_run(struct ga_spool *spool, const struct ga_reader_ops *ops, void *user);
/* Null is fine. */
void ga_spool_destroy(struct ga_spool *spool);

#endif
