/* The verbs of this part; the command line names them in cli/verbs.inc. */
#ifndef GPUALLOC_REPLAYER_VERBS_H
#define GPUALLOC_REPLAYER_VERBS_H

#include "base/verb.h"

extern const struct ga_verb verb_plan, verb_replay, verb_compare, verb_bench, verb_devices;

#endif
