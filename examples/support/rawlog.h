/*
 * A program's own log of the calls it makes: the raw bytes of each structure, and of what it points to, before and after the call.
 * Tests hold it against what was recorded, so it knows nothing of members: names, addresses and bytes only.
 * One JSON object a line and call:
 *   {"call":"D3DKMTCreateDevice","tid":7,"ret":0,"errno":0,"address":140…,"before":"hex","after":"hex",
 *    "memory":[{"what":"pPrivateDriverData","address":140…,"before":"hex","after":"hex"}]}
 */
#ifndef GPUALLOC_EXAMPLES_RAWLOG_H
#define GPUALLOC_EXAMPLES_RAWLOG_H

#include <stddef.h>

struct rawlog;
struct rawlog_call;

/* Opens a log; null and errno when it cannot. Calls of several threads may be logged at once. */
struct rawlog *rawlog_open(const char *path);
/* 0, or -1 and errno when something could not be written. Null is fine. */
int rawlog_close(struct rawlog *log);

/* Around one call, with log null: nothing is done and null is returned, which the others take. */
struct rawlog_call *rawlog_before(struct rawlog *log, const char *name, const void *structure, size_t size);
/* Bytes that the structure leads to. index -1: what is the name; otherwise name[index]. */
void rawlog_memory(struct rawlog_call *call, const char *what, int index, const void *address, size_t size);
/* Takes the bytes after the call, and writes the line. Keeps errno. */
void rawlog_after(struct rawlog_call *call, long ret, int error);

#endif
