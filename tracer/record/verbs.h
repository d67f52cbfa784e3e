/* The verbs record and run. */
#ifndef GPUALLOC_RECORD_VERBS_H
#define GPUALLOC_RECORD_VERBS_H

#include "base/verb.h"

extern const struct ga_verb verb_record, verb_run;

#endif
