/*
 * Worker processes: where the recording is of several processes, each is a process again, so that what the kernel keeps by process
 * (open files, handle tables, the address space and its lock) is apart as it was. They are forked for each pass, and leave with all
 * that they made; lanes, waits, figures and the order to stop are in memory that they share. Recorded processes of which one used an
 * open file of the other's, inherited over fork, are one worker: its handles are of both.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_WORKERS_H
#define GPUALLOC_REPLAYER_ENGINE_WORKERS_H

#include "replayer/engine/state.h"

/* A worker a recorded process; their lanes go to the gate. After a failure none is left. */
int engine_start_workers(struct engine *run, struct ga_error *error);
/* False when one of them has ended, or could not begin: the run is halted. True without workers. */
bool engine_workers_live(struct engine *run);
/* Sends them home and waits; those that are lost or hung are killed. A negative errno: one could not begin. */
int engine_end_workers(struct engine *run, bool alive, struct ga_error *error);

#endif
