/* gpualloc: the table of verbs, and nothing else. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/verb.h"
#include "cli/verbs.h"

static const struct ga_verb *const verbs[] = {
#define VERB(name) &verb_##name,
#include "cli/verbs.inc"
#undef VERB
    NULL,
};

static void help(FILE *out)
{
    fprintf(out, "Usage: gpualloc VERB [options] …\n\n"
                 "Records every GPU allocation that a program makes, shows it, issues it again on real hardware,\n"
                 "and says which GPU, driver or kernel is faster at it.\n\nVerbs:\n");
    for (const struct ga_verb *const *verb = verbs; *verb; verb++)
        fprintf(out, "  %-10s %s\n", (*verb)->name, (*verb)->summary);
    fprintf(out, "\n'gpualloc VERB -h' says more of one. Start with: gpualloc record -o T -- PROGRAM\n");
}

/* Output that did not arrive (a full disk) is a failure too. */
static int finish(const struct ga_verb *verb, int status)
{
    if (!fflush(stdout) && !ferror(stdout))
        return status;
    fprintf(stderr, "gpualloc %s: cannot write the output: %s\n", verb->name, strerror(errno));
    return status ? status : GA_EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return GA_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
        help(stdout);
        return GA_EXIT_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("gpualloc " GPUALLOC_VERSION);
        return GA_EXIT_OK;
    }
    for (const struct ga_verb *const *verb = verbs; *verb; verb++)
        if (!strcmp(argv[1], (*verb)->name))
            return finish(*verb, ga_verb_main(*verb, argc - 1, argv + 1));
    fprintf(stderr, "gpualloc: unknown %s %s; 'gpualloc -h' lists the verbs\n", *argv[1] == '-' ? "option" : "verb", argv[1]);
    return GA_EXIT_USAGE;
}
