/* Populating: see populate.h. */
#include "replayer/populate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "replayer/batches.h"
#include "replayer/drm.h"
#include "replayer/placement.h"

enum { PAGE = 4096, PIECES = 512 };

/* A lane's mapping, until it is settled. */
struct mapping {
    void *address;
    size_t size;
};

struct replay_populator {
    const struct replay_dialect *dialect; /* null: the driver has dumb buffers alone */
    struct mapping *mappings;             /* by lane */
    const struct replay_plan *plan;
    const struct replay_batch_driver *batches; /* null: buffers are touched */
    struct replay_batch *batch;           /* by file */
    struct replay_batch_use *uses;        /* by lane */
    int zero;                             /* /dev/zero */
    _Atomic unsigned way;                 /* to map, that the device took last */
};

int replay_populator_create(struct replay_populator **out, enum replay_populate asked, const char *driver,
                            const struct replay_plan *plan, struct ga_error *error)
{
    *out = NULL;
    if (asked == REPLAY_POPULATE_NONE)
        return 0;
    struct replay_populator *p = calloc(1, sizeof *p);
    if (!p)
        return ga_error_errno(error, ENOMEM, "populating");
    p->dialect = replay_dialect_of(driver);
    p->plan = plan;
    p->batches = asked == REPLAY_POPULATE_SUBMIT ? replay_batch_driver_of(driver) : NULL;
    p->mappings = calloc(plan->lane_count + 1u, sizeof *p->mappings);
    p->uses = calloc(plan->lane_count + 1u, sizeof *p->uses);
    p->batch = calloc(plan->file_count + 1u, sizeof *p->batch);
    p->zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    int result = p->zero < 0 ? ga_error_errno(error, errno, "populating: /dev/zero") : 0;
    if (!p->mappings || !p->uses || !p->batch)
        result = ga_error_errno(error, ENOMEM, "populating");
    if (result < 0)
        replay_populator_destroy(p);
    else
        *out = p;
    return result;
}

void replay_populator_destroy(struct replay_populator *p)
{
    if (!p)
        return;
    if (p->zero >= 0)
        close(p->zero);
    free(p->mappings);
    free(p->uses);
    free(p->batch);
    free(p);
}

void replay_populator_add_file(struct replay_populator *p, uint32_t file, int fd)
{
    if (!p || !p->batches)
        return;
    p->batch[file] = (struct replay_batch){0};
    p->batch[file].ready = p->batches->prepare(fd, p->plan, &p->batch[file]) == 0;
}

/* A byte to each page. The kernel writes them, so that a page that is not to be had is an answer and no signal. */
static bool write_pages(const struct replay_populator *p, const struct mapping *mapping)
{
    struct iovec pieces[PIECES];
    for (size_t at = 0; at < mapping->size;) {
        int count = 0;
        for (; count < PIECES && at + (size_t)count * PAGE < mapping->size; count++)
            pieces[count] = (struct iovec){(char *)mapping->address + at + (size_t)count * PAGE, 1};
        ssize_t written = readv(p->zero, pieces, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += (size_t)written * PAGE;
    }
    return true;
}

static enum replay_populate touch(struct replay_populator *p, const struct replay_made *made)
{
    uint64_t offset;
    unsigned way = atomic_load_explicit(&p->way, memory_order_relaxed);
    if (made->users_memory)
        return REPLAY_POPULATE_NONE;
    if (replay_drm_ask_offset(made->fd, made->dumb ? NULL : p->dialect, made->handle, &way, &offset) < 0)
        return REPLAY_POPULATE_FAILED;
    if (!made->dumb)
        atomic_store_explicit(&p->way, way, memory_order_relaxed);
    struct mapping *mapping = &p->mappings[made->lane];
    size_t size = (made->bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, made->fd, (off_t)offset);
    if (address == MAP_FAILED)
        return REPLAY_POPULATE_FAILED;
    *mapping = (struct mapping){address, size};
    return write_pages(p, mapping) ? REPLAY_POPULATE_TOUCH : REPLAY_POPULATE_FAILED;
}

enum replay_populate replay_populator_fill(struct replay_populator *p, const struct replay_made *made)
{
    const struct replay_batch *batch = &p->batch[made->file];
    if (!made->bytes)
        return REPLAY_POPULATE_NONE;
    if (!batch->ready)
        return touch(p, made);
    struct replay_batch_use *use = &p->uses[made->lane];
    *use = (struct replay_batch_use){
        .batch = batch, .fd = made->fd, .lane = made->lane, .handle = made->handle, .bytes = made->bytes};
    return p->batches->submit(batch, use) == 0 ? REPLAY_POPULATE_SUBMIT : touch(p, made);
}

void replay_populator_settle(struct replay_populator *p, uint32_t lane)
{
    struct mapping *mapping = &p->mappings[lane];
    if (p->uses[lane].batch && p->batches->settle)
        p->batches->settle(&p->uses[lane]);
    p->uses[lane].batch = NULL;
    if (mapping->size)
        munmap(mapping->address, mapping->size);
    *mapping = (struct mapping){0};
}
