/* Any bytes as a result file: refused with a line, or compared with itself, printed and written without a fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay_result result;
    struct ga_error error = {""};
    if (replay_result_parse(&result, (const char *)data, size, &error) == 0) {
        struct comparison comparison;
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        if (out && compare_results(&comparison, &result, &result, 0.05, &error) == 0) {
            comparison_print(&comparison, &result, &result, 0.05, out);
            free(comparison_json(&comparison, &result, &result, 0.05));
            if (comparison.regressed || comparison.primary.significant)
                abort(); /* nothing is slower than itself */
        }
        comparison_release(&comparison);
        if (out)
            fclose(out);
        free(text);
    } else if (!*error.text || strchr(error.text, '\n')) {
        abort(); /* one line, always */
    }
    replay_result_release(&result);
    return 0;
}
