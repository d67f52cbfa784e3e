/* Arrays that grow. */
#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ga_array_room(void *array, size_t *room, size_t count, size_t size)
{
    if (count <= *room)
        return 0;
    size_t bigger = *room ? *room : 2;
    while (bigger < count || bigger == *room)
        if (__builtin_mul_overflow(bigger, 2, &bigger))
            return -ENOMEM;
    void *old, *memory;
    memcpy(&old, array, sizeof old);
    if (!(memory = reallocarray(old, bigger, size)))
        return -ENOMEM;
    memcpy(array, &memory, sizeof memory);
    *room = bigger;
    return 0;
}
