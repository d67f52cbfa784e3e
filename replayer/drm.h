/*
 * DRM: what the backends of DRM drivers share. One open file description a recorded one, in the worker process that uses it; raw
 * requests through drmIoctl, closing the files frees what is left. A driver's backend is a table: REPLAY_DRM_BACKEND.
 */
#ifndef GPUALLOC_REPLAYER_DRM_H
#define GPUALLOC_REPLAYER_DRM_H

#include "replayer/requests.h"

/* Nodes of one device: a card node, a render node, or one for both where the system does not say. */
struct replay_drm_nodes {
    char card[64], render[64];
};

/* Which driver a node's is ("" and a negative errno when it is no DRM node or cannot be opened). version may be null. */
int replay_drm_identify(const char *node, char *driver, size_t driver_size, char *version, size_t version_size,
                        struct ga_error *error);
/* tests/fake says what it is in its version: no result from it is a hardware's. */
bool replay_drm_is_fake(const char *version);
/* A row's ioctl, of a structure of size bytes: both directions, as the kernel takes what it needs. */
unsigned long replay_drm_request(const struct ga_row *row, uint32_t size);
/* The offset for mmap of a buffer, by the dialect (null: of dumb buffers); *way: the way to map that is tried first, and then the
   one that the device took. 0 or a negative errno. */
int replay_drm_ask_offset(int fd, const struct replay_dialect *dialect, uint32_t handle, unsigned *way, uint64_t *offset);
/* The node and its sibling. */
void replay_drm_find_nodes(const char *node, struct replay_drm_nodes *nodes);

int replay_drm_open(struct replay_device **device, const struct replay_backend *self, const struct replay_target *target,
                    struct replay_identity *identity, struct ga_error *error);
int replay_drm_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                    struct ga_error *error);
int replay_drm_begin(struct replay_device *device, struct ga_error *error);
void replay_drm_clear(struct replay_device *device);
int replay_drm_enter(struct replay_device *device, const struct replay_crew *crew, struct ga_error *error);
enum replay_skip replay_drm_prepare(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                                    struct replay_ioctl *make);
void replay_drm_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome);
void replay_drm_finish(struct replay_device *device, uint32_t lane, const struct replay_call *call, const void *own,
                       struct replay_outcome *outcome);
enum replay_populate replay_drm_populate(struct replay_device *device, uint32_t lane, const struct replay_call *call);
void replay_drm_settle(struct replay_device *device, uint32_t lane);
void replay_drm_end(struct replay_device *device);
void replay_drm_close(struct replay_device *device);

#define REPLAY_DRM_BACKEND                                                                                                  \
    .again = true, .open = replay_drm_open, .bind = replay_drm_bind, .begin = replay_drm_begin, .clear = replay_drm_clear,  \
    .enter = replay_drm_enter, .prepare = replay_drm_prepare,                                                               \
    .issue = replay_drm_issue, .finish = replay_drm_finish, .populate = replay_drm_populate, .settle = replay_drm_settle,   \
    .end = replay_drm_end, .close = replay_drm_close

#endif
