/* Names of what calls fail with. */
#ifndef GPUALLOC_ANALYZER_STATUS_H
#define GPUALLOC_ANALYZER_STATUS_H

#include "reader/reader.h"

/* What a failed call failed with: the NTSTATUS of d3dkmt, the errno of others. */
uint32_t status_of(const struct ga_call *call);
/* "STATUS_NO_MEMORY", "ENOMEM"; null when it has no name here. */
const char *status_name(const struct ga_row *row, uint32_t code);

#endif
