/* Devices: what is there to replay on, and which suits a trace. */
#ifndef GPUALLOC_REPLAYER_DEVICES_H
#define GPUALLOC_REPLAYER_DEVICES_H

#include "replayer/backend.h"

enum { REPLAY_DEVICES_MAX = 256, REPLAY_ADAPTERS_MAX = 16 };

struct replay_node {
    char node[64], driver[32], version[64];
    bool software;
    struct ga_error error; /* why it cannot be used; empty when it can */
    char adapters[REPLAY_ADAPTERS_MAX][64]; /* of /dev/dxg: what each says of itself */
    uint32_t adapter_count;
};

struct replay_nodes {
    struct replay_node *list; /* /dev/dxg first, then DRM nodes by name */
    uint32_t count;
};

/* Looks at every node; asks /dev/dxg for its adapters too. */
int replay_nodes_find(struct replay_nodes *nodes, struct ga_error *error);
void replay_nodes_release(struct replay_nodes *nodes);

struct replay_choice {
    const struct replay_backend *backend;
    struct replay_target target; /* its node is node, or null */
    char node[64];
};

/* The backend and device for a plan: what the user named (each may be null), else what suits. softgpu: it is loaded. */
int replay_choose(const struct replay_plan *plan, const char *node, const char *backend, bool softgpu, struct replay_choice *choice,
                  struct ga_error *error);

/* Of an open descriptor of /dev/dxg: whether software answers. */
bool replay_dxg_is_software(int fd);

#endif
