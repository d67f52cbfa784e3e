/*
 * The CPU's mappings of buffers in a run: mmap of what the recorded call mapped, with its length, protection and flags, wherever the
 * kernel puts it; munmap and mremap of the same part. Each lane's calls as everywhere; what is left is unmapped after the run.
 */
#ifndef GPUALLOC_REPLAYER_MAPPED_H
#define GPUALLOC_REPLAYER_MAPPED_H

#include "replayer/requests.h"

/* Makes the lane's scratch memory the call's arguments; fd and offset: of the device's buffer, for an mmap that names one. */
enum replay_skip replay_mapped_prepare(struct replay_requests *requests, uint32_t lane, const struct replay_call *call, int fd,
                                       uint64_t offset);
void replay_mapped_issue(struct replay_requests *requests, uint32_t lane, const struct replay_call *call,
                         struct replay_outcome *outcome);
void replay_mapped_finish(struct replay_requests *requests, uint32_t lane, const struct replay_call *call,
                          const struct replay_outcome *outcome);
/* After a run. No lane runs. */
void replay_mapped_end(struct replay_requests *requests);

#endif
