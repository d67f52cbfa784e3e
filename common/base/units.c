/* Numbers as people read them. */
#include "base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Three significant digits, and none after the point when there is nothing to say there. */
static struct ga_text scaled(double value, const char *unit)
{
    struct ga_text out;
    int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    if (fabs(value - round(value)) < 0.005)
        digits = 0;
    snprintf(out.text, sizeof out.text, "%.*f %s", digits, value, unit);
    return out;
}

struct ga_text ga_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 1023.95 && unit < 6) {
        value /= 1024;
        unit++;
    }
    return scaled(value, units[unit]);
}

struct ga_text ga_duration(double ns)
{
    static const char *const units[] = {"ns", "µs", "ms", "s"};
    unsigned unit = 0;
    while (ns >= 999.95 && unit < 3) {
        ns /= 1000;
        unit++;
    }
    return scaled(unit ? ns : floor(ns * 10 + 0.5) / 10, units[unit]);
}

struct ga_text ga_count(uint64_t count)
{
    struct ga_text out;
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count), o = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out.text[o++] = ',';
        out.text[o++] = digits[i];
    }
    out.text[o] = 0;
    return out;
}
