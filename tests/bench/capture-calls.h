/* The bare LTTng event that tests/bench/capture compares with: a number and a sequence of words, as gpualloc:blob has them. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER gpualloc_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "capture-calls.h"

#if !defined(GPUALLOC_BENCH_CAPTURE_CALLS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define GPUALLOC_BENCH_CAPTURE_CALLS_H

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(gpualloc_bench, event, LTTNG_UST_TP_ARGS(uint64_t, number, const uint64_t *, words, uint32_t, count),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, number, number)
        lttng_ust_field_sequence_hex(uint64_t, words, words, uint32_t, count)))

#endif

#include <lttng/tracepoint-event.h>
