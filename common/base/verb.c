/* Verbs: parsing and help from the table of options. */
#include "base/verb.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { OPTIONS_MAX = 64, LONG_BASE = 256 };

static int usage_status(const struct ga_verb *verb)
{
    return verb->starts_program ? GA_EXIT_OWN : GA_EXIT_USAGE;
}

static int usage_error(const struct ga_verb *verb, const char *what, const char *argument)
{
    fprintf(stderr, "gpualloc %s: %s%s%s; see 'gpualloc %s -h'\n", verb->name, what, argument ? " " : "",
            argument ? argument : "", verb->name);
    return usage_status(verb);
}

/* strtoull without its surprises: the whole text, decimal or 0x, no sign, no space, no overflow, and 010 is ten.
   suffix: binary K, M, G, T (B or iB may follow) allowed. */
static bool parse_count(const char *text, bool suffix, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
    if (errno)
        return false;
    if (suffix && *end) {
        const char *units = "KMGT", *unit = strchr(units, *end & ~0x20);
        unsigned shift = unit && *unit ? 10 * (unsigned)(unit - units + 1) : 0;
        if (!shift || number > UINT64_MAX >> shift || (end[1] && strcmp(end + 1, "iB") && strcmp(end + 1, "B")))
            return false;
        number <<= shift;
        end += strlen(end);
    }
    *value = number;
    return *end == 0;
}

bool ga_parse_size(const char *text, uint64_t *bytes) { return parse_count(text, true, bytes); }

static bool parse_value(const struct ga_option *option, const char *text)
{
    switch (option->kind) {
    case GA_OPTION_FLAG:
        *(bool *)option->value = true;
        return true;
    case GA_OPTION_STRING:
        *(const char **)option->value = text;
        return true;
    case GA_OPTION_COUNT:
    case GA_OPTION_SIZE:
        return parse_count(text, option->kind == GA_OPTION_SIZE, option->value);
    case GA_OPTION_NUMBER: {
        char *end;
        double number = strtod(text, &end);
        if (end == text || *end || !isfinite(number))
            return false;
        *(double *)option->value = number;
        return true;
    }
    case GA_OPTION_CHOICE:
        for (const char *const *choice = option->choices; *choice; choice++)
            if (strcmp(*choice, text) == 0) {
                *(const char **)option->value = *choice;
                return true;
            }
        return false;
    case GA_OPTION_LIST: {
        struct ga_option_list *list = option->value;
        if (list->count == sizeof list->items / sizeof *list->items)
            return false;
        list->items[list->count++] = text;
        return true;
    }
    }
    return false;
}

enum { HELP_LEFT = 28, HELP_WIDTH = 100 }; /* columns: where the words about an option begin, and end */

/* A space and a word each, from a column on; what does not fit goes on below. The column behind them. */
static int print_words(const char *text, int column)
{
    while (*text) {
        int length = (int)strcspn(text, " "), columns = 0;
        for (int i = 0; i < length; i++)
            columns += (text[i] & 0xc0) != 0x80; /* µ and … are one each */
        if (column + 1 + columns > HELP_WIDTH && column > HELP_LEFT) {
            printf("\n%*s", HELP_LEFT, "");
            column = HELP_LEFT;
        }
        printf(" %.*s", length, text);
        column += 1 + columns;
        text += length + (text[length] == ' ');
    }
    return column;
}

/* Whether the words about an option have all that it can be. */
static bool tells_choices(const struct ga_option *option)
{
    for (const char *const *choice = option->choices; *choice; choice++)
        if (!strstr(option->help, *choice))
            return false;
    return true;
}

void ga_verb_help(const struct ga_verb *verb)
{
    printf("Usage: gpualloc %s %s\n\n%s.\n", verb->name, verb->synopsis, verb->summary);
    if (verb->description)
        printf("\n%s\n", verb->description);
    printf("\nOptions:\n");
    for (const struct ga_option *option = verb->options; option && option->name; option++) {
        char left[64], letter[8] = "    ";
        if (option->letter)
            snprintf(letter, sizeof letter, "-%c, ", option->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name, option->argument ? "=" : "",
                 option->argument ? option->argument : "");
        int column = print_words(option->help, printf("  %-*s", HELP_LEFT - 2, left));
        if (option->kind == GA_OPTION_CHOICE && !tells_choices(option))
            for (const char *const *choice = option->choices; *choice; choice++) {
                char text[64];
                snprintf(text, sizeof text, "%s%s", *choice, choice[1] ? "," : "");
                if (choice == option->choices)
                    putchar(':');
                column = print_words(text, column);
            }
        putchar('\n');
    }
    printf("  %-*s %s\n", HELP_LEFT - 2, "-h, --help", "print this help");
}

/* What getopt_long did not like: '?' or ':'. given: the argument that it looked at last. */
static int parse_error(const struct ga_verb *verb, int c, const char *given)
{
    const char *what = c == ':' ? "a value is missing after" : "unknown option";
    if (optopt >= LONG_BASE && c == '?') {
        char taken[128];
        snprintf(taken, sizeof taken, "--%s takes no value, so it cannot be", verb->options[optopt - LONG_BASE].name);
        return usage_error(verb, taken, given);
    }
    /* In -abc the letter, not the whole: getopt may not even have come to its end. */
    char letter[3] = {'-', (char)optopt, 0};
    return usage_error(verb, what, optopt > 0 && optopt < LONG_BASE ? letter : given);
}

static int value_error(const struct ga_verb *verb, const struct ga_option *option, const char *value)
{
    char what[256];
    int used = snprintf(what, sizeof what, "--%s", option->name);
    if (option->kind == GA_OPTION_CHOICE) {
        used += snprintf(what + used, sizeof what - (size_t)used, " is one of");
        for (const char *const *choice = option->choices; *choice && used < (int)sizeof what; choice++)
            used += snprintf(what + used, sizeof what - (size_t)used, "%s %s", choice == option->choices ? "" : ",", *choice);
        if (used < (int)sizeof what)
            snprintf(what + used, sizeof what - (size_t)used, "; it cannot be");
    } else {
        snprintf(what + used, sizeof what - (size_t)used, " cannot be");
    }
    return usage_error(verb, what, *value ? value : "empty");
}

/* Where the first "--" stands that is no option's value of its own; argc when there is none, or it means nothing special. */
static int separator(const struct ga_verb *verb, int argc, char **argv)
{
    int place = 1;
    while (verb->keeps_separator && place < argc && strcmp(argv[place], "--") != 0)
        place++;
    return verb->keeps_separator ? place : argc;
}

int ga_verb_main(const struct ga_verb *verb, int argc, char **argv)
{
    int ours = separator(verb, argc, argv);
    struct option longs[OPTIONS_MAX + 2] = {0};
    char letters[2 * OPTIONS_MAX + 8] = "+:h";
    size_t count = 0, used = strlen(letters);
    if (!verb->starts_program)
        memmove(letters, letters + 1, used--); /* options may follow arguments */
    for (const struct ga_option *option = verb->options; option && option->name && count < OPTIONS_MAX; option++, count++) {
        bool argument = option->kind != GA_OPTION_FLAG;
        longs[count] = (struct option){option->name, argument, NULL, LONG_BASE + (int)count};
        if (option->letter) {
            letters[used++] = option->letter;
            if (argument)
                letters[used++] = ':';
        }
    }
    letters[used] = 0;
    longs[count] = (struct option){"help", no_argument, NULL, 'h'};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(ours, argv, letters, longs, NULL)) != -1;) {
        if (c == 'h') {
            ga_verb_help(verb);
            return GA_EXIT_OK;
        }
        if (c == '?' || c == ':')
            return parse_error(verb, c, argv[optind - 1]);
        const struct ga_option *option = verb->options;
        while (c >= LONG_BASE ? option - verb->options != c - LONG_BASE : option->letter != c)
            option++;
        if (!parse_value(option, optarg))
            return value_error(verb, option, optarg);
    }
    int args = argc - optind;
    if (args < verb->min_args)
        return usage_error(verb, "too few arguments: expected", verb->synopsis);
    if (verb->max_args >= 0 && args > verb->max_args)
        return usage_error(verb, "too many arguments: no use for", argv[optind + verb->max_args]);
    return verb->run(args, argv + optind);
}
