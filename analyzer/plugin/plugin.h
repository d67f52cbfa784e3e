/* What the components of the babeltrace2 plugin share. */
#ifndef GPUALLOC_ANALYZER_PLUGIN_PLUGIN_H
#define GPUALLOC_ANALYZER_PLUGIN_PLUGIN_H

#include <babeltrace2/babeltrace.h>

/* sink.gpualloc.report */
bt_component_class_initialize_method_status report_initialize(bt_self_component_sink *self,
                                                              bt_self_component_sink_configuration *configuration,
                                                              const bt_value *params, void *data);
void report_finalize(bt_self_component_sink *self);
bt_component_class_sink_graph_is_configured_method_status report_configured(bt_self_component_sink *self);
bt_component_class_sink_consume_method_status report_consume(bt_self_component_sink *self);

/* filter.gpualloc.allocations */
bt_component_class_initialize_method_status allocations_initialize(bt_self_component_filter *self,
                                                                   bt_self_component_filter_configuration *configuration,
                                                                   const bt_value *params, void *data);
void allocations_finalize(bt_self_component_filter *self);
bt_message_iterator_class_initialize_method_status
allocations_iterator_initialize(bt_self_message_iterator *self, bt_self_message_iterator_configuration *configuration,
                                bt_self_component_port_output *port);
void allocations_iterator_finalize(bt_self_message_iterator *self);
bt_message_iterator_class_next_method_status allocations_next(bt_self_message_iterator *self, bt_message_array_const messages,
                                                              uint64_t capacity, uint64_t *count);

#endif
