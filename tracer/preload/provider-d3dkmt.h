/* LTTng provider d3dkmt: a tracepoint for each row of the schema's d3dkmt events. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER d3dkmt

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "preload/provider-d3dkmt.h"

#if !defined(GPUALLOC_PROVIDER_D3DKMT_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define GPUALLOC_PROVIDER_D3DKMT_H

#include <lttng/tracepoint.h>

#include "schema/records.h"
#include "preload/provider-fields.h"

#define CALL(event, request, number, structure, effect, doc, ...)                                                           \
    LTTNG_UST_TRACEPOINT_EVENT(d3dkmt, event, LTTNG_UST_TP_ARGS(const struct ga_d3dkmt_##event *, r),                       \
        LTTNG_UST_TP_FIELDS(GA_TP_CALL_HEADER __VA_ARGS__))
#define ELEMENT(event, structure, doc, ...)                                                                                 \
    LTTNG_UST_TRACEPOINT_EVENT(d3dkmt, event, LTTNG_UST_TP_ARGS(const struct ga_d3dkmt_##event *, r),                       \
        LTTNG_UST_TP_FIELDS(GA_TP_ELEMENT_HEADER __VA_ARGS__))
#include "schema/d3dkmt.def"
#include "schema/undef.inc"

#endif

#include <lttng/tracepoint-event.h>
