/* Sets of numbers: see bits.h. */
#include "replayer/sim/bits.h"

#include <errno.h>
#include <stdlib.h>

int sim_bits_init(struct sim_bits *bits, uint64_t count)
{
    *bits = (struct sim_bits){0};
    uint64_t words = count;
    do {
        words = words / 64 + (words % 64 != 0);
        uint64_t *level = calloc(words ? words : 1, sizeof *level);
        if (!level)
            return -ENOMEM;
        bits->levels[bits->level_count++] = level;
    } while (words > 1 && bits->level_count < SIM_BITS_LEVELS);
    return words > 1 ? -ENOMEM : 0;
}

void sim_bits_release(struct sim_bits *bits)
{
    for (unsigned level = 0; level < bits->level_count; level++)
        free(bits->levels[level]);
    *bits = (struct sim_bits){0};
}

bool sim_bits_test(const struct sim_bits *bits, uint64_t number)
{
    return bits->levels[0][number / 64] >> number % 64 & 1;
}

void sim_bits_set(struct sim_bits *bits, uint64_t number)
{
    for (unsigned level = 0; level < bits->level_count; level++, number /= 64)
        bits->levels[level][number / 64] |= UINT64_C(1) << number % 64;
}

void sim_bits_clear(struct sim_bits *bits, uint64_t number)
{
    for (unsigned level = 0; level < bits->level_count; level++, number /= 64) {
        bits->levels[level][number / 64] &= ~(UINT64_C(1) << number % 64);
        if (bits->levels[level][number / 64])
            break;
    }
}

uint64_t sim_bits_highest(const struct sim_bits *bits)
{
    if (!bits->level_count || !bits->levels[bits->level_count - 1][0])
        return SIM_BITS_NONE;
    uint64_t word = 0;
    for (unsigned level = bits->level_count; level-- > 0;)
        word = word * 64 + 63 - (unsigned)__builtin_clzll(bits->levels[level][word]);
    return word;
}
