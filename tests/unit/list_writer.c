/* The writer of list against json-c and stdio: strings, numbers, hex, sizes beyond its buffer, errors of writing. */
#include "analyzer/list/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

static struct writer writer;

static int setup(void **state)
{
    (void)state;
    return writer_init(&writer, memfd_create("out", MFD_CLOEXEC));
}

static int teardown(void **state)
{
    (void)state;
    close(writer.fd);
    writer_release(&writer);
    return 0;
}

/* All that was written so far, to be freed. */
static char *written(void)
{
    assert_int_equal(writer_flush(&writer), 0);
    off_t size = lseek(writer.fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_int_equal(pread(writer.fd, text, (size_t)size, 0), size);
    assert_int_equal(ftruncate(writer.fd, 0), 0);
    lseek(writer.fd, 0, SEEK_SET);
    return text;
}

static void assert_parses_back(const char *text)
{
    writer_json_string(&writer, text);
    char *json = written();
    struct json_object *value = json_tokener_parse(json);
    assert_non_null(value);
    assert_string_equal(json_object_get_string(value), text);
    json_object_put(value);
    free(json);
}

static void test_strings_parse_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "plain", "with \"quotes\" and \\ backslashes", "tab\t newline\n bell\a delete\x7f", "µs – 中文 – 😀", "\xef\xbf\xbd",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_parses_back(texts[i]);
    for (unsigned point = 1; point < 0xd800; point += 7) { /* every length of UTF-8 up to three bytes */
        char text[4] = {0};
        if (point < 0x80)
            text[0] = (char)point;
        else if (point < 0x800)
            memcpy(text, (char[]){(char)(0xc0 | point >> 6), (char)(0x80 | (point & 63))}, 2);
        else
            memcpy(text, (char[]){(char)(0xe0 | point >> 12), (char)(0x80 | (point >> 6 & 63)), (char)(0x80 | (point & 63))},
                   3);
        assert_parses_back(text);
    }
}

/* A program's arguments may hold any bytes; the line must stay JSON. */
static void test_bytes_that_are_no_text_become_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "\xe2\x82", "\x80z"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        writer_json_string(&writer, texts[i]);
        char *json = written();
        struct json_tokener *tokener = json_tokener_new();
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        struct json_object *value = json_tokener_parse_ex(tokener, json, (int)strlen(json) + 1);
        assert_non_null(value);
        assert_non_null(strstr(json_object_get_string(value), "\xef\xbf\xbd"));
        json_object_put(value);
        json_tokener_free(tokener);
        free(json);
    }
}

static void test_numbers_are_those_of_stdio(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 9, 10, 99, 12345, UINT32_MAX, 1ull << 53, INT64_MAX, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char expected[128];
        writer_unsigned(&writer, values[i]);
        writer_char(&writer, ' ');
        writer_signed(&writer, (int64_t)values[i]);
        writer_char(&writer, ' ');
        writer_hex(&writer, values[i], 1);
        writer_char(&writer, ' ');
        writer_hex(&writer, values[i], 16);
        snprintf(expected, sizeof expected, "%" PRIu64 " %" PRId64 " %" PRIx64 " %016" PRIx64, values[i], (int64_t)values[i],
                 values[i], values[i]);
        char *text = written();
        assert_string_equal(text, expected);
        free(text);
    }
}

static void test_more_than_the_buffer_holds(void **state)
{
    (void)state;
    enum { SIZE = 1000003 };
    unsigned char *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 31 >> 3);
    writer_hex_bytes(&writer, bytes, SIZE);
    assert_int_equal(writer.last, "0123456789abcdef"[bytes[SIZE - 1] & 15]);
    char *text = written();
    assert_int_equal(strlen(text), 2 * SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        char two[3];
        snprintf(two, sizeof two, "%02x", bytes[i]);
        assert_memory_equal(text + 2 * i, two, 2);
    }
    free(text);
    writer_bytes(&writer, bytes, SIZE);
    assert_int_equal(writer_flush(&writer), 0);
    assert_int_equal(lseek(writer.fd, 0, SEEK_END), SIZE);
    free(bytes);
}

static void test_a_closed_pipe_is_an_error_once(void **state)
{
    (void)state;
    int ends[2], file = writer.fd;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    writer.fd = ends[1];
    writer_text(&writer, "nobody reads this");
    assert_int_equal(writer_flush(&writer), -EPIPE);
    writer_text(&writer, "nor this");
    assert_int_equal(writer_flush(&writer), -EPIPE);
    close(ends[1]);
    writer.fd = file;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_strings_parse_back),
        TEST(test_bytes_that_are_no_text_become_text),
        TEST(test_numbers_are_those_of_stdio),
        TEST(test_more_than_the_buffer_holds),
        TEST(test_a_closed_pipe_is_an_error_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
