/* Allocations by the thread that made them, and each thread's calls. */
#include "analyzer/owners.h"

const struct analysis analysis_thread = {
    .name = "thread",
    .help = "allocations and calls by thread",
    .order = 56,
    .on_request = true,
    .state_size = sizeof(struct owners),
    .start = owners_start_threads,
    .call = owners_call,
    .born = owners_born,
    .died = owners_died,
    .range_begins = owners_range_begins,
    .finish = owners_finish,
    .text = owners_text,
    .json = owners_json,
    .release = owners_release,
};
