/* The capture core's events as LTTng tracepoints: a table of states and a table of writers, both made from the schema. */
#include "preload/sink.h"

#include <dlfcn.h>
#include <lttng/ust-clock.h>
#include <time.h>

#include "preload/debug.h"
#include "preload/probe.h"
#include "preload/provider-d3dkmt.h"
#include "preload/provider-drm.h"
#include "preload/provider-gpualloc.h"
#include "schema/undef.inc"

#define STATE_(provider, event) &lttng_ust_tracepoint_##provider##___##event.state
#define STATE(provider, event) STATE_(provider, event)
#define WRITE_(provider, event, record) lttng_ust_do_tracepoint(provider, event, record)
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
#undef CALL
#undef ELEMENT
#undef EVENT

static const int *const states[GA_ROW_COUNT] = {
#define CALL(event, ...) [GA_JOIN(GA_ROW_, GA_PROVIDER, event)] = STATE(GA_PROVIDER, event),
#define ELEMENT CALL
#define EVENT CALL
#include "schema/all.inc"
};
#include "schema/undef.inc"

static bool enabled(enum ga_row_id row) { return __builtin_expect(CMM_LOAD_SHARED(*states[row]), 0); }

static void emit(enum ga_row_id row, const void *record) { writers[row](record); }

static uint64_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static lttng_ust_clock_read64_function clock_read = monotonic;

static uint64_t clock_ns(void) { return clock_read(); }

const struct capture_ops sink_lttng = {.enabled = enabled, .emit = emit, .clock = clock_ns, .probe = probe_device};

void sink_init(void)
{
    lttng_ust_clock_read64_function read;
    if (lttng_ust_trace_clock_get_read64_cb(&read) == 0 && read)
        clock_read = read;
}

/* The statedump tracepoint is LTTng's own; its signature must match to the letter, or LTTng says so on stderr in debug mode and
   calls nobody. Seen with LTTng-UST 2.13.5. */
#define STATEDUMP "lttng_ust_statedump", "start"
#define STATEDUMP_SIGNATURE "struct lttng_ust_session *, session"

static void (*rundown)(void);

static void statedump_started(void *data, void *session)
{
    (void)data;
    (void)session;
    rundown();
}

/* liblttng-ust-tracepoint's, which liblttng-ust brings along; linking lttng-ust alone does not reach them. */
typedef int register_function(const char *provider, const char *event, void (*function)(void), void *data, const char *signature);
typedef int unregister_function(const char *provider, const char *event, void (*function)(void), void *data);

void sink_rundown_register(void (*tell)(void))
{
    register_function *add = (register_function *)dlsym(RTLD_DEFAULT, "lttng_ust_tracepoint_provider_register");
    rundown = tell;
    int result = add ? add(STATEDUMP, (void (*)(void))statedump_started, NULL, STATEDUMP_SIGNATURE) : -1;
    if (result)
        debug_log("no rundown: lttng_ust_tracepoint_provider_register: error %d", result);
}

void sink_rundown_unregister(void)
{
    unregister_function *take = (unregister_function *)dlsym(RTLD_DEFAULT, "lttng_ust_tracepoint_provider_unregister");
    if (take)
        take(STATEDUMP, (void (*)(void))statedump_started, NULL);
}
