/* The issue log: see issue_log.h. */
#include "replayer/issue_log.h"

#include <errno.h>
#include <inttypes.h>

static void write_call(FILE *out, const struct replay_plan *plan, const struct replay_call *call, const struct replay_sample *sample,
                       uint32_t number)
{
    const struct replay_lane *lane = &plan->lanes[call->lane];
    fprintf(out, "{\"run\":%u,\"process\":\"%016" PRIx64 "\",\"thread\":%u,\"call\":%" PRIu64, number, lane->process, lane->thread,
            call->row == REPLAY_NO_ROW ? 0 : call->call);
    if (call->row == REPLAY_NO_ROW)
        fprintf(out, ",\"file\":\"%016" PRIx64 "\"", plan->objects[plan->files[call->file].object].recorded);
    int64_t end = sample->begin_ns + (int64_t)sample->latency_ns;
    fprintf(out, ",\"begin_ns\":%" PRId64 ",\"end_ns\":%" PRId64, sample->skip ? 0 : sample->begin_ns, sample->skip ? 0 : end);
    if (sample->skip)
        fprintf(out, ",\"skip\":\"%s\"}\n", replay_skip_name((enum replay_skip)sample->skip));
    else
        fputs(",\"skip\":null}\n", out);
}

int replay_issue_log_write(FILE *out, const struct replay_run *run, uint32_t number, struct ga_error *error)
{
    const struct replay_plan *plan = run->session->plan;
    for (uint32_t c = 0; c < plan->call_count && !ferror(out); c++)
        write_call(out, plan, &plan->calls[c], &run->samples[c], number);
    errno = 0;
    return fflush(out) != 0 || ferror(out) ? ga_error_errno(error, errno ? errno : EIO, "--issue-log") : 0;
}
