/* The verbs' entry points, all that the command line sees of the parts. A new verb is a line in verbs.inc. */
#ifndef GPUALLOC_CLI_VERBS_H
#define GPUALLOC_CLI_VERBS_H

#include "base/verb.h"

#define VERB(name) extern const struct ga_verb verb_##name;
#include "cli/verbs.inc"
#undef VERB

#endif
