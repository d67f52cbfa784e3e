/* A trace read for analyses. */
#include "run.h"

#include <errno.h>

static void set_range(struct analysis_run *run)
{
    int64_t first = ga_reader_totals(run->reader)->first_ns;
    if (!run->ranged && (run->from_ns > INT64_MIN || run->to_ns < INT64_MAX))
        analysis_set_range(run->set, run->from_ns > INT64_MIN ? first + run->from_ns : INT64_MIN,
                           run->to_ns < INT64_MAX ? first + run->to_ns : INT64_MAX);
    run->ranged = true;
}

static int on_call(void *user, const struct ga_call *call)
{
    struct analysis_run *run = user;
    set_range(run);
    return analysis_set_call(run->set, call);
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct analysis_run *run = user;
    set_range(run);
    return analysis_set_event(run->set, row, record, ns);
}

static int on_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct analysis_run *run = user;
    return ga_reader_blob(run->reader, hash, data, size);
}

static void pass_end(struct analysis_run *run)
{
    analysis_set_destroy(run->set);
    ga_reader_close(run->reader);
    run->set = NULL;
    run->reader = NULL;
    run->ranged = false;
}

/* Reads the trace through: 0, -EIO when it is damaged and could be read in part, other negative errnos when it could not. */
static int pass(struct analysis_run *run, const char *path, const struct analysis *const *analyses, size_t count,
                struct ga_error *error)
{
    static const struct ga_reader_ops ops = {.call = on_call, .event = on_event};
    int result = ga_reader_open(&run->reader, path, error);
    if (result < 0)
        return result;
    result = (run->learning ? analysis_set_create_learning : analysis_set_create)(&run->set, analyses, count, on_blob, run,
                                                                                  run->learnt);
    if (result < 0)
        return ga_error_errno(error, -result, "%s", path);
    result = ga_reader_run(run->reader, &ops, run, error);
    return result == -EIO && !ga_reader_totals(run->reader)->calls ? -EINVAL : result;
}

int analysis_run(struct analysis_run *run, const char *path, const struct analysis *const *analyses, size_t count,
                 struct ga_error *error)
{
    int result = ga_learnt_create(&run->learnt, on_blob, run);
    if (result < 0)
        return ga_error_errno(error, -result, "%s", path);
    run->learning = true;
    int read = pass(run, path, analyses, count, error);
    if ((!read || read == -EIO) && ga_learnt_count(run->learnt)) {
        pass_end(run);
        run->learning = false;
        read = pass(run, path, analyses, count, error);
    }
    if (read < 0 && read != -EIO)
        return read;
    run->trace = (struct analysis_trace){path, ga_reader_totals(run->reader), read < 0 ? error->text : NULL};
    result = analysis_set_finish(run->set, &run->trace);
    return result < 0 ? ga_error_errno(error, -result, "%s", path) : read;
}

void analysis_run_end(struct analysis_run *run)
{
    pass_end(run);
    ga_learnt_destroy(run->learnt);
    run->learnt = NULL;
}
