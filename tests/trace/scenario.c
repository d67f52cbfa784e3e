/* Scenarios: a line is parsed into the record of its event. */
#include "trace/scenario.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/map.h"
#include "trace/layout.h"

enum { WORDS_MAX = 128, KEEP_MAX = 64, ELEMENT_ROWS = 4 };
#define POINTER 0x1000u /* address of whatever has no address of its own in a scenario */

/* What the scenario remembers of a thread of the program. */
struct scenario_thread {
    uint64_t process, next_call;
    uint32_t thread;
    struct {
        const struct ga_row *row;
        uint32_t count;
    } elements[ELEMENT_ROWS]; /* sent for the next call */
};

struct scenario {
    const char *path;
    char *text, *at;
    unsigned line;
    struct ctf_options options;
    uint64_t cut;
    uint64_t ticks;
    char *defaults[WORDS_MAX]; /* NAME=VALUE, kept from `default` lines */
    size_t default_count;
    struct scenario_thread *threads;
    size_t thread_count;
    struct ga_map sent; /* hashes of blobs */
    /* of the line */
    const struct scenario_ops *ops;
    void *user;
    struct ga_error *error;
    const struct ga_row *row;
    union ga_record record;
    unsigned cpu;
    bool numbered, ended; /* the line gave `call`, `end` */
    void *kept[KEEP_MAX]; /* lists, freed with the line */
    size_t kept_count;
};

static int bad(struct scenario *scenario, const char *what, const char *word)
{
    return ga_error_set(scenario->error, EINVAL, "%s:%u: %s: %s", scenario->path, scenario->line, what, word);
}

static void *keep(struct scenario *scenario, void *memory)
{
    if (memory && scenario->kept_count < KEEP_MAX)
        return scenario->kept[scenario->kept_count++] = memory;
    free(memory);
    return NULL;
}

/* Words of a line: separated by blanks, NAME="…" may hold some. Cuts the line up; -1 when there are too many. */
static int split(char *line, char *words[WORDS_MAX])
{
    int count = 0;
    while (*line) {
        while (isspace((unsigned char)*line))
            line++;
        if (!*line || *line == '#')
            break;
        if (count == WORDS_MAX)
            return -1;
        words[count++] = line;
        bool quoted = false;
        for (; *line && (quoted || !isspace((unsigned char)*line)); line++)
            quoted ^= *line == '"';
        if (*line)
            *line++ = 0;
    }
    return count;
}

static bool number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = *text == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
    return end != text && !*end && !errno;
}

static void store(void *record, uint16_t offset, uint64_t value, unsigned width)
{
    char *to = (char *)record + offset;
    if (width == 1)
        *(uint8_t *)to = (uint8_t)value;
    else if (width == 2)
        *(uint16_t *)to = (uint16_t)value;
    else if (width == 4)
        *(uint32_t *)to = (uint32_t)value;
    else
        *(uint64_t *)to = value;
}

/* Blobs. */

static int emit(struct scenario *scenario, const struct ga_row *row, const void *record)
{
    return scenario->ops->event(scenario->user, scenario->cpu, scenario->ticks, row, record, scenario->error);
}

static int blob_send(struct scenario *scenario, uint64_t hash, const uint64_t *words, uint32_t size)
{
    if (ga_map_get(&scenario->sent, hash, 0))
        return 0;
    if (ga_map_set(&scenario->sent, hash, 0, 1) < 0)
        return -ENOMEM;
    for (uint32_t offset = 0; offset < size; offset += GA_BLOB_CHUNK_WORDS * 8) {
        uint32_t left = (size - offset + 7) / 8;
        struct ga_gpualloc_blob piece = {
            .hash = hash,
            .size = size,
            .offset = offset,
            .words_length = left < GA_BLOB_CHUNK_WORDS ? left : GA_BLOB_CHUNK_WORDS,
            .words_list = words + offset / 8,
        };
        int result = emit(scenario, &ga_rows[GA_ROW_gpualloc_blob], &piece);
        if (result < 0)
            return result;
    }
    return 0;
}

/* hex:DIGITS or fill:SIZE:SEED; the bytes as words, padded with zeros. */
static uint64_t *blob_bytes(struct scenario *scenario, const char *value, uint32_t *size)
{
    uint64_t length, seed = 0;
    char *colon;
    if (!strncmp(value, "hex:", 4)) {
        length = strlen(value + 4) / 2;
    } else {
        length = strtoull(value + 5, &colon, 0);
        seed = *colon == ':' ? strtoull(colon + 1, NULL, 0) : 0;
    }
    if (!length || length > GA_BLOB_MAX)
        return NULL;
    uint64_t *words = keep(scenario, calloc((length + 7) / 8, 8));
    for (uint64_t i = 0; words && i < length; i++) {
        unsigned byte;
        if (strncmp(value, "hex:", 4))
            byte = (unsigned)((seed + i) * 0x9e3779b97f4a7c15u >> 56);
        else if (sscanf(value + 4 + 2 * i, "%2x", &byte) != 1)
            return NULL;
        ((unsigned char *)words)[i] = (unsigned char)byte;
    }
    *size = (uint32_t)length;
    return words;
}

static int set_blob(struct scenario *scenario, const struct ga_member *member, bool output, const char *value)
{
    static const char *const states[] = {"null", "empty", "unreadable", "refused"};
    uint16_t offset = output ? member->out : member->in;
    uint64_t hash = 0;
    if (offset == GA_NONE)
        return bad(scenario, "no output", member->name);
    if (!output && strcmp(value, "null"))
        store(&scenario->record, member->address, POINTER, 8);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (!strcmp(value, states[i])) {
            store(&scenario->record, offset, i, 8);
            return 0;
        }
    if (!strncmp(value, "hash:", 5) && number(value + 5, &hash)) { /* one that is never sent */
        store(&scenario->record, offset, hash, 8);
        return 0;
    }
    uint32_t size;
    uint64_t *words = strncmp(value, "hex:", 4) && strncmp(value, "fill:", 5) ? NULL : blob_bytes(scenario, value, &size);
    if (!words)
        return bad(scenario, "private data is null, empty, unreadable, refused, hash:N, hex:BYTES or fill:SIZE:SEED", value);
    hash = XXH3_64bits(words, size);
    hash += hash < GA_BLOB_FIRST_HASH ? GA_BLOB_FIRST_HASH : 0;
    store(&scenario->record, offset, hash, 8);
    const struct ga_member *count = ga_row_member(scenario->row, member->count);
    if (count && count->in != GA_NONE && !ga_member_in(count, &scenario->record))
        store(&scenario->record, count->in, size, count->width);
    return blob_send(scenario, hash, words, size);
}

/* Other values. */

static int set_list(struct scenario *scenario, const struct ga_member *member, char *value)
{
    size_t count = 1, width = member->entry;
    for (const char *at = value; *at; at++)
        count += *at == ',';
    char *list = keep(scenario, calloc(count, width));
    if (!list)
        return -ENOMEM;
    size_t used = 0;
    for (char *rest = value, *entry; (entry = strsep(&rest, ",")); used++) {
        uint64_t v;
        if (!number(entry, &v))
            return bad(scenario, "no number", entry);
        store(list, (uint16_t)(used * width), v, (unsigned)width);
    }
    if (member->address != GA_NONE)
        store(&scenario->record, member->address, POINTER, 8);
    store(&scenario->record, member->length, used, 4);
    *(void **)((char *)&scenario->record + member->in) = list;
    const struct ga_member *length = ga_row_member(scenario->row, member->count);
    if (length && length->in != GA_NONE && !ga_member_in(length, &scenario->record))
        store(&scenario->record, length->in, used, length->width);
    return 0;
}

/* Flags by name: A|B|0x100. */
static bool flags_value(const struct ga_member *member, char *text, uint64_t *value)
{
    *value = 0;
    for (char *rest = text, *word; (word = strsep(&rest, "|"));) {
        uint64_t bits = 0;
        for (const struct ga_flag_name *flag = member->flags; flag->name; flag++)
            if (!strcmp(flag->name, word))
                bits = (uint64_t)1 << flag->bit;
        if (!bits && !number(word, &bits))
            return false;
        *value |= bits;
    }
    return true;
}

static const struct ga_member *find_member(const struct ga_row *row, const char *name, bool *output)
{
    size_t length = strlen(name);
    const struct ga_member *member = ga_row_member(row, name);
    *output = false;
    if (member || length < 5 || strcmp(name + length - 4, "_out"))
        return member;
    char base[96];
    snprintf(base, sizeof base, "%.*s", (int)(length - 4), name);
    *output = true;
    return ga_row_member(row, base);
}

static int set_value(struct scenario *scenario, const char *name, char *value)
{
    bool output;
    const struct ga_member *member = find_member(scenario->row, name, &output);
    uint64_t v;
    if (member && member->kind == GA_BLOB)
        return set_blob(scenario, member, output, value);
    if (member && (member->kind == GA_ARRAY || member->kind == GA_WORDS) && strcmp(value, "null"))
        return *value == '@' ? (number(value + 1, &v) ? (store(&scenario->record, member->address, v, 8), 0)
                                                      : bad(scenario, "no address", value))
                             : set_list(scenario, member, value);
    const struct layout_field *field = layout_find(scenario->row, name);
    if (!field)
        return bad(scenario, "the event has no such field", name);
    if (field->kind == FIELD_STRING) {
        size_t length = strlen(value);
        if (length < 2 || *value != '"' || value[length - 1] != '"')
            return bad(scenario, "text stands in quotes", value);
        value[length - 1] = 0;
        *(const char **)((char *)&scenario->record + field->offset) = value + 1;
        return 0;
    }
    if (!strcmp(value, "api") || !strcmp(value, "ioctl"))
        v = *value == 'a' ? GA_LAYER_API : GA_LAYER_IOCTL;
    else if (!strcmp(value, "null"))
        v = 0;
    else if (member && member->kind == GA_FLAGS ? !flags_value(member, value, &v) : !number(value, &v))
        return bad(scenario, "no value of this field", value);
    store(&scenario->record, field->offset, v, field->width);
    scenario->numbered |= !strcmp(name, "call");
    scenario->ended |= !strcmp(name, "end");
    return 0;
}

static int set_word(struct scenario *scenario, char *word, bool is_default)
{
    char *equals = strchr(word, '='), name[96];
    uint64_t v;
    if (!equals || (size_t)(equals - word) >= sizeof name)
        return bad(scenario, "not NAME=VALUE", word);
    snprintf(name, sizeof name, "%.*s", (int)(equals - word), word);
    if (!strcmp(name, "cpu")) {
        if (!number(equals + 1, &v))
            return bad(scenario, "no CPU", word);
        scenario->cpu = (unsigned)v;
        return 0;
    }
    if (is_default && !layout_find(scenario->row, name))
        return 0;
    return set_value(scenario, name, equals + 1);
}

/* Events. */

static struct scenario_thread *thread_get(struct scenario *scenario, uint64_t process, uint32_t ordinal)
{
    for (size_t i = 0; i < scenario->thread_count; i++)
        if (scenario->threads[i].process == process && scenario->threads[i].thread == ordinal)
            return &scenario->threads[i];
    struct scenario_thread *bigger = realloc(scenario->threads, (scenario->thread_count + 1) * sizeof *bigger);
    if (!bigger)
        return NULL;
    scenario->threads = bigger;
    bigger[scenario->thread_count] = (struct scenario_thread){.process = process, .thread = ordinal, .next_call = 1};
    return &bigger[scenario->thread_count++];
}

/* A call is the next one of its thread, 1000 ticks long, unless the line says otherwise. */
static int complete_call(struct scenario *scenario)
{
    struct ga_call_header *header = &scenario->record.header;
    struct scenario_thread *thread = thread_get(scenario, header->process, header->thread);
    if (!thread)
        return -ENOMEM;
    if (!scenario->numbered)
        header->call = thread->next_call;
    thread->next_call = header->call + 1;
    if (!scenario->ended)
        header->end = scenario->ticks - 100;
    if (!header->begin)
        header->begin = header->end - 1000;
    for (const struct ga_member *member = scenario->row->members(); member->name; member++)
        for (size_t i = 0; member->kind == GA_ELEMENTS && i < ELEMENT_ROWS; i++)
            if (thread->elements[i].row == &ga_rows[member->element]) {
                uint32_t *captured = (uint32_t *)((char *)&scenario->record + member->in);
                uint64_t *address = (uint64_t *)((char *)&scenario->record + member->address);
                *captured = *captured ? *captured : thread->elements[i].count;
                *address = *address ? *address : POINTER;
                const struct ga_member *count = ga_row_member(scenario->row, member->count);
                if (count && count->in != GA_NONE && !ga_member_in(count, &scenario->record))
                    store(&scenario->record, count->in, thread->elements[i].count, count->width);
            }
    memset(thread->elements, 0, sizeof thread->elements);
    return 0;
}

static int complete_element(struct scenario *scenario)
{
    struct ga_element_header *header = &scenario->record.element;
    struct scenario_thread *thread = thread_get(scenario, header->process, header->thread);
    if (!thread)
        return -ENOMEM;
    if (!scenario->numbered)
        header->call = thread->next_call;
    for (size_t i = 0; i < ELEMENT_ROWS; i++)
        if (!thread->elements[i].row || thread->elements[i].row == scenario->row) {
            thread->elements[i].row = scenario->row;
            uint32_t index = thread->elements[i].count++;
            header->index = header->index ? header->index : index;
            break;
        }
    return 0;
}

/* A text that the line does not give is empty: LTTng would write "(null)". */
static void complete_texts(struct scenario *scenario)
{
    const struct layout *layout = layout_get(scenario->row);
    for (size_t i = 0; i < layout->count; i++) {
        const char **text = (const char **)((char *)&scenario->record + layout->fields[i].offset);
        if (layout->fields[i].kind == FIELD_STRING && !*text)
            *text = "";
    }
}

static int run_event(struct scenario *scenario, char **words, int count)
{
    uint64_t ticks;
    bool relative = *words[0] == '+';
    if (count < 2 || !number(words[0] + relative, &ticks))
        return bad(scenario, "a line is 'TICKS EVENT NAME=VALUE…', 'default …', 'discard …' or 'trace …'", words[0]);
    scenario->ticks = relative ? scenario->ticks + ticks : ticks;
    scenario->row = ga_row_by_name(words[1]);
    if (!scenario->row)
        return bad(scenario, "no such event", words[1]);
    memset(&scenario->record, 0, sizeof scenario->record);
    scenario->numbered = scenario->ended = false;
    scenario->cpu = 0;
    if (scenario->row->kind == GA_ROW_CALL)
        scenario->record.header.size = scenario->row->abi_size;
    if (scenario->row->kind == GA_ROW_ELEMENT)
        scenario->record.element.size = scenario->row->abi_size;
    int result = 0;
    for (size_t i = 0; i < scenario->default_count && result >= 0; i++) {
        char *copy = keep(scenario, strdup(scenario->defaults[i]));
        result = copy ? set_word(scenario, copy, true) : -ENOMEM;
    }
    for (int i = 2; i < count && result >= 0; i++)
        result = set_word(scenario, words[i], false);
    if (result >= 0 && scenario->row->kind == GA_ROW_CALL)
        result = complete_call(scenario);
    if (result >= 0 && scenario->row->kind == GA_ROW_ELEMENT)
        result = complete_element(scenario);
    complete_texts(scenario);
    return result < 0 ? result : emit(scenario, scenario->row, &scenario->record);
}

static int run_discard(struct scenario *scenario, char **words, int count)
{
    uint64_t lost, cpu = 0;
    bool packets = count > 1 && !strcmp(words[1], "packets");
    if (count < 3 || (!packets && strcmp(words[1], "events")) || !number(words[2], &lost) ||
        (count > 3 && !number(words[3], &cpu)))
        return bad(scenario, "expected 'discard events|packets COUNT [CPU]'", words[0]);
    if (!scenario->ops->discard)
        return 0;
    return scenario->ops->discard(scenario->user, (unsigned)cpu, packets, lost, scenario->error);
}

static int run_default(struct scenario *scenario, char **words, int count)
{
    for (int i = 1; i < count; i++) {
        size_t place = 0, length = strcspn(words[i], "=") + 1;
        while (place < scenario->default_count && strncmp(scenario->defaults[place], words[i], length))
            place++;
        if (place == WORDS_MAX / 4)
            return bad(scenario, "too many defaults", words[i]);
        if (place < scenario->default_count)
            free(scenario->defaults[place]);
        else
            scenario->default_count++;
        if (!(scenario->defaults[place] = strdup(words[i])))
            return -ENOMEM;
    }
    return 0;
}

static int run_trace(struct scenario *scenario, char **words, int count)
{
    struct {
        const char *name;
        uint64_t value;
    } settings[] = {{"clock=", 0}, {"cpus=", 1}, {"compact=", 0}, {"cut=", 0}, {"packet=", 0}, {"seed=", 0}};
    for (int i = 1; i < count; i++) {
        size_t at = 0, known = sizeof settings / sizeof *settings;
        while (at < known && strncmp(words[i], settings[at].name, strlen(settings[at].name)))
            at++;
        if (at == known || !number(words[i] + strlen(settings[at].name), &settings[at].value))
            return bad(scenario, "trace knows clock, cpus, compact, cut, packet and seed", words[i]);
    }
    scenario->options = (struct ctf_options){.clock_offset = (int64_t)settings[0].value,
                                             .streams = (unsigned)settings[1].value,
                                             .compact = settings[2].value,
                                             .packet_size = (uint32_t)settings[4].value,
                                             .seed = settings[5].value};
    scenario->cut = settings[3].value;
    return scenario->options.streams ? 0 : bad(scenario, "at least one", "cpus");
}

static int run_line(struct scenario *scenario, char *line, bool events)
{
    char *words[WORDS_MAX];
    int count = split(line, words), result = 0;
    if (count < 0)
        return bad(scenario, "too many words", line);
    if (!count)
        return 0;
    if (!strcmp(words[0], "trace"))
        return events ? 0 : run_trace(scenario, words, count);
    if (!events)
        return 0;
    if (!strcmp(words[0], "default"))
        result = run_default(scenario, words, count);
    else if (!strcmp(words[0], "discard"))
        result = run_discard(scenario, words, count);
    else
        result = run_event(scenario, words, count);
    while (scenario->kept_count)
        free(scenario->kept[--scenario->kept_count]);
    return result;
}

static int run_lines(struct scenario *scenario, bool events, struct ga_error *error)
{
    char *copy = strdup(scenario->text), *rest = copy;
    int result = copy ? 0 : ga_error_set(error, ENOMEM, "out of memory");
    struct ga_error none;
    scenario->error = error ? error : &none;
    scenario->line = 0;
    for (char *line; result >= 0 && (line = strsep(&rest, "\n"));) {
        scenario->line++;
        /* A line that ends with a backslash goes on in the next. */
        for (size_t length = strlen(line); rest && length && line[length - 1] == '\\'; length = strlen(line)) {
            line[length - 1] = ' ';
            line[length] = ' ';
            strsep(&rest, "\n");
            scenario->line++;
        }
        result = run_line(scenario, line, events);
    }
    free(copy);
    return result;
}

int scenario_create(struct scenario **out, const char *path, struct ga_error *error)
{
    struct scenario *scenario = calloc(1, sizeof *scenario);
    FILE *file = fopen(path, "re");
    size_t size = 0;
    if (!scenario || !file) {
        free(scenario);
        return ga_error_errno(error, errno, "%s", path);
    }
    scenario->path = path;
    scenario->options.streams = 1;
    ssize_t length = getdelim(&scenario->text, &size, 0, file);
    fclose(file);
    int result = length < 0 ? ga_error_set(error, EINVAL, "%s: nothing in it", path) : run_lines(scenario, false, error);
    if (result < 0) {
        scenario_destroy(scenario);
        return result;
    }
    *out = scenario;
    return 0;
}

const struct ctf_options *scenario_options(const struct scenario *scenario)
{
    return &scenario->options;
}

uint64_t scenario_cut(const struct scenario *scenario)
{
    return scenario->cut;
}

int scenario_run(struct scenario *scenario, const struct scenario_ops *ops, void *user, struct ga_error *error)
{
    scenario->ops = ops;
    scenario->user = user;
    return run_lines(scenario, true, error);
}

void scenario_destroy(struct scenario *scenario)
{
    if (!scenario)
        return;
    for (size_t i = 0; i < scenario->default_count; i++)
        free(scenario->defaults[i]);
    ga_map_release(&scenario->sent);
    free(scenario->threads);
    free(scenario->text);
    free(scenario);
}
