/* UTF-8. */
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

size_t ga_utf8_length(const char *chars)
{
    const unsigned char *text = (const unsigned char *)chars;
    size_t length = text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf0 && text[1] < 0x90) ||
        (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

char *ga_utf8_clean(const char *text)
{
    char *clean = malloc(strlen(text) * strlen(GA_UTF8_REPLACEMENT) + 1), *to = clean;
    while (clean && *text) {
        size_t length = (unsigned char)*text < 0x80 ? 1 : ga_utf8_length(text);
        if (length)
            to = mempcpy(to, text, length);
        else
            to = mempcpy(to, GA_UTF8_REPLACEMENT, strlen(GA_UTF8_REPLACEMENT));
        text += length ? length : 1;
    }
    if (clean)
        *to = 0;
    return clean;
}
