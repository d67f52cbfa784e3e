/* The tracer's own failures, for its developers: lines in the file that GPUALLOC_DEBUG names. Nothing without it. */
#ifndef GPUALLOC_PRELOAD_DEBUG_H
#define GPUALLOC_PRELOAD_DEBUG_H

/* Reads the environment; call once. */
void debug_init(void);
/* Appends "gpualloc-trace[PID]: message". Keeps errno; async-signal-safe but for the formatting of floating point. The file is
   opened for each line, so that no descriptor of ours is in the program's way. */
void debug_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
