/*
 * The page: which analyses a report has, and how their results are printed. Shared by `gpualloc report` and the babeltrace2 component
 * sink.gpualloc.report, so that both say the same.
 */
#ifndef GPUALLOC_ANALYZER_PAGE_H
#define GPUALLOC_ANALYZER_PAGE_H

#include "analysis.h"

enum { PAGE_ANALYSES_MAX = 32 };

struct page_options {
    FILE *file;
    uint64_t top; /* rows of a table of text; 0: as many as suit the number of analyses */
    bool json, colour;
};

/* Puts into chosen (PAGE_ANALYSES_MAX entries) the summary and the analyses that names (count of them) asks for; all when it asks
   for none. How many. Names that there are none of are passed over. */
size_t page_choose(const struct analysis **chosen, const char *const *names, size_t count);

/* Whether standard output is a terminal that wants colours (NO_COLOR). */
bool page_in_colour(void);

/* Prints a set that has been finished. 0, -ENOMEM, or -EIO when the file could not be written. */
int page_print(const struct analysis_set *set, const struct analysis_trace *trace, const struct page_options *options);

#endif
