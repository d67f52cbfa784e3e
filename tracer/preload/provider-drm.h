/* LTTng provider drm: a tracepoint for each row of the schema's drm events. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER drm

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "preload/provider-drm.h"

#if !defined(GPUALLOC_PROVIDER_DRM_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define GPUALLOC_PROVIDER_DRM_H

#include <lttng/tracepoint.h>

#include "schema/records.h"
#include "preload/provider-fields.h"

#define CALL(event, request, number, structure, effect, doc, ...)                                                           \
    LTTNG_UST_TRACEPOINT_EVENT(drm, event, LTTNG_UST_TP_ARGS(const struct ga_drm_##event *, r),                            \
        LTTNG_UST_TP_FIELDS(GA_TP_CALL_HEADER lttng_ust_field_integer_hex(uint64_t, file, r->header.file) \
            lttng_ust_field_integer_hex(uint64_t, device, r->header.device) __VA_ARGS__))
#define ELEMENT(event, structure, doc, ...)                                                                                 \
    LTTNG_UST_TRACEPOINT_EVENT(drm, event, LTTNG_UST_TP_ARGS(const struct ga_drm_##event *, r),                            \
        LTTNG_UST_TP_FIELDS(GA_TP_ELEMENT_HEADER __VA_ARGS__))
#include "schema/drm.def"
#include "schema/mapping.def"
#include "schema/drivers.inc"
#include "schema/undef.inc"

#endif

#include <lttng/tracepoint-event.h>
