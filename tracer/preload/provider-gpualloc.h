/* LTTng provider gpualloc: a tracepoint for each row of the schema's gpualloc events. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER gpualloc

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "preload/provider-gpualloc.h"

#if !defined(GPUALLOC_PROVIDER_GPUALLOC_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define GPUALLOC_PROVIDER_GPUALLOC_H

#include <lttng/tracepoint.h>

#include "schema/records.h"
#include "preload/provider-fields.h"

#define EVENT(event, doc, ...)                                                                                              \
    LTTNG_UST_TRACEPOINT_EVENT(gpualloc, event, LTTNG_UST_TP_ARGS(const struct ga_gpualloc_##event *, r),                   \
        LTTNG_UST_TP_FIELDS(__VA_ARGS__))
#include "schema/gpualloc.def"
#include "schema/undef.inc"

#endif

#include <lttng/tracepoint-event.h>
