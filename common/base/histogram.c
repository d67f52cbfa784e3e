/* A histogram of whole numbers for percentiles. */
#include "base/histogram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum {
    OCTAVE_BITS = 6,
    OCTAVE = 1 << OCTAVE_BITS,       /* steps of one */
    OCTAVES = 64 - OCTAVE_BITS + 1,
    MANY = 64                        /* steps, from which on it pays to know where octaves begin */
};

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

/* Where a step is, or where it would have to be put in. Of an octave that is full, or empty, the first look is right. */
static size_t place_of(const struct ga_histogram *histogram, uint32_t step)
{
    size_t low = 0, high = histogram->used;
    if (histogram->octaves) {
        low = histogram->octaves[step / OCTAVE];
        high = histogram->octaves[step / OCTAVE + 1];
        size_t guess = low + step % OCTAVE * (high - low) / OCTAVE;
        if (guess < high && histogram->steps[guess].step == step)
            return guess;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (histogram->steps[middle].step < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int find_octaves(struct ga_histogram *histogram)
{
    histogram->octaves = calloc(OCTAVES + 1, sizeof *histogram->octaves);
    if (!histogram->octaves)
        return -ENOMEM;
    for (size_t i = 0; i < histogram->used; i++)
        for (uint32_t octave = histogram->steps[i].step / OCTAVE + 1; octave <= OCTAVES; octave++)
            histogram->octaves[octave]++;
    return 0;
}

/* The step's place, made when it is new; null when memory is short. */
static struct ga_histogram_step *step_get(struct ga_histogram *histogram, uint32_t step, uint64_t value)
{
    size_t place = place_of(histogram, step);
    if (place < histogram->used && histogram->steps[place].step == step)
        return &histogram->steps[place];
    if (ga_array_room(&histogram->steps, &histogram->room, histogram->used + 1, sizeof *histogram->steps) < 0 ||
        (histogram->used == MANY && find_octaves(histogram) < 0))
        return NULL;
    struct ga_histogram_step *gap = &histogram->steps[place];
    memmove(gap + 1, gap, (histogram->used++ - place) * sizeof *gap);
    *gap = (struct ga_histogram_step){.step = step, .min = value, .max = value};
    for (uint32_t octave = step / OCTAVE + 1; histogram->octaves && octave <= OCTAVES; octave++)
        histogram->octaves[octave]++;
    return gap;
}

int ga_histogram_add(struct ga_histogram *histogram, uint64_t value)
{
    return ga_histogram_merge(histogram, &(struct ga_histogram){
        .count = 1, .min = value, .max = value, .sum = (double)value, .used = 1,
        .steps = &(struct ga_histogram_step){.step = step_of(value), .count = 1, .min = value, .max = value}});
}

int ga_histogram_merge(struct ga_histogram *histogram, const struct ga_histogram *other)
{
    for (size_t i = 0; i < other->used; i++) {
        const struct ga_histogram_step *from = &other->steps[i];
        struct ga_histogram_step *at = step_get(histogram, from->step, from->min);
        if (!at)
            return -ENOMEM;
        at->count += from->count;
        at->min = from->min < at->min ? from->min : at->min;
        at->max = from->max > at->max ? from->max : at->max;
    }
    if (other->count && (!histogram->count || other->min < histogram->min))
        histogram->min = other->min;
    if (other->max > histogram->max)
        histogram->max = other->max;
    histogram->sum += other->sum;
    histogram->count += other->count;
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
    free(histogram->octaves);
    *histogram = (struct ga_histogram){0};
}
