/* Lint: groups, gaps, selection and JSON. (What each rule finds is in tests/golden/lint.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/lint/lint.h"
#include "calls.h"

static struct made made;
#define WHEN(p, b, e) ((struct when){.process = (p), .begin = (b), .end = (e)})

static struct lint *start(const bool *enabled)
{
    struct lint *lint;
    struct ga_gpualloc_process process = {.process = 7, .start = 0};
    assert_int_equal(lint_create(&lint, &(struct lint_options){.enabled = enabled}), 0);
    assert_int_equal(lint_feed_event(lint, &ga_rows[GA_ROW_gpualloc_process], &process, EPOCH), 0);
    return lint;
}

static void feed(struct lint *lint, const struct ga_call *call)
{
    assert_int_equal(lint_feed_call(lint, call), 0);
}

/* A device, count leaked allocations of as many surfaces, and one destroy of a stranger. */
static struct lint *leaky(const bool *enabled, unsigned surfaces, unsigned count)
{
    struct lint *lint = start(enabled);
    feed(lint, made_device(&made, WHEN(7, 1, 2), 1, 2));
    for (unsigned i = 0; i < count; i++)
        feed(lint, made_create(&made, WHEN(7, 10 + 10 * i, 15 + 10 * i), 2, 0, 0, 0x1000 + i % surfaces, 100 + i, 1));
    struct ga_call *call = made_destroy(&made, WHEN(7, 900000, 900001), 2, 0, 99, 1);
    made.record.header.ret = -1;
    made.record.header.error = EINVAL;
    call->failed = true;
    feed(lint, call);
    return lint;
}

static const struct lint_group *group_at(const struct lint *lint, size_t at)
{
    size_t count;
    const struct lint_group *const *groups = lint_groups(lint, &count);
    assert_true(at < count);
    return groups[at];
}

static void groups_by_surface_with_the_first_offender(void **state)
{
    (void)state;
    struct lint *lint = leaky(NULL, 2, 10);
    size_t count;
    assert_int_equal(lint_finish(lint, 1000000 + EPOCH, &(struct lint_gaps){0}), 0);
    lint_groups(lint, &count);
    assert_int_equal(count, 4); /* the stranger, two surfaces, the device */
    assert_string_equal(group_at(lint, 0)->rule->id, "destroy-stranger");
    assert_int_equal(group_at(lint, 0)->what.handle, 99);
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal(group_at(lint, i)->rule->id, "leaked-allocation");
        assert_int_equal(group_at(lint, i)->count, 5);
        assert_int_equal(group_at(lint, i)->first.begin_ns % 10, (EPOCH + 10) % 10);
    }
    assert_int_equal(lint_count(lint, LINT_ERROR), 1);
    assert_int_equal(lint_count(lint, LINT_WARNING), 11);
    lint_destroy(lint);
}

static size_t mapped_and_closed(bool unmap_unseen)
{
    static const struct ga_gpualloc_trouble trouble = {
        .process = 7, .what = "too much is mapped of GPU devices: the unmap of some was not recorded"};
    struct lint *lint = start(NULL);
    struct when when = {.process = 7, .begin = 1, .end = 2, .file = 3, .device = 226 << 8};
    feed(lint, made_dumb(&made, when, 1, 4096));
    when.begin = when.end++;
    struct ga_call *call = made_call(&made, GA_ROW_drm_mode_map_dumb, when);
    made.record.r_drm_mode_map_dumb.handle = 1;
    made.record.r_drm_mode_map_dumb.offset = 0x10000;
    feed(lint, call);
    call = made_call(&made, GA_ROW_drm_mmap, when);
    made.record.header.ret = 0x7f0000000000;
    made.record.r_drm_mmap.length = 4096;
    made.record.r_drm_mmap.offset = 0x10000;
    feed(lint, call);
    feed(lint, made_gem_close(&made, when, 1));
    if (unmap_unseen)
        assert_int_equal(lint_feed_event(lint, &ga_rows[GA_ROW_gpualloc_trouble], &trouble, EPOCH), 0);
    assert_int_equal(lint_finish(lint, 1000000 + EPOCH, &(struct lint_gaps){0}), 0);
    size_t count;
    const struct lint_group *const *groups = lint_groups(lint, &count);
    assert_true(!count || strcmp(groups[0]->rule->id, "leaked-cpu-mapping") == 0);
    lint_destroy(lint);
    return count;
}

static void a_munmap_that_the_tracer_did_not_see_is_no_leak(void **state)
{
    (void)state;
    assert_int_equal(mapped_and_closed(false), 1);
    assert_int_equal(mapped_and_closed(true), 0);
}

static void surfaces_beyond_the_limit_are_one_group(void **state)
{
    (void)state;
    struct lint *lint = leaky(NULL, 3000, 3000);
    size_t count;
    assert_int_equal(lint_finish(lint, 1000000 + EPOCH, &(struct lint_gaps){0}), 0);
    lint_groups(lint, &count);
    assert_int_equal(count, LINT_GROUPS_MAX + 2);
    assert_true(group_at(lint, 1)->others);
    assert_int_equal(group_at(lint, 1)->count, 3000 - (LINT_GROUPS_MAX - 1));
    lint_destroy(lint);
}

static void gaps_drop_what_cannot_be_known_and_keep_the_rest(void **state)
{
    (void)state;
    struct lint *lint = leaky(NULL, 1, 3);
    size_t count;
    struct ga_call *call = made_create(&made, WHEN(7, 950000, 950001), 2, 0, 0, 0, 500, 1);
    made.record.r_d3dkmt_create_allocation.Flags = 1u << 1; /* CreateShared */
    feed(lint, call);
    assert_int_equal(lint_finish(lint, 1000000 + EPOCH, &(struct lint_gaps){.d3dkmt = "events were lost", .drm = "left out"}), 0);
    lint_groups(lint, &count);
    assert_int_equal(count, 1);
    assert_string_equal(group_at(lint, 0)->rule->id, "shared-without-resource");
    assert_string_equal(lint_unchecked(lint, lint_rule_find("leaked-device")), "events were lost");
    assert_string_equal(lint_unchecked(lint, lint_rule_find("destroy-stranger")), "events were lost");
    assert_string_equal(lint_unchecked(lint, lint_rule_find("leaked-gem-handle")), "left out");
    assert_null(lint_unchecked(lint, lint_rule_find("shared-without-resource")));
    lint_destroy(lint);
}

static void only_enabled_rules_are_told(void **state)
{
    (void)state;
    bool enabled[LINT_RULES_MAX] = {false};
    size_t count;
    enabled[lint_rule_index(lint_rule_find("leaked-device"))] = true;
    struct lint *lint = leaky(enabled, 1, 3);
    assert_int_equal(lint_finish(lint, 1000000 + EPOCH, &(struct lint_gaps){0}), 0);
    lint_groups(lint, &count);
    assert_int_equal(count, 1);
    assert_string_equal(group_at(lint, 0)->rule->id, "leaked-device");
    lint_destroy(lint);
}

static void ids_are_unique_and_sentences_are_there(void **state)
{
    (void)state;
    size_t rules = 0;
    for (const struct lint_family *const *family = lint_families(); *family; family++)
        for (const struct lint_rule *rule = (*family)->rules; rule->id; rule++, rules++) {
            assert_ptr_equal(lint_rule_find(rule->id), rule);
            assert_int_equal(lint_rule_index(rule), rules);
            assert_true(strlen(rule->says) > 10 && rule->says[strlen(rule->says) - 1] != '.');
            assert_true(strlen(rule->advice) > 10 && rule->advice[strlen(rule->advice) - 1] != '.');
        }
    assert_int_equal(lint_rule_count(), rules);
    assert_true(rules <= LINT_RULES_MAX);
    assert_null(lint_rule_find("no-such-rule"));
}

static const char *text_of(json_object *object, const char *name)
{
    return json_object_get_string(json_object_object_get(object, name));
}

static void json_has_what_the_document_says(void **state)
{
    (void)state;
    struct lint *lint = leaky(NULL, 1, 2);
    json_object *object = json_object_new_object();
    assert_int_equal(lint_finish(lint, 1000000 + EPOCH, &(struct lint_gaps){.drm = "left out"}), 0);
    assert_int_equal(lint_json(lint, object), 0);
    assert_int_equal(json_object_get_uint64(json_object_object_get(object, "errors")), 1);
    assert_int_equal(json_object_get_uint64(json_object_object_get(object, "warnings")), 3);
    assert_int_equal(json_object_get_uint64(json_object_object_get(object, "notes")), 0);
    json_object *findings = json_object_object_get(object, "findings");
    assert_int_equal(json_object_array_length(findings), 3); /* the stranger, the leaks, the device */
    json_object *leak = json_object_array_get_idx(findings, 1), *first = json_object_object_get(leak, "first");
    assert_string_equal(text_of(leak, "rule"), "leaked-allocation");
    assert_string_equal(text_of(leak, "severity"), "warning");
    assert_non_null(text_of(leak, "message"));
    assert_non_null(text_of(leak, "advice"));
    assert_int_equal(json_object_get_uint64(json_object_object_get(leak, "count")), 2);
    assert_string_equal(text_of(first, "event"), "d3dkmt:create_allocation");
    assert_string_equal(text_of(first, "request"), "D3DKMTCreateAllocation2");
    assert_string_equal(text_of(first, "process"), "0000000000000007");
    assert_string_equal(text_of(first, "handle_kind"), "allocation");
    assert_int_equal(json_object_get_int64(json_object_object_get(first, "ts")), 10 + EPOCH);
    assert_int_equal(json_object_get_uint64(json_object_object_get(first, "handle")), 100);
    assert_int_equal(json_object_get_uint64(json_object_object_get(first, "surface")), 0x1000);
    assert_non_null(text_of(first, "detail"));
    assert_string_equal(text_of(json_object_object_get(object, "unchecked"), "leaked-gem-handle"), "left out");
    json_object_put(object);
    lint_destroy(lint);
}

static void churn_is_bounded_by_what_is_alive(void **state)
{
    (void)state;
    struct lint *lint = start(NULL);
    size_t count;
    for (uint64_t i = 1; i < 200000; i++) {
        feed(lint, made_create(&made, WHEN(7, 40 * i, 40 * i + 1), 2, 0, 0, i, (uint32_t)i, 1));
        feed(lint, made_destroy(&made, WHEN(7, 40 * i + 20, 40 * i + 30), 2, 0, (uint32_t)i, 1));
    }
    assert_int_equal(lint_finish(lint, INT64_C(1) << 40, &(struct lint_gaps){0}), 0);
    lint_groups(lint, &count);
    assert_int_equal(count, 0);
    lint_destroy(lint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_by_surface_with_the_first_offender),
        cmocka_unit_test(a_munmap_that_the_tracer_did_not_see_is_no_leak),
        cmocka_unit_test(surfaces_beyond_the_limit_are_one_group),
        cmocka_unit_test(gaps_drop_what_cannot_be_known_and_keep_the_rest),
        cmocka_unit_test(only_enabled_rules_are_told),
        cmocka_unit_test(ids_are_unique_and_sentences_are_there),
        cmocka_unit_test(json_has_what_the_document_says),
        cmocka_unit_test(churn_is_bounded_by_what_is_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
