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
    static const struct {
        const char *name;
        double limit, next; /* from limit on the next is used, of so many */
    } units[] = {{"ns", 999.95, 1000}, {"µs", 999.95, 1000}, {"ms", 999.95, 1000}, {"s", 120, 60}, {"min", 120, 60}, {"h", 48, 24},
                 {"d", INFINITY, 1}};
    unsigned unit = 0;
    for (; ns >= units[unit].limit; unit++)
        ns /= units[unit].next;
    return scaled(unit ? ns : floor(ns * 10 + 0.5) / 10, units[unit].name);
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
