/* Any bytes as a result file: refused with a line, or compared with itself, and written in each form without a fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/compare.h"

static void write_forms(const struct comparison *comparison)
{
    void (*const forms[])(const struct comparison *, FILE *) = {comparison_print, comparison_markdown, comparison_html};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        if (out) {
            forms[i](comparison, out);
            fclose(out);
        }
        free(text);
    }
    free(comparison_json(comparison));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay_result result;
    struct ga_error error = {""};
    if (replay_result_parse(&result, (const char *)data, size, &error) == 0) {
        struct compare_side side = {&result, 1};
        struct comparison comparison;
        const struct compare_options options = {.threshold = 0.05, .metric = "geomean"};
        if (compare_results(&comparison, &side, &side, &options, &error) == 0) {
            write_forms(&comparison);
            if (comparison.verdict > COMPARE_SAME)
                abort(); /* nothing is slower than itself */
        }
        comparison_release(&comparison);
    } else if (!*error.text || strchr(error.text, '\n')) {
        abort(); /* one line, always */
    }
    replay_result_release(&result);
    return 0;
}
