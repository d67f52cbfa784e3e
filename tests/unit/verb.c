/* Options are parsed as their table says, and what is wrong with a command line is one line on stderr. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/verb.h"

static struct {
    bool flag;
    const char *text, *choice;
    uint64_t count, size;
    double number;
    struct ga_option_list list;
} got;
static int seen_argc;
static char **seen_argv;

static const char *const choices[] = {"asap", "real", NULL};
static const struct ga_option options[] = {
    {"flag", 'f', GA_OPTION_FLAG, NULL, "a flag", &got.flag},
    {"text", 't', GA_OPTION_STRING, "TEXT", "a text", &got.text},
    {"count", 'n', GA_OPTION_COUNT, "N", "a count", &got.count},
    {"size", 0, GA_OPTION_SIZE, "SIZE", "a size", &got.size},
    {"number", 0, GA_OPTION_NUMBER, "X", "a number", &got.number},
    {"speed", 0, GA_OPTION_CHOICE, "HOW", "a choice", &got.choice, choices},
    {"item", 'i', GA_OPTION_LIST, "ITEM", "a list", &got.list},
    {0},
};

static int note(int argc, char **argv)
{
    seen_argc = argc;
    seen_argv = argv;
    return 42;
}

static const struct ga_verb plain = {"plain", "Shows", "[options] TRACE", NULL, options, 1, 2, false, false, note};
static const struct ga_verb starter = {"starter", "Starts", "-- PROGRAM", NULL, options, 1, -1, true, false, note};
static const struct ga_verb bare = {"bare", "Has no options", "", NULL, NULL, 0, 0, false, false, note};

/* What the verb wrote to a stream while it ran. */
static char output[8192];

static int capture(FILE *stream, const struct ga_verb *verb, const char *const *arguments)
{
    char *argv[16] = {NULL};
    int argc = 0;
    for (; arguments[argc]; argc++)
        argv[argc] = (char *)arguments[argc];
    memset(&got, 0, sizeof got);
    seen_argc = -1;
    FILE *file = tmpfile();
    int descriptor = fileno(stream), saved = dup(descriptor);
    fflush(stream);
    dup2(fileno(file), descriptor);
    int status = ga_verb_main(verb, argc, argv);
    fflush(stream);
    dup2(saved, descriptor);
    close(saved);
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = 0;
    fclose(file);
    /* The arguments are checked at once: argv ends with this function. */
    if (seen_argc > 0)
        seen_argv = memcpy(calloc(16, sizeof *argv), seen_argv, (size_t)seen_argc * sizeof *argv);
    return status;
}
#define RUN(verb, ...) capture(stderr, verb, (const char *[]){(verb)->name, ##__VA_ARGS__, NULL})

static void assert_ok(int status, int argc, const char *first)
{
    assert_string_equal(output, "");
    assert_int_equal(status, 42);
    assert_int_equal(seen_argc, argc);
    if (argc)
        assert_string_equal(seen_argv[0], first);
    if (seen_argc > 0)
        free(seen_argv);
}

static void values_go_where_the_table_says(void **state)
{
    (void)state;
    assert_ok(RUN(&plain, "--flag", "--text=a b", "--count", "0x10", "--size=64K", "--number=2.5", "--speed=real", "T"), 1, "T");
    assert_true(got.flag);
    assert_string_equal(got.text, "a b");
    assert_int_equal(got.count, 16);
    assert_int_equal(got.size, 65536);
    assert_true(got.number == 2.5);
    assert_ptr_equal(got.choice, choices[1]);
    assert_ok(RUN(&plain, "-f", "-tx", "-n", "3", "T"), 1, "T");
    assert_true(got.flag && got.count == 3);
    assert_string_equal(got.text, "x");
    assert_ok(RUN(&plain, "--size=2GiB", "T"), 1, "T");
    assert_int_equal(got.size, (uint64_t)2 << 30);
    assert_ok(RUN(&plain, "--count=010", "--size=512", "T"), 1, "T");
    assert_int_equal(got.count, 10);
    assert_int_equal(got.size, 512);
}

static void list_keeps_every_value(void **state)
{
    (void)state;
    assert_ok(RUN(&plain, "--item=a", "-i", "b", "T"), 1, "T");
    assert_int_equal(got.list.count, 2);
    assert_string_equal(got.list.items[0], "a");
    assert_string_equal(got.list.items[1], "b");
}

static void options_may_follow_arguments(void **state)
{
    (void)state;
    assert_ok(RUN(&plain, "T", "--flag"), 1, "T");
    assert_true(got.flag);
    assert_ok(RUN(&plain, "--", "--flag"), 1, "--flag");
    assert_false(got.flag);
}

static void a_programs_options_are_its_own(void **state)
{
    (void)state;
    assert_ok(RUN(&starter, "-f", "--", "prog", "-t", "--flag"), 3, "prog");
    assert_null(got.text);
    assert_ok(RUN(&starter, "prog", "-f", "--", "x"), 4, "prog");
    assert_false(got.flag);
    /* A second -- is the program's. */
    assert_ok(RUN(&starter, "--", "--", "x"), 2, "--");
}

static void assert_usage(int status, int expected, const char *part)
{
    assert_int_equal(seen_argc, -1);
    assert_int_equal(status, expected);
    if (!strstr(output, part))
        fail_msg("no '%s' in '%s'", part, output);
    char *newline = strchr(output, '\n');
    assert_non_null(newline);
    assert_int_equal(newline[1], 0);
}

static void mistakes_are_one_line_each(void **state)
{
    (void)state;
    assert_usage(RUN(&plain, "--nosuch", "T"), GA_EXIT_USAGE, "unknown option --nosuch");
    assert_usage(RUN(&plain, "--nosuch=7", "T"), GA_EXIT_USAGE, "unknown option --nosuch");
    assert_usage(RUN(&plain, "-x", "T"), GA_EXIT_USAGE, "unknown option -x");
    assert_usage(RUN(&plain, "-fx", "T"), GA_EXIT_USAGE, "unknown option -x");
    assert_usage(RUN(&plain, "-xf", "T"), GA_EXIT_USAGE, "unknown option -x");
    assert_usage(RUN(&plain, "T", "--text"), GA_EXIT_USAGE, "a value is missing after --text");
    assert_usage(RUN(&plain, "T", "-t"), GA_EXIT_USAGE, "a value is missing after -t");
    assert_usage(RUN(&plain, "--flag=1", "T"), GA_EXIT_USAGE, "takes no value");
    assert_usage(RUN(&plain), GA_EXIT_USAGE, "too few arguments");
    assert_usage(RUN(&plain, "a", "b", "c"), GA_EXIT_USAGE, "no use for c");
    assert_usage(RUN(&bare, "a"), GA_EXIT_USAGE, "no use for a");
    assert_usage(RUN(&bare, "-f"), GA_EXIT_USAGE, "unknown option -f");
    assert_usage(RUN(&starter), GA_EXIT_OWN, "too few arguments");
    assert_usage(RUN(&starter, "--nosuch", "--", "x"), GA_EXIT_OWN, "unknown option --nosuch");
}

static void a_prefix_that_fits_several_is_unknown(void **state)
{
    (void)state;
    assert_usage(RUN(&plain, "--s=1", "T"), GA_EXIT_USAGE, "--s");
}

static void impossible_values_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "--count=", "--count=-1", "--count=1x", "--count=99999999999999999999", "--count=1K", "--count=+1", "--count= 1",
        "--size=1Q", "--size=K",
        "--size=1KB5", "--size=99999999999G", "--size=-1K", "--number=x", "--number=nan", "--number=inf", "--number=1e999",
        "--speed=fast", "--speed=", "--count= -1", "--size=1\xC1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_usage(RUN(&plain, wrong[i], "T"), GA_EXIT_USAGE, "cannot be");
}

static void help_goes_to_stdout(void **state)
{
    (void)state;
    static const char *const forms[] = {"-h", "--help"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(capture(stdout, &plain, (const char *[]){"plain", forms[i], NULL}), 0);
        assert_non_null(strstr(output, "Usage: gpualloc plain [options] TRACE"));
        assert_non_null(strstr(output, "--speed=HOW"));
        assert_non_null(strstr(output, "asap, real"));
    }
    assert_int_equal(capture(stdout, &bare, (const char *[]){"bare", "-h", NULL}), 0);
}

/* Long words about an option go on below it, and choices that they have are not told again. */
static void help_is_no_wider_than_a_terminal(void **state)
{
    (void)state;
    static const struct ga_option wide[] = {
        {"text", 't', GA_OPTION_STRING, "TEXT",
         "eleven letters of each of these words would be too many words for a line … and µ is one", &got.text},
        {"told", 0, GA_OPTION_CHOICE, "HOW", "asap: as fast as possible; real: as recorded", &got.choice, choices},
        {"rest", 0, GA_OPTION_CHOICE, "HOW", "a choice", &got.choice, choices},
        {0},
    };
    const struct ga_verb verb = {.name = "wide", .summary = "Wide", .synopsis = "", .options = wide, .run = note};
    assert_int_equal(capture(stdout, &verb, (const char *[]){"wide", "-h", NULL}), 0);
    assert_non_null(strstr(output, "  -t, --text=TEXT            eleven letters of each of these words would be too many words for a"
                                   "\n                             line … and µ is one\n"));
    assert_non_null(strstr(output, "real: as recorded\n"));
    assert_non_null(strstr(output, "a choice: asap, real\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_where_the_table_says),
        cmocka_unit_test(list_keeps_every_value),
        cmocka_unit_test(options_may_follow_arguments),
        cmocka_unit_test(a_programs_options_are_its_own),
        cmocka_unit_test(mistakes_are_one_line_each),
        cmocka_unit_test(a_prefix_that_fits_several_is_unknown),
        cmocka_unit_test(impossible_values_are_refused),
        cmocka_unit_test(help_goes_to_stdout),
        cmocka_unit_test(help_is_no_wider_than_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
