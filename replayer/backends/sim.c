/*
 * Backend sim: a model of a device's memory, for questions before there is a device: what would it hold, evict, cost?
 *
 * It does not go through the engine. An engine runs lanes at once and takes the clock's word for what a call cost; here there is no
 * call, a cost is a sum from a table, and what is evicted depends on which call came first. So the model takes the whole plan, in the
 * recorded order and in one thread, and its answer is the same every time. Its result has no runs, and compare refuses it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/verb.h"
#include "replayer/backend.h"
#include "replayer/result.h"
#include "replayer/sim/report.h"

#define VRAM_USUAL (UINT64_C(8) << 30)

static int sim_open(struct replay_device **device, const struct replay_backend *self, const struct replay_target *target,
                    struct replay_identity *identity, struct ga_error *error)
{
    (void)device, (void)target, (void)identity;
    return ga_error_set(error, ENODEV, "%s is a model and no device: only 'gpualloc replay --backend sim' works with it", self->name);
}

static int sim_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                    struct ga_error *error)
{
    (void)device, (void)plan, (void)binding;
    return ga_error_set(error, ENODEV, "sim is no device");
}

static void sim_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    (void)device, (void)lane, (void)call;
    *outcome = (struct replay_outcome){.ret = -1, .error = ENODEV, .failed = true};
}

static void sim_close(struct replay_device *device) { (void)device; }

static void say_trial(void *user, uint64_t size, bool sufficed)
{
    (void)user;
    fprintf(stderr, "gpualloc replay: with %s of device memory %s\n", ga_bytes(size).text,
            sufficed ? "nothing is evicted" : "something is");
}

static int write_report(const struct sim_report *report, const char *json, struct ga_error *error)
{
    int result = 0;
    if (json) {
        char *text = sim_report_json(report);
        result = text ? replay_write_file(json, text, error) : ga_error_errno(error, ENOMEM, "%s", json);
        free(text);
    }
    if (result == 0 && !(json && strcmp(json, "-") == 0))
        sim_report_print(report, stdout);
    return result;
}

static int sim_model(const struct replay_plan *plan, const struct replay_question *question, struct ga_error *error)
{
    struct sim_options options = {.vram = question->vram ? *question->vram : VRAM_USUAL, .gtt = question->gtt,
                                  .costs = sim_costs_usual};
    struct sim_search search = {.tried = question->verbose ? say_trial : NULL};
    struct sim_script script;
    struct sim_outcome outcome;
    while (question->allocator && strcmp(sim_allocator_names[options.allocator], question->allocator) != 0)
        options.allocator++;
    int result = sim_script_build(&script, plan, error);
    if (result == 0 && question->search)
        result = sim_find_vram(&script, &options, &search, error);
    if (result == 0 && question->search)
        options.vram = search.size;
    if (result == 0)
        result = sim_run(&script, &options, &outcome, error);
    struct sim_report report = {.trace = question->trace, .plan = plan, .script = &script, .options = &options, .outcome = &outcome,
                                .search = question->search ? &search : NULL};
    if (result == 0)
        result = write_report(&report, question->json, error);
    sim_script_release(&script);
    return result;
}

const struct replay_backend replay_backend_sim = {
    .name = "sim",
    .summary = "no device: a model of one's memory, of any size; computes, measures nothing",
    .open = sim_open,
    .bind = sim_bind,
    .issue = sim_issue,
    .close = sim_close,
    .model = sim_model,
};
