/* The table of backends, generated from the files in backends/. */
#include "replayer/backend.h"

#include <errno.h>
#include <string.h>

#define BACKEND(name) extern const struct replay_backend replay_backend_##name;
#include "generated/backends.inc"
#undef BACKEND

const struct replay_backend *const replay_backends[] = {
#define BACKEND(name) &replay_backend_##name,
#include "generated/backends.inc"
#undef BACKEND
    NULL,
};

static const struct {
    const char *name, *placement;
} modes[] = {
    [REPLAY_VERBATIM] = {"verbatim", "as recorded"},
    [REPLAY_DUMB] = {"dumb", "the driver's place for dumb buffers"},
    [REPLAY_STANDARD] = {"standard", "system memory"},
    [REPLAY_NATIVE] = {"native", "the same class of memory where the device has it"},
};

void replay_ioctl_failed(const struct replay_backend *backend, const struct replay_ioctl *make, int result,
                         struct replay_outcome *outcome)
{
    while (result == -1 && (errno == EINTR || (backend->again && errno == EAGAIN)) && outcome->give_up &&
           !atomic_load(outcome->give_up))
        result = ioctl(make->fd, make->request, make->argument);
    outcome->ret = result;
    outcome->failed = result < 0;
    outcome->error = result != -1 ? 0 : backend->again && errno == EAGAIN ? EINTR : errno;
}

const char *replay_populate_name(enum replay_populate populate)
{
    static const char *const names[] = {
        [REPLAY_POPULATE_NONE] = "none", [REPLAY_POPULATE_TOUCH] = "touch", [REPLAY_POPULATE_SUBMIT] = "submit",
        [REPLAY_POPULATE_FAILED] = "failed"};
    return names[populate];
}

const char *replay_mode_name(enum replay_mode mode) { return modes[mode].name; }
const char *replay_mode_placement(enum replay_mode mode) { return modes[mode].placement; }

const struct replay_backend *replay_backend_find(const char *name)
{
    for (const struct replay_backend *const *backend = replay_backends; *backend; backend++)
        if (strcmp((*backend)->name, name) == 0)
            return *backend;
    return NULL;
}

const struct replay_backend *replay_backend_for_driver(const char *driver)
{
    for (const struct replay_backend *const *backend = replay_backends; *backend; backend++)
        for (const char *const *served = (*backend)->drivers; served && *served; served++)
            if (strcmp(*served, driver) == 0)
                return *backend;
    return *driver ? replay_backend_find("dumb") : NULL;
}

int replay_backend_check(const struct replay_backend *backend, struct ga_error *error)
{
    const char *missing = !backend->name ? "name" : !backend->summary ? "summary" : !backend->open ? "open"
                          : !backend->bind ? "bind" : !backend->issue ? "issue" : !backend->close ? "close" : NULL;
    if (!missing && !backend->populate != !backend->settle)
        missing = backend->populate ? "settle" : "populate";
    if (!missing && (!backend->clear != !backend->enter || (backend->enter && !backend->end)))
        missing = !backend->clear ? "clear" : !backend->enter ? "enter" : "end";
    if (!missing)
        return 0;
    return ga_error_set(error, EINVAL, "backend %s has no %s", backend->name ? backend->name : "(unnamed)", missing);
}
