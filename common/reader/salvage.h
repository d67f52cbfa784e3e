/*
 * Salvage: a trace whose stream files are cut off or damaged, made readable up to the damage.
 *
 * source.ctf.fs refuses a trace as a whole when one file's packets do not add up, and with some sizes and times in a packet's
 * header it aborts the program: files are looked through before it sees them. A salvage is a view of the trace in a temporary
 * folder: links to what is whole, and a copy of the readable front of what is not. It knows the packets of LTTng only.
 */
#ifndef GPUALLOC_READER_SALVAGE_H
#define GPUALLOC_READER_SALVAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct salvage;

/* Whether packets of LTTng's in these trace folders are cut off or have sizes that cannot be. */
bool salvage_needed(const char *const *folders, size_t count);
/* Looks through the stream files of trace folders. 0 when some are damaged and a view was made; -EINVAL when there is nothing
   to be salvaged: the damage is not in the packets, or they are none of LTTng's. */
int salvage_create(struct salvage **salvage, const char *const *folders, size_t count, struct ga_error *error);
/* As many folders as were given, in their order; the salvage's. */
const char *const *salvage_folders(const struct salvage *salvage);
/* What is wrong, in a line that names the first damaged file. */
const char *salvage_text(const struct salvage *salvage);
/* Takes the view away. Null is fine. */
void salvage_destroy(struct salvage *salvage);

#endif
