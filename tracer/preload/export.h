/* Marks a wrapper: everything else is hidden (-fvisibility=hidden), and the version script (trace.map) names the same symbols. */
#ifndef GPUALLOC_PRELOAD_EXPORT_H
#define GPUALLOC_PRELOAD_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
