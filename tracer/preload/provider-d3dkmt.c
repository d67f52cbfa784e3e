/* The tracepoints of provider d3dkmt. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "preload/provider-d3dkmt.h"
