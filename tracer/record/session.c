/* A recording session through liblttng-ctl. Each step runs in a child process: the library waits without bound for a daemon. */
#include "record/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <lttng/lttng.h>

#include "launch/launch.h"

static const char channel_name[] = "gpualloc";

enum { START_SECONDS = 20, PENDING_SECONDS = 5, STOP_SECONDS = PENDING_SECONDS + 4 };

void record_session_name(struct record_session *session, const char *program)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char word[64];
    size_t used = 0;
    for (const char *at = program; *at && used < sizeof word - 1; at++)
        word[used++] = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *at) ? *at : '_';
    word[used] = 0;
    snprintf(session->name, sizeof session->name, RECORD_SESSION_PREFIX "%s-%d-%lld", word, (int)getpid(),
             (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static int lttng_failed(struct ga_error *error, int code, const char *what)
{
    return ga_error_set(error, EIO, "the session daemon cannot %s: %s", what, lttng_strerror(code < 0 ? code : -code));
}

/* LTTng 2.15 writes CTF 2 unless told otherwise, and our reader is promised CTF 1.8. */
static int create(const struct record_session *session, struct ga_error *error)
{
    struct lttng_session_descriptor *descriptor = lttng_session_descriptor_local_create(session->name, session->output);
    if (!descriptor)
        return ga_error_set(error, EINVAL, "the session daemon cannot write to %s", session->output);
#ifdef GA_LTTNG_HAS_TRACE_FORMAT
    lttng_session_descriptor_set_trace_format(descriptor, LTTNG_TRACE_FORMAT_CTF_1_8);
#endif
    enum lttng_error_code code = lttng_create_session_ext(descriptor);
    lttng_session_descriptor_destroy(descriptor);
    return code == LTTNG_OK ? 0 : lttng_failed(error, (int)code, "make a session");
}

static int enable_channel(struct lttng_handle *handle, struct lttng_domain *domain, const struct record_session *session,
                          struct ga_error *error)
{
    struct lttng_channel *channel = lttng_channel_create(domain);
    if (!channel)
        return ga_error_errno(error, ENOMEM, "channel");
    snprintf(channel->name, sizeof channel->name, "%s", channel_name);
    channel->attr.overwrite = 0;
    channel->attr.subbuf_size = session->buffers.subbuf_size;
    channel->attr.num_subbuf = session->buffers.subbufs;
    int code = 0;
    if (session->lossless)
        code = lttng_channel_set_blocking_timeout(channel, -1);
    if (code >= 0)
        code = lttng_enable_channel(handle, channel);
    lttng_channel_destroy(channel);
    return code >= 0 ? 0 : lttng_failed(error, code, "make a channel");
}

static int enable_event(struct lttng_handle *handle, const char *name, struct ga_error *error)
{
    struct lttng_event *event = lttng_event_create();
    if (!event)
        return ga_error_errno(error, ENOMEM, "event");
    event->type = LTTNG_EVENT_TRACEPOINT;
    event->loglevel_type = LTTNG_EVENT_LOGLEVEL_ALL;
    snprintf(event->name, sizeof event->name, "%s", name);
    int code = lttng_enable_event(handle, event, channel_name);
    lttng_event_destroy(event);
    if (code >= 0)
        return 0;
    lttng_failed(error, code, "enable");
    return ga_error_prefix(error, -EIO, "event %s", name);
}

static int fill(const struct record_session *session, struct ga_error *error)
{
    struct lttng_domain domain = {.type = LTTNG_DOMAIN_UST, .buf_type = LTTNG_BUFFER_PER_UID};
    struct lttng_handle *handle = lttng_create_handle(session->name, &domain);
    if (!handle)
        return ga_error_errno(error, ENOMEM, "session handle");
    int result = enable_channel(handle, &domain, session, error);
    for (size_t i = 0; !result && i < session->events.count; i++)
        result = enable_event(handle, session->events.names[i], error);
    lttng_destroy_handle(handle);
    if (result)
        return result;
    int code = lttng_start_tracing(session->name);
    return code >= 0 ? 0 : lttng_failed(error, code, "start the session");
}

static int start(void *arg, struct ga_error *error)
{
    const struct record_session *session = arg;
    int result = create(session, error);
    if (!result && (result = fill(session, error)) != 0)
        lttng_destroy_session_no_wait(session->name);
    return result;
}

int record_session_start(const struct record_session *session, struct ga_error *error)
{
    return ga_launch_bounded(start, (void *)session, START_SECONDS, "session daemon: start of the session", error);
}

/* Waits for the consumer to write out what the buffers hold. `lttng destroy` waits for it without bound, and that takes minutes
   when a traced process was killed at a bad moment. */
static bool data_arrived(const char *name)
{
    int waited_ms = 0;
    for (int step = 1; waited_ms < PENDING_SECONDS * 1000; waited_ms += step, step = step < 50 ? 2 * step : 50) {
        if (lttng_data_pending(name) <= 0)
            return true;
        poll(NULL, 0, step);
    }
    return false;
}

static int stop(void *arg, struct ga_error *error)
{
    const struct record_session *session = arg;
    int code = lttng_stop_tracing_no_wait(session->name), result = 0;
    if (code < 0 && code != -LTTNG_ERR_TRACE_ALREADY_STOPPED)
        result = lttng_failed(error, code, "stop the session");
    else if (!data_arrived(session->name))
        result = ga_error_set(error, ETIMEDOUT, "the session daemon did not write all data within %d s: the trace may miss its end",
                              PENDING_SECONDS);
    code = lttng_destroy_session_no_wait(session->name);
    return code < 0 && !result ? lttng_failed(error, code, "destroy the session") : result;
}

int record_session_stop(const struct record_session *session, struct ga_error *error)
{
    return ga_launch_bounded(stop, (void *)session, STOP_SECONDS, "session daemon: end of the session", error);
}
