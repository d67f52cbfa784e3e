/*
 * Verbs: what `gpualloc NAME` does, with its options as a table. Help (-h), errors and the man page come from the table.
 * Parsing is getopt_long's; for verbs that start a program it stops at the first argument that is no option, and `--` is eaten.
 */
#ifndef GPUALLOC_BASE_VERB_H
#define GPUALLOC_BASE_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ga_option_kind {
    GA_OPTION_FLAG,   /* bool: set to true */
    GA_OPTION_STRING, /* const char * */
    GA_OPTION_COUNT,  /* uint64_t: a whole number */
    GA_OPTION_SIZE,   /* uint64_t: bytes; K, M, G (binary) may follow */
    GA_OPTION_NUMBER, /* double */
    GA_OPTION_CHOICE, /* const char *: one of choices; the value becomes the table's own string */
    GA_OPTION_LIST,   /* struct ga_option_list: may be given again, each value is kept */
};

struct ga_option_list {
    const char *items[32]; /* arguments of the program: they live as long as it */
    size_t count;
};

struct ga_option {
    const char *name; /* without the dashes; null ends the table */
    char letter;      /* short form, or 0 */
    enum ga_option_kind kind;
    const char *argument; /* what help calls the value: FILE, N */
    const char *help;
    void *value;                /* where it goes; holds the default before parsing */
    const char *const *choices; /* GA_OPTION_CHOICE: ends with null */
};

struct ga_verb {
    const char *name;        /* null ends a table of verbs */
    const char *summary;     /* one line, no full stop */
    const char *synopsis;    /* after "gpualloc NAME": "[options] TRACE" */
    const char *description; /* paragraphs for -h and the man page; may be null */
    const struct ga_option *options;
    int min_args, max_args;  /* arguments besides options; max -1: any number */
    bool starts_program;     /* own failures exit 125, 126, 127 */
    bool keeps_separator;    /* arguments come in two lists: the first "--" is handed to run as an argument, and ends the options */
    int (*run)(int argc, char **argv); /* the arguments that are no options; returns the exit status */
};

/* Parses argv (argv[0] is the verb's name), then runs the verb. Returns the exit status: after -h 0, after a usage error
   GA_EXIT_USAGE (GA_EXIT_OWN for a verb that starts a program), with one line on stderr. */
int ga_verb_main(const struct ga_verb *verb, int argc, char **argv);
/* A size as GA_OPTION_SIZE takes it; false: it is none. */
bool ga_parse_size(const char *text, uint64_t *bytes);
/* Prints the help of a verb to stdout. */
void ga_verb_help(const struct ga_verb *verb);

#endif
