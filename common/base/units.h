/* Numbers as people read them: bytes in binary units, times in ns, µs, ms or s. Returned by value. */
#ifndef GPUALLOC_BASE_UNITS_H
#define GPUALLOC_BASE_UNITS_H

#include <stdint.h>

struct ga_text {
    char text[32];
};

/* "64 MiB", "4.5 KiB", "0 B". */
struct ga_text ga_bytes(uint64_t bytes);
/* "1.72 µs", "12 ns", "3.4 s", "2.50 min", "3 h", "1105 d". */
struct ga_text ga_duration(double ns);
/* "1,234,567". */
struct ga_text ga_count(uint64_t count);

#endif
