/* Backend null: issues nothing and answers as recorded. It measures the engine itself, and tests it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "replayer/backend.h"

struct replay_device {
    char nothing;
};

static int null_open(struct replay_device **device, const struct replay_backend *self, const struct replay_target *target,
                     struct replay_identity *identity, struct ga_error *error)
{
    (void)self, (void)target;
    *device = calloc(1, sizeof **device);
    if (!*device)
        return ga_error_errno(error, ENOMEM, "null");
    identity->software = true;
    snprintf(identity->driver, sizeof identity->driver, "null");
    return 0;
}

static int null_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                     struct ga_error *error)
{
    (void)device, (void)plan, (void)binding, (void)error;
    return 0;
}

static void null_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                       struct replay_outcome *outcome)
{
    (void)device, (void)lane;
    *outcome = (struct replay_outcome){.ret = call->ret, .error = call->error, .failed = call->failed};
}

static void null_close(struct replay_device *device) { free(device); }

const struct replay_backend replay_backend_null = {
    .name = "null",
    .summary = "no device: answers as recorded, measures the replayer itself",
    .open = null_open,
    .bind = null_bind,
    .issue = null_issue,
    .close = null_close,
};
