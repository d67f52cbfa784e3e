/*
 * emit-trace SCENARIO: sends a scenario's events through LTTng-UST with the tracer's own tracepoints. What LTTng writes of it
 * must be what make-trace writes.
 */
#include <stdio.h>

#include "preload/provider-d3dkmt.h"
#include "preload/provider-drm.h"
#include "preload/provider-gpualloc.h"
#include "schema/undef.inc"
#include "trace/scenario.h"

#define WRITE_(provider, event, record) lttng_ust_tracepoint(provider, event, record)
#define WRITE(provider, event, record) WRITE_(provider, event, record)
#define WRITER(event)                                                                                                       \
    static void GA_JOIN(write_, GA_PROVIDER, event)(const void *record) { WRITE(GA_PROVIDER, event, record); }

#define FLAG_NAMES(...)
#define CALL(event, ...) WRITER(event)
#define ELEMENT(event, ...) WRITER(event)
#define EVENT(event, ...) WRITER(event)
#include "schema/all.inc"
#undef CALL
#undef ELEMENT
#undef EVENT

static void (*const writers[GA_ROW_COUNT])(const void *record) = {
#define CALL(event, ...) [GA_JOIN(GA_ROW_, GA_PROVIDER, event)] = GA_JOIN(write_, GA_PROVIDER, event),
#define ELEMENT CALL
#define EVENT CALL
#include "schema/all.inc"
};
#include "schema/undef.inc"

static int send_event(void *user, unsigned cpu, uint64_t ticks, const struct ga_row *row, const void *record,
                      struct ga_error *error)
{
    (void)user, (void)cpu, (void)ticks, (void)error;
    writers[ga_row_id(row)](record);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct scenario_ops ops = {.event = send_event};
    struct ga_error error = {""};
    struct scenario *scenario;
    if (argc != 2) {
        fputs("Usage: emit-trace SCENARIO\n", stderr);
        return 2;
    }
    int result = scenario_create(&scenario, argv[1], &error);
    if (result >= 0)
        result = scenario_run(scenario, &ops, NULL, &error);
    if (result < 0) {
        fprintf(stderr, "emit-trace: %s\n", error.text);
        return 1;
    }
    scenario_destroy(scenario);
    return 0;
}
