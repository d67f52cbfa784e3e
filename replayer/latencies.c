/* Latencies in bounded memory: see latencies.h. */
#include "replayer/latencies.h"

#include <string.h>
#include <sys/mman.h>

void replay_latencies_merge(struct replay_latencies *latencies, const struct replay_latencies *other)
{
    if (!other->n)
        return;
    for (uint32_t step = replay_latency_step(other->min); step <= replay_latency_step(other->max); step++)
        latencies->counts[step] += other->counts[step];
    if (other->max > latencies->max)
        latencies->max = other->max;
    if (other->min < latencies->min || !latencies->n)
        latencies->min = other->min;
    latencies->n += other->n;
    latencies->sum += other->sum;
}

void replay_latencies_clear(struct replay_latencies *latencies)
{
    if (!latencies->n)
        return;
    uint32_t first = replay_latency_step(latencies->min), last = replay_latency_step(latencies->max);
    memset(latencies->counts + first, 0, (last - first + 1) * sizeof *latencies->counts);
    latencies->n = latencies->sum = latencies->max = latencies->min = 0;
}

/* The middle of a step's numbers. */
static double value_of(uint32_t step)
{
    uint32_t shift = step < 2u << REPLAY_LATENCY_BITS ? 0 : (step >> REPLAY_LATENCY_BITS) - 1;
    uint64_t low = (uint64_t)(step - (shift << REPLAY_LATENCY_BITS)) << shift;
    return (double)low + (double)((UINT64_C(1) << shift) - 1) / 2;
}

/* The number of that rank, from 0. */
static double ranked(const struct replay_latencies *latencies, uint64_t rank)
{
    uint32_t step = replay_latency_step(latencies->min), last = replay_latency_step(latencies->max);
    for (uint64_t seen = 0; step < last && (seen += latencies->counts[step]) <= rank;)
        step++;
    double value = value_of(step);
    value = value > (double)latencies->max ? (double)latencies->max : value;
    return value < (double)latencies->min ? (double)latencies->min : value;
}

double replay_latencies_quantile(const struct replay_latencies *latencies, double q)
{
    if (!latencies->n)
        return 0;
    double place = q * (double)(latencies->n - 1);
    uint64_t low = (uint64_t)place;
    double value = ranked(latencies, low);
    return low + 1 >= latencies->n ? (double)latencies->max
                                   : value + (place - (double)low) * (ranked(latencies, low + 1) - value);
}

static struct replay_latencies *create(uint32_t count, int sharing)
{
    size_t size = (count + 1u) * sizeof(struct replay_latencies);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

struct replay_latencies *replay_latencies_create(uint32_t count) { return create(count, MAP_PRIVATE); }

struct replay_latencies *replay_latencies_create_shared(uint32_t count) { return create(count, MAP_SHARED); }

void replay_latencies_warm(struct replay_latencies *latencies, uint64_t ns)
{
    for (uint32_t step = 0; step <= replay_latency_step(ns); step += 64) {
        volatile uint64_t *count = &latencies->counts[step];
        *count = *count;
    }
}

void replay_latencies_destroy(struct replay_latencies *latencies, uint32_t count)
{
    if (latencies)
        munmap(latencies, (count + 1u) * sizeof *latencies);
}
