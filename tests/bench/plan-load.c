/* What a plan costs: compiled from a trace, kept, and taken from the cache. Prints one JSON object. tests/bench/plan runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "replayer/plan_cache.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of the first calls' images and objects, so that what was mapped is seen to be there. */
static uint64_t touch(const struct replay_plan *plan)
{
    uint64_t sum = 0;
    for (uint32_t c = 0; c < plan->call_count && c < 1000; c++)
        sum += plan->calls[c].bytes + plan->images[plan->calls[c].image];
    return sum;
}

int main(int argc, char **argv)
{
    struct replay_plan_options options = {.order = REPLAY_ORDER_MEMORY};
    struct ga_error error = {""};
    struct replay_plan plan = {0};
    struct replay_cache cache;
    struct rusage usage;
    if (argc != 2) {
        fputs("Usage: bench-plan-load TRACE\n", stderr);
        return 2;
    }
    double begin = seconds();
    replay_cache_open(&cache, argv[1], &options);
    double key = seconds() - begin;
    begin = seconds();
    int found = replay_cache_load(&cache, &plan);
    double load = seconds() - begin;
    if (found < 0) {
        begin = seconds();
        if (replay_plan_load(&plan, argv[1], &options, false, &error) < 0) {
            ga_error_print("plan", &error);
            return 1;
        }
        load = seconds() - begin;
    }
    begin = seconds();
    uint64_t sum = touch(&plan);
    double touched = seconds() - begin;
    begin = seconds();
    replay_plan_populate(&plan);
    double populate = seconds() - begin;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"cached\": %s, \"calls\": %u, \"find_s\": %.6f, \"load_s\": %.6f, \"touch_s\": %.6f, \"populate_s\": %.6f, "
           "\"plan_bytes\": %zu, \"plan_bytes_a_call\": %.1f, \"peak_rss_bytes\": %ld, \"sum\": %ju}\n",
           found < 0 ? "false" : "true", plan.call_count, key, load, touched, populate, plan.mapping_size,
           (double)plan.mapping_size / plan.call_count, usage.ru_maxrss * 1024, (uintmax_t)sum);
    replay_plan_release(&plan);
    replay_cache_close(&cache);
    return 0;
}
