/* The output directory. */
#include "record/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

static int check_empty(const char *path, struct ga_error *error)
{
    DIR *directory = opendir(path);
    if (!directory)
        return ga_error_errno(error, errno, "output %s", path);
    int entries = 0;
    for (struct dirent *entry; entries < 3 && (entry = readdir(directory));)
        entries++;
    closedir(directory);
    if (entries > 2)
        return ga_error_set(error, EEXIST, "output %s exists and is not empty; name another with -o, or remove it", path);
    if (access(path, W_OK | X_OK))
        return ga_error_errno(error, errno, "output %s", path);
    return 0;
}

/* A program's name and the time, and a number when that exists already. */
static int make_default(struct record_output *output, const char *program, struct ga_error *error)
{
    char date[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(date, sizeof date, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    for (int number = 1; number < 1000; number++) {
        char suffix[16] = "";
        if (number > 1)
            snprintf(suffix, sizeof suffix, "-%d", number);
        snprintf(output->shown, sizeof output->shown, "gpualloc-%.200s-%s%s", program, date, suffix);
        if (!mkdir(output->shown, 0777))
            return 0;
        if (errno != EEXIST)
            break;
    }
    return ga_error_errno(error, errno, "cannot make output %s", output->shown);
}

int record_output_make(struct record_output *output, const char *path, const char *program, struct ga_error *error)
{
    output->made = true;
    int result = 0;
    if (!path) {
        result = make_default(output, program, error);
    } else if (snprintf(output->shown, sizeof output->shown, "%s", path) >= (int)sizeof output->shown) {
        result = ga_error_errno(error, ENAMETOOLONG, "output");
    } else if (mkdir(path, 0777)) {
        output->made = false;
        result = errno == EEXIST ? check_empty(path, error) : ga_error_errno(error, errno, "cannot make output %s", path);
    }
    if (!result && !realpath(output->shown, output->path)) {
        result = ga_error_errno(error, errno, "output %s", output->shown);
        if (output->made)
            rmdir(output->shown);
    }
    return result;
}

static json_object *list_of(const char *const *texts, size_t count)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, json_object_new_string(texts[i]));
    return list;
}

int record_output_describe(const struct record_output *output, const struct record_session *session,
                           const struct ga_option_list *patterns, char *const *argv, struct ga_error *error)
{
    size_t arguments = 0;
    while (argv[arguments])
        arguments++;
    json_object *root = json_object_new_object();
    json_object_object_add(root, "schema_version", json_object_new_int(GA_SCHEMA_VERSION));
    json_object_object_add(root, "program", list_of((const char *const *)argv, arguments));
    json_object_object_add(root, "session", json_object_new_string(session->name));
    json_object_object_add(root, "lossless", json_object_new_boolean(session->lossless));
    json_object_object_add(root, "subbuf_size", json_object_new_uint64(session->buffers.subbuf_size));
    json_object_object_add(root, "subbufs", json_object_new_uint64(session->buffers.subbufs));
    if (!session->events.all) {
        json_object_object_add(root, "patterns", list_of(patterns->items, patterns->count));
        json_object_object_add(root, "events", list_of(session->events.names, session->events.count));
    }
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/gpualloc.json", output->path);
    int failed = json_object_to_file_ext(path, root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    json_object_put(root);
    return failed ? ga_error_errno(error, errno, "cannot write %s", path) : 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind;
    if (place->level > 0)
        remove(path);
    return 0;
}

void record_output_remove(const struct record_output *output)
{
    nftw(output->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (output->made)
        rmdir(output->path);
}
