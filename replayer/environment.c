/* The machine: see environment.h. */
#include "replayer/environment.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "replayer/plan_cache.h"

enum { LINE = 4096 };

struct place {
    const char *root;   /* before every path */
    const char *device; /* the GPU's folder in sysfs, or null */
    char release[65];
};

__attribute__((format(printf, 3, 4))) static const char *path_of(char *path, const struct place *place, const char *format, ...)
{
    int used = snprintf(path, PATH_MAX, "%s", place->root);
    va_list arguments;
    va_start(arguments, format);
    if (used < PATH_MAX)
        vsnprintf(path + used, (size_t)(PATH_MAX - used), format, arguments);
    va_end(arguments);
    return path;
}

/* First line of a file into text, of LINE bytes; false when it cannot be read. */
static bool read_line(const char *path, char *text)
{
    FILE *file = fopen(path, "re");
    bool read = file && fgets(text, LINE, file);
    if (file)
        fclose(file);
    if (read)
        text[strcspn(text, "\n")] = 0;
    return read;
}

static struct json_object *line_of(const char *path)
{
    char line[LINE];
    return read_line(path, line) ? json_object_new_string(line) : NULL;
}

/* The chosen word of a file such as "always [madvise] never". */
static struct json_object *choice_of(const char *path)
{
    char line[LINE];
    if (!read_line(path, line))
        return NULL;
    char *open = strchr(line, '['), *close = open ? strchr(open, ']') : NULL;
    return close ? json_object_new_string_len(open + 1, (int)(close - open - 1)) : json_object_new_string(line);
}

/* The level of a file such as "0: 300Mhz\n1: 1000Mhz *\n" that is in use. */
static struct json_object *level_of(const char *path)
{
    char line[LINE];
    struct json_object *level = NULL;
    FILE *file = fopen(path, "re");
    while (file && !level && fgets(line, sizeof line, file)) {
        char *star = strrchr(line, '*'), *colon = strchr(line, ':');
        if (!star || !colon || star < colon)
            continue;
        for (*star = 0; star > colon && (star[-1] == ' ' || star[-1] == '*'); star--)
            star[-1] = 0;
        level = json_object_new_string(colon + 1 + strspn(colon + 1, " "));
    }
    if (file)
        fclose(file);
    return level;
}

static struct json_object *number_of(const char *path)
{
    char line[LINE], *end;
    if (!read_line(path, line))
        return NULL;
    int64_t number = strtoll(line, &end, 0);
    return end != line ? json_object_new_int64(number) : NULL;
}

static bool is_numbered(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && name[length] && strspn(name + length, "0123456789") == strlen(name + length);
}

/* Entries named prefix and a number; prefix "" takes all numbers. Null when there is no such folder. */
static struct json_object *count_of(const char *path, const char *prefix)
{
    DIR *folder = opendir(path);
    if (!folder)
        return NULL;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        count += is_numbered(entry->d_name, prefix);
    closedir(folder);
    return json_object_new_int(count);
}

/* What a file of each CPU says: one text, or several with commas when the CPUs differ. */
static struct json_object *of_each_cpu(const struct place *place, const char *name)
{
    char path[PATH_MAX], line[LINE], all[LINE] = "";
    DIR *folder = opendir(path_of(path, place, "/sys/devices/system/cpu"));
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!is_numbered(entry->d_name, "cpu") || !read_line(path_of(path, place, "/sys/devices/system/cpu/%s/cpufreq/%s",
                                                                     entry->d_name, name), line))
            continue;
        size_t used = strlen(all);
        if (!strstr(all, line) && used + strlen(line) + 2 < sizeof all)
            snprintf(all + used, sizeof all - used, "%s%s", used ? "," : "", line);
    }
    if (folder)
        closedir(folder);
    return *all ? json_object_new_string(all) : NULL;
}

static void add_cpu(struct json_object *to, const struct place *place)
{
    char path[PATH_MAX], line[LINE];
    struct json_object *model = NULL;
    bool virtual = false, known = false;
    FILE *file = fopen(path_of(path, place, "/proc/cpuinfo"), "re");
    while (file && fgets(line, sizeof line, file) && *line != '\n') { /* the first CPU's paragraph */
        char *colon = strchr(line, ':');
        line[strcspn(line, "\n")] = 0;
        if (colon && !model && strncmp(line, "model name", 10) == 0)
            model = json_object_new_string(colon + 1 + strspn(colon + 1, " "));
        if (colon && strncmp(line, "flags", 5) == 0) {
            known = true;
            virtual = strstr(colon, " hypervisor") != NULL;
        }
    }
    if (file)
        fclose(file);
    json_object_object_add(to, "cpu", model);
    json_object_object_add(to, "virtual_machine", known ? json_object_new_boolean(virtual) : NULL);
}

/* Files that hold one fact. */
static const struct {
    const char *name, *path;
    struct json_object *(*read)(const char *path);
} facts[] = {
    {"boot_id", "/proc/sys/kernel/random/boot_id", line_of},
    {"cpu_boost", "/sys/devices/system/cpu/cpufreq/boost", line_of},
    {"cpu_no_turbo", "/sys/devices/system/cpu/intel_pstate/no_turbo", line_of},
    {"cpu_smt", "/sys/devices/system/cpu/smt/active", line_of},
    {"cpus_isolated", "/sys/devices/system/cpu/isolated", line_of},
    {"clock_source", "/sys/devices/system/clocksource/clocksource0/current_clocksource", line_of},
    {"transparent_hugepages", "/sys/kernel/mm/transparent_hugepage/enabled", choice_of},
    {"transparent_hugepages_shmem", "/sys/kernel/mm/transparent_hugepage/shmem_enabled", choice_of},
    {"transparent_hugepages_defrag", "/sys/kernel/mm/transparent_hugepage/defrag", choice_of},
    {"swappiness", "/proc/sys/vm/swappiness", line_of},
    {"numa_balancing", "/proc/sys/kernel/numa_balancing", line_of},
    {"load", "/proc/loadavg", line_of},
}, device_facts[] = {
    {"gpu_power_state", "power_state", line_of},
    {"gpu_runtime_status", "power/runtime_status", line_of},
    {"gpu_power_control", "power/control", line_of},
    {"gpu_numa_node", "numa_node", line_of},
    {"gpu_iommu", "iommu_group/type", line_of},
    {"gpu_link_speed", "current_link_speed", line_of},
    {"gpu_link_width", "current_link_width", line_of},
    {"gpu_performance_level", "power_dpm_force_performance_level", line_of},
    {"gpu_clock", "pp_dpm_sclk", level_of},
    {"gpu_memory_clock", "pp_dpm_mclk", level_of},
    {"gpu_xe_min_mhz", "tile0/gt0/freq0/min_freq", line_of},
    {"gpu_xe_max_mhz", "tile0/gt0/freq0/max_freq", line_of},
    {"gpu_vram_bytes", "mem_info_vram_total", number_of},
    {"gpu_vram_visible_bytes", "mem_info_vis_vram_total", number_of},
    {"gpu_vram_used_bytes", "mem_info_vram_used", number_of},
}, card_facts[] = { /* beside the card's name: i915 */
    {"gpu_min_mhz", "gt_min_freq_mhz", line_of},
    {"gpu_max_mhz", "gt_max_freq_mhz", line_of},
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool on_mains(const struct place *place, bool *known)
{
    char path[PATH_MAX], line[LINE];
    bool online = false;
    DIR *folder = opendir(path_of(path, place, "/sys/class/power_supply"));
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || !read_line(path_of(path, place, "/sys/class/power_supply/%s/type", entry->d_name), line) ||
            strcmp(line, "Mains") != 0)
            continue;
        if (read_line(path_of(path, place, "/sys/class/power_supply/%s/online", entry->d_name), line)) {
            *known = true;
            online |= *line == '1';
        }
    }
    if (folder)
        closedir(folder);
    return online;
}

/* Options of the kernel's build that cost time on the paths of memory management; none is set by a distribution's usual kernel. */
static const char *const debug_options[] = {
    "DEBUG_ATOMIC_SLEEP", "DEBUG_KMEMLEAK", "DEBUG_LOCK_ALLOC", "DEBUG_MUTEXES", "DEBUG_OBJECTS", "DEBUG_PAGEALLOC_ENABLE_DEFAULT",
    "DEBUG_PREEMPT", "DEBUG_RT_MUTEXES", "DEBUG_RWSEMS", "DEBUG_SG", "DEBUG_SPINLOCK", "DEBUG_VIRTUAL", "DEBUG_VM",
    "DEBUG_WW_MUTEX_SLOWPATH", "DMA_API_DEBUG", "DRM_DEBUG_MM", "DRM_I915_DEBUG", "DRM_I915_DEBUG_GEM", "DRM_XE_DEBUG",
    "DRM_XE_DEBUG_VM", "FAILSLAB", "FAIL_PAGE_ALLOC", "GCOV_KERNEL", "KASAN", "KCOV", "KCSAN", "KMSAN", "LOCKDEP",
    "LOCK_STAT", "PROVE_LOCKING", "SLUB_DEBUG_ON", "UBSAN_SANITIZE_ALL",
};

/* Whether a line is "CONFIG_NAME=y" of one of these. */
static const char *debug_option(const char *line)
{
    for (size_t i = 0; i < COUNT(debug_options); i++) {
        size_t length = strlen(debug_options[i]);
        if (strncmp(line, "CONFIG_", 7) == 0 && strncmp(line + 7, debug_options[i], length) == 0 &&
            strcmp(line + 7 + length, "=y\n") == 0)
            return debug_options[i];
    }
    return NULL;
}

/* Words of the kernel's command line that switch a costly check on, or change what memory and GPU do. */
static const char *const debug_words[] = {"slub_debug", "slab_debug", "page_poison=", "debug_pagealloc=on", "kmemleak=on",
                                          "init_on_free=1", "page_owner=on", "drm.debug="};
static const char *const other_words[] = {"amd_iommu=", "amdgpu.", "default_hugepagesz=", "hugepages=", "i915.", "idle=",
                                          "init_on_alloc=", "intel_iommu=", "intel_idle.", "iommu", "isolcpus=", "mitigations=",
                                          "nohz_full=", "nouveau.", "pci=", "pcie_aspm", "preempt=", "processor.max_cstate=",
                                          "radeon.", "swiotlb=", "transparent_hugepage=", "xe."};

static struct json_object *words_of(const struct place *place, const char *const *words, size_t count)
{
    char path[PATH_MAX], line[LINE], *rest = NULL;
    if (!read_line(path_of(path, place, "/proc/cmdline"), line))
        return NULL;
    struct json_object *found = json_object_new_array();
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        for (size_t i = 0; i < count; i++)
            if (strncmp(word, words[i], strlen(words[i])) == 0) {
                json_object_array_add(found, json_object_new_string(word));
                break;
            }
    return found;
}

/* Null when the kernel does not say how it was built. gzread reads plain files too. */
static struct json_object *debug_of_kernel(const struct place *place)
{
    const struct {
        const char *before, *after; /* around the kernel's release */
    } files[] = {{"/boot/config-", ""}, {"/lib/modules/", "/config"}, {"/lib/modules/", "/build/.config"}};
    char path[PATH_MAX], line[LINE];
    gzFile file = gzopen(path_of(path, place, "/proc/config.gz"), "re");
    for (size_t i = 0; i < COUNT(files) && !file; i++)
        file = gzopen(path_of(path, place, "%s%s%s", files[i].before, place->release, files[i].after), "re");
    struct json_object *found = words_of(place, debug_words, COUNT(debug_words));
    while (file && gzgets(file, line, sizeof line)) {
        const char *option = debug_option(line);
        if (option && (found || (found = json_object_new_array())))
            json_object_array_add(found, json_object_new_string(option));
    }
    if (!file && found && !json_object_array_length(found)) { /* no word, and of the build nothing is known */
        json_object_put(found);
        found = NULL;
    }
    if (file)
        gzclose(file);
    return found;
}

__attribute__((format(printf, 2, 3))) static void add_found(struct json_object *to, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_object_array_add(to, json_object_new_string(text));
}

/* What watches the kernel or this process. Only root sees the kernel's tracers: null when nothing could be seen, and found nothing. */
static struct json_object *tracing_of(const struct place *place)
{
    char path[PATH_MAX], line[LINE];
    struct json_object *found = json_object_new_array();
    bool seen = false;
    const char *const folders[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
    for (size_t i = 0; i < COUNT(folders) && !seen; i++) {
        if (!read_line(path_of(path, place, "%s/current_tracer", folders[i]), line))
            continue;
        seen = true;
        if (strcmp(line, "nop") != 0)
            add_found(found, "ftrace: tracer %s", line);
        if (read_line(path_of(path, place, "%s/set_event", folders[i]), line))
            add_found(found, "ftrace: events, %s first", line);
        if (read_line(path_of(path, place, "%s/kprobe_events", folders[i]), line))
            add_found(found, "kprobes");
    }
    FILE *file = fopen(path_of(path, place, "/proc/self/status"), "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "TracerPid:", 10) == 0 && strtol(line + 10, NULL, 10) > 0)
            add_found(found, "a debugger or strace on this process");
    if (file)
        fclose(file);
    const char *preload = getenv("LD_PRELOAD");
    if (preload && strstr(preload, "libgpualloc-trace"))
        add_found(found, "this process is recorded by gpualloc");
    if (!seen && !json_object_array_length(found)) {
        json_object_put(found);
        found = NULL;
    }
    return found;
}

/* The largest of the memory windows that the bus gave the device: a BAR smaller than its memory limits what the CPU sees. */
static struct json_object *largest_bar(const struct place *place)
{
    char path[PATH_MAX], line[LINE];
    uint64_t begin, end, flags, largest = 0;
    FILE *file = fopen(path_of(path, place, "%s/resource", place->device), "re");
    for (int bar = 0; file && bar < 6 && fgets(line, sizeof line, file); bar++)
        if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &begin, &end, &flags) == 3 && (flags & 0x200) && end > begin &&
            end - begin + 1 > largest)
            largest = end - begin + 1;
    if (file)
        fclose(file);
    return largest ? json_object_new_uint64(largest) : NULL;
}

/* A process that has one of the device's nodes open: 1; none: 0; we may not look: -1. */
static int has_open(const struct place *place, const char *pid, char nodes[][32], size_t count)
{
    char path[PATH_MAX], target[PATH_MAX];
    int found = 0;
    DIR *folder = opendir(path_of(path, place, "/proc/%s/fd", pid));
    if (!folder)
        return errno == EACCES || errno == EPERM ? -1 : 0;
    for (struct dirent *entry; !found && (entry = readdir(folder));) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        for (size_t i = 0; length > 0 && i < count; i++)
            found |= (size_t)length == strlen(nodes[i]) && memcmp(target, nodes[i], (size_t)length) == 0;
    }
    closedir(folder);
    return found;
}

/* Other processes that have the device open; how many may not be looked at. */
static void add_clients(struct json_object *to, const struct place *place)
{
    char path[PATH_MAX], nodes[8][32];
    size_t count = 0;
    DIR *folder = opendir(path_of(path, place, "%s/drm", place->device));
    for (struct dirent *entry; folder && count < COUNT(nodes) && (entry = readdir(folder));)
        if (is_numbered(entry->d_name, "card") || is_numbered(entry->d_name, "renderD"))
            snprintf(nodes[count++], sizeof nodes[0], "/dev/dri/%.20s", entry->d_name);
    if (folder)
        closedir(folder);
    if (!count || !(folder = opendir(path_of(path, place, "/proc"))))
        return;
    int clients = 0, hidden = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!is_numbered(entry->d_name, "") || strtol(entry->d_name, NULL, 10) == getpid())
            continue;
        int open = has_open(place, entry->d_name, nodes, count);
        clients += open > 0;
        hidden += open < 0;
    }
    closedir(folder);
    json_object_object_add(to, "gpu_other_clients", json_object_new_int(clients));
    json_object_object_add(to, "gpu_hidden_processes", json_object_new_int(hidden));
}

static void add_device(struct json_object *to, const struct place *place)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < COUNT(device_facts); i++)
        json_object_object_add(to, device_facts[i].name,
                               device_facts[i].read(path_of(path, place, "%s/%s", place->device, device_facts[i].path)));
    DIR *folder = opendir(path_of(path, place, "%s/drm", place->device));
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        for (size_t i = 0; is_numbered(entry->d_name, "card") && i < COUNT(card_facts); i++)
            json_object_object_add(to, card_facts[i].name,
                                   card_facts[i].read(path_of(path, place, "%s/drm/%s/%s", place->device, entry->d_name,
                                                              card_facts[i].path)));
    if (folder)
        closedir(folder);
    json_object_object_add(to, "gpu_bar_bytes", largest_bar(place));
    add_clients(to, place);
}

static struct json_object *now(void)
{
    struct timespec time;
    struct tm utc;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &time);
    size_t used = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&time.tv_sec, &utc));
    snprintf(text + used, sizeof text - used, ".%03ldZ", time.tv_nsec / 1000000);
    return json_object_new_string(text);
}

/* Of this program: enough digits to tell builds apart. */
static struct json_object *own_build(void)
{
    unsigned char build[20] = {0};
    char text[17];
    if (replay_build_id(build) < 0)
        return NULL;
    replay_hex(text, build, 8);
    return json_object_new_string(text);
}

struct json_object *replay_environment_at(const char *root, const char *device)
{
    struct json_object *e = json_object_new_object();
    struct place place = {.root = root, .device = device};
    char path[PATH_MAX];
    struct utsname name = {0};
    uname(&name);
    snprintf(place.release, sizeof place.release, "%s", name.release);
    json_object_object_add(e, "time", now());
    json_object_object_add(e, "gpualloc_build", own_build());
    json_object_object_add(e, "kernel", json_object_new_string(name.release));
    json_object_object_add(e, "kernel_version", json_object_new_string(name.version));
    json_object_object_add(e, "machine", json_object_new_string(name.machine));
    json_object_object_add(e, "debug_options", debug_of_kernel(&place));
    json_object_object_add(e, "kernel_options", words_of(&place, other_words, COUNT(other_words)));
    json_object_object_add(e, "tracing", tracing_of(&place));
    add_cpu(e, &place);
    json_object_object_add(e, "cpus", json_object_new_int64(sysconf(_SC_NPROCESSORS_ONLN)));
    json_object_object_add(e, "memory_bytes", json_object_new_int64((int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGE_SIZE)));
    json_object_object_add(e, "governor", of_each_cpu(&place, "scaling_governor"));
    json_object_object_add(e, "cpu_min_khz", of_each_cpu(&place, "scaling_min_freq"));
    json_object_object_add(e, "cpu_max_khz", of_each_cpu(&place, "scaling_max_freq"));
    json_object_object_add(e, "cpu_energy_preference", of_each_cpu(&place, "energy_performance_preference"));
    bool known = false, mains = on_mains(&place, &known);
    json_object_object_add(e, "power", known ? json_object_new_string(mains ? "mains" : "battery") : NULL);
    for (size_t i = 0; i < COUNT(facts); i++)
        json_object_object_add(e, facts[i].name, facts[i].read(path_of(path, &place, "%s", facts[i].path)));
    json_object_object_add(e, "numa_nodes", count_of(path_of(path, &place, "/sys/devices/system/node"), "node"));
    json_object_object_add(e, "iommu_groups", count_of(path_of(path, &place, "/sys/kernel/iommu_groups"), ""));
    if (device)
        add_device(e, &place);
    return e;
}

struct json_object *replay_environment(const char *node)
{
    struct stat status;
    char folder[64];
    if (!*node || stat(node, &status) != 0 || !S_ISCHR(status.st_mode))
        return replay_environment_at("", NULL);
    snprintf(folder, sizeof folder, "/sys/dev/char/%u:%u/device", major(status.st_rdev), minor(status.st_rdev));
    return replay_environment_at("", access(folder, F_OK) == 0 ? folder : NULL);
}
