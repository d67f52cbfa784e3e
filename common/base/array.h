/* Arrays that grow. */
#ifndef GPUALLOC_BASE_ARRAY_H
#define GPUALLOC_BASE_ARRAY_H

#include <stddef.h>

/* Room for count entries of size bytes in *array (the address of a pointer to its first entry; null: none yet), of which *room says how
   many it has room for; at least doubled when it grows. 0 or -ENOMEM: then everything is as it was. */
int ga_array_room(void *array, size_t *room, size_t count, size_t size);

#endif
