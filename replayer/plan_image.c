/*
 * Images of plans: see plan_image.h. A file is believed as far as its header's checksum and the bounds of its arrays: it is our own,
 * in a folder that only its owner writes (plan_cache.c).
 */
#include "replayer/plan_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

enum { PAGE = 4096, LINE = 64 };
static const char magic[16] = "gpualloc plan\n";

/* The arrays of a plan: where its pointer is, how many entries it has, and how large one is. */
#define ARRAY(array, count_) \
    {offsetof(struct replay_plan, array), offsetof(struct replay_plan, count_), sizeof(((struct replay_plan *)0)->count_), \
     sizeof *((struct replay_plan *)0)->array}
static const struct {
    size_t pointer, count, count_width, size;
} arrays[REPLAY_PLAN_ARRAYS] = {
    ARRAY(calls, call_count),
    ARRAY(lanes, lane_count),
    ARRAY(order, call_count),
    ARRAY(live, call_count),
    ARRAY(objects, object_count),
    ARRAY(refs, ref_count),
    ARRAY(relocations, relocation_count),
    ARRAY(dependencies, dependency_count),
    ARRAY(fences, fence_count),
    ARRAY(signals, signal_count),
    ARRAY(blobs, blob_count),
    ARRAY(memories, memory_count),
    ARRAY(files, file_count),
    ARRAY(images, images_size),
    ARRAY(data, data_size),
};

static void **pointer_of(struct replay_plan *plan, int array) { return (void **)((char *)plan + arrays[array].pointer); }

static uint64_t bytes_of(const struct replay_plan *plan, int array)
{
    uint64_t count = 0; /* little endian, as every Linux that has these drivers */
    memcpy(&count, (const char *)plan + arrays[array].count, arrays[array].count_width);
    return count * arrays[array].size;
}

static uint64_t checksum(const struct replay_plan_header *header)
{
    return XXH3_64bits(header, offsetof(struct replay_plan_header, checksum));
}

/* The plan's pointers lead into the image that begins at base. */
static void point(struct replay_plan *plan, const struct replay_plan_header *header, void *base, size_t size)
{
    for (int a = 0; a < REPLAY_PLAN_ARRAYS; a++)
        *pointer_of(plan, a) = (char *)base + header->offsets[a];
    plan->mapping = base;
    plan->mapping_size = size;
}

void replay_plan_free_arrays(struct replay_plan *plan)
{
    for (int a = 0; a < REPLAY_PLAN_ARRAYS; a++)
        free(*pointer_of(plan, a));
}

int replay_plan_flatten(struct replay_plan *plan)
{
    struct replay_plan_header header;
    memset(&header, 0, sizeof header); /* what lies between members is in the checksum */
    memcpy(header.magic, magic, sizeof magic);
    header.format = REPLAY_PLAN_FORMAT;
    header.header_size = sizeof header;
    uint64_t end = sizeof header;
    for (int a = 0; a < REPLAY_PLAN_ARRAYS; a++) {
        header.offsets[a] = end = (end + LINE - 1) & ~(uint64_t)(LINE - 1);
        end += bytes_of(plan, a);
    }
    header.size = (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    char *base = mmap(NULL, header.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -ENOMEM;
    madvise(base, header.size, MADV_HUGEPAGE); /* no page of it stays untouched */
    for (int a = 0; a < REPLAY_PLAN_ARRAYS; a++) {
        void **array = pointer_of(plan, a);
        if (bytes_of(plan, a))
            memcpy(base + header.offsets[a], *array, bytes_of(plan, a));
        free(*array);
        *array = NULL;
    }
    memcpy(&header.plan, plan, sizeof *plan);
    header.plan.builder = NULL;
    memcpy(base, &header, sizeof header);
    point(plan, &header, base, header.size);
    return 0;
}

void replay_plan_seal(struct replay_plan *plan, const struct replay_plan_key *key)
{
    struct replay_plan_header *header = plan->mapping;
    header->key = *key;
    header->checksum = checksum(header);
    mprotect(plan->mapping, plan->mapping_size, PROT_READ);
}

static bool is_image(const struct replay_plan_header *header, uint64_t size, const struct replay_plan_key *key)
{
    if (memcmp(header->magic, magic, sizeof magic) || header->format != REPLAY_PLAN_FORMAT ||
        header->header_size != sizeof *header || header->size != size || memcmp(&header->key, key, sizeof *key) ||
        header->checksum != checksum(header))
        return false;
    for (int a = 0; a < REPLAY_PLAN_ARRAYS; a++)
        if (header->offsets[a] % LINE || header->offsets[a] < sizeof *header || header->offsets[a] > size ||
            bytes_of(&header->plan, a) > size - header->offsets[a])
            return false;
    return true;
}

int replay_plan_map(struct replay_plan *plan, int fd, const struct replay_plan_key *key)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size < sizeof(struct replay_plan_header))
        return -EINVAL;
    void *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    const struct replay_plan_header *header = base;
    if (!is_image(header, (uint64_t)st.st_size, key)) {
        munmap(base, (size_t)st.st_size);
        return -EINVAL;
    }
    *plan = header->plan;
    point(plan, header, base, (size_t)st.st_size);
    return 0;
}
