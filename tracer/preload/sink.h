/* Where the preload library's events go: LTTng's tracepoints. */
#ifndef GPUALLOC_PRELOAD_SINK_H
#define GPUALLOC_PRELOAD_SINK_H

#include "preload/ops.h"

extern const struct capture_ops sink_lttng;

/* Takes LTTng's clock; once, after LTTng's constructor. */
void sink_init(void);
/* Has `tell` called on LTTng's own thread whenever a session starts or asks for the state again. */
void sink_rundown_register(void (*tell)(void));
void sink_rundown_unregister(void);

#endif
