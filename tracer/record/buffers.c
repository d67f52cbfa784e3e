/* Buffer sizes against the room in /dev/shm. */
#include "record/buffers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/units.h"

static const uint64_t default_size = 1 << 20, default_count = 8;
static const uint64_t total_max = 256 << 20; /* bytes of all CPUs that we take unasked: LTTng writes zeros to all of it at start */
static const uint64_t shrunk_count = 4;

/* LTTng makes buffers for every CPU that could be plugged in, not only for those that are there. */
static unsigned possible_cpus(void)
{
    unsigned first, last = 0;
    FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
    if (file) {
        char range[64] = "";
        if (fgets(range, sizeof range, file) && sscanf(range, "%u-%u", &first, &last) < 2)
            last = 0;
        fclose(file);
    }
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    return configured > (long)last + 1 ? (unsigned)configured : last + 1;
}

static bool power_of_two(uint64_t value)
{
    return value && !(value & (value - 1));
}

/* Bookkeeping of a ring buffer: a page for each, and headers of each sub-buffer. LTTng's metadata channel is as small. */
static uint64_t needed(const struct record_buffers *buffers, unsigned cpus)
{
    return cpus * (buffers->subbuf_size * buffers->subbufs + buffers->subbufs * 4096 + 64 * 1024) + (256 << 10);
}

static int check_values(const struct record_buffers *buffers, struct ga_error *error)
{
    if (buffers->subbuf_size && (!power_of_two(buffers->subbuf_size) || buffers->subbuf_size < RECORD_SUBBUF_SIZE_MIN))
        return ga_error_set(error, EINVAL, "--subbuf-size must be a power of two from 32K on");
    if (buffers->subbufs && (!power_of_two(buffers->subbufs) || buffers->subbufs < 2))
        return ga_error_set(error, EINVAL, "--subbufs must be a power of two from 2 on");
    if (buffers->subbuf_size > (1ull << 40) || buffers->subbufs > (1 << 20))
        return ga_error_set(error, EINVAL, "--subbuf-size or --subbufs is larger than any memory");
    return 0;
}

int record_buffers_fit(struct record_buffers *buffers, unsigned cpus, uint64_t free_bytes, struct ga_error *error)
{
    int result = check_values(buffers, error);
    if (result)
        return result;
    bool size_asked = buffers->subbuf_size, count_asked = buffers->subbufs;
    uint64_t budget = free_bytes / 2 < total_max ? free_bytes / 2 : total_max;
    if (!size_asked)
        buffers->subbuf_size = default_size;
    if (!count_asked)
        buffers->subbufs = default_count;
    while (!size_asked && needed(buffers, cpus) > budget && buffers->subbuf_size > RECORD_SUBBUF_SIZE_MIN)
        buffers->subbuf_size /= 2;
    while (!count_asked && needed(buffers, cpus) > budget && buffers->subbufs > shrunk_count)
        buffers->subbufs /= 2;
    uint64_t bytes = needed(buffers, cpus);
    if (bytes <= free_bytes)
        return 0;
    return ga_error_set(error, ENOSPC, "/dev/shm has %s free and the buffers need %s (%u CPUs, %llu sub-buffers of %s each): make it "
                        "larger (mount -o remount,size=1G /dev/shm) or ask for less%s",
                        ga_bytes(free_bytes).text, ga_bytes(bytes).text, cpus, (unsigned long long)buffers->subbufs,
                        ga_bytes(buffers->subbuf_size).text, size_asked || count_asked ? " (--subbuf-size, --subbufs)" : "");
}

int record_buffers_choose(struct record_buffers *buffers, struct ga_error *error)
{
    struct statvfs shm;
    if (statvfs("/dev/shm", &shm))
        return ga_error_errno(error, errno, "/dev/shm, which LTTng needs for its buffers");
    return record_buffers_fit(buffers, possible_cpus(), (uint64_t)shm.f_bavail * shm.f_frsize, error);
}
