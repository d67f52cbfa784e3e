/* The tracepoints of provider gpualloc. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "preload/provider-gpualloc.h"
