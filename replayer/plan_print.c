/* Plans for people and for programs: see plan_outline.h. The JSON is described in docs/plan.md. */
#include "replayer/plan_outline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <json.h>

#include "base/units.h"
#include "replayer/result.h"

enum { LANES_SHOWN = 24 };

static void print_lanes(const struct replay_outline *s, FILE *out)
{
    const struct replay_plan *plan = s->plan;
    fprintf(out, "\n  lane  process           thread      tid       calls    untimed     issued  waits for others\n");
    for (uint32_t l = 0; l < plan->lane_count && l < LANES_SHOWN; l++) {
        const struct replay_lane *lane = &plan->lanes[l];
        fprintf(out, "%6u  %016" PRIx64 "%8u%9u%12s%11s%11s", l, lane->process, lane->thread, lane->tid, ga_count(lane->count).text,
                ga_count(lane->prologue).text, ga_count(s->lanes[l].issued).text);
        const char *between = "  ";
        for (int w = 0; w < REPLAY_WAIT_REASONS; w++)
            if (s->lanes[l].waits[w]) {
                fprintf(out, "%s%s %s", between, ga_count(s->lanes[l].waits[w]).text, replay_wait_name((enum replay_wait)w));
                between = ", ";
            }
        fputc('\n', out);
    }
    if (plan->lane_count > LANES_SHOWN)
        fprintf(out, "        and %u more\n", plan->lane_count - LANES_SHOWN);
}

static void print_waits(const struct replay_outline *s, FILE *out)
{
    fprintf(out, "\n%s waits between threads\n", ga_count(s->plan->dependency_count).text);
    for (int w = 0; w < REPLAY_WAIT_REASONS; w++)
        if (s->waits[w])
            fprintf(out, "%11s  %-10s %s\n", ga_count(s->waits[w]).text, replay_wait_name((enum replay_wait)w),
                    replay_wait_text((enum replay_wait)w));
    if (s->fences)
        fprintf(out, "and %s for the fence of a paging call, in the same thread or another\n", ga_count(s->fences).text);
}

static const char *name_of_kind(int row) { return row == GA_ROW_COUNT ? "close" : ga_rows[row].event; }

static enum replay_class class_of_kind(int row) { return replay_class_of(row == GA_ROW_COUNT ? NULL : &ga_rows[row]); }

static void print_kinds(const struct replay_outline *s, FILE *out)
{
    fprintf(out, "\n%-44s%-9s%11s%12s%12s%12s\n", "  call", "class", "calls", "issued", "translated", "bytes made");
    for (int row = 0; row <= GA_ROW_COUNT; row++) {
        const struct replay_outline_kind *kind = &s->kinds[row];
        if (kind->calls)
            fprintf(out, "  %-42s%-9s%11s%12s%12s%12s\n", name_of_kind(row), replay_class_names[class_of_kind(row)],
                    ga_count(kind->calls).text, ga_count(kind->issued).text, ga_count(kind->translated).text,
                    kind->bytes ? ga_bytes(kind->bytes).text : "-");
    }
    for (int skip = 1; skip < REPLAY_SKIPS; skip++)
        if (s->skips[skip])
            fprintf(out, "  skipped %s: %s\n", ga_count(s->skips[skip]).text, replay_skip_text((enum replay_skip)skip));
}

static void print_biggest(const struct replay_outline *s, FILE *out)
{
    if (s->biggest_count)
        fprintf(out, "\nbiggest calls\n");
    for (uint32_t i = 0; i < s->biggest_count; i++) {
        const struct replay_call *call = &s->plan->calls[s->biggest[i]];
        const struct replay_lane *lane = &s->plan->lanes[call->lane];
        fprintf(out, "%11s  %s, call %" PRIu64 " of thread %u of process %016" PRIx64 "\n", ga_bytes(call->bytes).text,
                replay_call_name(call), call->call, lane->thread, lane->process);
    }
}

static void print_verdict(const struct replay_outline *s, FILE *out)
{
    const struct replay_session *session = s->session;
    if (!session)
        return;
    fprintf(out, "\n%s%s%s (%s), backend %s, %s: ", session->identity.node, *session->identity.node ? " " : "",
            session->identity.software ? "software" : "hardware", session->identity.driver, session->backend->name,
            replay_mode_name(session->binding.mode));
    if (*s->obstacle)
        fprintf(out, "would not run: %s\n", s->obstacle);
    else
        fprintf(out, "would run; %s of %s calls would be issued, %s of them translated\n", ga_count(s->skips[REPLAY_ISSUED]).text,
                ga_count(s->plan->call_count).text, ga_count(s->translated).text);
    replay_print_memory(&session->binding, out);
    for (uint32_t l = 0; l < session->binding.limit_count; l++)
        fprintf(out, "  note: %s\n", session->binding.limits[l]);
}

void replay_outline_print(const struct replay_outline *s, FILE *out)
{
    const struct replay_plan *plan = s->plan;
    fprintf(out, "%s calls of %s threads in %s, %s objects, at most %s alive at once in the recording\n",
            ga_count(plan->call_count).text, ga_count(plan->lane_count).text, ga_duration((double)plan->span_ns).text,
            ga_count(plan->object_count).text, ga_bytes(plan->peak_bytes).text);
    if (plan->call_count != plan->recorded_count)
        fprintf(out, "%s of them come before the range, untimed, for what is alive when it begins; %s calls of the trace are left "
                     "out\n", ga_count(plan->prologue).text, ga_count(plan->recorded_count - plan->call_count).text);
    print_lanes(s, out);
    print_waits(s, out);
    print_kinds(s, out);
    print_biggest(s, out);
    print_verdict(s, out);
}

static struct json_object *number(uint64_t value) { return json_object_new_uint64(value); }

static struct json_object *hex(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_object_new_string(text);
}

static struct json_object *json_waits(const uint64_t *waits)
{
    struct json_object *object = json_object_new_object();
    for (int w = 0; w < REPLAY_WAIT_REASONS; w++)
        if (waits[w])
            json_object_object_add(object, replay_wait_name((enum replay_wait)w), number(waits[w]));
    return object;
}

static struct json_object *json_skips(const uint64_t *skips)
{
    struct json_object *object = json_object_new_object();
    for (int skip = 1; skip < REPLAY_SKIPS; skip++)
        if (skips[skip])
            json_object_object_add(object, replay_skip_name((enum replay_skip)skip), number(skips[skip]));
    return object;
}

static struct json_object *json_lanes(const struct replay_outline *s)
{
    struct json_object *lanes = json_object_new_array();
    for (uint32_t l = 0; l < s->plan->lane_count; l++) {
        const struct replay_lane *lane = &s->plan->lanes[l];
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "process", hex(lane->process));
        json_object_object_add(object, "thread", number(lane->thread));
        json_object_object_add(object, "tid", number(lane->tid));
        json_object_object_add(object, "calls", number(lane->count));
        json_object_object_add(object, "untimed", number(lane->prologue));
        json_object_object_add(object, "issued", number(s->lanes[l].issued));
        json_object_object_add(object, "waits", json_waits(s->lanes[l].waits));
        json_object_array_add(lanes, object);
    }
    return lanes;
}

static struct json_object *json_kinds(const struct replay_outline *s)
{
    struct json_object *kinds = json_object_new_array();
    for (int row = 0; row <= GA_ROW_COUNT; row++) {
        const struct replay_outline_kind *kind = &s->kinds[row];
        if (!kind->calls)
            continue;
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "kind", json_object_new_string(name_of_kind(row)));
        json_object_object_add(object, "class", json_object_new_string(replay_class_names[class_of_kind(row)]));
        json_object_object_add(object, "calls", number(kind->calls));
        json_object_object_add(object, "issued", number(kind->issued));
        json_object_object_add(object, "translated", number(kind->translated));
        json_object_object_add(object, "skipped", json_skips(kind->skips));
        json_object_object_add(object, "bytes", number(kind->bytes));
        json_object_array_add(kinds, object);
    }
    return kinds;
}

/* Whose call it is: as in the issue log. */
static void add_identity(struct json_object *object, const struct replay_plan *plan, const struct replay_call *call)
{
    const struct replay_lane *lane = &plan->lanes[call->lane];
    json_object_object_add(object, "process", hex(lane->process));
    json_object_object_add(object, "thread", number(lane->thread));
    json_object_object_add(object, "call", number(call->row == REPLAY_NO_ROW ? 0 : call->call));
    if (call->row == REPLAY_NO_ROW)
        json_object_object_add(object, "file", hex(plan->objects[plan->files[call->file].object].recorded));
    json_object_object_add(object, "kind", json_object_new_string(replay_call_name(call)));
}

static struct json_object *json_biggest(const struct replay_outline *s)
{
    struct json_object *biggest = json_object_new_array();
    for (uint32_t i = 0; i < s->biggest_count; i++) {
        struct json_object *object = json_object_new_object();
        add_identity(object, s->plan, &s->plan->calls[s->biggest[i]]);
        json_object_object_add(object, "bytes", number(s->plan->calls[s->biggest[i]].bytes));
        json_object_array_add(biggest, object);
    }
    return biggest;
}

static struct json_object *json_device(const struct replay_outline *s)
{
    const struct replay_session *session = s->session;
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "node", json_object_new_string(session->identity.node));
    json_object_object_add(object, "driver", json_object_new_string(session->identity.driver));
    json_object_object_add(object, "driver_version", json_object_new_string(session->identity.version));
    json_object_object_add(object, "software", json_object_new_boolean(session->identity.software));
    json_object_object_add(object, "backend", json_object_new_string(session->backend->name));
    json_object_object_add(object, "mode", json_object_new_string(replay_mode_name(session->binding.mode)));
    json_object_object_add(object, "memory", replay_json_memory(&session->binding));
    json_object_object_add(object, "limits", replay_json_limits(&session->binding));
    json_object_object_add(object, "would_run", json_object_new_boolean(!*s->obstacle));
    json_object_object_add(object, "obstacle", *s->obstacle ? json_object_new_string(s->obstacle) : NULL);
    return object;
}

static struct json_object *json_plan(const struct replay_outline *s)
{
    const struct replay_plan *plan = s->plan;
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "schema_version", number(1));
    json_object_object_add(object, "trace", json_object_new_string(s->trace));
    json_object_object_add(object, "hash", hex(plan->hash));
    json_object_object_add(object, "order", json_object_new_string(plan->memory_order == REPLAY_ORDER_MEMORY ? "memory" : "resource"));
    json_object_object_add(object, "recorded_calls", number(plan->recorded_count));
    json_object_object_add(object, "calls", number(plan->call_count));
    json_object_object_add(object, "untimed", number(plan->prologue));
    json_object_object_add(object, "objects", number(plan->object_count));
    json_object_object_add(object, "span_ns", number(plan->span_ns));
    json_object_object_add(object, "peak_bytes", number(plan->peak_bytes));
    json_object_object_add(object, "issued", number(s->skips[REPLAY_ISSUED]));
    json_object_object_add(object, "translated", number(s->translated));
    json_object_object_add(object, "skipped", json_skips(s->skips));
    json_object_object_add(object, "waits", json_waits(s->waits));
    json_object_object_add(object, "fences", number(s->fences));
    json_object_object_add(object, "lanes", json_lanes(s));
    json_object_object_add(object, "kinds", json_kinds(s));
    json_object_object_add(object, "biggest", json_biggest(s));
    json_object_object_add(object, "device", s->session ? json_device(s) : NULL);
    return object;
}

int replay_outline_write(const struct replay_outline *s, const char *path, struct ga_error *error)
{
    struct json_object *object = json_plan(s);
    const char *json = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    char *text = NULL;
    int result = json && asprintf(&text, "%s\n", json) >= 0 ? replay_write_file(path, text, error)
                                                            : ga_error_errno(error, ENOMEM, "%s", path);
    free(text);
    json_object_put(object);
    return result;
}

static struct json_object *json_refs(const struct replay_plan *plan, const struct replay_call *call, bool makes)
{
    struct json_object *objects = json_object_new_array();
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &plan->refs[r];
        if (ref->object != REPLAY_NONE && (ref->role == REPLAY_MAKES) == makes)
            json_object_array_add(objects, number(ref->object));
    }
    return objects;
}

static struct json_object *json_call(const struct replay_outline *s, uint32_t lane, uint32_t c)
{
    const struct replay_plan *plan = s->plan;
    const struct replay_call *call = &plan->calls[c];
    uint8_t skip = s->session ? s->session->binding.skips[c] : call->skip;
    struct json_object *object = json_object_new_object(), *waits = json_object_new_array();
    json_object_object_add(object, "lane", number(lane));
    json_object_object_add(object, "sequence", number(call->sequence));
    add_identity(object, plan, call);
    json_object_object_add(object, "begin_ns", json_object_new_int64(call->begin_ns));
    json_object_object_add(object, "end_ns", json_object_new_int64(call->end_ns));
    json_object_object_add(object, "timed", json_object_new_boolean(c >= plan->prologue));
    json_object_object_add(object, "skip", skip ? json_object_new_string(replay_skip_name((enum replay_skip)skip)) : NULL);
    json_object_object_add(object, "bytes", number(call->bytes));
    json_object_object_add(object, "names", json_refs(plan, call, false));
    json_object_object_add(object, "makes", json_refs(plan, call, true));
    for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++) {
        struct json_object *wait = json_object_new_object();
        json_object_object_add(wait, "lane", number(plan->dependencies[d].lane));
        json_object_object_add(wait, "sequence", number(plan->dependencies[d].sequence));
        const char *reason = replay_wait_name((enum replay_wait)plan->dependencies[d].reason);
        json_object_object_add(wait, "reason", json_object_new_string(reason));
        json_object_array_add(waits, wait);
    }
    json_object_object_add(object, "waits", waits);
    return object;
}

void replay_outline_write_calls(const struct replay_outline *s, FILE *out)
{
    const struct replay_plan *plan = s->plan;
    for (uint32_t l = 0; l < plan->lane_count; l++)
        for (uint32_t i = 0; i < plan->lanes[l].count && !ferror(out); i++) {
            struct json_object *object = json_call(s, l, plan->order[plan->lanes[l].first + i]);
            fputs(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), out);
            fputc('\n', out);
            json_object_put(object);
        }
}
