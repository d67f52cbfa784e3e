/*
 * Allocations by who made them, threads or processes, with the calls that each made. An analysis of it is a const table of these
 * functions, whose state is a struct owners; owners_start_threads makes the threads the key, else processes are.
 */
#ifndef GPUALLOC_ANALYZER_OWNERS_H
#define GPUALLOC_ANALYZER_OWNERS_H

#include "groups.h"

struct owners {
    bool threads;
    struct groups groups; /* key: (process, thread), or (process, 0) */
    struct owner {
        uint64_t calls, failed, time_ns;
        uint32_t pid, tid;
        bool others; /* as the group's */
    } * list; /* by the group's number; zeros where it has made no call */
    size_t count, room;
};

int owners_start_threads(void *user, const struct analysis_source *source);
int owners_call(void *user, const struct ga_call *call);
int owners_born(void *user, const struct ga_life *life, const struct ga_call *call);
int owners_died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call);
int owners_range_begins(void *user, int64_t ns);
int owners_finish(void *user, const struct analysis_trace *trace);
void owners_text(const void *user, const struct analysis_output *out);
json_object *owners_json(const void *user);
void owners_release(void *user);

#endif
