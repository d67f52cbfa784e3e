/* The machine: see environment.h. */
#include "replayer/environment.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* First line of a file, or null. */
static struct json_object *line_of(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char line[256] = "";
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    line[strcspn(line, "\n")] = 0;
    return read ? json_object_new_string(line) : NULL;
}

/* The chosen word of a file such as "always [madvise] never", or null. */
static struct json_object *choice_of(const char *path)
{
    struct json_object *line = line_of(path);
    const char *text = line ? json_object_get_string(line) : "";
    const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (!close)
        return line;
    struct json_object *word = json_object_new_string_len(open + 1, (int)(close - open - 1));
    json_object_put(line);
    return word;
}

static int count_entries(const char *path, const char *prefix)
{
    int count = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (folder)
        closedir(folder);
    return count;
}

static struct json_object *cpu_model(void)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[512];
    struct json_object *model = NULL;
    while (file && !model && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", 10) != 0)
            continue;
        line[strcspn(line, "\n")] = 0;
        model = json_object_new_string(colon + 1 + strspn(colon + 1, " "));
    }
    if (file)
        fclose(file);
    return model;
}

struct json_object *replay_environment(void)
{
    struct json_object *e = json_object_new_object();
    struct utsname name = {0};
    uname(&name);
    json_object_object_add(e, "kernel", json_object_new_string(name.release));
    json_object_object_add(e, "kernel_version", json_object_new_string(name.version));
    json_object_object_add(e, "machine", json_object_new_string(name.machine));
    json_object_object_add(e, "boot_id", line_of("/proc/sys/kernel/random/boot_id"));
    json_object_object_add(e, "cpu", cpu_model());
    json_object_object_add(e, "cpus", json_object_new_int64(sysconf(_SC_NPROCESSORS_ONLN)));
    json_object_object_add(e, "memory_bytes", json_object_new_int64((int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGE_SIZE)));
    json_object_object_add(e, "governor", line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
    json_object_object_add(e, "clock_source", line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    json_object_object_add(e, "transparent_hugepages", choice_of("/sys/kernel/mm/transparent_hugepage/enabled"));
    json_object_object_add(e, "swappiness", line_of("/proc/sys/vm/swappiness"));
    json_object_object_add(e, "numa_nodes", json_object_new_int(count_entries("/sys/devices/system/node", "node")));
    json_object_object_add(e, "iommu_groups", json_object_new_int(count_entries("/sys/kernel/iommu_groups", "")));
    json_object_object_add(e, "load", line_of("/proc/loadavg"));
    return e;
}
