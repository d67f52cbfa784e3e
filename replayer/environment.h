/*
 * The machine that a result was measured on, as far as it changes results: kernel and its debug options, clocks and power, memory,
 * the device's bus, and who else uses the GPU. Names and meanings: docs/compare.md.
 */
#ifndef GPUALLOC_REPLAYER_ENVIRONMENT_H
#define GPUALLOC_REPLAYER_ENVIRONMENT_H

#include <json-c/json.h>

/* {"kernel":…, "boot_id":…, "governor":…, …}; what the system does not say, or not to us, is null. node: the device's, or "".
   The caller puts it. */
struct json_object *replay_environment(const char *node);
/* The same of files below root ("" is the system itself), and of the device whose sysfs folder this is (may be null). */
struct json_object *replay_environment_at(const char *root, const char *device);

#endif
