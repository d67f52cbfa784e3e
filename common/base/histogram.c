/* A histogram of whole numbers for percentiles. */
#include "base/histogram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum { OCTAVE_BITS = 6, OCTAVE = 1 << OCTAVE_BITS };

static unsigned octave_shift(uint64_t value)
{
    return value < OCTAVE ? 0 : 63u - (unsigned)__builtin_clzll(value) - OCTAVE_BITS;
}

/* Numbers below 64 are their own step; then come 64 steps for each further octave. */
static uint32_t step_of(uint64_t value)
{
    unsigned shift = octave_shift(value);
    return value < OCTAVE ? (uint32_t)value : OCTAVE * (shift + 1) + (uint32_t)(value >> shift) - OCTAVE;
}

/* Where a step is, or where it would have to be put in. */
static size_t place_of(const struct ga_histogram *histogram, uint32_t step)
{
    size_t low = 0, high = histogram->used;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (histogram->steps[middle].step < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int ga_histogram_add(struct ga_histogram *histogram, uint64_t value)
{
    uint32_t step = step_of(value);
    size_t place = place_of(histogram, step);
    if (place == histogram->used || histogram->steps[place].step != step) {
        if (ga_array_room(&histogram->steps, &histogram->room, histogram->used + 1, sizeof *histogram->steps) < 0)
            return -ENOMEM;
        struct ga_histogram_step *gap = &histogram->steps[place];
        memmove(gap + 1, gap, (histogram->used++ - place) * sizeof *gap);
        *gap = (struct ga_histogram_step){step, 0, value, value};
    }
    struct ga_histogram_step *at = &histogram->steps[place];
    at->count++;
    at->min = value < at->min ? value : at->min;
    at->max = value > at->max ? value : at->max;
    if (!histogram->count || value < histogram->min)
        histogram->min = value;
    if (value > histogram->max)
        histogram->max = value;
    histogram->sum += (double)value;
    histogram->count++;
    return 0;
}

uint64_t ga_histogram_percentile(const struct ga_histogram *histogram, unsigned permille)
{
    uint64_t rank = (uint64_t)(((unsigned __int128)histogram->count * permille + 999) / 1000), seen = 0;
    if (rank >= histogram->count)
        return histogram->max;
    size_t i = 0;
    while ((seen += histogram->steps[i].count) < rank)
        i++;
    const struct ga_histogram_step *step = &histogram->steps[i];
    return step->min + (step->max - step->min) / 2;
}

void ga_histogram_release(struct ga_histogram *histogram)
{
    free(histogram->steps);
    *histogram = (struct ga_histogram){0};
}
