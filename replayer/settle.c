/* Settling: see settle.h. */
#include "replayer/settle.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { LOOK_MS = 10, LEAST_TOLERANCE = 8 << 20 /* what other programs take and give back meanwhile */ };

static bool number_of(const char *path, uint64_t *number)
{
    FILE *file = fopen(path, "re");
    unsigned long long read = 0;
    bool found = file && fscanf(file, "%llu", &read) == 1;
    if (file)
        fclose(file);
    *number = read;
    return found;
}

/* Of the machine: all that is neither free nor soon to be had. Buffers in system memory are in it, also shmem's. */
static bool machine_in_use(const char *root, uint64_t *bytes)
{
    char path[192], line[128];
    unsigned long long total = 0, available = 0;
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "MemTotal: %llu", &total);
        sscanf(line, "MemAvailable: %llu", &available);
    }
    if (file)
        fclose(file);
    *bytes = (total - available) * 1024;
    return total && available && available <= total;
}

static bool in_use(const struct replay_settle *settle, uint64_t *bytes)
{
    if (!*settle->paths[0])
        return machine_in_use(settle->root, bytes);
    *bytes = 0;
    for (int i = 0; i < 2; i++) {
        uint64_t part = 0;
        if (!number_of(settle->paths[i], &part))
            return false;
        *bytes += part;
    }
    return true;
}

void replay_settle_init(struct replay_settle *settle, const char *root, const char *node, uint64_t peak)
{
    *settle = (struct replay_settle){.root = root};
    settle->tolerance = peak / 8 > LEAST_TOLERANCE ? peak / 8 : LEAST_TOLERANCE;
    const char *name = strrchr(node, '/');
    if (name && strncmp(node, "/dev/dri/", 9) == 0) {
        static const char *const files[2] = {"vram", "gtt"};
        for (int i = 0; i < 2; i++)
            snprintf(settle->paths[i], sizeof settle->paths[i], "%.60s/sys/class/drm%.40s/device/mem_info_%s_used", root, name,
                     files[i]);
    }
    if (*settle->paths[0] && in_use(settle, &settle->base)) {
        settle->how = "the driver's count of memory in use (mem_info_vram_used, mem_info_gtt_used)";
        return;
    }
    *settle->paths[0] = 0;
    if (peak >= 2 * settle->tolerance && in_use(settle, &settle->base))
        settle->how = "the machine's memory in use (MemAvailable)";
}

uint64_t replay_settle_wait(struct replay_settle *settle, unsigned limit_ms, const atomic_bool *stop)
{
    uint64_t now = 0;
    if (!settle->how)
        return 0;
    for (unsigned waited = 0;; waited += LOOK_MS) {
        if (!in_use(settle, &now) || now <= settle->base + settle->tolerance)
            return 0;
        if (waited >= limit_ms || atomic_load_explicit(stop, memory_order_relaxed))
            break;
        poll(NULL, 0, LOOK_MS);
    }
    uint64_t left = now - settle->base;
    settle->base = now;
    return left;
}
