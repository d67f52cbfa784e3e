/* sink.gpualloc.report: the analyses of `gpualloc report` over the messages of any graph. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/page.h"
#include "plugin.h"
#include "reader/feed.h"
#include "reader/spool.h"

struct report {
    bt_message_iterator *iterator;
    struct ga_reader *reader;
    struct ga_spool *spool; /* null: nothing is learnt after birth, calls go to the analyses as they come */
    struct ga_learnt *learnt;
    struct analysis_set *set;
    const struct analysis *chosen[PAGE_ANALYSES_MAX];
    size_t chosen_count;
    struct page_options options;
    char *output;
    bool printed;
    struct ga_error error;
};

/* What the reader tells. */

static int on_call(void *user, const struct ga_call *call)
{
    struct report *report = user;
    if (!report->spool)
        return analysis_set_call(report->set, call);
    int result = ga_learnt_call(report->learnt, call);
    return result < 0 ? result : ga_spool_call(report->spool, call);
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct report *report = user;
    if (!report->spool)
        return analysis_set_event(report->set, row, record, ns);
    int result = ga_learnt_event(report->learnt, row, record, ns);
    return result < 0 ? result : ga_spool_event(report->spool, row, record, ns);
}

static int spooled_call(void *user, const struct ga_call *call)
{
    return analysis_set_call(((struct report *)user)->set, call);
}

static int spooled_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    return analysis_set_event(((struct report *)user)->set, row, record, ns);
}

static int on_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct report *report = user;
    return ga_reader_blob(report->reader, hash, data, size);
}

/* Parameters. */

struct parameters {
    const char *names[PAGE_ANALYSES_MAX];
    size_t name_count;
    bool learn;
};

static bool is_analysis(const char *name)
{
    for (const struct analysis *const *analysis = analysis_table(); *analysis; analysis++)
        if (!strcmp((*analysis)->name, name))
            return true;
    return false;
}

static int take_analysis(struct parameters *parameters, const bt_value *value, struct ga_error *error)
{
    const char *name = bt_value_is_string(value) ? bt_value_string_get(value) : NULL;
    if (!name)
        return ga_error_set(error, EINVAL, "parameter 'analyses' is neither a name nor an array of names");
    if (!is_analysis(name))
        return ga_error_set(error, EINVAL, "parameter 'analyses': there is no analysis '%s' (see 'gpualloc report -h')", name);
    if (parameters->name_count < PAGE_ANALYSES_MAX)
        parameters->names[parameters->name_count++] = name;
    return 0;
}

static int take_analyses(struct parameters *parameters, const bt_value *value, struct ga_error *error)
{
    if (!bt_value_is_array(value))
        return take_analysis(parameters, value, error);
    int result = 0;
    for (uint64_t i = 0; result >= 0 && i < bt_value_array_get_length(value); i++)
        result = take_analysis(parameters, bt_value_array_borrow_element_by_index_const(value, i), error);
    return result;
}

static int take_format(struct report *report, const bt_value *value, struct ga_error *error)
{
    const char *format = bt_value_is_string(value) ? bt_value_string_get(value) : "";
    report->options.json = !strcmp(format, "json");
    if (report->options.json || !strcmp(format, "text"))
        return 0;
    return ga_error_set(error, EINVAL, "parameter 'format' is 'text' or 'json'");
}

static int take_top(struct report *report, const bt_value *value, struct ga_error *error)
{
    /* top=5 on the command line is a signed integer */
    if (bt_value_is_unsigned_integer(value))
        report->options.top = bt_value_integer_unsigned_get(value);
    else if (bt_value_is_signed_integer(value) && bt_value_integer_signed_get(value) > 0)
        report->options.top = (uint64_t)bt_value_integer_signed_get(value);
    if (report->options.top)
        return 0;
    return ga_error_set(error, EINVAL, "parameter 'top' is a number of rows, 1 or more");
}

struct taking {
    struct report *report;
    struct parameters *parameters;
    int result;
};

static bt_value_map_foreach_entry_const_func_status take_parameter(const char *key, const bt_value *value, void *user)
{
    struct taking *taking = user;
    struct report *report = taking->report;
    struct ga_error *error = &report->error;
    if (!strcmp(key, "analyses"))
        taking->result = take_analyses(taking->parameters, value, error);
    else if (!strcmp(key, "format"))
        taking->result = take_format(report, value, error);
    else if (!strcmp(key, "top"))
        taking->result = take_top(report, value, error);
    else if (!strcmp(key, "output") && bt_value_is_string(value))
        taking->result = (report->output = strdup(bt_value_string_get(value))) ? 0 : -ENOMEM;
    else if (!strcmp(key, "learn") && bt_value_is_bool(value))
        taking->parameters->learn = bt_value_bool_get(value);
    else
        taking->result = ga_error_set(error, EINVAL, "parameter '%s' is not known, or of another type; "
                                      "see 'babeltrace2 help sink.gpualloc.report'", key);
    return taking->result < 0 ? BT_VALUE_MAP_FOREACH_ENTRY_CONST_FUNC_STATUS_INTERRUPT
                              : BT_VALUE_MAP_FOREACH_ENTRY_CONST_FUNC_STATUS_OK;
}

/* Life of the component. */

static void report_destroy(struct report *report)
{
    analysis_set_destroy(report->set);
    ga_learnt_destroy(report->learnt);
    ga_spool_destroy(report->spool);
    ga_reader_close(report->reader);
    bt_message_iterator_put_ref(report->iterator);
    free(report->output);
    free(report);
}

static void append_cause(bt_self_component_sink *self, const struct report *report, int result)
{
    BT_CURRENT_THREAD_ERROR_APPEND_CAUSE_FROM_COMPONENT(bt_self_component_sink_as_self_component(self), "%s",
                                                        *report->error.text ? report->error.text : strerror(-result));
}

static int report_open(struct report *report, const bt_value *params)
{
    static const struct ga_reader_ops ops = {.call = on_call, .event = on_event};
    struct parameters parameters = {.learn = true};
    struct taking taking = {report, &parameters, 0};
    (void)!bt_value_map_foreach_entry_const(params, take_parameter, &taking);
    if (taking.result < 0)
        return taking.result;
    report->chosen_count = page_choose(report->chosen, parameters.names, parameters.name_count);
    int result = ga_feed_open(&report->reader, &ops, report, &report->error);
    if (result >= 0 && parameters.learn)
        result = ga_spool_create(&report->spool, &report->error);
    if (result >= 0 && parameters.learn)
        result = ga_learnt_create(&report->learnt, on_blob, report);
    if (result >= 0)
        result = analysis_set_create(&report->set, report->chosen, report->chosen_count, on_blob, report, report->learnt);
    return result;
}

bt_component_class_initialize_method_status report_initialize(bt_self_component_sink *self,
                                                              bt_self_component_sink_configuration *configuration,
                                                              const bt_value *params, void *data)
{
    (void)configuration, (void)data;
    struct report *report = calloc(1, sizeof *report);
    if (!report)
        return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_MEMORY_ERROR;
    int result = report_open(report, params);
    if (result < 0) {
        append_cause(self, report, result);
        report_destroy(report);
        return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_ERROR;
    }
    bt_self_component_set_data(bt_self_component_sink_as_self_component(self), report);
    if (bt_self_component_sink_add_input_port(self, "in", NULL, NULL) == BT_SELF_COMPONENT_ADD_PORT_STATUS_OK)
        return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_OK;
    report_destroy(report);
    return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_ERROR;
}

static struct report *report_of(bt_self_component_sink *self)
{
    return bt_self_component_get_data(bt_self_component_sink_as_self_component(self));
}

bt_component_class_sink_graph_is_configured_method_status report_configured(bt_self_component_sink *self)
{
    struct report *report = report_of(self);
    bt_self_component_port_input *port = bt_self_component_sink_borrow_input_port_by_index(self, 0);
    if (bt_message_iterator_create_from_sink_component(self, port, &report->iterator) ==
        BT_MESSAGE_ITERATOR_CREATE_FROM_SINK_COMPONENT_STATUS_OK)
        return BT_COMPONENT_CLASS_SINK_GRAPH_IS_CONFIGURED_METHOD_STATUS_OK;
    return BT_COMPONENT_CLASS_SINK_GRAPH_IS_CONFIGURED_METHOD_STATUS_ERROR;
}

/* Runs the analyses over what was kept, if it was, and prints. incomplete: why the stream of messages did not end by itself. */
static int report_print(struct report *report, const char *incomplete)
{
    static const struct ga_reader_ops ops = {.call = spooled_call, .event = spooled_event};
    struct analysis_trace trace = {"TRACE", ga_reader_totals(report->reader), incomplete};
    report->printed = true;
    ga_feed_end(report->reader);
    int result = report->spool ? ga_spool_run(report->spool, &ops, report) : 0;
    if (result >= 0)
        result = analysis_set_finish(report->set, &trace);
    report->options.file = report->output ? fopen(report->output, "we") : stdout;
    if (!report->options.file)
        return ga_error_errno(&report->error, errno, "%s", report->output);
    if (result >= 0)
        result = page_print(report->set, &trace, &report->options);
    if (report->output && fclose(report->options.file) != 0 && result >= 0)
        result = -EIO;
    return result == -EIO ? ga_error_errno(&report->error, EIO, "%s", report->output ? report->output : "standard output") : result;
}

void report_finalize(bt_self_component_sink *self)
{
    struct report *report = report_of(self);
    if (report && !report->printed && ga_reader_totals(report->reader)->calls)
        report_print(report, "the stream of messages was cut off");
    if (report)
        report_destroy(report);
}

static bt_component_class_sink_consume_method_status failed(bt_self_component_sink *self, struct report *report, int result)
{
    report->printed = true; /* or tried to */
    append_cause(self, report, result);
    return BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_ERROR;
}

bt_component_class_sink_consume_method_status report_consume(bt_self_component_sink *self)
{
    struct report *report = report_of(self);
    bt_message_array_const messages;
    uint64_t count = 0;
    bt_message_iterator_next_status status = bt_message_iterator_next(report->iterator, &messages, &count);
    if (status == BT_MESSAGE_ITERATOR_NEXT_STATUS_END) {
        int result = report_print(report, NULL);
        return result < 0 ? failed(self, report, result) : BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_END;
    }
    if (status != BT_MESSAGE_ITERATOR_NEXT_STATUS_OK)
        return (bt_component_class_sink_consume_method_status)status; /* AGAIN and errors have the same numbers */
    int result = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (result >= 0)
            result = ga_feed_message(report->reader, messages[i]);
        bt_message_put_ref(messages[i]);
    }
    return result < 0 ? failed(self, report, result) : BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_OK;
}
