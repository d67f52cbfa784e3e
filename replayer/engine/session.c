/* Sessions: a device opened for a plan, and bound to it. See engine.h. */
#include "replayer/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Files of a DRM device are apart from each other: one of ours frees nothing when it is closed, and needs no more. */
static int hold_open(const char *node)
{
    return strncmp(node, "/dev/dri/", 9) == 0 ? open(node, O_RDWR | O_CLOEXEC) : -1;
}

static int open_device(struct replay_session *session, const struct replay_target *target, struct ga_error *error)
{
    const struct replay_plan *plan = session->plan;
    session->opened++;
    int result = session->backend->open(&session->device, session->backend, target, &session->identity, error);
    if (result < 0)
        return result;
    if (session->node_fd < 0)
        session->node_fd = hold_open(session->identity.node);
    for (uint32_t c = 0; c < plan->call_count; c++)
        session->binding.skips[c] = plan->calls[c].skip;
    result = session->backend->bind(session->device, plan, &session->binding, error);
    if (result == 0)
        replay_plan_spread_skips(plan, session->binding.skips, session->binding.by_size);
    return result;
}

int replay_session_open(struct replay_session *session, const struct replay_backend *backend, const struct replay_target *target,
                        const struct replay_plan *plan, struct ga_error *error)
{
    *session = (struct replay_session){.backend = backend, .plan = plan, .settings.patience_ns = REPLAY_PATIENCE_NS, .node_fd = -1};
    int result = replay_backend_check(backend, error);
    if (result < 0)
        return result;
    if (target->populate && !backend->populate)
        return ga_error_set(error, ENOTSUP, "backend %s has no way to populate; leave --populate away", backend->name);
    session->populate = target->populate;
    struct replay_binding *binding = &session->binding;
    binding->skips = calloc(plan->call_count + 1u, sizeof *binding->skips);
    binding->translated = calloc(plan->call_count + 1u, sizeof *binding->translated);
    if (!binding->skips || !binding->translated || replay_kinds_init(&session->kinds, plan, session->populate) < 0)
        return ga_error_errno(error, ENOMEM, "replay");
    return open_device(session, target, error);
}

int replay_session_reopen(struct replay_session *session, const struct replay_target *target, struct ga_error *error)
{
    session->backend->close(session->device);
    session->device = NULL;
    session->identity = (struct replay_identity){0};
    struct replay_binding *binding = &session->binding;
    *binding = (struct replay_binding){.skips = binding->skips, .translated = binding->translated};
    memset(binding->translated, 0, session->plan->call_count * sizeof *binding->translated);
    return open_device(session, target, error);
}

void replay_session_close(struct replay_session *session)
{
    if (session->abandoned)
        return;
    if (session->backend)
        session->backend->close(session->device);
    if (session->backend && session->node_fd >= 0)
        close(session->node_fd);
    replay_kinds_release(&session->kinds);
    free(session->binding.skips);
    free(session->binding.translated);
    *session = (struct replay_session){0};
}
