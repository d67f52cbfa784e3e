/* The babeltrace2 plugin `gpualloc`: what it has, and the texts of `babeltrace2 help`. Found through BABELTRACE_PLUGIN_PATH. */
#include "plugin.h"

BT_PLUGIN_MODULE();
BT_PLUGIN(gpualloc);
BT_PLUGIN_DESCRIPTION("GPU allocations recorded by gpualloc");
BT_PLUGIN_AUTHOR("The gpualloc developers");
BT_PLUGIN_LICENSE("MIT");

BT_PLUGIN_SINK_COMPONENT_CLASS(report, report_consume);
BT_PLUGIN_SINK_COMPONENT_CLASS_INITIALIZE_METHOD(report, report_initialize);
BT_PLUGIN_SINK_COMPONENT_CLASS_FINALIZE_METHOD(report, report_finalize);
BT_PLUGIN_SINK_COMPONENT_CLASS_GRAPH_IS_CONFIGURED_METHOD(report, report_configured);
BT_PLUGIN_SINK_COMPONENT_CLASS_DESCRIPTION(report, "Says who allocated what, when, how large, for how long; as 'gpualloc report'");
BT_PLUGIN_SINK_COMPONENT_CLASS_HELP(
    report, "Prints the page of 'gpualloc report' when its stream of messages ends, or when it is interrupted.\n"
            "\n"
            "Input port: in (events of any providers; those that are not gpualloc's are counted)\n"
            "\n"
            "Parameters:\n"
            "  analyses  string or array of strings: the summary and these only (see 'gpualloc report -h'); all by default\n"
            "  format    'text' (default) or 'json' (docs/report-json.md)\n"
            "  top       unsigned integer: rows of each table of text\n"
            "  output    string: file to write instead of standard output\n"
            "  learn     boolean, yes by default: sizes and names that a trace tells after an allocation's birth count from its birth\n"
            "            on. For that all calls are kept in an unlinked file in TMPDIR; with no, as known then, and nothing is kept\n"
            "\n"
            "Examples:\n"
            "  babeltrace2 TRACE -c sink.gpualloc.report\n"
            "  babeltrace2 TRACE -c sink.gpualloc.report -p 'analyses=[\"surface\"],format=\"json\"'\n"
            "  babeltrace2 -i lttng-live net://localhost/host/HOST/SESSION -c sink.gpualloc.report -p learn=no");

BT_PLUGIN_FILTER_COMPONENT_CLASS(allocations, allocations_next);
BT_PLUGIN_FILTER_COMPONENT_CLASS_INITIALIZE_METHOD(allocations, allocations_initialize);
BT_PLUGIN_FILTER_COMPONENT_CLASS_FINALIZE_METHOD(allocations, allocations_finalize);
BT_PLUGIN_FILTER_COMPONENT_CLASS_MESSAGE_ITERATOR_CLASS_INITIALIZE_METHOD(allocations, allocations_iterator_initialize);
BT_PLUGIN_FILTER_COMPONENT_CLASS_MESSAGE_ITERATOR_CLASS_FINALIZE_METHOD(allocations, allocations_iterator_finalize);
BT_PLUGIN_FILTER_COMPONENT_CLASS_DESCRIPTION(allocations, "Turns calls into one event an allocation, at its death");
BT_PLUGIN_FILTER_COMPONENT_CLASS_HELP(
    allocations, "Gives one event 'gpualloc:allocation' for each allocation when it ends, or at the end of the stream of messages.\n"
                 "\n"
                 "Input port: in. Output port: out, with one stream. No parameters.\n"
                 "\n"
                 "Fields: process, pid, tid, program; interface (d3dkmt, or the DRM driver), device, request; handle, owner,\n"
                 "resource, surface (hPrivateRuntimeResourceHandle), name; size, size_origin (unknown: size means nothing;\n"
                 "mapped: a lower bound), imported (its memory was made elsewhere: do not count it twice); create_call,\n"
                 "create_ns, create_latency_ns;\n"
                 "lifetime_ns (from the end of the create to the begin of what ended it), end (alive, freed, with_owner, closed,\n"
                 "lost), end_call and end_latency_ns (0 when no call ended it). Times are ns since the epoch.\n"
                 "A trace that lost events has 'gpualloc:loss' at the end: discarded_events, discarded_packets, missing_calls,\n"
                 "missing_elements, missing_blobs.\n"
                 "\n"
                 "Example:\n"
                 "  babeltrace2 TRACE -c filter.gpualloc.allocations -c sink.text.details");
