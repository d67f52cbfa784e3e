/* Sets of numbers below a limit that know their highest member: a bitmap with summaries of it above, each 64 times smaller. */
#ifndef GPUALLOC_REPLAYER_SIM_BITS_H
#define GPUALLOC_REPLAYER_SIM_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_BITS_NONE UINT64_MAX
enum { SIM_BITS_LEVELS = 8 };

struct sim_bits {
    uint64_t *levels[SIM_BITS_LEVELS]; /* [0]: a bit a number; above: a bit a word that is not 0 */
    unsigned level_count;
};

/* An empty set of numbers below count. 0 or -ENOMEM; release it in either case. A set of zeros has no room. */
int sim_bits_init(struct sim_bits *bits, uint64_t count);
void sim_bits_release(struct sim_bits *bits);
bool sim_bits_test(const struct sim_bits *bits, uint64_t number);
void sim_bits_set(struct sim_bits *bits, uint64_t number);
void sim_bits_clear(struct sim_bits *bits, uint64_t number);
/* SIM_BITS_NONE when the set is empty. */
uint64_t sim_bits_highest(const struct sim_bits *bits);

#endif
