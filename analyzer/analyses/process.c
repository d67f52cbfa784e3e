/* Allocations by the process that made them, and each process's calls. */
#include "analyzer/owners.h"

const struct analysis analysis_process = {
    .name = "process",
    .help = "allocations and calls by process",
    .order = 57,
    .on_request = true,
    .state_size = sizeof(struct owners),
    .call = owners_call,
    .born = owners_born,
    .died = owners_died,
    .range_begins = owners_range_begins,
    .finish = owners_finish,
    .text = owners_text,
    .json = owners_json,
    .release = owners_release,
};
