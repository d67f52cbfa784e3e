/* The machine that a result was measured on, as far as it changes results. */
#ifndef GPUALLOC_REPLAYER_ENVIRONMENT_H
#define GPUALLOC_REPLAYER_ENVIRONMENT_H

#include <json-c/json.h>

/* {"kernel":…, "boot_id":…, "governor":…, …}; what the system does not say is null. The caller puts it. */
struct json_object *replay_environment(void);

#endif
