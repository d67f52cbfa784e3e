/* What export writes as Perfetto's messages is a part of the published schema, as tests/data/perfetto.tsv has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <protobuf-c/protobuf-c.h>

/* Generated from analyzer/export/perfetto.proto, and what export packs by; all other messages are in it. */
extern const ProtobufCMessageDescriptor perfetto__protos__trace__descriptor;

struct published {
    char kind[12], of[40]; /* "message" or "enum", its name */
    uint32_t number;
    char name[48], label[12], type[40]; /* of an enumeration's value only the name */
};

static struct published published[160];
static size_t published_count;

static int setup(void **state)
{
    (void)state;
    char line[256], kind[12] = "", of[40] = "";
    FILE *file = fopen(SOURCE_DIR "/tests/data/perfetto.tsv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        struct published *row = &published[published_count];
        if (*line == '#' || (*line != '\t' && sscanf(line, "%11s %39s", kind, of) == 2))
            continue;
        assert_true(published_count < sizeof published / sizeof *published);
        assert_true(sscanf(line, " %u %47s %11s %39s", &row->number, row->name, row->label, row->type) >= 2);
        snprintf(row->kind, sizeof row->kind, "%s", kind);
        snprintf(row->of, sizeof row->of, "%s", of);
        published_count++;
    }
    fclose(file);
    return 0;
}

static const struct published *find(const char *kind, const char *of, uint32_t number)
{
    for (size_t i = 0; i < published_count; i++)
        if (strcmp(published[i].kind, kind) == 0 && strcmp(published[i].of, of) == 0 && published[i].number == number)
            return &published[i];
    fail_msg("%s has no %u in what is published", of, number);
    return NULL;
}

static const char *type_of(const ProtobufCFieldDescriptor *field)
{
    static const char *const names[] = {
        [PROTOBUF_C_TYPE_INT32] = "int32",     [PROTOBUF_C_TYPE_INT64] = "int64",     [PROTOBUF_C_TYPE_UINT32] = "uint32",
        [PROTOBUF_C_TYPE_UINT64] = "uint64",   [PROTOBUF_C_TYPE_FIXED64] = "fixed64", [PROTOBUF_C_TYPE_BOOL] = "bool",
        [PROTOBUF_C_TYPE_STRING] = "string",
    };
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name;
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return ((const ProtobufCEnumDescriptor *)field->descriptor)->short_name;
    return field->type < sizeof names / sizeof *names && names[field->type] ? names[field->type] : "another";
}

static void check_values(const ProtobufCEnumDescriptor *values)
{
    for (unsigned v = 0; v < values->n_values; v++)
        assert_string_equal(values->values[v].name, find("enum", values->short_name, (uint32_t)values->values[v].value)->name);
}

/* The message and those in it, each once. */
static void check_message(const ProtobufCMessageDescriptor *message, const ProtobufCMessageDescriptor **seen, size_t *seen_count)
{
    for (size_t i = 0; i < *seen_count; i++)
        if (seen[i] == message)
            return;
    assert_true(*seen_count < 32);
    seen[(*seen_count)++] = message;
    for (unsigned f = 0; f < message->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &message->fields[f];
        const struct published *row = find("message", message->short_name, field->id);
        assert_string_equal(field->name, row->name);
        assert_string_equal(field->label == PROTOBUF_C_LABEL_REPEATED ? "repeated" : "optional", row->label);
        assert_int_equal(field->flags & PROTOBUF_C_FIELD_FLAG_PACKED, 0);
        assert_string_equal(type_of(field), row->type);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            check_message(field->descriptor, seen, seen_count);
        else if (field->type == PROTOBUF_C_TYPE_ENUM)
            check_values(field->descriptor);
    }
}

static void what_is_written_is_published(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *seen[32];
    size_t count = 0;
    check_message(&perfetto__protos__trace__descriptor, seen, &count);
    assert_int_equal(count, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_written_is_published)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
